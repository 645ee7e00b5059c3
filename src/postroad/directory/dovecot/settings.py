"""The keys of `[directories.NAME]` for `kind = "dovecot"`."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DovecotSettings"]


@dataclass(frozen=True, kw_only=True)  # no slots: `SourceSettings` has several such bases
class DovecotSettings:
    """Accounts that a running Dovecot has: it checks passwords, as it does for Postfix.

    Attributes:
        socket: its authentication socket: an absolute path, or `HOST:PORT`; Postfix's
            smtpd_sasl_path.
        userdb_socket: its socket for look-ups of users (`auth-userdb`, `auth-master`), likewise:
            it says which addresses exist, and where their mail is. Empty: this directory only
            checks passwords, and which addresses exist is another's to say.
        username_format: the name that Dovecot knows an account by, with its `%u` (the whole
            address), `%n` (what is before the @) and `%d`.
        default_domain: where login names without a domain live, as system users have them; empty:
            a login name is an address.
    """

    socket: str = ""
    userdb_socket: str = ""
    username_format: str = "%u"
    default_domain: str = ""
