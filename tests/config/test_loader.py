"""What `load` says of right and wrong files."""

from __future__ import annotations

from dataclasses import fields
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import pytest

from configuration_text import DOOR, HEAD, loaded
from postroad.config import Configuration, ConfigurationError, find, load
from postroad.server.binds import Bind


def test_the_shortest_file_has_the_defaults(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, HEAD + DOOR)
    plain = Configuration(hostname="mail.example.org", domains=("example.org",))
    for field in fields(Configuration):
        if field.name != "listeners":
            assert getattr(configuration, field.name) == getattr(plain, field.name)
    assert list(configuration.listeners) == ["mx"]


def test_every_kind_of_value(tmp_path: Path) -> None:
    configuration = loaded(
        tmp_path,
        HEAD
        + """
        state_directory = "state"
        workers = 2
        [listeners.mx]
        bind = [":2525", "[::1]:26"]
        [listeners.firewall]
        preset = "submissions"
        bind = [":443"]
        policy = { relay = ["permit_sasl_authenticated", "reject"] }
        [tls]
        certificate = "/c.pem"
        minimum_version = "TLSv1.3"
        [relay]
        trusted_networks = ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"]
        smarthost = "[smtp.example.net]:587"
        [queue]
        lifetime = "1d12h"
        minimal_backoff = 60
        [mailbox]
        path = "boxes/%d/%n"
        [log]
        format = "json"
        file = "logs/mail.log"
        """,
    )
    assert configuration.state_directory == tmp_path / "state"
    assert configuration.spool_directory == tmp_path / "state/spool"
    assert configuration.directory_file == tmp_path / "state/directory.db"
    assert configuration.maildir_template == f"{tmp_path}/state/boxes/%d/%n"
    assert configuration.log.file == tmp_path / "logs/mail.log"
    assert configuration.certificate == configuration.key == Path("/c.pem")
    assert configuration.worker_count == 2
    assert configuration.queue.lifetime == 129_600.0
    assert configuration.relay.trusted_networks == (
        IPv4Network("192.0.2.0/24"),
        IPv6Network("2001:db8::/32"),
        IPv4Network("198.51.100.7/32"),
    )
    mx, firewall = configuration.resolved_listeners
    assert mx.binds == (Bind("", 2525), Bind("::1", 26))
    assert (firewall.preset, firewall.tls, firewall.auth) == ("submissions", "implicit", True)
    assert firewall.policy.relay == ("permit_sasl_authenticated", "reject")


def test_the_state_directory_decides_where_things_are() -> None:
    configuration = Configuration(
        hostname="a.example", domains=(), state_directory=Path("/var/lib/postroad")
    )
    assert configuration.certificate == Path("/var/lib/postroad/tls/certificate.pem")
    assert configuration.key == Path("/var/lib/postroad/tls/key.pem")
    assert configuration.maildir_template == "/var/lib/postroad/mail/%d/%n/Maildir"
    assert 1 <= configuration.worker_count <= 4


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "none.toml")
    assert str(caught.value) == f"{tmp_path}/none.toml: cannot be read: no such file or directory"


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    file = tmp_path / "postroad.toml"
    file.write_bytes(b'hostname = "a"\n\n# caf\xe9\n')
    with pytest.raises(ConfigurationError, match=r"toml:3: this is not UTF-8 text"):
        load(file)


def test_the_file_is_looked_for_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find(Path("other.toml")) == Path("other.toml")
    (tmp_path / "postroad.toml").touch()
    assert find() == Path("postroad.toml")
