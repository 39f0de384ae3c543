#!/usr/bin/env python3
"""The rules of the house, read from the sources: who may include whom, who may print, who knows a kernel's name.

    kernels <- reference <- harness; tests see everything
    within harness/: a room sees the rooms that ROOMS names for it

A rule is a function from one file to findings; the second half of this file plants one violation of each rule in a
small tree and expects it to be found, and near misses not to be. Only the standard library is used.
"""

from __future__ import annotations

import fnmatch
import os
import re
import sys
import tempfile
import unittest
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(os.environ.get("ATTNBENCH_SOURCE") or Path(__file__).resolve().parents[2])
FOLDERS = ("kernels", "reference", "harness", "tests", "reports", "scripts")
LAYER = {"kernels": 0, "reference": 1, "harness": 2, "tests": 3}
GENERATED = {"registry_list.h": "kernels", "build_info.h": "harness"}
LENGTH_KERNEL, LENGTH_OTHER = 300, 500
COLUMNS = 120

# The rooms of harness/ from the ground up, and which ones each may include: only rooms that stand before it.
ROOMS = {
    "util": "",
    "stats": "",
    "machine": "util",
    "counters": "util machine",
    "plugin": "util machine",
    "workload": "util",
    "tensors": "util workload",
    "record": "util machine plugin workload",
    "run": "util machine plugin workload tensors",
    "judge": "util tensors record run",
    "properties": "util machine plugin tensors run judge",
    "verify": "util machine workload tensors record run judge properties",
    "bench": "util machine counters plugin tensors record run judge verify",
    "compare": "util stats machine plugin tensors record run judge verify",
    "selftest": "util machine workload tensors record run verify compare",
    "gate": "util stats plugin record compare",
    "history": "util stats machine record compare",
    "doctor": "util machine counters selftest",
    "output": "util counters record judge",
    "cli": "util machine counters plugin workload tensors record run judge verify bench compare selftest gate history"
    " doctor output",
}
SEES_REFERENCE = ("tensors", "judge", "properties", "verify")

LIBC = re.compile(
    "(assert|ctype|errno|fenv|float|inttypes|limits|locale|math|signal|stdalign|stdarg|stdatomic|stdbool|stddef|stdint"
    r"|stdio|stdlib|string|strings|time|unistd|dlfcn|sys/auxv|sys/syscall)\.h"
)
INTRINSICS = ("*mmintrin.h", "immintrin.h", "x86intrin.h", "cpuid.h", "arm_*.h")
INTRINSICS_ALLOWED = (
    "kernels/avx*/*", "kernels/amx*/*", "kernels/neon*/*", "kernels/sve*/*", "kernels/cpu.c",
    "harness/machine/cpu_state.c", "harness/machine/isa/*", "tests/*",
)
CBLAS_ALLOWED = ("reference/*", "kernels/blas/*", "tests/*")
CPP_ALLOWED = ("harness/bench/gbench.cc", "tests/*")
FOLDER_HEADERS = ("attention.h", "problem.h", "registry.h", "*_impl.h")
REFERENCE_HEADERS = ("attention.h", "problem.h")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
CONDITION = re.compile(r"^\s*#\s*(?:if|ifdef|ifndef|elif)\b(.*)")
ISA_MACRO = re.compile(r"\b__(?:AVX|SSE|SSSE|FMA|F16C|AMX|BMI|ARM_FEATURE|ARM_NEON)\w*")
PRINTS = re.compile(
    r"\b(?:v?f?printf|v?dprintf|f?puts|f?putc|putchar|perror|exit|_exit|_Exit|quick_exit|abort|stdout|stderr)\b"
)
CBLAS = re.compile(r"\bcblas_\w+")
TOKEN = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL)


@dataclass(frozen=True)
class Finding:
    path: str
    line: int
    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.what}"


@dataclass
class Source:
    """A file: its text, the same without comments, and without comments and strings; lines keep their numbers."""

    path: str
    text: str
    no_comments: list[str] = field(init=False)
    code: list[str] = field(init=False)

    def __post_init__(self) -> None:
        def blank(match: re.Match[str], keep_strings: bool) -> str:
            token = match.group()
            return token if keep_strings and token[0] in "\"'" else "\n" * token.count("\n") or " "

        self.no_comments = TOKEN.sub(lambda m: blank(m, True), self.text).split("\n")
        self.code = TOKEN.sub(lambda m: blank(m, False), self.text).split("\n")

    @property
    def layer(self) -> str:
        return self.path.split("/")[0]

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    def is_c(self) -> bool:
        return self.name.endswith((".c", ".h"))

    def is_c_or_cpp(self) -> bool:
        return self.is_c() or self.name.endswith((".cc", ".cpp", ".cxx", ".hpp"))


@dataclass
class Tree:
    sources: list[Source]

    def __post_init__(self) -> None:
        self.header_layer = dict(GENERATED)
        for source in self.sources:
            if source.name.endswith(".h"):
                self.header_layer[source.name] = source.layer
        self.header_room = {
            s.name: s.path.split("/")[1]
            for s in self.sources
            if s.path.startswith("harness/") and s.path.count("/") > 1 and s.name.endswith(".h")
        }
        self.kernels = [Path(s.path).stem for s in self.sources if fnmatch.fnmatch(s.path, "kernels/*/*.c")]


def matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def numbered(lines: list[str], pattern: re.Pattern[str]) -> Iterator[tuple[int, re.Match[str]]]:
    for number, line in enumerate(lines, 1):
        for match in pattern.finditer(line):
            yield number, match


# ---- rules ---------------------------------------------------------------------------------------------------------

Rule = Callable[[Source, Tree], Iterator[tuple[int, str]]]
RULES: dict[str, Rule] = {}


def rule(function: Rule) -> Rule:
    RULES[function.__name__.replace("_", "-")] = function
    return function


@rule
def own_headers(source: Source, tree: Tree) -> Iterator[tuple[int, str]]:
    """Headers of ours come from the same layer or one below; kernels and the reference see only some of those."""
    if not source.is_c_or_cpp() or source.layer not in LAYER:
        return
    for line, match in numbered(source.no_comments, INCLUDE):
        if match[1] != '"':
            continue
        header = match[2]
        layer = tree.header_layer.get(header.rsplit("/", 1)[-1])
        if layer is None:
            yield line, f'"{header}" is none of our headers'
        elif LAYER[layer] > LAYER[source.layer]:
            yield line, f'{source.layer}/ may not include "{header}" of {layer}/'
        elif fnmatch.fnmatch(source.path, "kernels/*/*") and not matches(header, FOLDER_HEADERS):
            yield line, f'a kernel includes only {", ".join(FOLDER_HEADERS)}, not "{header}"'
        elif source.layer == "reference" and layer == "kernels" and not matches(header, REFERENCE_HEADERS):
            yield line, f'the reference sees {" and ".join(REFERENCE_HEADERS)} of kernels/, not "{header}"'


@rule
def rooms(source: Source, tree: Tree) -> Iterator[tuple[int, str]]:
    """A header of another room is included with its room, and only from rooms that stand below."""
    if source.layer != "harness" or not source.is_c_or_cpp():
        return
    room = source.path.split("/")[1]
    if room not in ROOMS:
        yield 1, f"{room} is no room of harness/: {', '.join(ROOMS)}"
        return
    for line, match in numbered(source.no_comments, INCLUDE):
        if match[1] != '"':
            continue
        parts = match[2].split("/")
        home = tree.header_room.get(parts[-1])
        if home is None:
            if tree.header_layer.get(parts[-1]) == "reference" and room not in SEES_REFERENCE:
                yield line, f'{room}/ does not see the reference: "{match[2]}"'
        elif home != room and parts[0] != home:
            yield line, f'"{match[2]}" is of another room: write "{home}/{parts[-1]}"'
        elif home != room and home not in ROOMS[room].split():
            yield line, f'{room}/ may not include "{match[2]}": {home}/ is not below it'


@rule
def libraries(source: Source, _tree: Tree) -> Iterator[tuple[int, str]]:
    """Kernels need nothing but libc and libm; the reference adds GSL and Arb. CBLAS's header stays with it."""
    if not source.is_c_or_cpp():
        return
    for line, match in numbered(source.no_comments, INCLUDE):
        header = match[2]
        if match[1] != "<" or matches(header, INTRINSICS):
            continue
        known = LIBC.fullmatch(header) is not None
        if source.layer == "kernels" and not known:
            yield line, f"kernels/ depends on libc and libm alone, not on <{header}>"
        elif source.layer == "reference" and not known and header != "arb.h" and not header.startswith("gsl/"):
            yield line, f"reference/ depends on libc, GSL and Arb alone, not on <{header}>"
        elif "cblas" in header and not matches(source.path, CBLAS_ALLOWED):
            yield line, f"<{header}>: only the reference (and kernels/blas, by dlopen) reaches CBLAS"


@rule
def intrinsics(source: Source, _tree: Tree) -> Iterator[tuple[int, str]]:
    """Only the ISA folders know an instruction set."""
    if not source.is_c_or_cpp() or matches(source.path, INTRINSICS_ALLOWED):
        return
    for line, match in numbered(source.no_comments, INCLUDE):
        if matches(match[2], INTRINSICS):
            yield line, f"<{match[2]}> belongs into an ISA folder"


@rule
def isa_macros(source: Source, _tree: Tree) -> Iterator[tuple[int, str]]:
    """One ISA a file: macros that ask for one are tested in cpu.c alone."""
    if not source.is_c_or_cpp() or source.path == "kernels/cpu.c":
        return
    for line, match in numbered(source.code, CONDITION):
        macro = ISA_MACRO.search(match[1])
        if macro:
            yield line, f"{macro.group()} is tested in kernels/cpu.c alone"


@rule
def no_cpp(source: Source, _tree: Tree) -> Iterator[tuple[int, str]]:
    if source.is_c_or_cpp() and not source.is_c() and not matches(source.path, CPP_ALLOWED):
        yield 1, "C++ is for harness/bench/gbench.cc and tests alone"


@rule
def kernel_names(source: Source, tree: Tree) -> Iterator[tuple[int, str]]:
    """A harness that knows a kernel would treat it differently: iterate the registry or ask for a capability."""
    if not (source.layer == "harness" and source.is_c_or_cpp() or fnmatch.fnmatch(source.path, "tests/*/test_*.c")):
        return
    for number, text in enumerate(source.no_comments, 1):
        for name in tree.kernels:
            if re.search(rf'"[^"]*\b{re.escape(name)}\b', text):
                yield number, f'"{name}" is a kernel\'s name'


@rule
def descriptor(source: Source, _tree: Tree) -> Iterator[tuple[int, str]]:
    """The stem is the symbol's suffix and the registry's name."""
    if not fnmatch.fnmatch(source.path, "kernels/*/*.c"):
        return
    stem = Path(source.path).stem
    text = "\n".join(source.no_comments)
    if not re.search(rf"^const attn_kernel attn_kernel_{stem}\b", text, re.MULTILINE):
        yield 1, f"no `const attn_kernel attn_kernel_{stem}`"
    if not re.search(rf'\.name\s*=\s*"{stem}"', text):
        yield 1, f'its name is not "{stem}"'


@rule
def prints(source: Source, _tree: Tree) -> Iterator[tuple[int, str]]:
    """A library returns a status and a reason; what to print and when to exit is the program's business."""
    if source.layer not in ("kernels", "reference") or not source.is_c_or_cpp():
        return
    for line, match in numbered(source.code, PRINTS):
        yield line, f"{match.group()}: only harness/ prints or exits"


@rule
def cblas(source: Source, _tree: Tree) -> Iterator[tuple[int, str]]:
    """A second BLAS must never answer for the reference."""
    if not source.is_c_or_cpp() or matches(source.path, CBLAS_ALLOWED):
        return
    for line, match in numbered(source.no_comments, CBLAS):
        yield line, f"{match.group()}: only the reference (and kernels/blas, by dlopen) reaches CBLAS"


@rule
def length(source: Source, _tree: Tree) -> Iterator[tuple[int, str]]:
    limit = LENGTH_KERNEL if fnmatch.fnmatch(source.path, "kernels/*/*.c") else LENGTH_OTHER
    lines = source.text.count("\n")
    if lines > limit and not source.name.endswith(".txt"):
        yield lines, f"{lines} lines, at most {limit}: split it by concept"


@rule
def columns(source: Source, _tree: Tree) -> Iterator[tuple[int, str]]:
    """clang-format breaks code and comments at the same column, but not strings."""
    if source.is_c_or_cpp():
        for number, line in enumerate(source.text.splitlines(), 1):
            if len(line) > COLUMNS:
                yield number, f"{len(line)} columns, at most {COLUMNS}"


@rule
def unique_name(source: Source, tree: Tree) -> Iterator[tuple[int, str]]:
    """Headers are found by their name alone, and so are files in a message."""
    if source.is_c_or_cpp():
        twins = [s.path for s in tree.sources if s.name == source.name and s.path < source.path]
        if twins:
            yield 1, f"the name is taken by {twins[0]}"


# ---- a tree on disk --------------------------------------------------------------------------------------------------


def read_tree(root: Path) -> Tree:
    sources = []
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            relative = path.relative_to(root).as_posix()
            if not path.is_file() or relative.startswith("tests/data/") or "__pycache__" in relative:
                continue
            try:
                sources.append(Source(relative, path.read_text(encoding="utf-8")))
            except UnicodeDecodeError:
                continue
    return Tree(sources)


def check(root: Path) -> list[Finding]:
    tree = read_tree(root)
    return [
        Finding(source.path, line, name, what)
        for name, function in RULES.items()
        for source in tree.sources
        for line, what in function(source, tree)
    ]


# ---- tests -----------------------------------------------------------------------------------------------------------

KERNEL = '#include "attention.h"\nconst attn_kernel attn_kernel_plain_one = { .name = "plain_one" };\n'
CLEAN = {
    "kernels/attention.h": "#include <stdint.h>\n",
    "kernels/problem.h": '#include "attention.h"\n',
    "kernels/cpu.h": '#include "attention.h"\n',
    "kernels/cpu.c": '#include "cpu.h"\n#include <cpuid.h>\n#if defined(__AVX2__)\n#endif\n',
    "kernels/registry.c": '#include "registry_list.h"\n',
    "kernels/plain/plain_one.c": KERNEL,
    "kernels/avx2/lanes_impl.h": "#include <immintrin.h>\n",
    "reference/reference.h": '#include "attention.h"\n#include <gsl/gsl_blas.h>\n',
    "reference/reference.c": '#include "reference.h"\nvoid *f = cblas_dgemv;\n',
    "harness/machine/pool.h": '#include "attention.h"\n#include <pthread.h>\n',
    "harness/judge/rows.h": '#include "reference.h"\n#include "run/call.h"\n',
    "harness/run/call.h": '#include "machine/pool.h"\n',
    "harness/bench/gbench.cc": "#include <benchmark/benchmark.h>\n",
    "harness/cli/main.c": '/* plain_one is only mentioned */\nint main(void) { printf("hello"); exit(1); }\n',
    "tests/test_a.cc": '#include "pool.h"\n',
}

# Rule, file, content: each breaks one rule, and only that one.
PLANTED = [
    ("own-headers", "kernels/upward.c", '#include "pool.h"\n'),
    ("own-headers", "kernels/upward.c", '#include "reference.h"\n'),
    ("own-headers", "reference/upward.c", '  #  include "pool.h"\n'),
    ("own-headers", "reference/knows_cpu.c", '#include "cpu.h"\n'),
    ("own-headers", "harness/util/lost.c", '#include "lost.h"\n'),
    ("own-headers", "kernels/plain/plain_one.c", KERNEL + '#include "cpu.h"\n'),
    ("rooms", "harness/machine/upward.c", '#include "run/call.h"\n'),
    ("rooms", "harness/run/upward.c", '#include "judge/rows.h"\n'),
    ("rooms", "harness/stats/sideways.c", '#include "machine/pool.h"\n'),
    ("rooms", "harness/judge/without_room.c", '#include "call.h"\n'),
    ("rooms", "harness/run/judges.c", '#include "reference.h"\n'),
    ("rooms", "harness/attic/old.c", "int x;\n"),
    ("rooms", "harness/homeless.c", "int x;\n"),
    ("libraries", "kernels/threads.c", "#include <pthread.h>\n"),
    ("libraries", "kernels/gsl.c", "#include <gsl/gsl_blas.h>\n"),
    ("libraries", "reference/json.c", "#include <jansson.h>\n"),
    ("libraries", "harness/bench/blas.c", "#include <gsl/gsl_cblas.h>\n"),
    ("intrinsics", "kernels/plain/plain_one.c", KERNEL + "#include <immintrin.h>\n"),
    ("intrinsics", "harness/bench/fast.c", "#include <arm_neon.h>\n"),
    ("isa-macros", "kernels/plain/plain_one.c", KERNEL + "#ifdef __AVX512F__\n#endif\n"),
    ("isa-macros", "harness/bench/fast.c", "#if defined(__x86_64__) && defined(__FMA__)\n#endif\n"),
    ("no-cpp", "harness/bench/other.cc", "int x;\n"),
    ("no-cpp", "kernels/other.hpp", "int x;\n"),
    ("kernel-names", "harness/bench/bias.c", 'const char *best = "plain_one";\n'),
    ("kernel-names", "tests/room/test_b.c", 'run("--kernel plain_one --threads 2");\n'),
    ("descriptor", "kernels/plain/plain_two.c", KERNEL),
    ("descriptor", "kernels/plain/plain_two.c", KERNEL.replace("attn_kernel_plain_one", "attn_kernel_plain_two")),
    ("prints", "kernels/loud.c", 'void f(void) { printf("x"); }\n'),
    ("prints", "reference/quits.c", "void f(void) { abort(); }\n"),
    ("prints", "reference/loud.c", 'void f(void) { fprintf(stderr, "x"); }\n'),
    ("cblas", "harness/bench/blas.c", "extern void cblas_dgemm(void);\n"),
    ("cblas", "harness/bench/blas.c", 'void *f = dlsym(h, "cblas_sgemm");\n'),
    ("length", "kernels/plain/plain_one.c", KERNEL + "\n" * 300),
    ("length", "harness/bench/god.c", "\n" * 501),
    ("columns", "harness/bench/wide.c", "/*" + "x" * 117 + "*/\n"),
    ("unique-name", "reference/cpu.c", "int x;\n"),
]

# Near misses: no rule may object.
ALLOWED = [
    ("kernels/quiet.c", '/* never calls printf( or abort( */ void f(char *r) { snprintf(r, 9, "exit(1)"); }\n'),
    ("kernels/split.h", "#if defined(__aarch64__)\n#endif\n#include <math.h>\n"),
    ("kernels/plain/plain_one.c", KERNEL + '#include "lanes_impl.h"\n#include <string.h>\n'),
    ("kernels/blas/blas_one.c", KERNEL.replace("plain_one", "blas_one") + 'char s[] = "cblas_sgemm";\n'),
    ("harness/bench/own.c", 'const char *s = "plain_one_more";\n/* "plain_one" */\n'),
    ("harness/machine/isa/fast.c", "#include <immintrin.h>\n"),
    ("harness/bench/long.c", "\n" * 500),
    ("harness/bench/commented.c", '/*\n#include "lost.h"\n*/\n// #include "lost.h"\n'),
    ("tests/test_blas.c", '#include "reference.h"\nchar s[] = "cblas_dgemv";\n'),
]


def plant(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


class Layering(unittest.TestCase):
    def test_the_sources_keep_the_rules(self) -> None:
        self.assertTrue((ROOT / "kernels" / "attention.h").is_file(), f"{ROOT} is not the source tree")
        findings = check(ROOT)
        self.assertEqual([], findings, "\n" + "\n".join(map(str, findings)))

    def test_each_planted_violation_is_found(self) -> None:
        for name, path, text in PLANTED:
            with self.subTest(rule=name, path=path), tempfile.TemporaryDirectory() as folder:
                plant(Path(folder), {**CLEAN, path: text})
                self.assertEqual([(path, name)], sorted({(f.path, f.rule) for f in check(Path(folder))}))
        self.assertEqual(set(RULES), {name for name, _, _ in PLANTED}, "a rule without a planted violation")

    def test_near_misses_are_let_through(self) -> None:
        for path, text in ALLOWED:
            with self.subTest(path=path), tempfile.TemporaryDirectory() as folder:
                plant(Path(folder), {**CLEAN, path: text})
                self.assertEqual([], check(Path(folder)))

    def test_lines_are_counted_across_comments(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            plant(Path(folder), {**CLEAN, "kernels/loud.c": "/* a\nb */ // c\nvoid f(void) { puts(0); }\n"})
            self.assertEqual([3], [f.line for f in check(Path(folder))])


if __name__ == "__main__":
    sys.exit(unittest.main())
