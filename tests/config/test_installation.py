"""A new server is whole, private, and never made over another one."""

from __future__ import annotations

import dataclasses
import stat
from pathlib import Path

import pytest

from postroad.config.installation import (
    FirstServer,
    InstallationMistake,
    OccupiedDirectory,
    generated_password,
    install,
)
from postroad.directory import DirectoryEditor, DirectoryMistake
from postroad.net.tls import server_context


def a_server(directory: Path) -> FirstServer:
    return FirstServer(
        directory=directory,
        hostname="mail.example.org",
        domain="example.org",
        account="john@example.org",
        password="summersun",
    )


def test_everything_is_there_and_private(tmp_path: Path) -> None:
    place = tmp_path / "etc" / "mail"
    configuration = install(a_server(place))
    assert configuration.hostname == "mail.example.org"
    files = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}
    assert files == {
        "postroad.toml",
        "state/directory.db",
        "state/tls/certificate.pem",
        "state/tls/key.pem",
    }
    for path in (place, *place.rglob("*")):
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path
    with DirectoryEditor.open(configuration.directory_file, domains=("example.org",)) as editor:
        assert [user.name for user in editor.users()] == ["john@example.org"]


def test_the_certificate_fits_its_key(tmp_path: Path) -> None:
    configuration = install(a_server(tmp_path / "mail"))
    server_context(configuration.tls, configuration.certificate, configuration.key)


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
def test_wrong_names_write_nothing(tmp_path: Path, change: dict[str, str], said: str) -> None:
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
