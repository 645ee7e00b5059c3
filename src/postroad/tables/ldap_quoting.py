"""What a stranger's text becomes where it stands in a filter or in a name of LDAP.

Whatever the text is, the filter keeps its shape and the name its place in the tree. Nothing here
needs the library, which is an extra, so that this can be tried with every text there is.
"""

from __future__ import annotations

import re

__all__ = ["quoted_in_filter", "quoted_in_name"]

_FILTER_ODD = re.compile(r"[*()\\\x00]")
_NAME_ODD = re.compile(r"[ \t\"#+,;<>=\\\x00]")


def quoted_in_filter(text: str) -> str:
    """A value in a filter (RFC 4515 §3)."""
    return _FILTER_ODD.sub(_hexadecimal, text)


def quoted_in_name(text: str) -> str:
    """A value in a distinguished name (RFC 4514 §2.4)."""
    return _NAME_ODD.sub(_hexadecimal, text)


def _hexadecimal(odd: re.Match[str]) -> str:
    return f"\\{ord(odd.group()):02x}"
