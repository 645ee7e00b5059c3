"""Postfix as the golden policy scripts want it: their lists, their world, and their clients."""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from peers.dns import NameServer
from peers.failing_dns import FailingDns
from peers.ports import free_port
from peers.postfix import Listener, Postfix
from policy_script import Command, Script, Session
from policy_world import DELIMITER, DOMAIN, HOSTNAME, NETWORKS, OWNERS, Service
from postroad.policy import Stage, VerificationStatus

__all__ = ["GoldenPostfix", "failing", "records", "with_servers"]

_PARAMETERS = {
    Stage.CLIENT: "smtpd_client_restrictions",
    Stage.HELO: "smtpd_helo_restrictions",
    Stage.SENDER: "smtpd_sender_restrictions",
    Stage.RELAY: "smtpd_relay_restrictions",
    Stage.RECIPIENT: "smtpd_recipient_restrictions",
    Stage.DATA: "smtpd_data_restrictions",
    Stage.END_OF_DATA: "smtpd_end_of_data_restrictions",
    Stage.ETRN: "smtpd_etrn_restrictions",
}
_SETTINGS = {"mx_backup_networks": "permit_mx_backup_networks"}
"""Settings of [policy] that Postfix has by another name."""

_NO_FILES = re.compile(r"\b(?:hash|btree|lmdb):")
"""Tables that Postfix reads from a file of another format than ours."""

_UNKNOWN = "unknown"


class GoldenPostfix:
    """A running Postfix with a port for each script, and all that it asks.

    Args:
        scripts: what will be played.
    """

    def __init__(self, scripts: Sequence[Script]) -> None:
        self._ports = {script.name: free_port() for script in scripts}
        self._services = {
            (script.name, name): _PolicyServer(service)
            for script in scripts
            for name, service in script.world.services.items()
            if not service.away
        }
        with contextlib.ExitStack() as stack:
            for service in self._services.values():
                stack.callback(service.stop)
            lines = records(scripts)
            names = NameServer(lines, zones=(*with_servers(lines), "."))
            stack.callback(names.stop)
            front = FailingDns(names.port, failing(scripts))
            stack.callback(front.stop)
            self._postfix = self._start(scripts, front.address)
            stack.callback(self._postfix.stop)
            self._stack = stack.pop_all()

    def stop(self) -> None:
        """End everything."""
        self._stack.close()

    def play(self, script: Script) -> Iterator[tuple[Command, str]]:
        """Every question of a script with what Postfix decides: `permit`, or its reply."""
        for session in script.sessions:
            if session.is_encrypted:
                continue
            client = _Client(self._ports[script.name], session)
            try:
                for command in session.commands:
                    said = client.hear(command)
                    if command.expected:
                        yield command, said
            finally:
                client.close()

    def wait_log(self, note: str, where: str) -> None:
        """Wait until the log has a note, as a script writes it."""
        what, _, words = note.partition(": ")
        pattern = re.compile(rf" {what}: \S+ from \S+: {re.escape(words)};")
        self._postfix.wait_log_match(pattern, where)

    def _start(self, scripts: Sequence[Script], resolver: str) -> Postfix:
        return Postfix(
            main_cf={
                "inet_protocols": "all",
                "myhostname": HOSTNAME,
                "mydestination": HOSTNAME,
                "recipient_delimiter": DELIMITER,
                "mynetworks": ", ".join(map(str, NETWORKS.v4)),
                "virtual_mailbox_domains": DOMAIN,
                "virtual_mailbox_maps": "texthash:%(folder)s/listed",
                "virtual_transport": "discard:",
                "default_transport": "discard:",
                "transport_maps": "texthash:%(folder)s/transport",
                "fast_flush_domains": "static:all",
                "smtpd_sender_login_maps": "texthash:%(folder)s/owners",
                "smtpd_reject_unlisted_recipient": "no",
                "smtpd_relay_before_recipient_restrictions": "yes",
                "smtpd_authorized_xclient_hosts": "127.0.0.0/8",
                "smtpd_sasl_auth_enable": "yes",
                "cyrus_sasl_config_path": "%(folder)s/sasl",
                "smtpd_error_sleep_time": "0",
                "smtpd_soft_error_limit": "1000",
                "smtpd_hard_error_limit": "1000",
                "smtpd_policy_service_retry_delay": "1s",
                "address_verify_poll_count": "30",
                "address_verify_poll_delay": "1s",
            },
            listeners=[
                Listener(self._ports[script.name], self._options(script), in_queue=True)
                for script in scripts
            ],
            files={
                "listed": _table(OWNERS),
                "owners": _table(OWNERS),
                "transport": _transports(scripts),
                "sasl/smtpd.conf": "pwcheck_method: auxprop\nmech_list: PLAIN\n",
                "queue/etc/resolv.conf": f"nameserver {resolver}\noptions timeout:30 attempts:1\n",
                "queue/etc/nsswitch.conf": "hosts: dns\n",
                **_tables(scripts),
            },
        )

    def _options(self, script: Script) -> dict[str, str]:
        """The script's lists, classes and settings as Postfix's parameters."""
        lists = {
            _PARAMETERS[stage]: ", ".join(str(rule) for rule in rules)
            for stage, rules in script.policy.lists.items()
        }
        relay = _PARAMETERS[Stage.RELAY]
        lists[relay] = lists[relay].replace("end of the list", "reject_unauth_destination")
        options = {
            **lists,
            "smtpd_delay_reject": "yes" if script.delay_reject else "no",
            "smtpd_reject_unlisted_recipient": "yes" if script.reject_unlisted else "no",
            "smtpd_restriction_classes": " ".join(script.classes),
            **{name: ", ".join(texts) for name, texts in script.classes.items()},
            **{_SETTINGS.get(name, name): text for name, text in script.settings.items()},
        }
        return {name: self._told(script, text) for name, text in options.items()}

    def _told(self, script: Script, text: str) -> str:
        for table in script.world.tables.values():
            if table.away:
                text = text.replace(table.name, f"fail:{table.path}")
        text = _NO_FILES.sub("texthash:", script.world.located(text, _folder(script)))
        for (owner, name), server in self._services.items():
            if owner == script.name:
                text = text.replace(name, f"inet:127.0.0.1:{server.port}")
        return text


def _folder(script: Script) -> Path:
    return Path("%(folder)s") / "tables" / script.name


def _tables(scripts: Sequence[Script]) -> dict[str, str]:
    return {
        f"tables/{script.name}{table.path}": table.text.replace("%", "%%")
        for script in scripts
        for table in script.world.tables.values()
    }


def _table(entries: dict[str, str]) -> str:
    return "".join(f"{key} {value}\n" for key, value in entries.items())


def _transports(scripts: Sequence[Script]) -> str:
    """What makes a probe of an address find what the scripts say."""
    transports = {
        VerificationStatus.DELIVERABLE: "discard:",
        VerificationStatus.UNDELIVERABLE: "error:5.1.1 ",
        VerificationStatus.UNKNOWN: "retry:4.4.1 ",
    }
    return "".join(
        f"{address} {transports[found.status]}{found.why}\n"
        for script in scripts
        for address, found in script.world.probes.items()
    )


# The DNS ----------------------------------------------------------------------------------------


def _zones(scripts: Sequence[Script]) -> dict[tuple[str, str], tuple[str, ...] | None]:
    """The zones of all scripts in one: they must not contradict each other."""
    zone: dict[tuple[str, str], tuple[str, ...] | None] = {}
    for script in scripts:
        for key, values in script.world.zone.items():
            known = zone.setdefault(key, values)
            assert known == values, f"{script.name} and another script disagree about {key}"
    return zone


def records(scripts: Sequence[Script]) -> list[str]:
    """What the scripts say of the DNS, as lines of a zone file."""
    lines = []
    for (name, kind), values in _zones(scripts).items():
        for value in values or ():
            text = f'"{value}"' if kind == "TXT" else value
            lines.append(f"{name}. {kind} {text}")
    return lines


def with_servers(lines: Sequence[str]) -> list[str]:
    """The names that have name servers: each is a zone of its own."""
    return sorted({line.split()[0] for line in lines if line.split()[1] == "NS"})


def failing(scripts: Sequence[Script]) -> set[tuple[str, str]]:
    """The names and types at which the DNS of the scripts fails."""
    return {key for key, values in _zones(scripts).items() if values is None}


# Policy services --------------------------------------------------------------------------------


class _PolicyServer:
    """A script's policy service, on a port."""

    def __init__(self, service: Service) -> None:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                attributes: dict[str, str] = {}
                for raw in self.rfile:
                    line = raw.decode().rstrip("\n")
                    if line:
                        name, _, value = line.partition("=")
                        attributes[name] = value
                        continue
                    self.wfile.write(f"action={service.answer(attributes)}\n\n".encode())
                    attributes = {}

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


# Clients ----------------------------------------------------------------------------------------


class _Client:
    """A client of Postfix that says what a session has."""

    def __init__(self, port: int, session: Session) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._lines = self._socket.makefile("r", encoding="utf-8", newline="\r\n")
        self._session = session
        self._envelope: list[str] = []
        self._open = False
        self._reply()
        self._say("EHLO tester")
        self._greeting = self._say(f"XCLIENT {_xclient(session)}")

    def hear(self, command: Command) -> str:
        """What Postfix says to a command: `permit`, or its reply."""
        reply = getattr(self, f"_{command.word}")(command.rest)
        assert reply, f"line {command.line}: the connection was closed"
        return "permit" if reply[0] in "23" else reply

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def _client(self, _rest: str) -> str:
        return self._greeting

    def _helo(self, rest: str) -> str:
        self._open = False
        return self._say(f"EHLO {rest}")

    def _mail(self, rest: str) -> str:
        self._say("RSET")  # a refusal at the end of the data leaves the transaction open
        self._open = True
        self._envelope = [f"MAIL FROM:{rest}"]
        return self._say(self._envelope[0])

    def _rcpt(self, rest: str) -> str:
        self._reopen()
        reply = self._say(f"RCPT TO:{rest}")
        if reply.startswith("250"):
            self._envelope.append(f"RCPT TO:{rest}")
        return reply

    def _data(self, rest: str) -> str:
        self._reopen()
        reply = self._say("DATA\r\n." if rest == "ahead" else "DATA")
        if reply.startswith("354"):
            self._open = False
            self._say(".")
        elif rest == "ahead":
            self._reply()  # to the dot, which is no command
        return reply

    def _end_of_data(self, _rest: str) -> str:
        self._reopen()
        reply = self._say("DATA")
        assert reply.startswith("354"), f"the end of the data is not reached: {reply}"
        self._open = False
        return self._say("Subject: test\r\n\r\ntest\r\n.")

    def _etrn(self, rest: str) -> str:
        self._say("RSET")
        self._open = False
        return self._say(f"ETRN {rest}")

    def _reopen(self) -> None:
        """Say the envelope again where DATA has ended the transaction."""
        if not self._open:
            self._say("RSET")
            for line in self._envelope:
                self._say(line)
            self._open = True

    def _say(self, command: str) -> str:
        self._socket.sendall(f"{command}\r\n".encode())
        return self._reply()

    def _reply(self) -> str:
        while True:
            line = self._lines.readline().rstrip("\r\n")
            if line[3:4] != "-":
                return line


def _xclient(session: Session) -> str:
    client = session.client
    address = f"IPV6:{client.address}" if ":" in client.address else client.address
    words = [
        f"NAME={_name(client.name, client.name_unsure)}",
        f"REVERSE_NAME={_name(client.reverse_name, client.reverse_unsure)}",
        f"ADDR={address}",
        "PROTO=ESMTP",
    ]
    if session.login is not None:
        words.append(f"LOGIN={session.login.user}")
    return " ".join(words)


def _name(name: str, unsure: bool) -> str:
    if name != _UNKNOWN:
        return name
    return "[TEMPUNAVAIL]" if unsure else "[UNAVAILABLE]"
