"""The name and password for the smarthost, read from where the operator keeps them.

A file of its own, because a configuration file gets shown, copied and committed.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path

from postroad.delivery.settings import RelaySettings

__all__ = ["Credentials", "CredentialsError", "load_credentials"]

MAX_PASSWORD = 4096
"""Characters of a line that are read; a file that is no password file has no end, perhaps."""


class CredentialsError(Exception):
    """The login for the smarthost is incomplete or not kept safely; one line for the operator."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A login at the smarthost. The password shows in no representation."""

    username: str
    password: str = field(repr=False)


def load_credentials(settings: RelaySettings) -> Credentials | None:
    """The login that `[relay]` sets, or `None` where it sets none.

    Raises:
        CredentialsError: a part of it is absent, or the file is unreadable, empty or open to all.
    """
    if not settings.username:
        if settings.password_file is not None:
            raise CredentialsError("relay.password_file is set, and relay.username is not")
        return None
    if not settings.smarthost:
        raise CredentialsError("relay.username is set, and relay.smarthost is not")
    if settings.password_file is None:
        raise CredentialsError("relay.username is set, and relay.password_file is not")
    return Credentials(settings.username, _first_line(settings.password_file))


def _first_line(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            mode = stat.S_IMODE(file.stat().st_mode)
            line = opened.readline(MAX_PASSWORD).rstrip("\r\n")
    except OSError as error:
        raise CredentialsError(f"{file}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError:
        raise CredentialsError(f"{file}: the password is not UTF-8 text") from None
    if mode & 0o007:
        raise CredentialsError(f"{file}: everybody may read this password: chmod 600 {file}")
    if not line:
        raise CredentialsError(f"{file}: the first line, the password, is empty")
    return line
