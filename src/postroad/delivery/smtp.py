"""Delivery to other mail servers by SMTP: mail exchangers, or smarthosts.

The parts and how they are joined: `finding` says what hosts there are, `hosts` tries them,
`dialling` opens a session with one, `courier` carries messages over sessions and keeps them. What
TLS, which login and which of our addresses comes from those who are given here; left out, there is
opportunistic TLS, no login, and whatever address the system chooses.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable

from postroad.delivery.courier import Courier
from postroad.delivery.credentials import Credentials
from postroad.delivery.dialling import Dialler
from postroad.delivery.finding import Finder, MailResolver, Surroundings
from postroad.delivery.hosts import HostSearch
from postroad.delivery.logging_in import LoginRules
from postroad.delivery.login import Login
from postroad.delivery.nexthop import Nexthop
from postroad.delivery.pool import Road, SessionPool
from postroad.delivery.probe import Probed, question
from postroad.delivery.search import Search
from postroad.delivery.securing import Securing
from postroad.delivery.session import Session, Unready
from postroad.delivery.settings import DeliverySettings, RelaySettings
from postroad.delivery.site import site_of
from postroad.delivery.smarthosts import Smarthosts
from postroad.delivery.sources import AnySource, Sources
from postroad.delivery.tls_policies import TlsPolicyFinder
from postroad.delivery.tls_policy import TlsPolicies, TlsSeeing, see_nothing
from postroad.delivery.tls_settings import OutboundTlsSettings
from postroad.delivery.transport import Delivery
from postroad.model import Reply, Report
from postroad.model.journal import Journal
from postroad.net.dns import to_ascii
from postroad.net.ourselves import Ourselves
from postroad.net.tls_client import ClientContexts, ClientTls

__all__ = ["MailResolver", "SmtpTransport"]

PLAIN_AFTER = 300.0
"""Seconds after which mail at the level `may` goes in plain text where TLS fails: Postfix's default
of minimal_backoff_time, which is what it waits for. Most failures of TLS are over by then."""


class SmtpTransport:
    """Delivers by SMTP."""

    relays = True

    def __init__(
        self,
        hostname: str,
        relay: RelaySettings,
        settings: DeliverySettings,
        *,
        resolver: MailResolver,
        journal: Journal,
        clock: Callable[[], float],
        credentials: Credentials | None = None,
        login: Login | None = None,
        sources: Sources | None = None,
        policies: TlsPolicies | None = None,
        contexts: ClientContexts | None = None,
        seeing: TlsSeeing = see_nothing,
        ourselves: Ourselves | None = None,
        smarthosts: Smarthosts | None = None,
        fallback: str = "",
        now: Callable[[], float] = time.time,
        chance: random.Random | None = None,
        chosen: bool = False,
    ) -> None:
        """A transport without connections.

        Args:
            hostname: our name, for EHLO and to know ourselves among mail exchangers.
            relay: the smarthost and its TLS.
            settings: ports, times and how connections are used again.
            resolver: who knows where hosts are.
            journal: told of TLS, and of hosts that were passed over.
            clock: seconds, for the times in reports.
            credentials: the login for the smarthost, where there is no `login`; nobody else gets
                it.
            login: who knows logins.
            sources: which of our addresses to connect from.
            policies: what TLS has to be; left out: the level of `relay`, and DANE.
            contexts: makes what handshakes need; left out: its own.
            seeing: told of what came of TLS, for reports.
            ourselves: which addresses are our own listeners'; left out: none.
            smarthosts: the order of the parts of a next hop; left out: its own.
            fallback: next hops that are tried after those of every next hop.
            now: seconds since the epoch, for mail with a deadline.
            chance: the lot among addresses.
            chosen: whether the operator chose every next hop, as a content filter: that there is
                no session with one is a mistake to be put right, and no mail bounces for it.

        Raises:
            postroad.net.certificates.TlsConfigurationError: the authorities cannot be read.
        """
        self._resolver = resolver
        self._chosen = chosen
        contexts = contexts or ClientContexts()
        contexts.of(ClientTls(ca_file=relay.ca_file))  # what cannot be read is said at start
        login = login or _OneLogin(relay.nexthop, credentials)
        sources = sources or AnySource()
        handshake_timeout = settings.connect_timeout or math.inf
        dialler = Dialler(
            hostname,
            settings,
            Securing(contexts, journal, seeing, handshake_timeout),
            login,
            tls_wrapper=relay.tls_wrapper,
            auth_parameter=relay.auth_parameter,
            login_rules=LoginRules(relay.login_mechanisms, relay.login_without_tls),
        )
        self._around = Surroundings(
            to_ascii(hostname),
            relay.nexthop,
            settings,
            resolver,
            ourselves or Ourselves(()),
            policies or _usual_policies(relay, resolver),
            login,
            sources,
            smarthosts or Smarthosts(),
            dialler,
            journal,
            chance or random.Random(),  # noqa: S311 - spreads load, keeps no secret
            Nexthop.parse_list(fallback) if fallback else (),
            vouched=relay.tls is None,
        )
        self._finder = Finder(self._around)
        self._courier = Courier(
            self._search,
            settings,
            clock,
            now,
            sources=sources,
            journal=journal,
            plain_after=PLAIN_AFTER,
        )

    async def deliver(self, delivery: Delivery) -> Report:
        """See `Transport.deliver`; the next hop is a domain or a smarthost's spelling."""
        return await self._courier.deliver(delivery)

    async def probe(self, nexthop: str, sender: str, recipient: str) -> Probed:
        """See `Probing.probe`."""
        return await self._courier.probe(nexthop, question(sender, recipient))

    async def site(self, nexthop: str) -> str:
        """Whose hosts a next hop's best ones are, so that mail for them can be counted together.

        Args:
            nexthop: `Route.nexthop`.

        Returns:
            The registrable domain of the best mail exchanger; the host where one is named in
            brackets, or its IP address; the next hop itself where the DNS does not say.
        """
        return await site_of(nexthop, self._resolver)

    def close(self) -> None:
        """Close idle connections now and the others as soon as their message is done."""
        self._courier.close()

    def _search(self, road: Road, pool: SessionPool) -> Search:
        search = HostSearch(self._around, self._finder, road, pool)
        return _ChosenSearch(search, road) if self._chosen else search


class _ChosenSearch:
    """A search for a next hop of the operator's choice, which may be set up wrong.

    What a message with REQUIRETLS wants is no matter of that (RFC 8689 §4.2.1).
    """

    def __init__(self, search: HostSearch, road: Road) -> None:
        self._search = search
        self._road = road

    async def next(self, failed: Session | None = None) -> Session | Unready:
        """See `Search.next`."""
        found = await self._search.next(failed)
        if isinstance(found, Session) or self._road.require_tls:
            return found
        reply = found.answer.reply
        if not reply.is_permanent:
            return found
        words = " ".join(reply.lines)
        said = f"host {found.relay} said: {reply}" if found.answer.from_peer else words
        return Unready.of(451, "4.3.5", said, found.relay)


class _OneLogin:
    """Implements `Login` for one smarthost."""

    def __init__(self, nexthop: str, credentials: Credentials | None) -> None:
        self._credentials = credentials
        parts = Nexthop.parse_list(nexthop) if nexthop and credentials is not None else ()
        self._nexthops = frozenset(map(str, parts))

    async def credentials(self, host: str, nexthop: str) -> Credentials | None:
        """The login, at the smarthost."""
        del host  # whether it belongs to the next hop is asked by whoever connects
        return self._credentials if nexthop in self._nexthops else None

    def refused(self, host: str, credentials: Credentials, reply: Reply) -> None:
        """It is offered again all the same."""


def _usual_policies(relay: RelaySettings, resolver: MailResolver) -> TlsPolicies:
    settings = OutboundTlsSettings(mta_sts=False)
    return TlsPolicyFinder(settings, resolver, level=relay.tls_level, ca_file=relay.ca_file)
