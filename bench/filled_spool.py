"""A spool with very many deferred messages in it, as a long outage leaves them.

Written through the spool's own rows and statements, so that it is what a server would have written;
only faster, in large transactions that wait for no disk. The server must not run meanwhile.

Each message goes to one recipient in one of the domains, and through a content filter at a port of
a loopback address where nobody listens: so each domain is a next hop of its own, and a dead one,
and no name is looked up. Their next attempts are spread over the time in which the usual schedule
(`[queue] maximal_backoff`) tries each message once.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from postroad.model import Address, Addressee, Envelope, Waybill
from postroad.model.durable import DISK
from postroad.spool import Shard
from postroad.spool.bodies import Bodies
from postroad.spool.changes import Changes
from postroad.spool.content import Reader, Recent
from postroad.spool.jobs import Store
from postroad.spool.ledger import Ledger
from postroad.spool.queue_id import spell
from postroad.spool.schema import connect_writer
from postroad.spool.settings import SpoolSettings

__all__ = ["Filling", "fill"]

AT_ONCE = 10_000  # messages in one transaction
SENDERS = 5_000
REASON = "451 4.4.1 connect to 127.0.0.1[127.0.0.1]:9: Connection refused"


@dataclass(frozen=True, slots=True)
class Filling:
    """What is in the queue.

    Attributes:
        messages: how many.
        domains: for how many domains, each a next hop of its own.
        size: octets of each message.
        now: seconds since the epoch; messages came in the day before.
        spread: seconds over which the next attempts are spread.
    """

    messages: int
    domains: int
    size: int
    now: float
    spread: float = 4000.0


async def fill(directory: Path, filling: Filling) -> None:
    """Fill the shard with number 0.

    Args:
        directory: the shard's.
        filling: with what.
    """
    shard = await Shard.open(directory, 0, SpoolSettings(), lambda: filling.now)
    await shard.close()
    connection = connect_writer(directory / "spool.db")
    connection.execute("PRAGMA synchronous = OFF")
    ledger = Ledger(
        connection,
        Bodies(directory / "bodies", DISK),
        Recent(),
        Reader(directory / "spool.db"),
        lambda _, __: None,
    )
    chance = random.Random(20261121)
    first = int((filling.now - 86_400) * 1_000_000)
    step = 86_000_000_000 // filling.messages
    for start in range(0, filling.messages, AT_ONCE):
        changes = Changes()
        for number in range(start, min(start + AT_ONCE, filling.messages)):
            _message(filling, number, first + number * step, chance).stage(ledger, changes)
        changes.write(connection)
        connection.execute(
            "UPDATE recipient SET attempts = 8, reason = ? WHERE id > ?", (REASON, start)
        )
        connection.commit()
    connection.close()


def _message(filling: Filling, number: int, identity: int, chance: random.Random) -> Store:
    domain = chance.randrange(filling.domains)
    host = f"127.{1 + domain // 62_500}.{domain // 250 % 250}.{1 + domain % 250}"
    sender = Address(f"sender{chance.randrange(SENDERS)}", "example.org")
    recipient = Address(f"recipient{number}", f"d{domain}.example.net")
    octets = _content(filling.size, number)
    arrived = identity / 1_000_000
    return Store(
        identity,
        spell(identity, 0),
        Envelope(sender),
        [Addressee(recipient, recipient)],
        arrived,
        arrived,
        len(octets),
        octets,
        crc32(octets),
        filling.now + chance.random() * filling.spread,
        Waybill("john@example.org", "192.0.2.7", content_filter=f"smtp:[{host}]:9"),
    )


def _content(size: int, number: int) -> bytes:
    header = f"From: sender@example.org\r\nSubject: message {number}\r\n\r\n".encode()
    line = b"x" * 76 + b"\r\n"
    return (header + line * (1 + size // len(line)))[: max(size, len(header)) - 2] + b"\r\n"
