"""What is made of a message for the memories: its lesson, and its verdict.

The same reading for both, so that what is learned is what is judged by.
"""

from __future__ import annotations

from dataclasses import replace

from postroad.filters.builtin.bayes.classifier import MINIMUM, Verdict, joined, judged
from postroad.filters.builtin.bayes.lesson import Lesson
from postroad.filters.builtin.bayes.mark import mark_of
from postroad.filters.builtin.bayes.store import NOTHING, StoreUnavailable
from postroad.filters.builtin.bayes.stores import Stores
from postroad.filters.builtin.bayes.tokens import tokens_of
from postroad.filters.builtin.reading import MOST_BODY, Reading, message_of, read

__all__ = ["MOST_OCTETS", "Classifier", "lesson_of"]

MOST_OCTETS = MOST_BODY + 256 * 1024
"""Octets of a stored message that need be read to learn it: what is looked at, with its header."""


def lesson_of(octets: bytes, *, is_spam: bool | None) -> Lesson:
    """What is to be learned of a stored message.

    Args:
        octets: the message as it lies in a file, or at least its first `MOST_OCTETS`.
        is_spam: what it is; `None`: neither is to be remembered of it.
    """
    fields, body = message_of(octets[:MOST_OCTETS])
    return Lesson(tokens_of(read(fields, body)), mark_of(fields, body), is_spam)


class Classifier:
    """Judges messages by the memories of a server. Used by any thread; blocks some milliseconds."""

    def __init__(self, stores: Stores, *, minimum: int = MINIMUM) -> None:
        """A classifier.

        Args:
            stores: the memories.
            minimum: messages of each class that a memory must have learned before it counts.
        """
        self._stores = stores
        self._minimum = minimum

    def judge(self, reading: Reading, account: str = "") -> Verdict:
        """What is to be thought of a message. It never raises for files that cannot be read.

        Args:
            reading: of the message.
            account: whose mail it is, by the canonical name: its own memory counts, alone if that
                has learned enough, and together with the site's otherwise. Empty: nobody's, or
                several people's.
        """
        tokens = tokens_of(reading)
        asked = len(tokens)
        try:
            own = self._stores.counts(tokens, account) if account else NOTHING
            if own.spam or own.ham:
                verdict = judged(own, asked=asked, minimum=self._minimum, whose=account)
                if verdict.probability is not None:
                    return verdict
                both = joined(self._stores.counts(tokens), own, self._stores.shared(account))
                verdict = judged(both, asked=asked, minimum=self._minimum, whose=account)
                return replace(verdict, with_site=True)
            return judged(self._stores.counts(tokens), asked=asked, minimum=self._minimum)
        except StoreUnavailable as error:
            return Verdict(None, whose=account, trouble=str(error))
