#!/usr/bin/env python3
"""Dishonest plugins: each is caught by the check that is meant for it, and the others are judged all the same.

The plugins are the states of tests/plugins/cheat.c. Only the standard library is used.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

PROGRAM = os.environ.get("ATTNBENCH", "build/attnbench")
FOLDER = Path(os.environ.get("ATTNBENCH_BUILD", "build")) / "tests" / "plugins"
WORKLOAD = ("--workload", "h=8,q=33,d=16", "--threads", "1")

# What the judge's findings must name, and words of the reason.
CAUGHT = {
    "keeps_by_pointer": ("state", ""),
    "keeps_by_shape": ("state", "right in a process of its own"),
    "starts_threads": ("own-threads", "processor time on other threads"),
    "leaves_threads": ("own-threads", "1 threads more after the call"),
    "leaves_a_file": ("descriptors", "more file descriptors"),
    "ends_by_atexit": ("no-exit", "exit(0)"),
    "is_less_precise": ("output-bound", "its bound"),
    "hides_faults": ("no-crash", "behind the end of K"),
    "restores_input": ("no-crash", "a write to the read-only input Q"),
    "keeps_maximum": ("poison", "1e30"),
    "leaves_upper_halves": ("cpu-state", "upper halves"),
    "clobbers_a_register": ("cpu-state", "r14"),
    "reads_before": ("no-crash", "4 before the beginning of Q (begins at a page)"),
    "loses_a_slice": ("workers", "64 workers"),
    "depends_on_order": ("exec-order", "reversed"),
}
# Honest when checked, dishonest when timed.
CAUGHT_WHEN_TIMED = {
    "skips_known_output": "inputs changed in place",
    "skips_after_many": "",
    "starts_threads_later": "own-threads",
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, errors="replace", timeout=900)


def plugin(name: str) -> tuple[str, ...]:
    return "--plugin", str(FOLDER / f"cheat_{name}.so")


def record(*arguments: str) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "record.json"
        done = run(arguments[0], "--json", str(path), *arguments[1:])
        assert done.returncode == 1, done.stdout + done.stderr
        return json.loads(path.read_text(encoding="utf-8"))


class Cheats(unittest.TestCase):
    def test_each_is_caught_by_its_check(self) -> None:
        files = [word for name in CAUGHT for word in plugin(name)]
        arguments = ("verify", *files, "--kernel", "cheat_*:*", "--kernel", "naive_*", *WORKLOAD, "--class", "normal")
        cases = {case["kernel"]: case for case in record(*arguments)["cases"]}
        for name, (check, words) in CAUGHT.items():
            with self.subTest(name):
                found = {f["check"]: f["reason"] for f in cases[f"cheat_{name}:cheat"].get("findings", [])}
                if check == "cpu-state" and os.uname().machine != "x86_64":
                    continue
                self.assertIn(check, found)
                self.assertIn(words, found[check])
        honest = [case["status"] for name, case in cases.items() if ":" not in name]
        self.assertGreaterEqual(len(honest), 2)
        self.assertEqual({"pass"}, set(honest))

    def test_each_is_caught_when_timed(self) -> None:
        for name, words in CAUGHT_WHEN_TIMED.items():
            with self.subTest(name):
                options = ("--", "--benchmark_repetitions=2", "--benchmark_min_time=0.1")
                timed = record("bench", *plugin(name), "--kernel", "cheat_*:*", *WORKLOAD, *options)
                self.assertEqual(["pass"], [case["status"] for case in timed["cases"]])
                errors = [entry.get("error_message", "") for entry in timed["benchmarks"]]
                self.assertEqual(1, len(errors))
                self.assertIn("timed", errors[0].replace("timing", "timed"))
                self.assertIn(words, errors[0])


if __name__ == "__main__":
    unittest.main()
