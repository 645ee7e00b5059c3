"""Records in words."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from postroad.history.advice import advice_for
from postroad.history.explanation import explain
from postroad.history.record import read_record

CLIENT = {"address": "192.0.2.7", "port": 4025, "name": "unknown", "reverse_name": "unknown"}
VISIT: dict[str, object] = {
    "session": "D1ZW2CET80",
    "listener": "mx",
    "transaction": 1,
    "protocol": "ESMTP",
    "server": ["198.51.100.1", 25],
    "client": CLIENT,
    "trusted": False,
    "helo": "laptop",
    "login": None,
    "tls": None,
}
STEP = {
    "list": "relay",
    "restriction": "permit_mynetworks",
    "said": "dunno",
    "why": "the client is not in trusted_networks",
    "reply": None,
    "warned": False,
    "looked_up": [],
}


@pytest.fixture(autouse=True)
def universal_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def words(*records: dict[str, object]) -> list[str]:
    told = (read_record(record) for record in records)
    return list(explain(each for each in told if each is not None))


def decided(*decisions: dict[str, object], **more: object) -> dict[str, object]:
    return {
        "kind": "decisions",
        "at": 1000.0,
        "ended": 1001.0,
        "sender": "a@b.example",
        "decisions": list(decisions),
        **VISIT,
        **more,
    }


def decision(recipient: str, reply: str | None = None, *steps: object) -> dict[str, object]:
    return {"stage": "RCPT", "at": 1000.5, "recipient": recipient, "reply": reply, "steps": steps}


def test_a_refusal_rule_by_rule() -> None:
    reply = "554 5.7.1 <x@y.example>: Relay access denied"
    refusing = {
        **STEP,
        "restriction": "reject_unauth_destination",
        "said": "reject",
        "why": "the recipient's domain is not ours",
        "reply": reply,
        "looked_up": [["directory", "is y.example local", "no", False]],
    }
    record = decided(decision("x@y.example", reply))
    record["decisions"][0]["steps"] = [STEP, refusing]  # type: ignore[index]
    lines = words(record)
    assert lines[: lines.index(f"    Reply: {reply}") + 1] == [
        "Session D1ZW2CET80, listener mx, port 25, 1970-01-01 00:16:40",
        '  Client: 192.0.2.7, without a name in the DNS, called itself "laptop"',
        "          not logged in, not in trusted_networks, not encrypted",
        "",
        "00:16:40 Mail from <a@b.example>",
        "  RCPT to <x@y.example>: refused",
        "      the list relay:",
        "        permit_mynetworks has no opinion: the client is not in trusted_networks",
        "        reject_unauth_destination refuses: the recipient's domain is not ours",
        "          asked directory: is y.example local: no",
        f"    Reply: {reply}",
    ]
    advice = " ".join(line.strip() for line in lines[lines.index(f"    Reply: {reply}") + 1 :])
    assert advice.startswith("What to do: y.example is not a domain of this server")
    assert "add 192.0.2.7 to trusted_networks" in advice
    assert max(map(len, lines)) <= 100


def test_parts_of_a_transaction_are_told_as_one_and_the_same_rules_once() -> None:
    steps = [STEP, {**STEP, "restriction": "permit_sasl_authenticated"}]
    first, second = decision("one@y.example"), decision("two@y.example")
    first["steps"] = second["steps"] = steps
    lines = words(decided(first, second), decided(decision("three@y.example", "450 4.7.1 Later")))
    assert [line for line in lines if "Mail from" in line] == ["00:16:40 Mail from <a@b.example>"]
    assert lines.count("      the same rules said the same") == 1
    assert "  RCPT to <three@y.example>: refused for now" in lines


def test_a_second_transaction_and_a_second_session_have_their_own_beginning() -> None:
    lines = words(
        decided(decision("one@y.example", "450 4.7.1 Later")),
        decided(decision("two@y.example", "450 4.7.1 Later"), transaction=2),
        decided(decision("two@y.example", "450 4.7.1 Later"), session="D1ZW2CET90"),
    )
    assert sum("Mail from" in line for line in lines) == 3
    assert sum(line.startswith("Session ") for line in lines) == 2


def test_a_warning_a_nested_rule_and_several_records() -> None:
    warning = {**STEP, "said": "reject", "warned": True, "reply": "554 5.7.1 No"}
    nested = {**STEP, "depth": 1, "looked_up": [["dns", "MX y.example", "10 a.\n20 b.", True]]}
    record = decision("one@y.example")
    record["steps"] = [warning, nested]
    lines = words(decided(record))
    why = "the client is not in trusted_networks"
    warns = "only warns, and would refuse with 554 5.7.1 No"
    assert f"        permit_mynetworks {warns}: {why}" in lines
    assert f"          permit_mynetworks has no opinion: {why}" in lines
    assert "            asked dns: MX y.example: 10 a., 20 b." in lines


def test_what_became_of_a_message() -> None:
    delivery = {
        "kind": "delivery",
        "at": 1010.0,
        "queue_id": "Q1",
        "recipient": "john@example.org",
        "original": "info@example.org",
        "relay": "mx.example.net[192.0.2.9]:25",
        "delay": 9.5,
        "status": "deferred",
        "reply": "450 4.2.0 Later",
    }
    told = {
        "kind": "notification",
        "at": 1020.0,
        "queue_id": "Q1",
        "notification": "Q2",
        "told": "delay",
    }
    outcome = decided(queue_id="Q1", outcome="250 2.0.0 Ok: queued as Q1", size=2048)
    assert words(outcome, delivery, {**delivery, "delay": 7000.0}, told)[3:] == [
        "",
        "00:16:40 Mail from <a@b.example>, message Q1",
        "  The content came (2,048 octets).",
        "    Reply: 250 2.0.0 Ok: queued as Q1",
        "",
        "What became of the message:",
        "",
        (
            "1970-01-01 00:16:50 <john@example.org> (for <info@example.org>): "
            "not yet, will be tried again"
        ),
        "    mx.example.net[192.0.2.9]:25, 9.5 seconds after it came: 450 4.2.0 Later",
        (
            "1970-01-01 00:16:50 <john@example.org> (for <info@example.org>): "
            "not yet, will be tried again"
        ),
        "    mx.example.net[192.0.2.9]:25, 117 minutes after it came: 450 4.2.0 Later",
        "1970-01-01 00:17:00 its sender was told (delay) by message Q2",
    ]


def test_something_that_is_no_decision() -> None:
    text = "SSL_accept error from unknown[192.0.2.7]: wrong version number"
    record = {"kind": "event", "at": 1000.0, "event": "TlsFailed", "text": text, **VISIT}
    lines = words(record)
    assert f"00:16:40 {text}" in lines
    assert any("telnet cannot speak TLS" in line for line in lines)


def test_who_came() -> None:
    login = {"user": "john@example.org", "mechanism": "PLAIN", "actor": ""}
    tls = {"version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "bits": 256}
    client = {**CLIENT, "name": "pc.example.net"}
    record = decided(login=login, tls=tls, client=client, trusted=True, helo="")
    assert words(record)[1:3] == [
        "  Client: 192.0.2.7, pc.example.net",
        (
            "          logged in as john@example.org (PLAIN), in trusted_networks, "
            "encrypted (TLSv1.3 TLS_AES_256_GCM_SHA384)"
        ),
    ]


@pytest.mark.parametrize("record", [{}, {"kind": "news"}, {"kind": 5}])
def test_a_kind_that_this_release_does_not_know_is_passed_over(record: dict[str, object]) -> None:
    assert words(record) == []


@pytest.mark.parametrize("kind", ["decisions", "event", "delivery", "notification"])
def test_half_a_record_is_told_as_far_as_it_goes(kind: str) -> None:
    odd = {"decisions": [5, {"steps": [None, {"looked_up": [[1], 2]}], "disposition": 7}]}
    assert words({"kind": kind})
    assert words({"kind": kind, "client": 5, "server": "x", "at": "y", **odd})


NAMES = dict.fromkeys(
    ("user", "sender", "identities", "recipient", "domain", "address", "listener"), "X"
)


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("554 5.7.1 <x>: Relay access denied", "has not logged in"),
        ("553 5.7.1 <a>: Sender address rejected: not owned by user b", "postroad alias add"),
        ("553 5.7.1 <a>: Sender address rejected: not logged in", "port 587"),
        ("554 5.7.1 <h[1]>: Client host rejected: Access denied", "user name"),
        ("530 5.7.0 Must issue a STARTTLS command first", "STARTTLS"),
        ("535 5.7.8 Error: authentication failed: wrong name or password", "password"),
        (
            "550 5.1.1 <x>: rejected: User unknown in relay recipient table",
            "recipients in [domain]",
        ),
        ("550 5.1.1 <x>: rejected: User unknown in virtual mailbox table", "postroad user add"),
        (
            "553 5.7.1 <a>: From header address rejected: not owned by user b",
            "the From field of the message",
        ),
        ("550 5.7.1 Message rejected as spam (score 17.3)", "postroad spam threshold"),
        ("550 5.7.1 Message rejected, infected: Eicar", "the filter's program"),
        (
            "550 5.7.26 … due to the DMARC policy of x: neither SPF nor DKIM proves its author",
            "[dmarc] forwarders",
        ),
        ("451 4.7.0 Cannot verify now that the message is from x", "tries again"),
        (
            "550 5.7.23 <x>: Message rejected due to: SPF fail - not authorized. Please see …",
            "postroad spf check",
        ),
        ("550 5.7.24 <x>: Message rejected due to: SPF Permanent Error: …", "postroad spf check"),
        ("451 4.7.1 Service unavailable - try again later", "on_failure"),
        ("550 5.5.0 Service unavailable", "on_failure"),
        ("451 4.3.0 Error: internal error in a filter", "on_failure"),
        ("451 4.3.0 Error: the message could not be examined now", "tries again"),
        ("250 2.0.0 Ok", ""),
    ],
)
def test_advice(said: str, advice: str) -> None:
    words = advice_for(said, logged_in=False, names=NAMES)
    assert advice in words
    assert bool(words) is bool(advice)


def test_advice_depends_on_whether_the_client_has_logged_in() -> None:
    said = "554 5.7.1 <x>: Relay access denied"
    strange = advice_for(said, logged_in=False, names=NAMES)
    assert strange != advice_for(said, logged_in=True, names=NAMES)


UNKNOWN = "550 5.1.1 <x>: Recipient address rejected: User unknown in virtual mailbox table"
SPF = "550 5.7.23 <x>: Message rejected due to: SPF fail - not authorized."


@pytest.mark.parametrize(
    ("sender", "helo", "recipient", "reply", "command"),
    [
        ("", "x", "lisa@y.example", UNKNOWN, "postroad user add lisa@y.example, or"),
        ("", "x", "`id`@y.example", UNKNOWN, "postroad user add '`id`@y.example', or"),
        ("a@b.example", "c.example", "x", SPF, "192.0.2.7 a@b.example c.example shows"),
        ("a@b.example", "", "x", SPF, "192.0.2.7 a@b.example shows"),
        ("", "$(id)", "x", SPF, "192.0.2.7 '<>' '$(id)' shows"),
        ("a|id@b.example", "c.example", "x", SPF, "192.0.2.7 'a|id@b.example' c.example shows"),
    ],
)
def test_a_command_of_an_advice_is_no_other_one_in_a_shell(
    sender: str, helo: str, recipient: str, reply: str, command: str
) -> None:
    """An operator copies it, and strangers chose the names in it."""
    lines = words(decided(decision(recipient, reply), sender=sender, helo=helo))
    assert command in " ".join(line.strip() for line in lines)


def test_names_that_look_like_fields_are_only_names() -> None:
    names = {**NAMES, "sender": "{user}{0}%s"}
    words = advice_for("not owned by user b", logged_in=True, names=names)
    assert "{user}{0}%s" in words


FINDINGS = [
    {"by": "spf", "result": "fail", "words": "192.0.2.7 may not send for example.com"},
    {"by": "scan", "result": "7.1/5.0", "words": ""},
    {"by": "dkim", "result": "pass", "words": "x", "details": {"domain": "example.com"}},
]
FOUND = [
    "    SPF says fail: 192.0.2.7 may not send for example.com",
    "    scan says 7.1/5.0",
    "    DKIM says pass: x",
]


def test_what_was_found_out_about_a_message_that_was_taken() -> None:
    record = decided(
        queue_id="Q1", outcome="250 2.0.0 Ok: queued as Q1", size=20, findings=FINDINGS
    )

    assert words(record)[-5:] == [
        "  The content came (20 octets).",
        *FOUND,
        "    Reply: 250 2.0.0 Ok: queued as Q1",
    ]


def test_what_was_found_out_about_a_message_that_was_refused() -> None:
    decision = {"stage": "END-OF-MESSAGE", "at": 1000.0, "reply": "550 5.7.1 Unwanted", "steps": []}

    lines = words(decided(decision, queue_id="Q1", findings=FINDINGS))

    at = lines.index(FOUND[0])
    assert lines[at : at + 5] == [
        *FOUND,
        "  END-OF-MESSAGE: refused",
        "    Reply: 550 5.7.1 Unwanted",
    ]


def test_what_was_found_out_about_mail_from_this_machine() -> None:
    record: dict[str, object] = {
        "kind": "findings",
        "queue_id": "Q1",
        "at": 1000.0,
        "findings": FINDINGS,
    }

    assert words(record) == ["", "1970-01-01 00:16:40 Message Q1, from this machine", *FOUND]


def test_odd_findings_are_read_as_far_as_they_can_be() -> None:
    record: dict[str, object] = {"kind": "findings", "findings": [None, {"by": 3}, "x"]}

    assert words(record)[2:] == ["     says"] * 3
