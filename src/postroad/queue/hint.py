"""When to come back, where a next hop says it. Pure.

Servers that greylist often name the time: "try again in 300 seconds", "Greylisted for 5 minutes".
To come earlier is in vain, and to come much later is a delay for nothing. SMTP has no such field;
these are words, and only an attempt's own pause is chosen by them.
"""

from __future__ import annotations

import re

from postroad.model import Reply

__all__ = ["hinted_pause"]

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_WORDS = re.compile(
    r"\b(?:in|for|after)\s+(?:about\s+|at\s+least\s+)?"
    r"(?:(?P<hours>\d{1,2}):(?P<minutes>\d{2}):(?P<seconds>\d{2})\b"
    r"|(?P<count>\d{1,5})\s*(?P<unit>s|m|h)(?:ec|in|our)?(?:ond|ute)?s?\b)",
    re.IGNORECASE,
)
_ABOUT_TIME = re.compile(r"gr[ae]y-?list|again|retry|come back|wait", re.IGNORECASE)
_MOST_READ = 500  # characters: what greylisting says is short


def hinted_pause(reply: Reply) -> float | None:
    """Seconds after which a next hop wants to be asked again; `None` where it does not say.

    Args:
        reply: its temporary refusal.
    """
    text = " ".join(reply.lines)[:_MOST_READ]
    found = _WORDS.search(text)
    if found is None or not _ABOUT_TIME.search(text):
        return None
    if found["count"]:
        return int(found["count"]) * _UNITS[found["unit"].lower()]
    return int(found["hours"]) * 3600.0 + int(found["minutes"]) * 60.0 + int(found["seconds"])
