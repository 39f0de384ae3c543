"""The page: one HTML file that needs nothing else. The verdict first, figures second, everything else behind."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from .counts import columns
from .coverage import Coverage
from .fields import text
from .leaders import Leaders, leaders
from .ranking import accuracy_classes
from .record import Case, Deviation, Quantisation, Reference
from .results import Results, Series, Timing
from .style import Drawn, LeftOut, significant

TEMPLATES = Path(__file__).parent / "templates"
ENVIRONMENT = (
    ("cpu", "CPU"),
    ("cpu_id", "CPU id"),
    ("isa", "instruction sets used"),
    ("isa_detected", "instruction sets detected"),
    ("threads", "threads usable"),
    ("processors", "processors online"),
    ("pinning", "pinning"),
    ("governor", "governor"),
    ("hypervisor", "hypervisor"),
    ("kernel", "operating system"),
    ("caches", "caches"),
    ("memory", "memory"),
    ("doctor", "doctor"),
    ("ceilings", "measured ceilings, one thread"),
    ("bandwidth", "measured read bandwidth, one thread"),
    ("counters", "hardware counters"),
    ("compiler", "compiler"),
    ("flags", "flags"),
    ("build_type", "build type"),
    ("library", "libraries"),
    ("version", "attnbench"),
    ("commit", "commit"),
)


@dataclass(frozen=True)
class Cell:
    """A table cell: what is read and what it is sorted by."""

    text: str
    value: float | None = None
    kind: str = ""


@dataclass(frozen=True)
class Row:
    workload: str
    spec: str
    kernel: str
    threads: int
    error: str | None
    standing: str  # "fastest", "tie" with it, or neither
    failed: bool
    cells: list[Cell]


@dataclass(frozen=True)
class Fastest:
    workload: str
    kernel: str
    ties: list[str]
    ms: str
    speedup: str
    runner_up: str
    judged: str


@dataclass(frozen=True)
class Win:
    """How often a kernel is the fastest, and how many of these are ties."""

    kernel: str
    count: int
    tied: int


@dataclass(frozen=True)
class Unsupported:
    kernel: str
    reason: str
    workloads: list[str]
    count: int


@dataclass(frozen=True)
class Advice:
    """A line of the doctor."""

    what: str
    found: str
    warning: str
    mend: str


@dataclass(frozen=True)
class Doctor:
    measurable: bool
    lines: list[Advice]

    @property
    def warnings(self) -> list[Advice]:
        return [line for line in self.lines if line.warning]

    @property
    def resolution(self) -> list[Advice]:
        """How small a slowdown is seen here; said above all that is well."""
        return [line for line in self.lines if line.what == "resolution" and not line.warning]


@dataclass(frozen=True)
class Instructions:
    """With what they were counted, and where they were not."""

    tool: str
    isa: str
    absent: list[tuple[str, str]]  # case, reason


@dataclass(frozen=True)
class Judged:
    """What stands behind the verdict."""

    references: list[Reference]
    unbounded: list[Case]  # with rows of which the contract promises nothing
    checks: list[tuple[str, int, list[str]]]  # name, findings, kernels
    pooled: list[tuple[str, list[Deviation]]]  # by accuracy class, kernels in the order of their err/bound
    quantised: list[tuple[str, Quantisation]]  # the largest figures of each input class

    @property
    def certified(self) -> int:
        return sum(one.certified_rows for one in self.references)

    @property
    def uncertified(self) -> list[str]:
        return [line for one in self.references for line in one.failures]


@dataclass(frozen=True)
class Section:
    """One machine and build."""

    results: Results
    findings: list[Case]
    judged: Judged
    passed: int
    unsupported_count: int
    untimed: list[Timing]
    fastest: list[Fastest]
    wins: list[Win]
    rows: list[Row]
    slow_first: list[Timing]  # whose first call stands out
    unsupported: list[Unsupported]
    environment: list[tuple[str, str]]
    charts: Sequence[Drawn]
    left_out: Sequence[LeftOut]
    table_file: str
    coverage: Coverage | None
    coverage_file: str
    doctor: Doctor | None
    plugins: list[dict[str, str]]
    crossovers: list[dict[str, Any]]
    counted: list[tuple[str, str]]  # columns of what was counted: key, heading
    instructions: Instructions | None


def breakable(text: str) -> Markup:
    """Lets long names break behind commas, slashes and underscores, where readers expect it."""
    return Markup(re.sub(r"([,/_=:])", r"\1<wbr>", str(escape(text)).replace("&#", "\0")).replace("\0", "&#"))


def _cell(value: float | None, scale: float = 1, kind: str = "") -> Cell:
    if value is None:
        return Cell("–")
    return Cell(significant(value * scale), None if math.isnan(value) else value * scale, kind)


def _judged_cell(results: Results, timing: Timing) -> Cell:
    ratio, failed = results.judged(timing)
    if ratio is None:
        return Cell("failed" if failed else "not judged", math.inf if failed else None, "bad" if failed else "muted")
    value = math.inf if math.isnan(ratio) else ratio
    return Cell(significant(ratio), value, "bad" if failed or not ratio <= 1 else "good")


def _rows(results: Results, best: dict[str, Leaders]) -> list[Row]:
    rows = []
    for timing in results.ordered():
        lead = best.get(timing.workload)
        level = lead is not None and any(t is timing for t in lead.level)
        rows.append(
            Row(
                workload=timing.workload,
                spec=timing.spec.text,
                kernel=timing.series.kernel,
                threads=timing.series.threads,
                error=timing.error,
                standing="" if not (lead and level) else "tie" if lead.ties else "fastest",
                failed=results.judged(timing)[1],
                cells=[
                    _cell(timing.ms),
                    _cell(timing.range, 100),
                    _cell(timing.gflops),
                    _cell(timing.gbytes),
                    _cell(timing.share, 100),
                    _cell(results.speedup(timing)),
                    _judged_cell(results, timing),
                    Cell(str(timing.n) if timing.n else "–", timing.n or None),
                ],
            )
        )
    return rows


def _fastest(results: Results, best: dict[str, Leaders]) -> list[Fastest]:
    found = []
    for workload, lead in best.items():
        speedup, second = results.speedup(lead.fastest), lead.behind
        found.append(
            Fastest(
                workload=workload,
                kernel=results.label(lead.fastest.series),
                ties=[f"{results.label(t.series)} ({significant(t.ms or 0)} ms)" for t in lead.ties],
                ms=significant(lead.fastest.ms or 0),
                speedup=f"{significant(speedup)}×" if speedup else "–",
                runner_up=f"{results.label(second.series)} ({significant(second.ms or 0)} ms)" if second else "none",
                judged=_judged_cell(results, lead.fastest).text,
            )
        )
    return found


def _wins(results: Results, best: dict[str, Leaders]) -> list[Win]:
    counts: dict[Series, list[bool]] = {}
    for lead in best.values():
        for timing in lead.level:
            counts.setdefault(timing.series, []).append(bool(lead.ties))
    wins = [Win(results.label(series), len(tied), sum(tied)) for series, tied in counts.items()]
    return sorted(wins, key=lambda win: (win.tied - win.count, -win.count))


def _unsupported(results: Results) -> list[Unsupported]:
    groups: dict[tuple[str, str], list[Case]] = {}
    for case in results.cases:
        if case.status == "unsupported":
            groups.setdefault((case.kernel, case.reason), []).append(case)
    return [
        Unsupported(kernel, reason, list(dict.fromkeys(c.workload for c in cases)), len(cases))
        for (kernel, reason), cases in groups.items()
    ]


def _bytes(count: object) -> str:
    if not isinstance(count, int | float) or count <= 0:
        return "unknown"
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size:
            return f"{significant(count / size)} {unit}"
    return f"{count:g} B"


def _environment(results: Results) -> list[tuple[str, str]]:
    found = []
    for key, name in ENVIRONMENT:
        value = results.context.get(key)
        if value is None or value == "":
            continue
        if key == "caches" and isinstance(value, dict):
            value = ", ".join(f"{level} {_bytes(size)}" for level, size in value.items() if size)
        elif key == "doctor" and isinstance(value, dict):
            lines = [one for one in value.get("lines", []) if isinstance(one, dict) and one.get("warning")]
            said = [f"{one.get('what')}: {one['warning']} ({one.get('found')})" for one in lines]
            value = "; ".join(said) or "no warning"
        elif key == "ceilings" and isinstance(value, dict):
            value = ", ".join(
                f"{name.replace('_', ' ')} {significant(rate)} {'GOP/s' if name.startswith('int') else 'GFLOP/s'}"
                for name, rate in value.items()
            )
        elif key == "bandwidth" and isinstance(value, list):
            steps = [s for s in value if isinstance(s, dict)]
            value = ", ".join(f"{_bytes(s.get('footprint'))} {significant(s.get('gbytes') or 0)} GB/s" for s in steps)
        elif key == "counters":
            value = _counters(value)
        elif key == "memory":
            value = _bytes(value)
        found.append((name, str(value)))
    if not results.context:
        found += [(key, str(value)) for key, value in results.outer.items() if isinstance(value, str | int | float)]
    elif results.outer.get("date"):
        found.append(("date", str(results.outer["date"])))
    return [*found, ("records", ", ".join(results.sources))]


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _counters(value: object) -> str:
    """Names of what was counted; the others with their reasons."""
    listed = _objects(value)
    parts = [text(one, "name") for one in listed if not one.get("reason")]
    return "; ".join(
        ([", ".join(parts)] if parts else [])
        + [f"{text(one, 'name')} not counted: {text(one, 'reason')}" for one in listed if one.get("reason")]
    )


def _plugins(results: Results) -> list[dict[str, str]]:
    keys = ("name", "file", "digest", "build_id")
    return [{key: text(one, key) for key in keys} for one in _objects(results.context.get("plugins"))]


def _doctor(results: Results) -> Doctor | None:
    found = results.context.get("doctor")
    if not isinstance(found, dict):
        return None
    lines = [
        Advice(*(text(one, key) for key in ("what", "found", "warning", "mend")))
        for one in _objects(found.get("lines"))
    ]
    return Doctor(found.get("measurable") is not False, lines)


def _instructions(results: Results) -> Instructions | None:
    found = results.context.get("instructions")
    if not isinstance(found, dict):
        return None
    absent = [(text(one, "name"), text(one, "reason")) for one in _objects(found.get("absent"))]
    return Instructions(text(found, "tool"), text(found, "isa"), absent)


def _judged(results: Results) -> Judged:
    checks: dict[str, list[Case]] = {}
    for case in results.cases:
        for name in case.checks if case.is_finding else ():
            checks.setdefault(name, []).append(case)
    rank = {c.name: {s.kernel: i for i, s in enumerate(c.standings)} for c in accuracy_classes(results)}
    pooled: dict[str, list[Deviation]] = {}
    for one in results.deviations:
        pooled.setdefault(one.accuracy, []).append(one)
    for name, them in pooled.items():
        classes = list(dict.fromkeys(one.input_class for one in them))
        places = rank.get(name, {})
        them.sort(key=lambda d: (classes.index(d.input_class), places.get(d.kernel, len(places))))
    return Judged(
        references=results.references,
        unbounded=[c for c in results.cases if c.unbounded_rows],
        checks=sorted(
            ((name, len(cases), list(dict.fromkeys(c.kernel for c in cases))) for name, cases in checks.items()),
            key=lambda found: -found[1],
        ),
        pooled=list(pooled.items()),
        quantised=_quantised(results.cases),
    )


def _quantised(cases: Iterable[Case]) -> list[tuple[str, Quantisation]]:
    classes: dict[str, list[Quantisation]] = {}
    for case in cases:
        if case.quantisation:
            classes.setdefault(case.input_class, []).append(case.quantisation)
    return [
        (name, Quantisation(*(max(getattr(q, figure) for q in them) for figure in ("output", "relative", "lse"))))
        for name, them in classes.items()
    ]


def table_rows(results: Results) -> tuple[list[str], list[list[object]]]:
    """The table of the page with all digits, for a CSV beside it."""
    header = [
        "workload",
        "kernel",
        "threads",
        "ms",
        "fastest_ms",
        "slowest_ms",
        "gflops",
        "gbytes",
        "share",
        "speedup",
        "ratio",
        "failed",
        "n",
        "error",
        "spec",
    ]
    rows: list[list[object]] = []
    for t in results.ordered():
        ratio, failed = results.judged(t)
        times = [t.ms, t.low, t.high, t.gflops, t.gbytes, t.share, results.speedup(t)]
        rows.append([t.workload, t.series.kernel, t.series.threads, *times, ratio, failed, t.n, t.error, t.spec.text])
    return header, rows


def section(
    results: Results,
    charts: Sequence[Drawn],
    left_out: Sequence[LeftOut],
    table_file: str,
    coverage: Coverage | None,
    coverage_file: str,
) -> Section:
    best = leaders(results)
    return Section(
        results=results,
        findings=[c for c in results.cases if c.is_finding],
        judged=_judged(results),
        passed=sum(1 for c in results.cases if c.status == "pass"),
        unsupported_count=sum(1 for c in results.cases if c.status == "unsupported"),
        untimed=[t for t in results.timings if t.error],
        fastest=_fastest(results, best),
        wins=_wins(results, best),
        rows=_rows(results, best),
        slow_first=[t for t in results.ordered() if t.slow_first is not None],
        unsupported=_unsupported(results),
        environment=_environment(results),
        charts=charts,
        left_out=left_out,
        table_file=table_file,
        coverage=coverage,
        coverage_file=coverage_file,
        doctor=_doctor(results),
        plugins=_plugins(results),
        crossovers=_objects(results.context.get("crossovers")),
        counted=columns(results.counts),
        instructions=_instructions(results),
    )


def render(title: str, sections: Sequence[Section]) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    environment.filters["figure"] = significant
    environment.filters["change"] = lambda ratio: f"{100 * (ratio - 1):+.2f}"
    html: str = environment.get_template("report.html").render(
        title=title,
        sections=sections,
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        script=Markup((TEMPLATES / "report.js").read_text(encoding="utf-8")),
    )
    return html
