"""The tables of a worker: opened once, taken anew when a file changes, judged before that."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from postroad.tables import TableMistake, Tables, TableUnavailable
from postroad.tables.watched import SHORT


class World:
    """Tables with a clock of the test's own; files are as old as it says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.time = 1_000_000.0
        self.reported: list[str] = []
        self.informed: list[str] = []
        self.judged: list[tuple[str, frozenset[str] | None]] = []
        self.objection: dict[str, str] = {}
        self.tables = Tables(
            report=self.reported.append,
            inform=self.informed.append,
            judge=self._judge,
            now=lambda: self.time,
            wall=lambda: self.time,
        )

    def write(self, name: str, text: str | bytes, *, age: float = 10) -> str:
        file = self.folder / name
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        os.utime(file, (self.time - age, self.time - age))
        return str(file)

    def rename_into(self, name: str, text: str, *, age: float = 10) -> None:
        os.replace(self.write(f"{name}.new", text, age=age), self.folder / name)

    def _judge(self, name: str, values: frozenset[str] | None) -> str:
        self.judged.append((name, values))
        return self.objection.get(name, "")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    await made.tables.close()


async def test_a_change_is_taken_within_a_second(world: World) -> None:
    name = f"hash:{world.write('t', 'a one')}"
    assert await world.tables.find(name, "a") == "one"
    world.write("t", "a three", age=5)
    world.time += 0.5
    assert await world.tables.find(name, "a") == "one"
    world.time += 0.5
    assert await world.tables.find(name, "a") == "three"
    assert world.informed == [f"{name}: taken anew, {world.folder}/t has changed"]
    assert not world.reported


async def test_a_file_that_another_took_the_place_of(world: World) -> None:
    name = f"hash:{world.write('t', 'a one')}"
    assert await world.tables.find(name, "a") == "one"
    world.time += 1
    world.rename_into("t", "a two", age=11)  # the same length and time as before
    assert await world.tables.find(name, "a") == "two"


async def test_a_file_that_is_being_written_is_left_for_later(world: World) -> None:
    name = f"hash:{world.write('t', 'a one')}"
    world.tables.open([name])
    world.time += 5
    world.write("t", "a tw", age=0.1)
    assert await world.tables.find(name, "a") == "one"
    world.write("t", "a two", age=0)
    world.time += 1
    assert await world.tables.find(name, "a") == "two"


async def test_a_file_of_the_future_does_not_wait_for_it(world: World) -> None:
    name = f"hash:{world.write('t', 'a one')}"
    world.tables.open([name])
    world.time += 5
    world.write("t", "a two", age=-1000)
    assert await world.tables.find(name, "a") == "two"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a two\nb\n", "t:2: expected"),
        (b"a \xff", "t:1: is not UTF-8"),
        ("a \0", "t:1: holds a NUL"),
        (" a two", "t:1: begins with white space"),
    ],
)
async def test_a_broken_edit_keeps_the_old_table(
    world: World, text: str | bytes, said: str
) -> None:
    name = f"hash:{world.write('t', 'a one')}"
    world.tables.open([name])
    world.write("t", text, age=5)
    for _ in range(3):
        world.time += 1
        assert await world.tables.find(name, "a") == "one"
    assert len(world.reported) == 1
    assert said in world.reported[0]
    assert world.reported[0].endswith("the table stays as it was")
    world.write("t", "a mended", age=2)
    world.time += 1
    assert await world.tables.find(name, "a") == "mended"


async def test_a_file_that_is_gone_keeps_the_old_table(world: World) -> None:
    name = f"cidr:{world.write('t', '10.0.0.0/8 one')}"
    world.tables.open([name])
    (world.folder / "t").unlink()
    for _ in range(3):
        world.time += 1
        assert await world.tables.find(name, "10.1.1.1") == "one"
    assert world.reported == [
        f"{world.folder}/t: no such file or directory; the table stays as it was"
    ]
    world.write("t", "10.0.0.0/8 back", age=2)
    world.time += 1
    assert await world.tables.find(name, "10.1.1.1") == "back"


async def test_an_edit_that_is_objected_to_keeps_the_old_table(world: World) -> None:
    name = f"hash:{world.write('t', 'a REJECT')}"
    world.tables.open([name])
    world.judged.clear()
    world.objection = {name: "it would relay"}
    world.write("t", "a OK\nb REJECT", age=5)
    for _ in range(3):
        world.time += 1
        assert await world.tables.find(name, "a") == "REJECT"
    assert world.judged == [(name, frozenset({"OK", "REJECT"}))]
    assert world.reported == [f"{name}: not taken anew: it would relay; the table stays as it was"]


async def test_a_table_that_is_objected_to_is_not_opened(world: World) -> None:
    name = f"hash:{world.write('t', 'a OK')}"
    world.objection = {name: "it would relay"}
    with pytest.raises(TableMistake, match="it would relay"):
        world.tables.open([name])
    with pytest.raises(TableUnavailable, match="it would relay"):
        await world.tables.find(name, "a")
    assert world.tables.values_now(name) == frozenset()
    world.objection = {}
    world.time += 1
    assert await world.tables.find(name, "a") == "OK"
    assert world.judged == [(name, frozenset({"OK"}))] * 2
    assert world.tables.values_now(name) == {"OK"}


async def test_a_judge_is_asked_for_every_table_that_a_file_is_a_part_of(world: World) -> None:
    inner = f"hash:{world.write('t', 'a REJECT')}"
    union = f"unionmap:{{{inner}, inline:{{a=x}}}}"
    pipe = f"pipemap:{{inline:{{a=a}}, {inner}}}"
    other = "pipemap:{" + inner + ", static:DUNNO}"
    world.tables.open([union, pipe, other])
    assert await world.tables.find(union, "a") == "REJECT,x"
    world.objection = {pipe: "it would relay"}
    world.write("t", "a OK", age=5)
    world.time += 1
    assert await world.tables.find(union, "a") == "REJECT,x"
    assert dict(world.judged)[inner] == {"OK"}
    assert dict(world.judged)[union] == {"OK", "x", "OK,x"}
    assert world.tables.values(pipe) == {"REJECT"}
    world.objection = {}
    world.write("t", "a OK ", age=4)
    world.time += 1
    assert await world.tables.find(pipe, "a") == "OK"
    assert await world.tables.find(union, "a") == "OK,x"
    assert await world.tables.find(other, "a") == "DUNNO"


async def test_a_judge_is_not_asked_when_answers_stay_the_same(world: World) -> None:
    name = f"hash:{world.write('t', 'a OK')}"
    world.tables.open([name])
    world.judged.clear()
    world.objection = {name: "whatever"}
    world.write("t", "a OK\nb OK", age=5)
    world.time += 1
    assert await world.tables.find(name, "b") == "OK"
    assert not world.judged


async def test_a_long_file_is_read_in_a_thread_while_others_are_answered(world: World) -> None:
    lines = "".join(f"{number}@example.org OK\n" for number in range(SHORT // 10))
    name = f"hash:{world.write('t', lines + 'a one')}"
    world.tables.open([name])
    world.write("t", lines + "a three", age=5)
    world.time += 1
    first, *others = await asyncio.gather(*(world.tables.find(name, "a") for _ in range(5)))
    assert first == "three"
    assert set(others) <= {"one", "three"}
    assert await world.tables.find(name, "a") == "three"
    assert len(world.informed) == 1


async def test_parameters_of_a_query_are_followed_too(world: World) -> None:
    name = "sqlite:" + world.write("t.cf", "dbpath = /nowhere\nquery = SELECT %s")
    with pytest.raises(TableUnavailable, match="nowhere"):
        await world.tables.find(name, "a")
    world.write("t.cf", "dbpath = /elsewhere\nquery = SELECT %s", age=5)
    world.time += 1
    with pytest.raises(TableUnavailable, match="unable to open"):
        await world.tables.find(name, "a")
    assert "taken anew" in world.informed[0]
    world.write("t.cf", "dbpath = /nowhere\nqeury = SELECT %s", age=4)
    world.time += 1
    with pytest.raises(TableUnavailable):
        await world.tables.find(name, "a")
    assert 't.cf:2: "qeury" is not known here; did you mean query?' in world.reported[1]


async def test_each_table_is_opened_once(world: World) -> None:
    inner = "hash:" + world.write("t", "a one\na two")
    world.tables.open([inner, f"unionmap:{{{inner}}}", inner])
    assert len(world.reported) == 1  # the duplicate
    assert world.reported[0] == f'{world.folder}/t:2: "a" is given twice; the first one counts'


async def test_a_table_that_cannot_be_opened(world: World) -> None:
    name = f"hash:{world.folder}/t"
    with pytest.raises(TableMistake, match="no such file"):
        world.tables.open([name])
    with pytest.raises(TableUnavailable, match=f"{name}: .*no such file"):
        await world.tables.find(name, "a")
    assert not world.tables.takes_parts(name)
    assert world.tables.values(name) is None
    world.write("t", "a one")
    world.time += 1
    assert await world.tables.find(name, "a") == "one"


async def test_a_table_that_cannot_answer_is_reported_once_a_minute(world: World) -> None:
    name = "sqlite:" + world.write("t.cf", "dbpath = /nowhere\nquery = SELECT %s")
    for _ in range(3):
        with pytest.raises(TableUnavailable):
            await world.tables.find(name, "a")
    assert world.reported == [f"{name}: /nowhere: unable to open database file"]
    world.time += 60
    with pytest.raises(TableUnavailable):
        await world.tables.find(name, "a")
    assert len(world.reported) == 2


async def test_a_reload_opens_what_is_new_and_closes_what_is_not_named(world: World) -> None:
    kept, gone = f"hash:{world.write('k', 'a one')}", f"hash:{world.write('g', 'a one')}"
    world.tables.open([kept, gone])
    new = f"hash:{world.write('n', 'a new')}"
    world.tables.replace([f"unionmap:{{{kept}}}", new, "hash:/nowhere/t"])
    assert world.reported == ["hash:/nowhere/t: /nowhere/t: no such file or directory"]
    assert await world.tables.find(new, "a") == "new"
    world.write("g", "a two", age=5)
    assert await world.tables.find(gone, "a") == "two"  # opened anew, not after a second


async def test_a_file_that_cannot_be_read_for_a_moment_is_read_after_that(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"hash:{world.write('t', 'a one')}"
    world.tables.open([name])
    world.write("t", "a two", age=5)
    real = os.open

    def refuse(path: object, *rest: int) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("postroad.tables.source.os.open", refuse)
    for _ in range(3):
        world.time += 1
        assert await world.tables.find(name, "a") == "one"
    assert world.reported == [f"{world.folder}/t: permission denied; the table stays as it was"]
    monkeypatch.setattr("postroad.tables.source.os.open", real)
    world.time += 1
    assert await world.tables.find(name, "a") == "two"


async def test_a_reload_looks_again_at_what_was_not_taken(world: World) -> None:
    name = f"hash:{world.write('t', 'a REJECT')}"
    world.tables.open([name])
    world.objection = {name: "it would relay"}
    world.write("t", "a OK", age=5)
    world.time += 1
    assert await world.tables.find(name, "a") == "REJECT"
    world.objection = {}  # the policy is another one now, and the file the same
    world.time += 1
    assert await world.tables.find(name, "a") == "REJECT"
    world.tables.replace([name])
    assert await world.tables.find(name, "a") == "OK"
    assert len(world.informed) == 1
    world.tables.replace([name])
    assert await world.tables.find(name, "a") == "OK"
    assert len(world.informed) == 1  # what is in force is not read again


async def test_a_reload_keeps_the_table_of_a_domain(world: World) -> None:
    domains = f"hash:{world.write('domains', 'example.org x')}"
    lines = f"dbpath = /nowhere\nquery = SELECT %s\ndomain = {domains}"
    name = "sqlite:" + world.write("t.cf", lines)
    world.tables.open([name])
    world.tables.replace([name])
    assert world.tables.values_now(domains) == {"x"}
    world.tables.replace([])
    assert world.tables.values_now(domains) == frozenset()
