"""The fastest kernel of each workload, and those that it cannot be told from.

A median that lies within the range of the fastest one's repetitions is a tie: the two differ by less than the
fastest one differs from itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .results import Results, Timing


@dataclass(frozen=True)
class Leaders:
    fastest: Timing
    ties: list[Timing]  # by their medians
    behind: Timing | None  # the first that is slower

    @property
    def level(self) -> list[Timing]:
        return [self.fastest, *self.ties]


def leaders(results: Results) -> dict[str, Leaders]:
    """By workload. One alone is not the fastest of anything, and a kernel that is wrong there wins nothing."""
    rivals: dict[str, list[Timing]] = {}
    for timing in results.timings:
        if results.is_trusted(timing):
            rivals.setdefault(timing.workload, []).append(timing)
    return {workload: _leaders(them) for workload, them in rivals.items() if len(them) > 1}


def _leaders(rivals: list[Timing]) -> Leaders:
    fastest, *others = sorted(rivals, key=lambda t: t.ms or math.inf)
    slowest = fastest.high or fastest.ms or 0
    ties = [t for t in others if (t.ms or math.inf) <= slowest]
    return Leaders(fastest, ties, next(iter(others[len(ties) :]), None))
