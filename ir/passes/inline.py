"""Inline functions that are called from one place, and small ones.

    func @twice(%a i64) -> i64 {        func @main() {
      %b = add i64 %a, %a                 %x = const i64 4
      yield %b                     =>     %i1_twice_b = add i64 %x, %x
    }                                     store i64 @out, %i1_twice_b
    func @main() {                      }
      %x = const i64 4
      %y = call @twice(%x)
      store i64 @out, %y
    }

The kernel allows eight frames on the call chain and a loop body takes one, so what the prelude splits for its reader
must be joined again. The kernel's verifier walks a static function once per call anyway: joining costs it nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from sey.ir.nodes import Call, Function, Op, Program, Region, Value, Yield
from sey.ir.rewrite import calls, map_op, walk


@dataclass(frozen=True)
class Inline:
    """The pass. Functions of at most `small` operations are inlined wherever they are called."""

    small: int = 8

    def run(self, program: Program) -> Program:
        """The program with calls replaced by bodies; functions that nothing calls any more are gone."""
        inliner = _Inliner(program, self.small)
        kept: dict[str, Function] = {}
        pending = ["main"]
        while pending:
            name = pending.pop()
            if name not in kept:
                kept[name] = inliner.expand(program.function(name))
                pending += calls(kept[name].body)
        return replace(program, functions=tuple(kept[f.name] for f in program.functions if f.name in kept))


class _Scope:
    """Names of one body where it is copied to: its values get `prefix`, unless they stand for others already."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.names: dict[Value, Value] = {}

    def value(self, value: Value) -> Value:
        known = self.names.get(value)
        if known is None:
            known = Value(self._prefix + value.name, value.type) if self._prefix else value
            self.names[value] = known
        return known


class _Inliner:
    """Expands functions from the outside in, so that each operation is copied once for each place it ends up in."""

    def __init__(self, program: Program, small: int) -> None:
        self._functions = {f.name: f for f in program.functions}
        self._uses = Counter(name for f in program.functions for name in calls(f.body))
        self._small = small
        self._sizes: dict[str, int] = {}
        self._taken = {name for f in program.functions for name in _names(f)}
        self._count = 0

    def expand(self, function: Function) -> Function:
        """The function with all that is wanted in it."""
        return replace(function, body=self._region(function.body, _Scope("")))

    def _wanted(self, name: str) -> bool:
        if not isinstance(self._functions[name].body.ops[-1], Yield):
            return False
        return self._uses[name] == 1 or self._size(name) <= self._small

    def _size(self, name: str) -> int:
        """Operations of a function with all that is wanted in it."""
        if name not in self._sizes:
            body = self._functions[name].body
            own = sum(1 for _ in walk(body))
            self._sizes[name] = own + sum(self._size(inner) for inner in calls(body) if self._wanted(inner))
        return self._sizes[name]

    def _region(self, region: Region, scope: _Scope) -> Region:
        ops: list[Op] = []
        for op in region.ops:
            if isinstance(op, Call) and self._wanted(op.function):
                ops += self._body(op, scope)
            else:
                ops.append(map_op(op, scope.value, lambda inner: self._region(inner, scope)))
        return Region(tuple(ops))

    def _body(self, call: Call, scope: _Scope) -> tuple[Op, ...]:
        """The callee's operations under fresh names; the call's result then means what the callee yielded."""
        callee = self._functions[call.function]
        inner = _Scope(self._prefix(callee.name))
        for parameter, argument in zip(callee.parameters, call.arguments, strict=True):
            inner.names[parameter] = scope.value(argument)
        body = self._region(callee.body, inner)
        last = body.ops[-1]
        assert isinstance(last, Yield)
        if call.result is not None:
            scope.names[call.result] = last.values[0]
        return body.ops[:-1]

    def _prefix(self, name: str) -> str:
        """A prefix that no name of the program begins with; the number comes first, so that no two are alike."""
        while True:
            self._count += 1
            prefix = f"i{self._count}_{name}_"
            if not any(taken.startswith(prefix) for taken in self._taken):
                return prefix


def _names(function: Function) -> set[str]:
    """The names of all values that a function defines or uses."""
    found = {parameter.name for parameter in function.parameters}

    def note(value: Value) -> Value:
        found.add(value.name)
        return value

    for op in walk(function.body):
        map_op(op, note, lambda region: region)
    return found
