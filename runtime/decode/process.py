"""One process of a capture, decoded: what tables are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sey.ir.plan import Plan, PlanBlock, PlanGlobal, PlanStream
from sey.ir.typegraph import types_by_id
from sey.runtime.capture import ProcessCapture, ProcessFacts
from sey.runtime.decode.columns import ColumnShape, DecodedColumn, decode_column
from sey.runtime.decode.events import EventRows, decode_events
from sey.runtime.decode.eventstacks import event_stacks_table
from sey.runtime.decode.goroutines import goroutines_table
from sey.runtime.decode.labels import label_maps
from sey.runtime.decode.objects import ObjectIndex
from sey.runtime.decode.rows import DecodedBlock, DecodedSlice, SlicedRows, forms_of
from sey.runtime.decode.stacks import Stacks, decode_stacks, frames_table, stacks_table
from sey.runtime.decode.text import rows_of
from sey.runtime.decode.typewords import TypeWords
from sey.runtime.decode.values import ValueDecoder
from sey.runtime.decode.waits import WaitTables, wait_tables
from sey.runtime.events.log import EventLog
from sey.runtime.pages import I64Array, Pages, record_dtype
from sey.runtime.symbols import SymbolTable


@dataclass(frozen=True)
class BlockRows(SlicedRows):
    """All rows of a `func` block, not decoded yet, by goroutine and depth."""

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

    def decoded(self, rows: slice) -> DecodedSlice:
        """These rows decoded."""
        vectors, size = self._decoder.vectors, self._decoder.bytes
        raw = rows_of(self._decoder.data, self._places[rows], self._dtype.itemsize)
        records, site = raw.view(self._dtype).reshape(-1), self.site[rows]
        columns = tuple(
            shape.decode(self._decoder, number, records, forms_of(self.block, site, number))
            for number, shape in enumerate(self.shapes)
        )
        block = DecodedBlock(self.block, self.pid, self.goid[rows], self.depth[rows], site, columns)
        return DecodedSlice(block, self._decoder.bytes - size, self._decoder.vectors - vectors)


@dataclass(frozen=True)
class DecodedGlobal:
    """A package-level variable: one row, or none where the program didn't come to it."""

    variable: PlanGlobal
    value: DecodedColumn


@dataclass(frozen=True)
class DecodedProcess:
    """The tables and values of one process; of one that was traced, `events` and the stacks that came with them."""

    facts: ProcessFacts
    goroutines: pa.Table
    frames: pa.Table
    stacks: pa.Table
    blocks: tuple[BlockRows, ...]
    globals: tuple[DecodedGlobal, ...]
    waiting: WaitTables
    events: tuple[EventRows, ...] = ()

    @property
    def captures(self) -> tuple[SlicedRows, ...]:
        """Everything whose rows have captured values."""
        return (*self.blocks, *self.events)


def decode_process(capture: ProcessCapture, plan: Plan) -> DecodedProcess:
    """Decode everything of a process that has pages or events. Raises SeyError where these contradict themselves."""
    assert capture.pages is not None
    assert capture.symbols is not None
    if capture.events is not None:
        return _traced(capture.facts, plan, capture.events, capture.symbols)
    return _Process(capture.facts, plan, capture.pages, capture.symbols).decode()


def _traced(facts: ProcessFacts, plan: Plan, log: EventLog, symbols: SymbolTable) -> DecodedProcess:
    rows, stacks = decode_events(log, facts, plan, symbols)
    frames, table = frames_table(stacks, facts.pid), event_stacks_table(stacks, facts.pid)
    return replace(empty_process(facts, plan), frames=frames, stacks=table, events=rows)


def empty_process(facts: ProcessFacts, plan: Plan) -> DecodedProcess:
    """What a process without data decodes to: tables of the right columns without rows."""
    empty = _Process(facts, plan, Pages.parse(b""), _no_symbols()).decode()
    if not plan.events:
        return empty
    return replace(empty, events=decode_events(EventLog.parse(b""), facts, plan, _no_symbols()).rows)


def _no_symbols() -> SymbolTable:
    nothing: I64Array = np.zeros(0, dtype=np.int64)
    return SymbolTable(
        nothing.astype(np.uint64),
        np.zeros(1, dtype=np.int64),
        nothing.astype(np.int32),
        nothing.astype(np.int32),
        nothing.astype(np.int32),
        nothing.astype(np.bool_),
        nothing.astype(np.uint8),
        (),
    )


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
