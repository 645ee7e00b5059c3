"""Logins at a Postfix that asks Dovecot, and at our own server: each mechanism, right and wrong."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from deliveries import delivery, told
from peers.certificates import Authority, Certificate
from peers.dovecot import Dovecot
from peers.ports import free_port
from peers.postfix import Listener, Postfix
from peers.postroad import Postroad
from peers.processes import peer_folder, remove_folder
from peers.waiting import until
from postroad.delivery.login import Credentials
from postroad.delivery.logins import Logins, Own
from postroad.delivery.route_tables import NoTables
from postroad.delivery.settings import DeliverySettings, RelaySettings
from postroad.delivery.smtp import SmtpTransport
from postroad.model import Address, Reply, Report, StoredRecipient
from postroad.net.dns import Exchanger, MxAnswer, MxKind

pytestmark = pytest.mark.peer

USER, PASSWORD = "relay@smarthost.test", "clandestine"
JOHN = "john@example.org"
LISA = Address.parse("lisa@elsewhere.test")
MECHANISMS = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"]


@dataclass
class Smarthost:
    """Postfix on a port with STARTTLS and on one with TLS from the first octet."""

    postfix: Postfix
    ports: dict[str, int]
    ca_file: Path

    def count_log(self, mark: str, *, more_than: int) -> int:
        """How often it logged this; its log comes a moment after its replies."""
        count = lambda: self.postfix.log().count(mark)  # noqa: E731
        until(lambda: count() > more_than, within=30, what=f"{mark!r} in the log of Postfix")
        return count()


class Loopback:
    """Every host is this machine."""

    async def mx(self, domain: str) -> MxAnswer:
        return MxAnswer(MxKind.LISTED, (Exchanger(10, f"mx.{domain}"),))

    async def addresses(self, host: str) -> tuple[str, ...]:
        return ("127.0.0.1",)


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
    folder = peer_folder("authority")
    yield Authority(folder)
    remove_folder(folder)


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> Certificate:
    return authority.issue("smarthost.test")


@pytest.fixture(scope="module")
def smarthost(authority: Authority, certificate: Certificate) -> Iterator[Smarthost]:
    accounts = Dovecot({USER: PASSWORD}, "plain login cram-md5 scram-sha-1 scram-sha-256")
    ports = {"starttls": free_port(), "wrapper": free_port()}
    main_cf = {
        "smtpd_tls_chain_files": f"{certificate.key}, {certificate.chain}",
        "smtpd_tls_security_level": "encrypt",
        "smtpd_tls_auth_only": "yes",
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_sasl_type": "dovecot",
        "smtpd_sasl_path": str(accounts.socket),
        "smtpd_client_restrictions": "permit_sasl_authenticated, reject",
        "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
        "default_transport": "discard",
    }
    listeners = [
        Listener(ports["starttls"], {}),
        Listener(ports["wrapper"], {"smtpd_tls_wrappermode": "yes"}),
    ]
    server = Postfix(main_cf, listeners)
    yield Smarthost(server, ports, authority.certificate)
    server.stop()
    accounts.stop()


async def send(
    port: int,
    credentials: Credentials,
    *,
    report: Callable[[str], None] = print,
    heard: list[str] | None = None,
    tokens: object = None,
    **relay: object,
) -> Report:
    nexthop = f"[smarthost.test]:{port}"
    settings = RelaySettings(smarthost=nexthop, username=credentials.username, **relay)
    transport = SmtpTransport(
        "relay.example.org",
        settings,
        DeliverySettings(),
        resolver=Loopback(),
        journal=lambda event: None,
        clock=lambda: 0.0,
        login=Logins(
            own=Own(credentials, nexthop), tables=NoTables(), tokens=tokens, report=report
        ),
    )
    try:
        for _ in range(1 if heard is None else 5):
            sent = delivery(nexthop, sender=JOHN, stored=(StoredRecipient(1, LISA, LISA),))
            result = await transport.deliver(sent)
            if heard is not None:
                heard += told(result)
        return result
    finally:
        transport.close()


@pytest.mark.parametrize("kind", ["starttls", "wrapper"])
@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_every_mechanism(smarthost: Smarthost, mechanism: str, kind: str) -> None:
    mark = f"sasl_method={mechanism}, sasl_username={USER}"
    before = smarthost.postfix.log().count(mark)
    report = await send(
        smarthost.ports[kind],
        Credentials(USER, PASSWORD),
        ca_file=smarthost.ca_file,
        login_mechanisms=(mechanism,),
        tls_wrapper=kind == "wrapper",
    )
    assert report.outcomes[0].status.value == "sent", told(report)
    assert smarthost.count_log(mark, more_than=before) == before + 1


async def test_the_strongest_is_taken(smarthost: Smarthost) -> None:
    mark = "sasl_method=SCRAM-SHA-256,"
    before = smarthost.postfix.log().count(mark)
    credentials = Credentials(USER, PASSWORD)
    report = await send(smarthost.ports["starttls"], credentials, ca_file=smarthost.ca_file)
    assert report.outcomes[0].status.value == "sent", told(report)
    assert smarthost.count_log(mark, more_than=before) == before + 1


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
async def test_a_wrong_password_defers_and_is_not_tried_again(
    smarthost: Smarthost, mechanism: str
) -> None:
    said: list[str] = []
    heard: list[str] = []
    refused = f"SASL {mechanism} authentication failed"
    before = smarthost.postfix.log().count(refused)
    report = await send(
        smarthost.ports["starttls"],
        Credentials(USER, "wrong password"),
        ca_file=smarthost.ca_file,
        login_mechanisms=(mechanism,),
        report=said.append,
        heard=heard,
    )
    assert report.outcomes[0].status.value == "deferred"
    first = next(at for at, words in enumerate(heard) if " 535 " in words)
    assert all("is not tried again for another" in words for words in heard[first + 1 :]), heard
    assert first < 4, heard
    assert smarthost.count_log(refused, more_than=before + first) == before + 1 + first
    assert len(said) == 1
    assert "wrong password" not in said[0]


# Our own server, which has what Postfix has not ------------------------------------------------


@pytest.fixture(scope="module")
def key() -> ECKey:
    return ECKey.generate_key("P-256", parameters={"kid": "1", "use": "sig", "alg": "ES256"})


@pytest.fixture(scope="module")
def ours(certificate: Certificate, key: ECKey) -> Iterator[Postroad]:
    folder = peer_folder("issuer")
    keys = folder / "keys.json"
    keys.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    server = Postroad(
        {
            "workers": 1,
            "tls": {"certificate": str(certificate.chain), "key": str(certificate.key)},
            "login": {"mechanisms": ["PLAIN", BOUND, "SCRAM-SHA-256", *BEARER]},
            "oauth": {"issuer": "https://i.test", "audience": "us", "key_set_file": str(keys)},
            "delivery": {"capture": "captured"},
        },
        listeners=["submission"],
        accounts={JOHN: "summersun"},
    )
    yield server
    server.stop()
    remove_folder(folder)


BOUND = "SCRAM-SHA-256-PLUS"
BEARER = ["OAUTHBEARER", "XOAUTH2"]


class Minted:
    """Fetches tokens; the first one has ended."""

    def __init__(self, key: ECKey) -> None:
        self._key = key
        self.rejected: list[str] = []

    async def token(self, name: str) -> str | Reply | None:
        lasts = 3600 if self.rejected else -3600
        claims = {"iss": "https://i.test", "aud": "us", "exp": time.time() + lasts, "email": name}
        claims["email_verified"] = True
        return jwt.encode({"alg": "ES256", "kid": "1"}, claims, self._key)

    def reject(self, name: str, token: str) -> None:
        self.rejected.append(token)


@pytest.mark.parametrize("mechanism", BEARER)
async def test_tokens(ours: Postroad, authority: Authority, key: ECKey, mechanism: str) -> None:
    """A token that has ended is refused; the next attempt brings a new one."""
    tokens = Minted(key)
    report = await send(
        ours.port("submission"),
        Credentials(JOHN, ""),
        ca_file=authority.certificate,
        login_mechanisms=(mechanism,),
        tokens=tokens,
    )
    assert report.outcomes[0].status.value == "deferred"
    report = await send(
        ours.port("submission"),
        Credentials(JOHN, ""),
        ca_file=authority.certificate,
        login_mechanisms=(mechanism,),
        tokens=tokens,
    )
    assert report.outcomes[0].status.value == "sent", told(report)
    assert len(tokens.rejected) == 1


async def test_channel_binding(ours: Postroad, authority: Authority) -> None:
    report = await send(
        ours.port("submission"),
        Credentials(JOHN, "summersun"),
        ca_file=authority.certificate,
        login_mechanisms=(BOUND,),
    )
    assert report.outcomes[0].status.value == "sent", told(report)
