"""What becomes of each parameter of Postfix: the table.

Four lists, by the parameter's name. `SIMPLE` is one key of Postroad, with the value in another
form. `TRANSLATED` goes into several keys or depends on others; a module of this package does it,
and the words say where to look in the result. `NEEDLESS` is no business of a configuration here.
`MISSING` is what Postroad does not do, with the consequence. docs/adopt.md shows all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = [
    "MISSING",
    "NEEDLESS",
    "OWN_NAME",
    "SIMPLE",
    "TRANSLATED",
    "UNKNOWN_NAME",
    "Form",
    "Lack",
    "Simple",
]


class Form(Enum):
    """How a value is written in main.cf, and so what it becomes."""

    NUMBER = "number"
    DURATION = "duration"
    TEXT = "text"
    YES = "yes"
    WORDS = "words"
    TABLES = "tables"
    NETWORKS = "networks"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Simple:
    """One key of Postroad.

    Attributes:
        key: with its section: `limits.recipients`.
        form: of the value.
        unit: of a duration without one.
    """

    key: str
    form: Form
    unit: str = "s"


@dataclass(frozen=True, slots=True)
class Lack:
    """What Postroad does not do.

    Attributes:
        words: the consequence.
        todo: what to do about it.
        matters: whether mail, access or security is different without it.
    """

    words: str
    todo: str = ""
    matters: bool = True


def _number(key: str) -> Simple:
    return Simple(key, Form.NUMBER)


def _duration(key: str, unit: str = "s") -> Simple:
    return Simple(key, Form.DURATION, unit)


def _text(key: str) -> Simple:
    return Simple(key, Form.TEXT)


SIMPLE: dict[str, Simple] = {
    # What clients may do
    "message_size_limit": _number("limits.message_size"),
    "smtpd_recipient_limit": _number("limits.recipients"),
    "smtpd_soft_error_limit": _number("limits.soft_errors"),
    "smtpd_hard_error_limit": _number("limits.errors"),
    "smtpd_error_sleep_time": _duration("limits.error_pause"),
    "smtpd_timeout": _duration("limits.timeout"),
    "smtpd_min_data_rate": _number("limits.data_rate"),
    "smtpd_client_connection_count_limit": _number("limits.sessions_per_address"),
    "smtpd_starttls_timeout": _duration("tls.handshake_timeout"),
    "hopcount_limit": _number("intake.hop_limit"),
    "queue_minfree": _number("spool.min_free"),
    # Policy
    "default_rbl_reply": _text("policy.default_rbl_reply"),
    "unknown_address_reject_code": _number("policy.unknown_address_reject_code"),
    "unknown_client_reject_code": _number("policy.unknown_client_reject_code"),
    "unknown_hostname_reject_code": _number("policy.unknown_hostname_reject_code"),
    "unverified_recipient_reject_code": _number("policy.unverified_recipient_reject_code"),
    "unverified_sender_reject_code": _number("policy.unverified_sender_reject_code"),
    "permit_mx_backup_networks": Simple("policy.mx_backup_networks", Form.NETWORKS),
    "broken_sasl_auth_clients": Simple("login.broken_clients", Form.YES),
    # Addresses that are probed
    "address_verify_poll_delay": _duration("verification.poll"),
    "address_verify_positive_expire_time": _duration("verification.positive_expire", "d"),
    "address_verify_positive_refresh_time": _duration("verification.positive_refresh", "d"),
    "address_verify_negative_expire_time": _duration("verification.negative_expire", "d"),
    "address_verify_negative_refresh_time": _duration("verification.negative_refresh", "h"),
    "address_verify_sender": _text("verification.sender"),
    # Accounts
    "recipient_delimiter": _text("directory.recipient_delimiter"),
    # Queue
    "minimal_backoff_time": _duration("queue.minimal_backoff"),
    "maximal_backoff_time": _duration("queue.maximal_backoff"),
    "maximal_queue_lifetime": _duration("queue.lifetime", "d"),
    "bounce_queue_lifetime": _duration("queue.bounce_lifetime", "d"),
    "bounce_size_limit": _number("queue.bounce_size_limit"),
    "soft_bounce": Simple("queue.soft_bounce", Form.YES),
    "defer_transports": Simple("queue.defer_transports", Form.WORDS),
    "default_destination_concurrency_limit": _number("queue.destination_concurrency"),
    "initial_destination_concurrency": _number("queue.initial_concurrency"),
    "default_destination_recipient_limit": _number("queue.recipients_per_delivery"),
    "default_process_limit": _number("queue.concurrency"),
    # Outwards
    "smtp_connect_timeout": _duration("delivery.connect_timeout"),
    "smtp_helo_timeout": _duration("delivery.greeting_timeout"),
    "smtp_mail_timeout": _duration("delivery.mail_timeout"),
    "smtp_rcpt_timeout": _duration("delivery.rcpt_timeout"),
    "smtp_data_init_timeout": _duration("delivery.data_init_timeout"),
    "smtp_data_xfer_timeout": _duration("delivery.data_block_timeout"),
    "smtp_data_done_timeout": _duration("delivery.data_timeout"),
    "smtp_mx_address_limit": _number("delivery.address_limit"),
    "smtp_mx_session_limit": _number("delivery.session_limit"),
    "smtp_connection_reuse_time_limit": _duration("delivery.connection_lifetime"),
    "smtp_connection_reuse_count_limit": _number("delivery.messages_per_connection"),
    "smtp_connection_cache_time_limit": _duration("delivery.idle_timeout"),
    "smtp_tls_policy_maps": Simple("outbound_tls.policy", Form.TABLES),
    "smtp_tls_CAfile": Simple("outbound_tls.ca_file", Form.FILE),
    "smtp_tls_fingerprint_cert_match": Simple("outbound_tls.fingerprint_match", Form.WORDS),
    "smtp_tls_secure_cert_match": Simple("outbound_tls.secure_match", Form.WORDS),
    "smtp_tls_verify_cert_match": Simple("outbound_tls.verify_match", Form.WORDS),
    "smtp_fallback_relay": _text("relay.fallback"),
    "smtp_sasl_mechanism_filter": Simple("relay.login_mechanisms", Form.WORDS),
    "smtp_sasl_auth_cache_time": _duration("relay.login_pause", "d"),
    "smtp_send_dummy_mail_auth": Simple("relay.auth_parameter", Form.YES),
    "smtp_sender_dependent_authentication": Simple("relay.sender_logins", Form.YES),
    "smtp_tls_wrappermode": Simple("relay.tls_wrapper", Form.YES),
    "sender_dependent_relayhost_maps": Simple("relay.sender_smarthosts", Form.TABLES),
    "sender_dependent_default_transport_maps": Simple("routing.sender_transport", Form.TABLES),
    "transport_maps": Simple("routing.transport", Form.TABLES),
    "default_transport": _text("routing.default_transport"),
}

_LISTS = "`[listeners.NAME.policy] {}`, with the same words"

OWN_NAME = "a name of your own: its value is where it is used"
UNKNOWN_NAME = "Postfix knows no such name, and nothing uses it"

TRANSLATED: dict[str, str] = {
    "compatibility_level": "the defaults that it stands for",
    "myhostname": "`hostname`",
    "mydomain": "the domain of `$mydomain` wherever it is used",
    "myorigin": "the domain of addresses without one; of local programs, `[sendmail] origin`",
    "authorized_submit_users": "`[sendmail] users`",
    "authorized_mailq_users": "`[sendmail] queue_users`",
    "mydestination": "`domains`",
    "inet_interfaces": "`[listeners.NAME] bind`",
    "inet_protocols": "`[listeners.NAME] bind`, `[delivery] address_family`",
    "smtp_address_preference": "`[delivery] address_family`",
    "mynetworks": "`[relay] trusted_networks`; a service's, `[listeners.NAME] trusted_networks`",
    "mynetworks_style": "`[relay] trusted_networks`",
    "smtpd_banner": "a greeting of Postroad's own",
    "virtual_alias_domains": "`domains`",
    "virtual_alias_maps": "aliases of the directory, or `[directories.NAME]`",
    "virtual_mailbox_domains": "`domains`",
    "virtual_mailbox_maps": "accounts of the directory, or `[directories.NAME]`",
    "virtual_mailbox_base": "`[mailbox] path`",
    "virtual_transport": "`[mailbox] transport`",
    "virtual_uid_maps": "the user that Postroad runs as, or `[mailbox]`",
    "virtual_gid_maps": "the user that Postroad runs as, or `[mailbox]`",
    "virtual_mailbox_limit": "`[mailbox] quota`",
    "local_recipient_maps": "accounts of the directory",
    "local_transport": "`[mailbox] transport`",
    "mailbox_transport": "`[mailbox] transport`",
    "mailbox_command": "a transport of the kind `pipe`, or Maildirs",
    "home_mailbox": "`[mailbox] path`",
    "mail_spool_directory": "Maildirs",
    "mailbox_size_limit": "`[mailbox] quota`",
    "alias_maps": "aliases of the directory",
    "alias_database": "aliases of the directory",
    "luser_relay": "an alias that catches all",
    "relay_domains": '`[domain."NAME"]`, `kind = "relay"`',
    "relay_recipient_maps": '`[domain."NAME"] recipients`',
    "relay_transport": "`[routing] relay_transport`",
    "relayhost": "`[relay] smarthost`",
    "smtp_sasl_auth_enable": "`[relay] logins`",
    "smtp_sasl_password_maps": "`[relay] logins`",
    "smtp_sasl_security_options": "`[relay] login_without_tls`",
    "smtp_sasl_tls_security_options": "`[relay] login_mechanisms`",
    "smtp_tls_security_level": "`[outbound_tls] security_level`, `[relay] tls`",
    "smtp_use_tls": "`[outbound_tls] security_level`",
    "smtp_enforce_tls": "`[outbound_tls] security_level`",
    "smtp_tls_protocols": "`[outbound_tls] protocols`",
    "smtp_tls_mandatory_protocols": "`[outbound_tls] protocols`",
    "smtp_tls_ciphers": "`[outbound_tls] ciphers`",
    "smtp_tls_mandatory_ciphers": "`[outbound_tls] ciphers`",
    "smtp_tls_cert_file": "`[outbound_tls] certificate`",
    "smtp_tls_key_file": "`[outbound_tls] key`",
    "smtp_tls_fingerprint_digest": "`[outbound_tls] fingerprint_digest`",
    "smtp_bind_address": "`[delivery] source_addresses`",
    "smtp_bind_address6": "`[delivery] source_addresses`",
    "smtp_helo_name": "`[delivery] source_addresses`, `[transports.NAME] helo`",
    "smtpd_milters": "`[filters.NAME] socket`, `[listeners.NAME] filters`",
    "non_smtpd_milters": "`[filters.NAME] socket`, `[sendmail] filters`",
    "milter_default_action": "`[filters.NAME] on_failure`",
    "milter_protocol": "`[filters.NAME] protocol`",
    "milter_connect_timeout": "`[filters.NAME] connect_timeout`",
    "milter_command_timeout": "`[filters.NAME] command_timeout`",
    "milter_content_timeout": "`[filters.NAME] timeout`",
    "milter_macro_daemon_name": "`[listeners.NAME] milter_macro_daemon_name`",
    "milter_macro_v": "`[filters.NAME] macro_values`",
    "milter_macro_defaults": "`[filters.NAME] macro_values`",
    **dict.fromkeys(
        (
            *("milter_connect_macros", "milter_helo_macros", "milter_mail_macros"),
            *("milter_rcpt_macros", "milter_data_macros", "milter_end_of_header_macros"),
            *("milter_end_of_data_macros", "milter_unknown_command_macros"),
        ),
        "`[filters.NAME] macros`",
    ),
    "content_filter": "`[listeners.NAME] content_filter`",
    "smtpd_proxy_filter": "`[listeners.NAME] content_filter`",
    "smtpd_client_restrictions": _LISTS.format("client"),
    "smtpd_helo_restrictions": _LISTS.format("helo"),
    "smtpd_sender_restrictions": _LISTS.format("sender"),
    "smtpd_relay_restrictions": _LISTS.format("relay"),
    "smtpd_recipient_restrictions": _LISTS.format("recipient"),
    "smtpd_data_restrictions": _LISTS.format("data"),
    "smtpd_end_of_data_restrictions": _LISTS.format("end_of_data"),
    "smtpd_etrn_restrictions": _LISTS.format("etrn"),
    "smtpd_delay_reject": "`[listeners.NAME.policy] delay_reject`",
    "smtpd_reject_unlisted_recipient": "`[listeners.NAME.policy] reject_unlisted_recipient`",
    "smtpd_reject_unlisted_sender": "`reject_unlisted_sender` in the list `sender`",
    "smtpd_restriction_classes": "`[policy.classes]`",
    "smtpd_sender_login_maps": "`[login] sender_login_maps`, or what the directory says",
    "rbl_reply_maps": "`[policy] rbl_reply_maps`",
    "relay_clientcerts": "`[policy] relay_clientcerts`",
    "smtpd_sasl_auth_enable": "`[listeners.NAME] auth`",
    "smtpd_sasl_type": "accounts of the directory, or `[directories.NAME]`",
    "smtpd_sasl_path": "accounts of the directory, or `[directories.NAME]`",
    "smtpd_sasl_local_domain": "the domain of accounts without one",
    "smtpd_sasl_security_options": "`[login] mechanisms`",
    "smtpd_sasl_tls_security_options": "`[login] mechanisms`",
    "cyrus_sasl_config_path": "accounts of the directory",
    "smtpd_tls_security_level": "`[listeners.NAME] preset`, `tls`",
    "smtpd_use_tls": "`[listeners.NAME] tls`",
    "smtpd_enforce_tls": "`[listeners.NAME] preset`",
    "smtpd_tls_wrappermode": "`[listeners.NAME] preset`, `tls`",
    "smtpd_tls_auth_only": "always: a login is neither offered nor taken without TLS",
    "smtpd_tls_cert_file": "`[tls] certificate`",
    "smtpd_tls_key_file": "`[tls] key`",
    "smtpd_tls_eccert_file": "`[[tls.certificates]]`",
    "smtpd_tls_eckey_file": "`[[tls.certificates]]`",
    "smtpd_tls_chain_files": "`[tls] certificate`, `[[tls.certificates]]`",
    "smtpd_tls_CAfile": "`[tls] client_ca_file`",
    "smtpd_tls_ask_ccert": "`[listeners.NAME] client_certificates`",
    "smtpd_tls_req_ccert": "`[listeners.NAME] client_certificates`",
    "smtpd_tls_protocols": "`[tls] profile`, `minimum_version`",
    "smtpd_tls_mandatory_protocols": "`[tls] profile`, `minimum_version`",
    "tls_server_sni_maps": "`[[tls.certificates]]`",
    "smtpd_discard_ehlo_keywords": "`[listeners.NAME] discard_ehlo_keywords`",
    "disable_vrfy_command": "`[listeners.NAME] vrfy`",
    "smtpd_authorized_xclient_hosts": "`[listeners.NAME] xclient`",
    "smtpd_authorized_xforward_hosts": "`[listeners.NAME] xforward`",
    "smtpd_upstream_proxy_protocol": "`[listeners.NAME] proxy`",
    "smtpd_client_recipient_rate_limit": "`[rates.NAME]`",
    "smtpd_client_message_rate_limit": "`[rates.NAME]`",
    "smtpd_client_connection_rate_limit": "`[rates.NAME]`",
    "smtpd_client_new_tls_session_rate_limit": "`[rates.NAME]`",
    "smtpd_client_auth_rate_limit": "`[rates.NAME]`",
    "anvil_rate_time_unit": "`[rates.NAME] window`",
    "delay_warning_time": "`[queue] delay_warning`",
    "notify_classes": "`[queue] double_bounce_to`",
    "2bounce_notice_recipient": "`[queue] double_bounce_to`",
    "fast_flush_domains": "`[etrn.NAME]`",
}

_OWN = "Postroad has files and programs of its own"
_NO_TABLES = "there is no compiled table; text files are read as they are"
_AUTOMATIC = "Postroad does this by itself"
_INNER = "a matter between Postfix's own processes"
_LOG = "the log is set up in `[log]`"

NEEDLESS: dict[str, str] = {
    **dict.fromkeys(
        (
            *("command_directory", "daemon_directory", "data_directory", "queue_directory"),
            *("config_directory", "html_directory", "manpage_directory", "meta_directory"),
            *("readme_directory", "sample_directory", "shlib_directory", "mailq_path"),
            *("newaliases_path", "sendmail_path", "setgid_group", "mail_owner", "default_privs"),
            *("mail_version", "mail_release_date", "alternate_config_directories"),
            *("multi_instance_enable", "multi_instance_directories", "multi_instance_name"),
            *("multi_instance_group", "multi_instance_wrapper", "process_id_directory"),
            *("openssl_path", "import_environment", "export_environment"),
        ),
        _OWN,
    ),
    **dict.fromkeys(
        (
            *("smtpd_tls_session_cache_database", "smtp_tls_session_cache_database"),
            *("lmtp_tls_session_cache_database", "smtpd_tls_session_cache_timeout"),
            *("smtp_tls_session_cache_timeout", "smtp_tls_connection_reuse"),
            *("address_verify_map", "postscreen_cache_map", "tls_random_source"),
            *("smtpd_tls_received_header", "smtp_tls_note_starttls_offer"),
            *("tls_preempt_cipherlist", "smtpd_tls_eecdh_grade", "smtpd_tls_dh1024_param_file"),
            *("smtpd_tls_dh512_param_file", "tls_ssl_options", "smtp_dns_support_level"),
            *("smtp_host_lookup", "smtp_always_send_ehlo", "smtp_tls_CApath", "smtpd_tls_CApath"),
            *("tls_append_default_CA", "smtpd_per_request_deadline", "smtpd_helo_required"),
            *("smtputf8_enable", "enable_long_queue_ids", "smtpd_forbid_bare_newline"),
            *("smtpd_forbid_bare_newline_exclusions", "smtpd_forbid_unauth_pipelining"),
            *("strict_rfc821_envelopes", "smtp_connection_cache_on_demand", "smtp_sasl_type"),
            *("smtp_connection_cache_destinations", "smtpd_peername_lookup", "biff"),
            *("smtp_sasl_auth_soft_bounce", "address_verify_cache_cleanup_interval"),
            *("smtpd_delay_open_until_valid_rcpt",),
            *("smtp_sasl_auth_cache_name", "expand_owner_alias", "owner_request_special"),
            *("show_user_unknown_table_name", "resolve_dequoted_address", "smtpd_sasl_service"),
            *("virtual_alias_recursion_limit", "virtual_alias_expansion_limit"),
            *("swap_bangpath", "allow_percent_hack", "smtp_tls_block_early_mail_reply"),
            *("smtpd_relay_before_recipient_restrictions", "smtpd_junk_command_limit"),
        ),
        _AUTOMATIC,
    ),
    **dict.fromkeys(
        ("default_database_type", "proxy_read_maps", "proxy_write_maps", "lmdb_map_size"),
        _NO_TABLES,
    ),
    **dict.fromkeys(
        (
            *("max_idle", "max_use", "queue_run_delay", "hash_queue_depth", "hash_queue_names"),
            *("in_flow_delay", "ipc_timeout", "ipc_idle", "ipc_ttl", "fork_attempts", "fork_delay"),
            *("qmgr_message_active_limit", "qmgr_message_recipient_limit", "daemon_timeout"),
            *(
                "transport_retry_time",
                "trigger_timeout",
                "service_throttle_time",
                "qmgr_clog_warn_time",
            ),
            *("anvil_status_update_time", "stress", "smtpd_recipient_overshoot_limit"),
            *("deliver_lock_attempts", "deliver_lock_delay", "stale_lock_time"),
            *("mailbox_delivery_lock", "virtual_mailbox_lock", "virtual_minimum_uid"),
            *("berkeley_db_create_buffer_size", "berkeley_db_read_buffer_size", "dont_remove"),
            *("master_service_disable", "local_destination_recipient_limit"),
            *("virtual_destination_recipient_limit", "local_destination_concurrency_limit"),
        ),
        _INNER,
    ),
    **dict.fromkeys(
        (
            *("maillog_file", "maillog_file_prefixes", "maillog_file_compressor", "syslog_name"),
            *("syslog_facility", "smtpd_tls_loglevel", "smtp_tls_loglevel", "debug_peer_level"),
            *("debug_peer_list", "debugger_command", "delay_logging_resolution_limit"),
            *("smtpd_client_port_logging", "info_log_address_format", "lmtp_tls_loglevel"),
            *("smtpd_log_access_permit_actions", "maillog_file_rotate_suffix"),
        ),
        _LOG,
    ),
    "append_dot_mydomain": "clients must name whole domains; nothing is put behind them",
    "append_at_myorigin": "clients must name whole addresses",
    "local_header_rewrite_clients": "headers are not rewritten",
    "parent_domain_matches_subdomains": "tables are asked for parent domains as Postfix does today",
    "mail_name": "the greeting says Postroad",
    "smtpd_sasl_authenticated_header": "the Received field names no login",
    "disable_verp_bounces": "bounces are not sent with VERP",
    "nested_header_checks": "there is nothing to check without header_checks",
    "lmtp_destination_recipient_limit": "`[destinations]` has how many share a delivery",
    "smtpd_client_event_limit_exceptions": "trusted_networks are not limited",
    "smtpd_service_name": _INNER,
    "allow_untrusted_routing": "strangers' mail for addresses with routes in them is not passed on",
    "empty_address_recipient": "mail for nobody goes to postmaster",
    "double_bounce_sender": "reports about reports have the null sender",
    "smtpd_null_access_lookup_key": "the null sender is `<>` in tables",
    "smtpd_policy_service_max_idle": "connections to policy services are kept as long as they last",
    "smtpd_policy_service_max_ttl": "connections to policy services are kept as long as they last",
}

_HEADERS = "message headers are not looked at by tables"
_REWRITE = "addresses in messages and envelopes are not rewritten"
_MILTERS = "all clients of a listener have the same milters"
_SCREEN = "there is no program before the listener"
_COPIES = "no copies are sent"

MISSING: dict[str, Lack] = {
    "smtpd_milter_maps": Lack(_MILTERS),
    "milter_header_checks": Lack(_HEADERS),
    "header_checks": Lack(_HEADERS, "use a content filter, or the mail store's Sieve"),
    "body_checks": Lack("bodies are not looked at by tables", "use a content filter"),
    "mime_header_checks": Lack(_HEADERS, "use a content filter"),
    "smtp_header_checks": Lack(_HEADERS, "use a content filter"),
    "smtp_body_checks": Lack("bodies are not looked at by tables", "use a content filter"),
    "smtp_mime_header_checks": Lack(_HEADERS, "use a content filter"),
    "canonical_maps": Lack(_REWRITE, "for recipients, an alias does it"),
    "sender_canonical_maps": Lack(_REWRITE, "let mail programs send as the right address"),
    "recipient_canonical_maps": Lack(_REWRITE, "an alias does it for envelopes"),
    "smtp_generic_maps": Lack(_REWRITE, "let programs send as the right address"),
    "masquerade_domains": Lack(_REWRITE, "let programs send as the right address"),
    "relocated_maps": Lack(
        "who moved is told no new address", "give the entries to the transport `error`"
    ),
    "always_bcc": Lack(_COPIES, "an access table with BCC does it, in a restriction list"),
    "sender_bcc_maps": Lack(_COPIES, "an access table with BCC does it, in a restriction list"),
    "recipient_bcc_maps": Lack(_COPIES, "an alias with two targets does it"),
    "smtpd_command_filter": Lack("commands are taken as clients write them"),
    "smtpd_noop_commands": Lack("unknown commands are refused", matters=False),
    "smtpd_forbidden_commands": Lack(
        "such a client gets errors, and 421 after some of them", matters=False
    ),
    "smtpd_discard_ehlo_keyword_address_maps": Lack("all clients are offered the same"),
    "smtp_discard_ehlo_keywords": Lack("what a server offers is used", matters=False),
    "smtp_discard_ehlo_keyword_address_maps": Lack("what a server offers is used"),
    "smtpd_reject_footer": Lack("refusals have no footer", matters=False),
    "smtpd_reject_footer_maps": Lack("refusals have no footer", matters=False),
    "smtpd_sasl_exceptions_networks": Lack("all clients are offered logins", matters=False),
    "smtpd_tls_ciphers": Lack("ciphers are those of `[tls] profile`", matters=False),
    "smtpd_tls_mandatory_ciphers": Lack("ciphers are those of `[tls] profile`", matters=False),
    "smtpd_tls_exclude_ciphers": Lack("ciphers are those of `[tls] profile`", matters=False),
    "smtpd_tls_mandatory_exclude_ciphers": Lack(
        "ciphers are those of `[tls] profile`", matters=False
    ),
    "smtp_tls_exclude_ciphers": Lack("ciphers are those of `[outbound_tls]`", matters=False),
    "smtp_tls_mandatory_exclude_ciphers": Lack(
        "ciphers are those of `[outbound_tls]`", matters=False
    ),
    "tls_high_cipherlist": Lack("ciphers are those of `[tls] profile`", matters=False),
    "tls_medium_cipherlist": Lack("ciphers are those of `[tls] profile`", matters=False),
    "smtpd_tls_fingerprint_digest": Lack("fingerprints are SHA-256"),
    "smtp_tls_per_site": Lack("destinations have no TLS levels of their own", "use a policy table"),
    "header_size_limit": Lack(
        "a long header is refused, where Postfix cuts it; the limit is `[intake] header_size`",
        matters=False,
    ),
    "line_length_limit": Lack("long lines are kept as they are", matters=False),
    "mailbox_command_maps": Lack("all mail goes the same way", "use a transport table"),
    "mailbox_transport_maps": Lack("all mail goes the same way", "use a transport table"),
    "fallback_transport": Lack("who is not in the directory does not exist"),
    "fallback_transport_maps": Lack("who is not in the directory does not exist"),
    "forward_path": Lack(
        "users' .forward files are not read", "make their aliases: postroad alias add"
    ),
    "allow_mail_to_commands": Lack("aliases run no programs unless it is said", matters=False),
    "allow_mail_to_files": Lack("aliases write no files unless it is said", matters=False),
    "bounce_template_file": Lack("reports have Postroad's words", matters=False),
    "bounce_notice_recipient": Lack("postmaster is not told of bounces", matters=False),
    "delay_notice_recipient": Lack("postmaster is not told of delays", matters=False),
    "error_notice_recipient": Lack("postmaster is not told of errors", matters=False),
    "propagate_unmatched_extensions": Lack("extensions are handed on by aliases", matters=False),
    "receive_override_options": Lack("aliases are followed once, for all mail", matters=False),
    "smtp_line_length_limit": Lack("long lines are sent as they are", matters=False),
    "smtp_send_xforward_command": Lack("the next host does not hear of clients", matters=False),
    "authorized_flush_users": Lack("root and the server's user flush the queue"),
    "disable_mime_output_conversion": Lack(
        "8-bit mail for hosts without 8BITMIME is converted",
        "with `[delivery] convert_8bit = false` it is returned; nothing sends it as it is",
        matters=False,
    ),
    "strict_8bitmime": Lack("8-bit headers are taken", matters=False),
    "strict_7bit_headers": Lack("8-bit headers are taken", matters=False),
    "strict_mime_encoding_domain": Lack("wrong MIME encodings are taken", matters=False),
    "always_add_missing_headers": Lack(
        "Date and Message-ID are added for users only", matters=False
    ),
    "postscreen_dnsbl_sites": Lack(
        _SCREEN, "the lists work as reject_rbl_client in `[listeners.mx.policy] client`"
    ),
    "postscreen_access_list": Lack(
        _SCREEN, "check_client_access in `[listeners.mx.policy] client` does it"
    ),
    "postscreen_greet_action": Lack(_SCREEN),
    "postscreen_dnsbl_action": Lack(_SCREEN),
    "postscreen_dnsbl_threshold": Lack(_SCREEN, "each list of reject_rbl_client counts by itself"),
    "postscreen_pipelining_enable": Lack(_SCREEN, "reject_unauth_pipelining does it"),
}
