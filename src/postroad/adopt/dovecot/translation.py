"""An existing Dovecot, taken into the plan: every one of its settings, with what becomes of it.

There are two ways to live with it. Usually Postroad only takes Postfix's place: Dovecot goes on to
check passwords and to take mail by LMTP (`Mailboxes.DOVECOT`). Or Postroad takes over the accounts
and the Maildirs too, and Dovecot is left to show them by IMAP (`Mailboxes.POSTROAD`). Nothing of
Dovecot's is changed either way.
"""

from __future__ import annotations

from pathlib import Path

from postroad.adopt.dovecot.accounts import adopt_accounts
from postroad.adopt.dovecot.conf import Fault, Section, read_dovecot
from postroad.adopt.dovecot.mail import adopt_mail
from postroad.adopt.dovecot.newer import in_older_words
from postroad.adopt.dovecot.notes import Mailboxes, Notes
from postroad.adopt.dovecot.sockets import adopt_sockets
from postroad.adopt.dovecot.table import KEPT_SECTIONS, LOGIN_STAYS, kept
from postroad.adopt.finding import Finding, Verdict
from postroad.adopt.old_files import OldFiles
from postroad.adopt.plan import Plan

__all__ = ["MAIN_FILE", "adopt_dovecot"]

MAIN_FILE = "dovecot.conf"

_MECHANISMS = frozenset({"plain", "login"})
"""What Postroad offers of itself, whoever checks the passwords."""


def adopt_dovecot(
    plan: Plan, files: OldFiles, folder: Path, mailboxes: Mailboxes = Mailboxes.DOVECOT
) -> None:
    """Add a Dovecot to the plan.

    Args:
        plan: what Postfix's side has said already, or nothing yet.
        files: the old file system.
        folder: where `dovecot.conf` lies.
        mailboxes: who keeps the mailboxes from now on.
    """
    file = folder / MAIN_FILE
    whole, faults = read_dovecot(files, file)
    for fault in faults:
        plan.find(_of_fault(fault))
    version = whole.values.get("dovecot_config_version")
    if version is not None:
        whole = in_older_words(whole)
    notes = Notes(plan, mailboxes)
    adopt_accounts(notes, files, whole)
    adopt_sockets(notes, files, whole)
    adopt_mail(notes, files, whole)
    _adopt_mechanisms(notes, whole)
    _speak_of_rest(notes, whole)


def _of_fault(fault: Fault) -> Finding:
    words = f"not understood: {fault.words}"
    todo = "put it right and adopt once more; doveconf -n shows what Dovecot makes of it"
    return Finding(
        fault.file, fault.line or None, fault.file.name, "", Verdict.UNSUPPORTED, words, todo
    )


def _adopt_mechanisms(notes: Notes, whole: Section) -> None:
    if "auth_mechanisms" not in whole.values:
        return
    others = sorted(set(whole.text("auth_mechanisms").lower().split()) - _MECHANISMS)
    if not others:
        words = "PLAIN and LOGIN are offered under TLS as it is"
        notes.not_needed(whole, "auth_mechanisms", words)
        return
    words = f"Postroad offers PLAIN and LOGIN; these only Dovecot has: {', '.join(others)}"
    todo = "mail programs that send by them must be set to PLAIN over TLS"
    notes.unsupported(whole, "auth_mechanisms", words, todo, matters=False)


def _speak_of_rest(notes: Notes, whole: Section) -> None:
    """Everything that nobody has spoken of: it stays with Dovecot, or is not known at all."""
    for key in whole.values:
        if notes.spoken_of(whole, key):
            continue
        words = kept(key) or (LOGIN_STAYS if key.startswith("auth_") else None)
        if words is not None:
            notes.not_needed(whole, key, words)
        else:
            words = "nobody here knows this setting; Dovecot stays, and goes on to use it"
            notes.unsupported(whole, key, words, matters=False)
    for outer in whole.sections:
        words = KEPT_SECTIONS.get(outer.kind, "nobody here knows this section; Dovecot stays")
        for section in outer.walk():
            for key in section.values:
                if not notes.spoken_of(section, key):
                    notes.not_needed(section, key, words)
