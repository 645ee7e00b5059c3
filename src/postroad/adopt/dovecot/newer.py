"""Dovecot 2.4's configuration in the words of 2.3, which everything behind this understands.

2.4 has named sections where 2.3 had files and `args` (`passdb passwd-file { passwd_file_path = …
}`), a section for each connection of SQL, lists as sections (`mail_plugins { quota = yes }`),
`mail_path` for `mail_location`, and variables as pipes (`%{user | domain}`). Each value keeps its
place and its name in the file, so that a report speaks of what the operator wrote. What has no
counterpart stays as it is, and is reported by whoever finds it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace

from postroad.adopt.dovecot.conf import Section, Value

__all__ = ["PARAMETERS", "in_older_words", "older_variables"]

PARAMETERS = "parameters"
"""The kind of the section, within a passdb or userdb, that holds what 2.3 has in its own file."""

_LISTS = frozenset({"protocols", "mail_plugins", "auth_mechanisms", "mail_access_groups"})
"""Sections that are lists of words."""

_VARIABLE = re.compile(r"%\{\s*(user|home)\s*((?:\|\s*\w+\s*)*)\}")
_LETTERS = {"": "u", "username": "n", "domain": "d"}
_CONNECTIONS = ("mysql", "pgsql")
_LDAP = {
    "ldap_uris": "uris",
    "ldap_auth_dn": "dn",
    "ldap_auth_dn_password": "dnpass",
    "ldap_base": "base",
    "ldap_scope": "scope",
    "ldap_starttls": "tls",
    "ldap_version": "ldap_version",
    "ldap_deref": "deref",
    "ldap_debug_level": "debug_level",
}
_RENAMED = {"auth_default_domain": "auth_default_realm"}
_LOCATION = {"mail_inbox_path": "INBOX", "mail_control_path": "CONTROL", "mail_index_path": "INDEX"}
_QUOTA = {"storage_size": "bytes", "message_count": "messages"}
_FIELD = re.compile(r"%\{\s*ldap:([\w;-]+)\s*\}\Z")


def in_older_words(whole: Section) -> Section:
    """The same configuration as 2.3 would have it; the given one is not changed."""
    new = _copied(whole)
    _rename(new)
    for namespace in (new, *new.all("namespace")):
        _location(namespace, "location" if namespace.kind else "mail_location")
    _quota(new)
    sources = [each for each in new.sections if each.kind in ("passdb", "userdb")]
    for section in sources:
        _strip(section)
    for section in sources:
        _READERS.get(section.text("driver"), _plain)(new, section)
    for section in sources:
        if section.one(PARAMETERS) is not None:
            for key in ("query", "filter"):
                section.values.pop(key, None)
            section.sections = [each for each in section.sections if each.kind != "fields"]
    taken = {key for key in new.values if key.startswith(("sql_", "sqlite_", "ldap_"))}
    if any(section.one(PARAMETERS) is not None for section in sources):
        for key in taken:
            del new.values[key]
        new.sections = [each for each in new.sections if each.kind not in _CONNECTIONS]
    return new


def older_variables(text: str) -> str:
    """`%{user | username | lower}` as `%Ln`; what has no such form stays."""

    def older(found: re.Match[str]) -> str:
        filters = found[2].replace("|", " ").split()
        lower = "L" if "lower" in filters else ""
        part = " ".join(each for each in filters if each != "lower")
        if found[1] == "home":
            return found[0] if filters else "%h"
        return f"%{lower}{_LETTERS[part]}" if part in _LETTERS else found[0]

    return _VARIABLE.sub(older, text)


def _copied(section: Section) -> Section:
    """The section with older variables, and its lists as values."""
    new = Section(section.kind, section.name, section.file, section.line)
    for key, value in section.values.items():
        text = value.text if value.is_file else older_variables(value.text)
        new.values[key] = replace(value, text=text)
    for child in section.sections:
        if child.kind in _LISTS and not child.name:
            words = [key for key, value in child.values.items() if value.text == "yes"]
            before = new.values.get(child.kind)
            listed = [*(before.text.split() if before else []), *words]
            new.values[child.kind] = Value(" ".join(listed), child.file, child.line)
        else:
            new.sections.append(_copied(child))
    return new


def _rename(new: Section) -> None:
    for key, older in _RENAMED.items():
        if key in new.values:
            new.values[older] = replace(new.values.pop(key), written=key)


def _location(section: Section, key: str) -> None:
    """`mail_driver`, `mail_path` and their kin as one `mail_location`."""
    path = section.values.pop("mail_path", None)
    if path is None:
        return
    driver = section.text("mail_driver", "maildir" if section.kind else "")
    options = [
        f":{option}={section.text(each)}"
        for each, option in _LOCATION.items()
        if each in section.values
    ]
    text = f"{driver}:{path.text}" if driver else path.text
    section.values[key] = replace(path, text=text + "".join(options), written="mail_path")


def _quota(new: Section) -> None:
    """`quota "User quota" { storage_size = 1G }` as settings of `plugin`."""
    roots = new.all("quota")
    if not roots:
        return
    plugin = Section("plugin", "", roots[0].file, roots[0].line)
    for number, root in enumerate(roots):
        _strip(root, driver="")
        at = Value("", root.file, root.line)
        suffix = str(number + 1) if number else ""
        driver = root.values.pop("driver", None)
        name = f"quota{suffix}"
        kind = driver.text if driver else "count"
        plugin.values[name] = replace(at, text=f"{kind}:{root.name}", written=f"quota {root.name}")
        limits = {key: root.values.pop(key) for key in _QUOTA if key in root.values}
        if limits:
            rule = ":".join(f"{_QUOTA[key]}={value.text}" for key, value in limits.items())
            first = next(iter(limits.values()))
            written = f"quota {root.name}: {', '.join(limits)}"
            plugin.values[f"quota_rule{suffix}" if not suffix else f"{name}_rule"] = replace(
                first, text=f"*:{rule}", written=written
            )
        grace = root.values.pop("storage_grace", None)
        if grace is not None:
            plugin.values[f"{name}_grace"] = replace(grace, written="quota_storage_grace")
    new.sections.append(plugin)


# passdb and userdb --------------------------------------------------------------------------------


def _strip(section: Section, *, driver: str | None = None) -> None:
    """Take off the prefixes that 2.4 lets one leave out; the driver is the name, if none is set."""
    name = section.name.replace("-", "_")
    kind = section.text("driver") or section.text(f"{section.kind}_driver") or section.name
    prefixes = [f"{section.kind}_{kind.replace('-', '_')}_", f"{section.kind}_"]
    prefixes += [f"{kind.replace('-', '_')}_"] if kind not in ("sql", "ldap") else []
    values: dict[str, Value] = {}
    for key, value in section.values.items():
        short = next((key[len(each) :] for each in prefixes if key.startswith(each)), key)
        if key in (f"{kind}_query", f"{kind}_filter", f"{kind}_bind", f"{kind}_bind_userdn"):
            short = key.removeprefix(f"{kind}_")
        values[short] = replace(value, written=key)
    section.values = values
    if driver is None and "driver" not in values and name:
        section.values["driver"] = Value(section.name, section.file, section.line)


def _plain(_: Section, section: Section) -> None:
    """A driver without a counterpart: its fields are said, and nothing else is done."""
    _fields_left(section)


def _fields_left(section: Section) -> None:
    """`fields { … }` as 2.3's `default_fields`, which nobody here takes over."""
    for fields in section.all("fields"):
        words = " ".join(f"{key}={value.text}" for key, value in fields.values.items())
        section.values["default_fields"] = Value(words, fields.file, fields.line, written="fields")
    section.sections = [each for each in section.sections if each.kind != "fields"]


def _passwd_file(whole: Section, section: Section) -> None:
    path = section.values.pop("path", None) or whole.values.get("passwd_file_path")
    scheme = section.values.pop("default_password_scheme", None)
    form = section.values.pop("auth_username_format", None)
    _fields_left(section)
    if path is None:
        return
    words = [f"scheme={scheme.text}"] if scheme else []
    words += [f"username_format={form.text}"] if form else []
    args = " ".join(shlex.quote(each) for each in (*words, path.text))
    section.values["args"] = replace(path, text=args, written="passwd_file_path")


def _pam(_: Section, section: Section) -> None:
    service = section.values.pop("service_name", None)
    section.values.pop("session", None)
    _fields_left(section)
    if service is not None:
        section.values["args"] = replace(service, text=shlex.quote(service.text))


def _static(_: Section, section: Section) -> None:
    """Of a userdb: `fields { uid = vmail; home = … }` as `args`."""
    if section.kind != "userdb":
        return
    fields = section.one("fields")
    values = dict(fields.values) if fields is not None else {}
    path, driver = values.pop("mail_path", None), values.pop("mail_driver", None)
    if path is not None:
        kind = driver.text if driver else "maildir"
        values["mail"] = replace(path, text=f"{kind}:{path.text}")
    words = [shlex.quote(f"{key}={value.text}") for key, value in values.items()]
    at = fields or section
    section.values["args"] = Value(" ".join(words), at.file, at.line, written="fields")
    section.sections = [each for each in section.sections if each.kind != "fields"]


def _sql(whole: Section, section: Section) -> None:
    made = Section(PARAMETERS, "", section.file, section.line)
    driver = section.values.pop("sql_driver", None) or whole.values.get("sql_driver")
    if driver is not None:
        made.values["driver"] = replace(driver, written="sql_driver")
    blocks = [each for each in (*section.sections, *whole.sections) if each.kind in _CONNECTIONS]
    blocks = [each for each in blocks if driver is None or each.kind == driver.text]
    file = section.values.pop("sqlite_path", None) or whole.values.get("sqlite_path")
    if file is not None:
        made.values["connect"] = replace(file, written="sqlite_path")
    elif blocks:
        # The words themselves are in the sections: a password may hold blanks.
        block = blocks[0]
        made.values["connect"] = Value("", block.file, block.line, written=block.kind)
        made.sections = [_connection(each) for each in blocks]
    section.sections = [each for each in section.sections if each.kind not in _CONNECTIONS]
    queries = {"passdb": "password_query", "userdb": "user_query"}
    for kind, key in queries.items():
        source = section if section.kind == kind else _sibling(whole, kind, "sql")
        query = source.values.get("query") if source is not None else None
        if query is not None:
            made.values[key] = replace(query, written="query")
    for key, older in (
        ("default_password_scheme", "default_pass_scheme"),
        ("iterate_query", "iterate_query"),
    ):
        value = section.values.pop(key, None)
        if value is not None:
            made.values[older] = replace(value, written=key)
    _fields_left(section)
    section.sections.append(made)


def _connection(block: Section) -> Section:
    """A connection with its words by their short names; its own name is the host without one."""
    made = Section(block.kind, block.name, block.file, block.line)
    for source in (block, *block.all("parameters"), *block.all(f"{block.kind}_parameters")):
        for key, value in source.values.items():
            made.values[key.removeprefix(f"{block.kind}_")] = replace(value, written=key)
    if block.name and "host" not in made.values and "hostaddr" not in made.values:
        host = Value(block.name, block.file, block.line)
        made.values = {"host": host, **made.values}
    return made


def _ldap(whole: Section, section: Section) -> None:
    made = Section(PARAMETERS, "", section.file, section.line)
    for key, older in _LDAP.items():
        value = section.values.pop(key, None) or whole.values.get(key)
        if value is not None:
            text = "yes" if older == "tls" and value.text == "yes" else value.text
            made.values[older] = replace(value, text=text, written=key)
    authorities = whole.values.get("ssl_client_ca_file")
    if authorities is not None:
        made.values["tls_ca_cert_file"] = replace(authorities, written="ssl_client_ca_file")
    for kind, name in (("passdb", "pass"), ("userdb", "user")):
        source = section if section.kind == kind else _sibling(whole, kind, "ldap")
        if source is None:
            continue
        if "filter" in source.values:
            made.values[f"{name}_filter"] = replace(source.values["filter"], written="filter")
        attributes = ",".join(_attributes(source.one("fields")))
        made.values[f"{name}_attrs"] = Value(
            attributes, source.file, source.line, written=f"{kind} ldap: fields"
        )
    for key, older in (
        ("bind", "auth_bind"),
        ("bind_userdn", "auth_bind_userdn"),
        ("default_password_scheme", "default_pass_scheme"),
    ):
        value = section.values.pop(key, None)
        if value is not None:
            made.values[older] = replace(value, written=key)
    section.sections.append(made)


def _attributes(fields: Section | None) -> list[str]:
    """`home = %{ldap:homeDirectory}` as `homeDirectory=home`."""
    words = []
    for key, value in (fields.values if fields is not None else {}).items():
        found = _FIELD.match(value.text)
        # What is made of several attributes, or of none, has no form there: it is said to be left.
        plain = value.text.replace(",", " ").replace("=", " ")
        words.append(f"{found[1]}={key}" if found else f"{plain}=what {key} is made of")
    return words


def _sibling(whole: Section, kind: str, driver: str) -> Section | None:
    return next((each for each in whole.all(kind) if each.text("driver") == driver), None)


_READERS: Mapping[str, Callable[[Section, Section], None]] = {
    "passwd-file": _passwd_file,
    "pam": _pam,
    "static": _static,
    "sql": _sql,
    "ldap": _ldap,
}
