#!/usr/bin/env python3
"""What the reports say of the judge: accuracy by kernel and input class, what stands behind the verdict, and how the
instrument did against planted bugs and slowdowns. Exits 77 where test_reports.py does."""

from __future__ import annotations

import json
import re
import statistics
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

from test_reports import PYTHON, SAMPLE, SKIPPED, Page, make, rows_of


class SampleAccuracy(unittest.TestCase):
    folder: tempfile.TemporaryDirectory[str]
    out: Path
    html: str
    page: Page
    record: dict[str, Any]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.out = Path(cls.folder.name)
        done = make(SAMPLE, "-o", cls.out, "--formats", "svg")
        assert done.returncode == 0, done.stderr
        cls.html = (cls.out / "report.html").read_text(encoding="utf-8")
        cls.page = Page(cls.html)
        cls.record = json.loads(SAMPLE.read_text())

    def test_kernels_are_ranked_within_an_accuracy_class(self) -> None:
        judged = [c for c in self.record["cases"] if "output" in c]
        for name in {c["accuracy"] for c in judged}:
            mine = [c for c in judged if c["accuracy"] == name]
            largest: dict[str, dict[tuple[str, str], float]] = {}
            for c in mine:
                ratios = [c[part]["ratio"] for part in ("output", "lse")]
                place = (c["spec"], c["class"])
                largest.setdefault(c["kernel"], {})[place] = float("inf") if "NaN" in ratios else max(ratios)
            common = set.intersection(*(set(one) for one in largest.values()))
            medians = {kernel: statistics.median(one[place] for place in common) for kernel, one in largest.items()}
            slug = re.sub("[^a-z0-9]+", "-", name)
            rows = rows_of(self.out / "charts" / f"error-by-class-{slug}.csv")
            self.assertEqual({r["kernel"] for r in rows}, set(medians), name)
            self.assertEqual({(r["kernel"], r["class"]) for r in rows}, {(c["kernel"], c["class"]) for c in mine})
            ranks = {r["kernel"]: int(r["rank"]) for r in rows}
            self.assertEqual(sorted(ranks, key=lambda k: ranks[k]), sorted(medians, key=lambda k: medians[k]))
            for row in rows:
                cases = [c for c in mine if (c["kernel"], c["class"]) == (row["kernel"], row["class"])]
                worst = max(largest[c["kernel"]][c["spec"], c["class"]] for c in cases)
                self.assertAlmostEqual(float(row["median_ratio"]), medians[row["kernel"]])
                self.assertEqual(int(row["cases"]), len(cases))
                if worst < float("inf"):
                    self.assertAlmostEqual(float(row["ratio"]), worst)
                else:
                    self.assertEqual(row["ratio"], "nan")

    def test_z_of_every_judged_case(self) -> None:
        rows = [r for path in (self.out / "charts").glob("z-*.csv") for r in rows_of(path)]
        wanted = [
            (c["kernel"], c["accuracy"], c["class"], c["spec"], c["deviation"]["rms"], c["deviation"]["max"])
            for c in self.record["cases"]
            if c.get("deviation", {}).get("judged")
        ]
        wanted += [
            (d["kernel"], d["accuracy"], d["class"], "pooled", d["rms"], d["max"]) for d in self.record["deviations"]
        ]
        keys = ("kernel", "accuracy", "class", "case")
        found = [(*(r[key] for key in keys), float(r["rms"]), float(r["max"])) for r in rows]
        self.assertEqual(sorted(found), sorted(wanted))

    def test_captions_speak_of_what_is_drawn(self) -> None:
        """A record of few cases holds nothing pooled, so the charts have no bars."""
        self.assertIn("bars and the figures at the right", self.html)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "record.json"
            path.write_text(json.dumps({**self.record, "deviations": []}))
            self.assertEqual(make(path, "-o", folder, "--formats", "svg").returncode, 0)
            page = (Path(folder) / "report.html").read_text()
        self.assertIn("A point a case", page)
        self.assertNotIn("bars and the figures at the right", page)

    def test_what_stands_behind_the_verdict(self) -> None:
        text = re.sub(r"\s+", " ", self.page.text)
        for words in (
            "96 rowsof the reference certified",
            "1 casewith rows that no finite bound holds for",
            "3 checksfound something",
            "wide_online on gpt2-1k, class large: 3 rows",
            "found by output-bound, rms-deviation; pattern: head 0 only",
            "accuracy class f32, weights bf16",
        ):
            self.assertIn(words, text)
        self.assertRegex(text, r"output-bound ?2 ?wide_online")
        for one in self.record["deviations"]:
            self.assertIn(f'<td class="n">{one["rows"]}</tr>', self.html)
        self.assertLess(text.index("3 cases wrong"), text.index("Behind the verdict"))
        self.assertLess(text.index("Behind the verdict"), text.index("Fastest kernel"))


class Selftests(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_a_part_of_a_run_is_not_called_right(self) -> None:
        case = {"kernel": "k", "workload": "w", "status": "pass"}
        ours = {"schema": 1, "interrupted": True, "checks": ["one-check"]}
        (self.folder / "i.json").write_text(json.dumps({"context": {"attnbench": ours}, "cases": [case]}))
        done = make(self.folder / "i.json", "-o", self.folder / "i", "--formats", "svg")
        self.assertEqual(done.returncode, 0, done.stderr)
        text = Page((self.folder / "i" / "report.html").read_text(encoding="utf-8")).text
        self.assertIn("Interrupted: the 1 judged cases are right by one-check alone so far", text)

    def test_what_selftest_wrote(self) -> None:
        """Beside the record of the same build: its kill matrix, with a bug missed, and the clock."""
        context = json.loads(SAMPLE.read_text())["context"]
        empty = {"context": context, "benchmarks": [], "cases": []}
        bugs = [
            {"name": "a", "kernel": "k", "what": "off by one", "status": "found", "checks": {"lse-bound": 3}},
            {"name": "b", "kernel": "k", "what": "swapped", "status": "found", "checks": {"lse-bound": 1, "needle": 1}},
            {"name": "c", "kernel": "l", "what": "lost", "status": "missed", "checks": {}},
            {"name": "d", "kernel": "l", "what": "hangs", "status": "unclear", "checks": {}},
        ]
        odd = [{"name": "pairs", "kernel": "k", "what": "sums pairs", "status": "accused", "checks": {"hull": 1}}]
        checks = [
            {"name": "lse-bound", "found": 2, "alone": ["a"], "stays": None},
            {"name": "needle", "found": 1, "alone": [], "stays": "it says which key"},
            {"name": "hull", "found": 0, "alone": [], "stays": None},
            {"name": "idle", "found": 0, "alone": [], "stays": None},
        ]
        row = {"case": "compute-bound", "true": 0.01, "runs": 20, "slower": 17, "faster": 0, "neither": 1}
        row |= {
            "undecided": 2,
            "decided_95": "Infinity",
            "failed": "too few claims",
            "bias": 0.0004,
            "spread_90": 0.003,
        }
        moves = [
            {"what": "V", "bytes": 16, "ratio": 1.13, "interval": [1.12, 1.14], "shows": True, "pairs": 200},
            {"what": "V", "bytes": 64, "ratio": 0.5, "interval": [0.4, 1.2], "shows": False, "pairs": 200},
            {"what": "K", "bytes": 16, "reason": "void"},
        ]
        layout = {"kernel": "k", "workload": "small", "spec": "h=1", "threads": 2, "cells": moves, "worst": moves[0]}
        kill, clock = self.folder / "kill.json", self.folder / "clock.json"
        kill.write_text(json.dumps({**empty, "bugs": bugs, "odd": odd, "checks": checks}))
        clock.write_text(json.dumps({**empty, "layout": [layout], "clock": {"neighbours": 2, "rows": [row]}}))
        out = self.folder / "out"
        done = make(SAMPLE, kill, clock, "-o", out, "--formats", "svg")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rows = rows_of(out / "charts" / "planted-bugs.csv")
        self.assertEqual([r["planted"] for r in rows], ["a", "b", "c", "d", "pairs"])
        self.assertEqual([r["lse-bound"] for r in rows], ["3", "1", "0", "0", "0"])
        self.assertEqual([r["odd"] for r in rows], ["False"] * 4 + ["True"])
        self.assertNotIn("idle", rows[0])
        page = Page((out / "report.html").read_text()).text
        for words in ("Missed: c. No verdict: d. ", "Accused: pairs.", "Checks that found none: hull, idle."):
            self.assertIn(words, page)
        (found,) = rows_of(out / "charts" / "clock.csv")
        self.assertEqual((found["slower"], found["undecided"], found["decided_95"]), ("17", "2", ""))
        self.assertEqual(
            (found["neighbours"], found["estimate_minus_true"], found["spread_90"]), ("2", "0.0004", "0.003")
        )
        moved = rows_of(out / "charts" / "layout.csv")
        self.assertEqual(
            [(r["moved"], r["bytes"], r["ratio"]) for r in moved][1:], [("V", "64", "0.5"), ("K", "16", "")]
        )
        self.assertIn("V by 16 bytes+13.0+12.0 to +14.0", page)
        drawn = (out / "charts" / "layout.svg").read_text()
        self.assertIn("V by 16 B: +13.0 %", drawn, "what shows outweighs what does not")
        self.assertEqual(make(kill, "-o", self.folder / "alone", "--formats", "svg").returncode, 0, "alone too")


if __name__ == "__main__":
    if PYTHON is None:
        print(
            "skipped: no Python here can import matplotlib and jinja2 (scripts/install-deps; or set ATTNBENCH_PYTHON)"
        )
        sys.exit(SKIPPED)
    unittest.main()
