#!/usr/bin/env python3
"""attnbench history's file: writers at the same time, writers that are killed, disks that are full, files that are not
ours, what goes in and what comes out."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import resource
import sqlite3
import subprocess
import sys
import time
import unittest
from pathlib import Path

import command_line as cl
from history_fixture import ROWS, Case, comparison, main, record

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


class File(Case):
    def test_a_record_is_added_once(self) -> None:
        path = self.write(1)
        self.assertIn(f"the times of {ROWS} cases added", self.history("add", path).stdout)
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
        begun = time.monotonic()
        self.history("add", paths[0])
        whole, killed = time.monotonic() - begun, 0
        for path in paths[1:]:
            writer = subprocess.Popen([cl.PROGRAM, "history", "add", "--db", self.db, path], stdout=subprocess.DEVNULL)
            time.sleep(dice.uniform(0, whole))  # of what it takes here and now
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

    def test_a_device_is_no_file(self) -> None:
        done = cl.attnbench("history", "add", "--db", "/dev/full", self.write(1))
        self.assertEqual(done.returncode, cl.USAGE, done.stderr)
        self.assertRegex(done.stderr, r"\Aattnbench: /dev/full: [^\n]*name another --db\n\Z")

    def test_a_full_disk_is_not_the_record_s_fault(self) -> None:
        path = self.write(1, rows=400)
        for bytes_left in (0, 64 * 1024):  # none for the file; some for the file and too few for the record
            full = lambda n=bytes_left: resource.setrlimit(resource.RLIMIT_FSIZE, (n, n))  # noqa: E731
            done = cl.attnbench("history", "add", "--db", self.db, path, before=full)
            self.assertEqual(done.returncode, cl.NOT_WRITTEN, done.stderr)
            self.assertRegex(done.stderr, rf"\Aattnbench: {self.db}: [^\n]+\n\Z")
        self.history("add", path)
        self.assertEqual(list(self.rows_by_run().values()), [400])

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
        for verb in ("show", "check", "export"):
            self.assertIn("is damaged", self.history(verb, code=cl.USAGE).stderr)
        self.assertIn("is damaged", self.history("add", self.write(2), code=cl.USAGE).stderr)

    def damage_an_old_page(self) -> None:
        """A leaf of the rows of an early run, which adding a record does not touch."""
        content = bytearray(self.db.read_bytes())
        size = int.from_bytes(content[16:18], "big")
        leaves = [at for at in range(size, len(content), size) if content[at] == 0x0D]
        self.assertGreater(len(leaves), 8)
        at = leaves[len(leaves) // 3]
        content[at : at + size] = bytes(size)
        self.db.write_bytes(bytes(content))

    def test_what_reads_all_of_it_meets_a_damaged_page(self) -> None:
        """And what does not is not made to, so that adding a record costs the same however long a history is."""
        self.history("add", self.write(1, rows=400), self.write(2, rows=400))
        self.damage_an_old_page()
        for verb in ("show", "check", "export"):
            self.assertIn("is damaged", self.history(verb, code=cl.USAGE).stderr)
        self.assertIn("is damaged", self.history("check", "--kernel", "none", code=cl.USAGE).stderr)
        self.history("add", self.write(3, rows=1))

    def test_a_file_that_was_not_closed_is_read_before_it_is_used(self) -> None:
        self.history("add", self.write(1, rows=400), self.write(2, rows=400))
        self.damage_an_old_page()
        writer = f"import os, sqlite3\nsqlite3.connect({str(self.db)!r}).executescript('PRAGMA user_version = 2')\n"
        subprocess.run([sys.executable, "-c", writer + "os._exit(0)"], check=True)
        self.assertGreater(Path(f"{self.db}-wal").stat().st_size, 0)
        self.assertIn("is damaged", self.history("add", self.write(3, rows=1), code=cl.USAGE).stderr)

    def test_bad_records(self) -> None:
        self.assertIn("which record", self.history("add", code=cl.USAGE).stderr)
        empty = self.folder / "empty.json"
        empty.write_text(json.dumps({"context": {"attnbench": {"schema": 1}}, "benchmarks": [], "cases": []}))
        self.assertIn("no times", self.history("add", empty, code=cl.USAGE).stderr)
        self.assertFalse(self.db.exists())
        self.history("add", self.folder / "none.json", code=cl.USAGE)
        self.assertFalse(self.db.exists())
        self.assertEqual(cl.attnbench("history", "show").returncode, cl.USAGE)
        self.assertEqual(cl.attnbench("history", "show", "--db", self.db, "--confirm").returncode, cl.USAGE)
        self.assertEqual(cl.attnbench("history", "check", "--db", self.db, "--confirm", "x.so").returncode, cl.USAGE)
        self.assertEqual(cl.attnbench("history", "show", "--db", self.db, "--release", "v1").returncode, cl.USAGE)
        self.assertEqual(cl.attnbench("history", "forget", "--db", "x").returncode, cl.USAGE)

    def test_flags_of_another_verb(self) -> None:
        out = ("--json", self.folder / "out.json")
        for verb, flags in (
            ("add", (self.write(1), "--force")),
            ("add", (self.write(1), "--kernel", "some*")),
            ("add", (self.write(1), *out)),
            ("export", out),
            ("show", ("--csv", self.folder / "out.csv")),
            ("check", ("--threshold", "1")),
            ("check", ("--launches", "2")),
        ):
            self.history(verb, *flags, code=cl.USAGE)
        self.assertFalse(self.db.exists())

    def test_a_release_has_a_name_that_can_be_printed(self) -> None:
        path = self.write(1)
        for bad in ("v1\n", "v\x1b[1m", "v\x7f", "v\u009b", "v\u2028", os.fsdecode(b"v\xff")):
            self.assertIn("one printable line", self.history("add", path, "--release", bad, code=cl.USAGE).stderr)
        self.assertFalse(self.db.exists())
        self.assertIn("Größe 2", self.history("add", path, "--release", "Größe 2").stdout)

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

    def test_builds_of_a_plugin_are_told_apart(self) -> None:
        """The commit of a record is the program's, and stays as it was while the plugin changes."""
        dice = random.Random(3)
        for i in range(30):
            made = record(0, share=(0.50 if i < 18 else 0.46) * (1 + dice.gauss(0, 0.004)), rows=1, commit="same")
            made["context"]["date"] = f"2026-01-{1 + i:02d}T00:00:00+00:00"
            made["context"]["attnbench"]["plugins"] = [{"name": "mine", "digest": "old" if i < 18 else "new"}]
            made["benchmarks"][0]["name"] = made["benchmarks"][0]["run_name"] = "mine:k/w/threads:1"
            self.put(made)
        found = self.folder / "found.json"
        said = self.history("check", "--json", found).stdout
        self.assertIn("slower from new", said)
        self.assertIn("take the files of digest old and new,", said)
        shown = self.history("show").stdout
        self.assertIn("+00:00 new ", shown)
        self.assertNotIn("same", said + shown)
        (series,) = json.loads(found.read_text())["history"]["series"]
        self.assertEqual([p["build"] for p in series["points"]], ["old"] * 18 + ["new"] * 12)

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
        either = ("--workload", "h=1,q=32,*", "--workload", "h=1,q=16,*", "--kernel", "none", "--kernel", "some*")
        self.assertEqual(len(self.history("export", *either).stdout.splitlines()), 1 + 4)
        self.assertEqual(self.history("export", "--csv", "-").stdout, out.read_text())

    def test_a_record_goes_to_standard_output(self) -> None:
        self.put(record(1, rows=1))
        shown = self.history("show", "--json", "-")
        self.assertEqual(len(json.loads(shown.stdout)["history"]["series"]), 1)
        self.assertIn("some_kernel", shown.stderr)

    def test_one_repetition_has_no_range(self) -> None:
        self.put(record(1, rows=1))
        thrice = record(2, rows=1)
        (entry,) = thrice["benchmarks"]
        thrice["benchmarks"] = [{**entry, "repetition_index": i, "real_time": 2e6 + 1e5 * i} for i in range(3)]
        self.put(thrice)
        rows = csv.DictReader(io.StringIO(self.history("export").stdout))
        self.assertEqual([(row["low"], row["high"]) for row in rows], [("", ""), ("2", "2.2")])

    def test_a_record_without_a_date_stands_where_it_was_added(self) -> None:
        for number, date in enumerate(("", "yesterday", "2026-01-01T00:00:00+00:00")):
            made = record(number, rows=1)
            made["context"]["date"] = date
            self.put(made)
        dates = [row["date"] for row in csv.DictReader(io.StringIO(self.history("export").stdout))]
        self.assertEqual(dates[0], "2026-01-01T00:00:00+00:00")
        for added in dates[1:]:
            self.assertRegex(added, r"^\d{4}-\d\d-\d\dT[\d:]{8}Z$")

    def test_what_was_measured_is_named(self) -> None:
        path = self.folder / "bench.json"
        done = cl.attnbench("bench", "--kernel", "naive*", "--workload", "h=1,q=4,d=4", "--json", path, "--", *cl.QUICK)
        self.assertEqual(done.returncode, cl.WELL, done.stderr)
        self.history("add", path)
        artifact = json.loads(path.read_text())["context"]["attnbench"]["artifact"]
        self.assertRegex(artifact, "^[0-9a-f]{16}$")
        rows = list(csv.DictReader(io.StringIO(self.history("export").stdout)))
        self.assertEqual({row["artifact"] for row in rows}, {artifact})


if __name__ == "__main__":
    main()
