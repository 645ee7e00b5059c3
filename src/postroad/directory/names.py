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

from postroad.model import Address, AddressError
from postroad.model.address import domain_key

__all__ = [
    "address_form",
    "domain_form",
    "has_a_label",
    "is_plain",
    "is_text",
    "login_form",
    "looked_at",
    "same_text",
    "without_extension",
]

# What is left of octets that were no UTF-8. No name holds them, and SQLite refuses them.
_SURROGATE = re.compile("[\ud800-\udfff]")


_PLAIN = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]+\Z")  # atext and dots (RFC 5322 §3.2.3)


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


def has_a_label(domain: str) -> bool:
    """Whether a domain is one that can be: in the DNS there is no other.

    One that is not is nobody's, and no directory is asked about it. Databases and LDAP servers
    leave characters out of a comparison, such as U+200D, and would find another domain's names.

    Args:
        domain: in the form of `domain_form`.
    """
    return domain.isascii()


def address_form(address: Address) -> Address:
    """The address in the form it is kept in; its text is the key of a row."""
    local = address.local
    if not local.isascii():
        local = _SURROGATE.sub("\ufffd", unicodedata.normalize("NFC", local)).lower()
        # Once more: some letters are composed in lower case alone, such as \u01f0.
        return Address(unicodedata.normalize("NFC", local), domain_form(address.domain))
    return Address(local.lower(), domain_form(address.domain))


def is_plain(local: str) -> bool:
    """Whether a local part is spelled in one way only, whoever compares it.

    Databases and LDAP servers take `\u00f6` and `o` for one letter, fullwidth forms for usual
    ones, and blanks for nothing; of the characters that these are, each is itself.

    Args:
        local: in the form of `address_form`.
    """
    return _PLAIN.match(local) is not None


def is_text(text: str) -> bool:
    """Whether it can be written: half a character, or octets that were no UTF-8, cannot."""
    return _SURROGATE.search(text) is None


def login_form(login: str) -> str:
    """The form in which names of logins are compared, also of those that are no addresses."""
    try:
        return str(address_form(Address.parse(login)))
    except AddressError:
        return login.casefold()


def looked_at(name: str, *, local: bool, domain: bool) -> str:
    """What a look-up sees of a name, with a star for what it does not see.

    Args:
        name: an address, or a name alone.
        local: whether it sees what is before the @.
        domain: whether it sees the domain.
    """
    before, at, behind = name.rpartition("@")
    if not at or (local and domain):
        return name
    return f"{before if local else '*'}@{behind if domain else '*'}"


def same_text(one: str, other: str) -> bool:
    """Whether two names are one, of accounts or of parts of an account's name."""
    return _text_form(one) == _text_form(other)


def _text_form(text: str) -> str:
    try:
        return str(address_form(Address.parse(text)))
    except AddressError:
        lower = unicodedata.normalize("NFC", text).lower()
        return unicodedata.normalize("NFC", lower)


def without_extension(address: Address, delimiters: str) -> Address | None:
    """The address before its extension, `john` of `john+lists`; `None` if it has none.

    The first of the delimiter characters splits, as in Postfix's `recipient_delimiter`; one
    that opens the local part is no delimiter.
    """
    for at, character in enumerate(address.local):
        if at and character in delimiters:
            return Address(address.local[:at], address.domain)
    return None
