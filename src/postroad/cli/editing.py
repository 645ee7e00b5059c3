"""The directory of the configured server, for the commands that look at accounts or change them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from postroad.cli.configured import state_of_server

if TYPE_CHECKING:
    from postroad.directory import DirectoryEditor

__all__ = ["directory_editor"]


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
