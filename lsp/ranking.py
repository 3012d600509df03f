"""Which of many names fit what is being typed, those that begin with it first, then those with a word that does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property


class Ranked:
    """Names to choose from, up to hundreds of thousands."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    @cached_property
    def _folded(self) -> list[str]:
        return [name.lower() for name in self.names]

    def best(self, begun: str, most: int) -> list[str]:
        """Up to `most` names that hold `begun`, whatever its case, the best first."""
        begun = begun.lower()
        return [self.names[i] for i in _best(begun, self._folded, most)]


def rank(begun: str, name: str) -> int:
    """Of a name that holds `begun`: 0: it begins with it; 1: a word in it does; 2: neither. Both folded."""
    at = name.index(begun)
    if at == 0:
        return 0
    return 2 if name[at - 1].isalnum() else 1


def _best(begun: str, folded: Iterable[str], most: int) -> list[int]:
    by_rank: tuple[list[int], list[int], list[int]] = ([], [], [])
    for i, name in enumerate(folded):
        if begun in name:
            by_rank[rank(begun, name)].append(i)
            if len(by_rank[0]) >= most:
                break
    return [i for each in by_rank for i in each][:most]
