"""What would happen to a client, told by the very session that would serve it.

Theory of operation. A service is built as the server builds it, but for what has an effect: the
door throws away, nothing is counted, no password is asked for, and no policy service, probed host
or greylist notices (`rehearsing`). The client's commands are said to a real session, and every
answer is what the wire would carry (`conversation`). What the lists decided comes back by way of
the history that a session tells anyway.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, suppress

from postroad.app.bystander import Bystander
from postroad.app.conversation import Conversation
from postroad.app.destination import Destinations
from postroad.app.explanation import CONTENT, Explanation, Question
from postroad.app.harmless import Exempt, Scribe, known_bans
from postroad.app.lookout import Lookout
from postroad.app.rehearsing import Cast, bystanders, inquirers, service_of
from postroad.config import Configuration
from postroad.delivery.suppression import Suppression
from postroad.delivery.suppression_file import SUPPRESSION
from postroad.directory import account_of
from postroad.directory.names import address_form
from postroad.limits.glance import Glance
from postroad.model import PLAIN, Address, AddressError
from postroad.model.journal import Event, Level, Notice
from postroad.policy import Lookup, Step
from postroad.policy.facts import Agents
from postroad.server.settings import ResolvedListener

__all__ = ["explain"]


async def explain(
    configuration: Configuration, listener: ResolvedListener, question: Question, *, live: bool
) -> Explanation:
    """What would happen.

    Args:
        configuration: of the server.
        listener: the door.
        question: who comes, and wants what.
        live: whether policy services, probes and the greylist are asked in earnest.

    Raises:
        DirectoryUnavailable, StateUnavailable: the server's files cannot be read.
        TlsConfigurationError, CredentialsError: with `live`, a file for deliveries cannot be.
    """
    told = Explanation(listener, question.client, question.login)
    async with AsyncExitStack() as exits:
        journal = _journal(told)
        lookout = await exits.enter_async_context(Lookout(configuration, journal))
        join = (configuration, lookout, journal, exits)
        agents: Agents = await inquirers(*join) if live else bystanders(*join)
        names = Exempt(lookout.names, is_named=question.is_named)
        scribe = Scribe(in_replies=configuration.history.in_replies)
        cast = Cast(configuration, lookout, agents, names, scribe, journal)
        service = service_of(listener, cast)
        await _tell_of_login(configuration, lookout, question, told)
        await Conversation(service, question, told).run()
        told.client = names.found or question.client
        told.trusted = service.trusts(told.client)
        _assign(told, scribe, None if live else Bystander.is_assumed)
        accepted = [*_accepted(told)]
        if not accepted:
            told.disposition = PLAIN  # what policy wanted done with what does not come in
        else:
            glance = Glance(configuration.suppression_file, SUPPRESSION)
            exits.callback(glance.close)
            suppression = Suppression(configuration.suppression, glance, journal)
            destinations = Destinations(
                configuration,
                lookout.directory,
                lookout.registry,
                suppression,
                forwards=lookout.forwards,
            )
            told.destinations = await destinations.of(
                accepted,
                told.disposition,
                sender=_sender(question),
                listener=listener.name,
            )
    return told


def _accepted(told: Explanation) -> Iterator[Address]:
    """The recipients that were accepted, of a message that was not refused as a whole."""
    for each in told.exchanges:
        if each.said.startswith(("DATA", CONTENT)) and not each.is_accepted:
            return
    for each in told.exchanges:
        if each.said.startswith("RCPT") and each.is_accepted:
            path = each.said.removeprefix("RCPT TO:<").removesuffix(">")
            with suppress(AddressError):
                yield Address.parse(path) if "@" in path else Address(path, "")


def _sender(question: Question) -> Address | None:
    """The reverse-path; of one that is no address nobody's mail was accepted."""
    with suppress(AddressError):
        if question.sender:
            return Address.parse(question.sender)
    return None


def _journal(told: Explanation) -> Callable[[Event], None]:
    """Keeps of the log what an operator would be warned of."""

    def journal(event: Event) -> None:
        if isinstance(event, Notice) and event.severity is not Level.INFO:
            told.remarks.append(f"the log would say: {event.text}")

    return journal


async def _tell_of_login(
    configuration: Configuration, lookout: Lookout, question: Question, told: Explanation
) -> None:
    """Why nobody could log in by this name, which the reply does not say."""
    if not question.login:
        return
    name, directory = question.login, lookout.directory
    user = await directory.login_name(name)
    if user is None:
        told.remarks.append(await _why_no_login(name, lookout))
        return
    now = time.time()
    for ban in known_bans(configuration, now):
        if ban.subject == user.casefold():
            told.remarks.append(f"{user} is banned ({ban.reason}): no password is believed")
    freeze = directory.embedded.freezes.of(user)
    if freeze is not None:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(freeze.since))
        told.remarks.append(f"{user} is frozen since {since}: {freeze.reason}")


async def _why_no_login(name: str, lookout: Lookout) -> str:
    try:
        address = Address.parse(name)
    except AddressError:
        return f"{name} is no account: account names are addresses"
    if user := account_of(await lookout.directory.resolve(address)):
        return f"{name} is disabled and cannot log in: postroad user enable {user}"
    form = address_form(address)
    real = await lookout.directory.real(form)
    if real == form:
        return f"{name} is no account here: postroad user add {name}"
    return f"{name} stands for {real}, which is no account here: postroad user add {real}"


# What the lists decided -------------------------------------------------------------------------

_STAGES = {"": "CONNECT", "LHLO": "EHLO", CONTENT.partition(" ")[0]: "END-OF-MESSAGE"}
"""The stages of commands that are not named as these."""


def _assign(told: Explanation, scribe: Scribe, is_assumed: Callable[[Lookup], bool] | None) -> None:
    """Give each exchange what was decided at it; both are in the order in which they happened."""
    decisions = list(scribe.decisions)
    for exchange in told.exchanges:
        verb = exchange.said.partition(" ")[0]
        stage = _STAGES.get(verb, verb)
        if not decisions or decisions[0].stage != stage:
            continue
        decision = decisions.pop(0)
        if decision.verdict is None:
            continue
        exchange.facts, exchange.verdict = decision.facts, decision.verdict
        told.disposition = told.disposition.merged(decision.verdict.disposition)
        if is_assumed is not None:
            exchange.assumed = tuple(_assumed(decision.verdict.trace, is_assumed))


def _assumed(trace: Sequence[Step], is_assumed: Callable[[Lookup], bool]) -> Iterator[str]:
    for step in trace:
        for lookup in step.lookups:
            if is_assumed(lookup):
                yield f"{lookup.whom} {lookup.question}"
