"""The messages that wait in Postfix's queue, copied into the new spool.

Postfix has followed aliases already, so a message goes straight into the spool, with the recipients
who have not got it, its age and what its sender asked for. Each is on stable storage before the
next is read. Nothing is taken out of the old queue: to go back is to start Postfix again, and who
has let both run gets mail twice.
"""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from postroad.adopt.finding import Finding, Verdict
from postroad.adopt.postfix.domains import origin_of
from postroad.adopt.postfix.installation import OldPostfix
from postroad.adopt.postfix.queue_file import (
    OldMessage,
    OldRecipient,
    QueueFileMistake,
    contents,
    read_queue_file,
)
from postroad.adopt.writing import AdoptionMistake
from postroad.config import Configuration
from postroad.model import Address, AddressError
from postroad.model.envelope import BodyType, Envelope, Notify, Return
from postroad.model.message import Addressee, Waybill
from postroad.smtp.xtext import decode_xtext
from postroad.spool import Shard, SpoolError

__all__ = ["adopt_queue", "running"]

_QUEUES = ("incoming", "active", "deferred", "hold")
_BODIES = {"8bit": BodyType.EIGHT_BIT_MIME}
_NEVER = 1
_NOTIFY = {2: Notify.SUCCESS, 4: Notify.FAILURE, 8: Notify.DELAY}
_RETURN = {1: Return.FULL, 2: Return.HEADERS}


def running(old: OldPostfix) -> int | None:
    """The process id of the old master, if it runs."""
    text = (old.files.text(f"{old.queue}/pid/master.pid") or "").strip()
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        return None
    number = int(text)
    try:
        name = Path(f"/proc/{number}/comm").read_text("utf-8").strip()
    except OSError:
        return None
    return number if name == "master" else None


def adopt_queue(old: OldPostfix, configuration: Configuration, *, dry_run: bool) -> int:
    """Copy the messages of the old queue.

    Args:
        old: whose queue it is; its server is stopped.
        configuration: the new one, whose spool is still empty.
        dry_run: whether messages are only counted.

    Returns:
        How many there were.

    Raises:
        AdoptionMistake: one cannot be stored, or its file changed meanwhile.
        OSError: a file cannot be read or written.
    """
    found = list(_messages(old))
    _maildrop(old)
    if dry_run or not found:
        return len(found)
    try:
        asyncio.run(_store_all(configuration, found))
        _hand_over(configuration)
    except (QueueFileMistake, SpoolError) as error:
        raise AdoptionMistake(f"the queue cannot be taken over: {error}") from error
    place = old.files.place(old.queue)
    words = f"{len(found)} messages are in the new queue, as they were and as old as they were"
    todo = "do not start Postfix again with this queue, or they are sent twice"
    old.plan.find(Finding(place, None, "queue", "", Verdict.TRANSLATED, words, todo))
    return len(found)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A message of the old queue, as it goes into the spool."""

    path: Path
    message: OldMessage
    envelope: Envelope
    recipients: Sequence[Addressee]
    waybill: Waybill


def _messages(old: OldPostfix) -> Iterator[_Waiting]:
    """Each message that somebody waits for; what cannot be taken over becomes findings.

    All that can be wrong with one shows here, on a dry run too: storing it asks nothing more of it.
    """
    origin = origin_of(old)
    for name in _QUEUES:
        top = old.files.place(f"{old.queue}/{name}")
        for path in sorted(top.rglob("*")):
            try:
                status = path.lstat()
                # Postfix makes a file executable when it is complete (its cleanup(8)).
                if not stat.S_ISREG(status.st_mode) or not status.st_mode & stat.S_IXUSR:
                    continue
                waiting = _waiting(path, origin, held=name == "hold")
            except (QueueFileMistake, OSError) as error:
                words = f"this message is not taken over: {error}"
                todo = "look at it with postcat"
                old.plan.find(Finding(path, None, path.name, "", Verdict.UNSUPPORTED, words, todo))
                continue
            if waiting.recipients:
                yield waiting


def _waiting(path: Path, origin: str, *, held: bool) -> _Waiting:
    message = read_queue_file(path)
    waybill = Waybill(
        login=_printable(message.attributes.get("sasl_username", "")),
        client=_client(message.attributes.get("client_address", "")),
        held="it was on hold in Postfix" if held else "",
    )
    recipients = [_addressee(each, origin) for each in message.recipients]
    return _Waiting(path, message, _envelope(message, origin), recipients, waybill)


def _maildrop(old: OldPostfix) -> None:
    waiting = [each for each in old.files.listing(f"{old.queue}/maildrop") if each.is_file()]
    if waiting:
        place = old.files.place(f"{old.queue}/maildrop")
        words = f"{len(waiting)} messages of programs here are not taken over: Postfix has not"
        todo = "start Postfix once more for a minute, stop it, and adopt again"
        finding = Finding(
            place, None, "maildrop", "", Verdict.UNSUPPORTED, f"{words} begun with them", todo
        )
        old.plan.find(finding)


async def _store_all(configuration: Configuration, found: list[_Waiting]) -> None:
    directory = configuration.spool_directory / "0"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    shard = await Shard.open(directory, 0, configuration.spool, time.time)
    try:
        for waiting in found:
            await _store(shard, waiting)
    finally:
        await shard.close()


async def _store(shard: Shard, waiting: _Waiting) -> None:
    draft = shard.begin()
    try:
        for piece in contents(waiting.path, waiting.message):
            if (written := draft.write(piece)) is not None:
                await written
    except BaseException:
        draft.discard()
        raise
    await draft.commit(
        waiting.envelope, waiting.recipients, waiting.message.arrived, waiting.waybill
    )


def _envelope(message: OldMessage, origin: str) -> Envelope:
    sender = _address(message.sender, origin) if message.sender else None
    return Envelope(
        sender,
        _BODIES.get(message.attributes.get("encoding", ""), BodyType.SEVEN_BIT),
        smtputf8=sender is not None and not str(sender).isascii(),
        ret=_RETURN.get(message.ret),
        envid=_plain(message.envid),
    )


def _addressee(recipient: OldRecipient, origin: str) -> Addressee:
    address = _address(recipient.address, origin)
    try:
        original = _address(recipient.original or recipient.address, origin)
    except QueueFileMistake:
        original = address  # only told of in notices; no reason to lose the mail
    notify: Notify | None = None
    if recipient.notify:
        notify = Notify.NEVER
        if not recipient.notify & _NEVER:
            for bit, flag in _NOTIFY.items():
                if recipient.notify & bit:
                    notify |= flag
    return Addressee(address, original, notify, _plain(recipient.orcpt))


def _address(text: str, origin: str) -> Address:
    whole = text if "@" in text else f"{text}@{origin}"
    try:
        return Address.parse(whole)
    except AddressError as error:
        raise QueueFileMistake(f"{text[:80]!r} is no address: {error}") from None


def _plain(text: str) -> str:
    decoded = decode_xtext(text)
    return _printable(text) if decoded is None else decoded


def _printable(text: str) -> str:
    """A text that is only told of; empty where it would write lines of its own."""
    return text if text.isprintable() else ""


def _client(text: str) -> str:
    try:
        return str(ip_address(text)) if text else ""
    except ValueError:
        return ""  # "unknown", as Postfix has for its own programs


def _hand_over(configuration: Configuration) -> None:
    """The spool belongs to whom the state belongs."""
    owner = configuration.state_directory.stat()
    if os.geteuid() != 0:
        return
    for folder, names, files in os.walk(configuration.spool_directory):
        for name in (*names, *files):
            os.chown(Path(folder, name), owner.st_uid, owner.st_gid, follow_symlinks=False)
    os.chown(configuration.spool_directory, owner.st_uid, owner.st_gid)
