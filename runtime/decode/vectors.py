"""Decoded values by the column: `Vector`, between the raw bytes and their forms as Arrow arrays and as JSON text.

A vector holds n values of one Go type. Values that many rows share (what pointers, slices and strings refer to) are
decoded once and referred to by index (`Shared`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sey.ir.plan import PlanType, Status
from sey.runtime.pages import I64Array, U8Array, U64Array

OUT_OF_RANGE = max(Status) + 1
"""A time that a TIMESTAMP column can't hold; beside the statuses that programs write."""

STATUS_WORDS: tuple[str, ...] = (*(Status(n).word for n in sorted(Status)), "out_of_range")
"""The words that users see, by status number."""


@dataclass(frozen=True)
class Numbers:
    """Booleans, integers, floats or complex numbers, as a numpy array of that type."""

    values: npt.NDArray[np.generic]


@dataclass(frozen=True)
class Texts:
    """Strings, or bytes in hexadecimal. A text that is None is shown as null, whatever the status."""

    values: pa.StringArray


@dataclass(frozen=True)
class Times:
    """Instants: seconds since 1970-01-01 UTC and nanoseconds. `wrapped` marks seconds that are 2**64 too high.

    `monotonic` are nanoseconds since the process started, of those that `has_monotonic` marks; `zone` has the names of
    the zones that they are shown in, nil for UTC, and is None where the program captures none.
    """

    seconds: I64Array
    nanoseconds: I64Array
    wrapped: npt.NDArray[np.bool_]
    monotonic: I64Array
    has_monotonic: npt.NDArray[np.bool_]
    zone: Vector | None = None


@dataclass(frozen=True)
class Record:
    """Structs by field, blank fields left out."""

    names: tuple[str, ...]
    fields: tuple[Vector, ...]


@dataclass(frozen=True)
class Items:
    """Elements of arrays or slices, laid end to end; those of value i are `offsets[i]` up to `offsets[i + 1]`."""

    offsets: I64Array
    items: Vector


@dataclass(frozen=True)
class Shared:
    """Value i is `target`'s value `index[i]`, or missing where that is -1."""

    index: I64Array
    target: Vector


@dataclass(frozen=True)
class Words:
    """Addresses, of which nothing but the number is shown."""

    values: U64Array


@dataclass(frozen=True)
class Entries:
    """Maps: entries laid end to end by key; those of map i are `offsets[i]` up to `offsets[i + 1]`.

    `distinct` marks the entries whose key is there and shown as no other of its map is.
    """

    offsets: I64Array
    keys: Vector
    values: Vector
    distinct: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Variant:
    """Values of several types: value i is `vectors[which[i]]`'s value `index[i]`; nothing is there where that is -1."""

    which: I64Array
    index: I64Array
    vectors: tuple[Vector, ...]


@dataclass(frozen=True)
class Note:
    """What is known of interface values beside their own value: a member of that name, of those that `rows` marks."""

    name: str
    values: Vector
    rows: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Dynamic:
    """Interfaces: the name of the dynamic type as an index into `names` (-1 where it isn't known), and the value.

    `holds` marks those that hold something: a value of a known type, whether it is there or not, or of an unknown one.
    `notes` come between type and value; `told` marks those of which they say all that the value would.
    """

    type: I64Array
    names: tuple[str, ...]
    value: Vector
    holds: npt.NDArray[np.bool_]
    notes: tuple[Note, ...] = ()
    told: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Written:
    """Values in the JSON that they are shown as, for columns of that type alone."""

    values: pa.StringArray


@dataclass(frozen=True)
class Nothing:
    """No value is there; the statuses say why."""


Data = Numbers | Words | Texts | Times | Record | Items | Entries | Shared | Variant | Dynamic | Written | Nothing


@dataclass(frozen=True)
class Vector:
    """n values of `type`.

    `status` holds `Status` numbers or OUT_OF_RANGE. `detail` goes with it: the true length where `TRUNCATED` (0 if
    unknown), else the address that matters, 0 if none does. `address` is the one behind each pointer, slice, string,
    map, channel, function or interface; None for other kinds. `changing` marks maps that were being written, whose
    entries may be of two moments; None stands for none.
    """

    type: PlanType
    status: U8Array
    detail: U64Array
    address: U64Array | None
    data: Data
    changing: npt.NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.status)


def fine(kind: PlanType, count: int, data: Data, address: U64Array | None = None) -> Vector:
    """A vector all of whose values are there."""
    return Vector(kind, statuses(count, Status.OK), np.zeros(count, dtype=np.uint64), address, data)


def missing(kind: PlanType, count: int, status: Status, address: U64Array | None = None) -> Vector:
    """A vector whose values are all missing for one reason."""
    detail = np.zeros(count, dtype=np.uint64) if address is None else address
    return Vector(kind, statuses(count, status), detail, address, Nothing())


def statuses(count: int, status: int) -> U8Array:
    """`count` times one status."""
    return np.full(count, int(status), dtype=np.uint8)


def spread(target: Vector, rows: npt.NDArray[np.bool_], status: U8Array, detail: U64Array) -> Vector:
    """`target` laid into the places that `rows` marks; `status` and `detail` hold for the others."""
    if bool(rows.all()):
        return target
    index = np.where(rows, np.cumsum(rows) - 1, -1)
    status, detail = status.copy(), detail.copy()
    status[rows], detail[rows] = target.status, target.detail
    address = None
    if target.address is not None:
        address = np.zeros(len(rows), dtype=np.uint64)
        address[rows] = target.address
    return Vector(target.type, status, detail, address, Shared(index, target))


def through(vector: Vector) -> tuple[Vector, I64Array | None]:
    """Behind what is shared: the vector of the values themselves, and which of them each row has.

    -1 stands for a row without one; None means that every row has its own, in order.
    """
    index: I64Array | None = None
    while isinstance(vector.data, Shared):
        step = vector.data.index
        if index is None:
            index = step
        elif len(step):
            index = np.where(index >= 0, step[np.maximum(index, 0)], -1)
        vector = vector.data.target
    return vector, index


def taken(vector: Vector, rows: I64Array) -> Vector:
    """The values at `rows`, in that order."""
    data = vector.data
    if isinstance(data, Shared):
        data = Shared(data.index[rows], data.target)
    elif isinstance(data, Numbers):
        data = Numbers(data.values[rows])
    elif not isinstance(data, Nothing):
        data = Shared(rows, vector)
    address = None if vector.address is None else vector.address[rows]
    changing = None if vector.changing is None else vector.changing[rows]
    return Vector(vector.type, vector.status[rows], vector.detail[rows], address, data, changing)


def join_variants(kind: PlanType, count: int, parts: Sequence[tuple[I64Array, Vector]]) -> Vector:
    """`count` values, those at the rows of each part its vector's values; `ok` and nothing at the other rows."""
    which: I64Array = np.full(count, -1, dtype=np.int64)
    index: I64Array = np.full(count, -1, dtype=np.int64)
    status, detail = statuses(count, Status.OK), np.zeros(count, dtype=np.uint64)
    for number, (rows, vector) in enumerate(parts):
        which[rows], index[rows] = number, np.arange(len(rows))
        status[rows], detail[rows] = vector.status, vector.detail
    return Vector(kind, status, detail, None, Variant(which, index, tuple(vector for _, vector in parts)))


def changing_of(vector: Vector) -> npt.NDArray[np.bool_] | None:
    """Which values were being written, those behind references too; None: none was."""
    inner, index = through(vector)
    if inner.changing is None or index is None:
        return inner.changing
    if not len(inner.changing):
        return None
    return np.asarray((index >= 0) & inner.changing[np.maximum(index, 0)])


def is_bytes(kind: PlanType, types: Mapping[int, PlanType]) -> bool:
    """Whether the type is a slice or array of bytes, which is shown in hexadecimal."""
    elem = types.get(kind.elem) if kind.elem is not None else None
    return kind.kind in ("slice", "array") and elem is not None and (elem.kind, elem.size) == ("uint", 1)
