"""Which values an operation uses itself: what register allocation has in common, whatever the backend."""

from __future__ import annotations

from sey.ir.nodes import (
    Attempt,
    Begin,
    Binary,
    Break,
    Call,
    Clock,
    Compare,
    Const,
    Convert,
    Copy,
    DictDelete,
    DictGet,
    DictPut,
    Discard,
    FetchAdd,
    Fill,
    Get,
    If,
    Load,
    Loop,
    Op,
    Position,
    Put,
    Raise,
    Read,
    Reopen,
    Reserve,
    Restore,
    Save,
    Search,
    Select,
    Store,
    Switch,
    TableGet,
    Value,
    Yield,
)


def operands(op: Op) -> tuple[Value, ...]:
    """The values that the operation itself uses, not those that its regions use."""
    match op:
        case Binary(left=left, right=right) | Compare(left=left, right=right):
            return (left, right)
        case Convert(operand=operand):
            return (operand,)
        case Select(condition=condition, then=then, otherwise=otherwise):
            return (condition, then, otherwise)
        case If(condition=value) | Switch(value=value) | Loop(count=value) | Raise(detail=value):
            return (value,)
        case Read(address=value) | TableGet(index=value) | Search(key=value) | DictDelete(key=value):
            return (value,)
        case Save(key=value) | Restore(key=value) | Reopen(position=value):
            return (value,)
        case Reserve(length=value) | Position(record=value):
            return (value,)
        case DictGet(key=key, default=value) | DictPut(key=key, value=value):
            return (key, value)
        case Load(offset=offset):
            return _present(offset)
        case Store(offset=offset, value=value) | FetchAdd(offset=offset, value=value):
            return _present(offset, value)
        case Fill(offset=offset, address=address, length=length):
            return _present(offset, address, length)
        case Put(record=record, offset=offset, value=value):
            return _present(record, offset, value)
        case Get(record=record, offset=offset):
            return _present(record, offset)
        case Copy(record=record, offset=offset, address=address, length=length):
            return _present(record, offset, address, length)
        case Call(arguments=values) | Yield(values=values):
            return values
        case Const() | Begin() | Clock() | Break() | Discard() | Attempt():
            return ()


def _present(*values: Value | None) -> tuple[Value, ...]:
    return tuple(value for value in values if value is not None)
