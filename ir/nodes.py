"""The IR: types, memories, operations, programs.

A program is a set of functions of nested regions over fixed-width integers and named memories (`spec/ir.md` is the
contract; this file is its vocabulary, with `memories.py`). Everything is immutable and compares by value, so that a
printed and parsed program equals the first.

Semantics shared by every machine, in one place:

- Integers are two's complement and wrap. Shifts by the width or more give 0 (`ashr`: the sign). `udiv`/`sdiv` by zero
  give 0, `urem`/`srem` by zero give the dividend; the most negative number divided by -1 is itself, remainder 0.
- `index(offset, imm)` into a buffer of size S is `(offset & (S - 1)) + imm`; without a dynamic offset it is `imm`.
- A *fault* leaves the innermost enclosing `attempt`, through loops and calls, with a code and a detail.
  `FAULT_READ` (detail: the address asked for) comes from reads of the target, and leaves the whole destination
  of the read zero; `FAULT_FULL` (detail: 0) from an output without room; codes >= `FAULT_USER` from `raise`.
- Output memory is zero before it is written.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import NamedTuple

from sey.ir.memories import Buffer as Buffer
from sey.ir.memories import Column as Column
from sey.ir.memories import Dict as Dict
from sey.ir.memories import Stash as Stash
from sey.ir.memories import Stream as Stream
from sey.ir.memories import StreamField as StreamField
from sey.ir.memories import Table as Table
from sey.ir.memories import Type as Type
from sey.ir.memories import layout_stream as layout_stream

FAULT_READ = 1
FAULT_FULL = 2
FAULT_USER = 16

PAGE_BYTES = 1 << 18
"""Output is handed out in pages of this size; a page holds records of one stream."""
PAGE_HEADER_BYTES = 16
"""Each page starts with: u32 stream number + 1, u32 bytes used after the header, u64 zero."""
CHUNK_BYTES = 1 << 26
"""Pages lie in chunks of this size (one BPF array element each); chunk i holds pages i*256 to i*256+255."""
EVENT_OUTPUT_BYTES = 1 << 16
"""What a run of an event program can put out, headers of records included."""
RECORD_HEADER_BYTES = 8
"""Before each record of an event: u32 stream number + 1, u32 bytes of the record."""
MAX_NESTING = 100
"""Regions within regions in a function, its body counted; what walks programs recurses that deep."""
MAX_RECORD_BYTES = 1 << 16
"""No record, and no reservation in a stream of bytes, is longer."""


class Location(NamedTuple):
    """Where an operation comes from: `file` indexes `Program.files`, `line` counts from 1."""

    file: int
    line: int


@dataclass(frozen=True, slots=True)
class Value:
    """An SSA value, by name unique in its function."""

    name: str
    type: Type

    def __hash__(self) -> int:
        # A string keeps its hash, an enumeration's member asks its class for it each time; passes do little else.
        return hash(self.name)


# Operations. `loc` is where it comes from; each docstring shows the printed form.


@dataclass(frozen=True, slots=True)
class Const:
    """`%r = const i64 5`: `value` is unsigned, below 2**bits."""

    result: Value
    value: int
    loc: Location | None = None


class BinaryOp(enum.Enum):
    """Integer operations of two operands of one type."""

    ADD = "add"
    SUB = "sub"
    MUL = "mul"
    UDIV = "udiv"
    UREM = "urem"
    SDIV = "sdiv"
    SREM = "srem"
    AND = "and"
    OR = "or"
    XOR = "xor"
    SHL = "shl"
    LSHR = "lshr"
    ASHR = "ashr"


@dataclass(frozen=True, slots=True)
class Binary:
    """`%r = add i64 %a, %b`."""

    result: Value
    op: BinaryOp
    left: Value
    right: Value
    loc: Location | None = None


class CompareOp(enum.Enum):
    """Comparisons; `u` unsigned, `s` signed."""

    EQ = "eq"
    NE = "ne"
    ULT = "ult"
    ULE = "ule"
    UGT = "ugt"
    UGE = "uge"
    SLT = "slt"
    SLE = "sle"
    SGT = "sgt"
    SGE = "sge"


@dataclass(frozen=True, slots=True)
class Compare:
    """`%r = ult i64 %a, %b`: the result is i1, the type that of the operands."""

    result: Value
    op: CompareOp
    left: Value
    right: Value
    loc: Location | None = None


class ConvertOp(enum.Enum):
    """Changes of width: `zext` and `sext` to a wider type, `trunc` to a narrower one."""

    ZEXT = "zext"
    SEXT = "sext"
    TRUNC = "trunc"


@dataclass(frozen=True, slots=True)
class Convert:
    """`%r = zext i64 %a`: the type is the result's."""

    result: Value
    op: ConvertOp
    operand: Value
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Select:
    """`%r = select i64 %c, %a, %b`: `%a` where the i1 `%c` is 1, else `%b`."""

    result: Value
    condition: Value
    then: Value
    otherwise: Value
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """`%r = load i64 @buf[%off + 16]` (either part may be missing): an integer from a buffer, little-endian."""

    result: Value
    buffer: str
    offset: Value | None
    imm: int
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Store:
    """`store i64 @buf[%off + 16], %v`: an integer into a buffer; i1 is stored as a byte."""

    buffer: str
    offset: Value | None
    imm: int
    value: Value
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class FetchAdd:
    """`%r = fetch_add i64 @buf[%off + 16], %v`: adds to an i64 of a host buffer, all runs one after another.

    The result is what was there. The place is a multiple of 8: an offset counts without its lowest three bits.
    Event programs only.
    """

    result: Value
    buffer: str
    offset: Value | None
    imm: int
    value: Value
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Fill:
    """`fill @buf[%off + 16], %addr, %len max 4096`: min(%len, max) bytes of the target into a buffer. May fault.

    With a dynamic offset `imm + limit` must fit the slack, else `imm + limit` the size and slack.
    """

    buffer: str
    offset: Value | None
    imm: int
    address: Value
    length: Value
    limit: int
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """`%r = read i64 %addr`: an integer of the target. May fault."""

    result: Value
    address: Value
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class TableGet:
    """`%r = row i32 @table.column[%i]`: see `Table` for indexes past the end; the result has the column's type."""

    result: Value
    table: str
    column: str
    index: Value
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """`%r = search @table.column, %key`.

    The last row whose value is <= the key (unsigned), or 2**64-1. i64; key of the column's type.
    """

    result: Value
    table: str
    column: str
    key: Value
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class DictGet:
    """`%r = get @dict[%key], %default`: the value under an i64 key, or the default."""

    result: Value
    dict: str
    key: Value
    default: Value
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class DictPut:
    """`%ok = put @dict[%key], %value`: stores; i1 0 when there was no room and the key was new."""

    result: Value
    dict: str
    key: Value
    value: Value
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class DictDelete:
    """`delete @dict[%key]`: forgets the key, if it is there."""

    dict: str
    key: Value
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Begin:
    """`%r = begin @stream`: a new record, all zero. May fault (full)."""

    result: Value
    stream: str
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Reserve:
    """`%r = reserve @stream, %len max 512`.

    Min(%len, max) bytes, rounded up to 8 and at least 8, of a stream of bytes. May fault (full).
    """

    result: Value
    stream: str
    length: Value
    limit: int
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Put:
    """`set %r.goid, %v` and `set i64 %r[%off + 8], %v`: an integer into a record.

    By field for records with fields (the value has the field's type; `field` set, offset None and imm 0), or at
    a byte place of a bytes field or of a reservation (`field` is then the bytes field or None). A dynamic offset is
    taken modulo `MAX_RECORD_BYTES`; writing past the record's end is the program's error: it must be within the same
    record by construction, and machines keep it from leaving the output memory (`spec/ir.md`).
    """

    record: Value
    field: str | None
    offset: Value | None
    imm: int
    value: Value
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Get:
    """`%v = peek i64 %r[%off + 8]` or `%v = peek i64 %r.field[%off + 8]`.

    An integer back from a record, places as in `Put`.
    """

    result: Value
    record: Value
    field: str | None
    offset: Value | None
    imm: int
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """`copy %r.field[%off + 8], %addr, %len max 512`: min(%len, max) bytes of the target into a record. May fault."""

    record: Value
    field: str | None
    offset: Value | None
    imm: int
    address: Value
    length: Value
    limit: int
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """`%p = position %r`: where the record starts in the output, i64: page number * PAGE_BYTES + offset in the page.

    In the output of an event it is the offset.
    """

    result: Value
    record: Value
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Save:
    """`%ok = save @stash[%key]`: keeps the output of the run so far under an i64 key and takes it away.

    What was kept there is gone. i1 0 where the output is longer than the stash takes or there is no memory; it is then
    gone, too. In a full stash what was kept long ago makes room. Event programs only.
    """

    result: Value
    stash: str
    key: Value
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Restore:
    """`%n = restore @stash[%key]`: replaces the output of the run so far by what was kept, and forgets that.

    The result is its length in bytes (i64); where nothing is kept it is 0, and the output is empty. Event programs
    only.
    """

    result: Value
    stash: str
    key: Value
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Reopen:
    """`%r = reopen @stream, %position`: the record of a stream with fields that starts there in the output.

    That one does is up to the program, as places in records are. Event programs only.
    """

    result: Value
    stream: str
    position: Value
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Discard:
    """`discard`: the output of the run so far is gone. Event programs only."""

    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """`%t = clock`: nanoseconds of the machine's monotonic clock, i64."""

    result: Value
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """`%r = call @f(%a, %b)` or `call @f()`: at most 5 arguments. Faults of the callee are the caller's."""

    result: Value | None
    function: str
    arguments: tuple[Value, ...]
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Raise:
    """`raise 17, %detail`: ends its region by a fault of that code (>= FAULT_USER)."""

    code: int
    detail: Value
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Break:
    """`break`: ends its region and the innermost loop."""

    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Yield:
    """`yield %a, %b`: ends its region with the values of the enclosing `if`, `attempt` or function."""

    values: tuple[Value, ...] = ()
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class If:
    """`%a = if %c { … yield %x } else { … yield %y }`.

    `results` may be empty; a region may end in break or raise instead.
    """

    results: tuple[Value, ...]
    condition: Value
    then: Region
    otherwise: Region
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """`switch %v { case 0 { … } case 7 { … } default { … } }`: without results; cases are distinct constants."""

    value: Value
    cases: tuple[tuple[int, Region], ...]
    default: Region
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Loop:
    """`loop %i, %n max 512 { … }`.

    The body min(%n, max) times with %i = 0, 1, …; state lives in buffers. %i and %n are i64.
    """

    index: Value
    count: Value
    limit: int
    body: Region
    loc: Location | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """`%a = attempt { … yield %x } on fault %code, %detail { … yield %y }`.

    %code i32 and %detail i64 are the fault's.
    """

    results: tuple[Value, ...]
    body: Region
    code: Value
    detail: Value
    handler: Region
    loc: Location | None = None


Op = (
    Const | Binary | Compare | Convert | Select | Load | Store | FetchAdd | Fill | Read | TableGet | Search
    | DictGet | DictPut | DictDelete | Begin | Reserve | Put | Get | Copy | Position | Save | Restore | Reopen
    | Discard | Clock | Call
    | Raise | Break | Yield | If | Switch | Loop | Attempt
)  # fmt: skip

Terminator = Raise | Break | Yield
EventOp = FetchAdd | Save | Restore | Reopen | Discard
"""Operations of event programs alone."""


@dataclass(frozen=True, slots=True)
class Region:
    """Operations run in order.

    The last is a `Yield` (without values where nothing is asked for), `Break` or `Raise`.
    """

    ops: tuple[Op, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """A function: at most 5 integer parameters and at most one integer result; the body yields it. No recursion."""

    name: str
    parameters: tuple[Value, ...]
    result: Type | None
    body: Region
    loc: Location | None = None


@dataclass(frozen=True)
class Program:
    """A whole program; it runs by calling the function `main`, which has no parameters and no result."""

    files: tuple[str, ...] = ()
    buffers: tuple[Buffer, ...] = ()
    tables: tuple[Table, ...] = ()
    dicts: tuple[Dict, ...] = ()
    streams: tuple[Stream, ...] = ()
    functions: tuple[Function, ...] = field(default_factory=tuple)
    stashes: tuple[Stash, ...] = ()

    def function(self, name: str) -> Function:
        """The function of that name. Raises KeyError."""
        for function in self.functions:
            if function.name == name:
                return function
        raise KeyError(name)
