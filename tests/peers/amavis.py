"""Amavis as a peer: a content filter that takes mail by SMTP and brings it back by SMTP."""

from __future__ import annotations

import pwd
import shutil

from peers import needs
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import listening

__all__ = ["Amavis"]

_CONFIGURATION = """\
use strict;
$max_servers = 1; $enable_db = 0; $enable_zmq = 0; $do_syslog = 0; $log_level = 1;
$daemon_user = 'amavis'; $daemon_group = 'amavis'; $logfile = '{home}/log';
$MYHOME = '{home}'; $TEMPBASE = '{home}'; $QUARANTINEDIR = undef;
$pid_file = '{home}/pid'; $lock_file = '{home}/lock';
$inet_socket_port = [{port}]; $inet_socket_bind = '127.0.0.1'; @inet_acl = qw(127.0.0.1);
$forward_method = 'smtp:[127.0.0.1]:{back}'; $notify_method = $forward_method;
$mydomain = 'example.org'; $myhostname = 'filter.example.org';
@local_domains_acl = ('.example.org'); @bypass_spam_checks_maps = (1);
@bypass_banned_checks_maps = (1); $enable_dkim_verification = 0; $X_HEADER_LINE = 'by amavis';
$final_virus_destiny = D_REJECT; $virus_admin = undef; $virus_quarantine_to = undef;
@av_scanners = (['clamd', \\&ask_daemon, ["CONTSCAN {{}}\\n", '{scanner}'],
  qr/\\bOK$/m, qr/\\bFOUND$/m, qr/^.*?: (?!Infected Archive)(.*) FOUND$/m]);
@av_scanners_backup = ();
1;
"""


class Amavis:
    """A running amavisd, with clamd behind it.

    Args:
        scanner: clamd's Unix-domain socket; everybody may reach it.
        back: the port of 127.0.0.1 to which it brings mail back.
    """

    def __init__(self, scanner: str, back: int) -> None:
        needs.root("amavis")
        command = needs.program("amavisd")
        self.folder = peer_folder("amavis")
        self.port = free_port()
        home = self.folder / "home"
        home.mkdir()
        configuration = self.folder / "amavisd.conf"
        configuration.write_text(
            _CONFIGURATION.format(home=home, port=self.port, back=back, scanner=scanner)
        )
        with removed_on_failure(self.folder):
            account = pwd.getpwnam("amavis")
            shutil.chown(home, account.pw_uid, account.pw_gid)
            for each in (self.folder, home):
                each.chmod(0o755)  # clamd reads what lies there
            self._process = Process(
                [command, "-c", str(configuration), "foreground"], log=self.folder / "output"
            )
            self._process.wait_ready(lambda: listening(self.port))

    def stop(self) -> None:
        """End it and remove its folder."""
        self._process.stop()
        remove_folder(self.folder)
