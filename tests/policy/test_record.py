"""Facts and verdicts as JSON: nothing that a decision depends on is lost."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.model import (
    PLAIN,
    Address,
    Client,
    ClientCertificate,
    Disposition,
    Login,
    Reply,
    TlsSession,
)
from postroad.policy import Action, Answer, Facts, Refusal, Step, Verdict
from postroad.policy.lookups import Lookup
from postroad.policy.record import (
    MOST_STEPS,
    Memory,
    decision_members,
    facts_of,
    lookups_of,
    record_of,
)
from postroad.policy.rule import CLOSING_RULE

TEXT = st.text(max_size=20)
WORDS = st.text(min_size=1, max_size=20)
ATOM = st.text("abcdefghijklmnopqrstuvwxyzäß0123456789+-'", min_size=1, max_size=10)
ADDRESSES = st.builds(lambda local, domain: Address(local, f"{domain}.example"), ATOM, st.just("b"))
CERTIFICATES = st.builds(
    ClientCertificate, subject=TEXT, issuer=TEXT, fingerprint=TEXT, key_fingerprint=TEXT
)
CERTIFIED = st.none() | CERTIFICATES.filter(lambda shown: shown != ClientCertificate())
FACTS = st.builds(
    Facts,
    client=st.builds(
        Client, WORDS, st.integers(0, 65535), WORDS, WORDS, st.booleans(), st.booleans()
    ),
    trusted=st.booleans(),
    helo=TEXT,
    login=st.none() | st.builds(Login, WORDS, TEXT, TEXT),
    tls=st.none()
    | st.builds(
        TlsSession, WORDS, TEXT, st.integers(0, 256), st.just(""), CERTIFIED, st.just(False)
    ),
    mail=st.just(True),
    sender=st.none() | ADDRESSES,
    recipient=st.none() | ADDRESSES,
    recipients=st.integers(0, 1000),
    pipelined=st.booleans(),
    size=st.integers(0, 10**9),
    etrn=TEXT,
)
LOOKUPS = st.lists(
    st.builds(Lookup, TEXT, TEXT, TEXT, st.sampled_from([True, False, None])), max_size=5
).map(tuple)
REPLIES = st.none() | st.builds(lambda words: Reply.of(550, "5.7.1", words), TEXT)


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    trace = tuple(
        Step(
            CLOSING_RULE,
            Answer(Action.DUNNO, draw(TEXT)),
            draw(REPLIES),
            draw(st.booleans()),
            draw(LOOKUPS),
            draw(st.integers(0, 3)),
        )
        for _ in range(draw(st.integers(0, 4)))
    )
    return Verdict(draw(st.sampled_from([Action.PERMIT, Action.REJECT])), draw(REPLIES), trace)


@given(FACTS, verdicts())
def test_facts_and_look_ups_come_back(facts: Facts, verdict: Verdict) -> None:
    record = record_of(facts, verdict)
    assert facts_of(record) == facts
    assert lookups_of(record) == tuple(each for step in verdict.trace for each in step.lookups)
    assert len(record["steps"]) == len(verdict.trace)  # type: ignore[arg-type]


def test_a_record_has_the_shape_that_readers_know() -> None:
    facts = Facts(
        client=Client("192.0.2.1", 4025, "mx.example.net", "mx.example.net"),
        helo="mx.example.net",
        mail=True,
        recipient=Address("lisa", "elsewhere.test"),
    )
    reply = Reply.of(554, "5.7.1", "<lisa@elsewhere.test>: Relay access denied")
    refusal = Refusal(554, "5.7.1", "Relay access denied")
    answer = Answer(Action.REJECT, "the recipient's domain is not ours", refusal)
    asked = (Lookup("directory", "is elsewhere.test local", "no", found=False),)
    trace = (Step(CLOSING_RULE, answer, reply, False, asked),)
    assert record_of(facts, Verdict(Action.REJECT, reply, trace)) == {
        "client": {
            "address": "192.0.2.1",
            "port": 4025,
            "name": "mx.example.net",
            "reverse_name": "mx.example.net",
        },
        "trusted": False,
        "helo": "mx.example.net",
        "login": None,
        "tls": None,
        "sender": "",
        "recipient": "lisa@elsewhere.test",
        "steps": [
            {
                "list": "relay",
                "restriction": "end of the list",
                "said": "reject",
                "why": "the recipient's domain is not ours",
                "reply": "554 5.7.1 <lisa@elsewhere.test>: Relay access denied",
                "warned": False,
                "looked_up": [["directory", "is elsewhere.test local", "no", False]],
            }
        ],
        "action": "reject",
        "reply": "554 5.7.1 <lisa@elsewhere.test>: Relay access denied",
    }


def test_a_disposition_is_told() -> None:
    wanted = Disposition(
        hold="look at it", bcc=(Address("a", "b.example"),), prepend=("X-Spam: yes",)
    )
    verdict = Verdict(Action.PERMIT, None, (), wanted)
    assert record_of(Facts(Client("192.0.2.1", 1)), verdict)["disposition"] == {
        "hold": "look at it",
        "bcc": ["a@b.example"],
        "prepend": ["X-Spam: yes"],
    }
    assert "disposition" not in record_of(
        Facts(Client("192.0.2.1", 1)), Verdict(Action.PERMIT, None, (), PLAIN)
    )


def test_before_mail_there_is_no_sender() -> None:
    record = record_of(Facts(Client("192.0.2.1", 1)), Verdict(Action.PERMIT, None, ()))
    assert record["sender"] is None
    assert not facts_of(record).mail


def test_postmaster_without_a_domain_comes_back() -> None:
    facts = Facts(Client("192.0.2.1", 1), mail=True, recipient=Address("Postmaster", ""))
    assert facts_of(record_of(facts, Verdict(Action.PERMIT, None, ()))) == facts


def test_nothing_secret_is_kept() -> None:
    shown = ClientCertificate(subject="john", fingerprint="ab" * 32, der=b"octets of it")
    facts = Facts(Client("192.0.2.1", 1), tls=TlsSession("TLSv1.3", "X", 256, "", shown))
    assert "octets of it" not in str(record_of(facts, Verdict(Action.PERMIT, None, ())))


def test_the_reply_with_more_words_is_the_one_that_counts() -> None:
    facts = Facts(Client("192.0.2.1", 1))
    verdict = Verdict(Action.REJECT, Reply.of(554, "5.7.1", "No"), ())
    told = Reply.of(554, "5.7.1", "No (D1ZW2CET80)")
    record = json.loads(f"{{{decision_members(facts, verdict, told, {})}}}")
    assert record["reply"] == "554 5.7.1 No (D1ZW2CET80)"


def test_what_a_writer_remembers_is_bounded_and_right() -> None:
    facts, memory = Facts(Client("192.0.2.1", 1)), Memory()
    for number in range(2 * MOST_STEPS):
        answer = Answer(Action.DUNNO, f"reason {number}")
        verdict = Verdict(Action.PERMIT, None, (Step(CLOSING_RULE, answer),) * 2)
        record = json.loads(f"{{{decision_members(facts, verdict, None, memory)}}}")
        assert [step["why"] for step in record["steps"]] == [f"reason {number}"] * 2
    assert len(memory) <= MOST_STEPS


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"client": 5, "login": [], "tls": "x", "sender": 7, "recipient": {}, "steps": "x"},
        {"client": {"address": None, "port": "x"}, "steps": [5, {"looked_up": [[1, 2, 3, 4], []]}]},
        {"trusted": 1, "recipients": True, "size": "big", "login": {"user": ""}},
    ],
)
def test_an_odd_record_is_taken_for_nothing_known(record: dict[str, object]) -> None:
    assert facts_of(record) == Facts(Client("unknown", 0))
    assert lookups_of(record) == ()
