"""Dovecot as the reader of Maildirs that others write: IMAP, folders, and `quota = maildir`."""

from __future__ import annotations

import contextlib
import imaplib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from peers import needs
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import listening

__all__ = ["NOBODY", "DovecotReader"]

NOBODY = 65534
"""The number of the user that reads mail, and of its group."""

_CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
ssl = no
disable_plaintext_auth = no
default_login_user = dovenull
default_internal_user = dovecot
mail_location = maildir:{mail}/%d/%n/Maildir
first_valid_uid = 1
mail_plugins = quota
namespace inbox {{
  inbox = yes
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}
passdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}
plugin {{
  quota = maildir:User quota
}}
protocol imap {{
  mail_plugins = quota imap_quota
}}
service imap-login {{
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


class DovecotReader:
    """A running IMAP server.

    Args:
        mail: the folder above the domains' folders.
        rules: Dovecot's quota rule for each account, as `*:bytes=1000`.
        owners: user and group that accounts are read as; those of all others are `NOBODY`'s, whom
            all mail is given to where this is empty.
    """

    def __init__(
        self,
        mail: Path,
        rules: Mapping[str, str],
        owners: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        needs.root("Dovecot")
        command = needs.program("dovecot")
        needs.program("/usr/lib/dovecot/imap")
        self._doveadm = needs.program("doveadm")
        self.folder = peer_folder("dovecot")
        self.folder.chmod(0o755)
        self._mail = mail
        self._owners = owners or {}
        self._port = free_port()
        (self.folder / "users").write_text(
            "".join(
                f"{name}:{{PLAIN}}x:{uid}:{gid}::{mail}/home::userdb_quota_rule={rule}\n"
                for name, rule in rules.items()
                for uid, gid in [self._owners.get(name, (NOBODY, NOBODY))]
            )
        )
        self._configuration = self.folder / "dovecot.conf"
        text = _CONFIGURATION.format(folder=self.folder, mail=mail, port=self._port)
        self._configuration.write_text(text)
        argv = [command, "-F", "-c", str(self._configuration)]
        with removed_on_failure(self.folder):
            self._process = Process(argv, log=self.folder / "start.log")
            self._process.wait_ready(lambda: listening(self._port))

    def give(self) -> None:
        """Give all mail to the user that reads it, unless it has owners of its own."""
        if self._owners:
            return
        for path in (self._mail, *self._mail.rglob("*")):
            with contextlib.suppress(FileNotFoundError):  # it may be moved meanwhile
                os.chown(path, NOBODY, NOBODY)

    def imap(self, user: str) -> imaplib.IMAP4:
        """A session of a user, logged in."""
        self.give()
        session = imaplib.IMAP4("127.0.0.1", self._port, timeout=30)
        session.login(user, "x")
        return session

    def quota(self, user: str) -> tuple[int, int]:
        """Octets and messages, as Dovecot has them."""
        self.give()
        said = self.doveadm("-f", "tab", "quota", "get", "-u", user)
        rows = [line.split("\t") for line in said.splitlines()[1:]]
        values = {row[1]: row for row in rows}
        # In its table octets are kilobytes, so the file that it keeps is looked at for them.
        return int(values["STORAGE"][2]), int(values["MESSAGE"][2])

    def doveadm(self, *words: str) -> str:
        """What a command of doveadm prints."""
        argv = [self._doveadm, "-c", str(self._configuration), *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def log(self) -> str:
        """What it has logged so far."""
        path = self.folder / "dovecot.log"
        return path.read_text("utf-8", errors="replace") if path.exists() else ""

    def stop(self) -> None:
        """End it and remove its folder."""
        self._process.stop()
        remove_folder(self.folder)
