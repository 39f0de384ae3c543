#!/usr/bin/env python3
"""attnbench selftest judge on folders made here from one bug that the build planted, a log-sum-exp in base 2: what is
found, missed, accused and unclear, as lines, exit codes and files."""

from __future__ import annotations

import csv
import os
import shlex
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path
from typing import Any

import command_line as cl
from command_line import FINDING, TINY, USAGE, InFolder

PLANTED = Path(os.environ.get("ATTNBENCH_BUILD", cl.ROOT / "build")).resolve() / "selftest" / "mutants"
BUG = "lse_base_2"
ONE_KEY = "--workload h=1,q=1,k=1,d=4 --class normal"  # the logarithm of 1 is 0 in every base


class Judge(InFolder):
    def setUp(self) -> None:
        super().setUp()
        if not (PLANTED / f"{BUG}.so").exists():
            self.skipTest("this build plants no bugs")
        self.kernel = (PLANTED / f"{BUG}.diff").read_text().splitlines()[0].removeprefix("kernel: ")

    def plant(self, kind: str, name: str, verify: str) -> None:
        folder = self.folder / kind
        folder.mkdir(exist_ok=True)
        shutil.copy(PLANTED / f"{BUG}.so", folder / f"{name}.so")
        (folder / f"{name}.diff").write_text(f"kernel: {self.kernel}\nverify: {verify}\nwhat: a test\n\n")

    def judge(self, *more: str) -> tuple[cl.Result, dict[str, Any]]:
        out = self.run_here("selftest", "judge", "--mutants", ".", "--json", "m.json", "--csv", "m.csv", *more)
        matrix = cl.load(self.folder / "m.json")
        self.assertEqual((matrix["benchmarks"], matrix["cases"]), ([], []), "a record that reports take")
        self.assertEqual(matrix["context"]["attnbench"]["schema"], 1)
        return out, matrix

    def test_found(self) -> None:
        self.plant("mutants", "seen", f"--workload {TINY} --class normal")
        out, matrix = self.judge("--markdown", "m.md")
        self.assertEqual((out.returncode, out.stderr), (0, ""))
        (bug,) = matrix["bugs"]
        self.assertEqual((bug["status"], bug["replays"]), ("found", True))
        self.assertIn("lse-bound", bug["checks"])
        found = {c["name"]: c["alone"] for c in matrix["checks"] if c["found"]}
        self.assertEqual(set(found), set(bug["checks"]))
        for alone in found.values():
            self.assertEqual(alone, ["seen"] if len(found) == 1 else [])
        (row,) = csv.DictReader((self.folder / "m.csv").read_text().splitlines())
        counts = {name: str(cases) for name, cases in bug["checks"].items()}
        self.assertEqual(row, {"bug": "seen", "kernel": self.kernel, "status": "found", **counts})
        self.assertIn(f"| seen | {self.kernel} | found | ", (self.folder / "m.md").read_text())
        self.assertEqual(self.run_here(*shlex.split(bug["line"])[1:]).returncode, FINDING, "its line repeats it")

    def test_missed(self) -> None:
        self.plant("mutants", "unseen", ONE_KEY)
        out, matrix = self.judge()
        self.assertEqual(out.returncode, FINDING)
        self.assertIn("MISSED: unseen", out.stdout)
        self.assertEqual(matrix["bugs"][0]["status"], "missed")

    def test_accused(self) -> None:
        self.plant("antimutants", "right", ONE_KEY)
        out, matrix = self.judge()
        self.assertEqual((out.returncode, matrix["odd"][0]["status"]), (0, "accepted"))
        self.plant("antimutants", "slandered", f"--workload {TINY} --class normal")
        out, matrix = self.judge()
        self.assertEqual((out.returncode, matrix["odd"][1]["status"]), (FINDING, "accused"))
        self.assertIn("ACCUSED: slandered", out.stdout)

    def test_no_verdict(self) -> None:
        self.plant("mutants", "misnamed", "--workload nonsense")
        out, matrix = self.judge()
        self.assertEqual((out.returncode, matrix["bugs"][0]["status"]), (FINDING, "unclear"))
        self.plant("mutants", "misnamed", f"--workload {TINY},mask=causal,page=4,block=2x2 --class normal")
        out, matrix = self.judge()
        self.assertEqual(matrix["bugs"][0]["status"], "unclear", "a feature that the kernel lacks judges nothing")

    def test_only(self) -> None:
        for name in ("one", "two"):
            self.plant("mutants", name, f"--workload {TINY} --class normal")
        self.assertEqual([b["name"] for b in self.judge("--only", "t*")[1]["bugs"]], ["two"])

    def test_bad_use(self) -> None:
        for words in (
            ("selftest",),
            ("selftest", "nonsense"),
            ("selftest", "judge", "--mutants", "nowhere"),
            ("selftest", "judge", "--jobs", "0"),
            ("selftest", "judge", "--only", "no_such_bug"),
        ):
            out = self.run_here(*words)
            self.assertEqual((out.returncode, out.stdout, len(out.stderr.splitlines())), (USAGE, "", 1), words)
        (self.folder / "mutants").mkdir()
        (self.folder / "mutants" / "headless.diff").write_text("--- a\n+++ b\n")
        self.assertEqual(self.run_here("selftest", "judge", "--mutants", ".").returncode, USAGE)


class Clock(InFolder):
    def rows_after(self, seconds: float) -> list[dict[str, Any]]:
        """What is kept of a job of hours that is interrupted."""
        command = [cl.PROGRAM, "selftest", "clock", "--only", "0", "--runs", "100000", "--json", "c.json"]
        program = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cl.until(lambda: cl.heeds(program), program)
        time.sleep(seconds)
        program.send_signal(signal.SIGINT)
        self.assertEqual(program.wait(cl.PATIENCE), cl.INTERRUPTED)
        return cl.load(self.folder / "c.json")["clock"]["rows"]

    def test_an_interruption_keeps_the_runs_before_it(self) -> None:
        (row,) = next(rows for rows in map(self.rows_after, cl.delays()) if rows)
        self.assertGreater(row["runs"], 0)
        self.assertEqual(sum(row[said] for said in ("slower", "faster", "neither", "undecided")), row["runs"])


if __name__ == "__main__":
    unittest.main()
