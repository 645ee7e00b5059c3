"""`postroad queue`: what waits, why, and what to do about it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli import queue_change
from postroad.cli.configured import state_of_server
from postroad.cli.listing import print_json, print_json_stream
from postroad.cli.queue_choice import Login, QueueIds, Sender, chosen, inventory
from postroad.cli.queue_entry import HEADER, as_json, clean, counted, listed, shown
from postroad.cli.refusal import Refusal

if TYPE_CHECKING:
    from postroad.model import Content

__all__ = ["queue_app"]

queue_app = typer.Typer(help="Mail that waits to be delivered.", no_args_is_help=True)


@queue_app.command("list")
def list_queue(
    context: typer.Context,
    *,
    held: Annotated[bool, typer.Option("--held", help="Only what is on hold.")] = False,
    login: Login = None,
    sender: Sender = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the messages, as postqueue -p does."""
    narrowed = held or login is not None or sender is not None
    choice = chosen(login=login, sender=sender, held=held)
    entries = inventory(state_of_server(context)).list(choice)
    if json:
        print_json_stream(as_json(entry) for entry in entries)
        return
    size = count = 0
    for entry in entries:
        if not count:
            print(HEADER)
        size += entry.size
        count += 1
        for line in listed(entry):
            print(line)
        print()
    if count:
        print(f"-- {-(-size // 1024)} Kbytes in {count} Requests.")
    else:
        print("No such mail in the queue" if narrowed else "Mail queue is empty")


@queue_app.command("show")
def show_message(
    context: typer.Context,
    queue_id: Annotated[str, typer.Argument(metavar="ID", help="The message's queue ID.")],
    *,
    json: Annotated[
        bool, typer.Option("--json", help="Print the envelope as JSON, without the content.")
    ] = False,
) -> None:
    """Show a message: envelope, recipients, content."""
    found = inventory(state_of_server(context)).show(queue_id)
    if found is None:
        raise Refusal(f"there is no message {clean(queue_id)} in the queue", os.EX_DATAERR)
    entry, content = found
    if json:
        print_json(as_json(entry))
        return
    for line in shown(entry):
        print(line)
    print()
    _print_content(content)


@queue_app.command("flush")
def flush_queue(
    context: typer.Context,
    queue_ids: QueueIds = None,
    *,
    domain: Annotated[
        str | None,
        typer.Option("--domain", metavar="DOMAIN", help="Only recipients in this domain."),
    ] = None,
) -> None:
    """Try waiting mail now: all, or what is named."""
    from postroad.admin.queue import flush
    from postroad.spool import Selector

    configuration = state_of_server(context)
    names = frozenset(queue_id.upper() for queue_id in queue_ids) if queue_ids else None
    done = flush(configuration.state_directory, Selector(names, domain))
    print(f"{counted(done.count, 'recipient')} will be tried now")
    if done.held:
        print(f"{counted(done.held, 'recipient')} held until the time that the sender asked for")
    if done.withheld:
        print(f"{counted(done.withheld, 'recipient')} on hold: postroad queue release")


queue_app.command("hold")(queue_change.hold_messages)
queue_app.command("release")(queue_change.release_messages)
queue_app.command("delete")(queue_change.delete_messages)


def _print_content(content: Content) -> None:
    """The octets as they are; on a terminal, without what could command it."""
    sys.stdout.flush()
    for chunk in content.chunks():
        if sys.stdout.isatty():
            sys.stdout.write(clean(chunk.decode("utf-8", "replace").replace("\r\n", "\n"), "\t\n"))
        else:
            sys.stdout.buffer.write(chunk)
    sys.stdout.flush()
