"""The relay proof: no stranger reaches another domain through a relay list.

## Theory of operation

The proof runs the relay list, with the very functions that serve sessions, for a *stranger*: not
logged in, not in a trusted network, and with a recipient whose domain is not ours. Everything else
about him is unknown, because he chooses it: his address, the name in HELO, TLS, the sender, the
recipient's text. Whatever is unknown raises `_Unknown` when a restriction looks at it. Such a
restriction may then say anything that its kind can say: let pass, and permit if it is marked so in
the table. (A permit that is not marked is no permit to the engine either.) So each rule either says
one known thing or anything at all, and a permit that can be reached is a `Hole`.

Two properties follow. If a concrete session could relay, the proof finds a hole: every step of the
session is among those the proof allows. And a list may be called unsafe though no session gets
through, where two rules exclude each other; the other lists are left out for the same reason. The
relay list must hold on its own.

Then the same is asked for a client in a trusted network. Where that is permitted, which it should
be, the networks must not hold more of the Internet than one organisation can. The same holds for
networks whose clients may say that they are another one, a trusted one for instance (XCLIENT, the
PROXY protocol). Who comes through a proxy that does not name him is in no network, whatever network
the proxy is in: he is the stranger.

A listener that is to relay for nobody at all (LMTP) is asked once more with everything unknown:
trust and login too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Iterable
from dataclasses import dataclass, fields
from ipaddress import IPv4Network, IPv6Network
from typing import NoReturn, TypeVar, cast

from postroad.model import Address
from postroad.policy.answer import Action, Answer, Stage
from postroad.policy.engine import Policy
from postroad.policy.facts import Facts, Oracle
from postroad.policy.networks import Networks
from postroad.policy.rules import Rule

__all__ = ["Hole", "Passage", "prove", "reach_of"]

_AGAINST = (Action.REJECT, Action.DEFER, Action.DEFER_IF_PERMIT)
_WIDEST_V4 = 2**24  # addresses: a /8, the largest block ever given out
_WIDEST_V6 = 2**108  # addresses: a /20, what a large carrier has
_PRIVATE_V4 = tuple(
    IPv4Network(text)  # RFC 6890, RFC 5771: nobody on the Internet sends from these
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
    )
)
_GLOBAL_V6 = (IPv6Network("2000::/3"),)  # RFC 4291 §2.4: all of today's Internet


@dataclass(frozen=True, slots=True)
class Passage:
    """A rule on the way to a permit, and how the stranger gets past it or through it."""

    rule: Rule
    how: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.how}"


@dataclass(frozen=True, slots=True)
class Hole:
    """A way for strangers to relay.

    Attributes:
        who: who gets through.
        path: the rules in order; the last one permits.
    """

    who: str
    path: tuple[Passage, ...]

    def __str__(self) -> str:
        way = "; then ".join(str(passage) for passage in self.path)
        return f"{self.who} can send to any domain: {way}"


def prove(policy: Policy, networks: Networks, *, relays: bool = True) -> list[Hole]:
    """Every way in which a stranger may relay through the policy; none when it is proved safe.

    Args:
        policy: the lists of a listener.
        networks: `trusted_networks`.
        relays: whether anybody at all may send to other domains through it.
    """
    rules = policy.lists[Stage.RELAY]
    if not relays:
        return _holes(rules, _Anybody(), "a client, trusted or logged in,")
    holes = _holes(rules, _Stranger(trusted=False), "anybody, without a login,")
    too_wide = reach_of(networks)
    if too_wide:
        who = f"anybody in trusted_networks, which hold too much of the Internet ({too_wide}),"
        known = {hole.path[-1].rule for hole in holes}
        trusted = _holes(rules, _Stranger(trusted=True), who)
        holes += [hole for hole in trusted if hole.path[-1].rule not in known]
    return holes


def _holes(rules: tuple[Rule, ...], facts: Facts, who: str) -> list[Hole]:
    found: list[Hole] = []
    path: list[Passage] = []
    for rule in rules:
        answer = _answer(rule, facts)
        if answer is None:
            if rule.restriction.permits:
                found.append(Hole(who, (*path, Passage(rule, "may permit it"))))
            path.append(Passage(rule, "may let it pass"))
            continue
        if answer.action is Action.PERMIT and rule.restriction.permits:
            found.append(Hole(who, (*path, Passage(rule, f"permits it, because {answer.why}"))))
        if _ends(rule, answer):
            break
        path.append(Passage(rule, _passes(answer)))
    return found


def _ends(rule: Rule, answer: Answer) -> bool:
    """Whether nothing behind the rule can permit: `defer_if_permit` makes a permit a deferral."""
    if answer.action is Action.PERMIT:
        return rule.restriction.permits
    return answer.action in _AGAINST and not rule.warn


def _passes(answer: Answer) -> str:
    if answer.action in _AGAINST:
        return f"only warns, although {answer.why}"
    return f"lets it pass, because {answer.why}"


# The stranger -----------------------------------------------------------------------------------


class _Unknown(Exception):
    """A restriction looked at something that the stranger chooses: neither yes nor no."""


class _Opaque:
    """Something that is there, and that is all that is known.

    It is no `str` and no `Address`: nothing, not even code in C, can read a value from it. What
    it equals, hashes to, is formatted as or is an instance of is unknown too; only its identity
    is known, and that it is not `None`.
    """

    __slots__ = ()

    def _refuse(self, *_args: object) -> NoReturn:
        raise _Unknown

    __class__ = property(_refuse)  # what isinstance asks for
    __getattr__ = __getitem__ = __contains__ = __iter__ = __len__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _refuse
    __str__ = __repr__ = __format__ = _refuse


class _ForeignAddress(_Opaque):
    """The stranger's recipient: only that its domain is not ours is known."""

    __slots__ = ("domain",)

    def __init__(self) -> None:
        self.domain = _Opaque()


_FOREIGN = _ForeignAddress()


class _Stranger(Facts):
    """Facts of which three are known: no login, trusted or not, and a foreign recipient."""

    __slots__ = ("_trusted",)

    def __init__(self, *, trusted: bool) -> None:
        object.__setattr__(self, "_trusted", trusted)

    def __getattribute__(self, name: str) -> object:
        if name == "login":
            return None
        if name == "trusted":
            return object.__getattribute__(self, "_trusted")
        if name == "recipient":
            return _FOREIGN
        if name in _FIELDS:
            raise _Unknown
        return object.__getattribute__(self, name)


class _Anybody(Facts):
    """Facts of which one is known: a foreign recipient. Trust and login may be there or not."""

    __slots__ = ()

    def __init__(self) -> None:
        pass

    def __getattribute__(self, name: str) -> object:
        if name == "recipient":
            return _FOREIGN
        if name in _FIELDS:
            raise _Unknown
        return object.__getattribute__(self, name)


_FIELDS = frozenset(field.name for field in fields(Facts))


class _StrangersOracle:
    """Knows that the recipient's domain is not ours; of everything else, nothing."""

    async def is_local(self, domain: str) -> bool:
        if cast("object", domain) is _FOREIGN.domain:
            return False
        raise _Unknown

    async def is_listed(self, _address: Address) -> bool:
        raise _Unknown

    async def owns(self, _user: str, _address: Address) -> bool:
        raise _Unknown

    async def has_owner(self, _address: Address) -> bool:
        raise _Unknown


_ORACLE: Oracle = _StrangersOracle()


def _answer(rule: Rule, facts: Facts) -> Answer | None:
    """What the rule says of the stranger; `None` if that depends on what is unknown."""
    try:
        return _run(rule.restriction.check(facts, _ORACLE))
    except (_Unknown, TypeError):  # TypeError: code that insists on a real text was given none
        return None


def _run(asked: Awaitable[Answer]) -> Answer:
    """The result of a coroutine that never has to wait, because the oracle never does."""
    coroutine = cast("Coroutine[object, None, Answer]", asked)
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast("Answer", stop.value)
    coroutine.close()
    raise _Unknown


# Networks ---------------------------------------------------------------------------------------

_Network = TypeVar("_Network", IPv4Network, IPv6Network)


def reach_of(networks: Networks) -> str:
    """The networks that hold more of the Internet than one organisation can.

    Args:
        networks: whose clients are believed in something.

    Returns:
        Those networks, in words; empty when there is none.
    """
    v4 = _public(networks.v4, _PRIVATE_V4)
    v6 = sum(_shared(network, _GLOBAL_V6) for network in networks.v6)
    wide = [str(n) for n in networks.v4 if v4 > _WIDEST_V4 and _public((n,), _PRIVATE_V4)]
    wide += [str(n) for n in networks.v6 if v6 > _WIDEST_V6 and _shared(n, _GLOBAL_V6)]
    return ", ".join(wide)


def _public(networks: Iterable[IPv4Network], private: tuple[IPv4Network, ...]) -> int:
    return sum(network.num_addresses - _shared(network, private) for network in networks)


def _shared(network: _Network, others: Iterable[_Network]) -> int:
    """How many addresses the network has in common with the others, which are disjoint."""
    common = 0
    for other in others:
        if other.overlaps(network):
            common += min(other.num_addresses, network.num_addresses)
    return common
