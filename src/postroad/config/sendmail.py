"""The drop of a configuration: where it is, what programs are told there, and what is wrong."""

from __future__ import annotations

import os
import pwd
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from postroad.config.configuration import Configuration
from postroad.config.mistake import nearest
from postroad.maildrop.folder import ASIDE, NEW, TAKEN, Facts, make, tell
from postroad.maildrop.settings import ANYBODY
from postroad.model import Address, AddressError

__all__ = [
    "doubts_about_drop",
    "doubts_about_users",
    "doubts_about_what_comes_back",
    "facts_of",
    "lay_drop",
    "make_drop",
    "origin_of",
    "passable",
    "tell_programs",
]

_STRANGERS = stat.S_IWOTH | stat.S_IXOTH
_SENDMAIL = frozenset(("sendmail", "postroad-sendmail"))
_PASSABLE = stat.S_IXOTH
_JUST_NOW = 60.0  # seconds; what is queued takes a moment, also of many


def origin_of(configuration: Configuration) -> str:
    """The domain of addresses that local programs write without one."""
    first = configuration.domains[:1] or (configuration.hostname,)
    return configuration.sendmail.origin or first[0]


def facts_of(configuration: Configuration) -> Facts:
    """What local programs are told of the server."""
    return Facts(
        configuration.hostname,
        origin_of(configuration),
        size=configuration.limits.message_size,
        header=configuration.intake.header_size,
        state=str(configuration.state_directory.absolute()),
        users=configuration.sendmail.users,
    )


def lay_drop(configuration: Configuration) -> str:
    """Make the drop, and tell programs of it; see `make_drop` and `tell_programs`.

    Raises:
        OSError: one of them cannot be.
    """
    doubt = make_drop(configuration)
    tell_programs(configuration)
    return doubt


def make_drop(configuration: Configuration) -> str:
    """Make the drop, or put it right, and let everybody pass the state directory on the way to it.

    To pass is not to list, nor to read: what else is in there is closed itself.

    Returns:
        What is wrong with it, in a line; empty for nothing.

    Raises:
        OSError: it cannot be made.
    """
    state = configuration.state_directory
    doubt = make(str(configuration.maildrop_directory))
    mode = stat.S_IMODE(state.stat().st_mode)
    if passable(configuration) and not mode & _PASSABLE:
        state.chmod(mode | stat.S_IXGRP | stat.S_IXOTH)
    return doubt


def tell_programs(configuration: Configuration) -> None:
    """Tell local programs what is so now.

    Raises:
        OSError: it cannot be written, and what they were told before still is there.
    """
    tell(str(configuration.maildrop_directory), facts_of(configuration))


def passable(configuration: Configuration) -> Path | None:
    """The state directory, if everybody is to pass it on the way to the drop."""
    state = configuration.state_directory
    is_way = configuration.maildrop_directory.is_relative_to(state)
    return state if configuration.sendmail.enabled and is_way else None


def doubts_about_users(configuration: Configuration) -> Iterator[str]:
    """A line for each login name that nobody has, and each sender that is no address."""
    sendmail = configuration.sendmail
    if not sendmail.enabled:
        return
    named = [("users", each) for each in sendmail.users if each != ANYBODY]
    named += [("queue_users", each) for each in sendmail.queue_users if each != ANYBODY]
    named += [("taken_before", each) for each in sendmail.taken_before]
    named += [("senders", each) for each in sendmail.senders]
    for key, name in named:
        try:
            pwd.getpwnam(name)
        except KeyError:
            right = nearest(name, [each.pw_name for each in pwd.getpwall()])
            hint = f"; did you mean {right}?" if right else ""
            yield f"sendmail.{key}: there is no user {name} on this machine{hint}"
    for name, addresses in sendmail.senders.items():
        for text in addresses:
            if text != ANYBODY and not _is_address(text, origin_of(configuration)):
                yield f"sendmail.senders: {name}: {text} is no address"


def doubts_about_what_comes_back(configuration: Configuration, server: str) -> Iterator[str]:
    """A line for each content filter whose mail, a stranger's perhaps, would be signed as ours.

    Args:
        configuration: what is examined.
        server: the user that the server becomes, and that programs run as which name no other.
    """
    filters = {each.content_filter.partition(":")[0] for each in configuration.listeners.values()}
    for name, transport in configuration.transports.items():
        if name not in filters or transport.kind != "pipe":
            continue
        user = transport.user.partition(":")[0] or server
        words = " ".join(transport.command).split()  # also those that a shell is given
        is_own = any(Path(word).name in _SENDMAIL for word in words) and "-G" not in words
        if is_own and user not in configuration.sendmail.taken_before:
            yield (
                f"transports.{name}: what this content filter brings back by sendmail is signed as"
                f' if {user} had written it: name "{user}" in [sendmail] taken_before'
            )


def _is_address(text: str, origin: str) -> bool:
    try:
        return bool(Address.parse(text if "@" in text else f"{text}@{origin}").domain)
    except AddressError:
        return False


def doubts_about_drop(configuration: Configuration) -> Iterator[str]:
    """A line for each thing that keeps programs of this machine from sending, or from privacy."""
    folder = configuration.maildrop_directory
    if not configuration.sendmail.enabled or not (folder / NEW).is_dir():
        return  # made at the first start
    ways = [folder, *folder.absolute().parents]
    if (state := passable(configuration)) is not None:  # who keeps all of it private knows why
        ways = ways[: ways.index(state.absolute()) + 1] if state.absolute() in ways else ways
    for above in reversed(ways):
        if not above.stat().st_mode & _PASSABLE:
            yield f"programs of other users cannot reach {folder}: chmod o+x {above}"
            break
    mode = (folder / NEW).stat().st_mode
    if mode & _STRANGERS != _STRANGERS or not mode & stat.S_ISVTX or mode & stat.S_IROTH:
        yield f"{folder / NEW} has the wrong mode, {stat.S_IMODE(mode):04o}: chmod 3733 it"
    elif not mode & stat.S_ISGID:
        yield f"{folder / NEW} has no set-group-ID bit: chmod 3733 it as root"
    try:
        waiting = sum(_is_waiting(each) for each in (folder / TAKEN).iterdir())
        count = len(os.listdir(folder / ASIDE))
    except OSError:
        return
    if waiting:
        noun = "message" if waiting == 1 else "messages"
        yield (
            f"{waiting} {noun} of local programs cannot be queued now and will be tried again;"
            f" the log says why, of each file in {folder / TAKEN}"
        )
    if count:
        noun = "message" if count == 1 else "messages"
        yield f"{count} {noun} of local programs could not be queued; look at {folder / ASIDE}"


def _is_waiting(path: Path) -> bool:
    """Whether a file is more than what is just being queued."""
    try:
        return path.stat(follow_symlinks=False).st_mtime < time.time() - _JUST_NOW
    except FileNotFoundError:
        return False
