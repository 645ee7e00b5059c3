"""What becomes of signatures, and what the verifier asks for."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from dkim_signer import Octets, Terms, Zone, signature
from postroad.mailauth.dkim.result import Result, Verified
from postroad.mailauth.dkim.signature import LONGEST
from postroad.mailauth.dkim.signing_key import new_key
from postroad.mailauth.dkim.tag_values import MOST_NAMES
from postroad.mailauth.dkim.verification import MOST_SIGNATURES, SKEW, Verifier
from postroad.model.fields import Fields

NOW = 1_700_000_000
HEADER = Fields.of(b"From: ann@example.org\r\nTo: bob@example.net\r\nSubject: hi\r\nDate: now\r\n")
BODY = b"Hello\r\n"
KEY = new_key("example.org", "s", "ed25519", 0)


def signed(terms: Terms | None = None, fields: Fields = HEADER) -> Fields:
    return fields.above(signature(fields, BODY, KEY, terms))


async def verified(fields: Fields, body: bytes = BODY, zone: Zone | None = None) -> list[Verified]:
    verifier = Verifier(zone or Zone.of(KEY), lambda: float(NOW))
    return list(await verifier.verify(fields, Octets(body)))


async def test_no_signature_needs_no_key() -> None:
    zone = Zone.of(KEY)
    assert await verified(HEADER, zone=zone) == []
    assert zone.asked == []


async def test_a_good_signature() -> None:
    (found,) = await verified(signed())
    assert (found.result, found.words, found.counts) == (Result.PASS, "", True)
    assert (found.domain, found.selector, found.identity) == ("example.org", "s", "@example.org")
    assert (found.algorithm, found.key_bits, len(found.beginning)) == ("ed25519-sha256", 256, 8)
    assert found.finding.details["counts"] == "yes"
    assert found.sentence == "signature of example.org (selector s): pass"


@pytest.mark.parametrize(
    ("extra", "result", "words"),
    [
        ({"t": str(NOW + int(SKEW) - 1)}, Result.PASS, ""),
        ({"t": str(NOW + int(SKEW) + 1)}, Result.POLICY, "made in the future"),
        ({"x": str(NOW - int(SKEW) + 1)}, Result.PASS, ""),
        ({"x": str(NOW - int(SKEW) - 1)}, Result.PERMERROR, "has expired"),
        ({"t": str(NOW), "x": str(NOW)}, Result.PERMERROR, "before it was made"),
        ({"x": "9" * 13}, Result.NEUTRAL, "no number"),
        ({"i": "ann@example.org"}, Result.PASS, ""),
        ({"i": "ann@a.example.org"}, Result.PASS, ""),
        ({"i": "@example.net"}, Result.PERMERROR, "not within"),
        ({"q": "dns/txt:other"}, Result.PASS, ""),
        ({"a": "RSA-SHA1"}, Result.PERMERROR, "SHA-1"),
        ({"a": "rsa-sha256"}, Result.PERMERROR, "of another kind"),
        ({"l": "9" * 77}, Result.NEUTRAL, "no number"),
        ({"s": "S"}, Result.PASS, ""),
        ({"d": "EXAMPLE.org"}, Result.PASS, ""),
        ({"s": "../x"}, Result.NEUTRAL, "no name"),
        ({"d": "bücher.example"}, Result.PERMERROR, "no key is published"),
        ({"c": "relaxed/"}, Result.FAIL, "body has changed"),
    ],
)
async def test_terms(extra: dict[str, str], result: Result, words: str) -> None:
    body = b"Hello  \r\n" if "c" in extra else BODY
    fields = HEADER.above(signature(HEADER, body, KEY, Terms(extra=extra)))
    (found,) = await verified(fields, body)
    assert found.result is result
    assert words in found.words


@pytest.mark.parametrize(
    "lines", [b"X: a\nFrom: ceo@bank.example\r\n", b"X: a\rFrom: ceo@bank.example\r\n"]
)
@pytest.mark.parametrize("names", [("From",), ("From", "X")])
async def test_nothing_passes_whose_fields_readers_see_differently(
    lines: bytes, names: tuple[str, ...]
) -> None:
    fields = Fields.of(lines + HEADER.octets)
    (found,) = await verified(signed(Terms(names=names), fields))
    assert (found.result, found.domain) == (Result.POLICY, "example.org")
    assert "bare CR or LF" in found.words


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"d": "a." * 127 + "org"}, "no name"),
        ({"s": "a." * 127 + "org"}, "no name"),
        ({"i": "a" * 309 + "@example.org"}, "too long"),
        ({"h": ":".join(["From"] * (MOST_NAMES + 1))}, "names more than"),
        ({"z": "x" * LONGEST}, "longer than"),
    ],
)
async def test_a_signature_is_as_long_as_one_may_be(extra: dict[str, str], words: str) -> None:
    fields = HEADER.above(signature(HEADER, BODY, KEY, Terms(extra=extra)))
    (found,) = await verified(fields)
    assert found.result is Result.NEUTRAL
    assert words in found.words
    assert max(map(len, (*found.finding.details.values(), found.domain, found.selector))) < 321


@pytest.mark.parametrize(
    ("length", "body", "result", "counts", "words"),
    [
        (None, BODY + b"more\r\n", Result.FAIL, False, "body has changed"),
        (7, BODY, Result.PASS, True, "could be added"),
        (7, BODY + b"more\r\n", Result.PASS, False, "the last 6 octets"),
        (0, BODY, Result.PASS, False, "the last 7 octets"),
        (7, b"", Result.PERMERROR, False, "shorter"),
    ],
)
async def test_lengths(
    length: int | None, body: bytes, result: Result, counts: bool, words: str
) -> None:
    (found,) = await verified(signed(Terms(length=length)), body)
    assert (found.result, found.counts) == (result, counts)
    assert words in found.words


@pytest.mark.parametrize(
    ("records", "result", "words"),
    [
        ((), Result.PERMERROR, "no key is published"),
        (("v=spf1 -all",), Result.PERMERROR, "no key is published"),
        (("v=spf1 -all", KEY.record), Result.PASS, ""),
        ((KEY.record, KEY.record), Result.PERMERROR, "several keys"),
        (("v=DKIM1; p=",), Result.PERMERROR, "revoked"),
        (("v=DKIM1; k=rsa",), Result.PERMERROR, "no key is published|holds no key"),
        ((KEY.record.removeprefix("v=DKIM1; "),), Result.PASS, ""),
        ((f"{KEY.record}; t=y",), Result.PASS, "testing"),
        ((f"{KEY.record}; h=sha1",), Result.PERMERROR, "SHA-256"),
        ((f"{KEY.record}; h=sha1:sha256",), Result.PASS, ""),
        ((f"{KEY.record}; s=email",), Result.PASS, ""),
        ((f"{KEY.record}; s=tlsrpt",), Result.PERMERROR, "not for mail"),
        (("v=DKIM1; k=ed25519; p=AAAA",), Result.PERMERROR, "32 octets"),
        (("v=DKIM1; k=ed25519; p=!",), Result.PERMERROR, "base64"),
        (("v=DKIM1; k=dsa; p=AAAA",), Result.PERMERROR, "unknown kind"),
        (("v=DKIM1; p=AAAA",), Result.PERMERROR, "cannot be read"),
        (("v=DKIM1; p=AAAA; p=AAAA",), Result.PERMERROR, "twice"),
        (("k=ed25519; v=DKIM1; p=AAAA",), Result.PERMERROR, "another version"),
    ],
)
async def test_keys(records: tuple[str, ...], result: Result, words: str) -> None:
    import re

    (found,) = await verified(signed(), zone=Zone({KEY.name: records}))
    assert found.result is result
    assert re.search(words, found.words)


async def test_a_strict_key_is_for_its_domain_alone() -> None:
    zone = Zone({KEY.name: f"{KEY.record}; t=s"})
    (found,) = await verified(signed(Terms(extra={"i": "@a.example.org"})), zone=zone)
    assert (found.result, found.words) == (
        Result.PERMERROR,
        "the key is not for subdomains (t=s)",
    )


@pytest.mark.parametrize("bits", [1024, 2048])
async def test_rsa(bits: int) -> None:
    key = new_key("example.org", "r", "rsa", bits)
    fields = HEADER.above(signature(HEADER, BODY, key))
    (found,) = await verified(fields, zone=Zone.of(key))
    assert (found.result, found.key_bits) == (Result.PASS, bits)


@pytest.mark.parametrize(
    ("line", "result", "words"),
    [
        (b"From: eve@example.com\r\n", Result.POLICY, "a From field was added"),
        (b"Subject: eve\r\n", Result.PASS, "a subject field was added"),
        (b"X-Other: 1\r\n", Result.PASS, ""),
    ],
)
async def test_fields_that_were_added_on_top(line: bytes, result: Result, words: str) -> None:
    (found,) = await verified(signed().above(line))
    assert found.result is result
    assert words in found.words


async def test_a_field_that_is_oversigned_cannot_be_added() -> None:
    fields = signed(Terms(names=("From", "From", "Subject", "Subject")))
    (found,) = await verified(fields.above(b"Subject: eve\r\n"))
    assert found.result is Result.FAIL


@pytest.mark.parametrize("size", [100, 200_000])
async def test_a_long_header_is_verified_as_a_short_one(size: int) -> None:
    padded = HEADER.below(b"X-Long: " + b"x" * 60_000 + b"\r\n" if size > 100 else b"X: y\r\n")
    for _ in range(size // 60_000):
        padded = padded.below(b"X-Long: " + b" \t" * 30_000 + b"\r\n")
    terms = Terms(names=("From", "X-Long", "X-Long", "X-Long", "X-Long"))
    good = signed(terms, padded)
    assert [each.result for each in await verified(good)] == [Result.PASS]
    bad = good.replaced(next(iter(good.named("From"))), b"From: eve@example.org\r\n")
    assert [each.result for each in await verified(bad)] == [Result.FAIL]


async def test_a_strict_key_takes_its_domain_in_either_form() -> None:
    key = new_key("xn--bcher-kva.example", "s", "ed25519", 0)
    zone = Zone({key.name: f"{key.record}; t=s"})
    for identity, result in (("@bücher.example", Result.PASS), ("@x.bücher.example", None)):
        line = signature(HEADER, BODY, key, Terms(extra={"i": identity}))
        (found,) = await verified(HEADER.above(line), zone=zone)
        assert found.result is (result or Result.PERMERROR)


async def test_a_dns_that_is_away_is_temporary() -> None:
    (found,) = await verified(signed(), zone=Zone({}, away=True))
    assert found.result is Result.TEMPERROR


async def test_keys_are_not_waited_for_any_longer_than_said() -> None:
    class Silent(Zone):
        async def records(self, name: str, kind: str) -> tuple[str, ...]:
            await asyncio.Event().wait()
            raise AssertionError

    verifier = Verifier(Silent({}), lambda: float(NOW))
    (found,) = await verifier.verify(signed(), Octets(BODY), patience=0)
    assert (found.result, found.counts) == (Result.TEMPERROR, False)


async def test_only_some_signatures_are_looked_at_and_a_key_is_asked_for_once() -> None:
    fields = HEADER
    for _ in range(MOST_SIGNATURES + 5):
        fields = fields.above(signature(HEADER, BODY, KEY))
    zone = Zone.of(KEY)
    found = await verified(fields, zone=zone)
    assert [each.result for each in found] == [Result.PASS] * MOST_SIGNATURES
    assert zone.asked == [KEY.name]


async def test_a_broken_signature_hides_no_good_one() -> None:
    found = await verified(signed().above(b"DKIM-Signature: nonsense\r\n"))
    assert [each.result for each in found] == [Result.NEUTRAL, Result.PASS]
    assert found[0].domain == ""


async def test_the_verdict_names_only_what_can_be_a_name() -> None:
    line = b'DKIM-Signature: v=1; d=evil\\ example; s="x"; b=<script>; a=x\r\n'
    (found,) = await verified(HEADER.above(line))
    assert replace(found, result=Result.NONE, words="") == Verified(result=Result.NONE)
