"""Names of folders, and what they are called on disk.

A folder beside the inbox is, by Maildir++, a Maildir in the top folder whose name begins with a
dot, with further dots between a folder and those in it: `.Lists.python`. Names are in the modified
UTF-7 of IMAP there (RFC 3501 §5.1.3), so that `Entwürfe` is `.Entw&APw-rfe`. Dovecot's `LAYOUT=fs`
has plain folders in folders instead. A name may come from a stranger, in the extension of an
address; so it is refused where it could be anything but the name of one folder.
"""

from __future__ import annotations

import binascii
import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

from postroad.mailbox.location import Whereabouts

__all__ = ["INBOX", "FolderName", "encoded", "folder_path"]

MAX_ON_DISK = 200  # octets of a folder's name: file systems take 255, and lock files add to it
MAX_DEPTH = 16  # folders in folders that anybody has use for

_OWN = frozenset({"cur", "new", "tmp"})
"""What a Maildir's own folders are called, and so no folder in it (`LAYOUT=fs`)."""

_FILES = frozenset({"maildirsize", "postroad-moves", "postroad-moves.new", "subscriptions"})
"""What files in the top folder are called, ours and Dovecot's, in the same way."""

_FILES_OF_EACH = re.compile(r"dovecot-(uidlist|uidvalidity|keywords|acl|attributes)|dovecot\.")
"""How the names of files begin that Dovecot has in any folder."""


class FolderName(NamedTuple):
    """The name of a folder, from the outermost one inwards; no part: the inbox."""

    parts: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str, separator: str = ".") -> FolderName:
        """Read a name; `INBOX`, in any case, is the inbox.

        Raises:
            ValueError: it cannot be the name of a folder.
        """
        if text.lower() == "inbox":
            return INBOX
        name = cls(tuple(unicodedata.normalize("NFC", text).split(separator)))
        if not all(map(_is_fit, name.parts)) or len(name.parts) > MAX_DEPTH:
            raise ValueError("it cannot be the name of a folder")
        if len(encoded(".".join(name.parts))) > MAX_ON_DISK:
            raise ValueError("it is too long for the name of a folder")
        return name

    def fits(self, where: Whereabouts) -> bool:
        """Whether it can be the name of a folder there."""
        return not where.nested or not any(part.lower() in _OWN for part in self.parts)

    def can_be_made(self, where: Whereabouts) -> bool:
        """Whether no file has its place there; strangers choose the name."""
        if not where.nested or not self.parts:
            return True
        return self.parts[0] not in _FILES and not any(map(_FILES_OF_EACH.match, self.parts))

    @property
    def is_inbox(self) -> bool:
        """Whether it is no folder beside the inbox."""
        return not self.parts

    def __str__(self) -> str:
        return ".".join(self.parts) or "INBOX"


INBOX = FolderName()


def folder_path(where: Whereabouts, name: FolderName) -> Path:
    """The Maildir of a folder.

    Args:
        where: the account's mail.
        name: of the folder.
    """
    if name.is_inbox:
        return where.inbox
    parts = name.parts if where.utf8 else tuple(map(encoded, name.parts))
    return where.root.joinpath(*parts) if where.nested else where.root / f".{'.'.join(parts)}"


def encoded(name: str) -> str:
    """A name in modified UTF-7 (RFC 3501 §5.1.3)."""
    if name.isascii() and name.isprintable():
        return name.replace("&", "&-")
    out: list[str] = []
    held = ""
    for character in name:
        if " " <= character <= "~":
            out.append(_shifted(held))
            held = ""
            out.append("&-" if character == "&" else character)
        else:
            held += character
    out.append(_shifted(held))
    return "".join(out)


def _shifted(text: str) -> str:
    if not text:
        return ""
    octets = text.encode("utf-16-be", "surrogatepass")
    base64 = binascii.b2a_base64(octets, newline=False).decode("ascii")
    return f"&{base64.rstrip('=').replace('/', ',')}-"


def _is_fit(part: str) -> bool:
    if not part or part.startswith((".", "~")) or part != part.strip():
        return False
    # Separators, wild cards of IMAP's LIST, and whatever does not print.
    return part.isprintable() and not any(c in '/\\*%"' for c in part)
