"""Restrictions that look at the connecting host: its network, names, login, TLS."""

from __future__ import annotations

from postroad.policy.answer import Answer, Form, Subject, dunno, permit, refuse
from postroad.policy.context import Context
from postroad.policy.facts import Facts, Oracle
from postroad.policy.restriction import Check

__all__ = [
    "fingerprints_of",
    "permit_inet_interfaces",
    "permit_mynetworks",
    "permit_sasl_authenticated",
    "permit_tls_all_clientcerts",
    "permit_tls_clientcerts",
    "reject_plaintext_session",
    "reject_unknown_client_hostname",
    "reject_unknown_reverse_client_hostname",
]

_TRUSTED = permit("the client is in trusted_networks")
_UNTRUSTED = dunno("the client is not in trusted_networks")
_LOGGED_IN = permit("the client has logged in")
_ANONYMOUS = dunno("the client has not logged in")
_ENCRYPTED = dunno("the session is encrypted")
_PLAINTEXT = refuse(
    "the session is not encrypted",
    450,
    "4.7.1",
    "Session encryption is required",
    about=Subject.CLIENT,
    form=Form.PLAIN,
)


async def permit_mynetworks(facts: Facts, _oracle: Oracle) -> Answer:
    """A client in `trusted_networks`, Postfix's mynetworks."""
    return _TRUSTED if facts.trusted else _UNTRUSTED


async def permit_sasl_authenticated(facts: Facts, _oracle: Oracle) -> Answer:
    """A client that has logged in."""
    return _ANONYMOUS if facts.login is None else _LOGGED_IN


async def reject_plaintext_session(facts: Facts, _oracle: Oracle) -> Answer:
    """A session without TLS."""
    return _PLAINTEXT if facts.tls is None else _ENCRYPTED


_OURSELVES = permit("the client has one of our own addresses")
_ELSEWHERE = dunno("the client has none of our own addresses")


def permit_inet_interfaces(_argument: str, context: Context) -> Check:
    """A client at one of our own addresses."""

    async def check(facts: Facts, _oracle: Oracle) -> Answer:
        ours = context.is_own(facts.client.network_address)
        return _OURSELVES if ours else _ELSEWHERE

    return check


# Names ------------------------------------------------------------------------------------------

_UNKNOWN = "unknown"
_NAMED = dunno("the client's address has a name that has the address")
_REVERSE_NAMED = dunno("the client's address has a name")


def reject_unknown_client_hostname(_argument: str, context: Context) -> Check:
    """A client whose address has no name, or one that does not have the address in turn."""
    code = context.settings.unknown_client_reject_code

    async def check(facts: Facts, _oracle: Oracle) -> Answer:
        client = facts.client
        if client.name != _UNKNOWN:
            return _NAMED
        why = "no name of the client's address has the address in turn"
        words = f"Client host rejected: cannot find your hostname, [{client.address}]"
        return _nameless(client.name_unsure, why, code, "4.7.25", words)

    return check


def reject_unknown_reverse_client_hostname(_argument: str, context: Context) -> Check:
    """A client whose address has no name at all."""
    code = context.settings.unknown_client_reject_code

    async def check(facts: Facts, _oracle: Oracle) -> Answer:
        client = facts.client
        if client.reverse_name != _UNKNOWN:
            return _REVERSE_NAMED
        why = "the client's address has no name"
        words = f"Client host rejected: cannot find your reverse hostname, [{client.address}]"
        return _nameless(client.reverse_unsure, why, code, "4.7.1", words)

    return check


def _nameless(unsure: bool, why: str, code: int, enhanced: str, words: str) -> Answer:
    """4.7.25 is of RFC 7372 §3.3."""
    if unsure:
        why, code = "the DNS does not tell the name of the client's address now", 450
    return refuse(why, code, enhanced, words, about=Subject.CLIENT, form=Form.PLAIN)


# Certificates -----------------------------------------------------------------------------------

_NO_CERTIFICATE = dunno("the client showed no certificate")
_CERTIFIED = permit("the client showed a certificate of one of our authorities")
_LISTED = permit("the client's certificate is in relay_clientcerts")
_NOT_LISTED = dunno("the client's certificate is not in relay_clientcerts")
_NO_TABLE = dunno("there is no relay_clientcerts to look in")


async def permit_tls_all_clientcerts(facts: Facts, _oracle: Oracle) -> Answer:
    """A client with any certificate that one of our authorities vouches for."""
    return _CERTIFIED if fingerprints_of(facts) else _NO_CERTIFICATE


def permit_tls_clientcerts(_argument: str, context: Context) -> Check:
    """A client whose certificate, or its public key, has its fingerprint in `relay_clientcerts`."""
    table = context.settings.relay_clientcerts

    async def check(facts: Facts, oracle: Oracle) -> Answer:
        if not table:
            return _NO_TABLE
        fingerprints = fingerprints_of(facts)
        if not fingerprints:
            return _NO_CERTIFICATE
        for fingerprint in fingerprints:
            if await oracle.tables.find(table, fingerprint) is not None:
                return _LISTED
        return _NOT_LISTED

    return check


def fingerprints_of(facts: Facts) -> tuple[str, ...]:
    """The SHA-256 fingerprints of the client's certificate and of its public key.

    They are written as in Postfix's tables; none without a certificate.
    """
    shown = None if facts.tls is None else facts.tls.client_certificate
    if shown is None:
        return ()
    return tuple(filter(None, (shown.shown_fingerprint, shown.shown_key_fingerprint)))
