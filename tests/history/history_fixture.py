"""What the tests of history share: records as bench and compare write them, a file to put them into."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

import command_line as cl

ROWS = 40  # workloads in each record made here
SLOWED = Path(os.environ.get("ATTNBENCH_BUILD", "build")).resolve() / "slowed"
COMPUTE = "h=1,q=100,k=64,d=128"


def record(number: int, *, share: float = 0.5, commit: str = "", rows: int = ROWS) -> dict[str, Any]:
    context = {"schema": 1, "cpu": "made up", "isa": "none", "commit": commit or f"c{number}"}
    entries = [
        {
            "name": f"some_kernel/h=1,q={16 * (i + 1)},d=8/threads:1",
            "run_name": f"some_kernel/h=1,q={16 * (i + 1)},d=8/threads:1",
            "run_type": "iteration",
            "threads": 1,
            "repetitions": 1,
            "iterations": 1,
            "real_time": 1e6 / share,
            "cpu_time": 1e6 / share,
            "time_unit": "ns",
            "share": share,
            "label": f"h=1,q={16 * (i + 1)},d=8",
        }
        for i in range(rows)
    ]
    date = f"2026-01-{1 + number // 24:02d}T{number % 24:02d}:00:00+00:00"
    return {"context": {"date": date, "attnbench": context}, "benchmarks": entries, "cases": []}


def comparison(
    number: int, launched: float, *, anchor: str = "a0", spread: float = 0.002, **changes: Any
) -> dict[str, Any]:
    """What compare writes of one case, confirmed in launches."""
    rule = {"base": {"digest": anchor}, "new": {"digest": f"n{number}"}, "inputs": "hot"}
    one = {
        "base": "slowed_rows",
        "new": "slowed_rows",
        "workload": COMPUTE,
        "spec": COMPUTE,
        "threads": 1,
        "verdict": "not slower",
        "ratio": 1,
        "interval": ["-Infinity", "Infinity"],
        "launches": [launched] * 12,
        "launch_ratio": launched,
        "launch_interval": [launched - spread, launched + spread],
        **changes,
    }
    ours = {"schema": 1, "cpu": "made up", "isa": "none", "commit": f"c{number}", "compare": rule}
    date = f"2026-02-{1 + number // 24:02d}T{number % 24:02d}:00:00+00:00"
    return {"context": {"date": date, "attnbench": ours}, "benchmarks": [], "cases": [], "comparisons": [one]}


class Case(unittest.TestCase):
    def setUp(self) -> None:
        kept = tempfile.TemporaryDirectory()
        self.addCleanup(kept.cleanup)
        self.folder = Path(kept.name)
        self.db = self.folder / "times.db"

    def write(self, number: int, **changes: Any) -> Path:
        path = self.folder / f"record-{number}.json"
        path.write_text(json.dumps(record(number, **changes)))
        return path

    def put(self, *records: dict[str, Any], release: str = "") -> None:
        """Each in a file of its own, added in order."""
        for made in records:
            path = self.folder / "one.json"
            path.write_text(json.dumps(made))
            self.history("add", path, *(("--release", release) if release else ()))

    def history(self, verb: str, *arguments: str | Path, code: int = cl.WELL) -> cl.Result:
        result = cl.attnbench("history", verb, "--db", self.db, *arguments)
        self.assertEqual(result.returncode, code, result.stderr)
        if code:
            self.assertEqual(len(result.stderr.strip().splitlines()), 1, result.stderr)
        return result

    def rows_by_run(self) -> dict[int, int]:
        """Read by another program, as any user's would."""
        with sqlite3.connect(self.db) as db:
            self.assertEqual(db.execute("PRAGMA integrity_check").fetchone()[0], "ok")
            runs = [one for (one,) in db.execute("SELECT id FROM runs")]
            both = "(SELECT run FROM times UNION ALL SELECT run FROM ratios)"
            counts = dict(db.execute(f"SELECT run, count(*) FROM {both} GROUP BY run"))
        db.close()
        self.assertEqual(set(runs), set(counts))
        return counts


def main() -> None:
    if "without SQLite" in cl.attnbench("history", "show", "--db", "none.db").stderr:
        print("skipped: attnbench was built without SQLite")
        sys.exit(77)
    unittest.main(module="__main__")
