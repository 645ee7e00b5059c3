"""HAProxy as a peer: a port that passes connections on, with a PROXY header before each."""

from __future__ import annotations

from typing import Literal

from peers import needs
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import listening

__all__ = ["HaProxy"]

_CONFIGURATION = """\
global
    log stderr format raw local0
defaults
    mode tcp
    timeout check 60s
    timeout connect 60s
    timeout client 60s
    timeout server 60s
listen mail
    bind 127.0.0.1:{port}
    option smtpchk EHLO haproxy.test
    server postroad {server} {header} {check}
"""


class HaProxy:
    """A running HAProxy.

    Args:
        server: where connections go, `127.0.0.1:port` or `unix@/path`.
        header: how it tells whom it speaks for.
        check: whether it asks now and again if the server is well, and sends it nobody if not.
    """

    def __init__(
        self, server: str, header: Literal["send-proxy", "send-proxy-v2"], *, check: bool = False
    ) -> None:
        self.folder = peer_folder("haproxy")
        self.port = free_port()
        configuration = self.folder / "haproxy.cfg"
        with removed_on_failure(self.folder):
            program = needs.program("haproxy")
            configuration.write_text(
                _CONFIGURATION.format(
                    port=self.port,
                    server=server,
                    header=header,
                    check="check check-send-proxy inter 200ms" if check else "",
                )
            )
            self._process = Process(
                [program, "-db", "-f", str(configuration)], log=self.folder / "log"
            )
            self._process.wait_ready(lambda: listening(self.port))

    def stop(self) -> None:
        """End it and remove its folder."""
        self._process.stop()
        remove_folder(self.folder)
