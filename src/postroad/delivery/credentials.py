"""Names and passwords for other servers, read from where the operator keeps them.

A file of its own, because a configuration file gets shown, copied and committed. Whoever may write
such a file chooses what is sent where, and whoever may read it can send mail in the account's name:
a file that is open to others than the server is a mistake. Read access for a group is let pass,
since `root:postroad 0640` is how a server that gave up root reads it again.
"""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

from postroad.delivery.login import Credentials
from postroad.delivery.settings import RelaySettings

__all__ = [
    "Credentials",
    "CredentialsError",
    "load_credentials",
    "login_of",
    "read_secret",
    "unsafe",
]

MAX_PASSWORD = 4096
"""Characters of a line that are read; a file that is no password file has no end, perhaps."""


class CredentialsError(Exception):
    """A login is incomplete or not kept safely; one line for the operator."""


def load_credentials(settings: RelaySettings, user: str = "") -> Credentials | None:
    """The login at the smarthost that `[relay]` sets, or `None` where it sets none.

    Args:
        settings: `[relay]`.
        user: the account that the server becomes; it may own the file.

    Raises:
        CredentialsError: a part of it is absent, or the file is unreadable, empty or open to all.
    """
    if settings.username and not settings.nexthop:
        raise CredentialsError("relay.username is set, and relay.smarthost is not")
    return login_of(settings.username, settings.password_file, "relay", user)


def login_of(
    username: str, password_file: Path | None, section: str, user: str = ""
) -> Credentials | None:
    """The login that a section sets; `None` where it sets none.

    Args:
        username: its name.
        password_file: where its password is.
        section: the section's name, for messages.
        user: the account that the server becomes.

    Raises:
        CredentialsError: a part of it is absent, or the file is unreadable, empty or open to all.
    """
    if not username:
        if password_file is not None:
            raise CredentialsError(f"{section}.password_file is set, and {section}.username is not")
        return None
    if password_file is None:
        raise CredentialsError(f"{section}.username is set, and {section}.password_file is not")
    return Credentials(username, read_secret(password_file, user))


def read_secret(file: Path, user: str = "") -> str:
    """The first line of a file that only the server may read.

    Args:
        file: it.
        user: the account that the server becomes; it may own the file.

    Raises:
        CredentialsError: it is unreadable, empty or open to others.
    """
    try:
        with open(file, encoding="utf-8", newline="", opener=_open_at_once) as opened:
            about = os.fstat(opened.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise CredentialsError(f"{file}: the password has to be in a regular file")
            line = opened.readline(MAX_PASSWORD).rstrip("\r\n")
    except OSError as error:
        raise CredentialsError(f"{file}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError:
        raise CredentialsError(f"{file}: the password is not UTF-8 text") from None
    words = _objection(file, about, user)
    if words:
        raise CredentialsError(words)
    if not line:
        raise CredentialsError(f"{file}: the first line, the password, is empty")
    return line


def _open_at_once(path: str, flags: int) -> int:
    """Open for reading without waiting: a named pipe has perhaps nobody at its other end."""
    return os.open(path, flags | os.O_NONBLOCK)


def unsafe(file: Path, user: str = "") -> str:
    """Why a file must not hold secrets as it is; empty if it may, and if it is not there."""
    try:
        return _objection(file, file.stat(), user)
    except OSError:
        return ""


def _objection(file: Path, about: os.stat_result, user: str) -> str:
    mode = stat.S_IMODE(about.st_mode)
    if mode & 0o007:
        return f"{file}: everybody may read this password: chmod 600 {file}"
    if mode & 0o020:
        return f"{file}: its group may change this password: chmod g-w {file}"
    if about.st_uid not in _owners(user):
        return f"{file}: it belongs to somebody else than root and the server: chown root {file}"
    return ""


def _owners(user: str) -> set[int]:
    owners = {0, os.geteuid()}
    try:
        owners.add(pwd.getpwnam(user).pw_uid)
    except (KeyError, ValueError):
        return owners
    return owners
