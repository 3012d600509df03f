"""Lowers operations on records of the output.

A record's handle is its position, page number * PAGE_BYTES + offset in the page. Chunks are the elements of an array
map, so the address of a record is a lookup (inlined by the kernel) of the chunk and the position's low bits. Of an
event it is a place in the slot (`event_records.py`).
"""

from __future__ import annotations

from sey.backends.ebpf import event_records
from sey.backends.ebpf.arithmetic import constant_of
from sey.backends.ebpf.layout import (
    OUTPUT,
    PAGES,
    PAGES_USED,
    STATE,
    STATE_CHUNK,
    STATE_STREAMS,
    STREAM_STATE_BYTES,
    power_above,
)
from sey.backends.ebpf.memory import add_dynamic, lower_copy_in
from sey.backends.ebpf.piece import HELPER_LOOKUP, Piece, Record, zext
from sey.ir.nodes import (
    CHUNK_BYTES,
    FAULT_FULL,
    MAX_RECORD_BYTES,
    PAGE_BYTES,
    PAGE_HEADER_BYTES,
    Begin,
    Copy,
    Get,
    Position,
    Put,
    Reopen,
    Reserve,
    Type,
    Value,
)

_CHUNK_SHIFT = CHUNK_BYTES.bit_length() - 1
_PAGE_SHIFT = PAGE_BYTES.bit_length() - 1


# New records


def lower_begin(piece: Piece, op: Begin) -> None:
    """A new record of a stream's size."""
    size = piece.unit.streams[op.stream][1].size
    _claim(piece, op.result, Record(op.stream, size), str(size))


def lower_reserve(piece: Piece, op: Reserve) -> None:
    """Room for bytes."""
    known = piece.constants.get(op.length.name)
    if known is not None:
        size = str(_round(min(known, op.limit)))
    else:
        size = _rounded(piece, piece.at_most(zext(piece, op.length), op.limit))
    _claim(piece, op.result, Record(op.stream, _round(op.limit)), size)


def _round(length: int) -> int:
    return max(8, -(-length // 8) * 8)


def _rounded(piece: Piece, length: str) -> str:
    """`_round` of what isn't known: the last byte that is wanted, the end of its eight, one more."""
    nothing = piece.writer.value(f"icmp eq i64 {length}, 0")
    before = piece.writer.value(f"sub i64 {length}, 1")
    last = piece.writer.choose(nothing, "i64", "0", before)
    return piece.writer.value(f"add i64 {piece.writer.value(f'or i64 {last}, 7')}, 1")


def _claim(piece: Piece, result: Value, record: Record, size: str) -> None:
    """Take `size` bytes for a record of a stream."""
    piece.records[result.name] = record
    number = piece.unit.streams[record.stream][0]
    if piece.unit.slot is None:
        _claim_in_page(piece, result, number, size)
    else:
        event_records.claim(piece, result, number, size, record.room)


def _claim_in_page(piece: Piece, result: Value, number: int, size: str) -> None:
    """Take bytes of the stream's page, or of a new page where they don't fit; keep the page's header right."""
    write = piece.writer
    place = STATE_STREAMS + number * STREAM_STATE_BYTES
    free, end = piece.memory(STATE, place), piece.memory(STATE, place + 8)
    after = write.value(f"add i64 {piece.load(Type.I64, free)}, {size}")
    too_far = write.value(f"icmp ugt i64 {after}, {piece.load(Type.I64, end)}")
    turn, fits = write.fresh("turn"), write.fresh("fits")
    write.branch(too_far, turn, fits)
    piece.start(turn)
    with piece.branch_scope():
        _turn_page(piece, number, free, end)
    piece.start(fits)
    position = piece.load(Type.I64, free)
    after = write.value(f"add i64 {position}, {size}")
    piece.store(Type.I64, after, free)
    chunk = _chunk(piece, position)
    record = _within(piece, chunk, position, CHUNK_BYTES - 1)
    page = _within(piece, chunk, position, CHUNK_BYTES - PAGE_BYTES)
    _note_used(piece, page, position, size)
    piece.keep_pointer(result.name, record)
    piece.define(result, position)


def _note_used(piece: Piece, page: str, position: str, size: str) -> None:
    """Bytes used behind the page's header: those before the record, and the record."""
    inside = piece.writer.value(f"and i64 {position}, {PAGE_BYTES - 1}")
    grown = piece.writer.value(f"add i64 {inside}, {size}")
    used = piece.writer.value(f"sub i64 {grown}, {PAGE_HEADER_BYTES}")
    short = piece.writer.value(f"trunc i64 {used} to i32")
    piece.store(Type.I32, short, piece.writer.value(f"getelementptr i8, ptr {page}, i64 4"))


def _turn_page(piece: Piece, number: int, free: str, end: str) -> None:
    """Begin the next page of the output for the stream, or fault."""
    write = piece.writer
    page = piece.load(Type.I64, f"@{PAGES_USED}")
    full, room = write.fresh("full"), write.fresh("room")
    write.branch(write.value(f"icmp uge i64 {page}, {piece.load(Type.I64, f'@{PAGES}')}"), full, room)
    piece.start(full)
    piece.fault(FAULT_FULL, "0")
    piece.start(room)
    start = write.value(f"shl i64 {page}, {_PAGE_SHIFT}")
    header = _within(piece, _chunk(piece, start, full), start, CHUNK_BYTES - 1)
    piece.store(Type.I32, str(number + 1), header)
    piece.store(Type.I64, write.value(f"add i64 {page}, 1"), f"@{PAGES_USED}")
    piece.store(Type.I64, write.value(f"add i64 {start}, {PAGE_HEADER_BYTES}"), free)
    piece.store(Type.I64, write.value(f"add i64 {start}, {PAGE_BYTES}"), end)


# Places in records


def lower_put(piece: Piece, op: Put) -> None:
    """An integer into a record."""
    address = _address(piece, op, op.value.type.bytes)
    piece.store(op.value.type, piece.use(op.value), address)


def lower_get(piece: Piece, op: Get) -> None:
    """An integer back from a record."""
    piece.define(op.result, piece.load(op.result.type, _address(piece, op, op.result.type.bytes)))


def lower_copy(piece: Piece, op: Copy) -> None:
    """Bytes of the target into a record."""
    address = _address(piece, op, power_above(op.limit))
    lower_copy_in(piece, address, op.address, op.length, op.limit)


def lower_position(piece: Piece, op: Position) -> None:
    """Where the record starts."""
    piece.define(op.result, piece.use(op.record))


def lower_reopen(piece: Piece, op: Reopen) -> None:
    """A record from before, by its position."""
    piece.records[op.result.name] = Record(op.stream, piece.unit.streams[op.stream][1].size)
    piece.define(op.result, piece.use(op.position))


def _address(piece: Piece, op: Put | Get | Copy, width: int) -> str:
    """The address of `width` bytes in a record."""
    base = _record_pointer(piece, op.record)
    mask, place = _offset_mask(piece, op.record), op.imm + _field_offset(piece, op.record, op.field)
    known = constant_of(piece, op.offset)
    if piece.unit.slot is not None:
        piece.unit.slot.reach = max(piece.unit.slot.reach, place + (mask if known is None else known & mask) + width)
    if known is None:
        assert op.offset is not None
        return add_dynamic(piece, base, piece.masked(zext(piece, op.offset), mask), place)
    place += known & mask
    return base if place == 0 else piece.writer.value(f"getelementptr i8, ptr {base}, i64 {place}")


def _offset_mask(piece: Piece, record: Value) -> int:
    """What an offset into a record is taken with: in an event no more than its length, lest slots grow by what can
    seem to be behind their output."""
    if piece.unit.slot is None:
        return MAX_RECORD_BYTES - 1
    return min(power_above(piece.records[record.name].room), MAX_RECORD_BYTES - 1)


def _field_offset(piece: Piece, record: Value, field: str | None) -> int:
    if field is None:
        return 0
    return piece.unit.streams[piece.records[record.name].stream][1].field(field).offset


def _record_pointer(piece: Piece, record: Value) -> str:
    """The record's address, looked up unless at hand."""
    pointer = piece.pointer(record.name)
    if pointer is None:
        position = piece.use(record)
        if piece.unit.slot is None:
            pointer = _within(piece, _chunk(piece, position), position, CHUNK_BYTES - 1)
        else:
            pointer = event_records.record_pointer(piece, position)
        piece.keep_pointer(record.name, pointer)
    return pointer


def _within(piece: Piece, chunk: str, position: str, mask: int) -> str:
    return piece.writer.value(f"getelementptr i8, ptr {chunk}, i64 {piece.masked(position, mask)}")


def _chunk(piece: Piece, position: str, missing: str | None = None) -> str:
    """The address of the chunk that a position is in. None is outside, but the verifier wants a way out."""
    number = piece.writer.value(f"trunc i64 {piece.writer.value(f'lshr i64 {position}, {_CHUNK_SHIFT}')} to i32")
    piece.store(Type.I32, number, piece.memory(STATE, STATE_CHUNK))
    chunk = piece.call(HELPER_LOOKUP, f"ptr @{OUTPUT}, ptr {piece.memory(STATE, STATE_CHUNK)}", "ptr")
    found = piece.writer.fresh("chunk")
    nothing = piece.writer.value(f"icmp eq ptr {chunk}, null")
    piece.writer.branch(nothing, missing or piece.leave_label(), found)
    piece.start(found)
    return chunk
