"""Listening Unix-domain sockets: their rights, and what is in their way."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from postroad.net.listener import BindError
from postroad.net.unix import bind_unix, owner_named

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")


@pytest.fixture
def path() -> Iterator[Path]:
    """A short one: pytest's own folders may be too deep for a socket."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "lmtp"


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
def test_a_socket_has_its_mode(path: Path, mode: int) -> None:
    with bind_unix(str(path), mode=mode, owner=None):
        assert stat.S_IMODE(path.stat().st_mode) == mode
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


@needs_root
def test_a_socket_has_its_owner(path: Path) -> None:
    with bind_unix(str(path), mode=0o660, owner=(65_534, 12)):
        assert (path.stat().st_uid, path.stat().st_gid) == (65_534, 12)


def test_what_a_server_that_is_gone_left_is_replaced(path: Path) -> None:
    bind_unix(str(path), mode=0o600, owner=None).close()
    assert path.is_socket()

    with bind_unix(str(path), mode=0o660, owner=None), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_another_server_is_left_alone(path: Path) -> None:
    with bind_unix(str(path), mode=0o600, owner=None):
        with pytest.raises(BindError, match="another server does"):
            bind_unix(str(path), mode=0o600, owner=None)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def test_what_is_no_socket_is_left_alone(path: Path) -> None:
    path.write_text("a thesis")

    with pytest.raises(BindError, match="something that is no socket is there"):
        bind_unix(str(path), mode=0o600, owner=None)

    assert path.read_text() == "a thesis"


def test_a_link_is_not_followed(path: Path) -> None:
    (path.parent / "thesis").write_text("a thesis")
    path.symlink_to("thesis")

    with pytest.raises(BindError, match="something that is no socket is there"):
        bind_unix(str(path), mode=0o600, owner=None)


def test_a_folder_that_is_not_there(path: Path) -> None:
    with pytest.raises(BindError, match="no such file or directory"):
        bind_unix(str(path / "below"), mode=0o600, owner=None)


def test_a_path_that_is_too_long(path: Path) -> None:
    with pytest.raises(BindError, match="107 octets at most"):
        bind_unix(f"{path}{'x' * 100}", mode=0o600, owner=None)


def test_owners_by_name() -> None:
    assert owner_named("root") == (0, 0)
    assert owner_named("nobody:root")[1] == 0
    for unknown in ("no-such-user", "root:no-such-group", ":", "0"):
        with pytest.raises(BindError, match="no such user or group"):
            owner_named(unknown)
