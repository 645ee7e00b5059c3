"""Programs of the operator's through reloads."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from postroad.app.programs import Programs, program_filter
from postroad.filters.python.filter import PythonFilter
from postroad.filters.settings import FilterSettings
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
        self._programs: Programs = {}

    def loaded(self) -> PythonFilter:
        return program_filter(self.settings, "mine", self.events.append, self.exits, self._programs)

    @property
    def log(self) -> list[str]:
        return [each.text for each in self.events]


def test_what_has_not_changed_is_kept(tmp_path: Path) -> None:
    served = Served(tmp_path)
    first = served.loaded()

    assert served.loaded() is first


def test_what_has_changed_is_taken(tmp_path: Path) -> None:
    served = Served(tmp_path)
    first = served.loaded()

    served.file.write_text(f"{FINE}async def on_connect(session): ...\n")
    second = served.loaded()
    (tmp_path / "b.py").write_text(FINE)
    third = served.loaded()
    served.settings = replace(served.settings, timeout=5)
    fourth = served.loaded()

    assert len({id(each) for each in (first, second, third, fourth)}) == 4
    assert set(second.programs[0].hooks) == {"on_connect", "on_data"}
    assert [each.path.name for each in third.programs] == ["a.py", "b.py"]


def test_what_cannot_be_run_leaves_the_old_one_in_force(tmp_path: Path) -> None:
    served = Served(tmp_path)
    first = served.loaded()
    served.file.write_text(f"{FINE}import nowhere_at_all\n")
    missing = "ModuleNotFoundError: No module named 'nowhere_at_all'"

    assert served.loaded() is first
    assert served.log == [
        f"error: {served.file}:2: cannot be run: {missing}; what ran before goes on"
    ]

    served.file.write_text(FINE.replace("on_data", "on_connect"))
    assert set(served.loaded().programs[0].hooks) == {"on_connect"}


def test_a_first_one_that_cannot_be_run_is_tried_again(tmp_path: Path) -> None:
    served = Served(tmp_path)
    served.file.write_text("import nowhere_at_all\n" + FINE)
    assert "ModuleNotFoundError" in served.loaded().trouble

    served.file.write_text(FINE)
    assert served.loaded().trouble == ""


async def test_stop_comes_at_the_end_for_all_that_were_started(tmp_path: Path) -> None:
    served = Served(tmp_path)
    told = tmp_path / "told"
    text = f"{FINE}async def stop():\n with open({str(told)!r}, 'a') as f: f.write('N')\n"
    for number in "123":
        served.file.write_text(text.replace("'N'", f"'{number}'"))
        made = served.loaded()
        if number != "2":
            assert await made.ready() is None

    await served.exits.aclose()

    assert told.read_text() == "31"
