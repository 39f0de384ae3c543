"""Accuracy by kernel and input class, a picture for each accuracy class: err/bound, and z by case and pooled."""

from __future__ import annotations

import math
import re

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from .ranking import AccuracyClass, accuracy_classes
from .record import Case, Deviation, Scores
from .results import Results
from .style import FAIL, GREY, Chart, LeftOut, colour, figure, marker, origin, significant, spread_within_row

BOUND_TITLE = "Error over bound by input class"
Z_TITLE = "Errors in standard deviations"
PALEST, DARKEST = 1e-3, 1.0  # err/bound: white below, darkest grey from there on
LEAST_COLUMNS = 12  # cells of a narrow chart stay small
MOST_ROWS = 60  # of a chart of z
LEAST_Z = 1e-3  # smaller ones are drawn here


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _grey(ratio: float) -> str:
    """Darker is nearer to the bound, on a log scale; never so dark that black text is lost."""
    at = math.log(min(max(ratio, PALEST), DARKEST) / PALEST) / math.log(DARKEST / PALEST)
    return str(1 - 0.45 * at)


def _cell(axes: Axes, column: int, row: int, ratios: list[float]) -> None:
    worst = math.nan if any(math.isnan(r) for r in ratios) else max(ratios)
    wrong = not worst <= 1
    box = {"facecolor": "white" if wrong else _grey(worst), "edgecolor": FAIL if wrong else "white"}
    axes.bar(column, 0.94, 0.94, row - 0.47, linewidth=1.4 if wrong else 0.4, hatch="////" if wrong else "", **box)
    axes.text(
        column,
        row,
        significant(worst, 2) if worst >= 0.001 or math.isnan(worst) else "0" if worst == 0 else f"{worst:.0e}",
        ha="center",
        va="center",
        fontsize=6.5,
        fontweight="bold" if wrong else "normal",
        color=FAIL if wrong else "black",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6} if wrong else None,
    )


def _bounds(results: Results, accuracy: AccuracyClass) -> Chart:
    present = {c.input_class for s in accuracy.standings for c in s.cases}
    classes = [name for name in dict.fromkeys(c.input_class for c in results.cases) if name in present]
    kernels = accuracy.standings
    width = max(len(classes), LEAST_COLUMNS)
    made, axes = figure(0.9 + 0.42 * width, 0.5 + 0.26 * len(kernels))
    table: list[list[object]] = []
    for row, standing in enumerate(kernels):
        for column, name in enumerate(classes):
            cases = [c for c in standing.cases if c.input_class == name]
            if not cases:
                axes.text(column, row, "·", ha="center", va="center", color=GREY)
                continue
            ratios = [c.ratio for c in cases if c.ratio is not None]
            _cell(axes, column, row, ratios)
            wrong = sum(c.is_finding for c in cases)
            worst = math.nan if any(math.isnan(r) for r in ratios) else max(ratios)
            table.append([standing.kernel, accuracy.name, row + 1, standing.median, name, len(cases), wrong, worst])
        median = "no common case" if standing.median is None else f"median {significant(standing.median, 2)}"
        axes.text(len(classes) - 0.35, row, median, va="center", fontsize=8)
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(len(kernels) - 0.5, -0.5)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.set_yticks(range(len(kernels)), [s.kernel for s in kernels])
    axes.set_xticks(range(len(classes)), classes, rotation=55, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_title(f"{BOUND_TITLE}: {accuracy.name}", loc="left")
    caption = (
        "Largest error of O, LSE or weights over its bound in all judged cases of a kernel and an input class; darker "
        "is nearer to the bound; hatched: above it or NaN, wrong; a dot: no case. Kernels of one accuracy class "
        f"({accuracy.name}), ordered by the median over what all of them were judged on (cases: {accuracy.common}). "
        f"A bound follows from each kernel's own contract. {origin(results)}"
    )
    header = ["kernel", "accuracy", "rank", "median_ratio", "class", "cases", "wrong", "ratio"]
    return Chart(f"error-by-class-{_slug(accuracy.name)}", BOUND_TITLE, caption, made, header, table)


Row = tuple[str, str, list[Case], Deviation | None]  # input class, kernel


def _draw_scores(axes: Axes, rows: list[Row], kernels: list[str], which: str) -> None:
    """Of each row a point a case, and the pooled figure as a bar; what is not finite stands at the right edge."""
    values = [
        getattr(z, which) for _, _, cases, pooled in rows for z in (*(c.z for c in cases), pooled and pooled.z) if z
    ]
    shown = [max(value, LEAST_Z) for value in values if math.isfinite(value)]
    left, right = 0.8 * min([0.125, *shown]), 1.25 * max([8, *shown])

    def at(z: Scores) -> float:
        value = getattr(z, which)
        return max(value, LEAST_Z) if math.isfinite(value) else right

    for place, (_, kernel, cases, pooled) in enumerate(rows):
        index = kernels.index(kernel)
        for i, case in enumerate(cases):
            axes.plot(
                at(case.z),
                place + spread_within_row(i),
                marker="X" if case.is_finding else marker(index),
                color=FAIL if case.is_finding else colour(index),
                markersize=6 if case.is_finding else 3.5,
                markeredgecolor="none",
                linestyle="",
                zorder=3,
                clip_on=False,
            )
        if pooled:
            axes.plot([at(pooled.z)] * 2, [place - 0.38, place + 0.38], color="black", linewidth=1.6, zorder=2)
    for edge in range(1, len(rows)):
        if rows[edge][0] != rows[edge - 1][0]:
            axes.axhline(edge - 0.5, color=GREY, linewidth=0.6)
    axes.set_xscale("log")
    axes.set_xlim(left, right)
    axes.axvline(1, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    axes.xaxis.set_major_locator(LogLocator(base=10, numticks=8))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda z, _: f"{z:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(len(rows) - 0.4, -0.6)


def _scores(results: Results, accuracy: AccuracyClass, rows: list[Row], number: int) -> Chart:
    made, left = figure(8.6, 0.9 + 0.21 * len(rows))
    left.remove()
    left, right = made.subplots(1, 2, sharey=True, gridspec_kw={"wspace": 0.12})
    kernels = results.kernels
    _draw_scores(left, rows, kernels, "rms")
    _draw_scores(right, rows, kernels, "most")
    left.set_yticks(range(len(rows)), [f"{name}: {kernel}" for name, kernel, _, _ in rows], fontsize=8)
    right.tick_params(axis="y", length=0)
    left.set_xlabel("rms z of a case")
    right.set_xlabel("max z of a case")
    left.set_title(f"{Z_TITLE}: {accuracy.name}", loc="left")
    table: list[list[object]] = []
    for place, (name, kernel, cases, pooled) in enumerate(rows):
        if pooled:
            right.annotate(
                f"{significant(pooled.z.rms, 2)}, {significant(pooled.z.most, 2)} ({pooled.z.rows} rows)",
                xy=(1.02, place),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=8,
            )
            table.append([kernel, accuracy.name, name, "pooled", pooled.z.rms, pooled.z.most, pooled.z.rows])
        for c in cases:
            if c.z:
                table.append([kernel, accuracy.name, name, c.spec, c.z.rms, c.z.most, c.z.rows])
    bars = " bars and the figures at the right: pooled over the rows of all cases;" if any(r[3] for r in rows) else ""
    caption = (
        "A point a case: error over the standard deviation that rounding is expected to cause, root mean square and "
        f"largest over its elements;{bars} red crosses: wrong cases; NaN and infinity stand at the right edge. Near or "
        "below 1 is what rounding explains; a case is judged by limits that depend on its rows. Only cases with "
        f"random continuous inputs and logits that spread. Kernels of one accuracy class ({accuracy.name}), in the "
        f"order of their err/bound. {origin(results)}"
    )
    header = ["kernel", "accuracy", "class", "case", "rms", "max", "rows"]
    slug = f"z-{_slug(accuracy.name)}" + (f"-{number}" if number > 1 else "")
    return Chart(slug, Z_TITLE, caption, made, header, table)


def _score_rows(results: Results, accuracy: AccuracyClass) -> list[list[Row]]:
    """Classes stay whole; those that do not fit a chart go to the next."""
    pooled = {(d.kernel, d.input_class): d for d in results.deviations if d.accuracy == accuracy.name}
    blocks = []
    for name in dict.fromkeys(c.input_class for c in results.cases):
        block = []
        for standing in accuracy.standings:
            cases = [c for c in standing.cases if c.input_class == name and c.z]
            if cases:
                block.append((name, standing.kernel, cases, pooled.get((standing.kernel, name))))
        if block:
            blocks.append(block)
    together = max(1, MOST_ROWS // max(len(accuracy.standings), 1))
    return [
        [row for block in some for row in block]
        for some in (blocks[i : i + together] for i in range(0, len(blocks), together))
    ]


def draw(results: Results) -> tuple[list[Chart], list[LeftOut]]:
    classes = accuracy_classes(results)
    if not classes:
        return [], [LeftOut(BOUND_TITLE, "needs judged cases that name their accuracy class")] if results.cases else []
    made = []
    for accuracy in classes:
        made.append(_bounds(results, accuracy))
        made += [_scores(results, accuracy, rows, i + 1) for i, rows in enumerate(_score_rows(results, accuracy))]
    return made, []
