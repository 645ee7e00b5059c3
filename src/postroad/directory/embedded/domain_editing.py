"""Changes to the list of our domains, besides those of the configuration."""

from __future__ import annotations

from postroad.directory.domain_settings import ANY_RECIPIENT, VERIFIED_RECIPIENT
from postroad.directory.embedded.editing import Editing
from postroad.directory.embedded.entry import DomainEntry, parse_domain
from postroad.directory.embedded.mistake import (
    DomainConfigured,
    DomainExists,
    DomainInUse,
    InvalidName,
    UnknownDomain,
)
from postroad.directory.embedded.nearest import hint, near_domain
from postroad.tables import TableMistake, files_of

__all__ = ["DomainEditing", "check_recipients"]


class DomainEditing(Editing):
    """Lists, adds and removes domains."""

    def domains(self) -> tuple[DomainEntry, ...]:
        """All our domains: those of the configuration first, then by name."""
        configured = self._lookups.configured_domains
        with self._translated():
            rows = self._rows("SELECT name, alias_of, recipients FROM domains ORDER BY name")
        own = [tuple(map(str, row)) for row in rows if row[0] not in configured]
        return (
            *(DomainEntry(name, configured=True) for name in configured),
            *(
                DomainEntry(name, configured=False, alias_of=alias_of, recipients=recipients)
                for name, alias_of, recipients in own
            ),
        )

    def add_domain(self, domain: str, *, alias_of: str = "", recipients: str = "") -> str:
        """Make a domain ours and return the form it is kept in (an A-label).

        Args:
            domain: its name.
            alias_of: the domain it stands for; empty: none.
            recipients: where its mail is only passed on: which of its addresses take mail, `any`,
                `verify` or a table that finds them; empty: it is delivered here.

        Raises:
            InvalidName: it is no domain name, or `recipients` is none of these.
            DomainConfigured, DomainExists: it is ours already.
            UnknownDomain: what it is to stand for is not delivered here, or stands for another.
        """
        form = parse_domain(domain)
        target = parse_domain(alias_of) if alias_of else ""
        if recipients:
            check_recipients(recipients)
        self._refuse_configured(form)
        with self._change():
            if self._rows("SELECT 1 FROM domains WHERE name = ?", form):
                raise DomainExists(f"the domain {form} is there already")
            if target:
                self._require_domain(target)
            self._rows("INSERT INTO domains VALUES (?, ?, ?)", form, target, recipients)
        return form

    def remove_domain(self, domain: str) -> str:
        """Let a domain go and return the form it was kept in.

        Raises:
            DomainConfigured: it is removed from the configuration file, not here.
            UnknownDomain: it is not in the directory.
            DomainInUse: accounts, aliases or groups of it are left, or a domain stands for it.
        """
        form = parse_domain(domain)
        self._refuse_configured(form)
        with self._change():
            if not self._rows("SELECT 1 FROM domains WHERE name = ?", form):
                near = near_domain(self._connection, form, ())
                raise UnknownDomain(f"there is no domain {form} in the directory{hint(near)}")
            users = self._count("SELECT count(*) FROM users WHERE domain = ?", form)
            aliases = self._count(
                "SELECT count(DISTINCT source) FROM aliases WHERE domain = ?", form
            )
            if users or aliases:
                raise DomainInUse(
                    f"the domain {form} is in use (accounts: {users}, aliases: {aliases}); "
                    "remove them first"
                )
            named = self._rows("SELECT name FROM domains WHERE alias_of = ?", form)
            if named:
                raise DomainInUse(f"the domain {named[0][0]} stands for {form}; remove it first")
            self._rows("DELETE FROM domains WHERE name = ?", form)
        return form

    def _refuse_configured(self, domain: str) -> None:
        if domain in self._lookups.configured_domains:
            raise DomainConfigured(
                f"the domain {domain} stands in the configuration file; change it there"
            )


def check_recipients(text: str) -> None:
    """Refuse what says nothing about the recipients of a relayed domain.

    Raises:
        InvalidName: neither `any`, nor `verify`, nor the name of a table.
    """
    if text in (ANY_RECIPIENT, VERIFIED_RECIPIENT):
        return
    try:
        list(files_of(text))
    except TableMistake as error:
        raise InvalidName(
            f"the recipients of a relayed domain are any, verify or a table: {error}"
        ) from error
