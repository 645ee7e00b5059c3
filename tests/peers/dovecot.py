"""Dovecot's authentication service as a peer: the SASL server that the guides give to Postfix.

Only the auth service runs: no mailbox protocol, no port, one socket.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from peers import needs
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import answering

__all__ = ["Dovecot"]

_CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols =
ssl = no
auth_mechanisms = {mechanisms}
{names}
default_login_user = dovenull
default_internal_user = dovecot
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
{userdb}
}}
service auth {{
  unix_listener {folder}/auth {{
    mode = 0666
  }}
  unix_listener {folder}/userdb {{
    mode = 0777
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""

_NOBODY = """\
  driver = static
  args = uid=nobody gid=nogroup home=/nonexistent"""

_FROM_FILE = """\
  driver = passwd-file
  args = username_format=%u {folder}/users"""


class Dovecot:
    """A running authentication service.

    Args:
        accounts: passwords by user name.
        mechanisms: what may be used to log in.
        places: for accounts of which it is said, the rest of their lines behind the password, as
            `uid:gid::home::fields`; then only those accounts are found that are in the file.
        any_names: whether names may be of any characters (`auth_username_chars` is empty); as it
            comes, Dovecot knows nobody whose name has more than letters of ASCII, digits and
            `.-_@`.
    """

    def __init__(
        self,
        accounts: Mapping[str, str],
        mechanisms: str = "plain login",
        places: Mapping[str, str] | None = None,
        *,
        any_names: bool = False,
    ) -> None:
        needs.root("Dovecot")
        command = needs.program("dovecot")
        self.folder = peer_folder("dovecot")
        self.socket = self.folder / "auth"
        self.userdb = self.folder / "userdb"
        users = self.folder / "users"
        rest = places or {}
        lines = [f"{name}:{{PLAIN}}{word}:{rest.get(name, '')}" for name, word in accounts.items()]
        users.write_text("".join(f"{each.rstrip(':')}\n" for each in lines))
        users.chmod(0o640)
        shutil.chown(users, "root", "dovecot")
        configuration = self.folder / "dovecot.conf"
        userdb = _NOBODY if places is None else _FROM_FILE.format(folder=self.folder)
        names = "auth_username_chars =" if any_names else ""
        said = {"mechanisms": mechanisms, "names": names, "userdb": userdb}
        configuration.write_text(_CONFIGURATION.format(folder=self.folder, **said))
        self._argv = [command, "-F", "-c", str(configuration)]
        with removed_on_failure(self.folder):
            self.start()

    def start(self) -> None:
        """Start it; also again, after `end`."""
        self._process = Process(self._argv, log=self.folder / "start.log")
        self._process.wait_ready(lambda: answering(self.socket) and answering(self.userdb))

    def end(self) -> None:
        """End it, and keep its files."""
        self._process.stop()
        for each in (self.socket, self.userdb):
            each.unlink(missing_ok=True)

    def log(self) -> str:
        """What it has logged so far."""
        path = self.folder / "dovecot.log"
        return path.read_text("utf-8", errors="replace") if path.exists() else ""

    def stop(self) -> None:
        """End it and remove its folder."""
        self._process.stop()
        remove_folder(self.folder)
