"""Random small well-typed programs, with the memory they look at: the input of the property tests of the IR.

    @given(cases())
    def test_my_machine(case: Case) -> None:
        assert run_on_my_machine(case) == evaluate(case)

A `Case` has the `program` (the verifier accepts it; no fault leaves its main), the target's memory as an `image` of
whole pages of 4096 bytes by address (pages that aren't in it are unreadable), what the host writes before the run
(`inputs`: bytes of host buffers; `entries`: entries of host dicts), and how many `pages` of output there are.

An `Outcome` is all that a run leaves behind: the bytes of host buffers without slack, entries of host dicts, and the
pages of output that were claimed. Two machines agree where their outcomes are equal. Programs use every operation;
of the clock only that it has started.

Cases of events (`event_cases`, `evaluate_events`) run several times; the output in their outcomes is that of each run.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from hypothesis import strategies as st

from sey.ir.builder import FunctionBuilder
from sey.ir.evaluate import Image, Machine
from sey.ir.measure import MAX_FRAMES, frames
from sey.ir.nodes import (
    FAULT_USER,
    MAX_RECORD_BYTES,
    BinaryOp,
    Buffer,
    Column,
    CompareOp,
    ConvertOp,
    Dict,
    Function,
    Location,
    Program,
    Stash,
    Stream,
    Table,
    Type,
    Value,
    layout_stream,
)

PAGE = 4096
BASE = 0x2000_0000_0000
ADDRESSES = tuple(BASE + PAGE * number for number in (0, 1, 3, 4, 5, 9))
"""Where pages of an image may lie: next to each other and with holes between."""

T = TypeVar("T")
INTEGERS = (Type.I1, Type.I8, Type.I16, Type.I32, Type.I64)
_OFTEN = (Type.I64, Type.I64, Type.I64, Type.I1, Type.I1, Type.I32, Type.I16, Type.I8)
"""Types as often as they are taken: values of few types flow from operation to operation more."""
FILES = ("spec.sey", "prelude.ir")


@dataclass(frozen=True)
class Case:
    """A program and all that its run depends on."""

    program: Program
    image: dict[int, bytes]
    inputs: dict[str, bytes]
    entries: dict[str, dict[int, int]]
    pages: int


@dataclass(frozen=True)
class Outcome:
    """All that a run leaves behind."""

    buffers: dict[str, bytes]
    dicts: dict[str, dict[int, int]]
    output: tuple[bytes, ...]


def evaluate(case: Case, program: Program | None = None) -> Outcome:
    """Run a case on the evaluator; `program` stands in for the case's own."""
    chosen = program or case.program
    machine = Machine(chosen, Image(case.image), pages=case.pages)
    for name, data in case.inputs.items():
        machine.buffers[name][: len(data)] = data
    for name, entries in case.entries.items():
        machine.dicts[name].update(entries)
    machine.run()
    return Outcome(
        {b.name: bytes(machine.buffers[b.name][: b.size]) for b in chosen.buffers if b.host},
        {d.name: dict(machine.dicts[d.name]) for d in chosen.dicts if d.host},
        machine.output(),
    )


@st.composite
def images(draw: st.DrawFn) -> dict[int, bytes]:
    """Pages of noise with addresses of the image's pages strewn in, so that what is read may be followed."""
    noise = random.Random(draw(st.integers(0, 1 << 16)))
    image: dict[int, bytes] = {}
    for address in draw(st.sets(st.sampled_from(ADDRESSES), min_size=2)):
        page = bytearray(noise.randbytes(PAGE))
        for at in range(0, PAGE, 8):
            if noise.random() < 0.5:
                pointer = noise.choice(ADDRESSES) + noise.randrange(PAGE)
                page[at : at + 8] = pointer.to_bytes(8, "little")
        image[address] = bytes(page)
    return image


@st.composite
def cases(draw: st.DrawFn, *, statements: int = 12, events: bool = False) -> Case:
    """Cases; `statements` bounds how many operations a region has, about."""
    program = draw(programs(statements=statements, events=events))
    inputs = {b.name: draw(st.binary(max_size=min(24, b.size))) for b in program.buffers if b.host}
    keys = st.one_of(st.integers(0, 3), st.sampled_from(ADDRESSES))
    entries = {
        d.name: draw(st.dictionaries(keys, st.integers(0, (1 << 64) - 1), max_size=d.capacity))
        for d in program.dicts
        if d.host
    }
    return Case(program, draw(images()), inputs, entries, draw(st.sampled_from([8, 4, 3, 1])))


RUNS = 3
"""How often the program of a case of events runs."""


def evaluate_events(case: Case) -> Outcome:
    """Run a case of events on the evaluator."""
    machine = Machine(case.program, Image(case.image), event=True)
    for name, data in case.inputs.items():
        machine.buffers[name][: len(data)] = data
    for name, entries in case.entries.items():
        machine.dicts[name].update(entries)
    outputs = []
    for _ in range(RUNS):
        machine.run()
        outputs.append(machine.event_output())
    return Outcome(
        {b.name: bytes(machine.buffers[b.name][: b.size]) for b in case.program.buffers if b.host},
        {d.name: dict(machine.dicts[d.name]) for d in case.program.dicts if d.host},
        tuple(outputs),
    )


def event_cases(*, statements: int = 12) -> st.SearchStrategy[Case]:
    """Cases whose programs use the operations of events, too."""
    return cases(statements=statements, events=True)


@st.composite
def programs(draw: st.DrawFn, *, statements: int = 12, events: bool = False) -> Program:
    """Programs that the verifier accepts and that fit the kernel; of `events`, or else of snapshots."""
    world = _World(
        buffers=(
            Buffer("out", 256, slack=8, host=True),
            Buffer("input", draw(st.sampled_from([8, 64])), slack=8, host=True),
            Buffer("scratch", draw(st.sampled_from([8, 64, 1024])), slack=40),
        ),
        tables=(draw(_tables()),),
        dicts=(Dict("seen", draw(st.integers(1, 4)), host=True), Dict("hidden", 64)),
        streams=(
            layout_stream("rows", [("a", Type.I64), ("b", Type.I8), ("c", 24), ("d", Type.I16), ("e", Type.I1)]),
            Stream("blob"),
            layout_stream("few", [("x", Type.I32)]),
        ),
        # It never fills up: what makes room then is up to the machine.
        stashes=(Stash("kept", 4096, draw(st.sampled_from([48, 264, 4096]))),) if events else (),
    )
    functions: list[Function] = []
    for number in range(draw(st.sampled_from([2, 3, 1, 0]))):
        functions.append(_helper(draw, world, functions, number, statements))
    functions.append(_main(draw, world, functions, statements))
    if draw(st.booleans()):
        functions.reverse()
    return world.program(tuple(functions))


@st.composite
def _tables(draw: st.DrawFn) -> Table:
    rows = draw(st.integers(1, 9))
    columns = [
        Column("lo", Type.I64, tuple(sorted(draw(_lists(Type.I64, rows)))), sorted=True),
        Column("short", Type.I16, tuple(sorted(draw(_lists(Type.I16, rows)))), sorted=True),
        *(Column(kind.value, kind, tuple(draw(_lists(kind, rows)))) for kind in INTEGERS),
    ]
    return Table("table", tuple(columns))


def _lists(kind: Type, length: int) -> st.SearchStrategy[list[int]]:
    return st.lists(_numbers(kind), min_size=length, max_size=length)


@cache
def _numbers(kind: Type) -> st.SearchStrategy[int]:
    """Unsigned numbers of a type, the ends of its range and addresses more often than by chance."""
    top = 1 << kind.bits
    edges = [n % top for n in (0, 1, 2, 7, 8, kind.bits - 1, kind.bits, top // 2 - 1, top // 2, top - 1)]
    some = [st.sampled_from(edges), st.integers(0, top - 1)]
    if kind is Type.I64:
        some += [addresses(), st.integers(0, 300)]
    return st.one_of(some)


@cache
def addresses() -> st.SearchStrategy[int]:
    """Addresses in an image, at the edges of its pages, and in its holes."""
    return st.builds(
        lambda page, offset: page + offset,
        st.sampled_from(ADDRESSES),
        st.sampled_from([0, 8, 100, 1000, 4000, 4088, 4093, 4095]),
    )


@cache
def _between(low: int, high: int) -> st.SearchStrategy[int]:
    return st.integers(low, high)


@dataclass(frozen=True)
class _World:
    """The declarations of a program."""

    buffers: tuple[Buffer, ...]
    tables: tuple[Table, ...]
    dicts: tuple[Dict, ...]
    streams: tuple[Stream, ...]
    stashes: tuple[Stash, ...]

    def program(self, functions: tuple[Function, ...]) -> Program:
        return Program(FILES, self.buffers, self.tables, self.dicts, self.streams, functions, self.stashes)


def _helper(draw: st.DrawFn, world: _World, callees: Sequence[Function], number: int, statements: int) -> Function:
    kinds = draw(st.lists(st.sampled_from(_OFTEN), max_size=5))
    result = draw(st.sampled_from([*_OFTEN, None]))
    b = FunctionBuilder(f"helper{number}", [(f"p{i}", kind) for i, kind in enumerate(kinds)], result)
    writer = _Writer(draw, world, callees, b, MAX_FRAMES - 2 - number)
    writer.values += b.parameters
    writer.statements(statements)
    return b.finish(writer.pick(result) if result else None)


def _main(draw: st.DrawFn, world: _World, callees: Sequence[Function], statements: int) -> Function:
    """Everything happens in an attempt, whose handler notes the fault; then the values at hand are written out."""
    b = FunctionBuilder("main")
    writer = _Writer(draw, world, callees, b, MAX_FRAMES - 1)
    writer.main = True
    with b.attempt() as attempt:
        with attempt.body(), writer.scope():
            if world.stashes:
                writer.first_row()
            writer.statements(2 * statements)
            writer.show()
        with attempt.handler():
            b.store("out", attempt.code, imm=240)
            b.store("out", attempt.detail, imm=248)
    return b.finish()


@dataclass(frozen=True)
class _Handle:
    """A record that is visible, and how many bytes it certainly has."""

    value: Value
    stream: Stream
    size: int


class _Scope:
    """What is visible is cut back at the end of a region."""

    def __init__(self, writer: _Writer) -> None:
        self._writer = writer

    def __enter__(self) -> None:
        self._marks = len(self._writer.values), len(self._writer.records)

    def __exit__(self, *_: object) -> None:
        del self._writer.values[self._marks[0] :]
        del self._writer.records[self._marks[1] :]


class _Writer:
    """Writes the body of one function, one random operation after the other."""

    def __init__(
        self, draw: st.DrawFn, world: _World, callees: Sequence[Function], b: FunctionBuilder, frames_left: int
    ) -> None:
        self.draw = draw
        self.world = world
        self.callees = callees
        self.b = b
        self.frames_left = frames_left
        self.values: list[Value] = []
        self.records: list[_Handle] = []
        self.depth = 0
        self.main = False
        self.loops = 0
        self._line = 0

    # Choices

    def choose(self, options: Sequence[T]) -> T:
        return options[self.number(0, len(options) - 1)]

    def number(self, low: int, high: int) -> int:
        return self.draw(_between(low, high))

    def chance(self, of: int) -> bool:
        """True once in `of` times."""
        return self.number(1, of) == of

    def kind(self) -> Type:
        return self.choose(_OFTEN)

    def pick(self, kind: Type) -> Value:
        """A visible value of the type, mostly a late one, or a constant."""
        usable = [value for value in self.values if value.type is kind]
        if usable and not self.chance(4):
            return usable[-1 - min(self.number(0, 6), len(usable) - 1)]
        return self.b.const(self.draw(_numbers(kind)), kind)

    def address(self) -> Value:
        """An address: what is at hand, or one that may well be readable."""
        return self.pick(Type.I64) if self.chance(3) else self.b.const(self.draw(addresses()))

    def scope(self) -> _Scope:
        return _Scope(self)

    # Structure

    def statements(self, count: int) -> None:
        for _ in range(self.number(1, count)):
            self._line += 1
            with self.b.at(Location(self.number(0, len(FILES) - 1), self._line) if self.number(0, 1) else None):
                self._statement()

    def _statement(self) -> None:
        flat = [self._compute, self._compute, self._compute, self._buffers, self._target, self._tables]
        flat += [self._dicts, self._begin, self._record, self._record]
        if self.world.stashes:
            flat += [self._fetch_add, *([self._keep] if self.main and self.depth == 0 else [])]
        nested = [self._if, self._switch, self._loop, self._attempt, self._call, self._call]
        options: list[Callable[[], None]] = flat + (nested if self.depth < 3 else [])
        statement = self.choose(options)
        if self.depth == 0 and statement in self._risky() and not self.chance(2 if statement == self._call else 8):
            self._guarded(statement)
        else:
            statement()

    def _risky(self) -> list[Callable[[], None]]:
        """What may fault, which at the outermost level would end the function early more often than not."""
        return [
            self._buffers,
            self._target,
            self._record,
            self._if,
            self._switch,
            self._loop,
            self._attempt,
            self._call,
        ]

    def _guarded(self, statement: Callable[[], None]) -> None:
        """The statement in an attempt that gives on its last value, and the detail of a fault."""
        with self.b.attempt(Type.I64) as attempt:
            with attempt.body(), self.scope():
                statement()
                attempt.yield_(self.pick(Type.I64))
            with attempt.handler():
                attempt.yield_(attempt.detail)
        self.values.append(attempt.result)

    def region(self, *kinds: Type) -> None:
        """The operations of a region, which ends by yielding values of these types, or else."""
        self.depth += 1
        with self.scope():
            self.statements(4)
            ending = self.number(0, 15)
            if ending == 15:
                self.b.raise_(FAULT_USER + self.number(0, 3), self.pick(Type.I64))
            elif ending == 14 and self.loops:
                self.b.break_()
            elif kinds or ending == 13:
                self.b.yield_(*(self.pick(kind) for kind in kinds))
        self.depth -= 1

    def _kinds(self) -> list[Type]:
        return [self.kind() for _ in range(self.number(0, 2))]

    def _if(self) -> None:
        condition, kinds = self.pick(Type.I1), self._kinds()
        if not kinds and self.number(0, 1):
            with self.b.if_(condition):
                self.region()
            return
        with self.b.if_else(condition, *kinds) as choice:
            with choice.then():
                self.region(*kinds)
            with choice.otherwise():
                self.region(*kinds)
        self.values += choice.results

    def _switch(self) -> None:
        value = self.pick(self.kind())
        cases = self.draw(st.sets(_numbers(value.type), max_size=3))
        with self.b.switch(value) as switch:
            for number in sorted(cases):
                with switch.case(number):
                    self.region()

    def _loop(self) -> None:
        if self.frames_left <= 0 or self.loops >= 2:
            return self._compute()
        count = self.pick(Type.I64)
        self.loops += 1
        self.frames_left -= 1
        with self.b.loop(count, self.number(1, 4)) as index, self.scope():
            self.values.append(index)
            self.region()
        self.frames_left += 1
        self.loops -= 1
        return None

    def _attempt(self) -> None:
        kinds = self._kinds()
        with self.b.attempt(*kinds) as attempt:
            with attempt.body():
                self.region(*kinds)
            with attempt.handler(), self.scope():
                self.values += [attempt.code, attempt.detail]
                self.region(*kinds)
        self.values += attempt.results

    def _call(self) -> None:
        fitting = [f for f in self.callees if self._frames(f) <= self.frames_left]
        if not fitting or self.loops > 1:
            return self._compute()
        callee = self.choose(fitting)
        arguments = [self.pick(parameter.type) for parameter in callee.parameters]
        if callee.result is None or self.number(0, 3) == 0:
            self.b.call(callee.name, *arguments)
        else:
            self.values.append(self.b.call_value(callee.result, callee.name, *arguments))
        return None

    def _frames(self, function: Function) -> int:
        """Frames that a call of the function takes."""
        caller = FunctionBuilder("main")
        caller.call(function.name)
        return len(frames(self.world.program((*self.callees, caller.finish())))) - 1

    # Operations

    def _compute(self) -> None:
        kind = self.kind()
        b = self.b
        match self.number(0, 5):
            case 0 | 1:
                ops = list(BinaryOp) if kind is not Type.I1 else [BinaryOp.AND, BinaryOp.OR, BinaryOp.XOR]
                result = b.binary(self.choose(ops), self.pick(kind), self.pick(kind))
            case 2:
                result = b.compare(self.choose(list(CompareOp)), self.pick(kind), self.pick(kind))
            case 3:
                result = self._convert(kind)
            case 4:
                result = b.select(self.pick(Type.I1), self.pick(kind), self.pick(kind))
            case _:
                result = b.ugt(b.clock(), 0)
        self.values.append(result)

    def _convert(self, kind: Type) -> Value:
        operand = self.pick(self.kind())
        widening = self.choose([ConvertOp.ZEXT, ConvertOp.SEXT])
        return self.b.convert(widening if kind.bits > operand.type.bits else ConvertOp.TRUNC, kind, operand)

    def _index(self, buffer: Buffer, length: int) -> tuple[Value | None, int]:
        """An index at which `length` bytes are within the buffer."""
        if self.number(0, 1):
            return None, self.number(0, buffer.size + buffer.slack - length)
        return self.pick(Type.I64), self.number(0, buffer.slack + 1 - length)

    def _buffers(self) -> None:
        buffer = self.choose(self.world.buffers)
        kind = self.kind()
        match self.number(0, 4):
            case 0 | 1:
                self.values.append(self.b.load(kind, buffer.name, *self._index(buffer, kind.bytes)))
            case 2 | 3:
                self.b.store(buffer.name, self.pick(kind), *self._index(buffer, kind.bytes))
            case _:
                self._fill(self.world.buffers[-1])

    def _fetch_add(self) -> None:
        buffer = self.world.buffers[0]
        offset, imm = (
            (None, 8 * self.number(0, 27)) if self.number(0, 1) else (self.pick(Type.I64), 8 * self.number(0, 1))
        )
        self.values.append(self.b.fetch_add(buffer.name, self.pick(Type.I64), offset, imm))

    def _fill(self, buffer: Buffer) -> None:
        if self.number(0, 1):
            limit = self.number(1, buffer.size)
            offset, imm = None, self.number(0, buffer.size + buffer.slack - limit)
        else:
            limit = self.number(1, buffer.slack)
            offset, imm = self.pick(Type.I64), self.number(0, buffer.slack - limit)
        self.b.fill(buffer.name, self.address(), self.pick(Type.I64), limit, offset, imm)

    def _target(self) -> None:
        kind = self.kind() if self.number(0, 1) else Type.I64
        self.values.append(self.b.read(kind, self.address()))

    def _tables(self) -> None:
        (table,) = self.world.tables
        if self.number(0, 2) == 0:
            column = table.column("lo" if self.number(0, 1) else "short")
            self.values.append(self.b.search(table.name, column.name, self.pick(column.type)))
        else:
            column = self.choose(table.columns)
            self.values.append(self.b.table_get(column.type, table.name, column.name, self.pick(Type.I64)))

    def _dicts(self) -> None:
        name = self.choose(self.world.dicts).name
        key = self.b.const(self.number(0, 5)) if self.number(0, 2) else self.pick(Type.I64)
        match self.number(0, 3):
            case 0:
                self.b.dict_delete(name, key)
            case 1:
                self.values.append(self.b.dict_get(name, key, self.pick(Type.I64)))
            case _:
                self.values.append(self.b.dict_put(name, key, self.pick(Type.I64)))

    # Records

    def first_row(self) -> None:
        """Begin an output, whose first record is always one of the first stream."""
        self.records = [_Handle(self.b.begin(self.world.streams[0].name), self.world.streams[0], 8)]

    def _keep(self) -> None:
        """Keep the output, take back one, or drop it; records begun before are gone."""
        stream, stash = self.world.streams[0], self.world.stashes[0].name
        match self.number(0, 3):
            case 0:
                self.b.discard()
                self.first_row()
            case 1:
                self.values.append(self.b.save(stash, self.number(0, 3)))
                self.first_row()
            case _:
                length = self.b.restore(stash, self.number(0, 3))
                with self.b.if_(self.b.eq(length, 0)):
                    self.b.begin(stream.name)
                self.records = [_Handle(self.b.reopen(stream.name, 8), stream, stream.size)]
                self.values.append(length)

    def _begin(self) -> None:
        stream = self.choose(self.world.streams)
        if stream.fields:
            self.records.append(_Handle(self.b.begin(stream.name), stream, stream.size))
            return
        limit = self.choose([1, 8, 30, 64, 4096, MAX_RECORD_BYTES])
        length = self.pick(Type.I64)
        size = 8
        if least := self.choose((0, 0, 16, 32768)):
            length = self.b.or_(length, least)
            size = max(8, -(-min(least, limit) // 8) * 8)
        self.records.append(_Handle(self.b.reserve(stream.name, length, limit), stream, size))

    def _record(self) -> None:
        if not self.records:
            return self._begin()
        handle = self.choose(self.records)
        if self.number(0, 5) == 0:
            self.values.append(self.b.position(handle.value))
            return None
        fields = [field for field in handle.stream.fields if field.type]
        if fields and self.number(0, 1):
            field = self.choose(fields)
            assert field.type is not None
            if self.number(0, 2):
                self.b.put(handle.value, self.pick(field.type), field=field.name)
            else:
                self.values.append(self.b.get(field.type, handle.value, field=field.name))
            return None
        return self._bytes(handle)

    def _bytes(self, handle: _Handle) -> None:
        """An integer to or from a place among bytes, or a copy there."""
        wide = [field for field in handle.stream.fields if not field.type]
        if handle.stream.fields and not wide:
            return
        name, room = (wide[0].name, wide[0].length) if wide else (None, handle.size)
        copied = self.number(0, 2) == 0
        kind = self.kind()
        length = self.number(1, min(room, 4096)) if copied else kind.bytes
        offset, imm = self._place(room - length)
        if copied:
            self.b.copy(handle.value, self.address(), self.pick(Type.I64), length, name, offset, imm)
        elif self.number(0, 1):
            self.b.put(handle.value, self.pick(kind), name, offset, imm)
        else:
            self.values.append(self.b.get(kind, handle.value, name, offset, imm))

    def _place(self, room: int) -> tuple[Value | None, int]:
        """An offset and a constant that together are at most `room`, which is less than a record."""
        if self.number(0, 1):
            return None, self.number(0, room)
        mask = (1 << ((room + 1).bit_length() - 1)) - 1
        return self.b.and_(self.pick(Type.I64), mask), self.number(0, room - mask)

    def show(self) -> None:
        """Write the last values to the host, so that what they are matters."""
        for place, value in enumerate(self.values[-28:]):
            self.b.store("out", value, imm=8 * place)
