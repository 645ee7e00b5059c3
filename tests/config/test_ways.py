"""Mistakes in routes, transports, smarthosts, logins, tokens and warm-ups, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.config import ConfigurationError, load
from postroad.config.ways import kinds_of, ways_of

HEAD = 'hostname = "mail.example.org"\ndomains = ["example.org"]\n'


def loaded(folder: Path, text: str):
    file = folder / "postroad.toml"
    file.write_text(HEAD + text)
    return load(file)


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        loaded(folder, text)
    return [str(each).removeprefix(str(folder / "postroad.toml")) for each in caught.value.mistakes]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[routing]\ndefault_transport = "smpt"',
            '[routing] default_transport: there is no transport "smpt"; did you mean smtp?',
        ),
        ('[routing]\ndefault_transport = ":[x]"', 'expected "TRANSPORT" or "TRANSPORT:NEXT-HOP"'),
        ('[routing]\nrelay_domains = ["x y"]', 'expected a domain such as "example.org"'),
        (
            '[routing]\ntransport = ["inline:{example.net=bluk:}"]\n[transports.bulk]',
            'the entry "bluk:" means nothing: there is no transport "bluk"; did you mean bulk?',
        ),
        (
            '[relay]\nsender_smarthosts = ["inline:{@example.org=[x}"]',
            'the entry "[x" means nothing',
        ),
        ('[listeners.mx]\ntransport = "nowhere"', "[listeners.mx] transport: there is no"),
        ("[transports.smtp]", "is the name of a transport that is there already"),
        ('[transports."a b"]', "expected a name of letters"),
        ('[transports.x]\nkind = "smpt"', "expected one of smtp, lmtp, pipe, error"),
        (
            '[transports.x]\nkind = "error"\nport = 25',
            "[transports.x] port: says nothing to a transport of the kind error",
        ),
        ('[transports.x]\ncommand = ["/bin/true"]', "says nothing to a transport of the kind smtp"),
        ('[transports.x]\nkind = "lmtp"\nnexthop = "unix:x"', "is no LMTP socket"),
        ('[transports.x]\nnexthop = "[x"', "is no next hop"),
        ('[transports.x]\nfallback = "a:0"', "expected"),
        ("[transports.x]\nport = 70_000", "expected a TCP port"),
        (
            '[transports.x]\nsource_addresses = ["mx"]',
            '[transports.x] source_addresses: expected "ADDRESS" or "ADDRESS NAME"',
        ),
        (
            '[delivery]\nsource_addresses = ["127.0.0.1", "127.0.0.1 a.example.org"]',
            "127.0.0.1 is listed twice",
        ),
        (
            '[relay]\nlogin_mechanisms = ["PLAN"]',
            "[relay] login_mechanisms: expected one of SCRAM",
        ),
        ('[[relay.smarthosts]]\nhost = "a, b"', "[[relay.smarthosts]] host: expected"),
        ('[[relay.smarthosts]]\nhost = "a"\nweight = 0', "expected a number from 1 to 1000"),
        ('[relay]\nfallback = "[x"', "[relay] fallback: expected"),
        ('[relay]\nusername = "john"', "[relay] username: is for a smarthost, and none is given"),
        (
            '[relay]\nsmarthost = "a"\nusername = "john"',
            "needs password_file, a file that holds the password, or a section [tokens]",
        ),
        ("[relay]\nsender_logins = true", "needs logins"),
        (
            '[tokens.john]\nendpoint = "http://issuer.test"\nclient_id = "x"',
            "[tokens.john] endpoint: expected",
        ),
        (
            '[tokens.john]\nendpoint = "https://issuer.test"\nclient_id = "x"',
            "needs refresh_token_file, or client_secret_file",
        ),
        (
            '[warmup."127.0.0.1"]\nstart = "2026-11-01"\nschedule = "1"',
            "no source_addresses have 127.0.0.1",
        ),
        ('[warmup.mx]\nstart = "2026-11-01"\nschedule = "1"', "expected an IP address"),
        (
            (
                '[delivery]\nsource_addresses = ["127.0.0.1"]\n'
                '[warmup."127.0.0.1"]\nstart = "soon"\nschedule = "1"'
            ),
            'start: expected a day such as "2026-11-01"',
        ),
        (
            (
                '[delivery]\nsource_addresses = ["127.0.0.1"]\n'
                '[warmup."127.0.0.1"]\nstart = "2026-11-01"\nschedule = "many"'
            ),
            'schedule: expected numbers such as "50, 100, 200"',
        ),
        (
            (
                '[delivery]\nsource_addresses = ["127.0.0.1"]\n'
                '[warmup."127.0.0.1"]\nstart = "2026-11-01"\nschedule = "1"\n'
                'groups = { gogle = "1" }'
            ),
            "did you mean google?",
        ),
        ("transport_maps = 1", "unknown key; did you mean [routing] transport?"),
        ("relayhost = 1", "unknown key; did you mean [relay] smarthost?"),
        ("smtp_fallback_relay = 1", "unknown key; did you mean [relay] fallback?"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, said: str) -> None:
    found = mistakes(tmp_path, text)
    assert any(said in each for each in found), found


@pytest.mark.parametrize(
    ("mode", "words"),
    [(0o644, "everybody may read this password"), (0o660, "its group may change this password")],
)
@pytest.mark.parametrize("section", ["relay", "transports.x"])
def test_secrets_that_lie_open(tmp_path: Path, mode: int, words: str, section: str) -> None:
    for name in ("sasl_passwd", "password"):
        (tmp_path / name).write_text("[a] john:summersun\n")
        (tmp_path / name).chmod(mode)
    smarthost = 'smarthost = "[a]"\n' if section == "relay" else ""
    text = (
        f'[{section}]\n{smarthost}username = "john"\npassword_file = "password"\n'
        f'logins = ["hash:{tmp_path}/sasl_passwd"]'
    )
    found = mistakes(tmp_path, text)
    assert [each for each in found if f"[{section}] password_file" in each and words in each]
    assert [each for each in found if f"[{section}] logins" in each and words in each]
    for name in ("sasl_passwd", "password"):
        (tmp_path / name).chmod(0o640)
    loaded(tmp_path, f'{text}\n[listeners.mx]\ntls = "none"')


def test_what_is_made_of_it(tmp_path: Path) -> None:
    text = """
[routing]
default_transport = "bulk"
transport = ["inline:{{closed.test=error:5.1.2 it moved}}"]
[transports.bulk]
nexthop = "[Bulk.Example.net]:587"
[transports.store]
kind = "lmtp"
nexthop = "[store]:24"
[[relay.smarthosts]]
host = "[a]:587"
weight = 3
[[relay.smarthosts]]
host = "[b]:587"
[listeners.mx]
tls = "none"
transport = "store"
"""
    configuration = loaded(tmp_path, text)
    ways = ways_of(configuration)
    assert ways.nexthops == {"bulk": "[bulk.example.net]:587", "store": "inet:[store]:24"}
    assert ways.listeners == {"mx": "store"}
    assert kinds_of(configuration)["store"] == "lmtp"
    assert configuration.relay.nexthop == "[a]:587*3,[b]:587*1"
