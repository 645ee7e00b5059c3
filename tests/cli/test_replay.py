"""`postroad replay`: on files that sessions have written."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from command_line import CommandLine
from history_records import Note, history
from postroad.history import HistorySettings
from postroad.model import Client
from postroad.policy import PolicySettings, build
from session_world import World, talk

pytestmark = pytest.mark.usefixtures("server")

FOLDER = Path("state/history")
STRANGER = Client("192.0.2.7", 4025)
LINES = (
    "EHLO laptop",
    "MAIL FROM:<a@b.example>",
    "RCPT TO:<lisa@elsewhere.test>",
    "RCPT TO:<john@example.org>",
    "RCPT TO:<nobody@example.org>",
    "RSET",
)


async def _sessions(lists: PolicySettings, times: int, listener: str) -> None:
    world = World()
    kept = history(FOLDER, HistorySettings(keep=1e12), clock=lambda: world.now)
    for _ in range(times):
        connection, _, _ = await world.connect(
            client=STRANGER, history=kept, listener=listener, policy=build("mx", lists)
        )
        await talk(connection, *LINES)
    await world.end()
    kept.close()


def sessions(lists: PolicySettings | None = None, *, times: int = 1, listener: str = "mx") -> None:
    """Sessions of a stranger, by the lists of a preset unless told otherwise."""
    asyncio.run(_sessions(lists or PolicySettings(), times, listener))


def propose(more: str = "[listeners.mx]", *, file: str = "new.toml") -> str:
    """The configuration with other listeners, as a file."""
    text = Path("postroad.toml").read_text()
    Path(file).write_text(f"{text[: text.index('[listeners.mx]')]}\n{more}\n")
    return file


def policy(lists: str) -> str:
    return f"[listeners.mx.policy]\n{lists}"


def found(command_line: CommandLine, *words: str, status: int) -> Any:
    ran = command_line("replay", *words, "--json")
    assert ran.status == status, ran.err
    return ran.json


def test_the_same_lists_say_the_same(command_line: CommandLine) -> None:
    sessions(times=3)
    result = found(command_line, "--config", "postroad.toml", status=0)
    assert result["decisions"] == 9
    assert result["counts"]["same"] == 9
    assert not result["changed"]
    assert result["groups"] == []
    ran = command_line("replay", "--config", "postroad.toml")
    assert "  same                        9" in ran.lines
    assert ran.status == 0


def test_what_would_be_refused_or_accepted_now(command_line: CommandLine) -> None:
    sessions(times=9)
    proposed = propose(policy('helo = ["reject_non_fqdn_helo_hostname"]\nrecipient = ["permit"]'))
    result = found(command_line, "--config", proposed, status=1)
    by_change = {each["change"]: each for each in result["groups"]}
    assert by_change["newly_refused"]["rule"] == "helo: reject_non_fqdn_helo_hostname"
    assert by_change["newly_refused"]["count"] == result["counts"]["newly_refused"] == 9
    assert by_change["other_reply"]["count"] == 18
    examples = by_change["newly_refused"]["examples"]
    assert len(examples) == 5
    assert examples[0]["then"] == "accepted"
    assert examples[0]["now"] == (
        "504 5.5.2 <laptop>: Helo command rejected: need fully-qualified hostname"
    )
    ran = command_line("replay", "--config", proposed)
    assert ran.status == 1
    assert "  9 by listener mx, helo: reject_non_fqdn_helo_hostname" in ran.lines
    assert "    … and 4 more" in ran.lines
    lists = 'recipient = ["permit"]\nreject_unlisted_recipient = false'
    proposed = propose(policy(lists))
    result = found(command_line, "--config", proposed, status=1)
    (group,) = result["groups"]
    assert (group["change"], group["rule"]) == ("newly_accepted", "recipient: permit")
    assert group["examples"][0]["rule_then"] == "recipient: reject_unlisted_recipient"


def test_what_nobody_knows_is_undecided(command_line: CommandLine) -> None:
    sessions()
    lists = 'recipient = ["reject_unlisted_recipient", "reject_rbl_client zen.example", "greylist"]'
    result = found(command_line, "--config", propose(policy(lists)), status=0)
    assert result["counts"]["undecided"] == 1
    (group,) = result["groups"]
    assert (group["change"], group["rule"]) == ("undecided", "dns")
    assert group["examples"][0]["now"] == "A 7.2.0.192.zen.example"
    ran = command_line("replay", "--config", "new.toml")
    assert "  1 by listener mx, it was not asked then: dns" in ran.lines
    assert "      needs: A 7.2.0.192.zen.example" in ran.lines
    lists = 'recipient = ["reject_unlisted_recipient", "check_policy_service unix:/x/y"]'
    (group,) = found(command_line, "--config", propose(policy(lists)), status=0)["groups"]
    assert group["rule"] == "policy service"


def test_accounts_and_tables_answer_as_then_unless_told(command_line: CommandLine) -> None:
    sessions()
    command_line("user", "add", "nobody@example.org", "--generate")
    assert not found(command_line, "--config", "postroad.toml", status=0)["changed"]
    result = found(command_line, "--config", "postroad.toml", "--now", status=1)
    assert result["counts"]["newly_accepted"] == 1
    text = Path("postroad.toml").read_text()
    Path("new.toml").write_text(text.replace('["example.org"]', '["elsewhere.test"]'))
    ran = command_line("replay", "--config", "new.toml")
    assert "other domains or senders: accounts answer as they are now" in ran.err
    assert ran.status == 1


def test_networks_are_the_proposed(command_line: CommandLine) -> None:
    sessions()
    proposed = propose('[listeners.mx]\n[relay]\ntrusted_networks = ["192.0.2.0/24"]')
    (group,) = found(command_line, "--config", proposed, status=1)["groups"]
    assert group["change"] == "newly_accepted"
    assert group["examples"][0]["recipient"] == "lisa@elsewhere.test"


def test_what_is_done_with_a_message_counts_too(command_line: CommandLine) -> None:
    sessions()
    lists = 'sender = ["check_sender_access inline:{{b.example=HOLD odd}}"]'
    result = found(command_line, "--config", propose(policy(lists)), status=1)
    (group,) = result["groups"]
    assert (group["change"], group["count"]) == ("other_handling", 1)
    assert group["examples"][0]["now"] == "accepted, hold: odd"


def test_a_listener_that_is_gone_and_one_that_no_list_decided(command_line: CommandLine) -> None:
    sessions(listener="old")
    result = found(command_line, "--config", "postroad.toml", status=0)
    assert result["listeners_gone"] == {"old": 3}
    assert "came by listener old, which is not there" in (
        command_line("replay", "--config", "postroad.toml").out
    )


@pytest.mark.parametrize("waits_then", [True, False])
@pytest.mark.parametrize("waits_now", [True, False])
def test_lists_that_wait_and_lists_that_do_not(
    command_line: CommandLine, waits_then: bool, waits_now: bool
) -> None:
    lists: dict[str, Any] = {
        "helo": ("reject_invalid_helo_hostname",),
        "sender": ("defer_if_permit",),
        "delay_reject": waits_then,
    }
    sessions(PolicySettings(**lists), times=2)
    proposed = propose(
        policy(
            'helo = ["reject_invalid_helo_hostname"]\nsender = ["defer_if_permit"]\n'
            f"delay_reject = {str(waits_now).lower()}"
        )
    )
    result = found(command_line, "--config", proposed, status=0)
    assert result["groups"] == []
    assert result["counts"]["same"] == result["decisions"] >= 6


def test_only_some_of_it(command_line: CommandLine) -> None:
    sessions(times=2)
    assert (
        found(command_line, "--config", "postroad.toml", "--limit", "4", status=0)["decisions"] == 4
    )
    # The sessions were in 1970.
    words = ("--config", "postroad.toml", "--since", "3d")
    assert found(command_line, *words, status=0)["decisions"] == 0


def test_nothing_recorded_yet(command_line: CommandLine) -> None:
    ran = command_line("replay", "--config", "postroad.toml")
    assert ran.status == 0
    assert "Nothing has been recorded yet" in ran.out


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--config", "nowhere.toml"), 78, "nowhere.toml"),
        (("--config", "postroad.toml", "--since", "soon"), 64, "--since"),
        (("--config", "bad.toml"), 78, "did you mean reject_unauth_destination"),
        ((), 64, "--config"),
    ],
)
def test_what_cannot_be_replayed(
    command_line: CommandLine, words: tuple[str, ...], status: int, said: str
) -> None:
    propose(policy('relay = ["reject_unauth_destinatio"]'), file="bad.toml")
    ran = command_line("replay", *words)
    assert ran.status == status
    assert said in ran.err


def test_the_proposed_file_may_stand_elsewhere(command_line: CommandLine, tmp_path: Path) -> None:
    sessions()
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "new.toml").write_text(Path("postroad.toml").read_text())
    ran = command_line("replay", "--config", str(other / "new.toml"))
    assert ran.status == 0
    assert re.search(r"elsewhere/state/directory\.db is not there: ", ran.err)


def test_records_of_another_release_are_undecided(command_line: CommandLine) -> None:
    kept = history(FOLDER, HistorySettings(keep=1e12))
    steps = [{"list": "recipient", "restriction": "permit", "said": "permit", "why": "x"}]
    client = {"address": "192.0.2.7", "port": 1, "name": "unknown"}
    for decision in (
        {"stage": "RCPT", "steps": steps},
        {"stage": "BDAT", "steps": steps, "recipient": "john@example.org"},
        {"stage": 7, "steps": "none", "recipient": ["x"], "disposition": 3},
    ):
        record = {"kind": "decisions", "at": 1.0, "listener": "mx", "client": client}
        kept.put(Note({**record, "sender": "a@b.example", "decisions": [decision]}, at=1.0))
    kept.close()
    result = found(command_line, "--config", "postroad.toml", status=0)
    assert result["counts"]["undecided"] == result["decisions"] == 3
