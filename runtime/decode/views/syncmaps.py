"""sync.Map: since Go 1.24 a trie, which is decoded as a map is; before (sync/map.go) two maps that share their values.

Of these two, `dirty` has all entries where `read` is `amended`, else `read` has them. An
entry whose `p` is nil was deleted. How many entries a trie has nothing tells.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sey.ir.plan import PlanType, Status
from sey.runtime.decode.forms import JSON
from sey.runtime.decode.json_form import bare_json, to_json
from sey.runtime.decode.vectors import Entries, Vector, Written, through
from sey.runtime.decode.views.parts import Types, View, field, flag_at, part, place
from sey.runtime.pages import I64Array, U8Array


def sync_map(kind: PlanType, types: Types) -> View | None:
    """A list of `key` and `value`."""
    if place(kind, types, "m", "struct") is not None:
        trie = field(kind, "m")
        return View(_of_trie, JSON) if trie is not None and types[trie.type].entry is not None else None
    read, dirty = place(kind, types, "read.v", "pointer"), place(kind, types, "dirty", "map")
    if read is None or dirty is None:
        return None

    def show(_: U8Array, vector: Vector) -> Vector:
        clean, amended = part(vector, "read"), part(vector, "dirty")
        if clean is None or amended is None:
            return vector
        return _shown(kind, clean, amended)

    return View(show, JSON)


def _of_trie(_: U8Array, vector: Vector) -> Vector:
    entries = part(vector, "m")
    if entries is None:
        return vector
    never = entries.status == Status.NIL
    status = np.where(never, int(Status.OK), entries.status).astype(np.uint8)
    texts = pc.if_else(pa.array(never), "[]", bare_json(entries))
    detail = np.where(entries.status == Status.TRUNCATED, 0, entries.detail).astype(np.uint64)
    return Vector(vector.type, status, detail, None, Written(texts))


def _shown(kind: PlanType, read: Vector, dirty: Vector) -> Vector:
    inner, index = through(read)
    clean, flags = part(inner, "m"), part(inner, "amended")
    status, detail = read.status.copy(), read.detail.copy()
    texts: list[str | None] = [None] * len(read)
    for row in range(len(read)):
        at = row if index is None else int(index[row])
        if status[row] == Status.NIL:  # Nothing was ever stored.
            texts[row], status[row] = "[]", Status.OK
        elif status[row] == Status.OK and at >= 0 and clean is not None and flags is not None:
            of, own = (dirty, row) if flag_at(flags, at) else (clean, at)
            status[row], detail[row] = of.status[own], of.detail[own]
            texts[row] = _listed(of, own)
            if status[row] == Status.NIL:
                texts[row], status[row] = "[]", Status.OK
    return Vector(kind, status, detail, None, Written(pa.array(texts, pa.string())))


def _listed(maps: Vector, row: int) -> str | None:
    inner, index = through(maps)
    at = row if index is None else int(index[row])
    if at < 0 or not isinstance(inner.data, Entries):
        return None
    low, high = (int(inner.data.offsets[one]) for one in (at, at + 1))
    rows: I64Array = np.arange(low, high)
    kept = rows[inner.data.values.status[low:high] != Status.NIL]
    keys, values = (to_json(of).take(pa.array(kept)) for of in (inner.data.keys, inner.data.values))
    pairs = pc.binary_join_element_wise('{"key":', keys, ',"value":', values, "}", "")
    return f"[{','.join(pairs.to_pylist())}]"


def entry(kind: PlanType, types: Types) -> View | None:
    """sync.entry: what its `p` points to; nil for a deleted one."""
    held = place(kind, types, "p", "struct")
    if held is None or place(kind, types, "p.v", "pointer") is None:
        return None
    return View(lambda _, vector: part(vector, "p") or vector, like=held.type)
