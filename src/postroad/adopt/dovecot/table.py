"""What becomes of the settings of Dovecot that need no look at their value.

Beside Postroad, Dovecot goes on to let people read their mail by IMAP and POP3, whoever keeps the
mailboxes. So most of its settings stay where they are, and do there what they did. The tables say
which ones, and why; a setting in none of them is one that nobody knows, and the report says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["KEPT_SECTIONS", "LOGIN_STAYS", "kept"]

_READING = "Dovecot stays, for reading by IMAP and POP3, and goes on to use it"
_RUNNING = "it says how Dovecot itself runs, and Dovecot stays"
_OWN_TLS = "it is about Dovecot's own connections; Postroad has its own in [tls]"
_OWN_LOG = "Dovecot goes on to write its own log; Postroad's is in [log]"

LOGIN_STAYS = "it is about logins at Dovecot, which stays"

KEPT_SECTIONS: Mapping[str, str] = {
    "namespace": _READING,
    "dict": _READING,
    "local": _READING,
    "remote": _READING,
    "local_name": _READING,
    "service": _RUNNING,
    "protocol": _READING,
}
"""By the kind of the outermost section."""

_KEPT: tuple[tuple[str, str], ...] = (
    (r"protocols|listen|imap_.*|pop3_.*|managesieve_.*|submission_.*|imapc_.*|pop3c_.*", _READING),
    (r"login_.*|disable_plaintext_auth", LOGIN_STAYS),
    (r"ssl|ssl_.*|verbose_ssl|haproxy_.*", _OWN_TLS),
    (
        r"log_.*|info_log_path|debug_log_path|syslog_facility|mail_log_.*|verbose_proctitle",
        _OWN_LOG,
    ),
    (r"auth_verbose.*|auth_debug.*|mail_debug|deliver_log_format|stats_.*|metric.*", _OWN_LOG),
    (
        r"dovecot_.*|base_dir|state_dir|instance_name|default_.*|shutdown_clients|version_ignore",
        _RUNNING,
    ),
    (r"config_cache_size|import_environment|doveadm_.*|dsync_.*|replication_.*", _RUNNING),
    (r"mail_driver|mail_inbox_path|mail_control_path", "it goes with mail_path"),
    (r"mail_max_.*|mail_cache_.*|mail_prefetch.*|mail_save_.*|mail_fsync|mail_nfs_.*", _READING),
    (r"mailbox_.*|maildir_.*|mail_attribute_.*|mail_shared_.*|mail_temp_.*|mail_vsize.*", _READING),
    (r"mmap_disable|dotlock_.*|lock_method|mbox_.*|mdbox_.*|sdbox_.*|mail_always_.*", _READING),
    (
        r"mail_server_.*|mail_privileged_group|mail_access_groups|mail_chroot|mail_index_.*",
        _READING,
    ),
    (r"mail_attachment_.*|mail_sort_.*|mail_never_.*|mail_full_.*|valid_chroot_dirs", _READING),
    (r"first_valid_.*|last_valid_.*|libexec_dir|namespace_.*|ssl_dh.*|rawlog_dir", _RUNNING),
    (
        r"auth_cache_.*|auth_worker_.*|auth_policy_.*|auth_failure_delay|auth_proxy_self",
        LOGIN_STAYS,
    ),
    (r"auth_(?:krb5_keytab|gssapi_hostname|use_winbind|winbind_.*|stats|socket_path)", LOGIN_STAYS),
    (r"auth_(?:anonymous_username|ssl_.*|username_translation|realms)", LOGIN_STAYS),
    (r"dict_.*|director_.*|old_stats_.*|service_count|process_.*|client_limit|vsz_limit", _RUNNING),
    (
        r"hostname|sendmail_path|submission_host|mail_plugin_dir|auth_master_user_separator",
        _RUNNING,
    ),
)
_KEPT_PATTERNS = tuple((re.compile(names), words) for names, words in _KEPT)


def kept(key: str) -> str | None:
    """Why a setting at the top of the configuration stays where it is; `None`: it may not."""
    for pattern, words in _KEPT_PATTERNS:
        if pattern.fullmatch(key):
            return words
    return None
