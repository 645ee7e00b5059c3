"""`postroad domain`: the domains that mail is taken for."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.editing import directory_editor
from postroad.cli.listing import print_json, print_table
from postroad.cli.options import Json
from postroad.cli.refusal import usage

if TYPE_CHECKING:
    from postroad.directory import DomainEntry

__all__ = ["domain_app"]

domain_app = typer.Typer(help="Domains that mail is taken for.", no_args_is_help=True)

DomainName = Annotated[str, typer.Argument(metavar="DOMAIN", help="The domain's name.")]


@domain_app.command("add")
def add_domain(
    context: typer.Context,
    domain: DomainName,
    *,
    alias_of: Annotated[
        str,
        typer.Option(
            "--alias-of", metavar="DOMAIN", help="Each of its addresses is the same one there."
        ),
    ] = "",
    relay: Annotated[
        bool, typer.Option("--relay", help="Take its mail from anybody, and pass it on.")
    ] = False,
    recipients: Annotated[
        str,
        typer.Option(
            "--recipients",
            metavar="RULE",
            help="With --relay: any, verify (ask the next hop), or a table of those who exist.",
        ),
    ] = "",
) -> None:
    """Deliver a domain's mail here; or let it stand for another, or relay it."""
    if relay and alias_of:
        raise usage("a domain stands for another or is relayed, not both")
    if recipients and not relay:
        raise usage("--recipients goes with --relay")
    rule = (recipients or "verify") if relay else ""
    with directory_editor(context) as editor:
        print(f"added {editor.add_domain(domain, alias_of=alias_of, recipients=rule)}")


@domain_app.command("list")
def list_domains(
    context: typer.Context,
    *,
    json: Json = False,
) -> None:
    """List the domains."""
    with directory_editor(context) as editor:
        domains = editor.domains()
    if json:
        print_json([asdict(domain) for domain in domains])
        return
    rows = [
        (each.name, "configuration" if each.configured else "directory", _words(each))
        for each in domains
    ]
    columns = 3 if any(words for _, _, words in rows) else 2
    shown = [row[:columns] for row in rows]
    print_table(("DOMAIN", "FROM", "MAIL")[:columns], shown, none="there are no domains")


@domain_app.command("remove")
def remove_domain(context: typer.Context, domain: DomainName) -> None:
    """Take a domain's mail no longer; it must have no accounts or aliases."""
    with directory_editor(context) as editor:
        print(f"removed {editor.remove_domain(domain)}")


def _words(domain: DomainEntry) -> str:
    if domain.alias_of:
        return f"stands for {domain.alias_of}"
    return f"relayed, recipients: {domain.recipients}" if domain.recipients else ""
