"""A DKIM-Signature field, made (RFC 6376 §5).

Values only. Both canonicalizations are `relaxed`: what next hops do to blanks and folds does no
harm. Lines are folded at 78 columns.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence

from postroad.mailauth.dkim.canonicalization import Canonicalization
from postroad.mailauth.dkim.signed_input import signed_input
from postroad.mailauth.dkim.signing_key import SigningKey
from postroad.model.fields import Field, Fields

__all__ = ["names_to_sign", "signature_field"]

LINE = 78
"""Columns of a line at most (RFC 5322 §2.1.1)."""

BASE64 = 68
"""Characters of the signature in one line; with a tab of eight columns and `b=` they are 78."""

MOST_NAMES = 200
"""Names of `h=`. Nobody but a prankster repeats fields so often, and such mail is not signed: with
some of them left out, others could be put in their place under the same signature."""


def names_to_sign(fields: Fields, signed: Sequence[str], oversigned: Sequence[str]) -> list[str]:
    """What `h=` is to say.

    Args:
        fields: the header section.
        signed: fields that are signed as often as they are there.
        oversigned: fields that are signed once more than that, so that none can be added.

    Returns:
        The names, in order; empty where there are more than `MOST_NAMES`.
    """
    present = Counter(field.key for field in fields)
    names: list[str] = []
    for name in oversigned:
        names += [name] * (present[name.lower()] + 1)
    for name in signed:
        names += [name] * present[name.lower()]
    return names if len(names) <= MOST_NAMES else []


def signature_field(
    fields: Fields,
    body_hash: bytes,
    key: SigningKey,
    names: Sequence[str],
    *,
    now: int,
    expires: int | None = None,
    instance: int = 0,
) -> bytes:
    """Sign a message.

    Args:
        fields: its header section.
        body_hash: SHA-256 of its body, made ready as `relaxed`.
        key: signs.
        names: the fields to sign, see `names_to_sign`.
        now: seconds since the epoch, for `t=`.
        expires: likewise, for `x=`; `None`: it does not expire.
        instance: the set of an ARC chain that the field is for, whose signatures differ in this
            only (RFC 8617 §4.1.2); 0: it is DKIM's.

    Returns:
        The field, with its line end.
    """
    head = "ARC-Message-Signature:" if instance else "DKIM-Signature:"
    first = f"i={instance};" if instance else "v=1;"
    tags = [first, f"a={key.algorithm};", "c=relaxed/relaxed;", f"d={key.domain};"]
    tags += [f"s={key.selector};", f"t={now};"]
    if expires is not None:
        tags.append(f"x={expires};")
    tags += _listed(names)
    tags.append(f"bh={base64.b64encode(body_hash).decode('ascii')};")
    text = _folded(head, tags)
    unsigned = Field(f"{text}\r\n\tb=\r\n".encode("ascii"))
    octets = signed_input(fields, names, unsigned, Canonicalization.RELAXED)
    value = base64.b64encode(key.sign(hashlib.sha256(octets).digest())).decode("ascii")
    return f"{text}\r\n\tb={_split(value)}\r\n".encode("ascii")


def _listed(names: Sequence[str]) -> Iterator[str]:
    """`h=` in words that may stand on lines of their own: folds may follow a colon (§3.5)."""
    for at, name in enumerate(names):
        head = "h=" if at == 0 else ""
        yield f"{head}{name}{';' if at == len(names) - 1 else ':'}"


def _folded(head: str, words: Sequence[str]) -> str:
    """Words in lines; those that end in a colon have no blank behind them."""
    lines, line = [], head
    for word in words:
        gap = "" if line.endswith(":") and line != head else " "
        if len(line.expandtabs()) + len(gap) + len(word) > LINE:
            lines.append(line)
            line, gap = "\t", ""
        elif line == "\t":
            gap = ""
        line += gap + word
    return "\r\n".join([*lines, line])


def _split(value: str) -> str:
    """Base64 in lines; blanks in it do not count."""
    rest = [value[at : at + BASE64] for at in range(BASE64, len(value), BASE64)]
    return "\r\n\t".join([value[:BASE64], *rest])
