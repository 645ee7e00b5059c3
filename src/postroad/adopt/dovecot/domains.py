"""Which domain Dovecot's names without one live in, once Postfix has said which domains there are.

Postfix writes a name without a domain as one of `myorigin`, and hands it to Dovecot; Dovecot, where
it takes domains off, sees the same user in each domain that is delivered to it. Aliases that
Postfix keeps are looked up first, as there.
"""

from __future__ import annotations

from collections.abc import Collection

from postroad.adopt.dovecot.names import is_whole_name
from postroad.adopt.plan import Plan

__all__ = ["settle_domains"]

_POSTFIX = ("directories", "postfix")


def settle_domains(plan: Plan, aliased: Collection[str] = ()) -> None:
    """Give the directories of Dovecot's users their domains.

    Args:
        plan: what both sides have said.
        aliased: domains of Postfix in which there are aliases and no accounts.
    """
    domains = [each for each in plan.texts(("domains",)) if each not in aliased]
    default = plan.get((*_POSTFIX, "default_domain"))
    home = str(default) if default else "".join(domains[:1])
    for name in plan.tables("directories"):
        path = ("directories", name)
        kind, own = plan.get((*path, "kind")), plan.get((*path, "default_domain"))
        if path == _POSTFIX or kind not in ("files", "pam") or not home:
            continue
        if own is None:
            remark = "where a name without a domain lives"
            plan.set((*path, "default_domain"), home, None, remark)
        form = plan.get((*path, "username_format"))
        if plan.get((*path, "domains")) is not None:
            continue  # a file for one domain alone
        if kind == "files" and domains and isinstance(form, str) and not is_whole_name(form):
            remark = "Dovecot took these off, so that its users are the same in all of them"
            plan.set((*path, "local_domains"), domains, None, remark)
