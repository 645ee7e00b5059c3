"""Who may hand in mail by `sendmail`, and see the queue by `mailq`: `[sendmail]`.

Postfix has lists of names, files and tables, with exceptions (`authorized_submit_users`,
`authorized_mailq_users`); here they are lists of names. Knows nothing of what users may send as,
which Postfix does not ask.
"""

from __future__ import annotations

from postroad.adopt.finding import Verdict
from postroad.adopt.postfix.installation import OldPostfix
from postroad.adopt.postfix.tables import is_table

__all__ = ["translate_handed_in"]

_KEYS = {"authorized_submit_users": "users", "authorized_mailq_users": "queue_users"}
_EVERYBODY = frozenset({"static:anyone", "static:all"})


def translate_handed_in(old: OldPostfix) -> None:
    """Plan the lists of users."""
    for name, key in _KEYS.items():
        _list(old, name, key)


def _list(old: OldPostfix, name: str, key: str) -> None:
    parameter = old.main.get(name)
    if parameter is None:
        return
    path = ("sendmail", key)
    names, lost = _names(old, name)
    if lost:
        words = f"no exceptions and no tables can stand there: {', '.join(lost)}"
        todo = f"name in `[sendmail] {key}` who may"
        # Fewer may than before, rather than more. Root and the server always may.
        old.plan.set(path, names, old.note(parameter, Verdict.UNSUPPORTED, words, todo))
        return
    old.plan.set(path, names, old.note(parameter, Verdict.TRANSLATED, f"`[sendmail] {key}`"))


def _names(old: OldPostfix, name: str) -> tuple[list[str], list[str]]:
    """The names, and what is none; the first word that fits a user decides (postconf(5))."""
    names: list[str] = []
    lost: list[str] = []
    for word in _words(old, name):
        if word in _EVERYBODY:
            return (["*"], []) if not lost else (names, lost)
        (lost if word.startswith("!") or is_table(word) or "/" in word else names).append(word)
    return list(dict.fromkeys(names)), lost


def _words(old: OldPostfix, name: str) -> list[str]:
    """Those of main.cf, and of a file that it names there."""
    words: list[str] = []
    for word in old.main.words(name):
        text = old.files.text(word) if word.startswith("/") else None
        words += [word] if text is None else _lines(text)
    return words


def _lines(text: str) -> list[str]:
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [word for line in lines for word in line.replace(",", " ").split()]
