"""The first configuration file is right, whole, and tells the truth about defaults."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from postroad.config import Configuration, load
from postroad.config.schema import ANY_NAME, Setting, settings
from postroad.config.template import first_configuration
from setting_text import plain

TEXT = first_configuration("mail.example.org", ("example.org",), Path("state"))
UNCOMMENTED = re.sub(r"(?m)^# (?=[a-z_]+ = |\[)", "", TEXT)

EXAMPLES = {
    "login.act_as",
    "login.send_as",
    "policy.classes",
    "policy.default_rbl_reply",
    "login.sender_login_maps",
    "etrn.NAME.networks",
    "etrn.NAME.users",
    "rates.NAME.listeners",
    # Shown with a value, because the default is that there is none.
    "tls.certificate",
    "tls.key",
    "tls.minimum_version",
    "tls.client_ca_file",
    "tls.certificates.certificate",
    "tls.certificates.key",
    "tls.certificates.names",
    "relay.smarthost",
    "relay.username",
    "relay.password_file",
    "relay.tls",
    "relay.ca_file",
    "delivery.capture",
    "directory.file",
    "oauth.issuer",
    "oauth.audience",
    "oauth.key_set_file",
    "oauth.client_secret_file",
    "oauth.ca_file",
    "dns.servers",
    "log.file",
    "mailbox.path",
}


def test_it_loads_and_says_nothing_but_what_must_be_said(tmp_path: Path) -> None:
    file = tmp_path / "postroad.toml"
    file.write_text(TEXT)
    configuration = load(file, examine_files=False)
    assert configuration.state_directory == tmp_path / "state"
    assert list(configuration.listeners) == ["mx", "submission", "submissions"]
    given = tomllib.loads(TEXT)
    listeners, *rest = given.pop("listeners"), given
    assert listeners == {"mx": {}, "submission": {}, "submissions": {}}
    tables = [value for value in rest[0].values() if isinstance(value, dict)]
    assert not any(tables)


def test_it_loads_with_every_comment_mark_off(tmp_path: Path) -> None:
    file = tmp_path / "postroad.toml"
    file.write_text(UNCOMMENTED)
    assert "firewall" in load(file, examine_files=False).listeners


def test_it_shows_every_setting_there_is() -> None:
    shown = tomllib.loads(UNCOMMENTED)
    shown["listeners"] = {ANY_NAME: shown["listeners"]["firewall"]}
    shown["etrn"] = {ANY_NAME: shown["etrn"]["branch.example.net"]}
    shown["rates"] = {ANY_NAME: shown["rates"]["newsletters"]}
    missing = [".".join(each.path) for each in settings(Configuration) if not _has(shown, each)]
    assert missing == []


def _has(table: object, setting: Setting) -> bool:
    for name in setting.path:
        if isinstance(table, list):  # an array of tables
            table = table[0]
        if not isinstance(table, dict) or name not in table:
            return False
        table = table[name]
    return True


@pytest.mark.parametrize(
    "setting", list(settings(Configuration)), ids=lambda each: ".".join(each.path)
)
def test_what_it_shows_as_a_default_is_the_default(setting: Setting, tmp_path: Path) -> None:
    name = ".".join(setting.path)
    if name in EXAMPLES or setting.required or setting.path[0] == "listeners":
        return
    if name == "state_directory":
        return  # written, not shown
    file = tmp_path / "postroad.toml"
    file.write_text(UNCOMMENTED)
    value: object = load(file, examine_files=False)
    for part in setting.path:
        value = getattr(value, part)
    assert plain(value) == plain(setting.default)


@pytest.mark.parametrize("name", ['quo"te.example', "back\\slash.example"])
def test_odd_names_are_quoted(name: str) -> None:
    assert tomllib.loads(first_configuration(name, (name,), Path(name)))["hostname"] == name
