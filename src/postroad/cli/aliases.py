"""`postroad alias`: addresses that stand for others."""

from __future__ import annotations

from typing import Annotated

import typer

from postroad.cli.editing import directory_editor
from postroad.cli.listing import print_json, print_table
from postroad.cli.options import Json
from postroad.cli.refusal import usage

__all__ = ["alias_app"]

alias_app = typer.Typer(help="Addresses that stand for others.", no_args_is_help=True)


@alias_app.command("add")
def add_alias(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="An address, or @DOMAIN to catch all.")
    ],
    targets: Annotated[list[str], typer.Argument(metavar="TARGET...", help="Where its mail goes.")],
    *,
    pattern: Annotated[
        bool,
        typer.Option(
            "--pattern",
            help=r"SOURCE is a pattern between slashes; \1 in a target is what a group found.",
        ),
    ] = False,
) -> None:
    """Add an alias, or more targets to one that is there."""
    with directory_editor(context) as editor:
        if pattern:
            name, result = source, editor.add_pattern(source, targets).targets
        else:
            entry = editor.add_alias(source, targets)
            name, result = entry.source, entry.targets
    print(f"{name} delivers to {', '.join(result)}")


@alias_app.command("list")
def list_aliases(
    context: typer.Context,
    *,
    json: Json = False,
) -> None:
    """List the aliases."""
    with directory_editor(context) as editor:
        rows = [(each.source, each.targets) for each in editor.aliases()]
        rows += [(each.pattern, each.targets) for each in editor.patterns()]
    if json:
        print_json([{"source": source, "targets": list(targets)} for source, targets in rows])
        return
    shown = [(source, ", ".join(targets)) for source, targets in rows]
    print_table(("ALIAS", "TARGETS"), shown, none="there are no aliases")


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
        if source.startswith("/"):
            if targets:
                raise usage("a pattern is removed with all its targets")
            editor.remove_pattern(source)
            left = None
        else:
            left = editor.remove_alias(source, targets or ())
    if left is None:
        print(f"removed {source}")
    else:
        print(f"{left.source} delivers to {', '.join(left.targets)}")
