"""`postroad greylist` and `postroad verified`: what was remembered of strangers and of addresses.

The commands work on the files that the workers use, whether the server runs or not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.listing import local_time, print_json_stream, print_table
from postroad.cli.options import Json
from postroad.cli.refusal import Refusal, usage

if TYPE_CHECKING:
    import sqlite3

    from postroad.config import Configuration
    from postroad.limits.state_file import Shape

__all__ = ["greylist_app", "verified_app"]

greylist_app = typer.Typer(help="Strangers that have to come again.", no_args_is_help=True)
verified_app = typer.Typer(help="What probes found out about addresses.", no_args_is_help=True)

All = Annotated[bool, typer.Option("--all", help="Everything.")]

PATIENCE = 30.0
"""Seconds to wait for workers that write all the time."""


@greylist_app.command("list")
def list_strangers(context: typer.Context, *, json: Json = False) -> None:
    """List who waits, who passed, which networks pass at once, and whom users wrote to."""
    from postroad.limits.greylist_file import GREYLIST, strangers

    with _file(context, lambda it: it.greylist_file, GREYLIST) as connection:
        if json:
            print_json_stream(
                {
                    "kind": each.kind,
                    "network": each.network or None,
                    "sender": None if each.kind == "client" else each.sender,
                    "recipient": each.recipient or None,
                    "first": each.first,
                    "last": each.last,
                    "passes": each.passes if each.kind == "client" else None,
                }
                for each in strangers(connection)
            )
            return
        rows = [
            (
                each.kind,
                each.network or "-",
                f"{each.passes} passes" if each.kind == "client" else each.sender or "<>",
                each.recipient or "-",
                _when(each.first),
                _when(each.last),
            )
            for each in strangers(connection)
        ]
    none = "no stranger has been met: a restriction list has to name greylist"
    print_table(("KIND", "NETWORK", "SENDER", "RECIPIENT", "FIRST", "LAST"), rows, none=none)


@greylist_app.command("forget")
def forget_strangers(
    context: typer.Context,
    subject: Annotated[
        str,
        typer.Argument(
            metavar="[SUBJECT]",
            help="A client's address or network, or a mail address, as sender or recipient.",
        ),
    ] = "",
    *,
    everything: All = False,
) -> None:
    """Forget a network or an address: mail from or to it has to come again."""
    from postroad.limits.greylist_file import GREYLIST, forget, forget_all

    _one_of(subject, everything=everything)

    def question(connection: sqlite3.Connection) -> int:
        return forget_all(connection) if everything else forget(connection, subject.strip())

    _forget(context, lambda it: it.greylist_file, GREYLIST, question, subject)


@verified_app.command("list")
def list_verified(context: typer.Context, *, json: Json = False) -> None:
    """List what is known of addresses, the oldest first."""
    from postroad.delivery.verified import VERIFIED, listed

    with _file(context, lambda it: it.verified_file, VERIFIED) as connection:
        if json:
            print_json_stream(
                {
                    "address": each.address,
                    "status": each.status,
                    "why": each.why,
                    "updated": each.updated,
                }
                for each in listed(connection)
            )
            return
        rows = [
            (each.address, each.status, _when(each.updated), each.why)
            for each in listed(connection)
        ]
    print_table(("ADDRESS", "STATUS", "SINCE", "WHY"), rows, none="no address has been probed")


@verified_app.command("forget")
def forget_verified(
    context: typer.Context,
    subject: Annotated[
        str, typer.Argument(metavar="[ADDRESS]", help="An address, or @ and a domain.")
    ] = "",
    *,
    everything: All = False,
) -> None:
    """Forget what is known of an address or of all addresses of a domain: it is probed anew."""
    from postroad.delivery.verified import VERIFIED, forget
    from postroad.model.address import domain_key

    _one_of(subject, everything=everything)
    local, at, domain = subject.strip().rpartition("@")
    if not everything and not (at and domain):
        raise usage(f'expected an address or "@" and a domain, not "{subject}"')
    form = None if everything else f"{local.lower()}@{domain_key(domain)}"
    _forget(
        context,
        lambda it: it.verified_file,
        VERIFIED,
        lambda connection: forget(connection, form),
        subject,
    )


@contextmanager
def _file(
    context: typer.Context, path: Callable[[Configuration], Path], shape: Shape
) -> Iterator[sqlite3.Connection]:
    """A file of the configured server; an empty one where nothing was remembered yet."""
    import sqlite3

    from postroad.config.ownership import acting_as, owner_of
    from postroad.limits.state_file import open_file

    file = path(state_of_server(context))
    if not file.exists():  # and none is made: that it is there means that it is used
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            connection.executescript(shape.tables)
            yield connection
        return
    owner = owner_of(file.parent)
    with acting_as(owner), closing(open_file(file, shape, patience=PATIENCE)) as connection:
        yield connection


def _forget(
    context: typer.Context,
    path: Callable[[Configuration], Path],
    shape: Shape,
    question: Callable[[sqlite3.Connection], int],
    subject: str,
) -> None:
    with _file(context, path, shape) as connection, connection:  # commits
        connection.execute("BEGIN IMMEDIATE")
        gone = question(connection)
    if subject and not gone:
        raise Refusal(f"nothing is known of {subject}", os.EX_DATAERR)
    print(f"forgot {gone} {'entry' if gone == 1 else 'entries'}")


def _one_of(subject: str, *, everything: bool) -> None:
    if bool(subject) == everything:
        raise usage("say what to forget, or --all")


def _when(moment: float | None) -> str:
    if moment is None:
        return "-"
    return local_time(moment)
