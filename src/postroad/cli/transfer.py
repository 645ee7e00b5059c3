"""`postroad directory`: everything in the directory as one file, and from one.

A file with hashes is as secret as the directory: it goes to standard output, and whoever sends that
to a file says who may read it. What a file holds is never shown, bad lines are named by reason.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from postroad.cli.editing import directory_editor
from postroad.cli.listing import print_json
from postroad.cli.options import Json
from postroad.cli.refusal import usage

__all__ = ["directory_app"]

directory_app = typer.Typer(
    help="Accounts, domains, aliases and groups as one file.", no_args_is_help=True
)


class FormatName(StrEnum):
    """The words for the forms of a file."""

    JSON = "json"
    CSV = "csv"


FormatOption = Annotated[
    FormatName | None,
    typer.Option("--format", metavar="FORMAT", help="json or csv; else as the file's name ends."),
]


@directory_app.command("export")
def export_directory(
    context: typer.Context,
    *,
    form: Annotated[
        FormatName, typer.Option("--format", metavar="FORMAT", help="json or csv.")
    ] = FormatName.JSON,
    secrets: Annotated[
        bool, typer.Option("--secrets", help="With the hashes of passwords.")
    ] = False,
) -> None:
    """Write the directory to standard output."""
    from postroad.directory.embedded.moved_files import to_csv, to_json

    with directory_editor(context) as editor:
        contents = editor.contents(secrets=secrets)
    for line in (to_csv if form is FormatName.CSV else to_json)(contents):
        sys.stdout.write(line)


@directory_app.command("import")
def import_directory(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="What to bring in; - is standard input.")
    ],
    *,
    form: FormatOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Remove what is not in the file.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the file and change nothing.")
    ] = False,
    hashed: Annotated[
        bool, typer.Option("--hashed", help="The field password holds a hash, {SCHEME}….")
    ] = False,
    json: Json = False,
) -> None:
    """Bring accounts, domains, aliases and groups in from a file: all of it, or nothing."""
    from postroad.directory.embedded.moved_files import Faults, from_csv, from_json

    text = _read(file)
    chosen = form or (FormatName.CSV if file.lower().endswith(".csv") else FormatName.JSON)
    faults = Faults(file)
    contents = (from_csv if chosen is FormatName.CSV else from_json)(text, faults)
    with directory_editor(context) as editor:
        done = editor.import_contents(
            contents, faults, replace=replace, dry_run=dry_run, hashed=hashed, progress=_progress
        )
    if json:
        print_json(asdict(done) | {"dry_run": dry_run})
        return
    for warning in done.warnings:
        print(f"postroad: warning: {warning}", file=sys.stderr)
    counts = ", ".join(f"{name}: {n}" for name, n in asdict(done).items() if name != "warnings")
    print(f"{'would import' if dry_run else 'imported'} {counts}")


def _read(file: str) -> str:
    from postroad.directory.embedded.mistake import Unimportable
    from postroad.directory.embedded.moved_files import MAX_FILE

    if file == "-":
        octets = sys.stdin.buffer.read(MAX_FILE + 1)
    else:
        with Path(file).open("rb") as opened:
            octets = opened.read(MAX_FILE + 1)
    if len(octets) > MAX_FILE:
        raise usage(f"{file}: longer than {MAX_FILE >> 20} MiB; import it in parts")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise Unimportable(f"{file}:{line}: is not UTF-8") from None


def _progress(done: int, whole: int) -> None:
    """Hashing is slow on purpose: somebody at a terminal sees that it goes on."""
    if sys.stderr.isatty() and (done % 50 == 0 or done == whole):
        end = "\n" if done == whole else ""
        print(f"\rhashing passwords: {done} of {whole}", end=end, file=sys.stderr, flush=True)
