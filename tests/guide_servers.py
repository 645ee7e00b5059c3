"""A guide's server twice: Postfix by the guide's own lines, and Postroad by our file for it.

Both ask the same name server, the same policy service, and know the same passwords. A conversation
is held with each, and what they say is compared. Clients that are not on this machine are spoken
for by XCLIENT. Nothing leaves: Postfix throws away what it takes, Postroad keeps it in a folder.
"""

from __future__ import annotations

import base64
import contextlib
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from peers import dialogue
from peers.certificates import Certificate
from peers.dns import NameServer
from peers.dovecot import Dovecot
from peers.failing_dns import FailingDns
from peers.policyd_spf import PolicydSpf
from peers.ports import free_port
from peers.postfix import Listener, Postfix
from peers.postroad import Postroad, Table
from peers.processes import peer_folder, remove_folder

__all__ = ["CONFIGURATIONS", "Conversation", "Guide", "GuideServers"]

CONFIGURATIONS = Path(__file__).parents[1] / "docs" / "guides"
_HERE = "127.0.0.1/32"
_MAIN_CF = {
    "inet_protocols": "all",
    "smtpd_authorized_xclient_hosts": "127.0.0.0/8",
    "smtpd_sasl_type": "dovecot",
    "smtpd_sasl_path": "private/auth",
    "smtpd_tls_auth_only": "yes",
    "smtpd_error_sleep_time": "0",
    "smtpd_policy_service_retry_delay": "1s",
    "virtual_transport": "discard:",
    "local_transport": "discard:",
    "default_transport": "discard:",
}


@dataclass(frozen=True)
class Guide:
    """What a guide writes.

    Args:
        name: of our file in docs/guides, without its ending.
        main_cf: the lines of main.cf that are about policy, and the domains that they are for.
        services: the `-o` lines of each service in master.cf, by the listener that is its like.
        passwords: by login name.
        tables: files by name, in /etc/postfix there and in /etc/postroad here.
        records: of the DNS.
        failing: names and types for which the DNS server says SERVFAIL.
        policy_spf: whether policyd-spf answers at `private/policy-spf` there; here nobody needs it.
        own: lines added to our file.
    """

    name: str
    main_cf: str
    services: Mapping[str, str]
    passwords: Mapping[str, str]
    tables: Mapping[str, str] = field(default_factory=dict)
    records: Sequence[str] = ()
    failing: frozenset[tuple[str, str]] = frozenset()
    policy_spf: bool = False
    own: str = ""

    @property
    def configuration(self) -> Path:
        """Our file."""
        return CONFIGURATIONS / f"{self.name}.toml"


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """What somebody types after the greeting, in a session of its own.

    Args:
        lines: typed one after the other.
        last: the reply to the last of them.
        listener: where.
        client: XCLIENT's attributes of who types, empty for somebody on this machine.
        hello: what is typed first.
        tls: whether STARTTLS comes before everything.
        login: as whom AUTH PLAIN is said, empty for nobody.
    """

    lines: Sequence[str]
    last: str
    listener: str = "mx"
    client: str = ""
    hello: str = "EHLO client.test"
    tls: bool = False
    login: str = ""


class GuideServers:
    """Both servers of a guide, running.

    Args:
        guide: the guide.
        certificate: for both.
    """

    def __init__(self, guide: Guide, certificate: Certificate) -> None:
        self._guide = guide
        with contextlib.ExitStack() as stack:
            names = NameServer(guide.records, zones=(".",))
            stack.callback(names.stop)
            resolver = FailingDns(names.port, guide.failing)
            stack.callback(resolver.stop)
            sockets = {}
            if guide.policy_spf:
                spf = PolicydSpf(names.port)
                stack.callback(spf.stop)
                sockets["policy-spf"] = spf.path
            logins = Dovecot(guide.passwords)
            stack.callback(logins.stop)
            sockets["auth"] = logins.socket
            self.postfix = _postfix(guide, certificate, resolver.address)
            stack.callback(self.postfix.stop)
            for name, path in sockets.items():
                os.link(path, self.postfix.folder / "queue" / "private" / name)
            self._tables = peer_folder("guide")
            stack.callback(remove_folder, self._tables)
            for name, text in guide.tables.items():
                (self._tables / name).write_text(text)
            self.postroad = self._postroad(certificate, f"{resolver.address}:53")
            stack.callback(self.postroad.stop)
            self._stack = stack.pop_all()

    def stop(self) -> None:
        """End everything."""
        self._stack.close()

    def heard(self, talk: Conversation) -> dict[str, list[str]]:
        """What each server says to the lines of a conversation."""
        there = self.postfix.listeners[list(self._guide.services).index(talk.listener)].port
        ports = {"postfix": there, "postroad": self.postroad.port(talk.listener)}
        return {who: self._held(port, talk) for who, port in ports.items()}

    def _held(self, port: int, talk: Conversation) -> list[str]:
        with dialogue.starttls(port) if talk.tls else dialogue.plain(port) as terminal:
            if not talk.tls:
                terminal.hear()
            if talk.client:
                terminal.say("EHLO proxy.test")
                assert terminal.say(f"XCLIENT {talk.client}").startswith("220 ")
            terminal.say(talk.hello)
            if talk.login:
                reply = terminal.say(f"AUTH PLAIN {self._plain(talk.login)}")
                assert reply == "235 2.7.0 Authentication successful"
            return [terminal.say(line) for line in talk.lines]

    def _plain(self, login: str) -> str:
        words = f"\0{login}\0{self._guide.passwords[login]}"
        return base64.b64encode(words.encode()).decode()

    def _postroad(self, certificate: Certificate, resolver: str) -> Postroad:
        text = self._guide.configuration.read_text() + self._guide.own
        text = text.replace("/etc/postroad", str(self._tables))
        settings: dict[str, Table] = tomllib.loads(text)
        password = self._tables / "sasl_passwd"
        password.write_text("[smtp.mailgun.org]:587 postmaster@example.org:secret\n")
        password.chmod(0o640)
        (self._tables / "GeoTrust_Global_CA.pem").write_bytes(certificate.chain.read_bytes())
        settings |= {
            "tls": {"certificate": str(certificate.chain), "key": str(certificate.key)},
            "dns": {"servers": [resolver]},
            "delivery": {"capture": str(self._tables / "captured")},
        }
        listeners = settings["listeners"]
        settings["listeners"] = {
            name: {**_without(table, "bind"), "xclient": [_HERE]}
            for name, table in listeners.items()
            if isinstance(table, Mapping)
        }
        passwords = self._guide.passwords
        return Postroad(settings, listeners=list(listeners), accounts=passwords)


def _without(table: Table, key: str) -> Table:
    return {name: value for name, value in table.items() if name != key}


def _postfix(guide: Guide, certificate: Certificate, resolver: str) -> Postfix:
    listeners = [
        Listener(free_port(), _options(lines), in_queue=True) for lines in guide.services.values()
    ]
    chain = {"smtpd_tls_chain_files": f"{certificate.key}, {certificate.chain}"}
    files = {
        "queue/etc/resolv.conf": f"nameserver {resolver}\noptions timeout:30 attempts:1\n",
        "queue/etc/nsswitch.conf": "hosts: dns\n",
        **{f"etc/{name}": text for name, text in guide.tables.items()},
    }
    return Postfix({**_MAIN_CF, **chain, **_parameters(guide.main_cf)}, listeners, files)


def _parameters(main_cf: str) -> dict[str, str]:
    """Lines of main.cf: a line that begins with a blank goes on."""
    joined = main_cf.replace("\n ", " ")
    told: dict[str, str] = {}
    for line in filter(str.strip, joined.splitlines()):
        name, _, value = line.partition("=")
        told[name.strip()] = _moved(" ".join(value.split()))
    return told


def _moved(value: str) -> str:
    """With the tables where they are, and read as text, since nobody has run postmap."""
    value = value.replace("%", "%%").replace("/etc/postfix/", "$config_directory/")
    return value.replace("hash:", "texthash:")


def _options(lines: str) -> dict[str, str]:
    """The `-o` lines of a service in master.cf."""
    options = (line.strip().removeprefix("-o ").partition("=") for line in lines.splitlines())
    return {name.strip(): value.strip() for name, _, value in options if name}
