"""What the sealer makes, and whose word is taken of what it made."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

import dkim
import pytest

from dkim_signer import Octets, Zone
from postroad.mailauth.arc.chain import MOST_SETS, chain_of
from postroad.mailauth.arc.judging import ArcJudge, Voucher, voucher_of
from postroad.mailauth.arc.sealing import ArcSealer
from postroad.mailauth.arc.settings import ArcSettings
from postroad.mailauth.arc.verification import ArcVerdict, ArcVerifier
from postroad.mailauth.dkim.body_hash import Wanted, body_hashes
from postroad.mailauth.dkim.key_store import KeysUnavailable
from postroad.mailauth.dkim.result import Flaw, Result
from postroad.mailauth.dkim.settings import DkimSettings
from postroad.mailauth.dkim.signature import LONGEST
from postroad.mailauth.dkim.signing_key import SigningKey, new_key
from postroad.mailauth.dkim.tag_values import MOST_NAMES
from postroad.mailauth.evidence import Evidence
from postroad.model import Address, Client, Envelope, Recipient
from postroad.model.fields import Field, Fields
from postroad.model.letter import NO_OPINION, Finding, Letter, Origin

NOW = 1_700_000_000.0
KEYS = {name: new_key(name, "s1", "rsa", 1024) for name in ("list.example", "hop.example")}
ZONE = Zone.of(*KEYS.values())
BODY = b"Hello\r\n"
CAME = b"From: ann@bank.example\r\nTo: x@list.example\r\nSubject: hi\r\nDate: now\r\n"
PASSED = "dmarc=pass header.from=bank.example"


class Ring:
    def __init__(self, *keys: SigningKey, broken: bool = False) -> None:
        self.keys, self.broken = keys, broken

    def keys_for(self, author: str) -> tuple[SigningKey, ...]:
        if self.broken:
            raise KeysUnavailable("the disk is away")
        return tuple([key for key in self.keys if key.domain == author])


def letter(fields: bytes, *findings: Finding, origin: Origin = Origin.OUTSIDE) -> Letter:
    return Letter(
        queue_id="Q1",
        envelope=Envelope(Address("ann", "bank.example")),
        recipients=(),
        origin=origin,
        fields=Fields.of(fields),
        body=Octets(BODY),
        client=Client("192.0.2.1", 25),
        findings=findings,
    )


def verdict(fields: bytes, body: bytes = BODY, zone: Zone = ZONE) -> ArcVerdict:
    return asyncio.run(ArcVerifier(zone, lambda: NOW).verify(Fields.of(fields), Octets(body)))


def sealer(domain: str, ring: Ring, said: list[str] | None = None) -> ArcSealer:
    warn = (lambda words: None) if said is None else said.append
    return ArcSealer(DkimSettings(), ring, domain, domain, clock=lambda: NOW, warn=warn)


def sealed(domain: str, fields: bytes, results: str = PASSED) -> bytes:
    """A message as a server hands it on that has received and sealed it."""
    found = verdict(fields)
    findings = () if found.result is Result.NONE else (Finding("arc", found.result.value),)
    head = f"Authentication-Results: {domain};\r\n\t{results}\r\n".encode()
    shown = letter(head + b"Received: by us\r\n" + fields, *findings)
    opinion = asyncio.run(sealer(domain, Ring(*KEYS.values())).examine(shown))
    assert opinion.fields is not None
    return opinion.fields.octets


def test_a_chain_of_two_is_ours_and_dkimpys_to_verify() -> None:
    fields = sealed("hop.example", sealed("list.example", CAME))
    found = verdict(fields)
    assert (found.result, found.oldest_pass) == (Result.PASS, 0)
    assert [each.seal.domain for each in found.sets] == ["list.example", "hop.example"]
    assert all(len(line) <= 78 for line in fields.decode().split("\r\n"))
    texts = {f"{key.name}.".encode(): key.record.encode() for key in KEYS.values()}
    cv, _, reason = dkim.arc_verify(
        fields + b"\r\n" + BODY, dnsfunc=lambda name, timeout=5: texts.get(name)
    )
    assert cv == dkim.CV_Pass, reason


@pytest.mark.parametrize("old", [b"ann@bank", b"bank.example", b"Subject: hi", b"cv=none"])
def test_what_was_changed(old: bytes) -> None:
    fields = sealed("list.example", CAME).replace(old, old.replace(b"n", b"m", 1) + b"x", 1)
    assert verdict(fields).result is Result.FAIL


class Leaving:
    """Implements `Departures`."""

    def __init__(self, *, leaves: bool) -> None:
        self.leaves = leaves
        self.asked: list[str] = []

    async def leads_away(self, recipients: Sequence[Recipient]) -> bool:
        self.asked += [str(each.address) for each in recipients]
        return self.leaves


@pytest.mark.parametrize("leaves", [True, False])
def test_what_stays_here_is_not_sealed(leaves: bool) -> None:
    departures = Leaving(leaves=leaves)
    one = ArcSealer(
        DkimSettings(),
        Ring(*KEYS.values()),
        "list.example",
        "list.example",
        clock=lambda: NOW,
        warn=lambda _: None,
        departures=departures,
    )
    head = b"Authentication-Results: list.example; none\r\n"
    given = replace(letter(head + CAME), recipients=(Recipient(Address("x", "list.example")),))
    opinion = asyncio.run(one.examine(given))
    assert departures.asked == ["x@list.example"]
    assert (opinion is not NO_OPINION) is leaves


def test_an_older_signature_with_a_length_of_its_own_does_not_hold() -> None:
    fields = sealed("hop.example", sealed("list.example", CAME))
    found = verdict(fields)
    partial = replace(found.sets[0].signature, length=len(BODY) - 1)
    sets = (found.sets[0]._replace(signature=partial), found.sets[1])
    verifier = ArcVerifier(ZONE, lambda: NOW)
    keys = asyncio.run(verifier._keys([each.signature.key_name for each in sets]))
    ways = [Wanted(each.signature.body) for each in sets]
    hashes = asyncio.run(body_hashes(Octets(BODY), ways))
    assert len(hashes) == 1
    assert asyncio.run(verifier._oldest(sets, keys, Fields.of(fields), hashes)) == 2


def test_a_change_of_the_body_is_said_by_the_next_seal() -> None:
    fields = sealed("list.example", CAME)
    assert verdict(fields, b"Buy\r\n").result is Result.FAIL
    head = b"Authentication-Results: hop.example; none\r\n"
    shown = replace(letter(head + fields, Finding("arc", "fail")), body=Octets(b"Buy\r\n"))
    opinion = asyncio.run(sealer("hop.example", Ring(*KEYS.values())).examine(shown))
    assert opinion.fields is not None
    assert b"cv=fail" in opinion.fields.octets
    assert isinstance(chain_of(opinion.fields), Flaw)
    # Once it is broken nobody adds to it (RFC 8617 §5.1.3).
    again = letter(head + opinion.fields.octets, Finding("arc", "fail"))
    assert asyncio.run(sealer("hop.example", Ring(*KEYS.values())).examine(again)) is NO_OPINION


@pytest.mark.parametrize(
    ("shown", "ring", "words"),
    [
        (letter(CAME), Ring(*KEYS.values()), ""),
        (letter(b"Authentication-Results: other.example; none\r\n" + CAME), Ring(), ""),
        (letter(b"Authentication-Results: hop.example; none\r\n" + CAME), Ring(), "has no key"),
        (
            letter(b"Authentication-Results: hop.example; none\r\n" + CAME),
            Ring(broken=True),
            "the disk is away",
        ),
        (
            letter(b"Authentication-Results: hop.example; none\r\n", origin=Origin.OURS),
            Ring(*KEYS.values()),
            "",
        ),
    ],
)
def test_no_seal(shown: Letter, ring: Ring, words: str) -> None:
    said: list[str] = []
    assert asyncio.run(sealer("hop.example", ring, said).examine(shown)) is NO_OPINION
    assert [words in line for line in said] == ([True] if words else [])


def test_temporary_errors() -> None:
    zone = Zone.of(*KEYS.values())
    zone.away = True
    assert verdict(sealed("list.example", CAME), zone=zone).result is Result.TEMPERROR


def test_a_forged_chain_costs_one_question() -> None:
    fields = sealed("list.example", CAME)
    one = Fields.of(fields)
    row: list[bytes] = []
    for instance in range(1, MOST_SETS + 1):
        for field in one:
            if field.key.startswith("arc-"):
                cv = b"cv=none" if instance == 1 else b"cv=pass"
                octets = field.octets.replace(b"i=1;", f"i={instance};".encode())
                octets = octets.replace(b"d=list", f"d=l{instance}".encode())
                row.append(octets.replace(b"cv=none", cv))
    zone = Zone({})
    found = verdict(b"".join(row) + CAME, zone=zone)
    assert found.result is Result.FAIL
    assert zone.asked == [f"s1._domainkey.l{MOST_SETS}.example"]
    more = row + [each.replace(f"i={MOST_SETS};".encode(), b"i=51;") for each in row[-3:]]
    assert verdict(b"".join(more) + CAME).result is Result.FAIL


LIST, HOP = frozenset({"list.example"}), frozenset({"hop.example"})
WORDS_1 = "arc=pass as[1].d=list.example as[1].s=s1"
WORDS_2 = "arc=pass as[2].d=hop.example as[2].s=s1 as[1].d=list.example as[1].s=s1"


@pytest.mark.parametrize(
    ("results", "trusted", "expected"),
    [
        (PASSED, LIST, Voucher("bank.example", WORDS_1)),
        (PASSED, frozenset(), None),
        (PASSED, HOP, None),
        ("dmarc=fail header.from=bank.example", LIST, None),
        ("dmarc=pass", LIST, None),
        (f"{PASSED};\r\n\tdmarc=fail header.from=evil.example", LIST, None),
        ("spf=pass smtp.mailfrom=bank.example", LIST, None),
        ("dmarc=pass (header.from=bank.example", LIST, None),
    ],
)
def test_whose_word_is_taken(
    results: str, trusted: frozenset[str], expected: Voucher | None
) -> None:
    assert voucher_of(verdict(sealed("list.example", CAME, results)), trusted) == expected


def test_a_stranger_sealed_after_it() -> None:
    """Its word counts as long as what it signed is as it was."""
    fields = sealed("hop.example", sealed("list.example", CAME), "dmarc=fail")
    assert voucher_of(verdict(fields), LIST) == Voucher("bank.example", WORDS_2)
    other = sealed("list.example", CAME).replace(b"Subject: hi", b"Subject: buy")
    # The stranger saw that it was broken and says that it was not.
    head = b"Authentication-Results: hop.example; none\r\n"
    shown = letter(head + other, Finding("arc", "pass"))
    opinion = asyncio.run(sealer("hop.example", Ring(*KEYS.values())).examine(shown))
    assert opinion.fields is not None
    found = verdict(opinion.fields.octets)
    assert (found.result, found.oldest_pass) == (Result.PASS, 2)
    assert voucher_of(found, LIST) is None
    assert voucher_of(found, LIST | HOP) == Voucher("bank.example", WORDS_2)


def test_a_signature_without_the_author() -> None:
    found = verdict(sealed("list.example", CAME))
    (one,) = found.sets
    bare = replace(one.signature, names=("subject",))
    assert voucher_of(replace(found, sets=(one._replace(signature=bare),)), LIST) is None


def test_the_judge() -> None:
    came = Fields.of(sealed("list.example", CAME))
    judge = ArcJudge(ArcSettings(trusted_sealers=("LIST.example",)), ArcVerifier(ZONE, lambda: NOW))
    said = asyncio.run(judge.judge(letter(CAME), Evidence(came=came)))
    (result,), (finding,) = said.results, said.findings
    assert (result.method, result.result) == ("arc", "pass")
    assert result.value("smtp", "remote-ip") == "192.0.2.1"
    assert result.value("header", "oldest-pass") == "0"
    assert finding.details["vouches"] == "bank.example"
    nothing = asyncio.run(judge.judge(letter(CAME), Evidence(came=Fields.of(CAME))))
    assert nothing == ((), (), None, "", ())


@pytest.mark.parametrize("extra", [b"From: eve@bank.example\r\n", b"from : eve@bank.example\r\n"])
def test_a_second_author_beside_the_one_that_was_sealed(extra: bytes) -> None:
    came = Fields.of(extra + sealed("list.example", CAME))
    judge = ArcJudge(ArcSettings(trusted_sealers=("list.example",)), ArcVerifier(ZONE, lambda: NOW))
    said = asyncio.run(judge.judge(letter(CAME), Evidence(came=came)))
    assert said.findings[0].details["vouches"] == ""


def test_the_judge_that_is_late() -> None:
    judge = ArcJudge(ArcSettings(), ArcVerifier(ZONE, lambda: NOW))
    said = judge.late("there was no answer in time")
    assert [(each.method, each.result) for each in said.results] == [("arc", "temperror")]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (b"x:" * MOST_NAMES + b"from", f"names more than {MOST_NAMES} fields"),
        (b"x" * LONGEST, f"longer than {LONGEST} octets"),
    ],
)
def test_how_much_a_signature_may_name(names: bytes, words: str) -> None:
    came = Fields.of(sealed("list.example", CAME))
    signature = next(each for each in came if each.key == "arc-message-signature")
    octets = signature.octets.replace(b" h=", b" h=" + names + b":", 1)
    assert octets != signature.octets
    found = chain_of(came.replaced(signature, octets))
    assert isinstance(found, Flaw)
    assert words in found.words


class Counting(Octets):
    """Counts how often it is read."""

    read = 0

    def chunks(self) -> Iterator[bytes]:
        self.read += 1
        return super().chunks()


@pytest.mark.parametrize(("domain", "read"), [(b"d=hop.example", 1), (b"d=nobody.example", 0)])
def test_the_body_is_read_only_if_there_is_a_key(domain: bytes, read: int) -> None:
    fields = sealed("hop.example", CAME).replace(b"d=hop.example", domain)
    body = Counting(BODY)
    asyncio.run(ArcVerifier(ZONE, lambda: NOW).verify(Fields.of(fields), body))
    assert body.read == read


def test_field_names_are_as_they_are() -> None:
    assert [field.name for field in Fields.of(sealed("list.example", CAME))][:3] == [
        "ARC-Seal",
        "ARC-Message-Signature",
        "ARC-Authentication-Results",
    ]
    assert isinstance(chain_of(Fields((Field(b"ARC-Seal: i=1\r\n"),))), Flaw)
