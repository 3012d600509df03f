"""Contexts: what their methods answer, put together along the chain of parents (Go's context/context.go).

Each context takes from its parent what it doesn't settle itself; the parent is shown first, with its own notes. A
context of another type than the library's may answer anything: what lies behind one isn't told. Its values are those of
the chain all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sey.ir.plan import PlanType, Status
from sey.runtime.decode.json_form import to_json
from sey.runtime.decode.vectors import (
    Dynamic,
    Note,
    Numbers,
    Shared,
    Variant,
    Vector,
    Written,
    fine,
    join_variants,
    missing,
    through,
)
from sey.runtime.decode.views.parts import BOOL, field, part
from sey.runtime.pages import I64Array

CONTEXT = "context.Context"

DEADLINE, CANCELLED, ERROR, CAUSE, VALUES, PARENTS = "deadline", "cancelled", "error", "cause", "values", "parents"
_NOTES = (DEADLINE, CANCELLED, ERROR, CAUSE, VALUES, PARENTS)
_ANSWERS = (DEADLINE, CANCELLED, ERROR, CAUSE)

_ROOTS = frozenset({"context.backgroundCtx", "context.todoCtx"})
_CANCELLING = {"*context.cancelCtx": "", "*context.afterFuncCtx": "cancelCtx", "*context.timerCtx": "cancelCtx"}
"""Types that can be cancelled, and the embedded field that has what it takes."""
_PASSING = frozenset({"*context.valueCtx", "context.stopCtx", "*os/signal.signalCtx"})
"""Types that leave all but a value to their parent."""

Facts = Mapping[str, Vector]
JSON_TEXT = PlanType(0, "json", "json", 0)
"""The type of values that are written as JSON."""


def with_facts(vector: Vector) -> Vector:
    """Values of context.Context with notes: deadline, cancelled, error, cause, values and parents."""
    if not isinstance(vector.data, Dynamic) or not isinstance(vector.data.value.data, Variant):
        return vector
    value = vector.data.value.data
    told = np.zeros(len(vector), dtype=np.bool_)
    parts: list[tuple[I64Array, Facts]] = []
    for number, of in enumerate(value.vectors):
        rows = np.flatnonzero(value.which == number).astype(np.int64)
        index = value.index[rows]
        facts = _facts(of)
        parts.append((rows, {name: _taken(facts[name], index, vector.type) for name in _NOTES}))
        told[rows] = of.type.name in _ROOTS or of.type.name in _CANCELLING or of.type.name in _PASSING
    rows_known = value.which >= 0
    rest = np.flatnonzero(~rows_known).astype(np.int64)
    notes = []
    for name in _NOTES:
        there = [(rows, facts[name]) for rows, facts in parts]
        joined = join_variants(vector.type, len(vector), [*there, (rest, _as_missing(vector, rest))])
        notes.append(Note(name, joined, vector.data.holds))
    return replace(vector, data=replace(vector.data, notes=(*vector.data.notes, *notes), told=told))


def _as_missing(vector: Vector, rows: I64Array) -> Vector:
    """What can't be told of interfaces whose value nothing is known of."""
    status = np.where(vector.status[rows] == Status.OK, int(Status.TYPE_UNKNOWN), vector.status[rows])
    return replace(missing(vector.type, len(rows), Status.TYPE_UNKNOWN), status=status.astype(np.uint8))


def _facts(of: Vector) -> Facts:
    """The notes of contexts of one dynamic type."""
    inner, index = through(of)
    name = of.type.name
    if name in _ROOTS:
        facts: Facts = {**_unsettled(len(inner)), VALUES: _empty(len(inner)), PARENTS: _empty(len(inner))}
    elif name in _CANCELLING:
        facts = _cancelling(inner, _CANCELLING[name])
    elif name == "context.withoutCancelCtx":
        facts = {**_parent(inner, "c"), **_unsettled(len(inner))}
    elif name in _PASSING:
        facts = _parent(inner, "Context")
        facts = {**facts, VALUES: _with_value(inner, facts[VALUES])} if name == "*context.valueCtx" else facts
    else:
        member = field(inner.type, "Context")
        parent = "Context" if member is not None and member.embedded else ""
        unknown = missing(of.type, len(inner), Status.TYPE_UNKNOWN)
        facts = {**_parent(inner, parent), **dict.fromkeys(_ANSWERS, unknown)}
    if index is None:
        return facts
    return {key: _behind(of, index, fact) for key, fact in facts.items()}


def _unsettled(count: int) -> Facts:
    """The answers of a context that never ends."""
    no = missing(JSON_TEXT, count, Status.NIL)
    never = fine(BOOL, count, Numbers(np.zeros(count, dtype=np.bool_)))
    return {DEADLINE: no, CANCELLED: never, ERROR: no, CAUSE: no}


def _parent(inner: Vector, name: str) -> Facts:
    """What the parent says, of contexts that have it in the field `name`."""
    of = part(inner, name)
    if of is None or not isinstance(of.data, Dynamic):
        why = _status_of(inner) if of is None else of
        return dict.fromkeys(_NOTES, why)
    notes = {note.name: note for note in of.data.notes}
    if not notes:
        return dict.fromkeys(_NOTES, _as_missing(of, np.arange(len(of))))
    facts = {key: _where(notes[key].values, notes[key].rows, of) for key in _NOTES}
    names = pa.array([*(f'"{one}"' for one in of.data.names), None], pa.string())
    own = names.take(pa.array(np.where(of.data.type < 0, len(of.data.names), of.data.type)))
    return {**facts, PARENTS: _first(own, facts[PARENTS])}


def _status_of(inner: Vector) -> Vector:
    """Missing for the reason that a whole struct is."""
    status = np.where(inner.status == Status.OK, int(Status.TYPE_UNKNOWN), inner.status).astype(np.uint8)
    return replace(missing(inner.type, len(inner), Status.TYPE_UNKNOWN), status=status, detail=inner.detail)


def _cancelling(inner: Vector, embedded: str) -> Facts:
    """cancelCtx and what is around one: its own error and cause, and of a timerCtx the deadline."""
    own = part(inner, embedded) if embedded else inner
    if own is None:
        return dict.fromkeys(_NOTES, _status_of(inner))
    facts = dict(_parent(own, "Context"))
    error, cause, deadline = part(own, "err"), part(own, "cause"), part(inner, "deadline")
    unknown = _status_of(inner)
    facts[ERROR], facts[CAUSE] = error or unknown, cause or unknown
    facts[CANCELLED] = unknown if error is None else _is_set(error)
    if deadline is not None:
        facts[DEADLINE] = deadline
    return facts


def _is_set(error: Vector) -> Vector:
    """Whether there is an error. One of a type that isn't known may be the mark of an atomic.Value being stored."""
    values = error.status != Status.NIL
    unknown = error.status == Status.TYPE_UNKNOWN
    if isinstance(error.data, Dynamic):
        unknown &= error.data.type < 0
    told = fine(BOOL, len(error), Numbers(values))
    return _where(told, ~unknown, error)


def _with_value(inner: Vector, values: Vector) -> Vector:
    """The values of a chain, with that of valueCtx itself before them."""
    key, value = part(inner, "key"), part(inner, "val")
    if key is None or value is None:
        return _status_of(inner)
    own = pc.binary_join_element_wise('{"key":', to_json(key), ',"value":', to_json(value), "}", "")
    return _first(own, values)


def _first(own: pa.StringArray, rest: Vector) -> Vector:
    """Lists in JSON with one more element in front; where the rest is missing, it is so at the end of the list."""
    texts = pc.fill_null(to_json(rest), "null")
    listed = pa.array(rest.status == Status.OK)
    whole = pc.binary_join_element_wise(
        "[", own, pc.if_else(pc.equal(texts, "[]"), "", ","), pc.utf8_slice_codeunits(texts, 1), ""
    )
    broken = pc.binary_join_element_wise("[", own, ",", texts, "]", "")
    return fine(JSON_TEXT, len(rest), Written(pc.if_else(listed, whole, broken)))


def _empty(count: int) -> Vector:
    return fine(JSON_TEXT, count, Written(pa.array(["[]"] * count, pa.string())))


def _where(values: Vector, rows: npt.NDArray[np.bool_], why: Vector) -> Vector:
    """The values at `rows`; missing for the reason that `why` has at the others, unknown where it has none."""
    if bool(rows.all()):
        return values
    status = np.where(why.status == Status.OK, int(Status.TYPE_UNKNOWN), why.status)
    return Vector(
        values.type,
        np.where(rows, values.status, status).astype(np.uint8),
        np.where(rows, values.detail, why.detail),
        None,
        Shared(np.where(rows & (values.status == Status.OK), np.arange(len(values)), -1), values),
    )


def _behind(of: Vector, index: I64Array, fact: Vector) -> Vector:
    """What is said of the values that others refer to; missing where they lead to none."""
    there = (index >= 0) & (of.status == Status.OK)
    at = np.maximum(index, 0)
    if not len(fact):
        return replace(_status_of(of), type=fact.type)
    status = np.where(there, fact.status[at], np.where(of.status == Status.OK, int(Status.TYPE_UNKNOWN), of.status))
    detail = np.where(there, fact.detail[at], of.detail)
    return Vector(fact.type, status.astype(np.uint8), detail, None, Shared(np.where(there, at, -1), fact))


def _taken(fact: Vector, rows: I64Array, kind: PlanType) -> Vector:
    """What is said at `rows`."""
    return Vector(kind, fact.status[rows], fact.detail[rows], None, Shared(rows, fact))
