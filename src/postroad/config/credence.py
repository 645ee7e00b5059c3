"""Whether clients will believe our certificates: days, names, and the chain behind them.

The certificates are of a loaded configuration, so they can be read and fit their keys; here they
are judged as a client would, as far as that can be done without one.
"""

from __future__ import annotations

import contextlib
import ssl
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from postroad.config.configuration import Configuration
from postroad.net.certificates import Chain, KeyPair, is_for, read_chain

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["Doubt", "doubts"]

RENEWAL = timedelta(days=21)
"""Less than this to go: the renewal that was to happen has not."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something about a certificate that clients may not like, or that there is nothing.

    Attributes:
        pair: the certificate.
        words: one line, with what to do.
        harmless: whether it is as it should be.
    """

    pair: KeyPair
    words: str
    harmless: bool = False


def doubts(configuration: Configuration, now: datetime) -> Iterator[Doubt]:
    """At least one for each certificate; a harmless one where all is well.

    Args:
        configuration: a loaded one.
        now: the time, with its zone.

    Raises:
        TlsConfigurationError: a file changed since it was loaded.
    """
    chains = [(pair, read_chain(pair.certificate)) for pair in configuration.key_pairs]
    for pair, chain in chains:
        found = [*_days(chain, now), *_order(chain), *_names(configuration, pair, chains)]
        for words in found:
            yield Doubt(pair, words)
        if not found:
            yield Doubt(pair, _praise(chain), harmless=True)


def _days(chain: Chain, now: datetime) -> Iterator[str]:
    leaf = chain.leaf
    until = f"{leaf.not_valid_after_utc:%Y-%m-%d}"
    left = leaf.not_valid_after_utc - now
    if left <= timedelta():
        yield f"expired on {until}; renew it"
    elif leaf.not_valid_before_utc > now:
        yield f"is not valid before {leaf.not_valid_before_utc:%Y-%m-%d}; is the clock right?"
    elif left < RENEWAL:
        yield f"expires on {until}, in {left.days} days; renew it"
    for above in chain.certificates[1:]:
        if above.not_valid_after_utc <= now:
            when = f"{above.not_valid_after_utc:%Y-%m-%d}"
            yield f"stands on {_name(above.subject)}, which expired on {when}; get the new chain"


def _order(chain: Chain) -> Iterator[str]:
    """RFC 5246 §7.4.2: each certificate certifies the one before it."""
    misplaced = chain.misplaced
    if misplaced is not None:
        yield (
            f"the chain is out of order: {_name(misplaced.subject)} did not sign what stands before"
            " it; put the server's own certificate first, then each one's issuer"
        )
        return
    last = chain.certificates[-1]
    if last.issuer != last.subject and last.issuer.public_bytes() not in _system_roots():
        yield (
            f"the chain ends before an authority: {_name(last.issuer)}, which signed the last"
            " certificate in the file, is none that this system trusts; name the file with the"
            " whole chain (fullchain.pem)"
        )


def _names(
    configuration: Configuration, pair: KeyPair, chains: Sequence[tuple[KeyPair, Chain]]
) -> Iterator[str]:
    chain = next(chain for each, chain in chains if each is pair)
    hostname = configuration.hostname.lower().rstrip(".")
    if pair is chains[0][0] and not is_for(chain.names, hostname):
        yield f"is not for {configuration.hostname}; users' programs will refuse it"
    for name in pair.names:
        wanted = name.lower()
        if wanted not in chain.names and (
            wanted.startswith("*.") or not is_for(chain.names, wanted)
        ):
            yield f"is not for {name}, which names says; users' programs will refuse it there"
    if not pair.names and not chain.names:
        yield "has no names (subjectAltName), so no client will ask for it; have it issued anew"


def _praise(chain: Chain) -> str:
    until = f"{chain.leaf.not_valid_after_utc:%Y-%m-%d}"
    if chain.is_self_signed:
        return f"self-signed, valid until {until}; users' programs will ask before they trust it"
    return f"valid until {until}"


def _system_roots() -> frozenset[bytes]:
    """The names of the authorities that programs on this system trust."""
    from cryptography import x509  # noqa: PLC0415 - slow, and only for a chain that needs it

    found = set()
    with warnings.catch_warnings():  # about old authorities' odd serial numbers
        warnings.simplefilter("ignore")
        for der in ssl.create_default_context().get_ca_certs(binary_form=True):
            with contextlib.suppress(ValueError):  # one that cannot be read is nobody's root
                found.add(x509.load_der_x509_certificate(der).subject.public_bytes())
    return frozenset(found)


def _name(name: x509.Name) -> str:
    """A name as people know it."""
    from cryptography.x509.oid import NameOID  # noqa: PLC0415 - loaded with the certificate

    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if common else name.rfc4514_string()
