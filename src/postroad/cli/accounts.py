"""`postroad user`, `domain` and `alias`: who is here and who has which address."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.editing import directory_editor
from postroad.cli.freezing import (
    freeze_user,
    frozen_as_json,
    frozen_words,
    show_user,
    unfreeze_user,
)
from postroad.cli.listing import print_json, print_table
from postroad.cli.password import GivenPassword, password_from
from postroad.cli.refusal import usage

if TYPE_CHECKING:
    from postroad.directory import UserEntry

__all__ = ["alias_app", "domain_app", "user_app"]

user_app = typer.Typer(help="Accounts: who may log in and has a mailbox.", no_args_is_help=True)
domain_app = typer.Typer(help="Domains whose mail is delivered here.", no_args_is_help=True)
alias_app = typer.Typer(help="Addresses that stand for others.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
UserName = Annotated[str, typer.Argument(metavar="ADDRESS", help="The account's address.")]
DomainName = Annotated[str, typer.Argument(metavar="DOMAIN", help="The domain's name.")]
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


@user_app.command("list")
def list_users(context: typer.Context, *, json: Json = False) -> None:
    """List the accounts."""
    with directory_editor(context) as editor:
        users = editor.users()
    if json:
        print_json([_as_json(user) for user in users])
        return
    rows = [
        (
            user.name,
            "may log in" if user.enabled else "disabled",
            "" if user.frozen is None else frozen_words(user.frozen),
        )
        for user in users
    ]
    if any(frozen for _, _, frozen in rows):
        print_table(("ACCOUNT", "LOGIN", "SENDING"), rows)
    else:
        print_table(("ACCOUNT", "LOGIN"), [row[:2] for row in rows])


def _as_json(user: UserEntry) -> dict[str, object]:
    return {
        "name": user.name,
        "enabled": user.enabled,
        "frozen": frozen_as_json(user.frozen),
    }


user_app.command("show")(show_user)
user_app.command("freeze")(freeze_user)
user_app.command("unfreeze")(unfreeze_user)


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
    """Remove an account; its mail stays on disk."""
    with directory_editor(context) as editor:
        dangling = editor.remove_user(address)
    print(f"removed {address}; its mail is still on disk")
    for source in dangling:
        print(f"the alias {source} still points at it")


@domain_app.command("add")
def add_domain(context: typer.Context, domain: DomainName) -> None:
    """Deliver a domain's mail here."""
    with directory_editor(context) as editor:
        print(f"added {editor.add_domain(domain)}")


@domain_app.command("list")
def list_domains(context: typer.Context, *, json: Json = False) -> None:
    """List the domains."""
    with directory_editor(context) as editor:
        domains = editor.domains()
    if json:
        print_json([asdict(domain) for domain in domains])
        return
    rows = [(each.name, "configuration" if each.configured else "directory") for each in domains]
    print_table(("DOMAIN", "FROM"), rows)


@domain_app.command("remove")
def remove_domain(context: typer.Context, domain: DomainName) -> None:
    """Deliver a domain's mail here no longer; it must have no accounts or aliases."""
    with directory_editor(context) as editor:
        print(f"removed {editor.remove_domain(domain)}")


@alias_app.command("add")
def add_alias(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="An address, or @DOMAIN to catch all.")
    ],
    targets: Annotated[list[str], typer.Argument(metavar="TARGET...", help="Where its mail goes.")],
) -> None:
    """Add an alias, or more targets to one that is there."""
    with directory_editor(context) as editor:
        entry = editor.add_alias(source, targets)
    print(f"{entry.source} delivers to {', '.join(entry.targets)}")


@alias_app.command("list")
def list_aliases(context: typer.Context, *, json: Json = False) -> None:
    """List the aliases."""
    with directory_editor(context) as editor:
        aliases = editor.aliases()
    if json:
        print_json([asdict(alias) for alias in aliases])
        return
    print_table(("ALIAS", "TARGETS"), [(each.source, ", ".join(each.targets)) for each in aliases])


@alias_app.command("remove")
def remove_alias(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The alias.")],
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TARGET...]", help="Targets to take off; else the whole alias."),
    ] = None,
) -> None:
    """Remove an alias, or some of its targets."""
    with directory_editor(context) as editor:
        left = editor.remove_alias(source, targets or ())
    if left is None:
        print(f"removed {source}")
    else:
        print(f"{left.source} delivers to {', '.join(left.targets)}")
