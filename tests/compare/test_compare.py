#!/usr/bin/env python3
"""compare through the program: words, exit codes, records, and everything that must not be timed.

The kernels are the builds of harness/slowed (0, 1, 2 and 100 % more work) and the plugins of tests/plugins. Only the
standard library is used.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

from command_line import (
    APART,
    BUG,
    FINDING,
    INTERRUPTED,
    NOT_WRITTEN,
    ONE_BLOCK,
    PATIENCE,
    PROGRAM,
    UNDECIDED,
    USAGE,
    WELL,
    Result,
    attnbench,
    decided,
    environment,
    heeds,
    launches,
    until,
)

BUILD = Path(os.environ.get("ATTNBENCH_BUILD", "build")).resolve()
SLOWED, PLUGINS = BUILD / "slowed", BUILD / "tests" / "plugins"
COMPUTE = ("--workload", "h=1,q=100,k=64,d=128")
TINY = ("--workload", "h=2,q=9,d=8")
WORDS_OF_TWICE = r"^NEW (is [\d.]+ % slower than|takes [\d.]+ times as long as) BASE \[[\d.]+, [\d.]+\]$"


def slowed(build: str) -> str:
    return str(SLOWED / f"slowed_{build}.so")


def plugin(name: str) -> str:
    return str(PLUGINS / f"{name}.so")


class Compare(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def compare(self, *arguments: str, code: int) -> tuple[Result, dict[str, Any]]:
        path = self.folder / "record.json"

        def run() -> Result:
            return attnbench("compare", *arguments, "--json", path)

        done = run() if code == UNDECIDED else decided(run)
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        return done, json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def refused(self, *arguments: str, words: tuple[str, ...]) -> None:
        done = attnbench("compare", *arguments)
        self.assertEqual(USAGE, done.returncode, done.stdout + done.stderr)
        self.assertEqual("", done.stdout)
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)


class Verdicts(Compare):
    def test_slower_is_said_in_words_and_confirmed(self) -> None:
        done, record = self.compare(slowed("0"), slowed("100"), *COMPUTE, code=FINDING)
        (one,) = record["comparisons"]
        self.assertEqual("slower", one["verdict"])
        self.assertRegex(one["words"], WORDS_OF_TWICE)
        self.assertIn(one["words"], done.stdout)
        self.assertEqual(12, len(one["launches"]))
        self.assertGreater(one["launch_interval"][0], 1.005)
        self.assertEqual(one["pairs"], len(one["samples"]))
        log_ratio = statistics.median(math.log(new / base) for base, new, _ in one["samples"])
        self.assertAlmostEqual(math.exp(log_ratio), one["ratio"], delta=1e-3)
        self.assertGreater(one["ratio"], 1.4)
        self.assertGreater(one["controls"], 0)

    def test_faster_is_no_finding(self) -> None:
        _, record = self.compare(slowed("100"), slowed("0"), *COMPUTE, "--launches", "0", code=WELL)
        (one,) = record["comparisons"]
        self.assertEqual("faster", one["verdict"])
        self.assertRegex(one["words"], "% faster than BASE|times as fast as BASE")

    def test_the_same_work_is_no_difference(self) -> None:
        _, record = self.compare(slowed("0"), slowed("again"), *COMPUTE, *APART, code=WELL)
        (one,) = record["comparisons"]
        self.assertEqual("no difference", one["verdict"])
        self.assertIn("no difference beyond 40 %", one["words"])

    def test_identical_code_is_not_timed(self) -> None:
        copy = self.folder / "copy.so"
        shutil.copy(slowed("0"), copy)
        for other in (slowed("0"), str(copy)):
            _, record = self.compare(slowed("0"), other, *COMPUTE, code=WELL)
            (one,) = record["comparisons"]
            self.assertEqual("identical code", one["verdict"])
            self.assertNotIn("pairs", one)

    def test_out_of_time_is_undecided(self) -> None:
        """With two pairs E is 3 at most."""
        rule = (*ONE_BLOCK, "--launches", "0")
        done, record = self.compare(slowed("0"), slowed("100"), *COMPUTE, *rule, code=UNDECIDED)
        self.assertEqual(2, record["comparisons"][0]["pairs"])
        self.assertEqual("could not tell", record["comparisons"][0]["verdict"])
        self.assertIn("the time was up", done.stdout)
        self.assertIn("too few for a slowdown of any size to show", done.stdout)

    def test_one_launch_is_refused(self) -> None:
        """It says nothing of how launches differ, so nothing could be confirmed by it."""
        words = ("--launches 1", "0 or a whole number from 2 to 64")
        self.refused(slowed("0"), slowed("100"), *COMPUTE, "--launches", "1", words=words)

    def test_markdown_has_findings_first(self) -> None:
        path = self.folder / "page.md"
        names = (plugin("well"), plugin("is_wrong"))
        self.compare(*names, *TINY, "--markdown", str(path), code=FINDING)
        page = path.read_text(encoding="utf-8")
        self.assertIn("| wrong | odd\\_plain |", page)
        self.compare(slowed("0"), slowed("100"), *COMPUTE, "--launches", "8", "--markdown", str(path), code=FINDING)
        self.assertRegex(path.read_text(encoding="utf-8"), r"\| slower \| slowed\\_rows \| the same \|.* \+[\d.]+")

    def test_a_full_disk_is_told(self) -> None:
        for flag in ("--json", "--markdown"):
            done = attnbench("compare", slowed("0"), slowed("0"), *COMPUTE, flag, "/dev/full")
            self.assertEqual(NOT_WRITTEN, done.returncode, done.stdout + done.stderr)
            self.assertIn("No space left", done.stderr)

    def test_residencies(self) -> None:
        for flag in ("--cold", "--rotate"):
            _, record = self.compare(slowed("0"), slowed("100"), *COMPUTE, flag, "--launches", "8", code=FINDING)
            self.assertEqual(8, len(record["comparisons"][0]["launches"]))
            self.assertEqual(flag.removeprefix("--")[:4], record["context"]["attnbench"]["compare"]["inputs"][:4])

    def test_folders_whose_names_are_no_utf_8(self) -> None:
        folder, made = os.path.join(os.fsencode(self.folder), b"\xe9"), self.folder / "record.json"
        os.mkdir(folder)
        path = os.path.join(folder, b"copy.so")
        shutil.copy(slowed("0"), path)
        command = [PROGRAM, "compare", slowed("0"), path, *COMPUTE, "--json", str(made)]
        subprocess.run(command, check=True, capture_output=True, env=environment())
        rule = json.loads(made.read_text(encoding="utf-8"))["context"]["attnbench"]["compare"]
        self.assertTrue(rule["new"]["file"].endswith("/?/copy.so"))

    def test_both_sides_and_the_rule_are_in_the_record(self) -> None:
        _, record = self.compare(slowed("0"), slowed("100"), *COMPUTE, "--launches", "0", code=FINDING)
        context = record["context"]["attnbench"]["compare"]
        self.assertEqual(0.005, context["delta"])
        self.assertEqual(os.path.realpath(slowed("100")), context["new"]["file"])
        self.assertNotEqual(context["base"]["digest"], context["new"]["digest"])
        self.assertIn(os.path.realpath(slowed("0")), context["base"]["libraries"])


class Sides(Compare):
    def test_whole_plugins_are_compared_kernel_by_kernel(self) -> None:
        rule = ("--kernel", "naive*", "--launches", "0", *APART)
        done, record = self.compare("builtin", plugin("builtin"), *TINY, *rule, code=WELL)
        self.assertGreaterEqual(len(record["comparisons"]), 2)
        self.assertTrue(all(one["base"] == one["new"] for one in record["comparisons"]))
        self.assertIn("over", done.stdout)
        one = f"{plugin('builtin')}:{record['comparisons'][0]['base']}"
        _, record = self.compare("builtin", one, *TINY, "--launches", "0", *APART, code=WELL)
        self.assertEqual([], record["context"]["attnbench"]["compare"]["only_base"])

    def test_kernels_of_one_side_alone_are_listed(self) -> None:
        rule = ("--launches", "0", *APART)
        _, record = self.compare(plugin("twin_inside_a"), plugin("twin_inside_b"), *TINY, *rule, code=WELL)
        self.assertEqual(1, len(record["comparisons"]))
        self.refused(plugin("twin_inside_a"), plugin("well"), *TINY, words=("no kernel of the same name",))

    def test_sides_that_collapse_are_not_told_apart(self) -> None:
        done, record = self.compare(plugin("twin_a"), plugin("twin_b"), *TINY, code=UNDECIDED)
        self.assertEqual("could not tell", record["comparisons"][0]["verdict"])
        self.assertIn("another library of that name", done.stdout)

    def test_a_slower_library_behind_one_side_is_seen(self) -> None:
        _, record = self.compare(plugin("twin_a"), plugin("twin_slow"), *TINY, "--launches", "0", code=FINDING)
        (one,) = record["comparisons"]
        self.assertEqual("slower", one["verdict"])
        self.assertGreater(one["ratio"], 1.4)

    def test_what_is_no_side_is_refused(self) -> None:
        self.refused("no_such", slowed("0"), words=("no_such", "FILE.so:KERNEL"))
        self.refused(slowed("0") + ":no_such", slowed("1"), words=("no kernel 'no_such'", "slowed_rows"))
        self.refused("missing.so", slowed("0"), words=("missing.so",))
        self.refused(plugin("major_abi"), slowed("0"), words=("ABI",))
        whole = Path(slowed("0")).read_bytes()
        for length in (0, 100, len(whole) // 2):
            damaged = self.folder / "damaged.so"
            damaged.write_bytes(whole[:length])
            self.refused(slowed("0"), str(damaged), words=("damaged.so", "shared library"))
        self.refused(slowed("0"), words=("BASE and NEW",))
        self.refused(slowed("0"), slowed("1"), "third", words=("'third' is one too many",))
        self.refused(slowed("0"), "record.json", words=("record",))
        self.refused(slowed("0"), slowed("1"), "--threshold", "0", words=("--threshold",))
        self.refused(slowed("0"), slowed("1"), "--threads", "2", *COMPUTE, words=("serial kernels",))


class OwnThreads(Compare):
    """The plugins fail unless they have the number of threads that is asked for: one, where they do not declare it."""

    def setUp(self) -> None:
        super().setUp()
        if not Path(plugin("openmp")).exists():
            self.skipTest("no OpenMP")

    def timed(self, base: str, new: str, threads: str) -> None:
        rule = ("--workload", "h=2,q=40,d=8", "--threads", threads, *ONE_BLOCK, "--launches", "2")
        record = self.folder / "record.json"
        done = attnbench(
            "compare", plugin(base), plugin(new), *rule, "--json", record, env=environment(OMP_NUM_THREADS="5")
        )
        for one in json.loads(record.read_text(encoding="utf-8"))["comparisons"]:
            self.assertIn("pairs", one, done.stdout + done.stderr)
            self.assertNotEqual("wrong", one["verdict"], one["words"])
            self.assertEqual(2, len(one.get("launches", [])), one["words"])

    def test_as_many_as_are_asked_for(self) -> None:
        self.timed("openmp", "openmp_static", "1,2,3")

    def test_one_where_it_declares_none(self) -> None:
        self.timed("openmp_untold", "openmp_untold_static", "1")


class Memory(Compare):
    @unittest.skipUnless(Path(plugin("no_memory")).exists(), "built neither beside sanitizers nor for an emulator")
    def test_what_is_lost_for_want_of_it_is_no_pass(self) -> None:
        short = environment(LD_PRELOAD=plugin("no_memory"))
        done = attnbench("compare", plugin("well"), plugin("well"), *TINY, env=short)
        self.assertEqual(BUG, done.returncode, done.stdout + done.stderr)
        self.assertIn("out of memory for what was compared", done.stderr)
        self.assertNotIn("identical", done.stdout)


class NeverTimed(Compare):
    def test_a_wrong_kernel_is_a_finding_with_its_reason(self) -> None:
        done, record = self.compare(plugin("well"), plugin("is_wrong"), *TINY, code=FINDING)
        (one,) = record["comparisons"]
        self.assertEqual("wrong", one["verdict"])
        self.assertNotIn("pairs", one)
        self.assertIn("NEW, is_wrong:", one["why"])
        self.assertIn("verify", done.stderr)

    def test_crashes_later_and_hangs_are_findings(self) -> None:
        for name in ("crashes_running", "crashes_later"):
            _, record = self.compare(plugin("well"), plugin(name), *TINY, code=FINDING)
            self.assertEqual("wrong", record["comparisons"][0]["verdict"])
            self.assertIn(name, record["comparisons"][0]["why"])

    def test_what_fails_when_it_is_warmed_up_is_wrong(self) -> None:
        for names in (("well", "fails_again"), ("fails_again", "well")):
            done, record = self.compare(*map(plugin, names), *TINY, code=FINDING)
            (one,) = record["comparisons"]
            self.assertEqual("wrong", one["verdict"])
            self.assertEqual("fails_again:odd_plain failed when it was warmed up", one["why"])
            self.assertNotIn("pairs", one)
            self.assertIn("1 wrong", done.stdout)

    def test_identical_code_is_judged(self) -> None:
        _, record = self.compare(plugin("is_wrong"), plugin("is_wrong"), *TINY, code=FINDING)
        self.assertEqual("wrong", record["comparisons"][0]["verdict"])

    def test_a_crash_in_a_launch_is_a_finding(self) -> None:
        """Launches are made where the time of stage one was too short."""
        rule = (*ONE_BLOCK, "--launches", "2")
        for names in (("well", "crashes_launched"), ("crashes_launched", "well")):
            done, record = self.compare(*map(plugin, names), *TINY, *rule, code=FINDING)
            self.assertRegex(record["comparisons"][0]["why"], r"crashes_launched:odd_plain: signal 6 .* in launch 1")
            self.assertIn("1 wrong", done.stdout)

    def test_different_abilities_are_undecided(self) -> None:
        backward = ("--workload", "h=2,q=9,d=8,pass=backward")
        _, record = self.compare("builtin", plugin("builtin"), "--kernel", "naive*", *backward, code=UNDECIDED)
        self.assertEqual("unsupported", record["comparisons"][0]["verdict"])


class Interruption(Compare):
    def interrupt(
        self, happened: Callable[[subprocess.Popen[str]], Any], *arguments: str
    ) -> tuple[str, dict[str, Any]]:
        """When that has happened: what was said, and the record."""
        path, hanging = self.folder / "record.json", environment(ODD_HANGS=str(self.folder / "hangs"))
        command = [PROGRAM, "compare", *arguments, "--json", str(path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=hanging, text=True)
        until(lambda: heeds(process) and happened(process), process)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=PATIENCE)
        self.assertEqual(INTERRUPTED, process.returncode, out + error)
        return out, json.loads(path.read_text(encoding="utf-8"))

    def hangs(self, _: subprocess.Popen[str]) -> bool:
        return (self.folder / "hangs").exists()

    def test_what_was_measured_is_kept(self) -> None:
        _, record = self.interrupt(launches, slowed("0"), slowed("100"), *COMPUTE, "--launches", "64")
        self.assertTrue(record["comparisons"])

    def test_what_was_not_begun_is_counted(self) -> None:
        """A kernel that hangs in the first case of two."""
        page = self.folder / "page.md"
        both = (*TINY, "--workload", "h=2,q=90,d=8")
        sides = (plugin("well"), plugin("hangs_later"))
        out, record = self.interrupt(self.hangs, *sides, *both, "--markdown", str(page))
        left = 2 - len(record["comparisons"])
        self.assertGreater(left, 0)
        self.assertEqual(left, record["context"]["attnbench"]["compare"]["not_begun"])
        self.assertIn(f"{left} not begun; threshold", out)
        self.assertIn(f"Interrupted: {left} of 2 cases were not begun.", page.read_text(encoding="utf-8"))

    def test_a_hanging_call_does_not_hold_it_up(self) -> None:
        """Nor is it blamed, as it would be after 50 s."""
        _, record = self.interrupt(self.hangs, plugin("well"), plugin("hangs_later"), *TINY)
        self.assertNotIn("wrong", [one["verdict"] for one in record["comparisons"]])

    def test_a_build_meanwhile_is_noticed(self) -> None:
        """The sides are printed when stage one is done; launches are still to come."""
        module = self.folder / "kernels.so"
        shutil.copy(slowed("100"), module)
        with subprocess.Popen(
            [PROGRAM, "compare", slowed("0"), str(module), *COMPUTE, "--launches", "64"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
        ) as process:
            while not process.stdout.readline().startswith("NEW:"):
                self.assertIsNone(process.poll())
            module.unlink()
            shutil.copy(slowed("again"), module)
            out, error = process.communicate(timeout=PATIENCE)
        self.assertEqual(UNDECIDED, process.returncode, out + error)
        self.assertIn("NEW was changed while it was compared", error)


class Selftest(unittest.TestCase):
    def test_the_clock_counts_what_it_said(self) -> None:
        """Few runs: enough for the table to be made; that its figures are good is for a run by hand."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "clock.json"
            done = attnbench("selftest", "clock", "--runs", "1", "--neighbours", "1", "--json", path)
            self.assertIn(done.returncode, (WELL, FINDING), done.stdout + done.stderr)
            rows = json.loads(path.read_text(encoding="utf-8"))["clock"]["rows"]
        self.assertEqual([0, 0.01, 0.02, 0.05] * 2, [row["true"] for row in rows])
        for row in rows:
            self.assertEqual(1, row["slower"] + row["faster"] + row["neither"] + row["undecided"])
        self.assertEqual(USAGE, attnbench("selftest", "clock", "--runs", "0").returncode)

    def test_some_slowdowns_only(self) -> None:
        done = attnbench("selftest", "clock", "--runs", "1", "--only", "5,2", "--json", "-")
        self.assertEqual([0.02, 0.05] * 2, [row["true"] for row in json.loads(done.stdout)["clock"]["rows"]])
        for wrong in ("3", "0,0", "2,", "02"):
            done = attnbench("selftest", "clock", "--only", wrong)
            self.assertEqual(USAGE, done.returncode, wrong)
            self.assertIn("0, 1, 2 and 5", done.stderr)


class Records(Compare):
    def record(self, name: str, times: list[float], **context: str) -> str:
        entries = [
            {"name": "k/w/threads:1", "run_type": "iteration", "real_time": t, "cpu_time": t, "time_unit": "us"}
            for t in times
        ]
        ours = {"schema": 1, "cpu": "c", "cpu_id": "i", **context}
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps({"context": {"attnbench": ours}, "benchmarks": entries}), encoding="utf-8")
        return str(path)

    def run_on(self, base: str, new: str, code: int, *words: str) -> None:
        done = attnbench("compare", base, new)
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        for word in words:
            self.assertIn(word, done.stdout + done.stderr)

    def test_verdicts_on_records(self) -> None:
        base = self.record("base", [100 + i % 3 for i in range(20)])
        slow = self.record("slow", [110 + i % 3 for i in range(20)])
        self.run_on(base, slow, FINDING, "9.9 % slower than BASE", "weaker")
        self.run_on(base, self.record("fast", [80 + i % 3 for i in range(20)]), WELL, "20 % faster than BASE")
        self.run_on(base, self.record("same", [101 + i % 3 for i in range(20)]), WELL, "no difference beyond 5 %")
        self.run_on(base, self.record("wide", [90 + 2 * i for i in range(20)]), UNDECIDED, "could not tell")

    def test_records_make_a_record_and_a_page(self) -> None:
        base = self.record("base", [100 + i % 3 for i in range(20)])
        wide = self.record("wide", [90 + 2 * i for i in range(20)])
        page = self.folder / "page.md"
        _, made = self.compare(base, wide, "--markdown", str(page), code=UNDECIDED)
        (one,) = made["comparisons"]
        self.assertEqual(("k", "k", "w", 1), (one["base"], one["new"], one["workload"], one["threads"]))
        self.assertEqual("could not tell", one["verdict"])
        self.assertAlmostEqual(109 / 101, one["ratio"])
        low, high = one["interval"]
        self.assertLess(low, one["ratio"])
        self.assertAlmostEqual(1.05 * one["ratio"] / low - 1, one["visible"])
        self.assertIn("would have shown", one["words"])
        self.assertEqual("c", made["context"]["attnbench"]["cpu"])
        self.assertEqual(0.05, made["context"]["attnbench"]["compare"]["delta"])
        self.assertIn("| could not tell | k | the same | w |", page.read_text(encoding="utf-8"))
        self.assertIn("weak witness", page.read_text(encoding="utf-8"))

    def test_entries_of_one_record_alone(self) -> None:
        base, new = self.record("base", [100] * 9), self.record("new", [100] * 9)
        for path, name in ((base, "gone"), (new, "fresh")):
            record = json.loads(Path(path).read_text(encoding="utf-8"))
            record["benchmarks"].append({**record["benchmarks"][0], "name": f"{name}/w/threads:1"})
            Path(path).write_text(json.dumps(record), encoding="utf-8")
        self.run_on(base, new, WELL, "gone/w/threads:1: only in BASE", "fresh/w/threads:1: only in NEW")

    def test_too_few_repetitions(self) -> None:
        base = self.record("base", [100] * 8)
        self.run_on(base, self.record("slow", [200] * 8), UNDECIDED, "too few", "9 of each")
        self.run_on(self.record("b9", [100] * 9), self.record("s9", [200] * 9), FINDING, "slower")

    def test_other_machines_and_other_names(self) -> None:
        base = self.record("base", [100] * 9)
        self.run_on(base, self.record("other", [100] * 9, cpu="d"), UNDECIDED, "differ in cpu")
        damaged = self.folder / "damaged.json"
        damaged.write_text("{", encoding="utf-8")
        self.run_on(base, str(damaged), USAGE, "damaged")


if __name__ == "__main__":
    sys.exit(unittest.main())
