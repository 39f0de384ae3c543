#!/usr/bin/env python3
"""The command line as it should go: what the records, files and lines say is compared with each other and with figures
computed here."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import command_line as cl
from command_line import QUICK, TINY, UNDECIDED, InFolder

IMPOSSIBLE = "h=1000000,q=1000000,d=4"  # 68 TB: no kernel anywhere


def extents(spec: str) -> dict[str, int]:
    """Sizes of a plain spec, defaults filled in."""
    given = {key: int(value) for key, value in (pair.split("=") for pair in spec.split(",")) if value.isdigit()}
    sizes = {"b": 1, "hkv": given["h"], "k": given["q"], "dv": given["d"]}
    return {**sizes, **given}


def can_report() -> bool:
    named = os.environ.get("ATTNBENCH_PYTHON")
    for python in [named] if named else [str(cl.ROOT / "build/venv/bin/python"), "/usr/bin/python3", "python3"]:
        try:
            if subprocess.run([python, "-c", "import matplotlib, jinja2"], capture_output=True).returncode == 0:
                return True
        except OSError:
            continue
    return False


class List(InFolder):
    def test_words(self) -> None:
        words = self.run_here("list", "nonsense").stderr.split("words: ")[1].split()
        self.assertLessEqual({"kernels", "workloads", "suites", "classes"}, set(words))
        for word in words:
            lines = self.well("list", word).stdout.splitlines()
            self.assertTrue(lines)
            self.assertNotIn(f"{word}:", lines, "one list needs no title")
        whole = self.well("list").stdout
        for word in words:
            self.assertIn(f"{word}:\n", whole)
            self.assertIn(self.well("list", word).stdout, whole)
        self.assertIn("baseline", cl.kernels_by_role().values())

    def test_every_name_can_be_selected(self) -> None:
        names = [line.split()[0] for line in self.well("list", "workloads").stdout.splitlines()]
        words = [word for name in names for word in ("--workload", name)]
        listed = self.well("bench", "--kernel", cl.baseline(), *words, "--", "--benchmark_list_tests").stdout
        self.assertEqual(listed.splitlines(), [f"{cl.baseline()}/{name}/threads:1" for name in names])
        for line in self.well("list", "suites").stdout.splitlines():
            if not line.startswith(" "):
                self.well("bench", "--suite", line.split()[0], "--", "--benchmark_list_tests")
        for line in self.well("list", "classes").stdout.splitlines():
            chosen = ("--kernel", cl.baseline(), "--suite", "smoke", "--class", line.split()[0])
            self.assertIn(self.run_here("verify", *chosen).returncode, (0, UNDECIDED), line)

    def test_own_workloads(self) -> None:
        mine = self.folder / "mine ü.txt"
        mine.write_text(f"workload mine {TINY}\nworkload gpt2-1k h=1,q=3,d=4\nsuite few about it\nmine\nmine,q=5\n")
        self.assertRegex(self.well("list", "workloads", "--workloads", mine).stdout, rf"(?m)^mine +{TINY}$")
        arguments = ("--workloads", mine, "--kernel", cl.baseline(), "--suite", "few", "--workload", "gpt2-1k")
        self.well("verify", *arguments, "--class", "normal", "--json", "x.json")
        specs = [case["spec"] for case in cl.load(self.folder / "x.json")["cases"]]
        self.assertEqual(specs, ["h=1,q=3,d=4", TINY, "h=2,q=5,d=4"])

    def test_help(self) -> None:
        self.assertIn("exit codes", self.well("--help").stdout)
        for command in ("list", "verify", "bench", "run", "report"):
            self.assertIn("example: attnbench " + command, self.well(command, "--help").stdout)
            self.assertEqual(self.well("help", command).stdout, self.well(command, "--help").stdout)


class Verify(InFolder):
    def record(self, *arguments: str | Path, **how: Any) -> Any:
        self.well("verify", *arguments, "--json", "verify.json", **how)
        return cl.load(self.folder / "verify.json")

    def check_deviation(self, part: dict[str, Any], shape: list[int]) -> None:
        self.assertEqual(set(part), {"error", "bound", "ratio", "where", "got", "wanted"})
        self.assertEqual(len(part["where"]), len(shape))
        for place, size in zip(part["where"], shape, strict=True):
            self.assertTrue(0 <= place < size, part["where"])
        error, bound, ratio = (cl.real(part[key]) for key in ("error", "bound", "ratio"))
        self.assertTrue(error >= 0 and bound > 0 and 0 <= ratio <= 1)
        self.assertAlmostEqual(error / bound, ratio, delta=1e-6 + 1e-6 * ratio)
        self.assertAlmostEqual(abs(cl.real(part["got"]) - cl.real(part["wanted"])), error, delta=1e-12 + 1e-6 * error)

    def test_cases(self) -> None:
        spec = "b=2,h=4,hkv=2,q=9,k=21,d=8,dv=6"
        record = self.record("--workload", spec, "--workload", IMPOSSIBLE, "--threads", "1,2")
        size = extents(spec)
        able = cl.plain()
        wanted = {(name, 1) for name in cl.kernels_by_role()} | {(name, 2) for name in cl.threaded()}
        cases = [case for case in record["cases"] if case["workload"] == spec]
        self.assertEqual({(c["kernel"], c["threads"]) for c in cases}, wanted)
        self.assertLess({"normal", "outliers", "increasing", "large", "masked"}, {c["class"] for c in cases})
        for case in record["cases"]:
            self.assertLessEqual({"kernel", "workload", "spec", "class", "seed", "threads", "status"}, set(case))
            self.assertIn("reproducer", case)
            self.assertEqual(case["seed"], 1)
            if case["workload"] == IMPOSSIBLE:
                self.assertEqual(case["status"], "unsupported")
                if case["kernel"] in able:
                    self.assertIn("memory", case["reason"])
                continue
            if case["kernel"] not in able or "declares" in case["reason"]:
                self.assertEqual(case["status"], "unsupported")
                continue
            self.assertEqual((case["status"], case["reason"]), ("pass", ""))
            self.assertIn(case["verdict"], ("full", "output-only"))
            self.assertEqual(case["rows"], size["b"] * size["h"] * size["q"])
            self.assertEqual(case["rows_checked"], case["rows"], "small cases are checked whole")
            self.assertGreater(case["seconds"], 0)
            axes = [size[key] for key in ("b", "h", "q", "dv")]
            self.check_deviation(case["output"], axes)
            self.assertEqual(case["verdict"] == "full", "lse" in case)
            if "lse" in case:
                self.check_deviation(case["lse"], axes[:3])
        ours = record["context"]["attnbench"]
        self.assertEqual(ours["schema"], 1)
        self.assertIn(spec, ours["command"])

    def test_reproducers(self) -> None:
        record = self.record("--workload", f"{TINY},mask=causal", "--workload", IMPOSSIBLE, "--seed", "7")
        for case in record["cases"][::3]:
            program, *again = shlex.split(case["reproducer"])
            self.assertEqual(program, "attnbench")
            code = UNDECIDED if case["status"] == "unsupported" else 0
            result = self.run_here(*again, "--json", "again.json")
            self.assertEqual(result.returncode, code, case["reproducer"] + result.stderr)
            (found,) = cl.load(self.folder / "again.json")["cases"]
            for key in ("kernel", "spec", "class", "seed", "threads", "status", "output", "lse"):
                self.assertEqual(found.get(key), case.get(key), case["reproducer"])

    def test_files_agree(self) -> None:
        files = ("--csv", "v.csv", "--junit", "v.xml", "--markdown", "v.md")
        record = self.record("--workload", TINY, "--workload", f"{IMPOSSIBLE}", *files)
        cases = record["cases"]
        suites = list(ET.parse(self.folder / "v.xml").getroot().iter("testsuite"))
        self.assertEqual(sum(int(suite.get("tests", "")) for suite in suites), len(cases))
        self.assertEqual(sum(int(suite.get("failures", "")) for suite in suites), 0)
        skipped = sum(len(list(suite.iter("skipped"))) for suite in suites)
        self.assertEqual(skipped, sum(case["status"] == "unsupported" for case in cases))
        with (self.folder / "v.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(
            [(r["kernel"], r["workload"], r["class"], r["status"]) for r in rows],
            [(c["kernel"], c["workload"], c["class"], c["status"]) for c in cases],
        )
        for row, case in zip(rows, cases, strict=True):
            if "output" in case:
                self.assertEqual(float(row["output_ratio"]), cl.real(case["output"]["ratio"]))
        text = self.markdown("v.md")
        for name in cl.kernels_by_role():
            self.assertIn(name, text)
        self.no_leftovers()

    def test_record_on_standard_output(self) -> None:
        result = self.well("verify", "--workload", TINY, "--json", "-", "--csv", "x.csv")
        self.assertTrue(json.loads(result.stdout)["cases"])
        self.assertIn("passed, 0 failed", result.stderr)

    def check_dump(self, folder: Path, size: dict[str, int], case: dict[str, Any]) -> None:
        def load(name: str, *keys: str) -> list[float]:
            shape, values = cl.read_npy(folder / f"{name}.npy")
            self.assertEqual(shape, [size[key] for key in keys], name)
            return values

        load("q", "b", "h", "q", "d"), load("k", "b", "hkv", "k", "d"), load("v", "b", "hkv", "k", "dv")
        self.assertGreater(statistics.pstdev(load("q", "b", "h", "q", "d")), 0.5, "no normal input")
        judged = [("output", ("output", "expected", "bound"), ("b", "h", "q", "dv"))]
        if "lse" in case:
            judged.append(("lse", ("lse", "expected_lse", "lse_bound"), ("b", "h", "q")))
        for part, names, keys in judged:
            worst = 0.0
            for got, wanted, limit in zip(*(load(name, *keys) for name in names), strict=True):
                self.assertLessEqual(abs(got - wanted), limit)
                worst = max(worst, abs(got - wanted) / limit)
            self.assertAlmostEqual(worst, case[part]["ratio"], delta=1e-6)
        weights, scores = (load(f"expected_{name}", "b", "h", "q", "k") for name in ("weights", "scores"))
        for row in range(0, len(weights), size["k"]):
            self.assertAlmostEqual(sum(weights[row : row + size["k"]]), 1, delta=1e-12)
        if (folder / "scores.npy").exists():
            for name, wanted in (("weights", weights), ("scores", scores)):
                for a, b in zip(load(name, "b", "h", "q", "k"), wanted, strict=True):
                    self.assertAlmostEqual(a, b, delta=1e-5)

    def test_dump(self) -> None:
        spec = "b=2,h=4,hkv=2,q=9,k=21,d=8,dv=6"
        one = ("--kernel", cl.baseline(), "--class", "normal", "--threads", "1")
        (case,) = self.record("--workload", spec, *one, "--dump", "one ü")["cases"]
        self.check_dump(self.folder / "one ü", extents(spec), case)
        weights = f"{spec},outputs=o+lse+weights"
        cases = self.record("--workload", weights, "--class", "normal", "--threads", "1", "--dump", "weights")["cases"]
        able = [case["kernel"] for case in cases if case["status"] == "pass"]
        self.assertTrue(able)
        for case in cases:
            for folder in (self.folder / "weights").glob(f"{case['kernel']}--*"):
                self.check_dump(folder, extents(weights), case)
                self.assertTrue((folder / "scores.npy").exists())
        several = self.record("--workload", spec, "--class", "normal", "--dump", "several")["cases"]
        several = [case for case in several if case["status"] != "unsupported"]
        folders = sorted((self.folder / "several").iterdir())
        self.assertEqual(len(folders), len(several))
        for case in several:
            (found,) = (
                f
                for f in folders
                if f.name.startswith(case["kernel"] + "--") and f.name.endswith(f"-t{case['threads']}")
            )
            self.check_dump(found, extents(spec), case)
        self.no_leftovers()

    def test_own_files(self) -> None:
        folder = self.folder / "in puts ü"
        self.well("verify", "--kernel", cl.baseline(), "--workload", TINY, "--class", "normal", "--dump", folder)
        spec = ",".join(f"{name}_file=in puts ü/{name}.npy" for name in "qkv")
        (case,) = self.record("--kernel", cl.baseline(), "--workload", spec)["cases"]
        self.assertEqual(cl.real(case["output"]["wanted"]), self.expected_at(folder, case["output"]["where"]))
        self.assertEqual(len(re.findall(r"fnv1a64:[0-9a-f]{16}", case["reproducer"])), 3)
        self.well(*shlex.split(case["reproducer"], comments=True)[1:])
        shutil.copytree(folder, self.folder / "others")
        two = ("--workload", spec, "--workload", spec.replace("in puts ü", "others"))
        done = self.run_here("bench", "--kernel", cl.baseline(), *two, "--", *QUICK)
        self.one_line(done, cl.USAGE, "would be timed as", "names of their own")
        heads = self.run_here("verify", "--workload", f"h=3,q=4,d=4,{spec}")
        self.assertIn("hkv = 2 (heads of k_file) does not divide h = 3", heads.stderr)

    def expected_at(self, folder: Path, where: list[int]) -> float:
        shape, values = cl.read_npy(folder / "expected.npy")
        index = 0
        for place, size in zip(where, shape, strict=True):
            index = index * size + place
        return values[index]

    def test_empty_keys(self) -> None:
        able = cl.plain()
        for case in self.record("--workload", "h=2,q=4,k=0,d=4", "--class", "normal")["cases"]:
            if case["kernel"] not in able:
                continue
            self.assertEqual((case["status"], cl.real(case["output"]["got"])), ("pass", 0))
            if "lse" in case:
                self.assertEqual((case["lse"]["got"], case["lse"]["wanted"]), ("-Infinity", "-Infinity"))

    def test_features_of_cases(self) -> None:
        specs = ("h=4,hkv=2,q=4,d=8,mask=causal,outputs=o+lse+weights", "h=2,q=4,d=8,dtype=bf16")
        record = self.record("--workload", specs[0], "--workload", specs[1], "--class", "normal")
        refused = 0
        for case in record["cases"]:
            plain = case["workload"] == specs[0]
            self.assertEqual(set(case["types"]), set("QKVO"))
            self.assertEqual(case["types"]["K"], "f32" if plain else "bf16")
            wanted = {"grouped KV heads", "right (causal) limit", "WEIGHTS"} if plain else set()
            self.assertEqual(set(case["features"]) - {"LSE"}, wanted)
            self.assertEqual("missing" in case, case["status"] == "unsupported")
            if case["status"] == "pass":
                self.assertEqual(case["accuracy"].split(",")[0], case["types"]["K"])
            for name in case.get("missing", ()):
                refused += 1
                self.assertIn(name, case["features"])
                if "instruction sets" not in case["reason"]:
                    self.assertIn(name, case["reason"])
        self.assertGreater(refused, 0, "not every kernel returns its weights")

    def test_a_verdict_by_one_check_says_so(self) -> None:
        one = ("--kernel", cl.baseline(), "--workload", TINY, "--class", "normal", "--check", "masked-keys")
        self.well("verify", *one, "--json", "x.json", "--markdown", "x.md")
        self.assertEqual(cl.load(self.folder / "x.json")["context"]["attnbench"]["checks"], ["masked-keys"])
        said = (self.folder / "x.md").read_text()
        self.assertIn("these alone: masked-keys.\n\n**Right by these checks:** ", said)

    def test_nothing_supported(self) -> None:
        result = self.run_here("verify", "--workload", IMPOSSIBLE, "--json", "x.json")
        self.assertEqual(result.returncode, UNDECIDED)
        self.assertIn("nothing was judged", result.stderr)
        self.assertEqual({c["status"] for c in cl.load(self.folder / "x.json")["cases"]}, {"unsupported"})

    def test_surroundings(self) -> None:
        small = ("--workload", TINY, "--class", "normal")
        self.assertTrue(self.record(*small, env={})["cases"], "no environment at all")
        portable = self.record(*small, env=cl.environment(ATTNBENCH_ISA="portable"))
        self.assertEqual(portable["context"]["attnbench"]["isa"], "portable")
        self.assertIn(cl.baseline(), {c["kernel"] for c in portable["cases"] if c["status"] == "pass"})
        self.well("verify", *small, cwd=Path("/proc/self"))
        processor = min(os.sched_getaffinity(0))
        pinned = lambda: os.sched_setaffinity(0, {processor})  # noqa: E731
        alone = self.record(*small, "--threads", "all", before=pinned)
        self.assertEqual({c["threads"] for c in alone["cases"]}, {1})
        self.assertEqual(alone["context"]["attnbench"]["threads"], 1)


class Bench(InFolder):
    def record(self, *arguments: str, flags: tuple[str, ...] = QUICK) -> Any:
        self.well("bench", *arguments, "--json", "bench.json", "--", *flags)
        return cl.load(self.folder / "bench.json")

    def test_entries(self) -> None:
        specs = ["h=2,q=64,d=64", "b=2,h=4,hkv=2,q=1,k=300,d=32", "h=2,q=50,d=16,mask=causal"]
        words = [word for spec in specs for word in ("--workload", spec)]
        record = self.record(
            *words, "--threads", "1,2", flags=("--benchmark_min_time=0.01", "--benchmark_repetitions=3")
        )
        kernels = [(name, 1) for name in sorted(cl.plain())] + [(name, 2) for name in cl.threaded()]
        names = {f"{name}/{spec}/threads:{threads}" for name, threads in kernels for spec in specs}
        entries = record["benchmarks"]
        self.assertEqual({entry["run_name"] for entry in entries}, names)
        checked = {case["reproducer"] for case in record["cases"] if case["status"] != "unsupported"}
        self.assertEqual(len(checked), len(names), "each was checked first")
        limits = record["context"]["attnbench"]
        for entry in entries:
            with self.subTest(name=entry["name"]):
                self.assertEqual(entry["label"], entry["run_name"].split("/")[1])
                self.assertEqual(entry["threads"], int(entry["run_name"].rsplit(":", 1)[1]))
                if entry["run_type"] == "aggregate":
                    self.assertEqual(entry["name"], f"{entry['run_name']}_{entry['aggregate_name']}")
                    continue
                self.assertEqual(entry["name"], entry["run_name"])
                self.check_rates(entry, limits)
        ceilings = {e["run_name"]: e["ceiling"] for e in entries if "ceiling" in e}
        self.assertEqual(set(ceilings), names)
        self.assertLessEqual(set(ceilings.values()), {"bandwidth", *limits["ceilings"]})
        aggregates = {e["aggregate_name"] for e in entries if e["run_type"] == "aggregate"}
        self.assertEqual(aggregates, {"mean", "median", "stddev", "cv"})
        self.well("verify", "--kernel", cl.baseline(), "--workload", entries[-1]["label"], "--class", "normal")

    def check_rates(self, entry: dict[str, Any], limits: dict[str, Any]) -> None:
        size = extents(entry["label"])
        causal = "causal" in entry["label"]
        pairs = size["q"] * (size["q"] + 1) // 2 if causal else size["q"] * size["k"]
        operations = 2 * size["b"] * size["h"] * pairs * (size["d"] + size["dv"])
        channels = size["d"] + size["dv"]
        moved = 4 * size["b"] * (size["h"] * size["q"] + size["hkv"] * size["k"]) * channels
        self.assertEqual(entry["time_unit"], "ns")
        self.assertAlmostEqual(entry["gflops"] * entry["real_time"] / operations, 1, delta=0.01)
        self.assertAlmostEqual(entry["gbytes"] * entry["real_time"] / moved, 1, delta=0.01)
        self.assertGreater(entry["cpu_time"], 0)
        bandwidth = next(b["gbytes"] for b in limits["bandwidth"] if b["footprint"] >= moved)
        times = min(entry["threads"], len(os.sched_getaffinity(0)))  # threads beyond the processors raise no ceiling
        share_bw = entry["gbytes"] / (bandwidth * times)
        self.assertAlmostEqual(entry["share_bw"] / share_bw, 1, delta=1e-6)
        possible = [entry["gflops"] / (rate * times) for rate in limits["ceilings"].values()] + [share_bw]
        self.assertTrue(any(math.isclose(entry["share"], p, rel_tol=1e-6) for p in possible), (entry, possible))
        self.assertGreater(entry["share"], 0)  # beyond 1 where the machine was busy while its ceilings were measured

    def test_flags_after_the_dashes(self) -> None:
        kernel = cl.baseline()
        words = ("--workload", TINY, "--workload", "h=2,q=5,d=4")
        listed = self.well(
            "bench", *words, "--", "--benchmark_list_tests", f"--benchmark_filter=^{kernel}/.*q=5"
        ).stdout
        self.assertEqual(listed, f"{kernel}/h=2,q=5,d=4/threads:1\n")
        flags = (*QUICK, f"--benchmark_filter=^{kernel}/", "--benchmark_time_unit=us", "--benchmark_out=out.json")
        result = self.well("bench", *words, "--csv", "out.csv", "--markdown", "out.md", "--", *flags)
        record = cl.load(self.folder / "out.json")
        names = [entry["name"] for entry in record["benchmarks"]]
        self.assertEqual(names, [f"{kernel}/{words[1]}/threads:1", f"{kernel}/{words[3]}/threads:1"])
        self.assertEqual({entry["time_unit"] for entry in record["benchmarks"]}, {"us"})
        for name in names:
            self.assertIn(name, result.stdout)
        self.assertIn("ceilings", record["context"]["attnbench"])
        with (self.folder / "out.csv").open(newline="") as file:
            self.assertEqual(sum(row["record"] == "benchmark" for row in csv.DictReader(file)), 2)
        self.assertIn(kernel, self.markdown("out.md"))

    def test_formats_on_standard_output(self) -> None:
        arguments = ("bench", "--kernel", cl.baseline(), "--workload", TINY)
        shown = json.loads(self.well(*arguments, "--", *QUICK, "--benchmark_format=json").stdout)
        ours = json.loads(self.well(*arguments, "--json", "-", "--", *QUICK).stdout)
        self.assertEqual([e["name"] for e in shown["benchmarks"]], [e["name"] for e in ours["benchmarks"]])
        self.assertLessEqual(set(shown["context"]), set(ours["context"]), "Google Benchmark's own schema is kept")

    def test_many_numbers_of_threads(self) -> None:
        threads = [str(n) for n in range(1, 12)]
        for kernel in cl.threaded()[:1]:
            record = self.record("--kernel", kernel, "--workload", TINY, "--threads", ",".join(threads))
            self.assertEqual({str(e["threads"]) for e in record["benchmarks"]}, set(threads))

    def test_nothing_supported(self) -> None:
        result = self.run_here("bench", "--workload", IMPOSSIBLE, "--json", "x.json", "--", *QUICK)
        self.assertEqual(result.returncode, UNDECIDED)
        self.assertIn("nothing was timed", result.stderr)
        self.assertEqual(cl.load(self.folder / "x.json")["benchmarks"], [])


@unittest.skipUnless(can_report(), "no Python 3 with matplotlib and Jinja2 (scripts/install-deps)")
class Run(InFolder):
    def test_run_and_report(self) -> None:
        arguments = ("--workload", "h=2,q=64,d=32", "--time-budget", "3600", "-o", "out ü", "--csv", "copy.csv")
        result = self.well("run", *arguments)
        out = self.folder / "out ü"
        self.assertRegex(result.stdout.splitlines()[-1], r"\breport: +out ü/report\.html\Z")
        record = cl.load(out / "results.json")
        able = cl.plain()
        self.assertEqual({e["name"].split("/")[0] for e in record["benchmarks"] if "error_occurred" not in e}, able)
        self.assertEqual({c["kernel"] for c in record["cases"]}, set(cl.kernels_by_role()))
        for kernel in able:
            self.assertIn(kernel, result.stdout)
        self.check_page(out)
        self.assertTrue((self.folder / "copy.csv").stat().st_size)
        again = self.well("report", "out ü/results.json", "-o", "again")
        self.assertEqual(again.stdout, "again/report.html\n")
        self.check_page(self.folder / "again")
        self.no_leftovers()

    def check_page(self, out: Path) -> None:
        self.assertIn("</html>", (out / "report.html").read_text())
        for ending in ("png", "svg", "pdf", "csv"):
            charts = list((out / "charts").glob(f"*.{ending}"))
            self.assertTrue(charts, ending)
            self.assertTrue(all(chart.stat().st_size > 100 for chart in charts))

    def test_an_interpreter_that_is_too_old_draws_nothing(self) -> None:
        """It has every module, and would end in a traceback."""
        old, record = self.folder / "python3.10", self.folder / "x.json"
        lie = "import sys; sys.version_info = (3, 10, 9); sys.modules.update(matplotlib=sys, jinja2=sys)"
        called = self.folder / "called"
        old.write_text(
            f"#!/bin/sh\ntest \"$1\" = -c && exec '{sys.executable}' -c '{lie}; exec(sys.argv[1])' \"$2\"\n"
            f"touch '{called}'\nexit 1\n"
        )
        old.chmod(0o755)
        self.well("verify", "--kernel", cl.baseline(), "--workload", TINY, "--class", "normal", "--json", record)
        self.run_here("report", record, "-o", "out", env=cl.environment(ATTNBENCH_PYTHON=str(old)))
        self.assertFalse(called.exists())

    def test_the_named_interpreter_or_none(self) -> None:
        record = self.folder / "x.json"
        self.well("verify", "--kernel", cl.baseline(), "--workload", TINY, "--class", "normal", "--json", record)
        for named in ("/bin/true", "/nope", "no-such-program"):
            refused = self.run_here("report", record, "-o", "out", env=cl.environment(ATTNBENCH_PYTHON=named))
            self.assertEqual((refused.returncode, refused.stdout), (cl.NOT_WRITTEN, ""), named)
            self.assertRegex(refused.stderr, rf"\A[^\n]*ATTNBENCH_PYTHON={named} [^\n]*\n\Z")

    def test_no_time(self) -> None:
        arguments = ("run", "--workload", "h=2,q=64,d=32", "--time-budget", "0.001", "-o", "out")
        self.one_line_after(self.run_here(*arguments))
        skipped = cl.load(self.folder / "out" / "results.json")["context"]["attnbench"]["skipped"]
        self.assertIn(f"{cl.baseline()}/h=2,q=64,d=32/threads:1", {s["name"] for s in skipped})
        self.assertTrue(all(s["reason"] for s in skipped))

    def one_line_after(self, result: cl.Result) -> None:
        self.assertEqual(result.returncode, UNDECIDED)
        self.assertRegex(result.stderr, r"\Aattnbench: nothing was timed or judged[^\n]*--time-budget[^\n]*\n\Z")


if __name__ == "__main__":
    unittest.main()
