"""`postroad queue show`: one message, as postcat(1) shows it.

The envelope is the operator's business, the content is its writer's: that is shown only to those
who ask for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.listing import print_json
from postroad.cli.queue_choice import inventory
from postroad.cli.queue_entry import as_json, clean, shown
from postroad.cli.refusal import Refusal

if TYPE_CHECKING:
    from postroad.model import Content

__all__ = ["show_message"]

END_OF_HEADER = b"\r\n\r\n"


def show_message(
    context: typer.Context,
    queue_id: Annotated[str, typer.Argument(metavar="ID", help="The message's queue ID.")],
    *,
    header: Annotated[bool, typer.Option("--header", help="Show its header, too.")] = False,
    body: Annotated[bool, typer.Option("--body", help="Show its body, too.")] = False,
    content: Annotated[bool, typer.Option("--content", help="Show header and body, too.")] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Show nothing else, octet by octet, for a file.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the envelope as JSON, without the content.")
    ] = False,
) -> None:
    """Show a message: envelope and recipients, and its content where that is asked for."""
    found = inventory(state_of_server(context)).show(queue_id)
    if found is None:
        raise Refusal(f"there is no message {clean(queue_id)} in the queue", os.EX_DATAERR)
    entry, stored = found
    if raw:
        _write(_parts(stored, header=header or not body, body=body or not header))
        return
    if json:
        print_json(as_json(entry, explained=True))
        return
    for line in shown(entry):
        print(line)
    if header or body or content:
        print()
        _write(_parts(stored, header=header or content, body=body or content))


def _parts(stored: Content, *, header: bool, body: bool) -> Iterator[bytes]:
    """The header with the empty line behind it, the body, or both."""
    if header and body:
        yield from stored.chunks()
        return
    is_behind, seen = False, b""
    for chunk in stored.chunks():
        if is_behind:
            if not body:
                return
            yield chunk
            continue
        seen += chunk  # a header is bounded where it comes in
        at = seen.find(END_OF_HEADER)
        if at < 0:
            continue
        is_behind = True
        end = at + len(END_OF_HEADER)
        yield seen[:end] if header else seen[end:]
    if not is_behind and header:
        yield seen


def _write(chunks: Iterable[bytes]) -> None:
    """The octets as they are; on a terminal, without what could command it."""
    sys.stdout.flush()
    for chunk in chunks:
        if sys.stdout.isatty():
            sys.stdout.write(clean(chunk.decode("utf-8", "replace").replace("\r\n", "\n"), "\t\n"))
        else:
            sys.stdout.buffer.write(chunk)
    sys.stdout.flush()
