"""Share of the measured peak against the number of channels: cliffs at sizes that a kernel's tiles do not fit."""

from __future__ import annotations

from matplotlib.ticker import MultipleLocator

from .chart_sweep import LEAST_LENGTHS, Family
from .results import Results, Series, Timing
from .spec import Spec, words
from .style import Chart, LeftOut, colour, dash, figure, legend_below, marker, origin, repetitions

TITLE = "Share of the measured peak against head size"
LEAST = max(LEAST_LENGTHS, 8)  # fewer channels show no cliff


def _channels(timing: Timing) -> int:
    return timing.spec.size("d") or 0


def _with_enough_sizes(timings: list[Timing]) -> list[Timing]:
    sizes: dict[Series, set[int]] = {}
    for t in timings:
        sizes.setdefault(t.series, set()).add(_channels(t))
    return [t for t in timings if len(sizes[t.series]) >= LEAST]


def families(results: Results) -> list[Family]:
    found: dict[tuple[tuple[str, str], ...], list[Timing]] = {}
    for t in results.timings:
        if t.share is not None and _channels(t) and t.spec.get("dv") is None:
            found.setdefault(t.spec.without("d", "scale"), []).append(t)
    kept = {fixed: _with_enough_sizes(members) for fixed, members in found.items()}
    return [Family(fixed, members, _channels) for fixed, members in kept.items() if members]


def swept(results: Results) -> set[Spec]:
    return {t.spec for family in families(results) for t in family.timings}


def _points(family: Family, series: Series) -> list[tuple[int, Timing]]:
    return sorted(((_channels(t), t) for t in family.timings if t.series == series), key=lambda point: point[0])


def _chart(results: Results, family: Family) -> Chart:
    made, axes = figure(7.6, 4.4)
    rows: list[list[object]] = []
    for series in results.series(family.timings):
        points = _points(family, series)
        index = results.style_index(series)
        axes.plot(
            [d for d, _ in points],
            [100 * (t.share or 0) for _, t in points],
            color=colour(index),
            marker=marker(index),
            linestyle=dash(index),
            linewidth=1.4,
            markersize=4,
            label=results.label(series),
        )
        for d, t in points:
            rows.append([series.kernel, series.threads, d, 100 * (t.share or 0), t.n, t.ceiling, t.spec.text])
    axes.set_ylim(0, 100)
    axes.set_xlim(0, family.lengths[-1] * 1.02)
    axes.xaxis.set_major_locator(MultipleLocator(32))
    axes.set_xlabel("channels d = dv of a head")
    axes.set_ylabel("share of the ceiling, %")
    axes.set_title(f"{TITLE}: {words(family.fixed)}", loc="left")
    legend_below(axes)
    caption = (
        "Percent of the ceiling that each kernel's plan names, measured in the same run, times threads. "
        "A dip is a size that the kernel's tiles do not fit. "
        f"Medians, {repetitions([t.n for t in family.timings])}. {origin(results)}"
    )
    header = ["kernel", "threads", "d", "percent", "n", "ceiling", "spec"]
    return Chart(f"share-by-d-{family.slug}", TITLE, caption, made, header, rows)


def draw(results: Results) -> tuple[list[Chart], list[LeftOut]]:
    made = [_chart(results, family) for family in families(results)]
    needs = f"needs workloads that differ in d alone, at {LEAST} sizes or more (suite channels)"
    return made, [] if made else [LeftOut(TITLE, needs)]
