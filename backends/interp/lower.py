"""Turns a program into bytecode: the backend's one entry.

Structured regions become jumps forward, and loops the pair of `LOOP` and `NEXT`; nothing else of the IR's meaning is
decided here, since each operation has its instruction.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sey.backends.interp.errors import TooLargeForBytecode
from sey.backends.interp.format import Buffer, Bytecode, Column, Dict, Function, Handler, Stream
from sey.backends.interp.operations import Names, instruction
from sey.backends.interp.ops import FORMS, KIND_NUMBER, NONE, Instruction, Op
from sey.backends.interp.registers import CONSTANTS, Registers
from sey.backends.interp.verify import problem_of
from sey.binary.errors import SeyError
from sey.ir import nodes
from sey.ir.nodes import (
    Attempt,
    Begin,
    Break,
    Call,
    Const,
    Convert,
    ConvertOp,
    If,
    Loop,
    Position,
    Program,
    Raise,
    Region,
    Reserve,
    Switch,
    Value,
    Yield,
)
from sey.ir.rewrite import calls, walk
from sey.ir.verify import check_snapshot


def compile_bytecode(program: Program) -> Bytecode:
    """The bytecode of a verified program. The same program gives the same bytes.

    Raises SeyError where no machine would run it: it is too large (SEY0773), or for events (SEY0508).
    """
    check_snapshot(program)
    order = callees_first(program)
    names = Names(
        {buffer.name: number for number, buffer in enumerate(program.buffers)},
        {key: number for number, (key, _) in enumerate(_columns(program))},
        {each.name: number for number, each in enumerate(program.dicts)},
        {stream.name: (number, stream) for number, stream in enumerate(program.streams)},
        {},
    )
    numbers = {function.name: number for number, function in enumerate(order)}
    compiled = Bytecode(
        tuple(Buffer(b.name, b.size, b.slack, b.host) for b in program.buffers),
        tuple(_column(table, column) for (table, _), column in _columns(program)),
        tuple(Dict(d.name, d.capacity, d.host) for d in program.dicts),
        tuple(Stream(s.name, s.size) for s in program.streams),
        tuple(_Lowering(each, names, numbers).function() for each in order),
    )
    found = problem_of(compiled)
    if found:
        raise SeyError(TooLargeForBytecode(*found))
    return compiled


def callees_first(program: Program) -> Sequence[nodes.Function]:
    """The functions that `main` needs, each behind all that it calls; `main` is the last."""
    order: dict[str, nodes.Function] = {}

    def visit(name: str) -> None:
        if name in order:
            return
        function = program.function(name)
        for callee in calls(function.body):
            visit(callee)
        order[name] = function

    visit("main")
    return list(order.values())


def _columns(program: Program) -> Iterator[tuple[tuple[str, str], nodes.Column]]:
    for table in program.tables:
        for column in table.columns:
            yield (table.name, column.name), column


def _column(table: str, column: nodes.Column) -> Column:
    kind = KIND_NUMBER[column.type]
    data = struct.pack(f"<{len(column.values)}{'BBHIQ'[kind]}", *column.values)
    return Column(f"{table}.{column.name}", kind, column.sorted, len(column.values), data)


@dataclass
class _Label:
    """A place in the code, known later."""

    at: int | None = None


@dataclass(frozen=True)
class _Join:
    """Where the values of a yield go, and the place behind; without one the function returns."""

    registers: tuple[int, ...] = ()
    label: _Label | None = None


class _Lowering:
    """One function being lowered."""

    def __init__(self, function: nodes.Function, names: Names, numbers: dict[str, int]) -> None:
        records = {op.result.name: op.stream for op in walk(function.body) if isinstance(op, Begin | Reserve)}
        self._source, self._names, self._numbers = function, replace(names, records=records), numbers
        self._registers = Registers(function)
        self._code: list[Instruction] = []
        self._handlers: list[tuple[_Label, _Label, _Label, int, int]] = []
        self._loop_ends: list[_Label] = []
        self._labels: list[_Label] = []

    def function(self) -> Function:
        registers, source = self._registers, self._source
        for parameter in source.parameters:
            registers.define(parameter)
        self._region(source.body, _Join())
        return Function(
            source.name,
            registers.used,
            len(source.parameters),
            source.result is not None,
            tuple(registers.constants),
            tuple(self._finished_handlers()),
            tuple(self._finished(at, each) for at, each in enumerate(self._code)),
        )

    def _finished_handlers(self) -> Iterator[Handler]:
        """Outer ones first; of bodies without an instruction none."""
        placed = [
            Handler(_at(start), _at(end), _at(target), code, detail)
            for start, end, target, code, detail in self._handlers
        ]
        yield from (each for each in sorted(placed, key=lambda h: (h.start, -h.end)) if each.start < each.end)

    def _finished(self, at: int, each: Instruction) -> Instruction:
        """With the registers of constants behind the others, and jumps to where their labels are."""
        form = FORMS[Op(each.op)]
        moved = {
            name: getattr(each, name) - CONSTANTS + self._registers.used
            for name in "abce"
            if getattr(each, name) >= CONSTANTS
        }
        if form.x == "target":
            at = _at(self._labels[each.x])
            moved["x"] = at if each.op in (Op.LOOP, Op.NEXT) else self._landing(at)
        return each._replace(**moved) if moved else each

    def _landing(self, at: int) -> int:
        """Where a jump to that place ends up."""
        while self._code[at].op == Op.JUMP:
            at = _at(self._labels[self._code[at].x])
        return at

    # Code

    def _emit(self, op: Op, **fields: int) -> None:
        self._code.append(Instruction(op, **fields))

    def _jump(self, op: Op, label: _Label, **fields: int) -> None:
        self._emit(op, x=self._number(label), **fields)

    def _number(self, label: _Label) -> int:
        self._labels.append(label)
        return len(self._labels) - 1

    def _here(self, label: _Label) -> None:
        label.at = len(self._code)

    def _region(self, region: Region, join: _Join) -> None:
        ends = self._registers.last_uses(region)
        for place, op in enumerate(region.ops):
            self._operation(op, join)
            for name in ends.get(place, ()):
                self._registers.forget(name)

    def _operation(self, op: nodes.Op, join: _Join) -> None:
        match op:
            case Const() | Position() | Convert(op=ConvertOp.ZEXT):
                pass
            case If():
                self._if(op)
            case Switch():
                self._switch(op)
            case Loop():
                self._loop(op)
            case Attempt():
                self._attempt(op)
            case Call():
                self._call(op)
            case Raise(code, detail):
                self._emit(Op.RAISE, b=self._registers.of(detail), x=code)
            case Break():
                self._jump(Op.JUMP, self._loop_ends[-1])
            case Yield(values):
                self._yield(values, join)
            case _:
                result: Value | None = getattr(op, "result", None)
                fields = instruction(op, self._names, self._registers.of)
                target = {} if result is None else {"a": self._registers.define(result)}
                self._code.append(fields._replace(**target))

    def _yield(self, values: tuple[Value, ...], join: _Join) -> None:
        if join.label is None:
            self._emit(Op.RETURN, a=self._registers.of(values[0]) if values else NONE)
            return
        for value, register in zip(values, join.registers, strict=False):
            self._emit(Op.MOVE, a=register, b=self._registers.of(value))
        self._jump(Op.JUMP, join.label)

    def _end(self, label: _Label) -> None:
        """The place behind regions that jump here; a jump right before it is left out.

        Every region ends in an instruction of its own, so no other label can lie behind that jump.
        """
        last = self._code[-1]
        if last.op == Op.JUMP and self._labels[last.x] is label:
            self._code.pop()
        self._here(label)

    def _if(self, op: If) -> None:
        after, otherwise = _Label(), _Label()
        join = self._join(op.results, after)
        if len(op.then.ops) == 1 and isinstance(op.then.ops[0], Yield) and not op.results:
            self._jump(Op.IF, after, b=self._registers.of(op.condition))
            self._region(op.otherwise, join)
            self._end(after)
            return
        self._jump(Op.UNLESS, otherwise, b=self._registers.of(op.condition))
        self._region(op.then, join)
        self._here(otherwise)
        self._region(op.otherwise, join)
        self._end(after)

    def _join(self, results: tuple[Value, ...], after: _Label) -> _Join:
        return _Join(tuple(self._registers.define(result) for result in results), after)

    def _switch(self, op: Switch) -> None:
        after = _Label()
        join = _Join((), after)
        value = self._registers.of(op.value)
        for number, region in op.cases:
            following = _Label()
            self._jump(Op.CASE, following, b=value, d=number)
            self._region(region, join)
            self._here(following)
        self._region(op.default, join)
        self._end(after)

    def _loop(self, op: Loop) -> None:
        registers = self._registers
        count = registers.of(op.count)
        index, bound = registers.define(op.index), registers.take()
        turn, exit_, body = _Label(), _Label(), _Label()
        self._jump(Op.LOOP, exit_, a=index, b=count, c=bound, d=op.limit)
        self._here(body)
        self._loop_ends.append(exit_)
        self._region(op.body, _Join((), turn))
        self._loop_ends.pop()
        self._end(turn)
        self._jump(Op.NEXT, body, a=index, c=bound, d=op.limit)
        self._here(exit_)
        registers.forget(op.index.name)
        registers.give_back(bound)

    def _attempt(self, op: Attempt) -> None:
        start, end, handler, after = (_Label() for _ in range(4))
        join = self._join(op.results, after)
        code, detail = self._registers.define(op.code), self._registers.define(op.detail)
        self._handlers.append((start, end, handler, code, detail))
        self._here(start)
        self._region(op.body, join)
        self._here(end)
        self._here(handler)
        self._region(op.handler, join)
        self._end(after)
        self._registers.forget(op.code.name)
        self._registers.forget(op.detail.name)

    def _call(self, op: Call) -> None:
        """Arguments go into registers in a row, which are the callee's first."""
        registers = self._registers
        sources = [registers.of(argument) for argument in op.arguments]
        first = sources[0] if sources else 0
        if sources != list(range(first, first + len(sources))):
            first = registers.take_block(len(sources))
            for number, source in enumerate(sources):
                self._emit(Op.MOVE, a=first + number, b=source)
            for register in range(first, first + len(sources)):
                registers.give_back(register)
        result = NONE if op.result is None else registers.define(op.result)
        self._emit(Op.CALL, a=result, b=first, x=self._numbers[op.function])


def _at(label: _Label) -> int:
    assert label.at is not None
    return label.at
