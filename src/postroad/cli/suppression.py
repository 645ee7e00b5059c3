"""`postroad suppression`: addresses elsewhere that get no mail, because they do not exist.

The commands work on the file that the workers use, whether the server runs or not.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.listing import print_json_stream, print_table
from postroad.cli.options import Json
from postroad.cli.refusal import Refusal, usage
from postroad.model.printable import printable

if TYPE_CHECKING:
    import sqlite3

    from postroad.delivery.suppression_file import Listed

__all__ = ["suppression_app"]

suppression_app = typer.Typer(
    help="Addresses elsewhere that get no mail, as they refused it.", no_args_is_help=True
)

PATIENCE = 30.0
"""Seconds to wait for workers that write all the time."""

_Answer = TypeVar("_Answer")

Addresses = Annotated[
    list[str], typer.Argument(metavar="ADDRESS...", help="Addresses; - reads them from a file.")
]


@suppression_app.command("list")
def list_suppressed(
    context: typer.Context,
    *,
    counted: Annotated[
        bool, typer.Option("--all", help="Also those that have refused mail too few times yet.")
    ] = False,
    json: Json = False,
) -> None:
    """List suppressed addresses, since when and why."""
    found = [each for each in _rows(context) if counted or each.holds(time.time())]
    if json:
        print_json_stream(map(_as_json, found))
        return
    rows = [
        (
            printable(each.address),
            printable(each.scope) or "-",
            _when(each.since) if each.since is not None else f"{each.refusals} refused",
            _when(each.until) if each.until is not None else "-",
            "by hand" if each.author == "operator" else "refused",
            printable(each.reply),
        )
        for each in found
    ]
    header = ("ADDRESS", "SENDERS", "SINCE", "UNTIL", "WHY", "WORDS")
    print_table(header, rows, none="no address is suppressed")


@suppression_app.command("add")
def add(
    context: typer.Context,
    addresses: Addresses,
    *,
    reason: Annotated[
        str,
        typer.Option("--reason", metavar="TEXT", help="What senders are told beside the date."),
    ] = "",
    sender_domain: Annotated[
        str,
        typer.Option("--sender-domain", metavar="DOMAIN", help="Only for senders of this domain."),
    ] = "",
) -> None:
    """Suppress addresses by hand, without an end."""
    from postroad.delivery.suppression_file import put_by_hand
    from postroad.model.address import domain_key, is_domain

    configuration = state_of_server(context)
    keys, scope, now = _keys(addresses), domain_key(sender_domain), time.time()
    if sender_domain and not is_domain(scope):
        raise usage(f"{printable(sender_domain)} is no domain")
    if not reason.isprintable():
        raise usage("the reason has to be one line")

    def put(connection: sqlite3.Connection) -> None:
        for key in keys:
            put_by_hand(connection, key, scope, reason, now)

    _write(context, put)
    print(f"suppressed {_counted(len(keys))}")
    if not configuration.suppression.enabled:
        print("postroad: [suppression] enabled is false: nobody looks at it yet", file=sys.stderr)


@suppression_app.command("remove")
def remove_suppressed(
    context: typer.Context,
    addresses: Annotated[
        list[str],
        typer.Argument(metavar="ADDRESS...", help="Addresses, or @ and a domain; - reads a file."),
    ],
) -> None:
    """Take addresses off the list: they get mail again at once."""
    from postroad.delivery.suppression_file import remove

    keys = _keys(addresses, domains=True)
    gone = _write(context, lambda connection: [remove(connection, key) for key in keys])
    unknown = [key for key, count in zip(keys, gone, strict=True) if not count]
    print(f"removed {_counted(sum(gone))}")
    if unknown:
        raise Refusal(f"not on the list: {', '.join(map(printable, unknown))}", os.EX_DATAERR)


@suppression_app.command("clear")
def clear_list(
    context: typer.Context,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what was put there by hand.")
    ] = False,
) -> None:
    """Forget all refusals; what was put there by hand stays, unless --all is said."""
    from postroad.delivery.suppression_file import clear

    gone = _write(context, lambda connection: clear(connection, by_hand=everything))
    print(f"removed {_counted(gone)}")


@suppression_app.command("export")
def export(
    context: typer.Context,
    *,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with everything that is known.")
    ] = False,
) -> None:
    """Print suppressed addresses, one a line, for another program, or for `add -` elsewhere."""
    found = (each for each in _rows(context) if each.holds(time.time()))
    if json:
        print_json_stream(map(_as_json, found))
        return
    for address in dict.fromkeys(each.address for each in found):
        print(printable(address))


def _rows(context: typer.Context) -> list[Listed]:
    """All rows; none, and no file is made, where nothing was remembered yet."""
    from postroad.delivery.suppression_file import listed

    if not state_of_server(context).suppression_file.exists():
        return []
    with _file(context) as connection:
        return list(listed(connection))


def _write(context: typer.Context, change: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
    with _file(context) as connection, connection:  # commits
        connection.execute("BEGIN IMMEDIATE")
        return change(connection)


@contextmanager
def _file(context: typer.Context) -> Iterator[sqlite3.Connection]:
    """The file of the configured server, as the one it belongs to."""
    import sqlite3

    from postroad.config.ownership import acting_as, owner_of
    from postroad.delivery.suppression_file import SUPPRESSION
    from postroad.limits.state_file import StateUnavailable, open_file

    configuration = state_of_server(context)
    configuration.state_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = configuration.suppression_file
    with (
        acting_as(owner_of(file.parent)),
        closing(open_file(file, SUPPRESSION, patience=PATIENCE)) as connection,
    ):
        try:
            yield connection
        except sqlite3.Error as error:  # it opened, and is damaged further on
            raise StateUnavailable(f"{file}: {error}") from None


def _keys(addresses: list[str], *, domains: bool = False) -> list[str]:
    """Addresses in the form in which they are kept."""
    from postroad.model import Address, AddressError
    from postroad.model.address import domain_key

    if addresses == ["-"]:
        addresses = [line for line in sys.stdin.read().splitlines() if line.strip()]
    keys = []
    for given in addresses:
        text = given.strip()
        if domains and text.startswith("@") and len(text) > 1:
            keys.append(f"@{domain_key(text[1:])}")
            continue
        try:
            keys.append(Address.parse(text).key)
        except AddressError as error:
            raise usage(f"{printable(text)}: {error}") from None
    return keys


def _as_json(each: Listed) -> dict[str, object]:
    return {
        "address": each.address,
        "sender_domain": each.scope or None,
        "by_hand": each.author == "operator",
        "suppressed": each.holds(time.time()),
        "reply": each.reply or None,
        "refusals": each.refusals,
        "last": each.last,
        "since": each.since,
        "until": each.until,
    }


def _counted(count: int) -> str:
    return f"{count} {'address' if count == 1 else 'addresses'}"


def _when(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))
