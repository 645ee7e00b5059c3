"""The paths of MAIL and RCPT (RFC 5321 §4.1.2), as strictly as mail in the wild allows.

Angle brackets may be missing and a space may stand before the path: people type such commands by
hand, and devices send them. Source routes are read and dropped (RFC 5321 §4.1.1.3, appendix C).
Everything else is `Address`'s grammar.
"""

from __future__ import annotations

import re

from postroad.model import Address, AddressError

__all__ = ["forward_path", "reverse_path", "split_path"]

# Quoted strings may hold a closing bracket (RFC 5321 §4.1.2).
_BRACKETED = re.compile(r'<(?:[^">\\]|\\.|"(?:[^"\\]|\\.)*")*>')


def split_path(argument: str, keyword: str) -> tuple[str, str] | None:
    """Cut the argument of MAIL or RCPT in two.

    Args:
        argument: what stands behind the verb.
        keyword: `FROM:` or `TO:`.

    Returns:
        The path without its brackets (empty only for `<>`) and the parameters behind it; `None`
        where the argument has another form.
    """
    if argument[: len(keyword)].upper() != keyword:
        return None
    text = argument[len(keyword) :].lstrip(" ")
    if not text.startswith("<"):
        path, _, rest = text.partition(" ")
        return (path, rest) if path else None
    end = _closing_bracket(text)
    if end < 0:
        return text, ""  # the bracket makes it a bad address
    rest = text[end + 1 :]
    return (text[1:end], rest) if not rest or rest[0] == " " else None


def _closing_bracket(text: str) -> int:
    if '"' not in text and "\\" not in text:
        return text.find(">")
    whole = _BRACKETED.match(text)
    return whole.end() - 1 if whole else -1


def reverse_path(path: str) -> Address | None:
    """The sender; `None` for the null reverse-path.

    Raises:
        AddressError: it is no mailbox.
    """
    return Address.parse(_without_route(path)) if path else None


def forward_path(path: str) -> Address:
    """The recipient; `Postmaster` may stand alone (RFC 5321 §4.1.1.3), then without a domain.

    Raises:
        AddressError: it is no mailbox.
    """
    if path.lower() == "postmaster":
        return Address(path, "")
    return Address.parse(_without_route(path))


def _without_route(path: str) -> str:
    if not path.startswith("@"):
        return path
    _, colon, mailbox = path.partition(":")
    if not colon:
        raise AddressError("a source route needs a colon and a mailbox")
    return mailbox
