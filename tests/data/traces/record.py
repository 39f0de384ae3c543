#!/usr/bin/env python3
"""Records the times of successive slices of one kernel's code.

record.py PROGRAM BASE NEW WORKLOAD OUT.npy [NEIGHBOURS]

BASE and NEW are two builds of the same code (compare would not time one build against itself). Several comparisons
follow each other until there are slices enough. NEIGHBOURS busy processes run beside it. The times of each build are
divided by their median, so that no difference between the builds remains.
"""

from __future__ import annotations

import json
import statistics
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

SLICES = 8000


def compare(program: str, base: str, new: str, workload: str, seed: int) -> list[tuple[int, int, bool]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "record.json"
        subprocess.run(
            [program, "compare", base, new, "--workload", workload, "--launches", "0", "--seed", str(seed)]
            + ["--json", str(path)],
            check=False,
            stdout=subprocess.DEVNULL,
        )
        return json.loads(path.read_text(encoding="utf-8"))["comparisons"][0]["samples"]


def record(program: str, base: str, new: str, workload: str) -> list[int]:
    times: list[float] = []
    seed = 0
    while len(times) < SLICES:
        seed += 1
        samples = compare(program, base, new, workload, seed)
        median = [statistics.median(pair[side] for pair in samples) for side in (0, 1)]
        for a, b, base_first in samples:
            pair = [a, b * median[0] / median[1]]
            times += pair if base_first else pair[::-1]
    return [round(t) for t in times[:SLICES]]


def main() -> None:
    program, base, new, workload, out, *beside = sys.argv[1:]
    neighbours = int(beside[0]) if beside else 0
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(neighbours)]
    try:
        times = record(program, base, new, workload)
    finally:
        for process in busy:
            process.kill()
    header = f"{{'descr': '<i4', 'fortran_order': False, 'shape': ({len(times)},), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(out, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        file.write(struct.pack(f"<{len(times)}i", *times))


if __name__ == "__main__":
    main()
