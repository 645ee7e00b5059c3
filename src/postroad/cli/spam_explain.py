"""`postroad spam explain`: what the built-in filter thinks of a message, rule by rule."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.account_name import account_name
from postroad.cli.configured import state_of_server
from postroad.cli.listing import print_json
from postroad.cli.message_file import read_message
from postroad.cli.options import Json
from postroad.cli.refusal import Refusal, usage
from postroad.model.printable import printable

if TYPE_CHECKING:
    from postroad.app.spam_inquiry import Came, Explanation

__all__ = ["explain"]


def explain(
    context: typer.Context,
    message: Annotated[
        str, typer.Argument(metavar="FILE", help="A file with a message; - is standard input.")
    ],
    *,
    user: Annotated[
        str,
        typer.Option("--user", metavar="ADDRESS", help="The account it is for: its memory counts."),
    ] = "",
    client: Annotated[
        str,
        typer.Option("--client", metavar="ADDRESS", help="The IP address it came from."),
    ] = "",
    name: Annotated[
        str, typer.Option("--name", metavar="HOST", help="The confirmed name of that address.")
    ] = "",
    helo: Annotated[str, typer.Option("--helo", metavar="NAME", help="The name in HELO.")] = "",
    sender: Annotated[
        str | None,
        typer.Option("--from", metavar="ADDRESS", help="The sender; empty for the null one."),
    ] = None,
    chosen: Annotated[
        str,
        typer.Option("--filter", metavar="NAME", help="Which filter; else the first built-in one."),
    ] = "",
    no_dns: Annotated[
        bool, typer.Option("--no-dns", help="Do not ask the DNS, for SPF, DKIM, DMARC and lists.")
    ] = False,
    json: Json = False,
) -> None:
    """Say what the built-in filter thinks of a message; nothing is changed."""
    import asyncio

    from postroad.app.spam_inquiry import Came, SpamMistake, explained
    from postroad.filters.thresholds import ThresholdsUnavailable

    _require_address(client)
    configuration = state_of_server(context)
    came = Came(
        client=client,
        name=name,
        helo=helo,
        sender=sender,
        user=account_name(user) if user else "",
        asks_dns=not no_dns,
    )
    try:
        found = asyncio.run(explained(configuration, read_message(message), came, chosen))
    except (SpamMistake, ThresholdsUnavailable) as mistake:
        raise Refusal(str(mistake), os.EX_CONFIG) from None
    if json:
        print_json(_document(found))
        return
    for line in _told(found, came):
        print(printable(line))


def _require_address(client: str) -> None:
    from postroad.model.ip_address import is_ip_address

    if client and not is_ip_address(client):
        raise usage(f"--client: expected an IP address, not {printable(client)}")


def _told(found: Explanation, came: Came) -> Iterator[str]:
    hits = found.appraisal.hits
    width = max([len(each.name) for each in hits], default=0)
    for hit in hits:
        yield f"{hit.points:+6.1f}  {hit.name:{width}}  {hit.words}"
    if not hits:
        yield "No rule applies."
    yield f"{found.appraisal.points:+6.1f}  {_outcome(found)}"
    yield f"Memory: {found.appraisal.verdict.words}."
    if not came.asks_dns:
        yield "The DNS was not asked: neither authentication nor lists count here."
    elif not found.client:
        yield "Nobody knows which client it came from (--client): SPF does not count here."


def _outcome(found: Explanation) -> str:
    points = found.appraisal.points
    bounds = f"junk from {found.junk:g} on, "
    bounds += f"refused from {found.reject:g} on" if found.reject > 0 else "never refused"
    if 0 < found.reject <= points:
        return f"It would be refused ({bounds})."
    return f"It would be {'filed as junk' if points >= found.junk else 'let pass'} ({bounds})."


def _document(found: Explanation) -> dict[str, object]:
    verdict = found.appraisal.verdict
    return {
        "filter": found.name,
        "points": found.appraisal.points,
        "junk": found.junk,
        "reject": found.reject or None,
        "rules": [each._asdict() for each in found.appraisal.hits],
        "memory": {
            "whose": verdict.whose or None,
            "probability": verdict.probability,
            "spam": verdict.spam,
            "ham": verdict.ham,
            "clues": [each._asdict() for each in verdict.clues],
            "trouble": verdict.trouble or None,
        },
        "client": found.client or None,
        "findings": [
            {"by": each.by, "result": each.result, "words": each.words} for each in found.findings
        ],
    }
