"""The domains that a From field names which nobody can read for sure.

Programs that show such a field differ in what they make of it, so this errs on one side: whatever
stands behind a mark that looks like an `@` is taken for a domain, in each of the ways in which a
program may have decoded the field. It is asked only where the grammar was of no help.

A name that no zone can hold is mended and not passed over: a label too long, a hyphen at its
beginning, a star or a picture in it would otherwise hide the domain that it stands below.

The work is bounded by the octets of the field and by `MOST_MARKS`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from postroad.mailauth.encoded_words import readings
from postroad.model.address import domain_key, is_domain
from postroad.net.dns_records import to_ascii

__all__ = ["MOST_MARKS", "marks_in", "name_of", "named_in"]

MOST_MARKS = 500
"""Places with an `@` that are looked at."""

LONGEST_NAME = 253  # characters, RFC 1035 §3.1
LONGEST_LABEL = 63

_ODD = r"!#$%&'*+/:=?^`{|}~\[\]"
"""What stands in no name, and ends none for every program."""

_BEHIND_MARK = re.compile(
    rf"@[\s\x00-\x20\x7f.<{_ODD}]*((?:[0-9A-Za-z_.{_ODD}-]|[^\x00-\x7f\s\ufffd])+)"
)
_ASCII = re.compile(r"[0-9A-Za-z_.-]+")
_BETWEEN_ODD = re.compile(rf"[^{_ODD}]+")
_COMMENT = re.compile(r"\([^()]*\)")
_NEEDLESS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\"\\]+|(?<!\s)\s+(?=[.@])|(?<=[.@])\s+")
_DEPTH = 3  # comments within comments that are taken out; who nests deeper is not shown anyway


def name_of(text: str) -> str:
    """A domain in A-labels; empty where it is none."""
    key = domain_key(text)
    name = key if key.isascii() else to_ascii(key)
    return name if is_domain(name) and not name.startswith("[") else ""


def marks_in(fields: Iterable[bytes]) -> int:
    """How many `@` there are."""
    return sum([field.count(b"@") for field in fields])


def named_in(fields: Sequence[bytes]) -> tuple[str, ...]:
    """The domains behind each mark, in A-labels, each once.

    Args:
        fields: bodies of From fields.
    """
    found = dict.fromkeys([name for each in fields for name in _of_field(each)])
    return tuple([name for name in found if name and not _is_numeric(name)])


def _is_numeric(name: str) -> bool:
    """Whether it is an address rather: no domain of the highest level is a number."""
    return name.rpartition(".")[2].isdigit()


def _of_field(field: bytes) -> Iterator[str]:
    for view in dict.fromkeys(_views(field)):
        for _, match in zip(range(MOST_MARKS), _BEHIND_MARK.finditer(view), strict=False):
            yield from _names(match[1])


def _views(field: bytes) -> Iterator[str]:
    """What programs may make of it: as it is and in plain characters, with and without comments."""
    for octets in dict.fromkeys((field, *readings(field))):
        texts = [octets.decode("utf-8", "replace")]
        if "\ufffd" in texts[0]:
            texts.append(octets.decode("latin-1"))
        for text in texts:
            plain = unicodedata.normalize("NFKC", text)
            yield text
            yield plain
            yield _NEEDLESS.sub("", _without_comments(plain))


def _without_comments(text: str) -> str:
    for _ in range(_DEPTH):
        text = _COMMENT.sub("", text)
    return text


def _names(token: str) -> Iterator[str]:
    """The domain, or what is nearest to one; and what is one beside something else."""
    token = token.strip(".")
    yield name_of(token) or _mended(token)
    for part in [each.strip(".") for each in _BETWEEN_ODD.findall(token)]:
        ascii_part = _ASCII.match(part)
        if ascii_part is not None and ascii_part.end() < len(part):
            yield name_of(ascii_part[0].strip("."))
        if part != token and "." in part:
            yield name_of(part) or _mended(part)


def _mended(token: str) -> str:
    """A name like it that a zone can hold, below the same domain."""
    labels = [_label(each) for each in unicodedata.normalize("NFKC", token).lower().split(".")]
    kept: list[str] = []
    for label in reversed([each for each in labels if each]):
        if len(label) + 1 + sum([len(each) + 1 for each in kept]) > LONGEST_NAME:
            break
        kept.insert(0, label)
    return name_of(".".join(kept)) if len(kept) > 1 else ""


def _label(text: str) -> str:
    if not text.isascii():
        text = f"xn--{text[:LONGEST_LABEL].encode('punycode').decode('ascii')}"
    return re.sub(r"[^a-z0-9_-]", "", text)[:LONGEST_LABEL].strip("-")
