"""Every login method with others' programs, each with the right secret and with a wrong one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from joserfc import jwt
from joserfc.jwk import ECKey

from peers import dialogue
from peers.certificates import Authority
from peers.logins import Account, LogIn, curl, gsasl, msmtp, mutt, s_nail, swaks
from peers.postroad import Postroad
from peers.processes import peer_folder, remove_folder
from peers.waiting import until
from postroad.sasl import MECHANISMS

pytestmark = pytest.mark.peer

USER = "john@example.org"
PASSWORD = "summersun"
ISSUER = "https://issuer.test"

PLAIN = ["PLAIN", "LOGIN", "CRAM-MD5"]
SCRAM = ["SCRAM-SHA-1", "SCRAM-SHA-256"]
BOUND = ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"]
BEARER = ["OAUTHBEARER", "XOAUTH2"]

PROGRAMS: dict[LogIn, list[str]] = {
    gsasl: [*PLAIN, *SCRAM, *BOUND, "EXTERNAL"],
    msmtp: [*PLAIN, *SCRAM, *BEARER, "EXTERNAL"],
    curl: [*PLAIN, "OAUTHBEARER", "EXTERNAL"],
    mutt: [*PLAIN, *SCRAM, *BEARER],
    s_nail: [*PLAIN, "XOAUTH2", "EXTERNAL"],
    swaks: PLAIN,
}
"""Which mechanisms each program has, in Debian 12."""

CASES = [
    pytest.param(program, mechanism, id=f"{program.__name__}-{mechanism}")
    for program, mechanisms in PROGRAMS.items()
    for mechanism in mechanisms
]


@dataclass
class World:
    """A server where every mechanism can be had, and what its user has to log in by."""

    server: Postroad
    right: Account
    wrong: Account

    def account(self, mechanism: str, *, right: bool) -> Account:
        account = self.right if right else self.wrong
        if mechanism in BEARER:
            return replace(account, secret=(account.folder / "token").read_text())
        return account


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    folder = peer_folder("logins")
    own, (right, wrong) = folder / "own", (folder / "right", folder / "wrong")
    for each in (own, right, wrong):
        each.mkdir()
    authority = Authority(own)
    known, unknown = (authority.issue(name, client=True) for name in (USER, "mallory@example.org"))
    key = ECKey.generate_key("P-256", parameters={"kid": "1", "use": "sig", "alg": "ES256"})
    (own / "keys.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    (right / "token").write_text(token(key, 3600))
    (wrong / "token").write_text(token(key, -3600))
    server = Postroad(
        {
            "login": {"mechanisms": list(MECHANISMS)},
            "tls": {"client_ca_file": str(authority.certificate)},
            "directory": {
                "secrets": ["SCRAM-SHA-1", "SCRAM-SHA-256", "CRAM-MD5"],
                "certificates": {f"sha256:{fingerprint(known.chain)}": USER},
            },
            "oauth": {
                "issuer": ISSUER,
                "audience": "mail.example.org",
                "key_set_file": str(own / "keys.json"),
            },
            "guessing": {"delay": 0},
            "listeners": {"submission": {"client_certificates": True}},
        },
        listeners=("submission",),
    )
    server.run("user", "add", USER, "--password-stdin", "--scheme", "CRAM-MD5", text=PASSWORD)
    trusted = server.folder / "authority.pem"
    port = server.port("submission")
    yield World(
        server,
        Account(port, USER, PASSWORD, trusted, right, known),
        Account(port, USER, "wintersun", trusted, wrong, unknown),
    )
    server.stop()
    remove_folder(folder)


def token(key: ECKey, lasts: float) -> str:
    claims = {"iss": ISSUER, "aud": "mail.example.org", "email": USER, "email_verified": True}
    header = {"alg": "ES256", "kid": "1"}
    return jwt.encode(header, {**claims, "exp": int(time.time() + lasts)}, key)


def fingerprint(certificate: Path) -> str:
    return (
        x509.load_pem_x509_certificate(certificate.read_bytes()).fingerprint(hashes.SHA256()).hex()
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    return f"status {done.returncode}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize(("program", "mechanism"), CASES)
def test_the_right_secret(world: World, program: LogIn, mechanism: str) -> None:
    taken = f"sasl_method={mechanism}, sasl_username={USER}"
    before = world.server.log().count(taken)

    done = program(world.account(mechanism, right=True), mechanism)

    assert done.returncode == 0, said(done)
    if program is gsasl:
        assert "235 2.7.0 Authentication successful" in done.stdout, said(done)
    else:
        until(lambda: world.server.log().count(taken) > before, within=30, what=taken)
        assert world.server.log().count(taken) == before + 1


@pytest.mark.parametrize(("program", "mechanism"), CASES)
def test_a_wrong_secret(world: World, program: LogIn, mechanism: str) -> None:
    refused = f"SASL {mechanism} authentication failed: "
    before = world.server.log().count(refused)

    done = program(world.account(mechanism, right=False), mechanism)

    assert done.returncode != 0, said(done)
    until(lambda: world.server.log().count(refused) > before, within=30, what=refused)
    assert "wintersun" not in world.server.log()


def test_a_reload_takes_the_mechanisms() -> None:
    server = Postroad({"workers": 1, "login": {"mechanisms": ["PLAIN"]}}, listeners=("submission",))
    try:
        assert announced(server) == "250-AUTH PLAIN"
        text = server.configuration.read_text()
        server.configuration.write_text(text.replace('["PLAIN"]', '["LOGIN", "PLAIN"]'))
        os.kill(server.supervisor, signal.SIGHUP)
        server.wait_log("reloaded")
        assert announced(server) == "250-AUTH LOGIN PLAIN"
    finally:
        server.stop()


def announced(server: Postroad) -> str:
    """The AUTH line of EHLO."""
    with dialogue.starttls(server.port("submission")) as openssl:
        lines = openssl.say("EHLO laptop").splitlines()
    return next(line for line in lines if "AUTH" in line)
