"""A conformance suite's world in tables of a database, and the chain that asks them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from directory_conformance import World
from postroad.directory import CHEAP, DirectoryEditor, DirectorySettings, EmbeddedDirectory
from postroad.directory.backend import Backend, SenderRules
from postroad.directory.chain import Chain
from postroad.directory.links import Link, Plan
from postroad.directory.names import address_form, domain_form
from postroad.directory.passwords.password import hash_password
from postroad.directory.recalled import RecalledBackend
from postroad.model import Address

SCHEMA = """
CREATE TABLE domains (name VARCHAR(100));
CREATE TABLE users (email VARCHAR(100), password VARCHAR(300), enabled INTEGER,
  home VARCHAR(100), quota_rule VARCHAR(100), nologin VARCHAR(1));
CREATE TABLE aliases (id INTEGER, source VARCHAR(100), destination VARCHAR(300));
CREATE TABLE senders (address VARCHAR(100), login VARCHAR(100));
"""

QUERIES = {
    "domain_query": "SELECT 1 FROM domains WHERE name='%s'",
    "user_query": "SELECT email AS user, password, enabled, quota_rule FROM users WHERE email='%u'",
    "alias_query": "SELECT destination FROM aliases WHERE source='%s' ORDER BY id",
}


def rows_of(world: World) -> str:
    """The statements that fill the tables."""
    lines = [f"INSERT INTO domains VALUES ({quoted(domain_form(name))});" for name in world.domains]
    for name, password in world.users.items():
        stored = f"{{PLAIN}}{password}" if name in world.clear else hash_password(password, CHEAP)
        place = world.places.get(key(name))
        rule = f"*:bytes={place.quota_bytes}:messages={place.quota_messages}" if place else ""
        enabled = 0 if name in world.disabled else 1
        values = f"{quoted(key(name))}, {quoted(stored)}, {enabled}, '', {quoted(rule)}, NULL"
        lines.append(f"INSERT INTO users VALUES ({values});")
    number = 0
    for source, targets in world.aliases.items():
        for target in targets:
            number += 1
            values = f"{number}, {quoted(source_key(source))}, {quoted(target)}"
            lines.append(f"INSERT INTO aliases VALUES ({values});")
    return "\n".join(lines)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def key(name: str) -> str:
    return str(address_form(Address.parse(name)))


def source_key(source: str) -> str:
    return f"@{domain_form(source[1:])}" if source.startswith("@") else key(source)


def embedded_beside(
    folder: Path, exits: AsyncExitStack, users: Mapping[str, str] | None = None
) -> EmbeddedDirectory:
    """An embedded directory, as it stands beside others; without users, but for those given."""
    path = folder / "directory.db"
    editor = DirectoryEditor.open(path, domains=(), profile=CHEAP)
    for name, password in (users or {}).items():
        editor.add_domain(name.rpartition("@")[2])
        editor.add_user(name, password)
    editor.close()
    embedded = EmbeddedDirectory.open(
        path,
        domains=(),
        settings=DirectorySettings(rehash=False),
        clock=lambda: 0.0,
        profile=CHEAP,
    )
    exits.callback(embedded.close)
    return embedded


def chained(
    backend: Backend,
    folder: Path,
    exits: AsyncExitStack,
    *,
    plan: Plan | None = None,
    senders: SenderRules | None = None,
) -> Chain:
    """The chain of an empty embedded directory and one other, as a server has it."""
    recalled = RecalledBackend(backend, seconds=10, negative=2, clock=lambda: 0.0)
    exits.push_async_callback(backend.close)
    exits.push_async_callback(recalled.close)
    usual = Plan(first_domain="example.org", postmaster=Address("john", "example.org"))
    return Chain(
        embedded_beside(folder, exits), [Link("other", recalled, senders=senders)], plan or usual
    )
