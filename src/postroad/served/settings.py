"""`[sockets.NAME]`: a socket by which another mail server uses our accounts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from postroad.model.units import Duration
from postroad.server.binds import Bind
from postroad.server.settings import mode_of

__all__ = ["SocketKind", "SocketSettings"]

SocketKind = Literal["dovecot-auth", "dovecot-dict", "socketmap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketSettings:
    """`[sockets.NAME]`: one socket, and what is spoken there.

    Attributes:
        kind: `dovecot-auth`: Dovecot's authentication protocol, for Postfix's smtpd_sasl_path;
            `dovecot-dict`: Dovecot's dict protocol, for its users (userdb); `socketmap`: look-ups
            for Postfix's tables `socketmap:unix:PATH:MAP`.
        bind: `unix:/path`, or an address of this machine such as `127.0.0.1:2601`.
        unix_mode: permissions of the socket, as chmod takes them: who may connect may ask.
        unix_owner: `user` or `user:group` it belongs to. Empty: the server's user.
        plain_auth: takes passwords also of clients that, as the other server says, are not
            secured by TLS (`dovecot-auth`).
        clients: connections that one worker serves at a time. Postfix keeps one for each of its
            processes. 0: no limit.
        idle_timeout: seconds for which a connection may say nothing; both servers come back
            without a word when they need it again. 0: no limit.
    """

    kind: SocketKind
    bind: str
    unix_mode: str = "0660"
    unix_owner: str = ""
    plain_auth: bool = False
    clients: int = 500
    idle_timeout: Duration = 3600.0

    @property
    def where(self) -> Bind:
        """Where it listens.

        Raises:
            ValueError: the address or the mode cannot be read; the message says what was expected.
        """
        bind = Bind.parse(self.bind)
        if not bind.path:
            return bind
        return replace(bind, mode=mode_of(self.unix_mode), owner=self.unix_owner)
