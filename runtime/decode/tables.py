"""All tables of a capture (DESIGN §10) as Arrow tables, the processes of a capture together."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from sey.ir.plan import THREAD_MAX, Plan, State
from sey.runtime.capture import Capture, ProcessFacts
from sey.runtime.decode.columns import DecodedColumn
from sey.runtime.decode.forms import JSON, JSON_FIELD, TIMESTAMP, Form
from sey.runtime.decode.kinds import NAME_SUFFIX
from sey.runtime.decode.process import DecodedBlock, DecodedProcess, decode_process, empty_process

BUILT_IN = ("processes", "goroutines", "frames", "stacks", "globals", "captures")
"""Tables of every capture."""

_NO_PLAN = Plan(1, "", "", (), (), (), (), (), (), ())
_STATES = {State.OUT_OF_TIME: "the pause budget was spent", State.OUT_OF_SPACE: "the output was full"}


def decode_capture(capture: Capture) -> dict[str, pa.Table]:
    """Every table by name; those of `func` blocks exist even where no frame was met. Raises SeyError."""
    processes = [
        decode_process(p, capture.plan(p.facts)) if p.pages is not None else empty_process(p.facts, _NO_PLAN)
        for p in capture.processes
    ]
    # A probe that no process was captured with still has tables, without rows.
    plans = [binary.plan for bundle in capture.bundles for binary in bundle.binaries]
    shapes = processes + [empty_process(ProcessFacts(0, ""), plan) for plan in plans or [_NO_PLAN]]
    tables = {
        "processes": processes_table([p.facts for p in capture.processes]),
        "goroutines": _stacked([p.goroutines for p in shapes]),
        "frames": _stacked([p.frames for p in shapes]),
        "stacks": _stacked([p.stacks for p in shapes]),
    }
    for name in dict.fromkeys(block.block.table for p in shapes for block in p.blocks):
        tables[name] = _block_table([block for p in shapes for block in p.blocks if block.block.table == name])
    tables["globals"] = _stacked([_globals_table(p) for p in shapes])
    tables["captures"] = _stacked([_captures_table(p) for p in shapes])
    return tables


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
    some = [f.problem is None for f in facts]

    def column(arrow: pa.DataType, of: Callable[[ProcessFacts], object]) -> pa.Array:
        values = [_fitting(of(f), arrow) if there else None for f, there in zip(facts, some, strict=True)]
        return pa.array(values, arrow)

    return pa.table(
        {
            "pid": pa.array([f.pid for f in facts], pa.int32()),
            "executable": pa.array([_text(f.executable) for f in facts], pa.string()),
            "go_version": pa.array([f.go_version or None for f in facts], pa.string()),
            "build_id": pa.array([f.build_id or None for f in facts], pa.string()),
            "captured_at": column(pa.timestamp("us"), lambda f: f.captured_at_ns // 1000),
            "pause_ns": column(pa.int64(), lambda f: f.pause_ns),
            "threads": column(pa.int32(), lambda f: f.threads),
            "goroutines": column(pa.int64(), lambda f: f.counters.get("captured", 0)),
            "goroutines_skipped": column(pa.int64(), skipped),
            "engine": column(pa.string(), lambda f: f.engine),
            "engine_reason": column(pa.string(), lambda f: f.engine_reason or None),
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


def _block_table(blocks: Sequence[DecodedBlock]) -> pa.Table:
    """The table of one `func` block over all processes."""
    names = list(dict.fromkeys(column.column.name for block in blocks for column in block.columns))
    by_name = [{column.column.name: column for column in block.columns} for block in blocks]
    sizes = [len(block) for block in blocks]
    fields: dict[str, tuple[pa.Field, pa.ChunkedArray]] = {}
    forms: dict[str, Form] = {}

    def put(field: pa.Field, arrays: list[pa.Array]) -> None:
        # A capture may be called like a column that goes with another one; the capture stays.
        if field.name.lower() not in (name.lower() for name in fields):
            fields[field.name] = (field, pa.chunked_array(_plain(arrays), field.type))

    put(pa.field("pid", pa.int32()), [pa.array(np.full(len(b), b.pid, dtype=np.int32)) for b in blocks])
    put(pa.field("goid", pa.int64()), [pa.array(b.goid) for b in blocks])
    put(pa.field("depth", pa.int32()), [pa.array(b.depth.astype(np.int32), mask=b.depth < 0) for b in blocks])
    put(pa.field("function", pa.string()), [_functions(b) for b in blocks])
    for name in names:
        form = forms[name] = _common_form([columns.get(name) for columns in by_name])
        arrays = _each(by_name, name, sizes, form.arrow, lambda column, form=form: column.values(form))  # type: ignore[misc]
        put(form.field(name), arrays)
    text, word, number = pa.string(), pa.uint64(), pa.int64()
    for name in names:
        if any(name in columns and columns[name].has_names for columns in by_name):
            put(pa.field(f"{name}{NAME_SUFFIX}", text), _each(by_name, name, sizes, text, DecodedColumn.names))
    for name in names:
        if forms[name].arrow == TIMESTAMP:
            put(pa.field(f"{name}__zone", text), _each(by_name, name, sizes, text, DecodedColumn.zones))
            ticks = _each(by_name, name, sizes, number, DecodedColumn.monotonic)
            put(pa.field(f"{name}__monotonic", number), ticks)
    for name in names:
        put(pa.field(f"{name}__status", text), _each(by_name, name, sizes, text, DecodedColumn.status_words))
        put(pa.field(f"{name}__detail", text), _each(by_name, name, sizes, text, DecodedColumn.details))
        if any(name in columns and columns[name].has_address for columns in by_name):
            put(pa.field(f"raw_{name}", word), _each(by_name, name, sizes, word, DecodedColumn.addresses))
    return pa.table([array for _, array in fields.values()], schema=pa.schema([field for field, _ in fields.values()]))


def _each(
    by_name: list[dict[str, DecodedColumn]],
    name: str,
    sizes: list[int],
    arrow: pa.DataType,
    of: Callable[[DecodedColumn], pa.Array],
) -> list[pa.Array]:
    return [
        of(columns[name]) if name in columns else pa.nulls(size, arrow)
        for columns, size in zip(by_name, sizes, strict=True)
    ]


def _common_form(columns: Sequence[DecodedColumn | None]) -> Form:
    forms = [column.form for column in columns if column is not None]
    return forms[0] if all(form == forms[0] for form in forms) else JSON


def _functions(block: DecodedBlock) -> pa.Array:
    names = pa.array([site.function for site in block.block.sites], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(block.site.astype(np.int32)), names)


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


_CAPTURES = pa.schema(
    [
        ("pid", pa.int32()),
        ("source", pa.string()),
        ("goid", pa.int64()),
        ("depth", pa.int32()),
        ("name", pa.string()),
        ("type", pa.string()),
        ("value", pa.string()),
        ("status", pa.string()),
    ]
)


def _captures_table(process: DecodedProcess) -> pa.Table:
    """Every captured value as text. The values of `globals` have no goroutine."""
    pid, none = process.facts.pid, pa.nulls
    parts = []
    for block in process.blocks:
        for column in block.columns:
            depth = pa.array(block.depth.astype(np.int32), mask=block.depth < 0)
            parts.append(_captures(pid, block.block.table, column, pa.array(block.goid), depth))
    for variable in process.globals:
        value = variable.value
        parts.append(_captures(pid, "globals", value, none(value.count, pa.int64()), none(value.count, pa.int32())))
    return _stacked(parts) if parts else _CAPTURES.empty_table()


def _captures(pid: int, source: str, column: DecodedColumn, goid: pa.Array, depth: pa.Array) -> pa.Table:
    count = column.count
    columns = [
        pa.array(np.full(count, pid, dtype=np.int32)),
        _repeated(source, count),
        goid,
        depth,
        _repeated(column.column.name, count),
        column.type_names(),
        column.texts(),
        column.status_words(),
    ]
    return pa.table(columns, names=_CAPTURES.names)


def _repeated(text: str, count: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, dtype=np.int32)), pa.array([text]))


def _stacked(tables: list[pa.Table]) -> pa.Table:
    """Tables of the same columns, one below the other."""
    fields = [pa.field(f.name, _plain_type(f.type), metadata=f.metadata) for f in tables[0].schema]
    chunks = []
    for number, field in enumerate(fields):
        arrays = [chunk for table in tables for chunk in table.column(number).chunks]
        chunks.append(pa.chunked_array(_plain(arrays), field.type))
    return pa.table(chunks, schema=pa.schema(fields))


def _plain(arrays: list[pa.Array]) -> list[pa.Array]:
    return [a.dictionary_decode() if pa.types.is_dictionary(a.type) else a for a in arrays]


def _plain_type(arrow: pa.DataType) -> pa.DataType:
    return arrow.value_type if pa.types.is_dictionary(arrow) else arrow
