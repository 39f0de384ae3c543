"""Lines over the sequence length, one figure for each family of workloads that differ in their length alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from . import spec as specs
from .results import Results, Series, Timing
from .style import (
    GREY,
    Chart,
    LeftOut,
    colour,
    dash,
    figure,
    legend_below,
    marker,
    origin,
    repetitions,
    significant,
    spread,
)

LEAST_LENGTHS = 3  # fewer points are no curve


@dataclass(frozen=True)
class Family:
    """Workloads whose specs agree but for their length."""

    fixed: tuple[tuple[str, str], ...]
    timings: list[Timing]
    length: Callable[[Timing], int]

    @property
    def lengths(self) -> list[int]:
        return sorted({self.length(t) for t in self.timings})

    @property
    def slug(self) -> str:
        return "-".join(f"{key}{value}" for key, value in self.fixed).replace("/", "_")


def _length(timing: Timing) -> int:
    return timing.spec.keys_seen or 0


def families(timings: Sequence[Timing], chosen: Callable[[Timing], bool], varying: tuple[str, ...]) -> list[Family]:
    found: dict[tuple[tuple[str, str], ...], list[Timing]] = {}
    for timing in timings:
        if timing.ms is not None and chosen(timing) and _length(timing) > 0:
            found.setdefault(timing.spec.without(*varying), []).append(timing)
    made = [Family(fixed, members, _length) for fixed, members in found.items()]
    return [family for family in made if len(family.lengths) >= LEAST_LENGTHS]


def square_families(results: Results) -> list[Family]:
    return families(results.timings, lambda t: t.is_square and not t.is_decode, ("q", "k"))


def decode_families(results: Results) -> list[Family]:
    return families(results.timings, lambda t: t.is_decode, ("k",))


def swept(results: Results) -> set[specs.Spec]:
    return {t.spec for family in square_families(results) + decode_families(results) for t in family.timings}


@dataclass(frozen=True)
class Line:
    """A measured limit: a level and its name."""

    level: float
    name: str


def _limits(results: Results, timings: Sequence[Timing]) -> list[Line]:
    """Of the rates only those that the plans of the kernels in the chart name, at their thread counts."""
    rates = results.context.get("ceilings", {})
    lines = []
    for threads in sorted({t.series.threads for t in timings}):
        times = f" × {threads} threads" if threads > 1 else ""
        used = {t.ceiling for t in timings if t.series.threads == threads}
        named = [(name.replace("_", " "), rate) for name, rate in rates.items() if name in used]
        lines += [Line(rate * threads, f"{name}{times}: {significant(rate * threads)}") for name, rate in named if rate]
    return lines


def _bandwidths(timings: Sequence[Timing]) -> dict[int, list[tuple[int, float]]]:
    """By thread count, at each length: what reading as many bytes as the calls there read reached in the same run."""
    found: dict[int, dict[int, float]] = {}
    for t in timings:
        if t.bandwidth:
            levels = found.setdefault(t.series.threads, {})
            levels[_length(t)] = max(levels.get(_length(t), 0), t.bandwidth)
    return {threads: sorted(levels.items()) for threads, levels in sorted(found.items())}


def _draw_bandwidths(axes: Axes, timings: Sequence[Timing]) -> bool:
    curves = _bandwidths(timings)
    if not curves:
        return False
    for points in curves.values():
        axes.plot(*zip(*points, strict=True), color=GREY, linewidth=1.1, linestyle=(0, (1, 1)), zorder=1)
    ends = [Line(points[-1][1], f"reading, {n} thread{'s' if n > 1 else ''}") for n, points in curves.items()]
    _name_levels(axes, ends)
    return True


def _draw_limits(axes: Axes, lines: Sequence[Line]) -> None:
    if not lines:
        return
    low, high = axes.get_ylim()
    low, high = min(low, *(line.level / 1.3 for line in lines)), max(high, *(line.level * 1.3 for line in lines))
    axes.set_ylim(low, high)
    for line in lines:
        axes.axhline(line.level, color=GREY, linewidth=0.9, linestyle=(0, (1, 1)), zorder=1)
    _name_levels(axes, lines)


def _name_levels(axes: Axes, lines: Sequence[Line]) -> None:
    """At the right edge, moved apart."""
    low, high = axes.get_ylim()
    span = math.log(high / low)
    wanted = [math.log(line.level / low) / span for line in lines]
    for line, at, place in zip(lines, wanted, spread(wanted, 0.043), strict=True):
        axes.annotate(
            line.name,
            xy=(1, at),
            xytext=(1.03, place),
            xycoords="axes fraction",
            textcoords="axes fraction",
            fontsize=7,
            va="center",
            color=GREY,
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 0},
        )


def _length_axis(axes: Axes, lengths: Sequence[int], name: str) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(list(lengths)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    if len(lengths) > 9:
        axes.tick_params(axis="x", rotation=45)
    axes.set_xlabel(name)


def _value(timing: Timing, quantity: str) -> float | None:
    return {"ms": timing.ms, "gflops": timing.gflops, "gbytes": timing.gbytes}[quantity]


def _series_points(family: Family, series: Series, quantity: str) -> list[tuple[int, float, Timing]]:
    points = [(family.length(t), _value(t, quantity), t) for t in family.timings if t.series == series]
    return sorted(((n, value, t) for n, value, t in points if value), key=lambda point: point[0])


def _chart(
    results: Results, family: Family, quantity: str, slug: str, title: str, axis: tuple[str, str]
) -> Chart | None:
    made, axes = figure(7.6, 4.4)
    rows: list[list[object]] = []
    drawn: list[Timing] = []
    for series in results.series(family.timings):
        points = _series_points(family, series, quantity)
        if not points:
            continue
        index = results.style_index(series)
        axes.plot(
            [n for n, _, _ in points],
            [value for _, value, _ in points],
            color=colour(index),
            marker=marker(index),
            linestyle=dash(index),
            linewidth=1.6,
            markersize=5,
            label=results.label(series),
        )
        if quantity == "ms":
            _draw_ranges(axes, points, colour(index))
        for n, value, t in points:
            low, high = (t.low, t.high) if quantity == "ms" else (None, None)
            rows.append([series.kernel, series.threads, n, value, low, high, t.n, t.spec.text])
            drawn.append(t)
    if not drawn:
        return None
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: significant(y, 1)))
    _length_axis(axes, family.lengths, axis[0])
    axes.set_ylabel(axis[1])
    axes.set_title(title, loc="left")
    limits = _limits(results, drawn) if quantity == "gflops" else []
    _draw_limits(axes, limits)
    read = quantity == "gbytes" and _draw_bandwidths(axes, drawn)
    legend_below(axes)
    what = {
        "ms": "Wall time of pack + run; bars from the fastest to the slowest repetition where the record holds them.",
        "gflops": "1e9 operations a second, 2 × pairs × (d + dv) operations a call.",
        "gbytes": "1e9 compulsory bytes a second.",
    }[quantity]
    if limits:
        what += " Dotted: rates that these kernels' plans name, measured in the same run, times threads."
    if read:
        what += (
            " Dotted: the bandwidth of reading as many bytes as each point's, measured in the same run, times threads."
        )
    caption = f"{what} Points are medians, {repetitions([t.n for t in drawn])}. {origin(results)}"
    header = ["kernel", "threads", "length", quantity, "fastest_ms", "slowest_ms", "n", "spec"]
    return Chart(slug, title, caption, made, header, rows)


def _draw_ranges(axes: Axes, points: Sequence[tuple[int, float, Timing]], tint: str) -> None:
    for n, _, t in points:
        if t.low is not None and t.high is not None and t.n > 1:
            axes.plot([n, n], [t.low, t.high], color=tint, linewidth=1, solid_capstyle="butt")


def draw(results: Results) -> tuple[list[Chart], list[LeftOut]]:
    charts: list[Chart | None] = []
    left: list[LeftOut] = []
    square, decode = square_families(results), decode_families(results)
    axis = "sequence length n (queries = keys)"
    for family in square:
        named = specs.words(family.fixed)
        charts.append(
            _chart(
                results,
                family,
                "ms",
                f"time-{family.slug}",
                f"Time against sequence length: {named}",
                (axis, "time in ms"),
            )
        )
        title = f"Rate against sequence length: {named}"
        charts.append(_chart(results, family, "gflops", f"gflops-{family.slug}", title, (axis, "GFLOP/s")))
    for family in decode:
        title = f"Decode, bandwidth against key count: {specs.words(family.fixed)}"
        axes = ("keys in the cache", "GB/s")
        charts.append(_chart(results, family, "gbytes", f"decode-{family.slug}", title, axes))
    enough = f"needs workloads that differ in their length alone, at {LEAST_LENGTHS} lengths or more (suite sweep)"
    if not square:
        left.append(LeftOut("Time and rate against sequence length", enough))
    if not decode:
        left.append(LeftOut("Decode, bandwidth against key count", enough))
    return [chart for chart in charts if chart], left
