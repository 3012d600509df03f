"""Table `goroutines`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sey.binary.visibility import is_system_goroutine
from sey.ir.plan import GOROUTINE_IN_CGO, GOROUTINE_LOCKED, PC_EXACT
from sey.runtime.capture import ProcessFacts
from sey.runtime.decode.stacks import NO_STACK
from sey.runtime.pages import I64Array, U64Array
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
WAITING = (4, 10)


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
    waiting = np.isin(status, WAITING)
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
