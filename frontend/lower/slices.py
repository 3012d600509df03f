"""Slices `x[a:b]`, and elements of arrays by a computed index."""

from __future__ import annotations

from dataclasses import dataclass

from sey.frontend.debuginfo.model import GoType, Kind
from sey.frontend.lower.places import Memory, Place, Words, address_of, load_word, raise_status
from sey.ir.builder import FunctionBuilder
from sey.ir.nodes import BinaryOp, Value
from sey.ir.plan import Status

Bounds = tuple[Value | None, Value | None, Value | None]
"""Low, high and most of `x[low:high:most]`, extended to 64 bits by their types; None where left out."""


@dataclass(frozen=True)
class Whole:
    """What is sliced: a string, a slice or an array, at a place, with elements of `size` bytes."""

    type: GoType
    place: Place
    size: int

    def pointer(self, b: FunctionBuilder) -> Value:
        """The address of its first element; faults for an array that is in no memory."""
        return address_of(b, self.place) if self._is_array else load_word(b, self.place, 0, 8)

    def length(self, b: FunctionBuilder) -> Value:
        """How many elements or bytes there are."""
        return b.const(self.type.length or 0) if self._is_array else load_word(b, self.place, 8, 8)

    def capacity(self, b: FunctionBuilder) -> Value:
        """How far a slice of it may reach; faults where the compiler kept no capacity."""
        return load_word(b, self.place, 16, 8) if self.type.kind is Kind.SLICE else self.length(b)

    @property
    def _is_array(self) -> bool:
        return self.type.kind is Kind.ARRAY


def sliced(b: FunctionBuilder, whole: Whole, bounds: Bounds) -> Words:
    """Pointer, length and capacity of the slice; `absent` where Go would panic.

    A capacity is read only where it is asked for, or a bound is beyond the length: compilers keep many slices without
    theirs. Negative bounds are huge ones, so one comparison finds them.
    """
    pointer, length = whole.pointer(b), whole.length(b)
    low = b.const(0) if bounds[0] is None else bounds[0]
    high = length if bounds[1] is None else bounds[1]
    most = high if bounds[2] is None else bounds[2]
    _in_order(b, low, high)
    if bounds[2] is not None:
        _in_order(b, high, most)
    if bounds[1] is not None:
        with b.if_(b.ugt(most, length)):
            _in_order(b, most, whole.capacity(b))
    start, count = b.add(pointer, b.binary(BinaryOp.MUL, low, whole.size)), b.sub(high, low)

    def capacity() -> Value:
        return b.sub(whole.capacity(b) if bounds[2] is None else most, low)

    return Words((lambda: start, lambda: count, capacity))


def _in_order(b: FunctionBuilder, before: Value, after: Value) -> None:
    with b.if_(b.ugt(before, after)):
        raise_status(b, Status.ABSENT)


def array_element(b: FunctionBuilder, place: Place, at: Value, length: int, size: int) -> Place:
    """Element `at` of an array; `absent` outside of it. One that is in no memory has but one element."""
    with b.if_(b.uge(at, length)):
        raise_status(b, Status.ABSENT)
    return place if length == 1 else Memory(b.add(address_of(b, place), b.binary(BinaryOp.MUL, at, size)))
