"""`postroad group`: aliases with an owner, and a rule of who may write to them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.editing import directory_editor
from postroad.cli.listing import print_json, print_table
from postroad.cli.options import Json
from postroad.cli.refusal import usage

if TYPE_CHECKING:
    from postroad.directory import GroupEntry

__all__ = ["group_app"]

group_app = typer.Typer(help="Addresses of several people, with an owner.", no_args_is_help=True)
member_app = typer.Typer(help="The members of a group.", no_args_is_help=True)
group_app.add_typer(member_app, name="member")

GroupName = Annotated[str, typer.Argument(metavar="GROUP", help="The group's address.")]
Members = Annotated[list[str], typer.Argument(metavar="MEMBER...", help="Addresses.")]


class SendersName(StrEnum):
    """The words for who may send to a group."""

    EVERYBODY = "everybody"
    MEMBERS = "members"
    LOGGED_IN = "logged-in"


SendersOption = Annotated[
    SendersName | None,
    typer.Option(
        "--senders", metavar="WHO", help="Who may send to it: everybody, members or logged-in."
    ),
]


@group_app.command("add")
def add_group(
    context: typer.Context,
    group: GroupName,
    members: Members,
    *,
    owner: Annotated[
        str, typer.Option("--owner", metavar="ADDRESS", help="Who gets the bounces.")
    ] = "",
    senders: SendersOption = None,
) -> None:
    """Add a group."""
    from postroad.directory.embedded.groups import Senders

    with directory_editor(context) as editor:
        who = Senders(senders.value) if senders else Senders.EVERYBODY
        entry = editor.add_group(group, members, owner=owner, senders=who)
    print(f"added {entry.name}")


@group_app.command("list")
def list_groups(context: typer.Context, *, json: Json = False) -> None:
    """List the groups."""
    with directory_editor(context) as editor:
        groups = editor.groups()
    if json:
        print_json([_as_json(each) for each in groups])
        return
    print_table(
        ("GROUP", "MEMBERS", "OWNER", "SENDERS"),
        [(each.name, str(len(each.members)), each.owner, each.senders.value) for each in groups],
        none="there are no groups",
    )


@group_app.command("show")
def show_group(context: typer.Context, group: GroupName, *, json: Json = False) -> None:
    """Show a group with its members."""
    with directory_editor(context) as editor:
        entry = editor.group(group)
    if json:
        print_json(_as_json(entry))
        return
    print(f"group:    {entry.name}")
    print(f"owner:    {entry.owner or 'none'}")
    print(f"senders:  {entry.senders.value}")
    for member in entry.members:
        print(f"member:   {member}")


@group_app.command("owner")
def change_owner(
    context: typer.Context,
    group: GroupName,
    owner: Annotated[
        str | None, typer.Argument(metavar="[ADDRESS]", help="Who gets the bounces.")
    ] = None,
    *,
    none: Annotated[bool, typer.Option("--none", help="Whoever sent the mail.")] = False,
) -> None:
    """Say who gets the bounces of what goes to a group's members."""
    if none == (owner is not None):
        raise usage("name the owner, or say --none")
    with directory_editor(context) as editor:
        entry = editor.change_group(group, owner=owner or "")
    print(f"bounces of {entry.name} go to {entry.owner or 'whoever sent the mail'}")


@group_app.command("senders")
def change_senders(
    context: typer.Context,
    group: GroupName,
    senders: Annotated[
        SendersName,
        typer.Argument(metavar="everybody|members|logged-in", help="Who may send to it."),
    ],
) -> None:
    """Say who may send to a group."""
    from postroad.directory.embedded.groups import Senders

    with directory_editor(context) as editor:
        entry = editor.change_group(group, senders=Senders(senders.value))
    print(f"senders to {entry.name}: {entry.senders.value}")


@group_app.command("remove")
def remove_group(context: typer.Context, group: GroupName) -> None:
    """Remove a group."""
    with directory_editor(context) as editor:
        dangling = editor.remove_group(group)
    print(f"removed {group}")
    for source in dangling:
        print(f"the alias {source} still points at it")


@member_app.command("add")
def add_members(context: typer.Context, group: GroupName, members: Members) -> None:
    """Add members to a group."""
    with directory_editor(context) as editor:
        entry = editor.add_members(group, members)
    print(f"{entry.name} has the members {', '.join(entry.members)}")


@member_app.command("remove")
def remove_members(context: typer.Context, group: GroupName, members: Members) -> None:
    """Remove members of a group."""
    with directory_editor(context) as editor:
        entry = editor.remove_members(group, members)
    print(f"{entry.name} has the members {', '.join(entry.members)}")


def _as_json(group: GroupEntry) -> dict[str, object]:
    return {
        "name": group.name,
        "members": list(group.members),
        "owner": group.owner,
        "senders": group.senders.value,
    }
