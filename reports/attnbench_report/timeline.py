"""Series over time, as `attnbench history show|check --json` writes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .fields import integer, number, text


@dataclass(frozen=True)
class Point:
    date: str
    commit: str
    build: str  # the commit, or the digest of the file where commits do not tell builds apart
    release: str
    run: int
    value: float
    low: float | None
    high: float | None
    launches: int


@dataclass(frozen=True)
class Change:
    """A place where the level may have changed; or the newest point, away from the last release."""

    since_release: bool
    before: int  # runs
    from_run: int
    change: float
    state: str  # hypothesis, confirmed, not confirmed, open
    words: str


@dataclass(frozen=True)
class Timeline:
    kernel: str
    workload: str
    inputs: str
    threads: int
    cpu: str
    anchor: str  # build whose time the values are over; empty: they are not
    unit: str
    points: list[Point]
    changes: list[Change]


KEY = ("fingerprint", "kernel", "workload", "inputs", "anchor")


def _key(one: dict[str, Any]) -> tuple[object, ...]:
    return (*(text(one, key) for key in KEY), integer(one, "threads"))


def _objects(holder: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = holder.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _ends(one: dict[str, Any], key: str) -> tuple[float | None, float | None]:
    found = one.get(key)
    low, high = found if isinstance(found, list) and len(found) == 2 else (None, None)
    return number({"end": low}, "end"), number({"end": high}, "end")


def _points(series: dict[str, Any]) -> list[Point]:
    points = []
    for one in _objects(series, "points"):
        value = number(one, "value")
        if value is None or value <= 0:
            continue
        date, commit, release = (text(one, key) for key in ("date", "commit", "release"))
        names = (date, commit, text(one, "build") or commit, release)
        points.append(
            Point(*names, integer(one, "run") or 0, value, *_ends(one, "interval"), integer(one, "launches") or 0)
        )
    return points


def _change(one: dict[str, Any]) -> Change:
    found = one.get("runs")
    before, from_run = found if isinstance(found, list) and len(found) == 2 else (0, 0)
    return Change(
        since_release=text(one, "kind") == "release",
        before=integer({"run": before}, "run") or 0,
        from_run=integer({"run": from_run}, "run") or 0,
        change=number(one, "change") or 0,
        state=text(one, "state"),
        words=text(one, "words"),
    )


def timelines(history: dict[str, Any]) -> list[Timeline]:
    changes: dict[tuple[object, ...], list[Change]] = {}
    for one in _objects(history, "changes"):
        changes.setdefault(_key(one), []).append(_change(one))
    return [
        Timeline(
            *(text(one, key) for key in ("kernel", "workload", "inputs")),
            threads=integer(one, "threads") or 1,
            **{key: text(one, key) for key in ("cpu", "anchor", "unit")},
            points=_points(one),
            changes=changes.get(_key(one), []),
        )
        for one in _objects(history, "series")
    ]
