"""`postroad user`, `domain` and `alias`: who is here and who has which address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.listing import print_json, print_table
from postroad.cli.password import GivenPassword, password_from

if TYPE_CHECKING:
    from postroad.directory import DirectoryEditor

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


@contextmanager
def _editor(context: typer.Context) -> Iterator[DirectoryEditor]:
    """The directory of the configured server, for a change or a list, as the one it belongs to."""
    from postroad.config.ownership import acting_as, owner_of
    from postroad.directory import DirectoryEditor

    configuration = state_of_server(context)
    configuration.state_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = configuration.directory_file
    with (
        acting_as(owner_of(file.parent)),
        DirectoryEditor.open(
            file,
            domains=configuration.domains,
            delimiters=configuration.directory.recipient_delimiter,
        ) as editor,
    ):
        yield editor


def _show_generated(password: GivenPassword) -> None:
    if password.generated:
        print(f"password: {password.text}")


@user_app.command("add")
def add_user(
    context: typer.Context,
    address: UserName,
    *,
    password_stdin: FromStandardInput = False,
    generate: Generated = False,
) -> None:
    """Add an account."""
    with _editor(context) as editor:
        password = password_from(standard_input=password_stdin, generate=generate)
        name = editor.add_user(address, password.text)
    print(f"added {name}")
    _show_generated(password)


@user_app.command("list")
def list_users(context: typer.Context, *, json: Json = False) -> None:
    """List the accounts."""
    with _editor(context) as editor:
        users = editor.users()
    if json:
        print_json([asdict(user) for user in users])
        return
    rows = [(user.name, "may log in" if user.enabled else "disabled") for user in users]
    print_table(("ACCOUNT", "LOGIN"), rows)


@user_app.command("passwd")
def change_password(
    context: typer.Context,
    address: UserName,
    *,
    password_stdin: FromStandardInput = False,
    generate: Generated = False,
) -> None:
    """Give an account a new password."""
    with _editor(context) as editor:
        password = password_from(standard_input=password_stdin, generate=generate)
        name = editor.set_password(address, password.text)
    print(f"changed the password of {name}")
    _show_generated(password)


@user_app.command("disable")
def disable_user(context: typer.Context, address: UserName) -> None:
    """Forbid an account to log in; mail for it is still taken in."""
    with _editor(context) as editor:
        print(f"disabled {editor.set_enabled(address, enabled=False)}")


@user_app.command("enable")
def enable_user(context: typer.Context, address: UserName) -> None:
    """Allow a disabled account to log in again."""
    with _editor(context) as editor:
        print(f"enabled {editor.set_enabled(address, enabled=True)}")


@user_app.command("remove")
def remove_user(context: typer.Context, address: UserName) -> None:
    """Remove an account; its mail stays on disk."""
    with _editor(context) as editor:
        dangling = editor.remove_user(address)
    print(f"removed {address}; its mail is still on disk")
    for source in dangling:
        print(f"the alias {source} still points at it")


@domain_app.command("add")
def add_domain(context: typer.Context, domain: DomainName) -> None:
    """Deliver a domain's mail here."""
    with _editor(context) as editor:
        print(f"added {editor.add_domain(domain)}")


@domain_app.command("list")
def list_domains(context: typer.Context, *, json: Json = False) -> None:
    """List the domains."""
    with _editor(context) as editor:
        domains = editor.domains()
    if json:
        print_json([asdict(domain) for domain in domains])
        return
    rows = [(each.name, "configuration" if each.configured else "directory") for each in domains]
    print_table(("DOMAIN", "FROM"), rows)


@domain_app.command("remove")
def remove_domain(context: typer.Context, domain: DomainName) -> None:
    """Deliver a domain's mail here no longer; it must have no accounts or aliases."""
    with _editor(context) as editor:
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
    with _editor(context) as editor:
        entry = editor.add_alias(source, targets)
    print(f"{entry.source} delivers to {', '.join(entry.targets)}")


@alias_app.command("list")
def list_aliases(context: typer.Context, *, json: Json = False) -> None:
    """List the aliases."""
    with _editor(context) as editor:
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
    with _editor(context) as editor:
        left = editor.remove_alias(source, targets or ())
    if left is None:
        print(f"removed {source}")
    else:
        print(f"{left.source} delivers to {', '.join(left.targets)}")
