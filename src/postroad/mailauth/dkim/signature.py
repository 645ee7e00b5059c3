"""A DKIM-Signature field, read (RFC 6376 §3.5).

Values only. What a field says is checked here as far as it can be without the key and without the
message: syntax, the tags that must be there, algorithms that nobody may use any more, and whose
name the signature may be in. A field that fails gives the result and the reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from postroad.mailauth.dkim.canonicalization import Canonicalization, ways_of
from postroad.mailauth.dkim.public_key import unbase64
from postroad.mailauth.dkim.result import Flaw, Result, Verified
from postroad.mailauth.dkim.tag_values import (
    BLANKS,
    FIELD_NAME,
    LENGTH,
    MOST_NAMES,
    SHA256_OCTETS,
    TIME,
    domain_name,
    is_domain_name,
    signed_names,
)
from postroad.mailauth.dkim.tags import TagError, tags_of
from postroad.model.address import belongs_to
from postroad.model.fields import Field

__all__ = ["KIND_OF_ALGORITHM", "Signature", "claim", "read"]

KIND_OF_ALGORITHM = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}
"""Algorithms that count, and the kind of key that each needs (RFC 8301 §3.1, RFC 8463 §3)."""

NECESSARY = ("v", "a", "b", "bh", "d", "h", "s")
"""Tags without which a field is no signature (RFC 6376 §3.5)."""

LONGEST = 65_536
"""Octets of a field that is read: a hundred times what signers make. All of it is looked at on the
event loop."""

LONGEST_IDENTITY = 320
"""Characters of `i=`: a local part of 64, and a domain (RFC 5321 §4.5.3.1)."""

_BEGINNING = 8  # characters (RFC 6008 §3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a field says.

    Attributes:
        field: it.
        algorithm: `a=`, one of `KIND_OF_ALGORITHM`.
        domain: `d=` in A-labels and lower case.
        selector: `s=` likewise.
        identity: `i=`, or `@` and the domain.
        names: `h=`, the fields that are signed, as it spells them.
        header: how the header is made ready.
        body: how the body is.
        length: `l=`, the octets of the body that are signed; `None`: all.
        body_hash: `bh=`.
        value: `b=`.
        made: `t=`, seconds since the epoch; `None` where it does not say.
        expires: `x=` likewise.
    """

    field: Field
    algorithm: str
    domain: str
    selector: str
    identity: str
    names: tuple[str, ...]
    header: Canonicalization
    body: Canonicalization
    length: int | None
    body_hash: bytes
    value: bytes
    made: int | None
    expires: int | None

    @property
    def key_name(self) -> str:
        """Where its key is published."""
        return f"{self.selector}._domainkey.{self.domain}"

    def flaw_at(self, now: float, skew: float) -> Flaw | None:
        """What is wrong with it at some time (RFC 6376 §3.5, `t=` and `x=`).

        Args:
            now: seconds since the epoch.
            skew: seconds by which clocks may differ.
        """
        if self.made is not None and self.made > now + skew:
            return Flaw(Result.POLICY, "the signature was made in the future")
        if self.expires is None:
            return None
        if self.made is not None and self.expires <= self.made:
            return Flaw(Result.PERMERROR, "the signature expires before it was made")
        if self.expires < now - skew:
            return Flaw(Result.PERMERROR, "the signature has expired")
        return None


def claim(field: Field) -> Verified:
    """Whose signature a field pretends to be, for the report on one that cannot be read."""
    try:
        tags: Mapping[str, str] = {} if _is_too_long(field) else tags_of(_text(field))
    except TagError:
        tags = {}
    domain = tags.get("d", "")
    selector = tags.get("s", "")
    return Verified(
        result=Result.NONE,
        domain=domain.lower() if is_domain_name(domain) else "",
        selector=selector.lower() if is_domain_name(selector) else "",
        algorithm=tags["a"].lower() if tags.get("a", "").lower() in _KNOWN else "",
        beginning=_beginning(tags.get("b", "")),
    )


_KNOWN = frozenset((*KIND_OF_ALGORITHM, "rsa-sha1"))


def read(field: Field) -> Signature | Flaw:
    """A signature, or why it is none (RFC 6376 §6.1.1)."""
    if _is_too_long(field):
        return Flaw(Result.NEUTRAL, f"the signature is longer than {LONGEST} octets")
    try:
        tags = tags_of(_text(field))
    except TagError as error:
        return Flaw(Result.NEUTRAL, f"the signature cannot be read: {error}")
    missing = next((name for name in NECESSARY if name not in tags), "")
    if missing:
        return Flaw(Result.PERMERROR, f"the signature has no tag {missing}=")
    return _flaw_of_terms(tags) or _read(field, tags)


def _flaw_of_terms(tags: Mapping[str, str]) -> Flaw | None:
    """Versions, algorithms and ways of asking that are not ours."""
    if tags["v"] != "1":
        return Flaw(Result.NEUTRAL, "the signature is of an unknown version")
    algorithm = tags["a"].lower()
    if algorithm == "rsa-sha1":
        return Flaw(Result.PERMERROR, "SHA-1 is good for no signature any more (RFC 8301)")
    if algorithm not in KIND_OF_ALGORITHM:
        return Flaw(Result.NEUTRAL, "the algorithm is unknown")
    if "dns/txt" not in [part.strip().lower() for part in tags.get("q", "dns/txt").split(":")]:
        return Flaw(Result.NEUTRAL, "the key is not in the DNS")
    return None


def _read(field: Field, tags: Mapping[str, str]) -> Signature | Flaw:
    domain, selector = domain_name(tags["d"]), domain_name(tags["s"])
    if not domain or not selector:
        return Flaw(Result.NEUTRAL, "the signature's domain or selector is no name")
    identity = BLANKS.sub("", tags.get("i", f"@{domain}"))
    if len(identity) > LONGEST_IDENTITY:
        return Flaw(Result.NEUTRAL, "the identity of i= is too long")
    if not _is_within(identity, domain):
        return Flaw(Result.PERMERROR, "the identity of i= is not within the domain of d=")
    names = signed_names(tags["h"])
    if len(names) > MOST_NAMES:
        return Flaw(Result.NEUTRAL, f"h= names more than {MOST_NAMES} fields")
    if not all(FIELD_NAME.match(name) for name in names):
        return Flaw(Result.NEUTRAL, "what h= names are no fields")
    if "from" not in [name.lower() for name in names]:
        return Flaw(Result.PERMERROR, "the From field is not signed")
    ways = ways_of(tags.get("c", "simple/simple"))
    body_hash, value = unbase64(tags["bh"]), unbase64(tags["b"])
    if ways is None:
        return Flaw(Result.NEUTRAL, "the canonicalization is unknown")
    if body_hash is None or len(body_hash) != SHA256_OCTETS or not value:
        return Flaw(Result.NEUTRAL, "the signature or the hash of the body is not in base64")
    times = [tags.get("t"), tags.get("x")]
    if any(text is not None and not TIME.match(text) for text in times):
        return Flaw(Result.NEUTRAL, "a time of the signature is no number")
    if "l" in tags and not LENGTH.match(tags["l"]):
        return Flaw(Result.NEUTRAL, "the length of l= is no number")
    made, expires = [None if text is None else int(text) for text in times]
    return Signature(
        field=field,
        algorithm=tags["a"].lower(),
        domain=domain,
        selector=selector,
        identity=identity,
        names=names,
        header=ways[0],
        body=ways[1],
        length=int(tags["l"]) if "l" in tags else None,
        body_hash=body_hash,
        value=value,
        made=made,
        expires=expires,
    )


def _text(field: Field) -> str:
    return field.value.decode("utf-8", "replace")


def _is_too_long(field: Field) -> bool:
    return len(field.octets) > LONGEST


def _is_within(identity: str, domain: str) -> bool:
    """Whether `i=` names the domain or one below it (RFC 6376 §3.5)."""
    _, at, host = identity.rpartition("@")
    name = domain_name(host)
    return bool(at) and belongs_to(name, domain)


def _beginning(value: str) -> str:
    """Of `b=`, if it is base64: it goes into a field of ours."""
    text = BLANKS.sub("", value)[:_BEGINNING]
    return text if re.fullmatch(r"[A-Za-z0-9+/=]*", text) else ""
