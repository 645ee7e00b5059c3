"""Golden policy scripts, played: every question of a script, with what is decided.

`policy_script` says how they are written. `python tests/policy_golden.py FILE …` writes the answers
as they are now into scripts: read the difference before you keep it.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

from policy_script import ANSWER_MARKS, Command, Script, Session, address_of, read
from postroad.model import PLAIN, Address, Disposition, Reply
from postroad.policy import Oracle, Policy, Stage, Verdict


async def play(
    script: Script, folder: Path, oracle: Oracle | None = None
) -> AsyncIterator[tuple[Command, Verdict]]:
    """Every question of a script with what is decided.

    Args:
        script: what to play.
        folder: where the tables' files may be written.
        oracle: whom it asks, where that is not its own world.
    """
    script.world.write(folder)
    policy = script.policy
    for session in script.sessions:
        own = script.world.oracle(folder, directory_down=session.directory_down)
        player = Player(policy, session, oracle or own)
        for command in session.commands:
            verdict = await player.hear(command)
            if verdict is not None:
                yield command, verdict


class Player:
    """One session under way."""

    def __init__(self, policy: Policy, session: Session, oracle: Oracle) -> None:
        self.policy = policy
        self.oracle = oracle
        self.facts = session.facts()
        self.accepted: list[Address | None] = []
        self.pending: dict[Stage, Reply | None] = {}

    async def hear(self, command: Command) -> Verdict | None:
        """What is decided about a command; nothing where it is no question."""
        match command.word:
            case "client":
                return await self._early(Stage.CLIENT, "CONNECT", None)
            case "helo":
                self.facts = replace(self.facts, helo=command.rest, mail=False)
                return await self._early(Stage.HELO, "EHLO", self.pending.get(Stage.CLIENT))
            case "mail":
                self.accepted = []
                self.facts = replace(
                    self.facts, mail=True, sender=address_of(command.rest), recipient=None
                )
                before = self.pending.get(Stage.HELO, self.pending.get(Stage.CLIENT))
                return await self._early(Stage.SENDER, "MAIL", before)
            case "rcpt":
                return await self._rcpt(address_of(command.rest))
            case "etrn":
                self.facts = replace(self.facts, mail=False, sender=None, recipient=None)
                facts = replace(self.facts, etrn=command.rest, state="ETRN")
                return await self.policy.etrn(facts, self.oracle)
        only = self.accepted[0] if len(self.accepted) == 1 else None
        facts = replace(
            self.facts,
            recipient=only,
            recipients=len(self.accepted),
            pipelined=command.rest == "ahead",
        )
        if command.word == "data":
            return await self.policy.data(replace(facts, state="DATA"), self.oracle)
        return await self.policy.end_of_data(replace(facts, state="END-OF-MESSAGE"), self.oracle)

    async def _early(self, stage: Stage, state: str, before: Reply | None) -> Verdict | None:
        if self.policy.delay_reject:
            return None
        facts = replace(self.facts, state=state)
        verdict = await self.policy.early(stage, facts, self.oracle, before)
        self.pending[stage] = verdict.pending
        return verdict

    async def _rcpt(self, recipient: Address | None) -> Verdict:
        facts = replace(self.facts, recipient=recipient, recipients=len(self.accepted))
        pending = next((self.pending[s] for s in _LATEST_FIRST if s in self.pending), None)
        verdict = await self.policy.recipient(facts, self.oracle, pending)
        if verdict.reply is None:
            self.accepted.append(recipient)
        return verdict


_LATEST_FIRST = (Stage.SENDER, Stage.HELO, Stage.CLIENT)


def shown(verdict: Verdict) -> list[str]:
    """A verdict as a script writes it."""
    trace = verdict.explain().splitlines()[:-1]
    decision = "permit" if verdict.reply is None else str(verdict.reply)
    return [
        f"= {decision}",
        *(f"| {line}" for line in trace),
        *(f"! {what}: {words}" for what, words in verdict.notes),
        *(f"> {line}" for line in _done(verdict.disposition)),
    ]


def _done(disposition: Disposition) -> Iterator[str]:
    if disposition is PLAIN:
        return
    for what in ("discard", "hold", "redirect", "bcc", "prepend", "content_filter"):
        value = getattr(disposition, what)
        for each in value if isinstance(value, tuple) else [value]:
            if each:
                yield f"{what} {each}"


# Writing ----------------------------------------------------------------------------------------


def rewrite(path: Path) -> None:
    """Put the answers as they are now into a script; what Postfix says instead stays."""
    now = asyncio.run(_answers(read(path)))
    lines: list[str] = []
    for number, raw in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not (raw[:1].isspace() and raw.strip()[:2] in _OURS):
            lines.append(raw)
        if number in now:
            lines += [f"       {line}" for line in now[number]]
    path.write_text("\n".join(lines) + "\n", "utf-8")


_OURS = tuple(f"{mark} " for mark in ANSWER_MARKS if mark != "~")


async def _answers(script: Script) -> dict[int, list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        played = play(script, Path(folder))
        return {command.line: shown(verdict) async for command, verdict in played}


if __name__ == "__main__":
    for name in sys.argv[1:]:
        rewrite(Path(name))
