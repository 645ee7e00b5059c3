"""A new server's files: configuration, state directory, certificate, accounts, first account.

Everything is checked before anything is written, and nothing that exists is ever touched: whoever
runs this twice, or in the wrong place, loses nothing.

Made by root, the two halves have different owners. What the server may change is its user's. What
it only reads, the configuration, stays root's and is the group's to read, also when it is read
again after root was given up: a server that was broken into cannot rewrite its own orders.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from postroad.config.configuration import Configuration
from postroad.config.loader import load
from postroad.config.ownership import acting_as, is_system_directory, owner_of
from postroad.config.sendmail import lay_drop
from postroad.config.template import first_configuration
from postroad.directory import DirectoryEditor
from postroad.limits.whole_file import sync_folder
from postroad.model.address import Address, AddressError, is_domain
from postroad.net.selfsigned import write_self_signed

__all__ = [
    "SYSTEM_STATE",
    "USER",
    "FirstServer",
    "InstallationMistake",
    "OccupiedDirectory",
    "generated_password",
    "install",
    "require_free",
    "server_user",
    "usual_state",
]

FILE_NAME = "postroad.toml"
STATE_NAME = "state"

USER = Configuration(hostname="", domains=()).user
"""Whom a server started as root becomes, unless its configuration names another."""

SYSTEM_STATE = Path("/var/lib/postroad")
"""Where a server that the system starts keeps its state (FHS 3.0 §5.8)."""

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
        directory: where its configuration goes; made if it is not there.
        hostname: its fully qualified name.
        domain: the first domain.
        account: the address of the first account.
        password: of the first account.
        state: its state directory; not there yet, or empty.
    """

    directory: Path
    hostname: str
    domain: str
    account: str
    password: str
    state: Path

    @property
    def file(self) -> Path:
        """The configuration file."""
        return self.directory / FILE_NAME


def usual_state(directory: Path) -> Path:
    """The state directory of a server whose configuration is in a directory.

    What root makes, or what is made for `/etc`, is the system's; anything else stays together.
    """
    etc = Path("/etc")
    if os.geteuid() == 0 or etc in (directory.absolute(), *directory.absolute().parents):
        return SYSTEM_STATE
    return directory / STATE_NAME


def install(server: FirstServer, user: pwd.struct_passwd | None = None) -> Configuration:
    """Make the files of a new server, closed to others.

    Args:
        server: what it is to be.
        user: whom the state is for and who may read the configuration, when root makes both;
            `None`: whoever runs this.

    Returns:
        The configuration, as it was loaded again from its file.

    Raises:
        InstallationMistake: a name is not right.
        OccupiedDirectory: a file is there already.
        DirectoryMistake: the password cannot be used.
        OSError: a file cannot be written.
    """
    _require_right_names(server)
    require_free(server.directory, server.state)
    root = os.geteuid() == 0
    if not server.directory.exists():
        server.directory.mkdir(parents=True)
        server.directory.chmod(0o750 if root else 0o700)
        _give(server.directory, -1, user)
    try:
        _fill(server, user)
        written = first_configuration(server.hostname, (server.domain,), _shown_state(server))
        _write_new(server.file, written, 0o640 if root else 0o600)
    except BaseException:
        # It was empty or not there before, and half a server is worth nothing.
        shutil.rmtree(server.state, ignore_errors=True)
        raise
    _give(server.file, -1, user)
    made = load(server.file)
    with acting_as(owner_of(server.state)):
        lay_drop(made)
    return made


def require_free(directory: Path, state: Path) -> None:
    """Refuse a place where a server is, before anything is asked or made.

    Raises:
        OccupiedDirectory: naming the file that is there.
        InstallationMistake: the state directory is one that others use.
    """
    if os.path.lexists(directory / FILE_NAME):
        raise OccupiedDirectory(f"{directory / FILE_NAME} exists already; nothing was changed")
    if is_system_directory(state.absolute()):
        raise InstallationMistake(f"{state} is a directory of the system; name one of its own")
    if os.path.lexists(state) and not (state.is_dir() and not any(state.iterdir())):
        raise OccupiedDirectory(
            f"{state} exists already and is not an empty directory; nothing was changed"
        )


def _fill(server: FirstServer, user: pwd.struct_passwd | None) -> None:
    """Make the state as the user it is for, who can then reach it and owns all of it."""
    state = server.state
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    _give(state, user.pw_uid if user else -1, user)
    with acting_as(owner_of(state)):
        state.chmod(0o700)
        tls = state / "tls"
        write_self_signed((server.hostname,), tls / "certificate.pem", tls / "key.pem")
        with DirectoryEditor.open(state / "directory.db", domains=(server.domain,)) as editor:
            editor.add_user(server.account, server.password)


def _give(path: Path, owner: int, user: pwd.struct_passwd | None) -> None:
    """Let the user's group have what root made, and where an owner is named, give it to that."""
    if user is not None and os.geteuid() == 0:
        os.chown(path, owner, user.pw_gid, follow_symlinks=False)


def _shown_state(server: FirstServer) -> Path:
    """The state directory as the configuration names it: from there, if it is below."""
    directory, state = server.directory.absolute(), server.state.absolute()
    return state.relative_to(directory) if state.is_relative_to(directory) else state


def server_user() -> pwd.struct_passwd | None:
    """The account that the server becomes when started as root, where there is one."""
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        return None


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


def _write_new(path: Path, text: str, mode: int) -> None:
    """Write a file that was not there, and let it survive a crash."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)
