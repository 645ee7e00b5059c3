"""Errors an operator can do something about: one line each, and an exit status.

The statuses are those of sysexits(3), so that scripts can tell a wrong word from a full disk.
"""

from __future__ import annotations

import os

import typer

__all__ = ["Refusal", "refusal_of", "usage"]


class Refusal(Exception):
    """A command that cannot be done.

    Attributes:
        message: lines to show after `postroad: `.
        status: the exit status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


def usage(message: str) -> Refusal:
    """The refusal of words that do not make a command."""
    return Refusal(message, os.EX_USAGE)


def refusal_of(error: Exception) -> Refusal | None:
    """What to tell the operator, or `None` for a bug of ours.

    The packages that define these errors are loaded here and not above: by now the command that
    failed has loaded its own.
    """
    if isinstance(error, Refusal):
        return error
    if isinstance(error, typer.TyperException):
        # The words before the reason are those of the library that checks values.
        return usage(error.format_message().replace(": Value error, ", ": "))

    from postroad.admin.control import ControlError
    from postroad.config import ConfigurationError
    from postroad.config.installation import InstallationMistake, OccupiedDirectory
    from postroad.directory import DirectoryMistake, DirectoryUnavailable
    from postroad.limits.state_file import StateUnavailable
    from postroad.mailauth.dkim.key_store import KeysUnavailable
    from postroad.spool import SpoolError

    statuses: dict[type[Exception], int] = {
        ConfigurationError: os.EX_CONFIG,
        OccupiedDirectory: os.EX_CANTCREAT,
        InstallationMistake: os.EX_DATAERR,
        DirectoryMistake: os.EX_DATAERR,
        DirectoryUnavailable: os.EX_UNAVAILABLE,
        StateUnavailable: os.EX_UNAVAILABLE,
        KeysUnavailable: os.EX_UNAVAILABLE,
        ControlError: os.EX_UNAVAILABLE,
        SpoolError: os.EX_UNAVAILABLE,
        PermissionError: os.EX_NOPERM,
        OSError: os.EX_IOERR,
    }
    for kind, status in statuses.items():
        if isinstance(error, kind):
            return Refusal(_one_line(error), status)
    return None


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {(error.strerror or '').lower()}"
    return str(error)
