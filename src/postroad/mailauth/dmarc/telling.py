"""A policy in words, for an operator."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.mailauth.dmarc.discovery import Published
from postroad.mailauth.dmarc.result import Policy

__all__ = ["words_of"]

_ASKED = {
    Policy.NONE: "nothing is to be done",
    Policy.QUARANTINE: "it is to be filed as junk",
    Policy.REJECT: "it is to be refused",
}


def words_of(found: Published, *, exists: bool = True) -> Iterator[str]:
    """What a domain asks for, in lines.

    Args:
        found: what holds for it.
        exists: whether the domain exists.
    """
    record = found.record
    yield f"_dmarc.{found.domain} says: {record.text}"
    if found.is_below:
        which = "its subdomains" if exists else "names below it that do not exist"
        yield f"{found.author} has no record: that of {found.domain} for {which} holds."
    yield f"It belongs to the organization {found.organization}."
    policy = record.policy_for(is_below=found.is_below, exists=exists)
    yield f"Mail in its name that fails: {_ASKED[policy]} (p={policy.value})."
    if record.is_testing:
        yield "The policy is being tried out (t=y): the next lower policy is carried out."
    elif record.percent < 100 and policy is not Policy.NONE:
        yield f"That is for {record.percent} % of it (pct); for the rest the next lower policy."
    yield f"SPF proves it {_how(found, strict=record.strict_spf)}."
    yield f"A signature proves it {_how(found, strict=record.strict_dkim)}."
    if record.reports:
        yield f"Reports go to {', '.join(record.reports)}."
    else:
        yield "It wants no reports."


def _how(found: Published, *, strict: bool) -> str:
    if strict:
        return f"for {found.author} only (strict)"
    return f"for any name that belongs to {found.organization} (relaxed)"
