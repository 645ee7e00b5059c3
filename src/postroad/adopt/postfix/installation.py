"""An old Postfix: its two files, and the notes on what became of each of their lines.

All modules that translate a part of Postfix take an `OldPostfix`. They ask it for values, and tell
it what became of a parameter by `note`; what nobody has told anything about is found out at the end
by the table of parameters, so no line is passed over in silence.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field
from pathlib import Path

from postroad.adopt.finding import Finding, Verdict
from postroad.adopt.old_files import OldFiles
from postroad.adopt.plan import Plan
from postroad.adopt.postfix.main_cf import MainCf, Parameter
from postroad.adopt.postfix.master_cf import MasterCf
from postroad.config.installation import InstallationMistake

__all__ = ["OldPostfix", "PostfixMissing", "read_postfix"]

_SECRET = re.compile(r"(_password|_passwd|_pw|_secret)\Z")
"""Parameters of databases, `NAME_password`, whose value no report repeats."""

_INLINE_PASSWORDS = re.compile(r"sasl_password_maps\Z")


class PostfixMissing(InstallationMistake):
    """There is no Postfix to read. The text is one line for the operator."""


@dataclass(slots=True)
class OldPostfix:
    """What is read, and what is to be made of it.

    Attributes:
        files: where everything is read from.
        folder: the folder of main.cf.
        main: main.cf.
        master: master.cf.
        plan: the new installation.
    """

    files: OldFiles
    folder: Path
    main: MainCf
    master: MasterCf
    plan: Plan
    _noted: set[tuple[str, str]] = field(default_factory=set)

    @property
    def queue(self) -> str:
        """The queue's directory, where relative sockets are."""
        return self.main.value("queue_directory") or "/var/spool/postfix"

    def in_queue(self, path: str) -> str:
        """The whole path of a socket or file that Postfix names from its queue's directory."""
        whole = path if path.startswith("/") else f"{self.queue}/{path}"
        return str(self.files.place(whole))

    def note(
        self,
        parameter: Parameter | None,
        verdict: Verdict,
        words: str,
        todo: str = "",
        *,
        matters: bool = True,
        value: str | None = None,
    ) -> Finding:
        """Say what became of a parameter.

        Args:
            parameter: which one; `None`: one that nobody wrote (a default), which is not reported.
            verdict: what became of it.
            words: in words.
            todo: what is left to do.
            matters: whether a lack matters.
            value: what is shown of it, if not all.
        """
        finding = self.finding(parameter, verdict, words, todo=todo, matters=matters, value=value)
        if parameter is not None:
            self._noted.add((parameter.service, parameter.name))
            self.plan.find(finding)
        return finding

    def finding(
        self,
        parameter: Parameter | None,
        verdict: Verdict,
        words: str,
        *,
        todo: str = "",
        matters: bool = True,
        value: str | None = None,
    ) -> Finding:
        """The finding that `note` notes."""
        if parameter is None:
            return Finding(self.main.file, None, "", "", verdict, words, todo, matters)
        name = f"{parameter.service}: {parameter.name}" if parameter.service else parameter.name
        shown = _shown(parameter) if value is None else value
        return Finding(parameter.file, parameter.line, name, shown, verdict, words, todo, matters)

    def translated(self, name: str, words: str, todo: str = "") -> Finding | None:
        """Note a parameter of main.cf as translated, if somebody wrote it."""
        parameter = self.main.get(name)
        if parameter is None:
            return None
        return self.note(parameter, Verdict.TRANSLATED, words, todo)

    def missing(self, name: str, words: str, todo: str = "", *, matters: bool = True) -> None:
        """Note a parameter of main.cf as not supported, if somebody wrote it."""
        parameter = self.main.get(name)
        if parameter is not None:
            self.note(parameter, Verdict.UNSUPPORTED, words, todo, matters=matters)

    def uses(self, name: str) -> bool:
        """Whether somebody wrote `$name` anywhere."""
        texts = [each.text for each in self.main.written]
        for service in self.master.services:
            texts += [each.text for each in service.options.values()]
            texts += service.arguments
        return re.search(rf"\$[({{]?{re.escape(name)}\b", "\n".join(texts)) is not None

    def is_noted(self, parameter: Parameter) -> bool:
        """Whether somebody has said what became of it."""
        return (parameter.service, parameter.name) in self._noted


def _shown(parameter: Parameter) -> str:
    """The value as a report repeats it: on one line, and never a password."""
    shown = " ".join(parameter.text.split())
    inline = _INLINE_PASSWORDS.search(parameter.name) and re.search(r"(inline|static):", shown)
    return "…" if inline or _SECRET.search(parameter.name) else shown


def read_postfix(files: OldFiles, folder: Path, plan: Plan) -> OldPostfix:
    """Read main.cf and master.cf.

    Raises:
        PostfixMissing: there is no main.cf to read.
    """
    main_file, master_file = folder / "main.cf", folder / "master.cf"
    text = files.text(main_file)
    if text is None:
        words = f"{files.place(main_file)} cannot be read; name Postfix's folder"
        if files.root != Path("/"):
            words += f" as the old system has it, such as /etc/postfix: it is below {files.root}"
        raise PostfixMissing(words)
    shown = files.place(folder)
    own = {"config_directory": str(folder)}
    main = MainCf.read(shown / "main.cf", text, own)
    if main.get("myhostname") is None:
        own["myhostname"] = _own_name(files, main.value("mydomain"))
    # Without mydomain it is what follows the first dot of myhostname (postconf(5)).
    main = MainCf.read(shown / "main.cf", text, own)
    host, dot, parent = main.value("myhostname").partition(".")
    own["mydomain"] = parent if dot and host else "localdomain"
    main = MainCf.read(shown / "main.cf", text, own)
    master = MasterCf.read(shown / "master.cf", files.text(master_file) or "")
    old = OldPostfix(files, folder, main, master, plan)
    for place, found in ((main.file, main), (shown / "master.cf", master)):
        for line, words in found.mistakes:
            plan.find(
                Finding(place, line, "", "", Verdict.UNSUPPORTED, f"Postfix cannot read: {words}")
            )
    return old


def _own_name(files: OldFiles, domain: str) -> str:
    """What the machine is called: its /etc/hostname, or what the system says."""
    name = (files.text("/etc/hostname") or "").strip() or socket.gethostname()
    return name if "." in name or not domain else f"{name}.{domain}"
