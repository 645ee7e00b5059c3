"""The Postfix half: main.cf and master.cf into a plan, part by part."""

from __future__ import annotations

from pathlib import Path

from postroad.adopt.finding import Finding, Verdict
from postroad.adopt.old_files import OldFiles
from postroad.adopt.plan import Plan
from postroad.adopt.postfix.certificates import translate_certificates
from postroad.adopt.postfix.delivery import translate_delivery
from postroad.adopt.postfix.domains import translate_domains
from postroad.adopt.postfix.handed_in import translate_handed_in
from postroad.adopt.postfix.installation import OldPostfix, read_postfix
from postroad.adopt.postfix.listeners import translate_listeners
from postroad.adopt.postfix.logins import translate_logins
from postroad.adopt.postfix.outbound import translate_outbound
from postroad.adopt.postfix.settings import translate_rates, translate_rest, translate_settings
from postroad.adopt.postfix.transports import BUILT_IN, translate_services

__all__ = ["adopt_postfix"]


def adopt_postfix(
    plan: Plan,
    files: OldFiles,
    folder: Path,
    *,
    mailboxes_here: bool = False,
    sendmail: tuple[str, ...] = ("postroad-sendmail",),
) -> OldPostfix:
    """Add a Postfix to the plan.

    Args:
        plan: what Dovecot's side has said already, or nothing yet.
        files: the old file system.
        folder: where main.cf and master.cf lie.
        mailboxes_here: whether Postroad checks passwords and writes Maildirs by itself.
        sendmail: the command that takes mail from programs of this machine.

    Returns:
        What was read, for whoever wants to know more of it.

    Raises:
        PostfixMissing: there is no main.cf.
    """
    old = read_postfix(files, folder, plan)
    _hostname(old)
    domains = translate_domains(old)
    translate_certificates(old)
    listeners = translate_listeners(old)
    translate_logins(old, mailboxes_here=mailboxes_here)
    translate_outbound(old)
    translate_settings(old)
    translate_handed_in(old)
    translate_delivery(old, domains, mailboxes_here=mailboxes_here)
    _order(old)
    translate_services(old, sendmail)
    translate_rates(old, listeners)
    translate_rest(old)
    _usual_services(old)
    return old


def _hostname(old: OldPostfix) -> None:
    """`hostname`, which has a domain here: other servers look it up."""
    name = old.main.value("myhostname")
    if "." in name or not name:
        old.plan.set(("hostname",), name, old.translated("myhostname", "`hostname`"))
        return
    whole = f"{name}.{old.main.value('mydomain') or 'localdomain'}"
    words = f"{name} has no domain, so that {whole} is said to other servers"
    old.missing("myhostname", words, "set `hostname` to the name that DNS has for this server")
    old.plan.set(("hostname",), whole)


def _order(old: OldPostfix) -> None:
    """Dovecot comes first: it alone knows passwords, and the others know who has an address."""
    names = old.plan.tables("directories")
    if len(names) > 1 and "dovecot" in names:
        rest = [name for name in names if name != "dovecot"]
        old.plan.set(("directory", "order"), ["embedded", "dovecot", *rest])


def _usual_services(old: OldPostfix) -> None:
    for service in old.master.services:
        if service.name in BUILT_IN and service.kind not in ("inet", "pass"):
            old.plan.find(
                Finding(
                    service.file,
                    service.line,
                    f"{service.name} {service.kind}",
                    service.command,
                    Verdict.NOT_NEEDED,
                    "a part of Postfix itself",
                )
            )
