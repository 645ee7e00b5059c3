"""The policy sections: `[listeners.NAME.policy]` for one listener's lists, `[policy]` for all.

Names only, as the operator wrote them; `presets.build` turns them into lists that can be run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

__all__ = ["DEFAULT_RBL_REPLY", "PolicySettings", "SharedPolicySettings"]

DEFAULT_RBL_REPLY = (
    "$rbl_code Service unavailable; $rbl_class [$rbl_what] blocked using "
    "$rbl_domain${rbl_reason?; $rbl_reason}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """The restriction lists of a listener, each in Postfix's names and order.

    `None` stands for the preset's list, an empty tuple for a list without restrictions. One text
    may hold several names, separated by commas or white space as in Postfix's `main.cf`.

    Attributes:
        client: about the connecting host.
        helo: about the name it gave in EHLO.
        sender: about the reverse-path.
        relay: whether mail for another domain may pass; asked at RCPT, refuses what nothing
            permitted.
        recipient: about the forward-path; asked at RCPT.
        data: about the transaction as a whole; asked at DATA.
        end_of_data: about the message as a whole; asked when its content is complete.
        etrn: whether the client may start the queue of a domain; asked at ETRN, and is as open
            as `[etrn]` when it is empty.
        delay_reject: whether the lists of client, helo and sender wait for RCPT, so that a refusal
            knows all addresses. If not they are asked at the connection, at EHLO and at MAIL.
        reject_unlisted_recipient: whether a recipient of ours who does not exist is refused though
            the lists let him pass; what is taken for nobody must be returned to whomever it names.
    """

    client: tuple[str, ...] | None = None
    helo: tuple[str, ...] | None = None
    sender: tuple[str, ...] | None = None
    relay: tuple[str, ...] | None = None
    recipient: tuple[str, ...] | None = None
    data: tuple[str, ...] | None = None
    end_of_data: tuple[str, ...] | None = None
    etrn: tuple[str, ...] | None = None
    delay_reject: bool = True
    reject_unlisted_recipient: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPolicySettings:
    """`[policy]`: what the lists of all listeners share.

    Attributes:
        classes: restriction lists by a name of the operator's, which may then stand in a list or
            in an access table; Postfix's smtpd_restriction_classes.
        default_rbl_reply: the refusal of a DNS list that has no text of its own, with Postfix's
            `$names`.
        rbl_reply_maps: a table of such texts, by the list's domain with its filter. Empty: none.
        relay_clientcerts: a table whose keys are the SHA-256 fingerprints of the certificates that
            `permit_tls_clientcerts` lets in. Empty: none.
        mx_backup_networks: where the best mail exchangers of a domain must be for
            `permit_mx_backup` to permit.
        unknown_address_reject_code: of reject_unknown_sender_domain and _recipient_domain.
        unknown_client_reject_code: of reject_unknown_client_hostname and
            reject_unknown_reverse_client_hostname.
        unknown_hostname_reject_code: of reject_unknown_helo_hostname.
        unverified_recipient_reject_code: of reject_unverified_recipient.
        unverified_sender_reject_code: of reject_unverified_sender.
    """

    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    default_rbl_reply: str = DEFAULT_RBL_REPLY
    rbl_reply_maps: str = ""
    relay_clientcerts: str = ""
    mx_backup_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    unknown_address_reject_code: int = 450
    unknown_client_reject_code: int = 450
    unknown_hostname_reject_code: int = 450
    unverified_recipient_reject_code: int = 450
    unverified_sender_reject_code: int = 450
