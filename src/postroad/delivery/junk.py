"""Spam goes to the folder for junk: a `Filing` in front of another one.

It goes by the fields that our own filters wrote (`filters.scoring`), and by the mark of DMARC's
quarantine: the uppermost field of each name, as ours stand on top and what came in under these
names was taken out. A message is junk for an account if it has as many points as the account's own
threshold, and else if it is marked as spam. A mark that was not made for points (a domain's policy,
a service's own rules: `marked=` in the status, or points that do not explain it) is nobody's
threshold, and holds for all.
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

__all__ = ["JunkFiling", "is_junk"]

MOST_HEADER = 65_536
"""Octets that are looked at: what we write is on top."""

_REQUIRED = re.compile(r"\brequired=(-?[0-9.]{1,20})")
_MARKED = re.compile(r"\brequired=[-0-9.]{1,20} marked=")
_SCORE = re.compile(r"\bscore=(-?[0-9.]{1,20})")


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
        self._junk = (Filed(folder, create=True),)
        self._wish = wish

    async def file(
        self, user: str, recipient: StoredRecipient, message: StoredMessage
    ) -> Sequence[Filed]:
        """See `Filing.file`."""
        fields = await _fields(message)
        if is_junk(fields, (await self._wish(user)).junk):
            return self._junk
        return await self._usual.file(user, recipient, message)


def is_junk(fields: Fields, threshold: float | None = None) -> bool:
    """Whether mail is junk for an account.

    Args:
        fields: the header section, with our fields on top.
        threshold: the account's own, in points; `None`: it has none.
    """
    status = _text(fields, "X-Spam-Status")
    is_marked = _text(fields, "X-Spam-Flag").upper() == "YES"
    points = read_points(_text(fields, "X-Spam-Score"))
    if points is None:  # SpamAssassin's own fields have it in the status only
        points = _number(_SCORE, status)
    if threshold is None or points is None:
        return is_marked
    required = _number(_REQUIRED, status)
    is_explained = required is not None and points >= required and not _MARKED.search(status)
    return points >= threshold or (is_marked and not is_explained)


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
