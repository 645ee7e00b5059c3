"""What is done to messages of the queue, and to which: one frame for all of it.

Each command says what it does and in which words; the frame chooses, shows a dry run, asks where
much would be lost, does it, and tells what became of it. It works beside a running server, which is
asked, and without one.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.listing import print_json
from postroad.cli.options import Json
from postroad.cli.queue_choice import Words, choosing, inventory
from postroad.cli.queue_entry import clean
from postroad.cli.refusal import Refusal, usage
from postroad.model.counted import counted

if TYPE_CHECKING:
    from postroad.admin.change import Change, Changed
    from postroad.admin.queue import Result
    from postroad.spool import Choice, Entry

__all__ = [
    "bounce_messages",
    "delete_messages",
    "flush_queue",
    "hold_messages",
    "release_messages",
    "requeue_messages",
]

MAX_REASON = 200
"""Characters of a reason: a line of a listing, not a letter."""

Everything = Annotated[
    bool, typer.Option("--all", help="Every message; needed where nothing else is said.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Tell how many messages are meant, and do nothing.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="With --dry-run: tell which.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask, where --all is said.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a command is carried out.

    Attributes:
        dry_run: only tell what would be done.
        verbose: tell of which messages.
        json: tell it to a program.
        everything: every message is meant, and that was said.
        sure: nobody need be asked.
    """

    dry_run: bool = False
    verbose: bool = False
    json: bool = False
    everything: bool = False
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Deed:
    """A command, in words.

    Attributes:
        name: the command.
        did: what it did, before the number.
        passed: what was so before, behind the number; empty for silence.
        touches: whether it would change a message, at a time in seconds since the epoch.
    """

    name: str
    did: str
    passed: str = ""
    touches: Callable[[Entry, float], bool] = lambda *_: True


def _may_be_tried(entry: Entry, now: float) -> bool:
    """Whether nobody has said that it waits: no operator, and not its sender (RFC 4865)."""
    return not entry.waybill.held and (entry.envelope.hold_until or 0.0) <= now


FLUSH = Deed("flush", "will be tried now", touches=_may_be_tried)
HOLD = Deed("hold", "held", "held already", lambda entry, _: not entry.waybill.held)
RELEASE = Deed("release", "released", "not on hold", lambda entry, _: bool(entry.waybill.held))
REQUEUE = Deed("requeue", "requeued")
BOUNCE = Deed("bounce", "returned")
DELETE = Deed("delete", "deleted")


@choosing
def flush_queue(
    context: typer.Context,
    *,
    words: Words,
    dry_run: DryRun = False,
    verbose: Verbose = False,
    json: Json = False,
) -> None:
    """Try waiting mail now: all, or what is named."""
    from postroad.admin.change import Flush

    manner = Manner(dry_run=dry_run, verbose=verbose, json=json)
    _do(context, FLUSH, words.choice, Flush, manner)


@choosing
def hold_messages(
    context: typer.Context,
    *,
    words: Words,
    everything: Everything = False,
    why: Annotated[
        str, typer.Option("--why", metavar="TEXT", help="Why, for the listing.")
    ] = "by an operator",
    dry_run: DryRun = False,
    verbose: Verbose = False,
    json: Json = False,
) -> None:
    """Keep messages in the queue until they are released; they do not expire meanwhile."""
    choice = _chosen(HOLD, words, everything=everything)
    reason = clean(why.strip())[:MAX_REASON]
    if not reason:
        raise usage("a message is held for a reason")

    from postroad.admin.change import Hold

    manner = Manner(dry_run=dry_run, verbose=verbose, json=json)
    _do(context, HOLD, choice, lambda choice: Hold(choice, reason), manner)


@choosing
def release_messages(
    context: typer.Context,
    *,
    words: Words,
    everything: Everything = False,
    dry_run: DryRun = False,
    verbose: Verbose = False,
    json: Json = False,
) -> None:
    """Let messages go on that were held; as old as they are."""
    choice = _chosen(RELEASE, words, everything=everything)

    from postroad.admin.change import Release

    manner = Manner(dry_run=dry_run, verbose=verbose, json=json)
    _do(context, RELEASE, choice, Release, manner)


@choosing
def requeue_messages(
    context: typer.Context,
    *,
    words: Words,
    everything: Everything = False,
    dry_run: DryRun = False,
    verbose: Verbose = False,
    json: Json = False,
) -> None:
    """Begin anew with messages: due now, routed again, as if they had just come."""
    choice = _chosen(REQUEUE, words, everything=everything)

    from postroad.admin.change import Requeue

    manner = Manner(dry_run=dry_run, verbose=verbose, json=json)
    _do(context, REQUEUE, choice, Requeue, manner)


@choosing
def bounce_messages(
    context: typer.Context,
    *,
    words: Words,
    everything: Everything = False,
    why: Annotated[
        str,
        typer.Option(
            "--why",
            metavar="TEXT",
            help="What the sender is told; may begin with a code such as 5.1.1.",
        ),
    ] = "",
    dry_run: DryRun = False,
    verbose: Verbose = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Return messages to their senders now, as undeliverable."""
    choice = _chosen(BOUNCE, words, everything=everything)

    from postroad.admin.change import Bounce, reply_of

    reply = reply_of(why)
    all_meant = everything or words.means_all
    manner = Manner(dry_run=dry_run, verbose=verbose, json=json, everything=all_meant, sure=yes)
    _do(context, BOUNCE, choice, lambda choice: Bounce(choice, reply), manner)


@choosing
def delete_messages(
    context: typer.Context,
    *,
    words: Words,
    everything: Everything = False,
    dry_run: DryRun = False,
    verbose: Verbose = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Delete messages; nobody is told, neither sender nor recipient."""
    choice = _chosen(DELETE, words, everything=everything)

    from postroad.admin.change import Delete

    all_meant = everything or words.means_all
    manner = Manner(dry_run=dry_run, verbose=verbose, json=json, everything=all_meant, sure=yes)
    _do(context, DELETE, choice, Delete, manner)


def _chosen(deed: Deed, words: Words, *, everything: bool) -> Choice:
    """The messages that are meant: to be said, and in one way."""
    if sum((bool(words.queue_ids), words.filters, everything)) != 1:
        raise usage(f"name the messages to {deed.name}, say which by options, or say --all")
    return words.choice


def _do(
    context: typer.Context,
    deed: Deed,
    choice: Choice,
    change: Callable[[Choice], Change],
    manner: Manner,
) -> None:
    """The frame."""
    from postroad.admin.queue import carry_out
    from postroad.config.ownership import acting_as, owner_of

    configuration = state_of_server(context)
    state = configuration.state_directory
    with acting_as(owner_of(state)):
        if manner.dry_run:
            _would(inventory(configuration).list(choice), deed, manner)
            return
        if not manner.sure and manner.everything:
            _ask(deed, sum(1 for _ in inventory(configuration).list(choice)))
        result = carry_out(state, change(choice), _watcher(deed))
    _tell(deed, choice, result, json=manner.json)
    _require(deed, choice, result)


def _would(entries: Iterable[Entry], deed: Deed, manner: Manner) -> None:
    """Show what a change would touch; by name only for those who ask."""
    now = time.time()
    meant = (entry.queue_id for entry in entries if deed.touches(entry, now))
    if manner.json:
        names = list(meant)
        told = {"command": deed.name, "dry_run": True, "count": len(names), "queue_ids": names}
        print_json(told)
        return
    count = 0
    for name in meant:
        count += 1
        if manner.verbose:
            print(name)
    print(f"would {deed.name} {counted(count, 'message')}")


def _ask(deed: Deed, count: int) -> None:
    """Have it confirmed that everything is meant.

    Raises:
        Refusal: it is not, or nobody is there to say so.
    """
    if not sys.stdin.isatty():
        raise usage(
            f"to {deed.name} the whole queue, say --yes as well ({counted(count, 'message')})"
        )
    if not typer.confirm(f"{deed.name} {counted(count, 'message')}, the whole queue?"):
        raise Refusal(f"nothing was {deed.did}", os.EX_USAGE)


def _tell(deed: Deed, choice: Choice, result: Result, *, json: bool) -> None:
    """Say what a change did."""
    done = result.changed
    if json:
        print_json(_as_json(deed, result))
        return
    for line in _lines(deed, choice, done, offline=bool(result.offline)):
        print(line)


def _as_json(deed: Deed, result: Result) -> dict[str, object]:
    done = result.changed
    return {
        "command": deed.name,
        "dry_run": False,
        "count": done.count,
        "unchanged": done.passed,
        "recipients": done.count if deed is FLUSH else done.recipients,
        "busy": done.busy,
        "waiting": done.held,
        "on_hold": done.withheld,
        "failures": [{"place": each.place, "why": each.why} for each in result.failures],
    }


def _lines(deed: Deed, choice: Choice, done: Changed, *, offline: bool) -> Iterable[str]:
    if deed is FLUSH:
        yield f"{counted(done.count, 'recipient')} {deed.did}"
    elif choice.narrows_recipients and done.recipients:
        of = counted(done.count, "message")
        yield f"{deed.did} {counted(done.recipients, 'recipient')} of {of}"
    else:
        yield f"{deed.did} {counted(done.count, 'message')}"
    if done.passed and deed.passed and (deed is HOLD or choice.queue_ids):
        yield f"{counted(done.passed, 'message')} {deed.passed}"
    if done.held:
        yield f"{counted(done.held, 'recipient')} held until the time that the sender asked for"
    if done.withheld:
        yield f"{counted(done.withheld, 'recipient')} on hold: postroad queue release"
    if done.busy and deed is not DELETE:
        yield f"{counted(done.busy, 'recipient')} being tried at this moment, which goes on"
    if deed is BOUNCE and offline and done.count:
        yield "the reports are sent when the server is started"


def _require(deed: Deed, choice: Choice, result: Result) -> None:
    """It must have been done everywhere, and every message that was named has to be there.

    Raises:
        Refusal: it was not, or one is not.
    """
    if result.failures:
        told = [f"not everywhere: {failure.why}" for failure in result.failures]
        raise Refusal("\n".join(told), os.EX_UNAVAILABLE)
    done = result.changed
    missing = len(choice.queue_ids or ()) - done.count - done.passed
    if missing > 0 and deed is not FLUSH and not done.held:
        raise Refusal(f"{counted(missing, 'message')} not in the queue", os.EX_DATAERR)


def _watcher(deed: Deed) -> Callable[[int], None] | None:
    """Show on a terminal how far a change is; the last line of the command replaces it."""
    if not sys.stderr.isatty():
        return None
    return lambda count: print(f"{deed.did} {count}", end="\r", file=sys.stderr, flush=True)
