"""The real policyd-spf, a process for each connection, as Postfix's spawn(8) runs it.

It reads the system's list of name servers, where no port can be named; so it is started by a few
lines that point its DNS library at the test's server and then run the program as it is installed.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Sequence

from peers import needs
from peers.processes import peer_folder, remove_folder

__all__ = ["PolicydSpf"]

_CONFIGURATION = """\
debugLevel = 1
TestOnly = 1
HELO_reject = Fail
Mail_From_reject = Fail
PermError_reject = False
TempError_Defer = {defer}
skip_addresses = 127.0.0.0/8,::ffff:127.0.0.0/104,::1
"""
_LAUNCHER = """\
import runpy, sys
import spf
spf.DNS.defaults.update(server=["127.0.0.1"], port={port}, timeout=30)
sys.argv[:] = [{command!r}, {configuration!r}]
runpy.run_path({command!r}, run_name="__main__")
"""
END = 5.0  # seconds that a process has to end once its connection is closed


class PolicydSpf:
    """A listener that starts policyd-spf for each connection.

    Args:
        dns_port: of the name server on 127.0.0.1 that it asks.
        defer: whether it defers where the DNS does not answer.
    """

    def __init__(self, dns_port: int, *, defer: bool = False) -> None:
        command = needs.program("policyd-spf")
        python = needs.program("/usr/bin/python3")  # whose library it is written with
        self.folder = peer_folder("policyd-spf")
        configuration = self.folder / "policyd-spf.conf"
        configuration.write_text(_CONFIGURATION.format(defer=defer))
        launcher = self.folder / "launcher.py"
        launcher.write_text(
            _LAUNCHER.format(port=dns_port, command=command, configuration=str(configuration))
        )
        self._argv: Sequence[str] = [python, str(launcher)]
        self.path = self.folder / "policy-spf"
        self.service = f"unix:{self.path}"
        self._children: list[subprocess.Popen[bytes]] = []
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.path))
        self._listening.listen()
        self.path.chmod(0o777)  # a server that gave up root asks too
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def started(self) -> int:
        """How many processes there were."""
        return len(self._children)

    def output(self) -> str:
        """What they wrote to standard error."""
        return (self.folder / "output").read_text()

    def stop(self) -> None:
        """End it and every process."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
        for child in self._children:
            try:
                child.wait(END)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        remove_folder(self.folder)

    def _serve(self) -> None:
        with (self.folder / "output").open("ab") as output:
            while True:
                try:
                    connection, _ = self._listening.accept()
                except OSError:
                    return
                with connection:
                    self._children.append(
                        subprocess.Popen(
                            self._argv, stdin=connection, stdout=connection, stderr=output
                        )
                    )
