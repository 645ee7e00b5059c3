"""A whole worker with the built-in filter: what the client is told, and where mail lies then."""

from __future__ import annotations

import asyncio
import smtplib
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import dns.rcode
import pytest

from dns_server import DnsServer
from postroad.app import builtin_filter as module
from postroad.filters.builtin.bayes.classifier import UNKNOWN, Verdict
from postroad.filters.builtin.bayes.learning import lesson_of
from postroad.filters.builtin.bayes.stores import Stores
from postroad.filters.builtin.reading import Reading
from worker_world import JOHN, Worker, at_work, site

TABLES = """\
[listeners.mx]
xclient = ["127.0.0.0/8"]
[dns]
servers = ["{servers}"]
timeout = {patience}
[dmarc]
verify = false
[filters.spam]
kind = "builtin"
mail = ["outside"]
{more}
"""
ZONE = """
. 60 IN SOA ns.example.net. root.example.net. 1 3600 600 86400 60
7.2.0.192.bl.example.net. 60 IN A 127.0.0.2
"""
LIST = '[filters.spam.client_lists]\n"bl.example.net" = 4.5\n'
CLIENT = "XCLIENT ADDR=192.0.2.7 NAME=mail.example.com HELO=mail.example.com"
USUAL = {
    "From": "Ann <ann@example.com>",
    "To": JOHN,
    "Subject": "Lunch on Friday?",
    "Message-ID": "<1@example.com>",
}


@asynccontextmanager
async def filtering(folder: Path, more: str = "", servers: str = "") -> AsyncIterator[Worker]:
    """A worker with the built-in filter, and the name server it asks."""
    async with name_server(servers) as place:
        patience = 1 if servers == "silent" else 30  # seconds
        tables = TABLES.format(servers=place, patience=patience, more=more)
        configuration = site(folder, tables)
        async with at_work(configuration) as worker:
            yield worker


@asynccontextmanager
async def name_server(how: str) -> AsyncIterator[str]:
    server = DnsServer(".", ZONE)
    server.rcode = dns.rcode.SERVFAIL if how == "broken" else None
    server.silent = how == "silent"
    place = await server.start()
    try:
        yield place
    finally:
        server.stop()


async def send(worker: Worker, body: str = "See you at noon.", **header: str) -> tuple[int, str]:
    fields = USUAL | {name.replace("_", "-"): value for name, value in header.items()}
    lines = [f"{name}: {value}" for name, value in fields.items() if value]

    def talk() -> tuple[int, str]:
        with smtplib.SMTP("127.0.0.1", worker.port, timeout=60) as client:
            client.ehlo("peer.example")
            client.docmd(CLIENT)
            client.ehlo("mail.example.com")
            client.mail("ann@example.com")
            client.rcpt(JOHN)
            code, words = client.data("\r\n".join([*lines, "", body, ""]).encode())
            return code, words.decode()

    return await asyncio.to_thread(talk)


def learned(folder: Path) -> Stores:
    """A site that has learned 200 of each."""
    stores = Stores(folder / "state" / "spam", pytest.fail)
    for is_spam, words in (
        (True, "cheap pills casino winner"),
        (False, "lunch meeting noon agenda"),
    ):
        lessons = [
            lesson_of(f"Message-ID: <{n}>\n\n{words} {n}\n".encode(), is_spam=is_spam)
            for n in range(200)
        ]
        stores.learn(lessons)
    return stores


def score(octets: bytes) -> str:
    lines = octets.decode().splitlines()
    return next(line.partition(": ")[2] for line in lines if line.startswith("X-Spam-Score"))


async def test_a_stranger_s_mail_is_scored_and_explained(tmp_path: Path) -> None:
    async with filtering(tmp_path, LIST) as worker:
        _, words = await send(worker, Message_ID="")
        await worker.delivered()
    (octets,) = worker.mail()
    assert b"\ttests=LISTED:bl.example.net," in octets
    told = " ".join(" ".join(worker.known(words.rpartition(" ")[2])).split())
    assert "spam says 7.1/5.0: LISTED:bl.example.net +4.5 (192.0.2.7 is in bl.exam" in told
    assert "MESSAGE_ID_MISSING +1 (it has no Message-ID)" in told
    log = [each.text for each in worker.events if "spam=7.1/5.0" in each.text]
    assert len(log) == 1
    assert "/.Junk/" in str(next(worker.configuration.state_directory.rglob("new/*")))


async def test_mail_of_our_own_is_not_looked_at(tmp_path: Path) -> None:
    async with filtering(tmp_path, LIST) as worker:
        code, _ = await worker.send(b"body\r\n")
        await worker.delivered()
    assert code == 250
    assert b"X-Spam" not in worker.mail()[0]


async def test_what_was_learned_decides(tmp_path: Path) -> None:
    learned(tmp_path)
    async with filtering(tmp_path) as worker:
        await send(worker, "lunch meeting agenda, noon")
        await worker.delivered()
        (ham,) = worker.mail()
        worker.events.clear()
        code, _ = await send(worker, "cheap pills: casino winner", Subject="casino")
        await worker.delivered()
    assert code == 250
    assert float(score(ham)) < 0
    folder = worker.configuration.state_directory
    (spam,) = [path.read_bytes() for path in folder.rglob("new/*") if ".Junk" in str(path)]
    assert float(score(spam)) >= 5.0


async def test_what_has_most_points_is_refused(tmp_path: Path) -> None:
    async with filtering(tmp_path, "reject = 5.0\n" + LIST) as worker:
        reply = await send(worker, Message_ID="", Subject="")
    assert reply == (550, "5.7.1 Message rejected as spam (score 7.9)")
    assert worker.mail() == []


@pytest.mark.parametrize("servers", ["broken", "silent"])
async def test_a_dns_that_does_not_answer_costs_nobody_points(tmp_path: Path, servers: str) -> None:
    async with filtering(tmp_path, LIST, servers) as worker:
        code, _ = await send(worker, Date="Thu, 01 Jan 2037 00:00:00 +0000")
        await worker.delivered()
    assert code == 250
    assert score(worker.mail()[0]) == "2.5"


async def test_a_damaged_memory_is_put_aside_and_mail_goes_on(tmp_path: Path) -> None:
    memory = tmp_path / "state" / "spam" / "site.db"
    learned(tmp_path)
    memory.write_bytes(b"nonsense" * 1000)
    async with filtering(tmp_path) as worker:
        code, _ = await send(worker)
        await worker.delivered()
    assert code == 250
    assert [each.name for each in memory.parent.glob("site.db.damaged-*")] != []
    said = [each.text for each in worker.events if "was damaged" in each.text]
    assert len(said) == 1, [each.text for each in worker.events]


async def test_a_memory_that_cannot_be_read_is_said_and_mail_goes_on(tmp_path: Path) -> None:
    (tmp_path / "state" / "spam" / "site.db").mkdir(parents=True)
    async with filtering(tmp_path) as worker:
        code, words = await send(worker)
        await worker.delivered()
    assert code == 250
    known = " ".join(worker.known(words.rpartition(" ")[2]))
    assert "spam says no memory: " in known, known


class Stuck:
    """Implements `Judge`: a disk that does not answer."""

    def __init__(self) -> None:
        self.freed = threading.Event()

    def judge(self, reading: Reading, account: str = "") -> Verdict:
        self.freed.wait(60)
        return UNKNOWN


@contextmanager
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    judge = Stuck()
    monkeypatch.setattr(module, "judge_of", lambda *_: judge)
    try:
        yield
    finally:
        judge.freed.set()


@pytest.mark.parametrize(
    ("on_failure", "reply"),
    [("defer", "451 4.7.1"), ("accept", "250 2.0.0"), ("reject", "550 5.5.0"), ("hold", "250")],
)
async def test_a_disk_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_failure: str, reply: str
) -> None:
    with stuck(monkeypatch):
        more = f'on_failure = "{on_failure}"\ntimeout = 1\n'
        async with filtering(tmp_path, more) as worker:
            code, words = await send(worker)
            if on_failure == "accept":
                await worker.delivered()
    assert f"{code} {words}".startswith(reply)
    assert len(worker.mail()) == (on_failure == "accept")
