"""Remove operations without effects whose results nothing uses.

    %x = const i64 8                    %x = const i64 8
    %a = load i64 @frame[%x]      =>    store i64 @out[0], %x
    %b = add i64 %a, %x
    store i64 @out[0], %x
    if %c {
    }

A read of the target may fault, so it stays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sey.ir.nodes import (
    Binary,
    Clock,
    Compare,
    Const,
    Convert,
    DictGet,
    Function,
    Get,
    If,
    Load,
    Loop,
    Op,
    Position,
    Program,
    Region,
    Search,
    Select,
    Switch,
    TableGet,
    Value,
    Yield,
)
from sey.ir.rewrite import map_op, regions_of

_PURE = (Const, Binary, Compare, Convert, Select, Load, TableGet, Search, DictGet, Get, Position, Clock)


@dataclass(frozen=True)
class RemoveDead:
    """The pass."""

    def run(self, program: Program) -> Program:
        """The program without operations that make no difference."""
        return replace(program, functions=tuple(map(_clean, program.functions)))


def _clean(function: Function) -> Function:
    return replace(function, body=_Cleaning().region(function.body))


class _Cleaning:
    """Goes backwards: at an operation, all uses of its results have been seen."""

    def __init__(self) -> None:
        self._used: set[Value] = set()

    def region(self, region: Region) -> Region:
        kept = [result for op in reversed(region.ops) if (result := self._op(op)) is not None]
        return Region(tuple(reversed(kept)))

    def _op(self, op: Op) -> Op | None:
        if isinstance(op, _PURE) and op.result not in self._used:
            return None
        # The regions first, since an operation whose regions come out empty may go as well.
        op = map_op(op, lambda value: value, self.region)
        if isinstance(op, If | Switch | Loop) and all(_nothing(region) for region in regions_of(op)):
            return None
        map_op(op, self._use, lambda region: region)
        return op

    def _use(self, value: Value) -> Value:
        self._used.add(value)
        return value


def _nothing(region: Region) -> bool:
    """Whether a region only ends. What it would yield has no use either, else it would not be called empty."""
    return len(region.ops) == 1 and isinstance(region.ops[0], Yield) and not region.ops[0].values
