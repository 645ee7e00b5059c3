"""Exim as a sender: each message goes to one port at once, with all that Exim knows of SMTP."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from peers import needs
from peers.processes import peer_folder, remove_folder, removed_on_failure

__all__ = ["Exim"]

_CONFIGURATION = """\
primary_hostname = exim.test
exim_path = {program}
acl_smtp_rcpt = accept
dsn_advertise_hosts = *
spool_directory = {folder}/spool
log_file_path = {folder}/spool/log-%s
keep_environment =
never_users =
begin routers
all:
  driver = manualroute
  transport = out
  route_list = * 127.0.0.1
  self = send
begin transports
out:
  driver = smtp
  port = {port}
  allow_localhost
  hosts_try_chunking = *
  hosts_try_prdr = *
  hosts_try_fastopen = :
  tls_verify_certificates = {authority}
  tls_try_verify_hosts = :
begin retry
* * F,1h,1m
"""


class Exim:
    """An Exim that is not running: it works when it is given a message.

    Args:
        port: where all mail goes, on 127.0.0.1.
        authority: the certificate file to trust.
    """

    def __init__(self, port: int, authority: str) -> None:
        needs.root("Exim")
        self._program = needs.program("exim4")
        self.folder = peer_folder("exim")
        self._configuration = self.folder / "configure"
        with removed_on_failure(self.folder):
            (self.folder / "spool").mkdir()
            shutil.chown(self.folder / "spool", "Debian-exim", "Debian-exim")
            self._configuration.write_text(
                _CONFIGURATION.format(
                    program=self._program, folder=self.folder, port=port, authority=authority
                )
            )

    def send(self, sender: str, recipients: Sequence[str], message: bytes) -> str:
        """Deliver a message now; the conversation, and what the log says of it."""
        return self._run(["-i", "-f", sender, *recipients], message)

    def relay(self, dialogue: bytes) -> str:
        """Take mail by SMTP on standard input, and deliver it now; the same."""
        return self._run(["-bs"], dialogue)

    def _run(self, arguments: Sequence[str], standard_input: bytes) -> str:
        argv = [self._program, "-C", str(self._configuration), "-odf", "-v", *arguments]
        done = subprocess.run(
            argv,
            input=standard_input,
            timeout=60,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return done.stdout.decode(errors="replace")

    def stop(self) -> None:
        """Remove its folder."""
        remove_folder(self.folder)
