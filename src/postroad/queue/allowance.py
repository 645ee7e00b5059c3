"""What a destination is allowed: `[queue]`, and the nearest of `[destinations.NAME]`. Pure.

It knows names and settings, not what runs. A destination has up to five sections that may speak of
it, from its own name to its transport; each key is taken from the nearest that has it.

Which destinations are counted together follows from that as well. Ten thousand domains may be
served by the same few hosts, and it is the hosts that bear so much and no more: so domains are
counted by the site of their mail hosts. A domain for which the operator has set concurrency or a
rate is counted by itself, because the number is meant for it. What is counted together has an
allowance of its own, in which no domain's section has a say; all other keys are each domain's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from postroad.net.dns_records import ascii_key
from postroad.queue.attempt import Destination
from postroad.queue.judgement import Judgement
from postroad.queue.rate import Rate, parse_rate
from postroad.queue.schedule import Schedule
from postroad.queue.settings import DestinationSettings, QueueSettings

__all__ = ["SITE", "TRANSPORT", "UNLIMITED", "Allowance", "Allowances", "section_key"]

SITE = "site:"
TRANSPORT = "transport:"
UNLIMITED = 1 << 30

_OWN = ("concurrency", "initial_concurrency", "rate")
"""A domain that has one of these is counted by itself."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What deliveries to one destination may do.

    Attributes:
        concurrency: deliveries at once at the most.
        initial: the same before any succeeded.
        recipients: recipients of one message in one delivery.
        rate: deliveries in a time, if that is limited.
        messages_per_connection: after how many messages a connection is closed; `None`: as the
            transport does.
        priority: added to that of each message.
        judgement: what an outcome means here; it has the schedule of retries.
        is_common: whether the concurrency is that of all workers together: a section named it.
            A rate always is.
    """

    concurrency: int
    initial: int
    recipients: int
    rate: Rate | None
    messages_per_connection: int | None
    priority: int
    judgement: Judgement
    is_common: bool

    @property
    def schedule(self) -> Schedule:
        """When to try again."""
        return self.judgement.schedule


class Allowances:
    """Finds the allowance of each destination."""

    def __init__(
        self,
        settings: QueueSettings,
        sections: Mapping[str, DestinationSettings] | None = None,
    ) -> None:
        """Take the settings.

        Args:
            settings: `[queue]`.
            sections: `[destinations.NAME]`, by NAME.
        """
        self._settings = settings
        self._sections = {section_key(name): each for name, each in (sections or {}).items()}
        self._made: dict[tuple[str, ...], Allowance] = {}
        self.default = self._make(())

    def concurrency(self, transport: str) -> int:
        """Deliveries at once by a transport, in one worker."""
        section = self._sections.get(f"{TRANSPORT}{transport.lower()}")
        own = None if section is None else section.total_concurrency
        return (self._settings.concurrency if own is None else own) or UNLIMITED

    def of(self, destination: Destination) -> tuple[Destination, Allowance]:
        """What is counted together with a destination, and the destination's own allowance.

        Returns:
            A name for all that is counted together, equal for each part of it, and the allowance.
        """
        names = self._speaking_of(destination)
        return self._group(destination, names), self._allowance(names)

    def together(self, destination: Destination) -> tuple[Destination, Allowance]:
        """What is counted together with a destination, and the allowance of all that is.

        Returns:
            A name for all that is counted together, and the allowance, equal for each part of it.
        """
        names = self._speaking_of(destination)
        group = self._group(destination, names)
        if group.site:
            names = tuple(name for name in names if not _is_name(name))
        elif group.nexthop in names:
            names = names[names.index(group.nexthop) :]
            if group.nexthop.startswith("."):  # its domains may have any site
                names = tuple(name for name in names if not name.startswith(SITE))
        return group, self._allowance(names)

    def _speaking_of(self, destination: Destination) -> tuple[str, ...]:
        """The sections that there are of a destination, the nearest first."""
        if not self._sections:
            return ()
        return tuple(name for name in _names(destination) if name in self._sections)

    def _group(self, destination: Destination, names: tuple[str, ...]) -> Destination:
        for name in names:
            own = self._sections[name]
            if _is_name(name) and any(getattr(own, key) not in (None, "") for key in _OWN):
                return destination._replace(nexthop=name, site="")
        site = destination.site
        return Destination(destination.transport, site, site) if site else destination

    def _allowance(self, names: tuple[str, ...]) -> Allowance:
        if not names:
            return self.default
        allowance = self._made.get(names)
        if allowance is None:
            allowance = self._made[names] = self._make(names)
        return allowance

    def _make(self, names: tuple[str, ...]) -> Allowance:
        given, sections = self._settings, [self._sections[name] for name in names]
        said = _merged(sections)
        concurrency = (
            given.destination_concurrency if said.concurrency is None else said.concurrency
        )
        initial = said.initial_concurrency
        initial = given.initial_concurrency if initial is None else initial
        together = said.recipients_per_delivery
        together = given.recipients_per_delivery if together is None else together
        most = concurrency or UNLIMITED
        return Allowance(
            concurrency=most,
            initial=min(initial or most, most),
            recipients=together or UNLIMITED,
            rate=parse_rate(said.rate),
            messages_per_connection=said.messages_per_connection,
            priority=said.priority,
            judgement=Judgement(Schedule(_scheduled(given, sections)), soft=given.soft_bounce),
            is_common=said.concurrency is not None,
        )


def section_key(name: str) -> str:
    """The form of a section's name used to compare: a domain is one however it is spelt."""
    for kind in (SITE, TRANSPORT):
        if name[: len(kind)].lower() == kind:
            return f"{kind}{ascii_key(name[len(kind) :])}"
    return ascii_key(name)


def _names(destination: Destination) -> Iterator[str]:
    """The sections that may speak of a destination, the nearest first."""
    name = destination.nexthop
    login, slash, rest = name.partition("/")
    if slash and "@" in login:  # whose login is used there makes no other destination of it
        name = rest
    name = ascii_key(name)
    yield name
    if not name.startswith("["):
        _, _, above = name.partition(".")
        while above:
            yield f".{above}"
            _, _, above = above.partition(".")
    if destination.site:
        yield f"{SITE}{destination.site}"
    yield f"{TRANSPORT}{destination.transport.lower()}"


def _is_name(section: str) -> bool:
    """Whether a section is a domain's or a next hop's."""
    return not section.startswith((SITE, TRANSPORT))


def _merged(sections: list[DestinationSettings]) -> DestinationSettings:
    """Key by key the nearest that says something."""
    merged = DestinationSettings()
    for section in reversed(sections):
        said = {
            key: value
            for key in DestinationSettings.__dataclass_fields__
            if (value := getattr(section, key)) not in (None, "", ())
            and not (key == "priority" and value == 0)
        }
        merged = replace(merged, **said)
    return merged


def _scheduled(given: QueueSettings, sections: list[DestinationSettings]) -> QueueSettings:
    """`[queue]` with the backoffs of the nearest section that has any."""
    for section in sections:
        shortest, longest = section.minimal_backoff, section.maximal_backoff
        if section.retry:
            return replace(given, retry=section.retry)
        if shortest is not None or longest is not None:
            shortest = given.minimal_backoff if shortest is None else shortest
            longest = given.maximal_backoff if longest is None else longest
            if 0 < longest < shortest:  # only one of them was said, and it reaches past the other
                longest = shortest
            return replace(given, minimal_backoff=shortest, maximal_backoff=longest, retry=())
    return given
