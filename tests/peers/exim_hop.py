"""Exim as a next hop: the MX of a domain, with or without DSN; its reports go to one port."""

from __future__ import annotations

import shutil
from pathlib import Path

from peers import needs
from peers.maildir import Maildir
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import listening

__all__ = ["EximHop"]

_CONFIGURATION = """\
primary_hostname = exim.test
exim_path = {program}
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
spool_directory = {folder}/spool
log_file_path = {folder}/spool/log-%s
pid_file_path = {folder}/spool/pid
keep_environment =
never_users =
tls_advertise_hosts =
acl_smtp_rcpt = rcpt
dsn_advertise_hosts = {dsn}
begin acl
rcpt:
  accept domains = {domain}
         local_parts = {user}
  deny   domains = {domain}
         message = no such user here
  deny   message = relay not permitted
begin routers
here:
  driver = accept
  domains = {domain}
  transport = maildir
back:
  driver = manualroute
  transport = out
  route_list = * 127.0.0.1
  self = send
begin transports
maildir:
  driver = appendfile
  directory = {folder}/mail/{user}/Maildir
  maildir_format
  create_directory
  user = Debian-exim
  group = Debian-exim
out:
  driver = smtp
  port = {back}
  allow_localhost
  hosts_try_fastopen = :
begin retry
* * F,1h,1m
"""


class EximHop:
    """A running Exim.

    Args:
        port: where it listens, on 127.0.0.1.
        domain: whose mail it takes.
        user: the local part that there is.
        back: where all its own mail goes, on 127.0.0.1.
        dsn: whether it offers DSN.
    """

    def __init__(self, port: int, domain: str, user: str, back: int, *, dsn: bool) -> None:
        needs.root("Exim")
        program = needs.program("exim4")
        self.folder = peer_folder("exim")
        self.port = port
        self.dsn = dsn
        configuration = self.folder / "configure"
        with removed_on_failure(self.folder):
            for name in ("spool", "mail"):
                (self.folder / name).mkdir()
                shutil.chown(self.folder / name, "Debian-exim", "Debian-exim")
            configuration.write_text(
                _CONFIGURATION.format(
                    program=program,
                    port=self.port,
                    folder=self.folder,
                    domain=domain,
                    user=user,
                    back=back,
                    dsn="*" if dsn else "",
                )
            )
            argv = [program, "-C", str(configuration), "-bdf", "-q1m"]
            self._process = Process(argv, log=self.folder / "log")
            self._process.wait_ready(lambda: listening(self.port))

    def log(self) -> str:
        """What it has logged so far."""
        path = self.folder / "spool" / "log-main"
        return path.read_text("utf-8", errors="replace") if path.exists() else ""

    def maildir(self, user: str) -> Maildir:
        """The Maildir of a user."""
        return Maildir(Path(self.folder / "mail" / user / "Maildir"), self.log)

    def stop(self) -> None:
        """End it and remove its folder."""
        self._process.stop()
        remove_folder(self.folder)
