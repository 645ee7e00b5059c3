"""Who signs in a worker, and when it finds out."""

from __future__ import annotations

import asyncio
from pathlib import Path

from dkim_signer import Zone
from postroad.app.dkim import KeyWatch, signer_of, store_of
from postroad.app.running import Running
from postroad.config import Configuration
from postroad.mailauth.dkim.key_store import KeyState
from postroad.mailauth.dkim.settings import DkimKeySettings, DkimSettings
from postroad.mailauth.dkim.signing_key import new_key
from postroad.model.journal import Event

KEY = new_key("example.org", "one", "ed25519", 0)


def running(folder: Path, dkim: DkimSettings | None = None) -> Running:
    configuration = Configuration(
        hostname="mail.example.org",
        domains=("example.org",),
        state_directory=folder,
        dkim=dkim or DkimSettings(),
    )
    return Running(configuration, lambda: configuration)


def test_without_keys_nobody_is_asked(tmp_path: Path) -> None:
    found = running(tmp_path)
    assert signer_of(found, lambda event: None) is None
    store_of(found.configuration).add([KEY], KeyState.PENDING)
    assert signer_of(found, lambda event: None) is not None
    off = running(tmp_path, DkimSettings(sign=False))
    assert signer_of(off, lambda event: None) is None


def test_a_key_in_a_file_that_broke_is_said_and_the_others_sign(tmp_path: Path) -> None:
    said: list[Event] = []
    (tmp_path / "good.pem").write_bytes(KEY.pem)
    (tmp_path / "good.pem").chmod(0o600)
    keys = tuple(
        DkimKeySettings(domain="example.org", selector=name, file=tmp_path / f"{name}.pem")
        for name in ("good", "gone")
    )
    assert signer_of(running(tmp_path, DkimSettings(keys=keys)), said.append) is not None
    assert ["gone of example.org is not used" in each.text for each in said] == [True]


def test_a_list_that_cannot_be_read_is_the_signers_to_say(tmp_path: Path) -> None:
    (tmp_path / "dkim").mkdir()
    (tmp_path / "dkim/keys.json").write_text("nonsense")
    assert signer_of(running(tmp_path), lambda event: None) is not None


async def test_the_first_key_is_noticed_and_so_is_its_record(tmp_path: Path) -> None:
    found, said, changes = running(tmp_path), [], []
    zone = Zone({})
    watch = KeyWatch(found, zone, said.append, changed=lambda: changes.append(1), is_first=True)
    watch.look()
    assert changes == []
    store = store_of(found.configuration)
    (kept,) = store.add([KEY], KeyState.PENDING)
    watch.look()
    watch.look()
    assert changes == [1]
    zone.records_of[KEY.name] = KEY.record
    await watch.turn()
    assert store.all()[0].state is KeyState.ACTIVE
    assert [each.text for each in said] == [
        f"{kept.name}: the record is published; the key signs from now on"
    ]
    store.remove(kept)
    watch.look()
    assert changes == [1, 1]


async def test_it_runs_and_ends(tmp_path: Path) -> None:
    looked = asyncio.Event()

    class Looking(Zone):
        async def records(self, name: str, kind: str) -> tuple[str, ...]:
            looked.set()
            return ()

    found = running(tmp_path)
    store_of(found.configuration).add([KEY], KeyState.PENDING)
    watch = KeyWatch(found, Looking({}), lambda event: None, changed=lambda: None, is_first=True)
    watch.start()
    await asyncio.wait_for(looked.wait(), 30)
    await watch.close()


async def test_trouble_in_a_turn_is_a_line_in_the_log(tmp_path: Path) -> None:
    said: list[Event] = []
    found = running(tmp_path)
    store = store_of(found.configuration)
    store.add([KEY], KeyState.PENDING)
    (tmp_path / "dkim/example.org/one.pem").unlink()
    watch = KeyWatch(found, Zone({}), said.append, changed=lambda: None, is_first=True)
    await watch.turn()
    assert ["No such file" in each.text for each in said] == [True]


async def test_a_record_that_went_away_is_a_line_in_the_log(tmp_path: Path) -> None:
    said: list[Event] = []
    found = running(tmp_path)
    (kept,) = store_of(found.configuration).add([KEY], KeyState.ACTIVE)
    watch = KeyWatch(found, Zone({}), said.append, changed=lambda: None, is_first=True)
    await watch.turn()
    await watch.turn()
    words = "no record is published; the key signs, and its signatures count as bad"
    assert [each.text for each in said] == [f"warning: {kept.name}: {words}"]
