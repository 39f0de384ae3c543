"""The clock tested: what it said of slowdowns that were made, as shares of the runs."""

from __future__ import annotations

from .results import Results
from .style import FAIL, Chart, LeftOut, figure, origin, significant

TITLE = "What the clock says of slowdowns that were made"
LOOKS = {  # verdict: words, fill, hatch
    "slower": ("slower", "#444444", ""),
    "neither": ("neither slower nor faster", "white", "..."),
    "undecided": ("could not tell", "#BBBBBB", ""),
    "faster": ("faster", "white", "xx"),
}


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
        decided = "" if row.decided_95 is None else f", 95 % decided in {significant(row.decided_95, 2)} s"
        axes.annotate(
            f"{row.runs} runs{decided}" + (f": {row.failed}" if row.failed else ""),
            xy=(1.02, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
            color=FAIL if row.failed else "black",
        )
    axes.set_xlim(0, 100)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_yticks(range(len(rows)), [f"{row.case}, {100 * row.true:g} % more work" for row in rows])
    axes.set_xlabel("runs, %")
    axes.set_title(TITLE, loc="left")
    axes.legend(
        loc="upper left", bbox_to_anchor=(0, -0.42 / (1 + 0.2 * len(rows))), ncol=4, borderaxespad=0, fontsize=8
    )
    caption = (
        "Builds of one kernel that do so much more work, each compared with the base again and again in new processes; "
        f"bars: what was said, as shares of the runs. {origin(results)}"
    )
    header = ["case", "true", "runs", *LOOKS, "decided_95", "failed"]
    table: list[list[object]] = [
        [row.case, row.true, row.runs, *(row.said[verdict] for verdict in LOOKS), row.decided_95, row.failed]
        for row in rows
    ]
    return [Chart("clock", TITLE, caption, made, header, table)], []
