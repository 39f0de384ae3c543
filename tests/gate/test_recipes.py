#!/usr/bin/env python3
"""The recipes for pipelines: are they what GitHub and GitLab take, do they call the program as it is, are they safe?

What they take is checked by linters where these are installed (scripts/install-deps --all): yamllint, and
check-jsonschema with the schemas that both sites publish. actionlint would see more, and is packaged neither by Debian
nor in a form that builds without its authors' server. What makes a recipe safe for strangers' pull requests is checked
here, and each of these checks on a recipe that breaks it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import unittest
from collections.abc import Callable
from pathlib import Path

from command_line import attnbench

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "scripts" / "recipes"
GITHUB, GITLAB = RECIPES / "github-actions.yml", RECIPES / "gitlab-ci.yml"
TOOLS = Path(os.environ.get("ATTNBENCH_BUILD", ROOT / "build")) / "venv-tools" / "bin"


def code(text: str) -> str:
    """Without comments."""
    return re.sub(r"(^|\s)#.*", r"\1", text)


def shell(text: str) -> str:
    """What runs: of blocks and single lines."""
    block = re.findall(r"^( *)(?:- (?:name: .*\n *)?)?(?:run: )?\|\n((?:\1 +.*\n)+)", text, re.MULTILINE)
    return "\n".join(lines for _, lines in block)


# ---- rules: from a recipe's text to what is wrong with it ------------------------------------------------------------


def secrets(text: str) -> list[str]:
    return re.findall(r"secrets\.\w+|\$CI_JOB_TOKEN|id[-_]tokens?:|pull_request_target|workflow_run", code(text))


def permissions(text: str) -> list[str]:
    """Nothing but reading, said for the whole file."""
    granted = re.findall(r"^permissions:\n((?:  .+\n)+)", code(text), re.MULTILINE)
    others = re.findall(r"^ +permissions:|: write\b|write-all", code(text), re.MULTILINE)
    return others if granted == ["  contents: read\n"] else ["permissions: contents: read is missing", *others]


def unpinned(text: str) -> list[str]:
    """A tag can be moved to other code; a commit cannot."""
    return [u for u in re.findall(r"uses: (\S+)", text) if not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", u)]


def credentials(text: str) -> list[str]:
    checkouts, kept = text.count("uses: actions/checkout@"), text.count("persist-credentials: false")
    return [] if checkouts == kept else ["checkout leaves its token in the folder"]


def injected(text: str) -> list[str]:
    """What strangers write (titles, branch names) must not become shell code."""
    return re.findall(r"\$\{\{.*?\}\}", shell(text) + "".join(re.findall(r"run: .*", text)))


def restored(text: str) -> list[str]:
    """A baseline is code that runs: no job of strangers may leave one."""
    ways = r"actions/(?:cache|download-artifact)|--baseline|^ +(?:dependencies|needs):|^ *cache:(?! \[\]).*"
    return re.findall(ways, code(text), re.MULTILINE)


BOTH: tuple[Callable[[str], list[str]], ...] = (secrets, injected, restored)
RULES = {GITHUB: (*BOTH, permissions, unpinned, credentials), GITLAB: BOTH}

# Rule, recipe, what is replaced, by what.
PLANTED = [
    (secrets, GITHUB, "  pull_request:", "  pull_request_target:"),
    (secrets, GITHUB, "run: scripts/install-deps", "run: scripts/install-deps ${{ secrets.TOKEN }}"),
    (secrets, GITLAB, "    - scripts/install-deps", "    - curl -H $CI_JOB_TOKEN"),
    (permissions, GITHUB, "contents: read", "contents: write"),
    (permissions, GITHUB, "permissions:\n  contents: read\n", ""),
    (permissions, GITHUB, "    timeout-minutes: 60", "    permissions:\n      issues: read"),
    (unpinned, GITHUB, "@11bd71901bbe5b1630ceea73d27597364c9af683", "@v4"),
    (credentials, GITHUB, "persist-credentials: false", "clean: true"),
    (injected, GITHUB, "--base 'HEAD^1'", "--base '${{ github.head_ref }}'"),
    (injected, GITHUB, "run: scripts/install-deps", "run: echo ${{ github.event.pull_request.title }}"),
    (restored, GITHUB, "actions/upload-artifact", "actions/cache"),
    (restored, GITHUB, "--base 'HEAD^1'", "--baseline kept"),
    (restored, GITLAB, "cache: []", "cache: {paths: [kept]}"),
]


class Recipes(unittest.TestCase):
    def test_they_are_safe(self) -> None:
        for path, rules in RULES.items():
            for rule in rules:
                with self.subTest(path=path.name, rule=rule.__name__):
                    self.assertEqual([], rule(path.read_text(encoding="utf-8")))

    def test_each_planted_danger_is_found(self) -> None:
        for rule, path, safe, dangerous in PLANTED:
            with self.subTest(rule=rule.__name__, planted=dangerous):
                text = path.read_text(encoding="utf-8")
                self.assertIn(safe, text)
                self.assertNotEqual([], rule(text.replace(safe, dangerous)))
        self.assertEqual({r for rules in RULES.values() for r in rules}, {rule for rule, *_ in PLANTED})

    def test_the_base_is_the_first_parent(self) -> None:
        self.assertIn("--base 'HEAD^1'", GITHUB.read_text(encoding="utf-8"))
        self.assertIn("fetch-depth: 2", GITHUB.read_text(encoding="utf-8"))
        self.assertIn("base='HEAD^1'", GITLAB.read_text(encoding="utf-8"))

    def test_the_program_takes_every_flag(self) -> None:
        for path in RULES:
            text = code(path.read_text(encoding="utf-8")).replace("\\\n", " ")
            calls = re.findall(r"build/attnbench (\w+) (.*)", text)
            self.assertEqual({"verify", "gate"}, {command for command, _ in calls})
            for command, arguments in calls:
                known = attnbench(command, "--help").stdout
                for flag in re.findall(r"--[a-z-]+", arguments.split("$BUILD")[0]):
                    self.assertIn(f"{flag} ", known, f"{path.name}: {command}")

    def test_their_shell_is_right(self) -> None:
        for path in RULES:
            script = shell(path.read_text(encoding="utf-8"))
            self.assertIn("attnbench gate", script)
            subprocess.run(["bash", "-n"], input=script, text=True, check=True)
            if shutil.which("shellcheck"):
                subprocess.run(["shellcheck", "-s", "sh", "-"], input=script, text=True, check=True)

    def test_linters(self) -> None:
        checker = shutil.which("check-jsonschema") or shutil.which("check-jsonschema", path=TOOLS)
        if shutil.which("yamllint"):
            self.lint("yamllint", "--strict", "-c", RECIPES / ".yamllint", GITHUB, GITLAB)
        if checker:
            self.lint(checker, "--builtin-schema", "vendor.github-workflows", GITHUB)
            self.lint(checker, "--builtin-schema", "vendor.gitlab-ci", GITLAB)
        if not checker or not shutil.which("yamllint"):
            self.skipTest("yamllint or check-jsonschema is missing: scripts/install-deps --all")

    def lint(self, *command: str | Path) -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)


if __name__ == "__main__":
    sys.exit(unittest.main())
