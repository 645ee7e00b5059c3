"""Whom a server becomes. Becoming somebody needs a process of its own, so that is forked."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

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


@needs_root
def test_dropping_is_for_good_and_takes_the_state_along(open_folder: Path) -> None:
    state = open_folder / "state"
    (state / "tls").mkdir(parents=True)
    (state / "tls" / "key.pem").write_text("key")
    (open_folder / "outside").write_text("root's")
    (state / "link").symlink_to(open_folder / "outside")
    nobody = pwd.getpwnam("nobody")

    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            drop(nobody, state)
            assert os.getresuid() == (nobody.pw_uid,) * 3
            assert os.getgroups() == [nobody.pw_gid]
            (state / "new").write_text("x")
            try:
                os.setuid(0)
            except PermissionError:
                status = 0
        finally:
            os._exit(status)
    _, ended = os.waitpid(pid, 0)

    assert os.waitstatus_to_exitcode(ended) == 0
    assert (state / "tls" / "key.pem").stat().st_uid == nobody.pw_uid
    assert (open_folder / "outside").stat().st_uid == 0


def test_one_server_for_one_state_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postroad.app.lock.PATIENCE", 0.0)
    first = lock_state(tmp_path / "state")

    with pytest.raises(StateBusyError, match="another Postroad runs"):
        lock_state(tmp_path / "state")

    os.close(first)
    os.close(lock_state(tmp_path / "state"))
