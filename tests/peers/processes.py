"""A program started by a test: its output is kept, and it is ended by its process id.

Every peer runs in a folder of its own directly under the temporary folder, because servers that
give up root (Postfix, nsd) must be able to enter it; pytest's own folders admit only their owner.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from peers.waiting import until

__all__ = ["Process", "peer_folder", "remove_folder", "removed_on_failure"]


_REAPED = 60.0  # seconds that a killed process may take to be gone; a disk can hold it up


class Process:
    """A running program with its output in a file.

    Args:
        argv: the program and its arguments.
        log: the file that takes standard output and standard error.
        environment: variables added to the test's own.
        directory: where it runs.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        self.argv = list(argv)
        self.log = log
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                cwd=directory,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._child.poll() is None

    def output(self) -> str:
        """What it has written so far."""
        return self.log.read_text("utf-8", errors="replace")

    def wait_ready(self, ready: Callable[[], bool], *, within: float = 120) -> None:
        """Wait until `ready`.

        Raises:
            RuntimeError: the program ended before, or took too long; the text holds its output.
        """

        def look() -> bool:
            if not self.running:
                raise RuntimeError(self._story(f"ended with status {self._child.returncode}"))
            return ready()

        try:
            until(look, within=within, what="readiness")
        except TimeoutError as error:
            self.stop()
            raise RuntimeError(self._story(str(error))) from error

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this one process."""
        self._child.send_signal(number)

    def wait(self, within: float) -> int:
        """Wait for its end and return its exit status; negative for a signal."""
        return self._child.wait(within)

    def stop(self, within: float = 30) -> int:
        """End it by SIGTERM, by SIGKILL when that does not help; returns the exit status."""
        if self.running:
            self.signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self._child.wait(within)
            self.signal(signal.SIGKILL)
        return self._child.wait(_REAPED)

    def _story(self, ending: str) -> str:
        return f"{' '.join(self.argv)}: {ending}; its output:\n{self.output()}"


def peer_folder(name: str) -> Path:
    """A new folder that every user may enter."""
    folder = Path(tempfile.mkdtemp(prefix=f"postroad-{name}-"))
    folder.chmod(0o755)
    return folder


@contextlib.contextmanager
def removed_on_failure(folder: Path) -> Iterator[None]:
    """Remove a peer's folder if the peer could not be started; its error tells what it said."""
    try:
        yield
    except BaseException:
        remove_folder(folder)
        raise


def remove_folder(folder: Path) -> None:
    """Remove a peer's folder; files that vanish meanwhile do not matter."""
    shutil.rmtree(folder, ignore_errors=True)
