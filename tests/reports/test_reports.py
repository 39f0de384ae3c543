#!/usr/bin/env python3
"""The reports: made from the sample records, their figures compared with the records read independently here.

Needs an interpreter with matplotlib and Jinja2 for the reports themselves ($ATTNBENCH_PYTHON, this one, or
/usr/bin/python3); exits 77 with the reason where there is none.
"""

from __future__ import annotations

import base64
import csv
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import unittest
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / "tests" / "data" / "records"
SAMPLE = RECORDS / "synthetic.json"
SKIPPED = 77
HOSTILE = "<script>alert(1)</script>&\"'"


def find_python() -> str | None:
    for candidate in (os.environ.get("ATTNBENCH_PYTHON"), sys.executable, "/usr/bin/python3"):
        if not candidate:
            continue
        try:
            tried = subprocess.run([candidate, "-c", "import matplotlib, jinja2"], capture_output=True, check=False)
        except OSError:
            continue
        if tried.returncode == 0:
            return candidate
    return None


PYTHON = find_python()


def make(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    assert PYTHON
    return subprocess.run(
        [PYTHON, ROOT / "reports" / "make.py", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class Page(HTMLParser):
    """Resources, scripts and the visible text of a page, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.resources: list[str] = []
        self.links: list[str] = []
        self.scripts = 0
        self.text = ""
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "a":
            self.links.append(values.get("href") or "")
        else:
            self.resources += [v for k, v in attrs if k in ("src", "href", "srcset", "data") and v is not None]
        self.scripts += tag == "script"
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text += data


class SampleReport(unittest.TestCase):
    """One report of the sample, looked at from all sides."""

    folder: tempfile.TemporaryDirectory[str]
    out: Path
    html: str
    page: Page
    record: dict[str, Any]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.out = Path(cls.folder.name) / "deep" / "report"
        done = make(SAMPLE, "-o", cls.out)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{cls.out}/report.html\n", done.stdout
        cls.html = (cls.out / "report.html").read_text(encoding="utf-8")
        cls.page = Page(cls.html)
        cls.record = json.loads(SAMPLE.read_text())

    @classmethod
    def tearDownClass(cls) -> None:
        cls.folder.cleanup()

    def times(self, kernel: str, workload: str, threads: int) -> list[float]:
        name = f"{kernel}/{workload}/threads:{threads}"
        return [e["real_time"] / 1e3 for e in self.record["benchmarks"] if e["name"] == name and "real_time" in e]

    def test_every_chart_has_all_its_files(self) -> None:
        stems = {path.stem for path in (self.out / "charts").iterdir()}
        wanted = {"speedup-ladder", "speedup-by-workload", "share-of-peak", "error-against-bound"}
        wanted |= {f"{kind}-{name}" for kind in ("error-by-class", "z") for name in ("f32", "f32-weights-bf16")}
        wanted |= {"time-h1-d64", "gflops-h1-d64", "time-h1-d128", "gflops-h1-d128", "decode-h8-hkv2-q1-d128"}
        self.assertEqual(stems, wanted)
        magic = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF", "csv": b"kernel,"}
        for stem in stems:
            for kind, start in magic.items():
                self.assertTrue(
                    (self.out / "charts" / f"{stem}.{kind}").read_bytes().startswith(start), f"{stem}.{kind}"
                )
        self.assertEqual([p for p in self.out.rglob("*.tmp.*")], [])

    def test_only_ceilings_of_the_type_are_drawn(self) -> None:
        record = json.loads(SAMPLE.read_text())
        record["context"]["attnbench"]["ceilings"] = {"fp32_avx2": 111.0, "bf16_tiles": 3167.0, "int8_dot": 868.0}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "record.json"
            path.write_text(json.dumps(record))
            self.assertEqual(make(path, "-o", folder, "--formats", "svg").returncode, 0)
            drawn = (Path(folder) / "charts" / "gflops-h1-d64.svg").read_text()
            page = Page((Path(folder) / "report.html").read_text()).text
        self.assertIn("fp32 avx2: 111", drawn)
        self.assertNotIn("tiles", drawn)
        self.assertNotIn("int8", drawn)
        self.assertIn("bf16 tiles 3167 GFLOP/s, int8 dot 868 GOP/s", page)

    def test_what_was_counted_is_a_table(self) -> None:
        record = json.loads(SAMPLE.read_text())
        first, second, *_ = record["benchmarks"]
        first |= {
            "instructions": 1234567,
            "instructions_per_operation": 0.25,
            "derived": {"instructions_per_cycle": 2.5},
        }
        second["derived"] = {"llc_miss_ratio": 0.125}
        absent = [{"name": "wide/x/threads:1", "reason": "callgrind knows AVX2 and nothing newer"}]
        how = {"tool": "callgrind", "isa": "avx2", "absent": absent}
        record["context"]["attnbench"]["instructions"] = how
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "record.json"
            path.write_text(json.dumps(record))
            self.assertEqual(make(path, "-o", folder, "--formats", "svg").returncode, 0)
            page = Page((Path(folder) / "report.html").read_text()).text
        heads = "instructionsinstructions an operationinstructions a cyclelast-level loads missed"
        self.assertIn(f"threads{heads}", page)
        self.assertIn("12345670.2502.50–", page)
        self.assertIn("–––0.125", page)
        self.assertIn("Instructions by callgrind at level avx2", page)
        self.assertIn("wide/x/threads:1: callgrind knows", page)

    def test_inputs_and_the_doctor_are_stated(self) -> None:
        record = json.loads(SAMPLE.read_text())
        well = {"what": "clock", "found": "fine"}
        sharp = {"what": "resolution", "found": "sees 1 % in 0.14 s a case"}
        busy = {"what": "load", "found": "9.1", "warning": "busy", "mend": "x"}
        record["context"]["attnbench"]["doctor"] = {"lines": [well, busy, sharp]}
        for entry in record["benchmarks"]:
            entry["inputs"] = "hot"
            if entry["name"].startswith("naive_3pass/gpt2-1k/"):
                entry["name"] = entry["run_name"] = "naive_3pass/gpt2-1k/rotated/threads:1"
                entry["inputs"] = "rotated over 12 sets, 403 MB"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "record.json"
            path.write_text(json.dumps(record))
            self.assertEqual(make(path, "-o", folder, "--formats", "svg").returncode, 0)
            page = Page((Path(folder) / "report.html").read_text()).text
        self.assertIn("Inputs when a call began: hot and rotated.", page)
        self.assertIn("inputs hot and rotated;", page)  # in the charts' captions
        self.assertIn("load: busy (9.1)", page)
        self.assertEqual(page.count("sees 1 % in 0.14 s a case"), 2)  # at once, and among all findings
        rotated = page[page.index("gpt2-1k/rotatednaive_3pass") :]
        self.assertRegex(rotated[:80], r"0\.0363")  # judged as the same workload

    def test_pdf_fonts_are_truetype(self) -> None:
        data = (self.out / "charts" / "time-h1-d64.pdf").read_bytes()
        self.assertIn(b"/CIDFontType2", data)
        self.assertNotIn(b"/Type3", data)

    def test_line_chart_holds_the_records_medians(self) -> None:
        rows = rows_of(self.out / "charts" / "time-h1-d64.csv")
        self.assertEqual(len(rows), 5 * 7)  # series times lengths
        for row in rows:
            times = self.times(row["kernel"], row["spec"], int(row["threads"]))
            self.assertIn(f"q={row['length']},", row["spec"])
            self.assertEqual(int(row["n"]), len(times))
            self.assertAlmostEqual(float(row["ms"]), statistics.median(times), places=9)
            self.assertAlmostEqual(float(row["fastest_ms"]), min(times), places=9)
            self.assertAlmostEqual(float(row["slowest_ms"]), max(times), places=9)

    def test_table_holds_the_records_figures(self) -> None:
        rows = rows_of(self.out / "table.csv")
        names = {e["name"] for e in self.record["benchmarks"]}
        self.assertEqual({f"{r['kernel']}/{r['workload']}/threads:{r['threads']}" for r in rows}, names)
        for row in rows:
            if row["error"]:
                continue
            times = self.times(row["kernel"], row["workload"], int(row["threads"]))
            self.assertAlmostEqual(float(row["fastest_ms"]), min(times), places=9)
            self.assertAlmostEqual(float(row["slowest_ms"]), max(times), places=9)
            mine = statistics.median(times)
            base = statistics.median(self.times("naive_3pass", row["workload"], 1))
            self.assertAlmostEqual(float(row["ms"]), mine, places=9)
            self.assertAlmostEqual(float(row["speedup"]), base / mine, places=9)

    def test_table_keeps_the_worst_ratio(self) -> None:
        worst: dict[tuple[str, str], float] = {}
        for case in self.record["cases"]:
            ratios = [case[part]["ratio"] for part in ("output", "lse") if part in case]
            for ratio in ratios:
                key = (case["kernel"], case["workload"])
                worst[key] = max(worst.get(key, 0), float("inf") if ratio == "NaN" else ratio)
        for row in rows_of(self.out / "table.csv"):
            key = (row["kernel"], row["workload"])
            if key in worst:
                shown = float("inf") if row["ratio"] == "nan" else float(row["ratio"])
                self.assertAlmostEqual(shown, worst[key])

    def test_failed_entry_is_no_number(self) -> None:
        failed = [r for r in rows_of(self.out / "table.csv") if r["error"]]
        self.assertEqual([(r["kernel"], r["workload"], r["ms"]) for r in failed], [
            ("wide_online", "deepseek-mla-decode,dtype=f32", ""),
        ])  # fmt: skip
        self.assertIn("not timed: its output is wrong here: not timed", self.page.text)

    def test_ladder_counts_common_right_workloads(self) -> None:
        rows = rows_of(self.out / "charts" / "speedup-ladder.csv")
        order = [(r["kernel"], r["threads"]) for r in rows]
        self.assertEqual(order[0], ("naive_3pass", "1"))
        self.assertLess(order.index(("blocked_online", "1")), order.index(("wide_online", "1")))
        self.assertLess(order.index(("threaded_rows", "1")), order.index(("threaded_rows", "2")))
        table = [r for r in rows_of(self.out / "table.csv") if r["failed"] == "False" and not r["error"]]
        models = [r for r in table if not re.fullmatch(r"h=.*", r["workload"])]
        by_series: dict[tuple[str, str], dict[str, float]] = {}
        for r in models:
            by_series.setdefault((r["kernel"], r["threads"]), {})[r["workload"]] = float(r["speedup"])
        common = set.intersection(*(set(one) for one in by_series.values()))
        for row in rows:
            ratios = [by_series[row["kernel"], row["threads"]][name] for name in common]
            self.assertEqual(int(row["workloads"]), len(common))
            self.assertAlmostEqual(float(row["geometric_mean"]), statistics.geometric_mean(ratios))
            self.assertAlmostEqual(float(row["least"]), min(ratios))
            self.assertAlmostEqual(float(row["most"]), max(ratios))

    def test_error_chart_has_every_judged_part(self) -> None:
        rows = rows_of(self.out / "charts" / "error-against-bound.csv")
        parts = sum(part in case for case in self.record["cases"] for part in ("output", "lse"))
        self.assertEqual(len(rows), parts)
        self.assertEqual(sum(not float(r["ratio"]) <= 1 for r in rows), 2)

    def test_shares_are_the_records(self) -> None:
        for row in rows_of(self.out / "charts" / "share-of-peak.csv"):
            name = f"{row['kernel']}/{row['workload']}/threads:{row['threads']}"
            known = [e["share"] for e in self.record["benchmarks"] if e["name"] == name]
            self.assertAlmostEqual(float(row["percent"]), 100 * statistics.median(known))

    def test_page_needs_nothing_else(self) -> None:
        self.assertEqual([r for r in self.page.resources if not r.startswith("data:")], [])
        self.assertNotRegex(self.html, r"@import|url\(|fetch\(|XMLHttpRequest")
        for link in self.page.links:
            self.assertNotRegex(link, r"^[a-z]+:|^//")
            self.assertTrue((self.out / link).is_file(), link)
        self.assertEqual(self.html.count("data:image/svg+xml;base64,"), 13)
        image = re.search(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", self.html)
        assert image
        self.assertIn(b"<svg", base64.b64decode(image[1]))

    def test_findings_come_first_with_reproducers(self) -> None:
        text = self.page.text
        findings = [c for c in self.record["cases"] if c["status"] in ("fail", "crash", "hang")]
        self.assertEqual(len(findings), 3)
        self.assertIn("3 cases wrong", text)
        for case in findings:
            self.assertIn(case["reproducer"], text)
            self.assertLess(text.index(case["reproducer"]), text.index("Fastest kernel"))
        passing = next(c for c in self.record["cases"] if c["status"] == "pass")
        self.assertNotIn(passing["reproducer"], text)

    def test_wrong_kernel_wins_nothing(self) -> None:
        rows = re.findall(r'<tr class="fastest".*?</tr>', self.html, re.S)
        timed = {e["name"].split("/")[1] for e in self.record["benchmarks"]}
        self.assertEqual(len(rows), len(timed))
        bert = [re.sub(r"<.*?>", "", row) for row in rows if "bert-base-512" in row.replace("<wbr>", "")]
        self.assertEqual(len(bert), 1)
        self.assertNotIn("wide_online", bert[0])

    def test_page_names_machine_skipped_and_unsupported(self) -> None:
        context = self.record["context"]["attnbench"]
        for words in ("synthetic example", context["commit"], context["compiler"], context["command"]):
            self.assertIn(words, self.page.text)
        for one in context["skipped"]:
            self.assertIn(one["reason"], self.page.text)
        for case in self.record["cases"]:
            if case["status"] == "unsupported":
                self.assertIn(case["reason"], self.page.text)

    def test_coverage_counts_every_case(self) -> None:
        rows = rows_of(self.out / "coverage.csv")
        self.assertEqual(len(rows), len({(r["types"], r["feature"], r["kernel"]) for r in rows}))
        self.assertEqual({r["isa"] for r in rows if r["kernel"] == "wide_online"}, {"avx2"})
        for row in rows:
            mine = [c for c in self.record["cases"] if c["kernel"] == row["kernel"]]
            spoken_for = [c for c in mine if row["feature"] in ["any case", *c.get("missing", c["features"])]]
            status = [c["status"] for c in spoken_for]
            refused = status.count("unsupported")
            counts = (status.count("pass"), len(status) - status.count("pass") - refused, refused)
            self.assertEqual((int(row["passed"]), int(row["failed"]), int(row["refused"])), counts, row)
            state = "failed" if counts[1] else "verified" if counts[0] else "unsupported" if refused else "not tried"
            self.assertEqual(row["state"], state)
        self.assertEqual({r["state"] for r in rows}, {"failed", "verified", "unsupported", "not tried"})
        sinks = next(r for r in rows if (r["feature"], r["kernel"]) == ("SINK_LOGITS", "wide_online"))
        self.assertEqual((sinks["state"], sinks["reasons"]), ("unsupported", "wide_online lacks: sink logits"))

    def test_page_says_what_disturbed_the_machine(self) -> None:
        for words in (
            "1 warning of attnbench doctor before the run",
            "turbo: on. the clock rises and falls with the load",
            "To mend it: switch boost off for the measurement",
            "0.50 in the last minute",
            "cycles; cache-misses not counted: this processor does not count it",
            "build/libwide.so with digest 00c0ffee00c0ffee",
        ):
            self.assertIn(words, self.page.text)

    def test_same_record_gives_same_files(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(make(SAMPLE, "-o", folder, "--formats", "svg").returncode, 0)
            for name in ("charts/speedup-ladder.svg", "charts/time-h1-d64.csv"):
                self.assertEqual((Path(folder) / name).read_bytes(), (self.out / name).read_bytes(), name)
            self.assertEqual(list(Path(folder).rglob("*.png")), [])


class OtherRecords(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def report(self, record: object) -> str:
        path = self.folder / "record.json"
        path.write_text(json.dumps(record))
        done = make(path, "-o", self.folder / "out", "--formats", "svg", "--title", HOSTILE)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return (self.folder / "out" / "report.html").read_text(encoding="utf-8")

    def refused(self, *arguments: str | Path) -> str:
        out = self.folder / "refused"
        done = make(*arguments, "-o", out)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertFalse(out.exists())
        return done.stderr

    def test_hostile_names_are_text(self) -> None:
        case = {
            "kernel": HOSTILE,
            "workload": HOSTILE,
            "spec": HOSTILE,
            "class": HOSTILE,
            "status": "fail",
            "reason": HOSTILE,
            "reproducer": HOSTILE,
            "output": {"error": "Infinity", "bound": 1, "ratio": "Infinity", "where": [HOSTILE]},
        }
        entry = {"name": f"{HOSTILE}/w/threads:1", "label": HOSTILE, "real_time": 1.0, "time_unit": "ms"}
        context: dict[str, object] = {
            "schema": 1,
            "cpu": HOSTILE,
            "commit": HOSTILE,
            "command": HOSTILE,
            "caches": {HOSTILE: 1},
        }
        context["kernels"] = [{"name": HOSTILE, "idea": HOSTILE, "role": "baseline"}]
        html = self.report({"context": {"attnbench": context}, "benchmarks": [entry], "cases": [case]})
        self.assertNotIn("<script>alert", html)
        page = Page(html)
        self.assertEqual(page.scripts, 1)
        self.assertIn(HOSTILE, page.text)

    def test_plain_google_benchmark_file(self) -> None:
        done = make(RECORDS / "plain-benchmark.json", "-o", self.folder / "out", "--formats", "svg")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rows = rows_of(self.folder / "out" / "table.csv")
        self.assertEqual([(r["kernel"], r["workload"], r["n"]) for r in rows], [
            ("BM_Softmax", "64", "5"), ("BM_Softmax", "512", "5"),
        ])  # fmt: skip
        self.assertAlmostEqual(float(rows[0]["ms"]), 812.5e-6)
        text = Page((self.folder / "out" / "report.html").read_text()).text
        self.assertIn("Nothing was judged", text)
        self.assertIn("Left out", text)
        self.assertIn("Error against its bound", text)

    def test_skipped_of_newer_google_benchmark(self) -> None:
        entries = [
            {"name": "a/w/threads:1", "real_time": 0.0, "time_unit": "ns", "skipped": True, "skip_message": "no AMX"},
            {"name": "b/w/threads:1", "real_time": 5.0, "time_unit": "ns"},
        ]
        html = self.report({"context": {}, "benchmarks": entries})
        self.assertIn("not timed: no AMX", Page(html).text)

    def test_two_machines_stand_apart_and_one_is_merged(self) -> None:
        def record(cpu: str, **lists: object) -> Path:
            path = self.folder / f"{len(list(self.folder.iterdir()))}.json"
            path.write_text(json.dumps({"context": {"attnbench": {"schema": 1, "cpu": cpu}}, **lists}))
            return path

        entry = {"name": "a/w/threads:1", "real_time": 2.0, "time_unit": "ms"}
        case = {"kernel": "a", "workload": "w", "status": "pass", "output": {"ratio": 0.25, "error": 1, "bound": 4}}
        first, second = record("one", benchmarks=[entry]), record("one", cases=[case])
        other = record("two", benchmarks=[entry])
        out = self.folder / "out"
        self.assertEqual(make(first, second, other, "-o", out, "--formats", "svg").returncode, 0)
        tables = sorted(path.name for path in out.glob("*table.csv"))
        self.assertEqual(tables, ["1-one-table.csv", "2-two-table.csv"])
        self.assertEqual([r["ratio"] for r in rows_of(out / tables[0])], ["0.25"])
        self.assertEqual([r["ratio"] for r in rows_of(out / tables[1])], [""])

    def test_refusals_speak_for_what_is_missing(self) -> None:
        def case(status: str, **more: object) -> dict[str, object]:
            plain = {"features": ["BIAS", "softcap"], "types": dict.fromkeys("QKVO", "f32")}
            return {"kernel": "a", "workload": "w", "status": status, **plain, **more}

        i8 = {"Q": "f32", "K": "i8", "V": "i8", "O": "f32"}
        cases = [
            case("pass", features=["softcap"]),
            case("unsupported", missing=["BIAS"], reason="does not have: BIAS"),
            case("unsupported", missing=[], reason="needs AMX", types=i8),
            case("pass", types={}),
        ]
        self.report({"context": {}, "cases": cases})
        found = {(r["types"], r["feature"]): r["state"] for r in rows_of(self.folder / "out" / "coverage.csv")}
        self.assertEqual(found, {
            ("f32", "any case"): "verified", ("f32", "softcap"): "verified", ("f32", "BIAS"): "unsupported",
            **{("Q f32, K i8, V i8, O f32", f): "unsupported" for f in ("any case", "BIAS", "softcap")},
        })  # fmt: skip

    def test_damaged_and_foreign_records(self) -> None:
        damaged = self.folder / "damaged.json"
        damaged.write_bytes(SAMPLE.read_bytes()[:5000])
        self.assertRegex(self.refused(damaged), r"damaged\.json: damaged at line \d+, column \d+")
        self.assertIn("cannot be read", self.refused(self.folder / "missing.json"))
        for content, words in (
            ("[]", "neither"),
            ('{"a": 1}', "neither"),
            ('{"benchmarks": [3]}', "entry 0"),
            ('{"benchmarks": [{"name": "a/b", "real_time": "x"}]}', "real_time"),
            ('{"cases": [{"kernel": "a", "workload": "w", "status": "fine"}]}', "status"),
            ('{"context": {"attnbench": {"schema": 2}}, "cases": []}', "schema"),
            ('{"benchmarks": [], "cases": []}', "neither a time nor a case"),
            ("\xff\xfe", "damaged"),
        ):
            damaged.write_bytes(content.encode("latin-1"))
            self.assertIn(words, self.refused(damaged), content)
        self.assertIn("damaged.json", self.refused(SAMPLE, damaged))

    def test_unknown_format(self) -> None:
        done = make(SAMPLE, "-o", self.folder / "out", "--formats", "gif")
        self.assertEqual(done.returncode, 2)
        self.assertFalse((self.folder / "out").exists())

    def test_unwritable_folder(self) -> None:
        blocked = self.folder / "file"
        blocked.write_text("kept")
        done = make(RECORDS / "plain-benchmark.json", "-o", blocked / "out")
        self.assertEqual(done.returncode, 74)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn(str(blocked), done.stderr)
        self.assertEqual(blocked.read_text(), "kept")


if __name__ == "__main__":
    if PYTHON is None:
        print(
            "skipped: no Python here can import matplotlib and jinja2 (scripts/install-deps; or set ATTNBENCH_PYTHON)"
        )
        sys.exit(SKIPPED)
    unittest.main()
