"""Writes the text of one function: lines, fresh names, blocks and registers."""

from __future__ import annotations

from sey.backends.interp.format import Function
from sey.backends.interp.ops import KINDS, NONE

MASK64 = (1 << 64) - 1
RESULT = "{ i64, i64 }"
"""What a function gives: a status (0: all is well, 1: a fault, 2: the run is ended), and its result."""
UNLIKELY = ", !prof !1"
"""Behind a branch that is hardly ever taken."""


class Writer:
    """The text of a function so far. A register is a place on the stack, which LLVM turns into values."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.lines: list[str] = []
        self._fresh = 0

    def add(self, line: str) -> None:
        """One line."""
        self.lines.append(line)

    def name(self) -> str:
        """A name that is new in the function."""
        self._fresh += 1
        return f"t{self._fresh}"

    def value(self, text: str) -> str:
        """The value of an instruction."""
        self._fresh += 1
        self.lines.append(f"  %t{self._fresh} = {text}")
        return f"%t{self._fresh}"

    def block(self, name: str) -> None:
        """Begin a block."""
        self.lines.append(f"{name}:")

    def go(self, name: str) -> None:
        """End a block."""
        self.lines.append(f"  br label %{name}")

    def branch(self, condition: str, then: str, otherwise: str, hint: str = "") -> None:
        """End a block with a choice."""
        self.lines.append(f"  br i1 {condition}, label %{then}, label %{otherwise}{hint}")

    def register(self, number: int) -> str:
        """The number in a register."""
        variables = self.function.variables
        if number >= variables:
            return str(self.function.constants[number - variables])
        return self.value(f"load i64, ptr %r{number}")

    def set(self, number: int, value: str) -> None:
        """Write a register."""
        self.lines.append(f"  store i64 {value}, ptr %r{number}")

    def optional(self, number: int) -> str | None:
        """The number in a register that may be missing."""
        return None if number == NONE else self.register(number)

    def word(self, number: int) -> str:
        """The place of a word of the context."""
        return self.value(f"getelementptr i64, ptr %ctx, i64 {number}")

    def bit(self, condition: str) -> str:
        """0 or 1."""
        return self.value(f"zext i1 {condition} to i64")

    def low(self, kind: int, value: str) -> str:
        """The lowest bits of a number, as many as a kind has."""
        bits = KINDS[kind].bits
        return value if bits == 64 else self.value(f"and i64 {value}, {(1 << bits) - 1}")

    def signed(self, kind: int, value: str) -> str:
        """The lowest bits of a number as a number with a sign."""
        bits = KINDS[kind].bits
        if bits == 64:
            return value
        return self.value(f"sext i{bits} {self.value(f'trunc i64 {value} to i{bits}')} to i64")

    def load(self, kind: int, pointer: str, tag: str) -> str:
        """A number in memory."""
        width = KINDS[kind].bytes * 8
        narrow = self.value(f"load i{width}, ptr {pointer}, align 1{tag}")
        wide = narrow if width == 64 else self.value(f"zext i{width} {narrow} to i64")
        return self.low(0, wide) if kind == 0 else wide

    def store(self, kind: int, pointer: str, value: str, tag: str) -> None:
        """A number into memory."""
        width = KINDS[kind].bytes * 8
        low = self.low(0, value) if kind == 0 else value
        narrow = low if width == 64 else self.value(f"trunc i64 {low} to i{width}")
        self.add(f"  store i{width} {narrow}, ptr {pointer}, align 1{tag}")
