#!/usr/bin/env python3
"""gate through the program against commits: bases that are built, limits of time, interruption.

The "build" of a commit copies one of harness/slowed's.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

from command_line import (
    APART,
    FINDING,
    INTERRUPTED,
    PATIENCE,
    PROGRAM,
    UNDECIDED,
    USAGE,
    WELL,
    Result,
    attnbench,
    environment,
    heeds,
    launches,
    until,
)
from gate_fixture import COMPUTE, QUICK, SLOWED, TINY, Gate, plugin, slowed


def state_of(process: int) -> str:
    """As ps shows it; "Z" also where it is gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


class Commits(Gate):
    """A repository whose build copies what a file in it names."""

    COMMAND = f'mkdir -p out && cp "{SLOWED}/slowed_$(cat build).so" out/kernels.so'

    def setUp(self) -> None:
        super().setUp()
        self.temporary = self.folder / ("temporary" * 10)  # its name is long
        self.temporary.mkdir()
        self.git("init", "--quiet", "--initial-branch", "main")
        self.commit("0")

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=nobody", "-c", "user.email=nobody@localhost", "-c", "commit.gpgsign=false")
        command = ["git", *who, *arguments]
        return subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, build: str) -> None:
        (self.folder / "build").write_text(build, encoding="utf-8")
        self.git("add", "build")
        self.git("commit", "--quiet", "--allow-empty", "--message", build)
        subprocess.run(["sh", "-c", self.COMMAND], cwd=self.folder, check=True)

    def flags(self, ref: str = "HEAD^1", command: str = COMMAND) -> tuple[str, ...]:
        return ("--base", ref, "--build", command, "--plugin", "out/kernels.so", *COMPUTE)

    def assert_nothing_left(self) -> None:
        self.assertEqual(1, len(self.git("worktree", "list").splitlines()))
        self.assertEqual([], list(self.temporary.iterdir()))

    def run_gate(self, *arguments: str | Path, code: int) -> tuple[Result, dict[str, Any]]:
        done, record = super().run_gate(*arguments, code=code)
        self.assert_nothing_left()
        return done, record

    def environment(self) -> dict[str, str]:
        return environment(TMPDIR=str(self.temporary))

    def test_red_and_green(self) -> None:
        self.commit("100")
        _, record = self.run_gate(*self.flags(), *QUICK, code=FINDING)
        self.assertEqual(self.git("rev-parse", "HEAD^1"), record["gate"]["base"])
        self.assertEqual(self.git("rev-parse", "HEAD"), record["gate"]["new"])
        self.commit("again")
        self.run_gate(*self.flags("HEAD~2"), *APART, code=WELL)

    def test_a_build_that_fails_is_undecided(self) -> None:
        page = self.temporary.parent / "page.md"
        flags = (*self.flags(ref="HEAD", command="echo broken; false"), "--summary", str(page))
        done, _ = self.run_gate(*flags, code=UNDECIDED)
        words = "# attnbench gate: nothing compared\n\ncould not tell: the base could not be built: "
        self.assertTrue(page.read_text(encoding="utf-8").startswith(words))
        self.assertIn("broken", done.stderr)
        self.assertIn("the base could not be built", done.stderr)
        ends = {
            "true": "made no out/kernels.so",
            "exit 3": "'exit 3' ended with 3",
            "no-such-program": "'no-such-program' ended with 127",
            "kill -9 $$": "ended by signal 9",
        }
        for command, words in ends.items():
            with self.subTest(command):
                done, _ = self.run_gate(*self.flags(ref="HEAD", command=command), code=UNDECIDED)
                self.assertIn("could not tell: the base could not be built: ", done.stderr)
                self.assertIn(words, done.stderr)

    def old_verdict(self) -> tuple[str, ...]:
        """Files of a run before, for the flags to overwrite."""
        flags: tuple[str, ...] = ()
        for kind in ("junit", "markdown"):
            (self.folder / kind).write_text("passed", encoding="utf-8")
            flags += (f"--{kind}", str(self.folder / kind))
        self.record.write_text('{"gate": {"passed": true}}', encoding="utf-8")
        return flags

    def assert_nothing_compared(self, heading: str, why: str) -> None:
        gate = json.loads(self.record.read_text(encoding="utf-8"))["gate"]
        self.assertEqual((False, 0, True), (gate["passed"], gate["compared"], gate["nothing_compared"]))
        self.assertIn(why, gate["headline"])
        page = (self.folder / "markdown").read_text(encoding="utf-8")
        self.assertTrue(page.startswith("# attnbench gate: nothing compared\n"), page)
        self.assertIn(why, page)
        suite = ElementTree.parse(self.folder / "junit").getroot()[0]
        self.assertEqual(("1", "1"), (suite.get("tests"), suite.get("errors")))
        error = suite[0][0]
        self.assertEqual(("error", heading), (error.tag, error.get("type")))
        self.assertIn(why, str(error.get("message")))

    def test_no_old_verdict_is_left(self) -> None:
        ends = (
            (UNDECIDED, "could not tell", "the base could not be built", self.flags("HEAD", "false")),
            (UNDECIDED, "could not tell", "time is up", (*self.flags("HEAD", "sleep 60"), "--max-time", "0.01")),
            (USAGE, "failed", "is no commit here", self.flags("no-such")),
            (USAGE, "failed", "--base needs --build", ("--base", "HEAD")),
        )
        for code, heading, why, flags in ends:
            with self.subTest(why):
                done = attnbench("gate", *flags, *self.old_verdict(), "--json", self.record, cwd=self.folder)
                self.assertEqual(code, done.returncode, done.stdout + done.stderr)
                self.assert_nothing_compared(heading, why)

    def test_what_is_no_commit(self) -> None:
        done, _ = self.run_gate(*self.flags(ref="no-such"), code=USAGE)
        self.assertIn("'no-such' is no commit here", done.stderr)
        done, _ = self.run_gate(*self.flags(ref="--help"), code=USAGE)
        done, _ = self.run_gate(*self.flags()[:4], "--plugin", slowed("0"), code=USAGE)

    def test_outside_of_git(self) -> None:
        with tempfile.TemporaryDirectory() as elsewhere:
            done = attnbench("gate", "--base", "HEAD", "--build", "true", "--plugin", slowed("0"), cwd=Path(elsewhere))
        self.assertEqual(USAGE, done.returncode)
        self.assertIn("in no git tree", done.stderr)

    def test_a_baseline_of_the_commit_saves_the_build(self) -> None:
        baseline = self.folder / "kept"
        saved = attnbench("gate", "save", baseline, "--plugin", "out/kernels.so", cwd=self.folder)
        self.assertEqual(WELL, saved.returncode, saved.stderr)
        self.commit("100")
        kept = ("--baseline", baseline, "--base", "HEAD^1", "--plugin", "out/kernels.so", *COMPUTE, *QUICK)
        done, _ = self.run_gate(*kept, code=FINDING)
        self.assertNotIn("building", done.stderr)
        other = ("--baseline", baseline, *self.flags("HEAD"), *QUICK)
        done, _ = self.run_gate(*other, code=WELL)
        self.assertIn("does not fit (commit", done.stderr)
        self.assertIn("building the base", done.stderr)

    def test_in_a_hook_of_git(self) -> None:
        """Which tells its programs the tree and the index that it is at work on."""
        index = self.folder / ".git" / "index"
        hook = environment(TMPDIR=str(self.temporary), GIT_DIR=".git", GIT_INDEX_FILE=str(index))
        self.commit("0")
        done = attnbench("gate", *self.flags(), cwd=self.folder, env=hook)
        self.assertEqual(WELL, done.returncode, done.stdout + done.stderr)
        self.assertEqual("", self.git("status", "--porcelain", "--untracked-files=no"))
        self.assert_nothing_left()

    def test_other_worktrees_are_left_alone(self) -> None:
        """Also one whose folder is not there now: it may be on a disk that is not."""
        with tempfile.TemporaryDirectory() as elsewhere:
            self.git("worktree", "add", "--quiet", f"{elsewhere}/other", "HEAD")
        attnbench("gate", *self.flags(ref="HEAD"), cwd=self.folder, env=self.environment())
        self.assertIn("/other", self.git("worktree", "list"))

    def test_what_a_killed_gate_left_is_removed_by_the_next(self) -> None:
        """But not while its build, which outlives it, runs, nor what belongs to a process that is there."""
        mine = self.folder / "pid"
        kept = [self.temporary / name for name in ("attnbench-base-1-abcdef", "attnbench-base-abcdef")]
        for folder in kept:
            folder.mkdir()
        build = f"echo $$ > {mine}.new && mv {mine}.new {mine}; exec sleep 3000"
        command = [PROGRAM, "gate", *self.flags("HEAD", build)]
        process = subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment()
        )
        until(mine.exists, process)
        process.kill()
        process.wait()
        builder = int(mine.read_text(encoding="utf-8"))
        flags = (*self.flags("HEAD"), "--launches", "0")
        done = attnbench("gate", *flags, cwd=self.folder, env=self.environment())
        self.assertNotIn("killed", done.stderr)
        self.assertEqual(2, len(self.git("worktree", "list").splitlines()))
        os.kill(builder, signal.SIGKILL)
        while state_of(builder) != "Z":
            time.sleep(0.01)
        done = attnbench("gate", *flags, cwd=self.folder, env=self.environment())
        self.assertRegex(done.stderr, f"removing .*/attnbench-base-{process.pid}-.{{6}}, which a gate that was killed")
        for folder in kept:
            folder.rmdir()
        self.assert_nothing_left()

    def saved_commit(self, *arguments: str | Path) -> str:
        """From elsewhere: where we are says nothing of what the module was built from."""
        baseline = self.folder / "kept"
        with tempfile.TemporaryDirectory() as elsewhere:
            where = Path(elsewhere)
            subprocess.run(["git", "init", "--quiet", where], check=True)
            done = attnbench("gate", "save", baseline, *arguments, cwd=where)
        self.assertEqual(WELL, done.returncode, done.stderr)
        return json.loads((baseline / "baseline.json").read_text(encoding="utf-8"))["commit"]

    def test_a_baseline_is_of_the_commit_that_its_module_lies_in(self) -> None:
        head = self.git("rev-parse", "HEAD")
        built = ("--plugin", self.folder / "out" / "kernels.so")
        self.assertEqual(head, self.saved_commit(*built))
        self.assertEqual("c0ffee" + "0" * 34, self.saved_commit(*built, "--commit", "c0ffee" + "0" * 34))
        (self.folder / "build").write_text("changed", encoding="utf-8")
        self.assertEqual(f"{head}-dirty", self.saved_commit(*built))
        with tempfile.TemporaryDirectory() as nowhere:
            module = self.module(slowed("0"), name=str(Path(nowhere) / "kernels.so"))
            self.assertEqual("unknown", self.saved_commit("--plugin", module))
        self.refused(USAGE, "save", "b", *built, "--commit", "no-such", words=("--commit no-such",))
        done = attnbench("gate", "save", "b", *built, "--commit", "HEAD", cwd=self.folder)
        self.assertIn(head[:12], done.stdout)

    def test_the_limit_of_time_ends_the_build(self) -> None:
        """By force where it does not heed the request."""
        for command in ("sleep 3000", "trap '' TERM; sleep 3000"):
            limited = (*self.flags(ref="HEAD", command=command), "--max-time", "5")
            done, _ = self.run_gate(*limited, code=UNDECIDED)
            self.assertRegex(done.stderr, "could not tell: the base could not be built: .*: time is up")

    def test_the_limit_of_time_ends_the_judging(self) -> None:
        """A kernel that hangs is found after 20 s at the earliest; what was not begun is listed."""
        command = f'mkdir -p out && cp "{plugin("well")}" out/kernels.so'
        self.module(plugin("hangs_running"), name="out/kernels.so")
        flags = ("--base", "HEAD", "--build", command, "--plugin", "out/kernels.so", *TINY)
        limited = (*flags, "--workload", "h=2,q=90,d=8", "--max-time", "12")
        done, record = self.run_gate(*limited, code=UNDECIDED)
        self.assertIn("compared 0 of 2; 2 could not be told", done.stdout)
        self.assertIn("odd_plain/h=2,q=90,d=8/threads:1: not begun: time is up", done.stdout)
        self.assertIn("time is up before all was compared", record["gate"]["notes"])
        self.assertEqual(2, len(record["comparisons"]))

    def interrupt(self, happened: Callable[[subprocess.Popen[str]], Any], *arguments: str) -> tuple[int, str]:
        """When that has happened."""
        command = [PROGRAM, "gate", *arguments, "--json", str(self.record)]
        hanging = {**self.environment(), "ODD_HANGS": str(self.folder / "hangs")}
        process = subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=hanging, text=True
        )
        until(lambda: heeds(process) and happened(process), process)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=PATIENCE)
        self.assert_nothing_left()
        return process.returncode, out + error

    def test_interrupted_while_it_builds(self) -> None:
        begun = self.folder / "begun"
        flags = (*self.flags(ref="HEAD", command=f"touch '{begun}'; sleep 3000"), *self.old_verdict())
        code, said = self.interrupt(lambda _: begun.exists(), *flags)
        self.assertEqual(INTERRUPTED, code, said)
        self.assertIn("nothing was compared", said)
        self.assert_nothing_compared("interrupted", "nothing was compared")

    def test_interrupted_before_the_first_case(self) -> None:
        command = f'mkdir -p out && cp "{plugin("well")}" out/kernels.so'
        self.module(plugin("hangs_running"), name="out/kernels.so")
        flags = ("--base", "HEAD", "--build", command, "--plugin", "out/kernels.so", *TINY)
        code, said = self.interrupt(lambda _: (self.folder / "hangs").exists(), *flags)
        self.assertEqual(INTERRUPTED, code, said)
        self.assertRegex(said, "(?m)^interrupted; threshold 1 %")
        self.assertIn("note: 1 of 1 cases were not begun", said)

    def test_interrupted_while_it_measures(self) -> None:
        self.commit("100")
        code, said = self.interrupt(launches, *self.flags(), "--launches", "64")
        self.assertEqual(INTERRUPTED, code, said)
        self.assertTrue(json.loads(self.record.read_text(encoding="utf-8"))["comparisons"])


if __name__ == "__main__":
    sys.exit(unittest.main())
