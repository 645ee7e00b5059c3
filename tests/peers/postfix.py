"""Postfix as a peer: an instance of its own, beside any that the machine runs.

An instance has its own configuration, queue, data directory and log, and listens only on loopback
ports. It is told its part by `main_cf` parameters and by the services it shall run; the usual
parts (another domain's MX, a smarthost with login, a sender) are functions below.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from peers import needs
from peers.certificates import Certificate
from peers.dovecot import Dovecot
from peers.maildir import Maildir
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import listening, logged, until

__all__ = [
    "Listener",
    "Postfix",
    "environment",
    "limited",
    "mail_exchanger",
    "sender",
    "smarthost",
]

_SERVICES = """\
pickup    unix  n - n 60    1 pickup
cleanup   unix  n - n -     0 cleanup
qmgr      unix  n - n 300   1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n -     - trivial-rewrite
bounce    unix  - - n -     0 bounce
defer     unix  - - n -     0 bounce
trace     unix  - - n -     0 bounce
verify    unix  - - n -     1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n -     - proxymap
smtp      unix  - - n -     - smtp
relay     unix  - - n -     - smtp
showq     unix  n - n -     - showq
error     unix  - - n -     - error
retry     unix  - - n -     - error
discard   unix  - - n -     - discard
local     unix  - n n -     - local
virtual   unix  - n n -     - virtual
lmtp      unix  - - n -     - lmtp
anvil     unix  - - n -     1 anvil
scache    unix  - - n -     1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True, slots=True)
class Listener:
    """One smtpd service: its port on 127.0.0.1, its `-o` options, and where its root is.

    One whose root is the queue's directory has a `resolv.conf` of its own there, in `etc`, and so a
    name server of its own.
    """

    port: int
    options: Mapping[str, str]
    in_queue: bool = False


class _Master(Process):
    """`postfix start-fg`: a shell that waits for master, so signals go to master itself."""

    def __init__(self, argv: Sequence[str], log: Path, pid_file: Path) -> None:
        super().__init__(argv, log=log)
        self._pid_file = pid_file

    def stop(self, within: float = 30) -> int:
        """End master, which ends its children."""
        if self.running and self._pid_file.exists():
            os.kill(int(self._pid_file.read_text()), signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.wait(within)
        return super().stop(within)


class Postfix:
    """A running Postfix.

    Args:
        main_cf: parameters added to those every instance needs.
        listeners: its smtpd services; one without options on a free port when empty.
        files: further files of its folder by name, e.g. tables; a `main_cf` value refers to the
            folder as `%(folder)s`, and so does an option of a listener.
    """

    def __init__(
        self,
        main_cf: Mapping[str, str] | None = None,
        listeners: Sequence[Listener] = (),
        files: Mapping[str, str] | None = None,
    ) -> None:
        needs.root("Postfix")
        self._command = needs.program("postfix")
        self.folder = peer_folder("postfix")
        self.mail_log = self.folder / "mail.log"
        self.listeners = tuple(listeners) or (Listener(free_port(), {}),)
        self.port = self.listeners[0].port
        self._prepare(main_cf or {}, files or {})
        config = str(self.folder / "etc")
        pid_file = self.folder / "queue" / "pid" / "master.pid"
        with removed_on_failure(self.folder):
            self._process = _Master(
                [self._command, "-c", config, "start-fg"], self.folder / "start.log", pid_file
            )
            self._process.wait_ready(lambda: all(listening(item.port) for item in self.listeners))

    @property
    def master(self) -> int:
        """The process id of master, which starts all others."""
        return int((self.folder / "queue" / "pid" / "master.pid").read_text())

    def log(self) -> str:
        """The mail log so far."""
        return self.mail_log.read_text("utf-8", errors="replace") if self.mail_log.exists() else ""

    def wait_log(self, text: str, *, within: float = 30) -> str:
        """The first line of the log that holds `text`.

        Raises:
            AssertionError: no such line came in time; the text holds the log.
        """
        return logged(self.log, text, within=within, whose="Postfix")

    def wait_log_match(self, pattern: re.Pattern[str], what: str, *, within: float = 30) -> None:
        """Wait until the log holds what a pattern finds.

        Raises:
            TimeoutError: it did not in time; the text says `what`.
        """
        until(lambda: pattern.search(self.log()), within=within, what=f"{what}: {pattern.pattern}")

    def maildir(self, user: str) -> Maildir:
        """The Maildir of a virtual mailbox."""
        return Maildir(self.folder / "mail" / user / "Maildir", self.log)

    def sendmail(
        self, sender: str, recipients: Sequence[str], message: bytes, *options: str
    ) -> None:
        """Hand a message to this instance as its own machine's programs do.

        Args:
            sender: the reverse-path.
            recipients: addresses.
            message: header and body.
            options: of sendmail's command line, e.g. `-N`, `success`.
        """
        config = str(self.folder / "etc")
        argv = [needs.program("sendmail"), "-C", config, "-oi", "-f", sender]
        argv += [*options, *recipients]
        subprocess.run(argv, input=message, check=True, timeout=60, capture_output=True)

    def stop(self) -> None:
        """End it and remove its folder."""
        self._process.stop()
        remove_folder(self.folder)

    def _prepare(self, main_cf: Mapping[str, str], files: Mapping[str, str]) -> None:
        folder = self.folder
        for name in ("etc", "queue", "data", "mail"):
            (folder / name).mkdir()
        shutil.chown(folder / "data", "postfix")
        shutil.chown(folder / "mail", "postfix")
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        parameters = {**self._own_parameters(), **main_cf}
        lines = [f"{key} = {value % {'folder': folder}}\n" for key, value in parameters.items()]
        (folder / "etc" / "main.cf").write_text("".join(lines))
        (folder / "etc" / "master.cf").write_text(_SERVICES + self._listener_lines())

    def _own_parameters(self) -> dict[str, str]:
        return {
            "compatibility_level": "3.6",
            "queue_directory": "%(folder)s/queue",
            "data_directory": "%(folder)s/data",
            "maillog_file": "%(folder)s/mail.log",
            "maillog_file_prefixes": "%(folder)s",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "myhostname": "postfix.test",
            "mydestination": "",
            "mynetworks": "127.0.0.0/8",
            "alias_maps": "",
            "alias_database": "",
            "local_transport": "error:no local delivery here",
            "local_recipient_maps": "",
            "smtpd_peername_lookup": "no",
            "meta_directory": "/etc/postfix",
        }

    def _listener_lines(self) -> str:
        lines = []
        for listener in self.listeners:
            chroot = "y" if listener.in_queue else "n"
            lines.append(f"127.0.0.1:{listener.port} inet n - {chroot} - - smtpd\n")
            for key, value in listener.options.items():
                told = value.replace("%(folder)s", str(self.folder))
                lines.append(f"  -o {{{key} = {told}}}\n")
        return "".join(lines)


def mail_exchanger(
    domain: str, users: Sequence[str], certificate: Certificate | None = None
) -> Postfix:
    """The MX of `domain`; each of `users` has a Maildir there, anyone else is unknown.

    STARTTLS is offered when there is a certificate.
    """
    parameters = {**_mailboxes(domain), "smtpd_relay_restrictions": "reject_unauth_destination"}
    if certificate is not None:
        parameters |= {**_tls(certificate), "smtpd_tls_security_level": "may"}
    return Postfix(parameters, files=_mailbox_table(domain, users))


def smarthost(
    domain: str, users: Sequence[str], certificate: Certificate, accounts: Dovecot
) -> Postfix:
    """A relay that takes nothing without TLS and a login, as providers run them on port 587.

    What it takes for `users` of `domain` goes to their Maildirs.
    """
    parameters = {
        **_mailboxes(domain),
        **_tls(certificate),
        "smtpd_tls_security_level": "encrypt",
        "smtpd_tls_auth_only": "yes",
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_sasl_type": "dovecot",
        "smtpd_sasl_path": str(accounts.socket),
        "smtpd_client_restrictions": "permit_sasl_authenticated, reject",
        "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
        "smtpd_tls_received_header": "yes",
        "smtpd_sasl_authenticated_header": "yes",
    }
    return Postfix(parameters, files=_mailbox_table(domain, users))


def limited(
    domain: str,
    users: Sequence[str],
    certificate: Certificate,
    accounts: Dovecot,
    limits: Mapping[str, Mapping[str, str]],
) -> tuple[Postfix, dict[str, int]]:
    """An MX where users may log in, with a listener for each set of options, and their ports.

    Nobody is excepted from the limits of clients, not even loopback. Rates are those of an hour.
    """
    parameters = {
        **_mailboxes(domain),
        **_tls(certificate),
        "smtpd_tls_security_level": "may",
        "smtpd_tls_auth_only": "yes",
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_sasl_type": "dovecot",
        "smtpd_sasl_path": str(accounts.socket),
        "smtpd_relay_restrictions": "reject_unauth_destination",
        "smtpd_client_event_limit_exceptions": "",
        "anvil_rate_time_unit": "1h",
    }
    ports = {name: free_port() for name in limits}
    listeners = [Listener(ports[name], options) for name, options in limits.items()]
    return Postfix(parameters, listeners, files=_mailbox_table(domain, users)), ports


def sender(routes: Mapping[str, int]) -> Postfix:
    """The mail server of strangers: sends to each domain's MX, a port on 127.0.0.1.

    Postfix asks only the machine's resolver, so the routes are a transport table.
    """
    table = "".join(f"{domain} smtp:[127.0.0.1]:{port}\n" for domain, port in routes.items())
    parameters = {
        "transport_maps": "texthash:%(folder)s/transport",
        "relay_domains": "",
        "default_transport": "error:no route in this test",
        "smtp_tls_security_level": "may",
        "minimal_backoff_time": "2s",
        "maximal_backoff_time": "4s",
        "queue_run_delay": "2s",
    }
    return Postfix(parameters, files={"transport": table})


def environment(folder: Path) -> dict[str, str]:
    """In which Postfix's commands read a bare main.cf in a folder: the machine may have none."""
    (folder / "main.cf").write_text("compatibility_level = 3.6\n")
    return {**os.environ, "MAIL_CONFIG": str(folder)}


def _mailbox_table(domain: str, users: Sequence[str]) -> dict[str, str]:
    return {"mailboxes": "".join(f"{user}@{domain} {user}/Maildir/\n" for user in users)}


def _mailboxes(domain: str) -> dict[str, str]:
    account = pwd.getpwnam("postfix")
    return {
        "virtual_mailbox_domains": domain,
        "virtual_mailbox_base": "%(folder)s/mail",
        "virtual_mailbox_maps": "texthash:%(folder)s/mailboxes",
        "virtual_uid_maps": f"static:{account.pw_uid}",
        "virtual_gid_maps": f"static:{account.pw_gid}",
        "virtual_minimum_uid": "1",
    }


def _tls(certificate: Certificate) -> dict[str, str]:
    return {"smtpd_tls_chain_files": f"{certificate.key}, {certificate.chain}"}
