"""What `postroad user`, `group`, `domain` and `alias` change, as a running server shows it.

Two workers; each question is asked on several connections, which the system spreads over both.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterator

import pytest

from peers.postroad import Postroad

ASKED = 4  # connections for one question

JOHN, MARY, STAFF = "john@example.org", "mary@example.org", "staff@example.org"


@pytest.fixture(scope="module")
def server() -> Iterator[Postroad]:
    server = Postroad(
        {
            "directory": {"patterns": True},
            "listeners": {"mx": {"auth": True}},
            "relay": {"trusted_networks": []},
            "delivery": {"capture": "captured"},
            "domain": {"example.info": {"kind": "alias", "alias_of": "example.org"}},
        },
        listeners=("mx",),
        accounts={JOHN: "summersun", MARY: "moonlight"},
    )
    yield server
    server.stop()


def answers(
    server: Postroad, recipient: str, sender: str = "ann@elsewhere.test", login: str = ""
) -> set[tuple[int, str]]:
    """What RCPT is answered, whichever worker is asked."""
    found = set()
    for _ in range(ASKED):
        with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=30) as client:
            client.ehlo("client.example")
            if login:
                client.starttls()
                client.login(login, "summersun")
            client.mail(sender)
            code, text = client.rcpt(recipient)
            found.add((code, text.decode().partition(" ")[0]))
    return found


TAKEN, UNKNOWN, CLOSED, RELAY = (250, "2.1.5"), (550, "5.1.1"), (550, "5.7.1"), (554, "5.7.1")


def test_a_domain_that_stands_for_another(server: Postroad) -> None:
    assert answers(server, "john@example.net") == {RELAY}
    server.run("domain", "add", "example.net", "--alias-of", "example.org")
    assert answers(server, "John+x@example.net") == {TAKEN}
    assert answers(server, "nobody@example.net") == {UNKNOWN}
    assert answers(server, "john@example.net", JOHN, "john@example.net") == {TAKEN}
    server.run("domain", "remove", "example.net")
    assert answers(server, "john@example.net") == {RELAY}


def test_a_relayed_domain(server: Postroad) -> None:
    server.run("domain", "add", "example.com", "--relay", "--recipients", "any")
    assert answers(server, "anybody@example.com") == {TAKEN}
    server.run("domain", "remove", "example.com")
    assert answers(server, "anybody@example.com") == {RELAY}
    server.run(
        "domain", "add", "example.com", "--relay", "--recipients", "inline:{ann@example.com=OK}"
    )
    assert answers(server, "ann@example.com") == {TAKEN}
    (refused,) = answers(server, "eve@example.com")
    assert refused[0] == 550
    server.run("domain", "remove", "example.com")


@pytest.mark.parametrize(
    ("senders", "stranger", "member", "user"),
    [
        ("everybody", TAKEN, TAKEN, TAKEN),
        ("members", CLOSED, TAKEN, CLOSED),
        ("logged-in", CLOSED, CLOSED, TAKEN),
    ],
)
def test_who_may_write_to_a_group(
    server: Postroad,
    senders: str,
    stranger: tuple[int, str],
    member: tuple[int, str],
    user: tuple[int, str],
) -> None:
    server.run("group", "add", STAFF, MARY, "lisa@elsewhere.test", "--senders", senders)
    try:
        assert answers(server, "Staff+x@example.org") == {stranger}
        assert answers(server, "staff@example.info") == {stranger}
        assert answers(server, STAFF, "Lisa@elsewhere.test") == {member}
        assert answers(server, STAFF, JOHN, JOHN) == {user}
    finally:
        server.run("group", "remove", STAFF)
    assert answers(server, STAFF) == {UNKNOWN}


def test_patterns(server: Postroad) -> None:
    assert answers(server, "info-john@example.org") == {UNKNOWN}
    server.run("alias", "add", "--pattern", r"/^info-(.*)@example\.org$/", r"\1@example.org")
    assert answers(server, "Info-John@example.org") == {TAKEN}
    server.run("alias", "remove", r"/^info-(.*)@example\.org$/")
    assert answers(server, "info-john@example.org") == {UNKNOWN}


def test_rights(server: Postroad) -> None:
    refused = {(553, "5.7.1")}
    assert answers(server, MARY, "boss@elsewhere.test", JOHN) != {TAKEN}
    server.run("user", "send-as", JOHN, "boss@elsewhere.test")
    assert answers(server, MARY, "boss@elsewhere.test", JOHN) == {TAKEN}
    server.run("user", "send-as", JOHN, "boss@elsewhere.test", "--remove")
    assert answers(server, MARY, "boss@elsewhere.test", JOHN) == refused


def test_forwards_reach_whom_they_name_and_who_keeps_a_copy(server: Postroad) -> None:
    server.run("user", "forward", JOHN, MARY, "--keep")
    _send(server, "first")
    server.maildir(JOHN).wait("first")
    server.maildir(MARY).wait("first")
    server.run("user", "forward", JOHN, MARY)
    _send(server, "second")
    server.maildir(MARY).wait("second")
    server.run("user", "forward", JOHN, "--off")
    _send(server, "third")
    server.maildir(JOHN).wait("third")
    assert not any(b"second" in each for each in server.maildir(JOHN).messages())


def _send(server: Postroad, mark: str) -> None:
    with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=30) as client:
        client.sendmail("ann@elsewhere.test", [JOHN], f"Subject: {mark}\r\n\r\n{mark}\r\n")


def test_what_is_imported_is_there(server: Postroad) -> None:
    before = server.run("directory", "export", "--secrets")
    (server.folder / "more.csv").write_text(
        "kind,name,password,source,targets\n"
        "user,new@example.org,summersun,,\n"
        "alias,,,news@example.org,new@example.org\n"
    )
    server.run("directory", "import", str(server.folder / "more.csv"))
    assert answers(server, "news@example.org") == {TAKEN}
    server.run("directory", "import", "-", "--replace", text=before)
    assert answers(server, "news@example.org") == {UNKNOWN}
    assert server.run("directory", "export", "--secrets") == before
