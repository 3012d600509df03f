"""The environment in which operations are lowered: one LLVM function, a *piece* of a function of the program.

The body of a function is a piece, the body of each of its loops another (a callback of `bpf_loop`). All pieces of a
function share its frame. A piece knows where each value is, which pointers to records are at
hand, and where a fault goes.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from sey.backends.ebpf.debug import Debug
from sey.backends.ebpf.effects import Effects
from sey.backends.ebpf.layout import FAULT, STATE, STATE_OPAQUE, STATE_READ, Frame, Symbols, llvm_type
from sey.backends.ebpf.slot import Slot
from sey.backends.ebpf.writer import Writer
from sey.ir.nodes import Column, Function, Location, Program, Type, Value

HELPER_LOOKUP, HELPER_UPDATE, HELPER_DELETE, HELPER_CLOCK, HELPER_LOOP, HELPER_COPY = 1, 2, 3, 5, 181, 191
HELPER_READ_USER, HELPER_READ_KERNEL, HELPER_COPY_USER = 112, 113, 148
"""Numbers of the kernel's helper functions (include/uapi/linux/bpf.h)."""

MAX_POINTERS = 2
"""Pointers to records kept at hand: each takes a register that survives calls, and there are four."""


class Kind(enum.Enum):
    """What a piece is, which decides how it is left."""

    MAIN = "main"
    EVENT = "event"
    FUNCTION = "function"
    LOOP = "loop"
    PART = "part"

    @property
    def leave(self) -> str:
        """The instruction that leaves after a fault."""
        return _LEAVE.get(self, "ret i64 1")

    @property
    def end_loop(self) -> str:
        """The instruction that leaves by a break."""
        return "ret i64 2" if self is Kind.PART else "ret i64 1"

    @property
    def finish(self) -> str:
        """The instruction that ends the function, or the turn of a loop, in the usual way."""
        return _LEAVE.get(self, "ret i64 0")


DONE = "done"
"""The block behind `main` in the entry of an event program."""
_LEAVE = {Kind.MAIN: "ret i32 0", Kind.EVENT: f"br label %{DONE}"}
"""How the pieces end that the kernel calls."""


class Record(NamedTuple):
    """What is known of a record: its stream, and bytes that it has at most."""

    stream: str
    room: int


@dataclass
class Unit:
    """What all pieces of a program share."""

    program: Program
    symbols: Symbols
    frames: dict[str, Frame]
    effects: Effects
    debug: Debug
    functions: list[str] = field(default_factory=list)
    """Texts of the finished LLVM functions."""
    columns: dict[tuple[str, str], Column] = field(default_factory=dict)
    """The columns of tables that the code reads."""
    outlined: frozenset[int] = frozenset()
    """The `id`s of regions that become pieces of their own (`outline.py`)."""
    tail: int = 8
    """Bytes behind all else in each section that is written: as far as the mask of a size reaches past its limit."""
    host: Mapping[str, int] = field(default_factory=dict)
    """The sizes of what the machine itself shares with the host, by symbol."""
    slot: Slot | None = None
    """Where an event program has what isn't the host's; None in a snapshot's, which has globals for it."""

    def __post_init__(self) -> None:
        self.buffers = {buffer.name: buffer for buffer in self.program.buffers}
        self.tables = {table.name: table for table in self.program.tables}
        self.streams = {stream.name: (number, stream) for number, stream in enumerate(self.program.streams)}
        self.stashes = {stash.name: stash for stash in self.program.stashes}
        self._pieces: dict[str, int] = {}

    def piece_symbol(self, function: str, kind: Kind) -> str:
        """A new symbol for a loop or a part of the function."""
        self._pieces[function] = self._pieces.get(function, 0) + 1
        return f"{kind.value}{self._pieces[function]}_{self.symbols.functions[function]}"


class Piece:
    """One LLVM function being written."""

    def __init__(self, unit: Unit, function: Function, kind: Kind, writer: Writer, subprogram: str) -> None:
        self.unit = unit
        self.function = function
        self.kind = kind
        self.writer = writer
        self.frame = unit.frames[function.name]
        self.handlers: list[str] = []
        """Labels of the handlers of the enclosing attempts in this piece, innermost last."""
        self.context = "%ctx"
        """Pointer to the pointer to the task that is read, or to the slot of an event."""
        self.constants: dict[str, int] = {}
        self.records: dict[str, Record] = {}
        """Each record that is visible."""
        self._subprogram = subprogram
        self._registers: dict[str, str] = {}
        self._plain: dict[str, frozenset[str]] = {}
        self._compared: set[str] = set()
        self._recent: dict[str, str] = {}
        self._pointers: dict[str, str] = {}
        self._slot: str | None = None
        self._landing: str | None = None
        self._leave: str | None = None
        self.locate(function.loc)

    def locate(self, loc: Location | None) -> None:
        """Make that place the one of the instructions that follow."""
        self.writer.location = self.unit.debug.location(self._subprogram, loc)

    # Values

    def use(self, value: Value) -> str:
        """The operand for a value: a constant, a register, or what its slot in the frame holds."""
        name = value.name
        if name in self.constants:
            return str(self.constants[name])
        if name in self._registers:
            return self._registers[name]
        if name not in self._recent:
            self._remember(name, self.load(value.type, self.slot(name)))
        return self._recent[name]

    def define(self, value: Value, operand: str, *, plain: bool = False) -> None:
        """Give a value its operand. `plain`: the verifier knows no more of it than that it is a number."""
        if plain:
            self._fresh(operand)
        if value.name in self.frame.in_memory:
            self.store(value.type, operand, self.slot(value.name))
            self._remember(value.name, operand)
        else:
            self._registers[value.name] = operand

    def slot(self, name: str, *, of: Frame | None = None) -> str:
        """The address of a slot of this function's frame, or of another's."""
        frame = of or self.frame
        return self.memory(frame.symbol, frame.slot(name))

    def memory(self, symbol: str, offset: int = 0) -> str:
        """The address of a place in one of the program's memories, to be used before the next call or block."""
        layout = self.unit.slot
        if layout is None or symbol not in layout:
            return offset_pointer(f"@{symbol}", offset)
        self._slot = self._slot or self.writer.value(f"load ptr, ptr {self.context}, align 8")
        return self.writer.value(layout.pointer(self._slot, symbol, offset))

    def landing(self) -> str:
        """Where an integer of the target is read to.

        In a slot the kernel would look for the memory area that it is in, to see whether it ends there: half of what
        a read takes.
        """
        if self.unit.slot is None:
            return self.memory(STATE, STATE_READ)
        self._landing = self._landing or self.writer.place()
        return self._landing

    def load(self, kind: Type, address: str) -> str:
        """An integer from our own memory. i1 lies there as a byte."""
        if kind is not Type.I1:
            result = self.writer.value(f"load {_memory_type(kind)}, ptr {address}, align {kind.bytes}")
            return self._fresh(result)
        byte = self.writer.value(f"load i8, ptr {address}, align 1")
        return self.writer.value(f"trunc i8 {byte} to i1")

    def store(self, kind: Type, operand: str, address: str) -> None:
        """An integer to our own memory."""
        if kind is Type.I1:
            operand = operand if operand.isdigit() else self.writer.value(f"zext i1 {operand} to i8")
        self.writer.effect(f"store {_memory_type(kind)} {operand}, ptr {address}, align {kind.bytes}")

    def mark_plain(self, result: str, *operands: str) -> str:
        """Note that the result is as unknown to the verifier as the operands are; constants are."""
        registers = [operand for operand in operands if operand.startswith("%")]
        if all(register in self._plain for register in registers):
            self._plain[result] = frozenset().union(*(self._plain[register] for register in registers))
        return result

    def compared(self, *operands: str) -> None:
        """Note that the code branches on these: on each side the verifier knows another range of them."""
        for operand in operands:
            self._compared |= self._plain.get(operand, frozenset())

    def _fresh(self, register: str) -> str:
        """Note that the verifier knows nothing of a register."""
        self._plain[register] = frozenset((register,))
        return register

    def _unknown(self, operand: str) -> bool:
        roots = self._plain.get(operand)
        return roots is not None and self._compared.isdisjoint(roots)

    def opaque(self, operand: str) -> str:
        """The same i64, sent through memory that the compiler must not look through.

        After that neither LLVM, which would drop the mask that follows, nor the kernel's verifier, which would follow
        every path that leads to a different constant, knows anything of it.
        """
        slot = self.memory(STATE, STATE_OPAQUE)
        self.writer.effect(f"store volatile i64 {operand}, ptr {slot}, align 8")
        return self._fresh(self.writer.value(f"load volatile i64, ptr {slot}, align 8"))

    def masked(self, operand: str, mask: int) -> str:
        """The i64 with all bits outside the mask cleared, right here: safe as an offset or a size."""
        if not self._unknown(operand):
            operand = self.opaque(operand)
        return self.writer.value(f"and i64 {operand}, {mask}")

    def at_most(self, operand: str, limit: int, mask: int | None = None) -> str:
        """The smaller of an i64 and a limit; the verifier sees the mask, or nothing where that is None."""
        over = self.writer.value(f"icmp ugt i64 {operand}, {limit}")
        least = self.opaque(self.writer.choose(over, "i64", str(limit), operand))
        return least if mask is None else self.masked(least, mask)

    def _remember(self, name: str, operand: str) -> None:
        """Keep the register of a value in memory for the next uses, until a call or the end of the block."""
        self._recent[name] = operand
        if len(self._recent) > 2:
            del self._recent[next(iter(self._recent))]

    # Calls and blocks

    def call(self, helper: int, arguments: str, result: str = "i64") -> str:
        """Call a helper of the kernel."""
        self._forget()
        return self.writer.value(f"call {result} inttoptr (i64 {helper} to ptr)({arguments})")

    def call_piece(self, symbol: str) -> str:
        """Call another function of the program; the result is 1 after a fault."""
        self._forget()
        return self.writer.value(f"call i64 @{symbol}(ptr {self.context})")

    def start(self, label: str) -> None:
        """Start a block."""
        self._forget()
        self.writer.start(label)

    def _forget(self) -> None:
        """Have nothing at hand that would take a register across a call or into another block."""
        self._recent.clear()
        self._slot = None

    @contextmanager
    def branch_scope(self) -> Iterator[None]:
        """Code that may not run: pointers found inside are forgotten after, those dropped inside stay dropped."""
        before = dict(self._pointers)
        yield
        self._pointers = {name: at for name, at in before.items() if self._pointers.get(name) == at}

    def pointer(self, name: str) -> str | None:
        """The pointer to the record of that name, where it is at hand."""
        return self._pointers.get(name)

    def keep_pointer(self, name: str, pointer: str) -> None:
        """Have the pointer to a record at hand from here on."""
        self._pointers.pop(name, None)
        if len(self._pointers) == MAX_POINTERS:
            del self._pointers[next(iter(self._pointers))]
        self._pointers[name] = pointer

    # Ends

    def leave_label(self) -> str:
        """The block that leaves the piece after a fault."""
        self._leave = self._leave or self.writer.fresh("leave")
        return self._leave

    def fault(self, code: int, detail: str) -> None:
        """End the block by a fault."""
        self.store(Type.I32, str(code), self.memory(FAULT))
        self.store(Type.I64, detail, self.memory(FAULT, 8))
        self.writer.jump(self.fault_label())

    def fault_label(self) -> str:
        """Where a fault that is already noted goes on."""
        return self.handlers[-1] if self.handlers else self.leave_label()

    def close(self) -> None:
        """Finish the text of the piece and hand it in."""
        if self._leave is not None:
            self.start(self._leave)
            self.writer.end(self.kind.leave)
        self.unit.functions.append(self.writer.text())


def offset_pointer(base: str, offset: int) -> str:
    """A constant address: so many bytes behind a symbol."""
    return base if offset == 0 else f"getelementptr (i8, ptr {base}, i64 {offset})"


def zext(piece: Piece, value: Value) -> str:
    """The value as an i64."""
    operand = piece.use(value)
    if value.type.bits == 64 or value.name in piece.constants:
        return operand
    return piece.mark_plain(piece.writer.value(f"zext {llvm_type(value)} {operand} to i64"), operand)


def _memory_type(kind: Type) -> str:
    return f"i{8 * kind.bytes}"
