"""`postroad queue hold`, `release` and `delete`: what is done to messages, and to which.

All three choose in the same way, and with `--dry-run` show the choice and do nothing. They work
beside a running server, which is asked, and without one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.listing import print_json
from postroad.cli.queue_choice import Login, QueueIds, Sender, chosen, inventory
from postroad.cli.queue_entry import clean, counted
from postroad.cli.refusal import Refusal, usage

if TYPE_CHECKING:
    from postroad.admin.queue import Changed
    from postroad.spool import Choice, Entry

__all__ = ["delete_messages", "hold_messages", "release_messages"]

MAX_REASON = 200
"""Characters of a reason: a line of a listing, not a letter."""

Everything = Annotated[
    bool, typer.Option("--all", help="Every message; needed where nothing else is said.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show which messages would be meant, and do nothing.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def hold_messages(
    context: typer.Context,
    queue_ids: QueueIds = None,
    *,
    login: Login = None,
    sender: Sender = None,
    everything: Everything = False,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why, for the listing.")
    ] = "by an operator",
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Keep messages in the queue until they are released; they do not expire meanwhile."""
    choice = _choice("hold", queue_ids, login, sender, everything=everything)
    why = clean(reason.strip())[:MAX_REASON]
    if not why:
        raise usage("a message is held for a reason")

    from postroad.admin.queue import hold

    state = state_of_server(context)
    if dry_run:
        _would(inventory(state).list(choice), "hold", lambda held: not held, json=json)
        return
    done = hold(state.state_directory, choice, why, _watcher("held"))
    _tell("hold", done, "held", "held already", json=json)
    _require_all(choice, done)


def release_messages(
    context: typer.Context,
    queue_ids: QueueIds = None,
    *,
    login: Login = None,
    sender: Sender = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Let messages go on that were held; as old as they are."""
    choice = _choice("release", queue_ids, login, sender, everything=everything)

    from postroad.admin.queue import release

    state = state_of_server(context)
    if dry_run:
        _would(inventory(state).list(choice), "release", bool, json=json)
        return
    done = release(state.state_directory, choice, _watcher("released"))
    _tell("release", done, "released", "not on hold" if choice.queue_ids else "", json=json)
    _require_all(choice, done)


def delete_messages(
    context: typer.Context,
    queue_ids: QueueIds = None,
    *,
    login: Login = None,
    sender: Sender = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Delete messages; nobody is told, neither sender nor recipient."""
    choice = _choice("delete", queue_ids, login, sender, everything=everything)

    from postroad.admin.queue import Changed, delete

    state = state_of_server(context)
    if dry_run:
        _would(inventory(state).list(choice), "delete", lambda _: True, json=json)
        return
    names = choice.queue_ids
    if names is None:
        wanted = [entry.queue_id for entry in inventory(state).list(choice)]
    else:
        wanted = sorted(names)
    done = Changed(delete(state.state_directory, wanted, _watcher("deleted")))
    _tell("delete", done, "deleted", "", json=json)
    _require_all(choice, done)


def _choice(
    what: str,
    queue_ids: list[str] | None,
    login: str | None,
    sender: str | None,
    *,
    everything: bool,
) -> Choice:
    """The messages that are meant: to be said, and in one way."""
    ways = (bool(queue_ids), login is not None or sender is not None, everything)
    if sum(ways) != 1:
        raise usage(f"name the messages to {what}, or say --login, --sender or --all")
    return chosen(queue_ids, login=login, sender=sender)


def _would(
    entries: Iterable[Entry], what: str, is_meant: Callable[[str], bool], *, json: bool
) -> None:
    """Show what a change would touch."""
    names = [entry.queue_id for entry in entries if is_meant(entry.waybill.held)]
    if json:
        told = {"command": what, "dry_run": True, "count": len(names), "queue_ids": names}
        print_json(told)
        return
    for name in names:
        print(name)
    print(f"would {what} {counted(len(names), 'message')}")


def _tell(what: str, done: Changed, did: str, passed: str, *, json: bool) -> None:
    """Say what a change did; `passed` are the words for what was so before, empty for silence."""
    if json:
        told = {"command": what, "dry_run": False, "count": done.count, "unchanged": done.passed}
        print_json(told)
        return
    print(f"{did} {counted(done.count, 'message')}")
    if done.passed and passed:
        print(f"{counted(done.passed, 'message')} {passed}")


def _require_all(choice: Choice, done: Changed) -> None:
    """Every message that was named has to be there."""
    missing = len(choice.queue_ids or ()) - done.count - done.passed
    if missing > 0:
        raise Refusal(f"{counted(missing, 'message')} not in the queue", os.EX_DATAERR)


def _watcher(did: str) -> Callable[[int], None] | None:
    """Show on a terminal how far a change is; the last line of the command replaces it."""
    if not sys.stderr.isatty():
        return None
    return lambda count: print(f"{did} {count}", end="\r", file=sys.stderr, flush=True)
