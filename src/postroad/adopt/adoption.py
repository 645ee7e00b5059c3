"""The whole of an adoption: both old programs read, the new folder written, the report beside it.

With `dry_run` everything is done in a folder that goes away again, so that the report is exactly
the one that the real run would give, the relay proof included.
"""

from __future__ import annotations

import dataclasses
import os
import pwd
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from postroad.adopt.dovecot.domains import settle_domains
from postroad.adopt.dovecot.notes import Mailboxes
from postroad.adopt.dovecot.translation import adopt_dovecot
from postroad.adopt.finding import Finding
from postroad.adopt.old_files import OldFiles
from postroad.adopt.opendkim import adopt_opendkim
from postroad.adopt.plan import Plan
from postroad.adopt.postfix.old_queue import adopt_queue, running
from postroad.adopt.postfix.translation import adopt_postfix
from postroad.adopt.report import report_text
from postroad.adopt.writing import AdoptionMistake, Written, require_empty, write
from postroad.config.installation import FILE_NAME, server_user, usual_state
from postroad.maildrop.folder import DEFAULT

__all__ = ["REPORT_NAME", "Adopted", "Adoption", "adopted"]

REPORT_NAME = "adopt-report.txt"


@dataclass(frozen=True, slots=True)
class Adoption:
    """What is to be done.

    Attributes:
        postfix: the folder of main.cf.
        dovecot: the folder of dovecot.conf; `None`: Dovecot is left out.
        directory: where the new files go.
        state: the new state directory; `None`: where it usually is.
        root: where the old file system's root is.
        mailboxes_here: whether Postroad checks passwords and writes the Maildirs.
        copies: whether tables are copied.
        queue: whether the old queue is taken over.
        dry_run: whether nothing is to be left behind.
    """

    postfix: Path
    directory: Path
    dovecot: Path | None = None
    state: Path | None = None
    root: Path = Path("/")
    mailboxes_here: bool = False
    copies: bool = False
    queue: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Adopted:
    """What was done.

    Attributes:
        written: the new installation; gone again after a dry run.
        findings: what became of each setting.
        messages: how many of the old queue were taken over, or would be.
    """

    written: Written
    findings: Sequence[Finding]
    messages: int


def adopted(wanted: Adoption) -> Adopted:
    """Adopt.

    Raises:
        PostfixMissing: there is no main.cf.
        AdoptionMistake: the new folder is in use, or nothing can be made of the old one.
        OSError: a file cannot be written.
    """
    state = wanted.state or usual_state(wanted.directory)
    require_empty(wanted.directory)
    require_empty(state)
    user = server_user() if os.geteuid() == 0 else None
    if not wanted.dry_run:
        return _adopted(wanted, state, user)
    with _scratch() as folder:
        result = _adopted(
            dataclasses.replace(wanted, directory=folder / "etc"), folder / "state", None
        )
        names = {str(folder / "etc"): str(wanted.directory), str(folder / "state"): str(state)}
        return dataclasses.replace(
            result, findings=[_renamed(finding, names) for finding in result.findings]
        )


def _adopted(wanted: Adoption, state: Path, user: pwd.struct_passwd | None) -> Adopted:
    files = OldFiles(wanted.root)
    plan = Plan(wanted.directory, wanted.copies)
    if wanted.dovecot is not None:
        keeps = Mailboxes.POSTROAD if wanted.mailboxes_here else Mailboxes.DOVECOT
        adopt_dovecot(plan, files, wanted.dovecot, keeps)
    here = wanted.mailboxes_here and wanted.dovecot is not None
    sendmail = (*_sendmail(), *_drop(state))
    # Postfix comes last: where both say something, it was the one that mail went by.
    old = adopt_postfix(plan, files, wanted.postfix, mailboxes_here=here, sendmail=sendmail)
    if here:
        settle_domains(plan, [each.lower() for each in old.main.words("virtual_alias_domains")])
    if wanted.queue and not wanted.dry_run and (pid := running(old)) is not None:
        raise AdoptionMistake(
            f"Postfix runs (process {pid}), and its queue changes meanwhile: stop it first"
        )
    adopt_opendkim(plan, files)
    user = _owner(plan, user, dry_run=wanted.dry_run)
    written = write(plan, state, user)
    report = wanted.directory / REPORT_NAME
    try:
        messages = (
            adopt_queue(old, written.configuration, dry_run=wanted.dry_run) if wanted.queue else 0
        )
        report.write_text(report_text(plan.findings, _heading(wanted)), encoding="utf-8")
        report.chmod(0o640 if user else 0o600)
    except BaseException:
        # Half a queue would be sent twice: by the next run, and by whoever starts this one.
        shutil.rmtree(state, ignore_errors=True)
        shutil.rmtree(wanted.directory, ignore_errors=True)
        raise
    return Adopted(written, tuple(plan.findings), messages)


def _owner(
    plan: Plan, user: pwd.struct_passwd | None, *, dry_run: bool
) -> pwd.struct_passwd | None:
    """Whom root makes the files for: the user that the plan has the server run as."""
    name = plan.get(("user",))
    if not isinstance(name, str):
        return user
    try:
        owner = pwd.getpwnam(name)
    except KeyError:
        setting = plan.drop(("user",))
        plan.drop(("mailbox", "group"))
        if setting is not None and setting.finding is not None:
            words = f"mail belongs to {name}, and there is no such user on this system"
            plan.worsen(setting.finding, words, f"make it, and set user in {FILE_NAME}")
        return user
    return owner if os.geteuid() == 0 and not dry_run else user


def _heading(wanted: Adoption) -> str:
    whose = f"Postfix in {wanted.postfix}"
    if wanted.dovecot is not None:
        whose += f" and Dovecot in {wanted.dovecot}"
    return f"What became of each setting of {whose}."


def _sendmail() -> tuple[str, ...]:
    """The program that takes mail from programs of this machine, with its whole path."""
    beside = Path(sys.executable).parent / "postroad-sendmail"
    found = shutil.which("postroad-sendmail") or (str(beside) if beside.exists() else "")
    return (found,) if found else (sys.executable, "-m", "postroad.cli.sendmail")


def _drop(state: Path) -> tuple[str, ...]:
    """Options that name the drop, which every user can reach; not so the configuration."""
    folder = str(state.absolute() / "maildrop")
    return () if folder == DEFAULT else ("-C", folder)


@contextmanager
def _scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="postroad-adopt-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _renamed(finding: Finding, names: dict[str, str]) -> Finding:
    """A finding of a dry run, as the real run would have it."""
    words, todo, file = finding.words, finding.todo, str(finding.file)
    for scratch, real in names.items():
        words, todo = words.replace(scratch, real), todo.replace(scratch, real)
        file = file.replace(scratch, real)
    return dataclasses.replace(finding, words=words, todo=todo, file=Path(file))
