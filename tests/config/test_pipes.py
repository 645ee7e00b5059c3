"""Mistakes about programs that take mail, and about the content filters of listeners."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from postroad.config import Configuration
from postroad.config.pipes import pipe_faults
from postroad.delivery.transport_settings import TransportSettings
from postroad.server.settings import ListenerSettings

SPAMC = ("/usr/bin/spamc", "-f", "-e", "/usr/sbin/sendmail", "-f", "${sender}", "${recipient}")


def faults(server: str = "postroad", *, listener: str = "", **pipe) -> list[tuple[str, str]]:
    given = {"kind": "pipe", "command": SPAMC, **pipe}
    configuration = Configuration(
        hostname="mail.example.org",
        domains=("example.org",),
        user=server,
        listeners={"mx": ListenerSettings(tls="none", content_filter=listener)},
        transports={"filter": TransportSettings(**given)},
    )
    return [(".".join(map(str, each.path)), each.message) for each in pipe_faults(configuration)]


@pytest.mark.parametrize(
    ("pipe", "user"),
    [
        ({}, "postroad"),
        ({"user": "postroad"}, "postroad"),
        ({"user": "nobody:nogroup"}, "root"),
        ({"user": pwd.getpwuid(os.geteuid()).pw_name}, "x") if os.geteuid() else ({}, "x"),
        ({"flags": "DRhu", "eol": "\r\n", "null_sender": "", "directory": Path("/tmp")}, "x"),
    ],
)
def test_nothing_is_wrong(pipe, user: str) -> None:
    assert faults(user, **pipe) == []


@pytest.mark.parametrize(
    ("pipe", "user", "key", "words"),
    [
        ({"command": ()}, "x", "command", "expected the program"),
        ({"command": ("/bin/x", "${recipiant}")}, "x", "command", "did you mean ${recipient}?"),
        ({"flags": "RZ"}, "x", "flags", '"Z" is not known'),
        ({"user": "root"}, "root", "user", "never runs as root|no program"),
        ({"user": "root:mail"}, "x", "user", "no program"),
        ({}, "root", "command", "needs user"),
        ({"user": "somebody"}, "postroad", "user", "runs as postroad"),
        ({"directory": Path("run")}, "x", "directory", "whole path"),
        ({"size_limit": -1}, "x", "size_limit", "negative"),
        ({"processes": 0}, "x", "processes", "less than 1"),
        ({"time_limit": -1.0}, "x", "time_limit", "negative"),
    ],
)
def test_what_is_wrong(pipe, user: str, key: str, words: str) -> None:
    [(path, message)] = faults(user, **pipe)
    assert path == f"transports.filter.{key}"
    assert any(part in message for part in words.split("|"))


@pytest.mark.parametrize(
    ("listener", "is_wrong"),
    [
        ("filter:", False),
        ("filter:anything", False),
        ("smtp:[127.0.0.1]:10025", False),
        ("filtre:", True),
        ("filter", True),
        ("smtp:[127.0.0.1", True),
    ],
)
def test_content_filters(listener: str, is_wrong: bool) -> None:
    paths = [path for path, _ in faults(listener=listener)]
    assert paths == (["listeners.mx.content_filter"] if is_wrong else [])
