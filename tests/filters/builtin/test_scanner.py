"""The filter as a whole: what it makes of a message, and what it does when something fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroad.filters.builtin.bayes.classifier import UNKNOWN, Verdict
from postroad.filters.builtin.reading import Reading
from postroad.filters.builtin.scanner import READERS, Builtin, Needs
from postroad.filters.scoring import Wish
from postroad.filters.settings import FilterSettings
from postroad.model import Address, Recipient
from postroad.model.content import Octets
from postroad.model.fields import Fields
from postroad.model.letter import Letter, Opinion
from spam_world import HERE, TRACE, letter, octets

BAD = octets({"Date": None, "Subject": None, "Message-ID": None})  # 3.0 points


class Judging:
    """Implements `Judge`."""

    def __init__(self, verdict: Verdict = UNKNOWN) -> None:
        self.verdict = verdict
        self.asked: list[str] = []

    def judge(self, reading: Reading, account: str = "") -> Verdict:
        self.asked.append(account)
        return self.verdict


class Everybody:
    """Implements `Accounts` and `Wishes`."""

    def __init__(self, wish: Wish | None = Wish()) -> None:  # noqa: B008 - a value
        self._wish = wish

    async def account(self, address: Address) -> str:
        return str(address)

    async def wish(self, address: Address) -> Wish | None:
        return self._wish


async def opinion(
    looked_at: Letter, verdict: Verdict = UNKNOWN, needs: Needs | None = None, **given: object
) -> Opinion:
    configured = FilterSettings(kind="builtin", **given)  # type: ignore[arg-type]
    usual = Needs(lambda: HERE, Judging(verdict), accounts=Everybody(), wishes=Everybody())
    return await Builtin(configured, "spam", needs or usual).examine(looked_at)


def told(given: Opinion) -> dict[str, str]:
    assert given.fields is not None
    return {each.name: each.text for each in given.fields if each.key.startswith("x-spam")}


async def test_usual_mail_has_no_points() -> None:
    given = await opinion(letter())
    assert told(given) == {
        "X-Spam-Score": "0.0",
        "X-Spam-Status": "No, score=0.0 required=5.0\ttests=none",
    }
    assert given.reply is None
    assert [(each.result, each.words) for each in given.findings] == [("0.0/5.0", "")]


async def test_what_is_found_is_told_in_the_header_and_explained_in_the_finding() -> None:
    given = await opinion(letter(BAD), Verdict(0.995, 300, 400))
    assert told(given) == {
        "X-Spam-Flag": "YES",
        "X-Spam-Score": "6.5",
        "X-Spam-Level": "******",
        "X-Spam-Status": "Yes, score=6.5 required=5.0"
        "\ttests=BAYES_99,DATE_MISSING,MESSAGE_ID_MISSING,SUBJECT_MISSING",
    }
    (found,) = given.findings
    assert found.result == "6.5/5.0"
    assert found.words == (
        "BAYES_99 +3.5 (spam to 0.995 by what this site has learned),"
        " DATE_MISSING +1.2 (it has no date),"
        " MESSAGE_ID_MISSING +1 (it has no Message-ID),"
        " SUBJECT_MISSING +0.8 (it has no subject)"
    )
    assert found.details["tests"].startswith("BAYES_99 DATE_MISSING")


async def test_what_it_says_stays_behind_another_filter_that_scores_less() -> None:
    first = await opinion(letter(BAD), Verdict(0.995, 300, 400))
    second = await opinion(letter(BAD).after(first), Verdict(0.5, 300, 400))
    assert second.fields is None


@pytest.mark.parametrize(
    ("wish", "code"),
    [(Wish(), "550 5.7.1"), (Wish(reject=0.0), ""), (None, "451 4.3.0")],
    ids=["refused", "never", "directory away"],
)
async def test_what_is_worst_is_refused_as_accounts_wish(wish: Wish | None, code: str) -> None:
    needs = Needs(lambda: HERE, Judging(Verdict(0.9999, 300, 400)), wishes=Everybody(wish))
    given = await opinion(letter(BAD), needs=needs, reject=8.0)
    assert str(given.reply or "").startswith(code)
    assert (given.reply is None) is (code == "")


@pytest.mark.parametrize(
    ("names", "asked"), [(("john",), "john@example.org"), (("john", "ann"), "")]
)
async def test_whose_memory_is_asked(names: tuple[str, ...], asked: str) -> None:
    judge = Judging()
    people = tuple(Recipient(Address(name, "example.org")) for name in names)
    needs = Needs(lambda: HERE, judge, accounts=Everybody())
    await opinion(letter(recipients=people), needs=needs)
    assert judge.asked == [asked]


async def test_a_memory_that_cannot_be_read_costs_nobody_points() -> None:
    given = await opinion(letter(), Verdict(None, trouble="site.db: disk I/O error"))
    assert given.reply is None
    assert [(each.result, each.words) for each in given.findings] == [
        ("0.0/5.0", ""),
        ("no memory", "site.db: disk I/O error"),
    ]


async def test_points_are_the_operators() -> None:
    points = {"DATE_MISSING": 0.0, "SUBJECT_MISSING": 2.0, "BAYES_99": 1.0}
    given = await opinion(letter(BAD), Verdict(0.995, 300, 400), points=points)
    assert told(given)["X-Spam-Score"] == "4.0"


async def test_learned_ham_takes_points_away() -> None:
    given = await opinion(letter(BAD), Verdict(0.001, 300, 400))
    assert told(given)["X-Spam-Score"] == "1.0"


async def test_what_others_say_of_spam_is_no_part_of_the_message() -> None:
    stood = octets({"X-Spam-Status": "Yes, score=99", "X-Spam-Flag": "YES"})
    assert told(await opinion(letter(stood))).keys() == {"X-Spam-Score", "X-Spam-Status"}


class Stuck:
    """Implements `Judge`: a disk that does not answer until it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.begun = threading.Semaphore(0)
        self.answers = threading.Event()

    def judge(self, reading: Reading, account: str = "") -> Verdict:
        self.asked += 1
        self.begun.release()
        self.answers.wait(60)
        return UNKNOWN


async def test_a_disk_that_does_not_answer_holds_no_more_threads_than_may_read() -> None:
    judge = Stuck()
    scanner = Builtin(FilterSettings(kind="builtin"), "spam", Needs(judge=judge))
    try:
        for at in range(READERS + 2):  # one after the other, each given up
            asking = asyncio.create_task(scanner.examine(letter()))
            if at < READERS:
                assert await asyncio.to_thread(judge.begun.acquire, timeout=60)
            await asyncio.sleep(0)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        assert judge.asked == READERS
    finally:
        judge.answers.set()
    assert (await scanner.examine(letter())).reply is None
    assert judge.asked == READERS + 1


class Body(Octets):
    """A body that tells whether it was read."""

    is_read = False

    def chunks(self) -> Iterator[bytes]:
        self.is_read = True
        return super().chunks()


async def test_a_message_that_waits_for_its_turn_is_not_kept_in_memory() -> None:
    judge = Stuck()
    scanner = Builtin(FilterSettings(kind="builtin"), "spam", Needs(judge=judge))
    bodies = [Body(b"hello\r\n") for _ in range(READERS + 1)]
    tasks = [asyncio.create_task(scanner.examine(letter(body=each))) for each in bodies]
    try:
        for _ in range(READERS):
            assert await asyncio.to_thread(judge.begun.acquire, timeout=60)
        assert [each.is_read for each in bodies] == [True] * READERS + [False]
    finally:
        judge.answers.set()
    await asyncio.gather(*tasks)
    assert bodies[-1].is_read


NESTED = b"".join(
    b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (at, at) for at in range(2000)
)
HOSTILE = {
    "a megabyte of one field": (b"Subject: " + b"=?utf-8?q?a?= " * 70_000 + b"\r\n", b""),
    "a megabyte of fields": (b"Received: from x by y\r\n" * 45_000, b""),
    "a megabyte of recipients": (b"To: " + b"a@example.com,\r\n " * 60_000 + b"b\r\n", b""),
    "a megabyte of comments in From": (b"From: " + b"(" * 1_000_000 + b"\r\n", b""),
    "ten thousand parts": (
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"--b\r\n\r\nx\r\n" * 10_000,
    ),
    "two thousand parts within each other": (
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"--b\r\n" + NESTED,
    ),
    "a thousand boundaries that nearly match": (
        b"Content-Type: multipart/mixed; boundary=" + b"b" * 70 + b"\r\n",
        (b"--" + b"b" * 69 + b"\r\n") * 7_000,
    ),
    "tags that do not end": (b"Content-Type: text/html\r\n", b"<a href='" * 60_000),
    "comments that do not end": (b"Content-Type: text/html\r\n", b"<!--" * 130_000),
    "a charset that swells": (
        b"Content-Type: text/plain; charset=utf-7\r\n",
        b"+AGEAYg-" * 60_000,
    ),
    "a charset that nobody knows": (b"Content-Type: text/plain; charset=idna\r\n", b"a" * 500_000),
    "letters with gaps": (b"Content-Type: text/plain\r\n", b"a b " * 120_000),
    "links only": (b"Content-Type: text/plain\r\n", b"http://1.2.3.4/ " * 30_000),
    "a link of a megabyte": (
        b"Content-Type: text/html\r\n",
        b"<a href='http://" + b"a." * 250_000 + b"'>x</a>",
    ),
    "one word": (b"Content-Type: text/plain\r\n", b"\xc3\xa4\xc2\xad" * 130_000),
    "numbers for Bitcoin": (b"Content-Type: text/plain\r\n", b"1" * 500_000),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_mail_that_is_made_to_be_expensive_is_scored(name: str) -> None:
    header, body = HOSTILE[name]
    fields = Fields.of(TRACE + header)
    given = await opinion(letter(fields=fields, body=Octets(body)))
    assert given.reply is None
    assert float(told(given)["X-Spam-Score"]) > 0


@settings(max_examples=50)
@given(st.binary(max_size=400), st.binary(max_size=400))
async def test_no_message_makes_it_fail(value: bytes, body: bytes) -> None:
    folded = value.replace(b"\r", b"").replace(b"\n", b"\r\n\t")
    fields = Fields.of(TRACE + b"Content-Type: " + folded + b"\r\nFrom: " + folded + b"\r\n")
    given = await opinion(letter(fields=fields, body=Octets(body)))
    assert "X-Spam-Score" in told(given)
