"""Writes the text of one LLVM function, block by block."""

from __future__ import annotations


class Writer:
    """One LLVM function: instructions go to the open block, each with the current debug location.

    A block that is still open when another starts falls through to it.
    """

    def __init__(self, header: str) -> None:
        self._lines = [f"{header} {{", "entry:"]
        self._names = 0
        self.location = ""
        """Metadata reference of the current debug location, such as `!12`."""
        self.open = True
        """Whether the current block still lacks its terminator."""
        self.block = "entry"
        """Label of the current block."""

    def fresh(self, hint: str) -> str:
        """A name that no value or label of this function has."""
        self._names += 1
        return f"{hint}.{self._names}"

    def value(self, instruction: str) -> str:
        """Append an instruction with a result; returns the result's name."""
        name = "%" + self.fresh("v")
        self.effect(f"{name} = {instruction}")
        return name

    def effect(self, instruction: str) -> None:
        """Append an instruction without a result."""
        self._lines.append(f"  {instruction}, !dbg {self.location}")

    def place(self) -> str:
        """The address of 8 bytes on the stack, a place of this function's own."""
        name = "%" + self.fresh("place")
        self._lines.insert(2, f"  {name} = alloca i64, align 8")
        return name

    def start(self, label: str) -> None:
        """Start the block of that label."""
        if self.open:
            self.jump(label)
        self._lines.append(f"{label}:")
        self.open, self.block = True, label

    def jump(self, label: str) -> None:
        """End the block by going to another."""
        self.end(f"br label %{label}")

    def branch(self, condition: str, then: str, otherwise: str) -> None:
        """End the block by going to one of two others."""
        self.end(f"br i1 {condition}, label %{then}, label %{otherwise}")

    def end(self, instruction: str) -> None:
        """End the block by any terminator."""
        self.effect(instruction)
        self.open = False

    def choose(self, condition: str, kind: str, then: str, otherwise: str) -> str:
        """One of two values of an LLVM type.

        BPF has no conditional move, so there is a branch anyway. Written as one it ends the block: within a block LLVM
        moves loads up, and what it then can't hold in registers it would keep on the stack, of which there is little.
        """
        before, other, join = self.block, self.fresh("other"), self.fresh("chosen")
        self.branch(condition, join, other)
        self.start(other)
        self.start(join)
        return self.value(f"phi {kind} [ {then}, %{before} ], [ {otherwise}, %{other} ]")

    def text(self) -> str:
        """The whole function."""
        return "\n".join([*self._lines, "}"])
