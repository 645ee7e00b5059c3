"""`explain` before, the real session, and `replay` after it: all three say the same.

A running server with DNS lists, tables, a greylist and lists that do not wait for RCPT. Clients are
told to it by XCLIENT, as a proxy would.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from peers import dialogue
from peers.dns import NameServer
from peers.ports import free_port
from peers.postroad import Postroad, Table
from peers.waiting import greeting, until

pytestmark = pytest.mark.peer

JOHN = "john@example.org"
AWAY = "lisa@elsewhere.test"
RECORDS = [
    "mx.sender.test. A 192.0.2.1",
    "1.2.0.192.in-addr.arpa. PTR mx.sender.test.",
    "sender.test. MX 10 mx.sender.test.",
    "66.2.0.192.list.test. A 127.0.0.2",
    '66.2.0.192.list.test. TXT "it sends spam"',
]
ZONES = ("test.", "2.0.192.in-addr.arpa.")


@dataclass(frozen=True)
class Case:
    """A client, and what it wants.

    Attributes:
        client: its address.
        recipients: one after the other.
        listener: by which it comes.
        helo: its name.
        sender: of MAIL.
    """

    client: str
    recipients: Sequence[str] = (JOHN,)
    listener: str = "mx"
    helo: str = "mx.sender.test"
    sender: str = "a@sender.test"


CASES = {
    "greylisted": Case("192.0.2.1"),
    "relaying": Case("192.0.2.1", (AWAY,)),
    "an unknown user": Case("192.0.2.1", ("nobody@example.org", JOHN)),
    "blocked by a list": Case("192.0.2.66"),
    "without a name": Case("192.0.2.7", helo="laptop"),
    "a sender in a table": Case("192.0.2.1", sender="spam@sender.test"),
    "a forged sender": Case("192.0.2.1", sender=JOHN),
    "a sender of no domain": Case("192.0.2.1", sender="a@nowhere.test"),
    "a trusted client": Case("127.0.0.9", (AWAY, JOHN)),
    "bounces": Case("192.0.2.1", sender=""),
    "early": Case("192.0.2.1", listener="early"),
    "early, refused at once": Case("192.0.2.66", listener="early"),
    "early, refused at HELO": Case("192.0.2.1", listener="early", helo="laptop"),
    "early, refused at MAIL": Case("192.0.2.1", listener="early", sender="spam@sender.test"),
    "early, deferred at the end": Case("192.0.2.7", listener="early", sender="odd@sender.test"),
}


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    server = NameServer(RECORDS, ZONES)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("tables") / "senders"
    file.write_text("spam@sender.test REJECT no spam\nodd@sender.test DEFER_IF_PERMIT wait\n")
    file.with_name("clients").write_text("127.0.0.9/32 HOLD for a look\n")
    return file


@pytest.fixture(scope="module")
def server(names: NameServer, table: Path) -> Iterator[Postroad]:
    early = free_port()
    shared: Table = {"xclient": ["127.0.0.1/32"]}
    settings: Table = {
        "dns": {"servers": [names.address]},
        "relay": {"trusted_networks": ["127.0.0.0/29", "127.0.0.9/32"]},
        "history": {"in_replies": True},
        "greylist": {"delay": "5m"},
        "listeners": {
            "mx": {
                **shared,
                "policy": {
                    "helo": ["reject_invalid_helo_hostname"],
                    "sender": [
                        f"check_sender_access texthash:{table}",
                        "reject_unknown_sender_domain",
                        "reject_unauthenticated_sender_login_mismatch",
                    ],
                    "recipient": [
                        "reject_unlisted_recipient",
                        "warn_if_reject reject_unknown_client_hostname",
                        "reject_rbl_client list.test",
                        "greylist",
                    ],
                    "data": ["reject_unauth_pipelining", "reject_multi_recipient_bounce"],
                    "end_of_data": ["check_client_access cidr:" + str(table.with_name("clients"))],
                },
            },
            "early": {
                **shared,
                "preset": "mx",
                "bind": [f"127.0.0.1:{early}"],
                "policy": {
                    "delay_reject": False,
                    "client": ["permit_mynetworks", "reject_rbl_client list.test"],
                    "helo": ["reject_non_fqdn_helo_hostname"],
                    "sender": [f"check_sender_access texthash:{table}"],
                },
            },
        },
    }
    postroad = Postroad(settings, listeners=("mx", "submission"), accounts={JOHN: "summersun"})
    postroad._ports["early"] = early
    until(lambda: greeting(early), within=30, what="the early listener")
    yield postroad
    postroad.stop()


def command(server: Postroad, *words: str) -> tuple[int, str]:
    """Run a command; its status and output."""
    argv = [sys.executable, "-m", "postroad", "--config", str(server.configuration), *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert not done.stderr or done.returncode in {0, 1, 75}, done.stderr
    return done.returncode, done.stdout


def foreseen(server: Postroad, case: Case) -> list[str]:
    """The last lines of the answers that `explain` shows."""
    words = ["--client", case.client, "--helo", case.helo, "--from", case.sender]
    words += ["--listener", case.listener, "--json"]
    for recipient in case.recipients:
        words += ["--to", recipient]
    _, out = command(server, "explain", *words)
    return [each["answer"][-1] for each in json.loads(out)["exchanges"]]


def real(server: Postroad, case: Case) -> list[str]:
    """The last lines of what the server really says, from the client's greeting on."""
    with dialogue.plain(server.port(case.listener)) as talk:
        talk.hear()
        talk.say("EHLO proxy")
        answers = [talk.say(f"XCLIENT ADDR={case.client} NAME={_name(case.client)}")]
        said = ["XCLIENT", f"EHLO {case.helo}", f"MAIL FROM:<{case.sender}>"]
        for line in said[1:]:
            if answers[-1].startswith("2"):
                answers.append(talk.say(line))
        if len(answers) == len(said) and answers[-1].startswith("2"):
            answers += [talk.say(f"RCPT TO:<{each}>") for each in case.recipients]
    return [answer.split("\n")[-1] for answer in answers]


def message(server: Postroad, case: Case) -> str:
    """A message that is taken, and what the server says to it."""
    with dialogue.plain(server.port(case.listener)) as talk:
        talk.hear()
        talk.say("EHLO proxy")
        talk.say(f"XCLIENT ADDR={case.client} NAME={_name(case.client)}")
        for line in (f"EHLO {case.helo}", f"MAIL FROM:<{case.sender}>", f"RCPT TO:<{JOHN}>"):
            assert talk.say(line).startswith("250")
        assert talk.say("DATA").startswith("354")
        talk.type("Subject: test", "", "Hello")
        return talk.say(".")


def _name(address: str) -> str:
    return {"192.0.2.1": "mx.sender.test", "127.0.0.9": "localhost"}.get(address, "[UNAVAILABLE]")


def neutral(answers: Sequence[str]) -> list[str]:
    """Answers without the identifier of a session, and without the time that passes."""
    return [re.sub(r"in \d+ seconds| \([A-Z0-9-]+\)$", "", answer) for answer in answers]


@pytest.mark.parametrize("name", CASES)
def test_explain_says_what_the_wire_will_carry(server: Postroad, name: str) -> None:
    case = CASES[name]
    expected = foreseen(server, case)
    assert neutral(real(server, case)) == neutral(expected)


@pytest.fixture
def recorded(server: Postroad) -> int:
    """The number of decisions that are kept, once those of all cases are written."""
    for case in CASES.values():
        real(server, case)
    message(server, CASES["a trusted client"])

    def kept() -> int:
        _, out = command(server, "replay", "--config", str(server.configuration), "--json")
        return int(json.loads(out)["decisions"])

    until(lambda: kept() >= len(CASES), within=30, what="the records of the sessions")
    return kept()


def replayed(server: Postroad, change: Callable[[str], str]) -> Any:
    """What a configuration with a change would have decided."""
    proposed = server.folder / "proposed.toml"
    proposed.write_text(change(server.configuration.read_text()))
    status, out = command(server, "replay", "--config", str(proposed), "--json")
    found = json.loads(out)
    assert status == int(found["changed"])
    return found


def test_the_same_configuration_decides_the_same(server: Postroad, recorded: int) -> None:
    found = replayed(server, lambda text: text)
    assert found["groups"] == []
    assert not found["changed"]
    assert found["counts"]["same"] == found["decisions"] - found["not_by_lists"] >= len(CASES)


def test_a_message_is_held_as_foreseen(server: Postroad) -> None:
    case = CASES["a trusted client"]
    words = ("--client", case.client, "--from", case.sender, "--to", JOHN, "--data", "--json")
    status, out = command(server, "explain", *words)
    foreseen = json.loads(out)
    assert status == 0
    assert foreseen["disposition"]["hold"] == "for a look"
    answer = message(server, case)
    expected = foreseen["exchanges"][-1]["answer"][-1]
    queue_id = answer.rpartition(" ")[2]
    assert answer == expected.replace("QUEUE-ID", queue_id)
    assert "for a look" in command(server, "queue", "show", queue_id)[1]


def test_a_list_less_accepts_more(server: Postroad, recorded: int) -> None:
    found = replayed(
        server, lambda text: text.replace('"reject_rbl_client list.test", "greylist"', '"permit"')
    )
    changes = {(each["change"], each["rule"]) for each in found["groups"]}
    assert changes == {("newly_accepted", "recipient: permit")}
    (group,) = found["groups"]
    assert group["count"] >= 2
    assert any("blocked using list.test" in each["then"] for each in group["examples"])


def test_what_was_not_asked_then_is_undecided(server: Postroad, recorded: int) -> None:
    found = replayed(server, lambda text: text.replace("list.test", "other.test"))
    groups = {each["change"]: each for each in found["groups"]}
    assert groups["undecided"]["rule"] == "dns"
    assert groups["undecided"]["examples"][0]["now"].endswith(".2.0.192.other.test")


def test_networks_and_listeners_are_those_of_the_proposed(server: Postroad, recorded: int) -> None:
    def change(text: str) -> str:
        text = text.replace('"127.0.0.9/32"', '"192.0.2.1/32"')
        return text.replace("[listeners.early", "[listeners.late")

    found = replayed(server, change)
    assert found["listeners_gone"]["early"] > 0
    changes = {(each["change"], each["rule"]) for each in found["groups"]}
    assert ("newly_refused", "relay: reject_unauth_destination") in changes
    assert any(kind == "newly_accepted" for kind, _ in changes)


def test_lists_that_begin_to_wait_for_rcpt(server: Postroad, recorded: int) -> None:
    """The same is refused, only later; nothing that was looked up is asked again."""
    found = replayed(server, lambda text: text.replace("delay_reject = false", ""))
    assert found["counts"]["undecided"] == 0
    assert found["counts"]["newly_accepted"] == 0
