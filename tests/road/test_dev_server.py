"""What a newcomer sees: the development server, and the commands it prints, pasted as printed."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator

import pytest

from peers.clients import swaks
from peers.maildir import Maildir
from peers.postroad import DevServer, free_offset
from peers.spamd import GTUBE

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def server() -> Iterator[DevServer]:
    server = DevServer(free_offset())
    yield server
    server.stop()


def _paste(server: DevServer, command: str) -> subprocess.CompletedProcess[str]:
    """Run text in a shell in the folder where the server was started."""
    return subprocess.run(
        ["sh", "-c", command],
        cwd=server.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _printed_swaks(server: DevServer) -> str:
    found = re.search(r"^ +swaks (?:.*\\\n)*.*$", server.output(), re.MULTILINE)
    assert found, server.output()
    return found[0]


def _printed_python(server: DevServer) -> str:
    found = re.search(r"^ +import smtplib.*?(?=^\S)", server.output(), re.MULTILINE | re.DOTALL)
    assert found, server.output()
    return textwrap.dedent(found[0])


def _printed_maildir(server: DevServer, label: str) -> Maildir:
    found = re.search(rf"^ +{label} +(?:caught in )?(\S+)$", server.output(), re.MULTILINE)
    assert found, server.output()
    return Maildir((server.folder / found[1]).parent, server.output)


def _sent_by_swaks(conversation: str) -> bytes:
    """The message as swaks put it on the wire, its line ends as on disk."""
    _, _, data = conversation.partition(" ~> DATA\n")
    lines = re.findall(r"^ ~> ?(.*)$", data, re.MULTILINE)
    message = lines[: lines.index(".")]
    return "".join(f"{line.rstrip()}\n" for line in message).encode()


def test_it_prints_addresses_account_and_commands(server: DevServer) -> None:
    output = server.output()
    for expected in (
        *(str(port) for port in server.ports.values()),
        "john@example.org",
        "summersun",
        "swaks --server",
        "import smtplib",
    ):
        assert expected in output


def test_the_printed_swaks_command(server: DevServer) -> None:
    done = _paste(server, _printed_swaks(server))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "235 2.7.0 Authentication successful" in done.stdout
    queued = re.search(r"250 2\.0\.0 Ok: queued as (\S+)", done.stdout)
    assert queued, done.stdout

    kept = _printed_maildir(server, "mail for other domains").wait(queued[1])
    sent = _sent_by_swaks(done.stdout)
    assert b"Subject: test" in sent
    assert kept.rstrip(b"\n").endswith(sent.rstrip(b"\n"))
    head = kept[: kept.index(sent.rstrip(b"\n"))].decode()
    assert re.match(r"Return-Path: <john@example\.org>\n", head)
    assert re.search(r"^Delivered-To: lisa@example\.com$", head, re.MULTILINE)
    assert f"with ESMTPSA id {queued[1]}" in head


def test_each_message_is_shown_on_a_line(server: DevServer) -> None:
    done = _paste(server, _printed_swaks(server))
    queue_id = re.search(r"queued as (\S+)", done.stdout)
    assert queue_id, done.stdout
    output = server.wait_output(f"{queue_id[1]}  delivered")
    lines = [line for line in output.splitlines() if queue_id[1] in line]
    assert len(lines) == 2, lines
    assert "received   <john@example.org>" in lines[0]
    assert "<lisa@example.com>" in lines[1]


def test_the_printed_python_snippet(server: DevServer) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-"],
        input=_printed_python(server),
        cwd=server.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    kept = _printed_maildir(server, "mail for other domains").wait("First mail")
    assert b"\n\nHello from Postroad.\n" in kept


def test_mail_from_outside_reaches_john(server: DevServer) -> None:
    to = f"--server 127.0.0.1:{server.ports['mx']} --from lisa@example.com --to john@example.org"
    done = swaks(*to.split(), "--header", "Subject: from outside")
    assert done.returncode == 0, done.stdout
    kept = _printed_maildir(server, "john's mail").wait("from outside")
    assert b"with ESMTP id" in kept


def test_a_stranger_may_not_relay(server: DevServer) -> None:
    to = f"--server 127.0.0.1:{server.ports['mx']} --from lisa@example.com --to bob@example.net"
    done = swaks(*to.split())
    assert "554 5.7.1 <bob@example.net>: Relay access denied" in done.stdout


def test_spam_from_outside_is_refused(server: DevServer) -> None:
    to = f"--server 127.0.0.1:{server.ports['mx']} --from lisa@example.com --to john@example.org"
    done = swaks(*to.split(), "--body", GTUBE)
    assert re.search(r"550 5\.7\.1 Message rejected as spam \(score 100\d", done.stdout)


def test_it_keeps_its_state_and_starts_again(
    started: Callable[[DevServer], DevServer],
) -> None:
    offset = free_offset()
    first = started(DevServer(offset))
    certificate = (first.folder / ".postroad-dev").rglob("*.pem")
    before = {path: path.read_bytes() for path in certificate}
    first.end()
    first.start()
    assert before
    assert before == {path: path.read_bytes() for path in before}
