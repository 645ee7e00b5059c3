"""The golden scripts, put to a real Postfix: it must say what we say, word for word.

One Postfix serves all scripts, a port each, with the script's lists as its restrictions. XCLIENT
gives it the script's client and login. Scripts that say `ours` and sessions under TLS, which
XCLIENT cannot give, are left out.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

import policy_golden
from peers.ports import free_port
from peers.postfix import Listener, Postfix
from policy_golden import Question, Script
from postroad.policy import Stage

pytestmark = pytest.mark.peer

SCRIPTS = [s for s in map(policy_golden.read, policy_golden.scripts()) if not s.ours]
PARAMETERS = {
    Stage.CLIENT: "smtpd_client_restrictions",
    Stage.HELO: "smtpd_helo_restrictions",
    Stage.SENDER: "smtpd_sender_restrictions",
    Stage.RELAY: "smtpd_relay_restrictions",
    Stage.RECIPIENT: "smtpd_recipient_restrictions",
    Stage.DATA: "smtpd_data_restrictions",
}


def restrictions(script: Script) -> dict[str, str]:
    """The script's lists as Postfix parameters, the end of our relay list put into words."""
    names = {
        PARAMETERS[stage]: ", ".join(str(rule) for rule in rules)
        for stage, rules in script.policy.lists.items()
    }
    relay = PARAMETERS[Stage.RELAY]
    return {**names, relay: names[relay].replace("end of the list", "reject_unauth_destination")}


def table(entries: dict[str, str]) -> str:
    return "".join(f"{key} {value}\n" for key, value in entries.items())


@pytest.fixture(scope="module")
def postfix() -> Iterator[dict[str, int]]:
    """The port of each script."""
    ports = {script.name: free_port() for script in SCRIPTS}
    peer = Postfix(
        main_cf={
            "inet_protocols": "all",
            "mynetworks": ", ".join(map(str, policy_golden.NETWORKS.v4)),
            "virtual_mailbox_domains": policy_golden.DOMAIN,
            "virtual_mailbox_maps": "texthash:%(folder)s/listed",
            "smtpd_sender_login_maps": "texthash:%(folder)s/owners",
            "smtpd_reject_unlisted_recipient": "no",
            "smtpd_authorized_xclient_hosts": "127.0.0.0/8",
            "smtpd_sasl_auth_enable": "yes",
            "cyrus_sasl_config_path": "%(folder)s/sasl",
            "smtpd_error_sleep_time": "0",
            "smtpd_soft_error_limit": "1000",
            "smtpd_hard_error_limit": "1000",
        },
        listeners=[Listener(ports[script.name], restrictions(script)) for script in SCRIPTS],
        files={
            "listed": table(policy_golden.OWNERS),
            "owners": table(policy_golden.OWNERS),
            "sasl/smtpd.conf": "pwcheck_method: auxprop\nmech_list: PLAIN\n",
        },
    )
    yield ports
    peer.stop()


class Session:
    """A client of Postfix that says what a question knows, from the greeting on."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._lines = self._socket.makefile("r", encoding="utf-8", newline="\r\n")
        self._reply()

    def say(self, command: str) -> str:
        self._socket.sendall(f"{command}\r\n".encode())
        return self._reply()

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def _reply(self) -> str:
        while True:
            line = self._lines.readline().rstrip("\r\n")
            if line[3:4] != "-":
                return line


def put(port: int, question: Question) -> str:
    """What Postfix answers to the question: `permit`, or its reply."""
    facts, session = question.facts, Session(port)
    try:
        session.say("EHLO tester")
        address = facts.client.address
        name = "[UNAVAILABLE]" if facts.client.name == "unknown" else facts.client.name
        login = f" LOGIN={facts.login.user}" if facts.login else ""
        shown = f"IPV6:{address}" if ":" in address else address
        assert session.say(f"XCLIENT NAME={name} ADDR={shown}{login}").startswith("220")
        if facts.helo:
            session.say(f"EHLO {facts.helo}")
        session.say(f"MAIL FROM:<{facts.sender or ''}>")
        reply = session.say(f"RCPT TO:<{facts.recipient}>")
        if question.kind == "data":
            assert reply.startswith("250"), f"DATA is not reached: {reply}"
            reply = session.say("DATA")
        return "permit" if reply[0] in "23" else reply
    finally:
        session.close()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_postfix_says_the_same(script, postfix):
    for question in script.questions:
        if question.facts.tls is None:
            said = put(postfix[script.name], question)
            assert f"= {said}" == question.expected[0], f"{script.name}.txt:{question.line}"
