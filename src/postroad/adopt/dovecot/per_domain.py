"""Passwd-files of which each domain has its own, `/etc/dovecot/%d/passwd`.

A directory of Postroad has one file, so each domain gets a directory. Which ones there are is seen
from the files that are there now; the report says what to do for a new domain.
"""

from __future__ import annotations

import re

from postroad.adopt.old_files import OldFiles

__all__ = ["MOST_DOMAINS", "files_by_domain", "is_per_domain"]

MOST_DOMAINS = 1000
"""Directories that a configuration may get this way; more belong into a database."""

_DOMAIN = re.compile(r"%L?(?:d|\{domain\})")
_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\Z")


def is_per_domain(path: str) -> bool:
    """Whether the domain is the only variable of a path."""
    return bool(_DOMAIN.search(path)) and "%" not in _DOMAIN.sub("", path)


def files_by_domain(files: OldFiles, path: str) -> dict[str, str]:
    """The files that are there, by domain.

    Args:
        files: the old file system.
        path: with `%d` in it once or several times.
    """
    if not is_per_domain(path):
        return {}
    before, _, rest = _DOMAIN.sub("\0", path).partition("\0")
    folder, _, head = before.rpartition("/")
    tail = rest.partition("/")[0].partition("\0")[0]  # of the file's or folder's own name
    found: dict[str, str] = {}
    for entry in files.listing(folder or "/"):
        name = entry.name
        if not (name.startswith(head) and name.endswith(tail)):
            continue
        domain = name[len(head) : len(name) - len(tail)]
        whole = _DOMAIN.sub(lambda _, domain=domain: domain, path)  # type: ignore[misc]
        if _NAME.match(domain) and files.octets(whole) is not None:
            found[domain.lower()] = whole
    return dict(list(found.items())[:MOST_DOMAINS])
