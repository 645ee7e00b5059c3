"""A new server is whole, private, and never made over another one."""

from __future__ import annotations

import dataclasses
import os
import pwd
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from postroad.config.installation import (
    FirstServer,
    InstallationMistake,
    OccupiedDirectory,
    generated_password,
    install,
    usual_state,
)
from postroad.config.ownership import DROP
from postroad.directory import DirectoryEditor, DirectoryMistake
from postroad.net.tls import server_context

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def a_server(directory: Path) -> FirstServer:
    return FirstServer(
        directory=directory,
        hostname="mail.example.org",
        domain="example.org",
        account="john@example.org",
        password="summersun",
        state=directory / "state",
    )


def test_everything_is_there_and_private(tmp_path: Path) -> None:
    place = tmp_path / "etc" / "mail"
    configuration, configuration_file = install(a_server(place)), place / "postroad.toml"
    assert configuration.hostname == "mail.example.org"
    files = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}
    assert files == {
        "postroad.toml",
        "state/directory.db",
        "state/maildrop/facts",
        "state/tls/certificate.pem",
        "state/tls/key.pem",
    }
    for path in (place, *place.rglob("*")):
        if DROP in path.parts:
            continue  # its modes are tested where it is made
        wanted = 0o700 if path.is_dir() else 0o600
        if path == configuration.state_directory:
            wanted |= 0o011  # the way to the drop
        if os.geteuid() == 0 and path in (place, configuration_file):
            wanted |= 0o050 if path.is_dir() else 0o040
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path
    with DirectoryEditor.open(configuration.directory_file, domains=("example.org",)) as editor:
        assert [user.name for user in editor.users()] == ["john@example.org"]


def test_the_certificate_fits_its_key(tmp_path: Path) -> None:
    configuration = install(a_server(tmp_path / "mail"))
    server_context(configuration.tls, configuration.certificate, configuration.key)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that others may enter, as pytest's own may not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@needs_root
@pytest.mark.parametrize("there", [False, True])
def test_the_state_is_the_users_and_the_configuration_is_roots(
    open_folder: Path, there: bool
) -> None:
    """Whoever breaks into the server must not be able to rewrite its configuration."""
    nobody = pwd.getpwnam("nobody")
    server = dataclasses.replace(a_server(open_folder / "etc"), state=open_folder / "lib")
    if there:
        server.state.mkdir(mode=0o755)
    install(server, nobody)
    for path, mode in ((server.directory, 0o750), (server.file, 0o640)):
        about = path.stat()
        assert (about.st_uid, about.st_gid) == (0, nobody.pw_gid)
        assert stat.S_IMODE(about.st_mode) == mode
    for path in (server.state, *server.state.rglob("*")):
        about = path.stat()
        assert (about.st_uid, about.st_gid) == (nobody.pw_uid, nobody.pw_gid), path
        if DROP not in path.parts:
            passable = 0o011 if path == server.state else 0
            assert about.st_mode & 0o077 == passable, path
    assert os.geteuid() == os.getegid() == 0


@needs_root
def test_a_state_that_the_user_cannot_reach_leaves_nothing(open_folder: Path) -> None:
    (open_folder / "closed").mkdir(mode=0o700)
    server = dataclasses.replace(a_server(open_folder / "etc"), state=open_folder / "closed/state")
    with pytest.raises(PermissionError):
        install(server, pwd.getpwnam("nobody"))
    assert os.geteuid() == 0
    assert list((open_folder / "closed").iterdir()) == []
    assert not server.file.exists()


@pytest.mark.parametrize("directory", ["/etc/postroad", "/etc", "/srv/mail"])
@pytest.mark.parametrize("user", [0, 1000])
def test_where_the_state_is_unless_said(
    monkeypatch: pytest.MonkeyPatch, directory: str, user: int
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    systems = user == 0 or directory.startswith("/etc")
    wanted = "/var/lib/postroad" if systems else f"{directory}/state"
    assert str(usual_state(Path(directory))) == wanted


@pytest.mark.parametrize("occupant", ["postroad.toml", "state"])
def test_it_never_overwrites(tmp_path: Path, occupant: str) -> None:
    (tmp_path / occupant).write_text("mine")
    with pytest.raises(OccupiedDirectory, match=f"{occupant} exists already"):
        install(a_server(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [occupant]
    assert (tmp_path / occupant).read_text() == "mine"


def test_a_second_time_is_refused(tmp_path: Path) -> None:
    install(a_server(tmp_path / "mail"))
    with pytest.raises(OccupiedDirectory):
        install(a_server(tmp_path / "mail"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hostname": "localhost"}, "expected a fully qualified host name"),
        ({"hostname": "a b.example"}, "expected a fully qualified host name"),
        ({"domain": "-"}, "expected a domain"),
        ({"account": "john"}, "is no address"),
        ({"account": "john@example.com"}, "is not in the domain example.org"),
    ],
)
def test_wrong_names_write_nothing(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    server = dataclasses.replace(a_server(tmp_path / "mail"), **change)
    with pytest.raises(InstallationMistake, match=said):
        install(server)
    assert list(tmp_path.iterdir()) == []


def test_a_password_that_cannot_be_used_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DirectoryMistake):
        install(dataclasses.replace(a_server(tmp_path), password=""))
    assert list(tmp_path.iterdir()) == []


def test_generated_passwords_are_long_and_different() -> None:
    made = {generated_password() for _ in range(100)}
    assert len(made) == 100
    assert all(len(password) == 20 for password in made)
