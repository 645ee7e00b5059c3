"""What another server's refusal means, in plain English, and whether it asks us to go slower.

For the log, for `postroad queue` and `postroad why`, and for the queue, which gives a destination
less at once where it says so. It knows replies and nothing of queues. What is known is in
`provider_refusals` and `common_refusals`; a reply that no entry fits means what it says, and no
more is said of it. Strangers choose what is searched: it is cut to a length, addresses are left
out, and the patterns are plain, without nested repetition and without distances over some hundred
characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from postroad.history.common_refusals import COMMON
from postroad.history.provider_refusals import PROVIDERS
from postroad.history.refusal_kind import Cause, Refusal

__all__ = ["TABLE", "Cause", "Meaning", "meaning_of", "words_of"]

_READ = 600  # characters of a reply that are searched; providers say what they mean before that

TABLE: tuple[Refusal, ...] = (*PROVIDERS, *COMMON)
"""In the order in which it is searched: what a provider means comes before what anybody would."""

_PATTERNS = tuple(re.compile(each.pattern.lower()) for each in TABLE)
"""In small letters, and so is what they search: that is several times faster than to ignore case,
and no pattern has a class like \\D that would become another one."""
_ADDRESS = re.compile(
    r"<[^<>\s]{1,320}@[^<>\s]{1,255}>"
    r"|(?:\"[^\"]{1,64}\"|[^\s<>()\[\]\"',;:/?&=]{1,64})@[a-z0-9][a-z0-9.-]{0,254}"
)
"""Mail addresses. Whose they are, a stranger chose, and they say nothing of why."""

_OURS = re.compile(r"delivery temporarily suspended: ")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a refusal means.

    Attributes:
        cause: what kind of trouble it is.
        words: what it means and what to do, in whole sentences.
    """

    cause: Cause
    words: str

    @property
    def is_about_us(self) -> bool:
        """Whether it is about this server, and not about one message or recipient."""
        return self.cause in _ABOUT_US

    @property
    def asks_for_less(self) -> bool:
        """Whether it is about how much is sent, so that slower is better than again."""
        return self.cause is Cause.THROTTLED


_ABOUT_US = frozenset(
    {
        Cause.THROTTLED,
        Cause.REPUTATION,
        Cause.BLOCKLISTED,
        Cause.AUTHENTICATION,
        Cause.NAME,
        Cause.SECURITY,
    }
)
"""What meets all mail of this server, so that its operator should hear of it."""

_MEANINGS = tuple(Meaning(each.cause, each.words) for each in TABLE)


def meaning_of(reply: str, host: str = "") -> Meaning | None:
    """What a refusal means.

    Args:
        reply: code, enhanced code and text, as `Reply` writes them.
        host: who said it, as logs show a relay; empty where that is not known.

    Returns:
        Its meaning; `None` where no entry of the table fits, or it is no refusal.
    """
    said = _OURS.sub("", reply)
    if said[:1] not in ("4", "5"):
        return None
    text = f"{host[:100].lower()} {words_of(said)}"
    for pattern, meaning in zip(_PATTERNS, _MEANINGS, strict=True):
        if pattern.search(text):
            return meaning
    return None


def words_of(reply: str) -> str:
    """What is searched of a reply: its beginning in small letters, without mail addresses."""
    text = reply[:_READ].lower()
    return _ADDRESS.sub("", text) if "@" in text else text
