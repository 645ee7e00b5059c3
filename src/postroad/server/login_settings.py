"""`[login]`: how users prove who they are, and who may act for whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["LoginSettings", "MechanismName"]

MechanismName = Literal[
    "PLAIN",
    "LOGIN",
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-1",
    "OAUTHBEARER",
    "XOAUTH2",
    "EXTERNAL",
    "CRAM-MD5",
]
"""The names of `sasl.MECHANISMS`, where an operator's spelling is compared with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSettings:
    """`[login]`.

    Attributes:
        mechanisms: the SASL mechanisms that are offered, each where it can be had (`-PLUS` and
            EXTERNAL under TLS only). Empty: PLAIN and LOGIN; SCRAM-SHA-256, with its `-PLUS`,
            once every account has what it needs; OAUTHBEARER and XOAUTH2 where `[oauth]` names
            an issuer; EXTERNAL for clients with a certificate. CRAM-MD5 and SCRAM-SHA-1 are
            offered only where they are named.
        act_as: for each account that may log in as others, those others: addresses, or
            `*@example.org` for all of a domain.
        send_as: for each account that may send as others' addresses, those: addresses, ours or
            foreign, or `*@example.org` for all of a domain. Besides its own, and the aliases that
            deliver to it.
        catch_all_senders: whether who gets what a catch-all (`@domain`) catches may send as each
            of those addresses.
        sender_login_maps: a table of who owns which address, as Postfix's of this name; it takes
            the place of what the accounts and aliases say. Empty: none.
        broken_clients: announces AUTH once more as `AUTH=LOGIN PLAIN`, for mail programs from
            before RFC 2554.
    """

    mechanisms: tuple[MechanismName, ...] = ()
    act_as: dict[str, tuple[str, ...]] = field(default_factory=dict)
    send_as: dict[str, tuple[str, ...]] = field(default_factory=dict)
    catch_all_senders: bool = False
    sender_login_maps: str = ""
    broken_clients: bool = False
