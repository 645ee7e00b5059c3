"""Delivers nothing, for a reason that a route gives: mail returns, or waits (error(8) of Postfix).

A transport table can so close a domain for good, `error:5.1.2 it moved to example.net`, or keep its
mail while somebody works on its server, `retry:4.3.2 back at noon`.
"""

from __future__ import annotations

import re

from postroad.delivery.transport import Delivery
from postroad.model import Outcome, Reply, Report, Status
from postroad.model.printable import printable

__all__ = ["ERROR", "RETRY", "RefusingTransport", "reason"]

ERROR, RETRY = "error", "retry"

_STATUS = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?:\s+|\Z)", re.ASCII)
MAX_WORDS = 400
"""Characters of a reason that are told: as many as fit a reply line (RFC 5321 §4.5.3.1.5)."""


def reason(text: str, *, permanent: bool) -> Reply:
    """What to tell of mail with such a route.

    Args:
        text: the route's next hop: words, perhaps with an enhanced status code before them
            (RFC 3463), which then says whether the mail returns or waits.
        permanent: which of both it is without a code.
    """
    found = _STATUS.match(text)
    words = text[found.end() :] if found else text
    if found is None:
        status = "5.0.0" if permanent else "4.0.0"
    else:
        status = f"{'4' if found[1] == '4' else '5'}.{found[2]}.{found[3]}"
    clean = printable(words)[:MAX_WORDS]
    return Reply.of(450 if status.startswith("4") else 550, status, clean or "no reason was given")


class RefusingTransport:
    """Implements `Transport`.

    Args:
        permanent: whether a reason without a status code is one for good.
        usual: the reason where a route gives none.
    """

    relays = False

    def __init__(self, *, permanent: bool, usual: str = "") -> None:
        self._permanent = permanent
        self._usual = usual

    async def deliver(self, delivery: Delivery) -> Report:
        """See `Transport.deliver`; the next hop is the reason."""
        reply = reason(delivery.nexthop or self._usual, permanent=self._permanent)
        status = Status.BOUNCED if reply.is_permanent else Status.DEFERRED
        refused = [Outcome(one.id, status, reply) for one in delivery.recipients]
        return Report(tuple(refused), "none")
