"""`postroad filter`: filters that are programs in Python, tried on a message."""

from __future__ import annotations

import os
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.listing import print_json
from postroad.cli.message_file import read_message
from postroad.cli.options import Json
from postroad.cli.refusal import Refusal, usage
from postroad.model.printable import printable

if TYPE_CHECKING:
    from postroad.filter.testing import Result

__all__ = ["filter_app"]

filter_app = typer.Typer(help="Filters that are written in Python.", no_args_is_help=True)


@filter_app.callback()
def filters() -> None:
    """Filters that are written in Python."""


@filter_app.command("try")
def try_filter(
    path: Annotated[Path, typer.Argument(metavar="FILTER", help="A file, or a folder of them.")],
    message: Annotated[
        str, typer.Argument(metavar="MESSAGE", help="A file with a message; - is standard input.")
    ],
    *,
    sender: Annotated[
        str, typer.Option("--from", metavar="ADDRESS", help="The sender; empty for the null one.")
    ] = "sender@example.com",
    recipients: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="ADDRESS", help="A recipient; may be given again."),
    ] = None,
    client: Annotated[
        str, typer.Option("--client", metavar="ADDRESS", help="The IP address it comes from.")
    ] = "192.0.2.1",
    name: Annotated[
        str, typer.Option("--name", metavar="HOST", help="The confirmed name of that address.")
    ] = "client.example.net",
    helo: Annotated[
        str, typer.Option("--helo", metavar="NAME", help="The name in HELO.")
    ] = "client.example.net",
    login: Annotated[
        str, typer.Option("--login", metavar="USER", help="Who logs in; else a stranger sends.")
    ] = "",
    given: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting; may be given again."),
    ] = None,
    json: Json = False,
) -> None:
    """Run a filter on a message, and say what it does; nothing is sent or stored."""
    from postroad.filter.testing import FilterMistake, Peer, run_message
    from postroad.model.address import AddressError

    octets = read_message(message)
    try:
        result = run_message(
            path,
            octets,
            sender=sender.strip("<>"),
            recipients=recipients or ["recipient@example.org"],
            peer=Peer(address=client, name=name, hello=helo, login=login),
            settings=dict(map(_setting, given or [])),
        )
    except FilterMistake as mistake:
        raise Refusal(str(mistake), os.EX_CONFIG) from None
    except AddressError as error:
        raise usage(f"no address: {error}") from None
    if json:
        print_json(_document(result))
    else:
        for line in _told(result, octets):
            print(printable(line))
    if not result.accepted:
        raise typer.Exit(1)


def _setting(words: str) -> tuple[str, str]:
    key, equals, value = words.partition("=")
    if not key or not equals:
        raise usage(f"--set: expected KEY=VALUE, not {printable(words)}")
    return key, value


def _told(result: Result, before: bytes) -> Iterator[str]:
    for step in result.steps:
        yield f"{step.command}: {step.reply or 'nothing against it'}"
    for line in result.log:
        yield f"log: {line}"
    yield f"Reply: {result.reply}"
    if not result.accepted:
        return
    if result.held:
        yield f"Held for an operator: {result.held}"
    yield f"Sender: <{result.sender}>"
    yield from (f"Recipient: <{each}>" for each in result.recipients)
    lines = list(_changes(result, before))
    yield "The message stays as it is." if not lines else "The message changes:"
    yield from (f"  {line}" for line in lines)


def _changes(result: Result, before: bytes) -> Iterator[str]:
    """What differs, line by line, without our Received field; of a large message, that it does."""
    most = 1_000_000  # comparing lines of more takes minutes
    old = before.replace(b"\r\n", b"\n").decode("utf-8", "replace")
    new = result.message.replace(b"\r\n", b"\n").decode("utf-8", "replace")
    head, _, rest = new.partition("\n")
    while rest[:1] in ("\t", " "):
        _, _, rest = rest.partition("\n")
    new = rest if head.startswith("Received: from") else new
    if old == new:
        return
    if len(old) > most or len(new) > most:
        yield f"{len(before)} octets became {len(result.message)}"
        return
    for line in list(unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm=""))[2:]:
        if not line.startswith("@@"):
            yield line


def _document(result: Result) -> dict[str, object]:
    return {
        "reply": result.reply,
        "steps": [{"command": each.command, "reply": each.reply or None} for each in result.steps],
        "sender": result.sender,
        "recipients": list(result.recipients),
        "held": result.held or None,
        "findings": [
            {
                "by": each.by,
                "result": each.result,
                "words": each.words,
                "details": dict(each.details),
            }
            for each in result.findings
        ],
        "log": list(result.log),
        "message": result.message.decode("utf-8", "replace"),
    }
