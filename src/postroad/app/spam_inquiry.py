"""What `postroad spam explain` asks: a stored message, looked at as if it came in now.

What our server wrote on top of it is taken off first. Our Received field tells when it came and
from whom, so that a message out of a mailbox is judged as it was at the door; but what is in the
DNS, and what was learned, is today's. Nothing is changed anywhere.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from email.utils import formatdate
from typing import NamedTuple

from postroad.app.builtin_filter import here_of, judge_of
from postroad.config import Configuration
from postroad.config.ownership import acting_as, owner_of
from postroad.filters.builtin.appraisal import Appraisal
from postroad.filters.builtin.case import moment
from postroad.filters.builtin.listings import Names, NoNames
from postroad.filters.builtin.reading import message_of
from postroad.filters.builtin.scanner import Builtin, Needs
from postroad.filters.scoring import Wish
from postroad.filters.settings import FilterSettings
from postroad.filters.thresholds import read_thresholds
from postroad.mailauth.arc.judging import ArcJudge
from postroad.mailauth.arc.verification import ArcVerifier
from postroad.mailauth.border import Border, Customs
from postroad.mailauth.dkim.verification import Verifier
from postroad.mailauth.dmarc.evaluation import Evaluator
from postroad.mailauth.dmarc.judging import DmarcJudge
from postroad.mailauth.evidence import Judge
from postroad.mailauth.spf.checking import SpfChecker
from postroad.model import Address, Client, Envelope, Recipient
from postroad.model.content import Octets
from postroad.model.fields import Field, Fields
from postroad.model.letter import Finding, Letter, Origin
from postroad.net.dns import Resolver
from postroad.policy import Networks

__all__ = ["Came", "Explanation", "SpamMistake", "chosen", "explained"]

_FROM = re.compile(r"from (\S{1,255}) \((\S{1,255}) \[(?:IPv6:)?([0-9A-Fa-f.:]{2,45})\]\)")


class SpamMistake(Exception):
    """What the operator asked for cannot be told; one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """How a message came, as far as the operator says it; empty: as the message itself says.

    Attributes:
        client: the IP address.
        name: the confirmed name of that.
        helo: the name in HELO.
        sender: the reverse-path; `None`: as the message says.
        user: whose memory and thresholds count; empty: the site's.
        asks_dns: whether the DNS is asked, for authentication and lists.
    """

    client: str = ""
    name: str = ""
    helo: str = ""
    sender: str | None = None
    user: str = ""
    asks_dns: bool = True


class Explanation(NamedTuple):
    """What the filter thinks of a message.

    Attributes:
        name: the filter's.
        appraisal: what it found.
        junk: from how many points on the message is junk.
        reject: from how many on it is refused; 0: never.
        client: where it came from, as it was taken; empty: nobody knows.
        findings: what was verified.
    """

    name: str
    appraisal: Appraisal
    junk: float
    reject: float
    client: str
    findings: tuple[Finding, ...]


def chosen(configuration: Configuration, name: str) -> tuple[str, FilterSettings]:
    """The filter that is asked, with its settings.

    Args:
        configuration: of the server.
        name: the filter's; empty: the first of the kind, or one with the usual settings.

    Raises:
        SpamMistake: it is not there, or of another kind.
    """
    found = {key: each for key, each in configuration.filters.items() if each.kind == "builtin"}
    if not name:
        return next(iter(found.items()), ("builtin", FilterSettings(kind="builtin")))
    if name not in found:
        known = f": {', '.join(found)}" if found else ""
        raise SpamMistake(f"there is no filter {name} of the kind builtin{known}")
    return name, found[name]


async def explained(
    configuration: Configuration, octets: bytes, came: Came, name: str = ""
) -> Explanation:
    """Look at a stored message.

    Args:
        configuration: of the server.
        octets: the message; lines end in LF or CRLF.
        came: how it came.
        name: the filter's; see `chosen`.

    Raises:
        SpamMistake: there is no such filter.
        ThresholdsUnavailable: the file of thresholds cannot be read.
    """
    name, settings = chosen(configuration, name)
    letter = _letter(configuration, octets, came)
    resolver = Resolver(configuration.dns, time.monotonic)
    try:
        if came.asks_dns:
            letter = await _verified(configuration, resolver, letter)
        names: Names = resolver if came.asks_dns else NoNames()
        here = here_of(configuration)
        with acting_as(owner_of(configuration.state_directory)):
            judge = judge_of(configuration, lambda _: None)
            needs = Needs(lambda: here, judge, names, accounts=_Named(came.user))
            found = await Builtin(settings, name, needs).appraise(letter)
            wish = read_thresholds(configuration.thresholds_file).get(came.user, Wish())
    finally:
        await resolver.close()
    return Explanation(
        name,
        found,
        settings.junk if wish.junk is None else wish.junk,
        settings.reject if wish.reject is None else wish.reject,
        "" if letter.client is None else str(letter.client),
        letter.findings,
    )


class _Named:
    """Implements `Accounts`: the operator said whose mail it is."""

    def __init__(self, user: str) -> None:
        self._user = user

    async def account(self, address: Address) -> str:  # noqa: ARG002
        return self._user


def _letter(configuration: Configuration, octets: bytes, came: Came) -> Letter:
    fields, body = message_of(octets)
    ours, below = _parted(fields, configuration.hostname)
    helo, client = _client("" if ours is None else _plain(ours).strip(), came)
    at = _arrived(fields)
    written = f"Received: by {configuration.hostname} (Postroad); {formatdate(at)}\r\n".encode()
    trace = written if ours is None else ours.octets
    return Letter(
        queue_id="explained",
        envelope=Envelope(_sender(fields, came)),
        recipients=(Recipient(Address("postmaster", configuration.hostname)),),
        origin=Origin.OUTSIDE,
        fields=Fields((Field(trace), *below)),
        body=Octets(body),
        client=client,
        hello=helo,
        arrived=at,
        trace=trace,
    )


def _parted(fields: Fields, hostname: str) -> tuple[Field | None, tuple[Field, ...]]:
    """Our Received field, if it is there, and what stood below it when the message came."""
    row = list(fields)
    for at, field in enumerate(row):
        if field.key == "received" and f" by {hostname} (Postroad" in _plain(field):
            return field, tuple(row[at + 1 :])
    return None, tuple(row)


def _plain(field: Field) -> str:
    """The value with one blank for each row of them, and one before it."""
    return f" {' '.join(field.text.split())}"


def _arrived(fields: Fields) -> float:
    """When the uppermost trace was written; now, where there is none."""
    trace = fields.first("received")
    at = None if trace is None else moment(trace.text.rpartition(";")[2].strip())
    return time.time() if at is None else at


def _client(text: str, came: Came) -> tuple[str, Client | None]:
    """The name in HELO, and the client: as said, or as our Received field says."""
    if came.client:
        name = came.name or "unknown"
        return came.helo, Client(came.client, 0, name=name, reverse_name=name)
    found = _FROM.match(text)
    if found is None:
        return came.helo, None
    name = came.name or found[2]
    # Whether it had a name that did not lead back is not written there.
    unsure = name == "unknown"
    return came.helo or found[1], Client(
        found[3], 0, name=name, reverse_name=name, name_unsure=unsure, reverse_unsure=unsure
    )


def _sender(fields: Fields, came: Came) -> Address | None:
    field = fields.first("return-path")
    text = came.sender if came.sender is not None else "" if field is None else field.text
    text = text.strip("<> ")
    try:
        return Address.parse(text) if text else None
    except ValueError:
        return None


async def _verified(configuration: Configuration, names: Resolver, letter: Letter) -> Letter:
    """With what the border finds out about it."""
    settings = configuration.authentication
    if not settings.verify:
        return letter
    checker = SpfChecker(
        names, configuration.hostname, time.monotonic, timeout=configuration.spf.timeout
    )
    customs = Customs(
        authserv_id=(settings.id or configuration.hostname).lower(),
        timeout=settings.timeout,
        skips=Networks(configuration.spf.skip_addresses).contains,
        names_clients=False,
    )
    try:
        border = Border(customs, checker, Verifier(names, time.time), _judges(configuration, names))
        return letter.after(await border.examine(letter))
    finally:
        await checker.close()


def _judges(configuration: Configuration, names: Resolver) -> tuple[Judge, ...]:
    judges: list[Judge] = []
    if configuration.arc.verify:
        judges.append(ArcJudge(configuration.arc, ArcVerifier(names, time.time)))
    if configuration.dmarc.verify:
        # Without the server's own key: a sample (`pct`) may be another one there.
        evaluator = Evaluator(configuration.dmarc, names, b"")
        judges.append(DmarcJudge(evaluator, on_temperror="accept", clock=time.time))
    return tuple(judges)
