"""The outbound half of the guide for a relay on port 443: its files, its tests, its log line.

The guide's provider is played by Postfix with Dovecot, which take nothing without TLS and a login,
with STARTTLS on one port and TLS from the first octet on another one.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from peers.certificates import Authority, Certificate
from peers.dns import NameServer
from peers.dovecot import Dovecot
from peers.ports import free_port
from peers.postfix import Listener, Postfix
from peers.postroad import Postroad, Table
from peers.processes import peer_folder, remove_folder

pytestmark = pytest.mark.peer

USER = "supercoolusername@relay.example.org"
UPSTREAM = "smtp.mailgun.test"
LOGIN, PASSWORD = "postmaster@example.org", "upstreampassword"


@dataclass
class Provider:
    """Who takes the mail."""

    postfix: Postfix
    starttls: int
    wrapper: int
    names: NameServer
    authority: Authority


@pytest.fixture(scope="module")
def provider(authority: Authority) -> Iterator[Provider]:
    certificate = authority.issue(UPSTREAM)
    accounts = Dovecot({LOGIN: PASSWORD})
    names = NameServer([f"{UPSTREAM}. A 127.0.0.1"])
    ports = free_port(), free_port()
    server = Postfix(
        {
            "smtpd_tls_chain_files": f"{certificate.key}, {certificate.chain}",
            "smtpd_tls_security_level": "encrypt",
            "smtpd_tls_auth_only": "yes",
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": str(accounts.socket),
            "smtpd_client_restrictions": "permit_sasl_authenticated, reject",
            "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
            "default_transport": "discard",
        },
        [Listener(ports[0], {}), Listener(ports[1], {"smtpd_tls_wrappermode": "yes"})],
    )
    yield Provider(server, *ports, names, authority)
    server.stop()
    names.stop()
    accounts.stop()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Stands for /etc/postfix."""
    folder = peer_folder("relay")
    yield folder
    remove_folder(folder)


Relaying = Callable[[Table], Postroad]


@pytest.fixture
def relaying(
    provider: Provider, certificate: Certificate, started: Callable[[Postroad], Postroad]
) -> Relaying:
    def start(relay: Table) -> Postroad:
        settings = {
            "domains": ["relay.example.org"],
            "workers": 1,
            "tls": {"certificate": str(certificate.chain), "key": str(certificate.key)},
            "dns": {"servers": [provider.names.address]},
            "relay": relay,
        }
        accounts = {USER: "supercoolpassword"}
        return started(Postroad(settings, listeners=["submission"], accounts=accounts))

    return start


def written(folder: Path, upstream: str) -> str:
    """`echo '…' >> sasl_passwd; chmod 0640`, as the guide has it; nothing is compiled."""
    file = folder / "sasl_passwd"
    file.write_text(f"{upstream}   {LOGIN}:{PASSWORD}\n")
    file.chmod(0o640)
    return f"hash:{file}"


def mail(server: Postroad, provider: Provider, to: str) -> None:
    """`mail -s "Test subject"`, by the guide's account."""
    trust = ssl.create_default_context(cafile=str(provider.authority.certificate))
    with smtplib.SMTP("127.0.0.1", server.port("submission"), timeout=30) as client:
        client.starttls(context=trust)
        client.login(USER, "supercoolpassword")
        client.sendmail(USER, [to], b"Subject: Test subject\r\n\r\nhello\r\n")


def test_as_the_guide_writes_it(provider: Provider, relaying: Relaying, folder: Path) -> None:
    """relayhost, smtp_sasl_password_maps, smtp_tls_CAfile; and the line of the log after it."""
    upstream = f"[{UPSTREAM}]:{provider.starttls}"
    server = relaying(
        {
            "smarthost": upstream,
            "logins": [written(folder, upstream)],
            "ca_file": str(provider.authority.certificate),
        }
    )
    mail(server, provider, "first@elsewhere.test")
    line = server.wait_log("to=<first@elsewhere.test>")
    assert re.search(
        rf"postroad/smtp\[\d+\]: [0-9A-Za-z]+: to=<first@elsewhere\.test>, "
        rf"relay={re.escape(UPSTREAM)}\[127\.0\.0\.1\]:{provider.starttls}, delay=[\d.]+, "
        r"delays=[\d./]+, (?:tls=\S+, )?dsn=2\.0\.0, status=sent \(250 ",
        line,
    )
    provider.postfix.wait_log(f"sasl_username={LOGIN}")
    assert PASSWORD not in server.log()


def test_tls_from_the_first_octet(provider: Provider, relaying: Relaying, folder: Path) -> None:
    """Port 465, or 443: whatever a firewall lets through."""
    upstream = f"[{UPSTREAM}]:{provider.wrapper}"
    server = relaying(
        {
            "smarthost": upstream,
            "logins": [written(folder, UPSTREAM)],
            "ca_file": str(provider.authority.certificate),
            "tls_wrapper": True,
        }
    )
    mail(server, provider, "wrapped@elsewhere.test")
    assert "status=sent" in server.wait_log("to=<wrapped@elsewhere.test>")


def test_several_and_a_fallback(provider: Provider, relaying: Relaying, folder: Path) -> None:
    """Two that are away, whatever their weight, and one behind them."""
    away = [f"[{UPSTREAM}]:{free_port()}" for _ in range(2)]
    server = relaying(
        {
            "smarthost": f"{away[0]}, {away[1]}",
            "fallback": f"[{UPSTREAM}]:{provider.starttls}",
            "logins": [written(folder, UPSTREAM)],
            "ca_file": str(provider.authority.certificate),
        }
    )
    mail(server, provider, "fallen@elsewhere.test")
    line = server.wait_log("to=<fallen@elsewhere.test>")
    assert f"]:{provider.starttls}, " in line
    assert "status=sent" in line


def test_an_authority_of_somebody_else_gets_no_password(
    provider: Provider, relaying: Relaying, folder: Path
) -> None:
    logins = provider.postfix.log().count("sasl_username=")
    upstream = f"[{UPSTREAM}]:{provider.starttls}"
    stranger = Authority(folder, "stranger").certificate
    server = relaying(
        {
            "smarthost": upstream,
            "logins": [written(folder, upstream)],
            "ca_file": str(stranger),
        }
    )
    mail(server, provider, "kept@elsewhere.test")
    assert "status=deferred" in server.wait_log("to=<kept@elsewhere.test>")
    assert provider.postfix.log().count("sasl_username=") == logins


def test_a_file_that_lies_open_is_a_mistake(folder: Path) -> None:
    table = written(folder, f"[{UPSTREAM}]:587")
    (folder / "sasl_passwd").chmod(0o644)
    with pytest.raises(RuntimeError, match=r"\[relay\] logins: .*everybody may read this password"):
        Postroad({"relay": {"smarthost": f"[{UPSTREAM}]:587", "logins": [table]}}).stop()
