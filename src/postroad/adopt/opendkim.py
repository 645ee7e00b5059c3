"""OpenDKIM's keys: they sign here as they did there, under the selectors that are published.

`KeyTable` says which keys there are, `SigningTable` which authors they sign for. A table that signs
for whole domains becomes `[dkim]`; what names single users or addresses of clients has no
counterpart, and is reported.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from postroad.adopt.finding import Finding, Verdict
from postroad.adopt.old_files import OldFiles
from postroad.adopt.plan import Plan
from postroad.mailauth.dkim.settings import name_of_domain
from postroad.mailauth.dkim.signing_key import KeyMistake, SigningKey
from postroad.model.address import belongs_to, is_domain

__all__ = ["adopt_opendkim"]

CONFIGURATION = Path("/etc/opendkim.conf")
FOLDER = "dkim"

_AUTHOR = re.compile(r"(?:\*@)?(\.?[A-Za-z0-9._-]+)\Z")


class _Key(NamedTuple):
    """An entry of the key table."""

    name: str
    domain: str
    selector: str
    path: str


class _Settings(NamedTuple):
    file: Path
    found: dict[str, tuple[int, str]]

    def value(self, name: str, default: str = "") -> str:
        return self.found.get(name, (0, default))[1]

    def finding(self, name: str, setting: str, value: str, verdict: Verdict, words: str) -> Finding:
        return Finding(
            self.file, self.found.get(name, (None, ""))[0], setting, value, verdict, words
        )


def adopt_opendkim(plan: Plan, files: OldFiles, file: Path = CONFIGURATION) -> None:
    """Plan `[dkim]` and copies of the keys, if there is an OpenDKIM."""
    text = files.text(file)
    if text is None:
        return
    settings = _Settings(files.place(file), _settings(text))
    if "keytable" in settings.found:
        name, keys = "keytable", list(_key_table(files, settings.value("keytable")))
    elif "keyfile" in settings.found:
        name, keys = "keyfile", [_only_key(settings)]
    else:
        return
    kept: dict[str, str] = {}
    for key in keys:
        words = "`[[dkim.keys]]`"
        finding = settings.finding(name, key.name, key.path, Verdict.TRANSLATED, words)
        if _keep(plan, files, finding, key, len(kept)):
            kept[key.name] = key.domain
    if not kept:
        return
    if "s" not in settings.value("mode", "sv"):
        words = "`[dkim] sign`: it only verified"
        plan.set(("dkim", "sign"), value=False)
        plan.find(
            settings.finding("mode", "Mode", settings.value("mode"), Verdict.TRANSLATED, words)
        )
    _lifetime(plan, settings)
    if "signingtable" in settings.found:
        _signers(plan, files, settings, kept)


def _settings(text: str) -> dict[str, tuple[int, str]]:
    """Names in small letters, each with its line and value (opendkim.conf(5))."""
    found: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#", 1)[0].split(None, 1)
        if len(words) == 2:
            found[words[0].lower()] = (number, words[1].strip())
    return found


def _path(value: str) -> str:
    """The path of `refile:/etc/opendkim/SigningTable` and of a path alone."""
    return value.partition(":")[2] if re.match(r"[a-z]+:/", value) else value


def _entries(files: OldFiles, value: str) -> Iterator[tuple[str, str]]:
    """Keys and values of a table."""
    for line in (files.text(_path(value)) or "").splitlines():
        words = line.split("#", 1)[0].split(None, 1)
        if len(words) == 2:
            yield words[0], words[1].strip()


def _only_key(settings: _Settings) -> _Key:
    """`Domain`, `Selector` and `KeyFile`."""
    domain, selector = settings.value("domain", "default"), settings.value("selector", "default")
    name = f"{selector}._domainkey.{domain}"
    return _Key(name, domain, selector, settings.value("keyfile"))


def _key_table(files: OldFiles, value: str) -> Iterator[_Key]:
    """Entries `NAME DOMAIN:SELECTOR:/path`."""
    for name, said in _entries(files, value):
        domain, _, rest = said.partition(":")
        selector, _, path = rest.partition(":")
        yield _Key(name, domain, selector, path)


def _keep(plan: Plan, files: OldFiles, finding: Finding, key: _Key, number: int) -> bool:
    """Plan one key; says whether it can be used."""
    trouble = _trouble(files, key)
    if trouble:
        unusable = dataclasses.replace(finding, verdict=Verdict.UNSUPPORTED, words=trouble)
        plan.find(dataclasses.replace(unusable, todo="make a new one with `postroad dkim create`"))
        return False
    content = files.octets(key.path)
    assert content is not None, "a key that cannot be read is trouble"
    place = f"{FOLDER}/{key.domain}/{key.selector}.private"
    plan.find(finding)
    copy = plan.keep(place, content, secret=True)
    table = ("dkim", "keys", str(number))
    plan.set((*table, "domain"), key.domain, finding)
    plan.set((*table, "selector"), key.selector)
    plan.set((*table, "file"), str(copy.relative_to(plan.directory)))
    return True


def _trouble(files: OldFiles, key: _Key) -> str:
    """Why a key cannot be used; empty: it can."""
    if "%" in key.domain:
        return "a key for whatever domain the author has is not supported: name the domains"
    if not is_domain(name_of_domain(key.domain)) or not is_domain(key.selector):
        return f"{key.domain}:{key.selector} is no domain and selector"
    content = files.octets(key.path) if key.path.startswith("/") else None
    if content is None:
        return f"the key {key.path} is not there or cannot be read"
    try:
        SigningKey.of(name_of_domain(key.domain), key.selector, content)
    except KeyMistake as mistake:
        return f"the key {key.path} cannot be used: {mistake}"
    return ""


def _lifetime(plan: Plan, settings: _Settings) -> None:
    seconds = settings.value("signaturettl")
    if seconds.isdigit() and int(seconds):
        words = "`[dkim] expiry`"
        finding = settings.finding(
            "signaturettl", "SignatureTTL", seconds, Verdict.TRANSLATED, words
        )
        plan.set(("dkim", "expiry"), int(seconds), plan.find(finding))


def _signers(plan: Plan, files: OldFiles, settings: _Settings, kept: dict[str, str]) -> None:
    """Which authors are signed for by keys of another domain than their own."""
    table = settings.value("signingtable")
    for author, name in _entries(files, table):
        match = _AUTHOR.match(author)
        setting = f"SigningTable: {author}"
        if match is None or name not in kept:
            words = (
                "single authors are not told apart: the whole domain is signed for, if it has keys"
                if name in kept
                else f"there is no key {name} that could be used"
            )
            plan.find(settings.finding("signingtable", setting, name, Verdict.UNSUPPORTED, words))
            continue
        domain = match[1].lstrip(".").lower()
        signer = kept[name].lower()
        words = "the keys of a domain sign for it"
        if not belongs_to(domain, signer):
            words = f'`[dkim.domain."{domain}"] signer`'
            plan.set(("dkim", "domain", domain, "signer"), signer)
        plan.find(settings.finding("signingtable", setting, name, Verdict.TRANSLATED, words))
