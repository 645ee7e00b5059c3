"""Answers for restrictions that have somebody do something, without anybody noticing.

No policy service is asked, no host is probed, no stranger becomes known to the greylist. What is
known already is told: the greylist's answer, and what an earlier probe found. Where only asking
would tell, the answer that lets a list go on stands in its place, and whoever shows the result has
to say so (`is_assumed`): what depends on it is open.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from postroad.config import Configuration
from postroad.delivery import Route
from postroad.delivery.probing import NOT_YET, Prober
from postroad.delivery.verified import VERIFIED
from postroad.directory import Directory
from postroad.limits.glance import Glance
from postroad.limits.greylist import Greylist
from postroad.limits.greylist_file import GREYLIST, GreylistUnavailable
from postroad.model import Address
from postroad.model.journal import Journal
from postroad.policy import Lookup, LookupUnavailable, Verification, VerificationStatus

__all__ = ["ASSUMED", "Bystander"]

ASSUMED = "DUNNO"
"""What stands for the answer of a policy service: no opinion."""

_UNASKED = Verification(VerificationStatus.DELIVERABLE, "(not asked)")


class Bystander:
    """Implements `Agents`. Close it."""

    def __init__(
        self, configuration: Configuration, directory: Directory, journal: Journal
    ) -> None:
        """Nothing is read yet.

        Args:
            configuration: of the server.
            directory: its accounts.
            journal: where events go.
        """
        self._strangers = Glance(configuration.greylist_file, GREYLIST)
        self._verified = Glance(configuration.verified_file, VERIFIED)
        self._greylist = Greylist(configuration.greylist, self._strangers, journal, time.time)
        self._prober = Prober(
            configuration.verification,
            configuration.hostname,
            accounts=directory,
            ways=_NoWay(),
            file=self._verified,
            journal=journal,
            clock=time.time,
        )

    @staticmethod
    def is_assumed(lookup: Lookup) -> bool:
        """Whether the answer only stands for one that nobody was asked for."""
        if lookup.whom == "probe":
            return lookup.answer.endswith(_UNASKED.why)
        return lookup.whom == "policy service"

    async def ask(self, service: str, attributes: Mapping[str, str]) -> str:  # noqa: ARG002
        """See `Agents.ask`: nobody is."""
        return ASSUMED

    async def verify(self, address: Address, *, sender: bool) -> Verification:  # noqa: ARG002
        """See `Agents.verify`: what an earlier probe found."""
        known = await self._prober.recall(address)
        return _UNASKED if known is NOT_YET else known

    async def greylist(self, client_address: str, sender: str, recipient: str) -> float:
        """See `Agents.greylist`: as if it came now."""
        try:
            return await self._greylist.wait(client_address, sender, recipient, remember=False)
        except GreylistUnavailable as error:
            raise LookupUnavailable(str(error)) from error

    async def pause(self, seconds: float) -> None:
        """See `Agents.pause`: who explains does not wait."""

    def close(self) -> None:
        """Forget what was read."""
        self._strangers.close()
        self._verified.close()


class _NoWay:
    """Implements `Ways` for a prober that only recalls."""

    async def route(self, address: Address) -> Route:
        raise LookupUnavailable(f"nobody is asked about {address}")

    def probing(self, transport: str) -> None:  # noqa: ARG002
        return None
