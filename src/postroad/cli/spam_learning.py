"""`postroad spam learn`, `unlearn`, `stats` and `forget`: what the classifier knows of mail.

The commands work on files that any number of processes share, whether the server runs or not; what
is learned counts with the next message.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.account_name import account_name
from postroad.cli.configured import state_of_server
from postroad.cli.listing import print_json, print_table
from postroad.cli.options import Json
from postroad.cli.refusal import Refusal, usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from postroad.config import Configuration
    from postroad.filters.builtin.bayes.lesson import Learned, Lesson
    from postroad.filters.builtin.bayes.store import About
    from postroad.filters.builtin.bayes.stores import Stores

__all__ = ["forget_learned", "forget_memory", "learn_messages", "show_memories", "unlearn_messages"]

AT_ONCE = 50
"""Messages of one change: some tenths of a second, for which others that learn wait."""

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...", help="Messages, mailboxes (mbox), Maildirs or folders; - reads one."
    ),
]
User = Annotated[
    str,
    typer.Option("--user", metavar="USER", help="For this account only; else for all."),
]


def learn_messages(
    context: typer.Context,
    sources: Sources,
    *,
    spam: Annotated[bool, typer.Option("--spam", help="They are spam.")] = False,
    ham: Annotated[bool, typer.Option("--ham", help="They are none.")] = False,
    user: User = "",
    json: Json = False,
) -> None:
    """Learn messages as spam or as ham; each counts once."""
    if spam == ham:
        raise usage("say what they are: --spam or --ham")
    _tell(context, sources, is_spam=spam, user=user, json=json)


def unlearn_messages(
    context: typer.Context, sources: Sources, *, user: User = "", json: Json = False
) -> None:
    """Take back what was learned of messages."""
    _tell(context, sources, is_spam=None, user=user, json=json)


def show_memories(context: typer.Context, *, user: User = "", json: Json = False) -> None:
    """Show how much was learned, for the site and for each account that has learned."""
    with _opened(state_of_server(context)) as stores:
        if user:
            one = stores.about(account_name(user))
            found = [] if one is None else [one]
        else:
            found = stores.all()
    if json:
        print_json([_document(each) for each in found])
        return
    rows = [
        (
            each.owner or "(site)",
            str(each.spam),
            str(each.ham),
            str(each.tokens),
            f"{each.octets / 1024:.0f} KiB",
            _weight(each),
        )
        for each in found
    ]
    none = "nothing has been learned yet: postroad spam learn teaches it"
    print_table(("WHOSE", "SPAM", "HAM", "WORDS", "SIZE", "COUNTS"), rows, none=none)


def forget_memory(
    context: typer.Context,
    *,
    user: Annotated[
        str, typer.Option("--user", metavar="USER", help="What this account's has learned.")
    ] = "",
    site: Annotated[bool, typer.Option("--site", help="What was learned for all.")] = False,
) -> None:
    """Forget everything that was learned, for an account or for the site."""
    if bool(user) == site:
        raise usage("say whose: --user USER or --site")
    name = account_name(user) if user else ""
    with _opened(state_of_server(context)) as stores:
        if not stores.forget(name):
            raise Refusal(f"nothing was learned for {name or 'the site'}", os.EX_DATAERR)
    print(f"forgotten: what was learned for {name or 'the site'}")


def forget_learned(context: typer.Context, user: str) -> bool:
    """Forget what was learned for an account; whether there was something."""
    with _opened(state_of_server(context)) as stores:
        return stores.forget(account_name(user))


def _weight(about: About) -> str:
    """Whether a memory counts, in words."""
    from postroad.filters.builtin.bayes.classifier import MINIMUM

    if about.is_enough:
        return "yes"
    return "with the site's" if about.owner else f"no, from {MINIMUM} of each on"


def _tell(
    context: typer.Context, sources: list[str], *, is_spam: bool | None, user: str, json: bool
) -> None:
    """Have messages learned, batch by batch, and say what became of them."""
    from postroad.cli.spam_messages import messages_in
    from postroad.filters.builtin.bayes.learning import MOST_OCTETS, lesson_of
    from postroad.filters.builtin.bayes.lesson import Learned

    whose = account_name(user) if user else ""
    configuration = state_of_server(context)
    done: dict[Learned, int] = dict.fromkeys(Learned, 0)
    lessons = (lesson_of(each, is_spam=is_spam) for each in messages_in(sources, MOST_OCTETS))
    for batch in _batches(lessons):
        # Messages are read as whoever calls; what is written is the server's.
        with _opened(configuration) as stores:
            for each in stores.learn(batch, whose):
                done[each] += 1
        _progress(sum(done.values()))
    _progress(0)
    if done[Learned.FULL]:
        words = f"nothing is learned for {whose}: there are too many memories; forget some"
        raise Refusal(words, os.EX_UNAVAILABLE)
    with _opened(configuration) as stores:
        about = stores.about(whose)
    if json:
        told = {each.name.lower(): done[each] for each in Learned if each is not Learned.FULL}
        print_json(told | {"memory": None if about is None else _document(about)})
        return
    print(", ".join(_counted(done, is_spam)) or "there was no message")
    if about is not None:
        whom = about.owner or "the site"
        few = "; it counts together with the site's" if about.owner else "; too few yet to count"
        counts = "" if about.is_enough else few
        print(f"the memory of {whom} has {about.spam} spam, {about.ham} ham{counts}")


def _counted(done: dict[Learned, int], is_spam: bool | None) -> list[str]:
    from postroad.filters.builtin.bayes.lesson import Learned

    what = {True: " as spam", False: " as ham", None: ""}[is_spam]
    words = {
        Learned.NEW: f"learned{what}",
        Learned.CHANGED: f"learned{what}, which was the other before",
        Learned.KNOWN: "known already",
        Learned.FORGOTTEN: "taken back",
        Learned.NEVER: "never learned",
    }
    return [f"{done[each]} {words[each]}" for each in words if done[each]]


def _batches(lessons: Iterable[Lesson]) -> Iterator[list[Lesson]]:
    batch: list[Lesson] = []
    for lesson in lessons:
        batch.append(lesson)
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


@contextmanager
def _opened(configuration: Configuration) -> Iterator[Stores]:
    """The memories of the configured server, as whom they belong to."""
    from postroad.config.ownership import acting_as, owner_of
    from postroad.filters.builtin.bayes.stores import Stores

    configuration.state_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with acting_as(owner_of(configuration.state_directory)):
        yield Stores(configuration.spam_directory, _warn)


def _warn(words: str) -> None:
    print(f"postroad: warning: {words}", file=sys.stderr)


def _progress(done: int) -> None:
    """Somebody at a terminal sees that it goes on; 0: it is over."""
    if sys.stderr.isatty():
        print(f"\r{done} messages" if done else "\r\033[K", end="", file=sys.stderr, flush=True)


def _document(about: About) -> dict[str, object]:
    return {
        "user": about.owner or None,
        "spam": about.spam,
        "ham": about.ham,
        "words": about.tokens,
        "octets": about.octets,
        "counts": about.is_enough,
    }
