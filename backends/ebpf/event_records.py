"""Lowers operations on the output of an event: one run of bytes in the slot, kept in stashes between runs.

A record's handle is the offset of the record in it. The word before the output is its length so far, so that length
and output together are what a stash keeps, and one copy in or out.
"""

from __future__ import annotations

from sey.backends.ebpf.layout import STATE, STATE_KEY, power_above
from sey.backends.ebpf.piece import (
    HELPER_DELETE,
    HELPER_LOOKUP,
    HELPER_READ_KERNEL,
    HELPER_READ_USER,
    HELPER_UPDATE,
    Piece,
)
from sey.backends.ebpf.slot import LENGTH_BYTES, RUN_OUTPUT, Slot
from sey.ir.nodes import (
    EVENT_OUTPUT_BYTES,
    FAULT_FULL,
    RECORD_HEADER_BYTES,
    Discard,
    Restore,
    Save,
    Type,
    Value,
)

_STORED = 256
"""Bytes of a record that is cleared by stores."""
_NEVER_USER = 1 << 63
"""An address that the kernel refuses to read as one of a process, without trying: what was to be read is zero then."""


def slot_of(piece: Piece) -> Slot:
    """The slot of an event program."""
    assert piece.unit.slot is not None
    return piece.unit.slot


def record_pointer(piece: Piece, position: str) -> str:
    """The address of the record at a position."""
    masked = piece.masked(position, EVENT_OUTPUT_BYTES - 1)
    return piece.writer.value(f"getelementptr i8, ptr {piece.memory(RUN_OUTPUT, LENGTH_BYTES)}, i64 {masked}")


def claim(piece: Piece, result: Value, number: int, size: str, most: int) -> None:
    """A new record of `size` bytes, at most `most`, behind all others."""
    write = piece.writer
    slot_of(piece).reach = max(slot_of(piece).reach, power_above(most))
    used = piece.load(Type.I64, piece.memory(RUN_OUTPUT))
    after = write.value(f"add i64 {write.value(f'add i64 {used}, {RECORD_HEADER_BYTES}')}, {size}")
    full, fits = write.fresh("full"), write.fresh("fits")
    write.branch(write.value(f"icmp ugt i64 {after}, {EVENT_OUTPUT_BYTES}"), full, fits)
    piece.start(full)
    piece.fault(FAULT_FULL, "0")
    piece.start(fits)
    piece.store(Type.I64, after, piece.memory(RUN_OUTPUT))
    header = record_pointer(piece, piece.opaque(used))
    piece.store(Type.I32, str(number + 1), header)
    length = size if size.isdigit() else write.value(f"trunc i64 {size} to i32")
    piece.store(Type.I32, length, write.value(f"getelementptr i8, ptr {header}, i64 4"))
    record = write.value(f"getelementptr i8, ptr {header}, i64 {RECORD_HEADER_BYTES}")
    _clear(piece, record, size, most)
    piece.keep_pointer(result.name, record)
    piece.define(result, write.value(f"add i64 {used}, {RECORD_HEADER_BYTES}"))


def _clear(piece: Piece, record: str, size: str, most: int) -> None:
    """Zero a record: a small one by stores, which take less than a call of a helper does."""
    if size.isdigit() and int(size) <= _STORED:
        for at in range(0, int(size), 8):
            piece.store(Type.I64, "0", piece.writer.value(f"getelementptr i8, ptr {record}, i64 {at}"))
        return
    cleared = size if size.isdigit() else piece.masked(piece.opaque(size), power_above(most))
    piece.call(HELPER_READ_USER, f"ptr {record}, i64 {cleared}, i64 {_NEVER_USER}")


def lower_discard(piece: Piece, op: Discard) -> None:
    """The output so far is gone."""
    piece.store(Type.I64, "0", piece.memory(RUN_OUTPUT))


def lower_save(piece: Piece, op: Save) -> None:
    """Keep the output and take it away."""
    write, stash = piece.writer, piece.unit.stashes[op.stash]
    piece.store(Type.I64, piece.use(op.key), piece.memory(STATE, STATE_KEY))
    length = piece.load(Type.I64, piece.memory(RUN_OUTPUT))
    tried, lost, saved = write.fresh("save"), write.fresh("lost"), write.fresh("saved")
    place = f"ptr @{piece.unit.symbols.stashes[op.stash]}, ptr {piece.memory(STATE, STATE_KEY)}"
    write.branch(write.value(f"icmp ule i64 {length}, {stash.size}"), tried, lost)
    piece.start(tried)
    status = piece.call(HELPER_UPDATE, f"{place}, ptr {piece.memory(RUN_OUTPUT)}, i64 0")
    write.branch(write.value(f"icmp eq i64 {status}, 0"), saved, lost)
    piece.start(lost)
    piece.call(HELPER_DELETE, place)
    write.jump(saved)
    piece.start(saved)
    ok = write.value(f"phi i1 [ true, %{tried} ], [ false, %{lost} ]")
    piece.store(Type.I64, "0", piece.memory(RUN_OUTPUT))
    piece.define(op.result, ok)


def lower_restore(piece: Piece, op: Restore) -> None:
    """Take back what was kept, and keep it no more."""
    write, size, symbol = piece.writer, piece.unit.stashes[op.stash].size, piece.unit.symbols.stashes[op.stash]
    slot_of(piece).reach = max(slot_of(piece).reach, power_above(size))
    piece.store(Type.I64, piece.use(op.key), piece.memory(STATE, STATE_KEY))
    piece.store(Type.I64, "0", piece.memory(RUN_OUTPUT))
    found = piece.call(HELPER_LOOKUP, f"ptr @{symbol}, ptr {piece.memory(STATE, STATE_KEY)}", "ptr")
    have, restored = write.fresh("have"), write.fresh("restored")
    write.branch(write.value(f"icmp eq ptr {found}, null"), restored, have)
    piece.start(have)
    length = piece.at_most(piece.load(Type.I64, found), size)
    piece.store(Type.I64, length, piece.memory(RUN_OUTPUT))
    source = write.value(f"getelementptr i8, ptr {found}, i64 {LENGTH_BYTES}")
    taken = piece.masked(length, power_above(size))
    piece.call(HELPER_READ_KERNEL, f"ptr {piece.memory(RUN_OUTPUT, LENGTH_BYTES)}, i64 {taken}, ptr {source}")
    # Another run may have taken the place while it was being read: then it isn't there to be deleted any more.
    gone = write.value(
        f"icmp ne i64 {piece.call(HELPER_DELETE, f'ptr @{symbol}, ptr {piece.memory(STATE, STATE_KEY)}')}, 0"
    )
    piece.store(Type.I64, write.value(f"select i1 {gone}, i64 0, i64 {length}"), piece.memory(RUN_OUTPUT))
    piece.start(restored)
    piece.define(op.result, piece.load(Type.I64, piece.memory(RUN_OUTPUT)))
