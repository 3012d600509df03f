"""What the first words of interfaces say: the dynamic type, its name, and whether the second word is the value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sey.ir.plan import PlanStream, PlanType
from sey.runtime.pages import I64Array, Pages, U64Array


class Types(NamedTuple):
    """Distinct words: the plan's numbers of their types (0: unknown), whether values are `direct`, types' names."""

    numbers: I64Array
    direct: npt.NDArray[np.bool_]
    names: tuple[str | None, ...]


class TypeWords:
    """The words of one process. `names` has names by word from elsewhere, for types that the plan doesn't have."""

    def __init__(
        self, pages: Pages, stream: PlanStream | None, types: Mapping[int, PlanType], names: Mapping[int, str]
    ) -> None:
        met = pages.records(stream) if stream is not None else None
        columns = () if met is None else (met["word"].tolist(), met["number"].tolist(), met["direct"].tolist())
        self._take(zip(*columns, strict=True), types, names)

    @classmethod
    def of_events(cls, words: Mapping[int, int], types: Mapping[int, PlanType], names: Mapping[int, str]) -> TypeWords:
        """The words that a trace met, each with number << 2 | direct << 1 | 1."""
        found = cls.__new__(cls)
        found._take(((word, what >> 2, what >> 1 & 1) for word, what in words.items()), types, names)
        return found

    def _take(
        self, met: Iterable[tuple[int, int, int]], types: Mapping[int, PlanType], names: Mapping[int, str]
    ) -> None:
        self._types, self._names = types, names
        self._known = {word: (number if number in types else 0, bool(direct)) for word, number, direct in met}
        self.numbers = tuple(sorted({number for number, _ in self._known.values() if number}))

    def look_up(self, words: U64Array) -> Types:
        """The types behind distinct words."""
        found = [self._known.get(word, (0, False)) for word in words.tolist()]
        names = tuple(
            self._types[number].name if number else self._names.get(word)
            for word, (number, _) in zip(words.tolist(), found, strict=True)
        )
        numbers = np.array([number for number, _ in found], dtype=np.int64)
        return Types(numbers, np.array([direct for _, direct in found], dtype=np.bool_), names)
