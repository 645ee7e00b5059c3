"""The attributes of XCLIENT and XFORWARD (Postfix's XCLIENT_README and XFORWARD_README).

A command is a list of `NAME=value`, each value in xtext. Values are checked for their form here;
whether to believe them, and what to do with them, is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address

from postroad.model import Reply
from postroad.model.address import is_domain
from postroad.smtp import replies
from postroad.smtp.xtext import decode_xtext

__all__ = ["TEMPORARILY", "XCLIENT", "XFORWARD", "read_attributes"]

MAX_VALUE = 255
"""Characters of a value as it is written, as in Postfix."""

MAX_PROTOCOL = 64
"""Characters of a protocol's name in XFORWARD, as in Postfix."""

UNAVAILABLE = "[UNAVAILABLE]"
"""What the peer does not know, and will not."""

TEMPORARILY = "[TEMPUNAVAIL]"
"""What the peer could not find out this time: a look-up of the name failed."""


def _address(value: str) -> str | None:
    text = value[5:] if value[:5].upper() == "IPV6:" else value
    try:
        return None if "%" in text else str(ip_address(text))
    except ValueError:
        return None


def _name(value: str) -> str | None:
    return value if is_domain(value) else None


def _port(value: str) -> str | None:
    ok = value.isascii() and value.isdigit() and len(value) <= 5 and int(value) <= 65_535
    return value if ok else None


def _text(value: str) -> str | None:
    return value


def _one_of(*words: str) -> Callable[[str], str | None]:
    return lambda value: value.upper() if value.upper() in words else None


def _protocol(value: str) -> str | None:
    return value if len(value) <= MAX_PROTOCOL else None


XCLIENT: dict[str, Callable[[str], str | None]] = {
    "NAME": _name,
    "ADDR": _address,
    "PROTO": _one_of("SMTP", "ESMTP"),
    "HELO": _text,
    "REVERSE_NAME": _name,
    "PORT": _port,
    "LOGIN": _text,
    "DESTADDR": _address,
    "DESTPORT": _port,
}
"""Attribute -> its value in its usual form, `None` where it has another. In Postfix's order."""

XFORWARD: dict[str, Callable[[str], str | None]] = {
    "NAME": _name,
    "ADDR": _address,
    "PROTO": _protocol,
    "HELO": _text,
    "SOURCE": _one_of("LOCAL", "REMOTE"),
    "PORT": _port,
    "IDENT": _text,
}
"""The same for XFORWARD."""


def read_attributes(
    command: str, argument: str, table: Mapping[str, Callable[[str], str | None]]
) -> dict[str, str | None] | Reply:
    """Read the argument of `command`.

    Args:
        command: the verb, for the reply.
        argument: what stands behind it.
        table: the attributes there are.

    Returns:
        Name in capitals -> value, `None` for what the peer does not know; the last one counts
        where a name comes twice. Or the refusal.
    """
    if not argument:
        return replies.syntax_attributes(command)
    attributes: dict[str, str | None] = {}
    for word in argument.split():
        name, _, value = word.partition("=")
        if not value:
            return replies.ATTRIBUTE_EXPECTED
        if len(value) > MAX_VALUE:
            return replies.ATTRIBUTE_TOO_LONG
        name = name.upper()
        if name not in table:
            return replies.unknown_attribute(command, name)
        try:
            attributes[name] = _value(name, value, table[name])
        except ValueError:
            return replies.bad_attribute(name, value)
    return attributes


def _value(name: str, written: str, check: Callable[[str], str | None]) -> str | None:
    # What is no xtext is taken as it stands: Postfix before 2.3 and nginx send plain values.
    value = decode_xtext(written) or written
    if value.upper() == UNAVAILABLE:
        return None
    if value.upper() == TEMPORARILY:
        return TEMPORARILY if name in {"NAME", "REVERSE_NAME"} else None
    checked = check(value) if value.isprintable() else None
    if checked is None:
        raise ValueError(name)
    return checked
