"""The kill matrix: which check finds which planted bug, and whether one accuses an odd kernel that is right."""

from __future__ import annotations

from matplotlib.axes import Axes

from .record import Check, KillMatrix, Planted
from .results import Results
from .style import FAIL, Chart, LeftOut, figure, origin

TITLE = "Planted bugs and the checks that find them"
STEP = 0.075  # inches a bug
GAP = 2  # columns between kernels
NOT_FOUND = -1  # row above the checks
LEAST_COLUMNS = 80  # cells of a small matrix stay small
LOOKS = {
    "shared": ("s", "#8A8A8A", 3),
    "alone": ("D", "black", 4.6),
    "accused": ("X", FAIL, 6),
    "missed": ("X", FAIL, 6),
    "open": ("o", "black", 3),
}


def _columns(matrix: KillMatrix) -> tuple[list[tuple[int, Planted]], list[tuple[int, int, str]]]:
    """Bugs by the kernel they were planted in, then the odd kernels; each with its column, and the blocks' extents."""
    kernels = dict.fromkeys(bug.kernel for bug in matrix.bugs)
    blocks = [(kernel, [bug for bug in matrix.bugs if bug.kernel == kernel]) for kernel in kernels]
    blocks += [("odd but right", matrix.odd)] if matrix.odd else []
    placed: list[tuple[int, Planted]] = []
    extents: list[tuple[int, int, str]] = []
    at = 0
    for name, members in blocks:
        placed += [(at + i, one) for i, one in enumerate(members)]
        extents.append((at, at + len(members) - 1, f"{name} ({len(members)})"))
        at += len(members) + GAP
    return placed, extents


def _marks(axes: Axes, checks: list[Check], placed: list[tuple[int, Planted]], odd: list[Planted]) -> None:
    place = {check.name: row for row, check in enumerate(checks)}
    kinds: dict[str, list[tuple[int, int]]] = {"shared": [], "alone": [], "accused": [], "missed": [], "open": []}
    for column, one in placed:
        found = [name for name in one.found_by if name in place]
        kind = "accused" if one in odd else "alone" if len(one.found_by) == 1 else "shared"
        kinds[kind] += [(column, place[name]) for name in found]
        if one.status == "missed":
            kinds["missed"].append((column, NOT_FOUND))
        elif one.status not in ("found", "accepted", "accused"):
            kinds["open"].append((column, NOT_FOUND))
    for kind, points in kinds.items():
        shape, colour, size = LOOKS[kind]
        columns, rows = [column for column, _ in points], [row for _, row in points]
        axes.plot(columns, rows, marker=shape, color=colour, markersize=size, markeredgewidth=0, linestyle="")


def _chart(results: Results, matrix: KillMatrix, number: int) -> Chart:
    accused = {name for one in matrix.odd for name in one.found_by}
    checks = [check for check in matrix.checks if check.found or check.name in accused]
    placed, extents = _columns(matrix)
    width = max([LEAST_COLUMNS, *(last + 1 for _, last, _ in extents)])
    made, axes = figure(STEP * width, 0.4 + 0.15 * len(checks))
    for first, last, name in extents:
        axes.axvspan(first - 0.7, last + 0.7, color="#F4F4F4", zorder=0)
        axes.text(first, -1.9, name, rotation=40, rotation_mode="anchor", fontsize=8, va="bottom")
    _marks(axes, checks, placed, matrix.odd)
    for row, check in enumerate(checks):
        axes.annotate(
            f"{check.found}" + (f", {len(check.alone)} alone" if check.alone else ""),
            xy=(1.01, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=7.5,
        )
    axes.grid(visible=True, axis="y")
    axes.grid(visible=False, axis="x")
    axes.set_xticks([])
    missed = [bug.name for bug in matrix.bugs if bug.status == "missed"]
    undecided = [one.name for _, one in placed if one.status not in ("found", "missed", "accepted", "accused")]
    lines = {NOT_FOUND: "not found"} if missed or undecided else {}
    lines |= {row: check.name for row, check in enumerate(checks)}
    axes.set_yticks(list(lines), list(lines.values()), fontsize=7.5)
    axes.set_xlim(-1.5, width + 0.5)
    axes.set_ylim(len(checks) - 0.4, -1.6)
    axes.spines["bottom"].set_visible(False)
    axes.set_title(TITLE, loc="left", pad=78)
    idle = [check.name for check in matrix.checks if not check.found]
    caption = (
        f"A column a kernel: {len(matrix.bugs)} with a planted bug, by the kernel it was planted in, and "
        f"{len(matrix.odd)} odd ones that are right. Grey square: this check finds it; black diamond: this check alone "
        "does; red cross: a missed bug, or an odd kernel accused; circle: no verdict. At the "
        "right: bugs that the check finds. "
        + (f"Missed: {', '.join(missed)}. " if missed else "No bug was missed. ")
        + (f"No verdict: {', '.join(undecided)}. " if undecided else "")
        + (f"Accused: {', '.join(one.name for one in matrix.odd if one.found_by)}. " if accused else "")
        + (f"Checks that found none: {', '.join(idle)}. " if idle else "")
        + origin(results)
    )
    header = ["kernel", "planted", "odd", "what", "status", *(check.name for check in checks)]
    table: list[list[object]] = [
        [one.kernel, one.name, one in matrix.odd, one.what, one.status, *(one.found_by.get(c.name, 0) for c in checks)]
        for _, one in placed
    ]
    slug = "planted-bugs" + (f"-{number}" if number > 1 else "")
    return Chart(slug, TITLE, caption, made, header, table)


def draw(results: Results) -> tuple[list[Chart], list[LeftOut]]:
    return [_chart(results, matrix, i + 1) for i, matrix in enumerate(results.matrices)], []
