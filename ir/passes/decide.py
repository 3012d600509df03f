"""Decide what is known before a run: an `if` whose condition is a constant becomes the region that is taken.

    %c = const i1 0                     call @b()
    if %c {
      call @a()                =>
    } else {
      call @b()
    }

Texts of the prelude are templates for several kinds of programs, and leave to such an `if` what not all have.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sey.ir.nodes import Const, Function, If, Op, Program, Region, Value, Yield
from sey.ir.rewrite import map_op


@dataclass(frozen=True)
class Decide:
    """The pass."""

    def run(self, program: Program) -> Program:
        """The program without regions that are never taken."""
        return replace(program, functions=tuple(map(_decided, program.functions)))


def _decided(function: Function) -> Function:
    return replace(function, body=_Deciding().region(function.body))


class _Deciding:
    def __init__(self) -> None:
        self._constants: dict[Value, int] = {}
        self._stands_for: dict[Value, Value] = {}

    def region(self, region: Region) -> Region:
        ops: list[Op] = []
        for op in region.ops:
            taken = self._taken(op)
            if taken is None:
                ops.append(map_op(op, self._value, self.region))
                if isinstance(op, Const):
                    self._constants[op.result] = op.value
                continue
            inner = self.region(taken)
            last = inner.ops[-1]
            if not isinstance(last, Yield):
                return Region((*ops, *inner.ops))  # What follows is never reached.
            ops += inner.ops[:-1]
            assert isinstance(op, If)
            self._stands_for |= dict(zip(op.results, last.values, strict=True))
        return Region(tuple(ops))

    def _value(self, value: Value) -> Value:
        return self._stands_for.get(value, value)

    def _taken(self, op: Op) -> Region | None:
        if not isinstance(op, If):
            return None
        known = self._constants.get(self._value(op.condition))
        return None if known is None else op.then if known else op.otherwise
