"""`[mailbox]`: where mail for our own accounts ends.

Values only. Whether the path exists or the socket answers is found out when mail is delivered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from postroad.mailbox.location import check_template

__all__ = ["MailboxSettings"]

_LMTP = re.compile(r"lmtp:(?:unix:/\S+|inet:(?:\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+):([0-9]{1,5}))\Z")


def _check_path(template: str) -> str:
    if template:
        check_template(template)
    return template


def _check_transport(text: str) -> str:
    if text == "maildir":
        return text
    match = _LMTP.match(text)
    if match is None or (match[1] is not None and not 0 < int(match[1]) < 65_536):
        raise ValueError('one of "maildir", "lmtp:unix:/path" or "lmtp:inet:host:port"')
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxSettings:
    """`[mailbox]`: how mail reaches the accounts of this server.

    Attributes:
        path: the Maildir of an account, where `%u` is its name, `%n` the part before the `@`,
            `%d` the domain and `%%` a percent sign, as in Dovecot's `mail_location`. A relative
            path is below the state directory. Empty means `mail/%d/%n/Maildir` there.
        transport: `maildir` to write the files, or the LMTP server that takes the mail:
            `lmtp:unix:/path` or `lmtp:inet:host:port`.
    """

    path: Annotated[str, AfterValidator(_check_path)] = ""
    transport: Annotated[str, AfterValidator(_check_transport)] = "maildir"
