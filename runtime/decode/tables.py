"""All tables of a capture (DESIGN §10) as Arrow tables, the processes of a capture together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from sey.ir.plan import THREAD_MAX, Plan, State
from sey.runtime.capture import Capture, ProcessFacts
from sey.runtime.decode.blocktables import FUNC_LEAD, BlockTable, plain
from sey.runtime.decode.captures import SCHEMA as CAPTURES
from sey.runtime.decode.captures import CaptureRows
from sey.runtime.decode.eventtables import EVENTS_SCHEMA, event_table, events_table
from sey.runtime.decode.forms import JSON_FIELD
from sey.runtime.decode.moments import numbered, numbered_schema, numbered_table
from sey.runtime.decode.process import DecodedProcess, decode_process, empty_process
from sey.runtime.decode.rows import SlicedRows
from sey.runtime.memory import give_back, share_allocator

WAIT_TABLES = ("goroutine_waits", "waited_channels", "waited_locks", "lock_holders")
BUILT_IN = ("processes", "goroutines", "frames", "stacks", "globals", "captures", *WAIT_TABLES)
"""Tables of every capture."""
EVENTS = "events"
"""The table of how many events there were, in captures with probes that have `event` blocks."""

_NO_PLAN = Plan(1, "", "", (), (), (), (), (), (), ())
_STATES = {State.OUT_OF_TIME: "the pause budget was spent", State.OUT_OF_SPACE: "the output was full"}


@dataclass(frozen=True)
class TableStream:
    """A table, made while its batches are asked for; those of one table are to be taken before the next one's."""

    name: str
    schema: pa.Schema
    batches: Iterable[pa.RecordBatch]

    @classmethod
    def whole(cls, name: str, table: pa.Table) -> TableStream:
        """A table that is there already."""
        return cls(name, table.schema, table.to_batches())


def decode_capture(capture: Capture) -> dict[str, pa.Table]:
    """Every table by name; those of `func` blocks exist even where no frame was met. Raises SeyError."""
    return {t.name: pa.Table.from_batches(t.batches, t.schema) for t in stream_capture(capture)}


def stream_capture(capture: Capture) -> Iterator[TableStream]:
    """The tables as `decode_capture` gives them, without all being in memory at once. Raises SeyError, also later."""
    share_allocator()
    processes = [
        decode_process(p, capture.plan(p.facts)) if p.pages is not None else empty_process(p.facts, _NO_PLAN)
        for p in capture.processes
    ]
    give_back()
    # A probe that no process was captured with still has tables, without rows.
    plans = [plan for bundle in capture.bundles for binary in bundle.binaries for plan in binary.plans]
    shapes = processes + [empty_process(ProcessFacts(0, ""), plan) for plan in plans or [_NO_PLAN]]
    yield TableStream.whole("processes", processes_table([p.facts for p in capture.processes]))
    yield TableStream.whole("goroutines", _stacked([numbered_table(p.goroutines, p.facts) for p in shapes]))
    yield TableStream.whole("frames", _stacked([numbered_table(p.frames, p.facts) for p in shapes]))
    yield TableStream.whole("stacks", _stacked([numbered_table(p.stacks, p.facts) for p in shapes]))
    texts = CaptureRows()
    names = dict.fromkeys(rows.block.table for p in shapes for rows in p.blocks)
    for name in names:
        blocks = [(rows, p.facts) for p in shapes for rows in p.blocks if rows.block.table == name]
        table = BlockTable([rows for rows, _ in blocks], FUNC_LEAD)
        yield TableStream(name, numbered_schema(table.schema), _block_batches(table, blocks, texts))
    yield from _event_streams(shapes, texts, names)
    yield TableStream.whole("globals", _stacked([numbered_table(_globals_table(p), p.facts) for p in shapes]))
    yield TableStream("captures", numbered_schema(CAPTURES), texts.batches(shapes))
    for name in WAIT_TABLES:
        # A capture of an older spec may have a table of that name, which stays what it was.
        if name not in names:
            waiting = [numbered_table(getattr(p.waiting, name), p.facts) for p in shapes]
            yield TableStream.whole(name, _stacked(waiting))


def _event_streams(
    shapes: Sequence[DecodedProcess], texts: CaptureRows, taken: Mapping[str, None]
) -> Iterator[TableStream]:
    """The tables of `event` blocks, and the one of how many events there were; none where no spec has any."""
    names = dict.fromkeys(rows.block.table for p in shapes for rows in p.events)
    for name in names:
        events = [(rows, p.facts) for p in shapes for rows in p.events if rows.block.table == name]
        table = event_table([rows for rows, _ in events])
        # One bundle's `func` block may be called like another one's event.
        told = f"{name}_events" if name in taken else name
        yield TableStream(told, numbered_schema(table.schema), _block_batches(table, events, texts))
    if names and EVENTS not in (*taken, *names):
        traced = [p for p in shapes if p.facts.traced]
        counts = [numbered_table(events_table(p.facts, [r.block for r in p.events]), p.facts) for p in traced]
        yield TableStream.whole(EVENTS, pa.concat_tables([numbered_schema(EVENTS_SCHEMA).empty_table(), *counts]))


def _block_batches(
    table: BlockTable, blocks: Sequence[tuple[SlicedRows, ProcessFacts]], texts: CaptureRows
) -> Iterator[pa.RecordBatch]:
    """The rows of a block in all processes, which become `texts` at the same time."""
    for block, facts in blocks:
        slices = block.sizes()
        for rows in block.slices(slices):
            batch = table.batch(rows)
            slices.made(batch.nbytes + texts.put(block, rows))
            yield numbered(batch, facts)


def skipped(facts: ProcessFacts) -> int:
    """Goroutines that are neither captured nor dead nor unreadable: the program ended before them."""
    counters = facts.counters
    rest = counters.get("goroutines", 0) - sum(counters.get(name, 0) for name in ("captured", "dead", "unreadable"))
    return max(rest, 0)


def foreign_threads(facts: ProcessFacts) -> int | None:
    """Threads that Go doesn't know: C code started them. None where they couldn't be told from others."""
    known = facts.counters.get("threads_of_goroutines", 0) + facts.counters.get("threads_idle", 0)
    if not known or facts.threads > THREAD_MAX:
        return None
    return max(facts.threads - known, 0)


def ending(facts: ProcessFacts) -> str | None:
    """Why the program ended early, in words; None where it came to its end."""
    state = facts.counters.get("state", State.DONE)
    return _STATES.get(State(state)) if state in State.__members__.values() else None


def processes_table(facts: Sequence[ProcessFacts]) -> pa.Table:
    """Table `processes`: also those that could not be captured, with the problem."""

    def column(arrow: pa.DataType, of: Callable[[ProcessFacts], object], *, traced: bool = False) -> pa.Array:
        """A column of what is there of processes that were captured: by a pause, unless `traced` says of all."""
        there = [f.problem is None and (traced or not f.traced) for f in facts]
        return pa.array([_fitting(of(f), arrow) if some else None for f, some in zip(facts, there, strict=True)], arrow)

    return pa.table(
        {
            "pid": pa.array([f.pid for f in facts], pa.int32()),
            "executable": pa.array([_text(f.executable) for f in facts], pa.string()),
            "go_version": pa.array([f.go_version or None for f in facts], pa.string()),
            "build_id": pa.array([f.build_id or None for f in facts], pa.string()),
            "captured_at": column(pa.timestamp("us"), lambda f: f.captured_at_ns // 1000, traced=True),
            "pause_ns": column(pa.int64(), lambda f: f.pause_ns),
            "threads": column(pa.int32(), lambda f: f.threads),
            "goroutines": column(pa.int64(), lambda f: f.counters.get("captured", 0)),
            "goroutines_skipped": column(pa.int64(), skipped),
            "engine": column(pa.string(), lambda f: f.engine, traced=True),
            "engine_reason": column(pa.string(), lambda f: f.engine_reason or None, traced=True),
            "goroutines_unreadable": column(pa.int64(), lambda f: f.counters.get("unreadable", 0)),
            "rows_dropped": column(pa.int64(), lambda f: f.counters.get("rows_dropped", 0)),
            "objects_dropped": column(pa.int64(), lambda f: f.counters.get("objects_dropped", 0)),
            "ended_by": column(pa.string(), ending),
            "threads_of_goroutines": column(pa.int32(), lambda f: f.counters.get("threads_of_goroutines")),
            "threads_idle": column(pa.int32(), lambda f: f.counters.get("threads_idle")),
            "threads_foreign": column(pa.int32(), foreign_threads),
            "core": pa.array([_text(f.core) or None for f in facts], pa.string()),
            "notes": pa.array([_text("; ".join(f.notes)) or None for f in facts], pa.string()),
            "problem": pa.array([None if f.problem is None else _text(f.problem) for f in facts], pa.string()),
            "snapshot": pa.array([f.snapshot for f in facts], pa.int32()),
            "skew_ns": column(pa.int64(), lambda f: f.skew_ns),
            "trace_ns": column(pa.int64(), lambda f: f.trace_ns, traced=True),
            "on_event": column(pa.string(), lambda f: _text(f.on_event) or None),
            "held_ns": column(pa.int64(), lambda f: f.held_ns if f.on_event else None),
        }
    )


def _text(text: str) -> str:
    """Text that Arrow takes: bytes of paths that are not UTF-8, which Python keeps as surrogates, as `\\xNN`."""
    escaped = re.sub("[\udc80-\udcff]", lambda byte: f"\\x{ord(byte[0]) & 0xFF:02x}", text)
    return escaped.encode("utf-8", "backslashreplace").decode()


def _fitting(value: object, arrow: pa.DataType) -> object:
    """A number, the largest that the column holds where it is larger: damaged memory can claim any count."""
    if not isinstance(value, int) or not (pa.types.is_integer(arrow) or pa.types.is_timestamp(arrow)):
        return value
    most = (1 << arrow.bit_width - 1) - 1
    return max(-most, min(value, most))


def _globals_table(process: DecodedProcess) -> pa.Table:
    values = [(g, g.value) for g in process.globals if g.value.count]
    schema = pa.schema(
        [
            pa.field("pid", pa.int32()),
            pa.field("name", pa.string()),
            pa.field("value", pa.string(), metadata=JSON_FIELD),
            pa.field("status", pa.string()),
            pa.field("type", pa.string()),
            pa.field("detail", pa.string()),
        ]
    )
    columns = (
        [process.facts.pid] * len(values),
        [g.variable.column.name for g, _ in values],
        [value.json()[0].as_py() for _, value in values],
        [value.status_words()[0].as_py() for _, value in values],
        [value.type_names()[0].as_py() for _, value in values],
        [value.details()[0].as_py() for _, value in values],
    )
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def _stacked(tables: list[pa.Table]) -> pa.Table:
    """Tables of the same columns, one below the other."""
    fields = [pa.field(f.name, _plain_type(f.type), metadata=f.metadata) for f in tables[0].schema]
    chunks = []
    for number, field in enumerate(fields):
        arrays = [chunk for table in tables for chunk in table.column(number).chunks]
        chunks.append(pa.chunked_array([plain(array) for array in arrays], field.type))
    return pa.table(chunks, schema=pa.schema(fields))


def _plain_type(arrow: pa.DataType) -> pa.DataType:
    return arrow.value_type if pa.types.is_dictionary(arrow) else arrow
