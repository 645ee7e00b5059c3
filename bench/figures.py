"""The figures of `relay.py`, and how they are told."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scenarios import Light, Load

__all__ = ["Figure", "light_told", "loads_told"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One round.

    Attributes:
        rate: messages a second until the last was delivered.
        processor: microseconds of processor time for a message, of the server alone.
        waits: how often its threads waited for something, for a message.
    """

    rate: float
    processor: float
    waits: float

    def __str__(self) -> str:
        return f"{self.rate:8.0f} messages/s {self.processor:8.0f} us of processor time each"


def loads_told(measured: Mapping[Load, Mapping[str, Sequence[Figure]]]) -> str:
    """A table with a line for each load: medians, ratios, and what was wanted."""
    title = "messages/s until the last is delivered (us of processor time each), medians of rounds"
    columns = f"{'direct':>7} {'Postfix':>14} {'Postroad':>14} {'waits':>6}"
    comparison = f"{'ratio':>6} {'from-to':>9} {'wanted':>7} {'of direct':>9}"
    lines = ["", title, f"{'':44} {columns} {comparison}"]
    lines += [_line(load, figures) for load, figures in measured.items()]
    return "\n".join(lines)


def _line(load: Load, figures: Mapping[str, Sequence[Figure]]) -> str:
    limit = _rate(figures["limit"])
    theirs, ours = figures["postfix"], figures["postroad"]
    ratios = sorted(own.rate / other.rate for own, other in zip(ours, theirs, strict=True))
    waits = statistics.median(each.waits for each in ours)
    wanted = f">={load.wanted:g}" if load.wanted else ""
    return (
        f"{load.words:44} {limit:7.0f} {_both(theirs):>14} {_both(ours):>14} {waits:6.1f} "
        f"{statistics.median(ratios):6.2f} {ratios[0]:4.1f}-{ratios[-1]:<4.1f} {wanted:>7} "
        f"{_rate(ours) / limit:9.0%}"
    )


def _rate(figures: Sequence[Figure]) -> float:
    return statistics.median(each.rate for each in figures)


def _both(figures: Sequence[Figure]) -> str:
    cost = statistics.median(each.processor for each in figures)
    return f"{_rate(figures):.0f} ({cost:.0f})"


def light_told(light: Light, delays: Mapping[str, Sequence[float]]) -> str:
    """What light load brought: the usual delay, and the worst of a hundred."""
    lines = ["", f"{light.words}: milliseconds from 250 to delivery"]
    lines += [
        f"  {name:9} median {_share(values, 50):7.1f}  p99 {_share(values, 99):7.1f}"
        for name, values in delays.items()
    ]
    ratio = _share(delays["postroad"], 99) / _share(delays["postfix"], 99)
    lines.append(f"  p99 of Postroad is {ratio:.2f} of Postfix's; wanted: <={light.wanted:g}")
    return "\n".join(lines)


def _share(values: Sequence[float], percent: int) -> float:
    """Milliseconds that so many in a hundred do not exceed."""
    return statistics.quantiles(values, n=100)[percent - 1] * 1000
