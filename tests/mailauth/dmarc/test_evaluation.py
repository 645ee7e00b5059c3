"""From a message and what was verified of it to what is done."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from dkim_signer import Octets, Zone
from dmarc_witness import BANK, Records, signed, spf, verdict, witness
from postroad.mailauth.dkim.result import Result
from postroad.mailauth.dmarc.alignment import aligned
from postroad.mailauth.dmarc.discovery import MOST_QUESTIONS, Discovery, steps
from postroad.mailauth.dmarc.evaluation import Evaluator
from postroad.mailauth.dmarc.judging import JUNK, DmarcJudge
from postroad.mailauth.dmarc.overriding import Trusted
from postroad.mailauth.dmarc.recording import Evaluated
from postroad.mailauth.dmarc.result import DmarcResult, Policy, strictest
from postroad.mailauth.dmarc.sampling import is_sampled
from postroad.mailauth.dmarc.settings import DmarcSettings
from postroad.mailauth.evidence import Evidence, Statement
from postroad.mailauth.spf.result import SpfResult
from postroad.model import Address, Client, Envelope, Recipient, Reply
from postroad.model.fields import Fields
from postroad.model.letter import Finding, Letter, Origin


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
            "b.example.com",  # §4.10, step 2: it ends the walk where that begins
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
        ("p=reject; t=y", Policy.QUARANTINE, "policy_test_mode"),
        ("p=quarantine; t=y", Policy.NONE, "policy_test_mode"),
        ("p=none; t=y", Policy.NONE, ""),
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


@pytest.mark.parametrize(
    ("text", "disposition", "kind"),
    [
        ("p=reject", Policy.QUARANTINE, "local_policy"),
        ("p=reject; t=y", Policy.QUARANTINE, "policy_test_mode"),
        ("p=quarantine", Policy.QUARANTINE, ""),
        ("p=none", Policy.NONE, ""),
    ],
)
def test_who_refuses_nothing(text: str, disposition: Policy, kind: str) -> None:
    settings = DmarcSettings(on_reject="quarantine")
    found = verdict(witness(), {"_dmarc.bank.example": f"v=DMARC1; {text}"}, settings)
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

    def wants(self, recipients: Sequence[Address]) -> bool:
        return bool(recipients)

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


UNPROVED = "neither SPF nor DKIM proves its author"


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


@pytest.mark.parametrize(
    ("asked", "on_temperror", "code"),
    [
        ("reject", "accept", "451"),
        ("quarantine", "accept", ""),
        ("none", "accept", ""),
        ("none", "defer", "451"),
    ],
)
def test_what_is_done_while_an_answer_is_missing(asked: str, on_temperror: str, code: str) -> None:
    records = Records({"_dmarc.bank.example": f"v=DMARC1; p={asked}"})
    records.slow = {"_dmarc.lame.bank.example"}
    said = judged(records, author="ann@lame.bank.example", on_temperror=on_temperror)
    assert ("" if said.reply is None else str(said.reply)[:3]) == code
    assert said.fields == ((JUNK,) if asked == "quarantine" else ())
    (found,) = said.findings
    assert found.result == "temperror"
    assert found.details["disposition"] == ("quarantine" if asked == "quarantine" else "none")
    assert ("reject would hold: it is to come again" in found.words) is (asked == "reject")


def test_a_refusal() -> None:
    book = Book()
    said = judged(BANK, book)
    words = "Message rejected due to the DMARC policy of bank.example: " + UNPROVED
    assert said.reply == Reply.of(550, "5.7.26", words)
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


def test_a_refusal_names_the_domain_whose_policy_it_is() -> None:
    said = judged(BANK, author="ann@news.bank.example")
    words = "Message rejected due to the DMARC policy of bank.example: " + UNPROVED
    assert said.reply == Reply.of(550, "5.7.26", words)


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


@pytest.mark.parametrize(
    ("on_temperror", "enforce", "code"),
    [("accept", True, "451"), ("accept", False, ""), ("defer", False, "451")],
)
def test_no_time(on_temperror: str, enforce: bool, code: str) -> None:
    judge = DmarcJudge(
        Evaluator(DmarcSettings(enforce=enforce), Records(BANK), b"key"),
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
