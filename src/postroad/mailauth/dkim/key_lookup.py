"""Asking the DNS for the key of a signature (RFC 6376 §3.6.2, RFC 8617 §4.1.3)."""

from __future__ import annotations

from postroad.mailauth.dkim.public_key import PublicKey, key_of_records
from postroad.mailauth.dkim.result import Flaw, Result
from postroad.net.dns_records import DnsTemporary, Texts

__all__ = ["published_key"]


async def published_key(texts: Texts, name: str) -> PublicKey | Flaw:
    """The key that is published under a name.

    Args:
        texts: asks the DNS.
        name: `SELECTOR._domainkey.DOMAIN`.

    Returns:
        The key, or why there is none to be used; a temporary error where nobody answers.
    """
    try:
        return key_of_records(await texts.records(name, "TXT"))
    except DnsTemporary:
        return Flaw(Result.TEMPERROR, "the key cannot be looked up at present")
