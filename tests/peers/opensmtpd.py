"""OpenSMTPD as a sender and as a next hop: what comes in at its port goes on to another one.

Its paths are compiled in, so that only one can run on a machine at a time.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from peers import needs
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import greeting, logged

__all__ = ["OpenSmtpd"]

_QUEUE = Path("/var/spool/smtpd/queue")

_CONFIGURATION = """\
queue ttl 1h
smtp max-message-size 50M
smtp limit max-rcpt 1000
listen on 127.0.0.1 port {port} hostname opensmtpd.test
action out relay host "smtp+notls://127.0.0.1:{to}" helo opensmtpd.test
match from any for rcpt-to regex "^no" reject
match from any for any action out
"""


class OpenSmtpd:
    """A running OpenSMTPD.

    Args:
        to: the port on 127.0.0.1 that it sends to.
    """

    def __init__(self, to: int) -> None:
        needs.root("OpenSMTPD")
        program = needs.program("smtpd")
        self.folder = peer_folder("opensmtpd")
        self.port = free_port()
        configuration = self.folder / "smtpd.conf"
        configuration.write_text(_CONFIGURATION.format(port=self.port, to=to))
        for old in _QUEUE.glob("*"):  # an earlier run may have left mail behind
            shutil.rmtree(old)
        with removed_on_failure(self.folder):
            argv = [program, "-d", "-v", "-f", str(configuration)]
            self._process = Process(argv, log=self.folder / "log")
            self._process.wait_ready(lambda: greeting(self.port))

    def log(self) -> str:
        """What it has logged so far."""
        return Path(self._process.log).read_text(errors="replace")

    def wait_log(self, text: str, *, within: float = 30) -> str:
        """The first line of the log that holds `text`.

        Raises:
            AssertionError: no such line came in time; the text holds the log.
        """
        return logged(self.log, text, within=within, whose="OpenSMTPD")

    def stop(self) -> None:
        """End it and remove its folder."""
        self._process.stop()
        remove_folder(self.folder)
