"""Dovecot as an IMAP server whose users are somebody else's: its passdb and userdb are told."""

from __future__ import annotations

import imaplib
from pathlib import Path

from peers import needs
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import listening

__all__ = ["DovecotImap"]

_CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = {protocols}
ssl = no
disable_plaintext_auth = no
default_login_user = dovenull
default_internal_user = dovecot
auth_failure_delay = 0
first_valid_uid = 0
first_valid_gid = 0
mail_location = maildir:~/Maildir
mail_plugins = quota
plugin {{
  quota = maildir:User quota
}}
protocol imap {{
  mail_plugins = quota imap_quota
}}
{databases}
service imap-login {{
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


class DovecotImap:
    """A running IMAP server.

    Args:
        databases: its `passdb` and `userdb` blocks, and further ones; `%(folder)s` is its folder.
        files: further files of its folder, by name.
        protocols: what it speaks.
    """

    def __init__(
        self, databases: str, files: dict[str, str] | None = None, protocols: str = "imap"
    ) -> None:
        needs.root("Dovecot")
        command = needs.program("dovecot")
        needs.program("/usr/lib/dovecot/imap")
        self.folder = peer_folder("imap")
        self.folder.chmod(0o755)
        self.port = free_port()
        for name, text in (files or {}).items():
            (self.folder / name).write_text(text)
        configuration = self.folder / "dovecot.conf"
        told = databases.replace("%(folder)s", str(self.folder))
        said = {"folder": self.folder, "port": self.port, "protocols": protocols}
        configuration.write_text(_CONFIGURATION.format(databases=told, **said))
        argv = [command, "-F", "-c", str(configuration)]
        with removed_on_failure(self.folder):
            self._process = Process(argv, log=self.folder / "start.log")
            self._process.wait_ready(lambda: listening(self.port))

    def login(self, name: str, password: str) -> imaplib.IMAP4:
        """A session of a user.

        Raises:
            imaplib.IMAP4.error: the login was refused.
        """
        session = imaplib.IMAP4("127.0.0.1", self.port, timeout=30)
        try:
            session.login(name, password)
        except imaplib.IMAP4.error:
            session.shutdown()
            raise
        return session

    def log(self) -> str:
        """What it has logged so far."""
        path = self.folder / "dovecot.log"
        return path.read_text("utf-8", errors="replace") if path.exists() else ""

    def stop(self) -> None:
        """End it and remove its folder."""
        self._process.stop()
        remove_folder(self.folder)


def checkpassword_program(folder: Path, python: str) -> Path:
    """The program that asks Postroad, as an installed one is."""
    program = folder / "postroad-checkpassword"
    imported = "import sys\nfrom postroad.served.checkpassword import main"
    program.write_text(f"#!{python}\n{imported}\nsys.exit(main())\n")
    program.chmod(0o755)
    return program
