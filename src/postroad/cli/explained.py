"""An explanation, for eyes and for programs: the conversation, with the rules between its lines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from postroad.app.bystander import ASSUMED, Bystander
from postroad.app.explanation import Exchange, Explanation
from postroad.history.advice import advice_for
from postroad.history.explanation import rules
from postroad.history.record import LookedUp
from postroad.history.record import Step as Told
from postroad.model import PLAIN, Disposition
from postroad.model.printable import printable
from postroad.policy import Lookup, Step

__all__ = ["as_json", "in_words"]

WIDTH = 100  # columns, of what is our own text

MOST_LINES = 3
"""Lines of a reply that are shown of what EHLO offers; all of them are in JSON."""

_NOT_ASKED = "not asked (use --live), here as if it had said"


def in_words(told: Explanation, assumptions: Iterable[str], *, live: bool) -> Iterator[str]:
    """Lines for the operator.

    Args:
        told: what would happen.
        assumptions: what was not said and is taken to be so.
        live: whether everybody was asked in earnest.
    """
    yield from _heading(told)
    for words in (*assumptions, *dict.fromkeys(told.remarks)):
        yield from _wrapped(f"Note: {printable(words)}", "      ")
    yield ""
    before: tuple[str, ...] = ()
    for exchange in told.exchanges:
        if exchange.said:
            yield f"C: {printable(exchange.said)}"
        lines = tuple(_rules(exchange, live=live))
        yield from ("      the same rules said the same",) if lines and lines == before else lines
        before = lines
        yield from _answer(exchange)
        yield from _advice(exchange, told)
    yield ""
    yield from _outcome(told, live=live)


def _heading(told: Explanation) -> Iterator[str]:
    client, listener = told.client, told.listener
    binds = ", ".join(str(bind) for bind in listener.binds)
    yield f"Listener {listener.name} ({binds}), preset {listener.preset}"
    name = "without a name in the DNS" if client.name == "unknown" else client.name
    if client.reverse_name not in (client.name, "unknown"):
        name += f", reverse name {client.reverse_name}"
    if client.name_unsure:
        name = "of which the DNS does not say the name"
    yield f"  Client: {printable(client.address)}, {printable(name)}"
    trusted = "in trusted_networks" if told.trusted else "not in trusted_networks"
    logged_in = f"logged in as {told.login}" if told.logged_in else "not logged in"
    encrypted = "encrypted" if told.tls is not None else "not encrypted"
    yield f"          {printable(logged_in)}, {trusted}, {encrypted}"


def _rules(exchange: Exchange, *, live: bool) -> Iterator[str]:
    if exchange.verdict is None:
        return
    for line in rules(_told(step, live=live) for step in exchange.verdict.trace):
        yield printable(line)


def _told(step: Step, *, live: bool) -> Told:
    return Told(
        list=step.stage.value,
        restriction=step.restriction,
        said="asks" if step.answer.then else step.answer.action.value,
        why=step.why,
        reply="" if step.reply is None else str(step.reply),
        warned=step.warned,
        looked_up=tuple(
            LookedUp(lookup.whom, lookup.question, _answered(lookup, live=live))
            for lookup in step.lookups
        ),
        depth=step.depth,
    )


def _answered(lookup: Lookup, *, live: bool) -> str:
    if live or not Bystander.is_assumed(lookup):
        return lookup.answer
    said = ASSUMED if lookup.whom == "policy service" else "deliverable"
    return f"{_NOT_ASKED} {said}"


def _answer(exchange: Exchange) -> Iterator[str]:
    answer = exchange.answer
    if len(answer) > MOST_LINES:
        yield f"S: {printable(answer[0])}"
        yield f"   … and {len(answer) - 1} lines of what is offered"
        return
    yield from (f"S: {printable(line)}" for line in answer)
    if not answer:
        yield "S: (the connection is closed)"


def _advice(exchange: Exchange, told: Explanation) -> Iterator[str]:
    if exchange.is_accepted or not exchange.answer:
        return
    facts = exchange.facts
    sender = "" if facts is None or facts.sender is None else str(facts.sender)
    path = exchange.said.removeprefix("RCPT TO:<").removesuffix(">")
    recipient = path if exchange.said.startswith("RCPT") else ""
    names = {
        "sender": sender or "the sender",
        "recipient": recipient or "the recipient",
        "domain": recipient.rpartition("@")[2] or "that domain",
        "address": told.client.address,
        "listener": told.listener.name,
        "user": told.login or "the user",
        "mechanism": "",
    }
    words = advice_for(exchange.answer[-1], logged_in=told.logged_in, names=names)
    if words:
        yield from _wrapped(f"   What to do: {printable(words)}", "     ")


def _outcome(told: Explanation, *, live: bool) -> Iterator[str]:
    yield f"Outcome: {_verdict(told)}"
    if told.is_open:
        asked = dict.fromkeys(words for each in told.exchanges for words in each.assumed)
        yield from _wrapped(
            f"         Open: it depends on what these would say: {printable('; '.join(asked))}."
            " --live asks them.",
            "         ",
        )
    for line in _disposition(told.disposition):
        yield f"         The message {printable(line)}"
    if isinstance(told.destinations, str):
        yield f"         Where it would go cannot be said: {printable(told.destinations)}"
        return
    for one in told.destinations:
        original = "" if one.original == one.address else f" (for <{one.original}>)"
        yield f"         <{printable(one.address)}>{printable(original)}: {printable(one.words)}"
    counted = "Rates and numbers of sessions were not counted"
    yield f"         {counted}{'.' if live else ', and nobody was told of this.'}"


def _verdict(told: Explanation) -> str:
    refused = told.refusals
    if not refused:
        return "accepted"
    if any(each.said.startswith("RCPT") and each.is_accepted for each in told.exchanges):
        return f"{len(refused)} refused, the rest accepted"
    return "refused" if any(each.code >= 500 for each in refused) else "refused for now"


def _disposition(disposition: Disposition) -> Iterator[str]:
    if disposition is PLAIN:
        return
    if disposition.discard:
        yield f"would be thrown away: {disposition.discard}"
    if disposition.hold:
        yield f"would be held until an operator releases it: {disposition.hold}"
    if disposition.redirect is not None:
        yield f"would go to {disposition.redirect} instead"
    for address in disposition.bcc:
        yield f"would go to {address} too"
    for line in disposition.prepend:
        yield f"would get the header field {line}"
    if disposition.content_filter:
        yield f"would go through the content filter {disposition.content_filter}"


def _wrapped(text: str, indent: str) -> Sequence[str]:
    return textwrap.wrap(
        text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


# For programs -----------------------------------------------------------------------------------


def as_json(told: Explanation, *, live: bool) -> dict[str, object]:
    """The same as one object.

    Args:
        told: what would happen.
        live: whether everybody was asked in earnest.
    """
    client, destinations = told.client, told.destinations
    return {
        "listener": told.listener.name,
        "preset": told.listener.preset,
        "client": {
            "address": client.address,
            "name": client.name,
            "reverse_name": client.reverse_name,
            "trusted": told.trusted,
        },
        "login": told.login or None,
        "logged_in": told.logged_in,
        "encrypted": told.tls is not None,
        "accepted": not told.refusals,
        "open": told.is_open,
        "live": live,
        "exchanges": [_exchange(each, live=live) for each in told.exchanges],
        "disposition": {
            "discard": told.disposition.discard,
            "hold": told.disposition.hold,
            "redirect": str(told.disposition.redirect or ""),
            "bcc": [str(each) for each in told.disposition.bcc],
            "prepend": list(told.disposition.prepend),
            "content_filter": told.disposition.content_filter,
        },
        "destinations": []
        if isinstance(destinations, str)
        else [
            {
                "address": one.address,
                "original": one.original,
                "transport": one.transport,
                "nexthop": one.nexthop,
                "words": one.words,
            }
            for one in destinations
        ],
        "remarks": list(dict.fromkeys(told.remarks))
        + ([destinations] if isinstance(destinations, str) else []),
    }


def _exchange(exchange: Exchange, *, live: bool) -> dict[str, object]:
    verdict = exchange.verdict
    return {
        "said": exchange.said,
        "answer": list(exchange.answer),
        "code": exchange.code,
        "action": None if verdict is None else verdict.action.value,
        "steps": [] if verdict is None else [_step(step, live=live) for step in verdict.trace],
        "depends_on": list(exchange.assumed),
    }


def _step(step: Step, *, live: bool) -> dict[str, object]:
    told = _told(step, live=live)
    return {
        "list": told.list,
        "restriction": told.restriction,
        "said": told.said,
        "why": told.why,
        "reply": told.reply or None,
        "warned": told.warned,
        "depth": told.depth,
        "looked_up": [
            {"whom": each.whom, "question": each.question, "answer": each.answer}
            for each in told.looked_up
        ],
    }
