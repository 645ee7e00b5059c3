"""What many reports come to, and what is said about it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dmarc_feedback import BEGIN, record, xml
from postroad.mailauth.dmarc.suffixes import organizational_domain
from postroad.reports.dmarc import summary
from postroad.reports.dmarc.advice import advice_on, policy_advice
from postroad.reports.dmarc.reading import parse
from postroad.reports.dmarc.received import Kept
from postroad.reports.dmarc.summary import FEW, About, Few, Wanted, summaries


def kept(*records: str, author: str = "receiver.example", **more) -> Kept:
    return Kept(parse([xml(*records, **more).encode()]), author, 1.0, "Q1")


def one(*reports: Kept, **wanted) -> About:
    (found,) = summaries(reports, Wanted(**wanted))
    return found


def test_sums() -> None:
    about = one(
        kept(record(count=5), record("192.0.2.2", 3, dkim="fail", spf="fail")),
        kept(record(count=2, dkim="fail"), organization="Other", author="", begins=BEGIN - 9),
    )
    assert (about.domain, about.begins) == ("example.org", BEGIN)
    assert (about.messages, about.passed) == (10, 7)
    first, second = about.ranking
    assert (first.address, first.messages, first.dkim, first.spf) == ("192.0.2.1", 7, 5, 7)
    assert (first.unproved, second.unproved) == (2, 0)
    assert (second.failed, second.done.counts) == (3, {"none": 3})
    assert {key: each.messages for key, each in about.reporters.items()} == {
        ("Receiver", "receiver.example"): 8,
        ("Other", ""): 2,
    }


def test_the_last_policy_counts() -> None:
    later, earlier = kept(policy="reject", ends=BEGIN + 9), kept(policy="none", ends=BEGIN + 5)
    assert one(later, earlier).published.policy == "reject"
    assert one(earlier, later).published.policy == "reject"


@pytest.mark.parametrize("is_first", [True, False])
def test_nobodys_word_does_not_say_what_is_published(is_first: bool) -> None:
    error = "<error>write to the forger</error></report_metadata>"
    text = xml(policy="reject", begins=1, ends=BEGIN + 10**9)
    forged = Kept(parse([text.replace("</report_metadata>", error).encode()]), "", 1.0, "Q2")
    real = kept(policy="none", begins=BEGIN, ends=BEGIN + 9)
    about = one(forged, real) if is_first else one(real, forged)
    assert (about.published.policy, about.begins, about.ends) == ("none", BEGIN, BEGIN + 9)
    assert not about.errors.counts
    assert about.messages == 2
    alone = one(forged)
    assert (alone.published.policy, alone.begins) == ("reject", 1)
    assert list(alone.errors.counts) == ["write to the forger"]


def test_domains_are_apart() -> None:
    found = summaries([kept(domain="b.example"), kept(domain="a.example"), kept()], Wanted())
    assert [each.domain for each in found] == ["a.example", "b.example", "example.org"]


@pytest.mark.parametrize(
    ("wanted", "messages"),
    [
        ({}, 111),
        ({"domain": "example.org"}, 111),
        ({"domain": "news.example.org"}, 10),
        ({"domain": "ample.org"}, 0),
        ({"source": "192.0.2.3"}, 100),
        ({"source": "192.0.2.9"}, 0),
        ({"since": BEGIN + 999_999.0}, 0),
        ({"proved": True}, 11),
    ],
)
def test_what_is_wanted(wanted, messages: int) -> None:
    reports = [
        kept(record(), record("192.0.2.2", 10, header_from="news.example.org")),
        kept(record("192.0.2.3", 100), author=""),
    ]
    found = summaries(reports, Wanted(**wanted))
    assert sum(each.messages for each in found) == messages


def test_files_are_the_operators_word() -> None:
    named = Kept(kept().feedback, is_named=True)
    assert one(named, proved=True).ranking[0].unproved == 0


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "MOST_SOURCES", 4)
    monkeypatch.setattr(summary, "MOST_DOMAINS", 2)
    monkeypatch.setattr(summary, "MOST_REPORTERS", 2)
    rows = [record(f"192.0.2.{n}") for n in range(9)]
    reports = [kept(*rows, organization=f"O{n}", domain=f"d{n % 3}.example") for n in range(9)]
    found = summaries(reports, Wanted())
    assert [each.domain for each in found] == ["d0.example", "d1.example"]
    assert [each.messages for each in found] == [27, 27]
    assert sum(len(each.sources) for each in found) <= 4 + 2
    assert all(len(each.reporters) <= 3 for each in found)


def test_a_few() -> None:
    few: Few[str] = Few()
    for n in range(FEW + 5):
        few.add(str(n), n)
    few.add("0", 100)
    assert few.ranking[0] == "0"
    assert len(few.counts) == FEW
    assert few.others == sum(range(FEW, FEW + 5))


NEARLY = "nearly all mail passes: if none of the rest is yours,"
OWN = ("example.org", "s1", "pass")


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("fine", {}),
        ("not-signed", {"dkim": "fail"}),
        ("spf-not-aligned", {"spf": "fail"}),
        ("forwarded", {"reasons": ("mailing_list",)}),
        ("forwarded", {"reasons": ("trusted_forwarder", "other")}),
        ("broken-signature", {"signatures": (("mail.example.org", "s1", "fail"),)}),
        (
            "broken-signature",
            {"signatures": (("x.example", "a", "pass"), (*OWN[:2], "permerror"))},
        ),
        ("signed-by-other", {"signatures": (("service.example", "a", "pass"),)}),
        ("spf-error", {"senders": (("example.org", "mfrom", "permerror"),)}),
        ("sent-for-other", {"senders": (("bounce.example", "mfrom", "pass"),)}),
        ("unknown", {"senders": (("example.org", "mfrom", "softfail"),)}),
        ("unknown", {"signatures": (("service.example", "a", "fail"),)}),
        ("unknown", {"reasons": ("local_policy",)}),
    ],
)
def test_advice(kind: str, given) -> None:
    if kind not in ("fine", "not-signed", "spf-not-aligned"):
        given = {"dkim": "fail", "spf": "fail", **given}
    (source,) = one(kept(record(**given))).ranking
    advice = advice_on(source, "example.org", organizational_domain)
    assert advice.kind == kind
    assert advice.meaning
    assert advice.action


@pytest.mark.parametrize(
    ("proved", "unproved", "is_forged"),
    [(10, 0, True), (10, 1, True), (0, 1, False), (9, 2, False)],
)
def test_no_policy_is_advised_on_nobodys_word(proved, unproved, is_forged) -> None:
    failing = {"dkim": "fail", "spf": "fail"}
    reports = [
        kept(record(count=count, **failing), author=author, report_id=author)
        for count, author in ((proved, "r.example"), (unproved, ""))
        if count
    ]
    (source,) = one(*reports).ranking
    action = advice_on(source, "example.org", organizational_domain).action
    assert ("p=reject" in action, "change nothing" in action) == (is_forged, not is_forged)


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (("reject", "quarantine"), "if not, it is forged, and your policy has kept it out"),
        (("reject", "none"), 'it is forged, and "p=quarantine" or "p=reject" is what keeps it out'),
    ],
)
def test_no_policy_is_advised_that_is_there(done: Sequence[str], words: str) -> None:
    rows = [record(dkim="fail", spf="fail", disposition=each) for each in done]
    (source,) = one(kept(*rows, policy="reject")).ranking
    assert advice_on(source, "example.org", organizational_domain).action.endswith(words)


@pytest.mark.parametrize(
    ("policy", "good", "bad", "author", "words"),
    [
        ("none", 99, 1, "r.example", f'{NEARLY} "p=quarantine" is safe'),
        ("quarantine", 100, 0, "r.example", f'{NEARLY} "p=reject" is safe'),
        ("none", 90, 10, "r.example", "look at what fails"),
        ("none", 98, 1, "r.example", ""),
        ("reject", 100, 100, "r.example", ""),
        ("", 100, 100, "r.example", ""),
        ("none", 100, 0, "", "100 of the messages are told of by reports that are nobody's word"),
    ],
)
def test_advice_on_a_policy(policy, good, bad, author, words) -> None:
    rows = record(count=good), record("192.0.2.2", bad, dkim="fail", spf="fail")
    found = policy_advice(one(kept(*rows, policy=policy, author=author)))
    assert found.startswith(words)
    assert bool(found) == bool(words)
