"""`[directory]`: where accounts are kept and how their passwords are checked.

Values only; nothing here opens the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from postroad.model.units import Duration

__all__ = ["DirectorySettings"]

_DELIMITERS = frozenset("!#$%&'*+-/=?^_`{|}~.")


def _check_delimiter(text: str) -> str:
    if not _DELIMITERS.issuperset(text):
        raise ValueError('the delimiter is one or more of the marks an address may hold, as in "+"')
    return text


def _check_threads(count: int) -> int:
    if count < 1:
        raise ValueError("at least one thread is needed to check passwords")
    return count


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectorySettings:
    """`[directory]`: the embedded directory of domains, accounts and aliases.

    Attributes:
        file: the SQLite file; `directory.db` in the state directory when absent.
        recipient_delimiter: the marks that begin an address extension (`john+lists`); each
            character is one of them, as in Postfix. Empty switches extensions off.
        password_threads: threads per worker that check passwords, a number. Each check at
            OWASP's parameters takes 19 MiB and about 20 ms of one core.
        success_cache: how long a password that was right is remembered, as a duration, so that
            a client which logs in for every message costs little; 0 switches it off. A changed
            password ends it at once.
    """

    file: Path | None = None
    recipient_delimiter: Annotated[str, AfterValidator(_check_delimiter)] = "+"
    password_threads: Annotated[int, AfterValidator(_check_threads)] = 2
    success_cache: Duration = 60.0
