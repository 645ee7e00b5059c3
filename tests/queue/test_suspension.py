"""Transports and destinations that an operator suspends."""

from __future__ import annotations

import os
import stat

import pytest

from postroad.admin.transports import TransportControl, resume, suspend, suspended
from postroad.queue.attempt import Destination
from postroad.queue.suspension import FILE, Suspension, write_names
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
        (["dest:example.net."], Destination("smtp", "[smart]:587"), True),
        (["DEST:bücher.example"], Destination("smtp", "xn--bcher-kva.example"), True),
        (["dest:xn--bcher-kva.example"], Destination("smtp", "bücher.example"), True),
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


def test_a_file_that_cannot_be_read_keeps_what_it_said(tmp_path):
    suspend(tmp_path, ["smtp"])
    suspension = Suspension((), tmp_path / FILE)
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()
    with pytest.raises(OSError, match=FILE):
        suspension.configure(["lmtp"])
    assert suspension.holds_back(Destination("smtp", "example.net"), recipient())
    assert suspension.holds_back(Destination("lmtp", "example.net"), recipient())


def test_the_name_of_the_file_is_durable_as_well(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(
        os, "fsync", lambda file: synced.append(stat.S_ISDIR(os.fstat(file).st_mode))
    )
    write_names(tmp_path / FILE, ["smtp"])
    assert synced == [False, True]
