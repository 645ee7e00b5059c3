"""`postroad why`: what happened to a session or a message, and why."""

from __future__ import annotations

import ipaddress
import json as json_text
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.listing import local_time
from postroad.cli.options import Json
from postroad.cli.refusal import Refusal, usage
from postroad.model.printable import printable

if TYPE_CHECKING:
    from postroad.config import Configuration
    from postroad.history import Archive
    from postroad.model.members import Record
    from postroad.spool import Entry, EntryRecipient

__all__ = ["why"]

NOTHING_KNOWN = 1  # the exit status, as that of grep

SOME = 5
"""Transactions that are shown of an address, where nobody says how many."""

FOLLOWED = 20
"""Messages of which it is told what became of them: each is looked for in all that is kept."""


def why(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="A queue ID, a session ID, or a mail or IP address for the last that came of it.",
        ),
    ],
    *,
    last: Annotated[
        int, typer.Option("--last", metavar="N", help="Only the last N records; 0: all.", min=0)
    ] = 0,
    json: Json = False,
) -> None:
    """Explain what happened to a session or a message, rule by rule."""
    from postroad.config.ownership import acting_as, owner_of
    from postroad.history import Archive

    configuration = state_of_server(context)
    folder = configuration.history_directory
    archive = Archive(folder)
    with acting_as(owner_of(folder)):
        name, records = _found(archive, what.strip(), last)
        records = _followed(archive, records)
        queue = _queue(configuration, _messages(name, records))
        reach = archive.reach()
    for words in dict.fromkeys(archive.unreadable):
        print(f"postroad: {printable(words)}", file=sys.stderr)
    if not records and not any(queue.values()):
        raise Refusal(_nothing(configuration, name, reach), NOTHING_KNOWN)
    if json:
        # In ASCII: peers chose some of the words, and this may be a terminal.
        print(json_text.dumps(_as_json(name, records, queue, reach), indent=2))
        return
    for line in _explained(records, queue):
        print(printable(line))


def _found(archive: Archive, what: str, last: int) -> tuple[str, list[Record]]:
    """What it is called, and all that is known of it, in order."""
    from postroad.history import session_id_of
    from postroad.spool.queue_id import number_of

    if number_of(what) is not None:
        name = what.upper()
        return name, _last(_of_message(archive, name), last)
    session = session_id_of(what)
    if session is not None:
        return session, _last(archive.of_session(session), last)
    if "@" in what:
        # What is not ASCII has several spellings in JSON; then every record is looked at.
        needle = json_text.dumps(what)[1:-1] if what.isascii() else ""
        return what, archive.latest(needle, lambda each: _mentions(each, what), last or SOME)
    try:
        address = str(ipaddress.ip_address(what))
    except ValueError:
        words = "expected a queue ID (12 characters), a session ID (10), or an address"
        raise usage(f"{words}, not {printable(what)}") from None
    return address, archive.latest(address, lambda each: _came_from(each, address), last or SOME)


def _followed(archive: Archive, records: Sequence[Record]) -> list[Record]:
    """Records, and behind how a message came what became of it, for the first of them."""
    told: list[Record] = []
    left = FOLLOWED
    for record in records:
        if record in told:  # a delivery
            continue
        told.append(record)
        if record.get("outcome") and left:
            left -= 1
            known = _of_message(archive, str(record["queue_id"]))
            told += [each for each in known if each.get("kind") != "decisions"]
    return told


def _of_message(archive: Archive, queue_id: str) -> list[Record]:
    """How a message came, with what was refused of the same transaction, and its deliveries."""
    found = archive.of_message(queue_id)
    sessions = {(each.get("session"), each.get("transaction")) for each in found}
    parts = [
        part
        for session in dict.fromkeys(name for name, _ in sessions if isinstance(name, str))
        for part in archive.of_session(session)
        if (session, part.get("transaction")) in sessions and part.get("kind") == "decisions"
    ]
    rest = [each for each in found if each.get("kind") != "decisions"]
    return parts + rest


def _last(records: list[Record], most: int) -> list[Record]:
    return records[-most:] if most else records


def _came_from(record: Record, address: str) -> bool:
    client = record.get("client")
    return isinstance(client, dict) and client.get("address") == address


def _mentions(record: Record, address: str) -> bool:
    """Whether a mail address is the sender, a recipient or the user of a record."""
    decisions, login = record.get("decisions"), record.get("login")
    names = [record.get(key) for key in ("sender", "recipient", "original")]
    names.append(login.get("user") if isinstance(login, dict) else None)
    if isinstance(decisions, list):
        names += [each.get("recipient") for each in decisions if isinstance(each, dict)]
    return any(isinstance(name, str) and name.lower() == address.lower() for name in names)


def _messages(name: str, records: Sequence[Record]) -> list[str]:
    """The queue IDs in question."""
    from postroad.spool.queue_id import number_of

    found = [name] if number_of(name) is not None else []
    found += [str(record["queue_id"]) for record in records if record.get("outcome")]
    return list(dict.fromkeys(found))


def _queue(configuration: Configuration, messages: Sequence[str]) -> dict[str, Entry | None]:
    """What of the messages is still in the queue."""
    from postroad.spool import Inventory, shard_directories

    inventory = Inventory(shard_directories(configuration.spool_directory))
    shown = ((queue_id, inventory.show(queue_id)) for queue_id in messages)
    return {queue_id: None if found is None else found[0] for queue_id, found in shown}


def _nothing(configuration: Configuration, name: str, reach: float | None) -> str:
    if not configuration.history.keep:
        return (
            f"nothing is known of {printable(name)}: [history] keep is 0, so nothing is remembered"
        )
    if reach is None:
        return f"nothing is known of {printable(name)}: nothing has been recorded yet"
    words = f"nothing is known of {printable(name)}; what is known begins at {local_time(reach)}"
    return f"{words} and reaches to a second or two ago"


def _explained(records: Sequence[Record], queue: Mapping[str, Entry | None]) -> Iterator[str]:
    from postroad.history.explanation import explain
    from postroad.history.record import read_record

    told = (read_record(record) for record in records)
    yield from explain(each for each in told if each is not None)
    for queue_id, entry in queue.items():
        yield ""
        if entry is None:
            yield f"Message {queue_id} is no longer in the queue."
        else:
            held = f", held: {entry.waybill.held}" if entry.waybill.held else ""
            yield f"Message {queue_id} from <{entry.sender}> is in the queue{held}:"
            yield from _recipients(entry)


def _recipients(entry: Entry) -> Iterator[str]:
    from postroad.cli.queue_entry import progress

    for recipient in entry.recipients:
        yield f"    <{recipient.address}>: {progress(recipient, entry, local_time)}"


def _as_json(
    name: str,
    records: Sequence[Record],
    queue: Mapping[str, Entry | None],
    reach: float | None,
) -> dict[str, object]:
    waiting = {
        queue_id: [] if entry is None else [_recipient_as_json(each) for each in entry.recipients]
        for queue_id, entry in queue.items()
    }
    return {"id": name, "known_since": reach, "records": list(records), "queue": waiting}


def _recipient_as_json(recipient: EntryRecipient) -> dict[str, object]:
    return {
        "address": str(recipient.address),
        "attempts": recipient.attempts,
        "next_attempt": recipient.next_attempt,
        "reason": recipient.reason,
    }
