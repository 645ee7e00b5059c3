"""The listening sockets of all workers: Unix-domain ones, and those from systemd."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from postroad.app.sockets import open_sockets
from postroad.net.listener import BindError
from postroad.server.binds import Bind


@pytest.fixture
def path() -> Iterator[Path]:
    """A short one: pytest's own folders may be too deep for a socket."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "lmtp"


def test_all_workers_share_a_unix_socket(path: Path) -> None:
    per_worker = open_sockets({"lmtp": [Bind("", 0, str(path))]}, 3, [])

    (first,), *others = [sockets["lmtp"] for sockets in per_worker]
    assert all(each == [first] for each in others)
    first.close()


def test_a_unix_socket_from_systemd(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as given:
        given.bind(str(path))
        per_worker = open_sockets({"lmtp": [Bind("", 0, str(path))]}, 2, [given])
        assert [sockets["lmtp"] for sockets in per_worker] == [[given], [given]]


def test_a_unix_socket_that_nobody_wants(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as given:
        given.bind(str(path))
        with pytest.raises(BindError, match=f"a socket on unix:{path} that no listener binds"):
            open_sockets({}, 1, [given])


def test_a_socket_of_another_kind() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs, pytest.raises((BindError, OSError)):
        open_sockets({}, 1, [ours])


def test_an_owner_that_is_not_there(path: Path) -> None:
    with pytest.raises(BindError, match="unix_owner no-such-user"):
        open_sockets({"lmtp": [Bind("", 0, str(path), owner="no-such-user")]}, 1, [])
    assert not path.exists()
