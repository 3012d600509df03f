"""Containers of the library whose nodes are no values of the program: the values in them, in order."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sey.ir.plan import PlanType, Status
from sey.runtime.decode.forms import JSON
from sey.runtime.decode.json_form import to_json
from sey.runtime.decode.vectors import Vector, Written, taken, through
from sey.runtime.decode.views.parts import Types, View, part, place
from sey.runtime.pages import I64Array, U8Array

_MOST = 64
"""Elements of a list that are shown; fewer are captured, since a chain has its limit."""


def linked(kind: PlanType, types: Types) -> View | None:
    """container/list.List (list.go): a ring of elements through `root`, of which `len` are the program's."""
    length = place(kind, types, "len", "int", 8)
    if length is None or place(kind, types, "root.next", "pointer") is None:
        return None
    if place(kind, types, "root.Value", "interface") is None:
        return None

    def show(raw: U8Array, vector: Vector) -> Vector:
        root = part(vector, "root")
        following = None if root is None else part(root, "next")
        if following is None:
            return vector
        lengths = length.numbers(raw)
        found = _walk(following, lengths)
        counts = np.array([len(one) for one in found], dtype=np.int64)
        cut, broken = counts < lengths, lengths < 0
        status = np.where(cut, int(Status.TRUNCATED), int(Status.OK)).astype(np.uint8)
        status[broken] = Status.UNREADABLE
        texts = pa.array([f"[{','.join(one)}]" for one in found], pa.string())
        return Vector(kind, status, np.where(cut, lengths, 0).astype(np.uint64), None, Written(texts))

    return View(show, JSON)


def _walk(following: Vector, lengths: I64Array) -> list[list[str]]:
    """The values of each list as JSON, as far as they were captured."""
    found: list[list[str]] = [[] for _ in lengths]
    rows: I64Array = np.arange(len(lengths))
    for step in range(_MOST):
        inner, index = through(following)
        at = np.arange(len(following)) if index is None else index
        alive = (following.status == Status.OK) & (at >= 0) & (lengths[rows] > step)
        values, after = part(inner, "Value"), part(inner, "next")
        if not bool(alive.any()) or values is None or after is None:
            break
        rows, at = rows[alive], at[alive].astype(np.int64)
        for row, text in zip(rows.tolist(), to_json(values).take(pa.array(at)).to_pylist(), strict=True):
            found[row].append(text)
        following = taken(after, at)
    return found
