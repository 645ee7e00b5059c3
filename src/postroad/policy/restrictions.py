"""The restrictions by their names in Postfix: the table.

To add one: write its function in the module of those that look at the same thing, enter it here,
say in `meanings` what it does, add a golden script and a row in `docs/reference/restrictions.md`.
Replies are Postfix's word for word. Answers that do not depend on the transaction are constants,
since they are given for every recipient.
"""

from __future__ import annotations

from postroad.policy import client_rules, general_rules, helo_rules, recipient_rules, sender_rules
from postroad.policy.access_rules import (
    access,
    certificate_keys,
    client_keys,
    etrn_keys,
    helo_keys,
    login_keys,
    recipient_keys,
    reverse_client_keys,
    sender_keys,
)
from postroad.policy.answer import Subject
from postroad.policy.backup_rules import permit_mx_backup
from postroad.policy.dns_list_rules import (
    listed_address,
    listed_name,
    permitted_address,
    permitted_name,
)
from postroad.policy.domains import unknown_domain, unverified
from postroad.policy.restriction import Argument, Need, Restriction, plain
from postroad.policy.server_access_rules import (
    ServerKind,
    client_name,
    helo_name,
    recipient,
    reverse_name,
    sender,
    server_access,
)
from postroad.policy.service_rules import check_policy_service, greylist, sleep
from postroad.policy.spf_rules import check_spf, reject_spf_fail

__all__ = ["RESTRICTIONS"]

_CLIENT, _REVERSE, _HELO, _SENDER, _RECIPIENT = (
    Subject.CLIENT,
    Subject.REVERSE_CLIENT,
    Subject.HELO,
    Subject.SENDER,
    Subject.RECIPIENT,
)

_GENERAL = {
    "permit": Restriction(plain(general_rules.permit_all), permits=True, final=True),
    "reject": Restriction(plain(general_rules.reject_all), final=True),
    "defer": Restriction(plain(general_rules.defer_all), final=True),
    "defer_if_permit": Restriction(plain(general_rules.defer_if_permitted)),
    "defer_if_reject": Restriction(plain(general_rules.defer_if_rejected)),
    "reject_unauth_pipelining": Restriction(plain(general_rules.reject_unauth_pipelining)),
    "reject_multi_recipient_bounce": Restriction(
        plain(general_rules.reject_multi_recipient_bounce), needs=Need.RECIPIENTS
    ),
    "check_policy_service": Restriction(
        check_policy_service, permits=True, argument=Argument.SERVICE
    ),
    "sleep": Restriction(sleep, argument=Argument.SECONDS),
}

_OF_CLIENT = {
    "permit_mynetworks": Restriction(plain(client_rules.permit_mynetworks), _CLIENT, permits=True),
    "permit_inet_interfaces": Restriction(
        client_rules.permit_inet_interfaces, _CLIENT, permits=True
    ),
    "permit_sasl_authenticated": Restriction(
        plain(client_rules.permit_sasl_authenticated), _CLIENT, permits=True
    ),
    "permit_tls_clientcerts": Restriction(
        client_rules.permit_tls_clientcerts, _CLIENT, permits=True
    ),
    "permit_tls_all_clientcerts": Restriction(
        plain(client_rules.permit_tls_all_clientcerts), _CLIENT, permits=True
    ),
    "reject_plaintext_session": Restriction(plain(client_rules.reject_plaintext_session), _CLIENT),
    "reject_unknown_client_hostname": Restriction(
        client_rules.reject_unknown_client_hostname, _CLIENT
    ),
    "reject_unknown_reverse_client_hostname": Restriction(
        client_rules.reject_unknown_reverse_client_hostname, _CLIENT
    ),
}

_OF_HELO = {
    "reject_invalid_helo_hostname": Restriction(
        plain(helo_rules.reject_invalid_helo_hostname), _HELO, Need.HELO
    ),
    "reject_non_fqdn_helo_hostname": Restriction(
        plain(helo_rules.reject_non_fqdn_helo_hostname), _HELO, Need.HELO
    ),
    "reject_unknown_helo_hostname": Restriction(
        helo_rules.reject_unknown_helo_hostname, _HELO, Need.HELO
    ),
}

_OF_SENDER = {
    "reject_non_fqdn_sender": Restriction(
        plain(sender_rules.reject_non_fqdn_sender), _SENDER, Need.SENDER
    ),
    "reject_unknown_sender_domain": Restriction(unknown_domain(_SENDER), _SENDER, Need.SENDER),
    "check_spf": Restriction(check_spf, None, Need.SENDER),
    "reject_spf_fail": Restriction(reject_spf_fail, None, Need.SENDER),
    "reject_unlisted_sender": Restriction(
        plain(sender_rules.reject_unlisted_sender), _SENDER, Need.SENDER
    ),
    "reject_unverified_sender": Restriction(unverified(_SENDER), _SENDER, Need.SENDER),
    "reject_sender_login_mismatch": Restriction(
        plain(sender_rules.reject_sender_login_mismatch), _SENDER, Need.SENDER
    ),
    "reject_authenticated_sender_login_mismatch": Restriction(
        plain(sender_rules.reject_authenticated_sender_login_mismatch), _SENDER, Need.SENDER
    ),
    "reject_unauthenticated_sender_login_mismatch": Restriction(
        plain(sender_rules.reject_unauthenticated_sender_login_mismatch), _SENDER, Need.SENDER
    ),
    "reject_known_sender_login_mismatch": Restriction(
        plain(sender_rules.reject_known_sender_login_mismatch), _SENDER, Need.SENDER
    ),
}

_OF_RECIPIENT = {
    "permit_auth_destination": Restriction(
        plain(recipient_rules.permit_auth_destination), _RECIPIENT, Need.RECIPIENT, permits=True
    ),
    "permit_mx_backup": Restriction(permit_mx_backup, _RECIPIENT, Need.RECIPIENT, permits=True),
    "reject_unauth_destination": Restriction(
        plain(recipient_rules.reject_unauth_destination), _RECIPIENT, Need.RECIPIENT
    ),
    "defer_unauth_destination": Restriction(
        plain(recipient_rules.defer_unauth_destination), _RECIPIENT, Need.RECIPIENT
    ),
    "reject_non_fqdn_recipient": Restriction(
        plain(recipient_rules.reject_non_fqdn_recipient), _RECIPIENT, Need.RECIPIENT
    ),
    "reject_unknown_recipient_domain": Restriction(
        unknown_domain(_RECIPIENT), _RECIPIENT, Need.RECIPIENT
    ),
    "reject_unlisted_recipient": Restriction(
        plain(recipient_rules.reject_unlisted_recipient), _RECIPIENT, Need.RECIPIENT
    ),
    "reject_unverified_recipient": Restriction(unverified(_RECIPIENT), _RECIPIENT, Need.RECIPIENT),
    "greylist": Restriction(plain(greylist), _RECIPIENT, Need.RECIPIENT),
}

_DNS_LISTS = {
    "reject_rbl_client": Restriction(listed_address(), _CLIENT, argument=Argument.DOMAIN),
    "reject_rhsbl_client": Restriction(
        listed_name(client_name, _CLIENT), _CLIENT, argument=Argument.DOMAIN
    ),
    "reject_rhsbl_reverse_client": Restriction(
        listed_name(reverse_name, _REVERSE), _REVERSE, argument=Argument.DOMAIN
    ),
    "reject_rhsbl_helo": Restriction(
        listed_name(helo_name, _HELO), _HELO, Need.HELO, argument=Argument.DOMAIN
    ),
    "reject_rhsbl_sender": Restriction(
        listed_name(sender, _SENDER), _SENDER, Need.SENDER, argument=Argument.DOMAIN
    ),
    "reject_rhsbl_recipient": Restriction(
        listed_name(recipient, _RECIPIENT), _RECIPIENT, Need.RECIPIENT, argument=Argument.DOMAIN
    ),
    "permit_dnswl_client": Restriction(
        permitted_address(), _CLIENT, permits=True, argument=Argument.DOMAIN
    ),
    "permit_rhswl_client": Restriction(
        permitted_name(client_name), _CLIENT, permits=True, argument=Argument.DOMAIN
    ),
}

_ACCESS = {
    "check_client_access": (client_keys, _CLIENT, Need.NOTHING),
    "check_reverse_client_hostname_access": (reverse_client_keys, _REVERSE, Need.NOTHING),
    "check_ccert_access": (certificate_keys, Subject.CERTIFICATE, Need.NOTHING),
    "check_sasl_access": (login_keys, Subject.LOGIN, Need.NOTHING),
    "check_helo_access": (helo_keys, _HELO, Need.HELO),
    "check_sender_access": (sender_keys, _SENDER, Need.SENDER),
    "check_recipient_access": (recipient_keys, _RECIPIENT, Need.RECIPIENT),
    "check_etrn_access": (etrn_keys, Subject.ETRN, Need.ETRN),
}

_SERVERS = {
    "client": (client_name, _CLIENT, Need.NOTHING),
    "reverse_client_hostname": (reverse_name, _REVERSE, Need.NOTHING),
    "helo": (helo_name, _HELO, Need.HELO),
    "sender": (sender, _SENDER, Need.SENDER),
    "recipient": (recipient, _RECIPIENT, Need.RECIPIENT),
}
_KINDS: tuple[ServerKind, ...] = ("A", "MX", "NS")

RESTRICTIONS: dict[str, Restriction] = {
    **_GENERAL,
    **_OF_CLIENT,
    **_OF_HELO,
    **_OF_SENDER,
    **_OF_RECIPIENT,
    **_DNS_LISTS,
    **{
        name: Restriction(access(keys, about), about, needs, permits=True, argument=Argument.TABLE)
        for name, (keys, about, needs) in _ACCESS.items()
    },
    **{
        f"check_{what}_{kind.lower()}_access": Restriction(
            server_access(name, kind, about), about, needs, argument=Argument.TABLE
        )
        for what, (name, about, needs) in _SERVERS.items()
        for kind in _KINDS
    },
}
