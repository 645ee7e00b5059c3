"""Random configurations for the relay proof, and strangers who try every way through them.

A `Case` is a policy of random lists: restrictions, classes, nested lists, tables with random
entries, policy services that answer anything. `relayed` puts concrete sessions to the real engine:
clients, names, senders, recipients, TLS, with a DNS, a directory and services that answer each
question in a random way, or not at all. It knows nothing of how the proof thinks.

`python tests/proof_world.py SECONDS [SEED]` tries cases for so long and tells what it found.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from random import Random
from typing import Any, TypeVar

from policy_world import SURROUNDINGS, TLS
from postroad.model import Address, Client, ClientCertificate, Login
from postroad.policy import (
    RESTRICTIONS,
    Action,
    Argument,
    Facts,
    Hole,
    LookupUnavailable,
    Networks,
    Oracle,
    Policy,
    PolicySettings,
    RestrictionMistake,
    SharedPolicySettings,
    Stage,
    Verdict,
    Verification,
    VerificationStatus,
    build,
    prove,
    reach_of,
)
from postroad.policy.facts import RecordType
from postroad.tables import Table, open_table

_T = TypeVar("_T")

# Who there is -----------------------------------------------------------------------------------

CLIENTS = (
    Client("203.0.113.9", 40_000, "mx.stranger.example", "mx.stranger.example"),
    Client("198.51.100.7", 40_000, "unknown", "odd.stranger.example"),
    Client("2001:db8::1", 40_000, name_unsure=True, reverse_unsure=True),
    Client("unknown", 0),  # whom a proxy does not name
)
NEIGHBOURS = (Client("10.1.2.3", 40_000, "pc.example.org"), Client("192.0.2.25", 40_000))
HELOS = ("", "mx.stranger.example", "localhost", "[203.0.113.9]")
SENDERS = (
    None,
    Address("a", "stranger.example"),
    Address("john", "example.org"),
    Address("root", "localhost"),
)
RECIPIENTS = (
    Address("b", "foreign.example"),
    Address("b", "sub.foreign.example"),
    Address("abuse", "stranger.example"),
    Address("b", "[192.0.2.9]"),
)
NETWORKS = (
    (),
    ("10.0.0.0/8",),
    ("10.0.0.0/8", "192.168.0.0/16", "::1/128"),
    ("203.0.0.0/8",),
    ("0.0.0.0/0",),
    ("0.0.0.0/1", "128.0.0.0/1"),
    ("::/0",),
)
CERTIFIED = replace(
    TLS, client_certificate=ClientCertificate(fingerprint="aa" * 32, key_fingerprint="bb" * 32)
)
FINGERPRINT = ":".join(["AA"] * 32)

# What there is to write -------------------------------------------------------------------------

KEYS = (
    "203.0.113.9",
    "203.0.113",
    "198.51",
    "2001:db8::1",
    "mx.stranger.example",
    "odd.stranger.example",
    "stranger.example",
    "example",
    "localhost",
    "<>",
    "a@stranger.example",
    "a@",
    "john@example.org",
    "b@foreign.example",
    "foreign.example",
    "abuse@",
    FINGERPRINT,
)
VALUES = (
    *("OK", "ok", "RELAY", "250 fine"),
    *("REJECT", "reject not you", "550 5.1.1 no", "450 4.1.1 later", "DEFER", "DUNNO"),
    *("DEFER_IF_PERMIT", "DEFER_IF_REJECT later", "DISCARD", "HOLD", "INFO a", "WARN"),
    *("FILTER smtp:[x.example]:25", "REDIRECT a@example.org", "BCC a@example.org"),
    *("PREPEND X-A: b", "PREPEND nothing", "nonsense", "hash:/x"),
    *("permit", "reject", "permit_mynetworks", "permit_sasl_authenticated, reject"),
    *("reject_unauth_destination", "reject_unauth_destination, permit", "defer_if_permit"),
    *("warn_if_reject reject_unauth_destination, permit", "warn_if_reject DUNNO"),
    *("permit_auth_destination", "class0", "class1", "class2", "class1, permit"),
    *("warn_if_reject class0", "check_policy_service", "permit_mx_backup"),
)
HARMLESS = tuple(
    value for value in VALUES if value.split()[0].upper() not in ("OK", "RELAY", "250", "PERMIT")
)
SERVICE = "inet:127.0.0.1:10023"
DNS_LIST = "list.example=127.0.0.[2..11]"
ZONE: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "A": ((), ("127.0.0.2",), ("192.0.2.25",), ("203.0.113.9",), ("127.0.0.2", "203.0.113.77")),
    "AAAA": ((), ("2001:db8::1",)),
    "MX": (
        (),
        ("10 mail.example.org.",),
        ("20 mail.example.org.", "10 mx.foreign.example."),
        ("5 mx.foreign.example.", "7 other.example."),
        ("0 .",),
        ("nonsense",),
    ),
    "NS": ((), ("ns.stranger.example.",)),
    "TXT": ((), ('"listed"',)),
    "PTR": ((), ("mx.stranger.example.",)),
}
_OPENING = ("permit", "check_policy_service", "permit_mx_backup")
_PLAIN = tuple(name for name, each in RESTRICTIONS.items() if Stage.RELAY in each.stages)
_GUARDS = ("reject_unauth_destination", "defer_unauth_destination", "reject", "defer_if_permit")


@dataclass(frozen=True)
class Case:
    """A configuration.

    Attributes:
        lists: of the listener.
        shared: the classes, and the settings of restrictions.
        networks: the trusted ones.
        relays: whether anybody at all may relay.
        tables: those that are named in it.
    """

    lists: PolicySettings
    shared: SharedPolicySettings
    networks: Networks
    relays: bool
    tables: dict[str, Table] = field(default_factory=dict, compare=False)

    @property
    def policy(self) -> Policy:
        """The lists, ready to run."""
        return build("mx", self.lists, replace(SURROUNDINGS, settings=self.shared))

    def holes(self) -> list[Hole]:
        """What the proof says."""
        return prove(
            self.policy,
            self.networks,
            relays=self.relays,
            values=self.values,
            backup=Networks(self.shared.mx_backup_networks),
        )

    def values(self, table: str) -> frozenset[str] | None:
        """What a table can answer."""
        return self.table(table).values()

    def table(self, name: str) -> Table:
        """A table, opened once."""
        if name not in self.tables:
            self.tables[name] = open_table(name)
        return self.tables[name]


class Writer:
    """Writes configurations."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def case(self) -> Case:
        """One that can be read."""
        while True:
            case = self._case()
            try:
                case.policy  # noqa: B018 - it raises
            except RestrictionMistake:
                continue
            return case

    def _case(self) -> Case:
        random = self._random
        # Where every word may open the way, most lists are open, and there is nothing to refute.
        bold = random.random() < 0.4
        others = ("client", "helo", "sender", "recipient")
        lists: dict[str, Any] = {
            name: self._list(2, bold=True) if random.random() < 0.2 else () for name in others
        }
        classes = {f"class{at}": self._list(3, bold=bold, at=at) for at in range(3)}
        backup = (ip_network("10.0.0.0/8"),) if random.random() < 0.5 else ()
        shared = SharedPolicySettings(
            classes=classes,
            mx_backup_networks=backup,
            relay_clientcerts=f"inline:{{{FINGERPRINT}=john}}" if random.random() < 0.5 else "",
        )
        relay = self._list(6, bold=bold)
        return Case(
            PolicySettings(relay=relay, delay_reject=random.random() < 0.7, **lists),
            shared,
            Networks(map(ip_network, random.choice(NETWORKS))),
            relays=random.random() < 0.8,
        )

    def _list(self, most: int, *, bold: bool, at: int = -1) -> tuple[str, ...]:
        random = self._random
        words = [self._restriction(bold=bold, at=at) for _ in range(random.randint(0, most))]
        if random.random() < 0.3:
            words.insert(random.randint(len(words) // 2, len(words)), random.choice(_GUARDS))
        if random.random() < 0.4:
            words.append("permit")
        return tuple(f"warn_if_reject {w}" if random.random() < 0.1 else w for w in words)

    def _restriction(self, *, bold: bool, at: int) -> str:
        random = self._random
        if random.random() < 0.15 and at < 2:
            return f"class{random.randint(at + 1, 2)}"
        name = random.choice(_PLAIN)
        if random.random() < 0.4:
            name = random.choice([n for n in _PLAIN if n.endswith("_access")])
        if name in _OPENING and not bold and random.random() < 0.7:
            return "reject_unauth_destination"
        match RESTRICTIONS[name].argument:
            case Argument.NONE:
                return name
            case Argument.TABLE:
                return f"{name} {self._table(bold=bold)}"
            case Argument.DOMAIN:
                return f"{name} {DNS_LIST}"
            case Argument.SERVICE:
                return f"{name} {SERVICE}"
            case Argument.SECONDS:
                return f"{name} 1"

    def _table(self, *, bold: bool, depth: int = 0) -> str:
        random = self._random

        def value() -> str:
            return random.choice(VALUES if bold or random.random() < 0.1 else HARMLESS)

        match random.randint(0, 5 if depth == 0 else 3):
            case 0:
                return f"static:{{{value()}}}"
            case 1:
                rules = (f"{{/{random.choice(('example', '^a@', '.'))}/ {value()}}}" for _ in "12")
                return f"regexp:{{{', '.join(rules)}}}"
            case 2:
                networks = ("203.0.113.0/24", "198.51.100.0/24", "0.0.0.0/0", "2001:db8::/32")
                rules = (f"{{{random.choice(networks)} {value()}}}" for _ in "12")
                return f"cidr:{{{', '.join(rules)}}}"
            case 4:
                inner = self._table(bold=bold, depth=1)
                return f"unionmap:{{{inner}, inline:{{{{b = {value()}}}}}}}"
            case 5:
                return f"pipemap:{{{self._table(bold=bold, depth=1)}, static:{{{value()}}}}}"
        keys = random.sample(KEYS, random.randint(1, 6))
        return f"inline:{{{', '.join(f'{{{key} = {value()}}}' for key in keys)}}}"


# Strangers --------------------------------------------------------------------------------------


class Elsewhere:
    """Everybody who can be asked, each question answered at random, and then always the same."""

    def __init__(self, case: Case, random: Random) -> None:
        self._case = case
        self._random = random
        self._said: dict[object, object] = {}

    @property
    def oracle(self) -> Oracle:
        """For the engine."""
        return Oracle(self, self, self, self)

    def _answer(self, question: object, answers: tuple[_T, ...]) -> _T:
        if question not in self._said:
            lost = self._random.random() < 0.05
            self._said[question] = None if lost else self._random.choice(answers)
        answer: Any = self._said[question]
        if answer is None:
            raise LookupUnavailable(str(question))
        return answer

    async def is_local(self, domain: str) -> bool:
        return self._answer(("local", domain), (domain.lower() == "example.org",))

    async def is_listed(self, address: Address) -> bool:
        return self._answer(("listed", address), (True, False))

    async def owns(self, user: str, address: Address) -> bool:
        return self._answer(("owns", user, address), (True, False))

    async def has_owner(self, address: Address) -> bool:
        return self._answer(("owner", address), (True, False))

    async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
        return self._answer((name, kind), ZONE[kind])

    async def find(self, table: str, key: str) -> str | None:
        if self._answer(("away", table), (False,)):
            raise AssertionError
        return await self._case.table(table).find(key)

    def takes_parts(self, table: str) -> bool:
        return self._case.table(table).takes_parts

    async def ask(self, service: str, attributes: Mapping[str, str]) -> str:
        return self._answer(("ask", service, attributes["recipient"]), VALUES)

    async def verify(self, address: Address, *, sender: bool) -> Verification:
        status = self._answer(("verify", address, sender), tuple(VerificationStatus))
        return Verification(status, "said so")

    async def greylist(self, client_address: str, sender: str, recipient: str) -> float:
        return self._answer(("grey", client_address, sender, recipient), (0.0, 300.0))

    async def pause(self, seconds: float) -> None:
        pass


def sessions(case: Case, random: Random) -> Iterator[Facts]:
    """Sessions without end, of those who must not relay, each with a foreign recipient."""
    while True:
        client = random.choice(CLIENTS)
        facts = Facts(
            client,
            trusted=case.networks.contains(client.address),
            helo=random.choice(HELOS),
            tls=random.choice((None, TLS)),
            mail=True,
            sender=random.choice(SENDERS),
            recipient=random.choice(RECIPIENTS),
            recipients=random.choice((0, 0, 2)),
            pipelined=random.random() < 0.2,
            size=random.choice((0, 1_000)),
        )
        if not case.relays:
            yield _somebody(facts, random)
        elif not facts.trusted or reach_of(case.networks):
            yield facts


def _somebody(facts: Facts, random: Random) -> Facts:
    return replace(
        facts,
        client=random.choice(CLIENTS + NEIGHBOURS),
        trusted=random.random() < 0.5,
        login=random.choice((None, Login("john@example.org", "PLAIN"))),
        tls=random.choice((None, TLS, CERTIFIED)),
    )


def relayed(case: Case, random: Random, times: int = 200) -> tuple[Facts, Verdict] | None:
    """A session that has its foreign recipient accepted; `None` if none of so many has."""
    policy = case.policy
    for _, facts in zip(range(times), sessions(case, random), strict=False):
        verdict = _put(policy, facts, Elsewhere(case, random).oracle)
        if verdict is not None and verdict.action is Action.PERMIT:
            return facts, verdict
    return None


def _put(policy: Policy, facts: Facts, oracle: Oracle) -> Verdict | None:
    """The verdict on the recipient; `None` if it does not come to that, or if nobody gets it."""
    pending = None
    if not policy.delay_reject:
        for stage, known in (
            (Stage.CLIENT, replace(facts, helo="", mail=False, sender=None, recipient=None)),
            (Stage.HELO, replace(facts, mail=False, sender=None, recipient=None)),
            (Stage.SENDER, replace(facts, recipient=None)),
        ):
            early = _run(policy.early(stage, known, oracle, pending))
            if early.reply is not None or early.disposition.discard:
                return None
            pending = early.pending
    verdict = _run(policy.recipient(facts, oracle, pending))
    return None if verdict.disposition.discard else verdict


def _run(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """The result of one that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    raise AssertionError("somebody waits")


# By hand ----------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What was found.

    Attributes:
        safe: cases that were proved.
        open: cases with a hole that a session came through.
        doubtful: cases with a hole that no session came through.
    """

    safe: int = 0
    open: int = 0
    doubtful: int = 0

    def attempt(self, seed: int) -> None:
        """One case.

        Raises:
            AssertionError: it was proved, and a session relays.
        """
        random = Random(seed)
        case = Writer(random).case()
        holes = case.holes()
        found = relayed(case, random, 150 if not holes else 50)
        assert holes or found is None, _told(seed, case, found)
        self.safe += not holes
        self.open += bool(holes) and found is not None
        self.doubtful += bool(holes) and found is None


def _told(seed: int, case: Case, found: tuple[Facts, Verdict] | None) -> str:
    assert found is not None
    facts, verdict = found
    return f"seed {seed}: {case}\nrelays for {facts}:\n{verdict.explain()}"


def main() -> None:
    """Try for so many seconds."""
    seconds = float(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    tally, end = Tally(), time.monotonic() + seconds
    while time.monotonic() < end:
        tally.attempt(seed)
        seed += 1
    sys.stdout.write(f"up to seed {seed}: {tally}\n")


if __name__ == "__main__":
    main()
