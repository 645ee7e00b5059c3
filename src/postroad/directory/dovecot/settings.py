"""The keys of `[directories.NAME]` for `kind = "dovecot"`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["DovecotMechanism", "DovecotSettings"]

DovecotMechanism = Literal[
    "SCRAM-SHA-256",
    "SCRAM-SHA-1",
    "OAUTHBEARER",
    "XOAUTH2",
    "GSSAPI",
    "GSS-SPNEGO",
    "NTLM",
    "DIGEST-MD5",
    "CRAM-MD5",
    "OTP",
]
"""Those of Dovecot's that can be passed on to it. PLAIN and LOGIN are read here, for they serve
accounts of other directories too; EXTERNAL and `-PLUS` are about a TLS connection that is ours."""


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
        mechanisms: SASL mechanisms that are passed on to `socket`, as Postfix passes them: for all
            accounts, whatever directory they are in.
        default_domain: where login names without a domain live, as system users have them; empty:
            a login name is an address.
    """

    socket: str = ""
    userdb_socket: str = ""
    username_format: str = "%u"
    mechanisms: tuple[DovecotMechanism, ...] = ()
    default_domain: str = ""
