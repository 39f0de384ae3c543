"""From records to what is shown: one Timing a kernel, workload and thread count, on one machine and build.

Records of the same machine, compiler and commit are merged; others stand beside each other. Nothing is computed here
but medians over repetitions and the ratio to the baseline.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from . import spec as specs
from .counts import Counted, counted
from .fields import number, texts
from .gates import Gate, gate
from .layout import Layout, sensitivity
from .record import Case, ClockRow, Comparison, Deviation, Entry, Kernel, KillMatrix, Record, Reference
from .timeline import Timeline, timelines


@dataclass(frozen=True)
class Series:
    """What is one line, bar or column in charts: a kernel at a thread count."""

    kernel: str
    threads: int


@dataclass(frozen=True)
class Timing:
    series: Series
    workload: str
    spec: specs.Spec
    error: str | None
    n: int = 0  # repetitions that the medians are over
    ms: float | None = None
    low: float | None = None  # fastest and slowest repetition; None where the record holds aggregates only
    high: float | None = None
    gflops: float | None = None
    share: float | None = None
    gbytes: float | None = None
    bandwidth: float | None = None  # GB/s measured at the call's own footprint, times threads
    inputs: str = ""
    ceiling: str = ""  # what the share is of
    first_ms: float | None = None  # the first call in its process
    slow_first: float | None = None  # how many times as long as the median, where it stands out

    @property
    def range(self) -> float | None:
        """Of the repetitions, slowest less fastest, over their median."""
        if self.low is None or self.high is None or not self.ms or self.high <= self.low:
            return None
        return (self.high - self.low) / self.ms

    @property
    def is_square(self) -> bool:
        return self.spec.queries is not None and self.spec.queries == self.spec.keys_seen

    @property
    def is_decode(self) -> bool:
        return self.spec.size("q") == 1 and self.spec.keys_seen is not None


@dataclass
class Results:
    """Everything known of one machine and build."""

    context: dict[str, Any]  # of attnbench; empty for plain Google Benchmark files
    outer: dict[str, Any]  # Google Benchmark's
    kernels: list[str]  # in the order of the improves_on chain
    described: list[Kernel]  # those that the context describes, in the same order
    baselines: set[str]
    timings: list[Timing]
    cases: list[Case]
    skipped: list[dict[str, str]]
    sources: list[str]
    comparisons: list[Comparison]
    deviations: list[Deviation]
    references: list[Reference]
    matrices: list[KillMatrix]
    clock: list[ClockRow]
    timelines: list[Timeline]
    layouts: list[Layout]
    gates: list[Gate]
    counts: list[Counted]

    @property
    def is_empty(self) -> bool:
        judged = self.cases or self.matrices or self.clock
        return not (self.timings or judged or self.comparisons or self.timelines or self.layouts or self.gates)

    @property
    def delta(self) -> float:
        """The relative difference that counts in comparisons."""
        rule = self.context.get("compare")
        return (number(rule, "delta") if isinstance(rule, dict) else None) or 0.005

    @property
    def checks(self) -> list[str]:
        """Those that alone were applied; empty where all were."""
        return list(texts(self.context, "checks"))

    @property
    def machine(self) -> str:
        name = self.context.get("cpu") or self.outer.get("host_name") or "unknown machine"
        return str(name)

    @property
    def inputs(self) -> str:
        """Where inputs lay when calls began: "hot", "cold and hot"; empty where the record does not say."""
        return " and ".join(sorted({t.inputs.split()[0] for t in self.timings if t.inputs}))

    def label(self, series: Series) -> str:
        """A kernel that ran at one thread only goes by its name."""
        counts = {t.series.threads for t in self.timings if t.series.kernel == series.kernel}
        if counts <= {1}:
            return series.kernel
        return f"{series.kernel}, {series.threads} thread{'s' if series.threads > 1 else ''}"

    def series(self, timings: Iterable[Timing] | None = None) -> list[Series]:
        found = {t.series for t in (self.timings if timings is None else timings) if t.ms is not None}
        return sorted(found, key=lambda s: (self.kernels.index(s.kernel), s.threads))

    def style_index(self, series: Series) -> int:
        """The same in every chart of a report."""
        return self.series().index(series)

    def ordered(self) -> list[Timing]:
        """Workload by workload as the record has them, kernels in the order of their chain."""
        names = list(dict.fromkeys(t.workload for t in self.timings))
        place = {name: i for i, name in enumerate(names)}
        rank = {name: i for i, name in enumerate(self.kernels)}
        return sorted(self.timings, key=lambda t: (place[t.workload], rank[t.series.kernel], t.series.threads))

    def is_trusted(self, timing: Timing) -> bool:
        """A kernel that is wrong on a workload wins nothing there."""
        return timing.ms is not None and not self.judged(timing)[1]

    @cached_property
    def _baselines_by_spec(self) -> dict[specs.Spec, list[Timing]]:
        found: dict[specs.Spec, list[Timing]] = {}
        for t in self.timings:
            if t.series.kernel in self.baselines and t.ms is not None:
                found.setdefault(t.spec, []).append(t)
        return found

    @cached_property
    def _cases_by_place(self) -> dict[tuple[str, str], list[Case]]:
        found: dict[tuple[str, str], list[Case]] = {}
        for case in self.cases:
            found.setdefault((case.kernel, case.workload), []).append(case)
        return found

    def speedup(self, timing: Timing) -> float | None:
        """Over the baseline on the same spec: at the same thread count where it ran so, else at its lowest."""
        base = min(
            self._baselines_by_spec.get(timing.spec, []),
            key=lambda t: (t.series.threads != timing.series.threads, t.series.threads, -(t.ms or 0)),
            default=None,
        )
        return base.ms / timing.ms if base and base.ms and timing.ms else None

    def judged(self, timing: Timing) -> tuple[float | None, bool]:
        """The largest err/bound over the cases of this kernel and workload, and whether one of them is a finding."""
        workload = timing.workload.partition("/")[0]  # judged once, whatever its inputs did when it was timed
        cases = self._cases_by_place.get((timing.series.kernel, workload), [])
        ratios = [r for r in (c.ratio for c in cases) if r is not None]
        worst = math.nan if any(math.isnan(r) for r in ratios) else max(ratios, default=None)
        return worst, any(c.is_finding for c in cases)


def collect(records: list[Record]) -> list[Results]:
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(_fingerprint(record), []).append(record)
    return [_merge(group) for group in groups.values()]


def _fingerprint(record: Record) -> tuple[str, ...]:
    ours = record.ours
    if not ours:
        return ("", str(record.context.get("host_name", "")))
    return tuple(str(ours.get(key, "")) for key in ("cpu", "cpu_id", "isa", "compiler", "flags", "commit"))


def _merge(records: list[Record]) -> Results:
    entries = [entry for record in records for entry in record.entries]
    cases = [case for record in records for case in record.cases]
    listed = {kernel.name: kernel for record in records for kernel in record.kernels}
    seen = dict.fromkeys([*listed, *(e.kernel for e in entries), *(c.kernel for c in cases)])
    skipped = [one for record in records for one in record.ours.get("skipped", []) if isinstance(one, dict)]
    order = chain([listed.get(name, Kernel(name)) for name in seen])
    return Results(
        context=_widest_context(records),
        outer=records[0].context,
        kernels=order,
        described=[listed[name] for name in order if name in listed],
        baselines={kernel.name for kernel in listed.values() if kernel.role == "baseline" and not kernel.improves_on},
        timings=_timings(entries),
        cases=cases,
        skipped=[{"name": str(one.get("name", "")), "reason": str(one.get("reason", ""))} for one in skipped],
        sources=[record.path.name for record in records],
        comparisons=[one for record in records for one in record.comparisons],
        deviations=[one for record in records for one in record.deviations],
        references=[record.reference for record in records if record.reference],
        matrices=[record.matrix for record in records if record.matrix],
        clock=[row for record in records for row in record.clock],
        timelines=[one for record in records for one in timelines(record.history)],
        layouts=[sensitivity(one) for record in records for one in record.layout],
        gates=[gate(record.gate) for record in records if record.gate],
        counts=[found for record in records for one in record.counted if (found := counted(one))],
    )


def _widest_context(records: list[Record]) -> dict[str, Any]:
    """Later records fill in what earlier ones lack (a record of the judge has no ceilings)."""
    context: dict[str, Any] = {}
    for record in records:
        for key, value in record.ours.items():
            if not context.get(key):
                context[key] = value
    commands = dict.fromkeys(str(r.ours["command"]) for r in records if r.ours.get("command"))
    if any(r.cases and not r.ours.get("checks") for r in records):
        context.pop("checks", None)
    if commands:
        context["command"] = "\n".join(commands)
    return context


def chain(kernels: list[Kernel]) -> list[str]:
    """Each kernel behind the one it improves on, depth first; those that improve on nothing known begin."""
    names = {kernel.name for kernel in kernels}
    order: list[str] = []

    def visit(kernel: Kernel) -> None:
        if kernel.name in order:
            return
        order.append(kernel.name)
        for other in kernels:
            if other.improves_on == kernel.name:
                visit(other)

    roots = [k for k in kernels if k.improves_on not in names]
    for kernel in sorted(roots, key=lambda k: k.role != "baseline") + kernels:  # the rest: cycles
        visit(kernel)
    return order


def _timings(entries: list[Entry]) -> list[Timing]:
    runs: dict[tuple[str, str, str, int], list[Entry]] = {}
    for entry in entries:
        runs.setdefault((entry.kernel, entry.workload, entry.variant, entry.threads), []).append(entry)
    found = (_timing(run) for run in runs.values())
    return [t for t in found if t.ms is not None or t.error is not None]


def _timing(run: list[Entry]) -> Timing:
    first = run[0]
    single = [e for e in run if e.aggregate is None and e.ms is not None]
    given = next((e for e in run if e.aggregate == "median" and e.ms is not None), None)
    workload = f"{first.workload}/{first.variant}" if first.variant else first.workload
    # A variant (cold caches, ...) is another measurement: it must not meet the plain one's baseline.
    spec = specs.parse(f"{first.spec},{first.variant}" if first.variant else first.spec)
    series = Series(first.kernel, first.threads)
    if not single and given is None:
        return Timing(series, workload, spec, next((e.error for e in run if e.error), None))
    times = [e.ms for e in single if e.ms is not None]
    return Timing(
        series=series,
        workload=workload,
        spec=spec,
        error=None,
        n=len(single) or (given.repetitions or 0 if given else 0),
        ms=given.ms if given else statistics.median(times),
        low=min(times, default=None),
        high=max(times, default=None),
        gflops=given.gflops if given else _median(e.gflops for e in single),
        share=given.share if given else _median(e.share for e in single),
        gbytes=given.gbytes if given else _median(e.gbytes for e in single),
        bandwidth=_median(e.gbytes / e.share_bw if e.gbytes and e.share_bw else None for e in [*single, given] if e),
        inputs=first.inputs,
        ceiling=next((e.ceiling for e in run if e.ceiling), ""),
        first_ms=next((e.first_ms for e in run if e.first_ms is not None), None),
        slow_first=next((e.slow_first for e in run if e.slow_first is not None), None),
    )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
