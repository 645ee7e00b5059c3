"""What Dovecot calls its users, and its variables in the words of Postroad.

An account of Postroad is an address. A user of Dovecot may be a name alone: users of the system
are, and so is everybody where `auth_username_format` takes the domain off. There `%u` is what `%n`
is in Postroad, in paths and queries alike. Reads only the names in passwd-files.
"""

from __future__ import annotations

import re

from postroad.adopt.dovecot.args import args_of
from postroad.adopt.dovecot.conf import Section
from postroad.adopt.old_files import OldFiles

__all__ = ["FORMAT", "SYSTEM_DRIVERS", "DovecotNames", "is_stripped", "is_whole_name", "names_of"]

FORMAT = "%Lu"
"""Dovecot's default of auth_username_format since 2.1."""

SYSTEM_DRIVERS = frozenset({"pam", "passwd", "shadow", "bsdauth"})
"""Whose users have no domain."""

_NAME_ALONE = re.compile(r"%[LT]*(?:n|\{username\})\Z|%[LT]*\{user ?\| ?username.*\}\Z")
_VARIABLE = re.compile(r"%(?:%|([0-9.]*)([A-Z]*)(?:\{(user|username|domain|home)\}|([undh])))")
_LETTER = {"user": "u", "username": "n", "domain": "d", "home": "h"}


class DovecotNames:
    """How a configuration names users.

    Args:
        bare: whether its users are names without a domain.
    """

    def __init__(self, *, bare: bool) -> None:
        self.bare = bare

    def in_path(self, text: str) -> str:
        """A path, with Postroad's variables for the same."""
        return _VARIABLE.sub(self._path_part, text)

    def in_query(self, text: str) -> str:
        """A query, filter or DN; names are in small letters here, so `%Lu` is `%u`."""
        return _VARIABLE.sub(self._query_part, text)

    def _path_part(self, found: re.Match[str]) -> str:
        letter = _letter(found)
        if not letter:
            return found[0]
        if letter == "d" and self.bare:
            return ""  # as Dovecot has it: there is no domain
        return f"%{found[1]}{found[2]}{self._meant(letter)}"

    def _query_part(self, found: re.Match[str]) -> str:
        letter = _letter(found)
        if letter not in ("u", "n", "d") or found[1] or found[2] not in ("", "L"):
            return found[0]
        return f"%{self._meant(letter)}"

    def _meant(self, letter: str) -> str:
        return "n" if self.bare and letter == "u" else letter


def _letter(found: re.Match[str]) -> str:
    return _LETTER.get(found[3] or "", "") or (found[4] or "")


def is_stripped(whole: Section) -> bool:
    """Whether `auth_username_format` takes the domain off every name."""
    return bool(_NAME_ALONE.match(whole.text("auth_username_format", FORMAT)))


def is_whole_name(form: str) -> bool:
    """Whether a format leaves a name its domain."""
    return not _NAME_ALONE.match(form)


def names_of(files: OldFiles, whole: Section) -> DovecotNames:
    """How a configuration names its users."""
    if is_stripped(whole):
        return DovecotNames(bare=True)
    passdbs = [each for each in whole.all("passdb") if each.text("master") != "yes"]
    return DovecotNames(bare=bool(passdbs) and all(_is_bare(files, each) for each in passdbs))


def _is_bare(files: OldFiles, passdb: Section) -> bool:
    driver = passdb.text("driver")
    if driver != "passwd-file":
        return driver in SYSTEM_DRIVERS
    args = args_of(passdb.text("args"))
    if _NAME_ALONE.match(args.options.get("username_format", "%u")):
        return False  # the file is searched by a part; the user keeps the whole name
    lines = (files.text(args.last) or "").splitlines()
    users = [line.partition(":")[0] for line in lines if line and line[0] not in "#:"]
    return bool(users) and not any("@" in user for user in users)
