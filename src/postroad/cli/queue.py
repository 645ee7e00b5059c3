"""`postroad queue`: what waits, why, and what to do about it."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from postroad.cli import queue_change
from postroad.cli.configured import state_of_server
from postroad.cli.listing import print_json_lines
from postroad.cli.queue_choice import Status, Words, choosing, inventory
from postroad.cli.queue_count import count_queue
from postroad.cli.queue_entry import HEADER, as_json, listed
from postroad.cli.queue_show import show_message
from postroad.cli.queue_suspend import resume_transports, suspend_transports
from postroad.cli.refusal import usage

__all__ = ["queue_app"]

queue_app = typer.Typer(help="Mail that waits to be delivered.", no_args_is_help=True)


@queue_app.command("list")
@choosing
def list_queue(
    context: typer.Context,
    *,
    words: Words,
    held: Annotated[
        bool, typer.Option("--held", help="Only what is on hold, as --status held.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", help="Stop after so many messages; 0: never.")
    ] = 0,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON, a message on each line.")
    ] = False,
) -> None:
    """List the messages, as postqueue -p does."""
    from dataclasses import replace

    if limit < 0:
        raise usage("--limit takes a number from 0 on")
    if held and words.status not in {None, Status.HELD}:
        raise usage("what is on hold is neither of the others")
    words = replace(words, status=Status.HELD) if held else words
    found = inventory(state_of_server(context)).list(words.choice)
    entries = islice(found, limit) if limit else found
    if json:
        print_json_lines(as_json(entry) for entry in entries)
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
        more = ", and more" if count == limit and next(found, None) is not None else ""
        print(f"-- {-(-size // 1024)} Kbytes in {count} Requests{more}.")
    else:
        narrowed = words.filters or words.queue_ids
        print("No such mail in the queue" if narrowed else "Mail queue is empty")


queue_app.command("show")(show_message)
queue_app.command("count")(count_queue)
queue_app.command("flush")(queue_change.flush_queue)
queue_app.command("hold")(queue_change.hold_messages)
queue_app.command("release")(queue_change.release_messages)
queue_app.command("requeue")(queue_change.requeue_messages)
queue_app.command("bounce")(queue_change.bounce_messages)
queue_app.command("delete")(queue_change.delete_messages)
queue_app.command("suspend")(suspend_transports)
queue_app.command("resume")(resume_transports)
