"""What policy wants done with a message, as it is to be stored: to whom, whose, how.

The precedence is Postfix's (access(5)): a discarded message meets nothing else, a redirected one no
content filter, and of a redirected one there is a single copy. Its first recipient stays with that
copy as the original one, and so do that recipient's wishes.
"""

from __future__ import annotations

from collections.abc import Sequence

from postroad.intake.aliases import Resolving, expand
from postroad.intake.ends import AT_HOME, Transit
from postroad.intake.trace import Source
from postroad.model import Addressee, Disposition, Notify, Recipient, Waybill

__all__ = ["addressees", "waybill"]


async def addressees(
    recipients: Sequence[Recipient],
    disposition: Disposition,
    directory: Resolving,
    transit: Transit = AT_HOME,
) -> list[Addressee]:
    """Where a message goes, aliases followed.

    A redirection and a copy may name an alias of ours as well as a mailbox. Nobody is told of
    what became of a copy: who sent the message does not know of it.

    Args:
        recipients: as RCPT named them; at least one.
        disposition: what policy wants.
        directory: who knows our addresses.
        transit: what is to be known of the message.

    Raises:
        AliasLimitError, ForwardingLoop, DirectoryUnavailable, KeysUnavailable: as `expand`.
    """
    if disposition.redirect is not None:
        first = recipients[0]
        instead = Recipient(disposition.redirect, first.notify, first.orcpt)
        found = await expand([], directory, transit, added=[instead])
        return [one._replace(original=first.address) for one in found]
    if disposition.bcc:
        copies = [Recipient(address, Notify.NEVER) for address in disposition.bcc]
        return await expand(recipients, directory, transit, added=copies)
    return await expand(recipients, directory, transit)


def waybill(source: Source, disposition: Disposition) -> Waybill:
    """What goes with the message.

    Args:
        source: who handed it over.
        disposition: what policy wants.
    """
    client, login = source.client, source.login
    return Waybill(
        "" if login is None else login.accountable,
        "" if client is None else client.address,
        disposition.hold,
        "" if disposition.redirect is not None else disposition.content_filter,
        source.listener,
    )
