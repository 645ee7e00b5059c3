"""What strangers chose, within a field of a log line: it must not end the field or begin another.

That a whole line is one line, and commands no terminal, is `printable`'s.
"""

from __future__ import annotations

__all__ = ["enclosed", "tamed"]

_ODD = str.maketrans(dict.fromkeys(' <>()\\";@,', "?"))
_BRACKETS = str.maketrans("<>", "??")


def tamed(name: str) -> str:
    """A name that a client gave itself, as a log shows it.

    Any text may stand in HELO. What is in no name but could end the field or begin another one is
    a question mark, as in Postfix's log; the comma too, which divides our fields.
    """
    return name.translate(_ODD)


def enclosed(address: str) -> str:
    """An address as it stands between angle brackets.

    A quoted local part may hold those too (RFC 5321 §4.1.2), and whatever looks like more fields
    behind them. All else stays, or readers would not find the address.
    """
    return address.translate(_BRACKETS) if "<" in address or ">" in address else address
