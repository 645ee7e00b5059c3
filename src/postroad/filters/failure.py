"""What becomes of mail while a filter fails, by the filter's `on_failure`.

The replies are Postfix's of `milter_default_action`, which mail programs and operators know.
"""

from __future__ import annotations

from dataclasses import replace

from postroad.filters.settings import OnFailure
from postroad.model import Reply
from postroad.model.letter import Finding, Opinion

__all__ = ["FAILED", "at_greeting", "failed", "refusal"]

FAILED = "failed"
"""How the result of a filter begins that has failed."""

_DEFERRED = Reply.of(451, "4.7.1", "Service unavailable - try again later")
_REJECTED = Reply.of(550, "5.5.0", "Service unavailable")


def failed(name: str, on_failure: OnFailure, why: str) -> Opinion:
    """The opinion of a filter that has none, because it failed.

    Args:
        name: the filter's.
        on_failure: its setting.
        why: what went wrong, in words for an operator, in one line.
    """
    finding = Finding(name, _RESULTS[on_failure], why)
    if on_failure == "hold":
        return Opinion(hold=f"{name}: {why}", findings=(finding,))
    return Opinion(reply=refusal(on_failure), findings=(finding,))


def refusal(on_failure: OnFailure) -> Reply | None:
    """What a client is told at a step before its content, where a filter failed; `None`: nothing.

    Args:
        on_failure: the filter's setting. A message to be held is held when it is complete.
    """
    if on_failure == "defer":
        return _DEFERRED
    return _REJECTED if on_failure == "reject" else None


def at_greeting(reply: Reply | None) -> Reply | None:
    """What is said in place of a greeting: 554 or 421 (RFC 5321 §4.3.2); others come at EHLO."""
    if reply is None or reply.code == 421:
        return reply
    return replace(reply, code=554) if reply.is_permanent else None


_RESULTS: dict[OnFailure, str] = {
    "defer": f"{FAILED}, deferred",
    "accept": f"{FAILED}, let pass",
    "reject": f"{FAILED}, refused",
    "hold": f"{FAILED}, held",
}
