"""Counters of one process: plain dictionaries, for tests."""

from __future__ import annotations

from collections import Counter

from postroad.limits.counters import Window


class MemoryCounters:
    """Implements `Counters`; never forgets, never expires."""

    def __init__(self) -> None:
        self._buckets: Counter[tuple[str, str, int]] = Counter()
        self._held: Counter[tuple[str, str]] = Counter()

    def add(
        self, window: Window, key: str, now: float, amount: int = 1, *, since: float | None = None
    ) -> int:
        below = -self._raw(window, key, now) if amount > 0 else 0
        when = now if since is None else since
        self._buckets[window.name, key, int(when / window.seconds)] += amount + max(0, below)
        return self.count(window, key, now)

    def count(self, window: Window, key: str, now: float) -> int:
        return max(0, self._raw(window, key, now))

    def _raw(self, window: Window, key: str, now: float) -> int:
        age = now / window.seconds
        bucket = int(age)
        current = self._buckets[window.name, key, bucket]
        previous = self._buckets[window.name, key, bucket - 1]
        return round(current + previous * (1 - (age - bucket)))

    def enter(self, kind: str, key: str) -> int:
        self._held[kind, key] += 1
        return self._held[kind, key]

    def leave(self, kind: str, key: str) -> None:
        self._held[kind, key] = max(0, self._held[kind, key] - 1)
