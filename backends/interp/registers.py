"""Where the values of a function are kept: registers, shared by values that aren't needed at the same time.

A value has its register from its definition to the end of the last operation, of the region that it is defined in,
that uses it or holds a region that does. What is defined before a loop and used in it is thus kept all the loop long.
Constants have registers of their own, filled before the function starts. A `zext`, and the position of a record, are
the number that is there already: they are other names of the same register.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping

from sey.ir.nodes import Attempt, Const, Convert, ConvertOp, Function, If, Loop, Op, Position, Region, Value
from sey.ir.operands import operands
from sey.ir.rewrite import regions_of, walk


class Registers:
    """The registers of a function, while it is lowered."""

    def __init__(self, function: Function) -> None:
        self.constants: list[int] = []
        self.used = 0
        """How many registers there are so far, constants apart."""
        self._free: list[int] = []
        self._places: dict[str, int] = {}
        self._pool: dict[int, int] = {}
        self._used_by: dict[int, set[str]] = {}
        self._same = _same(function)
        self._constant_of = {op.result.name: op.value for op in walk(function.body) if isinstance(op, Const)}

    def root(self, name: str) -> str:
        """The first name of a value."""
        while name in self._same:
            name = self._same[name]
        return name

    def take(self) -> int:
        """A register for as long as it isn't given back."""
        if self._free:
            return heapq.heappop(self._free)
        self.used += 1
        return self.used - 1

    def take_block(self, count: int) -> int:
        """The first of so many registers in a row."""
        free = sorted(self._free)
        for last in range(count - 1, len(free)):
            first = free[last] - count + 1
            if free[last - count + 1] == first:
                del free[last - count + 1 : last + 1]
                self._free = free  # Sorted, so still a heap.
                return first
        self.used += count
        return self.used - count

    def give_back(self, register: int) -> None:
        """A register that is needed no more."""
        heapq.heappush(self._free, register)

    def define(self, value: Value) -> int:
        """A register for a value."""
        register = self._places[value.name] = self.take()
        return register

    def forget(self, name: str) -> None:
        """A value that is needed no more."""
        register = self._places.pop(name, None)
        if register is not None:
            self.give_back(register)

    def of(self, value: Value) -> int:
        """The register of a value; those of constants count from `CONSTANTS` on."""
        name = self.root(value.name)
        number = self._constant_of.get(name)
        return self._places[name] if number is None else self._constant(number)

    def _constant(self, number: int) -> int:
        if number not in self._pool:
            self._pool[number] = CONSTANTS + len(self.constants)
            self.constants.append(number)
        return self._pool[number]

    def last_uses(self, region: Region) -> Mapping[int, list[str]]:
        """For each operation of a region, by its place, the values defined in it that are needed no more after it."""
        defined: set[str] = set()
        last: dict[str, int] = {}
        for place, op in enumerate(region.ops):
            names = [value.name for value in _results(op)]
            defined.update(names)
            last.update(dict.fromkeys(names, place))
            for used in self._uses(op):
                if used in defined:
                    last[used] = place
        ends: dict[int, list[str]] = {}
        for name, place in last.items():
            ends.setdefault(place, []).append(name)
        return ends

    def _uses(self, op: Op) -> set[str]:
        """Roots of what an operation uses, its regions included."""
        found = self._used_by.get(id(op))
        if found is None:
            found = {self.root(value.name) for value in operands(op)}
            for region in regions_of(op):
                for inner in region.ops:
                    found |= self._uses(inner)
            self._used_by[id(op)] = found
        return found


CONSTANTS = 1 << 32
"""Where the registers of constants start while it isn't known how many others there are."""


def _same(function: Function) -> dict[str, str]:
    """Values that are another one under a new name."""
    same: dict[str, str] = {}
    for op in walk(function.body):
        match op:
            case Convert(result, ConvertOp.ZEXT, operand):
                same[result.name] = operand.name
            case Position(result, record):
                same[result.name] = record.name
    return same


def _results(op: Op) -> tuple[Value, ...]:
    """What an operation defines in its own region."""
    match op:
        case If(results=results) | Attempt(results=results):
            return results
        case Convert(op=ConvertOp.ZEXT) | Position() | Loop():
            return ()
        case _:
            result: Value | None = getattr(op, "result", None)
            return () if result is None else (result,)
