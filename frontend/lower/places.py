"""Places: where a value is while a program runs, and how its bytes get into SSA values and records.

The variables of a frame are brought together in slots of the buffer `@vars` by the prelude's `@fetch`, wherever the
compiler keeps them; code only tells slots from memory. Using what isn't there faults with the slot, which holds why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sey.frontend.debuginfo.model import GoType
from sey.ir.builder import FunctionBuilder
from sey.ir.nodes import FAULT_USER, Type, Value
from sey.ir.plan import Status

INT_TYPES = {1: Type.I8, 2: Type.I16, 4: Type.I32, 8: Type.I64}
SLOT_FAULT = FAULT_USER + 66
"""The fault of a variable that is missing, wholly or in the part asked for; its detail is the slot."""
SLOT_BYTES = 256
MAX_SLOTS = 64
MAX_VALUE = 128
"""Longer variables are in memory, at the address in the slot."""
_ADDRESS, _MASKS, _VALUE = 8, 16, 32


@dataclass(frozen=True)
class Memory:
    """Target memory at an address (i64)."""

    address: Value


@dataclass(frozen=True)
class Slot:
    """Bytes from `offset` on of the value in the slot with that number."""

    number: int
    offset: int = 0

    @property
    def start(self) -> int:
        """Where the slot is in `@vars`."""
        return self.number * SLOT_BYTES


@dataclass(frozen=True)
class Words:
    """A value that is nowhere as such: the words (i64) that it consists of, each computed where it is asked for."""

    words: tuple[Callable[[], Value], ...]


Place = Memory | Slot | Words


class MissingError(Exception):
    """Known while lowering: the value can't be had here, for `status`."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.word)
        self.status = status


def raise_status(b: FunctionBuilder, status: Status, detail: Value | int = 0) -> None:
    """End the region: the value at hand is missing for the reason `status`."""
    b.raise_(FAULT_USER + status, detail)


def variable_place(b: FunctionBuilder, number: int, go_type: GoType) -> Place:
    """The place of the variable in a slot."""
    slot = Slot(number)
    return slot if go_type.size <= MAX_VALUE else Memory(address_of(b, slot))


def address_of(b: FunctionBuilder, place: Place) -> Value:
    """Where a place is in the target; faults for a variable that is in no one place of its memory."""
    if isinstance(place, Memory):
        return place.address
    if isinstance(place, Words):
        raise TypeError("what is made of words has no address")
    address = b.load(Type.I64, "vars", None, place.start + _ADDRESS)
    with b.if_(b.eq(address, 0)):
        b.raise_(SLOT_FAULT, place.start)
    return b.add(address, place.offset) if place.offset else address


def offset_place(b: FunctionBuilder, place: Place, offset: int) -> Place:
    """The place `offset` bytes further on."""
    match place:
        case Memory(address):
            return Memory(b.add(address, offset)) if offset else place
        case Slot(number, start):
            return Slot(number, start + offset)
        case Words(words):
            return Words(words[offset // 8 :])


def _require(b: FunctionBuilder, slot: Slot, size: int) -> None:
    """Fault unless `size` bytes of a slot from its offset on are there."""
    wanted = ((1 << size) - 1) << slot.offset
    for word in range(2):
        mask = wanted >> (64 * word) & (1 << 64) - 1
        if mask:
            there = b.and_(b.load(Type.I64, "vars", None, slot.start + _MASKS + 8 * word), mask)
            with b.if_(b.ne(there, mask)):
                b.raise_(SLOT_FAULT, slot.start)


def load_word(b: FunctionBuilder, place: Place, offset: int, size: int) -> Value:
    """`size` (1, 2, 4 or 8) bytes at `offset` of a place, zero-extended to i64; faults where they are missing."""
    match offset_place(b, place, offset):
        case Memory(address):
            return b.zext(Type.I64, b.read(INT_TYPES[size], address))
        case Slot() as slot:
            _require(b, slot, size)
            return b.zext(Type.I64, _slot_int(b, slot, 0, size))
        case Words(words):
            return words[0]()


def _slot_int(b: FunctionBuilder, slot: Slot, at: int, size: int) -> Value:
    return b.load(INT_TYPES[size], "vars", None, slot.start + _VALUE + slot.offset + at)


def store_value(b: FunctionBuilder, record: Value, member: str, place: Place, size: int, to: int = 0) -> None:
    """Copy `size` bytes of a place into the bytes field `member` of a record, from its byte `to` on."""
    match place:
        case Memory(address) if size in INT_TYPES:
            b.put(record, b.read(INT_TYPES[size], address), field=member, imm=to)
        case Memory(address) if size:
            b.copy(record, address, size, size, field=member, imm=to)
        case Slot() as slot:
            _require(b, slot, size)
            for at, width in _tiles(size):
                b.put(record, _slot_int(b, slot, at, width), field=member, imm=to + at)
        case Words(words):
            for i, word in enumerate(words[: size // 8]):
                b.put(record, word(), field=member, imm=to + 8 * i)


def _tiles(size: int) -> Iterator[tuple[int, int]]:
    """Offsets and widths of the integers that cover `size` bytes."""
    at = 0
    while at < size:
        width = next(w for w in (8, 4, 2, 1) if w <= size - at)
        yield at, width
        at += width
