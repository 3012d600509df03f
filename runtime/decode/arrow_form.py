"""Vectors in their form as Arrow arrays."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sey.ir.plan import Status
from sey.runtime.decode import times
from sey.runtime.decode.forms import Form
from sey.runtime.decode.json_form import bare_json, present, to_json
from sey.runtime.decode.vectors import Entries, Items, Nothing, Numbers, Record, Shared, Texts, Times, Vector, Words
from sey.runtime.pages import run_starts


def to_arrow(vector: Vector, form: Form, *, nested: bool = False) -> pa.Array:
    """The values in a form; missing ones are NULL."""
    if form.kind == "json":
        return _present_json(vector) if nested else bare_json(vector)
    match vector.data:
        case Shared(index, target):
            if not len(target):
                return pa.nulls(len(index), form.arrow)
            return to_arrow(target, form, nested=nested).take(pa.array(index, mask=index < 0))
        case Nothing():
            return pa.nulls(len(vector), form.arrow)
        case Numbers(values):
            return _numbers(values, form.arrow)
        case Words(addresses):
            return pa.array(addresses, mask=(vector.status != Status.OK))
        case Texts(values):
            return values
        case Times():
            microseconds, fits = times.microseconds(vector.data)
            return pa.array(microseconds, mask=~fits).cast(form.arrow)
        case Record(_, fields):
            arrays = [to_arrow(v, f, nested=True) for v, f in zip(fields, form.inner, strict=True)]
            return pa.StructArray.from_arrays(arrays, fields=list(form.arrow))
        case Items(offsets, items):
            values = to_arrow(items, form.inner[0], nested=True)
            return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, type=form.arrow)
        case Entries():
            return _map(vector.data, form)
        case _:
            raise TypeError(f"no {form.kind} form of {type(vector.data).__name__}")


def _map(entries: Entries, form: Form) -> pa.Array:
    """Maps, without the entries that a MAP can't have: its keys are distinct and not NULL."""
    keys = to_arrow(entries.keys, form.inner[0], nested=True)
    values = to_arrow(entries.values, form.inner[1], nested=True)
    offsets = entries.offsets
    if not bool(entries.distinct.all()):
        kept = pa.array(entries.distinct)
        keys, values = keys.filter(kept), values.filter(kept)
        offsets = run_starts(entries.distinct.astype(np.int64))[offsets]
    return pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, values, type=form.arrow)


def _numbers(values: np.ndarray[tuple[int, ...], np.dtype[np.generic]], arrow: pa.DataType) -> pa.Array:
    if np.iscomplexobj(values):
        parts = np.ascontiguousarray(values)
        halves = [pa.array(np.ascontiguousarray(half)) for half in (parts.real, parts.imag)]
        return pa.StructArray.from_arrays(halves, fields=list(arrow))
    return pa.array(np.ascontiguousarray(values), arrow)


def _present_json(vector: Vector) -> pa.StringArray:
    texts, shown = to_json(vector), present(vector)
    return texts if bool(shown.all()) else texts.take(pa.array(np.arange(len(vector)), mask=~shown))
