"""Whom a server becomes. Becoming somebody needs a process of its own, so that is forked."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from postroad.app.lock import StateBusyError, lock_state
from postroad.app.privileges import PrivilegeError, drop, unprivileged_user

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def test_nothing_to_drop() -> None:
    assert unprivileged_user("root") is None
    if os.geteuid() != 0:
        assert unprivileged_user("") is None


@needs_root
def test_an_unknown_account_is_one_line_that_says_what_to_do() -> None:
    with pytest.raises(PrivilegeError, match=r"useradd --system .* no-such-account"):
        unprivileged_user("no-such-account")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that others may enter, as pytest's own may not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


NOBODY = pwd.getpwnam("nobody")


def dropped(state: Path, then: Callable[[], None] = lambda: None) -> str:
    """Become nobody in a child, do something there, and say what was refused."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            drop(NOBODY, state)
            then()
        except BaseException as error:  # noqa: BLE001 - the child's last words
            os.write(writing, (str(error) or repr(error)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as said:
        words = said.read()
    os.waitpid(pid, 0)
    return words


def owner(path: Path) -> int:
    return path.lstat().st_uid


@needs_root
def test_dropping_is_for_good_and_takes_the_state_along(open_folder: Path) -> None:
    state = open_folder / "state"
    (state / "tls").mkdir(parents=True)
    (state / "tls" / "key.pem").write_text("key")

    def work() -> None:
        assert os.getresuid() == (NOBODY.pw_uid,) * 3
        assert os.getgroups() == [NOBODY.pw_gid]
        (state / "new").write_text("x")
        with pytest.raises(PermissionError):
            os.setuid(0)

    assert dropped(state, work) == ""
    assert {owner(path) for path in (state, *state.rglob("*"))} == {NOBODY.pw_uid}


@needs_root
def test_nothing_is_given_through_a_link(open_folder: Path) -> None:
    """All that a server which was broken into can put into its directory for root to meet."""
    state, outside = open_folder / "state", open_folder / "outside"
    outside.mkdir()
    (outside / "shadow").write_text("root's")
    (outside / "tls").mkdir()
    (state / "spool" / "0").mkdir(parents=True)
    (state / "tls").symlink_to(outside / "tls")  # in place of a folder of ours
    (state / "spool" / "0" / "bodies").symlink_to(outside)
    (state / "lock").hardlink_to(outside / "shadow")
    (state / "spool" / "0" / "spool.db").hardlink_to(outside / "shadow")
    os.mkfifo(state / "run")
    for path in (state, state / "spool", state / "spool" / "0"):
        os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)

    assert dropped(state) == ""
    assert {owner(path) for path in (outside, *outside.rglob("*"))} == {0}
    assert owner(state / "run") == 0


@needs_root
def test_a_folder_that_is_swapped_for_a_link_during_the_walk(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, outside = open_folder / "state", open_folder / "outside"
    outside.mkdir()
    (outside / "shadow").write_text("root's")
    (state / "spool" / "0").mkdir(parents=True)
    (state / "spool" / "0" / "shadow").write_text("ours")
    really = os.lstat

    def look_and_swap(path: Any, **options: Any) -> os.stat_result:
        about = really(path, **options)
        if os.path.basename(path) == "shadow" and not (state / "spool" / "0").is_symlink():
            (state / "spool" / "0").rename(state / "spool" / "gone")
            (state / "spool" / "0").symlink_to(outside)
        return about

    monkeypatch.setattr(os, "lstat", look_and_swap)
    assert dropped(state) == ""
    assert (state / "spool" / "0").is_symlink(), "the walk was there"
    assert owner(outside / "shadow") == 0


@needs_root
def test_only_our_own_names_are_given(open_folder: Path) -> None:
    state = open_folder / "state"
    state.mkdir()
    os.chown(state, NOBODY.pw_uid, NOBODY.pw_gid)
    for name in ("directory.db", "notes"):
        (state / name).touch()

    assert dropped(state) == ""
    assert owner(state / "directory.db") == NOBODY.pw_uid
    assert owner(state / "notes") == 0


@needs_root
def test_a_folder_with_strangers_files_stays_whose_it_is(open_folder: Path) -> None:
    (open_folder / "lock").touch()
    (open_folder / "passwd").touch()

    words = dropped(open_folder)
    assert "holds files that are not Postroad's (passwd)" in words
    assert "\n" not in words
    assert owner(open_folder) == owner(open_folder / "lock") == 0


@needs_root
def test_somebody_elses_folder_is_refused(open_folder: Path) -> None:
    os.chown(open_folder, 12_345, 12_345)
    assert "belongs to user 12345" in dropped(open_folder)
    assert owner(open_folder) == 12_345


@needs_root
@pytest.mark.parametrize("name", ["/", "/etc", "/var/lib", "/var/lib/../", "/tmp", "link"])
def test_a_system_directory_is_refused(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A typing error must cost no system: whatever the code does here, nothing is given."""

    def give(*_: object, **__: object) -> None:
        raise OSError("it was given away")

    monkeypatch.setattr(os, "fchown", give)
    monkeypatch.setattr(os, "chown", give)
    (open_folder / "link").symlink_to("/var/lib")
    assert "is a directory of the system" in dropped(open_folder / name)


def test_one_server_for_one_state_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postroad.app.lock.PATIENCE", 0.0)
    first = lock_state(tmp_path / "state")

    with pytest.raises(StateBusyError, match="another Postroad runs"):
        lock_state(tmp_path / "state")

    os.close(first)
    os.close(lock_state(tmp_path / "state"))
