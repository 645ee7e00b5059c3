"""Who verifies mail from outside, by what is running."""

from __future__ import annotations

import time
from collections.abc import Sequence

from postroad.app.running import Running
from postroad.app.spam import marks_from_outside_go
from postroad.mailauth.border import SPAM_FIELDS, Border, Customs
from postroad.mailauth.dkim.verification import Verifier
from postroad.mailauth.evidence import Judge
from postroad.mailauth.spf.checking import SpfChecker
from postroad.net.dns import Resolver
from postroad.policy import Networks

__all__ = ["border_of"]


def border_of(
    running: Running, names: Resolver, senders: SpfChecker | None, judges: Sequence[Judge]
) -> Border | None:
    """The border; `None` where nothing is verified, and nothing that came in has to go.

    Args:
        running: what is served.
        names: the DNS.
        senders: knows SPF.
        judges: who goes by what is verified.
    """
    configuration = running.configuration
    settings = configuration.authentication
    removed = SPAM_FIELDS if marks_from_outside_go(configuration) else frozenset()
    if senders is None or not (settings.verify or removed):
        return None
    customs = Customs(
        authserv_id=(settings.id or configuration.hostname).lower(),
        timeout=settings.timeout,
        verifies=settings.verify,
        skips=Networks(configuration.spf.skip_addresses).contains,
        names_clients=configuration.dns.reverse,
        removed=removed,
    )
    return Border(customs, senders, Verifier(names, time.time), judges)
