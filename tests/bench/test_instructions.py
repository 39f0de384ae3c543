#!/usr/bin/env python3
"""bench --profile and --instructions through the program: calls without a harness, and callgrind's count of them.

The counts need valgrind; without it those tests are skipped. Only the standard library is used.
"""

from __future__ import annotations

import os
import shutil
import sys
import unittest
from pathlib import Path
from typing import Any

from command_line import QUICK, UNDECIDED, USAGE, InFolder, attnbench, baseline, environment, load, threaded

PLUGINS = Path(os.environ.get("ATTNBENCH_BUILD", "build")).resolve() / "tests" / "plugins"
SMALL, LARGER = "h=1,q=16,d=16", "h=2,q=16,d=16"
NEEDS_VALGRIND = unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed")


class Profile(InFolder):
    def profile(self, *arguments: str | Path) -> Any:
        return self.run_here("bench", "--profile", "3", *arguments)

    def test_it_calls_and_says_nothing(self) -> None:
        done = self.profile("--kernel", baseline(), "--workload", SMALL, "--threads", "1")
        self.assertEqual((0, "", ""), (done.returncode, done.stdout, done.stderr))
        self.assertFalse(self.contents())

    def test_it_calls_one_case_that_there_is(self) -> None:
        one = ("--kernel", baseline(), "--workload", SMALL)
        self.one_line(self.profile("--workload", SMALL), USAGE, "one kernel")
        self.one_line(self.profile(*one, "--workload", LARGER), USAGE, "one workload")
        self.one_line(self.profile(*one, "--layout"), USAGE, "--layout")
        self.one_line(self.profile(*one, "--", *QUICK), USAGE, "--profile")
        self.one_line(self.run_here("bench", "--profile", "0", *one), USAGE, "whole number")
        bf16 = ("--kernel", baseline(), "--workload", f"{SMALL},dtype=bf16")
        self.one_line(self.profile(*bf16), UNDECIDED, "bf16")


class Instructions(InFolder):
    def count(self, *arguments: str | Path, env: dict[str, str] | None = None) -> tuple[dict[str, int], Any]:
        """Instructions by run name, and what the context says of them."""
        path = self.folder / "record.json"
        done = attnbench("bench", "--instructions", *arguments, "--json", path, "--", *QUICK, env=env)
        self.assertEqual(0, done.returncode, done.stderr)
        record = load(path)
        counts = {e["run_name"]: e["instructions"] for e in record["benchmarks"] if "instructions" in e}
        return counts, record["context"]["attnbench"]["instructions"]

    @NEEDS_VALGRIND
    def test_the_same_number_every_time_and_more_for_more_work(self) -> None:
        case = ("--kernel", baseline(), "--workload", SMALL, "--workload", LARGER, "--threads", "1")
        first, how = self.count(*case)
        self.assertEqual(first, self.count(*case)[0])
        self.assertEqual(("callgrind", []), (how["tool"], how["absent"]))
        small, larger = (first[f"{baseline()}/{spec}/threads:1"] for spec in (SMALL, LARGER))
        self.assertTrue(1.9 < larger / small < 2.1, first)
        entry = load(self.folder / "record.json")["benchmarks"][0]
        operations = {SMALL: 1, LARGER: 2}[entry["label"]] * 2 * 16 * 16 * 32  # 2 * pairs * (d + dv)
        self.assertAlmostEqual(entry["instructions"] / operations, entry["instructions_per_operation"])

    @NEEDS_VALGRIND
    def test_every_kernel_of_this_machine_is_counted_or_absent_with_its_reason(self) -> None:
        counts, how = self.count("--workload", "h=2,q=4,d=16", "--threads", "1")
        timed = {e["run_name"] for e in load(self.folder / "record.json")["benchmarks"]}
        absent = {one["name"]: one["reason"] for one in how["absent"]}
        self.assertEqual(timed, counts.keys() | absent.keys())
        self.assertFalse(counts.keys() & absent.keys())
        for reason in absent.values():
            self.assertRegex(reason, "^callgrind knows AVX2 and nothing newer; it needs avx512")

    @NEEDS_VALGRIND
    def test_plugins_are_counted_and_several_threads_are_not(self) -> None:
        well = ("--plugin", PLUGINS / "touchy.so", "--kernel", "touchy:*", "--kernel", threaded()[0])
        counts, how = self.count(*well, "--workload", SMALL, "--threads", "1,2")
        self.assertEqual({"threads:1"}, {name.split("/")[-1] for name in counts})
        self.assertIn(f"touchy:touchy_plain/{SMALL}/threads:1", counts)
        self.assertEqual([], how["absent"])

    def test_without_valgrind_it_says_so_and_times_all_the_same(self) -> None:
        nowhere = environment(PATH=str(self.folder))
        counts, how = self.count("--kernel", baseline(), "--workload", SMALL, "--threads", "1", env=nowhere)
        self.assertEqual({}, counts)
        self.assertIn("apt-get install valgrind", how["reason"])


if __name__ == "__main__":
    sys.exit(unittest.main())
