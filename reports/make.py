#!/usr/bin/env python3
"""Charts and one self-contained page from attnbench's records.

    python reports/make.py results.json -o build/report
    python reports/make.py laptop.json server.json -o both --formats png,pdf --title "Two machines"

Exit codes: 0 made; 2 bad usage or a damaged record, nothing was written; 74 the output could not be written;
130 interrupted.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

EXIT_INPUT = 2
EXIT_OUTPUT = 74
EXIT_INTERRUPTED = 130
FORMATS = ("png", "svg", "pdf")


def fail(code: int, line: str) -> int:
    print(f"attnbench report: {line}", file=sys.stderr)
    return code


def formats_of(text: str) -> list[str]:
    wanted = [part.strip().lower() for part in text.split(",") if part.strip()]
    unknown = [part for part in wanted if part not in FORMATS]
    if unknown or not wanted:
        raise argparse.ArgumentTypeError(f"{text!r}: name some of {', '.join(FORMATS)}")
    return [kind for kind in FORMATS if kind in wanted]


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="attnbench report",
        description="Charts and one self-contained page from records.",
        epilog="example: attnbench report results.json -o build/report --formats svg,pdf",
    )
    parser.add_argument("records", nargs="+", type=Path, metavar="RECORD", help="a file that --json wrote")
    parser.add_argument("-o", dest="out", required=True, type=Path, metavar="DIR", help="folder, made if missing")
    parser.add_argument("--formats", type=formats_of, default=list(FORMATS), help="of charts (default png,svg,pdf)")
    parser.add_argument("--title", default="Attention kernels: speed and accuracy", help="of the page")
    return parser.parse_args(arguments)


def prefix_of(index: int, machine: str, of: int) -> str:
    """Nothing where there is one machine; else a name for its files that no two share."""
    return "" if of == 1 else f"{index + 1}-{re.sub(r'[^A-Za-z0-9]+', '-', machine).strip('-').lower()[:40]}-"


def make(options: argparse.Namespace) -> int:
    from attnbench_report import record, results

    try:
        records = [record.read(path) for path in options.records]
    except record.RecordError as e:
        return fail(EXIT_INPUT, str(e))
    groups = results.collect(records)
    if all(group.is_empty for group in groups):
        return fail(EXIT_INPUT, f"{options.records[0]}: holds neither a time nor a case; run attnbench bench or verify")
    # Late: bad input is answered quickly, and a missing library in one line.
    from attnbench_report import (
        chart_accuracy,
        chart_channels,
        chart_clock,
        chart_compare,
        chart_error,
        chart_history,
        chart_kills,
        chart_layout,
        chart_speed,
        chart_sweep,
        coverage,
        page,
        style,
    )

    try:
        sections = []
        for index, group in enumerate(groups):
            prefix = prefix_of(index, group.machine, len(groups))
            drawn, left_out = [], []
            judges = (chart_error, chart_accuracy, chart_kills, chart_clock)
            times = (chart_compare, chart_history, chart_speed, chart_sweep, chart_channels, chart_layout)
            charts_of = (*times, *judges)
            for draw in (module.draw for module in charts_of):
                charts, left = draw(group)
                left_out += left
                for chart in charts:
                    chart.slug = prefix + chart.slug
                    drawn.append(style.write(chart, options.out, options.formats))
            table = f"{prefix}table.csv"
            style.write_file(options.out / table, style.csv_bytes(*page.table_rows(group)))
            covered, covered_file = coverage.coverage(group), f"{prefix}coverage.csv"
            if covered:
                style.write_file(options.out / covered_file, style.csv_bytes(*coverage.table(covered)))
            sections.append(page.section(group, drawn, left_out, table, covered, covered_file))
        made = options.out / "report.html"
        style.write_file(made, page.render(options.title, sections).encode())
    except OSError as e:
        where = e.filename or options.out
        return fail(EXIT_OUTPUT, f"{where}: cannot be written: {e.strerror}; name another folder with -o")
    print(made)
    return 0


def main() -> int:
    options = parse(sys.argv[1:])
    try:
        return make(options)
    except ModuleNotFoundError as e:
        packages = "python3-matplotlib python3-jinja2"
        return fail(EXIT_INPUT, f"{sys.executable} lacks {e.name}; Debian: apt-get install {packages}")
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
