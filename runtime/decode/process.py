"""One process of a capture, decoded: what tables are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sey.ir.plan import Plan, PlanBlock, PlanGlobal, PlanStream
from sey.ir.typegraph import types_by_id
from sey.runtime.capture import ProcessCapture, ProcessFacts
from sey.runtime.decode.columns import ColumnShape, DecodedColumn, decode_column
from sey.runtime.decode.goroutines import goroutines_table
from sey.runtime.decode.labels import label_maps
from sey.runtime.decode.objects import ObjectIndex
from sey.runtime.decode.slices import Slices
from sey.runtime.decode.stacks import Stacks, decode_stacks, frames_table, stacks_table
from sey.runtime.decode.text import rows_of
from sey.runtime.decode.typewords import TypeWords
from sey.runtime.decode.values import ValueDecoder
from sey.runtime.decode.vectors import STATUS_WORDS
from sey.runtime.decode.waits import WaitTables, wait_tables
from sey.runtime.pages import I64Array, Pages, record_dtype
from sey.runtime.symbols import SymbolTable


@dataclass(frozen=True)
class DecodedBlock:
    """Rows of a `func` block, by goroutine and depth. `site` is the index into the block's sites."""

    block: PlanBlock
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


@dataclass(frozen=True)
class BlockRows:
    """All rows of a `func` block, not decoded yet, by goroutine and depth. `shapes` are those of its columns."""

    block: PlanBlock
    pid: int
    goid: I64Array
    depth: I64Array
    site: I64Array
    shapes: tuple[ColumnShape, ...]
    _dtype: np.dtype[np.void]
    _places: I64Array
    _decoder: ValueDecoder

    def __len__(self) -> int:
        return len(self.goid)

    @property
    def captured(self) -> int:
        """How many bytes were captured of the process."""
        return len(self._decoder.data)

    def slices(self, sizes: Slices | None = None) -> Iterator[DecodedBlock]:
        """The rows decoded, a slice at a time, as `sizes` has it; one without rows where there are none."""
        sizes, done = sizes or Slices(len(self), self.captured), 0
        while True:
            count, vectors, raw = sizes.next(done), self._decoder.vectors, self._decoder.bytes
            rows = self._slice(slice(done, done + count))
            sizes.decoded(count, self._decoder.bytes - raw, self._decoder.vectors - vectors)
            yield rows
            done += count
            if done == len(self):
                return

    def _slice(self, rows: slice) -> DecodedBlock:
        raw = rows_of(self._decoder.data, self._places[rows], self._dtype.itemsize)
        records, site = raw.view(self._dtype).reshape(-1), self.site[rows]
        columns = tuple(
            shape.decode(self._decoder, number, records, forms_of(self.block, site, number))
            for number, shape in enumerate(self.shapes)
        )
        return DecodedBlock(self.block, self.pid, self.goid[rows], self.depth[rows], site, columns)

    def status_counts(self) -> tuple[I64Array, ...]:
        """For each column, how many values have each status (the index into STATUS_WORDS)."""
        counts = [np.zeros(len(STATUS_WORDS), dtype=np.int64) for _ in self.shapes]
        for part in self.slices():
            for sums, column in zip(counts, part.columns, strict=True):
                sums += column.status_counts()
        return tuple(counts)


def forms_of(block: PlanBlock, site: I64Array, number: int) -> I64Array:
    """For each row, by its site, which of the types of column `number` it has, or -1."""
    return np.array([s.forms[number] for s in block.sites], dtype=np.int64)[site] if len(site) else site


@dataclass(frozen=True)
class DecodedGlobal:
    """A package-level variable: one row, or none where the program didn't come to it."""

    variable: PlanGlobal
    value: DecodedColumn


@dataclass(frozen=True)
class DecodedProcess:
    """The tables and values of one process."""

    facts: ProcessFacts
    goroutines: pa.Table
    frames: pa.Table
    stacks: pa.Table
    blocks: tuple[BlockRows, ...]
    globals: tuple[DecodedGlobal, ...]
    waiting: WaitTables


def decode_process(capture: ProcessCapture, plan: Plan) -> DecodedProcess:
    """Decode everything of a process that has pages. Raises SeyError where these contradict themselves."""
    assert capture.pages is not None
    assert capture.symbols is not None
    return _Process(capture.facts, plan, capture.pages, capture.symbols).decode()


def empty_process(facts: ProcessFacts, plan: Plan) -> DecodedProcess:
    """What a process without data decodes to: tables of the right columns without rows."""
    nothing: I64Array = np.zeros(0, dtype=np.int64)
    symbols = SymbolTable(
        nothing.astype(np.uint64),
        np.zeros(1, dtype=np.int64),
        nothing.astype(np.int32),
        nothing.astype(np.int32),
        nothing.astype(np.int32),
        nothing.astype(np.bool_),
        nothing.astype(np.uint8),
        (),
    )
    return _Process(facts, plan, Pages.parse(b""), symbols).decode()


class _Process:
    def __init__(self, facts: ProcessFacts, plan: Plan, pages: Pages, symbols: SymbolTable) -> None:
        self.facts, self.plan, self.pages, self.symbols = facts, plan, pages, symbols
        self.streams: Mapping[str, PlanStream] = {stream.name: stream for stream in plan.streams}
        self.objects = ObjectIndex(pages, self.streams.get("object"))
        types = types_by_id(plan.types)
        words = TypeWords(pages, self.streams.get("typeword"), types, facts.type_names)
        self.values = ValueDecoder(plan.types, pages.data, self.objects, words, symbols.functions)

    def decode(self) -> DecodedProcess:
        stacks = decode_stacks(self.pages, self.streams.get("stack"), self.symbols)
        blocks = tuple(self._block(block, stacks) for block in self.plan.blocks)
        variables = tuple(DecodedGlobal(g, self._global(g)) for g in self.plan.globals)
        goroutines = self._records("goroutine")
        goroutines = goroutines[goroutines["g"] != 0] if len(goroutines) else goroutines
        goroutines = goroutines[np.argsort(goroutines["goid"], kind="stable")] if len(goroutines) else goroutines
        uses = stacks.index_of(goroutines["stack"])
        reasons = self._reasons(variables)
        return DecodedProcess(
            self.facts,
            self._goroutines(goroutines, reasons, stacks.in_user_code(), uses),
            frames_table(stacks, self.facts.pid),
            stacks_table(stacks, self.facts.pid, uses),
            blocks,
            tuple(g for g in variables if not g.variable.internal),
            wait_tables(self.facts, self.plan, self.pages, self.streams, goroutines, reasons, stacks),
        )

    def _records(self, stream: str) -> npt.NDArray[np.void]:
        return self.pages.records(self.streams[stream]) if stream in self.streams else _no_goroutines()

    def _reasons(self, variables: tuple[DecodedGlobal, ...]) -> list[str | None]:
        """The target's words for why goroutines wait."""
        for variable in variables:
            if variable.variable.stream == self.plan.wait_reasons and variable.value.count:
                value = variable.value.values().to_pylist()[0]
                return [r if isinstance(r, str) else None for r in value] if isinstance(value, list) else []
        return []

    def _goroutines(
        self,
        records: npt.NDArray[np.void],
        reasons: list[str | None],
        user_stacks: npt.NDArray[np.bool_],
        uses: I64Array,
    ) -> pa.Table:
        labels = label_maps(self.plan, self.values, self.pages, self.objects, records["labels"])
        in_user_code = np.append(user_stacks, False)[uses]  # Without a stack it is the last.
        return goroutines_table(records, self.facts, self.symbols, reasons, labels, in_user_code)

    def _block(self, block: PlanBlock, stacks: Stacks) -> BlockRows:
        stream = self.streams[block.stream]
        places, goid = self.pages.record_places(stream), self.pages.field(stream, "goid")
        stack, frame, site = (self.pages.field(stream, name).astype(np.int64) for name in ("stack", "frame", "site"))
        rows = np.flatnonzero(goid)
        if block.program is not None and block.program not in self.facts.programs:
            rows = rows[:0]
        places, goid = places[rows], goid[rows]
        stack, frame, site = stack[rows], frame[rows], site[rows]
        if len(site) and int(site.max()) >= len(block.sites):
            self.pages.fail(f"stream `{block.stream}`", "a row comes from an unknown place")
        level = np.array([s.level for s in block.sites], dtype=np.int64)
        levels = level[site] if len(site) else site
        depth = stacks.depth_of(stacks.index_of(stack), frame, levels)
        order = np.lexsort((depth, goid))
        shapes = tuple(
            ColumnShape.of(column, self.values.types, forms_of(block, site, number))
            for number, column in enumerate(block.columns)
        )
        goids, depths, sites, placed = goid[order].astype(np.int64), depth[order], site[order], places[order]
        dtype = record_dtype(stream)
        return BlockRows(block, self.facts.pid, goids, depths, sites, shapes, dtype, placed, self.values)

    def _global(self, variable: PlanGlobal) -> DecodedColumn:
        records = self.pages.records(self.streams[variable.stream])[:1]
        forms: I64Array = np.zeros(len(records), dtype=np.int64) - (0 if variable.column.types else 1)
        return decode_column(self.values, variable.column, 0, records, forms)


def _no_goroutines() -> npt.NDArray[np.void]:
    names = ("g", "goid", "status", "wait_reason", "wait_since", "parent_goid", "gopc", "startpc", "labels", "stack")
    formats = {"status": "<u4", "wait_reason": "<u4", "stack": "<u4"}
    members = [(name, formats.get(name, "<u8")) for name in (*names, "thread")]
    return np.zeros(0, dtype=[*members, ("flags", "<u4")])
