"""Golden policy scripts: how they are written, read and run.

A script is a text anyone can read, in `tests/policy/scripts/`. Its lines are:

    # words for the reader
    preset mx                   the lists of a preset, else all lists are empty
    relay: permit, reject       a list, with its stage; replaces the preset's
    ours REASON                 Postfix cannot be compared with this script
    directory down              from here on no look-up is answered

    client NAME[ADDRESS]        a new session; everything below is forgotten
    helo NAME
    login USER
    tls
    mail <SENDER>
    rcpt <RECIPIENT>            a question; what follows are the answers expected
           = permit             the decision: permit, or the reply
           | relay     ...      the trace, as `Verdict.explain` shows it
    data                        the other question

The world of all scripts: example.org is ours, with john, jane and the address info that john may
send as; 10.0.0.0/8 is trusted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Literal

from postroad.model import Address, Client, Login, TlsSession
from postroad.policy import (
    Facts,
    LookupUnavailable,
    Networks,
    Policy,
    PolicySettings,
    Stage,
    Verdict,
    build,
)

SCRIPTS = Path(__file__).parent / "policy" / "scripts"
NETWORKS = Networks([IPv4Network("10.0.0.0/8")])
DOMAIN = "example.org"
OWNERS = {
    "john@example.org": "john@example.org",
    "jane@example.org": "jane@example.org",
    "info@example.org": "john@example.org",
}
"""Each address of the world, and the account that may send as it."""

TLS = TlsSession("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)


class World:
    """The directory of all scripts, as an oracle."""

    def __init__(self, *, down: bool = False) -> None:
        self.down = down

    async def is_local(self, domain: str) -> bool:
        self._check()
        return domain.lower() == DOMAIN

    async def is_listed(self, address: Address) -> bool:
        self._check()
        return address.key in OWNERS

    async def owns(self, user: str, address: Address) -> bool:
        self._check()
        return OWNERS.get(address.key) == user

    async def has_owner(self, address: Address) -> bool:
        self._check()
        return address.key in OWNERS

    def _check(self) -> None:
        if self.down:
            raise LookupUnavailable("the directory is down")


@dataclass(frozen=True)
class Question:
    """One `rcpt` or `data` of a script, with all that the session knows by then."""

    line: int
    kind: Literal["rcpt", "data"]
    facts: Facts
    down: bool
    expected: tuple[str, ...]


@dataclass
class Script:
    name: str
    preset: str | None = None
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ours: str = ""
    questions: list[Question] = field(default_factory=list)

    @property
    def policy(self) -> Policy:
        if self.preset is not None:
            return build(self.preset, PolicySettings(**self.lists))
        empty = {stage.value: () for stage in Stage}
        return build("mx", PolicySettings(**{**empty, **self.lists}))


def scripts() -> list[Path]:
    return sorted(SCRIPTS.glob("*.txt"))


def read(path: Path) -> Script:
    return _Reader(path).read()


async def ask(policy: Policy, question: Question) -> Verdict:
    world = World(down=question.down)
    if question.kind == "rcpt":
        return await policy.recipient(question.facts, world)
    return await policy.data(question.facts, world)


def shown(verdict: Verdict) -> tuple[str, ...]:
    """A verdict as a script writes it: the decision, then the trace."""
    trace = verdict.explain().splitlines()[:-1]
    decision = "permit" if verdict.reply is None else str(verdict.reply)
    return (f"= {decision}", *(f"| {line}" for line in trace))


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.script = Script(path.stem)
        self.facts: Facts | None = None
        self.down = False

    def read(self) -> Script:
        for number, line in self._lines():
            self._take(number, line)
        assert self.script.questions, f"{self.path.name} asks nothing"
        return self.script

    def _lines(self) -> Iterator[tuple[int, str]]:
        for number, raw in enumerate(self.path.read_text("utf-8").splitlines(), 1):
            line = raw.strip()
            if line and not line.startswith("#"):
                yield number, line

    def _take(self, number: int, line: str) -> None:
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        match word:
            case "=" | "|":
                last = self.script.questions[-1]
                self.script.questions[-1] = replace(last, expected=(*last.expected, line))
            case "preset":
                self.script.preset = rest
            case "ours":
                self.script.ours = rest
            case "directory":
                assert rest == "down"
                self.down = True
            case "client":
                name, _, address = rest.rstrip("]").partition("[")
                client = Client(address, 40_000, name)
                self.facts = Facts(client, trusted=NETWORKS.contains(address))
            case "rcpt":
                facts = replace(self._session(), recipient=_address(rest))
                self._ask(number, "rcpt", facts)
                self.facts = facts
            case "data":
                self._ask(number, "data", self._session())
            case _ if word.endswith(":"):
                self.script.lists[word[:-1]] = (rest,) if rest else ()
            case _:
                self.facts = replace(self._session(), **self._fact(number, word, rest))

    def _fact(self, number: int, word: str, rest: str) -> dict[str, object]:
        match word:
            case "helo":
                return {"helo": rest}
            case "login":
                return {"login": Login(rest, "PLAIN")}
            case "tls":
                return {"tls": TLS}
            case "mail":
                return {"mail": True, "sender": _address(rest), "recipient": None}
        raise AssertionError(f"{self.path.name}:{number}: what is {word!r}?")

    def _session(self) -> Facts:
        assert self.facts is not None, f"{self.path.name}: a session begins with a client"
        return self.facts

    def _ask(self, number: int, kind: Literal["rcpt", "data"], facts: Facts) -> None:
        self.script.questions.append(Question(number, kind, facts, self.down, ()))


def _address(text: str) -> Address | None:
    inner = text.removeprefix("<").removesuffix(">")
    if not inner:
        return None
    return Address.parse(inner) if "@" in inner else Address(inner, "")
