"""What the server's user must be able to read and to write, and cannot.

The server looks at its files after it has become that user, and at its configuration again on every
reload; what it may not read then is a reload that fails, what it may not write is mail that waits.
Plain permissions only: an access control list may give more than is seen here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from postroad.config.account_files import account_files
from postroad.config.configuration import Configuration
from postroad.config.owners import named_owners, owners_are_wanted
from postroad.config.ownership import OURS, objection
from postroad.config.sockets import bound_sockets
from postroad.config.tables import table_files
from postroad.mailbox.location import above_accounts

__all__ = ["Account", "obstacles"]

READ, WRITE, ENTER = 0o4, 0o2, 0o1
"""Rights, each by its bit for others."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the server becomes.

    Attributes:
        name: as the operator knows it.
        user: its number.
        groups: the numbers of all its groups.
        after_root: whether root starts the server, and gives it what root left in the state.
    """

    name: str
    user: int
    groups: frozenset[int]
    after_root: bool = True


def obstacles(file: Path, configuration: Configuration, account: Account) -> Iterator[str]:
    """What is in the way of the server's user, each in one line.

    Args:
        file: the configuration file.
        configuration: what was loaded from it.
        account: the server's user.
    """
    sight = _Sight(account, configuration.state_directory)
    if account.after_root:
        yield from _not_to_give(configuration.state_directory, account)
    for path in dict.fromkeys(_read(file, configuration)):
        if not sight.reads(path):
            yield f"cannot reach or read {path}"
    sockets = () if account.after_root else _socket_folders(configuration)
    for path in dict.fromkeys((*_written(configuration), *sockets)):
        if not sight.writes(path):
            yield f"cannot write {path}"
    log = configuration.log.file
    if log is not None and not log.parent.is_dir():
        yield f"cannot write {log}, for {log.parent} is no directory"


def _not_to_give(state: Path, account: Account) -> Iterator[str]:
    try:
        opened = os.open(state, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return  # made at the first start
    try:
        words = objection(state, opened, account.user)
    finally:
        os.close(opened)
    if words:
        yield f"is not given it: {words}"


def _read(file: Path, configuration: Configuration) -> Iterator[Path]:
    yield file.absolute()
    if any(listener.tls != "none" for listener in configuration.resolved_listeners):
        for pair in configuration.key_pairs:
            yield pair.certificate
            yield pair.key
        yield from filter(None, (configuration.tls.client_ca_file,))
    yield configuration.directory_file
    yield from account_files(configuration)
    for directory in configuration.directories.values():
        files = (directory.password_file, directory.tls_ca_file, directory.file)
        yield from filter(None, files)
    yield from filter(None, (configuration.relay.password_file, configuration.relay.ca_file))
    for transport in configuration.transports.values():
        yield from filter(None, (transport.password_file, transport.ca_file))
    for token in configuration.tokens.values():
        secrets = (token.client_secret_file, token.refresh_token_file)
        yield from filter(None, (*secrets, token.ca_file))
    outbound = configuration.outbound_tls
    yield from filter(None, (outbound.ca_file, outbound.certificate, outbound.key))
    yield from table_files(configuration)
    oauth = configuration.oauth
    yield from filter(None, (oauth.key_set_file, oauth.client_secret_file, oauth.ca_file))


def _written(configuration: Configuration) -> Iterator[Path]:
    yield configuration.state_directory
    yield configuration.directory_file
    if configuration.mailbox.transport == "maildir":
        yield from _above_accounts(configuration)
    yield from filter(None, (configuration.delivery.capture, configuration.log.file))


def _socket_folders(configuration: Configuration) -> Iterator[Path]:
    """Where sockets are made; root makes them before it becomes the server's user."""
    for listener in configuration.resolved_listeners:
        yield from (Path(bind.path).parent for bind in listener.binds if bind.path)
    for _, _, bind in bound_sockets(configuration):
        if bind.path:
            yield Path(bind.path).parent


def _above_accounts(configuration: Configuration) -> Iterator[Path]:
    """The folders that all Maildirs lie below."""
    mailbox = configuration.mailbox
    if any(domain == "" for domain, _ in named_owners(configuration)):
        return  # another user writes there
    usual = above_accounts(mailbox.path, mailbox.home)
    if usual is not None:
        yield configuration.state_directory / usual
    if not owners_are_wanted(configuration):  # else they may be others' folders
        yield from map(Path, mailbox.roots)


class _Sight:
    """Files as an account finds them."""

    def __init__(self, account: Account, state: Path) -> None:
        self._account = account
        self._state = state.resolve()

    def reads(self, path: Path) -> bool:
        real = path.resolve()
        return self._reaches(real) and self._may(real, READ)

    def writes(self, path: Path) -> bool:
        """Whether it can be changed or, where it is not there, made."""
        real = path.resolve()
        if not self._reaches(real):
            return False
        made = self._account.after_root and not self._state.exists()
        if made and real.is_relative_to(self._state):
            return True  # by root, at the first start
        there = next(each for each in (real, *real.parents) if each.exists())
        return self._may(there, WRITE)

    def _reaches(self, real: Path) -> bool:
        return all(self._may(parent, ENTER) for parent in real.parents)

    def _may(self, path: Path, right: int) -> bool:
        try:
            about = path.stat()
        except FileNotFoundError:
            return True  # to be made, by whoever may
        except PermissionError:
            return False
        account = self._account
        if about.st_uid == account.user or (about.st_uid == 0 and self._is_given(path)):
            return bool(about.st_mode & right << 6)
        if about.st_gid in account.groups:
            return bool(about.st_mode & right << 3)
        return bool(about.st_mode & right)

    def _is_given(self, path: Path) -> bool:
        if not self._account.after_root or not path.is_relative_to(self._state):
            return False
        parts = path.relative_to(self._state).parts
        return not parts or parts[0] in OURS
