"""`postroad dmarc`: what domains ask for, and what becomes of a message."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.dmarc_reports import reports
from postroad.cli.dmarc_sent import sent
from postroad.cli.listing import print_json
from postroad.cli.message_file import read_message
from postroad.cli.options import Json
from postroad.cli.refusal import Refusal, usage

if TYPE_CHECKING:
    from postroad.app.dmarc_inquiry import MessageView, PolicyView
    from postroad.config import Configuration
    from postroad.mailauth.dmarc.evaluation import Verdict

__all__ = ["dmarc_app"]

dmarc_app = typer.Typer(help="Whether mail is from whom it says (DMARC).", no_args_is_help=True)


@dmarc_app.callback()
def dmarc() -> None:
    """Whether mail is from whom it says (DMARC)."""


dmarc_app.command("reports")(reports)
dmarc_app.command("sent")(sent)


@dmarc_app.command("check")
def check(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(metavar="DOMAIN|FILE", help='A domain, or a stored message; "-" is stdin.'),
    ],
    *,
    client: Annotated[
        str, typer.Option("--client", metavar="ADDRESS", help="Where the message came from.")
    ] = "",
    sender: Annotated[
        str,
        typer.Option("--sender", metavar="MAILBOX", help="Its sender; else as Return-Path says."),
    ] = "",
    helo: Annotated[str, typer.Option("--helo", metavar="NAME", help="The name in HELO.")] = "",
    json: Json = False,
) -> None:
    """Say what a domain asks for, or evaluate a stored message as if it came in now."""
    from postroad.model.address import is_domain

    configuration = state_of_server(context)
    if what == "-" or "/" in what or Path(what).is_file():
        _check_message(configuration, read_message(what), client, sender, helo, json=json)
    elif client or sender or helo:
        raise usage("--client, --sender and --helo are for a stored message")
    elif not is_domain(what):
        raise usage(f"{what} is neither a domain nor a file")
    else:
        _check_domain(configuration, what, json=json)


def _check_domain(configuration: Configuration, domain: str, *, json: bool) -> None:
    import asyncio

    from postroad.app.dmarc_inquiry import published
    from postroad.net.dns import DnsTemporary

    try:
        view = asyncio.run(published(configuration, domain))
    except DnsTemporary as error:
        raise Refusal(f"the DNS does not answer: {error}", os.EX_TEMPFAIL) from None
    if json:
        print_json(_policy_document(view))
    else:
        print("\n".join(_policy_lines(view)))
    if view.found is None:
        raise typer.Exit(1)


def _policy_lines(view: PolicyView) -> Iterator[str]:
    from postroad.mailauth.dmarc.telling import words_of

    if view.doubt:
        yield f"_dmarc.{view.domain} is wrong: {view.doubt}."
    if view.found is None:
        yield f"{view.domain} publishes no policy: nothing is done to mail in its name."
        return
    yield from words_of(view.found, exists=view.exists)


def _policy_document(view: PolicyView) -> dict[str, object]:
    found = view.found
    if found is None:
        return {"domain": view.domain, "doubt": view.doubt or None, "record": None}
    record = found.record
    policy = record.policy_for(is_below=found.is_below, exists=view.exists)
    return {
        "domain": view.domain,
        "doubt": view.doubt or None,
        "organization": found.organization,
        "found_at": found.domain,
        "record": record.text,
        "policy": policy.value,
        "percent": record.percent,
        "testing": record.is_testing,
        "strict_dkim": record.strict_dkim,
        "strict_spf": record.strict_spf,
        "reports": list(record.reports),
    }


def _check_message(
    configuration: Configuration, octets: bytes, client: str, sender: str, helo: str, *, json: bool
) -> None:
    import asyncio

    from postroad.app.dmarc_inquiry import evaluated
    from postroad.model.ip_address import is_ip_address

    if client and not is_ip_address(client):
        raise usage(f"{client} is no IP address")
    mailbox = (sender or _return_path(octets)).strip("<> ")
    view = asyncio.run(evaluated(configuration, octets, client=client, sender=mailbox, helo=helo))
    if json:
        print_json(_message_document(view))
    else:
        print("\n".join(_message_lines(view)))
    if view.evaluation.worst.result.value in ("fail", "temperror", "permerror"):
        raise typer.Exit(1)


def _return_path(octets: bytes) -> str:
    from postroad.model.fields import Fields

    header = octets.replace(b"\r\n", b"\n").partition(b"\n\n")[0].replace(b"\n", b"\r\n")
    field = Fields.of(header + b"\r\n").first("return-path")
    return "" if field is None else field.text


def _message_lines(view: MessageView) -> Iterator[str]:
    from postroad.mailauth.dkim.result import Result
    from postroad.mailauth.dmarc.judging import finding

    if view.spf is None:
        yield "spf: not asked (--client says where it came from)"
    else:
        yield f"spf: {view.spf.result.value}: {view.spf.sentence}"
    for each in view.dkim:
        yield f"dkim: {each.sentence}"
    if not view.dkim:
        yield "dkim: the message has no signature"
    if view.arc.result is not Result.NONE:
        yield f"arc: {view.arc.result.value}: {view.arc.words}"
    if view.voucher is not None:
        yield f"arc: a trusted sealer says that it passed for {view.voucher.author}"
    for verdict in view.evaluation.verdicts:
        yield f"dmarc: {verdict.result.value}: {finding(verdict).words}"
    yield f"done: {_done(view.evaluation.worst)}"


def _done(verdict: Verdict) -> str:
    if verdict.awaited.value == "reject":
        return "told to come back, until the DNS answers"
    return {"none": "nothing", "quarantine": "filed as junk", "reject": "refused"}[
        verdict.disposition.value
    ]


def _message_document(view: MessageView) -> dict[str, object]:
    return {
        "spf": None if view.spf is None else view.spf.result.value,
        "dkim": [
            {"domain": each.domain, "selector": each.selector, "result": each.result.value}
            for each in view.dkim
        ],
        "arc": view.arc.result.value,
        "dmarc": [
            {
                "domain": each.author,
                "result": each.result.value,
                "words": each.words,
                "policy": each.policy.value,
                "disposition": each.disposition.value,
                "overrides": [
                    {"type": one.kind.value, "comment": one.words} for one in each.overrides
                ],
                "spf_aligned": each.spf_aligned,
                "dkim_aligned": each.dkim_aligned,
            }
            for each in view.evaluation.verdicts
        ],
        "disposition": view.evaluation.worst.disposition.value,
    }
