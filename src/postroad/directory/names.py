"""The one form in which names are kept and compared.

Two spellings of a mailbox must meet in one row. A domain is compared by its A-label in lower
case, so that `müller.example` and `xn--mller-kva.example` are one (RFC 5890 §2.3.2.1); a local
part in lower case and in Unicode's composed form (RFC 6532 §3.1). This module knows the form
and nothing about storage.
"""

from __future__ import annotations

import re
import unicodedata

import idna

from postroad.model import Address
from postroad.model.address import domain_key

__all__ = ["address_form", "domain_form", "without_extension"]

# What is left of octets that were no UTF-8. No name holds them, and SQLite refuses them.
_SURROGATE = re.compile("[\ud800-\udfff]")


def domain_form(domain: str) -> str:
    """The A-label form of a domain, lower case, without the root's dot.

    A name that has no A-label (it breaks RFC 5891) is returned in lower case: it can be looked
    up, and will not be found.
    """
    key = domain_key(domain)
    if key.isascii():
        return key
    try:
        return idna.encode(key, uts46=True).decode("ascii")
    except idna.IDNAError:
        return _SURROGATE.sub("\ufffd", key)


def address_form(address: Address) -> Address:
    """The address in the form it is kept in; its text is the key of a row."""
    local = address.local
    if not local.isascii():
        local = _SURROGATE.sub("\ufffd", unicodedata.normalize("NFC", local))
    return Address(local.lower(), domain_form(address.domain))


def without_extension(address: Address, delimiters: str) -> Address | None:
    """The address before its extension, `john` of `john+lists`; `None` if it has none.

    The first of the delimiter characters splits, as in Postfix's `recipient_delimiter`; one
    that opens the local part is no delimiter.
    """
    for at, character in enumerate(address.local):
        if at and character in delimiters:
            return Address(address.local[:at], address.domain)
    return None
