"""Spam goes to the folder for junk: a `Filing` in front of another one.

It goes by the fields that our own filters wrote (`filters.scoring`), and by the mark of DMARC's
quarantine: the uppermost field of each name, as ours stand on top and what came in under these
names was taken out. A message is junk for an account if it has as many points as the account's own
threshold, and else if it is marked as spam. A mark that was not made for points (a domain's policy,
a service's own rules: `marked=` in the status, or points that do not explain it) is nobody's
threshold, and holds for all. The log says which of them it was, as the header is the same for every
account.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing

from postroad.delivery.filing import Filed, Filing
from postroad.filters.scoring import Wish, read_points
from postroad.mailbox.folder import FolderName
from postroad.model import StoredMessage, StoredRecipient
from postroad.model.fields import Fields
from postroad.spool.reading import pieces

__all__ = ["JunkFiling", "is_junk", "why_junk"]

MOST_HEADER = 65_536
"""Octets that are looked at: what we write is on top."""

_REQUIRED = re.compile(r"\brequired=(-?[0-9.]{1,20})")
_MARKED = re.compile(r"\brequired=[-0-9.]{1,20} marked=(\S{0,20})")
_SCORE = re.compile(r"\bscore=(-?[0-9.]{1,20})")
_QUARANTINE = re.compile(
    r"\bdmarc=[a-z]{1,20} \([^()]{0,200}\bdis=quarantine\b[^()]{0,200}\)"
    r' header\.from="?([\w.-]{1,255})'
)
"""As our border writes it (`mailauth.dmarc.judging`)."""


class JunkFiling:
    """Implements `Filing`."""

    def __init__(
        self, usual: Filing, folder: FolderName, wish: Callable[[str], Awaitable[Wish]]
    ) -> None:
        """A filing for some folder, which is made if it is not there.

        Args:
            usual: says where mail goes that is no junk.
            folder: where junk goes, in each account.
            wish: the thresholds of an account, by its canonical name.
        """
        self._usual = usual
        self._folder = folder
        self._wish = wish

    async def file(
        self, user: str, recipient: StoredRecipient, message: StoredMessage
    ) -> Sequence[Filed]:
        """See `Filing.file`."""
        fields = await _fields(message)
        if why := why_junk(fields, (await self._wish(user)).junk):
            return (Filed(self._folder, create=True, why=why),)
        return await self._usual.file(user, recipient, message)


def is_junk(fields: Fields, threshold: float | None = None) -> bool:
    """Whether mail is junk for an account.

    Args:
        fields: the header section, with our fields on top.
        threshold: the account's own, in points; `None`: it has none.
    """
    return bool(why_junk(fields, threshold))


def why_junk(fields: Fields, threshold: float | None = None) -> str:
    """What makes mail junk for an account, in words for a log; empty: it is none.

    Args:
        fields: the header section, with our fields on top.
        threshold: the account's own, in points; `None`: it has none.
    """
    status = _text(fields, "X-Spam-Status")
    is_marked = _text(fields, "X-Spam-Flag").upper() == "YES"
    points = read_points(_text(fields, "X-Spam-Score"))
    if points is None:  # SpamAssassin's own fields have it in the status only
        points = _number(_SCORE, status)
    required = _number(_REQUIRED, status)
    if is_marked and (
        points is None or required is None or points < required or _MARKED.search(status)
    ):
        return _marker(fields, status)
    if points is None:
        return ""
    if threshold is not None:
        words = f"{points:.9g} points, of {threshold:.9g} for this account"
        return words if points >= threshold else ""
    return f"{points:.9g} points, of {required:.9g}" if is_marked else ""


def _marker(fields: Fields, status: str) -> str:
    """Who has marked it, where points do not tell."""
    marked = _MARKED.search(status)
    if marked is not None and marked[1] != "dmarc":
        return "marked as spam by a filter's own rules"
    domains = _QUARANTINE.findall(" ".join(_text(fields, "Authentication-Results").split()))
    if domains:
        return f"DMARC quarantine of mail from {domains[-1]}"
    return "marked as spam" if marked is None else "DMARC quarantine"


async def _fields(message: StoredMessage) -> Fields:
    """The header section, as far as it is looked at."""
    header = b""
    async with aclosing(pieces(message.content)) as found:  # type: ignore[type-var]
        async for piece in found:
            header += piece
            if b"\r\n\r\n" in header or len(header) >= MOST_HEADER:
                break
    section = header[:MOST_HEADER].partition(b"\r\n\r\n")[0]
    return Fields.of(section + b"\r\n")


def _text(fields: Fields, name: str) -> str:
    field = fields.first(name)
    return "" if field is None else field.text


def _number(pattern: re.Pattern[str], text: str) -> float | None:
    match = pattern.search(text)
    return None if match is None else read_points(match[1])
