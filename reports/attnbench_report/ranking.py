"""Order of kernels by error, among those alone whose contracts hold the same things in the same types.

A kernel in bf16 is not worse than one in f32: it promises less. Within such a class kernels are compared on the cases
that all of them passed or failed with figures, or the one that refuses hard cases would win.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from .record import Case
from .results import Results


@dataclass(frozen=True)
class Standing:
    kernel: str
    cases: list[Case]
    median: float | None  # of err/bound over the common cases; None: there are none


@dataclass(frozen=True)
class AccuracyClass:
    name: str
    standings: list[Standing]  # best first
    common: int  # cases that all of its kernels were judged on


def _place(case: Case) -> tuple[str, str, int | None]:
    return case.spec, case.input_class, case.seed


def _largest(cases: list[Case]) -> dict[tuple[str, str, int | None], float]:
    """Over thread counts; NaN outweighs everything."""
    found: dict[tuple[str, str, int | None], float] = {}
    for case in cases:
        ratio = math.inf if case.ratio is None or math.isnan(case.ratio) else case.ratio
        found[_place(case)] = max(found.get(_place(case), 0), ratio)
    return found


def _class(name: str, by_kernel: dict[str, list[Case]]) -> AccuracyClass:
    largest = {kernel: _largest(cases) for kernel, cases in by_kernel.items()}
    common = set.intersection(*(set(one) for one in largest.values()))
    standings = [
        Standing(kernel, cases, statistics.median(largest[kernel][place] for place in common) if common else None)
        for kernel, cases in by_kernel.items()
    ]
    standings.sort(key=lambda s: math.inf if s.median is None else s.median)
    return AccuracyClass(name, standings, len(common))


def accuracy_classes(results: Results) -> list[AccuracyClass]:
    found: dict[str, dict[str, list[Case]]] = {}
    for kernel in results.kernels:
        for case in results.cases:
            if case.kernel == kernel and case.accuracy and case.parts:
                found.setdefault(case.accuracy, {}).setdefault(kernel, []).append(case)
    return [_class(name, by_kernel) for name, by_kernel in found.items()]
