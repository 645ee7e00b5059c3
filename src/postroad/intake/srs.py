"""The Sender Rewriting Scheme: a foreign reverse-path as an address of ours, and back again.

Who forwards mail under the sender's own reverse-path fails that sender's SPF record at the next
hop. So a forwarded message gets a reverse-path of our domain, in which the sender's is written:
`SRS0=HASH=DAY=example.com=ann@example.org`. A bounce comes back to us, and is sent on to
`ann@example.com`. What was rewritten by another server first becomes `SRS1=HASH=their.example==…`:
the bounce skips all forwarders between the first one and us, so addresses do not grow without end.

Theory of operation. HASH is a keyed digest of what follows it, so nobody but us can make an address
that we send mail on for. Hosts between may write a local part in capitals or in small letters; the
digest does not see the difference and is spelt in an alphabet that has none (RFC 4648 §6). DAY
counts days, modulo 1,024, and is signed with the rest: an address found in an old message is of no
use. Of an SRS1 address the first forwarder knows the age, not we. Keys are tried one after the
other: a key that was replaced still reads what it signed.

Pure but for the digest: days are an argument. It knows nothing of directories or mail.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from enum import Enum

from postroad.model import Address
from postroad.model.address import MAX_REWRITTEN, is_domain

__all__ = ["Fault", "rewritten", "undone"]

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"  # RFC 4648 §6: no two that differ in case alone
HASH_SIZE = 8  # digits: 40 bits, which nobody tries out by RCPT
CYCLE = len(DIGITS) ** 2  # days until the count begins anew; `maximum_age` is far below
MAX_WHOLE = 254  # octets of an address between its brackets, RFC 5321 §4.5.3.1.3

_NOWHERE = frozenset({"invalid", "localhost"})

_FOREIGN = re.compile(r"SRS(?P<kind>[01])(?P<rest>[=+-].+)\Z", re.IGNORECASE | re.DOTALL)
_SRS0 = re.compile(
    rf"SRS0=(?P<hash>[{DIGITS}]{{{HASH_SIZE}}})=(?P<signed>(?P<day>[{DIGITS}]{{2}})="
    r"(?P<domain>[^=]+)=(?P<local>.+))\Z",
    re.IGNORECASE | re.DOTALL | re.ASCII,
)
_SRS1 = re.compile(
    rf"SRS1=(?P<hash>[{DIGITS}]{{{HASH_SIZE}}})=(?P<signed>(?P<domain>[^=]+)="
    r"(?P<rest>[=+-].+))\Z",
    re.IGNORECASE | re.DOTALL | re.ASCII,
)


class Fault(Enum):
    """Why an address leads back to nobody; the words are for the log."""

    UNREADABLE = "it is no rewritten address of this server's"
    FORGED = "its hash is not this server's: the address was made up, or cut"
    NOWHERE = "it stands for a sender that no mail can be sent to"
    EXPIRED = "it is older than [forwarding] maximum_age allows"


def rewritten(sender: Address, domain: str, key: bytes, day: int) -> Address | None:
    """The address of ours that stands for a foreign sender.

    Args:
        sender: the reverse-path that mail came with.
        domain: ours, to which bounces come back.
        key: signs it.
        day: days since the epoch.

    Returns:
        The address; `None` where it would be longer than an address may be, and where no bounce
        finds its way to the sender.
    """
    if not _is_public(sender.domain):
        return None
    found = _FOREIGN.match(sender.local)
    if found is None or not sender.domain:
        signed = f"{_day(day)}={sender.domain}={sender.local}"
        local = f"SRS0={_hash(key, signed)}={signed}"
    else:
        again = _SRS1_OF_OTHERS.match(sender.local) if found["kind"] == "1" else None
        first, rest = (sender.domain, found["rest"]) if again is None else again.group(1, 2)
        if not _is_public(first):
            return None
        signed = f"{first}={rest}"
        local = f"SRS1={_hash(key, signed)}={signed}"
    address = Address(local, domain)
    is_short = len(local.encode()) <= MAX_REWRITTEN and len(str(address).encode()) <= MAX_WHOLE
    return address if is_short else None


# Of a server that already skips those before it: its hash, the first forwarder, and what that wrote
_SRS1_OF_OTHERS = re.compile(r"SRS1[=+-][^=]+=([^=]+)=([=+-].+)\Z", re.IGNORECASE | re.DOTALL)


def undone(address: Address, keys: Sequence[bytes], day: int, maximum_age: int) -> Address | Fault:
    """Whom an address of ours stands for.

    Args:
        address: in the domain that we rewrite to.
        keys: those that are good, the newest first.
        day: days since the epoch.
        maximum_age: days for which one may be used.

    Returns:
        The reverse-path that was rewritten, whatever the case in which it comes back; or why there
        is none.
    """
    found = _SRS0.match(address.local)
    if found is not None:
        if not _is_signed(found["hash"], found["signed"], keys):
            return Fault.FORGED
        if (day - _days(found["day"])) % CYCLE > maximum_age:
            return Fault.EXPIRED
        return _to(found["local"], found["domain"])
    found = _SRS1.match(address.local)
    if found is None:
        return Fault.UNREADABLE
    if not _is_signed(found["hash"], found["signed"], keys):
        return Fault.FORGED
    return _to(f"SRS0{found['rest']}", found["domain"])


def _to(local: str, domain: str) -> Address | Fault:
    return Address(local, domain) if _is_public(domain) else Fault.NOWHERE


def _is_public(domain: str) -> bool:
    """Whether mail can be for a domain: a name of two labels or more that the DNS may know.

    No literal, so that we are nobody's way to an address; nor `.invalid` (RFC 2606 §2), which is
    ours inside for what is no mail, nor `.localhost` (RFC 6761 §6.3).
    """
    labels = domain.lower().rstrip(".").split(".")
    last = labels[-1]
    is_name = len(labels) > 1 and is_domain(domain.rstrip("."))
    return is_name and last not in _NOWHERE and not last.isdecimal()


def _is_signed(said: str, signed: str, keys: Sequence[bytes]) -> bool:
    octets = said.upper().encode()
    return any(hmac.compare_digest(octets, _hash(key, signed).encode()) for key in keys)


def _hash(key: bytes, signed: str) -> str:
    digest = hmac.digest(key, signed.lower().encode("utf-8", "surrogatepass"), hashlib.sha256)
    return base64.b32encode(digest)[:HASH_SIZE].decode("ascii")


def _day(day: int) -> str:
    high, low = divmod(day % CYCLE, len(DIGITS))
    return DIGITS[high] + DIGITS[low]


def _days(text: str) -> int:
    at = text.upper()
    return DIGITS.index(at[0]) * len(DIGITS) + DIGITS.index(at[1])
