"""Typed values of a record's objects; what is absent or of another type is empty or None."""

from __future__ import annotations

import math
from typing import Any

SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def text(holder: dict[str, Any], key: str) -> str:
    value = holder.get(key)
    return value if isinstance(value, str) else ""


def texts(holder: dict[str, Any], key: str) -> tuple[str, ...]:
    value = holder.get(key)
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def number(holder: dict[str, Any], key: str) -> float | None:
    value = holder.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def integer(holder: dict[str, Any], key: str) -> int | None:
    value = holder.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def any_real(holder: dict[str, Any], key: str) -> float:
    """A number of "cases", where NaN and the infinities are texts."""
    value = holder.get(key)
    if isinstance(value, str):
        return SPECIAL.get(value, math.nan)
    found = number(holder, key)
    return math.nan if found is None else found
