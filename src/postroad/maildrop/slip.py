"""The slip that lies on a message in the drop: its envelope, as the program that left it says.

Lines of `key value`, the first of them naming the format and the file itself, an empty line, and
then the content with LF line ends. The length of the content stands in the slip, so that a file
that was cut off is known; and since the name stands there, a file that somebody else wrote, and
that was only linked into the drop, is no message.

Nothing here is trusted: the reader takes a slip apart with bounds on everything, and what is in it
is judged elsewhere. A plain class, because the `sendmail` command must start quickly and
`dataclasses` alone takes longer to load than all of this.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["DELIMITERS", "MARKS", "MAX_NAMED", "MAX_SLIP", "Slip", "SlipError", "read", "write"]

MAX_NAMED = 50_000
"""Recipients of one message: more than any list that belongs on a command line."""

MAX_SLIP = 4_194_304
"""Octets of a slip: MAX_NAMED recipients of usual length."""

DELIMITERS = "+="
"""Of variable return paths, where a program names none (Postfix's default_verp_delimiters)."""

MARKS = "-=+"
"""What may be one of them (Postfix's verp_delimiter_filter)."""

_FORMAT = "postroad-maildrop 1"
_DIGITS = 16  # of the length, filled in when the content has been written
_KEYS = ("sender", "full-name", "body", "notify", "ret", "envid", "gateway", "verp")


class SlipError(ValueError):
    """The text is no slip; the message says why in a few words."""


class Slip:
    """What is said about a message besides its content.

    Attributes:
        sender: the reverse-path, perhaps without a domain; empty for the null one; `None`: the
            user who owns the file.
        recipients: addresses, perhaps without a domain.
        full_name: of the sender, for a From field that is missing; empty for none.
        body: `7BIT`, `8BITMIME`, or empty where nothing was said.
        notify: the wishes of RFC 3461 §4.1, `SUCCESS,DELAY`; empty where nothing was said.
        ret: `FULL`, `HDRS` or empty (RFC 3461 §4.3).
        envid: the sender's own name for the message (RFC 3461 §4.4); empty for none.
        is_gateway: whether it comes from elsewhere, so that its header is nobody's to complete.
        verp: two characters, where each recipient's copy is to have a reverse-path of its own:
            what stands before its local part, and before its domain; empty: they have the sender.
    """

    __slots__ = (
        "body",
        "envid",
        "full_name",
        "is_gateway",
        "notify",
        "recipients",
        "ret",
        "sender",
        "verp",
    )

    def __init__(
        self,
        sender: str | None = None,
        recipients: Sequence[str] = (),
        *,
        full_name: str = "",
        body: str = "",
        notify: str = "",
        ret: str = "",
        envid: str = "",
        is_gateway: bool = False,
        verp: str = "",
    ) -> None:
        self.sender = sender
        self.recipients = tuple(recipients)
        self.full_name = full_name
        self.body = body
        self.notify = notify
        self.ret = ret
        self.envid = envid
        self.is_gateway = is_gateway
        self.verp = verp


def write(slip: Slip, name: str, size: int = 0) -> bytes:
    """The octets of a slip; those of two sizes have the same length.

    Args:
        slip: what it says.
        name: the file's final name.
        size: octets of the content that follows.

    Raises:
        SlipError: a value cannot be written: it has a control character in it or is no text, or
            there are too many recipients.
    """
    if len(slip.recipients) > MAX_NAMED:
        raise SlipError(f"more than {MAX_NAMED} recipients")
    lines = [f"{_FORMAT} {name}", f"size {size:0{_DIGITS}d}"]
    gateway = "yes" if slip.is_gateway else ""
    asked = (slip.body, slip.notify, slip.ret, slip.envid)
    said = (slip.sender, slip.full_name, *asked, gateway, slip.verp)
    for key, value in zip(_KEYS, said, strict=True):
        if value or (value is not None and key == "sender"):
            lines.append(f"{key} {value}")
    lines += [f"recipient {each}" for each in slip.recipients]
    for line in lines:
        if any(c < " " or c == "\x7f" for c in line):
            raise SlipError("a control character in an address or a name")
    try:
        octets = "\n".join([*lines, "", ""]).encode()
    except UnicodeEncodeError:
        raise SlipError("an address is neither ASCII nor UTF-8") from None
    if len(octets) > MAX_SLIP:
        raise SlipError(f"more than {MAX_SLIP} octets of recipients")
    return octets


def read(octets: bytes, name: str) -> tuple[Slip, int, int]:
    """Take a slip apart.

    Args:
        octets: the start of a file, at most MAX_SLIP of it.
        name: the file's name.

    Returns:
        The slip, the number of octets that it takes, and the number of those that follow.

    Raises:
        SlipError: it is none.
    """
    end = octets.find(b"\n\n")
    if end < 0:
        raise SlipError("it has no end")
    try:
        first, *lines = octets[:end].decode().split("\n")
    except UnicodeDecodeError:
        raise SlipError("it is not UTF-8") from None
    if first != f"{_FORMAT} {name}":
        raise SlipError("it is not the slip of a message of this name")
    values: dict[str, str] = {}
    recipients: list[str] = []
    for line in lines:
        key, _, value = line.partition(" ")
        if key == "recipient" and len(recipients) < MAX_NAMED:
            recipients.append(value)
        elif key in (*_KEYS, "size") and key not in values:
            values[key] = value
        else:
            raise SlipError(f"it has a line that cannot be there: {line[:60]!r}")
    size = values.get("size", "")
    if not (len(size) == _DIGITS and size.isascii() and size.isdecimal()):
        raise SlipError("it does not say how long the message is")
    slip = Slip(
        values.get("sender"),
        recipients,
        full_name=values.get("full-name", ""),
        body=values.get("body", ""),
        notify=values.get("notify", ""),
        ret=values.get("ret", ""),
        envid=values.get("envid", ""),
        is_gateway=values.get("gateway") == "yes",
        verp=values.get("verp", ""),
    )
    return slip, end + 2, int(size)
