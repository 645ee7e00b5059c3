"""The commands and files that aliases name, for the transport that delivers to them.

It reads the same files as the directory does and follows them likewise, so that it depends on
nobody who resolves addresses; mistakes in them are the directory's to tell of.
"""

from __future__ import annotations

from functools import partial

from postroad.config import Configuration
from postroad.config.account_files import home_of
from postroad.delivery.alias_programs import RunsAs
from postroad.directory.files.alias_file import AliasFile, Program
from postroad.directory.files.backend import aliases_of
from postroad.directory.files.followed import Followed
from postroad.directory.names import domain_form
from postroad.directory.source_settings import SourceSettings
from postroad.tables.table import ignore

__all__ = ["AliasPrograms"]


class AliasPrograms:
    """Implements `Finder` over every `[directories.NAME]` with files of aliases.

    Args:
        configuration: of the server.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._files: list[tuple[Followed[AliasFile], SourceSettings]] = []
        for name, settings in configuration.directories.items():
            if settings.kind == "files" and settings.aliases:
                home = domain_form(home_of(settings, configuration))
                read = partial(aliases_of, settings, home, ignore)
                followed = Followed(f"aliases of {name}", read, report=ignore, inform=ignore)
                self._files.append((followed, settings))

    async def find(self, local: str) -> tuple[Program, RunsAs] | None:
        """See `Finder.find`.

        Raises:
            DirectoryUnavailable: files could never be read so far.
        """
        for followed, settings in self._files:
            program = (await followed.get()).programs.get(local)
            if program is not None:
                return program, settings
        return None
