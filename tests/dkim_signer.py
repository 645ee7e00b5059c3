"""Signs test messages in every way that RFC 6376 allows, also in those that the server never does.

The server's own signer makes one kind of signature. What others send has other canonicalizations,
lengths, orders of tags; and what attackers send has anything.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from postroad.mailauth.dkim.canonicalization import BodyCanonicalization, Canonicalization
from postroad.mailauth.dkim.signed_input import signed_input
from postroad.mailauth.dkim.signing_key import SigningKey
from postroad.model.fields import Field, Fields
from postroad.net.dns import DnsTemporary, RecordType

__all__ = ["Octets", "Terms", "Zone", "canonical_body", "signature"]


class Octets:
    """A body in memory; in pieces of some size."""

    def __init__(self, octets: bytes, piece: int = 65_536) -> None:
        self._octets = octets
        self._piece = piece

    @property
    def size(self) -> int:
        return len(self._octets)

    def chunks(self) -> Iterator[bytes]:
        for at in range(0, len(self._octets), self._piece):
            yield self._octets[at : at + self._piece]


class Zone:
    """Implements `Texts`: the TXT records of names, in lower case."""

    def __init__(self, records: Mapping[str, str | Sequence[str]], *, away: bool = False) -> None:
        self.records_of = dict(records)
        self.away = away
        self.asked: list[str] = []

    @classmethod
    def of(cls, *keys: SigningKey) -> Zone:
        return cls({key.name: key.record for key in keys})

    async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
        self.asked.append(name)
        if self.away:
            raise DnsTemporary(name, kind)
        found = self.records_of.get(name.lower(), ())
        return (found,) if isinstance(found, str) else tuple(found)


@dataclass(frozen=True)
class Terms:
    """How to sign."""

    header: str = "relaxed"
    body: str = "relaxed"
    names: tuple[str, ...] = ("From", "To", "Subject", "Date")
    length: int | None = None
    algorithm: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)


def canonical_body(body: bytes, way: str) -> bytes:
    machine = BodyCanonicalization(Canonicalization(way))
    return b"".join([*machine.feed(body), *machine.end()])


def signature(fields: Fields, body: bytes, key: SigningKey, terms: Terms | None = None) -> bytes:
    """The field that signs a message in this way."""
    terms = terms or Terms()
    octets = canonical_body(body, terms.body)
    if terms.length is not None:
        octets = octets[: terms.length]
    tags = {
        "v": "1",
        "a": terms.algorithm or key.algorithm,
        "c": f"{terms.header}/{terms.body}",
        "d": key.domain,
        "s": key.selector,
        "h": ":".join(terms.names),
        "bh": base64.b64encode(hashlib.sha256(octets).digest()).decode(),
        **({} if terms.length is None else {"l": str(terms.length)}),
        **terms.extra,
    }
    text = ";\r\n\t".join(f"{name}={value}" for name, value in tags.items())
    unsigned = Field(f"DKIM-Signature: {text};\r\n\tb=\r\n".encode())
    signed = signed_input(fields, terms.names, unsigned, Canonicalization(terms.header))
    value = base64.b64encode(key.sign(hashlib.sha256(signed).digest())).decode()
    return unsigned.octets.removesuffix(b"\r\n") + value.encode() + b"\r\n"
