"""`postroad queue`: what waits, why, and what to do about it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.listing import print_json, print_json_stream
from postroad.cli.refusal import Refusal, usage

if TYPE_CHECKING:
    from postroad.config import Configuration
    from postroad.model import Content, Envelope
    from postroad.spool import Entry, EntryRecipient, Inventory

__all__ = ["queue_app"]

queue_app = typer.Typer(help="Mail that waits to be delivered.", no_args_is_help=True)

HEADER = "-Queue ID----  --Size-- ----Arrival Time---- -Sender/Recipient-------"
INDENT = " " * 45
NULL_SENDER = "MAILER-DAEMON"
"""How Postfix lists the null reverse-path."""

QueueIds = Annotated[
    list[str] | None, typer.Argument(metavar="[ID...]", help="Queue IDs of messages.")
]


@queue_app.command("list")
def list_queue(
    context: typer.Context,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the messages, as postqueue -p does."""
    entries = _inventory(state_of_server(context)).list()
    if json:
        print_json_stream(_as_json(entry) for entry in entries)
        return
    size = count = 0
    for entry in entries:
        if not count:
            print(HEADER)
        size += entry.size
        count += 1
        for line in _lines(entry):
            print(line)
        print()
    print(f"-- {-(-size // 1024)} Kbytes in {count} Requests." if count else "Mail queue is empty")


@queue_app.command("show")
def show_message(
    context: typer.Context,
    queue_id: Annotated[str, typer.Argument(metavar="ID", help="The message's queue ID.")],
    *,
    json: Annotated[
        bool, typer.Option("--json", help="Print the envelope as JSON, without the content.")
    ] = False,
) -> None:
    """Show a message: envelope, recipients, content."""
    found = _inventory(state_of_server(context)).show(queue_id)
    if found is None:
        raise Refusal(f"there is no message {_clean(queue_id)} in the queue", os.EX_DATAERR)
    entry, content = found
    if json:
        print_json(_as_json(entry))
        return
    print(f"queue ID:  {entry.queue_id}")
    print(f"sender:    <{entry.sender}>")
    print(f"arrived:   {_when(entry.arrived)}")
    print(f"size:      {entry.size}")
    for name, value in _wishes(entry.envelope):
        print(f"{f'{name}:':<10} {value}")
    held = _is_held(entry)
    for recipient in entry.recipients:
        progress = _progress(recipient, held=held)
        print(f"recipient: {recipient.address}{_aliased(recipient)}: {progress}")
        if recipient.notify or recipient.orcpt:
            print(f"           {_asked(recipient)}")
    print()
    _print_content(content)


@queue_app.command("flush")
def flush_queue(
    context: typer.Context,
    queue_ids: QueueIds = None,
    *,
    domain: Annotated[
        str | None,
        typer.Option("--domain", metavar="DOMAIN", help="Only recipients in this domain."),
    ] = None,
) -> None:
    """Try waiting mail now: all, or what is named."""
    from postroad.admin.queue import flush
    from postroad.spool import Selector

    configuration = state_of_server(context)
    chosen = frozenset(queue_id.upper() for queue_id in queue_ids) if queue_ids else None
    done = flush(configuration.state_directory, Selector(chosen, domain))
    print(f"{_counted(done.count, 'recipient')} will be tried now")
    if done.held:
        print(f"{_counted(done.held, 'recipient')} held until the time that the sender asked for")


@queue_app.command("delete")
def delete_messages(
    context: typer.Context,
    queue_ids: QueueIds = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Every message; needed where none is named.")
    ] = False,
) -> None:
    """Delete messages; nobody is told, neither sender nor recipient."""
    if bool(queue_ids) is everything:
        raise usage("name the messages to delete, or say --all")

    from postroad.admin.queue import delete

    configuration = state_of_server(context)
    wanted = [queue_id.upper() for queue_id in queue_ids or ()]
    if everything:
        wanted = [entry.queue_id for entry in _inventory(configuration).list()]
    count = delete(configuration.state_directory, wanted, _watch if sys.stderr.isatty() else None)
    print(f"deleted {_counted(count, 'message')}")
    if queue_ids and count < len(set(wanted)):
        gone = len(set(wanted)) - count
        raise Refusal(f"{_counted(gone, 'message')} not in the queue", os.EX_DATAERR)


def _inventory(configuration: Configuration) -> Inventory:
    from postroad.spool import Inventory, shard_directories

    return Inventory(shard_directories(configuration.spool_directory))


def _watch(count: int) -> None:
    """Show on the terminal how far a deletion is; the last line of the command replaces it."""
    print(f"deleted {count}", end="\r", file=sys.stderr, flush=True)


def _lines(entry: Entry) -> Iterator[str]:
    """A message as postqueue -p shows it; a star marks one that is being delivered."""
    active = any(recipient.next_attempt is None for recipient in entry.recipients)
    queue_id = f"{entry.queue_id}{'*' if active else ''}"
    sender = entry.sender or NULL_SENDER
    yield f"{queue_id:<13}  {entry.size:>8} {_when(entry.arrived):>20} {_clean(sender)}"
    if _is_held(entry):
        yield f"(held until {_when(entry.envelope.hold_until or 0.0)}, as its sender asked)"
    for reason, recipients in _by_reason(entry.recipients).items():
        if reason:
            yield f"({_clean(reason)})"
        for recipient in recipients:
            yield f"{INDENT}{_clean(str(recipient.address))}"


def _by_reason(recipients: Iterable[EntryRecipient]) -> dict[str, list[EntryRecipient]]:
    found: dict[str, list[EntryRecipient]] = {}
    for recipient in recipients:
        found.setdefault(recipient.reason or "", []).append(recipient)
    return found


def _is_held(entry: Entry) -> bool:
    """Whether the sender wants nobody to deliver it yet (RFC 4865)."""
    return (entry.envelope.hold_until or 0.0) > time.time()


def _wishes(envelope: Envelope) -> Iterator[tuple[str, str]]:
    """What the sender asked for beyond delivery, by the names of SMTP's parameters."""
    if envelope.ret is not None:
        yield "ret", envelope.ret.value
    if envelope.envid:
        yield "envid", _clean(envelope.envid)
    if envelope.require_tls:
        yield "tls", "required"
    if envelope.hold_until is not None:
        yield "held until", _when(envelope.hold_until)
    if (by := envelope.deliver_by) is not None:
        yield "deliver by", f"{_when(by.deadline)} ({by.mode.name.lower()})"
    if envelope.priority:
        yield "priority", str(envelope.priority)


def _asked(recipient: EntryRecipient) -> str:
    parts = [f"notify {recipient.notify}"] if recipient.notify else []
    parts += [f"orcpt {_clean(recipient.orcpt)}"] if recipient.orcpt else []
    return ", ".join(parts)


def _progress(recipient: EntryRecipient, *, held: bool) -> str:
    """What has been tried and what comes next."""
    if held:
        return "held"
    if recipient.owed:
        return f"to be reported as {recipient.owed}"
    if recipient.next_attempt is None and not recipient.attempts:
        return "about to be tried"
    tried = f"tried {_counted(recipient.attempts, 'time')}" if recipient.attempts else "not tried"
    reason = f" ({_clean(recipient.reason)})" if recipient.reason else ""
    if recipient.next_attempt is None:
        return f"{tried}{reason}, being tried"
    return f"{tried}{reason}, next at {_when(recipient.next_attempt)}"


def _aliased(recipient: EntryRecipient) -> str:
    same = recipient.original == recipient.address
    return "" if same else f" (for {_clean(str(recipient.original))})"


def _as_json(entry: Entry) -> dict[str, object]:
    return {
        "queue_id": entry.queue_id,
        "sender": entry.sender,
        "size": entry.size,
        "arrived": entry.arrived,
        **_wishes_as_json(entry.envelope),
        "recipients": [_recipient_as_json(recipient) for recipient in entry.recipients],
    }


def _wishes_as_json(envelope: Envelope) -> dict[str, object]:
    """Each wish always has its key, so that a program need not ask whether it is there."""
    by = envelope.deliver_by
    return {
        "body": envelope.body.value,
        "smtputf8": envelope.smtputf8,
        "ret": None if envelope.ret is None else envelope.ret.value,
        "envid": envelope.envid or None,
        "require_tls": envelope.require_tls,
        "hold_until": envelope.hold_until,
        "deliver_by": None if by is None else by.deadline,
        "by_mode": None if by is None else by.mode.value + ("T" if by.trace else ""),
        "priority": envelope.priority,
    }


def _recipient_as_json(recipient: EntryRecipient) -> dict[str, object]:
    return {
        "address": str(recipient.address),
        "original": str(recipient.original),
        "attempts": recipient.attempts,
        "next_attempt": recipient.next_attempt,
        "reason": recipient.reason,
        "notify": recipient.notify or None,
        "orcpt": recipient.orcpt or None,
        "owed": recipient.owed or None,
    }


def _print_content(content: Content) -> None:
    """The octets as they are; on a terminal, without what could command it."""
    sys.stdout.flush()
    for chunk in content.chunks():
        if sys.stdout.isatty():
            sys.stdout.write(_clean(chunk.decode("utf-8", "replace").replace("\r\n", "\n"), "\t\n"))
        else:
            sys.stdout.buffer.write(chunk)
    sys.stdout.flush()


def _clean(text: str, keep: str = "") -> str:
    """Peers chose these words: nothing in them may command the operator's terminal."""
    return "".join(c if c.isprintable() or c in keep else "?" for c in text)


def _when(seconds: float) -> str:
    return time.strftime("%a %b %d %H:%M:%S", time.localtime(seconds))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
