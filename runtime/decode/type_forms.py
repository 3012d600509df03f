"""The form of a column, from the Go type of its values.

It depends on the type and the limits alone, so that a column has one type whatever was captured.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from sey.ir.plan import PART, PlanType
from sey.runtime.decode import views
from sey.runtime.decode.forms import BIGINT, BOOLEAN, JSON, TEXT, TIMESTAMP, Form, list_form, map_form, struct_form
from sey.runtime.decode.kinds import (
    CHANNEL_FIELDS,
    NAME_SUFFIX,
    REFLECT_VALUE,
    is_type_description,
    name_fields,
    shown_fields,
    trie_root,
)
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
    ("unsafe.Pointer", 8): pa.uint64(),
}
_KEYS = frozenset({"bool", "int", "uint", "string"})
"""Kinds of keys that make a map a MAP: those of which no two that differ look the same."""


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

    def form(self, kind: PlanType, depth: int, around: frozenset[int]) -> Form:
        """`around` are the slice, map and chan types around: one that contains itself has no finite column type."""
        self.nodes += 1
        if self.nodes > _MAX_NODES:
            raise _TooWideError
        if kind.special == "time":
            return Form("plain", TIMESTAMP)
        known = views.form(kind, self.types)
        if known is not None:
            return known
        like = views.like(kind, self.types)
        if like is not None:
            return self.form(like, depth, around)
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
            case "struct" if trie_root(kind) is not None:
                return JSON
            case "struct":
                return self._struct(kind, depth, around)
            case "array" if elem is not None:
                return list_form(self.form(elem, depth, around))
            case "slice" | "map" | "chan" if elem is not None and kind.id not in around:
                return self._reference(kind, elem, depth, around | {kind.id})
            case "pointer" if elem is not None and is_type_description(elem):
                return TEXT
            case "pointer" if elem is not None and depth > 0:
                return self.form(elem, depth - 1, around)
            case _:
                return JSON

    def _reference(self, kind: PlanType, elem: PlanType, depth: int, around: frozenset[int]) -> Form:
        inner = self.form(elem, depth, around)
        if kind.kind == "slice":
            return list_form(inner)
        if kind.kind == "chan":
            waiting = list_form(BIGINT)
            parts = (BIGINT, BIGINT, BOOLEAN, list_form(inner), waiting, waiting)
            return struct_form(zip(CHANNEL_FIELDS, parts, strict=True))
        key = self.types.get(kind.key) if kind.key is not None else None
        if key is None or key.kind not in _KEYS or views.form(key, self.types) is not None:
            return JSON
        return map_form(self.form(key, depth, around), inner)

    def _struct(self, kind: PlanType, depth: int, around: frozenset[int]) -> Form:
        if kind.name == REFLECT_VALUE or kind.entry is not None:
            return JSON
        named = name_fields(kind, self.types)
        fields: list[tuple[str, Form]] = []
        for item in shown_fields(kind):
            inner = self.types[item.type]
            written = kind.special == PART and item.chain and inner.kind == "pointer"
            fields.append((item.name, self.form(inner, depth + written, around)))
            if item.name in named:
                fields.append((item.name + NAME_SUFFIX, TEXT))
        return struct_form(fields)
