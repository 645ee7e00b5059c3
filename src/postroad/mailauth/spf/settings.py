"""The section of the configuration that SPF reads: `[spf]`."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from postroad.model.address import is_domain
from postroad.model.units import Duration

__all__ = ["HeloRejection", "Rejection", "SpfSettings"]

Rejection = Literal["never", "fail", "softfail", "not_pass"]
HeloRejection = Literal["never", "null", "fail", "softfail", "not_pass"]

_HERE = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SpfSettings:
    """`[spf]`: whether clients may send for the domains that they name.

    All but `timeout` are for the restriction `check_spf`; where it stands in no list, nobody is
    refused for SPF. Names and meanings follow policyd-spf's.

    Attributes:
        mail_from_reject: which results for the sender's domain are refused: `fail`; `softfail`:
            that too; `not_pass`: neutral ones too; or `never`.
        helo_reject: likewise for the name in HELO. `null`: `fail`, where the sender is the null
            one.
        permerror_reject: whether mail is refused where the domain's record has a mistake.
        temperror_defer: whether mail is deferred where the DNS does not answer.
        skip_addresses: networks whose clients are not checked: forwarders and other servers of
            ours. Clients in `trusted_networks` never are.
        domain_whitelist: domains of forwarders: a client that may send for one of them, by its SPF
            record, is not checked.
        helo_whitelist: names in HELO of which a client is not checked if the name has its address.
        timeout: seconds for one check, with its explanation (RFC 7208 §4.6.4 wants 20 at least).
    """

    mail_from_reject: Rejection = "fail"
    helo_reject: HeloRejection = "fail"
    permerror_reject: bool = False
    temperror_defer: bool = False
    skip_addresses: tuple[IPv4Network | IPv6Network, ...] = _HERE
    domain_whitelist: tuple[str, ...] = ()
    helo_whitelist: tuple[str, ...] = ()
    timeout: Duration = 20.0

    def __post_init__(self) -> None:
        for name in (*self.domain_whitelist, *self.helo_whitelist):
            if not is_domain(name):
                raise ValueError(f"{name!r} is no domain")
