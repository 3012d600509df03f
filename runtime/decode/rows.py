"""Rows of `func` and `event` blocks, which are decoded a slice at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sey.ir.plan import PlanBlock, PlanEvent
from sey.runtime.decode.columns import ColumnShape, DecodedColumn
from sey.runtime.decode.slices import Slices
from sey.runtime.decode.vectors import STATUS_WORDS
from sey.runtime.pages import I64Array

Block = PlanBlock | PlanEvent


@dataclass(frozen=True)
class DecodedBlock:
    """Rows of a block; of a `func` block by goroutine and depth. `site` is the index into the block's sites.

    `depth` is -1 where it isn't known, as it is of events.
    """

    block: Block
    pid: int
    goid: I64Array
    depth: I64Array
    site: I64Array
    columns: tuple[DecodedColumn, ...]

    def __len__(self) -> int:
        return len(self.goid)

    def column(self, name: str) -> DecodedColumn | None:
        """The column of that name, if there is one."""
        return next((column for column in self.columns if column.column.name == name), None)


class DecodedSlice(NamedTuple):
    """Some rows, and of how many raw bytes in how many vectors they were decoded."""

    rows: DecodedBlock
    bytes: int
    vectors: int


class SlicedRows(ABC):
    """All rows of a block, not decoded yet. `shapes` are those of its columns."""

    block: Block
    pid: int
    shapes: tuple[ColumnShape, ...]
    most: int | None = None
    """Rows that a slice may have."""

    @abstractmethod
    def __len__(self) -> int:
        """How many there are."""

    @property
    @abstractmethod
    def captured(self) -> int:
        """How many bytes were captured of the process."""

    @abstractmethod
    def decoded(self, rows: slice) -> DecodedSlice:
        """These rows decoded. Raises SeyError where the capture is damaged."""

    def sizes(self) -> Slices:
        """What chooses slices of these rows."""
        return Slices(len(self), self.captured, self.most)

    def slices(self, sizes: Slices | None = None) -> Iterator[DecodedBlock]:
        """The rows decoded, a slice at a time, as `sizes` has it; one without rows where there are none."""
        sizes, done = sizes or self.sizes(), 0
        while True:
            count = sizes.next(done)
            rows, raw, vectors = self.decoded(slice(done, done + count))
            sizes.decoded(count, raw, vectors)
            yield rows
            done += count
            if done == len(self):
                return

    def status_counts(self) -> tuple[I64Array, ...]:
        """For each column, how many values have each status (the index into STATUS_WORDS)."""
        counts = [np.zeros(len(STATUS_WORDS), dtype=np.int64) for _ in self.shapes]
        for part in self.slices():
            for sums, column in zip(counts, part.columns, strict=True):
                sums += column.status_counts()
        return tuple(counts)


def forms_of(block: Block, site: I64Array, number: int) -> I64Array:
    """For each row, by its site, which of the types of column `number` it has, or -1."""
    return np.array([s.forms[number] for s in block.sites], dtype=np.int64)[site] if len(site) else site
