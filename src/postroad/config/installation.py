"""A new server's files: configuration, state directory, certificate, accounts, first account.

Everything is checked before anything is written, and nothing that exists is ever touched: whoever
runs this twice, or in the wrong place, loses nothing.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from postroad.config.configuration import Configuration
from postroad.config.loader import load
from postroad.config.template import first_configuration
from postroad.directory import DirectoryEditor
from postroad.model.address import Address, AddressError, is_domain
from postroad.net.selfsigned import write_self_signed

__all__ = [
    "FirstServer",
    "InstallationMistake",
    "OccupiedDirectory",
    "generated_password",
    "install",
    "require_free",
    "server_user",
]

FILE_NAME = "postroad.toml"
STATE_NAME = "state"

PASSWORD_OCTETS = 15
"""120 bits of a generated password: 20 characters without any that shells or forms dislike."""


class InstallationMistake(Exception):
    """A server cannot be made with these names. The text is one line; nothing was written."""


class OccupiedDirectory(InstallationMistake):
    """A server's files are there already. The text is one line; nothing was written."""


@dataclass(frozen=True, slots=True)
class FirstServer:
    """What a new server is to be.

    Attributes:
        directory: where its configuration and state go; made if it is not there.
        hostname: its fully qualified name.
        domain: the first domain.
        account: the address of the first account.
        password: of the first account.
    """

    directory: Path
    hostname: str
    domain: str
    account: str
    password: str

    @property
    def file(self) -> Path:
        """The configuration file."""
        return self.directory / FILE_NAME


def install(server: FirstServer) -> Configuration:
    """Make the files of a new server, each readable by its owner alone.

    Started by root where the server's own user exists, the files are given to that user, for the
    server reads them after it has become that user.

    Returns:
        The configuration, as it was loaded again from its file.

    Raises:
        InstallationMistake: a name is not right.
        OccupiedDirectory: a file is there already.
        DirectoryMistake: the password cannot be used.
        OSError: a file cannot be written.
    """
    _require_right_names(server)
    require_free(server.directory)
    state = server.directory / STATE_NAME
    made = not server.directory.exists()
    server.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    state.mkdir(mode=0o700)
    try:
        _fill(server, state)
    except BaseException:
        # It was not there before, and half a server is worth nothing.
        shutil.rmtree(state)
        raise
    _give_away((server.directory,) if made else (server.file, state))
    return load(server.file)


def require_free(directory: Path) -> None:
    """Refuse a place where a server is, before anything is asked or made.

    Raises:
        OccupiedDirectory: naming the file that is there.
    """
    for path in (directory / FILE_NAME, directory / STATE_NAME):
        if os.path.lexists(path):
            raise OccupiedDirectory(f"{path} exists already; nothing was changed")


def _fill(server: FirstServer, state: Path) -> None:
    """The configuration comes last: with it there is a server, without it only a directory."""
    tls = state / "tls"
    write_self_signed((server.hostname,), tls / "certificate.pem", tls / "key.pem")
    with DirectoryEditor.open(state / "directory.db", domains=(server.domain,)) as editor:
        editor.add_user(server.account, server.password)
    _write_new(
        server.file, first_configuration(server.hostname, (server.domain,), Path(STATE_NAME))
    )


def server_user() -> pwd.struct_passwd | None:
    """The account that the server becomes when started as root, where there is one."""
    try:
        return pwd.getpwnam(Configuration(hostname="", domains=()).user)
    except KeyError:
        return None


def _give_away(paths: Sequence[Path]) -> None:
    """Give everything at and below some paths to the server's user, when root."""
    user = server_user()
    if os.geteuid() != 0 or user is None:
        return
    for path in paths:
        for each in (path, *path.rglob("*")):
            os.chown(each, user.pw_uid, user.pw_gid, follow_symlinks=False)


def generated_password() -> str:
    """A password that nobody guesses."""
    return secrets.token_urlsafe(PASSWORD_OCTETS)


def _require_right_names(server: FirstServer) -> None:
    if not is_domain(server.hostname) or "." not in server.hostname:
        raise InstallationMistake(
            f'expected a fully qualified host name such as "mail.example.org", '
            f'not "{server.hostname}"'
        )
    if not is_domain(server.domain):
        raise InstallationMistake(f'expected a domain such as "example.org", not "{server.domain}"')
    try:
        account = Address.parse(server.account)
    except AddressError as error:
        raise InstallationMistake(f'"{server.account}" is no address: {error}') from None
    if account.domain.lower() != server.domain.lower():
        raise InstallationMistake(f"{account} is not in the domain {server.domain}")


def _write_new(path: Path, text: str) -> None:
    """Write a file that was not there, and let it survive a crash."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
