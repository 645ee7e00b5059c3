"""`[mailbox]`: where mail for our own accounts ends.

Values only. Whether the path exists or the socket answers is found out when mail is delivered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator

from postroad.mailbox.folder import FolderName
from postroad.mailbox.location import check_template
from postroad.mailbox.owners import parse_numbers
from postroad.mailbox.quota import Quota, parse_grace
from postroad.mailbox.rights import parse_mode
from postroad.mailbox.variables import used
from postroad.model.size import parse_size

__all__ = ["DetailFolders", "MailboxSettings"]

DetailFolders = Literal["off", "existing", "create"]

_LMTP = re.compile(r"lmtp:(?:unix:/\S+|inet:(?:\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+):([0-9]{1,5}))\Z")


def _check_path(template: str) -> str:
    if template:
        check_template(template)
    return template


def _check_home(template: str) -> str:
    if "h" in used(template):
        raise ValueError("a home cannot be named by %h")
    return template


def _check_transport(text: str) -> str:
    if text == "maildir":
        return text
    match = _LMTP.match(text)
    if match is None or (match[1] is not None and not 0 < int(match[1]) < 65_536):
        raise ValueError('one of "maildir", "lmtp:unix:/path" or "lmtp:inet:host:port"')
    return text


def _check_roots(roots: tuple[str, ...]) -> tuple[str, ...]:
    for root in roots:
        if not root.startswith("/") or not root.strip("/"):
            raise ValueError('a root is an absolute path such as "/var/vmail"')
    return roots


def _check_numbers(texts: tuple[str, ...]) -> tuple[str, ...]:
    parse_numbers(texts)
    return texts


def _check_mode(text: str) -> str:
    parse_mode(text)
    return text


def _check_size(text: str) -> str:
    if text:
        parse_size(text)
    return text


def _check_grace(text: str) -> str:
    parse_grace(text)
    return text


def _check_folder(text: str) -> str:
    if text:
        FolderName.parse(text)
    return text


def _check_folders(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        FolderName.parse(text)
    return texts


def _check_warnings(thresholds: tuple[int, ...]) -> tuple[int, ...]:
    if not all(0 < each <= 100 for each in thresholds):
        raise ValueError("a warning is due at 1 to 100 per cent")
    return thresholds


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxSettings:
    """`[mailbox]`: how mail reaches the accounts of this server.

    Attributes:
        path: the Maildir of an account, where `%u` is its name, `%n` the part before the `@`,
            `%d` the domain, `%h` the home and `%%` a percent sign, as in Dovecot's
            `mail_location`, with its modifiers (`%Ln`) and options (`:INBOX=…`, `:LAYOUT=fs`). A
            relative path is below the state directory. Empty means `mail/%d/%n/Maildir` there.
        home: the home of accounts of which their directory names none, with the same variables.
        roots: absolute paths; what a directory says of homes and mail must lie below one of them.
            Empty means the folder that `path` begins with.
        transport: `maildir` to write the files, or the LMTP server that takes the mail:
            `lmtp:unix:/path` or `lmtp:inet:host:port`.
        user: who is to own the files where neither the domain nor a directory says: a name, or a
            number; empty for the user that the server runs as. Another than that needs a server
            that is started as root.
        group: the group that files are given to. Where the server writes them, one that its user
            is in; empty for the system's choice, or for the own group of `user`.
        uids: who may own mail if a directory says so: numbers, ranges such as `500-`, names.
        gids: the groups likewise, beside the own group of such a user.
        mode: of folders, octal.
        file_mode: of files, octal.
        quota: octets an account may have where its directory does not say, such as `1G`; empty
            for no limit.
        quota_messages: messages likewise; 0 for no limit.
        quota_grace: by how much the message that fills the mailbox may exceed the octets: a size,
            or a share of the quota such as `10%`.
        quota_warnings: per cent of the quota at which an account gets a mail about it.
        quota_full: what becomes of mail that is already here and finds no room: `defer` waits for
            some, until the queue's lifetime is over; `bounce` returns it at once.
        detail_folders: whether mail for `john+lists` goes to john's folder `lists`: `off`, if it
            is there (`existing`), or always, making it (`create`).
        junk_folder: the folder for what filters or a domain's DMARC policy say is spam; it is made
            if it is not there. Empty: the inbox.
        trash_folders: folders for what is thrown away: that junk is moved there does not make it
            good mail.
    """

    path: Annotated[str, AfterValidator(_check_path)] = ""
    home: Annotated[str, AfterValidator(_check_home)] = ""
    roots: Annotated[tuple[str, ...], AfterValidator(_check_roots)] = ()
    transport: Annotated[str, AfterValidator(_check_transport)] = "maildir"
    user: str = ""
    group: str = ""
    uids: Annotated[tuple[str, ...], AfterValidator(_check_numbers)] = ("500-",)
    gids: Annotated[tuple[str, ...], AfterValidator(_check_numbers)] = ("500-",)
    mode: Annotated[str, AfterValidator(_check_mode)] = "0700"
    file_mode: Annotated[str, AfterValidator(_check_mode)] = "0600"
    quota: Annotated[str, AfterValidator(_check_size)] = ""
    quota_messages: int = 0
    quota_grace: Annotated[str, AfterValidator(_check_grace)] = "10%"
    quota_warnings: Annotated[tuple[int, ...], AfterValidator(_check_warnings)] = (80, 95)
    quota_full: Literal["defer", "bounce"] = "defer"
    detail_folders: DetailFolders = "off"
    junk_folder: Annotated[str, AfterValidator(_check_folder)] = "Junk"
    trash_folders: Annotated[tuple[str, ...], AfterValidator(_check_folders)] = (
        "Trash",
        "Deleted Messages",
        "Deleted Items",
    )

    def quota_of(self, octets: int | None = None, messages: int | None = None) -> Quota:
        """The quota of an account.

        Args:
            octets: as its directory says; `None`: it does not.
            messages: likewise.
        """
        usual = parse_size(self.quota) if self.quota else 0
        return Quota.of(
            usual if octets is None else max(0, octets),
            self.quota_messages if messages is None else max(0, messages),
            parse_grace(self.quota_grace),
        )
