"""What scanners find out about the usual configuration, asked as a stranger: nothing weak, no name.

testssl.sh takes minutes for all of its tests; here are those for protocols and ciphers.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers import needs
from peers.postroad import Postroad

pytestmark = pytest.mark.peer

TIME_LIMIT = 180
LISTENERS = ("mx", "submission", "submissions")
CIPHERS = {
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
}
MADE_UP = ("root", "admin", "john", "lisa", "test", "postmaster")


@pytest.fixture(scope="module")
def server() -> Iterator[Postroad]:
    # As it comes, but that this machine is a stranger to it, and one that may connect as often as
    # scanners do.
    server = Postroad(
        {
            "relay": {"trusted_networks": []},
            "limits": {"connections_per_address": 0, "connections_per_network": 0},
        },
        accounts={"john@example.org": "summersun", "admin@example.org": "wintersun"},
    )
    yield server
    server.stop()


def run(*argv: str) -> str:
    done = subprocess.run(
        [needs.program(argv[0]), *argv[1:]],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("listener", LISTENERS)
def test_sslscan(server: Postroad, listener: str) -> None:
    starttls = () if listener == "submissions" else ("--starttls-smtp",)

    said = run("sslscan", "--no-colour", *starttls, f"127.0.0.1:{server.port(listener)}")

    enabled = dict(re.findall(r"(?m)^((?:SSL|TLS)v[0-9.]+) +(enabled|disabled)$", said))
    assert enabled == {
        "SSLv2": "disabled",
        "SSLv3": "disabled",
        "TLSv1.0": "disabled",
        "TLSv1.1": "disabled",
        "TLSv1.2": "enabled",
        "TLSv1.3": "enabled",
    }
    assert (
        set(re.findall(r"(?m)^(?:Preferred|Accepted) +TLSv\S+ +\d+ bits +(\S+)", said)) == CIPHERS
    )
    assert "Session renegotiation not supported" in said
    assert "Server supports TLS Fallback SCSV" in said
    assert "not vulnerable to heartbleed" in said
    assert "vulnerable to heartbleed" not in said.replace("not vulnerable to heartbleed", "")


def test_ssl_enum_ciphers(server: Postroad) -> None:
    port = str(server.port("submissions"))

    said = run("nmap", "-Pn", "-n", "-p", port, "--script", "+ssl-enum-ciphers", "127.0.0.1")

    assert "least strength: A" in said
    assert re.findall(r"TLSv[0-9.]+|SSLv\d", said) == ["TLSv1.2", "TLSv1.3"]
    assert "warnings" not in said


def test_smtp_scripts(server: Postroad) -> None:
    """The `+` runs a script also where a port's number does not say what is spoken there."""
    ports = f"{server.port('mx')},{server.port('submission')}"
    scripts = "+smtp-commands,+smtp-open-relay,+smtp-enum-users"
    options = "smtp-enum-users.methods={VRFY,EXPN,RCPT}"

    said = run(
        *("nmap", "-Pn", "-n", "-p", ports, "--script", scripts),
        *("--script-args", options, "127.0.0.1"),
    )

    assert "Server doesn't seem to be an open relay, all tests failed" in said
    assert "Server isn't an open relay, authentication needed" in said
    assert said.count("| smtp-commands: mail.example.org, ") == 2
    assert "VRFY," not in said  # in no EHLO
    found = said.partition("smtp-enum-users:")[2]
    assert "Couldn't perform user enumeration, authentication needed" in said
    assert not re.search(rf"(?m)^\|[ _]+(?:{'|'.join(MADE_UP)})$", found)


def test_testssl(server: Postroad, tmp_path: Path) -> None:
    findings = tmp_path / "findings.json"

    said = run(
        *("testssl", "--quiet", "--color", "0", "--nodns", "none", "--warnings", "batch"),
        *("--protocols", "--std", "--jsonfile", str(findings), "--starttls", "smtp"),
        f"127.0.0.1:{server.port('mx')}",
    )

    assert findings.exists(), said
    graded = {
        entry["id"]: entry["severity"]
        for entry in json.loads(findings.read_text())
        if entry["severity"] not in {"INFO", "WARN"}
    }
    assert graded.pop("TLS1_2") == "OK"
    assert graded.pop("TLS1_3") == "OK"
    assert graded.pop("cipherlist_STRONG") == "OK"
    assert set(graded.values()) == {"OK"}
