"""What the classifier's probability is worth in points, by bands named as SpamAssassin's."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["BANDS", "MOST_READ", "READ_CAP", "Band", "band_of"]


class Band(NamedTuple):
    """A range of probabilities.

    Attributes:
        name: by which points are changed.
        least: the probability from which on it holds.
        points: what it adds.
    """

    name: str
    least: float
    points: float


BANDS = (
    Band("BAYES_00", 0.0, -2.0),
    Band("BAYES_05", 0.01, -0.8),
    Band("BAYES_20", 0.1, -0.3),
    Band("BAYES_40", 0.3, -0.1),
    Band("BAYES_50", 0.45, 0.0),
    Band("BAYES_60", 0.6, 0.5),
    Band("BAYES_80", 0.8, 1.5),
    Band("BAYES_95", 0.95, 2.5),
    Band("BAYES_99", 0.99, 3.5),
    Band("BAYES_999", 0.999, 5.0),
)
"""In ascending order."""

READ_CAP = "READ_CAP"
"""The name by which it is told that rules about text count less beside the classifier."""

MOST_READ = 1.4
"""Points that rules about text have together beside a classifier that speaks for spam: with less
than `BAYES_999`, something else than what is read must make a message spam."""


def band_of(probability: float) -> Band:
    """The band of a probability, from 0 to 1."""
    return next((each for each in reversed(BANDS) if probability >= each.least), BANDS[0])
