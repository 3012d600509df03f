"""Places: where a value is while a program runs, and how its bytes get into SSA values and records.

A place is memory of the target, memory of the stack that is being walked (read through its window), or parts that a
compiler spread over slots and registers. Reading what a place doesn't have raises the status that tells why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sey.frontend.debuginfo.model import GoType, Kind, Piece
from sey.frontend.debuginfo.model import Place as Where
from sey.ir.builder import FunctionBuilder
from sey.ir.nodes import FAULT_USER, Type, Value
from sey.ir.plan import THREAD_WORDS, Status

WINDOW_BYTES = 128
"""Stack values up to this size are taken word by word from the window; larger ones by a read of their own."""

INT_TYPES = {1: Type.I8, 2: Type.I16, 4: Type.I32, 8: Type.I64}
GENERAL_WORD = 4
FLOAT_WORD = 20
FIRST_XMM = 17


@dataclass(frozen=True)
class Memory:
    """Target memory at an address (i64)."""

    address: Value


@dataclass(frozen=True)
class Stack:
    """Memory of the stack at hand."""

    address: Value


@dataclass(frozen=True)
class Part:
    """`size` bytes at `offset` of a value: in a word of the stack or memory, in a register's word, or nowhere."""

    offset: int
    size: int
    source: Memory | Stack | Value | None


@dataclass(frozen=True)
class Parts:
    """A value in parts, ascending by offset; `status` is why parts without a source are missing."""

    parts: tuple[Part, ...]
    status: Status


Place = Memory | Stack | Parts


def raise_status(b: FunctionBuilder, status: Status, detail: Value | int = 0) -> None:
    """End the region: the value at hand is missing for the reason `status`."""
    b.raise_(FAULT_USER + status, detail)


def variable_place(b: FunctionBuilder, pieces: Sequence[Piece], values: Sequence[Value | int], status: Status) -> Place:
    """The place of a variable from its pieces; `values` are their offsets or numbers, constants or from a table."""
    if len(pieces) == 1:
        piece, value = pieces[0], values[0]
        if piece.place is Where.CFA:
            return Stack(b.add(b.load(Type.I64, "cfa"), value))
        if piece.place is Where.ADDRESS:
            return Memory(b.add(b.load(Type.I64, "in_bias"), value))
    parts = tuple(Part(p.offset, p.size, _source(b, p, v)) for p, v in zip(pieces, values, strict=True))
    return Parts(parts, status)


def _source(b: FunctionBuilder, piece: Piece, value: Value | int) -> Memory | Stack | Value | None:
    match piece.place:
        case Where.CFA:
            return Stack(b.add(b.load(Type.I64, "cfa"), value))
        case Where.ADDRESS:
            return Memory(b.add(b.load(Type.I64, "in_bias"), value))
        case Where.REGISTER:
            return _register(b, value)
    return None


def _register(b: FunctionBuilder, number: Value | int) -> Value:
    """A register of the thread that runs the frame at hand; `number` is DWARF's, its word lies at `register_word`."""
    regs = b.load(Type.I64, "regs_at")
    frame = b.load(Type.I64, "row_frame")
    with b.if_(b.or_(b.eq(regs, 0), b.ne(frame, 0))):
        raise_status(b, Status.NOT_LIVE)
    at = b.sub(regs, 1)
    return b.load(Type.I64, "in_regs", b.add(at, number), 0)


def register_word(number: int) -> int:
    """Byte offset of DWARF register `number` within a thread's words."""
    word = FLOAT_WORD + number - FIRST_XMM if number >= FIRST_XMM else GENERAL_WORD + number
    assert word < THREAD_WORDS
    return 8 * word


def offset_place(b: FunctionBuilder, place: Place, offset: int, size: int) -> Place:
    """The place of the `size` bytes at `offset` of a value."""
    match place:
        case Memory(address):
            return Memory(b.add(address, offset)) if offset else place
        case Stack(address):
            return Stack(b.add(address, offset)) if offset else place
        case Parts(parts, status):
            return Parts(tuple(_cut(b, p, offset, size) for p in parts if _overlaps(p, offset, size)), status)


def _overlaps(part: Part, offset: int, size: int) -> bool:
    return part.offset < offset + size and offset < part.offset + part.size


def _cut(b: FunctionBuilder, part: Part, offset: int, size: int) -> Part:
    """The bytes of `part` within [offset, offset + size), counted from `offset` on."""
    skip = max(0, offset - part.offset)
    length = min(part.offset + part.size, offset + size) - max(part.offset, offset)
    source = part.source
    match source:
        case Memory(address):
            source = Memory(b.add(address, skip))
        case Stack(address):
            source = Stack(b.add(address, skip))
        case Value() if skip:
            source = b.lshr(source, 8 * skip)
    return Part(max(0, part.offset - offset), length, source)


def load_word(b: FunctionBuilder, place: Place, offset: int, size: int) -> Value:
    """`size` (1, 2, 4 or 8) bytes at `offset` of a place, zero-extended to i64; faults with why they are missing."""
    kind = INT_TYPES[size]
    match offset_place(b, place, offset, size):
        case Memory(address):
            return b.zext(Type.I64, b.read(kind, address)) if size < 8 else b.read(kind, address)
        case Stack(address):
            return _low(b, b.call_value(Type.I64, "stack_word", address), size)
        case Parts(parts, status):
            return _join(b, parts, status)


def _join(b: FunctionBuilder, parts: Sequence[Part], status: Status) -> Value:
    joined: Value | None = None
    for part in parts:
        if part.source is None:
            raise MissingError(status)
        if isinstance(part.source, Value):
            word = _low(b, part.source, part.size)
        else:
            word = _partial(b, part.source, part.size)
        shifted = b.shl(word, 8 * part.offset) if part.offset else word
        joined = shifted if joined is None else b.or_(joined, shifted)
    if joined is None:
        raise MissingError(status)
    return joined


def _partial(b: FunctionBuilder, source: Memory | Stack, size: int) -> Value:
    if isinstance(source, Stack):
        return _low(b, b.call_value(Type.I64, "stack_word", source.address), size)
    return _low(b, b.read(Type.I64, source.address), size)


def _low(b: FunctionBuilder, word: Value, size: int) -> Value:
    return word if size >= 8 else b.and_(word, (1 << (8 * size)) - 1)


class MissingError(Exception):
    """Known while lowering: the value can't be had here, for `status`."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.word)
        self.status = status


def needed(go_type: GoType) -> int:
    """How many bytes of a value have to be there for it to be shown; the capacity of a slice doesn't."""
    return 16 if go_type.kind is Kind.SLICE else go_type.size


def store_value(b: FunctionBuilder, record: Value, member: str, place: Place, size: int) -> None:
    """Copy `size` bytes of a place into the bytes field `member` of a record."""
    match place:
        case Memory(address) if size in INT_TYPES:
            b.put(record, b.read(INT_TYPES[size], address), field=member)
        case Memory(address):
            b.copy(record, address, size, size, field=member)
        case Stack(address) if size > WINDOW_BYTES:
            b.copy(record, address, size, size, field=member)
        case Stack() | Parts():
            for at in range(0, size, 8):
                _store_piece(b, record, member, place, at, min(8, size - at))


def _store_piece(b: FunctionBuilder, record: Value, member: str, place: Place, at: int, length: int) -> None:
    """Store 1 to 8 bytes by powers of two, so that nothing behind the field is touched."""
    if length == 8:
        b.put(record, load_word(b, place, at, 8), field=member, imm=at)
        return
    word = _tail(b, place, at, length)
    done = 0
    for size in (4, 2, 1):
        if length - done >= size:
            part = b.trunc(INT_TYPES[size], b.lshr(word, 8 * done) if done else word)
            b.put(record, part, field=member, imm=at + done)
            done += size


def _tail(b: FunctionBuilder, place: Place, at: int, length: int) -> Value:
    match offset_place(b, place, at, length):
        case Memory(address):
            return b.read(Type.I64, address)
        case Stack(address):
            return b.call_value(Type.I64, "stack_word", address)
        case Parts(parts, status):
            return _join(b, parts, status)
