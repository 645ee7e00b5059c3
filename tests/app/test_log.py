"""Events as lines: Postfix's shape, JSON, the developer's terminal."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import pytest

from postroad.app.log import BUSY, CONSOLE_EVENTS, LogFile, console, formatter
from postroad.model import (
    Address,
    Client,
    ClientCertificate,
    Login,
    Reply,
    Status,
    TlsSession,
)
from postroad.model.journal import Event
from postroad.model.log_settings import LogSettings
from postroad.model.message_events import Accepted, Bounced, Delivered, Queued
from postroad.model.session_events import (
    Connected,
    Disconnected,
    LoginFailed,
    Lost,
    Rejected,
    TlsEstablished,
)

NOW = 1_790_000_000.25
CLIENT = Client("192.0.2.7", 4711, "mua.example.net")
ACCEPTED = Accepted("submission/smtpd", "1ABC", CLIENT, Login("john@example.org", "PLAIN"))
LISA = Address("lisa", "example.com")


def delivered(status: Status, relay: str, reply: Reply) -> Delivered:
    return Delivered("smtp", "1ABC", LISA, LISA, relay, (0.0, 0.0, 0.0, 0.0), status, reply)


def test_text_is_what_syslog_and_postfix_would_write() -> None:
    line = formatter(LogSettings(name="postfix"), "mail.example.org")(ACCEPTED, NOW)

    stamp = time.strftime("%b %e %H:%M:%S", time.localtime(NOW))
    assert line == (
        f"{stamp} mail postfix/submission/smtpd[{os.getpid()}]: 1ABC: "
        "client=mua.example.net[192.0.2.7], sasl_method=PLAIN, sasl_username=john@example.org"
    )


def test_json_has_the_fields_and_the_text() -> None:
    render = formatter(LogSettings(format="json"), "mail.example.org")
    reply = Reply.of(554, "5.7.1", "<lisa@example.com>: Relay access denied")

    line = json.loads(
        render(
            Rejected("smtpd", "NOQUEUE", "RCPT", CLIENT, reply, "a@b.example", LISA, "ESMTP", "x"),
            NOW,
        )
    )

    assert line["event"] == "Rejected"
    assert line["time"] == NOW
    assert line["level"] == "info"
    assert line["client"] == "mua.example.net[192.0.2.7]"
    assert line["recipient"] == "lisa@example.com"
    assert line["reply"] == "554 5.7.1 <lisa@example.com>: Relay access denied"
    assert line["text"].startswith("NOQUEUE: reject: RCPT")


def test_json_of_a_login() -> None:
    line = json.loads(formatter(LogSettings(format="json"), "h")(ACCEPTED, NOW))

    assert line["login"] == {"user": "john@example.org", "mechanism": "PLAIN", "actor": ""}


def test_json_of_a_client_certificate() -> None:
    certificate = ClientCertificate("John", emails=("john@example.org",), der=b"\x30\xff")
    tls = TlsSession("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256, client_certificate=certificate)
    event = TlsEstablished("smtpd", str(CLIENT), tls)

    line = json.loads(formatter(LogSettings(format="json"), "h")(event, NOW))

    assert line["tls"]["client_certificate"] == {
        "subject": "John",
        "issuer": "",
        "emails": ["john@example.org"],
        "names": [],
        "fingerprint": "",
        "key_fingerprint": "",
    }


EVIL = "a\x00\r\n\x1b[2J\x7f\x85\x9b\u2028\u2029\u202e\u2066\ud800\U000e0001ü"
"""What ends, clears or turns a line for some reader, and a letter that does not."""


@pytest.mark.parametrize(
    "event",
    [
        LoginFailed("smtpd", CLIENT, "PLAIN", "why", EVIL),
        LoginFailed("smtpd", Client("192.0.2.7", 1, EVIL), "PLAIN", "why", "john"),
        Queued("qmgr", "1ABC", EVIL, 1, 1),
        Connected("smtpd", Client("192.0.2.7", 1, EVIL)),
        Disconnected("smtpd", Client("192.0.2.7", 1, EVIL), {EVIL: (1, 1)}),
        Lost("smtpd", "timeout", EVIL, Client("192.0.2.7", 1, EVIL)),
        Accepted("smtpd", "1ABC", CLIENT, Login("john", "PLAIN", EVIL), {"NAME": EVIL}, EVIL),
        Accepted("smtpd", "1ABC", CLIENT, None, {}, EVIL),
        Bounced("bounce", "1ABC", EVIL),
        delivered(Status.DEFERRED, EVIL, Reply(451, "4.4.1", (EVIL,))),
        delivered(Status.SENT, EVIL, Reply.of(250, "2.0.0", "Ok")),
    ],
    ids=lambda event: type(event).__name__,
)
def test_nobody_sees_more_than_one_line(event: Event) -> None:
    for render in (
        formatter(LogSettings(format="json"), "h"),
        formatter(LogSettings(), "h"),
        console(EVIL),
    ):
        line = render(event, NOW)
        assert line.isprintable()
        assert line.splitlines() == [line]
    assert "ü" in line


def test_json_keeps_what_was_said() -> None:
    event = LoginFailed("smtpd", CLIENT, "PLAIN", "why", EVIL)

    line = json.loads(formatter(LogSettings(format="json"), "h")(event, NOW))

    assert line["user"] == EVIL


def test_console_lines_are_short() -> None:
    render = console("outbound/new")

    lines = [
        render(Queued("qmgr", "1ABC", "john@example.org", 1234, 2), NOW),
        render(delivered(Status.SENT, "capture", Reply.of(250, "2.0.0", "Ok")), NOW),
        render(delivered(Status.DEFERRED, "none", Reply.of(451, "4.4.1", "refused")), NOW),
    ]

    assert [line[10:] for line in lines] == [
        "1ABC  received   <john@example.org>, 1,234 octets, 2 recipients",
        "1ABC  delivered  <lisa@example.com> -> outbound/new",
        "1ABC  deferred   <lisa@example.com>: 451 4.4.1 refused",
    ]


def test_a_log_can_be_rotated_away(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LogFile(path, lambda event, now: event.text, lambda: NOW)
    log(Connected("smtpd", CLIENT))
    path.rename(tmp_path / "log.1")
    log(Connected("smtpd", CLIENT))

    log.reopen()
    log(Connected("smtpd", CLIENT))

    log.close()
    assert len((tmp_path / "log.1").read_text().splitlines()) == 2
    assert len(path.read_text().splitlines()) == 1


def test_the_second_log_gets_what_the_first_leaves_out(tmp_path: Path) -> None:
    whole = LogFile(tmp_path / "whole", lambda event, now: event.text, lambda: NOW)
    some = LogFile(
        tmp_path / "some",
        lambda event, now: event.text,
        lambda: NOW,
        only=CONSOLE_EVENTS,
        also=whole,
    )

    some(Connected("smtpd", CLIENT))
    some(Queued("qmgr", "1ABC", "", 1, 1))

    some.close()
    assert len((tmp_path / "whole").read_text().splitlines()) == 2
    assert (tmp_path / "some").read_text() == "1ABC: from=<>, size=1, nrcpt=1 (queue active)\n"


async def test_lines_of_one_turn_are_written_together_and_none_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LogFile(path, lambda event, now: event.text, lambda: NOW)

    for _ in range(3):
        log(Connected("smtpd", CLIENT))
    before = path.read_text()
    log.close()

    assert before == ""
    assert len(path.read_text().splitlines()) == 3


@pytest.mark.jumps
async def test_lines_of_a_busy_server_are_written_a_moment_later(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LogFile(path, lambda event, now: event.text, lambda: NOW)

    for _ in range(BUSY):
        log(Connected("smtpd", CLIENT))
        await asyncio.sleep(0)
    at_once = len(path.read_text().splitlines())
    log(Connected("smtpd", CLIENT))
    await asyncio.sleep(0)
    later = len(path.read_text().splitlines())
    log.close()

    assert (at_once, later) == (BUSY, BUSY)
    assert len(path.read_text().splitlines()) == BUSY + 1
