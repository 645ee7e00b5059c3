"""Verifying the chain of a message (RFC 8617 §5.2).

The newest signature must hold for the message as it came, and every seal for the sets up to it.
Then the chain passes: nobody has changed what the servers on the way say that they have found. It
says nothing of whether they are to be believed, and older signatures need not hold: each server may
have changed the message.

The standard is on its way out; the working group that made it makes DKIM2, which signs each hop by
itself. It would stand beside this package, as a `Judge` of its own (`mailauth.evidence`), and what
it finds would reach DMARC in the same way: as whose word is taken for which author. Nothing else
knows of chains.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from postroad.mailauth.arc.chain import ArcSet, Seal, chain_of
from postroad.mailauth.dkim.body_hash import BodyHash, Wanted, body_hashes
from postroad.mailauth.dkim.canonicalization import Canonicalization, header_field
from postroad.mailauth.dkim.key_lookup import published_key
from postroad.mailauth.dkim.public_key import PublicKey
from postroad.mailauth.dkim.result import Flaw, Result
from postroad.mailauth.dkim.signature import KIND_OF_ALGORITHM, Signature
from postroad.mailauth.dkim.signed_input import signed_input
from postroad.mailauth.dkim.tags import without_value
from postroad.model import Content
from postroad.model.content import AT_HAND
from postroad.model.fields import Field, Fields
from postroad.net.dns_records import Texts

__all__ = ["SKEW", "ArcVerdict", "ArcVerifier", "sealed_input"]

SKEW = 300.0
"""Seconds by which a signer's clock may be ahead of ours, or behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArcVerdict:
    """What became of a chain.

    Attributes:
        result: `NONE`, `PASS`, `FAIL`, or `TEMPERROR` where a key has no answer.
        words: the reason, in one line.
        sets: the sets of a chain that passes, the first one first.
        oldest_pass: the first set from which on the message is unchanged, as its signature holds
            still and those after it (§5.2 step 5); 0: from the first server on.
    """

    result: Result
    words: str = ""
    sets: tuple[ArcSet, ...] = ()
    oldest_pass: int = 0


class ArcVerifier:
    """Verifies chains."""

    def __init__(self, texts: Texts, clock: Callable[[], float]) -> None:
        """Take what it needs.

        Args:
            texts: asks for keys.
            clock: seconds since the epoch.
        """
        self._texts = texts
        self._clock = clock

    async def verify(self, fields: Fields, body: Content) -> ArcVerdict:
        """Verify the chain of a message.

        Args:
            fields: the header section as it came.
            body: all that follows the blank line.

        Raises:
            postroad.spool.SpoolError: the body cannot be read.
        """
        sets = chain_of(fields)
        if isinstance(sets, Flaw):
            return ArcVerdict(result=Result.FAIL, words=sets.words)
        if not sets:
            return ArcVerdict(result=Result.NONE, words="the message has no seal")
        newest = sets[-1].signature
        # The keys of the others are asked for, and their hashes made, only if this one holds: a
        # forged chain of fifty sets costs one question and one hash.
        key = (await self._keys([newest.key_name]))[newest.key_name]
        hashes = {} if isinstance(key, Flaw) else await body_hashes(body, [_wanted(newest)])
        flaw = await self._flaw(newest, key, fields, hashes)
        if flaw is not None:
            words = f"the signature of set {len(sets)} does not hold: {flaw.words}"
            return ArcVerdict(result=flaw.result, words=words)
        keys = await self._keys(
            [each.seal.key_name for each in sets] + [each.signature.key_name for each in sets]
        )
        for each in reversed(sets):
            await asyncio.sleep(0)  # a long chain with long fields; others are served meanwhile
            flaw = _flaw_of_seal(each.seal, keys[each.seal.key_name], sets[: each.instance])
            if flaw is not None:
                words = f"the seal of set {each.instance} does not hold: {flaw.words}"
                return ArcVerdict(result=flaw.result, words=words)
        others = {_wanted(each.signature) for each in sets} - set(hashes)  # one at most
        hashes = {**hashes, **await body_hashes(body, others)}
        oldest = await self._oldest(sets, keys, fields, hashes)
        sealers = ", ".join([each.seal.domain for each in sets])
        words = f"the chain of {len(sets)} is whole: {sealers}"
        return ArcVerdict(result=Result.PASS, words=words, sets=sets, oldest_pass=oldest)

    async def _oldest(
        self,
        sets: Sequence[ArcSet],
        keys: Mapping[str, PublicKey | Flaw],
        fields: Fields,
        hashes: Mapping[Wanted, BodyHash],
    ) -> int:
        for each in reversed(sets[:-1]):
            await asyncio.sleep(0)
            signature = each.signature
            key = keys[signature.key_name]
            if await self._flaw(signature, key, fields, hashes) is not None:
                return each.instance + 1
        return 0

    async def _flaw(
        self,
        signature: Signature,
        key: PublicKey | Flaw,
        fields: Fields,
        hashes: Mapping[Wanted, BodyHash],
    ) -> Flaw | None:
        """Of one signature; where the header is long, in a thread."""
        now = self._clock()
        if sum([len(each.octets) for each in fields]) <= AT_HAND:
            return _flaw_of_signature(signature, key, fields, hashes, now)
        return await asyncio.to_thread(_flaw_of_signature, signature, key, fields, hashes, now)

    async def _keys(self, names: Iterable[str]) -> Mapping[str, PublicKey | Flaw]:
        unique = tuple(dict.fromkeys(names))
        found = await asyncio.gather(*[published_key(self._texts, name) for name in unique])
        return dict(zip(unique, found, strict=True))


def _wanted(signature: Signature) -> Wanted:
    """All of the body: one with an `l=` that is not all of it does not hold anyway."""
    return Wanted(signature.body)


def _flaw_of_signature(
    signature: Signature,
    key: PublicKey | Flaw,
    fields: Fields,
    hashes: Mapping[Wanted, BodyHash],
    now: float,
) -> Flaw | None:
    """Why an ARC-Message-Signature does not hold (RFC 8617 §5.2 step 4, RFC 6376 §6.1)."""
    unusable = _unusable(key, signature.algorithm)
    if unusable is not None:
        return unusable
    if isinstance(key, Flaw) or signature.flaw_at(now, SKEW) is not None:
        return Flaw(Result.FAIL, "its time is over, or has not come")
    body = hashes[_wanted(signature)]
    if signature.length is not None and signature.length != body.size:
        return Flaw(Result.FAIL, "it does not cover the whole body")
    if body.digest != signature.body_hash:
        return Flaw(Result.FAIL, "the body has changed")
    octets = signed_input(fields, signature.names, signature.field, signature.header)
    if not key.is_signed(signature.value, hashlib.sha256(octets).digest()):
        return Flaw(Result.FAIL, "the header has changed")
    return None


def _flaw_of_seal(seal: Seal, key: PublicKey | Flaw, sets: Sequence[ArcSet]) -> Flaw | None:
    """Why a seal does not hold (RFC 8617 §5.2 step 6)."""
    unusable = _unusable(key, seal.algorithm)
    if unusable is not None or isinstance(key, Flaw):
        return unusable
    before = [field for each in sets for field in each.in_order][:-1]
    octets = sealed_input(before, seal.field)
    if not key.is_signed(seal.value, hashlib.sha256(octets).digest()):
        return Flaw(Result.FAIL, "a field of ARC has changed")
    return None


def _unusable(key: PublicKey | Flaw, algorithm: str) -> Flaw | None:
    if isinstance(key, Flaw):
        result = Result.TEMPERROR if key.result is Result.TEMPERROR else Result.FAIL
        return Flaw(result, key.words)
    if KIND_OF_ALGORITHM[algorithm] != key.kind:
        return Flaw(Result.FAIL, "the key is of another kind than the algorithm")
    return None


def sealed_input(before: Iterable[Field], seal: Field) -> bytes:
    """The octets that a seal signs: ARC's fields in their order, and itself (RFC 8617 §5.1.1).

    Args:
        before: those that it covers.
        seal: the field; the value of its `b=` does not count.
    """
    way = Canonicalization.RELAXED
    own = header_field(Field(without_value(seal.octets, b"b")), way).removesuffix(b"\r\n")
    return b"".join([header_field(field, way) for field in before]) + own
