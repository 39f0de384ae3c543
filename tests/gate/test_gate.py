#!/usr/bin/env python3
"""gate through the program: exit codes, baselines, waivers, records, pages, and all that is refused."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
import sys
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from command_line import APART, BUG, FINDING, ONE_BLOCK, TRIES, UNDECIDED, USAGE, WELL, attnbench, environment
from gate_fixture import CASE, COMPUTE, QUICK, TINY, Gate, plugin, slowed


class Verdicts(Gate):
    def test_a_slower_kernel_fails_with_its_case(self) -> None:
        junit, summary = self.folder / "gate.xml", self.folder / "summary.md"
        summary.write_text("before\n", encoding="utf-8")
        outputs = ("--junit", junit, "--summary", summary)
        done, record = self.against(slowed("0"), slowed("100"), *COMPUTE, *QUICK, *outputs, code=FINDING)
        (one,) = record["gate"]["cases"]
        self.assertEqual((CASE, "slower"), (one["case"], one["outcome"]))
        self.assertGreater(one["ratio"], 1.4)
        self.assertFalse(record["gate"]["passed"])
        self.assertIn(CASE, done.stdout)
        self.assertIn("compared 1 of 1", done.stdout)
        suite = ElementTree.parse(junit).getroot()[0]
        self.assertEqual(("2", "1"), (suite.get("tests"), suite.get("failures")))
        self.assertEqual("slower", suite.find(f"testcase[@name='{CASE}']/failure").get("type"))
        page = summary.read_text(encoding="utf-8")
        self.assertTrue(page.startswith("before\n"))
        self.assertIn("# attnbench gate: failed", page)
        self.assertIn("| slower | slowed\\_rows/", page)

    def test_slower_at_one_code_offset_alone_is_not_blamed(self) -> None:
        if platform.machine() != "x86_64":
            self.skipTest("code is moved on x86-64 alone")
        both = (plugin("placed_0"), plugin("placed_100"))
        for _ in range(TRIES):
            done, record = self.against(*both, *COMPUTE, *QUICK, *APART, code=UNDECIDED)
            if "moved_launches" in record["comparisons"][0]:
                break
        self.assertEqual("could not tell", record["gate"]["cases"][0]["outcome"])
        self.assertRegex(done.stdout, r"slower by [.0-9]+ % where the linker put it, .* at other code offsets")
        self.assertEqual(8, len(record["comparisons"][0]["moved_launches"]))
        self.against(*both, *COMPUTE, *APART, "--launches", "0", code=FINDING)

    def test_equally_fast_code_passes(self) -> None:
        _, record = self.against(slowed("0"), slowed("again"), *COMPUTE, *APART, code=WELL)
        self.assertEqual("passed", record["gate"]["cases"][0]["outcome"])
        self.assertTrue(record["gate"]["passed"])

    def test_what_is_faster_passes_unconfirmed(self) -> None:
        _, record = self.against(slowed("100"), slowed("0"), *COMPUTE, code=WELL)
        self.assertEqual("faster", record["gate"]["cases"][0]["outcome"])
        self.assertNotIn("launches", record["comparisons"][0])

    def test_identical_code_is_not_timed(self) -> None:
        _, record = self.against(slowed("0"), slowed("0"), *COMPUTE, code=WELL)
        self.assertEqual("identical code", record["gate"]["cases"][0]["outcome"])
        self.assertNotIn("pairs", record["comparisons"][0])

    def test_identical_code_that_is_wrong_fails_with_its_reproducer(self) -> None:
        done, record = self.against(plugin("is_wrong"), plugin("is_wrong"), *TINY, code=FINDING)
        (one,) = record["gate"]["cases"]
        self.assertEqual("wrong", one["outcome"])
        self.assertIn("attnbench verify --plugin", one["reproducer"])
        self.assertIn(one["reproducer"], done.stdout)
        self.assertNotIn("pairs", record["comparisons"][0])

    def test_identical_code_that_cannot_run_here_was_not_compared(self) -> None:
        done, record = self.against(plugin("declines"), plugin("declines"), *TINY, code=UNDECIDED)
        self.assertEqual("unsupported", record["gate"]["cases"][0]["outcome"])
        self.assertIn("does not like it", record["gate"]["cases"][0]["words"])
        self.assertIn("compared 0 of 1; 1 not supported here", done.stdout)
        mixed = ("--workload", "h=2,q=9,d=8,pass=backward", *COMPUTE)
        done, _ = self.against(slowed("0"), slowed("0"), *mixed, code=WELL)
        self.assertIn("compared 1 of 2; 1 not supported here", done.stdout)

    def test_a_wrong_kernel_is_never_timed_and_can_be_repeated(self) -> None:
        junit = self.folder / "gate.xml"
        done, record = self.against(plugin("well"), plugin("is_wrong"), *TINY, "--junit", junit, code=FINDING)
        (one,) = record["gate"]["cases"]
        self.assertEqual("wrong", one["outcome"])
        self.assertNotIn("pairs", record["comparisons"][0])
        self.assertRegex(one["reproducer"], r"^attnbench verify --plugin '.*/kernels.so' --kernel kernels:odd_plain ")
        self.assertIn(one["reproducer"], done.stdout)
        self.assertIn(one["reproducer"], ElementTree.parse(junit).getroot().find(".//failure").text)

    def test_what_crashes_while_it_is_timed_is_wrong(self) -> None:
        """The line that verifies it would pass."""
        _, record = self.against(plugin("well"), plugin("crashes_later"), *TINY, code=FINDING)
        (one,) = record["gate"]["cases"]
        self.assertEqual("wrong", one["outcome"])
        self.assertIn("signal 6 (Aborted) while it was timed", one["words"])
        self.assertNotIn("reproducer", one)

    @unittest.skipUnless(plugin("no_memory").exists(), "built neither beside sanitizers nor for an emulator")
    def test_what_is_lost_for_want_of_memory_is_no_pass(self) -> None:
        baseline = self.save(plugin("well"))
        short = environment(LD_PRELOAD=str(plugin("no_memory")))
        flags = ("--baseline", baseline, "--plugin", self.module(plugin("well")), *TINY, "--json", self.record)
        done = attnbench("gate", *flags, cwd=self.folder, env=short)
        self.assertEqual(BUG, done.returncode, done.stdout + done.stderr)
        self.assertIn("out of memory for what was compared", done.stderr)
        self.assertFalse(json.loads(self.record.read_text(encoding="utf-8"))["gate"]["passed"])

    def test_a_base_that_is_wrong_is_nothing_to_compare_with(self) -> None:
        _, record = self.against(plugin("is_wrong"), plugin("well"), *TINY, code=UNDECIDED)
        self.assertEqual("new", record["gate"]["cases"][0]["outcome"])

    def test_a_gate_that_compared_nothing_never_passes(self) -> None:
        backward = ("--workload", "h=2,q=9,d=8,pass=backward")
        done, record = self.against(slowed("0"), slowed("100"), *backward, code=UNDECIDED)
        self.assertEqual(0, record["gate"]["compared"])
        self.assertIn("compared 0 of 1; 1 not supported here", done.stdout)
        short = (*COMPUTE, "--launches", "0", *ONE_BLOCK)
        done, _ = self.against(slowed("0"), slowed("100"), *short, code=UNDECIDED)
        self.assertIn(f"could not tell {CASE}: the time was up; ", done.stdout)
        self.assertIn("\ncould not tell: 1 open; threshold", done.stdout)

    def test_less_accurate_is_a_finding(self) -> None:
        junit, page = self.folder / "gate.xml", self.folder / "page.md"
        only = (*TINY, "--threshold", "100", "--launches", "0")
        outputs = ("--junit", junit, "--markdown", page)
        done, record = self.against(plugin("well"), plugin("rounds"), *only, *outputs, code=FINDING)
        self.assertNotIn(record["gate"]["cases"][0]["outcome"], ("wrong", "slower"))
        (errors,) = record["gate"]["accuracy"]
        self.assertTrue(errors["worse"])
        for base, new in (errors["ratio"], errors["rms"]):
            self.assertGreater(new, 2 * base)
        self.assertLess(errors["ratio"][1], 1)
        self.assertRegex(done.stdout, r"less accurate  odd_plain: error / bound .*, was .*; pooled z .*, was ")
        failure = ElementTree.parse(junit).getroot().find(".//testcase[@classname='accuracy']/failure")
        self.assertEqual("less accurate", failure.get("type"))
        self.assertIn("less accurate: odd\\_plain", page.read_text(encoding="utf-8"))
        _, record = self.against(plugin("rounds"), plugin("well"), *only, code=WELL)
        self.assertFalse(record["gate"]["accuracy"][0]["worse"])


class Waivers(Gate):
    def with_waiver(self, line: str, code: int) -> str:
        path = self.folder / "waivers"
        path.write_text(f"# accepted\n{line}\n", encoding="utf-8")
        flags = (*COMPUTE, *QUICK, "--waivers", path)
        done, record = self.against(slowed("0"), slowed("100"), *flags, code=code)
        return done.stdout + json.dumps(record.get("gate", {}))

    def test_a_waiver_is_shown(self) -> None:
        said = self.with_waiver("slowed_rows/* 150% 2999-12-31 checks added", WELL)
        self.assertIn("waived", said)
        self.assertIn("accepted up to 150 % until 2999-12-31: checks added", said)

    def test_beyond_its_limit_it_fails(self) -> None:
        self.assertIn("its waiver allows no more than 2 %", self.with_waiver("slowed_rows/* 2% 2999-12-31 x", FINDING))

    def test_an_expired_one_fails_and_says_so(self) -> None:
        said = self.with_waiver("slowed_rows/* 150% 2001-01-01 checks added", FINDING)
        self.assertIn("its waiver expired after 2001-01-01: checks added", said)

    def test_one_that_nothing_needs_is_noted(self) -> None:
        baseline, new = self.save(plugin("well")), self.module(plugin("well"))
        path = self.folder / "waivers"
        path.write_text("odd_plain/* 2% 2999-12-31 x\n", encoding="utf-8")
        done, _ = self.run_gate("--baseline", baseline, "--plugin", new, *TINY, "--waivers", path, code=WELL)
        self.assertIn("the waiver for odd_plain/* is not needed", done.stdout)

    def test_one_that_names_no_case_is_told_how_they_are_named(self) -> None:
        said = self.with_waiver(f"slowed_0.so:{CASE} 150% 2999-12-31 x", FINDING)
        self.assertIn(f"matches no case; cases are named kernel/workload/threads:N, such as {CASE}", said)

    def test_a_reason_that_is_no_utf_8_is_shown(self) -> None:
        path = self.folder / "waivers"
        path.write_bytes(b"slowed_rows/* 150% 2999-12-31 \xe9tude\n")
        flags = (*COMPUTE, *QUICK, "--waivers", path)
        done, record = self.against(slowed("0"), slowed("100"), *flags, code=WELL)
        self.assertIn(f"{CASE}: NEW takes ", done.stdout.replace(": NEW is ", ": NEW takes "))
        self.assertEqual("?tude", record["gate"]["cases"][0]["waiver"]["reason"])

    def test_bad_files_are_refused(self) -> None:
        path = self.folder / "waivers"
        flags = ("--baseline", self.save(slowed("0")), "--plugin", self.module(slowed("100")), "--waivers", path)
        self.refused(USAGE, *flags, words=("--waivers", "No such file"))
        path.write_text("# x\nslowed_rows 2 2999-12-31 x\n", encoding="utf-8")
        self.refused(USAGE, *flags, words=("line 2", "limit such as 3%"))
        path.write_bytes(b"\0")
        self.refused(USAGE, *flags, words=("no text file",))


class Baselines(Gate):
    def setUp(self) -> None:
        super().setUp()
        self.baseline = self.save(slowed("0"))
        self.flags = ("--baseline", self.baseline, "--plugin", self.module(slowed("100")), *COMPUTE)

    def change_key(self, **fields: Any) -> None:
        """By somebody who knows how the sums are made."""
        path = self.baseline / "baseline.json"
        key = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({**key, **fields}), encoding="utf-8")
        names = ("baseline.json", key["module"])
        lines = [f"{hashlib.sha256((self.baseline / n).read_bytes()).hexdigest()}  {n}\n" for n in names]
        (self.baseline / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")

    def test_the_sums_are_those_of_sha256sum(self) -> None:
        before = (self.baseline / "SHA256SUMS").read_text(encoding="utf-8")
        self.change_key()
        subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=self.baseline, check=True)
        self.assertEqual(before.splitlines()[1], (self.baseline / "SHA256SUMS").read_text("utf-8").splitlines()[1])
        self.run_gate(*self.flags, "--launches", "0", code=FINDING)

    def test_a_tampered_one_is_not_loaded(self) -> None:
        for name in ("kernels.so", "baseline.json", "SHA256SUMS"):
            with self.subTest(name):
                path = self.baseline / name
                whole = path.read_bytes()
                try:
                    path.write_bytes(whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:])
                    self.refused(USAGE, *self.flags, words=("damaged", "not loaded", "rebuild the base"))
                    path.unlink()
                    refusal = UNDECIDED if name == "baseline.json" else USAGE
                    self.refused(refusal, *self.flags, words=("rebuild the base",))
                finally:
                    path.write_bytes(whole)

    def test_another_key_means_rebuild(self) -> None:
        others = {
            "compiler": "GCC 1", "flags": "-O0", "image": "Debian 1", "isa": "aarch64 portable", "abi": 131072,
            "schema": 2,
        }
        for field, value in others.items():
            with self.subTest(field):
                saved = json.loads((self.baseline / "baseline.json").read_text(encoding="utf-8"))
                self.change_key(**{field: value})
                word = "another version" if field == "schema" else "does not fit"
                self.refused(UNDECIDED, *self.flags, words=(word, "rebuild the base"))
                self.change_key(**saved)

    def test_flags_are_part_of_the_key(self) -> None:
        said = "does not fit (flags 'CFLAGS= LDFLAGS=', here '-O3')"
        self.refused(UNDECIDED, *self.flags, "--key", "-O3", words=(said,))
        env = environment(CFLAGS="-O1")
        done = attnbench("gate", *self.flags, cwd=self.folder, env=env)
        self.assertEqual(UNDECIDED, done.returncode, done.stderr)
        self.assertIn("CFLAGS=-O1", done.stderr)

    def test_a_foreign_key_file_is_damaged(self) -> None:
        self.change_key(module="../kernels.so")
        self.refused(USAGE, *self.flags, words=("damaged",))
        (self.baseline / "baseline.json").write_text("[]", encoding="utf-8")
        self.refused(USAGE, *self.flags, words=("damaged",))

    def test_no_baseline_means_rebuild(self) -> None:
        elsewhere = ("--baseline", self.folder / "none", *self.flags[2:])
        self.refused(UNDECIDED, *elsewhere, words=("no baseline", "rebuild the base"))

    def test_a_module_with_libraries_of_its_own_is_not_kept(self) -> None:
        beyond = ("save", self.folder / "b", "--plugin", plugin("twin_a"))
        self.refused(USAGE, *beyond, words=("which a baseline does not hold", "--base with --build"))

    def test_modules_that_are_none(self) -> None:
        flags = ("--baseline", self.baseline, "--plugin")
        self.refused(USAGE, *flags, "missing.so", words=("missing.so", "build it first"))
        self.refused(USAGE, *flags, plugin("major_abi"), words=("ABI",))
        self.refused(USAGE, "save", self.folder / "b", "--plugin", plugin("major_abi"), words=("ABI",))
        self.refused(USAGE, "save", "/proc/none/here", "--plugin", slowed("0"), words=("gate save",))

    def test_a_full_disk(self) -> None:
        if not Path("/dev/full").exists():
            self.skipTest("no /dev/full")
        done = attnbench("gate", *self.flags, "--launches", "0", "--summary", "/dev/full", cwd=self.folder)
        self.assertEqual(74, done.returncode, done.stderr)


class Flags(Gate):
    def test_what_does_not_fit_together(self) -> None:
        self.refused(USAGE, words=("--base REF", "--baseline DIR"))
        self.refused(USAGE, "--base", "HEAD", words=("--build",))
        self.refused(USAGE, "--build", "true", "--baseline", "x", words=("--base",))
        self.refused(USAGE, "keep", "x", words=("keep", "gate save DIR"))
        self.refused(USAGE, "save", words=("a folder",))
        self.refused(USAGE, "save", "x", "y", words=("takes one folder", "'y' is one too many"))
        self.refused(USAGE, "records", "x", "y", "z", words=("'z' is one too many",))
        self.refused(USAGE, "--baseline", "x", "--commit", "HEAD", words=("--commit is for 'gate save'",))
        self.refused(USAGE, "--baseline", "x", "--on-inconclusive", "maybe", words=("warn or fail",))
        self.refused(USAGE, "--baseline", "x", "--max-time", "-1", words=("--max-time",))
        self.refused(USAGE, "--baseline", "x", "--plugin", "a.so", "--plugin", "b.so", words=("--plugin",))
        self.refused(USAGE, "--baseline", "x", "--suite", "none", words=("no suite",))

    def test_unknown_flags_are_told_those_that_there_are(self) -> None:
        self.refused(USAGE, "--bogus", words=("--bogus", "--launches", "--commit"))
        self.assertNotRegex(attnbench("gate", "--bogus").stderr, r"--launch\b")
        self.refused(USAGE, "--baseline", "x", "--launch", "1", words=("unknown flag --launch",))

    def test_instruction_sets(self) -> None:
        flags = ("--baseline", self.save(slowed("0")), "--plugin", self.module(slowed("100")), *COMPUTE)
        self.refused(USAGE, *flags, "--require-isa", "mmx", words=("mmx",))
        lowered = environment(ATTNBENCH_ISA="portable")
        done = attnbench("gate", *flags, "--require-isa", "avx512", cwd=self.folder, env=lowered)
        self.assertEqual(UNDECIDED, done.returncode)
        self.assertIn("this machine has portable", done.stderr)
        self.run_gate(*flags, "--require-isa", "portable", "--launches", "0", code=FINDING)


class Records(Gate):
    """Made-up launches: time is what it takes, the ceiling what the machine is capable of in that launch."""

    def launches(self, name: str, factor: float, count: int = 10, spread: float = 0.01, **context: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        for i in range(count):
            mood, noise = 1 + 0.3 * (i % 3) + 1e-6 * i, 1 + spread * (-1) ** i  # no two read the same
            time = 100 * factor * noise * mood
            entry = {
                "name": "k/w/threads:1", "run_type": "iteration", "real_time": time, "cpu_time": time,
                "time_unit": "us", "share": 50 * mood / time,
            }
            ours = {"schema": 1, "cpu_id": "i", "compiler": "c", **context}
            record = {"context": {"attnbench": ours}, "benchmarks": [entry]}
            (folder / f"{i}.json").write_text(json.dumps(record), encoding="utf-8")
        return folder

    def test_a_machine_in_another_mood_is_no_slowdown(self) -> None:
        base, new = self.launches("base", 1), self.launches("new[1]", 1.02)  # what a shell would expand
        done, record = self.run_gate("records", base, new, code=WELL)
        (one,) = record["gate"]["cases"]
        self.assertEqual(("k/w/threads:1", "passed"), (one["case"], one["outcome"]))
        self.assertAlmostEqual(1.02, one["ratio"], 6)
        self.assertIn("advice, no finding", done.stdout)

    def test_slower_is_advice(self) -> None:
        base, new = self.launches("base", 1), self.launches("new", 1.2)
        done, _ = self.run_gate("records", base, new, code=UNDECIDED)
        self.assertIn("slower, as far as records can tell", done.stdout)
        _, record = self.run_gate("records", new, base, code=WELL)
        self.assertEqual("faster", record["gate"]["cases"][0]["outcome"])

    def test_what_is_not_compared(self) -> None:
        base = self.launches("base", 1)
        self.refused(UNDECIDED, "records", base, self.launches("few", 1, 9), words=("9 records", "10 at least"))
        other = self.launches("other", 1, compiler="d")
        self.refused(UNDECIDED, "records", base, other, words=("differ in compiler",))
        elsewhere = self.launches("elsewhere", 1, cpu="another")
        self.refused(UNDECIDED, "records", base, elsewhere, words=("differ in cpu;",))
        shutil.copy(elsewhere / "7.json", self.launches("mixed", 1.01) / "7.json")
        self.refused(UNDECIDED, "records", self.folder / "mixed", base, words=("differ in cpu;",))
        self.refused(USAGE, "records", base, words=("BASE and NEW",))
        (self.folder / "empty").mkdir()
        self.refused(UNDECIDED, "records", base, self.folder / "empty", words=("0 records",))
        self.refused(USAGE, "records", base, base / "0.json", words=("0.json", "Not a directory"))
        self.refused(USAGE, "records", base, self.folder / "none", words=("none", "No such file"))
        damaged = self.launches("damaged", 1)
        (damaged / "3.json").write_text("{", encoding="utf-8")
        self.refused(USAGE, "records", base, damaged, words=("3.json",))

    def test_copies_are_no_launches(self) -> None:
        base, new = self.launches("base", 1), self.launches("new", 1.01)
        self.refused(USAGE, "records", base, base, words=("base/0.json again",))
        shutil.copy(new / "3.json", new / "8.json")
        self.refused(USAGE, "records", base, new, words=("new/8.json holds the measurements of", "new/3.json again"))


if __name__ == "__main__":
    sys.exit(unittest.main())
