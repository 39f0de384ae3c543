#!/usr/bin/env python3
"""attnbench history: writers at the same time, writers that are killed, files that are not ours, levels that change."""

from __future__ import annotations

import csv
import io
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any

import command_line as cl

ROWS = 40  # workloads in each record made here


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


class History(unittest.TestCase):
    def setUp(self) -> None:
        kept = tempfile.TemporaryDirectory()
        self.addCleanup(kept.cleanup)
        self.folder = Path(kept.name)
        self.db = self.folder / "times.db"

    def write(self, number: int, **changes: Any) -> Path:
        path = self.folder / f"record-{number}.json"
        path.write_text(json.dumps(record(number, **changes)))
        return path

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
            counts = dict(db.execute("SELECT run, count(*) FROM times GROUP BY run"))
        db.close()
        self.assertEqual(set(runs), set(counts))
        return counts

    def test_a_record_is_added_once(self) -> None:
        path = self.write(1)
        self.assertIn(f"{ROWS} times added", self.history("add", path).stdout)
        self.assertIn("is there already", self.history("add", path).stdout)
        self.assertEqual(list(self.rows_by_run().values()), [ROWS])

    def test_writers_at_the_same_time(self) -> None:
        shares = [self.write(i) for i in range(24)]
        writers = [
            subprocess.Popen([cl.PROGRAM, "history", "add", "--db", self.db, *shares[i::6]], stdout=subprocess.DEVNULL)
            for i in range(6)
        ]
        self.assertEqual([w.wait() for w in writers], [0] * 6)
        self.assertEqual(sorted(self.rows_by_run().values()), [ROWS] * 24)

    def test_killed_writers_leave_whole_records(self) -> None:
        dice = random.Random(1)
        paths = [self.write(i, rows=400) for i in range(30)]
        self.history("add", paths[0])
        killed = 0
        for path in paths[1:]:
            writer = subprocess.Popen([cl.PROGRAM, "history", "add", "--db", self.db, path], stdout=subprocess.DEVNULL)
            time.sleep(dice.uniform(0.001, 0.03))
            writer.kill()
            killed += writer.wait() != 0
        self.assertGreater(killed, 0, "no writer was killed while it worked")
        self.assertEqual(set(self.rows_by_run().values()), {400})
        self.history("add", *paths)
        self.assertEqual(list(self.rows_by_run().values()), [400] * 30)

    def test_files_that_are_not_ours(self) -> None:
        self.db.write_text("no database " * 100)
        self.assertIn("no SQLite file or is damaged", self.history("show", code=cl.USAGE).stderr)
        self.db.unlink()
        self.assertIn("cannot be opened", self.history("show", code=cl.USAGE).stderr)
        with sqlite3.connect(self.db) as db:
            db.execute("CREATE TABLE theirs(x)")
        db.close()
        self.assertIn("another program's", self.history("add", self.write(1), code=cl.USAGE).stderr)

    def test_a_newer_schema_is_refused_and_kept(self) -> None:
        self.history("add", self.write(1))
        with sqlite3.connect(self.db) as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
        before = self.db.read_bytes()
        self.assertIn("schema 99 is newer", self.history("add", self.write(2), code=cl.USAGE).stderr)
        self.assertEqual(self.db.read_bytes(), before)

    def test_a_damaged_page_is_reported(self) -> None:
        self.history("add", self.write(1, rows=400))
        with sqlite3.connect(self.db) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()
        damaged = bytearray(self.db.read_bytes())
        for i in range(4096, len(damaged)):
            damaged[i] = 0xA5
        self.db.write_bytes(bytes(damaged))
        self.history("show", code=cl.USAGE)

    def test_bad_records(self) -> None:
        self.assertIn("which record", self.history("add", code=cl.USAGE).stderr)
        empty = self.folder / "empty.json"
        empty.write_text(json.dumps({"context": {"attnbench": {"schema": 1}}, "benchmarks": [], "cases": []}))
        self.assertIn("no times", self.history("add", empty, code=cl.USAGE).stderr)
        self.history("add", self.folder / "none.json", code=cl.USAGE)
        self.assertEqual(cl.attnbench("history", "show").returncode, cl.USAGE)
        self.assertEqual(cl.attnbench("history", "forget", "--db", "x").returncode, cl.USAGE)

    def test_a_change_of_level_is_a_hypothesis(self) -> None:
        dice = random.Random(3)
        for i in range(30):
            level = 0.50 if i < 18 else 0.46
            self.history("add", self.write(i, share=level * (1 + dice.gauss(0, 0.004)), rows=1, commit=f"c{i}"))
        found = self.folder / "found.json"
        said = self.history("check", "--json", found).stdout
        self.assertIn("slower from c18", said)
        self.assertIn("hypothesis", said)
        (change,) = json.loads(found.read_text())["history"]["changes"]
        self.assertEqual((change["before"], change["from"]), ("c17", "c18"))
        self.assertAlmostEqual(change["change"], 0.50 / 0.46 - 1, delta=0.01)

    def test_export(self) -> None:
        self.history("add", self.write(1), self.write(2))
        out = self.folder / "all.csv"
        self.history("export", "--csv", out)
        rows = list(csv.DictReader(io.StringIO(out.read_text())))
        self.assertEqual(len(rows), 2 * ROWS)
        self.assertEqual({row["ms"] for row in rows}, {"2"})
        one = self.history("export", "--workload", "h=1,q=32,*").stdout
        self.assertEqual(len(one.splitlines()), 1 + 2)


if __name__ == "__main__":
    if "without SQLite" in cl.attnbench("history", "show", "--db", "none.db").stderr:
        print("skipped: attnbench was built without SQLite")
        sys.exit(77)
    unittest.main()
