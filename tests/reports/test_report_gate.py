#!/usr/bin/env python3
"""What the page says of a gate, of code that was not moved and of slow first calls. Exits 77 where test_reports.py
does."""

from __future__ import annotations

import json
import re
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

from test_reports import HOSTILE, PYTHON, SKIPPED, Page, make

NOTE = "what is slower was not tried at other code offsets: the module was linked without its relocations"


def entry(kernel: str, **more: object) -> dict[str, Any]:
    return {"name": f"{kernel}/w/threads:1", "run_type": "iteration", "real_time": 5.0, "time_unit": "ms", **more}


class Pages(unittest.TestCase):
    def page(self, **parts: object) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "record.json"
            path.write_text(json.dumps({"context": {"attnbench": {"schema": 1}}, "cases": [], **parts}))
            done = make(path, "-o", folder, "--formats", "svg")
            self.assertEqual(0, done.returncode, done.stderr)
            html = (Path(folder) / "report.html").read_text(encoding="utf-8")
        self.assertNotIn(HOSTILE, html)
        return " ".join(Page(re.sub("<(td|li|p|h2)", r" <\1", html)).text.split())

    def test_a_gate_says_what_it_could_not_do(self) -> None:
        case = {"case": "k/w/threads:1", "outcome": "slower", "words": HOSTILE, "ratio": 1.031}
        worse = {"kernel": "k", "ratio": [0.1, 0.4], "rms": [0.5, "NaN"], "worse": True}
        gate = {
            "heading": "failed",
            "headline": "compared 2 of 2",
            "base": "0123456789abcdef",
            "new": "",
            "threshold": 0.01,
            "launches": 12,
            "notes": [NOTE],
            "accuracy": [worse, {**worse, "kernel": "other", "worse": False}],
            "cases": [{**case, "interval": [1.02, 1.045]}, {**case, "case": "open", "interval": [1.02, "Infinity"]}],
        }
        text = self.page(gate=gate)
        for words in (
            "Gate: failed compared 2 of 2",
            NOTE,
            "less accurate: k: error / bound 0.400, was 0.100; pooled z NaN, was 0.500",
            "k/w/threads:1 +3.10 +2.00 to +4.50 " + HOSTILE,
            "open +3.10 – ",
            "over BASE (0123456789ab). Slower counts above 1.0 %, confirmed in 12 fresh launches.",
        ):
            self.assertIn(words, text)
        self.assertNotIn("less accurate: other", text)
        self.assertIn("Gate: failed: compared 2 of 2.", text.partition("Gate: failed compared")[0])

    def test_a_gate_that_compared_nothing_says_why(self) -> None:
        gate = {"heading": "could not tell", "headline": "the base could not be built", "passed": False, "notes": []}
        self.assertIn("Gate: could not tell the base could not be built", self.page(gate=gate))

    def test_code_that_was_not_moved(self) -> None:
        row = {"kernel": "k", "workload": "w", "threads": 1, "cells": []}
        text = self.page(layout=[{**row, "unmoved": "no relocations"}, {**row, "kernel": "moved"}])
        self.assertIn("The code of k on w was not moved: no relocations", text)
        self.assertNotIn("The code of moved", text)

    def test_slow_first_calls_are_shown_and_others_not(self) -> None:
        slow = [entry("slow", first_call_ms=9.0, slow_first_call=1.8), entry("slow")]
        text = self.page(benchmarks=[*slow, entry("even", first_call_ms=5.1)])
        self.assertIn("Slow first calls", text)
        self.assertIn("w slow 1 9.00 1.80", text)
        self.assertNotIn("5.10", text)
        self.assertNotIn("Slow first calls", self.page(benchmarks=[entry("even", first_call_ms=5.1)]))


if __name__ == "__main__":
    if PYTHON is None:
        print(
            "skipped: no Python here can import matplotlib and jinja2 (scripts/install-deps; or set ATTNBENCH_PYTHON)"
        )
        sys.exit(SKIPPED)
    unittest.main()
