"""A workload's SPEC (key=value,key=value...) as the charts need it: which entries differ in one size only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Spec:
    text: str
    keys: tuple[tuple[str, str], ...]

    def get(self, key: str) -> str | None:
        return dict(self.keys).get(key)

    def size(self, key: str) -> int | None:
        value = self.get(key)
        return int(value) if value is not None and value.isdecimal() else None

    @property
    def queries(self) -> int | None:
        return self.size("q") if self.get("q") is not None else self.size("k")

    @property
    def keys_seen(self) -> int | None:
        return self.size("k") if self.get("k") is not None else self.size("q")

    def without(self, *names: str) -> tuple[tuple[str, str], ...]:
        return tuple((key, value) for key, value in self.keys if key not in names)


def parse(text: str) -> Spec:
    """Parts without '=' (a label that is no SPEC) keep their own name, so that they still tell specs apart."""
    pairs = []
    for part in text.split(","):
        key, _, value = part.partition("=")
        pairs.append((key.strip(), value.strip()))
    return Spec(text, tuple(pairs))


def words(keys: tuple[tuple[str, str], ...]) -> str:
    """`d = 64, h = 1` for a title."""
    return ", ".join(f"{key} = {value}" if value else key for key, value in keys)
