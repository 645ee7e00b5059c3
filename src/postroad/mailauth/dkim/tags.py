"""Tag lists: `v=1; a=rsa-sha256; …`, the syntax of signatures and of keys (RFC 6376 §3.2).

It must not know any tag. A name that stands twice makes the whole list invalid, as the RFC says;
blanks and folds around names and values do not count. One pass, so a long list costs its length.
"""

from __future__ import annotations

import re

__all__ = ["TagError", "tags_of", "without_value"]

MAX_TAGS = 64
"""Tags of one list. RFC 6376 and its kin know fourteen; the rest is room for what is to come."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_BLANKS = " \t\r\n"


class TagError(ValueError):
    """It is no tag list; the text says why."""


def tags_of(text: str) -> dict[str, str]:
    """The tags with their values, in order.

    Args:
        text: the list, with the folds that it came with.

    Raises:
        TagError: it is none.
    """
    parts = text.split(";", MAX_TAGS + 1)
    if len(parts) > MAX_TAGS:
        raise TagError("too many tags")
    if not parts[-1].strip(_BLANKS):
        parts.pop()
    found: dict[str, str] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        name = name.strip(_BLANKS)
        if not equals or not _NAME.match(name):
            raise TagError("a tag has no name or no value")
        if name in found:
            raise TagError(f"the tag {name}= stands there twice")
        found[name] = value.strip(_BLANKS)
    return found


def without_value(octets: bytes, name: bytes) -> bytes:
    """A field with the value of one of its tags taken out, all else as it was (RFC 6376 §3.7).

    Args:
        octets: the field, with its name.
        name: the tag, such as `b"b"`.
    """
    head, colon, value = octets.partition(b":")
    pattern = re.compile(rb"((?:\A|;)[ \t\r\n]*" + re.escape(name) + rb"[ \t\r\n]*=)[^;]*")
    match = pattern.search(value)
    if match is None:
        return octets
    # The last tag may end with the field's own line end, which is not part of its value.
    end = b"\r\n" if match.end() == len(value) and value.endswith(b"\r\n") else b""
    return head + colon + value[: match.end(1)] + end + value[match.end() :]
