"""From a message and what was verified of it to what is done."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from dkim_signer import Octets, Zone
from postroad.mailauth.dkim.result import Result, Verified
from postroad.mailauth.dmarc.alignment import aligned
from postroad.mailauth.dmarc.discovery import MOST_QUESTIONS, Discovery, steps
from postroad.mailauth.dmarc.evaluation import Evaluator, Verdict, Witness
from postroad.mailauth.dmarc.judging import JUNK, DmarcJudge
from postroad.mailauth.dmarc.overriding import Trusted
from postroad.mailauth.dmarc.recording import Evaluated
from postroad.mailauth.dmarc.result import DmarcResult, Policy, strictest
from postroad.mailauth.dmarc.sampling import is_sampled
from postroad.mailauth.dmarc.settings import DmarcSettings
from postroad.mailauth.evidence import Evidence, Statement
from postroad.mailauth.spf.result import SpfResult, SpfVerdict
from postroad.model import Address, Client, Envelope, Recipient
from postroad.model.fields import Fields
from postroad.model.letter import Finding, Letter, Origin
from postroad.net.dns_records import DnsTemporary, RecordType

BANK = {"_dmarc.bank.example": "v=DMARC1; p=reject"}


def spf(domain: str, result: SpfResult = SpfResult.PASS) -> SpfVerdict:
    return SpfVerdict(result=result, domain=domain, address="192.0.2.7", sender=f"x@{domain}")


def signed(domain: str, result: Result = Result.PASS) -> Verified:
    return Verified(result=result, domain=domain, selector="s1")


def witness(author: str = "ann@bank.example", **changes: object) -> Witness:
    fields = Fields.of(f"From: {author}\r\nMessage-ID: <1@x>\r\n".encode())
    return replace(Witness(fields=fields, address="192.0.2.7"), **changes)


class Records(Zone):
    """TXT records, and addresses of names that exist."""

    def __init__(self, records: dict[str, str], existing: tuple[str, ...] = ()) -> None:
        super().__init__(records)
        self.existing = existing
        self.slow: set[str] = set()

    async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
        if name in self.slow:
            raise DnsTemporary(name, kind)
        if kind != "TXT":
            return ("192.0.2.1",) if name in self.existing and kind == "MX" else ()
        return await super().records(name, kind)


def verdict(
    one: Witness, records: dict[str, str] | Zone = BANK, settings: DmarcSettings | None = None
) -> Verdict:
    texts = records if isinstance(records, Zone) else Records(records)
    evaluator = Evaluator(settings or DmarcSettings(), texts, b"key")
    return asyncio.run(evaluator.evaluate(one)).worst


def test_the_names_of_a_walk() -> None:
    assert list(steps("a.b.c.d.e.f.g.h.i.example.com")) == [
        "a.b.c.d.e.f.g.h.i.example.com",
        "e.f.g.h.i.example.com",
        "f.g.h.i.example.com",
        "g.h.i.example.com",
        "h.i.example.com",
        "i.example.com",
        "example.com",
        "com",
    ]
    assert list(steps("example.com")) == ["example.com", "com"]
    assert list(steps("com")) == ["com"]
    assert max(len(list(steps(".".join("abcdefghijkl"[:n])))) for n in range(1, 13)) == 8


@pytest.mark.parametrize(
    ("domain", "records", "organization", "found_at"),
    [
        (
            "a.mail.example.com",
            {"mail.example.com": "", "example.com": ""},
            "example.com",
            "example.com",
        ),
        ("a.example.com", {"com": "psd=y"}, "example.com", "com"),
        ("x.a.example.com", {"com": "psd=y"}, "example.com", "com"),
        (
            "a.b.example.com",
            {"b.example.com": "psd=n", "example.com": ""},
            "b.example.com",
            "b.example.com",
        ),
        (
            "b.example.com",
            {"b.example.com": "psd=y", "example.com": ""},
            "example.com",
            "b.example.com",
        ),
        ("gov.example", {"gov.example": "psd=y"}, "gov.example", "gov.example"),
        ("a.example.com", {"a.example.com": "", "example.com": ""}, "example.com", "a.example.com"),
        ("a.example.com", {}, "a.example.com", ""),
    ],
)
def test_the_tree_walk(
    domain: str, records: dict[str, str], organization: str, found_at: str
) -> None:
    zone = Zone({f"_dmarc.{name}": f"v=DMARC1; p=reject; {more}" for name, more in records.items()})
    discovery = Discovery(zone, "tree-walk")
    published = asyncio.run(discovery.published(domain))
    assert asyncio.run(discovery.organization(domain)) == organization
    assert ("" if published is None else published.domain) == found_at
    assert len(zone.asked) == len(set(zone.asked))


@pytest.mark.parametrize(
    ("author", "spf_domain", "dkim_domain", "result"),
    [
        ("ann@bank.example", "bank.example", "", "pass"),
        ("ann@bank.example", "x.bank.example", "", "pass"),
        ("ann@bank.example", "", "bank.example", "pass"),
        ("ann@bank.example", "notbank.example", "example", "fail"),
        ("ann@x.bank.example", "y.bank.example", "", "pass"),
        ("ann@Bank.Example.", "bank.example", "", "permerror"),
        ("Ann <ann@BANK.example>", "bank.example", "", "pass"),
        ("ann@bank.example, bob@bank.example", "bank.example", "", "pass"),
        ("ann@bank.example, bob@evil.example", "bank.example", "", "none"),
        ("ann@bank.example, bob@evil.example", "evil.example", "evil.example", "fail"),
        ("group: ann@bank.example;", "", "", "fail"),
        ("group:;", "bank.example", "", "permerror"),
        ("ann@[192.0.2.7]", "bank.example", "", "permerror"),
        ("ann@bank.example <", "bank.example", "", "permerror"),
        ("ann@bank.example <", "", "", "fail"),
        ("(" * 5000 + "ann@bank.example", "", "", "fail"),
        ("(" * 5000 + "ann", "", "", "permerror"),
        ("x" * 40_000 + "@bank.example", "", "", "fail"),
        (", ".join(f"a@d{n}.example" for n in range(9)), "", "", "permerror"),
        ("=?utf-8?q?ann=40evil.example?= <ann@bank.example>", "", "", "fail"),
    ],
)
def test_authors(author: str, spf_domain: str, dkim_domain: str, result: str) -> None:
    one = witness(author, spf=spf(spf_domain), dkim=(signed(dkim_domain),))
    assert verdict(one).result.value == result


def test_several_from_fields() -> None:
    fields = Fields.of(b"From: bob@evil.example\r\nFrom: ann@bank.example\r\n")
    assert verdict(witness(fields=fields, spf=spf("evil.example"))).result is DmarcResult.FAIL
    assert verdict(witness(fields=Fields())).words == "there is no From field"


def test_names_in_other_scripts() -> None:
    records = {"_dmarc.xn--bcher-kva.example": "v=DMARC1; p=reject"}
    assert verdict(witness("ann@bücher.example"), records).disposition is Policy.REJECT
    one = witness("ann@BÜCHER.example", dkim=(signed("xn--bcher-kva.example"),))
    assert verdict(one, records).result is DmarcResult.PASS


def test_a_signature_that_does_not_count() -> None:
    part = replace(signed("bank.example"), unsigned=10)
    assert verdict(witness(dkim=(part,))).result is DmarcResult.FAIL
    assert verdict(witness(dkim=(part, signed("bank.example")))).result is DmarcResult.PASS


@pytest.mark.parametrize("exists", [True, False])
def test_names_that_do_not_exist(exists: bool) -> None:
    existing = ("x.bank.example",) if exists else ()
    records = Records({"_dmarc.bank.example": "v=DMARC1; p=none; np=reject"}, existing)
    found = verdict(witness("ann@x.bank.example"), records)
    assert found.policy is (Policy.NONE if exists else Policy.REJECT)


@pytest.mark.parametrize(
    ("one", "slow"),
    [
        (witness(), "_dmarc.bank.example"),
        (witness("ann@x.bank.example"), "_dmarc.bank.example"),
        (witness(spf=spf("bank.example", SpfResult.TEMPERROR)), ""),
        (witness(dkim=(signed("x.bank.example", Result.TEMPERROR),)), ""),
        (witness(dkim=(signed("x.bank.example"),)), "_dmarc.x.bank.example"),
    ],
)
def test_temporary_errors(one: Witness, slow: str) -> None:
    records = Records(BANK)
    records.slow = {slow}
    found = verdict(one, records)
    assert (found.result, found.disposition) == (DmarcResult.TEMPERROR, Policy.NONE)
    stranger = replace(one, dkim=(signed("bank.example"),))
    assert slow or verdict(stranger, records).result is DmarcResult.PASS


def test_strangers_signatures_cost_no_question() -> None:
    records = Records(BANK)
    one = witness(spf=spf("a.b.c.evil.example"), dkim=(signed("x.evil.example"),) * 8)
    assert verdict(one, records).result is DmarcResult.FAIL
    assert records.asked == ["_dmarc.bank.example", "_dmarc.example"]


def test_questions_are_bounded() -> None:
    authors = ", ".join(f"a@{n}.b.c.d.e.f.g.h{n}.i{n}.j{n}.k{n}.example" for n in range(5))
    names = [f"x{n}.y.b.c.d.e.f.g.h0.i0.j0.k0.example" for n in range(8)]
    records = Records({"_dmarc.k0.example": "v=DMARC1; p=reject"})
    found = verdict(witness(authors, dkim=tuple(map(signed, names))), records)
    assert 20 < len(records.asked) <= 5 * MOST_QUESTIONS
    assert found.result is DmarcResult.NONE


def test_no_author_uses_up_anothers_questions() -> None:
    evil = [f"l0.l1.l2.l3.l4.l5.l6.e{n}.example" for n in range(4)]
    published = {f"_dmarc.e{n}.example": "v=DMARC1; p=none" for n in range(4)}
    signatures = tuple([signed(f"x{n}.y.z.u.v.w.l6.e0.example") for n in range(8)])
    authors = ", ".join([*[f"x@{name}" for name in evil], "ceo@bank.example"])
    found = verdict(witness(authors, dkim=signatures), Records({**published, **BANK}))
    assert (found.author, found.disposition) == ("bank.example", Policy.REJECT)


def test_signatures_that_cost_too_many_questions_prove_nothing() -> None:
    # Each is below the author's organization, and says that it is one of its own.
    names = [".".join(f"{label}{n}" for label in "abcdefg") + ".bank.example" for n in range(12)]
    own = {f"_dmarc.{name}": "v=DMARC1; p=none; psd=n" for name in names}
    walks = [name.replace("a", "x.a", 1) for name in names]
    records = Records({**BANK, **own})
    discovery = Discovery(records, "tree-walk")
    found = asyncio.run(discovery.published("bank.example"))
    assert found is not None
    discovery._asked = MOST_QUESTIONS
    result = asyncio.run(aligned(found, discovery, None, tuple(map(signed, walks))))
    assert (result.passes, result.unsure) == (False, False)


UNREADABLE = [
    b'"B\xe4nk" <ceo@bank.example>',
    b'"B\x83\\" <ceo@bank.example>',
    b"CEO [x <ceo@bank.example>",
    b"CEO ) <ceo@bank.example>",
    b"C\\EO <ceo@bank.example>",
    b"CEO\x01 <ceo@bank.example>",
    b'"CEO <ceo@bank.example>',
    b"C.E.O <ceo.@bank.example>",
    b"CEO <ceo@bank.example",
    b"CEO <ceo@bank.example.>",
    b"CEO [ <ceo@(c)bank.example>",
    b"CEO [ <ceo@bank(c).example>",
    b"CEO [ <ceo@bank\r\n .example>",
    b'CEO [ <ceo@"bank".example>',
    b"x@evil.example [ <ceo@bank.example>",
    b", ".join([b"x@e%d.example" % n for n in range(5)] + [b"ceo@bank.example"]),
    b"[" + b"@e " * 600 + b"ceo@bank.example",
    b"x" * 33_000 + b" <ceo@bank.example>",
    b"<ceo@bank.example>" + b"x" * 33_000,
]


@pytest.mark.parametrize("value", UNREADABLE, ids=lambda value: repr(value[:30]))
@pytest.mark.parametrize("enforce", [True, False])
def test_what_cannot_be_read_hides_no_author(value: bytes, enforce: bool) -> None:
    one = witness(fields=Fields.of(b"From: " + value + b"\r\n"), spf=spf("e0.example"))
    found = verdict(one, settings=DmarcSettings(enforce=enforce))
    assert found.disposition is (Policy.REJECT if enforce else Policy.NONE)


@pytest.mark.parametrize("value", UNREADABLE[:10], ids=lambda value: repr(value[:30]))
def test_an_author_who_is_proved_passes_all_the_same(value: bytes) -> None:
    one = witness(fields=Fields.of(b"From: " + value + b"\r\n"), spf=spf("bank.example"))
    assert verdict(one).disposition is Policy.NONE


class Hanging(Records):
    """Some names have no answer, ever."""

    async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
        if name.endswith("evil.example"):
            await asyncio.Event().wait()
        return await super().records(name, kind)


def test_slow_names_of_one_author_hide_no_other() -> None:
    evaluator = Evaluator(DmarcSettings(), Hanging(BANK), b"key", patience=0.01)
    one = witness("x@evil.example, ceo@bank.example")
    found = asyncio.run(evaluator.evaluate(one))
    assert [each.result.value for each in found.verdicts] == ["temperror", "fail"]
    assert found.worst.disposition is Policy.REJECT


OVERRIDES = [
    ({"forwarders": ("192.0.2.0/24",)}, {}, "trusted_forwarder"),
    ({"forwarders": ("2001:db8::/32", "192.0.2.7")}, {}, "trusted_forwarder"),
    ({"forwarders": ("fwd.example",)}, {"spf": spf("fwd.example")}, "trusted_forwarder"),
    ({"forwarders": ("FWD.example",)}, {"helo": spf("mx.fwd.example")}, "trusted_forwarder"),
    ({"lists": ("list.example",)}, {"dkim": (signed("list.example"),)}, "mailing_list"),
    ({"exempt": ("Bank.example",)}, {}, "local_policy"),
    ({}, {"vouched": (("bank.example", "arc=pass"),)}, "local_policy"),
    ({"enforce": False}, {}, "local_policy"),
    ({}, {"vouched": (("evil.example", "arc=pass"),)}, ""),
    ({"forwarders": ("fwd.example",)}, {"spf": spf("fwd.example", SpfResult.NEUTRAL)}, ""),
    ({"forwarders": ("fwd.example",)}, {"spf": spf("notfwd.example")}, ""),
    ({"lists": ("list.example",)}, {"dkim": (signed("list.example", Result.FAIL),)}, ""),
    ({"forwarders": ("198.51.100.0/24",)}, {}, ""),
]


@pytest.mark.parametrize(("settings", "known", "expected"), OVERRIDES)
def test_overrides(settings: dict, known: dict, expected: str) -> None:
    found = verdict(witness(**known), settings=DmarcSettings(**settings))
    assert found.result is DmarcResult.FAIL
    assert [each.kind.value for each in found.overrides] == ([expected] if expected else [])
    assert found.disposition is (Policy.NONE if expected else Policy.REJECT)


@pytest.mark.parametrize(
    ("text", "disposition", "kind"),
    [
        ("p=reject; t=y", Policy.NONE, "policy_test_mode"),
        ("p=reject; pct=0", Policy.QUARANTINE, "sampled_out"),
        ("p=quarantine; pct=0", Policy.NONE, "sampled_out"),
        ("p=none; pct=0", Policy.NONE, ""),
        ("p=quarantine", Policy.QUARANTINE, ""),
    ],
)
def test_what_is_done(text: str, disposition: Policy, kind: str) -> None:
    found = verdict(witness(), {"_dmarc.bank.example": f"v=DMARC1; {text}"})
    assert found.disposition is disposition
    assert " ".join(each.kind.value for each in found.overrides) == kind


def test_samples_are_stable_and_of_the_size_asked_for() -> None:
    messages = [str(n).encode() for n in range(4000)]
    for percent in (0, 10, 50, 100):
        taken = [is_sampled(percent, b"key", each) for each in messages]
        assert abs(sum(taken) / 40 - percent) < 3
        assert taken == [is_sampled(percent, b"key", each) for each in messages]
    assert [is_sampled(50, b"key", m) for m in messages] != [
        is_sampled(50, b"x", m) for m in messages
    ]


def test_what_is_neither_address_nor_domain() -> None:
    with pytest.raises(ValueError, match="'a b' is no IP address"):
        Trusted(["a b"])


def test_words() -> None:
    assert strictest() is Policy.NONE
    assert strictest(Policy.QUARANTINE, Policy.REJECT, Policy.NONE) is Policy.REJECT


class Book:
    """Implements `DmarcRecorder`."""

    def __init__(self) -> None:
        self.found: list[Evaluated] = []

    def record(self, evaluated: Evaluated) -> None:
        self.found.append(evaluated)


def letter() -> Letter:
    return Letter(
        queue_id="Q1",
        envelope=Envelope(Address("x", "Evil.example")),
        recipients=(Recipient(Address("bob", "our.example")),),
        origin=Origin.OUTSIDE,
        fields=Fields(),
        body=Octets(b""),
        client=Client("192.0.2.7", 25),
    )


def judged(
    records: dict[str, str] | Zone,
    book: Book | None = None,
    *,
    author: str = "ann@bank.example",
    before: tuple[Statement, ...] = (),
    **settings: object,
) -> Statement:
    own = DmarcSettings(**settings)
    texts = records if isinstance(records, Zone) else Records(records)
    judge = DmarcJudge(
        Evaluator(own, texts, b"key"),
        on_temperror=own.on_temperror,
        clock=lambda: 7.0,
        recorder=book,
    )
    evidence = Evidence(
        came=Fields.of(f"From: {author}\r\n".encode()),
        spf=spf("evil.example"),
        dkim=(signed("bank.example", Result.FAIL),),
        statements=before,
    )
    return asyncio.run(judge.judge(letter(), evidence))


def test_a_refusal() -> None:
    book = Book()
    said = judged(BANK, book)
    assert said.reply is not None
    assert "550 5.7.26 Message rejected due to the DMARC policy of bank.example" in str(said.reply)
    (result,) = said.results
    assert (result.result, result.comment) == ("fail", "p=reject dis=reject")
    assert result.value("header", "from") == "bank.example"
    (found,) = said.findings
    assert found.details == {
        "domain": "bank.example",
        "policy": "reject",
        "disposition": "reject",
        "override": "",
    }
    (row,) = book.found
    assert (row.at, row.source_ip, row.envelope_from) == (7.0, "192.0.2.7", "evil.example")
    assert (row.envelope_to, row.header_from) == (("our.example",), "bank.example")
    assert (row.disposition, row.dkim_aligned, row.spf_aligned) == (Policy.REJECT, False, False)
    assert [each.result for each in row.dkim] == ["fail"]
    assert row.spf is not None
    assert (row.spf.scope, row.spf.result, row.found_by) == ("mfrom", "pass", "treewalk")


def test_junk_and_nothing() -> None:
    quarantined = judged({"_dmarc.bank.example": "v=DMARC1; p=quarantine"})
    assert (quarantined.fields, quarantined.reply) == ((JUNK,), None)
    book = Book()
    nothing = judged({}, book)
    assert (nothing.fields, nothing.reply, book.found) == ((), None, [])
    assert nothing.results[0].result == "none"


def test_a_trusted_sealer() -> None:
    details = {"vouches": "bank.example", "voucher": "arc=pass as[1].d=list.example"}
    arc = Statement((), (Finding("arc", "pass", "", details),))
    book = Book()
    said = judged(BANK, book, before=(arc,))
    assert (said.reply, said.results[0].comment) == (None, "p=reject dis=none local_policy")
    assert book.found[0].overrides[0].words == "arc=pass as[1].d=list.example"


@pytest.mark.parametrize(("on_temperror", "code"), [("accept", ""), ("defer", "451")])
def test_no_answer(on_temperror: str, code: str) -> None:
    records = Records(BANK)
    records.slow = {"_dmarc.bank.example"}
    book = Book()
    said = judged(records, book, on_temperror=on_temperror)
    assert (str(said.reply)[:3] if said.reply else "") == code
    assert (said.results[0].result, book.found) == ("temperror", [])


def test_no_answer_for_one_author_beside_a_failure_without_consequence() -> None:
    records = Records({"_dmarc.weak.example": "v=DMARC1; p=none"})
    records.slow = {"_dmarc.bank.example"}
    said = judged(records, author="x@weak.example, a@bank.example", on_temperror="defer")
    assert str(said.reply).startswith("451 4.7.0 ")


@pytest.mark.parametrize(("on_temperror", "code"), [("accept", ""), ("defer", "451")])
def test_no_time(on_temperror: str, code: str) -> None:
    judge = DmarcJudge(
        Evaluator(DmarcSettings(), Records(BANK), b"key"),
        on_temperror=on_temperror,
        clock=lambda: 7.0,
    )
    said = judge.late("there was no answer in time")
    assert (str(said.reply)[:3] if said.reply else "") == code
    assert said.results[0].result == "temperror"


@pytest.mark.parametrize(
    ("unclear_author", "enforce", "reply", "fields"),
    [
        ("accept", True, "", ()),
        ("quarantine", True, "", (JUNK,)),
        ("reject", True, "550 5.7.1 ", ()),
        ("reject", False, "", ()),
    ],
)
def test_unclear_authors(
    unclear_author: str, enforce: bool, reply: str, fields: tuple[bytes, ...]
) -> None:
    said = judged(BANK, author="nobody", unclear_author=unclear_author, enforce=enforce)
    assert str(said.reply or "").startswith(reply) is True
    assert (said.reply is None) is not reply
    assert said.fields == fields
