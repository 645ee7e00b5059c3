"""Mail that is damaged on disk while it waits is not delivered, in whole or in part, and is told.

Nobody answers at the next hop at first, so messages wait in the queue. Then bits are turned on the
disk, in a file and in a row of the database, and the next hop is there.
"""

from __future__ import annotations

import json
import re
import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers.ports import free_port
from peers.postroad import Postroad
from peers.receipts import EVERY, Receipts, SinkServer, message
from peers.waiting import until

pytestmark = pytest.mark.peer

SMALL, LARGE, LATER = 1, EVERY, 2
TO = "lisa@elsewhere.test"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def server(port: int) -> Iterator[Postroad]:
    server = Postroad(
        {
            "workers": 1,
            "dns": {"reverse": False},
            "relay": {"smarthost": f"[127.0.0.1]:{port}"},
            "queue": {"minimal_backoff": "1s", "maximal_backoff": "1s"},
        },
        listeners=("mx",),
    )
    yield server
    server.stop()


def send(server: Postroad, *numbers: int) -> None:
    with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=30) as client:
        for number in numbers:
            client.sendmail("ann@source.test", [TO], message(number))


def deferred(server: Postroad) -> set[str]:
    """The messages that could not be delivered at first."""
    return set(re.findall(r"(\w+): to=<.* status=deferred", server.log()))


def queue(server: Postroad) -> list[dict[str, object]]:
    return [json.loads(line) for line in server.run("queue", "list", "--json").splitlines()]


def turn_a_bit(path: Path, mark: bytes) -> None:
    octets = bytearray(path.read_bytes())
    octets[octets.index(mark) + 3] ^= 1
    path.write_bytes(octets)


def test_damaged_mail_stays(server: Postroad, port: int) -> None:
    send(server, SMALL, LARGE)
    until(lambda: len(deferred(server)) == 2, within=30, what="two deferred messages")
    spool = server.state / "spool" / "0"
    server.end()
    (file,) = (spool / "bodies").iterdir()
    turn_a_bit(file, b"00000020 00000020 00000020 00000020 00000020 00000020 00000020 \r\n" * 3000)
    turn_a_bit(spool / "spool.db", b"00000001 00000001 00000001")
    receipts = Receipts()
    with SinkServer(receipts, TO).in_thread(port):
        server.start()
        server.run("queue", "flush")
        until(lambda: server.log().count("damaged: its content") == 2, within=30, what="both told")
        send(server, LATER)
        until(lambda: (LATER, TO) in receipts.copies, within=30, what="the sound message")
    assert list(receipts.copies) == [(LATER, TO)]
    assert receipts.damaged == []
    assert "it is on hold, and not delivered" in server.wait_log(f"{file.name}: damaged")
    # What was delivered is removed a moment later.
    until(lambda: len(queue(server)) == 2, within=30, what="the two that stay")
    assert {entry["held"] for entry in queue(server)} == {
        "damaged: its content does not match its checksum"
    }
    assert (spool / "quarantine" / file.name).exists()
    assert "damaged messages on hold: 2" in server.run("check")
