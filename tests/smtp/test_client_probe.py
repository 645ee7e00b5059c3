"""A transaction that asks for recipients and brings no message."""

from __future__ import annotations

import pytest

from client_dialogue import SPLITS, Driver, play, transaction
from postroad.model import BodyType
from postroad.smtp.client import Ended

pytestmark = pytest.mark.parametrize("split", SPLITS)

GREETING = """
S: 220 mx.example.net ESMTP
C: EHLO relay.example.org
"""
PIPELINED = f"""{GREETING}
S: 250-mx.example.net
S: 250-PIPELINING
S: 250 SIZE 1000
"""
PLAIN = f"""{GREETING}
S: 250 mx.example.net
"""


def probe(*recipients: str, **more: object):
    return transaction(*recipients, probe=True, **more)


def commands(driver: Driver, at: int = 0) -> list[str]:
    return [answer.command for answer in driver.finished[at].answers]


def test_it_ends_with_the_reply_to_rcpt(split):
    dialogue = f"""{PIPELINED}
    C: MAIL FROM:<alice@example.org>
    C: RCPT TO:<bob@example.net>
    S: 250 2.1.0 Ok
    S: 250 2.1.5 Good
    """
    driver = play(Driver([probe()]), dialogue, split)
    assert driver.replies() == ["250 2.1.5 Good"]
    assert driver.core.is_idle


def test_step_by_step_and_what_was_refused(split):
    dialogue = f"""{PLAIN}
    C: MAIL FROM:<alice@example.org>
    S: 250 Ok
    C: RCPT TO:<bob@example.net>
    S: 550 5.1.1 Unknown
    C: RCPT TO:<eve@example.net>
    S: 250 Ok
    """
    driver = play(Driver([probe("bob@example.net", "eve@example.net")]), dialogue, split)
    assert driver.replies() == ["550 5.1.1 Unknown", "250 2.0.0 Ok"]
    assert commands(driver) == ["RCPT TO", ""]


def test_a_sender_that_is_refused(split):
    dialogue = f"""{PIPELINED}
    C: MAIL FROM:<alice@example.org>
    C: RCPT TO:<bob@example.net>
    S: 550 5.7.1 Not you
    S: 503 5.5.1 MAIL first
    """
    driver = play(Driver([probe()]), dialogue, split)
    assert driver.replies() == ["550 5.7.1 Not you"]
    assert commands(driver) == ["MAIL FROM"]
    assert driver.core.is_idle


def test_the_next_transaction_begins_with_a_reset(split):
    dialogue = f"""{PIPELINED}
    C: MAIL FROM:<alice@example.org>
    C: RCPT TO:<bob@example.net>
    S: 250 2.1.0 Ok
    S: 250 2.1.5 Ok
    C: RSET
    C: MAIL FROM:<alice@example.org>
    C: RCPT TO:<eve@example.net>
    S: 250 2.0.0 Ok
    S: 250 2.1.0 Ok
    S: 550 5.1.1 Unknown
    C: RSET
    C: MAIL FROM:<alice@example.org> SIZE=0
    C: RCPT TO:<bob@example.net>
    C: DATA
    S: 250 2.0.0 Ok
    S: 250 2.1.0 Ok
    S: 250 2.1.5 Ok
    S: 354 Go
    C: Subject: x
    C:
    C: Hello
    C: .
    S: 250 2.0.0 Ok: queued
    """
    asked = [probe(), probe("eve@example.net"), transaction()]
    driver = play(Driver(asked), dialogue, split)
    assert [driver.replies(at) for at in range(3)] == [
        ["250 2.1.5 Ok"],
        ["550 5.1.1 Unknown"],
        ["250 2.0.0 Ok: queued"],
    ]


def test_hello_may_be_refused(split):
    dialogue = f"""{GREETING}
    S: 550 5.7.1 No EHLO
    C: HELO relay.example.org
    S: 554 5.7.1 Nor HELO
    """
    driver = play(Driver([probe()]), dialogue, split)
    assert isinstance(driver.last, Ended)
    assert driver.last.answer.command == "HELO"


def test_a_server_that_hangs_up(split):
    dialogue = f"""{PIPELINED}
    C: MAIL FROM:<alice@example.org>
    C: RCPT TO:<bob@example.net>
    S: 250 2.1.0 Ok
    S: 421 4.3.2 Shutting down
    """
    driver = play(Driver([probe()]), dialogue, split)
    assert driver.replies() == ["421 4.3.2 Shutting down"]
    assert not driver.core.is_idle


def test_no_chunk_is_announced(split):
    dialogue = f"""{GREETING}
    S: 250-mx.example.net
    S: 250-CHUNKING
    S: 250 BINARYMIME
    C: MAIL FROM:<alice@example.org>
    S: 250 Ok
    C: RCPT TO:<bob@example.net>
    S: 250 Ok
    """
    driver = play(Driver([probe(body=BodyType.SEVEN_BIT)]), dialogue, split)
    assert driver.replies() == ["250 2.0.0 Ok"]
