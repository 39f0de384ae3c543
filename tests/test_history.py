#!/usr/bin/env python3
"""attnbench history: writers at the same time, writers that are killed, files that are not ours, levels that change,
and what two builds say of them. Suspicions are confirmed on the builds of harness/slowed."""

from __future__ import annotations

import csv
import io
import json
import os
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
SLOWED = Path(os.environ.get("ATTNBENCH_BUILD", "build")).resolve() / "slowed"
COMPUTE = "h=1,q=100,k=64,d=128"

# As files of schema 1 have it.
SCHEMA_1 = """
CREATE TABLE runs(id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, name TEXT NOT NULL, added TEXT NOT NULL,
 date TEXT NOT NULL, commit_id TEXT NOT NULL, version TEXT NOT NULL, fingerprint TEXT NOT NULL, cpu TEXT NOT NULL,
 isa TEXT NOT NULL, compiler TEXT NOT NULL, command TEXT NOT NULL);
CREATE TABLE times(run INTEGER NOT NULL REFERENCES runs(id), kernel TEXT NOT NULL, workload TEXT NOT NULL,
 spec TEXT NOT NULL, inputs TEXT NOT NULL, threads INTEGER NOT NULL, ms REAL NOT NULL, low REAL, high REAL,
 share REAL, gflops REAL, repetitions INTEGER NOT NULL, PRIMARY KEY(run, kernel, workload, inputs, threads));
CREATE INDEX times_by_series ON times(kernel, workload, inputs, threads, run);
INSERT INTO runs VALUES(7, 'd', 'old.json', '2025-01-01T00:00:00Z', '2025-01-01T00:00:00+00:00', 'c0', '0.1.0', 'f',
 'made up', 'none', 'gcc', 'attnbench run');
INSERT INTO times VALUES(7, 'some_kernel', 'w', 'h=1,q=1,d=1', '', 1, 2.5, 2.25, 2.75, 0.5, 1.0, 3);
PRAGMA application_id = 1635021922;
PRAGMA user_version = 1;
"""


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


class File(Case):
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

    def test_a_folder_is_no_file(self) -> None:
        self.db.mkdir()
        for verb, more in (("show", ()), ("add", (self.write(1),))):
            self.assertIn("is a folder; name a file", self.history(verb, *more, code=cl.USAGE).stderr)

    @unittest.skipIf(os.geteuid() == 0, "root may write everything")
    def test_a_read_only_file_is_shown(self) -> None:
        self.put(record(1))
        more = self.write(2)
        self.db.chmod(0o444)
        self.folder.chmod(0o555)
        self.addCleanup(self.folder.chmod, 0o755)
        self.assertIn("1 run", self.history("show").stdout)
        self.assertIn("read-only", self.history("add", more, code=cl.USAGE).stderr)

    def test_an_older_schema_is_migrated(self) -> None:
        with sqlite3.connect(self.db) as db:
            db.executescript(SCHEMA_1)
        db.close()
        self.assertIn("2.5 ms", self.history("show", "--kernel", "some_kernel").stdout)
        self.put(comparison(1, 1.01))
        self.assertEqual({1, 7} ^ set(self.rows_by_run()), {1, 8})
        with sqlite3.connect(self.db) as db:
            self.assertEqual(db.execute("PRAGMA user_version").fetchone()[0], 2)
            kept = db.execute("SELECT ms, low, high, share, artifact FROM times").fetchall()
            self.assertEqual(db.execute("SELECT release FROM runs").fetchall(), [("",), ("",)])
        db.close()
        self.assertEqual(kept, [(2.5, 2.25, 2.75, 0.5, "")])

    def test_writers_that_migrate_at_the_same_time(self) -> None:
        with sqlite3.connect(self.db) as db:
            db.executescript(SCHEMA_1)
        db.close()
        paths = [self.write(i, rows=1) for i in range(12)]
        writers = [
            subprocess.Popen([cl.PROGRAM, "history", "add", "--db", self.db, path], stdout=subprocess.DEVNULL)
            for path in paths
        ]
        self.assertEqual([w.wait() for w in writers], [0] * 12)
        self.assertEqual(sorted(self.rows_by_run().values()), [1] * 13)

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
        self.assertEqual(cl.attnbench("history", "show", "--db", self.db, "--confirm").returncode, cl.USAGE)
        self.assertEqual(cl.attnbench("history", "check", "--db", self.db, "--confirm", "x.so").returncode, cl.USAGE)
        self.assertEqual(cl.attnbench("history", "show", "--db", self.db, "--release", "v1").returncode, cl.USAGE)
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
        self.assertTrue(all(row["anchor"] == "" and row["ratio"] == "" for row in rows))
        self.assertEqual({row["ms"] for row in rows}, {"2"})
        one = self.history("export", "--workload", "h=1,q=32,*").stdout
        self.assertEqual(len(one.splitlines()), 1 + 2)

    def test_what_was_measured_is_named(self) -> None:
        path = self.folder / "bench.json"
        done = cl.attnbench("bench", "--kernel", "naive*", "--workload", "h=1,q=4,d=4", "--json", path, "--", *cl.QUICK)
        self.assertEqual(done.returncode, cl.WELL, done.stderr)
        self.history("add", path)
        artifact = json.loads(path.read_text())["context"]["attnbench"]["artifact"]
        self.assertRegex(artifact, "^[0-9a-f]{16}$")
        rows = list(csv.DictReader(io.StringIO(self.history("export").stdout)))
        self.assertEqual({row["artifact"] for row in rows}, {artifact})


class Ratios(Case):
    def ratios(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.history("export").stdout)))

    def changes(self, *arguments: str | Path, code: int = cl.WELL) -> tuple[str, list[dict[str, Any]]]:
        path = self.folder / "found.json"
        done = cl.attnbench("history", "check", "--db", self.db, "--json", path, *arguments)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout, json.loads(path.read_text())["history"]["changes"]

    def this_machine(self) -> str:
        path = self.folder / "shown.json"
        self.put(comparison(0, 1, new="other", base="other"))
        self.history("show", "--json", path)
        cpu = json.loads(path.read_text())["context"]["attnbench"]["cpu"]
        self.assertIsInstance(cpu, str)
        return str(cpu)

    def step(self, height: float, *, cpu: str = "", **changes: Any) -> None:
        """A series of this machine, unless said otherwise, that changes its level in the middle."""
        dice = random.Random(5)
        cpu = cpu or self.this_machine()
        for i in range(24):
            made = comparison(i, (1 if i < 12 else height) * (1 + dice.gauss(0, 0.001)), **changes)
            made["context"]["attnbench"]["cpu"] = cpu
            self.put(made)

    def test_ratios_to_an_anchor(self) -> None:
        self.put(comparison(1, 1.02))
        (row,) = self.ratios()
        wanted = {"anchor": "a0", "artifact": "n1", "ratio": "1.02", "launches": "12", "ms": "", "workload": COMPUTE}
        self.assertEqual({key: row[key] for key in wanted}, wanted)
        self.assertAlmostEqual(float(row["low"]), 1.018)
        said = self.history("show").stdout
        self.assertIn("+2 % [+1.8, +2.2], 12 launches", said)
        self.assertIn("time over that of a0", said)

    def test_identical_code_is_one_and_wrong_code_nothing(self) -> None:
        bare = {"launches": [], "ratio": None, "launch_ratio": None}
        self.put(comparison(1, 1, verdict="identical code", **bare))
        (row,) = self.ratios()
        self.assertEqual((row["ratio"], row["low"], row["high"]), ("1", "1", "1"))
        for verdict in ("wrong", "unsupported"):
            path = self.folder / "none.json"
            path.write_text(json.dumps(comparison(2, 1, verdict=verdict, **bare)))
            self.assertIn("no comparison of kernels", self.history("add", path, code=cl.USAGE).stderr)

    def test_what_is_no_comparison_adds_nothing(self) -> None:
        for number, changes in enumerate(
            ({"ratio": "NaN"}, {"ratio": -1}, {"ratio": "x"}, {"new": 7}, {"workload": ""})
        ):
            path = self.folder / "odd.json"
            path.write_text(json.dumps(comparison(number, 1, **{"launches": [], **changes})))
            self.history("add", path, code=cl.USAGE)
        for comparisons in (7, [7]):
            path.write_text(json.dumps({**comparison(9, 1), "comparisons": comparisons}))
            self.history("add", path, code=cl.USAGE)
        twice = comparison(10, 1.5)
        twice["comparisons"] *= 2
        self.put(twice)
        self.assertEqual([row["ratio"] for row in self.ratios()], ["1.5"])

    def test_another_anchor_is_another_series(self) -> None:
        self.put(comparison(1, 1.02), comparison(2, 1.3, anchor="a1"), comparison(3, 1.02))
        self.put(comparison(4, 9, base="naive_rows"))
        self.assertEqual(self.history("show").stdout.count("time over that of"), 3)

    def test_one_process_has_the_interval_of_its_pairs(self) -> None:
        self.put(comparison(1, 1.5, launches=[], ratio=1.25, interval=[1.2, 1.3]))
        (row,) = self.ratios()
        self.assertEqual((row["ratio"], row["low"], row["high"], row["launches"]), ("1.25", "1.2", "1.3", "0"))

    def test_a_change_is_confirmed_by_the_builds(self) -> None:
        self.step(1.05)
        said, (change,) = self.changes()
        self.assertEqual((change["kind"], change["from"], change["state"]), ("level", "c12", "hypothesis"))
        self.assertIn("--confirm BASE.so NEW.so", said)
        builds = (SLOWED / "slowed_0.so", SLOWED / "slowed_5.so")
        said, (change,) = self.changes("--confirm", *builds, "--launches", "0", code=cl.FINDING)
        self.assertEqual(change["state"], "confirmed")
        self.assertRegex(said, r"confirmed: NEW is [\d.]+ % slower than BASE \[.*\] \(other files")
        comparisons = json.loads((self.folder / "found.json").read_text())["comparisons"]
        self.assertEqual([one["verdict"] for one in comparisons], ["slower"])

    def test_noise_is_not_confirmed(self) -> None:
        self.step(1.05)
        builds = (SLOWED / "slowed_0.so", SLOWED / "slowed_again.so")
        said, (change,) = self.changes("--confirm", *builds, "--launches", "0", "--threshold", "3")
        self.assertEqual(change["state"], "not confirmed")
        self.assertIn("0 confirmed, 1 not confirmed, 0 open", said)
        _, (change,) = self.changes("--confirm", builds[0], builds[0])
        self.assertIn("identical code", change["words"])

    def test_what_became_faster_is_no_alarm(self) -> None:
        self.step(1 / 1.05)
        builds = (SLOWED / "slowed_5.so", SLOWED / "slowed_0.so")
        _, (change,) = self.changes("--confirm", *builds, "--launches", "0")
        self.assertEqual(change["state"], "confirmed")

    def test_builds_that_cannot_be_compared(self) -> None:
        self.step(1.05)
        done = self.history("check", "--confirm", "missing.so", SLOWED / "slowed_0.so", code=cl.USAGE)
        self.assertIn("missing.so", done.stderr)
        self.step(2, new="gone", base="gone")
        builds = (SLOWED / "slowed_0.so", SLOWED / "slowed_5.so")
        _, changes = self.changes("--kernel", "gone", "--confirm", *builds, code=cl.UNDECIDED)
        self.assertEqual([change["state"] for change in changes], ["open"])

    def test_another_machine_cannot_confirm(self) -> None:
        self.step(1.05, cpu="elsewhere")
        builds = (SLOWED / "slowed_0.so", SLOWED / "slowed_5.so")
        said, (change,) = self.changes("--confirm", *builds, code=cl.UNDECIDED)
        self.assertEqual(change["state"], "open")
        self.assertIn("another machine, elsewhere", said)

    def test_small_steps_add_up_since_a_release(self) -> None:
        """Six steps of 0.4 %: too few points for any change of level."""
        self.put(comparison(0, 1.0), release="v1.0")
        self.put(*(comparison(i, 1.004**i, spread=0.001) for i in range(1, 7)))
        said, (change,) = self.changes()
        self.assertEqual((change["kind"], change["release"], change["from"]), ("release", "v1.0", "c6"))
        self.assertIn("+2.4 % since release v1.0", said)
        low, high = change["interval"]
        self.assertTrue(0.005 < low < change["change"] < high)
        self.put(comparison(7, 1.004, spread=0.001))
        self.assertEqual(self.changes()[1], [])

    def test_a_release_can_be_named_later(self) -> None:
        self.put(comparison(0, 1.0), comparison(1, 1.1))
        self.assertEqual(self.changes()[1], [])
        self.put(comparison(0, 1.0), release="v1.0")
        self.assertEqual([row["release"] for row in self.ratios()], ["v1.0", ""])
        self.assertEqual([change["kind"] for change in self.changes()[1]], ["release"])

    def test_a_comparison_of_this_program(self) -> None:
        path = self.folder / "compared.json"
        builds = (SLOWED / "slowed_0.so", SLOWED / "slowed_5.so")
        cl.attnbench("compare", *builds, "--workload", COMPUTE, "--launches", "0", "--cold", "--json", path)
        self.assertIn("1 ratios added", self.history("add", path).stdout)
        (row,) = self.ratios()
        compared = json.loads(path.read_text())["context"]["attnbench"]["compare"]
        self.assertEqual((row["anchor"], row["artifact"]), (compared["base"]["digest"], compared["new"]["digest"]))
        self.assertEqual(row["inputs"], "cold")
        self.assertRegex(row["date"], r"^\d{4}-\d\d-\d\dT[\d:]{8}[+-]\d\d:\d\d$")


if __name__ == "__main__":
    if "without SQLite" in cl.attnbench("history", "show", "--db", "none.db").stderr:
        print("skipped: attnbench was built without SQLite")
        sys.exit(77)
    unittest.main()
