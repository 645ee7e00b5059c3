"""What stands in the way of the server's user."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from postroad.config import Configuration
from postroad.config.reach import READ, Account, _Sight, obstacles
from postroad.delivery.settings import DeliverySettings, RelaySettings
from postroad.directory.settings import DirectorySettings
from postroad.mailbox.settings import MailboxSettings
from postroad.model.log_settings import LogSettings
from postroad.net.settings import TlsSettings
from postroad.server.settings import ListenerSettings

NOBODY = Account("nobody", 65_534, frozenset({65_534}))
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make others' files")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that others may enter, as pytest's own may not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        (Path(name) / "state").mkdir(mode=0o700)
        (Path(name) / "postroad.toml").touch(0o644)
        yield Path(name)


def said(place: Path, configuration: Configuration, account: Account = NOBODY) -> list[str]:
    found = obstacles(place / "postroad.toml", configuration, account)
    return [words.replace(f"{place}/", "") for words in found]


def server(place: Path) -> Configuration:
    return Configuration(
        hostname="mail.example.org",
        domains=("example.org",),
        state_directory=place / "state",
        listeners={"mx": ListenerSettings()},
    )


@needs_root
def test_what_root_left_of_a_server_is_given(place: Path) -> None:
    for name in ("tls", "mail"):
        (place / "state" / name).mkdir(mode=0o700)
    (place / "state" / "tls" / "key.pem").touch(0o600)
    (place / "state" / "directory.db").touch(0o600)
    assert said(place, server(place)) == []
    theirs = dataclasses.replace(NOBODY, after_root=False)
    assert "cannot write state" in said(place, server(place), theirs)


@needs_root
def test_a_state_that_is_to_be_made(place: Path) -> None:
    (place / "state").rmdir()
    assert said(place, server(place)) == []
    theirs = dataclasses.replace(NOBODY, after_root=False)
    assert "cannot write state" in said(place, server(place), theirs)


def _password(path: Path) -> dict[str, Any]:
    return {"relay": RelaySettings(smarthost="x.example", username="u", password_file=path)}


Change = Callable[[Path], dict[str, Any]]

NEEDED: dict[str, tuple[Change, str]] = {
    "password_file": (_password, "cannot reach or read {}"),
    "ca_file": (lambda path: {"relay": RelaySettings(ca_file=path)}, "cannot reach or read {}"),
    "certificate": (
        lambda path: {"tls": TlsSettings(certificate=path, key=path.parent.parent / "free")},
        "cannot reach or read {}",
    ),
    "key": (
        lambda path: {"tls": TlsSettings(certificate=path.parent.parent / "free", key=path)},
        "cannot reach or read {}",
    ),
    "directory.file": (
        lambda path: {"directory": DirectorySettings(file=path)},
        "cannot write {}",
    ),
    "delivery.capture": (
        lambda path: {"delivery": DeliverySettings(capture=path)},
        "cannot write {}",
    ),
    "log.file": (lambda path: {"log": LogSettings(file=path)}, "cannot write {}"),
    "mailbox.path": (
        lambda path: {"mailbox": MailboxSettings(path=f"{path}/%d/%n")},
        "cannot write {}",
    ),
}


@needs_root
@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("key", NEEDED)
def test_each_path_that_is_needed(place: Path, key: str, there: bool) -> None:
    change, words = NEEDED[key]
    (place / "free").touch(0o644)
    (place / "roots").mkdir(mode=0o755)
    path = place / "roots" / "it"
    if there:
        path.touch(0o600)
    configuration = dataclasses.replace(server(place), **change(path))
    expected = words.format("roots/it")
    if "read" in words and not there:
        assert said(place, configuration) == [], "that it is not there is said when loading"
        return
    assert expected in said(place, configuration)
    os.chown(place / "roots", NOBODY.user, 65_534)
    if there:
        os.chown(path, NOBODY.user, 65_534)
    assert said(place, configuration) == []


@needs_root
def test_a_log_without_its_folder(place: Path) -> None:
    os.chown(place, NOBODY.user, 65_534)
    configuration = dataclasses.replace(
        server(place), log=LogSettings(file=place / "logs/mail.log")
    )
    assert said(place, configuration) == [
        "cannot write logs/mail.log, for logs is no directory",
    ]


@needs_root
def test_a_state_directory_that_the_start_refuses(place: Path) -> None:
    (place / "state" / "thesis.tex").touch()
    [first, *_] = said(place, server(place))
    assert first.startswith("is not given it: state_directory state is root's and holds files")


@pytest.mark.parametrize(
    ("mode", "account", "may"),
    [
        (0o400, Account("owner", 1, frozenset()), True),
        (0o044, Account("owner", 1, frozenset({2})), False),
        (0o040, Account("group", 9, frozenset({2})), True),
        (0o404, Account("group", 9, frozenset({2})), False),
        (0o004, Account("other", 9, frozenset()), True),
        (0o440, Account("other", 9, frozenset()), False),
    ],
)
def test_whose_right_counts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: int,
    account: Account,
    may: bool,
) -> None:
    status = os.stat_result((0o100000 | mode, 0, 0, 1, 1, 2, 0, 0, 0, 0))
    monkeypatch.setattr(Path, "stat", lambda _: status)
    sight = _Sight(account, tmp_path / "state")
    assert sight._may(tmp_path, READ) is may


@needs_root
@pytest.mark.parametrize("after_root", [True, False])
def test_the_folder_of_a_socket(place: Path, after_root: bool) -> None:
    """Root makes the socket before it becomes the server's user; that user needs the folder."""
    (place / "sockets").mkdir(mode=0o755)
    door = ListenerSettings(bind=(f"unix:{place}/sockets/lmtp",))
    configuration = dataclasses.replace(server(place), listeners={"lmtp": door})
    account = dataclasses.replace(NOBODY, after_root=after_root)

    assert ("cannot write sockets" in said(place, configuration, account)) is not after_root
