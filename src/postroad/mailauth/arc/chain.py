"""The ARC sets of a message, read (RFC 8617 §4, §5.2).

Values only. What is checked here needs neither keys nor the body: that each set is whole, that the
instances count from one without a gap, and that each seal says what it must of the chain before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from postroad.mailauth.dkim.canonicalization import ways_of
from postroad.mailauth.dkim.public_key import unbase64
from postroad.mailauth.dkim.result import Flaw, Result
from postroad.mailauth.dkim.signature import KIND_OF_ALGORITHM, LONGEST, Signature
from postroad.mailauth.dkim.tag_values import (
    FIELD_NAME,
    LENGTH,
    MOST_NAMES,
    SHA256_OCTETS,
    TIME,
    domain_name,
    signed_names,
)
from postroad.mailauth.dkim.tags import TagError, tags_of
from postroad.model.fields import Field, Fields

__all__ = [
    "MOST_SETS",
    "RESULTS",
    "SEAL",
    "SIGNATURE",
    "ArcSet",
    "Seal",
    "chain_of",
    "fields_of",
    "has_failed",
    "highest_instance",
]

RESULTS = "ARC-Authentication-Results"
SIGNATURE = "ARC-Message-Signature"
SEAL = "ARC-Seal"

MOST_SETS = 50
"""Sets of a chain (RFC 8617 §4.2.1): a longer one fails."""

_KEYS = (RESULTS.lower(), SIGNATURE.lower(), SEAL.lower())
_INSTANCE = re.compile(r"0{0,4}[1-9][0-9]{0,2}\Z")
_HEAD = re.compile(r"[ \t\r\n]*i[ \t\r\n]*=[ \t\r\n]*([0-9]{1,7})[ \t\r\n]*;", re.IGNORECASE)

Tags: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """An ARC-Seal (RFC 8617 §4.1.3).

    Attributes:
        field: it.
        algorithm: `a=`.
        cv: what the sealer says of the chain before: `none`, `pass` or `fail`.
        domain: `d=` in A-labels and lower case.
        selector: `s=` likewise.
        value: `b=`.
    """

    field: Field
    algorithm: str
    cv: str
    domain: str
    selector: str
    value: bytes

    @property
    def key_name(self) -> str:
        """Where its key is published."""
        return f"{self.selector}._domainkey.{self.domain}"


class ArcSet(NamedTuple):
    """What one server has added.

    Attributes:
        instance: `i=`, from 1.
        results: the ARC-Authentication-Results field.
        signature: what the ARC-Message-Signature says.
        seal: what the ARC-Seal says.
    """

    instance: int
    results: Field
    signature: Signature
    seal: Seal

    @property
    def claims(self) -> str:
        """The body of the results without `i=N;`, as Authentication-Results has it."""
        text = self.results.value.decode("utf-8", "replace")
        return _HEAD.sub("", text, count=1)

    @property
    def in_order(self) -> tuple[Field, Field, Field]:
        """Its fields in the order that seals cover them (§5.1.1.3)."""
        return (self.results, self.signature.field, self.seal.field)


def fields_of(fields: Fields) -> list[Field]:
    """All fields of ARC in a header section."""
    return [field for field in fields if field.key in _KEYS]


def chain_of(fields: Fields) -> tuple[ArcSet, ...] | Flaw:
    """The sets, the first one first; empty where there is none. A `Flaw`: the chain fails."""
    found = fields_of(fields)
    if not found:
        return ()
    if len(found) > 3 * MOST_SETS:
        return _flaw(f"more than {MOST_SETS} sets")
    if any(len(field.octets) > LONGEST for field in found):  # as DKIM's, before any is read
        return _flaw(f"a field is longer than {LONGEST} octets")
    parts = _parts(found)
    if isinstance(parts, Flaw):
        return parts
    newest = max(parts)
    if _says_fail(parts[newest].get(SEAL.lower())):
        # §5.2 step 2: whatever else there is, somebody has found it broken.
        return _flaw(f"the seal of set {newest} says that the chain failed before")
    if sorted(parts) != list(range(1, newest + 1)):
        return _flaw("a set is missing")
    sets = []
    for instance in range(1, newest + 1):
        one = _set(instance, parts[instance])
        if isinstance(one, Flaw):
            return one
        sets.append(one)
    return tuple(sets)


def highest_instance(fields: Fields) -> int:
    """The highest instance of any field of ARC, whatever the chain is like; 0: there is none."""
    return max([_instance(field) or 0 for field in fields_of(fields)], default=0)


def has_failed(fields: Fields) -> bool:
    """Whether the newest seal says that the chain failed: nobody adds to it then (§5.1)."""
    newest = highest_instance(fields)
    seals = [field for field in fields.named(SEAL) if _instance(field) == newest]
    return any(_says_fail(field) for field in seals)


def _says_fail(seal: Field | None) -> bool:
    tags = _tags(seal)
    return not isinstance(tags, Flaw) and tags.get("cv", "").lower() == "fail"


def _flaw(words: str) -> Flaw:
    return Flaw(Result.FAIL, words)


def _parts(found: Iterable[Field]) -> Mapping[int, Mapping[str, Field]] | Flaw:
    """The fields by instance and name; none may be there twice (§5.2 step 3)."""
    parts: dict[int, dict[str, Field]] = {}
    for field in found:
        instance = _instance(field)
        if instance is None:
            return _flaw(f"a field {field.name} has no instance")
        of_set = parts.setdefault(instance, {})
        if field.key in of_set:
            return _flaw(f"set {instance} has two fields {field.name}")
        of_set[field.key] = field
    return parts


def _instance(field: Field) -> int | None:
    """`i=`, 1 to 50 (§4.2.1); the results have it at the front."""
    if field.key == RESULTS.lower():
        match = _HEAD.match(field.value.decode("utf-8", "replace"))
        text = match[1] if match is not None else ""
    else:
        tags = _tags(field)
        text = "" if isinstance(tags, Flaw) else tags.get("i", "")
    if not _INSTANCE.match(text) or int(text) > MOST_SETS:
        return None
    return int(text)


def _tags(field: Field | None) -> Tags | Flaw:
    if field is None:
        return _flaw("a seal is missing")
    try:
        return tags_of(field.value.decode("utf-8", "replace"))
    except TagError as error:
        return _flaw(f"a field {field.name} cannot be read: {error}")


def _set(instance: int, parts: Mapping[str, Field]) -> ArcSet | Flaw:
    missing = next((key for key in _KEYS if key not in parts), "")
    if missing:
        return _flaw(f"set {instance} is not whole")
    seal = _seal(instance, parts[SEAL.lower()])
    if isinstance(seal, Flaw):
        return seal
    signature = _signature(instance, parts[SIGNATURE.lower()])
    if isinstance(signature, Flaw):
        return signature
    return ArcSet(instance, parts[RESULTS.lower()], signature, seal)


def _lacking(tags: Tags, names: Sequence[str]) -> str:
    return next((name for name in names if name not in tags), "")


def _seal(instance: int, field: Field) -> Seal | Flaw:
    """A seal as §4.1.3 wants it."""
    tags = _tags(field)
    if isinstance(tags, Flaw):
        return tags
    if lacking := _lacking(tags, ("a", "b", "cv", "d", "i", "s")):
        return _flaw(f"the seal of set {instance} has no tag {lacking}=")
    if "h" in tags or "bh" in tags:
        return _flaw(f"the seal of set {instance} has a tag that seals must not have")
    cv = tags["cv"].lower()
    if cv != ("none" if instance == 1 else "pass"):
        return _flaw(f"the seal of set {instance} says cv={_shown(cv)}")
    if tags["a"].lower() not in KIND_OF_ALGORITHM:
        return _flaw(f"the algorithm of the seal of set {instance} is unknown")
    domain, selector, value = domain_name(tags["d"]), domain_name(tags["s"]), unbase64(tags["b"])
    if not domain or not selector or not value:
        return _flaw(f"the seal of set {instance} cannot be read")
    if not TIME.match(tags.get("t", "0")):
        return _flaw(f"the time of the seal of set {instance} is no number")
    return Seal(
        field=field,
        algorithm=tags["a"].lower(),
        cv=cv,
        domain=domain,
        selector=selector,
        value=value,
    )


def _signature(instance: int, field: Field) -> Signature | Flaw:
    """A signature as §4.1.2 wants it: DKIM's, but without `v=`, and `i=` is the instance."""
    tags = _tags(field)
    if isinstance(tags, Flaw):
        return tags
    if lacking := _lacking(tags, ("a", "b", "bh", "d", "h", "i", "s")):
        return _flaw(f"the signature of set {instance} has no tag {lacking}=")
    if tags["a"].lower() not in KIND_OF_ALGORITHM:
        return _flaw(f"the algorithm of the signature of set {instance} is unknown")
    names = signed_names(tags["h"])
    if len(names) > MOST_NAMES:
        return _flaw(f"the signature of set {instance} names more than {MOST_NAMES} fields")
    lower = [name.lower() for name in names]
    if not all(not name or FIELD_NAME.match(name) for name in names) or SEAL.lower() in lower:
        return _flaw(f"the signature of set {instance} names fields that it must not")
    ways = ways_of(tags.get("c", "simple/simple"))
    domain, selector = domain_name(tags["d"]), domain_name(tags["s"])
    body_hash, value = unbase64(tags["bh"]), unbase64(tags["b"])
    if (
        ways is None
        or not (domain and selector and value)
        or body_hash is None
        or len(body_hash) != SHA256_OCTETS
        or not TIME.match(tags.get("t", "0"))
        or not TIME.match(tags.get("x", "0"))
        or not LENGTH.match(tags.get("l", "0"))
    ):
        return _flaw(f"the signature of set {instance} cannot be read")
    return Signature(
        field=field,
        algorithm=tags["a"].lower(),
        domain=domain,
        selector=selector,
        identity="",
        names=names,
        header=ways[0],
        body=ways[1],
        length=int(tags["l"]) if "l" in tags else None,
        body_hash=body_hash,
        value=value,
        made=int(tags["t"]) if "t" in tags else None,
        expires=int(tags["x"]) if "x" in tags else None,
    )


def _shown(text: str) -> str:
    """A stranger's word, for our log."""
    return text if text in ("none", "pass", "fail") else "something else"
