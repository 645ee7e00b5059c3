"""`postroad srs keys`: the keys that sign rewritten addresses of forwarded mail.

The commands work on the file that the workers use, whether the server runs or not; a new key signs
from the next message on. Keys themselves are never shown.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.listing import print_json, print_table
from postroad.cli.refusal import Refusal

if TYPE_CHECKING:
    from postroad.intake.srs_keys import DatedKey, SrsKeys

__all__ = ["srs_app"]

srs_app = typer.Typer(help="Rewritten addresses of forwarded mail.", no_args_is_help=True)
keys_app = typer.Typer(help="The keys that sign them.", no_args_is_help=True)
srs_app.add_typer(keys_app, name="keys")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_DAY = 86_400


@keys_app.command("list")
def list_keys(context: typer.Context, *, json: Json = False) -> None:
    """List the keys: when each was made, and until when it is good."""
    _print(_keys(context), json=json)


@keys_app.command("rotate")
def rotate_keys(context: typer.Context, *, json: Json = False) -> None:
    """Have a new key sign from now on; the others stay good for bounces under way."""
    from postroad.intake.srs_keys import KeysUnavailable

    keys = _keys(context)
    try:
        keys.rotate()
    except KeysUnavailable as error:
        raise Refusal(str(error), os.EX_UNAVAILABLE) from None
    _print(keys, json=json)


def _keys(context: typer.Context) -> SrsKeys:
    from postroad.intake.srs_keys import SrsKeys

    configuration = state_of_server(context)
    settings = configuration.forwarding
    return SrsKeys(
        configuration.srs_keys_file,
        lifetime=settings.key_lifetime,
        overlap=settings.maximum_age,
        clock=time.time,
    )


def _print(keys: SrsKeys, *, json: bool) -> None:
    from postroad.intake.srs_keys import KeysUnavailable

    try:
        found = keys.dated()
    except KeysUnavailable as error:
        raise Refusal(str(error), os.EX_UNAVAILABLE) from None
    if json:
        print_json([_as_json(each) for each in found])
        return
    now = time.time()
    rows = [
        (
            each.identity,
            _when(each.made),
            str(max(0, int(now - each.made)) // _DAY),
            "signs" if each.good_until is None else f"good until {_when(each.good_until)}",
        )
        for each in found
    ]
    print_table(("KEY", "MADE", "DAYS", "USE"), rows)


def _as_json(key: DatedKey) -> dict[str, object]:
    return {
        "key": key.identity,
        "made": key.made,
        "signs": key.good_until is None,
        "good_until": key.good_until,
    }


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
