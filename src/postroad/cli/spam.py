"""`postroad spam`: what accounts think of scores.

The command works on a file that workers read, whether the server runs or not.
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
from postroad.cli.spam_explain import explain
from postroad.cli.spam_learning import (
    forget_learned,
    forget_memory,
    learn_messages,
    show_memories,
    unlearn_messages,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from postroad.filters.scoring import Wish

__all__ = ["forget_removed", "spam_app"]

spam_app = typer.Typer(help="What is done about spam.", no_args_is_help=True)
spam_app.command("explain")(explain)
spam_app.command("learn")(learn_messages)
spam_app.command("unlearn")(unlearn_messages)
spam_app.command("stats")(show_memories)
spam_app.command("forget")(forget_memory)


@spam_app.command("threshold")
def threshold(
    context: typer.Context,
    user: Annotated[str, typer.Argument(metavar="USER", help="The account's name.")],
    *,
    junk: Annotated[
        float | None,
        typer.Option("--junk", metavar="POINTS", help="Mail with as many points is junk."),
    ] = None,
    reject: Annotated[
        str,
        typer.Option(
            "--reject", metavar="POINTS", help="Mail with as many is refused; never: none is."
        ),
    ] = "",
    reset: Annotated[
        bool, typer.Option("--reset", help="Forget both first: the filters' own hold again.")
    ] = False,
    json: Json = False,
) -> None:
    """Show or change from which score on mail of an account is junk, or refused."""
    from postroad.filters.scoring import MOST_POINTS, Wish
    from postroad.filters.thresholds import change_threshold, read_thresholds

    name = account_name(user)
    refused = _points(reject) if reject else None
    if junk is not None and not abs(junk) <= MOST_POINTS:  # nan is not
        raise usage(f"--junk takes a number of points, up to {MOST_POINTS:.0f}")

    def change(old: Wish) -> Wish:
        base = Wish() if reset else old
        return Wish(
            base.junk if junk is None else junk,
            base.reject if refused is None else refused,
        )

    changes = reset or junk is not None or refused is not None
    with _file(context) as path:
        if changes:
            wish = change_threshold(path, name, change)
        else:
            wish = read_thresholds(path).get(name, Wish())
        if wish != Wish() or not changes:
            _remark(context, name, wish)
    if json:
        print_json(_as_json(name, wish))
    else:
        print(f"{name}: junk {_shown(wish.junk)}, reject {_rejected(wish.reject)}")


@spam_app.command("thresholds")
def thresholds(
    context: typer.Context,
    *,
    json: Json = False,
) -> None:
    """List the accounts that have thresholds of their own."""
    from postroad.filters.thresholds import read_thresholds

    with _file(context) as path:
        found = sorted(read_thresholds(path).items())
    if json:
        print_json([_as_json(user, wish) for user, wish in found])
        return
    rows = [(user, _shown(wish.junk), _rejected(wish.reject)) for user, wish in found]
    none = "no account has thresholds of its own"
    print_table(("USER", "JUNK", "REJECT"), rows, none=none)


def forget_removed(context: typer.Context, user: str) -> bool:
    """Forget what the filters know of an account that is gone: the next of its name is another's.

    Returns:
        Whether something had been learned for it.
    """
    from postroad.filters.scoring import Wish
    from postroad.filters.thresholds import change_threshold, read_thresholds

    name = account_name(user)
    with _file(context) as path:
        if name in read_thresholds(path):
            change_threshold(path, name, lambda _: Wish())
    return forget_learned(context, name)


def _remark(context: typer.Context, name: str, wish: Wish) -> None:
    """Say on standard error what has no effect; it holds nothing up."""
    import asyncio

    from postroad.app.elsewhere import threshold_remark

    words = asyncio.run(threshold_remark(state_of_server(context), name))
    if words:
        print(f"postroad: {words}", file=sys.stderr)
    if wish.junk is not None and wish.reject and wish.reject <= wish.junk:
        refused = f"mail for this account alone is refused from {wish.reject:g} points on"
        print(
            f"postroad: {refused}, so none is filed as junk (from {wish.junk:g} on)",
            file=sys.stderr,
        )


@contextmanager
def _file(context: typer.Context) -> Iterator[Path]:
    """The file of the configured server, as the one it belongs to."""
    from postroad.config.ownership import acting_as, owner_of
    from postroad.filters.thresholds import ThresholdsUnavailable

    configuration = state_of_server(context)
    configuration.state_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with acting_as(owner_of(configuration.state_directory)):
            yield configuration.thresholds_file
    except ThresholdsUnavailable as error:
        raise Refusal(str(error), os.EX_CANTCREAT) from None


def _points(text: str) -> float:
    from postroad.filters.scoring import MOST_POINTS, read_points

    if text == "never":
        return 0.0
    points = read_points(text)
    if points is None or not 0 < points <= MOST_POINTS:
        words = f"--reject takes a number of points above 0, up to {MOST_POINTS:.0f}, or never"
        raise usage(words)
    return points


def _as_json(user: str, wish: Wish) -> dict[str, object]:
    return {"user": user, "junk": wish.junk, "reject": wish.reject}


def _shown(points: float | None) -> str:
    return "as usual" if points is None else f"{points:g}"


def _rejected(points: float | None) -> str:
    return "never" if points == 0 else _shown(points)
