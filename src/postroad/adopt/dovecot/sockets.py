"""Dovecot's sockets, where it keeps the mailboxes: mail goes to one, logins to the other.

They are those that Postfix was given, so that nothing changes for Dovecot but who connects.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from postroad.adopt.dovecot.conf import Section
from postroad.adopt.dovecot.notes import Mailboxes, Notes
from postroad.adopt.old_files import OldFiles

__all__ = ["adopt_sockets"]

_BASE_DIR = "/run/dovecot"
_POSTFIX = "/var/spool/postfix/"
_STAYS = "Dovecot stays and goes on to use it"
_OPEN_MODE = re.compile(r"0?[0-7][0-7][67]\Z")
"""A mode by which everybody may read and write."""

_DIRECTORY = "dovecot"


def adopt_sockets(notes: Notes, files: OldFiles, whole: Section) -> None:
    """Plan how mail and logins get to Dovecot, where it keeps the mailboxes."""
    if notes.mailboxes is not Mailboxes.DOVECOT:
        return
    base = whole.text("base_dir", _BASE_DIR)
    _adopt_lmtp(notes, files, whole, base)
    _adopt_auth(notes, files, whole, base)


def _adopt_lmtp(notes: Notes, files: OldFiles, whole: Section, base: str) -> None:
    service = whole.one("service", "lmtp")
    if "protocols" in whole.values and "lmtp" not in whole.text("protocols").split():
        return  # it is set up, and nobody starts it
    listener = _best(service, base) if service is not None else None
    target = f"lmtp:unix:{files.place(_path(listener, base))}" if listener is not None else ""
    if not target and service is not None:
        listener, target = _inet(service)
        target = f"lmtp:inet:{target}" if target else ""
    if not target:
        target = f"lmtp:unix:{files.place(f'{base}/lmtp')}"
    if listener is None and ("mailbox", "transport") in notes.plan.settings:
        return
    finding = None
    if listener is not None:
        todo = _admission(listener)
        finding = notes.translated(listener, "", f"[mailbox] transport = {target}", todo)
        _speak_of_rest(notes, listener)
    notes.plan.set(("mailbox", "transport"), target, finding)


def _adopt_auth(notes: Notes, files: OldFiles, whole: Section, base: str) -> None:
    service = whole.one("service", "auth")
    if service is None:
        return
    listeners = [
        each
        for each in _open_listeners(service)
        if not PurePosixPath(each.name).name.startswith(("auth-", "login", "token-"))
    ]
    listener = max(listeners, key=lambda each: each.name.startswith(_POSTFIX), default=None)
    path = str(files.place(_path(listener, base))) if listener is not None else ""
    if listener is None:
        listener, path = _inet(service)
    if listener is None:
        return
    words = f"[directories.{_DIRECTORY}]: logins are checked by Dovecot, at {path}"
    finding = notes.translated(listener, "", words, _admission(listener))
    _speak_of_rest(notes, listener)
    notes.plan.set(("directories", _DIRECTORY, "kind"), "dovecot", finding)
    notes.plan.set(("directories", _DIRECTORY, "socket"), path, finding)


def _open_listeners(service: Section) -> list[Section]:
    """Its sockets but those with the mode 0, which Dovecot does not make."""
    return [
        each
        for each in service.all("unix_listener")
        if each.text("mode", "0600").strip("0") or not each.text("mode", "0600")
    ]


def _best(service: Section, base: str) -> Section | None:
    """The socket that Postfix was given, or else the first one."""
    listeners = _open_listeners(service)
    return max(listeners, key=lambda each: _path(each, base).startswith(_POSTFIX), default=None)


def _path(listener: Section, base: str) -> str:
    return listener.name if listener.name.startswith("/") else f"{base}/{listener.name}"


def _inet(service: Section) -> tuple[Section | None, str]:
    for listener in service.all("inet_listener"):
        port = listener.text("port", "0")
        if port != "0":
            host = listener.text("address", "127.0.0.1").split()[0]
            host = "127.0.0.1" if host in ("*", "0.0.0.0") else host
            host = f"[{host}]" if ":" in host else host
            return listener, f"{host}:{port}"
    return None, ""


def _admission(listener: Section) -> str:
    """What is to be done so that Postroad may connect too; empty: nothing."""
    mode = listener.text("mode", "0600")
    if listener.kind == "inet_listener" or _OPEN_MODE.match(mode):
        return ""
    return (
        f"let the user that Postroad runs as connect: group = postroad and mode = 0660 in this "
        f"listener (mode is {mode} now)"
    )


def _speak_of_rest(notes: Notes, listener: Section) -> None:
    for key in listener.values:
        notes.not_needed(listener, key, _STAYS)
