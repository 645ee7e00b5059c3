"""Address verification: whether mail for an address would be taken, found out and remembered.

Theory of operation. An address of ours is looked up in the directory. Any other one is routed as
mail for it would be, and its next hop is asked (`probe`), unless the answer is known (`verified`).
The client waits for a short while; then it is told to come again, and the probe goes on. Results
that get old are renewed behind the client's back.

What strangers may make this server ask of others is bounded: one probe of an address at a time,
over all workers; so many at once, and of them no more than a quarter at one next hop; so many that
wait for a place; and a next hop that could not be reached is not tried again for a while. What
finds no place is answered with a temporary failure. Two servers that ask each other come to rest,
because each finds the address under question already, and because neither asks about the sender
that the other one's probes have.

A next hop that takes every address tells nothing by it, and one that refuses this server as such
makes all its addresses undeliverable; Postfix has it the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from postroad.delivery.places import Place, Places
from postroad.delivery.probe import Probed, Probing
from postroad.delivery.routing import Route
from postroad.delivery.settings import VerificationSettings
from postroad.delivery.verified import Verified, VerifiedUnavailable
from postroad.directory import Alias, DirectoryUnavailable, Resolution, Unknown
from postroad.limits.state_file import Keeping
from postroad.model import Address
from postroad.model.journal import Journal, Level, Notice
from postroad.net.dns import to_ascii
from postroad.policy import LookupUnavailable, Verification, VerificationStatus

__all__ = ["LONGEST", "NOT_YET", "Accounts", "Prober", "Ways", "probe_sender"]

LONGEST = 120.0
"""Seconds for one probe with the wait for its place. Hosts that make strangers wait for a greeting
take half a minute; those that take longer keep the place of others."""

REST = 60.0
"""Seconds for which a next hop is not tried again that could not be reached."""

LOOK_AGAIN = 1.0
"""Seconds between two looks for the result of another worker's probe."""

_MOST_RESTING = 1000  # next hops that could not be reached; beyond them the oldest are tried again

_SERVICE = "verify"

IN_PROGRESS = Verification(VerificationStatus.UNKNOWN, "Address verification in progress")
_TOO_MANY = Verification(VerificationStatus.UNKNOWN, "Too many addresses are being verified")
_TOO_SLOW = Verification(VerificationStatus.UNKNOWN, "Address verification took too long")
NOT_YET = Verification(VerificationStatus.UNKNOWN, "Not yet verified")
_OURS = Verification(VerificationStatus.DELIVERABLE, "delivers to mailbox")
_LIST = Verification(VerificationStatus.DELIVERABLE, "delivers to several addresses")
_UNASKED = Verification(VerificationStatus.DELIVERABLE, "is not asked")
_THROWN_AWAY = Verification(VerificationStatus.DELIVERABLE, "is thrown away")

_MAX_DEPTH = 20  # aliases of aliases that are followed, as `intake` does


class Accounts(Protocol):
    """The part of a directory that answers for addresses of ours."""

    async def is_local(self, domain: str) -> bool:
        """Whether mail for the domain ends here."""
        ...

    async def resolve(self, address: Address) -> Resolution:
        """Who has an address of ours."""
        ...


class Ways(Protocol):
    """Where mail goes, and who can be asked on the way."""

    async def route(self, address: Address) -> Route:
        """The transport and next hop for an address; may raise `DirectoryUnavailable`."""
        ...

    def probing(self, transport: str) -> Probing | None:
        """Who asks next hops of a transport; `None`: nobody can."""
        ...


def probe_sender(settings: VerificationSettings, hostname: str) -> str:
    """The reverse-path of probes, without brackets; empty for the null one."""
    if settings.sender == "<>":
        return ""
    return settings.sender or f"double-bounce@{hostname}"


class Prober:
    """Verifies addresses, for one worker. Belongs to the event loop."""

    def __init__(
        self,
        settings: VerificationSettings,
        hostname: str,
        *,
        accounts: Accounts,
        ways: Ways,
        file: Keeping,
        journal: Journal,
        clock: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Nothing is asked yet.

        Args:
            settings: how long results are good, and how many probes there are at once.
            hostname: our name.
            accounts: who has which address here.
            ways: where all other mail goes.
            file: keeps `verified.VERIFIED`.
            journal: told of results.
            clock: seconds since the epoch.
            pause: waits for so many seconds.
        """
        self._hostname = hostname
        self._accounts = accounts
        self._ways = ways
        self._verified = Verified(settings, file)
        self._journal = journal
        self._clock = clock
        self._pause = pause
        self._places = Places(settings.probes)
        self._probing: dict[str, asyncio.Task[Verification]] = {}
        self._resting: dict[Route, tuple[float, Verification]] = {}

    @property
    def sender(self) -> str:
        """The reverse-path of probes, without brackets; empty for the null one."""
        return probe_sender(self._verified.settings, self._hostname)

    def configure(self, settings: VerificationSettings) -> None:
        """Go by other settings from now on."""
        if settings.probes != self._verified.settings.probes:
            self._places = Places(settings.probes)
        self._verified.settings = settings

    async def verify(self, address: Address, *, sender: bool) -> Verification:
        """Whether mail for an address would be taken.

        Args:
            address: the address, not the null one.
            sender: whether it is the sender's; its answer is the same.

        Returns:
            What is known, or was found within `poll` seconds.

        Raises:
            LookupUnavailable: directory or file do not answer.
        """
        del sender
        try:
            return await self._find(address)
        except (DirectoryUnavailable, VerifiedUnavailable) as error:
            raise LookupUnavailable(str(error)) from error

    async def recall(self, address: Address) -> Verification:
        """The same without asking anybody else: what is known already, else `NOT_YET`.

        Raises:
            LookupUnavailable: directory or file do not answer.
        """
        try:
            meant = await self._meant(address)
            if isinstance(meant, Verification):
                return meant
            known = await self._verified.look(meant.key, self._clock(), claim=False)
        except (DirectoryUnavailable, VerifiedUnavailable) as error:
            raise LookupUnavailable(str(error)) from error
        return known.verification or NOT_YET

    async def close(self) -> None:
        """Break off the probes that are under way."""
        tasks = list(self._probing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # What is known -------------------------------------------------------------------------------

    async def _find(self, address: Address) -> Verification:
        meant = await self._meant(address)
        if isinstance(meant, Verification):
            return meant
        address = meant
        route = await self._ways.route(address)
        transport = self._ways.probing(route.transport)
        if transport is None:
            return _UNASKED
        key = address.key
        place = None if key in self._probing else self._places.line_up(route.nexthop)
        try:
            known = await self._verified.look(key, self._clock(), claim=place is not None)
            if known.due and place is not None and key not in self._probing:
                self._begin(address, route, transport, place)
                place = None
        finally:
            if place is not None:
                place.give_back()
        if known.verification is not None:
            return known.verification
        if place is None and key not in self._probing:
            return self._unreachable(route) or _TOO_MANY
        return await self._await(key)

    async def _meant(self, address: Address) -> Address | Verification:
        """The answer about an address of ours; else the address that mail for it goes to.

        That is another one behind an alias. Of a list with several members no one is asked.
        """
        if address.key == self.sender.lower():
            return _THROWN_AWAY
        for _ in range(_MAX_DEPTH):
            if address.domain and not await self._accounts.is_local(address.domain):
                return address
            found = await self._accounts.resolve(address)
            if isinstance(found, Unknown):
                break
            if not isinstance(found, Alias) or found.targets[0].key == address.key:
                return _OURS
            if len(found.targets) > 1:
                return _LIST
            address = found.targets[0]
        return Verification(VerificationStatus.UNDELIVERABLE, f'unknown user: "{address}"')

    async def _await(self, key: str) -> Verification:
        """The result of a probe that is under way here or elsewhere, if it comes soon."""
        task = self._probing.get(key)
        poll = self._verified.settings.poll
        with suppress(TimeoutError):
            async with asyncio.timeout(poll):
                if task is not None:
                    return await asyncio.shield(task)  # who stops waiting must not stop the probe
                return await self._hear(key)
        return IN_PROGRESS

    async def _hear(self, key: str) -> Verification:
        """What another worker finds out."""
        while True:
            await self._pause(LOOK_AGAIN)
            known = await self._verified.look(key, self._clock(), claim=False)
            if known.verification is not None:
                return known.verification

    # Finding out ---------------------------------------------------------------------------------

    def _begin(self, address: Address, route: Route, transport: Probing, place: Place) -> None:
        """Probe in the background. The address is claimed already."""
        key = address.key
        task = asyncio.create_task(self._probe(address, route, transport, place))
        self._probing[key] = task
        task.add_done_callback(lambda done: self._end(key, done))

    def _end(self, key: str, done: asyncio.Task[Verification]) -> None:
        del self._probing[key]
        if done.cancelled() or done.exception() is None:
            return
        error = done.exception()
        words = f"{key}: {type(error).__name__}: {error}"
        self._journal(Notice(_SERVICE, words, Level.ERROR))

    async def _probe(
        self, address: Address, route: Route, transport: Probing, place: Place
    ) -> Verification:
        """Ask, and write down what came of it; what was not asked is nobody's result."""
        key = address.key
        try:
            result = await self._ask(address, route, transport, place)
            if result is _TOO_MANY:
                await self._verified.release(key)
                return result
            await self._verified.put(key, result, self._clock())
        except VerifiedUnavailable as error:
            self._journal(Notice(_SERVICE, str(error), Level.WARNING))
            result = Verification(VerificationStatus.UNKNOWN, "Address verification problem")
        except asyncio.CancelledError:  # the worker ends: others need not wait for this one
            with suppress(VerifiedUnavailable):
                await self._verified.release(key)
            raise
        finally:
            place.give_back()
        return result

    async def _ask(
        self, address: Address, route: Route, transport: Probing, place: Place
    ) -> Verification:
        recipient = str(Address(address.local, to_ascii(address.domain) or address.domain))
        begun = False
        try:
            async with asyncio.timeout(LONGEST), place:
                if (rest := self._unreachable(route)) is not None:
                    return rest
                begun = True
                probed = await transport.probe(route.nexthop, self.sender, recipient)
        except TimeoutError:
            if not begun:
                return _TOO_MANY
            self._let_rest(route, _TOO_SLOW)
            return _TOO_SLOW
        result = _meaning(probed)
        words = f"to=<{address}>, relay={probed.relay}, status={result.status.value}"
        self._journal(Notice(_SERVICE, f"{words} ({probed.words})"))
        if probed.unreachable:
            self._let_rest(route, result)
        return result

    def _let_rest(self, route: Route, result: Verification) -> None:
        if len(self._resting) >= _MOST_RESTING:
            del self._resting[next(iter(self._resting))]
        self._resting[route] = (self._clock() + REST, result)

    def _unreachable(self, route: Route) -> Verification | None:
        """Why the next hop need not be asked now."""
        until, result = self._resting.get(route, (0.0, None))
        left = until - self._clock()
        if result is not None and not 0 < left <= REST:
            del self._resting[route]
            return None
        return result


def _meaning(probed: Probed) -> Verification:
    """RFC 5321 §4.2.1: a 5xx says that it will always be so, whatever command it is a reply to."""
    reply = probed.answer.reply
    if reply.is_permanent:
        status = VerificationStatus.UNDELIVERABLE
    elif reply.is_positive:
        status = VerificationStatus.DELIVERABLE
    else:
        status = VerificationStatus.UNKNOWN
    words = "".join(c if c.isprintable() and c.isascii() else "?" for c in probed.words)
    return Verification(status, words)
