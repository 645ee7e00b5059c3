"""What `check` finds in files that are no mistake."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, ip_network
from pathlib import Path

import pytest

from postroad.config import Configuration
from postroad.config.examination import Finding, Verdict, examine
from postroad.config.reach import Account
from postroad.delivery.transport_settings import TransportSettings
from postroad.directory.source_settings import SourceSettings
from postroad.filters.moves.settings import Learn
from postroad.filters.settings import FilterSettings
from postroad.mailbox.settings import MailboxSettings
from postroad.maildrop.settings import SendmailSettings
from postroad.net.selfsigned import LIFETIME, self_signed
from postroad.policy.settings import PolicySettings
from postroad.queue.settings import DestinationSettings
from postroad.served.settings import SocketKind, SocketSettings
from postroad.server.settings import ListenerSettings, PresetName

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    state = tmp_path / "state"
    (state / "tls").mkdir(parents=True, mode=0o700)
    state.chmod(0o700)
    made = Configuration(
        hostname="mail.example.org",
        domains=("example.org",),
        state_directory=state,
        listeners={"mx": ListenerSettings()},
    )
    _certify(made, "mail.example.org")
    (tmp_path / "postroad.toml").touch(0o600)
    return made


def _certify(configuration: Configuration, name: str) -> None:
    certificate, key = self_signed((name,), NOW)
    configuration.certificate.write_bytes(certificate)
    configuration.key.write_bytes(key)
    configuration.key.chmod(0o600)


def findings(
    configuration: Configuration, now: datetime = NOW, account: Account | None = None
) -> list[Finding]:
    file = configuration.state_directory.parent / "postroad.toml"
    return list(examine(file, configuration, now, account))


def test_a_group_that_is_not_there_is_named_with_its_line(configuration: Configuration) -> None:
    file = configuration.state_directory.parent / "postroad.toml"
    file.write_text('hostname = "mail.example.org"\n[mailbox]\ngroup = "nogrp"\n')
    stored = replace(configuration, mailbox=MailboxSettings(group="nogrp"))
    (said,) = [each.message for each in findings(stored) if each.subject == "mailboxes"]
    assert said.startswith(f"{file}:3: mailbox.group: there is no group nogrp; mail for")


def said_of(configuration: Configuration, subject: str) -> list[tuple[Verdict, str]]:
    found = findings(configuration)
    return [(each.verdict, each.message) for each in found if each.subject == subject]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"users": ("*", "root")}, ""),
        ({"users": ("root", "rooot")}, "sendmail.users: there is no user rooot on this machine;"),
        ({"senders": {"root": ("*", "shop", "shop@example.net")}}, ""),
        ({"senders": {"rooot": ("shop",)}}, "sendmail.senders: there is no user rooot on this"),
        ({"senders": {"root": ("a b",)}}, "sendmail.senders: root: a b is no address"),
        ({"taken_before": ("rooot",)}, "sendmail.taken_before: there is no user rooot on this"),
        ({"users": ("rooot",), "enabled": False}, ""),
    ],
)
def test_users_that_nobody_is(
    configuration: Configuration, settings: dict[str, object], words: str
) -> None:
    found = said_of(replace(configuration, sendmail=SendmailSettings(**settings)), "sendmail")
    assert [verdict for verdict, _ in found] == [Verdict.WARNING] * bool(words)
    assert all(words in message for _, message in found)


@pytest.mark.parametrize(
    ("program", "user", "taken_before", "is_told"),
    [
        ("/usr/sbin/sendmail", "", (), True),
        ("/usr/local/bin/postroad-sendmail", "", ("daemon",), True),
        ("/usr/sbin/sendmail", "daemon:daemon", ("daemon",), False),
        ("/usr/sbin/sendmail", "", ("root",), False),
        ("/usr/bin/msmtp", "", (), False),
        ("spamc | /usr/sbin/sendmail -oi -f $0 -- $1", "", (), True),
        ("spamc | /usr/sbin/sendmail -G -oi -f $0 -- $1", "", (), False),
    ],
)
def test_what_a_content_filter_brings_back_is_not_signed(
    configuration: Configuration,
    program: str,
    user: str,
    taken_before: tuple[str, ...],
    is_told: bool,
) -> None:
    spamc = TransportSettings(kind="pipe", command=("/usr/bin/spamc", "-e", program), user=user)
    told = replace(
        configuration,
        transports={"spam": spamc, "vacation": spamc},
        listeners={"mx": ListenerSettings(preset="mx", content_filter="spam:")},
        sendmail=SendmailSettings(taken_before=taken_before),
    )
    found = [words for _, words in said_of(told, "sendmail") if "transports." in words]
    assert len(found) == is_told
    assert all("transports.spam: what this content filter" in words for words in found)


def test_a_socket_in_no_folder(configuration: Configuration, tmp_path: Path) -> None:
    there = SocketSettings(kind="dovecot-auth", bind=f"unix:{tmp_path}/auth")
    lost = SocketSettings(kind="dovecot-auth", bind=f"unix:{tmp_path}/nowhere/auth")
    [(verdict, words)] = said_of(replace(configuration, sockets={"a": there, "b": lost}), "sockets")
    assert verdict is Verdict.ERROR
    assert words.startswith(f"sockets.b: {tmp_path}/nowhere is no directory")
    later = replace(lost, bind="unix:/run/postroad-at-its-start/auth")
    [(verdict, _)] = said_of(replace(configuration, sockets={"b": later}), "sockets")
    assert verdict is Verdict.WARNING


@pytest.mark.parametrize(
    ("smarthost", "transport", "name", "count"),
    [
        ("[smtp.example.net]:587", (), "big.example", 1),
        ("smtp.example.net", (), "smtp.example.net", 0),
        ("a.example.net, b.example.net", (), "b.example.net", 0),
        ("[smtp.example.net]", ("inline:{big.example=smtp:}",), "big.example", 0),
        ("[smtp.example.net]", (), "site:big.example", 0),
        ("", (), "big.example", 0),
    ],
)
def test_a_rate_that_slows_nothing_down(
    configuration: Configuration, smarthost: str, transport: tuple[str, ...], name: str, count: int
) -> None:
    made = replace(
        configuration,
        relay=replace(configuration.relay, smarthost=smarthost),
        routing=replace(configuration.routing, transport=transport),
        destinations={name: DestinationSettings(rate="30/min")},
    )
    found = said_of(made, "destinations")
    assert [verdict for verdict, _ in found] == [Verdict.WARNING] * count
    assert all(f'[destinations."{name}"] rate slows nothing down' in words for _, words in found)


@pytest.mark.parametrize(
    ("user", "allowed", "count"), [("root", True, 1), ("root", False, 0), ("postroad", True, 0)]
)
def test_root_writes_to_no_file_of_aliases(
    configuration: Configuration, tmp_path: Path, *, user: str, allowed: bool, count: int
) -> None:
    file = tmp_path / "aliases"
    file.write_text("x: /srv/x\n")
    settings = SourceSettings(kind="files", aliases=(str(file),), allow_files=allowed)
    made = replace(configuration, user=user, directories={"old": settings})
    found = [words for _, words in said_of(made, "accounts") if "runs as root" in words]
    assert len(found) == count


def test_all_is_well(configuration: Configuration) -> None:
    assert [finding.verdict for finding in findings(configuration)] == [Verdict.OK] * 2


@pytest.mark.parametrize(
    ("name", "mode", "right"),
    [
        ("postroad.toml", 0o622, "go-w"),
        ("state", 0o755, "711"),
        ("state/tls/key.pem", 0o604, "o-rwx"),
        ("state/directory.db", 0o644, "o-rwx"),
    ],
)
def test_files_that_are_too_open(
    configuration: Configuration, name: str, mode: int, right: str
) -> None:
    path = configuration.state_directory.parent / name
    if not path.exists():
        path.touch()
    path.chmod(mode)
    finding = findings(configuration)[0]
    assert finding.verdict is Verdict.WARNING
    assert str(path) in finding.message
    assert f"chmod {right} it" in finding.message


@pytest.mark.parametrize(
    ("later", "verdict", "words"),
    [
        (timedelta(), Verdict.OK, "self-signed"),
        (LIFETIME - timedelta(days=22), Verdict.OK, "self-signed"),
        (LIFETIME - timedelta(days=20), Verdict.WARNING, "in 20 days"),
        (LIFETIME, Verdict.WARNING, "expired on"),
        (timedelta(hours=-2), Verdict.WARNING, "is the clock right"),
    ],
)
def test_the_days_of_the_certificate(
    configuration: Configuration, later: timedelta, verdict: Verdict, words: str
) -> None:
    finding = findings(configuration, NOW + later)[-1]
    assert (finding.subject, finding.verdict) == ("certificate", verdict)
    assert words in finding.message


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("MAIL.example.org", Verdict.OK),
        ("*.example.org", Verdict.OK),
        ("*.org", Verdict.WARNING),
        ("example.org", Verdict.WARNING),
    ],
)
def test_whom_the_certificate_names(
    configuration: Configuration, name: str, verdict: Verdict
) -> None:
    _certify(configuration, name)
    assert findings(configuration)[-1].verdict is verdict


def test_who_asks_mail_servers_for_certificates_is_warned(configuration: Configuration) -> None:
    asking = replace(configuration, listeners={"mx": ListenerSettings(client_certificates=True)})

    finding = findings(asking)[-1]

    assert (finding.subject, finding.verdict) == ("client certificates", Verdict.WARNING)
    assert "cannot send us mail" in finding.message


def test_files_that_the_servers_user_cannot_read(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = configuration.state_directory.parent
    file = root / "postroad.toml"
    me, stranger = os.getuid(), Account("nobody", 65_534, frozenset({65_534}))
    monkeypatch.chdir(root)
    owner = Account("postroad", me, frozenset(), after_root=False)
    said = [each.verdict for each in findings(configuration, account=owner)]
    assert said == [Verdict.OK] * 3
    # pytest's own folders are closed to others, so everything is out of a stranger's reach.
    said = {
        each.message
        for each in findings(configuration, account=stranger)
        if each.verdict is Verdict.ERROR
    }
    assert f"the server's user nobody cannot reach or read {file}" in said
    assert f"the server's user nobody cannot write {configuration.state_directory}" in said


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ((), ["takes passwords without TLS,", "sees all users at one trusted address,"]),
        ((ip_network("127.0.0.1/32"),), ["takes passwords without TLS,"]),
    ],
)
def test_logins_without_tls_are_worth_a_warning(
    configuration: Configuration, proxy: tuple[IPv4Network, ...], said: list[str]
) -> None:
    plain = ListenerSettings(
        preset="submission", bind=("127.0.0.1:10587",), tls="none", plain_auth=True, proxy=proxy
    )
    found = warnings(configuration, plain)

    assert [(each.subject, each.verdict) for each in found] == [("logins", Verdict.WARNING)] * len(
        said
    )
    for each, words in zip(found, said, strict=True):
        assert each.message.startswith(f"listener more {words}")


def warnings(configuration: Configuration, listener: ListenerSettings) -> list[Finding]:
    """What is said of one more listener."""
    listeners = configuration.listeners | {"more": listener}
    found = findings(replace(configuration, listeners=listeners))
    return [finding for finding in found if finding.verdict is not Verdict.OK]


@pytest.mark.parametrize(
    ("preset", "may"), [("mx", "send to any domain"), ("lmtp", "may deliver;")]
)
def test_a_socket_that_everybody_may_write_to(
    configuration: Configuration, preset: PresetName, may: str
) -> None:
    bind = ("unix:/tmp/more", "127.0.0.1:2500")
    [warning] = warnings(
        configuration, ListenerSettings(preset=preset, bind=bind, unix_mode="0666")
    )
    assert (warning.subject, warning.verdict) == ("permissions", Verdict.WARNING)
    assert "every user of this machine may write to /tmp/more" in warning.message
    assert may in warning.message
    assert not warnings(configuration, ListenerSettings(preset=preset, bind=bind, unix_mode="0660"))


def test_a_database_of_a_table_that_is_not_there(
    configuration: Configuration, tmp_path: Path
) -> None:
    database, file = tmp_path / "users.db", tmp_path / "users.cf"
    file.write_text(f"dbpath = {database}\nquery = SELECT 'OK' WHERE '%s' = 'x'\n")
    table = f"unionmap:{{hash:/nowhere, sqlite:{file}}}"
    policy = PolicySettings(recipient=(f"check_sender_access {table}", "permit"))
    listener = replace(configuration.listeners["mx"], policy=policy)
    with_table = replace(configuration, listeners={"mx": listener})
    (found,) = [each for each in findings(with_table) if each.subject == "tables"]
    assert found.verdict is Verdict.ERROR
    assert found.message.startswith(f"{table} asks {database}, which is not there")
    database.touch()
    assert not [each for each in findings(with_table) if each.subject == "tables"]


@pytest.mark.parametrize(
    ("kind", "may"), [("dovecot-auth", "try passwords"), ("socketmap", "look accounts up")]
)
def test_a_socket_of_our_accounts_that_everybody_may_write_to(
    configuration: Configuration, kind: SocketKind, may: str
) -> None:
    def said(mode: str) -> list[Finding]:
        socket = SocketSettings(kind=kind, bind="unix:/tmp/auth", unix_mode=mode)
        found = findings(replace(configuration, sockets={"one": socket}))
        return [finding for finding in found if finding.verdict is not Verdict.OK]

    [warning] = said("0666")
    assert "every user of this machine may write to /tmp/auth" in warning.message
    assert may in warning.message
    assert not said("0660")


@pytest.mark.parametrize(
    ("mailbox", "learn", "is_said"),
    [
        (MailboxSettings(transport="lmtp:unix:/run/dovecot/lmtp"), "user", True),
        (MailboxSettings(transport="lmtp:unix:/run/dovecot/lmtp"), "no", False),
        (MailboxSettings(transport="lmtp:inet:127.0.0.1:24", junk_folder=""), "user", False),
        (MailboxSettings(), "user", False),
    ],
)
def test_where_moves_cannot_be_seen_is_said(
    configuration: Configuration, mailbox: MailboxSettings, learn: Learn, is_said: bool
) -> None:
    filters = {"spam": FilterSettings(kind="builtin", learn=learn)}
    said = [
        finding
        for finding in findings(replace(configuration, mailbox=mailbox, filters=filters))
        if finding.message.startswith("filters.spam.learn: mail goes on by LMTP")
    ]
    assert [finding.verdict for finding in said] == [Verdict.OK] * is_said
