"""Verifying the DKIM signatures of a message (RFC 6376 §6).

All of them are looked at, up to a bound, and each has a result of its own. The body is hashed once
for all, keys are asked for side by side and once each, and all together has one time limit: what
has no answer then is a temporary error, and the message waits for nobody.

It must not know what is done with the results.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from postroad.mailauth.dkim.body_hash import BodyHash, Wanted, body_hashes
from postroad.mailauth.dkim.key_lookup import published_key
from postroad.mailauth.dkim.public_key import PublicKey
from postroad.mailauth.dkim.result import Flaw, Result, Verified
from postroad.mailauth.dkim.settings import name_of_domain
from postroad.mailauth.dkim.signature import KIND_OF_ALGORITHM, Signature, claim, read
from postroad.mailauth.dkim.signed_input import is_whole, signed_input
from postroad.model import Content
from postroad.model.content import AT_HAND
from postroad.model.fields import Field, Fields
from postroad.net.dns_records import Texts

__all__ = ["FIELD", "MOST_SIGNATURES", "SKEW", "Verifier"]

FIELD = "DKIM-Signature"

MOST_SIGNATURES = 8
"""Signatures of a message that are looked at, from the top. Lists and forwarders bring a message to
three or four; a stranger could write thousands, each with a name to ask for (RFC 6376 §6.1)."""

SKEW = 300.0
"""Seconds by which a signer's clock may be ahead of ours, or behind."""

SINGLE = frozenset(
    (
        "from",
        "sender",
        "reply-to",
        "to",
        "cc",
        "message-id",
        "in-reply-to",
        "references",
        "subject",
        "date",
    )
)
"""Fields of which a message has at most one (RFC 5322 §3.6)."""


class Verifier:
    """Verifies messages."""

    def __init__(self, texts: Texts, clock: Callable[[], float]) -> None:
        """Take what it needs.

        Args:
            texts: asks for keys.
            clock: seconds since the epoch.
        """
        self._texts = texts
        self._clock = clock

    async def verify(
        self, fields: Fields, body: Content, patience: float | None = None
    ) -> tuple[Verified, ...]:
        """Verify every signature of a message.

        Args:
            fields: the header section as it came, without what we have added.
            body: all that follows the blank line.
            patience: seconds in all for keys; `None`: as long as the DNS takes.

        Returns:
            One for each signature, from the top; empty where there is none.

        Raises:
            postroad.spool.SpoolError: the body cannot be read.
        """
        found = fields.named(FIELD)[:MOST_SIGNATURES]
        if not found:
            return ()
        if not is_whole(fields):
            return tuple(
                [replace(claim(field), result=Result.POLICY, words=_BARE) for field in found]
            )
        now = self._clock()
        read_ones = [_looked_at(field, now) for field in found]
        good = [each for each in read_ones if isinstance(each, Signature)]
        keys = await self._keys(dict.fromkeys([each.key_name for each in good]), patience)
        usable = [each for each in good if isinstance(keys[each.key_name], PublicKey)]
        hashes = await body_hashes(body, [Wanted(each.body, each.length) for each in usable])
        return tuple(
            [
                replace(claim(field), result=each.result, words=each.words)
                if isinstance(each, Flaw)
                else await self._judged(each, keys[each.key_name], fields, hashes)
                for field, each in zip(found, read_ones, strict=True)
            ]
        )

    async def _judged(
        self,
        signature: Signature,
        key: PublicKey | Flaw,
        fields: Fields,
        hashes: Mapping[Wanted, BodyHash],
    ) -> Verified:
        """One signature. Others are served between two of them, and while a long header is hashed.

        The octets are those of all fields that the signature can name.
        """
        if isinstance(key, PublicKey) and sum([len(each.octets) for each in fields]) > AT_HAND:
            return await asyncio.to_thread(_judged, signature, key, fields, hashes)
        await asyncio.sleep(0)
        return _judged(signature, key, fields, hashes)

    async def _keys(
        self, names: Mapping[str, None], patience: float | None
    ) -> Mapping[str, PublicKey | Flaw]:
        tasks = {name: asyncio.ensure_future(published_key(self._texts, name)) for name in names}
        try:
            if tasks:
                await asyncio.wait(tasks.values(), timeout=patience)
            return {
                name: task.result() if task.done() else _TOO_LATE for name, task in tasks.items()
            }
        finally:
            for task in tasks.values():
                task.cancel()


_BARE = "there is a bare CR or LF in the header, and readers differ in what its fields are then"
_TOO_LATE = Flaw(Result.TEMPERROR, "there was no answer to the question for the key in time")


def _looked_at(field: Field, now: float) -> Signature | Flaw:
    found = read(field)
    return found if isinstance(found, Flaw) else found.flaw_at(now, SKEW) or found


def _judged(
    signature: Signature,
    key: PublicKey | Flaw,
    fields: Fields,
    hashes: Mapping[Wanted, BodyHash],
) -> Verified:
    verified = Verified(
        result=Result.PASS,
        domain=signature.domain,
        selector=signature.selector,
        identity=signature.identity,
        algorithm=signature.algorithm,
        beginning=claim(signature.field).beginning,
    )
    if isinstance(key, Flaw):
        return replace(verified, result=key.result, words=key.words)
    verified = replace(verified, key_bits=key.bits, is_testing=key.is_testing)
    body = hashes[Wanted(signature.body, signature.length)]
    flaw = _flaw(signature, key, fields, body)
    if flaw is not None:
        return replace(verified, result=flaw.result, words=flaw.words)
    unsigned = 0 if signature.length is None else body.size - signature.length
    return replace(verified, unsigned=unsigned, words=_remark(unsigned, signature, fields, key))


def _flaw(signature: Signature, key: PublicKey, fields: Fields, body: BodyHash) -> Flaw | None:
    """Why the signature does not count, now that key and message are there (§6.1.2, §6.1.3)."""
    if KIND_OF_ALGORITHM[signature.algorithm] != key.kind:
        return Flaw(Result.PERMERROR, "the key is of another kind than the algorithm")
    if key.is_strict and name_of_domain(signature.identity.rpartition("@")[2]) != signature.domain:
        return Flaw(Result.PERMERROR, "the key is not for subdomains (t=s)")
    if signature.length is not None and signature.length > body.size:
        return Flaw(Result.PERMERROR, "the body is shorter than l= says")
    if body.digest != signature.body_hash:
        return Flaw(Result.FAIL, "the body has changed since it was signed")
    octets = signed_input(fields, signature.names, signature.field, signature.header)
    if not key.is_signed(signature.value, hashlib.sha256(octets).digest()):
        return Flaw(Result.FAIL, "the signature does not fit the header")
    if "from" in _added(signature, fields):
        # Readers may show the one that is not signed (RFC 6376 §8.15).
        return Flaw(Result.POLICY, "a From field was added that is not signed")
    return None


def _added(signature: Signature, fields: Fields) -> Sequence[str]:
    """Fields that a message has once, of which there are more than are signed."""
    signed = [name.lower() for name in signature.names]
    present = [field.key for field in fields if field.key in SINGLE]
    return [
        key
        for key in dict.fromkeys(present)
        if key in signed and present.count(key) > max(1, signed.count(key))
    ]


def _remark(unsigned: int, signature: Signature, fields: Fields, key: PublicKey) -> str:
    """What an operator should know of a signature that is right."""
    remarks = []
    if unsigned:
        remarks.append(f"the last {unsigned} octets of the body are not signed (l=)")
    elif signature.length is not None:
        remarks.append("text could be added to the body (l=)")
    remarks += [
        f"a {name} field was added that is not signed" for name in _added(signature, fields)
    ]
    if key.is_testing:
        remarks.append("the domain is testing (t=y)")
    return "; ".join(remarks)
