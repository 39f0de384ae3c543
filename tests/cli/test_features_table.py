#!/usr/bin/env python3
"""The table of kernels and features in kernels/README.md is what `attnbench list kernels --markdown` prints.

Rows of kernels that this build lacks are left out, those that take nothing here (a BLAS that is not installed), and
where this CPU has no AVX2 those of kernels that choose others: they take what those take that run here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(os.environ.get("ATTNBENCH_SOURCE") or Path(__file__).resolve().parents[2])
PROGRAM = os.environ.get("ATTNBENCH") or ROOT / "build" / "attnbench"
CHOOSING = re.compile(r"best$|threaded_")
Table = dict[str, dict[str, str]]


def read_table(text: str) -> Table:
    """A row a kernel, by the names of the columns."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    heading, rows = cells[0], cells[2:]
    return {row[0].strip("`"): dict(zip(heading[1:], row[1:], strict=True)) for row in rows}


def differences(copy: Table, printed: Table) -> list[str]:
    found = [f"{kernel}: not in kernels/README.md" for kernel in printed if kernel not in copy]
    for kernel in printed.keys() & copy.keys():
        for column in {*copy[kernel], *printed[kernel]}:
            here, there = copy[kernel].get(column, "no such column"), printed[kernel].get(column, "no such column")
            if here != there:
                found.append(f"{kernel}, {column}: '{here}' in kernels/README.md, the program says '{there}'")
    return sorted(found)


def has_avx2() -> bool:
    return bool(re.search(r"^flags\s*:.*\bavx2\b", Path("/proc/cpuinfo").read_text(), re.MULTILINE))


def main() -> int:
    planted = read_table("| kernel | pages |\n|---|---|\n| `a` | yes |\n| `b` | – |\n")
    assert differences(planted, planted) == []
    assert len(differences(planted, {"a": {"pages": "f32"}})) == 1
    assert len(differences(planted, {"c": {"pages": "yes"}})) == 1

    done = subprocess.run([PROGRAM, "list", "kernels", "--markdown"], capture_output=True, text=True, check=True)
    printed = read_table(done.stdout)
    if not has_avx2() or os.environ.get("ATTNBENCH_ISA"):
        printed = {kernel: row for kernel, row in printed.items() if not CHOOSING.match(kernel)}
    printed = {kernel: row for kernel, row in printed.items() if row["types"]}
    text = (ROOT / "kernels" / "README.md").read_text()
    copy = read_table(text[text.index("<!-- features") : text.index("<!-- end of features")])
    found = differences(copy, printed)
    if subprocess.run([PROGRAM, "list", "suites", "--markdown"], capture_output=True, check=False).returncode != 2:
        found.append("list suites --markdown is not refused")
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found or not printed else 0


if __name__ == "__main__":
    sys.exit(main())
