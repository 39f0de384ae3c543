"""How charts look, and how they become files.

Colours are Okabe and Ito's, which colour-blind readers can tell apart; markers, dashes and hatches say the same again
for black and white.
"""

from __future__ import annotations

import base64
import csv
import io
import math
import os
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from .results import Results

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7A5C00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "h")
DASHES: tuple[object, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1)), (0, (8, 2, 1, 2, 1, 2)))
HATCHES = ("", "///", "...", "\\\\\\", "xx", "---", "ooo", "+++")
FAIL = "#B00020"
GREY = "#555555"
MARGIN = 0.12  # inches around a chart
LEAST_WIDTH = 7.6  # inches, with empty room at the right: a page scales all charts alike

matplotlib.rcParams.update(
    {
        "font.family": "DejaVu Sans",  # comes with matplotlib: the same look everywhere
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#DDDDDD",
        "grid.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "hatch.linewidth": 0.6,
        "pdf.fonttype": 42,  # TrueType: journals refuse Type 3
        "svg.fonttype": "path",  # looks the same where the font is missing
        "svg.hashsalt": "attnbench",  # the same record gives the same file
        "legend.frameon": False,
    }
)


@dataclass
class Chart:
    slug: str  # file name without its ending
    title: str
    caption: str
    figure: Figure
    header: Sequence[str]
    rows: list[list[object]] = field(default_factory=list)


@dataclass(frozen=True)
class Drawn:
    """A chart whose files are written."""

    title: str
    caption: str
    image: str  # data URI, without the caption that the files carry
    files: dict[str, str]  # format to path, relative to the page


@dataclass(frozen=True)
class LeftOut:
    title: str
    why: str


def colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def marker(index: int) -> str:
    return MARKERS[index % len(MARKERS)]


def dash(index: int) -> object:
    return DASHES[index % len(DASHES)]


def hatch(index: int) -> str:
    return HATCHES[index % len(HATCHES)]


def figure(width: float, height: float) -> tuple[Figure, Axes]:
    made = Figure(figsize=(width, height))
    FigureCanvasAgg(made)
    return made, made.add_subplot()


def significant(value: float, digits: int = 3) -> str:
    """12345, 123, 12.3, 0.0123: no exponent in the range that people read."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        exponent = 0 if value == 0 else int(f"{abs(value):.{digits - 1}e}".partition("e")[2])
        return f"{value:.{max(0, digits - 1 - exponent)}f}"
    return f"{value:.{digits - 1}e}"


def origin(results: Results) -> str:
    """Where the figures come from: machine, build and threads, for captions."""
    context = results.context
    parts = [results.machine]
    if context.get("isa"):
        parts.append(f"instruction sets {context['isa']}")
    if results.inputs:
        parts.append(f"inputs {results.inputs}")
    if context.get("threads"):
        parts.append(f"{context['threads']} thread{'' if context['threads'] == 1 else 's'} usable")
    if context.get("compiler"):
        parts.append(f"compiler {context['compiler']}")
    if context.get("commit"):
        parts.append(f"commit {context['commit']}")
    return "; ".join(parts) + "."


def repetitions(counts: Sequence[int]) -> str:
    known = sorted({n for n in counts if n > 0})
    if not known:
        return "the record does not say over how many repetitions"
    span = str(known[0]) if len(known) == 1 else f"{known[0]} to {known[-1]}"
    return f"n\u00a0=\u00a0{span} repetition{'' if span == '1' else 's'}"


def legend_columns(axes: Axes) -> int:
    """As many as the longest name lets stand beside each other."""
    longest = max((len(name) for name in axes.get_legend_handles_labels()[1]), default=0)
    return 3 if longest <= 26 else 2 if longest <= 45 else 1


def legend_below(axes: Axes) -> None:
    axes.legend(
        loc="upper left", bbox_to_anchor=(0, -0.16), ncol=legend_columns(axes), borderaxespad=0, handlelength=3.2
    )


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """Moves labels apart until neighbours are at least `gap` away; order and common centre of each bunch stay."""
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    clusters: list[tuple[float, list[int]]] = []  # centre, members in order
    for i in order:
        clusters.append((positions[i], [i]))
        while len(clusters) > 1:
            (low, below), (high, above) = clusters[-2:]
            if high - low >= gap * (len(below) + len(above)) / 2:
                break
            centre = (low * len(below) + high * len(above)) / (len(below) + len(above))
            clusters[-2:] = [(centre, below + above)]
    placed = [0.0] * len(positions)
    for centre, members in clusters:
        for rank, i in enumerate(members):
            placed[i] = centre + gap * (rank - (len(members) - 1) / 2)
    return placed


def spread_within_row(index: int) -> float:
    """A fixed, even scatter: points of one row do not hide each other, and the picture never changes."""
    return ((index * 0.6180339887) % 1 - 0.5) * 0.5


def write_file(path: Path, data: bytes) -> None:
    """Whole or not at all: a temporary file beside it, then a rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def csv_bytes(header: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([["" if cell is None else cell for cell in row] for row in rows])
    return out.getvalue().encode()


def _render(made: Figure, kind: str, area: Bbox) -> bytes:
    out = io.BytesIO()
    undated = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None, "ModDate": None}}[kind]
    made.savefig(out, format=kind, dpi=160, bbox_inches=area, metadata=undated)
    return out.getvalue()


def _add_caption(made: Figure, area: Bbox, caption: str) -> Bbox:
    """Writes the caption below everything drawn; returns the larger area.

    Areas are measured here, once: matplotlib's "tight" draws the figure an extra time for every file.
    """
    size = made.get_size_inches()
    lines = textwrap.wrap(caption, int(max(size[0], LEAST_WIDTH) * 17.5))
    left, bottom = area.x0 + MARGIN, area.y0 - MARGIN / 2
    text = made.text(left / size[0], bottom / size[1], "\n".join(lines), fontsize=7, color=GREY, va="top", ha="left")
    extent = text.get_window_extent(FigureCanvasAgg(made).get_renderer())
    return Bbox.union([area, Bbox(extent.get_points() / made.dpi).padded(MARGIN)])


def write(chart: Chart, folder: Path, formats: Sequence[str]) -> Drawn:
    made = chart.figure
    drawn = made.get_tightbbox(FigureCanvasAgg(made).get_renderer()).padded(MARGIN)
    area = Bbox.from_extents(drawn.x0, drawn.y0, max(drawn.x1, drawn.x0 + LEAST_WIDTH), drawn.y1)
    image = base64.b64encode(_render(made, "svg", area)).decode()
    area = _add_caption(made, area, chart.caption)
    files = {"csv": f"charts/{chart.slug}.csv"}
    write_file(folder / files["csv"], csv_bytes(chart.header, chart.rows))
    for kind in formats:
        files[kind] = f"charts/{chart.slug}.{kind}"
        write_file(folder / files[kind], _render(made, kind, area))
    return Drawn(chart.title, chart.caption, f"data:image/svg+xml;base64,{image}", files)
