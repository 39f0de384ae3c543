#!/usr/bin/env python3
"""The command line in clumsy and hostile hands: bad input is one line and exit 2 before anything runs or is written, an
output that fails is 74, Ctrl-C is 130 with what was measured kept; never a crash, a hang or half a file."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import unittest
from pathlib import Path

import command_line as cl
from command_line import INTERRUPTED, NOT_WRITTEN, QUICK, TINY, USAGE, WELL, InFolder

ENDLESS = "h=1,q=524288,d=16"  # most of an hour for the baseline on any machine, and little memory


class Refused(InFolder):
    def refused(self, words: str, *arguments: str | Path, **how: object) -> None:
        with self.subTest(arguments=arguments):
            before = self.contents()
            self.one_line(self.run_here(*arguments, **how), USAGE, *words.split("|"))
            self.assertEqual(self.contents(), before, "something was written")

    def test_words_and_flags(self) -> None:
        kernel = cl.baseline()
        for command in ("nonsense", "", "Verify", "--nope"):
            self.refused(f"no command '{command}'|verify bench", command, "--json", "x.json")
        self.refused("unknown flag --nope|--kernel", "verify", "--nope")
        self.refused("unknown flag --benchmark_filter=x|after --", "bench", "--benchmark_filter=x")
        self.refused("unknown flag --class", "bench", "--class", "normal")
        self.refused("unknown flag --kernel", "list", "--kernel", kernel)
        self.refused("unexpected argument 'h=2'", "verify", "h=2")
        self.refused("cannot list 'nonsense'|kernels workloads", "list", "nonsense")
        self.refused("--help takes no value", "verify", "--help=yes")
        for flag in ("--kernel", "--workload", "--suite", "--json", "--dump", "--class", "--threads", "--seed"):
            self.refused(f"{flag} needs a value", "verify", flag)
            self.refused(f"{flag} needs a value", "verify", f"{flag}=")
            self.refused(f"{flag} needs a value", "verify", flag, "--markdown", "x.md")

    def test_names(self) -> None:
        kernel = cl.baseline()
        for command in ("verify", "bench", "run"):
            self.refused(f"no kernel matches 'nonsense'|{kernel}", command, "--kernel", "nonsense")
            self.refused("no kernel matches", command, "--kernel", kernel, "--kernel", kernel[:-1])
            self.refused("'nonsense' is neither a named workload nor a SPEC", command, "--workload", "nonsense")
            self.refused("no suite 'nonsense'|smoke", command, "--suite", "nonsense", "--json", "x.json")
        self.refused("did you mean 'gpt2-1k'", "bench", "--workload", "gpt2-1K")
        for bad in ("nonsense", "normal,", ",", "Normal"):
            self.refused("no input class|outliers", "verify", "--workload", TINY, "--class", bad)

    def test_numbers(self) -> None:
        for bad in ("0", "abc", "1,,2", "99999", "1,", "-1", "1.5", "all,some", "1 ", ","):
            self.refused("--threads|from 1 to", "verify", "--workload", TINY, f"--threads={bad}")
        self.refused("serial kernels run at 1", "verify", "--kernel", cl.baseline(), "--threads", "2")
        for bad in ("-1", " -1", "1e3", "0x1", "9223372036854775808", "99999999999999999999", "one"):
            self.refused("--seed|2^63", "verify", "--workload", TINY, "--seed", bad)
        for bad in ("0", "-3", "nan", "inf", "1x", "", "s"):
            if bad:
                self.refused("--time-budget|above 0", "run", "--workload", TINY, f"--time-budget={bad}", "-o", "out")
                self.refused("--time-limit|above 0", "verify", "--workload", TINY, f"--time-limit={bad}")

    def test_specs(self) -> None:
        for spec, words in (
            ("q=4,d=4", "missing: h"),
            ("h=2,d=4", "missing: q"),
            ("h=2,q=4", "missing: d"),
            ("h=0,q=4,d=4", "h=0"),
            ("h=2,q=0,d=4", "q=0"),
            ("h=2,q=4,d=0", "d=0"),
            ("b=0,h=2,q=4,d=4", "b=0"),
            ("h=2,hkv=0,q=4,d=4", "hkv=0"),
            ("h=2,q=4,d=4,dv=0", "dv=0"),
            ("h=-1,q=4,d=4", "h=-1"),
            ("h=2,q=4,k=-1,d=4", "k=-1|from 0"),
            ("h=3,hkv=2,q=4,d=4", "hkv = 2 does not divide h = 3"),
            ("h=99999999999999999999,q=4,d=4", "h=99999999999999999999"),
            ("h=2,q=9223372036854775807,d=4", "q=9223372036854775807"),
            ("b=1048576,h=1099511627776,q=1099511627776,d=4", "elements"),
            ("h=2,q=4,k=8,d=4,mask=causal", "q_pos|q_pos=0|q_pos=end"),
            ("h=2,q=4,k=8,d=4,mask=window,window=2", "q_pos=end"),
            ("h=2,q=4,d=4,mask=window", "window=W"),
            ("h=2,q=4,d=4,scale=nan", "scale=nan"),
            ("h=2,q=4,d=4,dtype=f31", "dtype=f31|bf16"),
            ("h=2,q=4,d=4,lens=5", "lens=5"),
            ("h=2,h=3,q=4,d=4", "given twice"),
            ("h=2,q=4,d=4,", "key=value"),
            ("h=2,q=4,d=4,nonsense=1", "unknown key 'nonsense'"),
            ("h=2,q=4,d=4,q_file=no such.npy", "no such.npy: no such file"),
            ("gpt2-1k,q=0", "q=0"),
            ("h=２,q=4,d=4", "h=２"),
            ("h=2,q=4,d=4," + "x" * 100000 + "=1", "unknown key"),
        ):
            self.refused(words, "verify", "--json", "x.json", "--dump", "x", "--workload", spec)
        self.refused("a control character", "verify", "--workload", "h=2,\nq=4,d=4")
        self.refused("q=0", "run", "-o", "out", "--workload", "h=2,q=0,d=4")

    def test_npy_files(self) -> None:
        shape, folder = (1, 2, 4, 4), self.folder
        cl.write_npy(folder / "truncated.npy", shape, data=b"\0" * 7)
        cl.write_npy(folder / "longer.npy", shape, data=b"\0" * 129)
        cl.write_npy(folder / "header.npy", shape, length=65535)
        cl.write_npy(folder / "type.npy", shape, type="<i4")
        cl.write_npy(folder / "endian.npy", shape, type=">f4")
        cl.write_npy(folder / "shape.npy", (1, 2, 4, 5))
        cl.write_npy(folder / "axes.npy", (2, 4, 4))
        cl.write_npy(folder / "negative.npy", shape, shown=(1, -2, 4, 4))
        cl.write_npy(folder / "huge.npy", shape, shown=(2**40, 2**40, 4, 4))
        cl.write_npy(folder / "fortran.npy", shape, order=True)
        cl.write_npy(folder / "magic.npy", shape, magic=b"\x93NUMPX")
        (folder / "empty.npy").write_bytes(b"")
        (folder / "folder.npy").mkdir()
        os.mkfifo(folder / "pipe.npy")
        for path in sorted(folder.glob("*.npy")):
            self.refused(path.name, "verify", "--workload", TINY, "--workload", f"{TINY},q_file={path.name}")
            self.refused(path.name, "bench", "--workload", f"{TINY},q_file={path}", "--json", "x.json")

    def test_workload_files(self) -> None:
        path = self.folder / "mine wörkloads.txt"
        for text, words in (
            ("", "empty|workload NAME SPEC"),
            ("# only words\n\n", "empty"),
            (f"{TINY}\n", ":1: expected 'workload NAME SPEC'"),
            (f"workload x {TINY}\nworkload y h=2,q=4\n", ":2: sizes are missing: d"),
            ("workload x/y h=1\n", ":1: expected a name"),
            ("suite s\nno-such-member\n", ":2: 'no-such-member'"),
            ("workload x\0y h=1\n", ":1: a zero byte"),
        ):
            path.write_text(text)
            self.refused(f"{path}|{words}", "verify", "--workloads", path, "--workload", TINY)
            self.refused(words, "list", "--workloads", path)
        path.write_text("suite s nothing in it\n")
        self.refused("suite 's' is empty", "verify", "--workloads", path, "--suite", "s")
        self.refused("No such file", "verify", "--workloads", "missing.txt")
        self.refused("directory", "verify", "--workloads", self.folder)
        self.refused("/dev/zero", "verify", "--workloads", "/dev/zero")

    def test_google_benchmark_flags(self) -> None:
        for flag, words in (
            ("--benchmark_filter=^nothing$", "nothing to time|threads:1"),
            ("--benchmark_filter=-.*", "nothing to time"),
            ("--benchmark_filter=(", "regular expression"),
            ("--benchmark_repetitions=0", ">= 1"),
            ("--benchmark_repetitions=many", ">= 1"),
            ("--benchmark_min_time=fast", "seconds"),
            ("--benchmark_min_time=-1", "seconds"),
            ("--benchmark_format=xml", "json or csv"),
            ("--benchmark_list_tests=perhaps", "true or false"),
            ("--benchmark_out=", "a file"),
            ("--benchmark_out=/proc/no/file", "/proc/no/file"),
            ("--benchmark_out=-", "--json -"),
            ("--benchmark_nonsense", "no flag of Google Benchmark"),
            ("--filter=x", "--benchmark_filter"),
            ("nonsense", "no flag of Google Benchmark"),
        ):
            self.refused(words, "bench", "--workload", TINY, "--csv", "x.csv", "--", *QUICK, flag)
        self.refused("leave one out", "bench", "--workload", TINY, "--json", "x", "--", "--benchmark_out=y")

    def test_environment(self) -> None:
        for command in ("list", "verify", "bench", "run"):
            for level in ("nonsense", "AVX2", "portable,", " "):
                env = cl.environment(ATTNBENCH_ISA=level)
                self.refused(f"ATTNBENCH_ISA={level}|portable", command, env=env)

    def test_outputs_that_cannot_be(self) -> None:
        (self.folder / "file").write_text("kept")
        for flag in ("--json", "--csv", "--junit", "--markdown"):
            self.refused("Not a directory", "verify", "--workload", TINY, flag, "file/x")
            self.refused("missing/x|name a file in a folder", "verify", "--workload", TINY, flag, "missing/x")
            self.refused("folder", "verify", "--workload", TINY, flag, ".")
            self.refused("/proc/x", "bench", "--workload", TINY, flag, "/proc/x")
        self.refused("two outputs", "verify", "--workload", TINY, "--json", "same", "--csv", "same")
        self.refused("two outputs", "verify", "--workload", TINY, "--json", "-", "--markdown", "-")
        for folder in ("file", "file/x", "missing/x", "/proc/x"):
            self.refused(folder, "verify", "--workload", TINY, "--dump", folder)
            self.refused(folder, "run", "--workload", TINY, "-o", folder)

    def test_records(self) -> None:
        path = self.folder / "record.json"
        for text, words in (
            ("", "is empty"),
            ('{"benchmarks": [', "damaged at line 1"),
            ("[" * 100000, "damaged"),
            ("[1]", "no record"),
            ("{}", "neither"),
            ('{"benchmarks": [{"name": 3}]}', '"name" is not a text'),
            ('{"cases": [{"kernel": "k", "workload": "w", "status": "fine"}]}', '"status" is "fine"'),
            ('{"cases": [], "context": {"attnbench": {"schema": 99}}}', "record.json: another version of attnbench"),
        ):
            path.write_text(text)
            self.refused(f"{path.name}|{words}", "report", path.name, "-o", "out")
        self.refused("missing.json: cannot be read", "report", "missing.json", "-o", "out")
        self.refused("it is a folder", "report", self.folder, "-o", "out")
        self.refused("report needs record files", "report")


class Unwritten(InFolder):
    """What is found out only when the work is done: 74."""

    def test_full_devices(self) -> None:
        with open("/dev/full", "w") as full:
            for arguments in (("--help",), ("list",), ("verify", "--help"), ("verify", "--workload", TINY)):
                result = self.run_here(*arguments, stdout=full)
                self.assertEqual(result.returncode, NOT_WRITTEN, arguments)
                self.assertEqual(result.stderr, "attnbench: standard output could not be written\n")
        result = self.run_here("verify", "--workload", TINY, "--json", "/dev/full")
        self.assertEqual(result.returncode, NOT_WRITTEN)
        self.assertRegex(result.stderr, r"\Aattnbench: /dev/full: cannot be written: No space[^\n]*\n\Z")

    def test_readers_that_leave(self) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        try:
            self.assertEqual(self.run_here("list", stdout=writer).returncode, NOT_WRITTEN)
            # The first case is written when the second begins, and the third would take minutes for nobody.
            three = [word for spec in (TINY, "h=2,q=5,d=4", ENDLESS) for word in ("--workload", spec)]
            arguments = ("verify", "--kernel", cl.baseline(), "--class", "normal", *three)
            self.assertEqual(self.run_here(*arguments, stdout=writer).returncode, NOT_WRITTEN)
            arguments = ("verify", "--workload", TINY, "--json", "kept.json")
            self.assertEqual(self.run_here(*arguments, stdout=writer).returncode, NOT_WRITTEN)
        finally:
            os.close(writer)
        self.assertTrue(cl.load(self.folder / "kept.json")["cases"])

    def test_closed_descriptors(self) -> None:
        arguments = ("verify", "--workload", TINY, "--json", "x.json")
        for closed, code in (((1,), NOT_WRITTEN), ((0, 1, 2), NOT_WRITTEN), ((2,), WELL), ((0, 2), WELL)):
            result = self.run_here(*arguments, before=lambda fds=closed: [os.close(fd) for fd in fds])
            self.assertEqual(result.returncode, code, closed)
            self.assertTrue(cl.load(self.folder / "x.json")["cases"])
            self.no_leftovers()

    def test_file_size_limit(self) -> None:
        (self.folder / "x.json").write_text("the one before")
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # noqa: E731
        result = self.run_here("verify", "--workload", TINY, "--json", "x.json", before=limit)
        self.assertEqual(result.returncode, NOT_WRITTEN, result.stderr)
        self.assertEqual((self.folder / "x.json").read_text(), "the one before")
        self.assertIn(next(self.folder.glob("x.json.tmp.*")).name, result.stderr)


class Interrupted(InFolder):
    """Ctrl-C reaches the whole group, as from a terminal; a case that was running is no finding."""

    def interrupted(self, arguments: tuple[str, ...], ready: str, number: int = signal.SIGINT) -> None:
        with subprocess.Popen(
            [cl.PROGRAM, *arguments],
            cwd=self.folder,
            env=cl.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as program:
            try:
                assert program.stdout
                said = ""
                while ready not in said:
                    line = program.stdout.readline()
                    self.assertTrue(line, f"ended before '{ready}': {said}")
                    said += line
                cl.until(lambda: cl.heeds(program) and any(cl.descendants(program.pid)), program)  # a call has begun
                os.killpg(program.pid, number)
                rest, errors = program.communicate(timeout=cl.PATIENCE)
            except BaseException:
                os.killpg(program.pid, signal.SIGKILL)
                raise
        self.assertEqual(program.returncode, INTERRUPTED, said + rest + errors)
        for finding in ("FAIL", "CRASH", "HANG", "ERROR"):
            self.assertNotIn(finding, said + rest)
        self.no_leftovers()

    def test_verify(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            outputs = ("--json", "x.json", "--junit", "x.xml", "--csv", "x.csv", "--markdown", "x.md")
            slow = ("--kernel", cl.baseline(), "--class", "normal", "--workload", TINY, "--workload", ENDLESS)
            self.interrupted(("verify", *slow, *outputs), "pass ", number)
            record = cl.load(self.folder / "x.json")
            self.assertEqual([(c["workload"], c["status"]) for c in record["cases"]], [(TINY, "pass")])
            self.assertIs(record["context"]["attnbench"]["interrupted"], True)
            for name, words in (
                ("x.xml", 'skipped="1">\n    <testcase classname="attnbench" name="all that was asked for">'),
                ("x.csv", "\nrun,,,,"),
                (
                    "x.md",
                    "# attnbench\n\n**Interrupted:** the rest of what was asked for did not run.\n\n**Right so far:**",
                ),
            ):
                self.assertIn(words, (self.folder / name).read_text())

    def test_bench(self) -> None:
        slow = ("--kernel", cl.baseline(), "--workload", TINY, "--workload", ENDLESS)
        self.interrupted(("bench", *slow, "--json", "x.json", "--", *QUICK), f"{TINY}/threads:1 ")
        record = cl.load(self.folder / "x.json")
        self.assertEqual([e["name"] for e in record["benchmarks"]], [f"{cl.baseline()}/{TINY}/threads:1"])
        self.assertEqual([c["workload"] for c in record["cases"]], [TINY])
        self.assertIs(record["context"]["attnbench"]["interrupted"], True)

    def test_doctor(self) -> None:
        terminal, stderr = os.openpty()  # for the line of progress, which says that it has begun
        command = [cl.PROGRAM, "doctor", "--json", "x.json"]
        doctor = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=stderr, text=True)
        os.close(stderr)
        said = b""
        try:
            while b"looking at this machine" not in said:
                said += os.read(terminal, 1024)
            doctor.send_signal(signal.SIGINT)
            found, _ = doctor.communicate(timeout=cl.PATIENCE)
            with contextlib.suppress(OSError):  # at its end
                while more := os.read(terminal, 1024):
                    said += more
        finally:
            doctor.kill()
            os.close(terminal)
        self.assertEqual(doctor.returncode, INTERRUPTED, said)
        self.assertIn(b"attnbench: interrupted; what was measured until then is in x.json", said)
        self.assertRegex(found, "noise floor +p99 / median")
        self.assertGreaterEqual(found.count("unknown: interrupted"), 1)  # on a busy machine the first case may be done
        self.assertNotIn("ceilings", found)
        ours = cl.load(self.folder / "x.json")["context"]["attnbench"]
        self.assertTrue(ours["doctor"]["noise"])
        first, last = ours["doctor"]["resolution"]
        self.assertTrue(first.get("reason") or first.get("sees"), first)
        self.assertEqual(last["reason"], "interrupted")
        self.assertNotIn("ceilings", ours)

    def test_run(self) -> None:
        many = [word for size in range(256, 272) for word in ("--workload", f"h=4,q={size},d=64")]
        self.interrupted(("run", "-o", "out", "--time-budget", "3600", *many), "bench: about")
        record = cl.load(self.folder / "out" / "results.json")
        self.assertTrue(record["context"]["attnbench"]["ceilings"])
        self.assertIs(record["context"]["attnbench"]["interrupted"], True)
        self.assertEqual({c["status"] for c in record["cases"]} - {"pass", "unsupported"}, set())
        self.assertLess(len({c["workload"] for c in record["cases"]}), 16)
        self.assertFalse((self.folder / "out" / "report.html").exists())


if __name__ == "__main__":
    unittest.main()
