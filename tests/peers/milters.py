"""Real milters from Debian's packages, each on a Unix-domain socket that everybody may use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from peers import needs
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import answering, listening

__all__ = ["EICAR", "ClamavMilter", "RspamdMilter", "opened"]

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
"""What every scanner takes for a virus, so that it can be tested."""


def opened(path: Path) -> str:
    """Let other users connect to a socket; where it is, as configuration has it."""
    path.parent.chmod(0o755)
    path.chmod(0o666)
    return f"unix:{path}"


_RSPAMD = """\
options {{
  pidfile = "{folder}/pid";
  filters = "";
  dns {{ nameserver = ["127.0.0.1:1"]; timeout = 1s; retransmits = 1; }}
  local_addrs = [];
  tempdir = "{folder}";
  url_tld = "/usr/share/rspamd/effective_tld_names.dat";
}}
logging {{ type = "file"; filename = "{folder}/rspamd.log"; level = "info"; }}
worker "normal" {{ bind_socket = "127.0.0.1:{scanner}"; count = 1; }}
worker "rspamd_proxy" {{
  bind_socket = "127.0.0.1:{port}"; milter = yes; timeout = 60s; count = 1;
  upstream "local" {{ default = yes; hosts = "127.0.0.1:{scanner}"; }}
}}
actions {{ reject = 15; add_header = 6; }}
gtube_patterns = "reject";
modules {{ path = "/usr/share/rspamd/plugins/milter_headers.lua"; }}
milter_headers {{ use = ["x-spamd-bar"]; skip_local = false; skip_authenticated = false; }}
"""


class RspamdMilter:
    """A running rspamd whose proxy worker speaks the milter protocol."""

    def __init__(self) -> None:
        needs.root("rspamd")
        command = needs.program("rspamd")
        self.folder = peer_folder("rspamd")
        port = free_port()
        configuration = self.folder / "rspamd.conf"
        configuration.write_text(_RSPAMD.format(folder=self.folder, port=port, scanner=free_port()))
        with removed_on_failure(self.folder):
            self._process = Process(
                [command, "-f", "-i", "-c", str(configuration)], log=self.folder / "output"
            )
            self._process.wait_ready(lambda: listening(port))
        self.place = f"inet:127.0.0.1:{port}"

    def stop(self) -> None:
        """End it and remove its folder."""
        self._process.stop()
        remove_folder(self.folder)


class ClamavMilter:
    """A running clamd that knows one virus, `EICAR`, and a clamav-milter in front of it.

    Args:
        on_infected: what the milter does: `Reject`, `Accept`, `Quarantine`, `Blackhole`.
    """

    def __init__(self, on_infected: str = "Reject") -> None:
        needs.root("clamav")
        daemon, milter = needs.program("clamd"), needs.program("clamav-milter")
        self.folder = peer_folder("clamav")
        database = self.folder / "db"
        database.mkdir()
        (database / "test.ndb").write_text(f"Test.Eicar:0:*:{EICAR.hex()}\n")
        scanner, path = self.folder / "clamd", self.folder / "socket"
        self._processes: list[Process] = []
        with removed_on_failure(self.folder):
            self._start(
                daemon,
                "clamd.conf",
                scanner,
                [f"LocalSocket {scanner}", f"DatabaseDirectory {database}", "ScanMail yes"],
            )
            self._start(
                milter,
                "milter.conf",
                path,
                [
                    f"MilterSocket unix:{path}",
                    f"ClamdSocket unix:{scanner}",
                    f"OnInfected {on_infected}",
                    "AddHeader Replace",
                    "RejectMsg Virus found: %v",
                ],
            )
        self.place = opened(path)

    def _start(self, command: str, name: str, path: Path, lines: Sequence[str]) -> None:
        configuration = self.folder / name
        text = ["Foreground yes", "User root", *lines]
        configuration.write_text("\n".join(text) + "\n")
        process = Process([command, "-c", str(configuration)], log=self.folder / f"{name}.log")
        self._processes.append(process)
        try:
            process.wait_ready(lambda: answering(path))
        except BaseException:
            self._end()
            raise

    def _end(self) -> None:
        for process in reversed(self._processes):
            process.stop()

    def stop(self) -> None:
        """End both and remove their folder."""
        self._end()
        remove_folder(self.folder)
