"""Dovecot's authentication service as a peer: the SASL server that the guides give to Postfix.

Only the auth service runs: no mailbox protocol, no port, one socket.
"""

from __future__ import annotations

import contextlib
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

from peers import needs
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure

__all__ = ["Dovecot"]

_CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols =
ssl = no
auth_mechanisms = {mechanisms}
default_login_user = dovenull
default_internal_user = dovecot
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home=/nonexistent
}}
service auth {{
  unix_listener {folder}/auth {{
    mode = 0666
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


class Dovecot:
    """A running authentication service.

    Args:
        accounts: passwords by user name.
        mechanisms: what may be used to log in.
    """

    def __init__(self, accounts: Mapping[str, str], mechanisms: str = "plain login") -> None:
        needs.root("Dovecot")
        command = needs.program("dovecot")
        self.folder = peer_folder("dovecot")
        self.socket = self.folder / "auth"
        users = self.folder / "users"
        users.write_text("".join(f"{name}:{{PLAIN}}{word}\n" for name, word in accounts.items()))
        users.chmod(0o640)
        shutil.chown(users, "root", "dovecot")
        configuration = self.folder / "dovecot.conf"
        configuration.write_text(_CONFIGURATION.format(folder=self.folder, mechanisms=mechanisms))
        argv = [command, "-F", "-c", str(configuration)]
        with removed_on_failure(self.folder):
            self._process = Process(argv, log=self.folder / "start.log")
            self._process.wait_ready(lambda: _is_socket(self.socket))

    def log(self) -> str:
        """What it has logged so far."""
        path = self.folder / "dovecot.log"
        return path.read_text("utf-8", errors="replace") if path.exists() else ""

    def stop(self) -> None:
        """End it and remove its folder."""
        self._process.stop()
        remove_folder(self.folder)


def _is_socket(path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return stat.S_ISSOCK(path.stat().st_mode)
    return False
