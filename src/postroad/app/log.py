"""Where events become lines: Postfix's shape, JSON, or a developer's terminal.

A system call for each event would be a large part of what a message costs: lines of one turn of
the event loop are written together at its end, those of a busy server every few milliseconds. The
write itself goes to the file cache or to the pipe of a service manager; a reader that stops
reading stops us, as it stops every program that logs to it, and no line is thrown away.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import TextIO

from postroad.model import Address, Client, Reply, Status
from postroad.model.journal import Event, Level, Notice
from postroad.model.log_settings import LogSettings
from postroad.model.message_events import Bounced, Delivered, Queued
from postroad.model.printable import printable
from postroad.model.session_events import LoginFailed, Rejected

__all__ = ["LogFile", "console", "formatter"]

Format = Callable[[Event, float], str]
"""From an event and its time, seconds since the epoch, to a line without its end."""

COMPLAINT_PAUSE = 60.0  # seconds

GATHER = 0.005
"""Seconds for which lines of a busy server are collected before they are written."""

PERIOD = 0.02
"""Seconds in which writes are counted, to see whether the server is busy."""

BUSY = 10
"""Writes in a period, at the end of the turn of their lines, so that whoever watches the log sees
what a client has just been told. Only who writes more often than that gathers."""


class LogFile:
    """An append-only text file, or standard error, that takes an event a call."""

    def __init__(
        self,
        path: Path | None,
        render: Format,
        clock: Callable[[], float] = time.time,
        *,
        only: tuple[type[Event], ...] = (Event,),
        also: LogFile | None = None,
    ) -> None:
        """Open the log.

        Args:
            path: the file; `None` for standard error.
            render: makes a line of an event.
            clock: seconds since the epoch.
            only: the kinds of events to write.
            also: another log that gets every event too.

        Raises:
            OSError: the file cannot be opened for appending.
        """
        self._path = path
        self._render = render
        self._clock = clock
        self._only = None if Event in only else only  # everything is an `Event`
        self._also = also
        self._stream: TextIO = self._open()
        self._lines: list[str] = []
        self._complained = 0.0
        self._since = 0.0  # when the period began
        self._writes = 0  # in this period

    def __call__(self, event: Event) -> None:
        """Write the event's line at the end of this turn of the event loop, or a moment later."""
        if self._also is not None:
            self._also(event)
        if self._only is not None and not isinstance(event, self._only):
            return
        lines, now = self._lines, self._clock()
        lines.append(self._render(event, now))
        if len(lines) == 1:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # no loop: start-up, or the supervisor
                self.flush()
                return
            if self._is_busy(now):
                loop.call_later(GATHER, self.flush)
            else:
                loop.call_soon(self.flush)

    def _is_busy(self, now: float) -> bool:
        if not 0 <= now - self._since < PERIOD:
            self._since, self._writes = now, 0
        self._writes += 1
        return self._writes > BUSY

    def flush(self) -> None:
        """Write what is waiting now. A log that cannot be written must not stop the mail."""
        lines, self._lines = self._lines, []
        if lines:
            try:
                self._stream.write("\n".join(lines) + "\n")
                self._stream.flush()
            except OSError as error:
                self._complain(error)

    def _complain(self, error: OSError) -> None:
        """On standard error, once a minute: a full disk does not get better by more lines."""
        now = self._clock()
        if now - self._complained >= COMPLAINT_PAUSE:
            self._complained = now
            print(f"postroad: the log cannot be written: {error}", file=sys.__stderr__)

    def reopen(self) -> None:
        """Open the file again by its name, after it was rotated away; else keep the old one."""
        if self._also is not None:
            self._also.reopen()
        self.flush()
        if self._path is None:
            return
        try:
            fresh = self._open()
        except OSError as error:
            self(Notice("master", f"the log stays as it is: {error}", Level.ERROR))
            return
        self._stream.close()
        self._stream = fresh

    def close(self) -> None:
        """Write what is waiting and close the file."""
        if self._also is not None:
            self._also.close()
        self.flush()
        if self._path is not None:
            self._stream.close()

    def _open(self) -> TextIO:
        if self._path is None:
            return sys.stderr
        return self._path.open("a", encoding="utf-8", errors="backslashreplace")


def formatter(settings: LogSettings, hostname: str) -> Format:
    """The way that the configuration asks for.

    Args:
        settings: `[log]`.
        hostname: our name; a line carries its first label, as syslog's do.
    """
    if settings.format == "json":
        return _json
    host = hostname.partition(".")[0]
    pid = os.getpid()
    stamp, heads = "", dict[str, str]()

    def text(event: Event, now: float) -> str:
        """The beginning is the same for all lines of a service in a second, and made once."""
        nonlocal stamp
        current = _stamp(int(now))
        if current is not stamp:
            stamp = current
            heads.clear()
        head = heads.get(event.service)
        if head is None:
            head = heads[event.service] = f"{stamp} {host} {settings.name}/{event.service}[{pid}]: "
        return head + event.text

    return text


def console(outbound: str) -> Format:
    """One readable line for each thing that happens to a message, for `serve --dev`.

    Args:
        outbound: where mail for other domains goes, in words.
    """

    def line(event: Event, now: float) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(now))
        return f"{clock}  {printable(_console_words(event, outbound))}"

    return line


CONSOLE_EVENTS = (Queued, Delivered, Bounced, Rejected, LoginFailed, Notice)
"""What `serve --dev` shows of all that its log file holds."""


def _console_words(event: Event, outbound: str) -> str:
    match event:
        case Queued(_, queue_id, sender, size, count):
            people = "1 recipient" if count == 1 else f"{count} recipients"
            return f"{queue_id}  received   <{sender}>, {size:,} octets, {people}"
        case Delivered(_, queue_id, recipient, _, relay, _, status, reply):
            if status is Status.SENT:
                where = outbound if relay == "capture" else relay
                return f"{queue_id}  delivered  <{recipient}> -> {where}"
            return f"{queue_id}  {status.value:<9}  <{recipient}>: {reply}"
        case Bounced(_, queue_id, notification, kind):
            what = "returned" if kind == "non-delivery" else "reported"
            return f"{queue_id}  {what}   to its sender as {notification}"
        case Rejected():
            return f"refused       {event.stage} from {event.client}: {event.reply}"
        case _:
            return event.text


_stamps: dict[int, str] = {}


def _stamp(second: int) -> str:
    """The time as syslog writes it; formatted once a second, not once a line."""
    stamp = _stamps.get(second)
    if stamp is None:
        _stamps.clear()
        at = time.localtime(second)
        month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
        clock = f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"
        stamp = _stamps[second] = f"{month[at.tm_mon - 1]} {at.tm_mday:2} {clock}"
    return stamp


def _json(event: Event, now: float) -> str:
    """The event with all its fields, as they are: what no line should hold is escaped.

    JSON itself lets U+2028, C1 controls and marks of direction stand in a string, and what reads
    lines may see several then (RFC 8259 §7).
    """
    fields: dict[str, object] = {
        "time": round(now, 6),
        "level": event.severity.value if isinstance(event, Notice) else event.level.value,
        "event": type(event).__name__,
        "text": event.text,
    }
    for field in dataclasses.fields(event):
        if field.name != "session" or event.session:
            fields[field.name] = _plain(getattr(event, field.name))
    line = json.dumps(fields, ensure_ascii=False)
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)


def _plain(value: object) -> object:
    match value:
        case Address() | Client() | Reply():
            return str(value)
        case Enum():
            return value.value
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {
                field.name: _plain(getattr(value, field.name))
                for field in dataclasses.fields(value)
                if field.repr  # what is not for eyes is not for logs
            }
        case _:
            return value
