"""Exim as a sender, and as a next hop: each message goes to one port at once, with all that Exim
knows of SMTP."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from peers import needs
from peers.certificates import Certificate
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import greeting

__all__ = ["Exim", "EximNextHop"]

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


_NEXT_HOP = """\
primary_hostname = exim.test
exim_path = {program}
daemon_smtp_ports = {listens}
local_interfaces = 127.0.0.1
acl_smtp_rcpt = refusing
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
chunking_advertise_hosts = *
tls_advertise_hosts = *
tls_certificate = {chain}
tls_privatekey = {key}
recipients_max = 1000
smtp_accept_max = 0
spool_directory = {folder}/spool
log_file_path = {folder}/spool/log-%s
keep_environment =
never_users =
queue_run_in_order = true
begin acl
refusing:
  deny local_parts = ^no
       message = Unknown user
  accept
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
  hosts_try_fastopen = :
  hosts_avoid_tls = *
  message_linelength_limit = 100000
begin retry
* * F,1h,1m
"""


class EximNextHop:
    """A running Exim that takes everything but mail for names that begin with `no`, and passes it
    on at once.

    Args:
        to: the port on 127.0.0.1 where all mail goes.
        certificate: for STARTTLS.
    """

    def __init__(self, to: int, certificate: Certificate) -> None:
        needs.root("Exim")
        program = needs.program("exim4")
        self.folder = peer_folder("exim")
        self.port = free_port()
        configuration = self.folder / "configure"
        with removed_on_failure(self.folder):
            for name in ("spool", "tls"):
                (self.folder / name).mkdir()
                shutil.chown(self.folder / name, "Debian-exim", "Debian-exim")
            chain, key = self.folder / "tls" / "chain", self.folder / "tls" / "key"
            for source, target in ((certificate.chain, chain), (certificate.key, key)):
                shutil.copy(source, target)
                shutil.chown(target, "Debian-exim", "Debian-exim")
            configuration.write_text(
                _NEXT_HOP.format(
                    program=program,
                    folder=self.folder,
                    listens=self.port,
                    port=to,
                    chain=chain,
                    key=key,
                )
            )
            self._process = Process(
                [program, "-C", str(configuration), "-bdf", "-odb"], log=self.folder / "log"
            )
            self._process.wait_ready(lambda: greeting(self.port))

    def stop(self) -> None:
        """End it and remove its folder."""
        self._process.stop()
        remove_folder(self.folder)
