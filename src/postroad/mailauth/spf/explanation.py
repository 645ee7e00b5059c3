"""What a domain says to those whose mail fails (`exp=`, RFC 7208 §6.2).

spftrace leaves out every text with a space in it, which is every text that is meant to be read. So
the text is fetched here, and only its macros are expanded by the library, word by word.
"""

from __future__ import annotations

import asyncio

from spftrace import EvaluationSession, Limits, Result, SpfError, Trace, parse
from spftrace.evaluator import normalise_ip
from spftrace.macros import MacroContext, expand, truncate_domain
from spftrace.resolver import BaseResolver, DnsError

from postroad.mailauth.spf.lookups import LONGEST_EXPLANATION

__all__ = ["explain"]

PATIENCE = 5.0
"""Seconds for it: the result is known, and the client waits for it."""


async def explain(
    found: Result,
    resolver: BaseResolver,
    *,
    address: str,
    sender: str,
    helo: str,
    receiver: str,
    patience: float = PATIENCE,
) -> str:
    """The explanation of a failure.

    Args:
        found: the evaluation.
        resolver: whom to ask.
        address: the client's IP address.
        sender: the mailbox that was checked.
        helo: the name in HELO.
        receiver: our name.
        patience: seconds that are left for it; never more than `PATIENCE`.

    Returns:
        ASCII without control characters; empty where there is none that can be read.
    """
    domain, term = _term(found)
    if not term:
        return ""
    patience = max(0.0, min(patience, PATIENCE))
    session = EvaluationSession(resolver, Limits(time_limit=patience), Trace())
    context = MacroContext(
        ip=normalise_ip(address),
        sender=sender,
        helo=helo,
        domain=domain,
        receiver=receiver,
        session=session,
    )
    try:
        async with asyncio.timeout(patience):
            with session.void_exempt():
                name = truncate_domain(await expand(term, context))
                _, texts = await session.query(name, "TXT")
                if len(texts) != 1 or len(texts[0]) > LONGEST_EXPLANATION:
                    return ""
                words = [await expand(word, context, exp=True) for word in texts[0].split(" ")]
    except (SpfError, DnsError, TimeoutError, ValueError):
        return ""
    text = " ".join(words)
    return text if text.isascii() and text.isprintable() else ""


def _term(found: Result) -> tuple[str, str]:
    """The domain whose record decided, and where its explanation is; empty for none."""
    policies: dict[str, str] = {}
    domain = decided = ""
    for event in found.trace.events:
        if event.kind == "check_start":
            domain = str(event.data["domain"])
        elif event.kind == "policy_parsed":
            policies[domain] = str(event.data["policy"])
        elif event.kind == "eval_done":
            decided = str(event.data["domain"])
    modifier = parse(policies[decided]).exp if decided in policies else None
    return decided, (modifier.arg or "") if modifier is not None else ""
