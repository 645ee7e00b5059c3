"""Transports and destinations that an operator suspends."""

from __future__ import annotations

import pytest

from postroad.admin.transports import TransportControl, resume, suspend, suspended
from postroad.queue.attempt import Destination
from postroad.queue.suspension import FILE, Suspension
from queue_fakes import FakeJournal
from queue_mail import recipient


@pytest.mark.parametrize(
    ("names", "to", "expected"),
    [
        (["smtp"], Destination("smtp", "example.net"), True),
        (["SMTP"], Destination("smtp", "example.net"), True),
        (["local"], Destination("smtp", "example.net"), False),
        (["dest:example.com"], Destination("smtp", "example.com"), True),
        (["dest:[smart]:587"], Destination("smtp", "[smart]:587"), True),
        (["dest:Example.NET"], Destination("smtp", "[smart]:587"), True),
        (["dest:example.org"], Destination("smtp", "[smart]:587"), False),
        ([], Destination("smtp", "example.net"), False),
    ],
)
def test_what_waits(names, to, expected):
    suspension = Suspension(names)
    assert suspension.holds_back(to, recipient("bob@example.net")) is expected
    assert bool(suspension) is bool(names)


def test_a_command_survives_a_restart(tmp_path):
    assert suspend(tmp_path, ["smtp", "dest:example.net"]) == ("smtp", "dest:example.net")
    assert suspend(tmp_path, ["SMTP"]) == ("SMTP", "dest:example.net")
    assert Suspension((), tmp_path / FILE).holds_back(
        Destination("smtp", "example.com"), recipient()
    )
    assert resume(tmp_path, ["smtp"]) == ("dest:example.net",)
    assert suspended(tmp_path) == ("dest:example.net",)
    assert resume(tmp_path, ["dest:example.net"]) == ()
    assert not Suspension((), tmp_path / FILE)


def test_what_the_configuration_suspends_is_not_resumed(tmp_path):
    suspension = Suspension(["lmtp"], tmp_path / FILE)
    suspend(tmp_path, ["smtp"])
    assert suspension.read() == {"smtp", "lmtp"}
    resume(tmp_path, ["smtp", "lmtp"])
    assert suspension.read() == {"lmtp"}
    suspension.configure([])
    assert not suspension


async def test_a_worker_reads_it_again(tmp_path):
    suspension, journal = Suspension((), tmp_path / FILE), FakeJournal()
    command = TransportControl(suspension, [], journal).commands["transports"]
    suspend(tmp_path, ["smtp"])
    assert await command({}) == {"suspended": ["smtp"]}
    assert suspension.holds_back(Destination("smtp", "example.net"), recipient())
    assert journal.events[0].text == "deferred transports: smtp"
