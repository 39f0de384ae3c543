"""Speedup over the baseline (as a ladder and by workload) and share of the measured peak."""

from __future__ import annotations

import math
import statistics
import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from . import chart_channels, chart_sweep
from .results import Results, Series, Timing
from .style import GREY, Chart, LeftOut, colour, figure, hatch, legend_columns, marker, origin, repetitions, significant

NAME_WIDTH = 34  # characters of a workload's name a line
MOST_LEANING = 6  # columns whose heads may lean: more would make the chart wider than the others
AXIS_HEIGHT = 0.6  # inches that the numbers at the axis and its name take
HEAD_WIDTH = 26  # of a column's head that may lean instead of standing upright


def short(name: str) -> str:
    """A long name on two lines, broken where a reader would break it."""
    if len(name) <= NAME_WIDTH:
        return name
    width = max(NAME_WIDTH, len(name) // 2 + 12)
    return "\n".join(line.replace(", ", ",") for line in textwrap.wrap(name.replace(",", ", "), width)[:2])


def _of_interest(results: Results) -> tuple[list[Timing], str]:
    """Workloads of the sweeps have their own charts and would outweigh the models; alone they must do."""
    swept = chart_sweep.swept(results) | chart_channels.swept(results)
    timed = [t for t in results.timings if t.ms is not None]
    right = [t for t in timed if results.is_trusted(t)]
    note = "" if len(right) == len(timed) else " Kernels that were found wrong on a workload are left out there."
    models = [t for t in right if t.spec not in swept]
    if models and len(models) < len(right):
        return models, f"{note} Workloads of the sweeps over lengths and head sizes are left out."
    return right, note


def _by_series(results: Results, timings: Sequence[Timing]) -> dict[Series, dict[str, Timing]]:
    table: dict[Series, dict[str, Timing]] = {}
    for series in results.series(timings):
        mine = [t for t in timings if t.series == series and results.speedup(t)]
        if mine:
            table[series] = {t.workload: t for t in mine}
    return table


def _times_axis(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}×"))


def ladder(results: Results) -> Chart | LeftOut:
    title = "Speedup ladder"
    timings, note = _of_interest(results)
    table = _by_series(results, timings)
    if not table:
        return LeftOut(title, "needs a kernel of role baseline timed on the same workloads as others")
    common = set.intersection(*(set(row) for row in table.values()))
    made, axes = figure(7.6, 1.1 + 0.5 * len(table))
    rows: list[list[object]] = []
    drawn: list[Timing] = []
    for place, (series, row) in enumerate(table.items()):
        used = [row[name] for name in (common or set(row))]
        ratios = [ratio for ratio in (results.speedup(t) for t in used) if ratio]
        low, high = min(ratios), max(ratios)
        mean = min(max(statistics.geometric_mean(ratios), low), high)  # logarithms round: beyond a single ratio, even
        index = results.style_index(series)
        axes.barh(
            place,
            mean - 1,
            left=1,
            height=0.62,
            color=colour(index),
            hatch=hatch(index),
            edgecolor="white",
            linewidth=0,
        )
        axes.errorbar(mean, place, xerr=[[mean - low], [high - mean]], color="black", capsize=3, linewidth=1)
        axes.annotate(
            f"{significant(mean)}×  [{significant(low)} to {significant(high)}]",
            xy=(max(high, 1), place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
        rows.append([series.kernel, series.threads, mean, low, high, len(ratios)])
        drawn += used
    _times_axis(axes)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0.9), high * 2.5)  # room for the figures
    axes.axvline(1, color="black", linewidth=0.9)
    axes.set_yticks(range(len(table)), [results.label(series) for series in table])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("speedup over the baseline (time of the baseline / time)")
    if common:
        shared = f"{len(common)} workload{'' if len(common) == 1 else 's'} that all of them ran"
    else:
        shared = f"each kernel's own workloads ({min(len(r) for r in table.values())} or more): none is common to all"
    axes.set_title(f"{title}: over {shared}", loc="left")
    caption = (
        f"Bars: geometric mean of the speedup over {shared}; whiskers: the smallest and the largest. Each kernel "
        "stands below the one it improves on. The baseline counts at the same threads where it ran so, else at its "
        f"fewest.{note} "
        f"Times are medians, {repetitions([t.n for t in drawn])}. {origin(results)}"
    )
    return Chart(
        "speedup-ladder",
        title,
        caption,
        made,
        ["kernel", "threads", "geometric_mean", "least", "most", "workloads"],
        rows,
    )


def by_workload(results: Results) -> Chart | LeftOut:
    title = "Speedup by workload"
    timings, note = _of_interest(results)
    table = {s: row for s, row in _by_series(results, timings).items() if s.kernel not in results.baselines}
    if not table:
        return LeftOut(title, "needs a kernel of role baseline timed on the same workloads as others")
    names = list(dict.fromkeys(t.workload for t in timings if any(t.workload in row for row in table.values())))
    made, axes = figure(7.6, 1.2 + 0.3 * len(names))
    rows: list[list[object]] = []
    for series, row in table.items():
        index = results.style_index(series)
        points = [(place, results.speedup(row[name]) or math.nan) for place, name in enumerate(names) if name in row]
        axes.plot(
            [x for _, x in points],
            [y for y, _ in points],
            linestyle="",
            marker=marker(index),
            color=colour(index),
            markersize=6,
            label=results.label(series),
            zorder=3,
        )
        rows += [
            [series.kernel, series.threads, names[y], x, row[names[y]].n, row[names[y]].spec.text] for y, x in points
        ]
    _times_axis(axes)
    axes.axvline(1, color="black", linewidth=0.9)
    axes.set_yticks(range(len(names)), [short(name) for name in names], fontsize=8)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel("speedup over the baseline (time of the baseline / time)")
    axes.set_title(title, loc="left")
    below = -AXIS_HEIGHT / (made.get_size_inches()[1] * axes.get_position().height)
    axes.legend(loc="upper left", bbox_to_anchor=(0, below), ncol=legend_columns(axes), borderaxespad=0)
    counts = [t.n for row in table.values() for t in row.values()]
    caption = (
        f"One point a kernel and workload; right of the line at 1× is faster than the baseline.{note} "
        f"Times are medians, {repetitions(counts)}. {origin(results)}"
    )
    return Chart(
        "speedup-by-workload", title, caption, made, ["kernel", "threads", "workload", "speedup", "n", "spec"], rows
    )


def shares(results: Results) -> Chart | LeftOut:
    title = "Share of the measured peak"
    timings, note = _of_interest(results)
    known = {(t.series, t.workload): t for t in timings if t.share is not None}
    if not known:
        return LeftOut(title, "needs ceilings: the record holds no counter share")
    columns = results.series(known.values())
    names = list(dict.fromkeys(t.workload for t in timings if any((s, t.workload) in known for s in columns)))
    heads = [results.label(s) for s in columns]
    upright = len(columns) > MOST_LEANING or max(map(len, heads)) > HEAD_WIDTH
    # A wide chart is scaled down to the page, and its text with it.
    made, axes = figure(1 + 0.5 * len(columns) if upright else 2.2 + 0.95 * len(columns), 1.5 + 0.27 * len(names))
    percent = {key: 100 * t.share for key, t in known.items() if t.share is not None}
    grid = [[percent.get((s, name), math.nan) for s in columns] for name in names]
    highest = max(value for row in grid for value in row if not math.isnan(value))
    axes.pcolormesh(grid, cmap="Blues", vmin=0, vmax=max(100.0, highest), edgecolors="white", linewidth=1.5)
    failed = {(t.series, t.workload) for t in results.timings if t.error or not results.is_trusted(t)}
    rows: list[list[object]] = []
    for y, name in enumerate(names):
        for x, series in enumerate(columns):
            value = grid[y][x]
            missing = math.isnan(value)
            text = ("failed" if (series, name) in failed else "–") if missing else significant(value, 2)
            tint = GREY if missing else "white" if value > 55 else "black"
            axes.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=8, color=tint)
            if not missing:
                rows.append([series.kernel, series.threads, name, value, known[(series, name)].n])
    axes.set_yticks([y + 0.5 for y in range(len(names))], [short(name) for name in names], fontsize=8)
    axes.set_xticks([x + 0.5 for x in range(len(columns))])
    if upright:
        axes.set_xticklabels(heads, rotation=90, fontsize=8)
    else:
        axes.set_xticklabels([head.replace(", ", "\n") for head in heads], rotation=30, ha="left", fontsize=8)
    axes.xaxis.tick_top()
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(f"{title}, %", loc="left", pad=14)
    caption = (
        "Percent of the ceiling that each kernel's plan names (multiply-add rate or read bandwidth), measured in the "
        f"same run, times threads; –: not run; failed: wrong, or not timed.{note} "
        f"Medians, {repetitions([t.n for t in known.values()])}. {origin(results)}"
    )
    return Chart("share-of-peak", title, caption, made, ["kernel", "threads", "workload", "percent", "n"], rows)


def draw(results: Results) -> tuple[list[Chart], list[LeftOut]]:
    made = [ladder(results), by_workload(results), shares(results)]
    return [m for m in made if isinstance(m, Chart)], [m for m in made if isinstance(m, LeftOut)]
