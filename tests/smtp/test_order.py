"""Commands in and out of order: every state against every verb, with the state that follows."""

from __future__ import annotations

import pytest

from postroad.smtp import Offer
from postroad.smtp.commands import COMMANDS
from postroad.smtp.states import TRANSITIONS
from smtp_dialogue import Session

OFFER = Offer(
    starttls=True,
    mechanisms=("PLAIN",),
    plain_auth=True,
    etrn=True,
    vrfy=True,
    xclient=True,
    xforward=True,
)
HELLO = b"EHLO x\r\n"
MAIL = HELLO + b"MAIL FROM:<a@example.net>\r\n"
RCPT = MAIL + b"RCPT TO:<john@example.org>\r\n"
WAYS = {
    "CONNECTED": b"",
    "READY": HELLO,
    "MAIL": MAIL,
    "RCPT": RCPT,
    "CHUNKS": RCPT + b"BDAT 2\r\n\r\n",
    "SPOILT": RCPT + b"BDAT 1\r\n\n",
}
"""What leads to each state that a command can meet."""

MATRIX = """\
                        CONNECTED     READY         MAIL        RCPT        CHUNKS     SPOILT
HELO x                  250 READY     250 READY     250 READY   250 READY   250 READY  250 READY
EHLO x                  250 READY     250 READY     250 READY   250 READY   250 READY  250 READY
STARTTLS                220 HANDSHAKE 220 HANDSHAKE 503 MAIL    503 RCPT    503 CHUNKS 503 SPOILT
AUTH PLAIN              503 CONNECTED 334 AUTH      503 MAIL    503 RCPT    503 CHUNKS 503 SPOILT
MAIL FROM:<>            503 CONNECTED 250 MAIL      503 MAIL    503 RCPT    503 CHUNKS 503 SPOILT
RCPT TO:<a@example.org> 503 CONNECTED 503 READY     250 RCPT    250 RCPT    503 CHUNKS 503 SPOILT
DATA                    503 CONNECTED 503 READY     554 MAIL    354 CONTENT 503 CHUNKS 503 SPOILT
BDAT 2                  503 SPOILT    503 SPOILT    554 SPOILT  250 CHUNKS  250 CHUNKS 551 SPOILT
BDAT 2 LAST             503 CONNECTED 503 READY     554 READY   250 READY   250 READY  551 READY
RSET                    250 CONNECTED 250 READY     250 READY   250 READY   250 READY  250 READY
NOOP                    250 CONNECTED 250 READY     250 MAIL    250 RCPT    250 CHUNKS 250 SPOILT
VRFY a@example.org      252 CONNECTED 252 READY     252 MAIL    252 RCPT    252 CHUNKS 252 SPOILT
EXPN a                  502 CONNECTED 502 READY     502 MAIL    502 RCPT    502 CHUNKS 502 SPOILT
ETRN example.org        503 CONNECTED 250 READY     503 MAIL    503 RCPT    503 CHUNKS 503 SPOILT
XCLIENT NAME=a          220 CONNECTED 220 CONNECTED 503 MAIL    503 RCPT    503 CHUNKS 503 SPOILT
XFORWARD NAME=a         250 CONNECTED 250 READY     503 MAIL    503 RCPT    503 CHUNKS 503 SPOILT
HELP                    214 CONNECTED 214 READY     214 MAIL    214 RCPT    214 CHUNKS 214 SPOILT
QUIT                    221 closed    221 closed    221 closed  221 closed  221 closed 221 closed
WHAT                    500 CONNECTED 500 READY     500 MAIL    500 RCPT    500 CHUNKS 500 SPOILT
LHLO x                  500 CONNECTED 500 READY     500 MAIL    500 RCPT    500 CHUNKS 500 SPOILT
"""


def cells() -> list[tuple[str, str, str, str]]:
    states, *rows = MATRIX.splitlines()
    found = []
    for row in rows:
        line, cells = row[:24].strip(), row[24:].split()
        found += [
            (state, line, code, after)
            for state, code, after in zip(states.split(), cells[::2], cells[1::2], strict=True)
        ]
    return found


@pytest.mark.parametrize(("state", "line", "code", "after"), cells())
def test_matrix(state, line, code, after):
    session = Session(OFFER)
    session.feed(WAYS[state])
    assert session.core._dialogue.state.name == state
    said = len(session.output)
    session.feed(line.encode() + b"\r\n" + (b"\r\n" if line.startswith("BDAT") else b""))
    assert session.output[said : said + 3].decode() == code
    assert ("closed" if session.ended is not None else session.core._dialogue.state.name) == after


def test_the_matrix_is_whole():
    tried = {(state, line.partition(" ")[0]) for state, line, _, _ in cells()}
    assert set(WAYS) == {state.name for state in TRANSITIONS}
    assert tried >= {(state, verb) for state in WAYS for verb in COMMANDS}
