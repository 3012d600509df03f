"""Which functions and regions may end in a fault that leaves them: only there do callers look for one."""

from __future__ import annotations

from sey.ir.nodes import (
    Attempt,
    Begin,
    Call,
    Copy,
    Fill,
    If,
    Loop,
    Op,
    Program,
    Raise,
    Read,
    Region,
    Reserve,
    Switch,
)


class Effects:
    """Answers whether code may fault, for the functions of one program."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._functions: dict[str, bool] = {}

    def function(self, name: str) -> bool:
        """Whether a call of the function may fault."""
        if name not in self._functions:
            self._functions[name] = self.region(self._program.function(name).body)
        return self._functions[name]

    def region(self, region: Region) -> bool:
        """Whether a fault may leave the region."""
        return any(self._op(op) for op in region.ops)

    def _op(self, op: Op) -> bool:
        match op:
            case Fill() | Read() | Copy() | Begin() | Reserve() | Raise():
                return True
            case Call(function=name):
                return self.function(name)
            case If(then=then, otherwise=otherwise):
                return self.region(then) or self.region(otherwise)
            case Switch(cases=cases, default=default):
                return self.region(default) or any(self.region(region) for _, region in cases)
            case Loop(body=body):
                return self.region(body)
            case Attempt(handler=handler):
                return self.region(handler)
            case _:
                return False
