"""policyd-spf's settings: what it was asked for by Postfix is a restriction here, `check_spf`.

It knows which program a service is, and what its file says; lists of restrictions are not its
business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import NamedTuple

from postroad.adopt.finding import Finding, Verdict
from postroad.adopt.old_files import OldFiles
from postroad.adopt.plan import Plan
from postroad.model.address import is_domain
from postroad.policy import Networks

__all__ = ["RESTRICTION", "adopt_policyd_spf", "is_policyd_spf"]

RESTRICTION = "check_spf"

CONFIGURATION = Path("/etc/postfix-policyd-spf-python/policyd-spf.conf")

_LINE = re.compile(r"([A-Za-z_]+)\s*=\s*([^#]*)")
_PROGRAM = re.compile(r"(?:\S*/)?policyd-spf\Z")

_RESULTS = {
    "fail": "fail",
    "softfail": "softfail",
    "spf_not_pass": "not_pass",
    "null": "null",
    "false": "never",
    "no_check": "never",
}
_NOT_THERE = (
    "domain_whitelist_ptr",
    "helo_pass_restriction",
    "mail_from_pass_restriction",
    "no_mail",
    "per_user",
    "prospective",
    "reject_not_pass_domains",
)
_LOOKS = (
    "authserv_id",
    "debuglevel",
    "header_type",
    "hide_receiver",
    "lookup_time",
    "queueid",
    "reason_message",
    "spf_enhanced_status_codes",
    "void_limit",
    "whitelist_lookup_time",
)


class _Line(NamedTuple):
    name: str
    value: str
    number: int


def is_policyd_spf(command: str) -> bool:
    """Whether a command of master.cf is policyd-spf.

    Args:
        command: what stands behind `argv=`.
    """
    words = command.split()
    return any(_PROGRAM.match(word) for word in words[:2])  # an interpreter may stand before it


def adopt_policyd_spf(plan: Plan, files: OldFiles, command: str) -> None:
    """Plan `[spf]` as its file has it.

    Args:
        plan: of the new installation.
        files: of the old one.
        command: what stood behind `argv=`; it may name the file.
    """
    words = command.split()
    named = Path(words[-1]) if words and words[-1].endswith((".conf", ".cfg")) else CONFIGURATION
    text = files.text(named)
    if text is None:
        return  # its defaults are ours
    place = files.place(named)
    lines = {line.name.lower(): line for line in _lines(text)}
    for key, line in lines.items():
        plan.find(_adopted(plan, place, key, line))
    if "skip_addresses" in lines or "whitelist" in lines:
        plan.set(("spf", "skip_addresses"), _skipped(lines))
    if (test := lines.get("testonly", lines.get("defaultseedonly"))) and test.value == "0":
        plan.set(("spf", "mail_from_reject"), "never")  # it only looked, and refused nobody
        plan.set(("spf", "helo_reject"), "never")


def _skipped(lines: Mapping[str, _Line]) -> list[str]:
    """Both lists as one; where the first is not written, it is this machine."""
    first = lines["skip_addresses"].value if "skip_addresses" in lines else "127.0.0.0/8,::1"
    more = lines["whitelist"].value if "whitelist" in lines else ""
    return _networks(_words(f"{first},{more}"))[0]


def _lines(text: str) -> list[_Line]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        match = _LINE.match(line.strip())
        if match is not None:
            found.append(_Line(match[1], match[2].strip(), number))
    return found


def _adopted(plan: Plan, file: Path, key: str, line: _Line) -> Finding:
    def said(verdict: Verdict, words: str, *, matters: bool = True) -> Finding:
        return Finding(file, line.number, line.name, line.value, verdict, words, matters=matters)

    if key in _LOOKS:
        return said(Verdict.NOT_NEEDED, "replies are the same, fields are written by the border")
    if key in _NOT_THERE:
        off = line.value.lower() in ("", "false", "no", "none")
        words = "SPF is judged without it"
        return said(Verdict.NOT_NEEDED if off else Verdict.UNSUPPORTED, words)
    if key in ("testonly", "defaultseedonly"):
        words = "`[spf] mail_from_reject` and `helo_reject`: it refused nobody"
        return said(Verdict.TRANSLATED, words if line.value == "0" else "it refuses, as here")
    take = _TAKEN.get(key)
    if take is None:
        return said(Verdict.UNSUPPORTED, "no setting of this name", matters=False)
    name, read = take
    value, wrong = read(line.value)
    if wrong:
        return said(Verdict.UNSUPPORTED, wrong)
    if name:
        plan.set(("spf", name), value)
    return said(Verdict.TRANSLATED, f"`[spf] {name or 'skip_addresses'}`")


_Read = Callable[[str], tuple["str | bool | list[str]", str]]


def _result(text: str) -> tuple[str, str]:
    found = _RESULTS.get(text.lower(), "")
    return found, "" if found else f"{text} is no result that it knows"


def _yes(text: str) -> tuple[bool, str]:
    return text.lower() == "true", ""


def _domains(text: str) -> tuple[list[str], str]:
    found = _words(text)
    wrong = [word for word in found if not is_domain(word)]
    return found, f"{wrong[0]} is no domain" if wrong else ""


def _networks(words: list[str]) -> tuple[list[str], str]:
    found, wrong = [], ""
    for word in words:
        try:
            found.append(ip_network(word, strict=False))
        except ValueError:
            wrong = f"{word} is no network"
    joined = Networks(found)
    return [str(each) for each in (*joined.v4, *joined.v6)], wrong


def _addresses(text: str) -> tuple[list[str], str]:
    return _networks(_words(text))


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[,\s]+", text) if word]


_TAKEN: dict[str, tuple[str, _Read]] = {
    "mail_from_reject": ("mail_from_reject", _result),
    "helo_reject": ("helo_reject", _result),
    "permerror_reject": ("permerror_reject", _yes),
    "temperror_defer": ("temperror_defer", _yes),
    "domain_whitelist": ("domain_whitelist", _domains),
    "helo_whitelist": ("helo_whitelist", _domains),
    # Both are one list here, which is planned when all lines are known.
    "skip_addresses": ("", _addresses),
    "whitelist": ("", _addresses),
}
