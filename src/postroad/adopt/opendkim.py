"""OpenDKIM's keys: kept in the new folder until Postroad signs by itself.

Postroad does not sign. The private keys are copied with the tables that say which key is for whom,
so that nothing has to be looked for, and no new key has to be published, on the day that it does.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from postroad.adopt.finding import Finding, Verdict
from postroad.adopt.old_files import OldFiles
from postroad.adopt.plan import Plan

__all__ = ["adopt_opendkim"]

CONFIGURATION = Path("/etc/opendkim.conf")
FOLDER = "dkim"

_TODO = "let a Postfix with OpenDKIM, or the smarthost, sign until then"
_WORDS = "kept for when Postroad signs; until then its mail leaves without a DKIM signature"


def adopt_opendkim(plan: Plan, files: OldFiles, file: Path = CONFIGURATION) -> None:
    """Plan copies of keys and of the tables that name them, if there is an OpenDKIM."""
    text = files.text(file)
    if text is None:
        return
    settings = _settings(text)
    keys: list[tuple[str, str]] = []
    if "keyfile" in settings:
        path = settings["keyfile"][1]
        name = settings.get("domain", (0, "default"))[1]
        selector = settings.get("selector", (0, "default"))[1]
        keys.append((f"{selector}._domainkey.{name}", f"{name}:{selector}:{path}"))
    if "keytable" in settings:
        keys += _key_table(files, settings["keytable"][1])
    line = settings.get("keytable", settings.get("keyfile", (0, "")))[0]
    for name, value in keys:
        origin = Finding(files.place(file), line, name, "", Verdict.UNSUPPORTED, _WORDS, _TODO)
        _keep(plan, files, origin, value)
    for table in ("keytable", "signingtable"):
        if table in settings:
            path = _path(settings[table][1])
            content = files.octets(path)
            if content is not None:
                plan.keep(f"{FOLDER}/{table}", content)


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


def _key_table(files: OldFiles, value: str) -> list[tuple[str, str]]:
    """Entries `NAME DOMAIN:SELECTOR:/path`."""
    found = []
    for line in (files.text(_path(value)) or "").splitlines():
        words = line.split("#", 1)[0].split(None, 1)
        if len(words) == 2:
            found.append((words[0], words[1].strip()))
    return found


def _keep(plan: Plan, files: OldFiles, origin: Finding, value: str) -> None:
    domain, _, rest = value.partition(":")
    selector, _, path = rest.partition(":")
    content = files.octets(path) if path.startswith("/") else None
    named = "/" not in domain + selector and ".." not in (domain, selector)
    if content is None or not named:
        words = f"the key {path or value} is not there or cannot be read"
        plan.find(dataclasses.replace(origin, words=words, todo="copy it by hand"))
        return
    plan.keep(f"{FOLDER}/{domain}/{selector}.private", content, secret=True)
    plan.find(dataclasses.replace(origin, value=path))
