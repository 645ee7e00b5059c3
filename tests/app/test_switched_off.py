"""Every number of the configuration that is 0 where 0 switches something off: mail still flows.

One message each way through a whole worker, by STARTTLS and login, with a name server and a
smarthost of the test's own.
"""

from __future__ import annotations

import asyncio
import math
import smtplib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dns_server import DnsServer
from fake_mx import FakeMx
from postroad.config import Configuration, load
from postroad.config.schema import ANY_NAME, settings
from postroad.model.journal import Event
from postroad.model.message_events import Delivered
from postroad.net.settings import TlsSettings
from worker_world import JOHN, listening, with_john

ZONE = """
@ 60 IN SOA ns.example.net. root.example.net. 1 3600 600 86400 60
smtp 60 IN A 127.0.0.1
"""
LISA = "lisa@example.net"

NUMBERS = {
    ".".join(each.path): each
    for each in settings(Configuration)
    if isinstance(each.default, int | float) and not isinstance(each.default, bool)
}
NO_LIMITS = {
    "workers": "0 is one for each core",
    "delivery.mx_port": "a port",
    "relay.smarthosts.weight": "a share",
    "forwarding.maximum_age": "at least a day",
    "transports.NAME.port": "a port",
    "suppression.bounces": "at least one",
    "transports.NAME.processes": "at least one",
    "directory.password_threads": "at least one",
    "directories.NAME.pool": "at least one",
    "filters.NAME.max_size": "0 is the default",
    "filters.NAME.protocol": "a version",
    "filters.NAME.connect_timeout": "at least a second",
    "filters.NAME.command_timeout": "at least a second",
    "filters.NAME.junk": "a score",
    "filters.NAME.learn_every": "at least a second",
    "filters.NAME.timeout": "at least a second",
    "intake.examination_timeout": "senders do not wait for ever",
    "dkim.bits": "a size",
    "authentication.timeout": "senders do not wait for ever",
    "spf.timeout": "senders do not wait for ever",
    "dkim.check_every": "a new key would never sign",
    "directories.NAME.timeout": "at least a second",
    "directories.NAME.command_time_limit": "a command that never ends holds up its mail",
    "directories.NAME.minimum_uid": "root gets no mail as root",
    **{key: "a reply" for key in NUMBERS if key.startswith("policy.")},
}
BESIDE = {
    "tokens.submission": [
        'endpoint = "https://localhost"',
        'client_id = "x"',
        'client_secret_file = "secret"',
    ],
    "directories.submission": [
        'kind = "dovecot"',
        'socket = "/run/nobody"',
        'domains = ["users.example.org"]',
    ],
    "sockets.submission": ['kind = "socketmap"', 'bind = "127.0.0.1:2601"'],
    "transports.submission": ['kind = "pipe"', 'command = ["/bin/true"]'],
    "filters.submission": [
        'kind = "spamassassin"',
        'socket = "inet:127.0.0.1:9"',
        'on_failure = "accept"',
    ],
}
"""What a table cannot do without."""
SWITCHED_OFF = sorted(NUMBERS.keys() - NO_LIMITS)


def configured(folder: Path, smarthost: int, name_server: str, zero: str) -> Configuration:
    """A configuration of which one key is 0."""
    table, _, key = zero.replace(ANY_NAME, "submission").rpartition(".")
    tables: dict[str, list[str]] = {
        "listeners.submission": [],
        "tls": [],
        "relay": [f'smarthost = "[smtp.example.net]:{smarthost}"'],
        "dns": [f'servers = ["{name_server}"]'],
    }
    tables.setdefault(table, list(BESIDE.get(table, ()))).append(f"{key} = 0")
    lines = ['hostname = "mail.example.org"', 'domains = ["example.org"]']
    lines.append('state_directory = "state"')
    for name, below in tables.items():
        lines += [f"[{name}]", *below]
    (folder / "secret").write_text("summersun")
    (folder / "secret").chmod(0o600)
    (folder / "postroad.toml").write_text("\n".join(lines))
    return load(folder / "postroad.toml")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server's state with one account."""
    folder = tmp_path_factory.mktemp("server")
    with_john(folder)
    return folder


@pytest.fixture
async def name_server() -> AsyncIterator[str]:
    server = DnsServer("example.net.", ZONE)
    yield await server.start()
    server.stop()


@pytest.fixture
async def smarthost() -> AsyncIterator[FakeMx]:
    server = await FakeMx().start()
    yield server
    await server.stop()


class Deliveries:
    """A journal that knows when everything is delivered."""

    def __init__(self, awaited: int) -> None:
        self.events: list[Event] = []
        self._awaited = awaited
        self.complete = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if len(self.delivered()) == self._awaited:
            self.complete.set()

    def delivered(self) -> list[str]:
        """Who got mail, or did not."""
        return [f"{e.recipient} {e.status.value}" for e in self.events if isinstance(e, Delivered)]


def send(port: int) -> None:
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        client.starttls(context=trust)
        client.login(JOHN, "summersun")
        client.sendmail(JOHN, [JOHN, LISA], b"Subject: no limit\r\n\r\nhello\r\n")


@pytest.mark.parametrize("zero", SWITCHED_OFF)
async def test_mail_flows(folder: Path, smarthost: FakeMx, name_server: str, zero: str) -> None:
    configuration = configured(folder, smarthost.port, name_server, zero)
    journal = Deliveries(awaited=2)
    async with listening(configuration, journal, "submission") as port:
        await asyncio.to_thread(send, port)
        await asyncio.wait_for(journal.complete.wait(), 60)
    assert sorted(journal.delivered()) == [f"{JOHN} sent", f"{LISA} sent"], journal.events
    assert len(smarthost.messages) == 1


def test_every_number_is_here_or_said_to_be_no_limit() -> None:
    assert NO_LIMITS.keys() <= NUMBERS.keys()
    named = [name for name in NUMBERS if ANY_NAME in name]
    # what `configured` can write
    sections = (
        *("listeners.", "transports.", "tokens.", "destinations."),
        *("directories.", "sockets.", "filters."),
    )
    assert all(name.startswith(sections) for name in named)


@pytest.mark.parametrize(("timeout", "limit"), [(0.0, math.inf), (30.0, 30.0)])
def test_the_limit_of_a_handshake(timeout: float, limit: float) -> None:
    assert TlsSettings(handshake_timeout=timeout).handshake_limit == limit
