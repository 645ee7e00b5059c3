"""Dovecot as a mail store: LMTP on a socket and on a port, mailboxes with a quota."""

from __future__ import annotations

from collections.abc import Mapping

from peers import needs
from peers.maildir import Maildir
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import answering, listening

__all__ = ["DovecotStore"]

_CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = lmtp
ssl = no
default_login_user = dovenull
default_internal_user = dovecot
mail_location = maildir:{folder}/mail/%n
first_valid_uid = 1
mail_plugins = quota
lmtp_rcpt_check_quota = yes
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
  quota_exceeded_message = Quota exceeded (mailbox for user is full)
}}
protocol lmtp {{
  mail_plugins = quota
}}
service lmtp {{
  unix_listener {folder}/lmtp {{
    mode = 0666
  }}
  inet_listener lmtp {{
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


class DovecotStore:
    """A running store.

    Args:
        quotas: the octets that each mailbox may hold, by address.
    """

    def __init__(self, quotas: Mapping[str, int]) -> None:
        needs.root("Dovecot")
        command = needs.program("dovecot")
        needs.program("/usr/lib/dovecot/lmtp")
        self.folder = peer_folder("dovecot")
        self.folder.chmod(0o755)
        self.socket = self.folder / "lmtp"
        self.port = free_port()
        mail = self.folder / "mail"
        mail.mkdir()
        users = "".join(
            f"{name}:{{PLAIN}}x:65534:65534::/nonexistent::userdb_quota_rule=*:bytes={limit}\n"
            for name, limit in quotas.items()
        )
        (self.folder / "users").write_text(users)
        mail.chmod(0o777)
        configuration = self.folder / "dovecot.conf"
        configuration.write_text(_CONFIGURATION.format(folder=self.folder, port=self.port))
        argv = [command, "-F", "-c", str(configuration)]
        with removed_on_failure(self.folder):
            self._process = Process(argv, log=self.folder / "start.log")
            self._process.wait_ready(lambda: answering(self.socket) and listening(self.port))

    def log(self) -> str:
        """What it has logged so far."""
        path = self.folder / "dovecot.log"
        return path.read_text("utf-8", errors="replace") if path.exists() else ""

    def maildir(self, user: str) -> Maildir:
        """The Maildir of a mailbox, by the part of its address before the @."""
        return Maildir(self.folder / "mail" / user, self.log)

    def stop(self) -> None:
        """End it and remove its folder."""
        self._process.stop()
        remove_folder(self.folder)
