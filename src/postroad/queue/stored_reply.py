"""The last words about a recipient, as the spool keeps them: a reply written on one line.

Read back as the reply they were, they can be said again, and written down again, any number of
times without growing.
"""

from __future__ import annotations

import re

from postroad.model import Reply

__all__ = ["stored_reply"]

_REPLY = re.compile(r"([2-5]\d\d) (?:([245]\.\d{1,3}\.\d{1,3}) )?(.*)\Z", re.DOTALL)


def stored_reply(reason: str) -> Reply | None:
    """The reply that `str` made this text of; `None` where it is no reply."""
    found = _REPLY.match(reason)
    if found is None:
        return None
    code, enhanced, words = found.groups()
    return Reply.of(int(code), enhanced, words)
