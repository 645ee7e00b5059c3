"""How mail goes on and bounces come back, joined from `[forwarding]` and the directory.

Addresses that were rewritten lead back also where rewriting is switched off now: bounces of what
went out before are still on their way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from postroad.config import Configuration
from postroad.intake.forwarding import Forwarding, Rewriting
from postroad.intake.returning import Named, Returning
from postroad.intake.srs_keys import DAY, SrsKeys
from postroad.server.return_rules import ReturnRules

__all__ = ["Forwards", "forwards_of"]


@dataclass(frozen=True, slots=True)
class Forwards:
    """The parts.

    Attributes:
        addresses: the directory as those see it who take mail: with rewritten addresses in it.
        onward: the name under which mail goes on.
        returns: what may be sent to rewritten addresses.
    """

    addresses: Returning
    onward: Forwarding
    returns: ReturnRules


def forwards_of(
    configuration: Configuration,
    directory: Named,
    clock: Callable[[], float] = time.time,
    *,
    report: Callable[[str], None] = lambda _: None,
    is_read_only: bool = False,
) -> Forwards:
    """Join them. Nothing is read or made before a message needs it.

    Args:
        configuration: of the server.
        directory: all accounts and aliases.
        clock: seconds since the epoch.
        report: takes a line for the log about a rewritten address that leads nowhere.
        is_read_only: whether no key may be made: for those who only say what would be.
    """
    settings, domain = configuration.forwarding, configuration.forwarding_domain
    keys = SrsKeys(
        configuration.srs_keys_file,
        lifetime=settings.key_lifetime,
        overlap=settings.maximum_age,
        clock=clock,
        is_read_only=is_read_only,
    )
    addresses = Returning(
        directory,
        domain,
        keys,
        maximum_age=int(settings.maximum_age // DAY),
        clock=clock,
        report=report,
    )
    rewriting = Rewriting(domain, keys) if settings.srs else None
    returns = ReturnRules(addresses.leads_back, bounces_only=settings.bounces_only)
    return Forwards(addresses, Forwarding(directory, rewriting), returns)
