"""Changes to the list of our domains, besides those of the configuration."""

from __future__ import annotations

from postroad.directory.editing import Editing
from postroad.directory.entry import DomainEntry, parse_domain
from postroad.directory.mistake import DomainConfigured, DomainExists, DomainInUse, UnknownDomain

__all__ = ["DomainEditing"]


class DomainEditing(Editing):
    """Lists, adds and removes domains."""

    def domains(self) -> tuple[DomainEntry, ...]:
        """All our domains: those of the configuration first, then by name."""
        configured = self._lookups.configured_domains
        with self._translated():
            rows = self._rows("SELECT name FROM domains ORDER BY name")
        own = [str(row[0]) for row in rows if row[0] not in configured]
        return (
            *(DomainEntry(name, configured=True) for name in configured),
            *(DomainEntry(name, configured=False) for name in own),
        )

    def add_domain(self, domain: str) -> str:
        """Make a domain ours and return the form it is kept in (an A-label).

        Raises:
            InvalidName: it is no domain name.
            DomainConfigured, DomainExists: it is ours already.
        """
        form = parse_domain(domain)
        self._refuse_configured(form)
        with self._change():
            if self._rows("SELECT 1 FROM domains WHERE name = ?", form):
                raise DomainExists(f"the domain {form} is there already")
            self._rows("INSERT INTO domains (name) VALUES (?)", form)
        return form

    def remove_domain(self, domain: str) -> str:
        """Let a domain go and return the form it was kept in.

        Raises:
            DomainConfigured: it is removed from the configuration file, not here.
            UnknownDomain: it is not in the directory.
            DomainInUse: accounts or aliases of it are left.
        """
        form = parse_domain(domain)
        self._refuse_configured(form)
        with self._change():
            if not self._rows("SELECT 1 FROM domains WHERE name = ?", form):
                raise UnknownDomain(f"there is no domain {form} in the directory")
            users = self._count("SELECT count(*) FROM users WHERE domain = ?", form)
            aliases = self._count(
                "SELECT count(DISTINCT source) FROM aliases WHERE domain = ?", form
            )
            if users or aliases:
                raise DomainInUse(
                    f"the domain {form} is in use (accounts: {users}, aliases: {aliases}); "
                    "remove them first"
                )
            self._rows("DELETE FROM domains WHERE name = ?", form)
        return form

    def _refuse_configured(self, domain: str) -> None:
        if domain in self._lookups.configured_domains:
            raise DomainConfigured(
                f"the domain {domain} stands in the configuration file; change it there"
            )
