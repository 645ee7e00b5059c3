"""The examples of the documents do what they say."""

from __future__ import annotations

import dataclasses
import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from postroad.filter import Finding, Message, Session
from postroad.filter.testing import FilterMistake, Peer, Result, run_message
from postroad.filters.python.hooks import HOOKS

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "filters"
PAGE = EXAMPLES.parents[1] / "python-filters.md"
PLAIN = b"From: ann@example.com\nSubject: hello\n\nbody\n"
JOHN = Peer(login="john@example.org")
NAMELESS = Peer(name="unknown")


def run(name: str, octets: bytes = PLAIN, **options: object) -> Result:
    return run_message(EXAMPLES / f"{name}.py", octets, **options)  # type: ignore[arg-type]


def test_every_example_is_named_in_the_documents() -> None:
    page = PAGE.read_text()

    assert [each.name for each in EXAMPLES.glob("*.py") if each.name not in page] == []


def test_a_client_without_a_name_comes_back() -> None:
    assert run("client_check", peer=NAMELESS).reply.startswith("450 4.7.25 192.0.2.1 has no name")
    assert run("client_check").accepted


@pytest.mark.parametrize(("hello", "accepted"), [("Mail.Example.ORG", False), ("x.net", True)])
def test_nobody_else_has_our_name(hello: str, *, accepted: bool) -> None:
    settings = {"names": "mail.example.org example.org"}

    result = run("helo_rule", peer=Peer(hello=hello), settings=settings)

    assert result.accepted is accepted
    assert [each.command for each in result.steps if each.reply] == (
        [] if accepted else [f"EHLO {hello}"]
    )


def test_a_setting_that_is_missing_is_told() -> None:
    with pytest.raises(FilterMistake, match=r"helo_rule\.py:15: cannot be run: KeyError: 'names'"):
        run("helo_rule")


@pytest.mark.parametrize(
    ("login", "accepted"),
    [("", True), ("news@example.org", True), ("john@example.org", False)],
)
def test_whose_the_newsletter_is(login: str, *, accepted: bool) -> None:
    result = run("sender_rule", sender="News@example.org", peer=Peer(login=login))

    assert result.accepted is accepted


def test_how_many_of_the_staff() -> None:
    many = [f"staff-{n}@example.org" for n in range(7)]

    assert run("recipient_rule", recipients=many).reply.startswith("550 5.7.1")
    assert run("recipient_rule", recipients=many, peer=JOHN).recipients == tuple(many[:5])
    all_of_them = run("recipient_rule", recipients=["staff-all@example.org"], peer=JOHN)
    assert all_of_them.held.endswith("mail of john@example.org for all staff")


def test_the_archive() -> None:
    result = run("archive", settings={"archive": "archive@example.org"})

    assert result.recipients == ("recipient@example.org", "archive@example.org")
    assert result.header("X-Archived-Sender") == "sender@example.com"


def test_the_lists() -> None:
    others = {"ann@example.org", "list-x@example.net"}
    result = run("redirect", recipients=["list-dev@Example.org", *sorted(others)])

    assert set(result.recipients) == {"dev@lists.example.org", *others}


@pytest.mark.parametrize(
    ("peer", "dmarc", "subject"),
    [
        (Peer(), "fail", "[external] hello"),
        (Peer(), "pass", "hello"),
        (JOHN, "none", "hello"),
    ],
)
def test_the_mark(peer: Peer, dmarc: str, subject: str) -> None:
    result = run("subject_tag", peer=peer, findings=[Finding("dmarc", dmarc)])

    assert result.header("Subject") == subject


ATTACHED = b"""\
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: application/octet-stream; name="Report.PDF.exe"

MZ
--x--
"""


def test_programs_are_refused() -> None:
    reply = "552 5.7.1 No programs by mail, please: report.pdf.exe"

    assert run("attachments", ATTACHED).reply == reply
    assert run("attachments", ATTACHED.replace(b".exe", b"")).accepted


def test_the_disclaimer() -> None:
    assert run("disclaimer", peer=JOHN).body.startswith(b"body\r\n\r\n-- \r\nExample Ltd")
    assert run("disclaimer").body == b"body\r\n"
    assert run("disclaimer", ATTACHED, peer=JOHN).body.endswith(b"--x--\r\n")


@pytest.fixture
def service() -> Iterator[str]:
    """A service that gives points by the sender."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"points": 12 if "bad" in self.path else 1.5}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/reputation"
        server.shutdown()
        thread.join()


def test_the_service(service: str) -> None:
    fine = run("web_service", settings={"url": service})
    bad = run("web_service", settings={"url": service}, sender="bad@example.com")
    away = run("web_service", settings={"url": "http://127.0.0.1:1/"})

    assert fine.header("X-Reputation") == "1.5"
    assert [each.details for each in fine.findings if each.details] == [{"score": "1.5"}]
    assert bad.reply.startswith("550 5.7.1")
    assert away.reply.startswith("451 4.3.0")
    assert any("ConnectError" in line for line in away.log)


def test_the_tests_in_the_documents(tmp_path: Path) -> None:
    blocks = re.findall(r"(?ms)^```python$(.*?)^```$", PAGE.read_text())
    (text,) = [each for each in blocks if "run_message" in each]
    space: dict[str, Callable[[], None]] = {}
    exec(text, space)
    space["TAG"] = EXAMPLES / "subject_tag.py"  # type: ignore[assignment]
    tests = [test for name, test in space.items() if name.startswith("test_")]
    for test in tests:
        test()

    assert len(tests) == 3


def test_the_hooks_in_the_documents_can_be_run(tmp_path: Path) -> None:
    blocks = re.findall(r"(?ms)^```python$(.*?)^```$", PAGE.read_text())
    (text,) = [each for each in blocks if "def on_connect" in each]
    file = tmp_path / "all.py"
    file.write_text(text)

    assert run_message(file, PLAIN).accepted
    assert all(f"def {hook}(" in text for hook in HOOKS)


def test_all_that_programs_may_use_is_in_the_documents() -> None:
    page = PAGE.read_text()
    of_the_server = ("letter", "points", "changes")
    public = [name for name in vars(Message) if not name.startswith("_")]
    names = [name for name in public if name not in of_the_server]
    fields = [each.name for each in dataclasses.fields(Session) if each.name != "journal"]

    assert [name for name in (*names, *fields) if f"{name}" not in page] == []
