"""The section of the configuration that DMARC reads: `[dmarc]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["DmarcSettings", "OnReject", "OnTemperror", "OrganizationalDomain", "UnclearAuthor"]

OrganizationalDomain = Literal["tree-walk", "suffix-list"]
OnReject = Literal["reject", "quarantine"]
OnTemperror = Literal["accept", "defer"]
UnclearAuthor = Literal["accept", "quarantine", "reject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DmarcSettings:
    """`[dmarc]`: whether mail from outside is from whom it says.

    It is evaluated where `[authentication]` verifies.

    Attributes:
        verify: whether DMARC is evaluated at all.
        enforce: whether what domains ask for is done to mail that fails: it is refused, or marked
            so that it is filed as junk. If not, it is told in the header only.
        on_reject: what is done to mail that fails where its author's domain asks for a refusal. RFC
            9989 §7.4 wants it filed as junk where nothing else speaks against it, as it may have
            come through a mailing list.
        organizational_domain: how it is found out which domains belong together: by walking up the
            DNS (RFC 9989), or by the public suffix list (RFC 7489).
        on_temperror: whether mail is taken or told to come back while the DNS does not say whether
            there is a policy, or whether its author is proved. Where a policy that is known would
            refuse it, it is told to come back in any case.
        unclear_author: what becomes of mail whose From field names no author that can be read for
            sure, where no domain in it fails. One that is too long to be looked at is refused.
        forwarders: servers that forward mail to us and are believed: IP addresses, networks, or
            domains that SPF or a signature proves.
        lists: the same of mailing lists, which change mail.
        exempt: authors' domains whose policy is not carried out.
    """

    verify: bool = True
    enforce: bool = True
    on_reject: OnReject = "reject"
    organizational_domain: OrganizationalDomain = "tree-walk"
    on_temperror: OnTemperror = "accept"
    unclear_author: UnclearAuthor = "accept"
    forwarders: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    exempt: tuple[str, ...] = ()
