"""Programs of the operator's through reloads."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from postroad.app.programs import Programs, program_filter
from postroad.filters.python.filter import PythonFilter
from postroad.filters.python.standing import StandingFilter
from postroad.filters.settings import FilterSettings
from postroad.filters.stages import Greeted
from postroad.model.journal import Event

FINE = "async def on_data(session): ...\n"


class Served:
    """A worker that has one filter."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "a.py"
        self.file.write_text(FINE)
        self.settings = FilterSettings(kind="python", folder=folder)
        self.exits = AsyncExitStack()
        self.events: list[Event] = []
        self.told = asyncio.Event()
        self._programs: Programs = {}

    async def loaded(self) -> PythonFilter:
        made = self.renewed()
        await made.settled()
        return made.current

    def renewed(self) -> StandingFilter:
        return program_filter(self.settings, "mine", self.note, self.exits, self._programs)

    def note(self, event: Event) -> None:
        self.events.append(event)
        self.told.set()

    @property
    def log(self) -> list[str]:
        return [each.text for each in self.events]


async def test_what_has_not_changed_is_kept(tmp_path: Path) -> None:
    served = Served(tmp_path)
    first = await served.loaded()

    assert await served.loaded() is first


async def test_what_has_changed_is_taken(tmp_path: Path) -> None:
    served = Served(tmp_path)
    first = await served.loaded()

    served.file.write_text(f"{FINE}async def on_connect(session): ...\n")
    second = await served.loaded()
    (tmp_path / "b.py").write_text(FINE)
    third = await served.loaded()
    served.settings = replace(served.settings, timeout=5)
    fourth = await served.loaded()

    assert len({id(each) for each in (first, second, third, fourth)}) == 4
    assert set(second.programs[0].hooks) == {"on_connect", "on_data"}
    assert [each.path.name for each in third.programs] == ["a.py", "b.py"]


async def test_what_cannot_be_run_leaves_the_old_one_in_force(tmp_path: Path) -> None:
    served = Served(tmp_path)
    first = await served.loaded()
    served.file.write_text(f"{FINE}import nowhere_at_all\n")
    missing = "ModuleNotFoundError: No module named 'nowhere_at_all'"

    assert await served.loaded() is first
    assert served.log == [
        f"error: {served.file}:2: cannot be run: {missing}; what ran before goes on"
    ]

    served.file.write_text(FINE.replace("on_data", "on_connect"))
    assert set((await served.loaded()).programs[0].hooks) == {"on_connect"}


async def test_a_first_one_that_cannot_be_run_is_tried_again(tmp_path: Path) -> None:
    served = Served(tmp_path)
    served.file.write_text("import nowhere_at_all\n" + FINE)
    assert "ModuleNotFoundError" in (await served.loaded()).trouble

    served.file.write_text(FINE)
    assert (await served.loaded()).trouble == ""


async def test_stop_comes_at_the_end_for_all_that_were_started(tmp_path: Path) -> None:
    served = Served(tmp_path)
    told = tmp_path / "told"
    text = f"{FINE}async def stop():\n with open({str(told)!r}, 'a') as f: f.write('N')\n"
    for number in "123":
        served.file.write_text(text.replace("'N'", f"'{number}'"))
        made = await served.loaded()
        if number != "2":
            assert await made.ready() is None

    await served.exits.aclose()

    assert told.read_text() == "31"


HANGING = """
import os
with open({pipe!r}) as f: f.read()
async def on_data(session): ...
async def on_mail(session, sender): ...
"""
"""A program that does not end before somebody writes to a pipe."""


async def test_what_has_not_ended_leaves_the_old_one_in_force(tmp_path: Path) -> None:
    served = Served(tmp_path)
    first = await served.loaded()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    served.settings = replace(served.settings, timeout=0.01)
    served.file.write_text(HANGING.format(pipe=str(pipe)))

    made = served.renewed()
    await served.told.wait()
    assert made.current is first
    pending = "its programs and their setup have not ended yet"
    assert served.log == [f"warning: {pending}; what ran before goes on until they have"]

    await asyncio.to_thread(pipe.write_text, "x")
    await made.settled()
    assert set(made.current.programs[0].hooks) == {"on_data", "on_mail"}
    await served.exits.aclose()


async def test_the_last_of_several_reloads_counts(tmp_path: Path) -> None:
    served = Served(tmp_path)
    await served.loaded()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    served.file.write_text(HANGING.format(pipe=str(pipe)))
    served.renewed()
    writing = await asyncio.to_thread(pipe.open, "w")  # it is there once somebody reads

    served.file.write_text(FINE.replace("on_data", "on_helo").replace("session", "session, name"))
    latest = await served.loaded()
    writing.close()
    for thread in threading.enumerate():
        if thread.name == "filter mine":
            await asyncio.to_thread(thread.join)
    await asyncio.sleep(0)

    assert set(latest.programs[0].hooks) == {"on_helo"}
    assert served.renewed().current is latest


@pytest.mark.jumps
async def test_sessions_wait_for_the_first_programs(tmp_path: Path) -> None:
    served = Served(tmp_path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    refusing = (
        "async def on_helo(s, n):\n from postroad.filter import reject\n return reject('no')\n"
    )
    served.file.write_text(HANGING.format(pipe=str(pipe)) + refusing)

    made = served.renewed()
    listening = made.session()
    waiting = asyncio.create_task(listening.heard(Greeted("peer.example", None)))
    await served.told.wait()
    assert served.log == ["warning: its programs and their setup have not ended yet"]
    assert not waiting.done()

    await asyncio.to_thread(pipe.write_text, "x")
    reply = await waiting
    assert reply is not None
    assert str(reply) == "550 5.7.1 no"
    listening.forget()
    await listening.close()
    await served.exits.aclose()
