"""Real milters with a whole server: what they add and refuse, beside a real Postfix with them."""

from __future__ import annotations

import asyncio
import pwd
import re
import smtplib
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from fake_milter import ALL, FakeMilter, packet, serving
from peers.dns import NameServer
from peers.milters import EICAR, ClamavMilter, RspamdMilter, opened
from peers.opendkim import OpenDkim
from peers.opendmarc import OpenDmarc
from peers.ports import free_port
from peers.postfix import Listener, Postfix
from peers.postroad import Postroad, Table
from peers.processes import peer_folder, remove_folder
from peers.spamd import GTUBE
from peers.waiting import until
from postroad.mailauth.dkim.signing_key import new_key
from postroad.model.fields import Fields

pytestmark = pytest.mark.peer

JOHN = "john@example.org"
TEXT = (
    "From: Ann <ann@example.org>\r\nTo: john@example.org\r\nSubject:  hello\r\n there\r\n"
    "Message-ID: <{mark}@example.org>\r\nDate: Sun, 22 Nov 2026 03:00:00 +0000\r\n"
    "X-Two: one\r\nX-Two: two\r\n\r\nHello {mark},\r\n.\r\n..two  blanks \r\n\r\n\r\n"
)


class Pair:
    """Postroad and Postfix, both with the same milters.

    Args:
        places: where the milters are, in order.
    """

    def __init__(self, *places: str) -> None:
        filters: Table = {
            f"milter{at}": {"kind": "milter", "socket": place} for at, place in enumerate(places)
        }
        self.postroad = Postroad(
            {"filters": filters, "workers": 1, "authentication": {"verify": False}},
            listeners=("mx", "submission"),
            accounts={JOHN: "a password"},
        )
        account = pwd.getpwnam("postfix")
        users = Listener(free_port(), {"milter_macro_daemon_name": "ORIGINATING"})
        self.postfix = Postfix(
            {
                "myhostname": "mail.example.org",
                "smtpd_milters": ", ".join(places),
                "non_smtpd_milters": ", ".join(places),
                "virtual_mailbox_domains": "example.org",
                "virtual_mailbox_base": "%(folder)s/mail",
                "virtual_mailbox_maps": "inline:{john@example.org=john/Maildir/}",
                "virtual_uid_maps": f"static:{account.pw_uid}",
                "virtual_gid_maps": f"static:{account.pw_gid}",
                "virtual_minimum_uid": "1",
            },
            listeners=(Listener(free_port(), {}), users),
        )
        self.users = users.port

    def stop(self) -> None:
        """End both."""
        self.postroad.stop()
        self.postfix.stop()

    def from_outside(self, text: bytes) -> list[tuple[int, str]]:
        """Send a message to both as a stranger; what each says."""
        return [
            sent(port, text, "ann@example.com")
            for port in (self.postroad.port("mx"), self.postfix.port)
        ]

    def from_user(self, text: bytes) -> list[tuple[int, str]]:
        """Send a message to both as a user of theirs."""
        ours = sent(self.postroad.port("submission"), text, JOHN, "a password")
        return [ours, sent(self.users, text, JOHN)]

    def arrived(self, mark: str) -> list[tuple[list[str], bytes]]:
        """What arrived at both: header fields without those of the servers, and the body."""
        found = [self.postroad.maildir(JOHN), self.postfix.maildir("john")]
        return [parts(each.wait(mark)) for each in found]


def sent(port: int, text: bytes, sender: str, password: str = "") -> tuple[int, str]:
    """Send a message; what the server says to its content."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", port, "client.example", timeout=30) as client:
        client.ehlo()
        if password:
            client.starttls(context=context)
            client.login(sender, password)
        for code, words in (client.mail(sender), client.rcpt(JOHN)):
            if code != 250:
                return code, words.decode()
        code, words = client.data(text)
        return code, _QUEUE_ID.sub("QUEUEID", words.decode())


def parts(octets: bytes) -> tuple[list[str], bytes]:
    """Header fields as far as a milter may have made them, what differs each time left out."""
    head, _, body = octets.replace(b"\r\n", b"\n").partition(b"\n\n")
    fields = Fields.of(head.replace(b"\n", b"\r\n") + b"\r\n")
    shown = []
    for field in fields:
        if field.key in ("return-path", "x-original-to", "delivered-to"):
            continue
        text = field.octets.decode()
        if field.key == "received":
            text = "OURS"
        if field.key in ("dkim-signature", "dkim-filter"):
            text = _SIGNED.sub(r"\1...", text)
        shown.append(text)
    return shown, body


def message(mark: str, body: str = "") -> bytes:
    """A message; `mark` is in its body."""
    return (TEXT.format(mark=mark) + body).encode()


_QUEUE_ID = re.compile(r"(?<=queued as )\w+")
_SIGNED = re.compile(r"(?s)(\bt=|\bb=|v2.11.0 mail.example.org).*")
KEY = new_key("example.org", "one", "rsa", 2048)


@pytest.fixture(scope="module")
def opendkim() -> Iterator[Pair]:
    keys = f"one._domainkey.example.org {KEY.record}\n".encode()
    settings = (
        "Mode sv\nDomain example.org\nSelector one\nKeyFile {folder}/key\n"
        "TestPublicKeys {folder}/keys\nMTA ORIGINATING\n"
        "InternalHosts {folder}/hosts\nRequireSafeKeys no\n"
    )
    files = {"key": KEY.pem, "keys": keys, "hosts": b"192.0.2.99\n"}
    with ExitStack() as exits:
        milter = OpenDkim(settings, files)
        exits.callback(milter.stop)
        pair = Pair(opened(milter.socket))
        exits.callback(pair.stop)
        yield pair


def test_opendkim_signs_for_users(opendkim: Pair) -> None:
    said = opendkim.from_user(message("signed"))
    ours, postfixes = opendkim.arrived("signed")

    assert said[0] == said[1]
    assert ours == postfixes
    assert sum("DKIM-Signature: " in field for field in ours[0]) == 1


@pytest.mark.parametrize(("mark", "end", "result"), [("kept", "", "pass"), ("spoilt", "x", "fail")])
def test_opendkim_verifies(opendkim: Pair, mark: str, end: str, result: str) -> None:
    opendkim.from_user(message(f"to be {mark}"))
    stored = opendkim.postroad.maildir(JOHN).wait(f"to be {mark}").replace(b"\n", b"\r\n")
    (signature,) = Fields.of(stored).named("DKIM-Signature")
    text = f"X-Mark: {mark}\r\n".encode() + signature.octets + message(f"to be {mark}", end)

    said = opendkim.from_outside(text)
    ours, postfixes = opendkim.arrived(f"X-Mark: {mark}")

    assert said[0] == said[1] == (250, "2.0.0 Ok: queued as QUEUEID")
    assert ours == postfixes
    assert f"dkim={result}" in ours[0][0]


def test_mail_of_this_machine_is_shown_as_postfix_shows_it(opendkim: Pair) -> None:
    text = message("byhand").replace(b"\r\n", b"\n")
    opendkim.postroad.run("sendmail", "-oi", "-f", JOHN, JOHN, text=text.decode())
    opendkim.postfix.sendmail(JOHN, [JOHN], text)
    ours, postfixes = opendkim.arrived("byhand")

    assert ours == postfixes
    opendkim.postroad.wait_log("milter0=changed (Authentication-Results added)")


@pytest.fixture(scope="module")
def both() -> Iterator[Pair]:
    keys = {
        "keys": f"one._domainkey.example.org {KEY.record}\n".encode(),
        "hosts": b"192.0.2.99\n",
    }
    with ExitStack() as exits:
        first = OpenDkim(
            "Mode v\nTestPublicKeys {folder}/keys\nInternalHosts {folder}/hosts\n", keys
        )
        exits.callback(first.stop)
        second = OpenDmarc({}, "test.example")
        exits.callback(second.stop)
        pair = Pair(opened(first.socket), opened(second.socket))
        exits.callback(pair.stop)
        yield pair


def test_opendmarc_goes_by_what_opendkim_wrote_before_it(both: Pair) -> None:
    said = both.from_outside(message("both"))
    ours, postfixes = both.arrived("both")

    assert said[0] == said[1]
    assert ours == postfixes
    assert [field.partition(";")[0] for field in ours[0][:2]] == [
        "Authentication-Results: dmarc.test",
        "Authentication-Results: test.example",
    ]


def test_opendkim_beside_our_own_verification() -> None:
    hosts = {"hosts": b"192.0.2.99\n", "keys": b"\n"}
    with ExitStack() as exits:
        dns = NameServer(["unused.test. TXT none"], ["test.", "org.", "com.", "example."])
        exits.callback(dns.stop)
        milter = OpenDkim(
            "Mode v\nTestPublicKeys {folder}/keys\nInternalHosts {folder}/hosts\n", hosts
        )
        exits.callback(milter.stop)
        settings: Table = {
            "filters": {"opendkim": {"kind": "milter", "socket": opened(milter.socket)}},
            "workers": 1,
            "relay": {"trusted_networks": ["203.0.113.0/24"]},
            "dns": {"servers": [f"127.0.0.1:{dns.port}"], "reverse": False},
        }
        server = Postroad(settings, listeners=("mx",), accounts={JOHN: "a password"})
        exits.callback(server.stop)

        said = sent(server.port("mx"), message("beside"), "ann@example.com")
        fields, _ = parts(server.maildir(JOHN).wait("beside"))

    assert said[0] == 250
    names = [field.partition(";")[0] for field in fields if "Authentication-R" in field]
    assert names == [
        "Authentication-Results: mail.example.org",
        "Authentication-Results: test.example",
    ]


@pytest.fixture(scope="module")
def rspamd() -> Iterator[Pair]:
    with ExitStack() as exits:
        milter = RspamdMilter()
        exits.callback(milter.stop)
        pair = Pair(milter.place)
        exits.callback(pair.stop)
        yield pair


def test_rspamd_refuses_spam(rspamd: Pair) -> None:
    said = rspamd.from_outside(message("spam", GTUBE))

    assert said[0] == said[1]
    assert said[0][0] == 554


def test_rspamd_says_what_it_thinks(rspamd: Pair) -> None:
    said = rspamd.from_outside(message("ham"))
    ours, postfixes = rspamd.arrived("ham")

    assert said[0] == said[1] == (250, "2.0.0 Ok: queued as QUEUEID")
    assert ours == postfixes
    assert any(field.startswith("X-Spamd-Bar:") for field in ours[0])


@pytest.fixture(scope="module")
def clamav() -> Iterator[Pair]:
    with ExitStack() as exits:
        milter = ClamavMilter()
        exits.callback(milter.stop)
        pair = Pair(milter.place)
        exits.callback(pair.stop)
        yield pair


def test_clamav_refuses_a_virus_and_nothing_is_kept(clamav: Pair) -> None:
    said = clamav.from_outside(message("virus", EICAR.decode()))

    assert said == [(550, "5.7.1 Virus found: Test.Eicar.UNOFFICIAL")] * 2
    assert not list((clamav.postroad.state / "spool").rglob("bodies/*"))
    clamav.postroad.wait_log("milter0=reject (550 5.7.1 Virus found")


def test_clamav_marks_what_it_saw(clamav: Pair) -> None:
    said = clamav.from_outside(message("ham"))
    ours, postfixes = clamav.arrived("ham")

    assert said[0] == said[1]
    assert ours == postfixes
    assert "X-Virus-Status: Clean\r\n" in ours[0]


@contextmanager
def listening(milter: FakeMilter, path: Path) -> Iterator[str]:
    """Have a milter of our own serve, in a loop of its own."""
    loop, ended, begun = asyncio.new_event_loop(), asyncio.Event(), threading.Event()

    async def serve() -> None:
        async with serving(milter, path):
            begun.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert begun.wait(30)
        yield opened(path)
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


def heard_of(milter: FakeMilter, port: int) -> tuple[list[bytes], list[dict[str, str]], list[int]]:
    """What a milter hears of a session with much that is refused; and what the client hears."""
    before = milter.connections
    with smtplib.SMTP("127.0.0.1", port, "client.example", timeout=30) as client:
        until(lambda: milter.connections > before, within=30, what="a connection to the milter")
        milter.heard.clear()
        milter.macros.clear()
        client.ehlo()
        said = [
            client.docmd("FROBNICATE", "the server")[0],
            client.mail("ann@example.com")[0],
            client.rcpt("nobody@example.org")[0],
            client.rcpt(JOHN)[0],
            client.data(message("told"))[0],
            client.mail("ann@example.com")[0],
            client.rset()[0],
        ]
    until(lambda: milter.heard[-1:] == [b"Q"], within=30, what="the end for the milter")
    told = [dict(values) for letter, values in milter.macros if letter == "R"]
    for values in told:
        values.pop("i", None)  # Postfix opens its queue file with the first recipient
    # Ours is told of the end of a message once; Postfix adds an ABORT.
    steps = [each for each in milter.heard if each[:1] not in b"OCAQ"]
    return steps, told, said


def test_a_milter_hears_the_same_from_both() -> None:
    milter = FakeMilter(steps=0x800)
    folder = peer_folder("milter")
    with ExitStack() as exits:
        exits.callback(remove_folder, folder)
        pair = Pair(exits.enter_context(listening(milter, folder / "socket")))
        exits.callback(pair.stop)
        ours = heard_of(milter, pair.postroad.port("mx"))
        postfixes = heard_of(milter, pair.postfix.port)

    steps, told, said = ours
    assert (steps, said) == (postfixes[0], postfixes[2])
    assert b"UFROBNICATE\0" in steps
    assert (
        told[0]
        == postfixes[1][0]
        == {
            "{rcpt_mailer}": "error",
            "{rcpt_host}": "5.1.1",
            "{rcpt_addr}": "Recipient address rejected: User unknown in virtual mailbox table",
        }
    )
    assert postfixes[1][1].pop("{rcpt_mailer}") == "virtual"
    assert told[1].pop("{rcpt_mailer}") == "local"
    assert told == postfixes[1]


class Scripted:
    """A pair of servers that ask one milter, which does what the next test wants."""

    def __init__(self, pair: Pair, milter: FakeMilter) -> None:
        self.pair = pair
        self.milter = milter

    def answer(self, wanted: FakeMilter) -> None:
        """From now on it answers as another one would."""
        self.milter.answers, self.milter.steps = wanted.answers, wanted.steps


@pytest.fixture(scope="module")
def scripted() -> Iterator[Scripted]:
    folder, milter = peer_folder("milter"), FakeMilter()
    with ExitStack() as exits:
        exits.callback(remove_folder, folder)
        pair = Pair(exits.enter_context(listening(milter, folder / "socket")))
        exits.callback(pair.stop)
        yield Scripted(pair, milter)


def at_end(*packets: bytes, steps: int = 0, actions: int = ALL) -> FakeMilter:
    """A milter that wants something changed."""
    octets = b"".join(packet(each) for each in (*packets, b"c"))
    return FakeMilter({b"E": octets}, steps=steps, actions=actions)


def field_change(letter: bytes, number: int, text: bytes) -> bytes:
    """What a milter says of a field by its number."""
    return letter + struct.pack("!I", number) + text


TWO_GONE = [field_change(b"m", number, b"X-Two\0\0") for number in (2, 1)]
LIST_TO_COME = packet(b"O" + struct.pack("!IIII", 6, ALL, 0, 9) + b"{new}\0")


@pytest.mark.parametrize(
    ("mark", "milter"),
    [
        ("unasked field", at_end(b"hX-New\0v\0", actions=0)),
        ("unasked body", at_end(b"bunasked body\r\n", actions=0)),
        ("a fold", at_end(b"hX-New\0a\n b\n\tc\nd\0")),
        ("at the top", at_end(field_change(b"i", 0, b"X-New\0v\0"))),
        ("below ours", at_end(field_change(b"i", 1, b"X-New\0v\0"))),
        ("below one", at_end(field_change(b"i", 2, b"X-New\0 v\0"))),
        ("below all", at_end(field_change(b"i", 0xFFFF_FFFF, b"X-New\0v\0"))),
        ("none of that number", at_end(field_change(b"m", 0xFFFF_FFFF, b"X-Two\0v\0"))),
        ("removed twice", at_end(*TWO_GONE)),
        ("removed again", at_end(*TWO_GONE[1:], *TWO_GONE[1:])),
        (
            "inserted and changed",
            at_end(field_change(b"i", 0, b"X-Two\0zero\0"), field_change(b"m", 1, b"X-Two\0v\0")),
        ),
        ("a blank", at_end(field_change(b"m", 2, b"X-Two\0v\0"), steps=0x100000)),
        ("a split end", at_end(b"ba split\r", b"b\nend\r\n")),
        ("a sender", at_end(b"e<bob@example.net>\0SIZE=5\0")),
        ("no sender", at_end(b"e<>\0")),
        ("lists to come", FakeMilter({b"O": LIST_TO_COME})),
        ("skip headers", FakeMilter({b"L": packet(b"s")})),
        ("skip recipients", FakeMilter({b"R": packet(b"s")})),
        ("skip at the end", FakeMilter({b"E": packet(b"s")})),
        ("percent", FakeMilter({b"E": packet(b"y550 5.7.1 100%% %d %\0")})),
        ("lines", FakeMilter({b"N": packet(b"y550-5.7.1 one\r\n550 5.7.1 two %%\0")})),
        ("no such answer", FakeMilter({b"E": packet(b"f")})),
        ("closing", FakeMilter({b"R": packet(b"4")})),
    ],
)
def test_what_a_milter_wants_is_done_alike(
    scripted: Scripted, mark: str, milter: FakeMilter
) -> None:
    scripted.answer(milter)

    said = scripted.pair.from_outside(f"X-Mark: {mark}\r\n".encode() + message(mark))

    assert said[0] == said[1]
    if said[0][0] == 250:
        ours, postfixes = scripted.pair.arrived(f"X-Mark: {mark}")
        assert ours == postfixes
