"""What is said of the keys of listeners beyond their address, and of `[etrn]`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from postroad.config import ConfigurationError, load
from postroad.server.binds import Bind

HEAD = 'hostname = "mail.example.org"\ndomains = ["example.org"]\n'
WORLD = (
    "0.0.0.0/0 in {} hold too much of the Internet: whoever is in them can say that it is a "
    "trusted client, and send to any domain"
)

MISTAKES = {
    "LMTP on port 25": (
        '[listeners.lmtp]\nbind = [":25"]',
        "4: [listeners.lmtp] bind: LMTP must not be on port 25 (RFC 2033)",
    ),
    "LMTP that relays for neighbours": (
        '[listeners.lmtp.policy]\nrelay = ["permit_mynetworks", "reject"]',
        (
            "4: [listeners.lmtp.policy] relay: an open relay: a client, trusted or logged in, can "
            "send to any domain: permit_mynetworks: may permit it"
        ),
    ),
    "LMTP that relays for users": (
        '[listeners.lmtp.policy]\nrelay = ["permit_sasl_authenticated"]',
        (
            "4: [listeners.lmtp.policy] relay: an open relay: a client, trusted or logged in, can "
            "send to any domain: permit_sasl_authenticated: may permit it"
        ),
    ),
    "a path that is relative": (
        '[listeners.lmtp]\nbind = ["unix:run/lmtp"]',
        '4: [listeners.lmtp] bind: expected an absolute path after "unix:", not "run/lmtp"',
    ),
    "a path that is a folder": (
        '[listeners.lmtp]\nbind = ["unix:/run/"]',
        '4: [listeners.lmtp] bind: expected an absolute path after "unix:", not "/run/"',
    ),
    "a path that is too long": (
        f'[listeners.lmtp]\nbind = ["unix:/{"x" * 107}"]',
        (
            "4: [listeners.lmtp] bind: a socket's path has 107 octets at most, and "
            f"/{'x' * 107} has more"
        ),
    ),
    "a path twice": (
        '[listeners.lmtp]\nbind = ["unix:/run/a", "unix:/run/./a"]',
        ("4: [listeners.lmtp] bind: unix:/run/a is taken already by [listeners.lmtp]: unix:/run/a"),
    ),
    "a mode that is none": (
        '[listeners.lmtp]\nbind = ["unix:/run/a"]\nunix_mode = "rw"',
        (
            "5: [listeners.lmtp] unix_mode: expected permissions as chmod takes them, such as "
            '"0660", not "rw"'
        ),
    ),
    "a mode without a socket": (
        '[listeners.lmtp]\nunix_mode = "0666"',
        '4: [listeners.lmtp] unix_mode: is about "unix:" addresses, and bind has none',
    ),
    "an owner that is none": (
        '[listeners.lmtp]\nbind = ["unix:/run/a"]\nunix_owner = "a:b:c"',
        '5: [listeners.lmtp] unix_owner: expected "user" or "user:group", not "a:b:c"',
    ),
    "logins in plain text for everybody": (
        '[listeners.submission]\ntls = "none"\nplain_auth = true',
        (
            "5: [listeners.submission] plain_auth: would have passwords cross the network in plain "
            "text: bind loopback addresses or Unix-domain sockets only"
        ),
    ),
    "logins in plain text for some others": (
        (
            '[listeners.submission]\nbind = ["127.0.0.1:587", "10.0.0.1:587"]\ntls = "none"\n'
            "plain_auth = true"
        ),
        (
            "6: [listeners.submission] plain_auth: would have passwords cross the network in plain "
            "text: bind loopback addresses or Unix-domain sockets only"
        ),
    ),
    "logins in plain text beside TLS": (
        '[listeners.submission]\nbind = ["127.0.0.1:587"]\nplain_auth = true',
        (
            "5: [listeners.submission] plain_auth: is for listeners without TLS; give this one "
            'tls = "none" as well'
        ),
    ),
    "logins in plain text, and no logins": (
        "[listeners.lmtp]\nplain_auth = true",
        "4: [listeners.lmtp] plain_auth: is about logins, and auth is false here",
    ),
    "VRFY after a login that there is not": (
        '[listeners.mx]\nvrfy = "login"',
        '4: [listeners.mx] vrfy: "login" needs logins, and auth is false here',
    ),
    "VRFY for whom": (
        '[listeners.mx]\nvrfy = "alway"',
        (
            '4: [listeners.mx] vrfy: expected one of never, login, always, not "alway"; did you '
            "mean always?"
        ),
    ),
    "a keyword that cannot go": (
        '[listeners.mx]\ndiscard_ehlo_keywords = [\n"dsn",\n"CHUNKIN"]',
        (
            "6: [listeners.mx] discard_ehlo_keywords: expected EHLO keywords out of DSN, CHUNKING, "
            "BINARYMIME, REQUIRETLS, FUTURERELEASE, DELIVERBY, MT-PRIORITY, LIMITS, not "
            '"CHUNKIN"; did you mean CHUNKING?'
        ),
    ),
    "mail for our grandchildren": (
        '[listeners.submission]\nfuture_release = "2000w"',
        (
            "4: [listeners.submission] future_release: a duration is ten years at the most; "
            "0 switches a limit off"
        ),
    ),
    "a proxy that anybody is": (
        '[listeners.mx]\nproxy = ["0.0.0.0/0"]',
        f"4: [listeners.mx] proxy: {WORLD.format('proxy')}",
    ),
    "XCLIENT for anybody": (
        '[listeners.mx]\nxclient = ["0.0.0.0/1", "128.0.0.0/1"]',
        f"4: [listeners.mx] xclient: {WORLD.format('xclient')}",
    ),
    "XFORWARD for anybody": (
        '[listeners.mx]\nxforward = ["::/0"]',
        (
            "4: [listeners.mx] xforward: ::/0 in xforward hold too much of the Internet: whoever "
            "is in them can write a false origin into the log"
        ),
    ),
    "a network that is none": (
        '[listeners.mx]\nxclient = ["proxy.example.net"]',
        (
            '4: [listeners.mx] xclient: expected a network such as "192.0.2.0/24" or '
            '"2001:db8::/32", not "proxy.example.net"'
        ),
    ),
    "a key nearly right": (
        "[listeners.mx]\nxclients = []",
        "4: [listeners.mx] xclients: unknown key; did you mean xclient?",
    ),
    "a key from Postfix": (
        "[listeners.mx]\nsmtpd_authorized_xclient_hosts = []",
        (
            "4: [listeners.mx] smtpd_authorized_xclient_hosts: unknown key; did you mean "
            "[listeners.NAME] xclient?"
        ),
    ),
    "ETRN for nobody": (
        '[listeners.mx]\n[etrn."branch.example"]',
        (
            "4: [etrn.branch.example]: expected networks, users or both, for nobody may ask "
            "otherwise"
        ),
    ),
    "ETRN for no domain": (
        '[listeners.mx]\n[etrn."a b"]\nnetworks = ["10.0.0.1"]',
        '4: [etrn.a b]: expected a domain such as [etrn."example.net"], not "a b"',
    ),
    "ETRN for a domain twice": (
        (
            '[listeners.mx]\n[etrn."a.example"]\nusers = ["u@a.example"]\n'
            '[etrn."A.example"]\nusers = ["u@a.example"]'
        ),
        "6: [etrn.A.example]: A.example is named twice",
    ),
    "ETRN for a name": (
        '[listeners.mx]\n[etrn."a.example"]\nusers = [\n"john"]',
        '6: [etrn.a.example] users: expected an account such as "john@example.org", not "john"',
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_one_line(tmp_path: Path, name: str) -> None:
    text, said = MISTAKES[name]
    file = tmp_path / "postroad.toml"
    file.write_text(HEAD + text)
    with pytest.raises(ConfigurationError) as caught:
        load(file, examine_files=False)
    (mistake,) = caught.value.mistakes
    assert str(mistake).removeprefix(f"{file}:") == said


RIGHT = {
    "LMTP on a socket": '[listeners.lmtp]\nbind = ["unix:/run/a"]\nunix_owner = "postfix"',
    "LMTP on the usual port": "[listeners.lmtp]",
    "logins behind a program that ends TLS": (
        '[listeners.submission]\nbind = ["127.0.0.1:587", "[::1]:587", "unix:/run/a"]\n'
        'tls = "none"\nplain_auth = true'
    ),
    "proxies": '[listeners.mx]\nproxy = ["10.0.0.0/8", "2001:db8::1/128"]\nxclient = ["::1"]',
    "VRFY for users": '[listeners.submission]\nvrfy = "login"',
    "ETRN": '[listeners.mx]\n[etrn."branch.example"]\nnetworks = ["192.0.2.0/24"]',
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right(tmp_path: Path, name: str) -> None:
    file = tmp_path / "postroad.toml"
    file.write_text(HEAD + RIGHT[name])
    load(file, examine_files=False)


def test_a_socket_has_its_rights(tmp_path: Path) -> None:
    file = tmp_path / "postroad.toml"
    file.write_text(
        f'{HEAD}[listeners.lmtp]\nbind = ["unix:/run/a", "127.0.0.1:24"]\nunix_mode = "0600"\n'
        'unix_owner = "root:mail"'
    )

    (listener,) = load(file, examine_files=False).resolved_listeners

    assert listener.binds == (Bind("", 0, "/run/a", 0o600, "root:mail"), Bind("127.0.0.1", 24))
    assert listener.is_local
    assert listener.lmtp


@pytest.mark.parametrize("owner", ["nosuchuser:x", "nosuchuser", "root:nosuchgroup"])
def test_an_owner_of_sockets_that_is_not_there(tmp_path: Path, owner: str) -> None:
    file = tmp_path / "postroad.toml"
    text = f'{HEAD}[listeners.lmtp]\nbind = ["unix:/run/a"]\nunix_owner = '
    file.write_text(f'{text}"{owner}"\n')
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    assert str(caught.value) == (
        f"{file}:5: [listeners.lmtp] unix_owner: {owner}: there is no such user or group"
    )
    file.write_text(f'{text}"root:root"\n')
    assert load(file)


@pytest.mark.parametrize("key", ["proxy", "xclient", "xforward"])
def test_of_many_networks_a_few_are_named(tmp_path: Path, key: str) -> None:
    written = ", ".join(f'"{at}.0.0.0/8"' for at in range(1, 126, 2))
    file = tmp_path / "postroad.toml"
    file.write_text(f"{HEAD}[listeners.mx]\n{key} = [{written}]\n")
    with pytest.raises(ConfigurationError) as caught:
        load(file, examine_files=False)
    [mistake] = caught.value.mistakes
    assert re.match(r"(\d+\.0\.0\.0/8, ){4}\d+\.0\.0\.0/8 and \d+ more in ", mistake.message)
    assert len(mistake.message) < 250
