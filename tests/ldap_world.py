"""A conformance suite's world as entries of an LDAP directory."""

from __future__ import annotations

from base64 import b64encode

from directory_conformance import World
from peers.slapd import BASE, PASSWORD, READER
from postroad.directory import CHEAP
from postroad.directory.names import domain_form
from postroad.directory.passwords.password import hash_password
from sql_world import key, source_key

__all__ = ["BASE", "PASSWORD", "READER", "SETTINGS", "entries_of", "entry"]

SETTINGS = {
    "reader_dn": READER,
    "base": BASE,
    "user_filter": "(&(objectClass=inetOrgPerson)(cn=%u))",
    "alias_filter": "(&(objectClass=organizationalRole)(cn=%s))",
    "domain_filter": "(&(objectClass=domainRelatedObject)(associatedDomain=%d))",
    "attributes": {
        "enabled": "employeeType",
        "quota_rule": "departmentNumber",
        "alias": "description",
    },
}


def entries_of(world: World, *, clear: bool) -> str:
    """LDIF of accounts, aliases and domains.

    Args:
        world: what there is.
        clear: passwords in clear text, for a server that checks them itself.
    """
    written = []
    for name in world.domains:
        domain = domain_form(name)
        written.append(entry(f"ou={domain}", "organizationalUnit domainRelatedObject",
                             ou=[domain], associatedDomain=[domain]))  # fmt: skip
    for name, password in world.users.items():
        in_clear = clear or name in world.clear
        stored = password if in_clear else hash_password(password, CHEAP)
        place = world.places.get(key(name))
        rule = f"*:bytes={place.quota_bytes}:messages={place.quota_messages}" if place else ""
        written.append(
            entry(
                f"cn={key(name).replace('+', chr(92) + '2b')}",
                "inetOrgPerson",
                cn=[key(name)],
                sn=["x"],
                userPassword=[stored],
                employeeType=["FALSE" if name in world.disabled else "TRUE"],
                departmentNumber=[rule] if rule else [],
            )
        )
    for source, targets in world.aliases.items():
        named = source_key(source)
        written.append(entry(f"cn={named}", "organizationalRole", cn=[named], description=targets))
    return "".join(written)


def entry(name: str, classes: str, **attributes: list[str]) -> str:
    """The LDIF of one entry below the base."""
    lines = [_line("dn", f"{name},{BASE}")]
    lines += [_line("objectClass", each) for each in classes.split()]
    lines += [_line(attribute, each) for attribute, values in attributes.items() for each in values]
    return "".join(lines) + "\n"


def _line(name: str, value: str) -> str:
    return f"{name}:: {b64encode(value.encode()).decode()}\n"
