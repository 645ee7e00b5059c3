"""A connection to an LDAP server, by the library bonsai, which is OpenLDAP's.

The library's look-ups of names and its connects block, so all of this is called in threads; which
ones, and what a failure means, is the callers' own matter. A question that nobody waits for any
more goes on in its thread, so one thing is done at a time on a connection, its end included.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import bonsai

from postroad.tables.kept import Bounds

__all__ = ["SCOPES", "LdapConnection", "LdapDirectory", "client_of", "words_of"]

SCOPES = {
    "sub": bonsai.LDAPSearchScope.SUBTREE,
    "one": bonsai.LDAPSearchScope.ONELEVEL,
    "base": bonsai.LDAPSearchScope.BASE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LdapDirectory:
    """A directory and how it is spoken to.

    Attributes:
        urls: its servers, each with the same data.
        bind_dn: the name to log in with; empty for nobody's.
        bind_pw: its password.
        start_tls: whether TLS is begun on the plain port.
        certificates: `demand` a right certificate, or `never` mind.
        ca_file: PEM file of authorities, or empty.
        ca_directory: folder of such files, or empty.
        certificate: PEM file of our own certificate, or empty.
        key: PEM file of its key, or empty.
        referrals: whether to go where the server refers us.
        bounds: the time limits.
    """

    urls: tuple[str, ...]
    bind_dn: str = ""
    bind_pw: str = ""
    start_tls: bool = False
    certificates: str = "demand"
    ca_file: str = ""
    ca_directory: str = ""
    certificate: str = ""
    key: str = ""
    referrals: bool = False
    bounds: Bounds


class LdapConnection:
    """A connection to one server; its methods are called in threads.

    Args:
        url: the server's.
        directory: how it is spoken to.
    """

    def __init__(self, url: str, directory: LdapDirectory) -> None:
        self._client = client_of(url, directory)
        self._patience = directory.bounds.answer
        self._turn = threading.Lock()
        self._connection: bonsai.LDAPConnection | None = None

    def open(self) -> None:
        """Connect, and log in.

        Raises:
            bonsai.LDAPError: it failed.
            OSError: likewise.
        """
        with self._turn:
            self._connection = self._client.connect(timeout=self._patience)

    def search(
        self, base: str, scope: str, wanted: str, attributes: Sequence[str], most: int
    ) -> list[bonsai.LDAPEntry]:
        """The entries that a filter finds; none where there is no such base.

        Args:
            base: where, a name with every value in it quoted.
            scope: one of `SCOPES`.
            wanted: the filter, likewise.
            attributes: what is read of them; none: all.
            most: entries of the answer; more make it an error. 0: as many as the server gives.

        Raises:
            bonsai.LDAPError: it failed.
            OSError: likewise.
            ValueError: likewise.
        """
        with self._turn:
            assert self._connection is not None, "open was called"
            try:
                return list(
                    self._connection.search(
                        base,
                        SCOPES[scope],
                        wanted,
                        list(attributes),
                        timeout=self._patience,
                        sizelimit=most,
                    )
                )
            except bonsai.errors.NoSuchObjectError:
                return []

    def close(self) -> None:
        """Hang up, behind whatever is under way."""
        with self._turn:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def client_of(url: str, directory: LdapDirectory) -> bonsai.LDAPClient:
    """A client of one server, not yet connected.

    Args:
        url: the server's.
        directory: how it is spoken to.
    """
    client = bonsai.LDAPClient(url, tls=directory.start_tls)
    client.set_cert_policy(directory.certificates)
    if directory.ca_file:
        client.set_ca_cert(directory.ca_file)
    if directory.ca_directory:
        client.set_ca_cert_dir(directory.ca_directory)
    if directory.certificate:
        client.set_client_cert(directory.certificate)
    if directory.key:
        client.set_client_key(directory.key)
    if directory.bind_dn:
        client.set_credentials("SIMPLE", directory.bind_dn, directory.bind_pw)
    client.set_ignore_referrals(not directory.referrals)
    return client


def words_of(error: Exception) -> str:
    """What an error says, or else its name."""
    return str(error) or type(error).__name__
