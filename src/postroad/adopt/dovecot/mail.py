"""Where mail lies, by Dovecot's settings, where Postroad is to store it.

It writes the Maildirs that Dovecot's `mail_location` names, as the user that Dovecot reads them as
and under the same quota.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from postroad.adopt.dovecot.conf import Section
from postroad.adopt.dovecot.names import DovecotNames, names_of
from postroad.adopt.dovecot.notes import Mailboxes, Notes
from postroad.adopt.dovecot.owner import plan_owner
from postroad.adopt.dovecot.place import placed
from postroad.adopt.dovecot.plugins import adopt_plugin, loaded_plugins, look_for_sieve
from postroad.adopt.old_files import OldFiles

__all__ = ["adopt_mail"]

_STAYS = "Dovecot stays and goes on to use it"


def adopt_mail(notes: Notes, files: OldFiles, whole: Section) -> None:
    """Say what becomes of where mail lies, its owner, its quota and its scripts."""
    if notes.mailboxes is Mailboxes.DOVECOT:
        for section, key in _of_mail(whole):
            notes.not_needed(section, key, _STAYS)
        return
    notes.plan.set(("mailbox", "transport"), "maildir")
    names = names_of(files, whole)
    _adopt_location(notes, files, whole, names)
    _adopt_owner(notes, files, whole)
    if "mail_home" in whole.values:
        finding = notes.translated(whole, "mail_home", "[mailbox] home")
        if ("mailbox", "home") not in notes.plan.settings:  # a userdb's word goes first
            notes.plan.set(
                ("mailbox", "home"), placed(files, names.in_path(whole.text("mail_home"))), finding
            )
    _adopt_details(notes, whole)
    loaded = loaded_plugins(whole)
    for plugin in whole.all("plugin"):
        adopt_plugin(notes, plugin, loaded)
    look_for_sieve(notes, whole)


def _adopt_owner(notes: Notes, files: OldFiles, whole: Section) -> None:
    user, group = whole.text("mail_uid"), whole.text("mail_gid")
    if "mail_uid" in whole.values:
        finding = notes.translated(whole, "mail_uid", "user: Postroad runs as the owner of mail")
        plan_owner(notes, files, user, "", finding)
    elif ("user",) not in notes.plan.settings:
        words = "nothing says to whom all mail belongs"
        todo = "set user in postroad.toml to the owner of the mail, or Dovecot cannot read it"
        notes.translated(whole, "mail_uid", words, todo)
    if "mail_gid" in whole.values:
        todo = "" if ("user",) in notes.plan.settings else "set it when `user` is in that group"
        finding = notes.translated(whole, "mail_gid", "[mailbox] group", todo)
        plan_owner(notes, files, "", group, finding)


def _of_mail(whole: Section) -> Iterator[tuple[Section, str]]:
    """The settings that this module knows."""
    for key in (*_TOP, *_LMTP_SETTINGS):
        if key in whole.values:
            yield whole, key
    for plugin in whole.all("plugin"):
        for key in plugin.values:
            yield plugin, key
    for protocol in whole.all("protocol"):
        for key in protocol.values:
            yield protocol, key


_TOP = (
    *("mail_location", "mail_uid", "mail_gid", "mail_home", "mail_plugins"),
    *("postmaster_address", "lda_mailbox_autocreate", "lda_mailbox_autosubscribe"),
    *("lda_original_recipient_header", "quota_full_tempfail", "rejection_reason"),
    *("rejection_subject", "recipient_delimiter"),
)
_LMTP_SETTINGS = (
    *("lmtp_save_to_detail_mailbox", "lmtp_hdr_delivery_address", "lmtp_rcpt_check_quota"),
    *("lmtp_proxy", "lmtp_user_concurrency_limit", "lmtp_client_workarounds"),
    *("lmtp_address_translate", "lmtp_add_received_header", "lmtp_verbose_replies"),
)


def _adopt_location(notes: Notes, files: OldFiles, whole: Section, names: DovecotNames) -> None:
    section, key = _location(whole)
    location = section.text(key)
    if ("mailbox", "path") in notes.plan.settings:  # a userdb's word goes first
        if key in section.values:
            notes.not_needed(section, key, "the userdb says where mail lies")
        return
    if location.startswith(("maildir:", "/", "~/")) and "/" in location:
        finding = notes.translated(section, key, "[mailbox] path")
        path = placed(files, names.in_path(location))
        notes.plan.set(("mailbox", "path"), path, finding)
        return
    kind = location.partition(":")[0]
    words = "mail would lie in Maildirs of Postroad's own, where Dovecot does not look: "
    if kind:
        words += f"mailboxes {kind} are written by nobody but Dovecot"
        todo = "keep the mailboxes with Dovecot (--mailbox dovecot), or convert them by dsync first"
    else:
        words += "nothing is set, and it guesses by what it finds"
        todo = 'set path in [mailbox], such as path = "%h/Maildir"'
    notes.unsupported(section, key, words, todo)


def _location(whole: Section) -> tuple[Section, str]:
    """Where the inbox is said to lie: in its namespace, or else for all."""
    for namespace in whole.all("namespace"):
        if namespace.text("inbox") == "yes" and namespace.text("location"):
            return namespace, "location"
    return whole, "mail_location"


def _adopt_details(notes: Notes, whole: Section) -> None:
    if "recipient_delimiter" in whole.values:
        finding = notes.translated(whole, "recipient_delimiter", "[directory] recipient_delimiter")
        delimiter = whole.text("recipient_delimiter")
        notes.plan.set(("directory", "recipient_delimiter"), delimiter, finding)
    if "lmtp_save_to_detail_mailbox" in whole.values:
        finding = notes.translated(whole, "lmtp_save_to_detail_mailbox", "[mailbox] detail_folders")
        saves = whole.text("lmtp_save_to_detail_mailbox") == "yes"
        creates = whole.text("lda_mailbox_autocreate") == "yes"
        chosen = ("create" if creates else "existing") if saves else "off"
        notes.plan.set(("mailbox", "detail_folders"), chosen, finding)
    for key in ("quota_full_tempfail",):
        if key in whole.values:
            finding = notes.translated(whole, key, "[mailbox] quota_full")
            waits = whole.text(key) == "yes"
            notes.plan.set(("mailbox", "quota_full"), "defer" if waits else "bounce", finding)
    for key in (*_TOP, *_LMTP_SETTINGS):
        if key in whole.values and not notes.spoken_of(whole, key):
            notes.not_needed(whole, key, _WITHOUT_LMTP.get(key, "mail no longer comes by Dovecot"))


_WITHOUT_LMTP: Mapping[str, str] = {
    "mail_plugins": "Dovecot stays for reading, and loads them for that",
    "postmaster_address": "Postroad sends notices as MAILER-DAEMON of its own host name",
    "lda_mailbox_autosubscribe": "Postroad subscribes to the folders that it makes",
}
