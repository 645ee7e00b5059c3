"""`postroad app-password`: a password for each device, which can be taken back alone."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.editing import Force, directory_editor, sought
from postroad.cli.listing import print_json, print_table
from postroad.cli.options import Json, UserName

if TYPE_CHECKING:
    from postroad.directory import AppPasswordEntry

__all__ = ["app_password_app"]

app_password_app = typer.Typer(
    help="App passwords: one for each device, easy to take back.", no_args_is_help=True
)


class ScopeName(StrEnum):
    """The words for what an app password is good for."""

    SEND = "send"
    READ = "read"
    ALL = "all"


@app_password_app.command("add")
def add_app_password(
    context: typer.Context,
    address: UserName,
    *,
    label: Annotated[
        str, typer.Option("--label", metavar="TEXT", help="What it is for: phone, printer.")
    ],
    scope: Annotated[
        ScopeName,
        typer.Option("--scope", metavar="SCOPE", help="send, read, or all for both."),
    ] = ScopeName.ALL,
    force: Force = False,
) -> None:
    """Make an app password and show it, this once."""
    from postroad.directory import Scope

    with directory_editor(context) as editor:
        user = sought(context, editor, address, force=force)
        made = editor.add_app_password(user, label, Scope(scope.value))
    print(f"added the app password {made.id} of {made.user}")
    print(f"password: {made.text}")


@app_password_app.command("list")
def list_app_passwords(
    context: typer.Context,
    address: UserName,
    *,
    json: Json = False,
) -> None:
    """List the app passwords of an account."""
    with directory_editor(context) as editor:
        entries = editor.app_passwords(address)
    if json:
        print_json([_fields(entry) for entry in entries])
        return
    print_table(
        ("ID", "LABEL", "SCOPE", "CREATED", "LAST USED", "FROM"),
        [
            (
                *(entry.id, entry.label, entry.scope.value, _time(entry.created)),
                *(_time(entry.used) if entry.used else "never", entry.used_from),
            )
            for entry in entries
        ],
        none=f"{address} has no app passwords",
    )


@app_password_app.command("remove")
def remove_app_password(
    context: typer.Context,
    address: UserName,
    which: Annotated[str, typer.Argument(metavar="LABEL|ID", help="Its label, or its ID.")],
) -> None:
    """Remove an app password; from now on nobody can log in with it."""
    with directory_editor(context) as editor:
        entry = editor.remove_app_password(address, which)
    print(f"removed the app password {entry.id} ({entry.label}) of {entry.user}")


def _fields(entry: AppPasswordEntry) -> dict[str, object]:
    return {
        "user": entry.user,
        "id": entry.id,
        "label": entry.label,
        "scope": entry.scope.value,
        "created": entry.created,
        "used": entry.used,
        "used_from": entry.used_from,
    }


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")
