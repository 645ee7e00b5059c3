"""dovecot-ldap.conf.ext as a directory of kind `ldap`: the same servers, searched the same."""

from __future__ import annotations

from postroad.adopt.dovecot.conf import Section
from postroad.adopt.dovecot.names import DovecotNames
from postroad.adopt.dovecot.notes import Notes
from postroad.adopt.old_files import OldFiles
from postroad.adopt.plan import KeyPath

__all__ = ["adopt_ldap"]

_SCOPES = {"subtree": "sub", "onelevel": "one", "base": "base"}
_FIELDS = {
    "user": "user",
    "password": "password",
    "home": "home",
    "mail": "mail",
    "uid": "uid",
    "gid": "gid",
    "quota_rule": "quota_rule",
}
"""Dovecot's fields by the names of `[directories.NAME.attributes]`."""

_OWN_CONNECTIONS = frozenset({"ldap_version", "deref", "debug_level", "blocking", "iterate_attrs"})


def adopt_ldap(
    notes: Notes,
    files: OldFiles,
    settings: Section | None,
    section: KeyPath,
    names: DovecotNames,
    *,
    users: bool,
) -> None:
    """Plan the directory.

    Args:
        notes: takes what becomes of each setting.
        files: the old file system.
        settings: what dovecot-ldap.conf.ext says; `None`: it cannot be read.
        section: where the directory stands in the new configuration.
        names: how users are named.
        users: whether it is a userdb too, so that user_filter and user_attrs count.
    """
    if settings is None:
        return
    plan = notes.plan
    plan.set((*section, "kind"), "ldap")
    _servers(notes, settings, section)
    _reader(notes, settings, section)
    if "base" in settings.values:
        finding = notes.translated(settings, "base", "base of the directory")
        plan.set((*section, "base"), names.in_query(settings.text("base")), finding)
    if "tls_ca_cert_file" in settings.values:
        finding = notes.translated(settings, "tls_ca_cert_file", "tls_ca_file of the directory")
        authorities = str(files.place(settings.text("tls_ca_cert_file")))
        plan.set((*section, "tls_ca_file"), authorities, finding)
    scope = settings.text("scope", "subtree")
    if "scope" in settings.values and scope in _SCOPES:
        finding = notes.translated(settings, "scope", "scope of the directory")
        plan.set((*section, "scope"), _SCOPES[scope], finding)
    if settings.text("tls") == "yes":
        finding = notes.translated(settings, "tls", "start_tls of the directory")
        plan.set((*section, "start_tls"), True, finding)
    _accounts(notes, settings, section, names, users=users)
    for key in settings.values:
        if not notes.spoken_of(settings, key):
            _rest(notes, settings, key)


def _servers(notes: Notes, settings: Section, section: KeyPath) -> None:
    urls = settings.text("uris").split()
    key = "uris"
    if not urls:
        key = "hosts"
        urls = [f"ldap://{host}" for host in settings.text("hosts").split()]
    if urls:
        finding = notes.translated(settings, key, "urls of the directory")
        notes.plan.set((*section, "urls"), urls, finding)


def _reader(notes: Notes, settings: Section, section: KeyPath) -> None:
    if "dn" in settings.values:
        finding = notes.translated(settings, "dn", "reader_dn of the directory")
        notes.plan.set((*section, "reader_dn"), settings.text("dn"), finding)
    if "dnpass" in settings.values:
        secret = f"{settings.text('dnpass')}\n".encode()
        kept = notes.plan.keep(f"secrets/{section[-1]}-password", secret, secret=True)
        finding = notes.translated(settings, "dnpass", "password_file of the directory")
        notes.plan.set((*section, "password_file"), str(kept), finding)


_USUAL = {
    "pass_filter": "(&(objectClass=posixAccount)(uid=%u))",
    "user_filter": "(&(objectClass=posixAccount)(uid=%u))",
    "user_attrs": "homeDirectory=home,uidNumber=uid,gidNumber=gid",
}
"""Dovecot's defaults."""


def _accounts(
    notes: Notes, settings: Section, section: KeyPath, names: DovecotNames, *, users: bool
) -> None:
    plan = notes.plan
    binds = settings.text("auth_bind") == "yes"
    by_name = binds and "auth_bind_userdn" in settings.values
    if "auth_bind" in settings.values:
        notes.translated(settings, "auth_bind", "auth_bind or bind_dn of the directory")
    if by_name:
        finding = notes.translated(settings, "auth_bind_userdn", "bind_dn of the directory")
        plan.set((*section, "bind_dn"), names.in_query(settings.text("auth_bind_userdn")), finding)
    elif "auth_bind_userdn" in settings.values:
        notes.not_needed(settings, "auth_bind_userdn", "it is for auth_bind, which is off")
    if binds and not by_name:
        plan.set((*section, "auth_bind"), value=True)
    _filters(notes, settings, section, names, users=users, by_name=by_name)
    _attributes(notes, settings, section, "pass_attrs")
    if users:
        _attributes(notes, settings, section, "user_attrs")
    elif "user_attrs" in settings.values:
        notes.not_needed(settings, "user_attrs", "no userdb asks for them")
    if "default_pass_scheme" in settings.values and not binds:
        scheme = settings.text("default_pass_scheme").upper()
        if scheme not in ("PLAIN", "CLEAR", "CLEARTEXT"):
            words = f"a password without its {{SCHEME}} in front would not be taken as {scheme}"
            notes.unsupported(settings, "default_pass_scheme", words, "use auth_bind = true")


def _filters(
    notes: Notes,
    settings: Section,
    section: KeyPath,
    names: DovecotNames,
    *,
    users: bool,
    by_name: bool,
) -> None:
    """`user_filter`: addresses are asked for more often than logins, so the userdb's goes first."""
    wanted = ["user_filter"] if users else []
    wanted += [] if by_name else ["pass_filter"]
    chosen = next((key for key in wanted if key in settings.values), "")
    if chosen:
        finding = notes.translated(settings, chosen, "user_filter of the directory")
        text = names.in_query(settings.text(chosen))
        notes.plan.set((*section, "user_filter"), text, finding)
    elif wanted:
        notes.plan.set((*section, "user_filter"), names.in_query(_USUAL[wanted[0]]))
    for key in ("pass_filter", "user_filter"):
        if key not in settings.values or key == chosen:
            continue
        if key not in wanted:
            notes.not_needed(settings, key, "nobody asked by it")
        elif settings.text(key) == settings.text(chosen):
            notes.translated(settings, key, "user_filter of the directory, the same")
        else:
            words = "who has an address is who may log in here; Dovecot asked for them apart"
            todo = "let [directories] have two sections, one for logins, or make one filter of both"
            notes.unsupported(settings, key, words, todo)


def _attributes(notes: Notes, settings: Section, section: KeyPath, key: str) -> None:
    """`attribute=field,…`: which attribute says what."""
    if key not in settings.values:
        for pair in _USUAL.get(key, "").split(","):
            attribute, _, field = pair.partition("=")
            if field:
                notes.plan.set((*section, "attributes", _FIELDS[field]), attribute)
        return
    left = []
    finding = notes.translated(settings, key, "attributes of the directory")
    for pair in settings.text(key).split(","):
        attribute, _, field = pair.strip().partition("=")
        field = field.removeprefix("userdb_")
        if attribute and field in _FIELDS:
            path = (*section, "attributes", _FIELDS[field])
            notes.plan.set(path, attribute, finding)
        elif field:
            left.append(pair.strip())
    if left:
        words = f"what these say is not asked for: {', '.join(left)}"
        notes.plan.worsen(finding, words, "see docs/directories.md for what an entry may say")


def _rest(notes: Notes, settings: Section, key: str) -> None:
    if key in _OWN_CONNECTIONS or key.startswith("iterate"):
        notes.not_needed(settings, key, "Postroad has no use for it")
    elif key == "default_pass_scheme":
        notes.not_needed(settings, key, "the server itself checks passwords, or they are plain")
    else:
        notes.unsupported(settings, key, "Postroad does not know it", "see docs/directories.md")
