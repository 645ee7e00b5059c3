"""What each restriction does, in a line for operators; the table beside `RESTRICTIONS`.

`{argument}` is what follows the restriction's name. Whoever shows a list shows these, so that it
can be read without a manual; `docs/reference/restrictions.md` says more.
"""

from __future__ import annotations

from postroad.policy.rule import CLOSING_RULE, Rule

__all__ = ["MEANINGS", "meaning_of"]

MEANINGS: dict[str, str] = {
    "permit": "permits everything: the list ends here",
    "reject": "refuses everything that comes this far",
    "defer": "refuses everything that comes this far, for now",
    "defer_if_permit": "lets the client come again if everything after it permits",
    "defer_if_reject": "makes a later refusal of its list a temporary one",
    "reject_unauth_pipelining": "refuses clients that send commands ahead where they may not",
    "reject_multi_recipient_bounce": "refuses bounces to several recipients",
    "check_policy_service": "asks the policy service {argument}, and does what it says",
    "sleep": "lets the client wait for {argument} seconds",
    "permit_mynetworks": "permits clients in trusted_networks",
    "permit_inet_interfaces": "permits clients whose address is one of this machine's",
    "permit_sasl_authenticated": "permits who has logged in",
    "permit_tls_clientcerts": "permits clients whose certificate is in [policy] relay_clientcerts",
    "permit_tls_all_clientcerts": "permits clients with a certificate that client_ca_file vouches"
    " for",
    "reject_plaintext_session": "refuses sessions without TLS, for now",
    "reject_unknown_client_hostname": "refuses clients without a name that leads back to them",
    "reject_unknown_reverse_client_hostname": "refuses clients whose address has no name",
    "reject_invalid_helo_hostname": "refuses a name in HELO that is none",
    "reject_non_fqdn_helo_hostname": "refuses a name in HELO that is not fully qualified",
    "reject_unknown_helo_hostname": "refuses a name in HELO that the DNS does not know",
    "reject_non_fqdn_sender": "refuses senders whose domain is not fully qualified",
    "reject_unknown_sender_domain": "refuses senders whose domain takes no mail by the DNS",
    "reject_unlisted_sender": "refuses senders in our domains that nobody has",
    "reject_unverified_sender": "refuses senders whose server does not take mail for them",
    "reject_sender_login_mismatch": "refuses senders that are not the user's, and our users'"
    " addresses without a login",
    "reject_authenticated_sender_login_mismatch": "refuses who has logged in and sends as an"
    " address that is not the user's",
    "reject_unauthenticated_sender_login_mismatch": "refuses our users' addresses as senders"
    " without a login",
    "reject_known_sender_login_mismatch": "refuses our users' addresses as senders of anybody else",
    "permit_auth_destination": "permits recipients in our domains",
    "permit_mx_backup": "permits recipients in domains that have this server as a spare one",
    "reject_unauth_destination": "refuses recipients in domains that are not ours",
    "defer_unauth_destination": "refuses recipients in domains that are not ours, for now",
    "reject_non_fqdn_recipient": "refuses recipients whose domain is not fully qualified",
    "reject_unknown_recipient_domain": "refuses recipients whose domain takes no mail by the DNS",
    "reject_unlisted_recipient": "refuses recipients in our domains that nobody has",
    "reject_unverified_recipient": "refuses recipients whose server does not take mail for them",
    "check_spf": "refuses what the sender's domain, or that of the name in HELO, does not let the"
    " client send, as [spf] says",
    "reject_spf_fail": "refuses what the sender's domain does not let the client send (SPF fail)",
    "greylist": "lets strangers come again, as mail servers do and spam programs do not",
    "reject_rbl_client": "refuses clients whose address is on the DNS list {argument}",
    "reject_rhsbl_client": "refuses clients whose name is on the DNS list {argument}",
    "reject_rhsbl_reverse_client": "refuses clients whose unconfirmed name is on the DNS list"
    " {argument}",
    "reject_rhsbl_helo": "refuses clients whose name in HELO is on the DNS list {argument}",
    "reject_rhsbl_sender": "refuses senders whose domain is on the DNS list {argument}",
    "reject_rhsbl_recipient": "refuses recipients whose domain is on the DNS list {argument}",
    "permit_dnswl_client": "permits clients whose address is on the DNS list {argument}",
    "permit_rhswl_client": "permits clients whose name is on the DNS list {argument}",
    "check_client_access": "does what {argument} says of the client's name, address or network",
    "check_reverse_client_hostname_access": "does what {argument} says of the client's unconfirmed"
    " name",
    "check_ccert_access": "does what {argument} says of the client's certificate",
    "check_sasl_access": "does what {argument} says of the login",
    "check_helo_access": "does what {argument} says of the name in HELO",
    "check_sender_access": "does what {argument} says of the sender",
    "check_recipient_access": "does what {argument} says of the recipient",
    "check_etrn_access": "does what {argument} says of the domain in ETRN",
    "check_client_a_access": "does what {argument} says of the addresses of the client's name",
    "check_client_mx_access": "does what {argument} says of the mail servers of the client's name",
    "check_client_ns_access": "does what {argument} says of the name servers of the client's name",
    "check_reverse_client_hostname_a_access": "does what {argument} says of the addresses of the"
    " client's unconfirmed name",
    "check_reverse_client_hostname_mx_access": "does what {argument} says of the mail servers of"
    " the client's unconfirmed name",
    "check_reverse_client_hostname_ns_access": "does what {argument} says of the name servers of"
    " the client's unconfirmed name",
    "check_helo_a_access": "does what {argument} says of the addresses of the name in HELO",
    "check_helo_mx_access": "does what {argument} says of the mail servers of the name in HELO",
    "check_helo_ns_access": "does what {argument} says of the name servers of the name in HELO",
    "check_sender_a_access": "does what {argument} says of the addresses of the sender's domain",
    "check_sender_mx_access": "does what {argument} says of the mail servers of the sender's"
    " domain",
    "check_sender_ns_access": "does what {argument} says of the name servers of the sender's"
    " domain",
    "check_recipient_a_access": "does what {argument} says of the addresses of the recipient's"
    " domain",
    "check_recipient_mx_access": "does what {argument} says of the mail servers of the recipient's"
    " domain",
    "check_recipient_ns_access": "does what {argument} says of the name servers of the recipient's"
    " domain",
}

_CLASS = "a list of yours ([policy.classes]), asked in its place:"
_CLOSING = "refuses every domain that is not ours: so every relay list ends"
_WARNED = "; only the log is told, nobody is refused"


def meaning_of(rule: Rule) -> str:
    """What a rule of a list does."""
    if rule is CLOSING_RULE:
        return _CLOSING
    words = MEANINGS.get(rule.name)
    if words is None:
        return _CLASS
    words = words.replace("{argument}", rule.argument)
    return f"{words}{_WARNED}" if rule.warn else words
