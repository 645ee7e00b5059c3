"""`postroad ban`: who is banned, and until when.

The commands work on the file that the workers look at, whether the server runs or not.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.listing import local_time, print_json, print_table
from postroad.cli.options import Json
from postroad.cli.refusal import Refusal, usage
from postroad.model.printable import in_one_line

if TYPE_CHECKING:
    from postroad.limits.bans import BanFile

__all__ = ["ban_app"]

ban_app = typer.Typer(help="Clients and users that are shut out for a while.", no_args_is_help=True)

Subject = Annotated[
    str,
    typer.Argument(metavar="SUBJECT", help="An address, a network, or a user's name."),
]


_WIDEST = {4: 8, 6: 16}
"""Bits of the widest networks that are banned without a question: wider ones are a slip."""


@contextmanager
def _bans(context: typer.Context) -> Iterator[tuple[BanFile, float]]:
    """The bans of the configured server, and for how long they are remembered."""
    from postroad.config.ownership import acting_as, owner_of
    from postroad.limits.bans import BanFile
    from postroad.limits.database import open_bans

    configuration = state_of_server(context)
    configuration.state_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = configuration.bans_file
    with acting_as(owner_of(file.parent)), closing(open_bans(file)) as connection:
        yield BanFile(connection), configuration.guessing.longest_ban


@ban_app.command("list")
def list_bans(
    context: typer.Context,
    *,
    json: Json = False,
) -> None:
    """List who is banned, the newest last."""
    with _bans(context) as (file, _):
        bans = file.holding(time.time())
    if json:
        print_json(
            [
                {
                    "subject": ban.subject,
                    "reason": ban.reason,
                    "by": ban.author.value,
                    "since": ban.since,
                    "until": ban.until,
                }
                for ban in bans
            ]
        )
        return
    rows = [
        (ban.subject, _when(ban.since), _when(ban.until), ban.author.value, ban.reason)
        for ban in bans
    ]
    print_table(("BANNED", "SINCE", "UNTIL", "BY", "REASON"), rows, none="nobody is banned")


@ban_app.command("add")
def add_ban(
    context: typer.Context,
    subject: Subject,
    *,
    duration: Annotated[
        str,
        typer.Option("--for", metavar="TIME", help="How long, such as 1h or 7d; else for ever."),
    ] = "",
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="What to remember it by.")
    ] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Also a very wide network, or a trusted one.")
    ] = False,
) -> None:
    """Ban an address, a network, or a user; a ban that is there is changed."""
    from postroad.limits.bans import Author, Ban
    from postroad.model.units import parse_duration

    form = _form(subject)
    try:
        seconds = parse_duration(duration) if duration else None
    except ValueError as error:
        raise usage(str(error)) from None
    objection = _objection(form, state_of_server(context).relay.trusted_networks)
    if objection and not force:
        raise usage(f"{objection}; with --force it is banned all the same")
    now = time.time()
    until = None if seconds is None else now + seconds
    banned = f"banned {form} {'for ever' if until is None else f'until {_when(until)}'}"
    with _bans(context) as (file, remember):
        file.put(Ban(form, in_one_line(reason), Author.OPERATOR, now, until, 0), remember)
    print(banned)


@ban_app.command("remove")
def remove_ban(context: typer.Context, subject: Subject) -> None:
    """Take a ban back."""
    form = _form(subject)
    with _bans(context) as (file, remember):
        if not file.remove(form, time.time(), remember):
            raise Refusal(f"{form} is not banned", os.EX_DATAERR)
    print(f"{form} is no longer banned")


@ban_app.command("export")
def export_bans(
    context: typer.Context,
    *,
    nftables: Annotated[
        bool, typer.Option("--nftables", help="As a script for nft -f; needed.")
    ] = False,
    table: Annotated[
        str, typer.Option("--table", metavar="TABLE", help="Family and name of the table.")
    ] = "inet filter",
    sets: Annotated[
        str, typer.Option("--set", metavar="NAME", help="Of the sets, which end in 4 and 6.")
    ] = "postroad_bans",
) -> None:
    """Print the banned addresses and networks for a packet filter."""
    from postroad.limits.nftables import is_name, is_table, script

    if not nftables:
        raise usage("say for what: --nftables")
    if not is_table(table):
        raise usage(
            f'expected a family and a name such as "inet filter", not "{in_one_line(table)}"'
        )
    if not is_name(sets):
        raise usage(f'expected a name such as "postroad_bans", not "{in_one_line(sets)}"')
    now = time.time()
    with _bans(context) as (file, _):
        bans = file.holding(now)
    print(script(bans, table, sets, now), end="")


def _form(subject: str) -> str:
    """The subject as bans are kept: a user's name in the form in which names are compared."""
    from postroad.limits.bans import InvalidSubject, subject_of
    from postroad.server.authorization import name_form

    try:
        return subject_of(name_form(subject))
    except InvalidSubject as error:
        raise usage(str(error)) from None


def _objection(form: str, trusted: Iterable[IPv4Network | IPv6Network]) -> str:
    """Why somebody may not mean to ban this; empty if nothing speaks against it."""
    from postroad.limits.bans import network_banned

    network = network_banned(form)
    if network is None:
        return ""
    if network.prefixlen < _WIDEST[network.version]:
        return f"{form} is a very large part of the network, and perhaps you are in it"
    for each in trusted:
        if each.version == network.version and network.overlaps(each):
            return f"{form} shares addresses with {each}, which is in [relay] trusted_networks"
    return ""


def _when(moment: float | None) -> str:
    if moment is None:
        return "for ever"
    return local_time(moment)
