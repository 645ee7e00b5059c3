"""Records in words, for an operator who is not an expert of mail.

Gives lines of text; where they go, and what of them could command a terminal, is the caller's
business. Times are the local ones. Rules are told in the order in which they were asked, each with
what it looked up; a trace that is the same as the one before is not told twice.
"""

from __future__ import annotations

import shlex
import textwrap
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

from postroad.history.advice import advice_for
from postroad.history.findings import told as told_of
from postroad.history.record import (
    Client,
    Decided,
    Decision,
    Delivery,
    Examined,
    Happened,
    Notification,
    Step,
    Visit,
)
from postroad.history.refusal import meaning_of
from postroad.model.letter import Finding

__all__ = ["Told", "explain", "rules"]

Told = Decided | Happened | Delivery | Notification | Examined

WIDTH = 100  # columns, of what is our own text

_SAID = {
    "permit": "permits",
    "dunno": "has no opinion",
    "reject": "refuses",
    "defer": "refuses for now",
    "defer_if_permit": "refuses for now, unless a later rule refuses for good",
    "defer_if_reject": "makes a refusal a temporary one",
    "asks": "leaves it to the rules that follow",
}
_STATUS = {
    "sent": "delivered",
    "deferred": "not yet, will be tried again",
    "bounced": "failed, goes back to the sender",
}
_DISPOSITION = {
    "discard": "is thrown away",
    "hold": "is held until an operator releases it",
    "redirect": "goes to another address instead",
    "bcc": "goes to a further address too",
    "prepend": "gets header fields",
    "content_filter": "goes through a content filter",
}


def explain(told: Iterable[Told]) -> Iterator[str]:
    """Lines that tell what happened.

    Args:
        told: records, in order.
    """
    session, transaction, delivering, advised = "", -1, False, False
    for each in told:
        if isinstance(each, Delivery | Notification):
            if not delivering:
                yield from ("", "What became of the message:", "")
            delivering, session = True, ""
            yield from _outcome(each)
            continue
        delivering = False
        if isinstance(each, Examined):
            yield from ("", f"{_date(each.at)} Message {each.queue_id}, from this machine")
            yield from _found(each.findings)
            session = ""
            continue
        visit = each.visit
        if visit.session != session:
            yield from _heading(each)
            session, transaction, advised = visit.session, -1, False
        if isinstance(each, Happened):
            # That a connection broke is what followed from something else, if that is known.
            advice = () if advised and each.event == "Lost" else _advice(each.text, visit, {})
            lines = tuple(advice)
            advised = advised or bool(lines)
            yield from ("", f"{_clock(each.at)} {each.text}", *lines)
            transaction = -1
            continue
        if visit.transaction != transaction:
            yield from _beginning(each)
            transaction = visit.transaction
        advised = advised or any(decision.reply for decision in each.decisions)
        yield from _decisions(each)


# The session ------------------------------------------------------------------------------------


def _heading(each: Decided | Happened) -> Iterator[str]:
    visit = each.visit
    port = f", port {visit.port}" if visit.port else ""
    yield f"Session {visit.session}, listener {visit.listener}{port}, {_date(each.at)}"
    yield from _client(visit.client)


def _client(client: Client) -> Iterator[str]:
    name = "without a name in the DNS" if client.name == "unknown" else client.name
    helo = f', called itself "{client.helo}"' if client.helo else ""
    yield f"  Client: {client.address}, {name}{helo}"
    login = "not logged in"
    if client.user:
        login = f"logged in as {client.user} ({client.mechanism})"
    trusted = "in trusted_networks" if client.trusted else "not in trusted_networks"
    encrypted = f"encrypted ({client.tls})" if client.tls else "not encrypted"
    yield f"          {login}, {trusted}, {encrypted}"


def _beginning(each: Decided) -> Iterator[str]:
    yield ""
    if each.sender is None:
        yield f"{_clock(each.at)} Without a mail transaction"
        return
    message = f", message {each.queue_id}" if each.queue_id else ""
    yield f"{_clock(each.at)} Mail from <{each.sender}>{message}"


# Decisions --------------------------------------------------------------------------------------


def _decisions(part: Decided) -> Iterator[str]:
    steps: tuple[str, ...] = ()
    if part.findings and part.decisions and not part.outcome:  # the last decision follows from them
        *before, last = part.decisions
        yield from _decisions(replace(part, decisions=tuple(before), findings=()))
        yield from _found(part.findings)
        part = replace(part, decisions=(last,))
    for decision in part.decisions:
        if not decision.reply and not decision.steps:
            continue  # a list without rules
        yield _subject(decision)
        lines = tuple(rules(decision.steps))
        same = lines == steps and len(lines) > 1
        yield from ("      the same rules said the same",) if same else lines
        steps = lines
        for kind, value in decision.disposition.items():
            yield f"      the message {_DISPOSITION.get(kind, kind)}: {value}"
        if decision.reply:
            yield f"    Reply: {decision.reply}"
            yield from _advice(decision.reply, part.visit, _names(part, decision))
    if part.outcome:
        size = f" ({part.size:,} octets)" if part.size else ""
        yield f"  The content came{size}."
        yield from _found(part.findings)
        yield f"    Reply: {part.outcome}"


def _found(findings: Iterable[Finding]) -> Iterator[str]:
    """What those found who looked at the content."""
    for words in told_of(findings):
        yield from textwrap.wrap(
            words,
            WIDTH,
            initial_indent="    ",
            subsequent_indent="      ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _subject(decision: Decision) -> str:
    whom = f" to <{decision.recipient}>" if decision.recipient else ""
    verdict = "accepted"
    if decision.reply:
        verdict = "refused for now" if decision.reply.startswith("4") else "refused"
    return f"  {decision.stage}{whom}: {verdict}"


def rules(steps: Iterable[Step]) -> Iterator[str]:
    """Rules in words, each with what it looked up, and the lists that they stand in."""
    stage = ""
    for step in steps:
        if step.list != stage:
            stage = step.list
            yield f"      the list {stage}:"
        indent = " " * (8 + 2 * step.depth)
        said = _SAID.get(step.said, step.said)
        if step.warned:
            said = f"only warns, and would refuse with {step.reply}"
        yield f"{indent}{step.restriction} {said}: {step.why}"
        for asked in step.looked_up:
            answer = ", ".join(asked.answer.split("\n"))
            yield f"{indent}  asked {asked.whom}: {asked.question}: {answer}"


def _names(part: Decided, decision: Decision) -> dict[str, str]:
    """What an advice names: strangers chose it, and an operator copies commands into a shell."""
    sender, helo = shlex.quote(part.sender or "<>"), part.visit.client.helo
    names = {"sender": sender, "identities": f"{sender} {shlex.quote(helo)}" if helo else sender}
    if decision.recipient:
        names["recipient"] = shlex.quote(decision.recipient)
        names["domain"] = shlex.quote(decision.recipient.rpartition("@")[2])
    return names


def _advice(said: str, visit: Visit, names: dict[str, str]) -> Iterator[str]:
    client = visit.client
    known = {
        "sender": "the sender",
        "identities": "the sender",
        "recipient": "the recipient",
        "domain": "that domain",
        "address": client.address,
        "listener": visit.listener,
        "user": shlex.quote(client.user) if client.user else "the user",
        "mechanism": client.mechanism,
    }
    words = advice_for(said, logged_in=bool(client.user), names=known | names)
    yield from textwrap.wrap(
        words,
        WIDTH,
        initial_indent="    What to do: ",
        subsequent_indent="      ",
        break_long_words=False,
        break_on_hyphens=False,
    )


# Deliveries -------------------------------------------------------------------------------------


def _outcome(each: Delivery | Notification) -> Iterator[str]:
    if isinstance(each, Notification):
        told = f"its sender was told ({each.told}) by message {each.notification}"
        yield f"{_date(each.at)} {told}"
        return
    original = "" if each.original == each.recipient else f" (for <{each.original}>)"
    status = _STATUS.get(each.status, each.status)
    sender = f", from <{each.sender}>" if each.sender else ""
    yield f"{_date(each.at)} <{each.recipient}>{original}{sender}: {status}"
    relay = "" if each.relay in ("none", "") else f"{each.relay}, "
    yield f"    {relay}{_seconds(each.delay)} after it came: {each.reply}"
    if each.status != "sent":
        yield from _meaning(each)


def _meaning(each: Delivery) -> Iterator[str]:
    """What the next hop's refusal means, where that is known."""
    meaning = meaning_of(each.reply, each.relay)
    if meaning is not None:
        yield from textwrap.wrap(
            meaning.words,
            WIDTH,
            initial_indent="    What it means: ",
            subsequent_indent="      ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _seconds(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"


def _date(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))
