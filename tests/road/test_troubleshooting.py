"""`docs/troubleshooting.md` shows what really happens: each case is made, and compared.

Every case is a conversation with a running server, through a PROXY header that tells the client's
address and the usual port. What the log and `postroad why` say of it stands on the page, with fixed
times and identifiers in place of the real ones.
"""

from __future__ import annotations

import base64
import os
import re
import socket
import sqlite3
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from peers.ports import free_port
from peers.postroad import Postroad, Table
from peers.waiting import until

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
LABELS = ("The client sees:", "The log says:", "`postroad why` says:")
RENEW = "RENEW_TROUBLESHOOTING" in os.environ
"""Write the page's blocks anew instead of comparing them, after a change that was meant."""

PATIENCE = 60.0  # seconds
PORTS = {"mx": 25, "small-server": 25, "submission": 587, "tables": 587}
PASSWORD = "summersun"
USER = "john@example.org"

FROZEN = "jane@example.org"

SESSION = "D1ZW2CET80"
QUEUE_ID = "HODG6NB20100"
FIXED = (
    (re.compile(r"^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d mail ", re.MULTILINE), "Dec 10 19:22:27 "),
    (re.compile(r"(postroad(?:/[\w-]+)?/\w+)\[\d+\]"), r"\1[962]"),
    (re.compile(r"delay=[\d./]+, delays=[\d./]+"), "delay=0.12, delays=0.08/0/0/0.04"),
    (re.compile(r"[\d.]+ seconds"), "0.12 seconds"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b"), "2026-12-10 19:22:27"),
    (re.compile(r"^\d\d:\d\d:\d\d ", re.MULTILINE), "19:22:27 "),
    (re.compile(r"/\S+(?=/(?:aliases.cf|accounts.db))"), "/etc/postroad"),
)


class Talk:
    """A client that the server takes for another one, as a proxy tells it.

    Args:
        server: whom to talk to.
        address: the client's.
        listener: by which it came.
    """

    def __init__(self, server: Server, address: str, listener: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.ports[listener]), PATIENCE)
        header = f"PROXY TCP4 {address} 198.51.100.1 4025 {PORTS[listener]}\r\n"
        self._socket.sendall(header.encode())
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def hear(self) -> str:
        """The last line of the next reply; empty at the end of the connection."""
        while True:
            line = self._file.readline().decode()
            if line[3:4] != "-":
                return line.rstrip("\r\n")

    def say(self, *lines: str) -> str:
        """Say each line once the one before was answered; the last reply's last line."""
        reply = ""
        for line in lines:
            self._socket.sendall(line.encode() + b"\r\n")
            reply = self.hear()
        return reply

    def throw(self, octets: bytes) -> None:
        """Send octets, and read until the server closes."""
        self._socket.sendall(octets)
        while self._file.read1(4096):
            pass

    def secure(self, context: ssl.SSLContext) -> None:
        """Begin TLS."""
        self._file.close()
        self._socket = context.wrap_socket(self._socket, server_hostname="mail.example.org")
        self._file = self._socket.makefile("rb")


def encrypted(talk: Talk) -> None:
    """As far as TLS, by STARTTLS, as a mail program that takes any certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    assert talk.say("EHLO laptop").startswith("250")
    assert talk.say("STARTTLS").startswith("220")
    talk.secure(context)
    assert talk.say("EHLO laptop").startswith("250")


def login(user: str = USER, password: str = PASSWORD) -> str:
    """The line that logs in."""
    return "AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode()


# The cases --------------------------------------------------------------------------------------


def relay_denied(talk: Talk) -> str:
    talk.say("EHLO [192.168.30.6]", "MAIL FROM:<john@example.org>")
    return talk.say("RCPT TO:<lisa@elsewhere.test>")


def not_owned(talk: Talk) -> str:
    encrypted(talk)
    talk.say(login(), "MAIL FROM:<someoneelse@example.org>")
    return talk.say("RCPT TO:<lisa@elsewhere.test>")


def not_logged_in(talk: Talk) -> str:
    encrypted(talk)
    talk.say("MAIL FROM:<john@example.org>")
    return talk.say("RCPT TO:<lisa@elsewhere.test>")


def typed_by_hand_after_starttls(talk: Talk) -> str:
    talk.say("EHLO laptop", "STARTTLS")
    talk.throw(b"EHLO laptop\r\n")
    return ""


def tls_where_plain_text_begins(talk: Talk) -> str:
    context = ssl.create_default_context()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        talk.secure(context)
    return ""


def certificate_refused(talk: Talk) -> str:
    talk.say("EHLO laptop", "STARTTLS")
    context = ssl.create_default_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # its alert comes within the handshake
    with pytest.raises(ssl.SSLCertVerificationError):
        talk.secure(context)
    return ""


def starttls_needed(talk: Talk) -> str:
    return talk.say("EHLO laptop", "MAIL FROM:<john@example.org>")


def wrong_password(talk: Talk) -> str:
    encrypted(talk)
    return talk.say(login(password="wintermoon"))


def unknown_user(talk: Talk) -> str:
    talk.say("EHLO mx.elsewhere.test", "MAIL FROM:<lisa@elsewhere.test>")
    return talk.say("RCPT TO:<jon@example.org>")


def listed_as_spam(talk: Talk) -> str:
    talk.say("EHLO mx.elsewhere.test", "MAIL FROM:<offers@elsewhere.test>")
    return talk.say("RCPT TO:<john@example.org>")


def table_without_answer(talk: Talk) -> str:
    encrypted(talk)
    talk.say(login(), "MAIL FROM:<john@example.org>")
    return talk.say("RCPT TO:<lisa@elsewhere.test>")


def too_many_recipients(talk: Talk) -> str:
    talk.say("EHLO mx.elsewhere.test", "MAIL FROM:<lisa@elsewhere.test>")
    return talk.say(*["RCPT TO:<john@example.org>"] * 3)


def too_many_in_a_minute(talk: Talk) -> str:
    talk.say("EHLO mx.elsewhere.test")
    for _ in range(2):
        talk.say("MAIL FROM:<lisa@elsewhere.test>", *["RCPT TO:<john@example.org>"] * 2, "RSET")
    talk.say("MAIL FROM:<lisa@elsewhere.test>")
    return talk.say("RCPT TO:<john@example.org>")


def helo_without_domain(talk: Talk) -> str:
    talk.say("EHLO laptop", "MAIL FROM:<lisa@elsewhere.test>")
    return talk.say("RCPT TO:<john@example.org>")


def frozen(talk: Talk) -> str:
    encrypted(talk)
    return talk.say(login(FROZEN), f"MAIL FROM:<{FROZEN}>")


def delivered(talk: Talk) -> str:
    talk.say("EHLO mx.elsewhere.test", "MAIL FROM:<lisa@elsewhere.test>")
    talk.say("RCPT TO:<john@example.org>", "DATA")
    return talk.say("Subject: hello\r\n\r\nHello John\r\n.")


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        title: its heading on the page.
        listener: where it comes in.
        happen: makes it happen, and returns the reply that the client sees.
        logged: occurs in the last of its lines in the log.
        by_message: whether the message is asked for, and not the session.
    """

    title: str
    listener: str
    happen: Callable[[Talk], str]
    logged: str
    by_message: bool = False


CASES = (
    Case("All is well", "mx", delivered, "removed", by_message=True),
    Case("Relay access denied", "mx", relay_denied, "Relay access denied"),
    Case("Access denied", "submission", not_logged_in, "Access denied"),
    Case("Not owned by user", "submission", not_owned, "not owned by user"),
    Case("Not owned by user, on port 25", "mx", not_owned, "not owned by user"),
    Case("The account is frozen", "submission", frozen, "4.7.13"),
    Case("Must issue a STARTTLS command first", "submission", starttls_needed, "530 5.7.0"),
    Case("Wrong version number, typed by hand", "submission", typed_by_hand_after_starttls, "lost"),
    Case("Wrong version number, from a program", "submission", tls_where_plain_text_begins, "lost"),
    Case("Unknown CA", "submission", certificate_refused, "lost connection after STARTTLS"),
    Case("Authentication failed", "submission", wrong_password, "authentication failed"),
    Case("User unknown", "mx", unknown_user, "User unknown"),
    Case("Sender address rejected: Spam", "small-server", listed_as_spam, "Spam"),
    Case("Need fully-qualified hostname", "small-server", helo_without_domain, "504 5.5.2"),
    Case("Too many recipients", "small-server", too_many_recipients, "452 4.5.3"),
    Case("Too many recipients from", "small-server", too_many_in_a_minute, "450 4.7.1"),
    Case("Server configuration error", "tables", table_without_answer, "451 4.3.5"),
)
ADDRESSES = {case.title: f"203.0.113.{number}" for number, case in enumerate(CASES, 1)}

POLICY = {
    "helo": ["reject_non_fqdn_helo_hostname"],
    "sender": ["check_sender_access inline:{{offers@elsewhere.test = REJECT Spam}}"],
}
TABLE = "dbpath = {}/accounts.db\nquery = SELECT email FROM virtual_users WHERE email='%s'\n"


class Server:
    """A server on whose usual listeners every connection begins with a PROXY header."""

    def __init__(self, folder: Path) -> None:
        table = folder / "aliases.cf"
        table.write_text(TABLE.format(folder))
        sqlite3.connect(folder / "accounts.db").close()  # without the table that the query names
        self.ports = {name: free_port() for name in PORTS}
        more: dict[str, Table] = {
            "mx": {"auth": True},
            "small-server": {"preset": "mx", "policy": POLICY},
            "tables": {
                "preset": "submission",
                "policy": {"sender": [f"check_sender_access sqlite:{table}"]},
            },
        }
        common = {"proxy": ["127.0.0.1/32"]}
        settings: Table = {
            "workers": 1,
            "dns": {"reverse": False},
            "relay": {"trusted_networks": []},
            "limits": {"recipients": 2},
            "rates": {
                "visitors": {"count": "recipients", "per": "client", "limit": 4, "window": "1m"}
            },
            "listeners": {
                "ready": {"preset": "mx"},  # the only one that greets whoever looks
                **{
                    name: {**more.get(name, {}), **common, "bind": [f"127.0.0.1:{port}"]}
                    for name, port in self.ports.items()
                },
            },
        }
        accounts = {USER: PASSWORD, FROZEN: PASSWORD}
        self.postroad = Postroad(settings, listeners=("ready",), accounts=accounts)
        self.postroad.run("user", "freeze", FROZEN, "--reason", "sends what it never sent before")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("tables"))
    yield server
    server.postroad.stop()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_the_page_shows_what_really_happens(server: Server, case: Case) -> None:
    compare(case.title, dict(zip(LABELS, seen(server, case), strict=True)))


def test_every_case_of_the_page_is_tried() -> None:
    shown = [title for title, text in sections().items() if "`postroad why` says:" in text]
    assert sorted(shown) == sorted(case.title for case in CASES)


def test_quotation_marks_of_print_are_found_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "send-as.cf").write_text(
        "dbpath = /var/accounts.db\nquery = SELECT email FROM t WHERE e=\u2018%s\u2019\n"
    )
    (tmp_path / "postroad.toml").write_text(
        'hostname = "mail.example.org"\ndomains = ["example.org"]\nstate_directory = "state"\n'
        '[listeners.mx]\ntls = "none"\n'
        f'policy = {{ sender = ["check_sender_access sqlite:{tmp_path}/send-as.cf"] }}\n'
    )
    argv = (sys.executable, "-m", "postroad", "--config", tmp_path / "postroad.toml", "check")
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == os.EX_CONFIG
    said = done.stdout.replace(str(tmp_path), "/etc/postroad")
    compare("Errors in the tables", {"`postroad check` says:": said})


def seen(server: Server, case: Case) -> tuple[str, str, str]:
    """What the client, the log and `postroad why` say of a case."""
    address = ADDRESSES[case.title]
    with Talk(server, address, case.listener) as talk:
        if case.happen is not tls_where_plain_text_begins:
            talk.hear()
        reply = case.happen(talk)
        if reply:
            assert talk.say("QUIT").startswith("221")
    server.postroad.wait_log(f"disconnect from unknown[{address}]")
    message = re.search(r"queued as (\w+)", reply)
    name = message[1] if message is not None and case.by_message else address
    if case.by_message:
        server.postroad.wait_log(f"{name}: removed")
    lines = [
        line
        for line in server.postroad.log().splitlines()
        if f"[{address}]" in line or name in line
    ]
    told = [line for line in lines if not re.search(r": (dis)?connect from |TLS conn", line)]
    assert case.logged in told[-1]
    why = until(lambda: _why(server, name, case), within=PATIENCE, what="the record")
    return fixed(reply, name), fixed("\n".join(told), name), fixed(why, name)


def _why(server: Server, name: str, case: Case) -> str:
    """What is known of the case, as soon as all of it is."""
    try:
        said = server.postroad.run("why", name)
    except RuntimeError:
        return ""
    last = "What became of the message" if case.by_message else case.logged
    return said if last in said else ""


def fixed(text: str, name: str) -> str:
    """The text with the times and identifiers of the page."""
    text = text.replace(name, QUEUE_ID) if "." not in name else text
    for session in set(re.findall(r"(?:Session |session=<)([0-9A-Z]{10})\b", text)):
        text = text.replace(session, SESSION)
    for pattern, words in FIXED:
        text = pattern.sub(words, text)
    return text.strip("\n")


def compare(title: str, blocks: Mapping[str, str]) -> None:
    """A section of the page shows these blocks, each behind its label, where they are not empty."""
    assert any(blocks.values())
    section = expected = sections()[title]
    for label, text in blocks.items():
        if text:
            expected = with_block(expected, label, text)
    if RENEW:
        PAGE.write_text(PAGE.read_text().replace(section, expected))
    else:
        assert section == expected


def with_block(section: str, label: str, text: str) -> str:
    """The section with this text behind a label, in place of the indented block that is there."""
    block = "\n".join(f"    {line}".rstrip() for line in text.splitlines())
    label = re.escape(f"{label}\n\n")
    pattern = re.compile(rf"^({label})(?:(?: {{4}}.*)?\n)*?(?=\S|\Z)", re.MULTILINE)
    assert pattern.search(section), label
    return pattern.sub(lambda found: f"{found[1]}{block}\n\n", section)


def sections() -> dict[str, str]:
    """The page's text by its headings."""
    parts = re.split(r"^## (.+)\n", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))
