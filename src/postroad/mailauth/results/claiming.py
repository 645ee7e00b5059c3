"""Whether a field that came in says that it is ours (RFC 8601 §5): then it is forged, and goes.

Programs behind us may read more generously than the grammar is, so this does: a name is ours also
with comments, quotes, control characters and blanks in it, with octets that are no characters, and
in encoded words. A stranger writes what he likes, so only
the beginning of a field is looked at, and only so many fields; what is beyond that goes unread. A
name that is longer than ours, or another server's, stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from postroad.mailauth.encoded_words import readings
from postroad.model.comment import after_comment
from postroad.model.fields import Field, Fields
from postroad.net.dns import to_ascii

__all__ = ["LONGEST_HEAD", "LONGEST_RECEIVED_SPF", "MOST_FIELDS", "claims", "unforged"]

FIELD = "authentication-results"
RECEIVED_SPF = "received-spf"

LONGEST_HEAD = 1_000
"""Octets in which the name of an Authentication-Results field ends; a name has 255 at most."""

LONGEST_RECEIVED_SPF = 4_000
"""Octets of a Received-SPF field that are looked at; real ones have some hundred."""

MOST_ENCODED = 4_000
"""Octets in which encoded words are decoded: the name in them takes up to three times as many."""

MOST_FIELDS = 100
"""Fields of each kind that are looked at; a message that went through ten servers has ten."""

_LONGEST_NAME = 255  # characters (RFC 1035 §3.1)
_VERSION = re.compile(r"/?[0-9]{1,9}\Z")
_INSIGNIFICANT = re.compile(r'[\x00-\x08\x0e-\x1f\x7f"\\\ufffd]+')
_HEAD_MARK = re.compile(r"[;()]")
_EDGE = r"(?![a-z0-9_-]|\.[a-z0-9_-])"


def claims(field: Field, authserv_id: str) -> bool:
    """Whether a field says that its results are ours.

    One whose name cannot be made out counts as ours if our name is anywhere in its beginning, or
    if it has no end there.

    Args:
        field: an Authentication-Results field.
        authserv_id: our name.
    """
    value, ours = field.value, _key(authserv_id)
    return _claims(value, ours) or (
        b"=?" in value[:LONGEST_HEAD]
        and any(_claims(each, ours) for each in readings(value[:MOST_ENCODED]))
    )


def _claims(value: bytes, ours: str) -> bool:
    is_cut = len(value) > LONGEST_HEAD
    head = _head(value[:LONGEST_HEAD].decode("utf-8", "replace"), is_cut=is_cut)
    if head is None:  # a comment that does not end, or no semicolon
        return is_cut or ours in _squeezed(value.decode("utf-8", "replace"))
    if re.search(rf"(?<![a-z0-9_.-]){re.escape(ours)}{_EDGE}", head.lower()):
        return True  # whatever stands around it: a port, brackets, an encoded word
    words = _INSIGNIFICANT.sub("", head).split()
    if len(words) > 1 and _VERSION.match(words[-1]):
        words = words[:-1]
    name = "".join(words).rstrip(".")
    if len(words) == 1 and "/" in name:
        name = name.partition("/")[0].rstrip(".")
    if not words or len(name) > _LONGEST_NAME:
        return ours in _squeezed(value[:LONGEST_HEAD].decode("utf-8", "replace"))
    return _key(name) == ours or (len(words) > 1 and ours in name.lower())


def unforged(fields: Iterable[Field], name: str, *, with_spf: bool = True) -> Iterator[Field]:
    """The fields without those that claim to be ours.

    Args:
        fields: as they came.
        name: our name.
        with_spf: whether Received-SPF fields are looked at too.
    """
    seen = {FIELD: 0, RECEIVED_SPF: 0}
    for field in fields:
        if field.key not in seen or (field.key == RECEIVED_SPF and not with_spf):
            yield field
            continue
        seen[field.key] += 1
        is_ours = claims if field.key == FIELD else spf_claims
        if seen[field.key] <= MOST_FIELDS and not is_ours(field, name):
            yield field


def without_claims(fields: Fields, authserv_id: str) -> Fields:
    """A header section without the results that claim to be ours; the same if there are none."""
    kept = tuple(unforged(fields, authserv_id, with_spf=False))
    return Fields(kept) if len(kept) < len(tuple(fields)) else fields


def spf_claims(field: Field, name: str) -> bool:
    """Whether a Received-SPF field says that we have written it (RFC 7208 §9.1).

    By `receiver=`, or by the name that its comment begins with.

    Args:
        field: it.
        name: our name.
    """
    if len(field.value) > LONGEST_RECEIVED_SPF:
        return True
    views = readings(field.value) if b"=?" in field.value else (field.value,)
    return any(_spf_claims(each, re.escape(name.lower())) for each in views)


def _spf_claims(value: bytes, ours: str) -> bool:
    text = _INSIGNIFICANT.sub("", value.decode("utf-8", "replace").lower())
    if re.search(rf"[()]\s*{ours}\.?\s*:", text):
        return True
    for plain in (text, _without_comments(text)):  # a comment that has no end hides nothing
        spaced, squeezed = " ".join(plain.split()), "".join(plain.split())
        if re.search(rf"receiver ?= ?{ours}{_EDGE}", spaced):
            return True
        if re.search(rf"receiver={ours}{_EDGE}", squeezed):
            return True
    return False


def _key(name: str) -> str:
    return to_ascii(name) or name.lower()


def _squeezed(text: str) -> str:
    return "".join(_INSIGNIFICANT.sub("", text).split()).lower()


def _head(text: str, *, is_cut: bool) -> str | None:
    """What stands before the first semicolon, each comment as a blank; `None`: it has no end."""
    at, found = 0, []
    while (mark := _HEAD_MARK.search(text, at)) is not None:
        found.append(text[at : mark.start()])
        if mark[0] == ";":
            return " ".join(found)
        after = after_comment(text, mark.end()) if mark[0] == "(" else None
        if after is None:
            return None
        at = after
    found.append(text[at:])
    return None if is_cut else " ".join(found)  # without results there may be a name all the same


def _without_comments(text: str) -> str:
    """What is outside of all brackets."""
    depth, found = 0, []
    for part in re.split(r"([()])", text):
        if part in ("(", ")"):
            depth = max(0, depth + (1 if part == "(" else -1))
        elif not depth:
            found.append(part)
    return "".join(found)
