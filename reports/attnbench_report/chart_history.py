"""Series over time: a chart each, in percent of its first level, with the places where that may have changed."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Callable

from matplotlib.axes import Axes

from .results import Results
from .style import COLOURS, FAIL, GREY, Chart, LeftOut, figure
from .timeline import Change, Point, Timeline

MOST = 12  # charts; suspicious series come first
MOST_TICKS = 14
LOOKS = {  # state of a change: colour, dashes, width
    "confirmed": (FAIL, "-", 1.8),
    "hypothesis": ("black", (0, (5, 2)), 1.0),
    "open": ("black", (0, (1, 1.5)), 1.0),
    "not confirmed": (GREY, (0, (1, 3)), 1.0),
}


def _levels(one: Timeline) -> list[tuple[int, int, float]]:
    """Between changes of level: first point, the one behind the last, median."""
    place = {point.run: index for index, point in enumerate(one.points)}
    cuts = sorted(place[c.from_run] for c in one.changes if not c.since_release and c.from_run in place)
    ends = [0, *cuts, len(one.points)]
    return [
        (a, b, statistics.median(p.value for p in one.points[a:b]))
        for a, b in zip(ends[:-1], ends[1:], strict=True)
        if b > a
    ]


def _reference(one: Timeline) -> float:
    return 1.0 if one.anchor else _levels(one)[0][2]


def _name(point: Point) -> str:
    return point.build.split("-")[-1][:12] or point.date[:10]


def _said(change: Change) -> str:
    since = "since the release " if change.since_release else ""
    return f"{since}{100 * change.change:+.2g} %: {change.state}"


def _draw_points(axes: Axes, one: Timeline, percent: Callable[[float], float]) -> None:
    for index, point in enumerate(one.points):
        if point.low is not None and point.high is not None:
            axes.plot([index, index], [percent(point.low), percent(point.high)], color=COLOURS[0], linewidth=1.4)
    values = [percent(point.value) for point in one.points]
    axes.plot(range(len(values)), values, marker="o", markersize=4, color=COLOURS[0], linestyle="", zorder=3)
    for index, point in enumerate(one.points):
        if point.release:
            axes.plot(index, values[index], marker="s", markersize=9, color="black", fillstyle="none", linestyle="")
            axes.annotate(
                point.release, (index, values[index]), (0, 8), textcoords="offset points", ha="center", fontsize=8
            )


def _draw_changes(axes: Axes, one: Timeline, percent: Callable[[float], float]) -> None:
    place = {point.run: index for index, point in enumerate(one.points)}
    for begin, end, level in _levels(one):
        axes.plot([begin - 0.5, end - 0.5], [percent(level)] * 2, color="black", linewidth=0.9, zorder=2)
    for change in one.changes:
        at = place.get(change.from_run)
        if at is None:
            continue
        colour, dashes, width = LOOKS.get(change.state, LOOKS["hypothesis"])
        last = at == len(one.points) - 1
        axes.axvline(
            at if change.since_release else at - 0.5, color=colour, linestyle=dashes, linewidth=width, zorder=1
        )
        axes.annotate(
            _said(change),
            (at, 1.02 if not change.since_release else 1.1),
            xycoords=("data", "axes fraction"),
            ha="right" if last else "center",
            fontsize=8,
            color=colour,
        )


def _chart(one: Timeline, number: int) -> Chart:
    reference = _reference(one)

    def percent(value: float) -> float:
        return 100 * (value / reference - 1)

    made, axes = figure(7.6, 2.2)
    _draw_points(axes, one, percent)
    _draw_changes(axes, one, percent)
    step = max(1, -(-len(one.points) // MOST_TICKS))
    shown = range(0, len(one.points), step)
    axes.set_xticks(list(shown), [_name(one.points[i]) for i in shown], rotation=40, ha="right", fontsize=7)
    axes.set_xlim(-0.6, len(one.points) - 0.4)
    axes.set_ylabel("over the anchor, %" if one.anchor else "over the first level, %")
    where = one.workload + (f", {one.inputs}" if one.inputs else "")
    title = f"{one.kernel} over time: {where}" + (f", {one.threads} threads" if one.threads > 1 else "")
    crowded = any(c.since_release for c in one.changes)
    axes.set_title("\n".join(textwrap.wrap(title, 90)), loc="left", pad=30 if crowded else 18 if one.changes else 6)
    bars = "their interval" if one.anchor else "the range of their repetitions"
    anchor = f" Anchor: build {one.anchor}." if one.anchor else ""
    caption = (
        f"Points: {one.unit}, in the order of time; bars: {bars}; squares: releases; horizontal: median of a level; "
        "vertical: where the level may have changed, solid once a paired comparison of the two builds confirmed it."
        f"{anchor} Machine: {one.cpu}."
    )
    header = ["date", "commit", "build", "release", "run", one.unit, "low", "high", "launches", "change", "state"]
    changes = {change.from_run: change for change in one.changes}
    table: list[list[object]] = []
    for p in one.points:
        change = changes.get(p.run)
        row = [p.date, p.commit, p.build, p.release, p.run, p.value, p.low, p.high, p.launches]
        table.append([*row, *((change.change, change.state) if change else (None, None))])
    return Chart(f"timeline-{number}", title, caption, made, header, table)


def draw(results: Results) -> tuple[list[Chart], list[LeftOut]]:
    series = [one for one in results.timelines if len(one.points) > 1]
    series.sort(key=lambda one: (not one.changes, -len(one.points)))
    left = []
    if len(series) > MOST:
        why = f"{len(series) - MOST} more series, none with more to see; 'attnbench history export' has them all"
        left.append(LeftOut("Timelines", why))
    return [_chart(one, i + 1) for i, one in enumerate(series[:MOST])], left
