"""Check one function: structure, values, types, and that every access stays within its memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sey.binary.errors import Problem
from sey.ir.errors import BadOperation
from sey.ir.measure import place_of
from sey.ir.nodes import (
    FAULT_USER,
    MAX_NESTING,
    MAX_RECORD_BYTES,
    Attempt,
    Begin,
    Binary,
    BinaryOp,
    Break,
    Buffer,
    Call,
    Clock,
    Compare,
    Const,
    Convert,
    ConvertOp,
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
    Switch,
    Table,
    TableGet,
    Type,
    Value,
    Yield,
)
from sey.ir.printer import print_op

MAX_ARGUMENTS = 5
MAX_LIMIT = 1 << 23
"""Largest limit of a loop or copy (BPF_MAX_LOOPS, kernel/bpf/bpf_iter.c)."""

_ON_BITS = (BinaryOp.AND, BinaryOp.OR, BinaryOp.XOR)
_NAME = re.compile(r"\w+", re.ASCII)


@dataclass(frozen=True)
class Declared:
    """A program's declarations by name."""

    program: Program
    buffers: dict[str, Buffer]
    tables: dict[str, Table]
    dicts: dict[str, Dict]
    streams: dict[str, Stream]
    functions: dict[str, Function]
    stashes: dict[str, Stash]

    @classmethod
    def of(cls, program: Program) -> Declared:
        """The declarations of a program whose names are distinct."""
        return cls(
            program,
            {b.name: b for b in program.buffers},
            {t.name: t for t in program.tables},
            {d.name: d for d in program.dicts},
            {s.name: s for s in program.streams},
            {f.name: f for f in program.functions},
            {s.name: s for s in program.stashes},
        )


def check_function(function: Function, declared: Declared) -> list[Problem]:
    """All problems of a function's body."""
    checker = _Checker(function, declared)
    checker.body()
    return checker.problems


class _WrongError(Exception):
    """What is wrong with the operation at hand."""


def _need(condition: bool, reason: str) -> None:
    if not condition:
        raise _WrongError(reason)


@dataclass
class _Checker:
    function: Function
    declared: Declared
    problems: list[Problem] = field(default_factory=list)
    visible: dict[str, Value] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    records: dict[str, Begin | Reserve | Reopen] = field(default_factory=dict)
    loops: int = 0
    nesting: int = 0

    def body(self) -> None:
        for parameter in self.function.parameters:
            with self._reporting(None):
                self._define(parameter)
        kinds = (self.function.result,) if self.function.result else ()
        self._region(self.function.body, kinds)

    @contextmanager
    def _reporting(self, op: Op | None) -> Iterator[None]:
        try:
            yield
        except _WrongError as wrong:
            text = print_op(op).splitlines()[0] if op is not None else f"@{self.function.name}"
            place = place_of(self.declared.program, op.loc if op is not None else self.function.loc)
            self.problems.append(BadOperation(self.function.name, place, text, str(wrong)))

    # Structure

    def _region(self, region: Region, kinds: tuple[Type, ...], *inside: Value) -> None:
        """A region that yields values of `kinds`; `inside` are values visible in it alone."""
        _need(self.nesting < MAX_NESTING, f"regions nest deeper than {MAX_NESTING}")
        self.nesting += 1
        outside = dict(self.visible)
        with self._reporting(None):
            for value in inside:
                self._define(value)
            _need(bool(region.ops), "a region is empty: it ends in yield, break or raise")
        for place, op in enumerate(region.ops):
            with self._reporting(op):
                last = place == len(region.ops) - 1
                _need(isinstance(op, Yield | Break | Raise) == last, "yield, break or raise end a region, nothing else")
                self._location(op)
                self._op(op, kinds)
            self._settle(op)
        self.visible = outside
        self.nesting -= 1

    def _settle(self, op: Op) -> None:
        """Take the results of a wrong operation as defined, so that their uses aren't reported too."""
        results = getattr(op, "results", None) or (getattr(op, "result", None),)
        for value in results:
            if value is not None and value.name not in self.names:
                self.names.add(value.name)
                self.visible[value.name] = value

    def _location(self, op: Op) -> None:
        if op.loc is not None:
            known = 0 <= op.loc.file < len(self.declared.program.files) and op.loc.line >= 1
            _need(known, f"no such place: file {op.loc.file}, line {op.loc.line}")

    def _define(self, value: Value) -> None:
        _need(bool(_NAME.fullmatch(value.name)), f"{value.name!r} is not a name")
        _need(value.name not in self.names, f"%{value.name} is defined twice")
        self.names.add(value.name)
        self.visible[value.name] = value

    def _result(self, value: Value, kind: Type | None) -> None:
        """Define a result, of a given type or of any integer type."""
        _need(
            value.type is kind if kind else value.type is not Type.RECORD, f"%{value.name} can't be {value.type.value}"
        )
        self._define(value)

    def _use(self, value: Value | None, kind: Type | None = None) -> None:
        """A value is visible and has the type, or any integer type."""
        if value is None:
            return
        _need(self.visible.get(value.name) == value, f"%{value.name} is not defined here")
        wanted = value.type is kind if kind else value.type is not Type.RECORD
        _need(wanted, f"%{value.name} is {value.type.value}{f', not {kind.value}' if kind else ''}")

    # Operations

    def _op(self, op: Op, kinds: tuple[Type, ...]) -> None:
        match op:
            case Const(result, value):
                self._number(value, result.type)
                self._result(result, None)
            case Binary(result, kind, left, right):
                _need(result.type is not Type.I1 or kind in _ON_BITS, "on i1 there are and, or, xor")
                self._use(left, result.type)
                self._use(right, result.type)
                self._result(result, None)
            case Compare(result, _, left, right):
                self._use(left)
                self._use(right, left.type)
                self._result(result, Type.I1)
            case Convert():
                self._convert(op)
            case Select(result, condition, then, otherwise):
                self._use(condition, Type.I1)
                self._use(then, result.type)
                self._use(otherwise, result.type)
                self._result(result, None)
            case Clock(result):
                self._result(result, Type.I64)
            case Call():
                self._call(op)
            case Yield() | Break() | Raise():
                self._end(op, kinds)
            case If() | Switch() | Loop() | Attempt():
                self._nested(op)
            case _:
                self._memory(op)

    def _number(self, value: int, kind: Type) -> None:
        _need(kind is not Type.RECORD and 0 <= value < 1 << kind.bits, f"{value} is not an unsigned {kind.value}")

    def _convert(self, op: Convert) -> None:
        self._use(op.operand)
        wider = op.result.type.bits > op.operand.type.bits
        narrower = op.result.type.bits < op.operand.type.bits
        _need(narrower if op.op is ConvertOp.TRUNC else wider, "zext and sext widen, trunc narrows")
        self._result(op.result, None)

    def _call(self, op: Call) -> None:
        _need(op.function in self.declared.functions, f"there is no function @{op.function}")
        callee = self.declared.functions[op.function]
        _need(op.function != "main", "@main can't be called")
        _need(len(op.arguments) == len(callee.parameters), f"@{callee.name} takes {len(callee.parameters)} arguments")
        for argument, parameter in zip(op.arguments, callee.parameters, strict=True):
            self._use(argument, parameter.type)
        if op.result is not None:
            _need(callee.result is not None, f"@{callee.name} has no result")
            self._result(op.result, callee.result)

    def _end(self, op: Yield | Break | Raise, kinds: tuple[Type, ...]) -> None:
        match op:
            case Yield(values):
                _need(len(values) == len(kinds), f"{len(kinds)} values are asked for")
                for value, kind in zip(values, kinds, strict=True):
                    self._use(value, kind)
            case Break():
                _need(self.loops > 0, "there is no loop to end")
            case Raise(code, detail):
                _need(FAULT_USER <= code < 1 << 32, f"codes to raise are at least {FAULT_USER}, in 32 bits")
                self._use(detail, Type.I64)

    def _nested(self, op: If | Switch | Loop | Attempt) -> None:
        match op:
            case If(results, condition, then, otherwise):
                self._use(condition, Type.I1)
                for region in (then, otherwise):
                    self._region(region, tuple(result.type for result in results))
            case Switch(value, cases, default):
                self._use(value)
                numbers = [number for number, _ in cases]
                _need(len(set(numbers)) == len(numbers), "cases are distinct")
                for number, region in cases:
                    self._number(number, value.type)
                    self._region(region, ())
                self._region(default, ())
                return
            case Loop(index, count, limit, body):
                self._use(count, Type.I64)
                self._limit(limit, MAX_LIMIT)
                _need(index.type is Type.I64, "the index is i64")
                self.loops += 1
                self._region(body, (), index)
                self.loops -= 1
                return
            case Attempt(results, body, code, detail, handler):
                _need(code.type is Type.I32 and detail.type is Type.I64, "the code is i32 and the detail i64")
                kinds = tuple(result.type for result in results)
                self._region(body, kinds)
                self._region(handler, kinds, code, detail)
        for result in op.results:
            self._result(result, None)

    def _limit(self, limit: int, most: int) -> None:
        _need(1 <= limit <= most, f"the limit {limit} is not from 1 to {most}")

    def _memory(self, op: Op) -> None:
        match op:
            case Load(result, buffer, offset, imm):
                self._index(buffer, offset, imm, result.type.bytes)
                self._result(result, None)
            case Store(buffer, offset, imm, value):
                self._use(value)
                self._index(buffer, offset, imm, value.type.bytes)
            case FetchAdd(result, buffer, offset, imm, value):
                self._use(value, Type.I64)
                # An offset is at most 8 bytes from the end of the buffer, as its lowest three bits don't count.
                self._index(buffer, offset, imm, 8 if offset is None else 1)
                _need(self.declared.buffers[buffer].host, f"@{buffer} is not the host's: no other run sees it")
                _need(imm % 8 == 0, "the constant part of the index is a multiple of 8")
                self._result(result, Type.I64)
            case Fill(buffer, offset, imm, address, length, limit):
                self._limit(limit, MAX_LIMIT)
                # One byte less than an integer could have, so that `imm + limit` itself fits the slack.
                self._index(buffer, offset, imm, limit + (offset is not None))
                self._use(address, Type.I64)
                self._use(length, Type.I64)
            case Read(result, address):
                self._use(address, Type.I64)
                self._result(result, None)
            case TableGet(result, table, column, index):
                self._use(index, Type.I64)
                self._result(result, self._column(table, column)[0])
            case Search(result, table, column, key):
                kind, is_sorted = self._column(table, column)
                _need(is_sorted, f"@{table}.{column} is not sorted")
                self._use(key, kind)
                self._result(result, Type.I64)
            case DictGet(result, name, key, value) | DictPut(result, name, key, value):
                self._dict(name, key)
                self._use(value, Type.I64)
                self._result(result, Type.I64 if isinstance(op, DictGet) else Type.I1)
            case DictDelete(name, key):
                self._dict(name, key)
            case _:
                self._output(op)

    def _index(self, name: str, offset: Value | None, imm: int, length: int) -> None:
        """`length` bytes at an index lie within the buffer, whatever the offset."""
        buffer = self.declared.buffers.get(name)
        if buffer is None:
            raise _WrongError(f"there is no buffer @{name}")
        self._use(offset, Type.I64)
        _need(imm >= 0, "the constant part of an index is not negative")
        furthest = imm + length + (buffer.size - 1 if offset is not None else 0)
        whole = buffer.size + buffer.slack
        _need(furthest <= whole, f"it may reach {furthest} bytes into @{name}, which has {whole}")

    def _column(self, table: str, name: str) -> tuple[Type, bool]:
        _need(table in self.declared.tables, f"there is no table @{table}")
        column = next((c for c in self.declared.tables[table].columns if c.name == name), None)
        if column is None:
            raise _WrongError(f"@{table} has no column {name}")
        return column.type, column.sorted

    def _dict(self, name: str, key: Value) -> None:
        _need(name in self.declared.dicts, f"there is no dict @{name}")
        self._use(key, Type.I64)

    # Output

    def _output(self, op: Op) -> None:
        match op:
            case Begin(result, stream):
                _need(bool(self._stream(stream).fields), f"@{stream} has no fields: reserve bytes in it")
                self._record(op)
            case Reopen(result, stream, position):
                _need(bool(self._stream(stream).fields), f"@{stream} has no fields: its records can't be opened again")
                self._use(position, Type.I64)
                self._record(op)
            case Reserve(result, stream, length, limit):
                _need(not self._stream(stream).fields, f"@{stream} has fields: begin a record of it")
                self._use(length, Type.I64)
                self._limit(limit, MAX_RECORD_BYTES)
                self._record(op)
            case Put(record, name, offset, imm, value):
                self._use(value)
                self._place(record, name, offset, imm, value.type.bytes, value.type)
            case Get(result, record, name, offset, imm):
                self._place(record, name, offset, imm, result.type.bytes, result.type)
                self._result(result, None)
            case Copy(record, name, offset, imm, address, length, limit):
                self._limit(limit, MAX_RECORD_BYTES)
                self._place(record, name, offset, imm, limit, None)
                self._use(address, Type.I64)
                self._use(length, Type.I64)
            case Position(result, record):
                self._use(record, Type.RECORD)
                self._result(result, Type.I64)
            case Save(result, stash, key) | Restore(result, stash, key):
                _need(stash in self.declared.stashes, f"there is no stash @{stash}")
                self._use(key, Type.I64)
                self._result(result, Type.I1 if isinstance(op, Save) else Type.I64)
            case Discard():
                pass
            case _:
                raise _WrongError("not an operation")

    def _record(self, op: Begin | Reserve | Reopen) -> None:
        self._result(op.result, Type.RECORD)
        self.records[op.result.name] = op

    def _stream(self, name: str) -> Stream:
        _need(name in self.declared.streams, f"there is no stream @{name}")
        return self.declared.streams[name]

    def _place(
        self, record: Value, name: str | None, offset: Value | None, imm: int, length: int, kind: Type | None
    ) -> None:
        """`length` bytes at a place of a record; `kind` is the type of the integer there, None for bytes."""
        self._use(record, Type.RECORD)
        self._use(offset, Type.I64)
        origin = self.records.get(record.name)
        if origin is None:
            raise _WrongError(f"%{record.name} doesn't come from begin, reserve or reopen")
        room = self._room(origin, name, kind, plain=offset is None and imm == 0)
        _need(imm >= 0, "the constant part of a place is not negative")
        _need(imm + length <= room, f"it reaches {imm + length} bytes into {room}")

    def _room(self, origin: Begin | Reserve | Reopen, name: str | None, kind: Type | None, *, plain: bool) -> int:
        """How many bytes can be reached from the start of the field, or of the reservation."""
        if isinstance(origin, Reserve):
            _need(name is None, f"@{origin.stream} has no fields")
            return max(8, -(-origin.limit // 8) * 8)
        _need(name is not None, f"a field of @{origin.stream} is named")
        each = next((f for f in self._stream(origin.stream).fields if f.name == name), None)
        if each is None:
            raise _WrongError(f"@{origin.stream} has no field {name}")
        if each.type is not None:
            _need(each.type is kind and plain, f"{name} is one {each.type.value}")
        return each.length
