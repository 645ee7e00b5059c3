"""`postroad replay`: what another configuration would have decided about the mail of late."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.listing import local_time, print_json
from postroad.cli.options import Json
from postroad.cli.refusal import usage
from postroad.model.printable import printable

if TYPE_CHECKING:
    from postroad.app.comparison import Change, Comparison, Example, Group
    from postroad.config import Configuration

__all__ = ["replay"]

CHANGED = 1
"""The exit status where something would have been decided otherwise, as that of diff."""


def replay(
    context: typer.Context,
    *,
    config: Annotated[
        Path, typer.Option("--config", metavar="NEW", help="The proposed configuration.")
    ],
    since: Annotated[
        str,
        typer.Option("--since", metavar="TIME", help="Only what was decided within: 3d, 12h."),
    ] = "",
    limit: Annotated[
        int,
        typer.Option("--limit", metavar="N", help="At most N decisions, the oldest first.", min=0),
    ] = 0,
    now: Annotated[
        bool,
        typer.Option("--now", help="Accounts and tables answer as they are now, not as then."),
    ] = False,
    dns: Annotated[
        bool, typer.Option("--dns", help="Ask the DNS what was not asked then.")
    ] = False,
    json: Json = False,
) -> int:
    """Show what a proposed configuration would have decided otherwise."""
    import asyncio

    from postroad.app.proposing import Terms, compare
    from postroad.config import load
    from postroad.config.ownership import acting_as, owner_of

    begin = _begin(since)
    proposed = load(config, examine_files=False)
    current = _current(context, proposed)
    terms = Terms(begin=begin, limit=limit, now=now, dns=dns)
    progress = _Progress()
    with acting_as(owner_of(current.state_directory)):
        outcome = asyncio.run(compare(current, proposed, terms, progress))
    progress.end()
    for words in outcome.notes:
        print(f"postroad: {printable(words)}", file=sys.stderr)
    found = outcome.comparison
    known = max(begin, outcome.reach or 0.0) or None
    if json:
        print_json(_as_json(found, known, outcome.notes))
    else:
        for line in _in_words(found, config, known):
            print(line)
    return CHANGED if found.has_changed else 0


def _current(context: typer.Context, proposed: Configuration) -> Configuration:
    """The server's configuration, whose history it is; the proposed one if there is no other."""
    from postroad.cli.configured import state_of_server
    from postroad.config.loader import SEARCH_PATH

    if context.obj is None and not any(path.exists() for path in SEARCH_PATH):
        return proposed
    return state_of_server(context)


def _begin(since: str) -> float:
    """Since when, seconds since the epoch.

    Raises:
        Refusal: it is no duration.
    """
    from postroad.model.units import parse_duration

    if not since:
        return 0.0
    try:
        return time.time() - parse_duration(since)
    except ValueError as error:
        raise usage(f"--since: {error}") from None


class _Progress:
    """How far it is, on a terminal; elsewhere nothing."""

    def __init__(self) -> None:
        self._shown = False
        self._is_terminal = sys.stderr.isatty()

    def __call__(self, count: int) -> None:
        if self._is_terminal:
            self._shown = True
            print(f"\r{count:,} decisions …", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave a clean line."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


# For eyes ---------------------------------------------------------------------------------------


def _in_words(found: Comparison, config: Path, known: float | None) -> Iterator[str]:

    since = "" if known is None else f" since {local_time(known)}"
    yield f"{found.seen:,} decisions{since}, made again by {printable(str(config))}"
    if known is None:
        yield "Nothing has been recorded yet ([history] keep)."
        return
    for change, words in _titles().items():
        yield f"  {words:<19} {found.counts[change]:>9,}"
    if found.not_by_lists:
        yield f"  {'by no list':<19} {found.not_by_lists:>9,}  (limits, frozen accounts, faults)"
    for name, count in found.gone.items():
        words = f"came by listener {printable(name)}, which is not there"
        yield f"  {'not made again':<19} {count:>9,}  ({words})"
    last: Change | None = None
    for group in found.groups:
        if group.change is not last:
            yield ""
            yield _titles()[group.change].capitalize()
            last = group.change
        yield from _group(group)


def _titles() -> dict[Change, str]:
    from postroad.app.comparison import Change

    return {
        Change.SAME: "same",
        Change.REFUSED: "newly refused",
        Change.ACCEPTED: "newly accepted",
        Change.REPLY: "another reply",
        Change.HANDLING: "handled otherwise",
        Change.UNDECIDED: "undecided",
    }


def _group(group: Group) -> Iterator[str]:
    from postroad.app.comparison import Change

    listener = f"listener {printable(group.listener)}, " if group.listener else ""
    what = "it was not asked then: " if group.change is Change.UNDECIDED else ""
    yield f"  {group.count:,} by {listener}{what}{printable(group.rule)}"
    for example in group.examples:
        yield from _example(example, undecided=group.change is Change.UNDECIDED)
    if group.count > len(group.examples):
        yield f"    … and {group.count - len(group.examples):,} more"


def _example(example: Example, *, undecided: bool) -> Iterator[str]:
    kept = example.kept
    names = " ".join(filter(None, (kept.session, kept.queue_id)))
    yield f"    {local_time(kept.at)} {names} {printable(_about(example))}"
    yield f"      then: {printable(_then(example))}"
    yield f"      {'needs' if undecided else 'now '}: {printable(example.now)}"


def _about(example: Example) -> str:
    kept = example.kept
    sender = "" if kept.sender is None else f" from <{kept.sender}>"
    recipient = f" to <{kept.recipient}>" if kept.recipient else ""
    return f"{kept.stage} of {kept.client}{sender}{recipient}"


def _then(example: Example) -> str:
    kept = example.kept
    if kept.reply:
        return f"{kept.reply} ({kept.rule})" if kept.rule else kept.reply
    handling = "; ".join(f"{key}: {value}" for key, value in kept.handling.items())
    return f"accepted, {handling}" if handling else "accepted"


# For programs -----------------------------------------------------------------------------------


def _as_json(found: Comparison, known: float | None, notes: Sequence[str]) -> dict[str, object]:
    from postroad.app.comparison import Change

    return {
        "decisions": found.seen,
        "since": known,
        "changed": found.has_changed,
        "counts": {change.value: found.counts[change] for change in Change},
        "not_by_lists": found.not_by_lists,
        "listeners_gone": dict(found.gone),
        "groups": [
            {
                "change": group.change.value,
                "listener": group.listener,
                "rule": group.rule,
                "count": group.count,
                "examples": [_example_as_json(each) for each in group.examples],
            }
            for group in found.groups
        ],
        "notes": list(notes),
    }


def _example_as_json(example: Example) -> dict[str, object]:
    kept = example.kept
    return {
        "session": kept.session,
        "queue_id": kept.queue_id or None,
        "at": kept.at,
        "stage": kept.stage,
        "client": kept.client,
        "sender": kept.sender,
        "recipient": kept.recipient or None,
        "then": kept.reply or "accepted",
        "rule_then": kept.rule or None,
        "now": example.now,
    }
