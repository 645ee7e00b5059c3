"""Where a message that is accepted would go, as far as that can be said without connecting.

Aliases are followed as the door follows them, and the route is the router's; only the words are
made here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from postroad.config import Configuration
from postroad.delivery import Route, Router
from postroad.delivery.probing import probe_sender
from postroad.delivery.routing import FILTER
from postroad.directory import Alias, Directory, DirectoryUnavailable, Unknown
from postroad.intake.aliases import AliasLimitError
from postroad.intake.handling import addressees
from postroad.mailbox import MaildirLocation
from postroad.mailbox.location import UnsafeName
from postroad.model import Address, Addressee, ContentFilter, Disposition, Recipient, parse_filter

__all__ = ["Destination", "Destinations"]


@dataclass(frozen=True, slots=True)
class Destination:
    """One end of a message.

    Attributes:
        address: where it goes, after aliases.
        original: the recipient that the client named.
        transport: what brings it there, as the log names it; empty where nothing is brought.
        nexthop: where to.
        words: the same for people, as the end of a sentence.
    """

    address: str
    original: str
    transport: str
    nexthop: str
    words: str


class Destinations:
    """Finds them."""

    def __init__(self, configuration: Configuration, directory: Directory) -> None:
        """Where the mail of a server goes.

        Args:
            configuration: of the server.
            directory: its accounts.
        """
        self._directory = directory
        self._capture = configuration.delivery.capture
        self._smarthost = configuration.relay.smarthost
        self._probes_from = probe_sender(configuration.verification, configuration.hostname).lower()
        self._maildirs = MaildirLocation(configuration.mailbox.path, configuration.state_directory)
        self._router = Router(
            directory,
            mailbox=configuration.mailbox.transport,
            smarthost=configuration.relay.smarthost,
            capture=configuration.delivery.capture is not None,
        )

    async def of(
        self, recipients: Sequence[Address], disposition: Disposition
    ) -> tuple[Destination, ...] | str:
        """Where a message to these goes.

        Args:
            recipients: those that were accepted.
            disposition: what policy wants done with it.

        Returns:
            The ends, or why there are none.
        """
        if disposition.discard or not recipients:
            return ()
        through = parse_filter(disposition.content_filter) if disposition.content_filter else None
        if isinstance(through, str):
            return through
        if disposition.redirect is not None:
            through = None  # access(5): a redirected message meets no content filter
        try:
            found = await addressees([*map(Recipient, recipients)], disposition, self._directory)
            return tuple([await self._end(one, through) for one in found if one.owed is None])
        except AliasLimitError:
            return "its aliases lead too deep, or to too many addresses"
        except DirectoryUnavailable as error:
            return f"the directory does not answer: {error}"

    async def _end(self, one: Addressee, through: ContentFilter | None) -> Destination:
        route = await self._router.route(one.address, through)
        nobody = await self._is_nobody(one.address)
        if nobody and one.address.key == self._probes_from:
            route, words = Route("", ""), "thrown away, as the sender of our probes"
        elif nobody and route.transport in ("local", "lmtp") and through is None:
            words = "nobody here has this address: it would go back to the sender"
        else:
            words = await self._words(one.address, route)
        address, original = str(one.address), str(one.original)
        return Destination(address, original, route.transport, route.nexthop, words)

    async def _is_nobody(self, address: Address) -> bool:
        if not await self._directory.is_local(address.domain):
            return address.key == self._probes_from
        return isinstance(await self._directory.resolve(address), Unknown)

    async def _words(self, address: Address, route: Route) -> str:
        nexthop = route.nexthop
        match route.transport:
            case "local":
                return await self._mailbox(address)
            case "lmtp":
                return f"to the mail store, by LMTP to {nexthop}"
            case "capture":
                return f"caught in {self._capture}, as [delivery] capture says"
            case transport if transport == FILTER:
                return f"to the content filter {nexthop}"
        if nexthop == self._smarthost:
            return f"to the smarthost {nexthop}"
        return f"to the mail exchangers of {nexthop}"

    async def _mailbox(self, address: Address) -> str:
        found = await self._directory.resolve(address)
        if isinstance(found, Unknown | Alias):  # an alias of itself is the mailbox of that name
            return f"to the mailbox of {address}"
        try:
            return f"to the mailbox of {found.user}, {self._maildirs.path(found.user)}"
        except UnsafeName as error:
            return f"nowhere: {error}"
