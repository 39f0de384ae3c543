"""Reading records. Everything behind this module works on typed values; whatever is damaged or foreign stops here."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .fields import any_real, integer, number, text, texts

SCHEMA = 1
STATUSES = ("pass", "fail", "unsupported", "crash", "hang")
MILLISECONDS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}


class RecordError(Exception):
    """One line: the file, what is wrong with it, and where."""


@dataclass(frozen=True)
class Kernel:
    name: str
    idea: str = ""
    improves_on: str | None = None
    role: str = ""
    isa: str = ""


@dataclass(frozen=True)
class Entry:
    """One run or aggregate of the clock. Times in ms; None: not in the record."""

    kernel: str
    workload: str
    variant: str
    threads: int
    spec: str
    inputs: str  # "hot", "cold", "rotated over ..."; empty: the record does not say
    error: str | None
    aggregate: str | None
    repetitions: int | None
    ms: float | None
    gflops: float | None
    share: float | None
    gbytes: float | None
    share_bw: float | None = None  # of the bandwidth at the call's own footprint, times threads
    ceiling: str = ""  # what the share is of; in the first entry of a run
    first_ms: float | None = None  # the first call in its process; in the first entry of a run
    slow_first: float | None = None  # how many times as long as the median, where it stands out


@dataclass(frozen=True)
class Figures:
    error: float
    bound: float
    ratio: float
    where: str
    got: float
    wanted: float


@dataclass(frozen=True)
class Quantisation:
    """What int8 keys and values cost by themselves: no kernel's error."""

    output: float  # largest move of an output
    relative: float  # root mean square of the moves over that of the outputs
    lse: float


@dataclass(frozen=True)
class Scores:
    """Errors over their expected standard deviations: of one case, or pooled over many."""

    rms: float
    most: float
    rows: int


@dataclass(frozen=True)
class Case:
    kernel: str
    workload: str
    spec: str
    input_class: str
    seed: int | None
    threads: int | None
    status: str
    reason: str
    verdict: str
    reproducer: str
    parts: dict[str, Figures]  # "output", "lse", "weights"
    features: tuple[str, ...] = ()  # that the case uses
    missing: tuple[str, ...] = ()  # of those, what a kernel that refused it has not got
    types: dict[str, str] = field(default_factory=dict)  # of Q, K, V and O; empty in older records
    accuracy: str = ""  # class of the kernel's contract; empty where it did not run
    z: Scores | None = None  # None: not judged by it
    checks: tuple[str, ...] = ()  # that found something
    pattern: str = ""  # of the wrong elements
    unbounded_rows: int = 0
    quantisation: Quantisation | None = None  # None: K and V are not int8

    @property
    def is_finding(self) -> bool:
        return self.status in ("fail", "crash", "hang")

    @property
    def ratio(self) -> float | None:
        """The largest err/bound; NaN outweighs everything, None where there are no figures."""
        ratios = [part.ratio for part in self.parts.values()]
        if any(math.isnan(r) for r in ratios):
            return math.nan
        return max(ratios, default=None)


@dataclass(frozen=True)
class Deviation:
    """z pooled over the cases of a kernel, an input class and an accuracy class."""

    kernel: str
    input_class: str
    accuracy: str
    z: Scores
    projected_rms: float
    projected_max: float


@dataclass(frozen=True)
class Reference:
    """How the reference itself was tested."""

    certified_rows: int
    failures: list[str]
    reason: str  # why nothing could be certified


@dataclass(frozen=True)
class Planted:
    """A kernel with a planted bug, or an odd one that is right."""

    name: str
    kernel: str  # that it was made from
    what: str
    status: str
    found_by: dict[str, int]  # check to failing cases


@dataclass(frozen=True)
class Check:
    name: str
    found: int
    alone: tuple[str, ...]  # bugs that no other check finds
    stays: str  # why it stays although there are none


@dataclass(frozen=True)
class KillMatrix:
    bugs: list[Planted]
    odd: list[Planted]
    checks: list[Check]


@dataclass(frozen=True)
class ClockRow:
    """A slowdown that was made, and what the clock said of it in many runs."""

    case: str
    true: float
    runs: int
    said: dict[str, int]  # verdict to runs
    decided_median: float | None  # seconds until half and 95 % of the runs were decided
    decided_95: float | None
    bias: float | None  # median of estimate minus truth, relative
    spread: float | None  # that holds 90 % of the estimates
    neighbours: int  # busy processes beside it
    failed: str


@dataclass(frozen=True)
class Comparison:
    """Time of NEW over BASE; None where it was not timed or the interval has no end."""

    base: str
    new: str
    workload: str
    threads: int
    verdict: str
    ratio: float | None
    low: float | None
    high: float | None
    launches: int  # that confirmed it; the figures are then theirs


@dataclass(frozen=True)
class Record:
    path: Path
    context: dict[str, Any]
    entries: list[Entry]
    cases: list[Case]
    comparisons: list[Comparison] = field(default_factory=list)
    deviations: list[Deviation] = field(default_factory=list)
    reference: Reference | None = None
    matrix: KillMatrix | None = None
    clock: list[ClockRow] = field(default_factory=list)
    history: dict[str, Any] = field(default_factory=dict)  # timeline.py reads it
    layout: list[dict[str, Any]] = field(default_factory=list)  # as layout.py reads it
    gate: dict[str, Any] = field(default_factory=dict)  # gates.py reads it
    counted: list[dict[str, Any]] = field(default_factory=list)  # entries, as counts.py reads them

    @property
    def ours(self) -> dict[str, Any]:
        """Our part of the context; empty for a plain Google Benchmark file."""
        return dict(self.context.get("attnbench", {}))

    @property
    def kernels(self) -> list[Kernel]:
        listed = self.ours.get("kernels", [])
        return [
            Kernel(
                name=text(one, "name"),
                idea=text(one, "idea"),
                improves_on=text(one, "improves_on") or None,
                role=text(one, "role"),
                isa=text(one, "isa"),
            )
            for one in (listed if isinstance(listed, list) else [])
            if isinstance(one, dict)
        ]


def read(path: Path) -> Record:
    try:
        content = path.read_bytes().decode("utf-8")
        if not content:
            raise RecordError(f"{path}: is empty; make the record again")
        data = json.loads(content)
    except OSError as e:
        raise RecordError(f"{path}: cannot be read: {e.strerror}") from e
    except UnicodeDecodeError as e:
        raise RecordError(f"{path}: damaged: not UTF-8 at byte {e.start}") from e
    except json.JSONDecodeError as e:
        raise RecordError(f"{path}: damaged at line {e.lineno}, column {e.colno}: {e.msg}") from e
    except RecursionError as e:
        raise RecordError(f"{path}: damaged: nested too deeply") from e
    if _of_another_version(data):
        raise RecordError(f"{path}: another version of attnbench wrote it (this one reads schema {SCHEMA}); use that")
    try:
        return _record(path, data)
    except RecordError as e:
        raise RecordError(f"{path}: no record of attnbench or Google Benchmark: {e}") from e


def _of_another_version(data: Any) -> bool:
    context = data.get("context") if isinstance(data, dict) else None
    ours = context.get("attnbench") if isinstance(context, dict) else None
    return isinstance(ours, dict) and ours.get("schema") != SCHEMA


def _record(path: Path, data: Any) -> Record:
    if not isinstance(data, dict) or not ("benchmarks" in data or "cases" in data):
        raise RecordError('it has neither "benchmarks" nor "cases"')
    context = data.get("context", {})
    if not isinstance(context, dict) or not isinstance(context.get("attnbench", {}), dict):
        raise RecordError("its context is not an object")
    return Record(
        path=path,
        context=context,
        entries=[_entry(one, i) for i, one in enumerate(_objects(data, "benchmarks"))],
        cases=[_case(one, i) for i, one in enumerate(_objects(data, "cases"))],
        comparisons=[_comparison(one, i) for i, one in enumerate(_objects(data, "comparisons"))],
        deviations=[_deviation(one) for one in _objects(data, "deviations")],
        reference=_reference(data["reference"]) if isinstance(data.get("reference"), dict) else None,
        matrix=_matrix(data) if "bugs" in data else None,
        clock=_clock(data["clock"]) if isinstance(data.get("clock"), dict) else [],
        history=data["history"] if isinstance(data.get("history"), dict) else {},
        layout=_objects(data, "layout"),
        gate=data["gate"] if isinstance(data.get("gate"), dict) else {},
        counted=[one for one in _objects(data, "benchmarks") if one.get("derived") or "instructions" in one],
    )


def _objects(data: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = data.get(key, [])
    if not isinstance(found, list):
        raise RecordError(f'"{key}" is not a list')
    for i, one in enumerate(found):
        if not isinstance(one, dict):
            raise RecordError(f'in "{key}", entry {i} (from 0): it is not an object')
    return found


def split_name(name: str, threads: int | None) -> tuple[str, str, str, int]:
    """kernel/workload[/variant]/threads:N; other names give what stands before the first '/' as kernel."""
    head, mark, tail = name.rpartition("/threads:")
    if mark and tail.isdecimal():
        name, threads = head, int(tail)
    kernel, _, rest = name.partition("/")
    workload, _, variant = rest.partition("/")
    return kernel, workload, variant, threads or 1


def _entry_error(one: dict[str, Any]) -> str | None:
    if one.get("error_occurred"):
        return text(one, "error_message") or "failed, without a message"
    if one.get("skipped"):
        return text(one, "skip_message") or "skipped, without a message"
    return None


def _entry(one: dict[str, Any], index: int) -> Entry:
    place = f'in "benchmarks", entry {index} (from 0)'
    name = text(one, "run_name") or text(one, "name")
    if not name:
        raise RecordError(f'{place}: "name" is not a text')
    for key in ("real_time", "gflops", "share", "gbytes", "share_bw"):
        if key in one and (isinstance(one[key], bool) or not isinstance(one[key], int | float)):
            raise RecordError(f'{place}: "{key}" is not a number')
    unit = one.get("time_unit", "ns")
    if unit not in MILLISECONDS:
        raise RecordError(f'{place}: "time_unit" is not ns, us, ms or s')
    kernel, workload, variant, threads = split_name(name, integer(one, "threads"))
    error = _entry_error(one)
    time = number(one, "real_time")
    timed = error is None and time is not None
    return Entry(
        kernel=kernel,
        workload=workload,
        variant=variant,
        threads=threads,
        spec=text(one, "label") or workload,
        inputs=text(one, "inputs") or "",
        error=error,
        aggregate=text(one, "aggregate_name") if one.get("run_type") == "aggregate" else None,
        repetitions=integer(one, "repetitions"),
        ms=time * MILLISECONDS[unit] if timed and time is not None else None,
        gflops=number(one, "gflops") if timed else None,
        share=number(one, "share") if timed else None,
        gbytes=number(one, "gbytes") if timed else None,
        share_bw=number(one, "share_bw") if timed else None,
        ceiling=text(one, "ceiling"),
        first_ms=number(one, "first_call_ms"),
        slow_first=number(one, "slow_first_call"),
    )


def _case(one: dict[str, Any], index: int) -> Case:
    place = f'in "cases", entry {index} (from 0)'
    for key in ("kernel", "workload", "status"):
        if not isinstance(one.get(key), str):
            raise RecordError(f'{place}: "{key}" is not a text')
    if one["status"] not in STATUSES:
        raise RecordError(f'{place}: "status" is not {", ".join(STATUSES[:-1])} or {STATUSES[-1]}')
    types = one.get("types")
    parts = {}
    for key in ("output", "lse", "weights"):
        part = one.get(key)
        if part is None:
            continue
        if not isinstance(part, dict):
            raise RecordError(f'{place}: "{key}" is not an object')
        parts[key] = Figures(
            error=any_real(part, "error"),
            bound=any_real(part, "bound"),
            ratio=any_real(part, "ratio"),
            where=json.dumps(part.get("where", [])),
            got=any_real(part, "got"),
            wanted=any_real(part, "wanted"),
        )
    return Case(
        kernel=one["kernel"],
        workload=one["workload"],
        spec=text(one, "spec"),
        input_class=text(one, "class"),
        seed=integer(one, "seed"),
        threads=integer(one, "threads"),
        status=one["status"],
        reason=text(one, "reason"),
        verdict=text(one, "verdict"),
        reproducer=text(one, "reproducer"),
        parts=parts,
        features=texts(one, "features"),
        missing=texts(one, "missing"),
        types={slot: name for slot, name in types.items() if isinstance(name, str)} if isinstance(types, dict) else {},
        accuracy=text(one, "accuracy"),
        z=_scores(one.get("deviation")),
        checks=tuple(dict.fromkeys(text(found, "check") for found in _objects(one, "findings"))),
        pattern=text(one, "pattern"),
        unbounded_rows=integer(one, "unbounded_rows") or 0,
        quantisation=_quantisation(one.get("quantisation")),
    )


def _quantisation(found: Any) -> Quantisation | None:
    if not isinstance(found, dict):
        return None
    return Quantisation(any_real(found, "output"), any_real(found, "relative"), any_real(found, "lse"))


def _scores(found: Any) -> Scores | None:
    if not isinstance(found, dict) or not integer(found, "rows"):
        return None
    return Scores(any_real(found, "rms"), any_real(found, "max"), integer(found, "rows") or 0)


def _deviation(one: dict[str, Any]) -> Deviation:
    return Deviation(
        kernel=text(one, "kernel"),
        input_class=text(one, "class"),
        accuracy=text(one, "accuracy"),
        z=Scores(any_real(one, "rms"), any_real(one, "max"), integer(one, "rows") or 0),
        projected_rms=any_real(one, "projected_rms"),
        projected_max=any_real(one, "projected_max"),
    )


def _reference(one: dict[str, Any]) -> Reference:
    failures = [": ".join((text(f, "workload"), text(f, "reason"))) for f in _objects(one, "failures")]
    return Reference(integer(one, "certified_rows") or 0, failures, text(one, "reason"))


def _planted(one: dict[str, Any]) -> Planted:
    checks = one.get("checks")
    found_by = {name: count for name, count in checks.items() if isinstance(count, int)} if checks else {}
    return Planted(*(text(one, key) for key in ("name", "kernel", "what", "status")), found_by)


def _matrix(data: dict[str, Any]) -> KillMatrix:
    return KillMatrix(
        bugs=[_planted(one) for one in _objects(data, "bugs")],
        odd=[_planted(one) for one in _objects(data, "odd")],
        checks=[
            Check(text(one, "name"), integer(one, "found") or 0, texts(one, "alone"), text(one, "stays"))
            for one in _objects(data, "checks")
        ],
    )


def _clock(clock: dict[str, Any]) -> list[ClockRow]:
    neighbours = integer(clock, "neighbours") or 0
    return [_clock_row(one, neighbours) for one in _objects(clock, "rows")]


def _clock_row(one: dict[str, Any], neighbours: int) -> ClockRow:
    return ClockRow(
        case=text(one, "case"),
        true=number(one, "true") or 0,
        runs=integer(one, "runs") or 0,
        said={verdict: integer(one, verdict) or 0 for verdict in ("slower", "neither", "undecided", "faster")},
        decided_median=number(one, "decided_median"),
        decided_95=number(one, "decided_95"),
        bias=number(one, "bias"),
        spread=number(one, "spread_90"),
        neighbours=neighbours,
        failed=text(one, "failed"),
    )


def _comparison(one: dict[str, Any], index: int) -> Comparison:
    for key in ("base", "new", "workload", "verdict"):
        if not isinstance(one.get(key), str):
            raise RecordError(f'in "comparisons", entry {index} (from 0): "{key}" is not a text')
    launches = one.get("launches")
    confirmed = isinstance(launches, list) and len(launches) > 0
    interval = one.get("launch_interval" if confirmed else "interval")
    ends = interval if isinstance(interval, list) and len(interval) == 2 else [None, None]
    return Comparison(
        base=one["base"],
        new=one["new"],
        workload=one["workload"],
        threads=integer(one, "threads") or 1,
        verdict=one["verdict"],
        ratio=number(one, "launch_ratio" if confirmed else "ratio"),
        low=number({"end": ends[0]}, "end"),
        high=number({"end": ends[1]}, "end"),
        launches=len(launches) if isinstance(launches, list) else 0,
    )
