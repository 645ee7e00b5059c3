"""`postroad tls-policy`, for destinations that need no DNS; the others are with real servers."""

from __future__ import annotations

import json
import os

import pytest


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        (
            "",
            [
                "level may, by [outbound_tls] security_level",
                "0 127.0.0.1: TLS if it is offered, with any certificate; else plain text",
            ],
        ),
        (
            '[relay]\ntls = "verify"',
            [
                "level verify, by the transport",
                "a certificate for 127.0.0.1 that an authority vouches for",
            ],
        ),
        ('[relay]\ntls = "encrypt"', ["TLS with any certificate, never plain text"]),
        ('[relay]\ntls = "none"', ["0 127.0.0.1: plain text"]),
        (
            '[outbound_tls]\npolicy = ["inline:{{[127.0.0.1]:25=secure match=.example.net}}"]',
            ["level secure, by inline:{", "a certificate for .example.net"],
        ),
        (
            '[outbound_tls]\npolicy = ["inline:{[127.0.0.1]:25=dane-only}"]',
            ["0 127.0.0.1: not used: 451 4.7.5 no TLSA records found"],
        ),
        (
            '[relay]\nsmarthost = "[127.0.0.1]:25"\nusername = "u"\npassword_file = "p"',
            ["a certificate for 127.0.0.1 that an authority vouches for"],
        ),
    ],
)
def test_a_host_in_brackets(server, command_line, settings, lines):
    file = server / "postroad.toml"
    text = file.read_text()
    section = settings.partition("\n")[0]
    if section:
        text = text.replace(f"{section}\n", f"{settings}\n", 1)
    file.write_text(text)
    done = command_line("tls-policy", "[127.0.0.1]:25")
    assert done.status == 0
    for line in lines:
        assert line in done.out


def test_as_json(server, command_line):
    done = command_line("tls-policy", "[127.0.0.1]:25", "--json")
    (view,) = json.loads(done.out)
    assert (view["nexthop"], view["level"]) == ("[127.0.0.1]:25", "may")
    assert view["hosts"][0]["level"] == "may"
    assert view["mta_sts"] is None


def test_a_domain_of_ours(server, command_line):
    done = command_line("tls-policy", "example.org")
    assert "does not leave by SMTP" in done.out


@pytest.mark.parametrize("destination", ["[127.0.0.1", "x:99999", ""])
def test_what_is_no_destination(server, command_line, destination):
    done = command_line("tls-policy", destination)
    assert done.status == os.EX_USAGE
    assert "is no next hop" in done.err
