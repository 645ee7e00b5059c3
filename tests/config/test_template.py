"""The first configuration file is right, whole, and tells the truth about defaults."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from postroad.config import Configuration, load
from postroad.config.schema import ANY_NAME, Setting, settings
from postroad.config.template import first_configuration
from postroad.directory.source_settings import KEYS_OF_KIND, SourceSettings
from postroad.filters.settings import KEYS_OF_KIND as KEYS_OF_FILTER
from postroad.filters.settings import FilterSettings
from setting_text import plain

TEXT = first_configuration("mail.example.org", ("example.org",), Path("state"))
UNCOMMENTED = re.sub(r"(?m)^# (?=[a-z_0-9]+ = |\[)", "", TEXT)

OF_SERVERS = (
    *("driver", "file", "database", "username", "password_file", "tls_ca_file", "preset"),
    *("urls", "bind_dn", "socket", "passwd", "mailbox_base", "service_directory"),
)
EXAMPLES = {
    "sendmail.directory",
    "sendmail.filters",
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
    "tls_reports.send",
    "dmarc_reports.send",
    "tls.client_ca_file",
    "tls.certificates.certificate",
    "tls.certificates.key",
    "tls.certificates.names",
    "dkim.signed_headers",
    "dkim.oversigned_headers",
    "dkim.keys.domain",
    "dkim.keys.selector",
    "dkim.keys.file",
    "relay.smarthost",
    "relay.username",
    "relay.password_file",
    "relay.tls",
    "relay.ca_file",
    "transports.NAME.tls",
    "transports.NAME.ca_file",
    "transports.NAME.password_file",
    "transports.NAME.source_addresses",
    "transports.NAME.username",
    "transports.NAME.connect_timeout",
    "transports.NAME.command_timeout",
    "transports.NAME.data_timeout",
    "transports.NAME.idle_timeout",
    "transports.NAME.messages_per_connection",
    "transports.NAME.command",
    "transports.NAME.directory",
    "transports.NAME.flags",
    "tokens.NAME.client_secret_file",
    "tokens.NAME.refresh_token_file",
    "tokens.NAME.ca_file",
    "destinations.NAME.concurrency",
    "destinations.NAME.initial_concurrency",
    "destinations.NAME.rate",
    "destinations.NAME.messages_per_connection",
    "destinations.NAME.recipients_per_delivery",
    "destinations.NAME.minimal_backoff",
    "destinations.NAME.maximal_backoff",
    "destinations.NAME.retry",
    "destinations.NAME.total_concurrency",
    "delivery.capture",
    "delivery.greeting_timeout",
    "delivery.mail_timeout",
    "delivery.rcpt_timeout",
    "delivery.data_init_timeout",
    "delivery.data_block_timeout",
    "directory.file",
    *(f"directories.NAME.{key}" for key in OF_SERVERS),
    "oauth.issuer",
    "oauth.audience",
    "oauth.key_set_file",
    "oauth.client_secret_file",
    "oauth.ca_file",
    "dns.servers",
    "dns.validating",
    "outbound_tls.ca_file",
    "outbound_tls.certificate",
    "outbound_tls.key",
    "log.file",
    "mailbox.path",
    "filters.NAME.folder",
    "filters.NAME.file",
    "filters.NAME.settings",
    "filters.NAME.socket",
    "filters.NAME.password_file",
    "filters.NAME.tag",
}


def test_it_loads_and_says_nothing_but_what_must_be_said(tmp_path: Path) -> None:
    file = tmp_path / "postroad.toml"
    file.write_text(TEXT)
    configuration = load(file, examine_files=False)
    assert configuration.state_directory == tmp_path / "state"
    assert list(configuration.listeners) == ["mx", "submission", "submissions"]
    given = tomllib.loads(TEXT)
    listeners, *rest = given.pop("listeners"), given
    spam = {"kind": "builtin", "mail": ["outside"], "on_failure": "accept"}
    assert given.pop("filters") == {"spam": spam}
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
    destinations = shown["destinations"]
    shown["destinations"] = {
        ANY_NAME: destinations["site:outlook.com"] | destinations["transport:smtp"]
    }
    transports = shown["transports"]
    shown["transports"] = {ANY_NAME: transports["program"] | transports["bulk"]}
    shown["tokens"] = {ANY_NAME: shown["tokens"]["postroad@example.net"]}
    shown["warmup"] = {ANY_NAME: shown["warmup"]["192.0.2.1"]}
    shown["sockets"] = {ANY_NAME: shown["sockets"]["postfix"]}
    shown["dkim"]["domain"] = {ANY_NAME: shown["dkim"]["domain"]["lists.example.org"]}
    for name in ("directories", "domain", "filters"):  # each kind has its keys
        sections = shown[name].values()
        shown[name] = {ANY_NAME: {key: value for each in sections for key, value in each.items()}}
    missing = [".".join(each.path) for each in settings(Configuration) if not _has(shown, each)]
    assert missing == []


OF_PROGRAMS = {"eol", "null_sender", "size_limit", "recipients", "processes", "time_limit"}


def _sample(sections: object, key: str) -> object:
    """The section of the template that shows a key of sections by the operator's names."""
    assert isinstance(sections, dict)
    if "program" in sections and key in OF_PROGRAMS | {"output_limit"}:
        return sections["program"]
    first = next(iter(sections.values()))
    if isinstance(first, FilterSettings):
        of_filter = [kind for kind, keys in KEYS_OF_FILTER.items() if key in keys]
        # The first section is switched on, by values of its own; the others show defaults.
        of_filter = of_filter or ["spamassassin"]
        return next(each for each in sections.values() if each.kind in of_filter)
    if isinstance(first, SourceSettings):
        kinds = [kind for kind, keys in KEYS_OF_KIND.items() if key in keys] or [first.kind]
        return next(each for each in sections.values() if each.kind in kinds)
    return first


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
        if part == ANY_NAME:
            value = _sample(value, setting.path[-1])
        elif isinstance(value, tuple):  # an array of tables
            value = getattr(value[0], part)
        else:
            value = getattr(value, part)
    assert plain(value) == plain(setting.default)


@pytest.mark.parametrize("name", ['quo"te.example', "back\\slash.example"])
def test_odd_names_are_quoted(name: str) -> None:
    assert tomllib.loads(first_configuration(name, (name,), Path(name)))["hostname"] == name
