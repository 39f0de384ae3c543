"""Forest of comparisons: a line a case, NEW over BASE with its interval, and the band that counts as no difference."""

from __future__ import annotations

from .record import Comparison
from .results import Results
from .style import COLOURS, FAIL, GREY, Chart, LeftOut, figure, origin

TITLE = "NEW against BASE"
MOST = 60  # lines that one can still read; findings come first
ORDER = ("slower", "could not tell", "faster", "not slower", "no difference")
LOOKS = {
    "slower": (FAIL, "X"),
    "could not tell": (COLOURS[4], "D"),
    "faster": (COLOURS[2], "o"),
    "not slower": (COLOURS[0], "s"),
    "no difference": (GREY, "s"),
}


def _label(one: Comparison) -> str:
    kernel = one.new if one.base == one.new else f"{one.base} → {one.new}"
    return f"{kernel}: {one.workload}" + (f", {one.threads} threads" if one.threads > 1 else "")


def _percent(ratio: float) -> float:
    return 100 * (ratio - 1)


def draw(results: Results) -> tuple[list[Chart], list[LeftOut]]:
    timed = [one for one in results.comparisons if one.ratio is not None and one.verdict in LOOKS]
    if not timed:
        return [], []
    timed.sort(key=lambda one: (ORDER.index(one.verdict), -(one.ratio or 1)))
    shown, more = timed[:MOST], len(timed) - MOST
    made, axes = figure(7.6, 1.2 + 0.3 * len(shown))
    delta = results.delta
    axes.axvspan(_percent(1 / (1 + delta)), 100 * delta, color="#EEEEEE", zorder=0)
    axes.axvline(0, color="black", linewidth=0.8)
    ends = [_percent(at) for one in shown for at in (one.low, one.high, one.ratio) if at is not None]
    low, high = min([*ends, -300 * delta]), max([*ends, 300 * delta])
    margin = 0.05 * (high - low)
    axes.set_xlim(low - margin, high + margin)
    for place, one in enumerate(shown):
        colour, marker = LOOKS[one.verdict]
        left = low - margin if one.low is None else _percent(one.low)
        right = high + margin if one.high is None else _percent(one.high)
        axes.plot([left, right], [place, place], color=colour, linewidth=1.6, solid_capstyle="butt", zorder=2)
        axes.plot(_percent(one.ratio or 1), place, marker=marker, color=colour, markersize=6, linestyle="", zorder=3)
        axes.annotate(
            one.verdict + (f", {one.launches} launches" if one.launches else ""),
            xy=(1.02, place),
            xycoords=("axes fraction", "data"),
            fontsize=8,
            va="center",
            color=FAIL if one.verdict == "slower" else "black",
        )
    axes.set_yticks(range(len(shown)), [_label(one) for one in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlabel("time of NEW over BASE, %")
    axes.set_title(TITLE, loc="left")
    untimed = len(results.comparisons) - len(timed)
    rule = results.context.get("compare")
    caption = (
        "A line a case: "
        + (
            "the ratio of the medians of two records, which were not measured together, and its interval"
            if isinstance(rule, dict) and rule.get("of_records")
            else "the median ratio of adjacent pairs of times and its interval, or the mean over fresh launches with "
            "its bounds where a verdict was confirmed in them"
        )
        + "; the band of "
        f"±{100 * delta:.2g} % counts as no difference. "
        + (f"{more} more cases are in the table beside the chart. " if more > 0 else "")
        + (f"Not timed: {untimed} (identical code, wrong or unsupported). " if untimed else "")
        + origin(results)
    )
    header = ["base", "new", "workload", "threads", "verdict", "ratio", "low", "high", "launches"]
    table: list[list[object]] = [
        [c.base, c.new, c.workload, c.threads, c.verdict, c.ratio, c.low, c.high, c.launches]
        for c in results.comparisons
    ]
    return [Chart("new-against-base", TITLE, caption, made, header, table)], []
