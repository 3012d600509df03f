"""Run a program by walking its tree: the meaning of the IR in its simplest form, and the oracle of both backends.

machine = Machine(program, Image({0x1000: b"..."}))
machine.buffers["in_bias"][:8] = bias.to_bytes(8, "little")
machine.run()
machine.output(), machine.buffers["out_counters"]
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from sey.ir.arithmetic import binary, compare, convert
from sey.ir.nodes import (
    FAULT_FULL,
    FAULT_READ,
    MAX_RECORD_BYTES,
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
    Store,
    Switch,
    TableGet,
    Type,
    Value,
    Yield,
)
from sey.ir.outputs import Pages, Run

MASK64 = (1 << 64) - 1


class TargetMemory(Protocol):
    """The memory of the process that is looked at."""

    def read(self, address: int, length: int) -> bytes | None:
        """Exactly `length` (>= 1) bytes at an address, or None where not all of them can be read."""
        ...


class Image:
    """Memory made of readable ranges: bytes by their start; ranges that touch can be read across."""

    def __init__(self, ranges: Mapping[int, bytes]) -> None:
        self._ranges: list[tuple[int, bytearray]] = []
        for start, data in sorted(ranges.items()):
            if self._ranges and sum(_span(self._ranges[-1])) == start:
                self._ranges[-1][1].extend(data)
            else:
                self._ranges.append((start, bytearray(data)))

    def read(self, address: int, length: int) -> bytes | None:
        """See `TargetMemory`."""
        for start, data in self._ranges:
            if start <= address and address + length <= start + len(data):
                return bytes(data[address - start : address - start + length])
        return None


def _span(piece: tuple[int, bytearray]) -> tuple[int, int]:
    return piece[0], len(piece[1])


class Fault(Exception):  # noqa: N818 - the contract's word
    """A fault on its way to the enclosing attempt."""

    def __init__(self, code: int, detail: int) -> None:
        super().__init__(f"fault {code}, detail {detail:#x}")
        self.code, self.detail = code, detail


class OutsideRecordError(Exception):
    """The program reached past the end of a record, which a correct program never does."""


class _Record(NamedTuple):
    """A handle: where the record starts in the output, its bytes, and its stream."""

    position: int
    size: int
    stream: str


class _Broken(NamedTuple):
    """How a region ended that ended in `break`."""


_Scalar = int | _Record
_End = tuple[int, ...] | _Broken
"""How a region ended: the values yielded, or a break."""


@dataclass
class Machine:
    """A machine with all memories zero; verified programs only. `pages`: how many pages of output there are.

    As a machine of an event program (`event`) it can run any number of times, and keeps all memories but the output.
    """

    program: Program
    memory: TargetMemory
    pages: int = 64
    clock: Callable[[], int] = time.monotonic_ns
    event: bool = False
    dicts: dict[str, dict[int, int]] = field(init=False)
    """Entries by name of the dict; those of host dicts may be filled before the run."""
    buffers: dict[str, bytearray] = field(init=False)
    """The bytes of each buffer and its slack, to write before the run and to read after it."""
    stashes: dict[str, dict[int, bytes]] = field(init=False)
    """Outputs kept, by stash and key."""
    _output: Pages | Run = field(init=False)

    def __post_init__(self) -> None:
        self._output = Run() if self.event else Pages(self.pages)
        self.stashes = {each.name: {} for each in self.program.stashes}
        self.rooms = {each.name: (each.capacity, each.size) for each in self.program.stashes}
        self.dicts = {each.name: {} for each in self.program.dicts}
        self.buffers = {b.name: bytearray(b.size + b.slack) for b in self.program.buffers}
        self.sizes = {b.name: b.size for b in self.program.buffers}
        self.tables = {t.name: {c.name: c for c in t.columns} for t in self.program.tables}
        self.capacity = {d.name: d.capacity for d in self.program.dicts}
        self.streams = {s.name: (number, s) for number, s in enumerate(self.program.streams)}
        self.functions = {f.name: f for f in self.program.functions}

    def run(self) -> None:
        """Call `main`: of an event program for each event, else once. Raises OutsideRecordError for its bugs."""
        if self.event:
            self._output = Run()
        self.call(self.functions["main"], ())

    def output(self) -> tuple[bytes, ...]:
        """The pages that were claimed, in order, each of PAGE_BYTES."""
        assert isinstance(self._output, Pages)
        return tuple(map(bytes, self._output.pages))

    def event_output(self) -> bytes:
        """What the last run of an event program put out."""
        return bytes(self.run_output().data)

    def run_output(self) -> Run:
        """The output of the run of an event program."""
        assert isinstance(self._output, Run), "not a machine of an event program"
        return self._output

    def call(self, function: Function, arguments: tuple[int, ...]) -> tuple[int, ...]:
        """What the function yields. Raises Fault."""
        values: dict[str, _Scalar] = {
            p.name: argument for p, argument in zip(function.parameters, arguments, strict=True)
        }
        end = _Frame(self, values).region(function.body)
        assert not isinstance(end, _Broken)
        return end

    # Output

    def claim(self, stream: str, size: int) -> _Record:
        """Room for `size` bytes. Raises Fault where there is none."""
        position = self._output.claim(self.streams[stream][0], size)
        if position is None:
            raise Fault(FAULT_FULL, 0)
        return _Record(position, size, stream)

    def place(
        self, record: _Record, name: str | None, offset: int | None, imm: int, length: int
    ) -> tuple[bytearray, int]:
        """Bytes of the output and the offset in them of `length` bytes of a record."""
        inside = imm + (offset or 0) % MAX_RECORD_BYTES
        if name is not None:
            inside += self.streams[record.stream][1].field(name).offset
        if inside + length > record.size:
            raise OutsideRecordError(f"bytes {inside} to {inside + length} of {record}")
        data, start = self._output.find(record.position)
        if start + inside + length > len(data):
            raise OutsideRecordError(f"{record} is not in the output")
        return data, start + inside

    # What is kept between runs

    def save(self, stash: str, key: int) -> int:
        """Keep the output under a key and take it away; 0 where that isn't possible."""
        kept, (capacity, size), output = self.stashes[stash], self.rooms[stash], self.run_output()
        data = bytes(output.data)
        output.data.clear()
        kept.pop(key, None)
        if len(data) > size:
            return 0
        if len(kept) >= capacity:
            del kept[next(iter(kept))]
        kept[key] = data
        return 1

    def restore(self, stash: str, key: int) -> int:
        """Make the output what is kept under a key, and forget that; its length."""
        output = self.run_output()
        output.data[:] = self.stashes[stash].pop(key, b"")
        return len(output.data)

    # The target

    def copy_in(self, destination: bytearray, at: int, address: int, length: int) -> None:
        """Bytes of the target; where one of them can't be read all of the destination is zero, and a fault."""
        if length == 0:
            return
        data = self.memory.read(address, length)
        destination[at : at + length] = data or bytes(length)
        if data is None:
            raise Fault(FAULT_READ, address)


class _Frame:
    """One call of a function: its values by name."""

    def __init__(self, machine: Machine, values: dict[str, _Scalar]) -> None:
        self._machine = machine
        self._values = values

    def region(self, region: Region) -> _End:
        for op in region.ops:
            end = self._step(op)
            if end is not None:
                return end
        raise AssertionError("a region ends in yield, break or raise")

    def _int(self, value: Value) -> int:
        found = self._values[value.name]
        assert isinstance(found, int)
        return found

    def _record(self, value: Value) -> _Record:
        found = self._values[value.name]
        assert isinstance(found, _Record)
        return found

    def _step(self, op: Op) -> _End | None:
        """Run one operation; how its region ended, if it did."""
        match op:
            case Yield(values):
                return tuple(map(self._int, values))
            case Break():
                return _Broken()
            case Raise(code, detail):
                raise Fault(code, self._int(detail))
            case If(results, condition, then, otherwise):
                return self._inner(then if self._int(condition) else otherwise, results)
            case Switch(value, cases, default):
                number = self._int(value)
                return self._inner(next((region for case, region in cases if case == number), default), ())
            case Loop():
                self._loop(op)
            case Attempt():
                return self._attempt(op)
            case Call(result, function, arguments):
                callee = self._machine.functions[function]
                yielded = self._machine.call(callee, tuple(map(self._int, arguments)))
                if result is not None:
                    self._values[result.name] = yielded[0]
            case Discard():
                self._machine.run_output().data.clear()
            case Store() | Fill() | DictDelete() | Put() | Copy():
                self._effect(op)
            case _:
                self._values[op.result.name] = self._value(op)
        return None

    def _inner(self, region: Region, results: tuple[Value, ...]) -> _End | None:
        end = self.region(region)
        if isinstance(end, _Broken):
            return end
        self._values.update({result.name: value for result, value in zip(results, end, strict=True)})
        return None

    def _loop(self, op: Loop) -> None:
        for index in range(min(self._int(op.count), op.limit)):
            self._values[op.index.name] = index
            if isinstance(self.region(op.body), _Broken):
                return

    def _attempt(self, op: Attempt) -> _End | None:
        try:
            return self._inner(op.body, op.results)
        except Fault as fault:
            self._values[op.code.name] = fault.code
            self._values[op.detail.name] = fault.detail
        return self._inner(op.handler, op.results)

    # Operations with a result

    def _value(self, op: Op) -> _Scalar:
        match op:
            case Const(_, value):
                return value
            case Binary(_, kind, left, right):
                return binary(kind, left.type.bits, self._int(left), self._int(right))
            case Compare(_, relation, left, right):
                return compare(relation, left.type.bits, self._int(left), self._int(right))
            case Convert(result, change, operand):
                return convert(change, operand.type.bits, result.type.bits, self._int(operand))
            case Select(_, condition, then, otherwise):
                return self._int(then if self._int(condition) else otherwise)
            case Clock():
                return self._machine.clock() & MASK64
            case Load(result, buffer, offset, imm):
                return _load(result.type, *self._index(buffer, offset, imm))
            case Read(result, address):
                data = bytearray(result.type.bytes)
                self._machine.copy_in(data, 0, self._int(address), len(data))
                return _load(result.type, data, 0)
            case Get(result, record, name, offset, imm):
                return _load(result.type, *self._place(record, name, offset, imm, result.type.bytes))
            case Begin(_, stream):
                return self._machine.claim(stream, self._machine.streams[stream][1].size)
            case Reserve(_, stream, length, limit):
                return self._machine.claim(stream, max(8, -(-min(self._int(length), limit) // 8) * 8))
            case Reopen(_, stream, position):
                return _Record(self._int(position), self._machine.streams[stream][1].size, stream)
            case Position(_, record):
                return self._record(record).position
            case _:
                return self._lookup(op)

    def _lookup(self, op: Op) -> int:
        match op:
            case TableGet(_, table, column, index):
                values = self._machine.tables[table][column].values
                row = self._int(index) % (1 << (len(values) - 1).bit_length())
                return values[row] if row < len(values) else 0
            case Search(_, table, column, key):
                values, wanted = self._machine.tables[table][column].values, self._int(key)
                return (bisect_right(values, wanted) - 1) & MASK64
            case DictGet(_, name, key, default):
                return self._machine.dicts[name].get(self._int(key), self._int(default))
            case DictPut(_, name, key, value):
                return self._put(name, self._int(key), self._int(value))
            case Save(_, stash, key):
                return self._machine.save(stash, self._int(key))
            case Restore(_, stash, key):
                return self._machine.restore(stash, self._int(key))
            case FetchAdd():
                return self._fetch_add(op)
        raise AssertionError(f"no operation: {op!r}")

    def _put(self, name: str, key: int, value: int) -> int:
        entries = self._machine.dicts[name]
        if key not in entries and len(entries) >= self._machine.capacity[name]:
            return 0
        entries[key] = value
        return 1

    def _fetch_add(self, op: FetchAdd) -> int:
        dynamic = self._int(op.offset) & (self._machine.sizes[op.buffer] - 8) if op.offset else 0
        data, at = self._machine.buffers[op.buffer], dynamic + op.imm
        before = _load(Type.I64, data, at)
        _store(Type.I64, data, at, before + self._int(op.value) & MASK64)
        return before

    # Operations without a result

    def _effect(self, op: Store | Fill | DictDelete | Put | Copy) -> None:
        match op:
            case Store(buffer, offset, imm, value):
                _store(value.type, *self._index(buffer, offset, imm), self._int(value))
            case Fill(buffer, offset, imm, address, length, limit):
                taken = min(self._int(length), limit)
                self._machine.copy_in(*self._index(buffer, offset, imm), self._int(address), taken)
            case DictDelete(name, key):
                self._machine.dicts[name].pop(self._int(key), None)
            case Put(record, name, offset, imm, value):
                place = self._place(record, name, offset, imm, value.type.bytes)
                _store(value.type, *place, self._int(value))
            case Copy(record, name, offset, imm, address, length, limit):
                taken = min(self._int(length), limit)
                place = self._place(record, name, offset, imm, taken)
                self._machine.copy_in(*place, self._int(address), taken)

    def _index(self, buffer: str, offset: Value | None, imm: int) -> tuple[bytearray, int]:
        dynamic = self._int(offset) & (self._machine.sizes[buffer] - 1) if offset else 0
        return self._machine.buffers[buffer], dynamic + imm

    def _place(
        self, record: Value, name: str | None, offset: Value | None, imm: int, length: int
    ) -> tuple[bytearray, int]:
        dynamic = self._int(offset) if offset else None
        return self._machine.place(self._record(record), name, dynamic, imm, length)


def _load(kind: Type, data: bytearray, at: int) -> int:
    return int.from_bytes(data[at : at + kind.bytes], "little") & ((1 << kind.bits) - 1)


def _store(kind: Type, data: bytearray, at: int, value: int) -> None:
    data[at : at + kind.bytes] = value.to_bytes(kind.bytes, "little")
