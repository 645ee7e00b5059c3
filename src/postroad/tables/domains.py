"""The parameter `domain` of tables that ask a server: which keys they are asked for at all."""

from __future__ import annotations

from postroad.tables.table import Table

__all__ = ["in_domains"]


async def in_domains(domains: Table | None, key: str) -> bool:
    """Whether a key is asked for (mysql_table(5)): with domains, only whole addresses in them.

    Args:
        domains: a table whose keys are the domains; `None` for all, and whatever is no address.
        key: in lower case.

    Raises:
        TableUnavailable: the table of domains cannot answer.
    """
    if domains is None:
        return True
    user, _, domain = key.rpartition("@")
    return bool(user and domain) and await domains.find(domain) is not None
