"""Inline functions that are called from one place, and small ones.

    func @twice(%a i64) -> i64 {        func @main() {
      %b = add i64 %a, %a                 %x = const i64 4
      yield %b                     =>     %twice1_b = add i64 %x, %x
    }                                     store i64 @out, %twice1_b
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
        uses = Counter(name for f in program.functions for name in calls(f.body))
        done: dict[str, Function] = {}
        for function in _callees_first(program):
            done[function.name] = _Inliner(function, done, uses, self.small).result()
        kept = _reachable(done)
        return replace(program, functions=tuple(done[f.name] for f in program.functions if f.name in kept))


def _callees_first(program: Program) -> list[Function]:
    by_name = {f.name: f for f in program.functions}
    ordered: dict[str, Function] = {}

    def visit(function: Function) -> None:
        if function.name in ordered:
            return
        for name in calls(function.body):
            visit(by_name[name])
        ordered[function.name] = function

    for function in program.functions:
        visit(function)
    return list(ordered.values())


def _reachable(functions: dict[str, Function]) -> set[str]:
    kept: set[str] = set()
    pending = ["main"]
    while pending:
        name = pending.pop()
        if name not in kept:
            kept.add(name)
            pending += calls(functions[name].body)
    return kept


class _Inliner:
    """Inlines into one function the functions in `done`, whose own calls are settled."""

    def __init__(self, function: Function, done: dict[str, Function], uses: Counter[str], small: int) -> None:
        self._function = function
        self._done = done
        self._uses = uses
        self._small = small
        self._count = 0
        self._names: dict[Value, Value] = {}
        self._taken = _names(function)

    def result(self) -> Function:
        return replace(self._function, body=self._region(self._function.body))

    def _wanted(self, name: str) -> bool:
        body = self._done[name].body
        if not isinstance(body.ops[-1], Yield):
            return False
        return self._uses[name] == 1 or sum(1 for _ in walk(body)) <= self._small

    def _region(self, region: Region) -> Region:
        ops: list[Op] = []
        for op in region.ops:
            if isinstance(op, Call) and self._wanted(op.function):
                ops += self._body(op)
            else:
                ops.append(map_op(op, self._value, self._region))
        return Region(tuple(ops))

    def _value(self, value: Value) -> Value:
        return self._names.get(value, value)

    def _body(self, call: Call) -> tuple[Op, ...]:
        """The callee's operations under fresh names; the call's result then means what the callee yielded."""
        callee = self._done[call.function]
        copy = _Renamer(self._prefix(callee))
        for parameter, argument in zip(callee.parameters, call.arguments, strict=True):
            copy.names[parameter] = self._value(argument)
        body = copy.region(callee.body)
        last = body.ops[-1]
        assert isinstance(last, Yield)
        if call.result is not None:
            self._names[call.result] = last.values[0]
        return body.ops[:-1]

    def _prefix(self, callee: Function) -> str:
        """A prefix under which none of the callee's names is taken, which they then are."""
        while True:
            self._count += 1
            prefix = f"{callee.name}{self._count}_"
            names = {prefix + name for name in _names(callee)}
            if not names & self._taken:
                self._taken |= names
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


class _Renamer:
    """Copies regions, giving every value that they define a name with `prefix`."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.names: dict[Value, Value] = {}

    def region(self, region: Region) -> Region:
        return Region(tuple(map_op(op, self._value, self.region) for op in region.ops))

    def _value(self, value: Value) -> Value:
        if value not in self.names:
            self.names[value] = Value(self._prefix + value.name, value.type)
        return self.names[value]
