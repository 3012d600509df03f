"""Patterns of names, as `func glob`, `sey functions PATTERN` and their like understand them (DESIGN §3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_COMPILER_MADE = ("type:", "go:")


def has_star(pattern: str) -> bool:
    """Whether the pattern has a `*` that stands for any run: the one of a receiver's type, `(*T)`, is itself."""
    return "*" in pattern.replace("(*", "(")


def matching(names: Iterable[str], pattern: str) -> Iterator[str]:
    """The names that a pattern fits: `*` stands for any run of characters, all else (`(*`, `[...]`) for itself."""
    parts = re.split(r"(\(\*|\*)", pattern)
    expression = re.compile("".join(".*" if part == "*" else re.escape(part) for part in parts), re.DOTALL)
    return (name for name in names if expression.fullmatch(name))


def written_by_people(names: Iterable[str]) -> list[str]:
    """Without the functions that the compiler makes for itself (`type:.eq.T`), which are nobody's."""
    return [name for name in names if not name.startswith(_COMPILER_MADE)]
