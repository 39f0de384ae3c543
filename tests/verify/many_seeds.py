#!/usr/bin/env python3
"""Correct kernels, many seeds: nobody may be accused.

Runs `attnbench verify` with one seed after the other over all kernels, the suites asked for and every input class, and
fails on the first case that is not passed, with the line that repeats it. That bounds and thresholds are right is their
derivation's matter; this is its test: with N seeds and no accusation, a rate above 3 / N would have shown with a
probability of 95 %.

    tests/many_seeds.py --seeds 1000 --first 1 -- --suite smoke --suite edge

What follows -- goes to verify: other suites, --class, --plugin FILE.so (correct but unusual kernels), --threads.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WELL = 0
NO_ACCUSATION = ("pass", "unsupported")


def verify(program: str, seed: int, arguments: list[str], record: Path) -> tuple[int, list[dict[str, Any]]]:
    command = [program, "verify", "--seed", str(seed), "--json", str(record), *arguments]
    code = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
    cases: list[dict[str, Any]] = json.loads(record.read_text())["cases"] if record.exists() else []
    return code, cases


def accusation(case: dict[str, Any]) -> str:
    return f"{case['status']}: {case['reason']}\n  {case['reproducer']}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=3, help="how many (3)")
    parser.add_argument("--first", type=int, default=1001, help="the first of them (1001; verify's own default is 1)")
    parser.add_argument("--program", default=os.environ.get("ATTNBENCH", "build/attnbench"))
    parser.add_argument("arguments", nargs="*", help="for verify (--suite smoke)")
    options = parser.parse_args()
    arguments = options.arguments or ["--suite", "smoke"]

    judged = 0
    largest = 0.0
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.first, options.first + options.seeds):
            code, cases = verify(options.program, seed, arguments, Path(folder) / f"{seed}.json")
            accused = [case for case in cases if case["status"] not in NO_ACCUSATION]
            if code != WELL or accused:
                print(f"seed {seed}: verify ended with {code}, {len(accused)} cases accused")
                print("\n".join(accusation(case) for case in accused[:5]))
                return 1
            judged += sum(case["status"] == "pass" for case in cases)
            scores = [case["deviation"]["rms"] for case in cases if case.get("deviation", {}).get("judged")]
            largest = max([largest, *scores])
    seconds = time.monotonic() - begun
    print(
        f"{options.seeds} seeds, {judged} cases, none accused in {seconds:.0f} s: at 95 % the rate lies below "
        f"{min(1.0, 3 / options.seeds):.2g} a seed and {3 / max(judged, 1):.2g} a case; largest rms z {largest:.2f}"
    )
    return 0 if judged else 1


if __name__ == "__main__":
    sys.exit(main())
