"""Milters: `smtpd_milters` and what goes with it become `[filters.NAME]`, and lists of listeners.

Each milter is one filter, whoever names it; a listener has those that its service had. An OpenDKIM
whose keys are taken over is left out: mail is signed and verified here, and it would be twice.
"""

from __future__ import annotations

import re
from pathlib import Path

from postroad.adopt.finding import Verdict
from postroad.adopt.opendkim import CONFIGURATION
from postroad.adopt.plan import TomlValue
from postroad.adopt.postfix.installation import OldPostfix
from postroad.adopt.postfix.main_cf import MainCf, words_of
from postroad.adopt.postfix.master_cf import Service
from postroad.filters.milter.negotiation import NEWEST, OLDEST
from postroad.filters.place import Place

__all__ = ["Milters"]

_ACTIONS = {"tempfail": "defer", "accept": "accept", "reject": "reject", "quarantine": "hold"}
_TIMES = {
    "connect_timeout": "connect_timeout",
    "command_timeout": "command_timeout",
    "content_timeout": "timeout",
}
_MACROS = {
    "milter_connect_macros": "connect",
    "milter_helo_macros": "helo",
    "milter_mail_macros": "mail",
    "milter_rcpt_macros": "rcpt",
    "milter_data_macros": "data",
    "milter_end_of_header_macros": "end_of_header",
    "milter_end_of_data_macros": "end_of_message",
    "milter_unknown_command_macros": "unknown_command",
}
_PORTS = {"11332": "rspamd", "8891": "opendkim", "8893": "opendmarc"}
_VERIFIERS = ("opendkim", "opendmarc")
_VERIFIED = (
    "mail is verified here too, and there would be two fields of results: leave this filter out,"
    " or set `[authentication] verify = false`"
)
_NOT_ENDED = '`on_failure = "defer"`: commands are answered 451, and the session is not ended'
_USUAL_TIME = "300s"  # milter_content_timeout's


class Milters:
    """The milters of an old Postfix, and what they are called here."""

    def __init__(self, old: OldPostfix) -> None:
        """None was met yet."""
        self._old = old
        self._names: dict[str, str] = {}
        self._lists: dict[tuple[str, ...], list[str]] = {}
        self._opendkim = _opendkim(old)

    def listener(self, service: Service, main: MainCf, path: tuple[str, ...], preset: str) -> None:
        """Plan those of a listener.

        Args:
            service: the service that it was.
            main: the parameters that held for it.
            path: the listener's.
            preset: what it is built on.
        """
        words = main.words("smtpd_milters")
        if "no_milters" in main.words("receive_override_options"):
            words = []
        chroot = service.chroot is True
        self._lists[path] = self._planned(main, "smtpd_milters", words, chroot=chroot)
        if not self._lists[path]:
            return
        name = main.value("milter_macro_daemon_name")
        usual = "ORIGINATING" if preset != "mx" else main.value("myhostname")
        if name != usual:
            self._old.plan.set((*path, "milter_macro_daemon_name"), name)

    def finish(self) -> None:
        """Plan those of mail that comes by no listener, and say who has which."""
        old = self._old
        words = old.main.words("non_smtpd_milters")
        self._lists[("sendmail",)] = self._planned(
            old.main, "non_smtpd_milters", words, chroot=_is_confined(old)
        )
        everybody = list(self._names.values())
        if not everybody:
            return
        for path, names in self._lists.items():
            if names != everybody:
                old.plan.set((*path, "filters"), list(names))

    def _planned(
        self, main: MainCf, parameter: str, words: list[str], *, chroot: bool
    ) -> list[str]:
        names = []
        for word in words:
            name = self._milter(main, parameter, word, chroot=chroot)
            if name and name not in names:
                names.append(name)
        return names

    def _milter(self, main: MainCf, parameter: str, word: str, *, chroot: bool) -> str:
        """The name of a milter, planned if it is new; empty where there is none of it here."""
        old, written = self._old, main.get(parameter)
        parts = words_of(word.strip().removeprefix("{").removesuffix("}"))
        if word.startswith("{"):
            pairs = [part.strip("{} ").partition("=") for part in parts[1:]]
            options = {key.strip(): value.strip() for key, _, value in pairs}
        else:
            options = {}
        try:
            place = _place(main, parts[0] if parts else "", chroot=chroot)
        except ValueError as error:
            todo = "put its filter in by hand"
            old.note(written, Verdict.UNSUPPORTED, f"{error}", todo)
            return ""
        if place in self._opendkim:
            if written is not None and not old.is_noted(written):
                words = "OpenDKIM is left out: its keys sign here, and signatures are verified here"
                old.note(written, Verdict.NOT_NEEDED, words)
            return ""
        key = f"{place} {sorted(options.items())}"
        if key not in self._names:
            self._names[key] = name = self._free(place)
            todo = _VERIFIED if name.startswith(_VERIFIERS) else ""
            finding = old.note(written, Verdict.TRANSLATED, f"`[filters.{name}]`", todo)
            path = ("filters", name)
            old.plan.set((*path, "kind"), "milter", finding)
            old.plan.set((*path, "socket"), str(place))
            self._settings(main, path, options)
        return self._names[key]

    def _settings(self, main: MainCf, path: tuple[str, ...], options: dict[str, str]) -> None:
        plan = self._old.plan
        action = options.get("default_action") or main.value("milter_default_action")
        action = action.strip().lower()
        if action == "shutdown":
            ordered = main.get("milter_default_action")
            if ordered is not None and not self._old.is_noted(ordered):
                self._old.note(ordered, Verdict.TRANSLATED, _NOT_ENDED)
        chosen = _ACTIONS.get(action, "defer")
        if chosen != "defer":
            plan.set((*path, "on_failure"), chosen)
        for suffix, key in _TIMES.items():
            name = f"milter_{suffix}"
            time = options.get(suffix) or (main.value(name) if main.get(name) else "")
            if time or key == "timeout":
                plan.set((*path, key), _duration(time or _USUAL_TIME))
        version = re.match(r"\d+", options.get("protocol") or main.value("milter_protocol"))
        if version and OLDEST <= int(version[0]) < NEWEST:
            plan.set((*path, "protocol"), int(version[0]))
        for name, stage in _MACROS.items():
            if main.get(name) is not None:
                plan.set((*path, "macros", stage), main.words(name))
        for pair in main.words("milter_macro_defaults"):
            name, _, value = pair.strip("{} ").partition("=")
            macro = name.strip()
            plan.set((*path, "macro_values", macro if len(macro) == 1 else f"{{{macro}}}"), value)
        if main.get("milter_macro_v") is not None:
            plan.set((*path, "macro_values", "v"), main.value("milter_macro_v"))

    def _free(self, place: Place) -> str:
        if place.path:
            stem = Path(place.path).stem
            if stem in ("socket", "sock", "milter", "milter-socket"):
                stem = Path(place.path).parent.name or stem
        else:
            stem = _PORTS.get(str(place.port), f"milter-{place.port}")
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-") or "milter"
        name, count = stem, 1
        while name in self._names.values():
            count += 1
            name = f"{stem}-{count}"
        return name


def _is_confined(old: OldPostfix) -> bool:
    """Whether cleanup, which speaks to the milters of other mail, has the queue as its root."""
    return any(each.chroot is True for each in old.master.services if each.name == "cleanup")


def _place(main: MainCf, word: str, *, chroot: bool) -> Place:
    """Where a milter is; a path is below the queue's directory where its program was."""
    kind, _, rest = word.partition(":")
    if kind in ("unix", "local") and (chroot or not rest.startswith("/")):
        queue = main.value("queue_directory")
        if not rest.startswith(f"{queue}/"):
            rest = f"{queue}/{rest.lstrip('/')}"
        return Place.parse(f"unix:{rest}")
    return Place.parse(word)


def _duration(text: str) -> TomlValue:
    return int(text) if text.isdigit() else text


def _opendkim(old: OldPostfix) -> frozenset[Place]:
    """Where an OpenDKIM listens whose keys are taken over, as it says itself."""
    text = old.files.text(CONFIGURATION)
    if text is None or not re.search(r"(?im)^\s*(keytable|keyfile)\s", text):
        return frozenset()
    places = set()
    for found in re.findall(r"(?im)^\s*socket\s+(\S+)", text):
        try:
            place = Place.parse(found)
        except ValueError:
            continue
        places |= {place}
        if place.host in ("localhost", "127.0.0.1"):
            places |= {Place(host=host, port=place.port) for host in ("localhost", "127.0.0.1")}
    return frozenset(places)
