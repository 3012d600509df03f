"""The form of a column, from the Go type of its values.

It depends on the type and the limits alone, so that a column has one type whatever was captured.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from sey.ir.plan import PlanType
from sey.runtime.decode import views
from sey.runtime.decode.forms import JSON, TEXT, Form, list_form, struct_form
from sey.runtime.decode.vectors import is_bytes

_MAX_NODES = 4096
"""Fields, elements and so on that one column's type may have; beyond that it is JSON."""

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


def form_of(kind: PlanType, types: Mapping[int, PlanType], depth: int) -> Form:
    """The form of values of `kind` at a pointer depth of `depth`; JSON where the type can't be a column."""
    try:
        return _Former(types).form(kind, depth, frozenset())
    except _TooWideError:
        return JSON


class _Former:
    def __init__(self, types: Mapping[int, PlanType]) -> None:
        self.types = types
        self.nodes = 0

    def form(self, kind: PlanType, depth: int, slices: frozenset[int]) -> Form:
        """`slices` are the slice types around: one that contains itself has no finite column type."""
        self.nodes += 1
        if self.nodes > _MAX_NODES:
            raise _TooWideError
        if kind.special == "time":
            return Form("plain", pa.timestamp("us"))
        known = views.form(kind, self.types)
        if known is not None:
            return known
        like = views.like(kind, self.types)
        if like is not None:
            return self.form(like, depth, slices)
        plain = _PLAIN.get((kind.kind, kind.size))
        if plain is not None:
            return Form("plain", plain)
        if is_bytes(kind, self.types):
            return TEXT
        elem = self.types.get(kind.elem) if kind.elem is not None else None
        match kind.kind:
            case "complex":
                part = pa.float32() if kind.size == 8 else pa.float64()
                return Form("plain", pa.struct([pa.field("real", part), pa.field("imag", part)]))
            case "struct":
                return self._struct(kind, depth, slices)
            case "array" | "slice" if elem is not None and kind.id not in slices:
                around = slices | {kind.id} if kind.kind == "slice" else slices
                return list_form(self.form(elem, depth, around))
            case "pointer" if elem is not None and depth > 0:
                return self.form(elem, depth - 1, slices)
            case _:
                return JSON

    def _struct(self, kind: PlanType, depth: int, slices: frozenset[int]) -> Form:
        named = [item for item in kind.fields if item.name != "_"]
        return struct_form([(item.name, self.form(self.types[item.type], depth, slices)) for item in named])
