#!/usr/bin/env python3
"""Help, completions and man page are made from the tables of commands and flags: each command and each flag that it
takes is in all of them, and bash really completes them."""

from __future__ import annotations

import re
import shutil
import subprocess
import unittest

import command_line as cl
from command_line import USAGE, InFolder

WIDTH = 100
COMPLETE = """
source "$1"
shift
mapfile -t COMP_WORDS < <(printf '%s\\n' "$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_attnbench
printf '%s\\n' "${COMPREPLY[@]}"
"""


def said(*arguments: str) -> str:
    result = cl.attnbench(*arguments)
    assert result.returncode == 0, (arguments, result.stderr)
    return result.stdout


def commands() -> list[tuple[str, ...]]:
    """As the list of commands has them, and the word that has flags of its own."""
    names = re.findall(r"(?m)^  ([a-z]+) +\S", said("--help"))
    return [(name,) for name in names] + [("selftest", "clock")]


def taken(command: tuple[str, ...]) -> set[str]:
    """The flags that the parser names where it meets one that is unknown."""
    refused = cl.attnbench(*command, "--no-such-flag")
    assert refused.returncode == USAGE, refused.stderr
    return set(re.findall(r"(--[a-z-]+)", refused.stderr.split("this command takes")[1].replace("after --", "")))


def sections(text: str, heading: str, titles: list[str]) -> dict[str, str]:
    parts = re.split(heading, text)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert set(titles) <= set(found), (titles, set(found))
    return found


class Help(unittest.TestCase):
    def test_commands(self) -> None:
        names = {name for name, *_ in commands()}
        self.assertLessEqual({"verify", "bench", "selftest", "completion", "manual"}, names)
        unknown = cl.attnbench("no-such-command").stderr
        self.assertEqual(set(unknown.split("commands:")[1].split("(")[0].split()), names)

    def test_every_flag_is_told(self) -> None:
        for command in commands():
            text = said(*command, "--help")
            told = set(re.findall(r"(?m)^  (?:-\w, )?(--[a-z-]+)", text))
            self.assertEqual(told, taken(command) - {"--help"}, command)
            self.assertIn(f"example: attnbench {command[0]}", text)
            self.assertNotIn("{", text)

    def test_hidden_flags(self) -> None:
        """A flag is hidden on purpose, and here is which: the other tests cannot miss it."""
        table = (cl.ROOT / "harness/cli/flags.c").read_text().replace('"-h", ', "").replace('"N", ', "")
        rows = re.findall(r'\{"(--[a-z-]+)"[^{}"]*PART_HIDDEN', table)
        self.assertEqual(rows, ["--help", "--launch", "--plugin"])
        self.assertIn("FILE.so:KERNEL", cl.attnbench("compare", "a", "b", "--plugin", "c.so").stderr)

    def test_width(self) -> None:
        for arguments in [("--help",), *((*command, "--help") for command in commands())]:
            for line in said(*arguments).splitlines():
                self.assertLessEqual(len(line), WIDTH, arguments)
                self.assertEqual(line, line.rstrip(), arguments)

    def test_version(self) -> None:
        self.assertRegex(said("--version"), r"\Aattnbench \d+\.\d+\.\d+ \([^)\n]+\)\ncompiler: ")
        self.assertEqual(said("-V"), said("--version"))


class Manual(unittest.TestCase):
    def test_every_command_and_flag(self) -> None:
        page = said("manual")
        titles = [" ".join(command) for command in commands()]
        parts = sections(page, r"(?m)^\.S[SH] (.*)\n", titles)
        for command, title in zip(commands(), titles, strict=True):
            told = re.findall(r"(?m)^(?:\\fB\\-\w\\fR, )?\\fB(\\-\\-[a-z\\-]+)\\fR", parts[title])
            self.assertEqual({flag.replace("\\", "") for flag in told}, taken(command) - {"--help"}, title)
        for title in ("NAME", "SYNOPSIS", "EXIT STATUS", "ENVIRONMENT", "EXAMPLES"):
            self.assertIn(title, parts)
        self.assertIn("130\ninterrupted", parts["EXIT STATUS"])
        self.assertIn("ATTNBENCH_ISA", parts["ENVIRONMENT"])
        self.assertTrue(page.isascii())

    def test_roff(self) -> None:
        """Nothing of a text is taken for a request, a quote or a hyphen."""
        for line in said("manual").splitlines():
            self.assertFalse(line.startswith("'"), line)
            if line.startswith("."):
                self.assertRegex(line, r"\A\.(\\\"|TH|SH|SS|TP|PP|RS|RE|B|I|RI|br|nf|fi|nh|ad)( |$)")
            else:
                self.assertNotRegex(line, r"['`^~]|(?<!\\)-|\\(?![-&efRBI(])", line)

    def test_rendered(self) -> None:
        page = said("manual")
        if shutil.which("man"):
            done = subprocess.run(
                ["man", "--warnings", "-l", "-"],
                input=page,
                text=True,
                capture_output=True,
                env=cl.environment(MANWIDTH="100", LC_ALL="C"),
                check=False,
            )
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("--on-inconclusive warn|fail", done.stdout)
            self.assertIn("(HEAD^1)", done.stdout)
            self.assertIn("--kernel 'blocked*' --time-budget 60", done.stdout)
        if shutil.which("mandoc"):
            done = subprocess.run(
                ["mandoc", "-T", "lint", "-W", "error"], input=page, text=True, capture_output=True, check=False
            )
            self.assertEqual((done.returncode, done.stdout), (0, ""))


class Completion(InFolder):
    def setUp(self) -> None:
        super().setUp()
        self.script = self.folder / "attnbench.bash"
        self.script.write_text(said("completion", "bash"))

    def complete(self, *words: str, program: str = cl.PROGRAM) -> set[str]:
        line = ["bash", "-c", COMPLETE, "bash", str(self.script), program, *words]
        done = subprocess.run(line, text=True, capture_output=True, check=True, cwd=self.folder)
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split())

    def test_syntax(self) -> None:
        for shell in ("bash", "zsh", "fish"):
            text = said("completion", shell)
            self.assertTrue(text.isascii())
            if shutil.which(shell):
                subprocess.run([shell, "-n"], input=text, text=True, check=True)
        if shutil.which("shellcheck"):
            subprocess.run(["shellcheck", "-s", "bash", self.script], check=True)

    def test_unknown_shell(self) -> None:
        for words in ((), ("tcsh",), ("bash", "zsh")):
            self.one_line(self.run_here("completion", *words), USAGE, "bash, zsh or fish")

    def test_commands_and_words(self) -> None:
        names = {name for name, *_ in commands()}
        self.assertEqual(self.complete(""), names | {"help"})
        self.assertEqual(self.complete("ver"), {"verify"})
        self.assertEqual(self.complete("--v"), {"--version"})
        self.assertEqual(self.complete("help", "ver"), {"verify"})
        self.assertEqual(self.complete("list", "k"), {"kernels", "keys"})
        self.assertEqual(self.complete("gate", "s"), {"save"})
        self.assertEqual(self.complete("selftest", ""), {"judge", "clock"})
        self.assertEqual(self.complete("completion", ""), {"bash", "zsh", "fish"})

    def test_every_flag(self) -> None:
        for command in commands():
            self.assertEqual({f for f in self.complete(*command, "-") if f.startswith("--")}, taken(command), command)

    def test_every_flag_in_other_shells(self) -> None:
        for shell, command_of, flag_of in (
            ("zsh", r"(?m)^    '?([a-z]+(?: [a-z]+(?='\)))?)'? ?'?\*?\)\n", r"'\*(--[a-z-]+)"),
            ("fish", None, r" -l ([a-z-]+)"),
        ):
            text = said("completion", shell)
            for command in commands():
                if command_of:
                    part = sections(text, command_of, [" ".join(command)])[" ".join(command)].split(";;")[0]
                else:
                    begin = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in command)
                    line = rf"(?m)^complete -c attnbench -n '{begin}(?:; and not [^']*)?'.*"
                    part = "\n".join(re.findall(line, text))
                found = {"--" + flag.removeprefix("--") for flag in re.findall(flag_of, part)}
                self.assertEqual(found, taken(command), (shell, command))

    def test_values(self) -> None:
        (self.folder / "some file.txt").touch()
        (self.folder / "somewhere").mkdir()
        kernel = cl.baseline()
        self.assertIn(kernel, self.complete("verify", "--kernel", kernel[:-1]))
        self.assertEqual(self.complete("verify", "--kernel", "="), set(cl.kernels_by_role()))
        self.assertIn(kernel, self.complete("bench", "--kernel", "=", kernel[:2]))
        self.assertEqual(self.complete("bench", "--workload", "gpt2-1"), {"gpt2-1k"})
        self.assertEqual(self.complete("run", "--suite", "smo"), {"smoke"})
        self.assertEqual(self.complete("verify", "--class", "normal,outl"), {"normal,outliers"})
        self.assertTrue(self.complete("verify", "--check", ""))
        self.assertEqual(self.complete("gate", "--on-inconclusive", ""), {"warn", "fail"})
        self.assertEqual(self.complete("verify", "--json", "some"), {"some", "file.txt", "somewhere"})
        self.assertEqual(self.complete("verify", "--dump", "some"), {"somewhere"})
        self.assertEqual(self.complete("run", "-o", "some"), {"somewhere"})
        self.assertEqual(self.complete("report", "some"), {"some", "file.txt", "somewhere"})
        self.assertEqual(self.complete("verify", "--seed", ""), set())
        self.assertEqual(self.complete("bench", "--", "-"), set())


if __name__ == "__main__":
    unittest.main()
