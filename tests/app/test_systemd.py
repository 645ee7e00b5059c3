"""systemd's conventions, with ourselves as the service manager."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from postroad.app import systemd
from postroad.app.sockets import open_sockets
from postroad.net.listener import BindError
from postroad.server.binds import Bind


def test_notify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        systemd.notify("READY=1", "STATUS=serving")

        assert manager.recv(100) == b"READY=1\nSTATUS=serving"


def test_notify_without_a_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    systemd.notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    systemd.notify("READY=1")


def test_no_sockets_for_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_PID", str(os.getpid() + 1))

    assert systemd.inherited_sockets() == []
    assert "LISTEN_FDS" not in os.environ


@pytest.fixture
def handed_over() -> socket.socket:
    given = socket.socket()
    given.bind(("127.0.0.1", 0))
    return given


def test_a_socket_from_systemd_serves_its_listener(handed_over: socket.socket) -> None:
    where = Bind("127.0.0.1", handed_over.getsockname()[1])

    per_worker = open_sockets({"mx": [where]}, 2, [handed_over])

    assert [sockets["mx"] for sockets in per_worker] == [[handed_over], [handed_over]]
    handed_over.close()


def test_a_socket_that_nobody_wants_is_a_mistake(handed_over: socket.socket) -> None:
    with pytest.raises(BindError, match="no listener binds"):
        open_sockets({}, 1, [handed_over])
    handed_over.close()


def test_each_worker_has_a_socket_of_its_own(handed_over: socket.socket) -> None:
    port = handed_over.getsockname()[1]
    handed_over.close()

    per_worker = open_sockets({"mx": [Bind("127.0.0.1", port)]}, 2, [])

    opened = [each for sockets in per_worker for each in sockets["mx"]]
    assert len({each.fileno() for each in opened}) == 2
    assert {each.getsockname() for each in opened} == {("127.0.0.1", port)}
    for each in opened:
        each.close()
