"""Every door by real programs: LMTP, proxies, XCLIENT and XFORWARD, ETRN, other mail servers."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from peers import needs
from peers.certificates import Authority, Certificate
from peers.clients import swaks
from peers.exim import Exim
from peers.haproxy import HaProxy
from peers.opensmtpd import OpenSmtpd
from peers.ports import free_port
from peers.postfix import Postfix
from peers.postroad import Postroad
from peers.processes import peer_folder, remove_folder
from peers.waiting import until

pytestmark = pytest.mark.peer

JOHN = "john@example.org"
LISA = "lisa@elsewhere.test"
PASSWORD = "summersun"
BRANCH = "branch.test"


@pytest.fixture(scope="module")
def sockets() -> Iterator[Path]:
    folder = peer_folder("sockets")
    yield folder
    remove_folder(folder)


@pytest.fixture(scope="module")
def proxied() -> int:
    return free_port()


@pytest.fixture(scope="module")
def proxied_tls() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(
    certificate: Certificate, sockets: Path, proxied: int, proxied_tls: int
) -> Iterator[Postroad]:
    """Two workers, which share the Unix-domain sockets. No network is trusted."""
    here = ["127.0.0.1/32"]
    server = Postroad(
        {
            "tls": {"certificate": str(certificate.chain), "key": str(certificate.key)},
            "relay": {"trusted_networks": [], "smarthost": f"[127.0.0.1]:{free_port()}"},
            "dns": {"servers": ["127.0.0.1:9"], "timeout": "1s", "reverse": False},
            "queue": {"minimal_backoff": "1h"},
            "listeners": {
                "mx": {"xclient": here, "xforward": here},
                "socket": {
                    "preset": "lmtp",
                    "bind": [f"unix:{sockets / 'lmtp'}"],
                    "unix_owner": "root:postfix",
                },
                "lmtp": {"policy": {"client": []}},
                "behind": {"preset": "mx", "bind": [f"127.0.0.1:{proxied}"], "proxy": here},
                "behindtls": {
                    "preset": "submissions",
                    "bind": [f"127.0.0.1:{proxied_tls}"],
                    "proxy": here,
                },
                "behindsocket": {
                    "preset": "mx",
                    "bind": [f"unix:{sockets / 'mx'}"],
                    "proxy": here,
                },
            },
            "etrn": {f'"{BRANCH}"': {"networks": here}},
        },
        listeners=("mx", "submission", "lmtp"),
        accounts={JOHN: PASSWORD, "lisa@example.org": PASSWORD},
    )
    yield server
    server.stop()


def _postfix(transport: str, **main_cf: str) -> Postfix:
    """A Postfix that hands everything for example.org over by this transport."""
    parameters = {
        "transport_maps": f"inline:{{example.org={transport}}}",
        "relay_domains": "example.org",
        "default_transport": "error:no route in this test",
        "minimal_backoff_time": "2s",
        "queue_run_delay": "2s",
        **main_cf,
    }
    return Postfix(parameters)


TEXT = b"From: Lisa <lisa@elsewhere.test>\nSubject: %b\n\nHello John\n"


# LMTP -------------------------------------------------------------------------------------------


def test_postfix_hands_over_by_a_unix_socket(
    server: Postroad, sockets: Path, started: Callable[[Postfix], Postfix]
) -> None:
    stranger = started(_postfix(f"lmtp:unix:{sockets / 'lmtp'}"))
    stranger.sendmail(LISA, [JOHN], TEXT % b"by a socket")

    message = server.maildir(JOHN).wait_parsed("by a socket")
    assert "with LMTP id" in message.get_all("Received", [])[0]
    assert "(localhost [local])" in message.get_all("Received", [])[0]
    assert "status=sent (250 2.0.0 Ok: queued as " in stranger.wait_log(f"to=<{JOHN}>")
    server.wait_log("socket/smtpd[")


def test_postfix_hears_of_each_recipient(
    server: Postroad, started: Callable[[Postfix], Postfix]
) -> None:
    stranger = started(_postfix(f"lmtp:inet:127.0.0.1:{server.port('lmtp')}"))
    recipients = [JOHN, "lisa@example.org", "nobody@example.org"]
    stranger.sendmail(LISA, recipients, TEXT % b"to three")

    for address in recipients[:2]:
        server.maildir(address).wait("to three")
        assert "status=sent (250 2.0.0 Ok: queued as " in stranger.wait_log(f"to=<{address}>")
    assert "status=bounced" in stranger.wait_log("to=<nobody@example.org>")


def test_nothing_is_relayed_by_lmtp(server: Postroad, sockets: Path) -> None:
    done = swaks(
        "--socket", str(sockets / "lmtp"), "--protocol", "LMTP", "--from", LISA, "--to", LISA
    )

    assert f"<** 554 5.7.1 <{LISA}>: Relay access denied" in done.stdout
    assert "LHLO " in done.stdout


# XFORWARD and XCLIENT ---------------------------------------------------------------------------


def test_postfix_tells_whom_it_got_mail_from(
    server: Postroad, started: Callable[[Postfix], Postfix]
) -> None:
    stranger = started(
        _postfix(
            f"smtp:[127.0.0.1]:{server.port('mx')}",
            smtp_send_xforward_command="yes",
            smtp_tls_security_level="none",
        )
    )
    done = swaks(
        *("--server", f"127.0.0.1:{stranger.port}", "--helo", "laptop.test"),
        *("--from", LISA, "--to", JOHN, "--header", "Subject: forwarded"),
    )
    assert done.returncode == 0, done.stdout

    server.maildir(JOHN).wait("forwarded")
    line = server.wait_log("orig_client=")
    assert "client=unknown[127.0.0.1], orig_queue_id=" in line
    assert "orig_client=unknown[127.0.0.1]:" in line
    assert "orig_helo=laptop.test, orig_proto=ESMTP, orig_source=LOCAL" in line


def test_swaks_speaks_for_somebody(server: Postroad) -> None:
    done = swaks(
        *("--server", f"127.0.0.1:{server.port('mx')}", "--xclient-addr", "192.0.2.77"),
        *("--xclient-name", "far.example", "--xclient-login", JOHN, "--xclient-helo", "far"),
        *("--from", JOHN, "--to", JOHN, "--header", "Subject: spoken for"),
    )

    assert done.returncode == 0, done.stdout
    received = server.maildir(JOHN).wait_parsed("spoken for").get_all("Received", [])[0]
    assert received.startswith("from far (far.example [192.0.2.77])")
    server.wait_log(f"client=far.example[192.0.2.77], sasl_method=XCLIENT, sasl_username={JOHN}")


def test_who_is_spoken_for_cannot_relay(server: Postroad) -> None:
    done = swaks(
        *("--server", f"127.0.0.1:{server.port('mx')}", "--xclient-addr", "192.0.2.77"),
        *("--from", LISA, "--to", LISA),
    )

    assert f"<** 554 5.7.1 <{LISA}>: Relay access denied" in done.stdout


def test_submission_takes_no_xclient(server: Postroad) -> None:
    done = swaks(
        *("--server", f"127.0.0.1:{server.port('submission')}"),
        *("--xclient-addr", "192.0.2.77", "--from", LISA, "--to", LISA),
    )

    assert "Host did not advertise XCLIENT" in done.stderr + done.stdout


# The PROXY protocol -----------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1", "2"])
def test_swaks_as_a_proxy(server: Postroad, proxied: int, version: str) -> None:
    subject = f"by proxy {version}"
    done = swaks(
        *("--server", f"127.0.0.1:{proxied}", "--proxy-version", version),
        *("--proxy-family", "TCP4" if version == "1" else "AF_INET"),
        *("--proxy-source", "192.0.2.78", "--proxy-source-port", "4711"),
        *("--proxy-dest", "192.0.2.1", "--proxy-dest-port", "25"),
        *("--from", LISA, "--to", JOHN, "--header", f"Subject: {subject}"),
    )

    assert done.returncode == 0, done.stdout
    received = server.maildir(JOHN).wait_parsed(subject).get_all("Received", [])[0]
    assert "[192.0.2.78]" in received


@pytest.mark.parametrize("header", ["send-proxy", "send-proxy-v2"])
def test_haproxy(
    server: Postroad,
    proxied: int,
    header: Literal["send-proxy", "send-proxy-v2"],
    started: Callable[[HaProxy], HaProxy],
) -> None:
    proxy = started(HaProxy(f"127.0.0.1:{proxied}", header))
    subject = f"by haproxy, {header}"
    done = swaks(
        *("--server", f"127.0.0.1:{proxy.port}", "--local-interface", "127.0.0.77", "--tls"),
        *("--from", LISA, "--to", JOHN, "--header", f"Subject: {subject}"),
    )

    assert done.returncode == 0, done.stdout
    received = server.maildir(JOHN).wait_parsed(subject).get_all("Received", [])[0]
    assert "[127.0.0.77]" in received
    assert "with ESMTPS id" in received


@pytest.mark.parametrize("header", ["send-proxy", "send-proxy-v2"])
def test_haproxy_before_tls(
    server: Postroad,
    proxied_tls: int,
    authority: Authority,
    header: Literal["send-proxy", "send-proxy-v2"],
    started: Callable[[HaProxy], HaProxy],
) -> None:
    proxy = started(HaProxy(f"127.0.0.1:{proxied_tls}", header))
    subject = f"by haproxy under TLS, {header}"
    done = swaks(
        *("--server", f"127.0.0.1:{proxy.port}", "--local-interface", "127.0.0.78"),
        *("--tls-on-connect", "--auth", "PLAIN", "--auth-user", JOHN, "--auth-password", PASSWORD),
        *("--from", JOHN, "--to", JOHN, "--header", f"Subject: {subject}"),
    )

    assert done.returncode == 0, done.stdout
    received = server.maildir(JOHN).wait_parsed(subject).get_all("Received", [])[0]
    assert "[127.0.0.78]" in received
    assert "with ESMTPSA id" in received


def test_haproxy_is_told_that_we_are_well(
    server: Postroad, proxied: int, started: Callable[[HaProxy], HaProxy]
) -> None:
    """Its checks are LOCAL, from nobody, who is served. (Version 1 names HAProxy's own address.)"""
    seen = server.log().count("disconnect from unknown[unknown] ehlo=1")
    proxy = started(HaProxy(f"127.0.0.1:{proxied}", "send-proxy-v2", check=True))
    until(
        lambda: server.log().count("disconnect from unknown[unknown] ehlo=1") >= seen + 3,
        within=30,
        what="three checks",
    )

    done = swaks(
        *("--server", f"127.0.0.1:{proxy.port}", "--local-interface", "127.0.0.80"),
        *("--from", LISA, "--to", JOHN, "--quit-after", "RCPT"),
    )

    assert done.returncode == 0, done.stdout


def test_haproxy_by_a_unix_socket(
    server: Postroad, sockets: Path, started: Callable[[HaProxy], HaProxy]
) -> None:
    proxy = started(HaProxy(f"unix@{sockets / 'mx'}", "send-proxy-v2"))
    done = swaks(
        *("--server", f"127.0.0.1:{proxy.port}", "--local-interface", "127.0.0.79"),
        *("--from", LISA, "--to", LISA),
    )

    assert f"<** 554 5.7.1 <{LISA}>: Relay access denied" in done.stdout
    server.wait_log("reject: RCPT from unknown[127.0.0.79]: 554 5.7.1")


def test_without_a_header_nobody_is_served(server: Postroad, proxied: int) -> None:
    done = swaks("--server", f"127.0.0.1:{proxied}", "--from", LISA, "--to", JOHN)

    assert done.returncode != 0
    assert "220 " not in done.stdout
    server.wait_log("warning: unknown[127.0.0.1]: no PROXY header came within 5 seconds")


# ETRN -------------------------------------------------------------------------------------------


def test_fetchmail_asks_for_its_queue(server: Postroad) -> None:
    """Mail for the branch waits for an hour, in whichever worker's shard; ETRN starts it now."""
    for number in range(4):
        done = swaks(
            *("--server", f"127.0.0.1:{server.port('mx')}", "--xclient-addr", "192.0.2.77"),
            *("--xclient-login", JOHN, "--from", JOHN, "--to", f"lisa{number}@{BRANCH}"),
        )
        assert done.returncode == 0, done.stdout
    until(lambda: _deferred(server) == 4, within=30, what="four deferred recipients")
    deferred = server.log().count(f"@{BRANCH}>, relay=")

    done = _fetchmail(server, BRANCH)

    assert "250 2.0.0 Queuing started" in done.stdout
    server.wait_log(f"ETRN {BRANCH} from unknown[127.0.0.1]: 250 2.0.0 Queuing started")
    until(
        lambda: server.log().count(f"@{BRANCH}>, relay=") >= deferred + 4,
        within=30,
        what="four more attempts",
    )


def test_fetchmail_asks_for_what_is_not_its(server: Postroad) -> None:
    done = _fetchmail(server, "example.org")

    assert "459 4.7.1 <example.org>: service unavailable" in done.stdout
    server.wait_log("reject: ETRN from unknown[127.0.0.1]: 459 4.7.1")


def _deferred(server: Postroad) -> int:
    """How many recipients wait for their next attempt."""
    queue = [json.loads(line) for line in server.run("queue", "list", "--json").splitlines()]
    return sum(each["next_attempt"] is not None for mail in queue for each in mail["recipients"])


def _fetchmail(server: Postroad, domain: str) -> subprocess.CompletedProcess[str]:
    argv = [
        *(needs.program("fetchmail"), "-f", "/dev/null", "-v", "-v", "--protocol", "ETRN"),
        *("--service", str(server.port("mx")), "--fetchdomains", domain, "--sslproto", ""),
        "127.0.0.1",
    ]
    return subprocess.run(
        argv, capture_output=True, text=True, timeout=60, check=False, env={"HOME": "/tmp"}
    )


# Other mail servers send ------------------------------------------------------------------------


def test_exim_sends_in_chunks(
    server: Postroad, authority: Authority, started: Callable[[Exim], Exim]
) -> None:
    exim = started(Exim(server.port("mx"), str(authority.certificate)))
    said = exim.send(LISA, [JOHN, "lisa@example.org"], TEXT % b"by Exim")

    message = server.maildir(JOHN).wait_parsed("by Exim")
    server.maildir("lisa@example.org").wait("by Exim")
    assert "with ESMTPS id" in message.get_all("Received", [])[0]
    assert re.search(r"SMTP\S> BDAT \d+ LAST", said)
    assert re.search(r"=> john@example\.org .* X=TLS.* K C=\"250 2\.0\.0 Ok: queued as", said)


def test_exim_passes_on_which_notices_are_wanted(
    server: Postroad, authority: Authority, started: Callable[[Exim], Exim]
) -> None:
    exim = started(Exim(server.port("mx"), str(authority.certificate)))
    said = exim.relay(
        b"EHLO laptop.test\r\nMAIL FROM:<lisa@elsewhere.test> RET=HDRS ENVID=E1\r\n"
        b"RCPT TO:<john@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;j@elsewhere.test\r\n"
        b"DATA\r\nSubject: with notices\r\n\r\nHello\r\n.\r\nQUIT\r\n"
    )

    server.maildir(JOHN).wait("with notices")
    assert re.search(r"MAIL FROM:<lisa@elsewhere\.test> SIZE=\d+ RET=HDRS ENVID=E1", said)
    assert "NOTIFY=FAILURE,DELAY ORCPT=rfc822;j@elsewhere.test" in said


def test_opensmtpd_sends(server: Postroad, started: Callable[[OpenSmtpd], OpenSmtpd]) -> None:
    sender = started(OpenSmtpd(server.port("mx")))
    done = swaks(
        *("--server", f"127.0.0.1:{sender.port}", "--from", LISA, "--to", JOHN),
        *("--header", "Subject: by OpenSMTPD"),
    )
    assert done.returncode == 0, done.stdout

    message = server.maildir(JOHN).wait_parsed("by OpenSMTPD")
    assert "from opensmtpd.test" in message.get_all("Received", [])[0]
    assert 'result="Ok"' in sender.wait_log("mta delivery")


def test_postfix_asks_for_notices(server: Postroad, started: Callable[[Postfix], Postfix]) -> None:
    stranger = started(
        _postfix(f"smtp:[127.0.0.1]:{server.port('mx')}", smtp_tls_security_level="may")
    )
    stranger.sendmail(LISA, ["-N", "success,failure", JOHN], TEXT % b"by Postfix")

    server.maildir(JOHN).wait("by Postfix")
    assert "status=sent" in stranger.wait_log(f"to=<{JOHN}>")
    server.wait_log("sender delivery status notification")
