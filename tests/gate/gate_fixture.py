"""What the tests of gate share: builds, a baseline of one, runs with their records.

The kernels are the builds of harness/slowed (0 and 100 % more work) and the plugins of tests/plugins. Only the standard
library is used.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import unittest
from pathlib import Path
from typing import Any

from command_line import UNDECIDED, WELL, Result, attnbench, decided, environment

BUILD = Path(os.environ.get("ATTNBENCH_BUILD", "build")).resolve()
SLOWED, PLUGINS = BUILD / "slowed", BUILD / "tests" / "plugins"
COMPUTE = ("--workload", "h=1,q=100,k=64,d=128")
TINY = ("--workload", "h=2,q=9,d=8")
CASE = "slowed_rows/h=1,q=100,k=64,d=128/threads:1"
QUICK = ("--launches", "8")  # with three, Student's t of moved ones is wide

# Of the key of a baseline.
os.environ.pop("CFLAGS", None)
os.environ.pop("LDFLAGS", None)


def slowed(build: str) -> Path:
    return SLOWED / f"slowed_{build}.so"


def plugin(name: str) -> Path:
    return PLUGINS / f"{name}.so"


class Gate(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.record = self.folder / "record.json"

    def module(self, source: Path, name: str = "kernels.so") -> Path:
        path = self.folder / name
        path.unlink(missing_ok=True)
        shutil.copy(source, path)
        return path

    def save(self, source: Path) -> Path:
        baseline = self.folder / "baseline"
        done = attnbench("gate", "save", baseline, "--plugin", self.module(source), cwd=self.folder)
        self.assertEqual(WELL, done.returncode, done.stdout + done.stderr)
        return baseline

    def run_gate(self, *arguments: str | Path, code: int) -> tuple[Result, dict[str, Any]]:
        def run() -> Result:
            self.record.unlink(missing_ok=True)
            return attnbench("gate", *arguments, "--json", self.record, cwd=self.folder, env=self.environment())

        done = run() if code == UNDECIDED else decided(run)
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        return done, json.loads(self.record.read_text(encoding="utf-8")) if self.record.exists() else {}

    def environment(self) -> dict[str, str]:
        return environment()

    def against(self, base: Path, new: Path, *arguments: str | Path, code: int) -> tuple[Result, dict[str, Any]]:
        baseline = self.save(base)
        return self.run_gate("--baseline", baseline, "--plugin", self.module(new), *arguments, code=code)

    def refused(self, code: int, *arguments: str | Path, words: tuple[str, ...]) -> None:
        done = attnbench("gate", *arguments, cwd=self.folder)
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        self.assertEqual("", done.stdout)
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
