"""`postroad user list` and `show`: the accounts of all directories, as far as these can say.

What is kept here for an account of another directory (freezes, app passwords, rights to send) is
shown with what that one says of it. Whether it can list accounts, or only look one up, is its own
affair. Passwords and hashes are never shown.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from postroad.cli.account_ways import quota_words, ways_as_json
from postroad.cli.configured import state_of_server
from postroad.cli.editing import directory_editor
from postroad.cli.freezing import frozen_as_json, frozen_words, held_of
from postroad.cli.listing import print_json, print_table
from postroad.cli.options import Json, UserName
from postroad.cli.refusal import Refusal, usage
from postroad.model.counted import counted

if TYPE_CHECKING:
    from postroad.config import Configuration
    from postroad.directory import DirectoryEditor, UserEntry
    from postroad.directory.backend import Account

__all__ = ["list_users", "show_user"]

EMBEDDED = "embedded"

DirectoryName = Annotated[
    str,
    typer.Option(
        "--directory", metavar="NAME", help="Ask this one alone: embedded, or a section's name."
    ),
]

_COLUMNS = ("ACCOUNT", "LOGIN", "SENDING", "QUOTA", "FORWARD", "SEND AS", "DIRECTORY")
_ALWAYS = 2  # columns that are there whatever is in them

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class _Known:
    """An account, and the directory that has it."""

    entry: UserEntry
    directory: str = EMBEDDED

    def row(self) -> tuple[str, ...]:
        entry = self.entry
        return (
            entry.name,
            _login_words(entry),
            "" if entry.frozen is None else frozen_words(entry.frozen),
            quota_words(entry.quota),
            ", ".join(entry.forward),
            ", ".join(entry.send_as),
            self.directory,
        )

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.entry.name,
            "directory": self.directory,
            "enabled": self.entry.enabled,
            "frozen": frozen_as_json(self.entry.frozen),
            **ways_as_json(self.entry),
        }


def list_users(
    context: typer.Context, *, directory: DirectoryName = "", json: Json = False
) -> None:
    """List the accounts."""
    configuration = _configured(context, directory)
    with directory_editor(context) as editor:
        known = [] if directory not in ("", EMBEDDED) else list(map(_Known, editor.users()))
        known += _listed_elsewhere(configuration, editor, directory)
    if json:
        print_json([each.as_json() for each in known])
        return
    rows = [each.row() for each in known]
    # What nobody has is left out: most servers have accounts, and nothing more to say of them.
    used = [at for at in range(len(_COLUMNS) - 1) if at < _ALWAYS or any(row[at] for row in rows)]
    shown = [*used, len(_COLUMNS) - 1] if configuration.directories else used
    cells = [[row[at] for at in shown] for row in rows]
    print_table([_COLUMNS[at] for at in shown], cells, none="there are no accounts")


def show_user(
    context: typer.Context,
    address: UserName,
    *,
    directory: DirectoryName = "",
    json: Json = False,
) -> None:
    """Show an account: whether it may log in and send, and if not, why."""
    configuration = _configured(context, directory)
    with directory_editor(context) as editor:
        shown = _shown(configuration, editor, address, directory)
    if json:
        print_json(shown.as_json())
        return
    for name, value in shown.lines():
        print(f"{f'{name}:':<15}{value}")


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is shown of an account.

    Attributes:
        known: the account.
        app_passwords: how many it has.
        held: messages, because it is frozen.
        several: whether there are several directories.
        account: what another directory than the embedded one says of it.
    """

    known: _Known
    app_passwords: int
    held: int
    several: bool
    account: Account | None = None

    def as_json(self) -> dict[str, object]:
        said = self.known.as_json()
        place = {} if self.account is None else _place_as_json(self.account)
        return said | {"held": self.held, "app_passwords": self.app_passwords} | place

    def lines(self) -> Iterator[tuple[str, str]]:
        entry = self.known.entry
        yield "account", entry.name
        if self.several:
            yield "directory", self.known.directory
        yield "login", _login_words(entry)
        if self.account is not None:
            yield from _more_of(self.account)
        yield "app passwords", str(self.app_passwords)
        yield "sending", "may send" if entry.frozen is None else frozen_words(entry.frozen)
        if words := quota_words(entry.quota):
            yield "quota", words
        if entry.forward:
            yield "forward", ", ".join(entry.forward)
        if entry.send_as:
            yield "send as", ", ".join(entry.send_as)
        if entry.frozen is not None or self.held:
            yield "held", counted(self.held, "message")


def _more_of(account: Account) -> Iterator[tuple[str, str]]:
    place = account.place
    if account.nets:
        yield "login from", ", ".join(account.nets)
    if not account.receives:
        yield "mailbox", "not known to this directory"
    for name, value in (("home", place.home), ("mail", place.mail)):
        if value:
            yield name, value
    for name, number in (("uid", place.uid), ("gid", place.gid)):
        if number is not None:
            yield name, str(number)


def _place_as_json(account: Account) -> dict[str, object]:
    place = account.place
    return {
        "receives": account.receives,
        "nets": list(account.nets),
        "home": place.home,
        "mail": place.mail,
        "uid": place.uid,
        "gid": place.gid,
    }


def _login_words(entry: UserEntry) -> str:
    return "may log in" if entry.enabled else "disabled"


def _configured(context: typer.Context, directory: str) -> Configuration:
    """The configuration, which has the directory that is asked for.

    Raises:
        Refusal: it has not.
    """
    configuration = state_of_server(context)
    known = (EMBEDDED, *configuration.directories)
    if directory and directory not in known:
        raise usage(f"there is no directory {directory[:60]}, only {', '.join(known)}")
    return configuration


def _shown(
    configuration: Configuration, editor: DirectoryEditor, address: str, directory: str
) -> _Shown:
    from postroad.app.elsewhere import account_shown
    from postroad.directory.embedded.entry import parse_key

    several = bool(configuration.directories)
    found = None
    if several and directory != EMBEDDED:
        found = _asked(lambda: account_shown(configuration, address, directory))
    if found is not None and found[0] != EMBEDDED:
        where, account = found
        if not account.receives and not directory:
            words = f"whether there is an account {account.name}, only its password tells directory"
            raise Refusal(f"{words} {where}; --directory {where} shows it", os.EX_UNAVAILABLE)
        known = next(_known_elsewhere(editor, where, [account]))
    elif directory not in ("", EMBEDDED):
        raise Refusal(f"directory {directory} has no account {address[:100]}", os.EX_DATAERR)
    else:
        known, account = _Known(editor.user(parse_key(found[1].name if found else address))), None
    name = known.entry.name
    editor.vouch(name)
    held = sum(1 for _ in held_of(configuration, name))
    return _Shown(known, len(editor.app_passwords(name)), held, several, account)


def _listed_elsewhere(
    configuration: Configuration, editor: DirectoryEditor, directory: str
) -> Iterator[_Known]:
    """The accounts of other directories; what none can list is said on standard error."""
    from postroad.app.elsewhere import accounts_listed

    if not configuration.directories or directory == EMBEDDED:
        return
    listed = _asked(lambda: accounts_listed(configuration, directory))
    for name, accounts in listed.items():
        if accounts is not None:
            yield from _known_elsewhere(editor, name, accounts)
            continue
        words = f"directory {name} cannot list its accounts; postroad user show looks one up"
        if directory:
            raise Refusal(words, os.EX_UNAVAILABLE)
        print(f"postroad: {words}", file=sys.stderr)


def _asked(ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """The answer of a directory.

    Raises:
        Refusal: there is none now; come again.
    """
    import asyncio

    from postroad.directory import DirectoryUnavailable

    async def asked() -> _Answer:
        return await ask()

    try:
        return asyncio.run(asked())
    except DirectoryUnavailable as error:
        words = f"{error}; --directory {EMBEDDED} asks the embedded one alone"
        raise Refusal(words, os.EX_TEMPFAIL) from error


def _known_elsewhere(
    editor: DirectoryEditor, directory: str, accounts: Iterable[Account]
) -> Iterator[_Known]:
    """Accounts of another directory, with what is kept here for them."""
    from postroad.directory import UserEntry
    from postroad.directory.embedded.quota import Quota

    frozen = {each.user: each for each in editor.freezes()}
    for account in accounts:
        place, forward = account.place, account.forward
        entry = UserEntry(account.name, account.enabled, frozen.get(account.name))
        yield _Known(
            replace(
                entry,
                quota=Quota(place.quota_bytes, place.quota_messages),
                forward=() if forward is None else tuple(map(str, forward.targets)),
                send_as=editor.rights(account.name),
            ),
            directory,
        )
