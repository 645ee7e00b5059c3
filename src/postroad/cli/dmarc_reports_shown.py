"""Summaries of reports on DMARC, in words and as JSON.

Whatever receivers wrote is printable text when it comes here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from postroad.mailauth.dmarc.suffixes import organizational_domain
from postroad.model.counted import counted
from postroad.reports.dmarc.advice import advice_on, policy_advice
from postroad.reports.dmarc.summary import About, Few, Reporter, Source
from postroad.reports.dmarc.values import quoted

__all__ = ["document", "lines"]


def lines(about: About, names: Mapping[str, str], most: int) -> Iterator[str]:
    """What was reported about a domain, for people.

    Args:
        about: it.
        names: of addresses, as far as they are known.
        most: sources that are shown.
    """
    span = f"{_date(about.begins)} to {_date(about.ends)}"
    yield f"{about.domain}  {span}: {counted(about.messages, 'message')}, {_passed(about)}"
    yield f"    policy: {_policy(about)}"
    for error in about.errors.ranking:
        yield f"    a receiver says of the record: {error}"
    for reporter in about.reporters.values():
        yield f"    reported {_reporter(reporter)}"
    advice = policy_advice(about)
    if advice:
        yield f"    {advice}"
    for source in about.ranking[:most]:
        yield from _source_lines(source, about.domain, names)
    left = about.ranking[most:]
    if left:
        messages = sum([each.messages for each in left])
        failed = sum([each.failed for each in left])
        sources, number = counted(len(left), "more source"), counted(messages, "message")
        yield f"  and {sources}: {number}, {failed} failed"


def _passed(about: About) -> str:
    percent = 100 * about.passed // about.messages if about.messages else 0
    return f"{about.passed} passed ({percent} %), {about.messages - about.passed} failed"


def _policy(about: About) -> str:
    said = about.published
    tags = {
        "p": said.policy,
        "sp": said.below,
        "np": said.absent,
        "pct": said.percent if said.percent != "100" else "",
        "t": said.testing if said.testing != "n" else "",
        "adkim": said.dkim if said.dkim != "r" else "",
        "aspf": said.spf if said.spf != "r" else "",
    }
    return " ".join([f"{tag}={value}" for tag, value in tags.items() if value]) or "not told"


def _reporter(reporter: Reporter) -> str:
    """Whose word it is stands first: the name is whatever a stranger likes."""
    name = f", as {quoted(reporter.organization)}"
    if reporter.is_named:
        word = f"in a file{name}"
    elif not reporter.author:
        word = f"on nobody's word (DMARC proved no author){name}"
    else:
        is_same = reporter.author == reporter.organization
        word = f"by {reporter.author} (proved){'' if is_same else name}"
    skipped = f", records left out: {reporter.skipped}" if reporter.skipped else ""
    return (
        f"{word}: {counted(reporter.reports, 'report')},"
        f" {counted(reporter.messages, 'message')}{skipped}"
    )


def _source_lines(source: Source, domain: str, names: Mapping[str, str]) -> Iterator[str]:
    name = names.get(source.address, "")
    where = f"{source.address or 'other addresses'}{f' {name}' if name else ''}"
    yield (
        f"  {where}: {counted(source.messages, 'message')}, {source.failed} failed;"
        f" DKIM {source.dkim}, SPF {source.spf}; done: {_few(source.done)}"
    )
    if source.unproved:
        yield f"      {source.unproved} of them only by reports that are nobody's word"
    if source.reasons.counts:
        yield f"      not by the policy: {_few(source.reasons)}"
    if set(source.authors.counts) != {domain}:
        yield f"      From: {_few(source.authors)}"
    advice = advice_on(source, domain, organizational_domain)
    if advice.kind != "fine":
        yield f"      {advice.meaning}: {advice.action}"


def _few(few: Few[str]) -> str:
    words = [f"{each or 'not told'} {few.counts[each]}" for each in few.ranking]
    return ", ".join([*words, f"others {few.others}"] if few.others else words)


def _date(moment: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(moment))


# JSON --------------------------------------------------------------------------------------------


def document(about: About, names: Mapping[str, str]) -> Mapping[str, object]:
    """The same for programs, with all sources."""
    return {
        "domain": about.domain,
        "begins": about.begins,
        "ends": about.ends,
        "messages": about.messages,
        "passed": about.passed,
        "failed": about.messages - about.passed,
        "policy": about.published._asdict(),
        "errors": about.errors.ranking,
        "advice": policy_advice(about) or None,
        "reporters": [
            {
                "organization": each.organization,
                "proved": each.author or None,
                "file": each.is_named,
                "contact": each.contact or None,
                "reports": each.reports,
                "messages": each.messages,
                "skipped": each.skipped,
            }
            for each in about.reporters.values()
        ],
        "sources": [_source_document(each, about.domain, names) for each in about.ranking],
    }


def _source_document(source: Source, domain: str, names: Mapping[str, str]) -> Mapping[str, object]:
    advice = advice_on(source, domain, organizational_domain)
    return {
        "address": source.address or None,
        "name": names.get(source.address) or None,
        "messages": source.messages,
        "passed": source.passed,
        "failed": source.failed,
        "dkim": source.dkim,
        "spf": source.spf,
        "unproved": source.unproved,
        "done": _counts(source.done),
        "reasons": _counts(source.reasons),
        "authors": _counts(source.authors),
        "signers": [
            {**each._asdict(), "messages": source.signers.counts[each]}
            for each in source.signers.ranking
        ],
        "senders": [
            {"domain": each[0], "result": each[1], "messages": source.senders.counts[each]}
            for each in source.senders.ranking
        ],
        "reporters": _counts(source.reporters),
        "advice": advice.kind,
        "meaning": advice.meaning,
        "action": advice.action,
    }


def _counts(few: Few[str]) -> Mapping[str, int]:
    found = {each: few.counts[each] for each in few.ranking}
    return {**found, "others": few.others} if few.others else found
