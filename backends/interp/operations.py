"""The instruction of each operation of the IR that directs no control."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sey.backends.interp.ops import FORMS, KIND_NUMBER, NONE, Instruction, Op
from sey.ir import nodes
from sey.ir.nodes import (
    Begin,
    Binary,
    Clock,
    Compare,
    CompareOp,
    Convert,
    ConvertOp,
    Copy,
    DictDelete,
    DictGet,
    DictPut,
    Fill,
    Get,
    Load,
    Put,
    Read,
    Reserve,
    Search,
    Select,
    Store,
    Stream,
    TableGet,
    Type,
    Value,
)

Place = Callable[[Value], int]
"""The register of a value."""

_COMPARE = {
    CompareOp.EQ: (Op.EQ, False),
    CompareOp.NE: (Op.NE, False),
    CompareOp.ULT: (Op.ULT, False),
    CompareOp.ULE: (Op.ULE, False),
    CompareOp.UGT: (Op.ULT, True),
    CompareOp.UGE: (Op.ULE, True),
    CompareOp.SLT: (Op.SLT, False),
    CompareOp.SLE: (Op.SLE, False),
    CompareOp.SGT: (Op.SLT, True),
    CompareOp.SGE: (Op.SLE, True),
}
"""The instruction of each comparison, and whether its operands change places."""


@dataclass(frozen=True)
class Names:
    """The numbers of the memories: columns by table and name, streams with what they are.

    `records` has the stream of each record of the function at hand.
    """

    buffers: Mapping[str, int]
    columns: Mapping[tuple[str, str], int]
    dicts: Mapping[str, int]
    streams: Mapping[str, tuple[int, Stream]]
    records: Mapping[str, str]

    def place(self, record: Value, field: str | None, imm: int) -> int:
        """A place in a record, counted from its start."""
        if field is None:
            return imm
        return self.streams[self.records[record.name]][1].field(field).offset + imm


def instruction(op: nodes.Op, names: Names, of: Place) -> Instruction:
    """The instruction of an operation. Where there is a result, field `a` is to become its register."""
    match op:
        case Binary(_, kind, left, right):
            number = Op[kind.name]
            return Instruction(number, _kind(number, left.type), b=of(left), c=of(right))
        case Compare(_, relation, left, right):
            number, swapped = _COMPARE[relation]
            b, c = (of(right), of(left)) if swapped else (of(left), of(right))
            return Instruction(number, _kind(number, left.type), b=b, c=c)
        case Convert(result, ConvertOp.TRUNC, operand):
            return Instruction(Op.TRUNC, KIND_NUMBER[result.type], b=of(operand))
        case Convert(result, _, operand):
            return Instruction(Op.SEXT, KIND_NUMBER[operand.type], KIND_NUMBER[result.type], b=of(operand))
        case Select(_, condition, then, otherwise):
            return Instruction(Op.SELECT, b=of(condition), c=of(then), e=of(otherwise))
        case Clock():
            return Instruction(Op.CLOCK)
        case Read(result, address):
            return Instruction(Op.READ, KIND_NUMBER[result.type], b=of(address))
        case Load() | Store() | Fill():
            return _buffer(op, names, of)
        case TableGet(_, table, column, index):
            return Instruction(Op.ROW, m=names.columns[table, column], b=of(index))
        case Search(_, table, column, key):
            return Instruction(Op.SEARCH, m=names.columns[table, column], b=of(key))
        case DictGet(_, each, key, default):
            return Instruction(Op.GET, m=names.dicts[each], b=of(key), c=of(default))
        case DictPut(_, each, key, value):
            return Instruction(Op.PUT, m=names.dicts[each], b=of(key), c=of(value))
        case DictDelete(each, key):
            return Instruction(Op.DELETE, m=names.dicts[each], b=of(key))
        case _:
            return _record(op, names, of)


def _buffer(op: Load | Store | Fill, names: Names, of: Place) -> Instruction:
    number, offset = names.buffers[op.buffer], _optional(op.offset, of)
    match op:
        case Load(result, imm=imm):
            return Instruction(Op.LOAD, KIND_NUMBER[result.type], number, b=offset, d=imm)
        case Store(value=value, imm=imm):
            return Instruction(Op.STORE, KIND_NUMBER[value.type], number, a=of(value), b=offset, d=imm)
        case Fill(_, _, imm, address, length, limit):
            return Instruction(Op.FILL, m=number, a=of(address), b=offset, c=of(length), x=limit, d=imm)


def _record(op: nodes.Op, names: Names, of: Place) -> Instruction:
    match op:
        case Begin(_, stream):
            return Instruction(Op.BEGIN, m=names.streams[stream][0])
        case Reserve(_, stream, length, limit):
            return Instruction(Op.RESERVE, m=names.streams[stream][0], b=of(length), x=limit)
        case Put() | Get() | Copy():
            return _inside(op, names.place(op.record, op.field, op.imm), of)
    raise AssertionError(f"no operation: {op!r}")


def _inside(op: Put | Get | Copy, place: int, of: Place) -> Instruction:
    record, offset = of(op.record), _optional(op.offset, of)
    match op:
        case Put(value=value):
            return Instruction(Op.SET, KIND_NUMBER[value.type], a=record, b=offset, c=of(value), d=place)
        case Get(result=result):
            return Instruction(Op.PEEK, KIND_NUMBER[result.type], b=record, c=offset, d=place)
        case Copy(address=address, length=length, limit=limit):
            return Instruction(Op.COPY, a=record, b=offset, c=of(address), e=of(length), x=limit, d=place)


def _optional(value: Value | None, of: Place) -> int:
    return NONE if value is None else of(value)


def _kind(op: Op, kind: Type) -> int:
    """The width where the instruction has one: unsigned numbers compare alike in any."""
    return KIND_NUMBER[kind] if len(FORMS[op].kinds) else 0
