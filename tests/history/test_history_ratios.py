#!/usr/bin/env python3
"""attnbench history's series: ratios to an anchor, names of releases, levels that change, and what two builds say of
them. Suspicions are confirmed on the builds of harness/slowed."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
from pathlib import Path
from typing import Any

import command_line as cl
from history_fixture import COMPUTE, SLOWED, Case, comparison, main


class Ratios(Case):
    def ratios(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.history("export").stdout)))

    def changes(self, *arguments: str | Path, code: int = cl.WELL) -> tuple[str, list[dict[str, Any]]]:
        path = self.folder / "found.json"

        def run() -> cl.Result:
            return cl.attnbench("history", "check", "--db", self.db, "--json", path, *arguments)

        done = run() if code == cl.UNDECIDED else cl.decided(run)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout, json.loads(path.read_text())["history"]["changes"]

    def this_machine(self) -> str:
        path = self.folder / "shown.json"
        self.put(comparison(0, 1, new="other", base="other"))
        self.history("show", "--json", path)
        cpu = json.loads(path.read_text())["context"]["attnbench"]["cpu"]
        self.assertIsInstance(cpu, str)
        return str(cpu)

    def step(self, height: float, *, cpu: str = "", **changes: Any) -> None:
        """A series of this machine, unless said otherwise, that changes its level in the middle."""
        dice = random.Random(5)
        cpu = cpu or self.this_machine()
        for i in range(24):
            made = comparison(i, (1 if i < 12 else height) * (1 + dice.gauss(0, 0.001)), **changes)
            made["context"]["attnbench"]["cpu"] = cpu
            self.put(made)

    def test_ratios_to_an_anchor(self) -> None:
        self.put(comparison(1, 1.02))
        (row,) = self.ratios()
        wanted = {"anchor": "a0", "artifact": "n1", "ratio": "1.02", "launches": "12", "ms": "", "workload": COMPUTE}
        self.assertEqual({key: row[key] for key in wanted}, wanted)
        self.assertAlmostEqual(float(row["low"]), 1.018)
        said = self.history("show").stdout
        self.assertIn("+2 % [+1.8, +2.2], 12 launches", said)
        self.assertIn("time over that of a0", said)

    def test_identical_code_is_one_and_wrong_code_nothing(self) -> None:
        bare = {"launches": [], "ratio": None, "launch_ratio": None}
        self.put(comparison(1, 1, verdict="identical code", **bare))
        (row,) = self.ratios()
        self.assertEqual((row["ratio"], row["low"], row["high"]), ("1", "1", "1"))
        for verdict in ("wrong", "unsupported"):
            path = self.folder / "none.json"
            path.write_text(json.dumps(comparison(2, 1, verdict=verdict, **bare)))
            self.assertIn("no comparison of kernels", self.history("add", path, code=cl.USAGE).stderr)

    def test_what_is_no_comparison_adds_nothing(self) -> None:
        for number, changes in enumerate(
            ({"ratio": "NaN"}, {"ratio": -1}, {"ratio": "x"}, {"new": 7}, {"workload": ""})
        ):
            path = self.folder / "odd.json"
            path.write_text(json.dumps(comparison(number, 1, **{"launches": [], **changes})))
            self.history("add", path, code=cl.USAGE)
        for comparisons in (7, [7]):
            path.write_text(json.dumps({**comparison(9, 1), "comparisons": comparisons}))
            self.history("add", path, code=cl.USAGE)
        twice = comparison(10, 1.5)
        twice["comparisons"] *= 2
        self.put(twice)
        self.assertEqual([row["ratio"] for row in self.ratios()], ["1.5"])

    def test_another_anchor_is_another_series(self) -> None:
        self.put(comparison(1, 1.02), comparison(2, 1.3, anchor="a1"), comparison(3, 1.02))
        self.put(comparison(4, 9, base="naive_rows"))
        self.assertEqual(self.history("show").stdout.count("time over that of"), 3)

    def test_one_process_has_the_interval_of_its_pairs(self) -> None:
        self.put(comparison(1, 1.5, launches=[], ratio=1.25, interval=[1.2, 1.3]))
        (row,) = self.ratios()
        self.assertEqual((row["ratio"], row["low"], row["high"], row["launches"]), ("1.25", "1.2", "1.3", "0"))

    def test_a_change_is_confirmed_by_the_builds(self) -> None:
        self.step(1.05)
        said, (change,) = self.changes()
        self.assertEqual((change["kind"], change["from"], change["state"]), ("level", "c12", "hypothesis"))
        self.assertIn("--confirm BASE.so NEW.so", said)
        builds = (SLOWED / "slowed_0.so", SLOWED / "slowed_100.so")
        said, (change,) = self.changes("--confirm", *builds, "--launches", "0", code=cl.FINDING)
        self.assertEqual(change["state"], "confirmed")
        self.assertRegex(said, r"confirmed: NEW (is|takes) [\d.]+ .* BASE \[.*\] \(other files")
        comparisons = json.loads((self.folder / "found.json").read_text())["comparisons"]
        self.assertEqual([one["verdict"] for one in comparisons], ["slower"])

    def test_noise_is_not_confirmed(self) -> None:
        self.step(1.05)
        builds = (SLOWED / "slowed_0.so", SLOWED / "slowed_again.so")
        said, (change,) = self.changes("--confirm", *builds, "--launches", "0", *cl.APART)
        self.assertEqual(change["state"], "not confirmed")
        self.assertIn("0 confirmed, 1 not confirmed, 0 open", said)
        _, (change,) = self.changes("--confirm", builds[0], builds[0])
        self.assertIn("identical code", change["words"])

    def test_what_became_faster_is_no_alarm(self) -> None:
        self.step(1 / 1.05)
        builds = (SLOWED / "slowed_100.so", SLOWED / "slowed_0.so")
        _, (change,) = self.changes("--confirm", *builds, "--launches", "0")
        self.assertEqual(change["state"], "confirmed")

    def test_builds_that_cannot_be_compared(self) -> None:
        self.step(1.05)
        done = self.history("check", "--confirm", "missing.so", SLOWED / "slowed_0.so", code=cl.USAGE)
        self.assertIn("missing.so", done.stderr)
        self.step(2, new="gone", base="gone")
        builds = (SLOWED / "slowed_0.so", SLOWED / "slowed_100.so")
        _, changes = self.changes("--kernel", "gone", "--confirm", *builds, code=cl.UNDECIDED)
        self.assertEqual([change["state"] for change in changes], ["open"])

    def test_another_machine_cannot_confirm(self) -> None:
        self.step(1.05, cpu="elsewhere")
        builds = (SLOWED / "slowed_0.so", SLOWED / "slowed_100.so")
        said, (change,) = self.changes("--confirm", *builds, code=cl.UNDECIDED)
        self.assertEqual(change["state"], "open")
        self.assertIn("another machine, elsewhere", said)

    def test_small_steps_add_up_since_a_release(self) -> None:
        """Six steps of 0.4 %: too few points for any change of level."""
        self.put(comparison(0, 1.0), release="v1.0")
        self.put(*(comparison(i, 1.004**i, spread=0.001) for i in range(1, 7)))
        said, (change,) = self.changes()
        self.assertEqual((change["kind"], change["release"], change["from"]), ("release", "v1.0", "c6"))
        self.assertIn("+2.4 % since release v1.0", said)
        low, high = change["interval"]
        self.assertTrue(0.005 < low < change["change"] < high)
        self.put(comparison(7, 1.004, spread=0.001))
        self.assertEqual(self.changes()[1], [])

    def test_a_release_can_be_named_later(self) -> None:
        self.put(comparison(0, 1.0), comparison(1, 1.1))
        self.assertEqual(self.changes()[1], [])
        self.put(comparison(0, 1.0), release="v1.0")
        self.assertEqual([row["release"] for row in self.ratios()], ["v1.0", ""])
        self.assertEqual([change["kind"] for change in self.changes()[1]], ["release"])

    def named(self) -> list[str]:
        return [row["release"] for row in self.ratios()]

    def add_one(self, made: dict[str, Any], *flags: str, code: int = cl.WELL) -> cl.Result:
        path = self.folder / "named.json"
        path.write_text(json.dumps(made))
        return self.history("add", path, *flags, code=code)

    def test_a_release_is_one_build(self) -> None:
        self.put(comparison(0, 1.0), release="v1")
        said = self.add_one(comparison(1, 1.1), "--release", "v1", code=cl.USAGE).stderr
        self.assertIn("release v1 is another build, c0 of 2026-02-01", said)
        self.assertIn("--force", said)
        self.assertEqual(self.named(), ["v1"])
        other = comparison(0, 1.2)
        other["context"]["attnbench"]["compare"]["new"]["digest"] = "another"
        self.add_one(other, "--release", "v1", code=cl.USAGE)
        self.put(comparison(0, 1.001), release="v1")  # the same build again
        self.assertEqual(self.named(), ["v1", "v1"])
        elsewhere = comparison(2, 1.0)
        elsewhere["context"]["attnbench"]["cpu"] = "another machine's"
        self.put(elsewhere, release="v1")
        self.put(comparison(3, 1.0, workload="another"), release="v1")
        self.assertEqual(sorted(self.named()), ["v1"] * 4)
        moved = self.add_one(comparison(1, 1.1), "--release", "v1", "--force").stdout
        self.assertIn("as release v1; that was c0 of 2026-02-01", moved)
        self.assertEqual(sorted(self.named()), ["", "", "v1", "v1", "v1"])

    def test_a_record_has_one_name(self) -> None:
        self.put(comparison(0, 1.0), release="v1")
        self.put(comparison(0, 1.0), release="v1")
        said = self.add_one(comparison(0, 1.0), "--release", "v2", code=cl.USAGE).stderr
        self.assertIn("is release v1 already", said)
        self.assertEqual(self.named(), ["v1"])
        said = self.add_one(comparison(0, 1.0), "--release", "v2", "--force").stdout
        self.assertIn("is there already, as release v2; it was v1", said)
        self.assertEqual(self.named(), ["v2"])

    def test_a_gate_of_this_program(self) -> None:
        shutil.copy(SLOWED / "slowed_0.so", self.folder / "kernels.so")
        plugin = ("--plugin", self.folder / "kernels.so")
        done = cl.attnbench("gate", "save", self.folder / "baseline", *plugin)
        self.assertEqual(done.returncode, cl.WELL, done.stderr)
        shutil.copy(SLOWED / "slowed_100.so", self.folder / "kernels.so")
        path = self.folder / "gate.json"
        flags = ("--baseline", self.folder / "baseline", *plugin, "--workload", COMPUTE, "--launches", "0")
        cl.attnbench("gate", *flags, "--json", path)
        self.history("add", path)
        (row,) = self.ratios()
        self.assertEqual(row["date"], json.loads(path.read_text())["context"]["date"])

    def test_a_comparison_of_this_program(self) -> None:
        path = self.folder / "compared.json"
        builds = (SLOWED / "slowed_0.so", SLOWED / "slowed_100.so")
        cl.attnbench("compare", *builds, "--workload", COMPUTE, "--launches", "0", "--cold", "--json", path)
        self.assertIn("the ratios of 1 case to the anchor added", self.history("add", path).stdout)
        (row,) = self.ratios()
        compared = json.loads(path.read_text())["context"]["attnbench"]["compare"]
        self.assertEqual((row["anchor"], row["artifact"]), (compared["base"]["digest"], compared["new"]["digest"]))
        self.assertEqual(row["inputs"], "cold")
        self.assertRegex(row["date"], r"^\d{4}-\d\d-\d\dT[\d:]{8}[+-]\d\d:\d\d$")


if __name__ == "__main__":
    main()
