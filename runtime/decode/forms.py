"""The forms in which values appear in Arrow, and so in DuckDB."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

JSON_FIELD = {b"ARROW:extension:name": b"arrow.json"}
"""Metadata that makes a VARCHAR column of Arrow a JSON column of DuckDB."""


@dataclass(frozen=True)
class Form:
    """How values of a type appear. `arrow` is the Arrow type.

    `inner` are the forms of the fields of a struct, of the element of a list, of key and value of a map.
    """

    kind: Literal["json", "plain", "struct", "list", "map"]
    arrow: pa.DataType
    inner: tuple[Form, ...] = ()

    def field(self, name: str) -> pa.Field:
        """A field of that form."""
        return pa.field(name, self.arrow, metadata=JSON_FIELD if self.kind == "json" else None)


JSON = Form("json", pa.string())
TEXT = Form("plain", pa.string())
TIMESTAMP = pa.timestamp("us")
BOOLEAN, BIGINT = Form("plain", pa.bool_()), Form("plain", pa.int64())


def struct_form(fields: Iterable[tuple[str, Form]]) -> Form:
    """A STRUCT; JSON where DuckDB can't tell the names apart, or there are none."""
    named = list(fields)
    if not named or len({name.lower() for name, _ in named}) < len(named):
        return JSON
    arrow = pa.struct([form.field(name) for name, form in named])
    return Form("struct", arrow, tuple(form for _, form in named))


def list_form(inner: Form) -> Form:
    """A LIST."""
    return Form("list", pa.list_(inner.field("item")), (inner,))


def map_form(key: Form, value: Form) -> Form:
    """A MAP, whose keys DuckDB wants distinct and not NULL."""
    return Form("map", pa.map_(key.field("key").with_nullable(False), value.field("value")), (key, value))
