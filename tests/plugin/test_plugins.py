#!/usr/bin/env python3
"""Plugins through the program: proofs of the contract, ill ones, and that nothing a plugin does takes a run down.

The plugins are built from tests/plugins/. Only the standard library is used.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM = os.environ.get("ATTNBENCH", "build/attnbench")
BUILD = Path(os.environ.get("ATTNBENCH_BUILD", "build"))
FOLDER = BUILD / "tests" / "plugins"
SMALL = ("--workload", "h=2,q=9,d=8", "--class", "normal", "--threads", "1")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "ATTNBENCH_ISA"}
    return subprocess.run(
        [PROGRAM, *arguments], capture_output=True, text=True, errors="replace", timeout=900, env=environment
    )


def plugin(name: str) -> str:
    return str(FOLDER / f"{name}.so")


class Plugins(unittest.TestCase):
    def record(self, *arguments: str, code: int = 0) -> dict:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "record.json"
            done = run(*arguments, "--json", str(path))
            self.assertEqual(code, done.returncode, done.stdout + done.stderr)
            return json.loads(path.read_text(encoding="utf-8"))

    def verify(self, name: str, *arguments: str, code: int = 0) -> list[dict]:
        record = self.record("verify", "--plugin", plugin(name), "--kernel", f"{name}:*", *arguments, code=code)
        return record["cases"]

    def refused(self, path: str, *words: str) -> None:
        for command in (("list", "kernels"), ("verify", *SMALL), ("bench", *SMALL[:2]), ("run",)):
            done = run(*command, "--plugin", path)
            self.assertEqual(2, done.returncode, f"{path}: {done.stdout}{done.stderr}")
            lines = done.stderr.splitlines()
            self.assertEqual(1, len(lines), done.stderr)
            self.assertEqual("", done.stdout)
            self.assertIn(path, lines[0])
            for word in words:
                self.assertIn(word, lines[0])


class Proofs(Plugins):
    def test_a_plain_one_passes(self) -> None:
        (case,) = self.verify("well", *SMALL)
        self.assertEqual(("well:odd_plain", "pass", "full"), (case["kernel"], case["status"], case["verdict"]))

    def test_in_a_folder_whose_name_is_no_text(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            named = os.fsdecode(os.fsencode(folder) + b"/\xff")
            os.mkdir(named)
            path = shutil.copy(plugin("is_wrong"), named)
            record = self.record("verify", "--plugin", path, "--kernel", "is_wrong:*", *SMALL, code=1)
        (case,) = record["cases"]
        self.assertIn("/?/is_wrong.so", case["reproducer"])
        self.assertIn("/?/is_wrong.so", record["context"]["attnbench"]["plugins"][0]["file"])
        self.assertIn("/?/is_wrong.so", record["context"]["attnbench"]["command"])

    def test_built_in_kernels_are_plugins_unchanged(self) -> None:
        listed = run("list", "kernels", "--plugin", plugin("builtin")).stdout.splitlines()
        names = [line.split()[0] for line in listed]
        built_in = [name for name in names if ":" not in name]
        self.assertGreaterEqual(len(built_in), 3)
        self.assertEqual(built_in, [name.removeprefix("builtin:") for name in names if ":" in name])
        workload = ("--workload", "h=4,hkv=2,q=70,d=40,mask=causal", "--class", "normal,masked", "--threads", "1,2")
        cases = self.verify("builtin", *workload)
        own = self.record("verify", "--kernel", "*", *workload)["cases"]

        def facts(case: dict) -> tuple:
            kernel = case["kernel"].removeprefix("builtin:")
            return kernel, case["class"], case["threads"], case["status"], case.get("inner"), case.get("output")

        self.assertEqual([facts(case) for case in own], [facts(case) for case in cases])
        self.assertTrue(any(case["threads"] == 2 and case.get("inner") in built_in for case in cases))

    def test_a_plugin_of_an_older_header(self) -> None:
        (case,) = self.verify("older", *SMALL)
        self.assertEqual("pass", case["status"])

    def test_threads_of_its_own(self) -> None:
        if not Path(plugin("openmp")).exists():
            self.skipTest("built without OpenMP")
        cases = self.verify("openmp", "--workload", "h=2,q=40,d=8", "--class", "normal", "--threads", "1,2,3")
        # The kernel fails where its runtime starts another number of threads than was asked for.
        self.assertEqual([(1, "pass"), (2, "pass"), (3, "pass")], [(c["threads"], c["status"]) for c in cases])

    def test_pages_and_packed_batches(self) -> None:
        for name, key in (("paged", "page=16"), ("ragged", "ragged=1")):
            workload = f"b=3,h=4,hkv=2,q=9,k=40,d=8,mask=causal,q_pos=end,{key}"
            arguments = ("--plugin", plugin(name), "--kernel", f"{name}:*", "--workload", workload)
            done = run("verify", *arguments, "--class", "normal,outliers")
            if "the reference reads neither" in done.stderr:
                self.skipTest("no reference for pages and packed batches")
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
            self.assertIn("\n2 passed", done.stdout)
            # Without the feature in its capabilities a kernel refuses by itself.
            (case,) = self.verify("well", "--workload", f"b=3,h=4,q=9,k=40,d=8,{key}", "--class", "normal", code=3)
            self.assertEqual("unsupported", case["status"])

    def test_accepts_is_asked_in_the_child(self) -> None:
        (case,) = self.verify("declines", *SMALL, code=3)
        self.assertEqual(("unsupported", "does not like it"), (case["status"], case["reason"]))


class BadFiles(Plugins):
    def test_what_is_no_plugin(self) -> None:
        self.refused("/", "folder")
        self.refused("/dev/null", "no shared library")
        self.refused(str(FOLDER / "none.so"), "No such file")
        self.refused(PROGRAM, "attn_plugin_entry")

    def test_broken_files(self) -> None:
        whole = Path(plugin("well")).read_bytes()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "broken.so"
            for length in (0, 10, 64, 4096, len(whole) // 2, len(whole) - 100):
                path.write_bytes(whole[:length])
                done = run("list", "kernels", "--plugin", str(path))
                self.assertEqual(2, done.returncode, f"cut to {length} bytes: {done.stdout}{done.stderr}")
                self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
            path.write_bytes(whole[:18] + b"\xff\x7f" + whole[20:])
            self.refused(str(path), "another kind of machine")

    def test_bytes_of_noise_never_crash_the_reader(self) -> None:
        whole = bytearray(Path(plugin("well")).read_bytes())
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "noise.so"
            for seed in range(150):
                at = (seed * 2654435761) % (len(whole) if seed % 3 else 4096)
                spoiled = bytearray(whole)
                spoiled[at : at + 8] = bytes((seed * 37 + i * 101) % 256 for i in range(8))
                path.write_bytes(spoiled)
                done = run("list", "kernels", "--plugin", str(path))
                self.assertIn(done.returncode, (0, 2), f"seed {seed}, offset {at}: {done.stderr}")

    def test_other_abis(self) -> None:
        self.refused(plugin("major_abi"), "ABI 2.0", "1.0")
        self.refused(plugin("minor_abi"), "ABI 1.1")
        self.refused(plugin("kernel_abi"), "ABI 1.1")

    def test_bad_entries(self) -> None:
        self.refused(plugin("short_entry"), "shorter than")
        self.refused(plugin("no_kernels"), "0 kernels")
        self.refused(plugin("one_name_twice"), "two of its kernels are named odd_plain")
        self.refused(plugin("bad_name"), "name of kernel 0")
        self.refused(plugin("bad_idea"), "UTF-8")

    def test_loading_that_fails(self) -> None:
        self.refused(plugin("crashes_loading"), "signal 6")
        self.refused(plugin("exits_loading"), "exit(0)")
        done = run("list", "kernels", "--plugin", plugin("hangs_loading"))
        self.assertEqual((2, 1), (done.returncode, len(done.stderr.splitlines())))
        self.assertIn("not finished", done.stderr)

    def test_no_code_runs_where_no_kernel_can(self) -> None:
        # Its constructor aborts, so it was not loaded if this ends well.
        (case,) = self.verify("no_such_isa", *SMALL, code=3)
        self.assertEqual("unsupported", case["status"])

    def test_two_of_one_name(self) -> None:
        done = run("list", "--plugin", plugin("well"), "--plugin", plugin("well"))
        self.assertEqual(2, done.returncode)
        self.assertIn("named well", done.stderr)

    def test_no_such_kernel_in_it(self) -> None:
        done = run("verify", "--plugin", plugin("well"), "--kernel", "well:none")
        self.assertEqual(2, done.returncode)
        self.assertIn("well:odd_plain", done.stderr)


class Misbehaviour(Plugins):
    def fails(self, name: str, status: str, words: str, *arguments: str) -> dict:
        (case,) = self.verify(name, *SMALL, *arguments, code=1)
        self.assertEqual(status, case["status"])
        self.assertIn(words, case["reason"])
        self.assertIn("--plugin", case["reproducer"])
        return case

    def test_each_kind_is_told_apart(self) -> None:
        self.fails("crashes_planning", "crash", "signal 6")
        self.fails("hangs_planning", "hang", "not finished", "--time-limit", "1")
        self.fails("crashes_running", "crash", "signal 6")
        self.fails("exits_running", "fail", "exit(0)")
        case = self.fails("hangs_running", "hang", "not finished after 0.5 s", "--time-limit", "0.5")
        self.assertTrue(case["reproducer"].endswith(" --time-limit 0.5"), case["reproducer"])
        self.fails("hangs_closed", "hang", "not finished", "--time-limit", "1")
        self.fails("is_wrong", "fail", "its bound")

    def test_the_others_are_judged_all_the_same(self) -> None:
        names = ("crashes_running", "exits_running", "well")
        files = [word for name in names for word in ("--plugin", plugin(name))]
        record = self.record("verify", *files, "--kernel", "*:*", *SMALL, code=1)
        self.assertEqual(["crash", "fail", "pass"], [case["status"] for case in record["cases"]])
        self.assertEqual(list(names), [p["name"] for p in record["context"]["attnbench"]["plugins"]])

    def test_flush_to_zero_is_undone_and_told(self) -> None:
        done = run("verify", "--plugin", plugin("flushes_loading"), "--kernel", "flushes_loading:*", *SMALL)
        self.assertEqual(0, done.returncode, done.stdout)
        self.assertIn("flush-to-zero", done.stderr)
        done = run("verify", "--plugin", plugin("flushes_running"), "--kernel", "flushes_running:*", *SMALL)
        self.assertEqual(1, done.returncode, done.stdout)
        self.assertEqual("", done.stderr)
        self.assertIn("[cpu-state] after the call: flush-to-zero switched on", done.stdout)

    def test_the_record_says_what_was_loaded(self) -> None:
        record = self.record("verify", "--plugin", plugin("well"), "--kernel", "well:*", *SMALL)
        (entry,) = record["context"]["attnbench"]["plugins"]
        self.assertEqual(("well", "odd 1", True, False),
                         (entry["name"], entry["build_id"], entry["loaded"], entry["flush_to_zero"]))
        self.assertEqual(str(Path(plugin("well")).resolve()), entry["file"])
        self.assertEqual(entry["file"], entry["libraries"][0])
        self.assertRegex(entry["digest"], "^[0-9a-f]{16}$")


class Isolation(Plugins):
    def test_a_symbol_that_the_program_answers_is_told(self) -> None:
        done = run("list", "kernels", "--plugin", plugin("twin_interposed"))
        self.assertEqual((0, 1), (done.returncode, len(done.stderr.splitlines())))
        self.assertIn("cbrt", done.stderr)
        self.assertEqual("", run("list", "kernels", "--plugin", plugin("twin_symbolic")).stderr)

    def test_two_builds_that_share_are_timed_apart(self) -> None:
        for second, told in (("twin_b", True), ("twin_inside_b", False)):
            files = ("--plugin", plugin("twin_a"), "--plugin", plugin(second))
            done = run("bench", *files, "--kernel", "*:*", *SMALL[:2], *Timing.QUICK)
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
            self.assertEqual(told, "processes of their own" in done.stderr, done.stderr)
            self.assertIn(f"{second}:twin_plain", done.stdout)


class Timing(Plugins):
    """A timed plugin may die at any call, long after its check: its entry says so and the others keep their times."""

    QUICK = ("--", "--benchmark_repetitions=2", "--benchmark_min_time=0.005")
    LATER = ("--", "--benchmark_repetitions=2", "--benchmark_min_time=0.1")  # thousands of calls

    def bench(self, *arguments: str, code: int = 0, flags: tuple[str, ...] = QUICK) -> dict[str, dict]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "times.json"
            done = run("bench", *arguments, "--json", str(path), *flags)
            self.assertEqual(code, done.returncode, done.stdout + done.stderr)
            entries = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
            return {entry["name"]: entry for entry in entries if entry["run_type"] == "iteration"}

    def test_beside_built_in_kernels(self) -> None:
        entries = self.bench("--plugin", plugin("well"), *SMALL[:2])
        self.assertGreater(entries["well:odd_plain/h=2,q=9,d=8/threads:1"]["gflops"], 0)
        self.assertGreater(len(entries), 3)
        self.assertEqual(len(entries), len({entry["family_index"] for entry in entries.values()}))

    def test_threads_of_its_own(self) -> None:
        if not Path(plugin("openmp")).exists():
            self.skipTest("built without OpenMP")
        entries = self.bench("--plugin", plugin("openmp"), "--kernel", "openmp:*", *SMALL[:2], "--threads", "1,2,3")
        self.assertEqual([1, 2, 3], sorted(entry["threads"] for entry in entries.values()))
        self.assertTrue(all(entry["real_time"] > 0 for entry in entries.values()))

    def test_lazy_set_up_is_seen(self) -> None:
        files = ("--plugin", plugin("begins_slowly"), "--plugin", plugin("well"))
        done = run("bench", *files, "--kernel", "*:odd_plain", *SMALL[:2], "--threads", "1", *self.QUICK)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        # Others may be slow as well, where the machine held up their first calls.
        slow = [line for line in done.stdout.splitlines() if "first call" in line and "begins_slowly:odd_plain" in line]
        self.assertEqual(1, len(slow), done.stdout)
        self.assertIn("times as long as the median: begins_slowly:odd_plain, h=2,q=9,d=8, threads:1", slow[0])

    def test_dying_while_timed(self) -> None:
        files = ("--plugin", plugin("crashes_later"), "--plugin", plugin("well"), "--plugin", plugin("crashes_running"))
        entries = self.bench(*files, *SMALL[:2], "--threads", "1", code=1, flags=self.LATER)
        failed = {name.split("/")[0]: e["error_message"] for name, e in entries.items() if e.get("error_message")}
        self.assertEqual({"crashes_later:odd_plain", "crashes_running:odd_plain"}, set(failed))
        self.assertIn("while it was timed", failed["crashes_later:odd_plain"])
        self.assertNotIn("while it was timed", failed["crashes_running:odd_plain"])
        timed = [name for name, entry in entries.items() if entry.get("gflops", 0) > 0]
        self.assertGreaterEqual(len(timed), 4)

    def test_dying_beside_others_in_one_child(self) -> None:
        entries = self.bench("--plugin", plugin("crashes_later"), *SMALL[:2], code=1, flags=self.LATER)
        (failed,) = [name for name, entry in entries.items() if entry.get("error_message")]
        self.assertTrue(failed.startswith("crashes_later:"))
        self.assertGreaterEqual(len(entries), 4)

    def test_all_console_formats(self) -> None:
        for form in ("console", "csv", "json"):
            done = run("bench", "--plugin", plugin("well"), *SMALL[:2], *self.QUICK, f"--benchmark_format={form}")
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn("well:odd_plain/h=2,q=9,d=8/threads:1", done.stdout)
            if form == "json":
                self.assertGreater(len(json.loads(done.stdout)["benchmarks"]), 3)
            else:
                heads = [x for x in done.stdout.splitlines() if x.startswith(("Benchmark ", "name,"))]
                self.assertEqual(1, len(heads))


if __name__ == "__main__":
    sys.exit(unittest.main())
