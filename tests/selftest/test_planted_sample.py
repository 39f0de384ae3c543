#!/usr/bin/env python3
"""mutants/sample.txt names planted bugs that are there, one at least for each kernel that any planted bug changes.

Where selftest_judge has just judged all of them (scripts/test --all), also one at least for each check that any trips.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
MATRIX = Path(os.environ.get("ATTNBENCH_BUILD", ".")) / "selftest" / "matrix.json"


def left_out(tripped: dict[str, Iterable[str]], sample: set[str]) -> set[str]:
    """Those that some bug trips and no bug of the sample does."""
    every = {what for whats in tripped.values() for what in whats}
    return every - {what for name, whats in tripped.items() if name in sample for what in whats}


def main() -> int:
    planted_wrong = {"a": ["bound", "poison"], "b": ["bound"]}
    assert left_out(planted_wrong, {"a"}) == set() and left_out(planted_wrong, {"b"}) == {"poison"}

    lines = (TESTS / "mutants" / "sample.txt").read_text().splitlines()
    sample = [line for line in lines if line and not line.startswith("#")]
    diffs = {diff.stem: diff for kind in ("mutants", "antimutants") for diff in (TESTS / kind).glob("*.diff")}
    failures = [f"{name}: no such diff" for name in sample if name not in diffs]
    failures += [f"{name}: named twice" for name in set(sample) if sample.count(name) > 1]
    if not any(name in sample for name in (d.stem for d in (TESTS / "antimutants").glob("*.diff"))):
        failures.append("no odd but right kernel")

    kernels = {
        diff.stem: [diff.read_text().splitlines()[0].removeprefix("kernel: ")]
        for diff in (TESTS / "mutants").glob("*.diff")
    }
    failures += [f"no bug in {kernel}" for kernel in sorted(left_out(kernels, set(sample)))]

    if MATRIX.exists():
        bugs = json.loads(MATRIX.read_text())["bugs"]
        tripped = {bug["name"]: bug["checks"] for bug in bugs}
        failures += [f"no bug that trips {check}" for check in sorted(left_out(tripped, set(sample)))]
    for failure in failures:
        print(f"sample.txt: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
