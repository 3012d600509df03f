"""Sends each operation without regions to its lowering."""

from __future__ import annotations

from sey.backends.ebpf import arithmetic, event_records, memory, records
from sey.backends.ebpf.piece import Piece
from sey.ir.nodes import (
    Begin,
    Binary,
    Clock,
    Compare,
    Convert,
    Copy,
    DictDelete,
    DictGet,
    DictPut,
    Discard,
    FetchAdd,
    Fill,
    Get,
    Load,
    Op,
    Position,
    Put,
    Read,
    Reopen,
    Reserve,
    Restore,
    Save,
    Search,
    Select,
    Store,
    TableGet,
)


def lower_operation(piece: Piece, op: Op) -> None:
    """Lower one operation that has no regions and does not end one."""
    match op:
        case Binary():
            arithmetic.lower_binary(piece, op)
        case Compare():
            arithmetic.lower_compare(piece, op)
        case Convert():
            arithmetic.lower_convert(piece, op)
        case Select():
            arithmetic.lower_select(piece, op)
        case Load():
            memory.lower_load(piece, op)
        case Store():
            memory.lower_store(piece, op)
        case FetchAdd():
            memory.lower_fetch_add(piece, op)
        case Fill():
            memory.lower_fill(piece, op)
        case Read():
            memory.lower_read(piece, op)
        case Clock():
            memory.lower_clock(piece, op)
        case TableGet():
            memory.lower_table_get(piece, op)
        case Search():
            memory.lower_search(piece, op)
        case DictGet():
            memory.lower_dict_get(piece, op)
        case DictPut():
            memory.lower_dict_put(piece, op)
        case DictDelete():
            memory.lower_dict_delete(piece, op)
        case _:
            _lower_record_operation(piece, op)


def _lower_record_operation(piece: Piece, op: Op) -> None:
    match op:
        case Begin():
            records.lower_begin(piece, op)
        case Reserve():
            records.lower_reserve(piece, op)
        case Put():
            records.lower_put(piece, op)
        case Get():
            records.lower_get(piece, op)
        case Copy():
            records.lower_copy(piece, op)
        case Position():
            records.lower_position(piece, op)
        case Reopen():
            records.lower_reopen(piece, op)
        case Save():
            event_records.lower_save(piece, op)
        case Restore():
            event_records.lower_restore(piece, op)
        case Discard():
            event_records.lower_discard(piece, op)
        case _:
            raise TypeError(f"no lowering for {type(op).__name__}")
