"""What views are made of: places of fields in the bytes of a struct, texts put together of captured parts.

A view is found by its Go type alone, and only where the type has the fields that it needs: in a release that lays it
out otherwise there is none, and the fields are shown as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sey.ir.plan import PlanField, PlanType, Status
from sey.runtime.decode.forms import Form
from sey.runtime.decode.vectors import Numbers, Record, Texts, Vector, fine, spread, through
from sey.runtime.pages import I64Array, U8Array, U64Array

Types = Mapping[int, PlanType]

BOOL = PlanType(0, "bool", "bool", 1)
INT64 = PlanType(0, "int64", "int", 8)
STRING = PlanType(0, "string", "string", 16)


@dataclass(frozen=True)
class View:
    """How the values of one type are shown. `show` takes their bytes (n × size) and their vector as decoded by field.

    `form` is that of the column; where it is None the value stands for the one of its fields that has type `like`.
    """

    show: Callable[[U8Array, Vector], Vector]
    form: Form | None = None
    like: PlanType | None = None


Finder = Callable[[PlanType, Types], View | None]


@dataclass(frozen=True)
class Place:
    """A field, maybe of a field: where it is in the bytes of the outer struct."""

    offset: int
    type: PlanType

    def numbers(self, raw: U8Array) -> npt.NDArray[np.int64]:
        """The integers or booleans there, as int64 (the bits of an uint64 above 2^63 wrap)."""
        code = {"bool": "u", "int": "i", "uint": "u"}[self.type.kind]
        part = np.ascontiguousarray(raw[:, self.offset : self.offset + self.type.size])
        return part.view(f"<{code}{self.type.size}").reshape(-1).astype(np.int64)

    def word(self, raw: U8Array, number: int) -> U64Array:
        """Word `number` of what is there."""
        at = self.offset + number * 8
        return np.ascontiguousarray(raw[:, at : at + 8]).view("<u8").reshape(-1)


def place(kind: PlanType, types: Types, path: str, kinds: str, size: int | None = None) -> Place | None:
    """The field at a dotted path, if it is there and of one of these kinds (a list with blanks), of that size."""
    offset, at = 0, kind
    for name in path.split("."):
        member = field(at, name)
        if at.kind != "struct" or member is None or member.type not in types:
            return None
        offset, at = offset + member.offset, types[member.type]
    return Place(offset, at) if at.kind in kinds.split() and size in (None, at.size) else None


def first_place(kind: PlanType, types: Types, paths: str, kinds: str, size: int | None = None) -> Place | None:
    """The first of several paths (a list with blanks) that is there: releases name and nest fields differently."""
    found = (place(kind, types, path, kinds, size) for path in paths.split())
    return next((one for one in found if one is not None), None)


def field(kind: PlanType, name: str) -> PlanField | None:
    """The field of that name."""
    return next((one for one in kind.fields if one.name == name), None)


def part(vector: Vector, name: str) -> Vector | None:
    """The values of a field, of structs that are there by field."""
    if not isinstance(vector.data, Record) or name not in vector.data.names:
        return None
    return vector.data.fields[vector.data.names.index(name)]


def flag_at(vector: Vector, row: int) -> bool:
    """A boolean of a vector of booleans."""
    assert isinstance(vector.data, Numbers)
    return bool(vector.data.values[row])


def record(kind: PlanType, count: int, members: Mapping[str, Vector]) -> Vector:
    """Structs of these members."""
    return fine(kind, count, Record(tuple(members), tuple(members.values())))


def flags(values: npt.NDArray[np.bool_]) -> Vector:
    """Booleans that are all there."""
    return fine(BOOL, len(values), Numbers(values))


def counts(values: npt.NDArray[np.int64], broken: npt.NDArray[np.bool_] | None = None) -> Vector:
    """Integers; `broken` marks those that can't be."""
    if broken is None or not bool(broken.any()):
        return fine(INT64, len(values), Numbers(values))
    status = np.where(broken, int(Status.UNREADABLE), int(Status.OK)).astype(np.uint8)
    return spread(counts(values[~broken]), ~broken, status, np.zeros(len(values), dtype=np.uint64))


@dataclass(frozen=True)
class Text:
    """A text that is there (OK, or TRUNCATED with its true length in bytes as `detail`), or missing."""

    text: str
    status: int = Status.OK
    detail: int = 0

    @property
    def whole(self) -> bool:
        """Whether all of it is there."""
        return self.status == Status.OK

    @property
    def length(self) -> int:
        """True length in bytes, of a text that is there."""
        return self.detail if self.status == Status.TRUNCATED else len(self.text.encode())


def lost(status: int, detail: int = 0) -> Text:
    """A missing text. One that can't be made because a part was cut fell to the bound that cut it."""
    return Text("", Status.BUDGET if status == Status.TRUNCATED else status, detail)


def joined(*parts: Text | str) -> Text:
    """Texts end to end: missing where one is, cut where one is."""
    texts = [Text(one) if isinstance(one, str) else one for one in parts]
    shown, cut = [], False
    for one in texts:
        if one.status not in (Status.OK, Status.TRUNCATED):
            return one
        if not cut:
            shown.append(one.text)
        cut = cut or not one.whole
    text = "".join(shown)
    return Text(text, Status.TRUNCATED, sum(one.length for one in texts)) if cut else Text(text)


def texts_at(vector: Vector, rows: Sequence[int]) -> list[Text]:
    """The texts of some rows of a vector of strings (or of what a view shows as text)."""
    inner, index = through(vector)
    detail, status = vector.detail.tolist(), vector.status.tolist()
    if not isinstance(inner.data, Texts):
        return [lost(status[row] if status[row] != Status.OK else Status.UNSUPPORTED, detail[row]) for row in rows]
    at = list(rows) if index is None else [int(index[row]) for row in rows]
    found = inner.data.values.take(pa.array(at, pa.int64(), mask=np.array([one < 0 for one in at], dtype=np.bool_)))
    result = []
    for row, text in zip(rows, found.to_pylist(), strict=True):
        here = status[row] in (Status.OK, Status.TRUNCATED) and text is not None
        result.append(Text(text, status[row], detail[row]) if here else lost(status[row], detail[row]))
    return result


def text_vector(kind: PlanType, texts: Sequence[Text], which: I64Array | None = None) -> Vector:
    """Texts as a vector; `which` says for each value the text that it has."""
    there = (Status.OK, Status.TRUNCATED)
    values = pa.array([one.text if one.status in there else None for one in texts], pa.string())
    status = np.array([one.status for one in texts], dtype=np.uint8)
    detail = np.array([one.detail for one in texts], dtype=np.uint64)
    if which is None:
        return Vector(kind, status, detail, None, Texts(values))
    return Vector(kind, status[which], detail[which], None, Texts(values.take(pa.array(which))))


def distinct(raw: U8Array) -> tuple[list[int], I64Array]:
    """One row of each group of equal ones, and for each row its group: equal bytes lead to equal values."""
    if raw.shape[1] == 0 or not len(raw):
        return ([0] if len(raw) else []), np.zeros(len(raw), dtype=np.int64)
    rows = np.ascontiguousarray(raw).view(np.dtype((np.void, raw.shape[1]))).reshape(-1)
    _, first, which = np.unique(rows, return_index=True, return_inverse=True)
    return first.tolist(), which.reshape(-1).astype(np.int64)


def each_text(kind: PlanType, raw: U8Array, make: Callable[[list[int]], Iterable[Text]]) -> Vector:
    """A text for each value; `make` gives those of some rows, one of each group of equal ones."""
    rows, which = distinct(raw)
    return text_vector(kind, list(make(rows)), which)
