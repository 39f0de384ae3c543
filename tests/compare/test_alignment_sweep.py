#!/usr/bin/env python3
"""bench --layout through the program: every buffer at every offset, in the record and in tables; what excludes it.

Only the standard library is used.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path
from typing import Any

from command_line import (
    INTERRUPTED,
    PATIENCE,
    PROGRAM,
    UNDECIDED,
    USAGE,
    InFolder,
    baseline,
    delays,
    heeds,
    load,
    until,
)

BUILD = Path(os.environ.get("ATTNBENCH_BUILD", "build")).resolve()
LINE, PAGE, CODE = {16, 32, 48}, {64, 1024, 2048, 3072}, {16, 32, 48, 64}
TINY = "h=1,q=8,d=16"


class Layout(InFolder):
    def test_every_buffer_is_moved_and_judged_again(self) -> None:
        done = self.well(
            "bench", "--layout", "--kernel", baseline(), "--workload", TINY, "--json", "r.json", "--markdown", "r.md"
        )
        record = load(self.folder / "r.json")
        (row,) = record["layout"]
        self.assertEqual((baseline(), TINY, 1), (row["kernel"], row["workload"], row["threads"]))
        self.assertEqual(["pass"], [case["status"] for case in record["cases"]])
        moved: dict[str, set[int]] = {}
        for cell in row["cells"]:
            moved.setdefault(cell["what"], set()).add(cell["bytes"])
            self.assertNotIn("wrong", cell.get("reason", ""))
            if "ratio" in cell:
                low, high = cell["interval"]
                self.assertTrue(low <= cell["ratio"] <= high, cell)
                self.assertTrue(0 < cell["pairs"] <= 200)  # as many as there is time for
                self.assertEqual(cell["shows"], low > 1.002 or high < 1 / 1.002)
        for buffer in "QKVO":
            self.assertEqual(LINE | PAGE, moved[buffer])
        self.assertEqual(LINE, moved["Q K V O"])
        self.assertLessEqual(moved.get("workspace", set()), PAGE)  # the contract aligns it to 64 bytes
        if (BUILD / "links").is_dir():
            self.assertEqual(CODE, moved["code"])
            self.assertNotIn("unmoved", row)
            self.assertNotIn("not moved", done.stdout)
        shown = [cell for cell in row["cells"] if cell.get("shows")]
        if shown:
            self.assertEqual(row["worst"], max(shown, key=lambda cell: abs(cell["ratio"] - 1)))
        for text in (done.stdout, self.markdown("r.md")):
            self.assertIn(f"### {baseline()}, {TINY}, 1 thread\n", text)
            self.assertRegex(text, r"\| Q K V O +\|")

    def test_what_is_slower_elsewhere_is_found_by_its_name(self) -> None:
        kernel = ("--plugin", BUILD / "tests" / "plugins" / "touchy.so", "--kernel", "touchy:*")
        done = self.well("bench", "--layout", *kernel, "--workload", TINY, "--json", "r.json")
        (row,) = load(self.folder / "r.json")["layout"]
        slower = {(cell["what"], cell["bytes"]) for cell in row["cells"] if cell.get("ratio", 1) > 1.4}
        self.assertEqual({(what, by) for what in ("V", "Q K V O") for by in LINE}, slower)
        self.assertIn(row["worst"]["what"], ("V", "Q K V O"))
        self.assertNotIn("code", {cell["what"] for cell in row["cells"]}, "its objects are not ours to link")
        self.assertIn("a plugin comes linked", row["unmoved"])
        self.assertIn(f"Its code was not moved: {row['unmoved']}.", done.stdout)

    def interrupted_after(self, seconds: float) -> list[dict[str, Any]]:
        many = [word for heads in range(1, 30) for word in ("--workload", f"h={heads},q=8,d=16")]
        command = [PROGRAM, "bench", "--layout", "--kernel", baseline(), *many, "--json", "r.json"]
        program = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: heeds(program), program)
        time.sleep(seconds)
        program.send_signal(signal.SIGINT)
        self.assertEqual(INTERRUPTED, program.wait(PATIENCE))
        return load(self.folder / "r.json")["layout"]

    def test_an_interruption_keeps_what_was_measured(self) -> None:
        """Of a minute's work."""
        rows = next(rows for rows in map(self.interrupted_after, delays()) if rows)
        for row in rows:
            self.assertIn(row.get("reason", "interrupted"), "interrupted")
            self.assertTrue(row["cells"])
            self.assertTrue(all("ratio" in cell or cell["reason"] for cell in row["cells"]))

    def test_it_has_a_suite_and_a_clock_of_its_own(self) -> None:
        for more in (("--cold",), ("--rotate",), ("--counters", "task-clock"), ("--", "--benchmark_repetitions=2")):
            self.one_line(self.run_here("bench", "--layout", *more), USAGE, "--layout")
        self.assertIn("places", self.well("list", "suites").stdout)

    def test_nothing_supported_is_no_success(self) -> None:
        done = self.run_here("bench", "--layout", "--kernel", baseline(), "--workload", f"{TINY},dtype=bf16")
        self.assertEqual(UNDECIDED, done.returncode, done.stdout + done.stderr)


if __name__ == "__main__":
    sys.exit(unittest.main())
