"""docs/queue.md: every row of the table for those who know Postfix does what it says."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from command_line import CommandLine, Ran
from postroad.config import load
from postroad.model import Address, Addressee, Envelope, Waybill
from postroad.spool import Retry, Shard, SpoolSettings

PAGE = (Path(__file__).parents[2] / "docs" / "queue.md").read_text()
ROW = re.compile(r"^\| (.+) \| `((?:xargs )?postroad queue [^`]*)` \|$", re.MULTILINE)
ROWS = ROW.findall(PAGE)

ARRIVED = 1_700_000_000.0
LATER = 4_000_000_000.0
HEADER, BODY = b"Subject: hello\r\n\r\n", b"text\r\n"

Queue = Mapping[str, Any]
Check = Callable[[Ran, Queue, Queue], bool]


def test_the_table_is_read() -> None:
    assert len(ROWS) > 20
    assert {command for _, command in ROWS} == set(CHECKS)


@pytest.fixture
def mail(server: Path) -> tuple[str, str]:
    """A message that is deferred, and one that is on hold."""
    directory = load(Path("postroad.toml")).spool_directory / "0"

    async def run() -> tuple[str, str]:
        shard = await Shard.open(directory, 0, SpoolSettings(), lambda: ARRIVED)
        names = []
        for held in ("", "by an operator"):
            draft = shard.begin()
            draft.write(HEADER + BODY)
            to = Address("bob", "example.net")
            sender = Envelope(Address("ann", "example.org"))
            waybill = Waybill(held=held)
            claimed = await draft.commit(sender, [Addressee(to, to)], ARRIVED, waybill)
            await shard.settle([Retry(each.id, LATER, "451 no") for each in claimed.recipients])
            names.append(draft.queue_id)
        await shard.close()
        return names[0], names[1]

    directory.mkdir(parents=True)
    return asyncio.run(run())


def one(queue: Queue) -> Any:
    """The only recipient of the message that was deferred."""
    return queue["deferred"]["recipients"][0]


def is_due(queue: Queue) -> bool:
    return bool(one(queue)["next_attempt"] < LATER)


CHECKS: Mapping[str, Check] = {
    "postroad queue list": lambda ran, _, now: now["deferred"]["queue_id"] in ran.out,
    "postroad queue list --json": lambda ran, _, __: len(ran.json_lines) == 2,
    "postroad queue flush": lambda _, __, now: is_due(now),
    "postroad queue flush ID": lambda _, __, now: is_due(now),
    "postroad queue flush --domain example.net": lambda _, __, now: is_due(now),
    "postroad queue show ID --content": lambda ran, _, __: ran.out.endswith(
        (HEADER + BODY).decode()
    ),
    "postroad queue show ID": lambda ran, _, __: "text" not in ran.out,
    "postroad queue show ID --raw --header": lambda ran, _, __: ran.out == HEADER.decode(),
    "postroad queue show ID --raw --body": lambda ran, _, __: ran.out == BODY.decode(),
    "postroad queue show ID --raw": lambda ran, _, __: ran.out == (HEADER + BODY).decode(),
    "postroad queue count --status deferred": lambda ran, _, __: (
        ran.lines[-1].split()[:2] == ["example.net", "1"]
    ),
    "postroad queue count --senders --status held": lambda ran, _, __: (
        ran.lines[-1].split()[:2] == ["example.org", "1"]
    ),
    "postroad queue hold ID": lambda _, __, now: now["deferred"]["held"] is not None,
    "postroad queue hold --all": lambda _, __, now: now["deferred"]["held"] is not None,
    "postroad queue release ID": lambda ran, _, __: "1 message not on hold" in ran.out,
    "postroad queue release --all": lambda _, __, now: now["held"]["held"] is None,
    "postroad queue requeue ID": lambda _, __, now: one(now)["attempts"] == 0 and is_due(now),
    "postroad queue requeue --all": lambda _, __, now: one(now)["attempts"] == 0 and is_due(now),
    "postroad queue delete ID": lambda _, __, now: set(now) == {"held"},
    "postroad queue delete --status deferred": lambda _, __, now: set(now) == {"held"},
    "postroad queue delete --all --yes": lambda _, __, now: not now,
    "xargs postroad queue delete": lambda _, __, now: set(now) == {"held"},
    "postroad queue bounce ID": lambda _, __, now: one(now)["owed"] == "failed",
    "postroad queue suspend smtp": lambda ran, _, __: ran.out == "smtp: its mail waits\n",
    "postroad queue resume smtp": lambda ran, _, __: ran.out.startswith("no mail waits"),
}
"""What has to be true of what a command said, and of the queue before and after it."""


@pytest.mark.parametrize(("postfix", "command"), ROWS, ids=[command for _, command in ROWS])
def test_a_row(
    command_line: CommandLine, mail: tuple[str, str], postfix: str, command: str
) -> None:
    assert postfix.startswith("`") or "taking it out" in postfix

    def queue() -> Queue:
        listed = command_line("queue", "list", "--json").json_lines
        names = dict(zip(mail, ("deferred", "held"), strict=True))
        return {names[each["queue_id"]]: each for each in listed}

    before = queue()
    words = shlex.split(command.replace("ID", mail[0]))
    if words[0] == "xargs":
        words = [*words[1:], mail[0]]
    if words[2] == "resume":
        command_line("queue", "suspend", "smtp")
    ran = command_line(*words[1:])
    assert (ran.status, ran.err) == (os.EX_OK, "")
    assert CHECKS[command](ran, before, queue()), ran.out
