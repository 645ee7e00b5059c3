"""`postroad user`: accounts, and who may log in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from postroad.cli.account_listing import list_users, show_user
from postroad.cli.account_ways import forward_user, send_as, set_quota
from postroad.cli.editing import directory_editor
from postroad.cli.freezing import freeze_user, unfreeze_user
from postroad.cli.options import UserName
from postroad.cli.password import GivenPassword, password_from
from postroad.cli.refusal import usage
from postroad.cli.spam import forget_removed

__all__ = ["user_app"]

user_app = typer.Typer(help="Accounts: who may log in and has a mailbox.", no_args_is_help=True)

FromStandardInput = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from standard input's first line."),
]
Generated = Annotated[
    bool, typer.Option("--generate", help="Make a password and show it, this once.")
]
SchemeName = Annotated[
    str | None,
    typer.Option("--scheme", metavar="SCHEME", help="How to hash it; else ARGON2ID."),
]
ReadyHash = Annotated[
    str | None,
    typer.Option(
        "--hash", metavar="HASH", help="A ready hash, {SCHEME}…; - reads it from standard input."
    ),
]
STANDARD = "ARGON2ID"


@dataclass(frozen=True, slots=True)
class _Given:
    """What the words of a command say of a password: in clear text, or as a ready hash."""

    password: GivenPassword
    stored: str = ""
    scheme: str = ""

    def show(self) -> None:
        """Show a password that was made here, this once."""
        if self.password.generated:
            print(f"password: {self.password.text}")


def _given(
    *, standard_input: bool, generate: bool, stored: str | None, scheme: str | None
) -> _Given:
    if stored is None:
        password = password_from(standard_input=standard_input, generate=generate)
        return _Given(password, scheme=(scheme or "").upper())
    if standard_input or generate or scheme:
        raise usage("--hash stands for itself: no password, no other scheme")
    if stored == "-":
        stored = password_from(standard_input=True).text
    return _Given(GivenPassword(""), stored=stored.strip())


@user_app.command("add")
def add_user(
    context: typer.Context,
    address: UserName,
    *,
    password_stdin: FromStandardInput = False,
    generate: Generated = False,
    scheme: SchemeName = None,
    stored: ReadyHash = None,
) -> None:
    """Add an account."""
    with directory_editor(context) as editor:
        given = _given(
            standard_input=password_stdin, generate=generate, stored=stored, scheme=scheme
        )
        if given.stored:
            name = editor.add_user_with_hash(address, given.stored)
        else:
            name = editor.add_user(address, given.password.text, scheme=given.scheme or STANDARD)
    print(f"added {name}")
    given.show()


user_app.command("list")(list_users)
user_app.command("show")(show_user)
user_app.command("freeze")(freeze_user)
user_app.command("unfreeze")(unfreeze_user)
user_app.command("quota")(set_quota)
user_app.command("forward")(forward_user)
user_app.command("send-as")(send_as)


@user_app.command("passwd")
def change_password(
    context: typer.Context,
    address: UserName,
    *,
    password_stdin: FromStandardInput = False,
    generate: Generated = False,
    scheme: SchemeName = None,
    stored: ReadyHash = None,
) -> None:
    """Give an account a new password."""
    with directory_editor(context) as editor:
        given = _given(
            standard_input=password_stdin, generate=generate, stored=stored, scheme=scheme
        )
        if given.stored:
            name = editor.set_hash(address, given.stored)
        else:
            name = editor.set_password(
                address, given.password.text, scheme=given.scheme or STANDARD
            )
    print(f"changed the password of {name}")
    given.show()


@user_app.command("disable")
def disable_user(context: typer.Context, address: UserName) -> None:
    """Forbid an account to log in; mail for it is still taken in."""
    with directory_editor(context) as editor:
        print(f"disabled {editor.set_enabled(address, enabled=False)}")


@user_app.command("enable")
def enable_user(context: typer.Context, address: UserName) -> None:
    """Allow a disabled account to log in again."""
    with directory_editor(context) as editor:
        print(f"enabled {editor.set_enabled(address, enabled=True)}")


@user_app.command("remove")
def remove_user(context: typer.Context, address: UserName) -> None:
    """Remove an account; its mail stays on disk, what the spam filter learned from it does not."""
    with directory_editor(context) as editor:
        dangling = editor.remove_user(address)
    print(f"removed {address}; its mail is still on disk")
    if forget_removed(context, address):
        print("what the spam filter learned from it is forgotten")
    for source in dangling:
        print(f"the alias {source} still points at it")
