"""Look-up tables as Postfix names them: `TYPE:REST`.

`Tables` is the registry of a worker; `open_table` opens one table by itself, for those who check a
configuration or prove it closed. Which types there are, and how they differ from Postfix's, is in
docs/reference/tables.md.
"""

from postroad.tables.opening import TYPES, databases_of, files_of, open_table
from postroad.tables.registry import Judge, Tables
from postroad.tables.table import Table, TableMistake, TableUnavailable

__all__ = [
    "TYPES",
    "Judge",
    "Table",
    "TableMistake",
    "TableUnavailable",
    "Tables",
    "databases_of",
    "files_of",
    "open_table",
]
