"""`[filters.NAME]`: a filter, and what holds for filters of every kind.

Each kind has its keys in a class of its own (`filters/KIND/settings.py`); a section is all of them
together, so that one walk finds every key, and `config` refuses those that belong to another kind
(`KEYS_OF_KIND`). A key that two kinds share has the same type and default in both.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from postroad.filters.builtin.settings import BuiltinSettings
from postroad.filters.clamav.settings import ClamavSettings
from postroad.filters.milter.settings import MilterSettings
from postroad.filters.python.settings import PythonSettings
from postroad.filters.rspamd.settings import RspamdSettings
from postroad.filters.spamassassin.settings import SpamAssassinSettings
from postroad.model.units import Duration

__all__ = ["KEYS_OF_KIND", "FilterKind", "FilterSettings", "MailKind", "OnFailure"]

FilterKind = Literal["milter", "spamassassin", "rspamd", "clamav", "builtin", "python"]
OnFailure = Literal["defer", "accept", "reject", "hold"]
MailKind = Literal["outside", "ours", "made"]


@dataclass(frozen=True, kw_only=True)
class FilterSettings(
    MilterSettings,
    SpamAssassinSettings,
    RspamdSettings,
    ClamavSettings,
    BuiltinSettings,
    PythonSettings,
):
    """`[filters.NAME]`: somebody who looks at mail before it is taken.

    Attributes:
        kind: what it is: a program that speaks the milter protocol, a running `spamassassin`,
            `rspamd` or `clamav`, the filter that needs nothing else (`builtin`), or programs of the
            operator's (`python`).
        on_failure: what becomes of mail while the filter does not answer, or answers nonsense: its
            sender is told to come back (`defer`), it passes (`accept`), it is refused (`reject`),
            or it is taken and held in the queue (`hold`).
        timeout: seconds that it may take, for each step of a session and for a message.
        max_size: octets of the largest message that it is shown; 0: any size. Larger ones pass it
            by, and the log says so.
        mail: which mail it is shown: from strangers (`outside`), from users, trusted clients and
            programs of this machine (`ours`), and what is made here, such as notifications
            (`made`).
    """

    kind: FilterKind
    on_failure: OnFailure = "defer"
    timeout: Duration = 60.0
    max_size: int = 0
    mail: tuple[MailKind, ...] = ("outside", "ours")


KEYS_OF_KIND: dict[FilterKind, frozenset[str]] = {
    "milter": frozenset(field.name for field in dataclasses.fields(MilterSettings)),
    "spamassassin": frozenset(field.name for field in dataclasses.fields(SpamAssassinSettings)),
    "rspamd": frozenset(field.name for field in dataclasses.fields(RspamdSettings)),
    "clamav": frozenset(field.name for field in dataclasses.fields(ClamavSettings)),
    "builtin": frozenset(field.name for field in dataclasses.fields(BuiltinSettings)),
    "python": frozenset(field.name for field in dataclasses.fields(PythonSettings)),
}
"""The keys that have a meaning for one kind only. A key may be several kinds'."""
