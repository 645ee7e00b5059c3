"""A real DNS server (nsd) with a few records, authoritative for everything that a test asks."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence

from peers import needs
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import listening

__all__ = ["NameServer"]

_CONFIGURATION = """\
server:
  ip-address: 127.0.0.1@{port}
  username: "{user}"
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: ""
  xfrdfile: "{folder}/xfrd.state"
  zonelistfile: "{folder}/zone.list"
  logfile: "{folder}/nsd.log"
  server-count: 1
remote-control:
  control-enable: no
{zones}"""
_ZONE = 'zone:\n  name: "{name}"\n  zonefile: "{file}"\n'


class NameServer:
    """A running nsd.

    Args:
        records: lines of a zone file with absolute names, e.g.
            `"elsewhere.test. MX 10 mx.elsewhere.test."`.
        zones: the zones that the records belong to; a name outside them is refused. One without an
            NS record of its own gets one.
        texts: further zones whose files are given as they are, such as signed ones.
    """

    def __init__(
        self,
        records: Sequence[str] = (),
        zones: Sequence[str] = ("test.",),
        texts: Mapping[str, str] | None = None,
    ) -> None:
        needs.root("nsd")
        command = needs.program("nsd")
        self.folder = peer_folder("dns")
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        files = {zone: _zone_file(zone, records) for zone in zones} | dict(texts or {})
        for number, text in enumerate(files.values()):
            (self.folder / f"zone{number}").write_text(text)
        configuration = self.folder / "nsd.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                port=self.port,
                user="nsd",
                folder=self.folder,
                zones="".join(
                    _ZONE.format(name=zone, file=f"zone{number}")
                    for number, zone in enumerate(files)
                ),
            )
        )
        shutil.chown(self.folder, "nsd")
        argv = [command, "-d", "-c", str(configuration)]
        with removed_on_failure(self.folder):
            self._process = Process(argv, log=self.folder / "output")
            self._process.wait_ready(lambda: listening(self.port))

    def stop(self) -> None:
        """End it and remove its folder."""
        self._process.stop()
        remove_folder(self.folder)


def _zone_file(zone: str, records: Sequence[str]) -> str:
    inside = "." + zone.lstrip(".")
    own = [line for line in records if f".{line.split()[0]}".endswith(inside)]
    head = ["$TTL 60", f"{zone} SOA ns.invalid. hostmaster.invalid. 1 3600 600 86400 60"]
    if not any(line.split()[:2] == [zone, "NS"] for line in own):
        head.append(f"{zone} NS ns.invalid.")
    return "\n".join([*head, *own]) + "\n"
