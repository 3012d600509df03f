"""Print the IR as text (the grammar is in `spec/ir.md`); `parser.parse_program` gives the same program back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from sey.ir.nodes import (
    Attempt,
    Begin,
    Binary,
    Break,
    Buffer,
    Call,
    Clock,
    Column,
    Compare,
    Const,
    Convert,
    Copy,
    Dict,
    DictDelete,
    DictGet,
    DictPut,
    Discard,
    FetchAdd,
    Fill,
    Function,
    Get,
    If,
    Load,
    Location,
    Loop,
    Op,
    Position,
    Program,
    Put,
    Raise,
    Read,
    Region,
    Reopen,
    Reserve,
    Restore,
    Save,
    Search,
    Select,
    Stash,
    Store,
    Stream,
    StreamField,
    Switch,
    Table,
    TableGet,
    Value,
    Yield,
)

EMPTY = Region((Yield(),))
"""A region that does nothing; as an `else` it is not printed."""

_INDENT = "  "
_VALUES_A_LINE = 16


def print_program(program: Program) -> str:
    """The whole program as text, declarations first, one operation a line."""
    declarations = [
        *(f"file {json.dumps(name)}" for name in program.files),
        *map(_buffer, program.buffers),
        *map(_dict, program.dicts),
        *map(_stash, program.stashes),
        *map(_table, program.tables),
        *map(_stream, program.streams),
    ]
    parts = ["\n".join(declarations)] if declarations else []
    parts += [print_function(function) for function in program.functions]
    return "\n\n".join(parts) + "\n"


def print_function(function: Function) -> str:
    """One function as text, without a newline at the end."""
    parameters = ", ".join(map(_typed, function.parameters))
    result = f" -> {function.result.value}" if function.result else ""
    head = f"func @{function.name}({parameters}){result}{_location(function.loc)} {{"
    return "\n".join([head, *_region(function.body, _INDENT), "}"])


def print_op(op: Op) -> str:
    """One operation as text; one with regions takes several lines."""
    return "\n".join(_op(op, ""))


def _buffer(buffer: Buffer) -> str:
    slack = f" slack {buffer.slack}" if buffer.slack else ""
    return f"buffer @{buffer.name} {buffer.size}{slack}{' host' if buffer.host else ''}"


def _dict(item: Dict) -> str:
    return f"dict @{item.name} {item.capacity}{' host' if item.host else ''}"


def _stash(item: Stash) -> str:
    return f"stash @{item.name} {item.capacity} size {item.size}"


def _table(table: Table) -> str:
    columns = ",\n".join(f"{_INDENT}{_column(column)}" for column in table.columns)
    return f"table @{table.name} {{\n{columns}\n}}"


def _column(column: Column) -> str:
    head = f"{'sorted ' if column.sorted else ''}{column.name} {column.type.value}"
    # The text of a list is that of its numbers with commas between, made several times as fast: tables can be large.
    values = list(map(int, column.values))
    if len(values) <= _VALUES_A_LINE:
        return f"{head} {values}"
    lines = (str(values[i : i + _VALUES_A_LINE])[1:-1] for i in range(0, len(values), _VALUES_A_LINE))
    body = ",\n".join(_INDENT * 2 + line for line in lines)
    return f"{head} [\n{body}\n{_INDENT}]"


def _stream(stream: Stream) -> str:
    if not stream.fields:
        return f"stream @{stream.name}{f' size {stream.size}' if stream.size else ''}"
    return f"stream @{stream.name} {{ {_commas(map(_field, stream.fields))} }} size {stream.size}"


def _field(field: StreamField) -> str:
    kind = field.type.value if field.type else f"bytes {field.length}"
    return f"{field.name} {kind} at {field.offset}"


def _region(region: Region, indent: str) -> Iterator[str]:
    ops = region.ops
    if ops and ops[-1] == Yield():
        ops = ops[:-1]
    for op in ops:
        yield from _op(op, indent)


def _op(op: Op, indent: str) -> Iterator[str]:
    at = _location(op.loc)
    match op:
        case If():
            yield f"{indent}{_results(op.results)}if {_value(op.condition)}{at} {{"
            yield from _region(op.then, indent + _INDENT)
            if op.otherwise != EMPTY:
                yield f"{indent}}} else {{"
                yield from _region(op.otherwise, indent + _INDENT)
        case Switch():
            yield f"{indent}switch {_value(op.value)}{at} {{"
            for value, region in op.cases:
                yield from _block(f"case {value} {{", region, indent + _INDENT)
            yield from _block("default {", op.default, indent + _INDENT)
        case Loop():
            yield f"{indent}loop {_value(op.index)}, {_value(op.count)} max {op.limit}{at} {{"
            yield from _region(op.body, indent + _INDENT)
        case Attempt():
            yield f"{indent}{_results(op.results)}attempt{at} {{"
            yield from _region(op.body, indent + _INDENT)
            yield f"{indent}}} on fault {_value(op.code)}, {_value(op.detail)} {{"
            yield from _region(op.handler, indent + _INDENT)
        case _:
            yield f"{indent}{_simple(op)}{at}"
            return
    yield f"{indent}}}"


def _block(head: str, region: Region, indent: str) -> Iterator[str]:
    yield f"{indent}{head}"
    yield from _region(region, indent + _INDENT)
    yield f"{indent}}}"


def _simple(op: Op) -> str:
    match op:
        case Const(result, value):
            return f"{_value(result)} = const {result.type.value} {value}"
        case Binary(result, kind, left, right):
            return f"{_value(result)} = {kind.value} {left.type.value} {_value(left)}, {_value(right)}"
        case Compare(result, relation, left, right):
            return f"{_value(result)} = {relation.value} {left.type.value} {_value(left)}, {_value(right)}"
        case Convert(result, change, operand):
            return f"{_value(result)} = {change.value} {result.type.value} {_value(operand)}"
        case Select(result, condition, then, otherwise):
            return f"{_value(result)} = select {result.type.value} {_values((condition, then, otherwise))}"
        case Clock(result):
            return f"{_value(result)} = clock"
        case Call(maybe, function, arguments):
            return f"{_results((maybe,) if maybe else (), typed=False)}call @{function}({_values(arguments)})"
        case Raise(code, detail):
            return f"raise {code}, {_value(detail)}"
        case Break():
            return "break"
        case Yield(values):
            return f"yield {_values(values)}" if values else "yield"
        case _:
            return _memory(op)


def _memory(op: Op) -> str:
    match op:
        case Load(result, buffer, offset, imm):
            return f"{_value(result)} = load {result.type.value} @{buffer}{_index(offset, imm)}"
        case Store(buffer, offset, imm, value):
            return f"store {value.type.value} @{buffer}{_index(offset, imm)}, {_value(value)}"
        case FetchAdd(result, buffer, offset, imm, value):
            return f"{_value(result)} = fetch_add {value.type.value} @{buffer}{_index(offset, imm)}, {_value(value)}"
        case Fill(buffer, offset, imm, address, length, limit):
            return f"fill @{buffer}{_index(offset, imm)}, {_value(address)}, {_value(length)} max {limit}"
        case Read(result, address):
            return f"{_value(result)} = read {result.type.value} {_value(address)}"
        case TableGet(result, table, column, index):
            return f"{_value(result)} = row {result.type.value} @{table}.{column}[{_value(index)}]"
        case Search(result, table, column, key):
            return f"{_value(result)} = search @{table}.{column}, {_value(key)}"
        case DictGet(result, dict_, key, default):
            return f"{_value(result)} = get @{dict_}[{_value(key)}], {_value(default)}"
        case DictPut(result, dict_, key, value):
            return f"{_value(result)} = put @{dict_}[{_value(key)}], {_value(value)}"
        case DictDelete(dict_, key):
            return f"delete @{dict_}[{_value(key)}]"
        case _:
            return _output(op)


def _output(op: Op) -> str:
    match op:
        case Begin(result, stream):
            return f"{_value(result)} = begin @{stream}"
        case Reserve(result, stream, length, limit):
            return f"{_value(result)} = reserve @{stream}, {_value(length)} max {limit}"
        case Put(record, field, offset, imm, value):
            width = "" if field is not None and offset is None and imm == 0 else f"{value.type.value} "
            return f"set {width}{_place(record, field, offset, imm)}, {_value(value)}"
        case Get(result, record, field, offset, imm):
            return f"{_value(result)} = peek {result.type.value} {_place(record, field, offset, imm)}"
        case Copy(record, field, offset, imm, address, length, limit):
            return f"copy {_place(record, field, offset, imm)}, {_value(address)}, {_value(length)} max {limit}"
        case Position(result, record):
            return f"{_value(result)} = position {_value(record)}"
        case Save(result, stash, key):
            return f"{_value(result)} = save @{stash}[{_value(key)}]"
        case Restore(result, stash, key):
            return f"{_value(result)} = restore @{stash}[{_value(key)}]"
        case Reopen(result, stream, position):
            return f"{_value(result)} = reopen @{stream}, {_value(position)}"
        case Discard():
            return "discard"
        case _:
            raise TypeError(f"not an operation: {op!r}")


def _place(record: Value, field: str | None, offset: Value | None, imm: int) -> str:
    if field is None:
        return f"{_value(record)}{_index(offset, imm)}"
    within = "" if offset is None and imm == 0 else _index(offset, imm)
    return f"{_value(record)}.{field}{within}"


def _index(offset: Value | None, imm: int) -> str:
    if offset is None:
        return f"[{imm}]"
    if imm == 0:
        return f"[{_value(offset)}]"
    return f"[{_value(offset)} {'+' if imm > 0 else '-'} {abs(imm)}]"


def _results(results: Sequence[Value], typed: bool = True) -> str:
    return f"{_commas(map(_typed if typed else _value, results))} = " if results else ""


def _value(value: Value) -> str:
    return f"%{value.name}"


def _typed(value: Value) -> str:
    return f"%{value.name} {value.type.value}"


def _values(values: Iterable[Value]) -> str:
    return _commas(map(_value, values))


def _commas(items: Iterable[str]) -> str:
    return ", ".join(items)


def _location(loc: Location | None) -> str:
    return f" !{loc.file}:{loc.line}" if loc else ""
