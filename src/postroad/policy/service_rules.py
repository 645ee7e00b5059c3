"""Restrictions that have somebody do something: a policy service, the greylist, a pause."""

from __future__ import annotations

from collections.abc import Mapping

from postroad.net.policy_service import PolicyService
from postroad.policy.access_results import answer_of
from postroad.policy.answer import Answer, Subject, dunno, refuse
from postroad.policy.context import Context
from postroad.policy.facts import Facts, Oracle
from postroad.policy.restriction import ArgumentMistake, Check
from postroad.smtp.xtext import encode_xtext

__all__ = ["attributes_of", "check_policy_service", "greylist", "sleep"]

LONGEST_SLEEP = 300
"""Seconds. RFC 5321 §4.5.3.2 lets a client wait five minutes for an answer."""

_KNOWN = dunno("who is trusted or has logged in is not greylisted")
_NOBODY = dunno("there is no single recipient")
_PASSED = dunno("the greylist lets it pass")


def check_policy_service(argument: str, context: Context) -> Check:
    """What a policy service says, read as an access table's answer (SMTPD_POLICY_README)."""
    parsed = PolicyService.parse(argument)
    if isinstance(parsed, str):
        raise ArgumentMistake(parsed)

    async def check(facts: Facts, oracle: Oracle) -> Answer:
        value = await oracle.agents.ask(argument, attributes_of(facts))
        return answer_of(value, f"the policy service {argument}", None, context, facts)

    return check


def attributes_of(facts: Facts) -> Mapping[str, str]:
    """What a policy service is told, by Postfix's names."""
    client, login, tls, more = facts.client, facts.login, facts.tls, facts.particulars
    shown = None if tls is None else tls.client_certificate
    return {
        "request": "smtpd_access_policy",
        "protocol_state": facts.state,
        "protocol_name": more.protocol,
        "client_address": client.network_address,
        "client_name": client.name,
        "client_port": str(client.port or ""),
        "reverse_client_name": client.reverse_name,
        "server_address": more.server_address,
        "server_port": str(more.server_port or ""),
        "helo_name": facts.helo,
        "queue_id": more.queue_id,
        "instance": more.instance,
        "sender": "" if facts.sender is None else str(facts.sender),
        "recipient": "" if facts.recipient is None else str(facts.recipient),
        "recipient_count": str(facts.recipients if facts.state != "RCPT" else 0),
        "size": str(facts.size),
        "etrn_domain": facts.etrn,
        "stress": "",
        "sasl_method": "" if login is None else login.mechanism,
        "sasl_username": "" if login is None else login.user,
        "sasl_sender": "",
        "ccert_subject": "" if shown is None else _xtext(shown.subject),
        "ccert_issuer": "" if shown is None else _xtext(shown.issuer),
        "ccert_fingerprint": "" if shown is None else shown.shown_fingerprint,
        "ccert_pubkey_fingerprint": "" if shown is None else shown.shown_key_fingerprint,
        "encryption_protocol": "" if tls is None else tls.version,
        "encryption_cipher": "" if tls is None else tls.cipher,
        "encryption_keysize": "0" if tls is None else str(tls.bits),
    }


def _xtext(name: str) -> str:
    """A name as Postfix sends it: others choose the names in certificates (RFC 3461 §4)."""
    return encode_xtext(name.encode("utf-8", "replace").decode())


async def greylist(facts: Facts, oracle: Oracle) -> Answer:
    """Mail from where none came before is to come again: programs that only send spam do not."""
    recipient = facts.recipient
    if recipient is None:
        return _NOBODY
    if facts.login is not None or facts.trusted or not facts.client.has_address:
        return _KNOWN
    sender = "" if facts.sender is None else facts.sender.key
    wait = await oracle.agents.greylist(facts.client.address, sender, recipient.key)
    if wait <= 0:
        return _PASSED
    why = "the greylist does not know the client, the sender and the recipient together yet"
    words = f"Greylisted, try again in {max(1, round(wait))} seconds"
    return refuse(why, 450, "4.2.0", words, about=Subject.RECIPIENT)


def sleep(argument: str, _context: Context) -> Check:
    """Wait before the next restriction is asked."""
    if not (argument.isascii() and argument.isdigit() and 0 < int(argument) <= LONGEST_SLEEP):
        raise ArgumentMistake(f'expected seconds from 1 to {LONGEST_SLEEP}, not "{argument}"')
    seconds = float(argument)
    answer = dunno(f"{argument} seconds have passed")

    async def check(_facts: Facts, oracle: Oracle) -> Answer:
        await oracle.agents.pause(seconds)
        return answer

    return check
