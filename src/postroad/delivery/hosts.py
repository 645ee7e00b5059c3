"""The hosts of a next hop, tried one after the other (RFC 5321 §5.1).

Theory of operation. A next hop has parts (a smarthost and its fallbacks; mostly there is one), a
part has hosts in groups of equal preference, a host has addresses. Each is looked up only when all
before it are used up, so that mail for a healthy destination asks for no more than it needs. What
comes out is a session that is ready for a transaction, or, when nothing is left, the failure worth
most: a temporary one where there is any, for mail bounces only when no host leaves hope.

A group in which we find ourselves ends its part: hosts that are not better than this server must
not be tried, or mail would go round.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import groupby

from postroad.delivery.endpoint import Call, Endpoint
from postroad.delivery.finding import Destination, Finder, Surroundings
from postroad.delivery.nexthop import Nexthop, split_login
from postroad.delivery.pool import Lane, Road, SessionPool
from postroad.delivery.racing import race
from postroad.delivery.securing import easier
from postroad.delivery.session import Session, Unready, failed_to_connect
from postroad.model import Reply
from postroad.model.journal import Notice
from postroad.net.dns import Exchanger

__all__ = ["HostSearch"]

MAX_HOSTS = 20
"""Hosts of a part that are looked up in one attempt. Nobody has more than ten mail exchangers, but
an answer of the DNS has room for a hundred, and each is two questions."""


class HostSearch:
    """Implements `Search`: one road's hosts, from the best on."""

    def __init__(self, around: Surroundings, finder: Finder, road: Road, pool: SessionPool) -> None:
        """Nothing is looked up yet.

        Args:
            around: what all searches share.
            finder: knows what hosts there are.
            road: the next hop, and how safe the way has to be.
            pool: sessions that may be there already.
        """
        self._around = around
        self._finder = finder
        self._road = road
        self._pool = pool
        self._user = ""
        self._parts: deque[Nexthop] | None = None  # those behind this one; none was asked for yet
        self._several = False  # parts
        self._to: Destination | None = None
        self._groups: deque[list[Exchanger]] = deque()
        self._calls: deque[Call | Unready] = deque()
        self._tried = 0  # addresses of the part
        self._worked = False  # whether the part gave a session
        self._used: set[Endpoint] = set()
        self._failure: Unready | None = None  # the one that is worth most
        self._of_part: Unready | None = None  # the same, of this part alone
        self._untold: list[Unready] = []

    async def next(self, failed: Session | None = None) -> Session | Unready:
        """See `Search.next`."""
        if failed is not None and failed.lane is not None and isinstance(failed.lane.key, Call):
            self._leave(failed, failed.lane.key)
        while True:
            if not self._calls:
                if not await self._advance():
                    return self._given_up()
                continue
            call = self._calls.popleft()
            if isinstance(call, Unready):
                self._fail(call)
            elif call.endpoint not in self._used:
                session = await self._try(call)
                if session is not None:
                    return session

    def _leave(self, failed: Session, call: Call) -> None:
        """Do not try an endpoint again, unless with less of what broke the session: TLS, or BDAT.

        That it does not know BDAT is known by now, so that the next session does without.
        """
        if failed.core.chunk_misunderstood:
            self._used.discard(call.endpoint)
            self._calls.appendleft(call)
            return
        lesser = easier(call.tls) if failed.tls and failed.core.lost else None
        if lesser is None:
            self._used.add(call.endpoint)
        else:
            self._used.discard(call.endpoint)
            self._calls.appendleft(replace(call, tls=lesser))

    # Connecting ----------------------------------------------------------------------------------

    async def _try(self, call: Call) -> Session | None:
        limit = self._around.settings.address_limit
        if limit and self._tried >= limit:
            self._end_part()
            return None
        self._tried += 1
        self._used.add(call.endpoint)
        found = self._pool.take_by_key(call) or await self._dial(call)
        if isinstance(found, Session):
            self._worked = True
            return found
        self._fail(found)
        if found.final:
            self._end_part()
        return None

    async def _dial(self, call: Call) -> Session | Unready:
        """A session with the endpoint, or with the next one of the other family."""
        self._tell()
        dialler = self._around.dialler
        connection = None
        rival = self._rival(call)
        if rival is not None:
            made = await race(dialler.connect, call, rival, self._around.settings.fallback_delay)
            if rival in made.unused:
                self._calls.appendleft(rival)
            else:
                self._tried += 1
                self._used.add(rival.endpoint)
            if call in made.unused:  # silent so far; perhaps it is only slow
                self._used.discard(call.endpoint)
                self._calls.append(call)
            failures = [failed_to_connect(str(one.endpoint), error) for one, error in made.failures]
            if made.call is None:
                self._fail_all(failures[:-1])
                return failures[-1]
            self._fail_all(failures)
            call, connection = made.call, made.connection
        found = await dialler.dial(call, connection)
        if isinstance(found, Session):
            found.lane = Lane(call)
        return found

    def _rival(self, call: Call) -> Call | None:
        """The next one, if it is of the other family: it is taken out of the row."""
        if not self._calls or not self._around.settings.fallback_delay:
            return None
        rival = self._calls[0]
        if not isinstance(rival, Call) or rival.endpoint.family == call.endpoint.family:
            return None
        self._calls.popleft()
        return rival

    # Parts and groups ----------------------------------------------------------------------------

    async def _advance(self) -> bool:
        """Look up what comes next; false where nothing does."""
        if self._groups and self._to is not None:
            await self._enter(self._to, self._groups.popleft())
            return True
        if self._parts is None:
            self._parts = self._all_parts()
        else:
            self._end_part()
        if not self._parts:
            return False
        await self._begin(self._parts.popleft())
        return True

    def _all_parts(self) -> deque[Nexthop]:
        nexthop = self._road.nexthop
        try:
            parts = Nexthop.parse_list(nexthop)
        except ValueError:
            words = f"Bad destination domain: {nexthop or 'none'}"
            self._fail(Unready.of(550, "5.1.2", words))
            return deque()
        self._user = split_login(nexthop)[0]
        self._several = len(parts) > 1
        return deque((*self._around.smarthosts.order(parts), *self._around.fallback))

    async def _begin(self, part: Nexthop) -> None:
        """Find what TLS has to be with a part, and its hosts."""
        road = self._road
        self._tried, self._worked, self._of_part = 0, False, None
        policy = await self._around.policies.policy(
            part, require_tls=road.require_tls, relaxed=road.relaxed
        )
        if isinstance(policy, Reply):
            self._fail(Unready.of_reply(policy))
            return
        found = await self._finder.exchangers(part)
        if isinstance(found, Unready):
            self._fail(found)
            return
        self._to = Destination(
            road.nexthop, part, self._user, policy, found[0].preference, waited=road.waited
        )
        groups = groupby(found[:MAX_HOSTS], key=lambda exchanger: exchanger.preference)
        self._groups.extend(list(group) for _, group in groups)

    async def _enter(self, to: Destination, group: list[Exchanger]) -> None:
        """Take up the hosts of one preference, unless we are one of them."""
        calls = await self._finder.calls(to, group)
        if calls is None:
            self._groups.clear()
            if self._parts:  # a fallback would send it back to us, as a backup mail exchanger would
                self._parts.clear()
            self._fail(self._loop(to.part))
        else:
            self._calls.extend(calls)

    def _end_part(self) -> None:
        """Try nothing more of it."""
        self._calls.clear()
        self._groups.clear()
        to, self._to = self._to, None
        if to is not None and self._several:
            smarthosts = self._around.smarthosts
            (smarthosts.worked if self._worked else smarthosts.failed)(to.part)

    # Failures ------------------------------------------------------------------------------------

    def _fail(self, failure: Unready) -> None:
        """Remember the failure that is worth most: a later one, but a temporary one first."""
        temporary = not failure.answer.reply.is_permanent
        if self._of_part is None or temporary:
            self._of_part = failure
        if self._failure is None or temporary:
            self._failure = failure
        self._untold.append(failure)

    def _fail_all(self, failures: list[Unready]) -> None:
        for failure in failures:
            self._fail(failure)

    def _tell(self) -> None:
        """Tell the log what went wrong before; the last failure is the delivery's own line."""
        for failure in self._untold:
            self._around.journal(Notice("smtp", " ".join(failure.answer.reply.lines)))
        self._untold.clear()

    def _loop(self, part: Nexthop) -> Unready:
        """What to say when all hosts that are left are this server."""
        better = self._of_part
        if better is not None:
            if better.answer.from_peer or not better.answer.reply.is_permanent:
                return better
            return Unready.of(451, "4.4.4", f"unable to find primary relay for {part.host}")
        words = f"mail for {part.host} loops back to myself"
        if self._is_configured():
            return Unready.of(451, "4.4.6", words)
        return Unready.of(554, "5.4.6", words)

    def _is_configured(self) -> bool:
        """Whether the operator named this next hop for all mail."""
        configured = self._around.configured
        return bool(configured) and split_login(self._road.nexthop)[1] == configured

    def _given_up(self) -> Unready:
        """The failure worth most. A smarthost that leads nowhere waits for the operator."""
        self._end_part()
        failure = self._failure
        if failure is None:  # every address was tried already
            words = "server unavailable or unable to receive mail"
            return Unready.of(451, "4.3.0", words)
        answer = failure.answer
        ours = answer.reply.is_permanent and not answer.from_peer
        if ours and self._is_configured() and not self._road.require_tls:
            words = f"smarthost configuration problem: {' '.join(answer.reply.lines)}"
            return Unready.of(451, "4.3.5", words, failure.relay)
        return failure
