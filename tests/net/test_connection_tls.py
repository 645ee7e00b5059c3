"""TLS on a connection: clients that are slow, broken or hostile, and what is left of them.

Every test runs on both event loops (conftest.py). The clients are plain sockets that send what a
TLS stack of the test's own made, cut or changed on its way.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from connection_pair import PATIENCE, Pair, echo, read_all, sockets
from peers.certificates import Authority
from postroad.net.byte_stream import PORTION, READ_BUFFER
from postroad.net.certificates import KeyPair
from postroad.net.connection import Connection, TlsError
from postroad.net.settings import TlsSettings
from postroad.net.tls_server import Certificates, ServerTls

ANSWER = b"554 5.7.0 TLS only\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def front(authority: Authority) -> ssl.SSLContext:
    issued = authority.issue("mail.example.org", "localhost")
    pairs = [KeyPair(issued.chain, issued.key)]
    return ServerTls(Certificates(TlsSettings(), pairs)).context(client_certificates=False)


@pytest.fixture(scope="module")
def trust(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority.certificate)


class Expiry:
    """The limits of handshakes, which end when the test says so."""

    def __init__(self) -> None:
        self.limits: list[float | None] = []
        self.limited = asyncio.Event()

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        """Stands in for `asyncio.timeout`."""
        self.limits.append(seconds)
        self.limited.set()
        self.timer = asyncio.timeout(None)
        return self.timer

    def now(self) -> None:
        """The time is over."""
        self.timer.reschedule(asyncio.get_running_loop().time())


@pytest.fixture
async def expiry(monkeypatch: pytest.MonkeyPatch) -> Expiry:
    expiry = Expiry()
    monkeypatch.setattr("postroad.net.connection.timeout_after", expiry.timeout)
    return expiry


class Wire:
    """A TLS client whose octets the test carries to the server by hand."""

    def __init__(self, plain: Connection, trust: ssl.SSLContext) -> None:
        self.plain = plain
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = trust.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    def hello(self) -> bytes:
        """The first octets of a handshake."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self.outgoing.read()

    async def shake_hands(self) -> None:
        self.plain.write(self.hello())
        while True:
            self.incoming.write(await self.plain.read(PATIENCE))
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                continue
            finally:
                self.plain.write(self.outgoing.read())
            return

    def say(self, text: bytes) -> None:
        self.tls.write(text)
        self.plain.write(self.outgoing.read())

    async def hear(self) -> bytes:
        while True:
            with contextlib.suppress(ssl.SSLWantReadError):
                return self.tls.read(1000)
            data = await self.plain.read(PATIENCE)
            if not data:
                return b""
            self.incoming.write(data)


Serve = Callable[[Connection], Awaitable[None]]


@asynccontextmanager
async def served(serve: Serve, *, implicit: bool = True) -> AsyncIterator[Connection]:
    """A server's connection; in the end no descriptor is left."""
    before = sockets()
    async with Pair(serve, implicit_tls=implicit) as client:
        yield client
    for _ in range(5):  # turns in which closed transports let go of their sockets
        await asyncio.sleep(0)
    assert sockets() == before


def refusing(front: ssl.SSLContext, reasons: list[str], limit: float = PATIENCE) -> Serve:
    """A server that writes down why a handshake failed."""

    async def serve(connection: Connection) -> None:
        with pytest.raises(TlsError) as caught:
            await connection.start_tls(front, server_side=True, timeout=limit, plain_answer=ANSWER)
        reasons.append(str(caught.value))
        assert connection.is_closed
        assert connection.tls is None
        assert connection.channel_bindings == {}

    return serve


def talking(front: ssl.SSLContext, heard: list[bytes | str]) -> Serve:
    """A server that writes down what comes after the handshake, and how that ends."""

    async def serve(connection: Connection) -> None:
        await connection.start_tls(front, server_side=True, timeout=PATIENCE)
        try:
            while data := await connection.read(PATIENCE):
                heard.append(data)
                connection.write(data)
        except ConnectionError as error:
            heard.append(f"{type(error).__name__}: {error}")

    return serve


async def rest(client: Connection) -> bytes:
    """Everything until the server closes."""
    octets = b""
    with contextlib.suppress(ConnectionError):
        while data := await client.read(PATIENCE):
            octets += data
    return octets


@pytest.mark.parametrize(
    ("sent", "reason", "answered"),
    [
        (b"EHLO plain.example\r\n", "wrong version number (the client speaks plain text", True),
        (b"\r\n\r\n\r\n", "wrong version number (the client speaks plain text", True),
        (b"GET / HTTP/1.1\r\n\r\n", "http request (a web browser or scanner", True),
        (b"\x16\x03\x01\x00\x05hello", "", False),
        (b"\x00" * 100, "wrong version number (the client speaks something other", False),
        (b"\x80\x2e\x01\x00\x02" + b"\x00" * 60, "", False),  # SSL 2
        (b"\x16\x03\x01\xff\xff" + b"\x01" * 70_000, "", False),  # a record that is too long
        (b"\x15\x03\x01\x00\x02\x02\x28", "", False),  # an alert instead of a beginning
        (b"\x17\x03\x03\x00\x05hello", "", False),  # data before the handshake
    ],
)
async def test_what_is_no_handshake(
    front: ssl.SSLContext, sent: bytes, reason: str, answered: bool
) -> None:
    reasons: list[str] = []

    async with served(refusing(front, reasons)) as client:
        client.write(sent)
        said = await rest(client)

    assert reasons[0].startswith(reason)
    assert (said == ANSWER) is answered


async def test_a_client_that_waits_for_a_greeting_is_told_in_plain_text(
    front: ssl.SSLContext, expiry: Expiry
) -> None:
    reasons: list[str] = []
    held: list[Connection] = []

    async def serve(connection: Connection) -> None:
        held.append(connection)
        await refusing(front, reasons)(connection)

    async with served(serve) as client:
        async with asyncio.timeout(PATIENCE):
            while not held or held[0]._waiter is None:  # noqa: ASYNC110 - until the server waits
                await asyncio.sleep(0)
        expiry.now()
        assert await rest(client) == ANSWER

    assert reasons[0] == (
        f"timeout: the client sent nothing for {PATIENCE:g} s"
        " (it waits for a greeting in plain text, and here TLS begins with the first byte:"
        " set it to TLS/SSL, or to STARTTLS and port 587)"
    )


async def test_a_limit_that_is_over_before_anything_was_begun(front: ssl.SSLContext) -> None:
    reasons: list[str] = []

    async with served(refusing(front, reasons, 0)) as client:
        assert await rest(client) == b""

    assert reasons[0].startswith("timeout: the client sent nothing for 0 s")


async def test_a_handshake_that_comes_byte_by_byte_has_one_deadline(
    front: ssl.SSLContext, trust: ssl.SSLContext, expiry: Expiry
) -> None:
    reasons: list[str] = []

    async with served(refusing(front, reasons)) as client:
        hello = Wire(client, trust).hello()
        for octet in hello[:-1]:
            client.write(bytes((octet,)))
            await asyncio.sleep(0)
        await expiry.limited.wait()
        expiry.now()
        client.write(hello[-1:])
        assert ANSWER not in await rest(client)

    assert expiry.limits == [PATIENCE]
    assert reasons == [
        f"timeout: the peer did not finish the TLS handshake in time ({PATIENCE:g} s)"
    ]


async def test_a_handshake_byte_by_byte_in_time_succeeds(
    front: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    heard: list[bytes | str] = []

    async with served(talking(front, heard)) as client:
        wire = Wire(client, trust)
        for octet in wire.hello():
            client.write(bytes((octet,)))
            await asyncio.sleep(0)
        wire.incoming.write(await client.read(PATIENCE))
        while True:
            try:
                wire.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                wire.incoming.write(await client.read(PATIENCE))
        wire.tls.write(b"early")  # in one segment with the end of the handshake
        client.write(wire.outgoing.read())
        assert await wire.hear() == b"early"

    assert heard[0] == b"early"


async def test_silence_after_the_first_words(
    front: ssl.SSLContext, trust: ssl.SSLContext, expiry: Expiry
) -> None:
    reasons: list[str] = []

    async with served(refusing(front, reasons)) as client:
        client.write(Wire(client, trust).hello())
        assert await client.read(PATIENCE)  # our side of the handshake
        expiry.now()
        await rest(client)

    assert reasons[0].startswith("timeout: the peer did not finish")


async def test_a_hello_without_end(front: ssl.SSLContext) -> None:
    """OpenSSL takes 128 KiB of it and no more."""
    reasons: list[str] = []
    length = 0xFF_FF_FF
    begin = b"\x01" + length.to_bytes(3, "big") + b"\x03\x03"

    async with served(refusing(front, reasons)) as client:
        for payload in (begin, *([b"x" * 16_000] * 1000)):
            client.write(b"\x16\x03\x01" + len(payload).to_bytes(2, "big") + payload)
        await rest(client)

    assert reasons[0].startswith("excessive message size")


@pytest.mark.parametrize("step", ["before", "inside hello", "after hello", "after the answer"])
async def test_a_client_that_leaves_early(
    front: ssl.SSLContext, trust: ssl.SSLContext, step: str
) -> None:
    reasons: list[str] = []

    async with served(refusing(front, reasons)) as client:
        hello = Wire(client, trust).hello()
        if step == "inside hello":
            client.write(hello[:20])
        elif step != "before":
            client.write(hello)
        if step == "after the answer":
            await client.read(PATIENCE)
        client.close()

    expected = {
        "before": "the client closed the connection before the TLS handshake",
    }.get(step, "the peer closed the connection during the TLS handshake (the client hung up")
    assert reasons[0].startswith(expected)


async def test_the_name_of_a_client_that_refuses_our_certificate_is_known(
    front: ssl.SSLContext, authority: Authority
) -> None:
    reasons: list[str] = []
    trust = ssl.create_default_context(cafile=authority.certificate)

    async with served(refusing(front, reasons)) as client:
        with pytest.raises(TlsError):
            await client.start_tls(
                trust, server_side=False, timeout=PATIENCE, name="smtp.example.org"
            )

    assert reasons[0] == (
        "sslv3 alert bad certificate (the client asked for smtp.example.org, and our certificate"
        " is for mail.example.org, localhost: set the client to a name that it is for, or add a"
        " certificate for that name)"
    )


async def test_garbage_after_the_handshake(front: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    heard: list[bytes | str] = []

    async with served(talking(front, heard)) as client:
        wire = Wire(client, trust)
        await wire.shake_hands()
        wire.say(b"hello")
        assert await wire.hear() == b"hello"
        client.write(b"MAIL FROM:<injected@example.net>\r\n")
        await rest(client)

    assert heard[0] == b"hello"
    assert str(heard[1]).startswith("TlsError: wrong version number")


async def test_a_record_that_was_changed_on_its_way(
    front: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    heard: list[bytes | str] = []

    async with served(talking(front, heard)) as client:
        wire = Wire(client, trust)
        await wire.shake_hands()
        wire.tls.write(b"hello")
        record = bytearray(wire.outgoing.read())
        record[-1] ^= 1
        client.write(bytes(record))
        await rest(client)

    assert len(heard) == 1
    assert str(heard[0]).startswith("TlsError: decryption failed or bad record mac")


async def test_an_end_is_an_end_with_or_without_notice(
    front: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    for notice in (True, False):
        heard: list[bytes | str] = []
        async with served(talking(front, heard)) as client:
            wire = Wire(client, trust)
            await wire.shake_hands()
            wire.say(b"hello")
            assert await wire.hear() == b"hello"
            if notice:
                with contextlib.suppress(ssl.SSLWantReadError):
                    wire.tls.unwrap()
                client.write(wire.outgoing.read())
                await rest(client)
            client.close()
        assert heard == [b"hello"]


async def test_our_end_is_told_to_the_client(front: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    async def serve(connection: Connection) -> None:
        await connection.start_tls(front, server_side=True, timeout=PATIENCE)
        connection.write(b"bye")

    async with served(serve) as client:
        wire = Wire(client, trust)
        await wire.shake_hands()
        assert await wire.hear() == b"bye"
        assert await wire.hear() == b""
        wire.tls.unwrap()  # would want more, had there been no close_notify


async def test_renegotiation_is_refused(front: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    """A client that asks for it (here: by a second ClientHello in TLS 1.2) goes nowhere."""
    heard: list[bytes | str] = []
    old = ssl.create_default_context()
    old.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(trust.get_ca_certs(True)[0]))
    old.maximum_version = ssl.TLSVersion.TLSv1_2

    async with served(talking(front, heard)) as client:
        wire = Wire(client, old)
        await wire.shake_hands()
        assert wire.tls.version() == "TLSv1.2"
        client.write(Wire(client, old).hello())  # not even under the session's keys
        await rest(client)

    assert str(heard[0]).startswith("TlsError: ")


async def test_a_busy_reader_holds_the_peer_back(
    front: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    seen: list[int] = []
    done = asyncio.Event()

    async def busy(connection: Connection) -> None:
        await connection.start_tls(front, server_side=True, timeout=PATIENCE)
        await done.wait()
        while data := await connection.read(PATIENCE):
            seen.append(len(data))

    size = 64 * READ_BUFFER
    async with served(busy) as client:
        await client.start_tls(trust, server_side=False, timeout=PATIENCE, name="localhost")
        client.write(b"x" * size)
        with pytest.raises(TimeoutError):
            await client.drain(0)
        done.set()
        await client.drain(PATIENCE)
        client.close()

    assert sum(seen) == size
    assert max(seen) <= PORTION


async def test_what_both_sides_agreed_on(front: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    agreed = []

    async def serve(connection: Connection) -> None:
        await connection.start_tls(front, server_side=True, timeout=PATIENCE)
        agreed.append((connection.tls, connection.channel_bindings))
        await echo(connection)

    async with served(serve) as client:
        await client.start_tls(trust, server_side=False, timeout=PATIENCE, name="localhost")
        client.write(b"x" * 200_000)
        assert await read_all(client, 200_000) == b"x" * 200_000
        ours = client.tls
        ours_bound = client.channel_bindings

    [(theirs, bindings)] = agreed
    assert theirs is not None
    assert ours is not None
    assert (theirs.version, theirs.cipher, theirs.bits) == (ours.version, ours.cipher, ours.bits)
    assert (theirs.server_name, ours.server_name) == ("localhost", "")
    assert set(bindings) == {"tls-server-end-point"}
    assert ours_bound == bindings  # RFC 5929 §4.1: both ends hash the server's certificate


async def test_a_name_that_cannot_be_sent(trust: ssl.SSLContext) -> None:
    async def serve(connection: Connection) -> None:
        assert await connection.read(PATIENCE) == b""

    async with served(serve, implicit=False) as client:
        with pytest.raises(TlsError, match="no TLS with a server of this name"):
            await client.start_tls(
                trust, server_side=False, timeout=PATIENCE, name=f"{'a' * 64}.example"
            )
        client.close()


async def test_a_cancelled_handshake_leaves_nothing(front: ssl.SSLContext) -> None:
    started = asyncio.Event()
    cancelled = []

    async def serve(connection: Connection) -> None:
        shaking = asyncio.ensure_future(
            connection.start_tls(front, server_side=True, timeout=PATIENCE)
        )
        await started.wait()
        shaking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await shaking
        cancelled.append(connection.is_closed)

    async with served(serve) as client:
        client.write(b"\x16\x03\x01")
        await asyncio.sleep(0)
        started.set()
        assert await rest(client) == b""

    assert cancelled == [True]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_server_name_of_odd_octets(front: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    """Python's ssl module cannot give it to a callback; the worker logs what that leaves."""
    reasons: list[str] = []

    async with served(refusing(front, reasons)) as client:
        client.write(Wire(client, trust).hello().replace(b"localhost", b"local\xffost"))
        await rest(client)

    assert reasons == ["callback failed (the client asked for a server name that is not ASCII)"]
