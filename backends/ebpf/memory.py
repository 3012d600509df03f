"""Lowers operations on buffers, the target, tables and dicts."""

from __future__ import annotations

from sey.backends.ebpf.arithmetic import constant_of
from sey.backends.ebpf.layout import (
    LLVM_TYPES,
    STATE,
    STATE_KEY,
    STATE_VALUE,
    STATE_ZERO,
    power_above,
    row_mask,
)
from sey.backends.ebpf.piece import (
    HELPER_CLOCK,
    HELPER_COPY,
    HELPER_COPY_USER,
    HELPER_DELETE,
    HELPER_LOOKUP,
    HELPER_READ_USER,
    HELPER_UPDATE,
    Piece,
    zext,
)
from sey.ir.nodes import (
    FAULT_READ,
    Clock,
    DictDelete,
    DictGet,
    DictPut,
    FetchAdd,
    Fill,
    Load,
    Read,
    Search,
    Store,
    TableGet,
    Type,
    Value,
)

# Buffers


def lower_load(piece: Piece, op: Load) -> None:
    """An integer from a buffer."""
    address = _buffer_address(piece, op.buffer, op.offset, op.imm)
    piece.define(op.result, piece.load(op.result.type, address))


def lower_store(piece: Piece, op: Store) -> None:
    """An integer into a buffer."""
    value = piece.use(op.value)
    piece.store(op.value.type, value, _buffer_address(piece, op.buffer, op.offset, op.imm))


def lower_fill(piece: Piece, op: Fill) -> None:
    """Bytes of the target into a buffer."""
    piece.unit.tail = max(piece.unit.tail, power_above(op.limit) - op.limit)
    lower_copy_in(piece, _buffer_address(piece, op.buffer, op.offset, op.imm), op.address, op.length, op.limit)


def lower_fetch_add(piece: Piece, op: FetchAdd) -> None:
    """An addition that nothing comes between."""
    value = piece.use(op.value)
    address = _buffer_address(piece, op.buffer, op.offset, op.imm, align=8)
    piece.define(op.result, piece.writer.value(f"atomicrmw add ptr {address}, i64 {value} seq_cst"), plain=True)


def _buffer_address(piece: Piece, name: str, offset: Value | None, imm: int, *, align: int = 1) -> str:
    mask = piece.unit.buffers[name].size - align
    symbol = piece.unit.symbols.buffers[name]
    known = constant_of(piece, offset)
    if known is not None:
        return piece.memory(symbol, (known & mask) + imm)
    assert offset is not None
    masked = piece.masked(zext(piece, offset), mask)
    return add_dynamic(piece, piece.memory(symbol), masked, imm)


def add_dynamic(piece: Piece, base: str, masked: str, imm: int) -> str:
    """The address `base + masked + imm`."""
    at = piece.writer.value(f"getelementptr i8, ptr {base}, i64 {masked}")
    return at if imm == 0 else piece.writer.value(f"getelementptr i8, ptr {at}, i64 {imm}")


# The target


def lower_copy_in(piece: Piece, target: str, address: Value, length: Value, limit: int) -> None:
    """Min(length, limit) bytes of the target to a place in our memory that has room for the limit."""
    known = piece.constants.get(length.name)
    if known is not None:
        size = str(min(known, limit))
    else:
        size = piece.at_most(zext(piece, length), limit, power_above(limit))
    copy_from_target(piece, target, size, zext(piece, address))


def copy_from_target(piece: Piece, target: str, size: str, address: str) -> None:
    """The copy itself. The helper clears the whole destination where it can't read all of it."""
    bad, good = piece.writer.fresh("unreadable"), piece.writer.fresh("read")
    arguments = f"ptr {target}, i64 {size}, i64 {address}"
    if piece.unit.slot is None:
        task = piece.writer.value(f"load ptr, ptr {piece.context}, align 8")
        status = piece.call(HELPER_COPY, f"{arguments}, ptr {task}, i64 0")
    else:
        # What isn't in memory now is fetched by the slower one, which may wait.
        absent = piece.writer.fresh("absent")
        status = piece.call(HELPER_READ_USER, arguments)
        piece.writer.branch(piece.writer.value(f"icmp ne i64 {status}, 0"), absent, good)
        piece.start(absent)
        status = piece.call(HELPER_COPY_USER, arguments)
    piece.writer.branch(piece.writer.value(f"icmp ne i64 {status}, 0"), bad, good)
    piece.start(bad)
    piece.fault(FAULT_READ, address)
    piece.start(good)


def lower_read(piece: Piece, op: Read) -> None:
    """An integer of the target."""
    address = zext(piece, op.address)
    copy_from_target(piece, piece.landing(), str(op.result.type.bytes), address)
    piece.define(op.result, piece.load(op.result.type, piece.landing()))


def lower_clock(piece: Piece, op: Clock) -> None:
    """The monotonic clock."""
    piece.define(op.result, piece.call(HELPER_CLOCK, ""), plain=True)


# Tables


def lower_table_get(piece: Piece, op: TableGet) -> None:
    """A value of a table, by row."""
    base, mask, width = _column(piece, op.table, op.column)
    offset = _row_offset(piece, zext(piece, op.index), mask, width, fresh=op.index.name in piece.constants)
    address = piece.writer.value(f"getelementptr i8, ptr {base}, i64 {offset}")
    piece.define(op.result, piece.load(op.result.type, address))


def _column(piece: Piece, table: str, column: str) -> tuple[str, int, int]:
    found = piece.unit.tables[table].column(column)
    piece.unit.columns[table, column] = found
    return f"@{piece.unit.symbols.columns[table, column]}", row_mask(len(found.values)), found.type.bytes


def _row_offset(piece: Piece, row: str, mask: int, width: int, *, fresh: bool = False) -> str:
    index = piece.writer.value(f"and i64 {row}, {mask}") if fresh else piece.masked(row, mask)
    return piece.writer.value(f"mul i64 {index}, {width}") if width > 1 else index


def lower_search(piece: Piece, op: Search) -> None:
    """Binary search, unrolled: the base moves up by half of what is left, or stays.

    The base starts as a zero that comes from memory: the verifier would enumerate all rows from a known start.
    """
    base, mask, width = _column(piece, op.table, op.column)
    key = piece.use(op.key)
    low = piece.writer.value(f"load volatile i64, ptr {piece.memory(STATE, STATE_ZERO)}, align 8")
    left = piece.unit.tables[op.table].rows
    while left > 1:
        half = left // 2
        middle = piece.writer.value(f"add i64 {low}, {half}")
        below = _at_most_key(piece, base, _row_offset(piece, middle, mask, width, fresh=True), op.key.type, key)
        low = piece.writer.choose(below, "i64", middle, low)
        left -= half
    found = _at_most_key(piece, base, _row_offset(piece, low, mask, width, fresh=True), op.key.type, key)
    piece.define(op.result, piece.writer.choose(found, "i64", low, "-1"))


def _at_most_key(piece: Piece, base: str, offset: str, kind: Type, key: str) -> str:
    value = piece.load(kind, piece.writer.value(f"getelementptr i8, ptr {base}, i64 {offset}"))
    return piece.writer.value(f"icmp ule {LLVM_TYPES[kind]} {value}, {key}")


# Dicts


def lower_dict_get(piece: Piece, op: DictGet) -> None:
    """The value under a key, or the default."""
    default = piece.use(op.default)
    piece.store(Type.I64, piece.use(op.key), piece.memory(STATE, STATE_KEY))
    found = piece.call(
        HELPER_LOOKUP, f"ptr @{piece.unit.symbols.dicts[op.dict]}, ptr {piece.memory(STATE, STATE_KEY)}", "ptr"
    )
    missing = piece.writer.value(f"icmp eq ptr {found}, null")
    have, none, join = (piece.writer.fresh(hint) for hint in ("have", "none", "looked"))
    piece.writer.branch(missing, none, have)
    piece.start(have)
    value = piece.load(Type.I64, found)
    piece.writer.jump(join)
    piece.start(none)
    piece.start(join)
    piece.define(op.result, piece.writer.value(f"phi i64 [ {value}, %{have} ], [ {default}, %{none} ]"))


def lower_dict_put(piece: Piece, op: DictPut) -> None:
    """Store a value under a key."""
    piece.store(Type.I64, piece.use(op.key), piece.memory(STATE, STATE_KEY))
    piece.store(Type.I64, piece.use(op.value), piece.memory(STATE, STATE_VALUE))
    symbol = piece.unit.symbols.dicts[op.dict]
    key, value = piece.memory(STATE, STATE_KEY), piece.memory(STATE, STATE_VALUE)
    status = piece.call(HELPER_UPDATE, f"ptr @{symbol}, ptr {key}, ptr {value}, i64 0")
    piece.define(op.result, piece.writer.value(f"icmp eq i64 {status}, 0"))


def lower_dict_delete(piece: Piece, op: DictDelete) -> None:
    """Forget a key."""
    piece.store(Type.I64, piece.use(op.key), piece.memory(STATE, STATE_KEY))
    piece.call(HELPER_DELETE, f"ptr @{piece.unit.symbols.dicts[op.dict]}, ptr {piece.memory(STATE, STATE_KEY)}")
