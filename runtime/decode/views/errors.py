"""Errors: a note beside what an interface holds, the message that Error() gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sey.ir.plan import Status
from sey.runtime.decode.vectors import Dynamic, Note, Variant, Vector, through
from sey.runtime.decode.views.messages import MESSAGE, MESSAGES
from sey.runtime.decode.views.parts import STRING, Text, lost, text_vector
from sey.runtime.pages import I64Array


def with_messages(vector: Vector) -> Vector:
    """Interface values, those that hold an error of a known type with its message."""
    if not isinstance(vector.data, Dynamic) or not isinstance(vector.data.value.data, Variant):
        return vector
    value = vector.data.value.data
    pool: list[Text] = [Text("")]
    which: I64Array = np.zeros(len(vector), dtype=np.int64)
    rows = np.zeros(len(vector), dtype=np.bool_)
    for number, of in enumerate(value.vectors):
        if of.type.name in MESSAGES:
            mine = np.flatnonzero(value.which == number)
            which[mine], known = _messages(of, pool)[value.index[mine]], of.status != Status.NIL
            rows[mine] = known[value.index[mine]]
    if not bool(rows.any()):
        return vector
    note = Note(MESSAGE, text_vector(STRING, pool, which), rows)
    return replace(vector, data=replace(vector.data, notes=(*vector.data.notes, note)))


def _messages(of: Vector, pool: list[Text]) -> I64Array:
    """Adds the messages of errors of one type to `pool`; for each the one that it has."""
    inner, index = through(of)
    start = len(pool)
    pool += MESSAGES[of.type.name](inner)
    result: I64Array = np.arange(len(of)) if index is None else np.maximum(index, 0)
    result = result + start
    gone = np.flatnonzero((of.status != Status.OK) & (of.status != Status.TRUNCATED))
    for row in gone.tolist():
        result[row] = len(pool)
        pool.append(lost(int(of.status[row]), int(of.detail[row])))
    return result
