"""What a kernel's time owes to its place: for each buffer, and the code, the move that changes it most."""

from __future__ import annotations

import math

from matplotlib.lines import Line2D

from .layout import Layout, Move
from .results import Results
from .style import COLOURS, Chart, LeftOut, figure, origin

TITLE = "Time where buffers or code lie elsewhere"
LOOKS = {  # what moves: marker, colour; filled where the change shows
    "Q": ("o", COLOURS[0]),
    "K": ("s", COLOURS[1]),
    "V": ("^", COLOURS[2]),
    "O": ("D", COLOURS[3]),
    "Q K V O": ("*", COLOURS[6]),
    "workspace": ("v", COLOURS[4]),
    "code": ("P", COLOURS[7]),
}
BAND = 0.7  # of a row's height, for the markers of one kernel


def _percent(ratio: float) -> float:
    return 100 * (ratio - 1)


def _largest(one: Layout, what: str) -> Move | None:
    """Of the moves of one buffer: among those that show if any does."""
    moves = [move for move in one.moves if move.what == what and move.ratio is not None]
    shown = [move for move in moves if move.shows]
    return max(shown or moves, key=lambda move: abs(math.log(move.ratio or 1)), default=None)


def _label(one: Layout) -> str:
    return f"{one.kernel}: {one.workload}" + (f", {one.threads} threads" if one.threads > 1 else "")


def draw(results: Results) -> tuple[list[Chart], list[LeftOut]]:
    rows = [one for one in results.layouts if any(move.ratio is not None for move in one.moves)]
    if not rows:
        return [], []
    made, axes = figure(7.6, 1.0 + 0.62 * len(rows))
    axes.axvline(0, color="black", linewidth=0.8)
    for place, one in enumerate(rows):
        for lane, (what, (marker, colour)) in enumerate(LOOKS.items()):
            move = _largest(one, what)
            if move is None or move.ratio is None:
                continue
            at = place + BAND * (lane / (len(LOOKS) - 1) - 0.5)
            if move.low is not None and move.high is not None:
                axes.plot([_percent(move.low), _percent(move.high)], [at, at], color=colour, linewidth=1)
            axes.plot(
                _percent(move.ratio),
                at,
                marker=marker,
                color=colour,
                markerfacecolor=colour if move.shows else "white",
                markersize=7 if marker == "*" else 5,
                linestyle="",
            )
        worst = one.worst
        axes.annotate(
            f"{worst.what} by {worst.bytes} B: {_percent(worst.ratio):+.1f} %"
            if worst and worst.ratio is not None
            else "no move shows",
            xy=(1.02, place),
            xycoords=("axes fraction", "data"),
            fontsize=8,
            va="center",
        )
    for border in range(1, len(rows)):
        axes.axhline(border - 0.5, color="#DDDDDD", linewidth=0.6)
    axes.grid(visible=False, axis="y")
    axes.set_yticks(range(len(rows)), [_label(one) for one in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel("time against the call whose buffers begin at pages, %")
    axes.set_title(TITLE, loc="left")
    axes.legend(
        handles=[
            Line2D([], [], linestyle="", marker=marker, color=colour, markerfacecolor="white", label=what)
            for what, (marker, colour) in LOOKS.items()
        ],
        loc="upper left",
        bbox_to_anchor=(0, -0.55 / (1 + 0.45 * len(rows))),
        ncol=7,
        borderaxespad=0,
        fontsize=8,
    )
    caption = (
        "For each buffer, all tensors together, and the code: the move by 16 to 3072 bytes that changes the time most, "
        "with its interval; filled where that lies beyond 0.2 %. Same memory, same values, in pairs. At the right, the "
        f"largest. {origin(results)}"
    )
    header = ["kernel", "workload", "threads", "moved", "bytes", "ratio", "low", "high", "shows"]
    table: list[list[object]] = [
        [one.kernel, one.workload, one.threads, m.what, m.bytes, m.ratio, m.low, m.high, m.shows]
        for one in rows
        for m in one.moves
    ]
    return [Chart("layout", TITLE, caption, made, header, table)], []
