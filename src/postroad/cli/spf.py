"""`postroad spf`: whether a client may send for a domain, and by which term of its record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.listing import print_json
from postroad.cli.options import Json
from postroad.cli.refusal import usage
from postroad.model.printable import printable

if TYPE_CHECKING:
    from postroad.app.spf_inquiry import SpfView

__all__ = ["spf_app"]

spf_app = typer.Typer(help="Who may send for a domain (SPF).", no_args_is_help=True)


@spf_app.callback()
def spf() -> None:
    """Who may send for a domain (SPF)."""


@spf_app.command("check")
def check(
    context: typer.Context,
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="The IP address that mail comes from.")
    ],
    sender: Annotated[
        str, typer.Argument(metavar="SENDER", help='Its sender; "<>" for the null one.')
    ],
    helo: Annotated[
        str, typer.Argument(metavar="[HELO]", help="The name in HELO, checked as well.")
    ] = "",
    *,
    json: Json = False,
) -> None:
    """Ask whether a client may send for the sender's domain, and show each step."""
    import asyncio

    from postroad.app.spf_inquiry import asked
    from postroad.model.ip_address import is_ip_address

    if not is_ip_address(address):
        raise usage(f"{address} is no IP address")
    mailbox = sender.strip("<>")
    if mailbox and "@" not in mailbox:
        mailbox = f"postmaster@{mailbox}"
    if not mailbox and not helo:
        raise usage("the null sender is checked by the name in HELO: give that as well")
    views = asyncio.run(asked(state_of_server(context), address, mailbox, helo))
    if json:
        print_json([_document(each) for each in views])
    else:
        print("\n\n".join(map(_text, views)))
    if any(each.verdict.result.value not in ("pass", "none", "neutral") for each in views):
        raise typer.Exit(1)


def _text(view: SpfView) -> str:
    verdict = view.verdict
    lines = [f"{verdict.identity} {verdict.sender}: {verdict.result.value}: {verdict.sentence}"]
    if verdict.explanation:
        lines.append(f"{verdict.domain} explains: {verdict.explanation}")
    lines += [f"{'  ' * (step.depth + 1)}{step.words}" for step in view.steps]
    return "\n".join(map(printable, [*lines, view.budget]))


def _document(view: SpfView) -> dict[str, object]:
    verdict = view.verdict
    return {
        "identity": verdict.identity,
        "sender": verdict.sender,
        "domain": verdict.domain,
        "address": verdict.address,
        "result": verdict.result.value,
        "words": verdict.sentence,
        "mechanism": verdict.mechanism,
        "reason": verdict.reason,
        "explanation": verdict.explanation,
        "steps": [{"depth": each.depth, "words": each.words} for each in view.steps],
    }
