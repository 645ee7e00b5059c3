"""Messages for the built-in filter, as it meets them at the door."""

from __future__ import annotations

from dataclasses import replace

from postroad.filters.builtin.appraisal import hits_of
from postroad.filters.builtin.case import Case, Here, case_of
from postroad.filters.builtin.reading import message_of, read
from postroad.model import Address, Client, Envelope, Recipient
from postroad.model.content import Octets
from postroad.model.fields import Fields
from postroad.model.letter import Finding, Letter, Origin

ARRIVED = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 +0000
TRACE = (
    b"Received: from mail.example.com (mail.example.com [192.0.2.7])\r\n\tby mail.example.org\r\n"
)
CLIENT = Client("192.0.2.7", 25, name="mail.example.com", reverse_name="mail.example.com")
HERE = Here("mail.example.org", frozenset({"example.org"}))

HEADER = {
    "Received": "from pc (pc [10.0.0.2]) by mail.example.com; Tue, 14 Nov 2023 22:13:00 +0000",
    "From": "Ann <ann@example.com>",
    "To": "john@example.org",
    "Subject": "Lunch on Friday?",
    "Date": "Tue, 14 Nov 2023 22:12:40 +0000",
    "Message-ID": "<1@example.com>",
}
"""A message that nobody has anything against."""


def octets(header: dict[str, str | None] | None = None, body: str = "See you at noon.\n") -> bytes:
    """A message: the usual one, with some fields changed; `None`: left out."""
    fields = HEADER | (header or {})
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\n".join([*lines, "", body]).encode("utf-8", "surrogateescape")


def of_html(source: str, **header: str | None) -> bytes:
    """A message that is nothing but HTML."""
    about = {name.replace("_", "-"): value for name, value in header.items()}
    return octets(
        {"MIME-Version": "1.0", "Content-Type": "text/html; charset=utf-8", **about}, source
    )


def letter(message: bytes = b"", **about: object) -> Letter:
    """A message as it is at the door, from a stranger whose server has its names in order."""
    fields, body = message_of(message or octets())
    made = Letter(
        queue_id="4FooBar",
        envelope=Envelope(Address("ann", "example.com")),
        recipients=(Recipient(Address("john", "example.org")),),
        origin=Origin.OUTSIDE,
        fields=Fields.of(TRACE + fields.octets),
        body=Octets(body),
        client=CLIENT,
        hello="mail.example.com",
        arrived=ARRIVED,
        trace=TRACE,
    )
    return replace(made, **about)  # type: ignore[arg-type]


def case(message: bytes = b"", here: Here = HERE, **about: object) -> Case:
    """The same, read."""
    made = letter(message, **about)
    return case_of(made, read(made.fields, b"".join(made.body.chunks())), here)


def names(looked_at: Case) -> set[str]:
    """The rules that apply to it."""
    return {each.name for each in hits_of(looked_at, {})}


def spf(result: str, domain: str = "example.com", identity: str = "mailfrom") -> Finding:
    return Finding("spf", result, "", {"domain": domain, "identity": identity})


def dkim(result: str, domain: str = "example.com", counts: str = "yes") -> Finding:
    return Finding("dkim", result, "", {"domain": domain, "counts": counts})


def dmarc(result: str, policy: str = "none", override: str = "") -> Finding:
    details = {"domain": "example.com", "policy": policy, "override": override}
    return Finding("dmarc", result, "", details)
