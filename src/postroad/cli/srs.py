"""`postroad srs keys`: the keys that sign rewritten addresses of forwarded mail.

The commands work on the file that the workers use, whether the server runs or not; a new key signs
from the next message on. Keys themselves are never shown.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.listing import local_time, print_json, print_table
from postroad.cli.options import Json
from postroad.cli.refusal import Refusal

if TYPE_CHECKING:
    from postroad.intake.srs_keys import DatedKey, SrsKeys

__all__ = ["srs_app"]

srs_app = typer.Typer(help="Rewritten addresses of forwarded mail.", no_args_is_help=True)
keys_app = typer.Typer(help="The keys that sign them.", no_args_is_help=True)
srs_app.add_typer(keys_app, name="keys")


_DAY = 86_400


@keys_app.command("list")
def list_keys(context: typer.Context, *, json: Json = False) -> None:
    """List the keys: when each was made, and until when it is good."""
    with _keys(context) as keys:
        _print(keys, json=json)


@keys_app.command("rotate")
def rotate_keys(context: typer.Context, *, json: Json = False) -> None:
    """Have a new key sign from now on; the others stay good for bounces under way."""
    with _keys(context) as keys:
        keys.rotate()
        _print(keys, json=json)


@contextmanager
def _keys(context: typer.Context) -> Iterator[SrsKeys]:
    """The keys of the configured server, as the one that they belong to."""
    from postroad.config.ownership import acting_as, owner_of
    from postroad.intake.srs_keys import KeysUnavailable, SrsKeys

    configuration = state_of_server(context)
    settings = configuration.forwarding
    keys = SrsKeys(
        configuration.srs_keys_file,
        lifetime=settings.key_lifetime,
        overlap=settings.maximum_age,
        clock=time.time,
    )
    try:
        with acting_as(owner_of(configuration.state_directory)):
            yield keys
    except KeysUnavailable as error:
        raise Refusal(str(error), os.EX_UNAVAILABLE) from None


def _print(keys: SrsKeys, *, json: bool) -> None:
    found = keys.dated()
    if json:
        print_json([_as_json(each) for each in found])
        return
    now = time.time()
    rows = [
        (
            each.identity,
            local_time(each.made),
            str(max(0, int(now - each.made)) // _DAY),
            "signs" if each.good_until is None else f"good until {local_time(each.good_until)}",
        )
        for each in found
    ]
    none = "there are no keys yet: the first forward makes one"
    print_table(("KEY", "MADE", "DAYS", "USE"), rows, none=none)


def _as_json(key: DatedKey) -> dict[str, object]:
    return {
        "key": key.identity,
        "made": key.made,
        "signs": key.good_until is None,
        "good_until": key.good_until,
    }
