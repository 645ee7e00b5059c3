"""Mailbox addresses as RFC 5321 §4.1.2 and RFC 6531 §3.3 define them.

An `Address` holds its local part unquoted, so that `"john"@x` and `john@x` are one mailbox, and
writes quotes again only where the grammar needs them. Its domain is kept as it was written;
comparisons go through `key`. The null reverse-path is `None` wherever a reverse-path is typed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Self

from postroad.model.value import value

__all__ = ["Address", "AddressError", "belongs_to", "domain_key", "is_domain"]

MAX_LOCAL = 64  # octets, RFC 5321 §4.5.3.1.1
MAX_REWRITTEN = 240  # octets of a local part that holds a whole address (SRS); hosts send such
MAX_DOMAIN = 255  # octets, RFC 5321 §4.5.3.1.2
MAX_LABEL = 63  # octets, RFC 1035 §2.3.4

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]"
_DOT_STRING = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*\Z")
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~\u0080-\U0010ffff]|\\[ -~])*)"\Z')
_LABEL = re.compile(
    r"[A-Za-z0-9_\u0080-\U0010ffff](?:[A-Za-z0-9_\-\u0080-\U0010ffff]*"
    r"[A-Za-z0-9_\u0080-\U0010ffff])?\Z"
)
_REWRITTEN = re.compile(r"SRS[01][=+-]", re.IGNORECASE)
_PRINTABLE = re.compile(r"[ -~\u0080-\U0010ffff]*\Z")


class AddressError(ValueError):
    """The text is no address; the message says why in a few words."""


@value
class Address:
    """One mailbox: `local` without quotes, `domain` a name or a bracketed literal.

    An empty domain occurs once in SMTP: `RCPT TO:<Postmaster>` (RFC 5321 §4.1.1.3).
    """

    local: str
    domain: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `local@domain`, quoted or not.

        Raises:
            AddressError: the grammar or a length limit of RFC 5321 §4.5.3.1 is broken.
        """
        local, at, domain = text.rpartition("@")
        if not at:
            raise AddressError("an address needs an @")
        address = cls(_unquote(local), domain)
        if len(address.local.encode("utf-8", "surrogatepass")) > MAX_LOCAL:
            most = MAX_REWRITTEN if address.is_rewritten else MAX_LOCAL
            if len(address.local.encode("utf-8", "surrogatepass")) > most:
                raise AddressError(f"the local part is longer than {most} octets")
        if domain.startswith("["):
            _check_literal(domain)
        elif not is_domain(domain):
            raise AddressError("the domain is not a valid name")
        return address

    @property
    def key(self) -> str:
        """What two spellings of the same mailbox have in common, for look-ups.

        Local parts are compared without regard to case, as every mail store in wide use does
        (RFC 5321 §2.4 leaves it to the final host).
        """
        return f"{self.local.lower()}@{domain_key(self.domain)}"

    @property
    def is_ascii(self) -> bool:
        """Whether the address can travel without SMTPUTF8 (RFC 6531 §3.2)."""
        return self.local.isascii() and self.domain.isascii()

    @property
    def is_rewritten(self) -> bool:
        """Whether it has the form of the Sender Rewriting Scheme: another address is in it."""
        return _REWRITTEN.match(self.local) is not None

    def __str__(self) -> str:
        local = self.local
        if not local.isalnum() and not _DOT_STRING.match(local):
            escaped = local.replace("\\", "\\\\").replace('"', '\\"')
            local = f'"{escaped}"'
        return f"{local}@{self.domain}" if self.domain else local


def domain_key(domain: str) -> str:
    """The form of a domain used to compare: lower case, without the root's dot."""
    return domain.lower().rstrip(".")


def belongs_to(name: str, domain: str) -> bool:
    """Whether a name is the domain or one below it; both are in the form of one comparison."""
    return name == domain or name.endswith(f".{domain}")


@lru_cache(maxsize=1024)  # a busy hour's domains
def is_domain(text: str) -> bool:
    """Whether the text is a host or domain name (RFC 5321 §4.1.2, U-labels by RFC 6531)."""
    if not text or len(text.encode("utf-8", "surrogatepass")) > MAX_DOMAIN:
        return False
    return all(len(label) <= MAX_LABEL and _LABEL.match(label) for label in text.split("."))


def _unquote(local: str) -> str:
    if _DOT_STRING.match(local):
        return local
    quoted = _QUOTED.match(local)
    if quoted is None or not _PRINTABLE.match(local):
        raise AddressError("the local part is neither a dot-string nor a quoted string")
    return re.sub(r"\\(.)", r"\1", quoted.group(1))


def _check_literal(domain: str) -> None:
    if not domain.endswith("]"):
        raise AddressError("the address literal has no closing bracket")
    inner = domain[1:-1]
    try:
        if inner[:5].lower() == "ipv6:":
            IPv6Address(inner[5:])
        else:
            IPv4Address(inner)
    except ValueError:
        raise AddressError("the address literal is not an IP address") from None
