"""SASLprep (RFC 4013): the one form of a name or password, however a keyboard composed it.

The profile of stringprep (RFC 3454) over the standard library's tables, which are those of
Unicode 3.2 as the RFC wants. A text that the profile forbids is used as it is: clients and other
servers do the same, and a password that was set by one rule must not fail by another.
"""

from __future__ import annotations

import stringprep
from collections.abc import Callable
from unicodedata import ucd_3_2_0

__all__ = ["saslprep"]

_PROHIBITED: tuple[Callable[[str], bool], ...] = (
    stringprep.in_table_c12,  # spaces that are not ASCII's
    stringprep.in_table_c21,  # control characters
    stringprep.in_table_c22,
    stringprep.in_table_c3,  # private use
    stringprep.in_table_c4,  # no characters
    stringprep.in_table_c5,  # surrogates
    stringprep.in_table_c6,  # not for plain text
    stringprep.in_table_c7,  # not canonical
    stringprep.in_table_c8,  # marks of direction
    stringprep.in_table_c9,  # tags
)
"""What RFC 4013 §2.3 forbids."""


def saslprep(text: str) -> str:
    """The prepared form of a name or password, or the text itself where it has none.

    Code points that Unicode 3.2 did not assign are let pass, as in a query (RFC 3454 §7): a
    password may well be newer than the profile.
    """
    if text.isascii() and text.isprintable():
        return text
    prepared = ucd_3_2_0.normalize("NFKC", "".join(map(_mapped, text)))
    return prepared if prepared and _is_allowed(prepared) else text


def _mapped(character: str) -> str:
    """RFC 4013 §2.1."""
    if stringprep.in_table_c12(character):
        return " "
    return "" if stringprep.in_table_b1(character) else character


def _is_allowed(text: str) -> bool:
    if any(forbidden(character) for character in text for forbidden in _PROHIBITED):
        return False
    # RFC 3454 §6: text from right to left is that throughout.
    if not any(map(stringprep.in_table_d1, text)):
        return True
    ends_right = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    return ends_right and not any(map(stringprep.in_table_d2, text))
