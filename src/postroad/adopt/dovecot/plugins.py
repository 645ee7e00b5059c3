"""Dovecot's plugins that took part in delivery, where Postroad delivers: quota and Sieve.

A plugin counts only where `mail_plugins` loads it: Debian's files set up some that nobody uses.
"""

from __future__ import annotations

import re

from postroad.adopt.dovecot.conf import Section
from postroad.adopt.dovecot.notes import Notes
from postroad.adopt.finding import Finding

__all__ = ["adopt_plugin", "loaded_plugins", "look_for_sieve"]

_LIMIT = re.compile(r"(storage|bytes|messages)=(\d+)([bkmgt%]?)b?", re.IGNORECASE)
"""A limit of a rule; storage is in kilobytes where no unit is given, bytes in bytes."""


def adopt_plugin(notes: Notes, plugin: Section, loaded: frozenset[str]) -> None:
    """Say what becomes of its settings; `loaded` are the plugins that were there for delivery."""
    for key in plugin.values:
        if key.startswith("quota") and "quota" not in loaded:
            notes.not_needed(plugin, key, "no mail_plugins loads quota, so there is none")
        elif key == "quota_rule":
            _adopt_quota(notes, plugin)
        elif key == "quota_grace":
            finding = notes.translated(plugin, key, "[mailbox] quota_grace")
            grace = plugin.text(key).replace("%%", "%")
            notes.plan.set(("mailbox", "quota_grace"), grace, finding)
        elif key == "quota":
            _adopt_quota_root(notes, plugin)
        elif key.startswith(("quota2", "quota3", "quota4")):
            words = f"a mailbox has one quota, and this is another: {plugin.text(key)}"
            notes.unsupported(plugin, key, words, "keep the mailboxes with Dovecot, if it counts")
        elif key.startswith("quota_rule"):
            words = f"quota of single folders is not known: {plugin.text(key)}"
            notes.unsupported(plugin, key, words, matters=False)
        elif key.startswith("quota_warning"):
            words = "Postroad sends the warnings of [mailbox] quota_warnings by itself"
            notes.not_needed(plugin, key, words)
        elif key.startswith("quota"):
            notes.not_needed(plugin, key, "Postroad has its own answers to a full mailbox")
        elif key.startswith("sieve") and "sieve" not in loaded:
            notes.not_needed(plugin, key, "no mail_plugins of lmtp or lda loads sieve")
        elif key.startswith("sieve"):
            _refuse_sieve(notes, plugin, key)
        else:
            notes.not_needed(plugin, key, "Dovecot stays, for reading, and its plugins with it")


def _adopt_quota_root(notes: Notes, plugin: Section) -> None:
    kind = plugin.text("quota").partition(":")[0]
    if kind == "maildir":
        words = "both count in the same file, maildirsize"
        notes.translated(plugin, "quota", words)
        return
    words = f"Dovecot counts by the driver {kind}, and Postroad in maildirsize: each for itself"
    notes.translated(plugin, "quota", words, "set quota = maildir:User quota, and both agree")


def _adopt_quota(notes: Notes, plugin: Section) -> None:
    """`*:storage=1G:messages=5000`; `?` is the same where a directory may say otherwise."""
    rule = plugin.text("quota_rule")
    name, _, limits = rule.partition(":")
    found = {match[1]: match for match in map(_LIMIT.fullmatch, limits.split(":")) if match}
    size, count = found.get("storage") or found.get("bytes"), found.get("messages")
    whole = len(found) == len(limits.split(":")) and not (count and count[3])
    if name not in ("*", "?") or not whole or (size and size[3] == "%"):
        notes.unsupported(plugin, "quota_rule", f"not understood, so there is no quota: {rule}")
        return
    finding = notes.translated(plugin, "quota_rule", "[mailbox] quota and quota_messages")
    if size and int(size[2]):
        unit = size[3].upper() or ("K" if size[1] == "storage" else "B")
        notes.plan.set(("mailbox", "quota"), size[2] + unit.replace("B", ""), finding)
        if ("mailbox", "quota_full") not in notes.plan.settings:
            # Dovecot refuses at once (552) unless quota_full_tempfail is set.
            notes.plan.set(("mailbox", "quota_full"), "bounce", finding)
    if count:
        notes.plan.set(("mailbox", "quota_messages"), int(count[2]), finding)


def loaded_plugins(whole: Section) -> frozenset[str]:
    """The plugins that Dovecot loads when mail is delivered."""
    found = set(whole.text("mail_plugins").split())
    for protocol in whole.all("protocol"):
        if protocol.name in ("lmtp", "lda"):
            found |= set(protocol.text("mail_plugins").split())
    return frozenset(found)


def look_for_sieve(notes: Notes, whole: Section) -> None:
    """Say where delivery ran Sieve scripts."""
    for protocol in whole.all("protocol"):
        if protocol.name not in ("lmtp", "lda"):
            continue
        for key in protocol.values:
            if notes.spoken_of(protocol, key):
                continue
            if key == "mail_plugins" and "sieve" in protocol.text(key).split():
                _refuse_sieve(notes, protocol, key)
            else:
                notes.not_needed(protocol, key, "mail no longer comes by Dovecot")


def _refuse_sieve(notes: Notes, section: Section, key: str) -> Finding:
    words = "Sieve scripts would not run: mail they file into folders would lie in the inbox"
    todo = "keep the mailboxes with Dovecot (--mailbox dovecot), whose LMTP goes on to run them"
    return notes.unsupported(section, key, words, todo)
