"""Contents and databases that are not what was stored: found, told, put aside, never delivered."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from postroad.model import Addressee, Envelope
from postroad.spool import Choice, Claimed, Done, Inventory, Retry, Shard, SpoolError
from postroad.spool.content import PIECE
from postroad.spool.errors import ContentDamaged
from postroad.spool.inspection import inspect
from spool_conformance import ANN, BOB, LARGE, NOON, SMALL, Clock, ids, put, read
from spool_scenarios import SETTINGS

LATEST = NOON + 1e6
HUGE = LARGE * 2  # several pieces


@dataclass
class Place:
    """A shard's directory, what was reported about it, and what broke it."""

    path: Path
    said: list[str] = field(default_factory=list)
    broke: list[BaseException] = field(default_factory=list)

    async def open(self) -> Shard:
        return await Shard.open(
            self.path, 0, SETTINGS, Clock(), broken=self.broke.append, report=self.said.append
        )

    @contextlib.asynccontextmanager
    async def opened(self):  # type: ignore[no-untyped-def]
        shard = await self.open()
        try:
            yield shard
        finally:
            await shard.close()

    @property
    def database(self) -> Path:
        return self.path / "spool.db"

    def body(self, claimed: Claimed) -> Path:
        return self.path / "bodies" / claimed.message.queue_id

    def quarantined(self) -> set[str]:
        place = self.path / "quarantine"
        return {each.name for each in place.iterdir()} if place.exists() else set()

    def listed(self) -> dict[str, str]:
        """Why each message is held."""
        return {each.queue_id: each.waybill.held for each in Inventory([self.path]).list()}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "shard")


def flip(path: Path, at: int, bit: int = 0) -> None:
    octets = bytearray(path.read_bytes())
    octets[at] ^= 1 << bit
    path.write_bytes(octets)


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for happens in a thread
        await asyncio.sleep(0)


# Contents -----------------------------------------------------------------------------------------


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 1)


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a bit at the start": (lambda path: flip(path, 0), "does not match its checksum"),
    "a bit at the end": (lambda path: flip(path, -1, 7), "does not match its checksum"),
    "cut short": (cut, "octets instead of"),
    "longer": (lambda path: path.write_bytes(path.read_bytes() + b"x"), "octets instead of"),
    "emptied": (lambda path: path.write_bytes(b""), "0 octets instead of"),
    "missing": (Path.unlink, "is not there"),
}


@pytest.mark.parametrize("name", DAMAGES)
async def test_a_damaged_file_is_never_delivered(place: Place, name: str) -> None:
    damage, words = DAMAGES[name]
    async with place.opened() as shard:
        claimed, whole = await put(shard, content=HUGE), await put(shard, content=HUGE)
        queue_id, body = claimed.message.queue_id, place.body(claimed)
        shutil.copy(body, place.path.parent / "backup")
        damage(body)
        seen: list[bytes] = []
        with pytest.raises(ContentDamaged, match=words):
            seen.extend(claimed.message.content.chunks())
        # Whoever sends it has seen less than was stored, so no end of data can follow.
        assert sum(map(len, seen)) < len(HUGE)
        await until(lambda: place.said)
        assert place.said == [f"{queue_id}: damaged: {place.said[0].split(': ', 2)[2]}"]
        assert words in place.said[0]
        # The attempt ends as any that failed; nothing more of the message is begun.
        assert shard.withheld(ids(claimed)) == set(ids(claimed))
        await shard.settle([Retry(one, NOON + 60, "451") for one in ids(claimed)])
        assert (await shard.claim(LATEST, 10)).messages == ()
        assert read(whole) == HUGE
    assert place.listed() == {
        queue_id: f"damaged: {place.said[0].split('damaged: ')[1].split(';')[0]}",
        whole.message.queue_id: "",
    }
    assert place.quarantined() == (set() if name == "missing" else {queue_id})


async def test_it_is_shown_before_a_start(place: Place) -> None:
    place.path = place.path.with_name("0")
    async with place.opened() as shard:
        claimed = await put(shard, content=HUGE)
        place.body(claimed).unlink()
    assert list(inspect(place.path.parent)) == []
    async with place.opened() as shard:
        assert shard.damaged == (claimed.message.queue_id,)
    (line,) = inspect(place.path.parent)
    assert f"damaged messages on hold: 1, the oldest {claimed.message.queue_id};" in line


async def test_a_file_that_is_put_back_goes_on_its_way(place: Place) -> None:
    async with place.opened() as shard:
        claimed = await put(shard, content=HUGE)
        await shard.settle([Retry(one, NOON + 60, "451") for one in ids(claimed)])
        body = place.body(claimed)
    flip(body, 500)
    async with place.opened() as shard:  # its size is right, so only reading it tells
        (claimed,) = (await shard.claim(NOON + 60, 10)).messages
        with pytest.raises(ContentDamaged):
            read(claimed)
        await until(lambda: place.said)
    aside = place.path / "quarantine" / body.name
    shown = Inventory([place.path]).show(body.name)
    assert shown is not None
    assert b"".join(shown[1].chunks()) == aside.read_bytes() != HUGE
    shutil.copy(aside, body)
    async with place.opened() as shard:  # it is not whole yet
        assert shard.damaged == (body.name,)
        assert (await shard.claim(LATEST, 10)).messages == ()
        assert not body.exists()
    flip(aside, 500)
    shutil.copy(aside, body)
    async with place.opened() as shard:
        assert shard.damaged == ()
        (again,) = (await shard.claim(NOON + 60, 10)).messages
        assert read(again) == HUGE
        assert again.recipients[0].attempts == 1
        assert await shard.settle([Done(one) for one in ids(again)]) == [body.name]


async def test_a_release_by_hand_reads_it_anew(place: Place) -> None:
    async with place.opened() as shard:
        claimed = await put(shard, content=HUGE)
        name = claimed.message.queue_id
        octets = place.body(claimed).read_bytes()
        place.body(claimed).unlink()
        with pytest.raises(ContentDamaged):
            read(claimed)
        await until(lambda: place.said)
        await shard.release(ids(claimed))
        assert (await shard.free(Choice(frozenset([name])))).count == 1
        (claimed,) = (await shard.claim(LATEST, 10)).messages
        with pytest.raises(ContentDamaged):
            read(claimed)
        await until(lambda: len(place.said) == 2)
        await shard.release(ids(claimed))
        assert place.listed()[name].startswith("damaged: ")
        place.body(claimed).write_bytes(octets)
        await shard.free(Choice(frozenset([name])))
        (claimed,) = (await shard.claim(LATEST, 10)).messages
        assert read(claimed) == HUGE


async def test_mail_that_an_operator_holds_keeps_his_reason(place: Place) -> None:
    async with place.opened() as shard:
        claimed = await put(shard, content=HUGE)
        await shard.settle([Retry(one, NOON + 60, "451") for one in ids(claimed)])
        await shard.hold(Choice(), "because")
    place.body(claimed).unlink()
    async with place.opened() as shard:
        assert shard.damaged == (claimed.message.queue_id,)
        assert place.listed() == {claimed.message.queue_id: "because"}
        place.body(claimed).write_bytes(HUGE)
    async with place.opened() as shard:
        assert shard.damaged == ()
        await shard.free(Choice())
        (claimed,) = (await shard.claim(NOON + 60, 10)).messages
        assert claimed.recipients[0].attempts == 1


async def test_a_content_in_the_database_is_compared_before_its_first_octet(place: Place) -> None:
    async with place.opened() as shard:
        claimed = await put(shard, content=SMALL)
    with contextlib.closing(sqlite3.connect(place.database)) as database, database:
        database.execute("UPDATE content SET octets = CAST(replace(octets, 'x', 'y') AS BLOB)")
    async with place.opened() as shard:
        (claimed,) = (await shard.claim(NOON, 10)).messages
        with pytest.raises(ContentDamaged, match="does not match its checksum"):
            next(claimed.message.content.chunks())
        await until(lambda: place.said)
        await shard.release(ids(claimed))
        assert place.listed()[claimed.message.queue_id].startswith("damaged: ")


async def test_a_message_that_was_removed_is_no_damage(place: Place) -> None:
    async with place.opened() as shard:
        filed, inline = await put(shard, content=HUGE), await put(shard)
        await shard.settle([Done(one) for one in ids(filed, inline)])
        await until(lambda: not place.body(filed).exists())
        for claimed in (filed, inline):
            with pytest.raises(SpoolError):
                read(claimed)
        await put(shard)
    assert place.said == []
    assert place.quarantined() == set()


async def test_the_last_piece_comes_only_when_all_are_right(place: Place) -> None:
    async with place.opened() as shard:
        claimed = await put(shard, content=HUGE)
        flip(place.body(claimed), 3)
        pieces = []
        with pytest.raises(ContentDamaged):
            pieces.extend(iter(claimed.message.content.chunks()))
        assert sum(map(len, pieces)) <= len(HUGE) - len(HUGE) % PIECE
        assert sum(map(len, pieces)) < len(HUGE)


async def test_a_disk_that_cannot_be_read_is_no_damage(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be tried again, as any delivery that failed."""
    async with place.opened() as shard:
        claimed = await put(shard, content=HUGE)

        def fail(*_: object) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", fail)
            with pytest.raises(SpoolError, match="error") as caught:
                read(claimed)
        assert not isinstance(caught.value, ContentDamaged)
        assert read(claimed) == HUGE
    assert place.said == []


# Databases ----------------------------------------------------------------------------------------


async def fill(place: Place, count: int = 60) -> dict[str, bytes]:
    """A shard with small and large messages, closed."""
    contents = {}
    async with place.opened() as shard:
        for number in range(count):
            octets = (LARGE if number % 20 == 0 else SMALL * 40) + str(number).encode()
            claimed = await put(shard, content=octets)
            contents[claimed.message.queue_id] = octets
    return contents


async def crashed(place: Place, count: int = 60) -> dict[str, bytes]:
    """The same as a kill leaves it: all mail is in the log."""
    alive = Place(place.path.with_name("alive"))
    contents = {}
    async with alive.opened() as shard:
        for number in range(count):
            octets = (LARGE if number % 20 == 0 else SMALL * 40) + str(number).encode()
            claimed = await put(shard, content=octets)
            contents[claimed.message.queue_id] = octets
        shutil.copytree(alive.path, place.path)
    return contents


async def inventory(place: Place) -> tuple[dict[str, bytes], set[str]]:
    """What can be delivered, and what is held as damaged."""
    async with place.opened() as shard:
        claim = await shard.claim(LATEST, 1000)
        found = {each.message.queue_id: read(each) for each in claim.messages}
        held = {name for name, why in place.listed().items() if why}
        claimed = await put(shard)  # and it goes on
        assert read(claimed) == SMALL
        with contextlib.closing(sqlite3.connect(place.database)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return found, held


def in_page(page: int, at: int) -> Callable[[Path], None]:
    return lambda path: flip(path, (page - 1) * 4096 + at)


def wipe(page: int) -> Callable[[Path], None]:
    def act(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(b"\xa5" * 4096)

    return act


def halve(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "no magic": (in_page(1, 3), "file is not a database"),
    "no first page": (wipe(1), "file is not a database"),
    "no schema": (in_page(1, 100), "malformed"),
    "empty": (lambda path: path.write_bytes(b""), "spool.db is empty"),
    "gone": (Path.unlink, "spool.db is gone"),
    "another file": (lambda path: path.write_bytes(b"no database at all " * 999), "not a database"),
    "cut in half": (halve, "malformed"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_database_is_put_aside_and_saved(place: Place, name: str) -> None:
    """Whatever the operator finds, it is one line, and the server serves."""
    damage, words = BROKEN[name]
    contents = await fill(place)
    damage(place.database)
    found, held = await inventory(place)
    assert found.items() <= contents.items()
    if name in ("no magic", "no first page", "no schema"):
        assert found == contents
    assert place.said[0].startswith("the database was broken (")
    assert words in place.said[0]
    assert all("\n" not in line for line in place.said)
    # Nothing was thrown away: what was there is in quarantine, as are files without a message.
    aside = place.path / "quarantine"
    assert (aside / "database-1" / "report.txt").read_text().startswith("the database was broken")
    if name != "gone":
        assert (aside / "database-1" / "spool.db").exists()
    lost = contents.keys() - found.keys() - held
    filed = {name for name, octets in contents.items() if len(octets) > SETTINGS.inline_limit}
    small = {name for name, octets in contents.items() if len(octets) <= SETTINGS.inline_limit}
    assert place.quarantined() - {"database-1"} <= filed
    assert filed & lost <= place.quarantined()
    assert small  # else nothing was lost with the database
    # A second start finds nothing wrong.
    place.said.clear()
    again, _ = await inventory(place)
    assert found.keys() <= again.keys()
    assert place.said == []


def frame(number: int, at: int) -> Callable[[Path], None]:
    return lambda path: flip(path, 32 + number * 4120 + at)


LOGS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a page of the first message": (frame(12, 700), "broken in the middle"),
    "a page in the middle": (frame(90, 700), "broken in the middle"),
    "the head of a frame": (frame(90, 2), "broken in the middle"),
    "the head of the log": (lambda path: flip(path, 1), "broken in the middle"),
}


@pytest.mark.parametrize("name", LOGS)
async def test_a_log_that_is_broken_inside_is_not_taken_for_its_end(
    place: Place, name: str
) -> None:
    damage, words = LOGS[name]
    contents = await crashed(place)
    log = place.path / "spool.db-wal"
    assert log.stat().st_size > 32 + 100 * 4120
    damage(log)
    found, held = await inventory(place)
    assert words in place.said[0]
    assert found.items() <= contents.items()
    # Frames are whole pages, and a page comes again with the next message that is put in it.
    assert len(found) >= len(contents) - 2
    assert found.keys() | held <= contents.keys()


async def test_the_end_of_a_log_may_be_torn(place: Place) -> None:
    """It was not acknowledged; so it is no damage, and nothing is said."""
    contents = await crashed(place)
    log = place.path / "spool.db-wal"
    with log.open("ab") as file:
        file.write(log.read_bytes()[32 : 32 + 3 * 4120])  # frames of another place
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size - 1000)
    found, held = await inventory(place)
    assert (found, held, place.said) == (contents, set(), [])


@pytest.mark.parametrize("page", range(2, 40, 3))
async def test_what_is_on_other_pages_than_the_broken_one_is_saved(place: Place, page: int) -> None:
    """The crash is what has the database looked at; a close says that it was left sound."""
    contents = await fill(place, 200)
    with contextlib.closing(sqlite3.connect(place.database)) as database, database:
        database.execute("UPDATE shard SET open = 1")
        (pages,) = database.execute("PRAGMA page_count").fetchone()
    assert pages > 40
    wipe(page)(place.database)
    found, held = await inventory(place)
    lost = contents.keys() - found.keys() - held
    assert found.items() <= contents.items()
    if place.said and place.said[0].startswith("the database"):
        report = (place.path / "quarantine" / "database-1" / "report.txt").read_text()
        assert "places could not be read" in report
    # A page of the table of messages holds some fifty of them; each other page one or two.
    assert len(lost) <= 60


async def test_a_database_that_broke_after_it_was_closed(place: Place) -> None:
    """Nobody checks it then; but whatever is met while it is opened is enough."""
    contents = await fill(place, 200)
    wipe(3)(place.database)
    found, held = await inventory(place)
    assert place.said[0].startswith("the database was broken")
    assert found.items() <= contents.items()
    assert found.keys() | held <= contents.keys()


async def test_tables_stay_where_they_were_made(place: Place) -> None:
    """A first page that is gone is replaced by that of a new database."""
    where = "SELECT name, rootpage FROM sqlite_schema WHERE type = 'table' ORDER BY rootpage"
    await fill(place, 5)
    with contextlib.closing(sqlite3.connect(place.database)) as database:
        before = database.execute(where).fetchall()
        database.execute("VACUUM")
        assert database.execute(where).fetchall() == before
    assert [name for name, _ in before[:4]] == ["shard", "message", "content", "recipient"]
    assert [page for _, page in before[:4]] == [2, 3, 4, 5]


async def test_a_content_on_a_broken_page_is_damaged_alone(place: Place) -> None:
    contents = await fill(place)
    with contextlib.closing(sqlite3.connect(place.database)) as database:
        pages = database.execute(
            "SELECT pageno FROM dbstat WHERE name = 'content' AND pagetype = 'leaf'"
        ).fetchall()
    wipe(pages[len(pages) // 2][0])(place.database)
    damaged = 0
    async with place.opened() as shard:
        for claimed in (await shard.claim(LATEST, 100)).messages:
            try:
                assert read(claimed) == contents[claimed.message.queue_id]
            except ContentDamaged:
                damaged += 1
        await until(lambda: len(place.said) == damaged)
    assert 0 < damaged < len(contents) // 2
    found, held = await inventory(place)  # looked at, as it is known not to be sound
    assert len(held) == damaged
    assert found.keys() | held == contents.keys()
    assert place.said[damaged].startswith("the database was broken")


async def test_what_breaks_while_it_is_open_is_saved_at_the_next_start(place: Place) -> None:
    contents = await fill(place)
    shard = await place.open()
    wipe(5)(place.database)

    async def work() -> None:
        for _ in range(2000):  # until it needs a page that it does not have in memory
            await put(shard)
            await shard.claim(LATEST, 100)
            shard._ledger.connection.execute("PRAGMA shrink_memory")

    with pytest.raises((SpoolError, sqlite3.DatabaseError)):
        await work()
    await until(lambda: place.broke)
    await shard.close()
    found, held = await inventory(place)
    assert place.said[0].startswith("the database was broken")
    assert found.keys() & contents.keys() or held


# What only the operator can mend ------------------------------------------------------------------


async def test_a_directory_in_its_place_is_refused(place: Place) -> None:
    async with place.opened():
        pass
    place.database.unlink()
    place.database.mkdir()
    with pytest.raises(SpoolError, match=r"spool\.db: is a directory"):
        await place.open()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_refused(place: Place, tmp_path: Path) -> None:
    asyncio.run(fill(place, 1))
    for path in (tmp_path, place.path, place.path / "bodies", place.path / "lock"):
        os.chown(path, 65534, 65534)
    for parent in tmp_path.parents:
        if parent.stat().st_uid == 0 and parent.name.startswith(("pytest", "popen")):
            parent.chmod(0o755)
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        status = 1
        with contextlib.suppress(BaseException):
            os.setgid(65534)
            os.setuid(65534)
            try:
                asyncio.run(place.open())
            except SpoolError as error:
                words = "permission denied: it belongs to user 0, this is user 65534"
                status = 0 if str(error).endswith(words) else 2
        os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


async def test_a_strange_directory_is_left_alone(place: Place) -> None:
    place.path.mkdir()
    place.database.write_bytes(b"somebody's own notes " * 400)
    with pytest.raises(SpoolError, match="not a database"):
        await place.open()
    assert place.database.read_bytes().startswith(b"somebody's")
    assert place.quarantined() == set()


async def test_names_that_are_not_told_apart_by_number_are_one_shard(place: Place) -> None:
    async with place.opened() as shard:
        await shard.begin().commit(Envelope(ANN), [Addressee(BOB, BOB)], NOON)
    shutil.copytree(place.path, place.path.with_name("7"))
    with pytest.raises(SpoolError, match="shard 0, not of shard 7"):
        await Shard.open(place.path.with_name("7"), 7, SETTINGS, Clock())
