"""`postroad spam`: what accounts think of scores.

The command works on a file that workers read, whether the server runs or not.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.listing import print_json, print_table
from postroad.cli.refusal import Refusal, usage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from postroad.filters.scoring import Wish

__all__ = ["spam_app"]

spam_app = typer.Typer(help="What is done about spam.", no_args_is_help=True)


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
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show or change from which score on mail of an account is junk, or refused."""
    from postroad.directory.names import address_form
    from postroad.filters.scoring import MOST_POINTS, Wish
    from postroad.filters.thresholds import change_threshold, read_thresholds
    from postroad.model import Address, AddressError

    try:
        name = str(address_form(Address.parse(user)))
    except AddressError:
        raise usage(f"{user!r} is no account's name, such as john@example.org") from None
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
    if json:
        print_json(_as_json(name, wish))
    else:
        print(f"{name}: junk {_shown(wish.junk)}, reject {_rejected(wish.reject)}")


@spam_app.command("thresholds")
def thresholds(
    context: typer.Context,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the accounts that have thresholds of their own."""
    from postroad.filters.thresholds import read_thresholds

    with _file(context) as path:
        found = sorted(read_thresholds(path).items())
    if json:
        print_json([_as_json(user, wish) for user, wish in found])
        return
    rows = [(user, _shown(wish.junk), _rejected(wish.reject)) for user, wish in found]
    print_table(("USER", "JUNK", "REJECT"), rows)


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
