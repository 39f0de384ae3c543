#!/usr/bin/env python3
"""Pieces of the reports whose mistakes a sample record would not show. Exits 77 where test_reports.py does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from test_reports import PYTHON, ROOT, SKIPPED


class Parts(unittest.TestCase):
    """Pieces whose mistakes a sample would not show."""

    def ask(self, code: str) -> object:
        assert PYTHON
        done = subprocess.run(
            [PYTHON, "-c", f"import json\n{code}"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT / "reports")},
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_chain_survives_cycles_and_strangers(self) -> None:
        order = self.ask(
            "from attnbench_report.results import chain\nfrom attnbench_report.record import Kernel as K\n"
            "print(json.dumps(chain([K('d', '', 'c'), K('x', '', 'gone'), K('c', '', 'b'), K('p', '', 'q'),"
            " K('q', '', 'p'), K('b', '', None, 'baseline')])))"
        )
        self.assertEqual(order, ["b", "c", "d", "x", "p", "q"])

    def test_labels_are_moved_apart(self) -> None:
        placed = self.ask(
            "from attnbench_report.style import spread\nprint(json.dumps(spread([5, 1, 1.2, 1.1, 9], 1)))"
        )
        assert isinstance(placed, list)
        self.assertEqual(placed[0], 5)
        self.assertEqual(placed[4], 9)
        self.assertEqual(sorted(range(5), key=lambda i: placed[i]), [1, 3, 2, 0, 4])
        ascending = sorted(placed)
        self.assertTrue(all(b - a >= 1 - 1e-12 for a, b in zip(ascending, ascending[1:], strict=False)))
        self.assertAlmostEqual(sum(placed[1:4]) / 3, 1.1)

    def test_names_of_all_shapes(self) -> None:
        names = ["k/w,a=1/threads:4", "f.so:k/w/cold/threads:2", "BM_x/64/8", "plain"]
        found = self.ask(
            f"from attnbench_report.record import split_name\nprint(json.dumps([split_name(n, None) for n in {names}]))"
        )
        wanted = [["k", "w,a=1", "", 4], ["f.so:k", "w", "cold", 2], ["BM_x", "64", "8", 1], ["plain", "", "", 1]]
        self.assertEqual(found, wanted)

    def test_significant_digits(self) -> None:
        values = [0, 0.012345, 9.999, 99.96, 123456.7, 1e-9, -2.5]
        found = self.ask(
            f"from attnbench_report.style import significant\nprint(json.dumps([significant(v) for v in {values}]))"
        )
        self.assertEqual(found, ["0.00", "0.0123", "10.0", "100", "123457", "1.00e-09", "-2.50"])

    def test_only_ceilings_in_use_are_drawn(self) -> None:
        names = self.ask(
            "from attnbench_report import chart_sweep as c, results as r, spec\nimport types\n"
            "def timing(kernel, threads, ceiling):\n"
            "    return r.Timing(r.Series(kernel, threads), 'w', spec.parse('q=8,d=8'), None, ceiling=ceiling)\n"
            "timings = [timing('a', 1, 'one'), timing('b', 2, 'two'), timing('c', 2, 'bandwidth')]\n"
            "of = types.SimpleNamespace(context={'ceilings': {'one': 1.0, 'two': 2.0, 'three': 3.0}})\n"
            "print(json.dumps([line.name for line in c._limits(of, timings)]))"
        )
        self.assertEqual(names, ["one: 1.00", "two × 2 threads: 4.00"])

    def test_bandwidth_is_that_at_each_points_footprint(self) -> None:
        """One curve a thread count, whatever else of the run had its bandwidth measured."""
        entries = [
            {"name": f"k/h=1,q=1,k={k},d=8/threads:{n}", "label": f"h=1,q=1,k={k},d=8", "threads": n, "real_time": 1}
            | {"time_unit": "ms", "run_type": "iteration", "gbytes": 5.0, "share_bw": 5.0 / (n * level)}
            for k, level in ((8, 400.0), (16, 100.0), (32, 30.0))
            for n in (1, 2)
        ]
        steps = [{"footprint": 4096 * i, "gbytes": 10.0 * i} for i in range(1, 40)]
        context = {"attnbench": {"schema": 1, "bandwidth": steps}}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "record.json"
            path.write_text(json.dumps({"context": context, "benchmarks": entries}))
            found = self.ask(
                "from pathlib import Path\nfrom attnbench_report import chart_sweep, record, results\n"
                f"group, = results.collect([record.read(Path({str(path)!r}))])\n"
                "(chart,), left = chart_sweep.draw(group)\n"
                "axes = chart.figure.axes[0]\n"
                "curves = [[float(y) for y in line.get_ydata()] for line in axes.lines if line.get_zorder() == 1]\n"
                "print(json.dumps([curves, [t.get_text() for t in axes.texts]]))"
            )
        curves, names = found
        for curve, wanted in zip(curves, ([400, 100, 30], [800, 200, 60]), strict=True):
            for level, expected in zip(curve, wanted, strict=True):
                self.assertAlmostEqual(level, expected)
        self.assertEqual(names, ["reading, 1 thread", "reading, 2 threads"])

    def test_many_kernels_fit_the_page(self) -> None:
        """Wider than the other charts, and the page would scale its text down; the title stands above all."""
        entries = [
            {"name": f"kernel_{i}/w/threads:1", "run_type": "iteration", "real_time": 1, "share": 0.5}
            for i in range(13)
        ]
        listed = [{"name": f"kernel_{i}", "role": "product" if i else "baseline"} for i in range(13)]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "record.json"
            path.write_text(
                json.dumps({"context": {"attnbench": {"schema": 1, "kernels": listed}}, "benchmarks": entries})
            )
            found = self.ask(
                "from pathlib import Path\nfrom attnbench_report import chart_speed, record, results\n"
                f"group, = results.collect([record.read(Path({str(path)!r}))])\n"
                "charts = {c.slug: c.figure for c in chart_speed.draw(group)[0]}\n"
                "speedups = charts['speedup-by-workload']\n"
                "axes, drawer = speedups.axes[0], speedups.canvas.get_renderer()\n"
                "legend = axes.get_legend().get_window_extent(drawer)\n"
                "name = axes.xaxis.label.get_window_extent(drawer)\n"
                "print(json.dumps([charts['share-of-peak'].get_size_inches()[0], bool(legend.y1 < name.y0)]))"
            )
        assert isinstance(found, list)
        width, legend_is_below = found
        self.assertLess(width, 8)
        self.assertTrue(legend_is_below)

    def test_what_noise_hides_is_a_tie(self) -> None:
        """Of the range of the fastest one's repetitions, not of another's; and aggregates alone have none."""
        found = self.ask(
            "from attnbench_report import leaders as l, results as r, spec\nimport types\n"
            "def timing(kernel, ms, low, high):\n"
            "    return r.Timing(r.Series(kernel, 1), 'w', spec.parse('q=8'), None, 3, ms, low, high)\n"
            "def of(*timings):\n"
            "    results = types.SimpleNamespace(timings=timings, is_trusted=lambda t: t.ms is not None)\n"
            "    lead = l.leaders(results).get('w')\n"
            "    names = lambda some: [t.series.kernel for t in some if t]\n"
            "    return lead and [names(lead.level), names([lead.behind])]\n"
            "a, b, c = timing('a', 1.0, 0.9, 1.5), timing('b', 1.4, 1.3, 1.6), timing('c', 1.51, 0.5, 9)\n"
            "sure, broken = timing('sure', 0.9, None, None), timing('broken', None, None, None)\n"
            "print(json.dumps([of(c, b, a), of(c, b), of(a, sure), of(a, broken)]))"
        )
        self.assertEqual(found, [[["a", "b"], ["c"]], [["b", "c"], []], [["sure"], ["a"]], None])

    def test_forest_of_comparisons(self) -> None:
        """Figures of the launches where a verdict was confirmed, no end where the interval has none, findings first."""
        one = {"base": "k", "new": "k", "workload": "w", "threads": 1}
        launches = {"launches": [1.02, 1.02], "launch_ratio": 1.018, "launch_interval": [1.015, 1.021]}
        comparisons = [
            {**one, "verdict": "identical code"},
            {**one, "verdict": "could not tell", "ratio": 1.002, "interval": ["-Infinity", "Infinity"]},
            {**one, "verdict": "slower", "ratio": 1.5, "interval": [1.4, 1.6], **launches},
        ]
        context = {"attnbench": {"schema": 1, "compare": {"delta": 0.01}}}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "record.json"
            path.write_text(json.dumps({"context": context, "benchmarks": [], "comparisons": comparisons}))
            found = self.ask(
                "from pathlib import Path\nfrom attnbench_report import chart_compare, record, results\n"
                f"group, = results.collect([record.read(Path({str(path)!r}))])\n"
                "(chart,), left = chart_compare.draw(group)\n"
                "axes = chart.figure.axes[0]\n"
                "print(json.dumps([group.delta, chart.rows, [t.get_text() for t in axes.texts]]))"
            )
        delta, table, texts = found
        self.assertEqual(0.01, delta)
        self.assertEqual(["slower, 2 launches", "could not tell"], texts)
        figures = [[None, None, None, 0], [1.002, None, None, 0], [1.018, 1.015, 1.021, 2]]
        self.assertEqual(figures, [row[5:] for row in table])

    def test_timeline(self) -> None:
        """Percent over the anchor, the level's medians cut where it changed, and what is said of the change."""
        key = {"fingerprint": "f", "kernel": "k", "workload": "w", "inputs": "", "anchor": "a", "threads": 1}
        values = [1.0, 1.01, 0.99, 1.1, 1.1, 1.1]
        points = [{"run": i + 10, "value": v, "commit": f"v1-{i}-gc{i}", "date": ""} for i, v in enumerate(values)]
        points[0]["build"] = "0123456789abcdef"
        points[1] |= {"release": "v1", "interval": [1.0, 1.02], "launches": 12}
        changes = [
            {**key, "kind": "level", "runs": [12, 13], "change": 0.1, "state": "confirmed"},
            {**key, "kind": "release", "runs": [11, 15], "change": 0.09, "state": "hypothesis"},
            {**key, "kind": "level", "runs": [12, 13], "change": 9, "state": "confirmed", "threads": 2},
        ]
        series = [
            {**key, "unit": "time over the anchor's", "points": points},
            {**key, "threads": 3, "points": points[:1]},
        ]
        found = self.ask(
            "from types import SimpleNamespace as N\n"
            "from attnbench_report import chart_history as c, timeline as t\n"
            f"lines = t.timelines({{'series': {series!r}, 'changes': {changes!r}}})\n"
            "(chart,), left = c.draw(N(timelines=lines))\n"
            "axes = chart.figure.axes[0]\n"
            "levels = [[list(map(float, l.get_xdata())), float(l.get_ydata()[0])] for l in axes.lines"
            " if l.get_color() == 'black' and len(l.get_xdata()) == 2 and l.get_transform() == axes.transData]\n"
            "print(json.dumps([levels, [x.get_text() for x in axes.texts], chart.rows, len(left)]))"
        )
        levels, texts, table, left = found
        self.assertEqual([[-0.5, 2.5], [2.5, 5.5]], [level[0] for level in levels])
        self.assertAlmostEqual(0, levels[0][1])
        self.assertAlmostEqual(10, levels[1][1])
        self.assertEqual(["v1", "+10 %: confirmed", "since the release +9 %: hypothesis"], texts)
        self.assertEqual([1.01, 1.0, 1.02, 12, None, None], table[1][5:])
        self.assertEqual([0.1, "confirmed"], table[3][9:])
        self.assertEqual(["0123456789abcdef", "v1-1-gc1"], [row[2] for row in table[:2]])
        self.assertEqual(0, left)

    def test_ranking_counts_common_cases_only(self) -> None:
        """One that refuses the hard case does not win by it, and one of another class does not take part."""
        ranked = self.ask(
            "from types import SimpleNamespace as N\nfrom attnbench_report import ranking, record as r\n"
            "def case(kernel, spec, ratio, accuracy='f32', threads=1):\n"
            "    parts = {'output': r.Figures(0, 1, ratio, '', 0, 0)}\n"
            "    return r.Case(kernel, spec, spec, '', 1, threads, 'pass', '', '', '', parts, accuracy=accuracy)\n"
            "cases = [case('shy', 'easy', .3), case('bold', 'easy', .1), case('bold', 'easy', .2, threads=2),\n"
            "         case('bold', 'hard', .9), case('half', 'easy', .01, 'bf16'), case('half', 'hard', .9, 'f32')]\n"
            "found = ranking.accuracy_classes(N(kernels=['shy', 'bold', 'half'], cases=cases))\n"
            "print(json.dumps([[c.name, c.common, [[s.kernel, s.median] for s in c.standings]] for c in found]))"
        )
        self.assertEqual(ranked[0], ["f32", 0, [["shy", None], ["bold", None], ["half", None]]])
        self.assertEqual(ranked[1], ["bf16", 1, [["half", 0.01]]])

    def test_ranking_takes_the_worst_thread_count(self) -> None:
        ranked = self.ask(
            "from types import SimpleNamespace as N\nfrom attnbench_report import ranking, record as r\n"
            "def case(kernel, ratio, threads):\n"
            "    parts = {'output': r.Figures(0, 1, ratio, '', 0, 0)}\n"
            "    return r.Case(kernel, 'w', 'w', 'normal', 1, threads, 'pass', '', '', '', parts, accuracy='f32')\n"
            "cases = [case('a', .1, 1), case('a', .5, 2), case('b', .2, 1), case('c', float('nan'), 1)]\n"
            "(found,) = ranking.accuracy_classes(N(kernels=['c', 'a', 'b'], cases=cases))\n"
            "print(json.dumps([s.kernel for s in found.standings]))"
        )
        self.assertEqual(ranked, ["b", "a", "c"])

    def test_pooled_rows_of_z_fill_charts_by_whole_classes(self) -> None:
        sizes = self.ask(
            "from types import SimpleNamespace as N\n"
            "from attnbench_report import chart_accuracy as c, ranking, record as r\n"
            "def case(kernel, name):\n"
            "    parts, z = {'output': r.Figures(0, 1, .5, '', 0, 0)}, r.Scores(1, 2, 8)\n"
            "    return r.Case(kernel, 'w', 'w', name, 1, 1, 'pass', '', '', '', parts, accuracy='f32', z=z)\n"
            "kernels = [f'k{i}' for i in range(12)]\n"
            "cases = [case(k, f'class{n}') for n in range(25) for k in kernels]\n"
            "of = N(kernels=kernels, cases=cases, deviations=[])\n"
            "(found,) = ranking.accuracy_classes(of)\n"
            "print(json.dumps([len(rows) for rows in c._score_rows(of, found)]))"
        )
        self.assertEqual(sizes, [60] * 5)


if __name__ == "__main__":
    if PYTHON is None:
        print(
            "skipped: no Python here can import matplotlib and jinja2 (scripts/install-deps; or set ATTNBENCH_PYTHON)"
        )
        sys.exit(SKIPPED)
    unittest.main()
