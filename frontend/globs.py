"""Patterns of names, as `func glob`, `sey functions PATTERN` and their like understand them (DESIGN §3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

_COMPILER_MADE = ("type:", "go:")


def has_star(pattern: str) -> bool:
    """Whether the pattern has a `*` that stands for any run: the one of a receiver's type, `(*T)`, is itself."""
    return "*" in pattern.replace("(*", "(")


def matching(names: Iterable[str], pattern: str) -> Iterator[str]:
    """The names that a pattern fits: `*` stands for any run of characters, all else (`(*`, `[...]`) for itself."""
    expression = re.compile(_expression(pattern), re.DOTALL)
    return (name for name in names if expression.fullmatch(name))


def _expression(pattern: str) -> str:
    parts = re.split(r"(\(\*|\*)", pattern)
    return "".join(".*" if part == "*" else re.escape(part) for part in parts)


@dataclass(frozen=True)
class Globs:
    """Several patterns, of which one has to fit."""

    patterns: tuple[str, ...]

    @cached_property
    def _whole(self) -> re.Pattern[str]:
        either = "|".join(f"(?:{_expression(pattern)})" for pattern in self.patterns)
        return re.compile(either, re.DOTALL)

    def fit(self, name: str) -> bool:
        """Whether any of the patterns fits."""
        return bool(self.patterns) and self._whole.fullmatch(name) is not None


def written_by_people(names: Iterable[str]) -> list[str]:
    """Without the functions that the compiler makes for itself (`type:.eq.T`), which are nobody's."""
    return [name for name in names if not name.startswith(_COMPILER_MADE)]
