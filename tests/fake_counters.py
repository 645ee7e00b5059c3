"""Counters of one process: plain dictionaries, for tests."""

from __future__ import annotations

from collections import Counter

from postroad.limits.counters import Window


class MemoryCounters:
    """Implements `Counters`; never forgets, never expires."""

    def __init__(self) -> None:
        self._buckets: Counter[tuple[str, str, int]] = Counter()
        self._held: Counter[tuple[str, str]] = Counter()

    def add(self, window: Window, key: str, now: float, amount: int = 1) -> int:
        self._buckets[window.kind, key, int(now / window.seconds)] += amount
        return self.count(window, key, now)

    def count(self, window: Window, key: str, now: float) -> int:
        age = now / window.seconds
        bucket = int(age)
        current = self._buckets[window.kind, key, bucket]
        previous = self._buckets[window.kind, key, bucket - 1]
        return max(0, round(current + previous * (1 - (age - bucket))))

    def enter(self, kind: str, key: str) -> int:
        self._held[kind, key] += 1
        return self._held[kind, key]

    def leave(self, kind: str, key: str) -> None:
        self._held[kind, key] = max(0, self._held[kind, key] - 1)
