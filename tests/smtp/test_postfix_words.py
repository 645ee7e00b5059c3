"""What the core says is what Postfix says: the same octets go to both, and the replies compared."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest

from peers.postfix import Postfix
from postroad.smtp import Offer, SessionLimits
from smtp_dialogue import HOST, Session

pytestmark = pytest.mark.peer

HELLO = b"HELO x\r\n"
MAIL = HELLO + b"MAIL FROM:<a@example.net>\r\n"
RCPT = MAIL + b"RCPT TO:<john@example.org>\r\n"
OFFER = Offer(vrfy=True, xclient=True, xforward=True)
LIMITS = SessionLimits(message_size=2000)

STREAMS = [
    # BDAT
    RCPT + b"BDAT 7 LAST\r\nHello\r\n",
    RCPT + b"BDAT 7\r\nHello\r\nBDAT 3 LAST\r\nBye",
    RCPT + b"BDAT 7\r\nHello\r\nBDAT 0 LAST\r\n",
    RCPT + b"bdat 1\r\nxbdat 1 last\r\nx",
    RCPT + b"BDAT\r\n",
    RCPT + b"BDAT x\r\n",
    RCPT + b"BDAT -1\r\n",
    RCPT + b"BDAT 6 FIRST\r\n",
    RCPT + b"BDAT 6 LAST x\r\n",
    RCPT + b"BDAT 99999999999999999999999\r\n",
    RCPT + b"BDAT 2001 LAST\r\n" + b"x" * 2001 + b"NOOP\r\n",
    RCPT + b"BDAT 6\r\nQUIT\r\nBDAT 1999\r\n" + b"x" * 1999 + b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
    RCPT + b"BDAT 6\r\nQUIT\r\nRSET\r\nMAIL FROM:<>\r\n",
    RCPT + b"BDAT 6\r\nQUIT\r\nMAIL FROM:<>\r\nRCPT TO:<john@example.org>\r\nDATA\r\n",
    b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
    HELLO + b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
    HELLO + b"BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
    HELLO + b"BDAT 6\r\nQUIT\r\nMAIL FROM:<>\r\n",
    MAIL + b"BDAT 6 LAST\r\nQUIT\r\nMAIL FROM:<>\r\n",
    MAIL + b"BDAT 6\r\nQUIT\r\nRCPT TO:<john@example.org>\r\n",
    MAIL + b"BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nMAIL FROM:<>\r\n",
    # DSN
    HELLO + b"MAIL FROM:<a@example.net> RET=FULL ENVID=a+2Bb\r\n",
    HELLO + b"MAIL FROM:<a@example.net> RET=SOME\r\n",
    HELLO + b"MAIL FROM:<a@example.net> RET=\r\n",
    HELLO + b"MAIL FROM:<a@example.net> ENVID=\r\n",
    HELLO + b"MAIL FROM:<a@example.net> ENVID=+0A\r\n",
    HELLO + b"MAIL FROM:<a@example.net> COLOR=red\r\n",
    HELLO + b"MAIL FROM:<a@example.net> BODY=9BIT\r\n",
    HELLO + b"MAIL FROM:<a@example.net> SIZE=x\r\n",
    MAIL + b"RCPT TO:<john@example.org> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x\r\n",
    MAIL + b"RCPT TO:<john@example.org> NOTIFY=NEVER,FAILURE\r\n",
    MAIL + b"RCPT TO:<john@example.org> NOTIFY=\r\n",
    MAIL + b"RCPT TO:<john@example.org> ORCPT=x\r\n",
    MAIL + b"RCPT TO:<john@example.org> ORCPT=;x\r\n",
    MAIL + b"RCPT TO:<john@example.org> COLOR=red\r\n",
    # VRFY
    HELLO + b"VRFY john@example.org\r\n",
    HELLO + b"VRFY\r\n",
    HELLO + b"VRFY SMTPUTF8\r\n",
    # XCLIENT, XFORWARD
    b"XCLIENT NAME=spike.example.net ADDR=192.0.2.7 PORT=25 PROTO=ESMTP\r\nMAIL FROM:<>\r\n",
    b"XCLIENT\r\n",
    b"XCLIENT NAME\r\n",
    b"XCLIENT NAME=\r\n",
    b"XCLIENT COLOR=red\r\n",
    b"XCLIENT NAME=a..b\r\n",
    b"XCLIENT ADDR=192.0.2\r\n",
    b"XCLIENT PORT=x\r\n",
    b"XCLIENT PROTO=LMTP\r\n",
    b"XCLIENT HELO=" + b"x" * 256 + b"\r\n",
    MAIL + b"XCLIENT NAME=a\r\n",
    HELLO + b"XFORWARD NAME=spike.example.net ADDR=192.0.2.7 SOURCE=REMOTE IDENT=1\r\n",
    HELLO + b"XFORWARD\r\n",
    HELLO + b"XFORWARD NAME\r\n",
    HELLO + b"XFORWARD LOGIN=x\r\n",
    HELLO + b"XFORWARD SOURCE=x\r\n",
    MAIL + b"XFORWARD NAME=a\r\n",
    # Hostile
    HELLO + b"\r\n",
    HELLO + b"WHAT\r\n" * 25,
    HELLO + b"NOOP\r\n" * 100,
    HELLO + b"GET / HTTP/1.1\r\n",
    HELLO + b"Subject: x\r\n",
    MAIL + b"RCPT TO:<john@example.com>\r\nDATA\r\n",
]


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    instance = Postfix(
        {
            "myhostname": HOST,
            "virtual_mailbox_domains": "example.org",
            "virtual_mailbox_maps": "static:all",
            "virtual_transport": "discard:",
            "smtpd_helo_required": "yes",
            "smtpd_relay_restrictions": "reject_unauth_destination",
            "smtpd_authorized_xclient_hosts": "127.0.0.0/8",
            "smtpd_authorized_xforward_hosts": "127.0.0.0/8",
            "message_size_limit": "2000",
            "queue_minfree": "0",
            "smtpd_error_sleep_time": "0",
            "smtpd_banner": "$myhostname ESMTP Postroad",
        }
    )
    yield instance
    instance.stop()


def settled(output: bytes) -> list[str]:
    text = re.sub(r"(Ok:).* queued as \w+", r"\1 queued", output.decode())
    text = re.sub(r"Ok: queued as \w+", "Ok: queued", text)
    return re.sub(r"(?m)^(554 5\.7\.1) .*$", r"\1", text.replace("\r", "")).splitlines()


def heard(port: int, stream: bytes) -> bytes:
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(stream)
        client.shutdown(socket.SHUT_WR)
        try:
            while piece := client.recv(65_536):
                said += piece
        except ConnectionResetError:
            pass  # it hung up with octets of ours unread
    return said


@pytest.mark.parametrize("stream", STREAMS)
def test_the_same_replies(stream, postfix):
    session = Session(OFFER, LIMITS)
    session.feed(stream)
    session.end()
    assert settled(session.output) == settled(heard(postfix.port, stream))
