"""What a peer under TLS cannot make a connection keep: octets after its end, answers that it does
not read, a stream without a word in it. The event loop's side is the test's own, so that each
moment is one call.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from connection_pair import PATIENCE
from peers.certificates import Authority
from postroad.net.byte_stream import READ_BUFFER
from postroad.net.certificates import KeyPair
from postroad.net.connection import EMPTY_WORDS, Connection, TlsError
from postroad.net.settings import TlsSettings
from postroad.net.tls_server import Certificates, ServerTls

JUNK = b"\x17" * 65_536


class FakeTransport(asyncio.Transport):
    """What the event loop would give a connection; it remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.reading = True
        self.aborted = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.7", 4711) if name == "peername" else default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def take(self) -> bytes:
        sent, self.sent = self.sent, b""
        return sent

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True


class KeyChanges:
    """The records of a client that changes its key and asks for the same (RFC 8446 §4.6.3)."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret

    def next(self) -> bytes:
        """A record: the first under its key, so that the nonce is the plain one (§5.3)."""
        content = b"\x18\x00\x00\x01\x01" + b"\x16"  # update_requested; a handshake's message
        head = b"\x17\x03\x03" + (len(content) + 16).to_bytes(2, "big")
        key, nonce = self._derive(b"key", 32), self._derive(b"iv", 12)
        self.secret = self._derive(b"traffic upd", 48)
        return head + AESGCM(key).encrypt(nonce, content, head)

    def _derive(self, label: bytes, length: int) -> bytes:
        """HKDF-Expand-Label (§7.1)."""
        label = b"tls13 " + label
        info = length.to_bytes(2, "big") + bytes((len(label),)) + label + b"\x00"
        return HKDFExpand(SHA384(), length, info).derive(self.secret)


class Secured:
    """A server's connection after its handshake, and the client's side in memory."""

    def __init__(self, folder: Path) -> None:
        authority = Authority(folder)
        issued = authority.issue("localhost")
        pairs = [KeyPair(issued.chain, issued.key)]
        self.front = ServerTls(Certificates(TlsSettings(), pairs)).context(
            client_certificates=False
        )
        trust = ssl.create_default_context(cafile=authority.certificate)
        self.keys = folder / "keys"
        trust.keylog_filename = str(self.keys)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = trust.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.transport = FakeTransport()
        self.connection = Connection()
        self.connection.connection_made(self.transport)

    async def shake_hands(self) -> None:
        shaking = asyncio.ensure_future(
            self.connection.start_tls(self.front, server_side=True, timeout=PATIENCE)
        )
        await asyncio.sleep(0)  # from here on the server waits
        while not shaking.done():
            self.incoming.write(self.transport.take())
            with contextlib.suppress(ssl.SSLWantReadError):
                self.tls.do_handshake()
            if self.outgoing.pending:
                self.connection.data_received(self.outgoing.read())
            await asyncio.sleep(0)
        await shaking
        assert self.tls.cipher() == ("TLS_AES_256_GCM_SHA384", "TLSv1.3", 256)

    def key_changes(self) -> KeyChanges:
        for line in self.keys.read_text().splitlines():
            if line.startswith("CLIENT_TRAFFIC_SECRET_0 "):
                return KeyChanges(bytes.fromhex(line.split()[2]))
        raise AssertionError("no secret was written down")

    def say(self, text: bytes) -> None:
        self.tls.write(text)
        self.connection.data_received(self.outgoing.read())

    def end(self) -> None:
        """Say close_notify."""
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.unwrap()
        self.connection.data_received(self.outgoing.read())


@pytest.fixture
async def secured(tmp_path: Path) -> Secured:
    secured = Secured(tmp_path)
    await secured.shake_hands()
    return secured


def kept(connection: Connection) -> int:
    """Octets from the wire that wait inside."""
    assert connection._stream is not None
    return connection._stream.waiting


async def test_nothing_is_kept_after_the_peers_end(secured: Secured) -> None:
    secured.say(b"last words")
    secured.end()
    assert not secured.transport.reading

    for _ in range(2 * READ_BUFFER // len(JUNK)):  # a loop that hears of the pause too late
        secured.connection.data_received(JUNK)

    assert kept(secured.connection) == 0
    assert await secured.connection.read(PATIENCE) == b"last words"
    assert await secured.connection.read(PATIENCE) == b""
    assert not secured.transport.reading


async def test_nothing_is_kept_after_the_stream_broke(secured: Secured) -> None:
    secured.say(b"last words")
    for _ in range(2 * READ_BUFFER // len(JUNK)):
        secured.connection.data_received(JUNK)

    assert kept(secured.connection) <= len(JUNK)
    assert await secured.connection.read(PATIENCE) == b"last words"
    assert not secured.transport.reading
    with pytest.raises(TlsError):
        await secured.connection.read(PATIENCE)


async def test_writing_goes_on_after_the_peers_end(secured: Secured) -> None:
    secured.end()
    secured.connection.pause_writing()
    secured.connection.resume_writing()
    secured.connection.write(b"250 2.0.0 Ok\r\n")

    assert not secured.transport.reading
    secured.incoming.write(secured.transport.take())
    assert secured.tls.read(100) == b"250 2.0.0 Ok\r\n"


async def test_who_does_not_read_our_new_keys_is_not_read_either(secured: Secured) -> None:
    changes = secured.key_changes()
    secured.transport.take()

    secured.connection.data_received(changes.next() + changes.next())
    assert secured.transport.take()  # OpenSSL answers the first with the second, or with a word
    assert secured.transport.reading

    secured.connection.pause_writing()
    secured.connection.data_received(changes.next())
    assert not secured.transport.reading

    secured.connection.resume_writing()
    assert secured.transport.reading


async def test_a_busy_reader_is_not_given_more_when_the_peer_reads_again(secured: Secured) -> None:
    while secured.transport.reading:
        secured.say(b"x" * 16_000)
    secured.connection.pause_writing()
    secured.connection.resume_writing()

    assert not secured.transport.reading


async def test_a_stream_of_new_keys_and_nothing_else_is_cut_off(secured: Secured) -> None:
    changes = secured.key_changes()
    octets = 0
    while not secured.transport.aborted and octets < 4 * EMPTY_WORDS:
        record = changes.next()
        octets += len(record)
        secured.connection.data_received(record)

    assert secured.transport.aborted
    assert EMPTY_WORDS < octets < EMPTY_WORDS + 100
    with pytest.raises(TlsError, match="changed keys over and over, and sent nothing else"):
        await secured.connection.read(PATIENCE)


async def test_a_long_record_in_small_pieces_is_no_such_stream(secured: Secured) -> None:
    for number in range(8):  # more than the limit in all, each under it
        secured.tls.write(bytes((48 + number,)) * 16_384)
        record = secured.outgoing.read()
        for start in range(0, len(record), 500):
            secured.connection.data_received(record[start : start + 500])

        assert await secured.connection.read(PATIENCE) == bytes((48 + number,)) * 16_384
