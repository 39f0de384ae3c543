"""What a record says of kernels whose buffers or code lay elsewhere (bench --layout)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .fields import integer, number, text


@dataclass(frozen=True)
class Move:
    """A buffer, or the code, some bytes further on: time over that of the aligned call; None: void."""

    what: str
    bytes: int
    ratio: float | None
    low: float | None
    high: float | None
    shows: bool


@dataclass(frozen=True)
class Layout:
    """What moves of its buffers and its code do to a kernel."""

    kernel: str
    workload: str
    threads: int
    moves: list[Move]
    worst: Move | None  # None: none shows
    unmoved: str  # why its code was not moved; empty where it was


def _move(one: dict[str, Any]) -> Move:
    interval = one.get("interval")
    ends = interval if isinstance(interval, list) and len(interval) == 2 else [None, None]
    low, high = (number({"end": end}, "end") for end in ends)
    shows = one.get("shows") is True
    return Move(text(one, "what"), integer(one, "bytes") or 0, number(one, "ratio"), low, high, shows)


def sensitivity(one: dict[str, Any]) -> Layout:
    cells, worst = one.get("cells"), one.get("worst")
    return Layout(
        kernel=text(one, "kernel"),
        workload=text(one, "workload"),
        threads=integer(one, "threads") or 1,
        moves=[_move(cell) for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else [],
        worst=_move(worst) if isinstance(worst, dict) else None,
        unmoved=text(one, "unmoved"),
    )
