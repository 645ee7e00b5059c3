"""`postroad user freeze` and `unfreeze`: accounts that may not send.

A freeze is written into the directory, where all workers see it. What follows from it, for sessions
and queue, is asked of the workers; when no server runs, the queue is held or released here, and the
next start does the rest.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.editing import Force, called, directory_editor, sought
from postroad.cli.listing import local_time, print_json
from postroad.cli.options import Json, UserName
from postroad.model.counted import counted

if TYPE_CHECKING:
    from postroad.config import Configuration
    from postroad.directory import Freeze
    from postroad.spool import Entry

__all__ = [
    "freeze_user",
    "frozen_as_json",
    "frozen_words",
    "held_of",
    "unfreeze_user",
]


def freeze_user(
    context: typer.Context,
    address: UserName,
    *,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="What to remember it by.")
    ] = "",
    force: Force = False,
    json: Json = False,
) -> None:
    """Forbid an account to send: hold its mail in the queue, end its sessions."""
    from postroad.admin.containment import contain, hold_reason
    from postroad.admin.queue import hold
    from postroad.config.ownership import acting_as, owner_of
    from postroad.spool import Choice

    state = state_of_server(context).state_directory
    with directory_editor(context) as editor:
        user = sought(context, editor, address, force=force)
        freeze = editor.freeze_user(user, reason, time.time())
    if not json:
        print(f"froze {freeze.user}")
    with acting_as(owner_of(state)):
        done = contain(state, freeze.user)
        # What no worker has: shards of a server that does not run, or of more workers than now.
        rest = hold(state, Choice(login=freeze.user), hold_reason(freeze.user))
    held = done.held + rest.count
    if json:
        print_json({"name": freeze.user, "held": held, "sessions": done.sessions})
        return
    print(f"{counted(held, 'message')} held, {counted(done.sessions, 'session')} ended")


def unfreeze_user(
    context: typer.Context,
    address: UserName,
    *,
    delete_held: Annotated[
        bool,
        typer.Option("--delete-held", help="Delete the mail that was held; nobody is told."),
    ] = False,
    json: Json = False,
) -> None:
    """Let a frozen account send again, and release what was held."""
    from postroad.admin.containment import tell_of_thaw
    from postroad.directory.embedded.entry import parse_key
    from postroad.directory.embedded.mistake import NotFrozen

    configuration = state_of_server(context)
    user = parse_key(address)
    try:
        with directory_editor(context) as editor:
            if editor.freeze_of(user) is None:
                user = called(context, editor, user)
            editor.thaw_user(user)
        tell_of_thaw(configuration.state_directory, user)
    except NotFrozen:
        # A command that was broken off may have left mail behind: whoever repeats it means that.
        if not any(held_of(configuration, user)):
            raise
    if not json:
        print(f"{user} may send again")
    released, deleted = _let_go(configuration, user, delete=delete_held)
    if json:
        print_json({"name": user, "released": released, "deleted": deleted})
        return
    if delete_held:
        print(f"deleted {counted(deleted, 'message')}")
    else:
        print(f"released {counted(released, 'message')}")
    print("if its password may be known to others, change it, and look at its app passwords")


def frozen_words(freeze: Freeze) -> str:
    """A freeze on one line."""
    since = local_time(freeze.since)
    by = "" if freeze.author.value == "automatic" else " by an operator"
    return f"frozen since {since}{by}{f': {freeze.reason}' if freeze.reason else ''}"


def frozen_as_json(freeze: Freeze | None) -> dict[str, object] | None:
    """A freeze for programs; null for none."""
    if freeze is None:
        return None
    return {"since": freeze.since, "reason": freeze.reason, "by": freeze.author.value}


def _let_go(configuration: Configuration, user: str, *, delete: bool) -> tuple[int, int]:
    """Release or delete what was held for the freeze; how many messages each."""
    from postroad.admin import queue
    from postroad.admin.containment import hold_reason
    from postroad.config.ownership import acting_as, owner_of
    from postroad.spool import Choice

    state = configuration.state_directory
    with acting_as(owner_of(state)):
        if delete:
            chosen = [entry.queue_id for entry in held_of(configuration, user)]
            return 0, queue.delete(state, chosen)
        return queue.release(state, Choice(login=user, reason=hold_reason(user))).count, 0


def held_of(configuration: Configuration, user: str) -> Iterator[Entry]:
    """What is held of an account because it was frozen."""
    from postroad.admin.containment import hold_reason
    from postroad.spool import Inventory, shard_directories

    reason = hold_reason(user)
    for entry in Inventory(shard_directories(configuration.spool_directory)).list():
        if entry.waybill.held == reason:
            yield entry
