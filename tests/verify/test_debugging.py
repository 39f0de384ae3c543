#!/usr/bin/env python3
"""verify --in-process and --gdb: the same verdicts without children, and the debugger at the failing call.

Only the standard library is used.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import unittest
from pathlib import Path

PROGRAM = os.environ.get("ATTNBENCH", "build/attnbench")
FOLDER = Path(os.environ.get("ATTNBENCH_BUILD", "build")) / "tests" / "plugins"
SMALL = ("--workload", "h=2,q=9,d=8", "--class", "normal", "--threads", "1")


def verify(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, "verify", *arguments, *SMALL],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=900,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


def plugin(name: str) -> tuple[str, ...]:
    return "--plugin", str(FOLDER / f"{name}.so"), "--kernel", f"{name}:*"


class InProcess(unittest.TestCase):
    def test_verdicts_are_the_same(self) -> None:
        for arguments in (("--kernel", "*"), plugin("is_wrong"), plugin("cheat_keeps_maximum")):
            apart, together = verify(*arguments), verify(*arguments, "--in-process")
            self.assertEqual(apart.stdout, together.stdout)
            self.assertEqual(apart.returncode, together.returncode)

    def test_a_crash_ends_the_run(self) -> None:
        self.assertEqual(-6, verify(*plugin("crashes_running"), "--in-process").returncode)


class Gdb(unittest.TestCase):
    def test_without_gdb_there_is_one_clear_line(self) -> None:
        done = verify(*plugin("is_wrong"), "--gdb", PATH="/nonexistent")
        self.assertEqual((2, "", 1), (done.returncode, done.stdout, len(done.stderr.splitlines())))
        self.assertIn("no gdb in PATH", done.stderr)

    def test_all_well_needs_no_debugger(self) -> None:
        if shutil.which("gdb"):
            self.assertEqual(0, verify(*plugin("well"), "--gdb").returncode)

    def test_it_stops_at_the_failing_call(self) -> None:
        if not shutil.which("gdb"):
            self.skipTest("no gdb")
        stops = {"is_wrong": "call_once", "cheat_keeps_maximum": "findings_add", "crashes_running": "SIGABRT"}
        for name, stop in stops.items():
            done = verify(*plugin(name), "--gdb")
            if "ptrace" in done.stderr:
                self.skipTest("no permission to trace")
            heads = ("Breakpoint 1", "Program received", "Thread 1")
            stopped = [line for line in done.stdout.splitlines() if line.startswith(heads)]
            self.assertTrue(any(stop in line for line in stopped), done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
