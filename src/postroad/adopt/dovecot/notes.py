"""What becomes of Dovecot's settings, noted one by one, so that none is passed over in silence.

Whoever translates a setting says so here; at the end every value that nobody spoke of is looked up
in the table of the rest.
"""

from __future__ import annotations

from enum import Enum

from postroad.adopt.dovecot.conf import Section, Value
from postroad.adopt.finding import Finding, Verdict
from postroad.adopt.plan import Plan

__all__ = ["Mailboxes", "Notes", "named"]

_SECRETS = ("password", "dnpass", "connect", "secret", "nonce", "_key")


class Mailboxes(Enum):
    """Who keeps the mailboxes from now on."""

    DOVECOT = "dovecot"
    """Postroad stands where Postfix stood: Dovecot checks passwords and takes mail by LMTP."""
    POSTROAD = "postroad"
    """Postroad checks passwords and writes the Maildirs; Dovecot only lets people read them."""


class Notes:
    """Findings about one configuration.

    Attributes:
        plan: what the new installation is to be.
        mailboxes: who keeps the mailboxes.
    """

    def __init__(self, plan: Plan, mailboxes: Mailboxes) -> None:
        self.plan = plan
        self.mailboxes = mailboxes
        self._spoken: set[tuple[int, str]] = set()

    def spoken_of(self, section: Section, key: str) -> bool:
        """Whether somebody has said what becomes of a setting."""
        return (id(section), key) in self._spoken

    def translated(self, section: Section, key: str, words: str, todo: str = "") -> Finding:
        """The setting goes on in Postroad's words."""
        return self._note(section, key, Verdict.TRANSLATED, words, todo)

    def not_needed(self, section: Section, key: str, words: str) -> Finding:
        """The setting has no work to do any more, or goes on to do it where it is."""
        return self._note(section, key, Verdict.NOT_NEEDED, words)

    def unsupported(
        self, section: Section, key: str, words: str, todo: str = "", *, matters: bool = True
    ) -> Finding:
        """The setting has no counterpart."""
        return self._note(section, key, Verdict.UNSUPPORTED, words, todo, matters=matters)

    def _note(
        self,
        section: Section,
        key: str,
        verdict: Verdict,
        words: str,
        todo: str = "",
        *,
        matters: bool = True,
    ) -> Finding:
        self._spoken.add((id(section), key))
        value = section.values.get(key)
        file, line = (section.file, section.line) if value is None else (value.file, value.line)
        shown = "" if value is None else _shown(key, value)
        return self.plan.find(
            Finding(file, line or None, named(section, key), shown, verdict, words, todo, matters)
        )


def named(section: Section, key: str) -> str:
    """A setting as a report names it: `service auth: user`."""
    where = " ".join(part for part in (section.kind, section.name) if part)
    value = section.values.get(key)
    written = value.written if value is not None else ""
    return ": ".join(part for part in (where, written or key) if part)


def _shown(key: str, value: Value) -> str:
    """The value, unless it could be a secret."""
    if value.is_file:
        return f"<{value.text}"
    if any(word in key for word in _SECRETS) and key not in ("password_query", "auth_bind_userdn"):
        return "(not shown)"
    return " ".join(value.text.split())
