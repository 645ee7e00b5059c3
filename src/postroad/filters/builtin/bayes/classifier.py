"""How likely a message is spam, by how often its tokens were in spam and in other mail before.

The method is Robinson's, with Fisher's way to combine probabilities: each token has a probability,
which is drawn to the middle while little is known of it; the tokens that are far from the middle
are combined twice, as if all spoke for spam, and as if all spoke against it, and the answer is
between the two. Where both are as strong, or nothing is known, it is 0.5: «I do not know».

To combine them so they must speak for themselves, and tokens do not: a page of HTML has twenty that
say no more than that it is one. So of tokens that tell how a message is made, and of words in
capitals, a few count (`MOST_ALIKE`). And what a memory has never seen may say anything: the less it
knows of a message, the less sure it is (`ENOUGH_KNOWN`). Both are for good mail of a kind that
nobody has shown to it, such as the first newsletter among letters.

Values in, values out: no files here.

Source: Gary Robinson, «A Statistical Approach to the Spam Problem», Linux Journal, March 2003.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from postroad.filters.builtin.bayes.tokens import Kind, kind_of

__all__ = [
    "ENOUGH_KNOWN",
    "MINIMUM",
    "MOST_ALIKE",
    "UNKNOWN",
    "Clue",
    "Counts",
    "Verdict",
    "combined",
    "joined",
    "judged",
]

MINIMUM = 200
"""Messages of each class that must be learned before a verdict counts."""

STRENGTH = 0.1
"""How much weight the assumption about an unknown token has, in messages: Robinson's s."""

MIDDLE = 0.5
"""The probability of a token that nothing is known of: Robinson's x."""

DEVIATION = 0.4
"""How far from the middle a token's probability must be to count."""

DOUBT = 1.5
"""In messages: an answer is at least as far from 0 and 1 as so many are of those that were learned
of a kind. Below 1,500 of each, spam is never sure to 0.999, which is where the classifier alone may
decide. On the public corpus memories of 1,000 of each were wrong about up to 1.2 good messages of a
thousand when they might; the goal is one (`bench/spam.py`)."""

SURE = 0.999
"""From here on the classifier alone may decide."""

ENOUGH_KNOWN = 0.85
"""The share of a message's tokens that must be known to be `SURE` that it is spam; for twice as
many unknown ones the answer is twice as far from 1."""

MOST_ALIKE = 5
"""Tokens that count of how a message is made, and of words in capitals: of each the farthest from
the middle."""

MOST_CLUES = 150
"""Tokens that count, the farthest from the middle: more make every long text certain."""

MOST_TOLD = 8
"""Tokens that are told as reasons."""

_LEAST = 1e-12  # of a probability, so that its logarithm is a number


class Counts(NamedTuple):
    """What is known of the tokens of one message.

    Attributes:
        spam: messages learned as spam, in all.
        ham: learned as other mail.
        tokens: how many of each had a token: spam, ham; only of those that were seen before.
        weights: the same as `spam` and `ham`, as they count: old mail may weigh less, in `tokens`
            as well. `None`: as many as there are.
    """

    spam: int
    ham: int
    tokens: Mapping[str, tuple[int, int]]
    weights: tuple[int, int] | None = None

    @property
    def weighed(self) -> tuple[int, int]:
        """Spam and ham, as they count."""
        return self.weights or (self.spam, self.ham)


class Clue(NamedTuple):
    """One token that counted, and how likely spam a message is that has it, from 0 to 1."""

    token: str
    probability: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the classifier thinks of a message.

    Attributes:
        probability: that it is spam, from 0 to 1; `None`: too little was learned to say.
        spam: messages learned as spam, in what was asked.
        ham: messages learned as other mail.
        whose: the account whose memory was asked; empty: the site's.
        clues: the tokens that counted most, the strongest first.
        trouble: why nothing could be asked; empty: there was no trouble.
        with_site: whether the site's memory was asked too, as the account's alone is too small.
        known: the share of the message's tokens that were seen before.
    """

    probability: float | None
    spam: int = 0
    ham: int = 0
    whose: str = ""
    clues: tuple[Clue, ...] = ()
    trouble: str = ""
    with_site: bool = False
    known: float = 1.0

    @property
    def learners(self) -> str:
        """Who has learned what was asked."""
        if not self.whose:
            return "this site"
        return f"this site and {self.whose}" if self.with_site else self.whose

    @property
    def words(self) -> str:
        """For an operator to read, in one line."""
        learned = f"the memory of {self.learners} ({self.spam} spam, {self.ham} ham)"
        if self.trouble:
            return f"not asked: {self.trouble}"
        if self.probability is None:
            return f"too little is learned to say: {learned}"
        if self.known < ENOUGH_KNOWN:
            learned += f", which knows {self.known:.0%} of it"
        told = ", ".join(f"{each.token} {each.probability:.2f}" for each in self.clues)
        return f"spam to {self.probability:.4f} by {learned}" + (f": {told}" if told else "")


UNKNOWN = Verdict(None)
"""Nothing was learned."""


def judged(counts: Counts, *, asked: int = 0, minimum: int = MINIMUM, whose: str = "") -> Verdict:
    """What is to be thought of a message.

    Nobody who has seen some hundred messages can know that he errs once in a thousand: the less was
    learned, the farther the answer stays from 0 and 1 (`DOUBT`).

    Args:
        counts: what is known of its tokens.
        asked: how many tokens it has; where that is less than are known, all are.
        minimum: messages of each class that must be learned before it counts.
        whose: the account whose memory it is; empty: the site's.
    """
    if min(counts.spam, counts.ham) < max(1, minimum):
        return Verdict(None, counts.spam, counts.ham, whose)
    weights = counts.weighed
    clues = [Clue(each, _probability(*of, *weights)) for each, of in counts.tokens.items()]
    strong = [each for each in clues if abs(each.probability - MIDDLE) >= DEVIATION]
    # By token where two are as strong, so that the answer does not depend on an order.
    strong.sort(key=lambda each: (-abs(each.probability - MIDDLE), each.token))
    strong = list(islice(_unlike(strong), MOST_CLUES))
    known = len(clues) / max(asked, len(clues)) if asked else 1.0
    doubt = _doubt(counts, known)
    probability = min(max(combined([each.probability for each in strong]), doubt), 1.0 - doubt)
    told = tuple(strong[:MOST_TOLD])
    return Verdict(probability, counts.spam, counts.ham, whose, told, known=known)


def joined(first: Counts, second: Counts, shared: tuple[int, int] = (0, 0)) -> Counts:
    """Two memories as if they were one.

    What both have learned weighs twice, as nobody knows any more which tokens it had; but it is no
    two messages, where it counts whether enough was learned.

    Args:
        first: one.
        second: the other.
        shared: messages that both have learned: spam, and ham.
    """
    tokens = dict(first.tokens)
    for token, (spam, ham) in second.tokens.items():
        before = tokens.get(token, (0, 0))
        tokens[token] = (before[0] + spam, before[1] + ham)
    ours, theirs = first.weighed, second.weighed
    weights = (ours[0] + theirs[0], ours[1] + theirs[1])
    spam = first.spam + second.spam - shared[0]
    ham = first.ham + second.ham - shared[1]
    return Counts(spam, ham, tokens, weights)


def combined(probabilities: Sequence[float]) -> float:
    """Fisher's combination of probabilities, from 0 (ham) to 1 (spam); 0.5 for none."""
    if not probabilities:
        return MIDDLE
    degrees = 2 * len(probabilities)
    for_spam = -2.0 * math.fsum([math.log(max(_LEAST, 1.0 - each)) for each in probabilities])
    for_ham = -2.0 * math.fsum([math.log(max(_LEAST, each)) for each in probabilities])
    spam = 1.0 - _inverse_chi_square(for_spam, degrees)
    ham = 1.0 - _inverse_chi_square(for_ham, degrees)
    return (1.0 + spam - ham) / 2.0


def _unlike(clues: Iterable[Clue]) -> Iterator[Clue]:
    """Those that say something else than those before: words, and a few of what is no word."""
    alike: Counter[Kind] = Counter()
    for clue in clues:
        kind = kind_of(clue.token)
        if kind is not Kind.WORD:
            alike[kind] += 1
            if alike[kind] > MOST_ALIKE:
                continue
        yield clue


def _doubt(counts: Counts, known: float) -> float:
    """How far an answer stays from 0 and 1: by what was learned, and by what is known of it."""
    unknown = (1.0 - SURE) * (1.0 - known) / (1.0 - ENOUGH_KNOWN)
    return min(MIDDLE, max(DOUBT / min(counts.spam, counts.ham), unknown))


def _probability(spam: int, ham: int, all_spam: int, all_ham: int) -> float:
    """How likely spam a message with a token is, if there were as much spam as other mail.

    Args:
        spam: messages with the token that were spam.
        ham: those that were not.
        all_spam: messages that were spam, in all.
        all_ham: those that were not.
    """
    seen = spam + ham
    if seen <= 0:
        return MIDDLE
    in_spam, in_ham = spam / max(1, all_spam), ham / max(1, all_ham)
    guess = in_spam / (in_spam + in_ham)
    return (STRENGTH * MIDDLE + seen * guess) / (STRENGTH + seen)


def _inverse_chi_square(value: float, degrees: int) -> float:
    """The probability that chi-square with so many degrees of freedom (even) is `value` or more."""
    half = value / 2.0
    # The first term of the series may be too small for a number: it is summed by logarithms then.
    term = -half
    largest, terms = term, [term]
    for at in range(1, degrees // 2):
        term += math.log(half / at) if half > 0 else -math.inf
        terms.append(term)
        largest = max(largest, term)
    total = math.fsum([math.exp(each - largest) for each in terms])
    return min(1.0, math.exp(min(0.0, largest + math.log(total))))
