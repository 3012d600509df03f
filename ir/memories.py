"""Types of values, and the memories that a program declares: the part of the IR's vocabulary that isn't code."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Type(enum.Enum):
    """Types of SSA values: integers by width, and handles of output records."""

    I1 = "i1"
    I8 = "i8"
    I16 = "i16"
    I32 = "i32"
    I64 = "i64"
    RECORD = "record"

    def __init__(self, text: str) -> None:
        self.bits = 64 if text == "record" else int(text[1:])
        """Width in bits; of a handle, 64."""
        self.bytes = max(1, self.bits // 8)
        """Width in memory in bytes; i1 takes one."""


@dataclass(frozen=True, slots=True)
class Buffer:
    """Scratch of `size` bytes, a power of two (>= 8), and `slack` bytes behind that only an `imm` can reach.

    Zero at the start of a snapshot; a run of an event program finds in those that aren't the host's what earlier runs
    left there. `host` buffers are the program's inputs (written before) and results (read after).
    """

    name: str
    size: int
    slack: int = 0
    host: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: unsigned values of `type`; `sorted` columns ascend and may be searched."""

    name: str
    type: Type
    values: tuple[int, ...]
    sorted: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A constant table; all columns have the same number of rows.

    Read at an index taken modulo the row count rounded up to a power of two; rows past the end read as zero.
    """

    name: str
    columns: tuple[Column, ...]

    @property
    def rows(self) -> int:
        """How many rows the table has."""
        return len(self.columns[0].values)

    def column(self, name: str) -> Column:
        """The column of that name. Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Dict:
    """A hash map from i64 to i64 with room for `capacity` entries; `host` dicts may be filled before the run."""

    name: str
    capacity: int
    host: bool = False


@dataclass(frozen=True, slots=True)
class Stash:
    """Room to keep the output of runs for later ones, by key: `capacity` outputs of at most `size` bytes."""

    name: str
    capacity: int
    size: int


@dataclass(frozen=True, slots=True)
class StreamField:
    """A field of a record: an integer of `type`, or `length` bytes when `type` is None; at byte `offset`."""

    name: str
    type: Type | None
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Stream:
    """Output records of one layout and `size` bytes (a multiple of 8); without fields, of bytes of any length."""

    name: str
    fields: tuple[StreamField, ...] = ()
    size: int = 0

    def field(self, name: str) -> StreamField:
        """The field of that name. Raises KeyError."""
        for item in self.fields:
            if item.name == name:
                return item
        raise KeyError(name)


def layout_stream(name: str, members: list[tuple[str, Type | int]]) -> Stream:
    """Lay out a record: each member a name and an integer type (naturally aligned) or a byte count (8-aligned).

    The size is rounded up to a multiple of 8.
    """
    fields: list[StreamField] = []
    at = 0
    for member, kind in members:
        length = kind.bytes if isinstance(kind, Type) else kind
        align = length if isinstance(kind, Type) else 8
        at = -(-at // align) * align
        fields.append(StreamField(member, kind if isinstance(kind, Type) else None, at, length))
        at += length
    return Stream(name, tuple(fields), -(-at // 8) * 8)
