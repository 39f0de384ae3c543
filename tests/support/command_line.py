"""What the tests of the command line share: the program, its kernels by what it says of them, .npy files."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import struct
import subprocess
import tempfile
import time
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = os.path.abspath(os.environ.get("ATTNBENCH", ROOT / "build" / "attnbench"))
TINY = "h=2,q=4,d=4"
QUICK = ("--benchmark_min_time=0.001", "--benchmark_repetitions=1")
WELL, FINDING, USAGE, UNDECIDED, BUG, NOT_WRITTEN, INTERRUPTED = 0, 1, 2, 3, 70, 74, 130
PATIENCE = 900  # seconds after which a program counts as hung: on an idle machine none takes a twentieth of that
# 'Could not tell' is right beside a busy neighbour, and a control that voids a run is chance at times. Where one
# certain verdict is wanted, of code that differs by a factor of two or not at all, it is asked so often.
TRIES = 3
ONE_BLOCK = ("--time-limit", "1e-9")  # of the clock, which then has two pairs and can say nothing, on any machine
APART = ("--threshold", "40")  # half-way between code that is the same and code that takes twice as long

Result = subprocess.CompletedProcess[str]


def environment(**changes: str) -> dict[str, str]:
    """Ours without what would change the program's ways."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ATTNBENCH", "BENCHMARK_"))}
    return {**kept, "ATTNBENCH_PYTHON": os.environ.get("ATTNBENCH_PYTHON", ""), **changes}


def attnbench(
    *arguments: str | Path,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    stdout: Any = subprocess.PIPE,
    before: Callable[[], None] | None = None,
    seconds: float = PATIENCE,
) -> Result:
    return subprocess.run(
        [PROGRAM, *map(str, arguments)],
        cwd=cwd,
        env=environment() if env is None else env,
        stdout=stdout,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
        timeout=seconds,
        preexec_fn=before,
    )


def decided(run: Callable[[], Result], *undecided: int) -> Result:
    """Of TRIES runs the first that ends in something else than 'could not tell'."""
    for _ in range(TRIES - 1):
        done = run()
        if done.returncode not in (undecided or (UNDECIDED,)):
            return done
    return run()


# ---- programs that are interrupted: when what is waited for has happened, and never after so many seconds ------------


def until(happened: Callable[[], Any], process: subprocess.Popen[Any]) -> None:
    """Waits, for a process that is still there."""
    patience = time.monotonic() + PATIENCE
    while not happened():
        if process.poll() is not None:
            raise AssertionError(f"ended with {process.returncode}: {process.communicate()}")
        if time.monotonic() > patience:
            process.kill()
            raise AssertionError(f"{process.args}: what was waited for has not happened")
        time.sleep(0.01)


def heeds(process: subprocess.Popen[Any]) -> bool:
    """Does it catch Ctrl-C by now?"""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    return int(re.findall(r"(?m)^SigCgt:\s+(\w+)", status)[0], 16) >> (signal.SIGINT - 1) & 1 == 1


def descendants(process: int) -> Iterator[int]:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        if parent == process:
            yield int(stat.parent.name)
            yield from descendants(int(stat.parent.name))


def launches(process: subprocess.Popen[Any]) -> bool:
    """Is it at the launches that confirm what stage one has measured?"""
    for child in descendants(process.pid):
        try:
            if b"--launch\0" in Path(f"/proc/{child}/cmdline").read_bytes():
                return True
        except OSError:
            continue
    return False


def delays() -> Iterator[float]:
    """Twice as long each time, for work of which nothing shows from outside: some delay lies in the middle of it."""
    yield from (0.5 * 2**i for i in range(9))


def kernels_by_role() -> dict[str, str]:
    """Name -> role, as `list kernels` prints them."""
    return {line.split()[0]: line.split()[1] for line in attnbench("list", "kernels").stdout.splitlines()}


def baseline() -> str:
    return next(name for name, role in kernels_by_role().items() if role == "baseline")


def plain() -> set[str]:
    """The kernels that take fp32 on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plain.json"
        attnbench("verify", "--workload", "h=2,q=64,d=64", "--class", "normal", "--threads", "1", "--json", path)
        return {case["kernel"] for case in load(path)["cases"] if case["status"] != "unsupported"}


def threaded() -> list[str]:
    """The kernels that are offered at two threads."""
    names = attnbench("bench", "--workload", TINY, "--threads", "1,2", "--", "--benchmark_list_tests").stdout
    return [line.split("/")[0] for line in names.splitlines() if line.endswith("/threads:2")]


def load(path: Path) -> Any:
    def refuse(word: str) -> None:
        raise ValueError(f"{path}: {word} is no JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def real(value: Any) -> float:
    """A number of `cases`: JSON's, or one of its three strings."""
    return float(value)


def read_npy(path: Path) -> tuple[list[int], list[float]]:
    """Shape and values of a little-endian f4 or f8 array."""
    raw = path.read_bytes()
    assert raw[:8] == b"\x93NUMPY\x01\x00", path
    (length,) = struct.unpack("<H", raw[8:10])
    header = raw[10 : 10 + length].decode("latin-1")
    found = re.fullmatch(r"\{'descr': '<(f[48])', 'fortran_order': False, 'shape': \(([\d, ]*)\), \} *\n", header)
    assert found, header
    shape = [int(word) for word in found[2].split(",") if word.strip()]
    count = math.prod(shape)
    return shape, list(struct.unpack(f"<{count}{'f' if found[1] == 'f4' else 'd'}", raw[10 + length :]))


def write_npy(path: Path, shape: tuple[int, ...], **changes: Any) -> Path:
    """Zeros; `changes` spoil it: type, order, shown (the shape in the header), data, length, magic."""
    dtype = changes.get("type", "<f4")
    shown = changes.get("shown", shape)
    header = f"{{'descr': '{dtype}', 'fortran_order': {changes.get('order', False)}, 'shape': {shown}, }}".encode()
    header += b" " * (-(11 + len(header)) % 64) + b"\n"
    data = changes.get("data", bytes(math.prod(shape) * int(dtype[2:])))
    length = changes.get("length", len(header))
    path.write_bytes(changes.get("magic", b"\x93NUMPY") + b"\x01\x00" + struct.pack("<H", length) + header + data)
    return path


class InFolder(unittest.TestCase):
    """Each test has a folder of its own, and runs there."""

    def setUp(self) -> None:
        kept = tempfile.TemporaryDirectory(prefix="attnbench-test-")
        self.addCleanup(kept.cleanup)
        self.folder = Path(kept.name)

    def run_here(self, *arguments: str | Path, **how: Any) -> Result:
        return attnbench(*arguments, cwd=how.pop("cwd", self.folder), **how)

    def well(self, *arguments: str | Path, **how: Any) -> Result:
        result = self.run_here(*arguments, **how)
        self.assertEqual(result.returncode, WELL, f"{arguments}: {result.stdout}{result.stderr}")
        return result

    def contents(self) -> dict[str, bytes | None]:
        found = self.folder.rglob("*")
        return {str(p.relative_to(self.folder)): p.read_bytes() if p.is_file() else None for p in found}

    def one_line(self, result: Result, code: int, *words: str) -> None:
        """One line of complaint, in which the words occur; nothing on standard output."""
        said = f"{result.args}: exit {result.returncode}: {result.stdout}{result.stderr}"
        self.assertEqual(result.returncode, code, said)
        self.assertFalse(result.stdout, said)
        self.assertRegex(result.stderr, r"\Aattnbench: [^\n]{10,}\n\Z", said)
        for word in words:
            self.assertIn(word, result.stderr)

    def markdown(self, name: str) -> str:
        """A Markdown file's words: without the backslashes that keep them words."""
        return (self.folder / name).read_text().replace("\\", "")

    def no_leftovers(self) -> None:
        self.assertFalse([p for p in self.folder.rglob("*.tmp.*")])
