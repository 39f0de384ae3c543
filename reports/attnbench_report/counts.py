"""What was counted of a call beside its time: instructions by callgrind, and what follows from hardware events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .fields import number, text
from .record import split_name

# Keys of the record in the order of the table's columns; unknown ones follow as they are.
COLUMNS = {
    "instructions": "instructions",
    "instructions_per_operation": "instructions an operation",
    "instructions_per_cycle": "instructions a cycle",
    "clock_ghz": "GHz",
    "branch_miss_ratio": "branches missed",
    "l1_miss_ratio": "L1 loads missed",
    "llc_miss_ratio": "last-level loads missed",
    "tlb_miss_ratio": "TLB loads missed",
    "l1_bytes_per_operation": "L1 bytes an operation",
    "memory_bytes_per_operation": "memory bytes an operation",
    "fp_operations_per_operation": "fp operations an operation",
    "fp_vector_share": "share in vectors",
}


@dataclass(frozen=True)
class Counted:
    """One case: figures by the record's keys."""

    kernel: str
    workload: str
    threads: int
    figures: dict[str, float]


def counted(entry: dict[str, Any]) -> Counted | None:
    """None: nothing was counted, or nothing follows from it. What callgrind counted stands before what events say."""
    derived = entry.get("derived")
    known = derived if isinstance(derived, dict) else {}
    found = {key: value for key in known if (value := number(known, key)) is not None}
    for key in ("instructions", "instructions_per_operation"):
        value = number(entry, key)
        if value is not None:
            found[key] = value
    if not found:
        return None
    kernel, workload, variant, threads = split_name(text(entry, "run_name") or text(entry, "name"), None)
    return Counted(kernel, workload + (f" / {variant}" if variant else ""), threads, found)


def columns(rows: Sequence[Counted]) -> list[tuple[str, str]]:
    """Keys that some row has, with their headings."""
    present = {key for row in rows for key in row.figures}
    known = [(key, heading) for key, heading in COLUMNS.items() if key in present]
    return known + [(key, key.replace("_", " ")) for key in sorted(present - COLUMNS.keys())]
