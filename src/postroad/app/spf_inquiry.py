"""What `postroad spf check` asks, of the DNS that the server asks."""

from __future__ import annotations

import time
from typing import NamedTuple

from postroad.config import Configuration
from postroad.mailauth.spf.checking import SpfChecker
from postroad.mailauth.spf.result import SpfVerdict
from postroad.mailauth.spf.telling import Step, budget, steps
from postroad.net.dns import Resolver

__all__ = ["SpfView", "asked"]


class SpfView(NamedTuple):
    """The check of one identity.

    Attributes:
        verdict: what it comes to.
        steps: how.
        budget: what was used of the limits.
    """

    verdict: SpfVerdict
    steps: tuple[Step, ...]
    budget: str


async def asked(
    configuration: Configuration, address: str, sender: str, helo: str
) -> list[SpfView]:
    """Check the name in HELO, where there is one, and the sender, where there is one.

    Args:
        configuration: of the server.
        address: the client's IP address.
        sender: the reverse-path; empty for the null one.
        helo: the name in HELO; empty: not checked.
    """
    resolver = Resolver(configuration.dns, time.monotonic)
    try:
        checker = SpfChecker(
            resolver, configuration.hostname, time.monotonic, timeout=configuration.spf.timeout
        )
        views = []
        for mailbox in ([""] if helo else []) + ([sender] if sender else []):
            verdict, found = await checker.traced(address, mailbox, helo)
            views.append(SpfView(verdict, tuple(steps(found)), budget(found)))
        return views
    finally:
        await resolver.close()
