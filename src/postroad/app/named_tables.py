"""The tables that the configuration names, and what their results are judged by.

A table is read again while the server runs, and may then say what no configuration may: send mail
nowhere, or relay for strangers. Such content is not taken, and what the table said before holds.
"""

from __future__ import annotations

from collections.abc import Callable

from postroad.app.proof import objection
from postroad.config import Configuration
from postroad.config.outbound import policy_objection
from postroad.config.results import result_objection
from postroad.config.tables import named_tables
from postroad.config.ways import way_objection
from postroad.tables import Tables

__all__ = ["table_names", "tables_of"]


def tables_of(
    served: Callable[[], Configuration],
    *,
    report: Callable[[str], None],
    inform: Callable[[str], None],
) -> Tables:
    """Tables of which none is open yet.

    Args:
        served: gives the configuration by which mail goes now.
        report: takes a line about what an operator has to mend.
        inform: takes a line about anything else.
    """
    tables = Tables(
        report=report,
        inform=inform,
        judge=lambda name, values: (
            result_objection(served(), name, values)
            or policy_objection(served(), name, values)
            or way_objection(served(), name, values)
            or objection(served(), tables.values_now)
        ),
    )
    return tables


def table_names(configuration: Configuration) -> list[str]:
    """The tables that are to be open under a configuration."""
    return [name for _, name in named_tables(configuration)]
