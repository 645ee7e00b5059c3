"""Facts and verdicts as JSON, and back.

A decision that was kept can be explained as it was made, and made again by other lists with the
answers that were looked up at its time. What is written is what a decision depends on, and no more:
no content, no password, no certificate.

A record is two parts, because a transaction has one client and many decisions: what
`client_members` writes is the same for all of them, what `decision_members` writes is each one's
own. `facts_of` wants both in one mapping.

The texts are put together by hand and not by way of a dictionary, which costs a third: a server at
full speed writes thousands of them in a second, beside its mail. Most steps of most verdicts are
the same few constants, so the greater part of their text is made once and remembered.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from json.encoder import encode_basestring_ascii as quoted

from postroad.model import (
    PLAIN,
    Address,
    AddressError,
    Client,
    ClientCertificate,
    Disposition,
    Login,
    Reply,
    TlsSession,
)
from postroad.model.members import Record, mapping, sequence, text_of, whole_of
from postroad.policy.facts import Facts
from postroad.policy.lookups import Lookup
from postroad.policy.verdict import Step, Verdict

__all__ = [
    "Memory",
    "client_members",
    "decision_members",
    "disposition_members",
    "facts_of",
    "lookups_of",
    "optional",
    "quoted",
    "record_of",
]


MOST_STEPS = 2000
"""Constant parts of steps that are remembered: restrictions times what each can say, some MB. A
table whose every answer is another one empties the memory and costs no more than it would anyway.
"""

Memory = dict[tuple[int, int, int], tuple[object, object, str]]
"""Texts that were made, by what they are made of: the identities of rule and answer, and a depth.
With rule and answer, so that no others get their identities while they are keys here. Belongs to
whoever writes; starts empty."""


# To JSON ----------------------------------------------------------------------------------------


def record_of(facts: Facts, verdict: Verdict) -> dict[str, object]:
    """One decision with all that it was about, as a mapping."""
    members = f"{client_members(facts)},{decision_members(facts, verdict, verdict.reply, {})}"
    record = json.loads(f"{{{members}}}")
    assert isinstance(record, dict), "it was written as an object"
    return record


def client_members(facts: Facts) -> str:
    """Who asks: `client`, `trusted`, `helo`, `login`, `tls`, `sender`, as members of an object.

    `sender` is empty for the null reverse-path and `null` before MAIL.
    """
    client, sender = facts.client, "null"
    if facts.mail:
        sender = '""' if facts.sender is None else quoted(str(facts.sender))
    return (
        f'"client":{{"address":{quoted(client.address)},"port":{client.port},'
        f'"name":{quoted(client.name)},"reverse_name":{quoted(client.reverse_name)}'
        f"{_unsure(client)}}},"
        f'"trusted":{"true" if facts.trusted else "false"},"helo":{quoted(facts.helo)},'
        f'"login":{_login(facts.login)},"tls":{_tls(facts.tls)},"sender":{sender}'
    )


def decision_members(facts: Facts, verdict: Verdict, reply: Reply | None, memory: Memory) -> str:
    """What was asked, and what was answered and why, as members of an object.

    They are `recipient`, `steps`, `action`, `reply`, and where they are not as they mostly are:
    `recipients`, `size`, `pipelined`, `etrn`, `disposition`, `pending`.

    Args:
        facts: what the question was about.
        verdict: what was decided.
        reply: the client was told; the verdict's, or that with more words.
        memory: of the writer.
    """
    recipient = "null" if facts.recipient is None else quoted(str(facts.recipient))
    steps = ",".join([_step(step, memory) for step in verdict.trace])
    text = (
        f'"recipient":{recipient},"steps":[{steps}],"action":"{verdict.action.value}",'
        f'"reply":{optional(reply)}'
    )
    if facts.recipients:
        text += f',"recipients":{facts.recipients}'
    if facts.size:
        text += f',"size":{facts.size}'
    if facts.pipelined:
        text += ',"pipelined":true'
    if facts.etrn:
        text += f',"etrn":{quoted(facts.etrn)}'
    if verdict.disposition is not PLAIN:
        text += f',"disposition":{json.dumps(disposition_members(verdict.disposition))}'
    if verdict.pending is not None:
        text += f',"pending":{optional(verdict.pending)}'
    return text


def _step(step: Step, memory: Memory) -> str:
    looked_up = ",".join([_lookup_text(lookup) for lookup in step.lookups])
    return (
        f'{_constant(step, memory)},"reply":{optional(step.reply)},'
        f'"warned":{"true" if step.warned else "false"},"looked_up":[{looked_up}]}}'
    )


def _constant(step: Step, memory: Memory) -> str:
    """The beginning of a step's text, which is the same whenever the rule says the same."""
    rule, answer, depth = step.rule, step.answer, step.depth
    key = id(rule), id(answer), depth
    known = memory.get(key)
    if known is not None:
        return known[2]
    said = "asks" if answer.then else answer.action.value
    text = (
        f'{{"list":"{rule.stage.value}","restriction":{quoted(str(rule))},"said":"{said}",'
        f'"why":{quoted(answer.why)}'
    )
    if depth:
        text += f',"depth":{depth}'
    if len(memory) >= MOST_STEPS:
        memory.clear()
    memory[key] = rule, answer, text
    return text


def optional(reply: Reply | None) -> str:
    """A reply as one text, or `null`."""
    return "null" if reply is None else quoted(str(reply))


def _lookup_text(lookup: Lookup) -> str:
    found = "null" if lookup.found is None else "true" if lookup.found else "false"
    whom, question, answer = quoted(lookup.whom), quoted(lookup.question), quoted(lookup.answer)
    return f"[{whom},{question},{answer},{found}]"


def _unsure(client: Client) -> str:
    name = ',"name_unsure":true' if client.name_unsure else ""
    return f'{name},"reverse_unsure":true' if client.reverse_unsure else name


def _login(login: Login | None) -> str:
    if login is None:
        return "null"
    user, mechanism, actor = quoted(login.user), quoted(login.mechanism), quoted(login.actor)
    return f'{{"user":{user},"mechanism":{mechanism},"actor":{actor}}}'


def _tls(tls: TlsSession | None) -> str:
    if tls is None:
        return "null"
    record: dict[str, object] = {"version": tls.version, "cipher": tls.cipher, "bits": tls.bits}
    shown = tls.client_certificate
    if shown is not None:
        record["certificate"] = {
            "subject": shown.subject,
            "issuer": shown.issuer,
            "fingerprint": shown.fingerprint,
            "key_fingerprint": shown.key_fingerprint,
        }
    return json.dumps(record)


def disposition_members(disposition: Disposition) -> dict[str, object]:
    """What a record says of a disposition: what it wants beside the usual."""
    wanted: dict[str, object] = {
        "discard": disposition.discard,
        "hold": disposition.hold,
        "redirect": None if disposition.redirect is None else str(disposition.redirect),
        "bcc": [str(address) for address in disposition.bcc],
        "prepend": list(disposition.prepend),
        "content_filter": disposition.content_filter,
    }
    return {key: value for key, value in wanted.items() if value}


# And back ---------------------------------------------------------------------------------------


def facts_of(record: Record) -> Facts:
    """The facts that a decision was made by.

    Args:
        record: of `record_of`; an entry that is absent, or is nothing that we would write, counts
            as unknown.
    """
    sender = record.get("sender")
    return Facts(
        client=_client_of(mapping(record.get("client"))),
        trusted=record.get("trusted") is True,
        helo=text_of(record, "helo"),
        login=_login_of(mapping(record.get("login"))),
        tls=_tls_of(mapping(record.get("tls"))),
        mail=isinstance(sender, str),
        sender=_address(sender),
        recipient=_address(record.get("recipient")),
        recipients=whole_of(record, "recipients"),
        pipelined=record.get("pipelined") is True,
        size=whole_of(record, "size"),
        etrn=text_of(record, "etrn"),
    )


def lookups_of(record: Record) -> tuple[Lookup, ...]:
    """Everything that was looked up for a decision, in order.

    Args:
        record: of `record_of`.
    """
    found = []
    for step in sequence(record.get("steps")):
        for looked_up in sequence(mapping(step).get("looked_up")):
            lookup = _lookup(sequence(looked_up))
            if lookup is not None:
                found.append(lookup)
    return tuple(found)


def _lookup(parts: Sequence[object]) -> Lookup | None:
    if len(parts) != 4 or not all(isinstance(part, str) for part in parts[:3]):
        return None
    found = parts[3] if isinstance(parts[3], bool) else None
    return Lookup(str(parts[0]), str(parts[1]), str(parts[2]), found)


def _client_of(record: Record) -> Client:
    unknown = "unknown"
    return Client(
        text_of(record, "address") or unknown,
        whole_of(record, "port"),
        text_of(record, "name") or unknown,
        text_of(record, "reverse_name") or unknown,
        record.get("name_unsure") is True,
        record.get("reverse_unsure") is True,
    )


def _login_of(record: Record) -> Login | None:
    user = text_of(record, "user")
    return Login(user, text_of(record, "mechanism"), text_of(record, "actor")) if user else None


def _tls_of(record: Record) -> TlsSession | None:
    if not record:
        return None
    shown, certificate = mapping(record.get("certificate")), None
    if shown:
        certificate = ClientCertificate(
            subject=text_of(shown, "subject"),
            issuer=text_of(shown, "issuer"),
            fingerprint=text_of(shown, "fingerprint"),
            key_fingerprint=text_of(shown, "key_fingerprint"),
        )
    version, cipher = text_of(record, "version"), text_of(record, "cipher")
    return TlsSession(version, cipher, whole_of(record, "bits"), client_certificate=certificate)


def _address(text: object) -> Address | None:
    """An address as `str` wrote it; one without a domain is Postmaster (RFC 5321 §4.1.1.3)."""
    if not isinstance(text, str) or not text:
        return None
    try:
        return Address.parse(text)
    except AddressError:
        return Address(text, "")
