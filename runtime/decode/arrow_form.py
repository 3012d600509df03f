"""The Arrow (and so DuckDB) form of a Go type, and vectors in that form.

The form depends on the type and the limits alone, so that a column has one type whatever was captured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from sey.ir.plan import PlanType
from sey.runtime.decode import times
from sey.runtime.decode.json_form import bare_json, present, to_json
from sey.runtime.decode.vectors import Items, Nothing, Numbers, Record, Shared, Texts, Times, Vector, is_bytes

_MAX_NODES = 4096
"""Fields, elements and so on that one column's type may have; beyond that it is JSON."""

JSON_FIELD = {b"ARROW:extension:name": b"arrow.json"}
"""Metadata that makes a VARCHAR column of Arrow a JSON column of DuckDB."""


@dataclass(frozen=True)
class Form:
    """How values of a type appear. `arrow` is the Arrow type; `inner` are the forms of fields, or of the element."""

    kind: Literal["json", "plain", "struct", "list"]
    arrow: pa.DataType
    inner: tuple[Form, ...] = ()

    def field(self, name: str) -> pa.Field:
        """A field of that form."""
        return pa.field(name, self.arrow, metadata=JSON_FIELD if self.kind == "json" else None)


JSON = Form("json", pa.string())
_PLAIN = {
    ("bool", 1): pa.bool_(),
    **{("int", n): t for n, t in ((1, pa.int8()), (2, pa.int16()), (4, pa.int32()), (8, pa.int64()))},
    **{("uint", n): t for n, t in ((1, pa.uint8()), (2, pa.uint16()), (4, pa.uint32()), (8, pa.uint64()))},
    ("float", 4): pa.float32(),
    ("float", 8): pa.float64(),
    ("string", 16): pa.string(),
}


class _TooWideError(Exception):
    pass


def form_of(kind: PlanType, types: dict[int, PlanType], depth: int) -> Form:
    """The form of values of `kind` at a pointer depth of `depth`; JSON where the type can't be a column."""
    try:
        return _Former(types).form(kind, depth, frozenset())
    except _TooWideError:
        return JSON


class _Former:
    def __init__(self, types: dict[int, PlanType]) -> None:
        self.types = types
        self.nodes = 0

    def form(self, kind: PlanType, depth: int, slices: frozenset[int]) -> Form:
        """`slices` are the slice types around: one that contains itself has no finite column type."""
        self.nodes += 1
        if self.nodes > _MAX_NODES:
            raise _TooWideError
        if kind.special == "time":
            return Form("plain", pa.timestamp("us"))
        plain = _PLAIN.get((kind.kind, kind.size))
        if plain is not None:
            return Form("plain", plain)
        if is_bytes(kind, self.types):
            return Form("plain", pa.string())
        elem = self.types.get(kind.elem) if kind.elem is not None else None
        match kind.kind:
            case "complex":
                part = pa.float32() if kind.size == 8 else pa.float64()
                return Form("plain", pa.struct([pa.field("real", part), pa.field("imag", part)]))
            case "struct":
                return self._struct(kind, depth, slices)
            case "array" | "slice" if elem is not None and kind.id not in slices:
                around = slices | {kind.id} if kind.kind == "slice" else slices
                inner = self.form(elem, depth, around)
                return Form("list", pa.list_(inner.field("item")), (inner,))
            case "pointer" if elem is not None and depth > 0:
                return self.form(elem, depth - 1, slices)
            case _:
                return JSON

    def _struct(self, kind: PlanType, depth: int, slices: frozenset[int]) -> Form:
        named = [item for item in kind.fields if item.name != "_"]
        if not named or len({item.name.lower() for item in named}) < len(named):
            return JSON
        inner = tuple(self.form(self.types[item.type], depth, slices) for item in named)
        fields = [form.field(item.name) for form, item in zip(inner, named, strict=True)]
        return Form("struct", pa.struct(fields), inner)


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
        case _:
            raise TypeError(f"no {form.kind} form of {type(vector.data).__name__}")


def _numbers(values: np.ndarray[tuple[int, ...], np.dtype[np.generic]], arrow: pa.DataType) -> pa.Array:
    if np.iscomplexobj(values):
        parts = np.ascontiguousarray(values)
        halves = [pa.array(np.ascontiguousarray(half)) for half in (parts.real, parts.imag)]
        return pa.StructArray.from_arrays(halves, fields=list(arrow))
    return pa.array(np.ascontiguousarray(values), arrow)


def _present_json(vector: Vector) -> pa.StringArray:
    texts, shown = to_json(vector), present(vector)
    return texts if bool(shown.all()) else texts.take(pa.array(np.arange(len(vector)), mask=~shown))
