"""What the log and the history are told of decisions about a command."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from fake_connection import FakeConnection
from kept_history import KeptHistory
from postroad.model import Address, BodyType, Reply
from postroad.policy import PolicySettings, build
from postroad.policy.verdict import Verdict
from postroad.server.decisions import log_rejected, take_note
from postroad.server.peer import Peer
from postroad.smtp import Mail, Offer, ServerCore, SessionLimits
from session_world import World

SESSION = "D1ZW2CET80"
REFUSED = Reply.of(554, "5.7.1", "Access denied")
MAIL = Mail(Address.parse("lisa@example.com"), None, BodyType.SEVEN_BIT, smtputf8=False, auth=None)
JOHN = Address.parse("john@example.org")
SAID = "from unknown[192.0.2.7]: 554 5.7.1 Access denied;"


class Kept(KeptHistory):
    """What it was told, as this test reads it."""

    def __init__(self, *, in_replies: bool = False) -> None:
        super().__init__(SESSION, in_replies=in_replies)

    @property
    def decisions(self) -> list[tuple[str, str]]:
        records = [json.loads(each.line({}).text) for each in self.put_in]
        return [(one["stage"], one["action"]) for each in records for one in each["decisions"]]


def peer_of(world: World, kept: Kept) -> Peer:
    service = world.service(history=kept, listener="mx")
    core = ServerCore("mail.example.org", Offer(), SessionLimits())
    return Peer(FakeConnection(), service, core)  # type: ignore[arg-type]


@pytest.mark.parametrize(("in_replies", "mark"), [(False, ""), (True, f" ({SESSION})")])
def test_a_refusal_is_logged_remembered_and_told(world: World, in_replies: bool, mark: str) -> None:
    kept = Kept(in_replies=in_replies)
    peer = peer_of(world, kept)

    told = log_rejected(peer, "RCPT", REFUSED, MAIL, JOHN, queue_id="Q1")

    assert str(told) == f"554 5.7.1 Access denied{mark}"
    path = "from=<lisa@example.com> to=<john@example.org>"
    said = f"from unknown[192.0.2.7]: {told}; {path} proto=SMTP,session=<{SESSION}>"
    assert world.log == [f"Q1: reject: RCPT {said}"]
    assert kept.decisions == [("RCPT", "reject")]


@pytest.mark.parametrize(
    ("mail", "sender"),
    [(None, ""), (replace(MAIL, sender=None), " from=<>"), (MAIL, " from=<lisa@example.com>")],
)
def test_the_sender_as_far_as_it_is_known(world: World, mail: Mail | None, sender: str) -> None:
    log_rejected(peer_of(world, Kept(in_replies=False)), "MAIL", REFUSED, mail)

    assert world.log == [f"NOQUEUE: reject: MAIL {SAID}{sender} proto=SMTP,session=<{SESSION}>"]


def test_what_was_let_pass_after_all_is_only_logged(world: World) -> None:
    kept = Kept(in_replies=True)

    told = log_rejected(peer_of(world, kept), "DATA", REFUSED, None, warning=True)

    assert told is REFUSED
    assert world.log == [f"NOQUEUE: reject_warning: DATA {SAID} proto=SMTP,session=<{SESSION}>"]
    assert kept.put_in == []


async def verdict(peer: Peer, restriction: str, notes: tuple[tuple[str, str], ...]) -> Verdict:
    policy = build("mx", PolicySettings(data=(restriction,)))
    facts = peer.facts("DATA", peer.particulars(), MAIL)
    return replace(await policy.data(facts, peer.service.oracle), notes=notes)


@pytest.mark.parametrize(
    ("restriction", "notes", "is_held", "said"),
    [
        ("permit", (), False, []),
        ("warn_if_reject reject", (), False, ["reject_warning"]),
        ("permit", (("hold", "waits"),), False, ["hold"]),
        ("permit", (("hold", "waits"), ("info", "seen")), True, ["info"]),
    ],
)
async def test_what_a_verdict_says_besides_its_reply(
    world: World,
    restriction: str,
    notes: tuple[tuple[str, str], ...],
    is_held: bool,
    said: list[str],
) -> None:
    kept = Kept(in_replies=False)
    peer = peer_of(world, kept)
    found = await verdict(peer, restriction, notes)

    take_note(peer, "DATA", peer.bare_facts(MAIL), found, MAIL, is_held=is_held)

    assert [line.split(": ")[1] for line in world.log] == said
    assert kept.put_in == []  # a verdict that lets the client go on waits for the transaction
    peer.chronicle.ended()
    assert kept.decisions == [("DATA", "permit")]
