"""Whether mail that is being taken will leave again, by the aliases there are now.

It is asked before the message is stored, and where it goes is settled only then: what policy or a
filter sends elsewhere after this is not seen here, nor an alias that changes in between. So what
hangs on it must do no harm when it is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

from postroad.directory import DirectoryUnavailable
from postroad.intake.aliases import AliasLimitError, ForwardingLoop, Resolving, expand
from postroad.model import Recipient

__all__ = ["Departures"]


class Departures:
    """Implements `mailauth.arc.sealing.Departures`."""

    def __init__(self, directory: Resolving) -> None:
        """Take who knows our addresses."""
        self._directory = directory

    async def leads_away(self, recipients: Sequence[Recipient]) -> bool:
        """See `mailauth.arc.sealing.Departures.leads_away`."""
        try:
            for each in await expand(recipients, self._directory):
                domain = each.address.domain
                if domain and not await self._directory.is_local(domain):
                    return True
        except (AliasLimitError, ForwardingLoop, DirectoryUnavailable):
            return True  # the message will be refused or deferred for it
        return False
