"""The directory of the configured server, for the commands that look at accounts or change them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.refusal import Refusal

if TYPE_CHECKING:
    from postroad.directory import DirectoryEditor

__all__ = ["Force", "called", "directory_editor", "sought"]

Force = Annotated[
    bool,
    typer.Option("--force", help="Do not ask other directories whether there is such an account."),
]


@contextmanager
def directory_editor(context: typer.Context) -> Iterator[DirectoryEditor]:
    """The directory, for a change or a list, as the one it belongs to."""
    from postroad.config.ownership import acting_as, owner_of
    from postroad.directory import DirectoryEditor

    configuration = state_of_server(context)
    configuration.state_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    file, settings = configuration.directory_file, configuration.directory
    with (
        acting_as(owner_of(file.parent)),
        DirectoryEditor.open(
            file,
            domains=configuration.local_domains,
            delimiters=settings.recipient_delimiter,
            kinds=settings.kinds,
            default_scheme=settings.default_scheme,
            patterns=settings.patterns,
        ) as editor,
    ):
        yield editor


def called(context: typer.Context, editor: DirectoryEditor, address: str) -> str:
    """What an account is called, as far as its domain tells: an alias domain has none of its own.

    Args:
        context: of the command.
        editor: the embedded directory.
        address: the account, as it was typed.
    """
    from postroad.directory.embedded.entry import parse_key

    key = parse_key(address)
    configuration = state_of_server(context)
    if configuration.domain:
        from postroad.app.directories import plan_of
        from postroad.model import Address

        said = plan_of(configuration).real(Address.parse(key))
        if said is not None:
            return str(said)
    return editor.real(key)


def sought(
    context: typer.Context, editor: DirectoryEditor, address: str, *, force: bool = False
) -> str:
    """The name of an account in whatever directory has it; the editor takes it from then on.

    Args:
        context: of the command.
        editor: the embedded directory.
        address: the account, as it was typed.
        force: take it for one without asking other directories.

    Raises:
        Refusal: a directory cannot be asked now.
    """
    import asyncio

    from postroad.app.elsewhere import account_named
    from postroad.directory import DirectoryUnavailable

    key = called(context, editor, address)
    configuration = state_of_server(context)
    if not configuration.directories or editor.has_user(key):
        return key
    try:
        found = key if force else asyncio.run(account_named(configuration, key))
    except DirectoryUnavailable as error:
        words = f"whether there is an account {key} cannot be found out now ({error});"
        raise Refusal(f"{words} --force goes by its name alone", os.EX_UNAVAILABLE) from error
    if found is None:
        return key  # the editor says so
    editor.vouch(found)
    return found
