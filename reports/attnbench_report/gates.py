"""What a record says of a gate: how it ended, what it could not do, and each case in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .fields import any_real, integer, number, text, texts


@dataclass(frozen=True)
class GateCase:
    """A case of a gate; time of NEW over BASE, None where it was not timed or the interval has no end."""

    name: str
    outcome: str
    words: str
    ratio: float | None
    low: float | None
    high: float | None
    reproducer: str


@dataclass(frozen=True)
class LessAccurate:
    """Error over bound, and errors in standard deviations, of BASE and of NEW."""

    kernel: str
    ratio: tuple[float, float]
    z: tuple[float, float]


@dataclass(frozen=True)
class Gate:
    heading: str
    headline: str
    base: str  # commits; empty: unknown
    new: str
    threshold: float | None
    launches: int
    notes: tuple[str, ...]
    less_accurate: list[LessAccurate]
    cases: list[GateCase]  # findings first


def _objects(one: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = one.get(key)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _pair(one: dict[str, Any], key: str) -> tuple[float, float]:
    found = one.get(key)
    base, new = found if isinstance(found, list) and len(found) == 2 else (None, None)
    return any_real({"base": base}, "base"), any_real({"new": new}, "new")


def _case(one: dict[str, Any]) -> GateCase:
    interval = one.get("interval")
    low, high = interval if isinstance(interval, list) and len(interval) == 2 else (None, None)
    return GateCase(
        name=text(one, "case"),
        outcome=text(one, "outcome"),
        words=text(one, "words"),
        ratio=number(one, "ratio"),
        low=number({"end": low}, "end"),
        high=number({"end": high}, "end"),
        reproducer=text(one, "reproducer"),
    )


def gate(found: dict[str, Any]) -> Gate:
    return Gate(
        heading=text(found, "heading") or ("passed" if found.get("passed") is True else "not passed"),
        headline=text(found, "headline"),
        base=text(found, "base"),
        new=text(found, "new"),
        threshold=number(found, "threshold"),
        launches=integer(found, "launches") or 0,
        notes=texts(found, "notes"),
        less_accurate=[
            LessAccurate(text(one, "kernel"), _pair(one, "ratio"), _pair(one, "rms"))
            for one in _objects(found, "accuracy")
            if one.get("worse") is True
        ],
        cases=[_case(one) for one in _objects(found, "cases")],
    )
