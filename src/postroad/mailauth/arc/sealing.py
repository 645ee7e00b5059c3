"""Seals mail from outside: where it is forwarded to, all see what we found (RFC 8617 §5.1).

The sealer comes after the border, whose results it repeats, and after all filters, as nothing may
change after it. Sealed is what an alias leads to another server, or what is relayed; mail that ends
here needs no seal, and costs no signature.

Without results of ours there is nothing to say, and no seal. A chain that somebody found broken
before stays as it is; one that is found broken here gets a last seal that says so.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from typing import Protocol

from postroad.mailauth.arc.chain import (
    MOST_SETS,
    RESULTS,
    SEAL,
    chain_of,
    fields_of,
    has_failed,
    highest_instance,
)
from postroad.mailauth.arc.verification import sealed_input
from postroad.mailauth.dkim.body_hash import Wanted, body_hashes
from postroad.mailauth.dkim.canonicalization import Canonicalization
from postroad.mailauth.dkim.key_store import KeysUnavailable
from postroad.mailauth.dkim.result import Flaw
from postroad.mailauth.dkim.settings import DkimSettings
from postroad.mailauth.dkim.signature_field import BASE64, names_to_sign, signature_field
from postroad.mailauth.dkim.signed_input import is_whole
from postroad.mailauth.dkim.signing import Keys
from postroad.mailauth.dkim.signing_key import SigningKey
from postroad.mailauth.results.claiming import claims
from postroad.model import Recipient
from postroad.model.fields import Field, Fields
from postroad.model.letter import NO_OPINION, Finding, Letter, Opinion, Origin

__all__ = ["ArcSealer", "Departures", "sealed"]

_RELAXED = Wanted(Canonicalization.RELAXED)
_FOLD = "\r\n\t"


class Departures(Protocol):
    """Who knows where mail goes from here."""

    async def leads_away(self, recipients: Sequence[Recipient]) -> bool:
        """Whether any of it goes to another server; also where that cannot be known now."""
        ...


class ArcSealer:
    """Implements `Examiner`."""

    def __init__(
        self,
        settings: DkimSettings,
        keys: Keys,
        domain: str,
        authserv_id: str,
        *,
        clock: Callable[[], float],
        warn: Callable[[str], None],
        departures: Departures | None = None,
    ) -> None:
        """Take what it needs.

        Args:
            settings: which fields are signed.
            keys: knows the keys.
            domain: whose keys seal.
            authserv_id: the name that our results stand under.
            clock: seconds since the epoch.
            warn: takes a line for the log.
            departures: asked whether a message leaves again; `None`: every one is sealed.
        """
        self._departures = departures
        self._settings = settings
        self._keys = keys
        self._domain = domain
        self._authserv_id = authserv_id
        self._clock = clock
        self._warn = warn

    async def examine(self, letter: Letter) -> Opinion:
        """See `Examiner.examine`.

        Raises:
            postroad.spool.SpoolError: the body cannot be read.
        """
        if letter.origin is not Origin.OUTSIDE:
            return NO_OPINION
        results = self._results(letter.fields)
        place = _place(letter)
        if results is None or place is None:
            return NO_OPINION
        leaving = self._departures
        if leaving is not None and not await leaving.leads_away(letter.recipients):
            return NO_OPINION
        try:
            keys = self._keys.keys_for(self._domain)
        except KeysUnavailable as error:
            self._warn(f"{letter.queue_id}: not sealed: {error}")
            return NO_OPINION
        names = self._names(letter.fields)
        if not names or not is_whole(letter.fields):
            self._warn(f"{letter.queue_id}: not sealed: its header cannot be signed as it is")
            return NO_OPINION
        # RFC 8617 §4.1.3 has one seal per set; RSA is what everybody can verify.
        key = next((each for each in keys if each.kind == "rsa"), keys[-1] if keys else None)
        if key is None:
            self._warn(f"{letter.queue_id}: not sealed: {self._domain} has no key")
            return NO_OPINION
        instance, cv = place
        digest = (await body_hashes(letter.body, [_RELAXED]))[_RELAXED].digest
        made = sealed(
            letter.fields,
            digest,
            key,
            names,
            instance=instance,
            cv=cv,
            results=results,
            now=int(self._clock()),
        )
        words = f"sealed by {key.domain} as set {instance}, cv={cv}"
        details = {"domain": key.domain, "selector": key.selector, "sets": str(instance)}
        found = Finding("arc-seal", "sealed", words, details)
        return Opinion(fields=letter.fields.above(*made), findings=(found,))

    def _results(self, fields: Fields) -> bytes | None:
        """The body of our own results; `None`: there are none."""
        for field in fields.named("authentication-results"):
            if claims(field, self._authserv_id):
                return field.value
        return None

    def _names(self, fields: Fields) -> list[str]:
        """What is signed: as by DKIM, and the signatures of others (RFC 8617 §4.1.2)."""
        signed = (*self._settings.signed, "DKIM-Signature")
        return names_to_sign(fields, signed, self._settings.oversigned)


def _place(letter: Letter) -> tuple[int, str] | None:
    """The instance of our set, and what it says of the chain before; `None`: none is to be made."""
    found = letter.found("arc")
    if not fields_of(letter.fields):
        return 1, "none"
    sets = chain_of(letter.fields)
    instance = highest_instance(letter.fields) + 1
    if found is None or instance > MOST_SETS or found.result not in ("pass", "fail"):
        return None
    if isinstance(sets, Flaw):
        return None if has_failed(letter.fields) else (instance, "fail")
    return instance, found.result


def sealed(
    fields: Fields,
    body_hash: bytes,
    key: SigningKey,
    names: Sequence[str],
    *,
    instance: int,
    cv: str,
    results: bytes,
    now: int,
) -> tuple[bytes, bytes, bytes]:
    """The three fields of a set (RFC 8617 §5.1).

    Args:
        fields: the header section that is signed.
        body_hash: SHA-256 of the body, made ready as `relaxed`.
        key: signs both.
        names: the fields to sign.
        instance: `i=`.
        cv: what is said of the chain before.
        results: the body of an Authentication-Results field.
        now: seconds since the epoch.

    Returns:
        Seal, signature and results: the order in which they stand, from the top.
    """
    said = results.removesuffix(b"\r\n").lstrip(b" \t")
    aar = Field(RESULTS.encode() + f": i={instance}; ".encode() + said + b"\r\n")
    ams = Field(signature_field(fields, body_hash, key, names, now=now, instance=instance))
    head = (
        f"{SEAL}: i={instance}; a={key.algorithm}; t={now}; cv={cv};\r\n"
        f"\td={key.domain}; s={key.selector};\r\n\tb="
    )
    before: list[Field] = []
    sets = chain_of(fields)
    if cv != "fail" and not isinstance(sets, Flaw):  # §5.1.2: else the seal covers its own set only
        before = [field for each in sets for field in each.in_order]
    octets = sealed_input([*before, aar, ams], Field(f"{head}\r\n".encode()))
    value = base64.b64encode(key.sign(hashlib.sha256(octets).digest())).decode("ascii")
    lines = [value[at : at + BASE64] for at in range(0, len(value), BASE64)]
    seal = f"{head}{_FOLD.join(lines)}\r\n".encode()
    return seal, ams.octets, aar.octets
