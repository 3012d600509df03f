"""Compute once what is asked for again.

    %a = load i64 @frame                %a = load i64 @frame
    %x = const i64 8                    %x = const i64 8
    %p = add i64 %a, %x                 %p = add i64 %a, %x
    %v = read i64 %p              =>    %v = read i64 %p
    if %c {                             if %c {
      %y = const i64 8                    store i64 @out[0], %v
      %q = add i64 %a, %y               }
      %w = read i64 %q
      store i64 @out[0], %w
    }

An operation without effects is dropped where the same one, on the same values, ran before in this region or in one
around it. So is a read of the target: where the first succeeded the second would, and memory of a paused process
gives the same bytes. A read is what costs (half a microsecond); the rest makes more of them equal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sey.ir.nodes import (
    Binary,
    Compare,
    Const,
    Convert,
    Function,
    Loop,
    Op,
    Program,
    Read,
    Region,
    Search,
    Select,
    TableGet,
    Value,
)
from sey.ir.rewrite import map_op

Shareable = Const | Binary | Compare | Convert | Select | TableGet | Search | Read
_INTO_LOOPS = (Const, Search, Read)
"""Cheap results are computed again in a loop's body: it is a function of its own, and they would come from memory."""


@dataclass(frozen=True)
class Share:
    """The pass."""

    def run(self, program: Program) -> Program:
        """The program without repeated computations."""
        return replace(program, functions=tuple(map(_share, program.functions)))


def _share(function: Function) -> Function:
    return replace(function, body=_Sharing().region(function.body))


class _Sharing:
    """`known` holds what has been computed, by the operation without its result and location.

    `added` are the keys that the region at hand has brought, which are forgotten at its end.
    """

    def __init__(self) -> None:
        self._known: dict[Op, Value] = {}
        self._added: list[Op] = []
        self._names: dict[Value, Value] = {}

    def region(self, region: Region) -> Region:
        outside, self._added = self._added, []
        ops = [kept for op in region.ops if (kept := self._op(op)) is not None]
        for key in self._added:
            del self._known[key]
        self._added = outside
        return Region(tuple(ops))

    def _op(self, op: Op) -> Op | None:
        """The operation on the values that stand for its operands, or None where its result is known."""
        body = self._loop_body if isinstance(op, Loop) else self.region
        op = map_op(op, self._value, body)
        if not isinstance(op, Shareable):
            return op
        key = replace(op, result=Value("", op.result.type), loc=None)
        if key in self._known:
            self._names[op.result] = self._known[key]
            return None
        self._known[key] = op.result
        self._added.append(key)
        return op

    def _loop_body(self, region: Region) -> Region:
        outside = self._known
        self._known = {key: value for key, value in outside.items() if isinstance(key, _INTO_LOOPS)}
        shared = self.region(region)
        self._known = outside
        return shared

    def _value(self, value: Value) -> Value:
        return self._names.get(value, value)
