"""The clock tested: what it said of slowdowns that were made, as shares of the runs."""

from __future__ import annotations

from .record import ClockRow
from .results import Results
from .style import FAIL, Chart, LeftOut, figure, origin, significant

TITLE = "What the clock says of slowdowns that were made"
LOOKS = {  # verdict: words, fill, hatch
    "slower": ("slower", "#444444", ""),
    "neither": ("neither slower nor faster", "white", "..."),
    "undecided": ("could not tell", "#BBBBBB", ""),
    "faster": ("faster", "white", "xx"),
}


def _beside(row: ClockRow) -> str:
    parts = [f"{row.runs} runs"]
    if row.decided_median is not None and row.decided_95 is not None:
        parts.append(f"decided in {significant(row.decided_median, 2)} s (95 %: {significant(row.decided_95, 2)} s)")
    if row.bias is not None:
        parts.append(f"estimate off by {100 * row.bias:+.2f} points")
    return ", ".join(parts) + (f": {row.failed}" if row.failed else "")


def _label(row: ClockRow) -> str:
    beside = f", {row.neighbours} neighbours" if row.neighbours else ""
    return f"{row.case}{beside}, {100 * row.true:g} % more work"


def draw(results: Results) -> tuple[list[Chart], list[LeftOut]]:
    rows = [row for row in results.clock if row.runs > 0]
    if not rows:
        return [], []
    made, axes = figure(7.6, 1.0 + 0.34 * len(rows))
    for place, row in enumerate(rows):
        at = 0.0
        for verdict, (words, fill, hatch) in LOOKS.items():
            share = 100 * row.said[verdict] / row.runs
            label = words if place == 0 else None
            axes.barh(place, share, 0.62, at, color=fill, hatch=hatch, edgecolor="black", linewidth=0.6, label=label)
            at += share
        axes.annotate(
            _beside(row),
            xy=(1.02, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
            color=FAIL if row.failed else "black",
        )
    axes.set_xlim(0, 100)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_yticks(range(len(rows)), [_label(row) for row in rows])
    axes.set_xlabel("runs, %")
    axes.set_title(TITLE, loc="left")
    axes.legend(
        loc="upper left", bbox_to_anchor=(0, -0.42 / (1 + 0.2 * len(rows))), ncol=4, borderaxespad=0, fontsize=8
    )
    caption = (
        "Builds of one kernel that do so much more work, each compared with the base again and again in new processes; "
        "bars: what was said, as shares of the runs; estimate: the median over runs of what was measured less what was "
        f"made, in percentage points. {origin(results)}"
    )
    header = ["case", "neighbours", "true", "runs", *LOOKS]
    header += ["decided_median", "decided_95", "estimate_minus_true", "spread_90", "failed"]
    table: list[list[object]] = []
    for row in rows:
        said = [row.said[verdict] for verdict in LOOKS]
        figures = [row.decided_median, row.decided_95, row.bias, row.spread, row.failed]
        table.append([row.case, row.neighbours, row.true, row.runs, *said, *figures])
    return [Chart("clock", TITLE, caption, made, header, table)], []
