"""Coverage: which kernel was tried with which feature on which types, and how it went.

A case speaks for every feature that it uses, except where it was refused: then it speaks for the features that the
kernel has not got, and for all of its features only where none of them is the reason (instruction sets, types). One
failure outweighs any number of passes, and one pass any number of refusals: another case with this feature ran.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .record import Case
from .results import Results

EVERY = "any case"


@dataclass
class Cell:
    passed: int = 0
    wrong: int = 0
    refused: int = 0
    reasons: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        if self.wrong:
            return "failed"
        if self.passed:
            return "verified"
        return "unsupported" if self.refused else "not tried"

    @property
    def text(self) -> str:
        """Words and signs, so that nothing depends on colour."""
        if self.wrong:
            return f"✗ {self.wrong} of {self.wrong + self.passed}"
        if self.passed:
            return f"✓ {self.passed}"
        return "no" if self.refused else "·"

    @property
    def title(self) -> str:
        counts = f"{self.passed} passed, {self.wrong} failed, {self.refused} refused"
        return "; ".join([self.state, counts, *self.reasons[:2]])

    def add(self, case: Case) -> None:
        self.passed += case.status == "pass"
        self.wrong += case.is_finding
        self.refused += case.status == "unsupported"
        if case.status != "pass" and case.reason and case.reason not in self.reasons:
            self.reasons.append(case.reason)


@dataclass(frozen=True)
class Row:
    feature: str
    cells: list[Cell]


@dataclass(frozen=True)
class Block:
    """All features that were tried on the same types."""

    types: str
    rows: list[Row]


@dataclass(frozen=True)
class Coverage:
    kernels: list[tuple[str, str]]  # name and instruction sets
    blocks: list[Block]


def types_of(case: Case) -> str:
    """One name where all are the same, else such as "Q bf16, K i8, V i8, O f32"."""
    if len(set(case.types.values())) == 1:
        return next(iter(case.types.values()))
    return ", ".join(f"{slot} {name}" for slot, name in case.types.items())


def _spoken_for(case: Case) -> list[str]:
    if case.status != "unsupported":
        return [EVERY, *case.features]
    return [EVERY, *(case.missing or case.features)]


def coverage(results: Results) -> Coverage | None:
    """None where no case says what it uses."""
    cases = [c for c in results.cases if c.types]
    names = [name for name in results.kernels if any(c.kernel == name for c in cases)]
    isa = {k.name: k.isa for k in results.described}
    found: dict[str, dict[str, dict[str, Cell]]] = {}
    for case in cases:
        block = found.setdefault(types_of(case), {EVERY: {}})
        for feature in case.features:
            block.setdefault(feature, {})
        for feature in _spoken_for(case):
            block.setdefault(feature, {}).setdefault(case.kernel, Cell()).add(case)
    if not found:
        return None
    blocks = [
        Block(types, [Row(feature, [cells.get(name, Cell()) for name in names]) for feature, cells in block.items()])
        for types, block in sorted(found.items(), key=lambda item: (item[0] != "f32", item[0]))
    ]
    return Coverage([(name, isa.get(name, "")) for name in names], blocks)


def table(found: Coverage) -> tuple[Sequence[str], list[list[object]]]:
    """One row a cell, for the CSV."""
    header = ["types", "feature", "kernel", "isa", "state", "passed", "failed", "refused", "reasons"]
    return header, [
        [block.types, row.feature, kernel, isa, c.state, c.passed, c.wrong, c.refused, "; ".join(c.reasons)]
        for block in found.blocks
        for row in block.rows
        for (kernel, isa), c in zip(found.kernels, row.cells, strict=True)
    ]
