"""A real validating resolver (unbound) that knows the zones of a test and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from peers import needs
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import listening

__all__ = ["Validator"]

_CONFIGURATION = """\
server:
  interface: {host}
  port: {port}
  do-daemonize: no
  do-ip6: no
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  verbosity: 1
  num-threads: 1
  module-config: "validator iterator"
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  target-fetch-policy: "0 0 0 0 0"
  harden-below-nxdomain: no
{locals}{anchors}remote-control:
  control-enable: no
{stubs}"""


class Validator:
    """A running unbound.

    Args:
        zones: what it knows, each with a dot at the end.
        server: the port of the name server that has them.
        anchors: the keys of the zones that must be signed; all others count as unsigned.
        host: the address that it listens at.
        port: the port; 0 for a free one.
    """

    def __init__(
        self,
        zones: Sequence[str],
        server: int,
        anchors: Iterable[str],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        command = needs.program("unbound")
        self.folder = peer_folder("unbound")
        self.port = port or free_port()
        self.address = f"{host}:{self.port}"
        tops = dict.fromkeys(f"{zone.rstrip('.').rpartition('.')[2]}." for zone in zones)
        configuration = self.folder / "unbound.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                host=host,
                port=self.port,
                folder=self.folder,
                locals="".join(f'  local-zone: "{top}" nodefault\n' for top in tops),
                anchors="".join(f'  trust-anchor: "{anchor}"\n' for anchor in anchors),
                stubs="".join(
                    f'stub-zone:\n  name: "{zone}"\n  stub-addr: 127.0.0.1@{server}\n'
                    for zone in zones
                ),
            )
        )
        argv = [command, "-d", "-c", str(configuration)]
        with removed_on_failure(self.folder):
            self._process = Process(argv, log=self.folder / "output")
            self._process.wait_ready(lambda: listening(self.port, host=host))

    def log(self) -> str:
        """What it has said so far."""
        return self._process.output()

    def stop(self) -> None:
        """End it and remove its folder."""
        self._process.stop()
        remove_folder(self.folder)
