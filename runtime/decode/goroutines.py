"""Table `goroutines`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sey.binary.visibility import is_system_goroutine
from sey.ir.plan import GOROUTINE_IN_CGO, GOROUTINE_LOCKED, PC_EXACT, Plan, Status
from sey.runtime.capture import ProcessFacts
from sey.runtime.decode.json_form import to_text
from sey.runtime.decode.objects import ObjectIndex
from sey.runtime.decode.stacks import NO_STACK
from sey.runtime.decode.text import rows_of
from sey.runtime.decode.values import Limits, ValueDecoder
from sey.runtime.decode.vectors import Items, Record, Shared, Texts, Vector
from sey.runtime.pages import I64Array, Pages, U64Array
from sey.runtime.symbols import SymbolTable

# runtime/runtime2.go; 10 and 11 since Go 1.26.
STATUS_WORDS: Mapping[int, str] = {
    0: "idle",
    1: "runnable",
    2: "running",
    3: "syscall",
    4: "waiting",
    6: "dead",
    8: "copystack",
    9: "preempted",
    10: "leaked",
    11: "deadextra",
}
_WAITING = (4, 10)
_LABEL_LIMITS = Limits(1 << 16, 1 << 16, 1)


def goroutines_table(
    records: npt.NDArray[np.void],
    facts: ProcessFacts,
    symbols: SymbolTable,
    reasons: list[str | None],
    labels: pa.Array,
    in_user_code: npt.NDArray[np.bool_],
) -> pa.Table:
    """The table from the records of stream `goroutine`.

    `reasons` are the target's words, `labels` a map a row, `in_user_code` whether its stack is not the runtime's alone.
    """
    status = records["status"].astype(np.int64)
    waiting = np.isin(status, _WAITING)
    since = records["wait_since"].astype(np.int64)
    waited = np.maximum(facts.monotonic_ns - since, 0)
    stack, thread = records["stack"], records["thread"]
    parent = records["parent_goid"].astype(np.int64)
    started = _functions(symbols, records["startpc"] | np.uint64(PC_EXACT))
    return pa.table(
        {
            "pid": pa.array(np.full(len(records), facts.pid, dtype=np.int32)),
            "goid": pa.array(records["goid"].astype(np.int64)),
            "status": _words(status, STATUS_WORDS),
            "wait_reason": _reasons(records["wait_reason"].astype(np.int64), waiting, reasons),
            "wait_ns": pa.array(waited, mask=~waiting | (since <= 0)),
            "parent_goid": pa.array(parent, mask=parent == 0),
            # The first one is the work of the program's entry; Go's dumps say nothing of it either.
            "created_by": pc.if_else(records["goid"] == 1, None, _functions(symbols, records["gopc"])),
            "start_function": started,
            "labels": labels,
            "locked": pa.array((records["flags"] & GOROUTINE_LOCKED) != 0),
            "in_cgo": pa.array((records["flags"] & GOROUTINE_IN_CGO) != 0),
            "thread_id": pa.array(thread.astype(np.int32), mask=thread == 0),
            "stack_id": pa.array(stack, mask=stack == NO_STACK),
            "system": _system(started, in_user_code),
        }
    )


def label_maps(plan: Plan, decoder: ValueDecoder, pages: Pages, objects: ObjectIndex, addresses: U64Array) -> pa.Array:
    """The labels of each goroutine as a map, NULL where it has none or they couldn't be read.

    `runtime/pprof.labelMap` is, since Go 1.24, a struct around a slice of structs of two strings.
    """
    arrow = pa.map_(pa.string(), pa.string())
    if plan.labels_type is None or not bool(np.any(addresses)):
        return pa.nulls(len(addresses), arrow)
    size = decoder.types[plan.labels_type].size
    distinct, index = np.unique(addresses, return_inverse=True)
    found = objects.find(distinct, plan.labels_type)
    whole = (found.bytes >= size) & (found.row >= 0) & (distinct != 0)
    rows = np.flatnonzero(whole).astype(np.int64)
    raw = rows_of(pages.data, found.place[rows], size)
    entries = _entries(decoder.decode(plan.labels_type, raw, _LABEL_LIMITS))
    maps: list[list[tuple[str, str | None]] | None] = [None] * len(distinct)
    for row, entry in zip(rows.tolist(), entries, strict=True):
        maps[row] = entry
    return pa.array(maps, arrow).take(pa.array(index.reshape(-1)))


def _entries(vector: Vector) -> list[list[tuple[str, str | None]] | None]:
    """The pairs of each label set. The same set serves many goroutines, and is looked at once."""
    status, items = vector.status, _list(vector)
    if items is None:
        return [None] * len(vector)
    index, lists = items
    assert isinstance(lists.data, Items)
    record = lists.data.items.data
    if not isinstance(record, Record) or len(record.fields) != 2 or not all(_is_text(f) for f in record.fields):
        return [None] * len(vector)
    keys, values = (to_text(field).to_pylist() for field in record.fields)
    offsets = lists.data.offsets.tolist()
    result: list[list[tuple[str, str | None]] | None] = []
    for row, at in enumerate(index.tolist()):
        if at < 0:
            result.append([] if status[row] == Status.OK else None)
            continue
        span = range(offsets[at], offsets[at + 1])
        # DuckDB wants the keys of a map distinct and not NULL.
        result.append(list({keys[i]: values[i] for i in span if keys[i] is not None}.items()))
    return result


def _list(vector: Vector) -> tuple[I64Array, Vector] | None:
    """The first slice inside of nested structs, and which of its values each row has."""
    if isinstance(vector.data, Record):
        for inner in vector.data.fields:
            found = _list(inner)
            if found is not None:
                return found
    if isinstance(vector.data, Shared) and isinstance(vector.data.target.data, Items):
        return vector.data.index, vector.data.target
    return None


def _is_text(vector: Vector) -> bool:
    return isinstance(vector.data, Shared) and isinstance(vector.data.target.data, Texts)


def _system(started: pa.Array, in_user_code: npt.NDArray[np.bool_]) -> pa.Array:
    """Whether each is one that Go's own dump leaves out."""
    names = started.dictionary_encode()
    known = [name or "" for name in names.dictionary.to_pylist()] + [""]
    at = np.asarray(names.indices.fill_null(len(known) - 1), dtype=np.int64)
    idle, busy = (np.array([is_system_goroutine(n, in_user_code=user) for n in known]) for user in (False, True))
    return pa.array(np.where(in_user_code, busy[at], idle[at]).astype(np.bool_))


def _words(numbers: I64Array, words: Mapping[int, str]) -> pa.Array:
    distinct, index = np.unique(numbers, return_inverse=True)
    names = pa.array([words.get(n, f"status {n}") for n in distinct.tolist()], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(index.reshape(-1).astype(np.int32)), names)


def _reasons(numbers: I64Array, waiting: npt.NDArray[np.bool_], reasons: list[str | None]) -> pa.Array:
    known = waiting & (numbers >= 0) & (numbers < len(reasons))
    index = np.where(known, numbers, 0).astype(np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(index, mask=~known), pa.array(reasons, pa.string()))


def _functions(symbols: SymbolTable, keys: U64Array) -> pa.Array:
    distinct, index = np.unique(keys, return_inverse=True)
    names = pa.array(symbols.physical(distinct), pa.string())
    return names.take(pa.array(index.reshape(-1)))
