"""Error against its bound: a point a case, the line at 1 is where wrong begins."""

from __future__ import annotations

import math
import statistics

from matplotlib.ticker import LogLocator, NullLocator

from .record import Case
from .results import Results
from .style import FAIL, Chart, LeftOut, colour, figure, marker, origin, significant, spread_within_row

TITLE = "Error against its bound"
PARTS = (("output", "O"), ("lse", "LSE"), ("weights", "weights"))
FLOOR = 1e-7  # errors of 0 are drawn here


def _rows(results: Results) -> list[tuple[str, str, list[Case]]]:
    found = []
    for kernel in results.kernels:
        for part, _ in PARTS:
            cases = [c for c in results.cases if c.kernel == kernel and part in c.parts]
            if cases:
                found.append((kernel, part, cases))
    return found


def draw(results: Results) -> tuple[list[Chart], list[LeftOut]]:
    rows = _rows(results)
    if not rows:
        return [], [LeftOut(TITLE, "needs judged cases: run attnbench verify, or give its record too")]
    made, axes = figure(7.6, 1.2 + 0.4 * len(rows))
    table: list[list[object]] = []
    finite = [c.parts[p].ratio for _, p, cases in rows for c in cases if 0 < c.parts[p].ratio < math.inf]
    ceiling = 10 ** math.ceil(math.log10(max([*finite, 1.0]) * 1.5))
    lowest = min(finite, default=1e-3)
    floor = max(FLOOR, 10 ** math.floor(math.log10(lowest) - 0.5))
    for place, (kernel, part, cases) in enumerate(rows):
        index = results.kernels.index(kernel)
        ratios = [c.parts[part].ratio for c in cases]
        wrong = [not r <= 1 for r in ratios]
        for i, (ratio, bad) in enumerate(zip(ratios, wrong, strict=True)):
            at = ceiling if not math.isfinite(ratio) else max(ratio, floor)
            axes.plot(
                at,
                place + spread_within_row(i),
                marker="X" if bad else marker(index),
                color=FAIL if bad else colour(index),
                markersize=9 if bad else 4,
                markeredgecolor="white" if bad else "none",
                linestyle="",
                alpha=1 if bad else 0.75,
                zorder=4 if bad else 2,
                clip_on=False,
            )
        known = [max(r, floor) for r in ratios if math.isfinite(r)]
        if known:
            middle = statistics.median(known)
            axes.plot([middle, middle], [place - 0.34, place + 0.34], color="black", linewidth=1.4, zorder=3)
        worst = math.nan if any(math.isnan(r) for r in ratios) else max(ratios)
        axes.annotate(
            f"{len(cases)} case{'s' if len(cases) > 1 else ''}, largest {significant(worst, 2)}"
            + (f", {sum(wrong)} wrong" if any(wrong) else ""),
            xy=(1.03, place),
            xycoords=("axes fraction", "data"),
            fontsize=8,
            va="center",
            color=FAIL if any(wrong) else "black",
        )
        table += [
            [kernel, part, c.workload, c.input_class, c.seed, c.threads, c.status, f.error, f.bound, f.ratio]
            for c in cases
            for f in [c.parts[part]]
        ]
    axes.set_xscale("log")
    axes.set_xlim(floor, ceiling)
    axes.xaxis.set_major_locator(LogLocator(base=10, numticks=12))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.axvline(1, color=FAIL, linewidth=1.2, linestyle=(0, (4, 2)))
    axes.annotate(
        "bound",
        xy=(1, 1),
        xycoords=("data", "axes fraction"),
        xytext=(3, 2),
        textcoords="offset points",
        fontsize=8,
        color=FAIL,
    )
    axes.set_yticks(range(len(rows)), [f"{kernel}: {dict(PARTS)[part]}" for kernel, part, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel("largest error of a case / its derived bound")
    axes.set_title(TITLE, loc="left", pad=16)
    untold = sum(1 for c in results.cases if c.status in ("crash", "hang"))
    unsupported = sum(1 for c in results.cases if c.status == "unsupported")
    caption = (
        "One point a case and output: the largest |error| / bound among its elements against the double-precision "
        "reference; "
        "bar: median; crosses: wrong (above 1, or NaN at the right edge); exact results stand at the left edge. "
        f"Not drawn: {untold} crashed or hung, {unsupported} unsupported. {origin(results)}"
    )
    header = ["kernel", "part", "workload", "class", "seed", "threads", "status", "error", "bound", "ratio"]
    return [Chart("error-against-bound", TITLE, caption, made, header, table)], []
