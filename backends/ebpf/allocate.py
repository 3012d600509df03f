"""Decides which values of a function live in BPF registers and which in its frame in the `.bss` section.

The BPF stack has 512 bytes for eight frames together, and every scalar that the kernel's verifier can trace back to a
constant is a state more for it to walk. So only short-lived values stay in registers: those used in the same LLVM
function, with no call in between (a call leaves four registers, which the context and the pointers to records need),
never more than `MAX_REGISTERS` at a time, and none that is compared twice: the verifier would tell apart the ranges
that the first comparison leaves, times those of every other value in a register.

All others have a slot in memory, where the verifier sees an unknown number. Functions don't recurse, so the frame is
static, and the callbacks of its loops find it there too.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass

from sey.ir.nodes import (
    Attempt,
    Begin,
    Call,
    Clock,
    Compare,
    Const,
    Copy,
    DictDelete,
    DictGet,
    DictPut,
    Fill,
    Function,
    Get,
    If,
    Loop,
    Op,
    Put,
    Read,
    Region,
    Reserve,
    Restore,
    Save,
    Switch,
    Value,
)
from sey.ir.operands import operands

MAX_REGISTERS = 4
"""Register values alive at a time, apart from the temporaries of a single operation."""


@dataclass
class _Life:
    piece: int
    start: int
    end: int
    memory: bool
    compared: int = 0


def frame_values(function: Function, outlined: Set[int] = frozenset()) -> frozenset[str]:
    """The names of the function's values that live in its frame. Constants live nowhere.

    `outlined` are the `id`s of regions that become LLVM functions of their own.
    """
    walk = _Walk(outlined)
    for parameter in function.parameters:
        walk.define(parameter, memory=True)
    walk.region(function.body)
    lives = walk.lives
    for life in lives.values():
        life.memory |= any(life.start < call < life.end for call in walk.calls[life.piece])
    _limit(lives)
    return frozenset(name for name, life in lives.items() if life.memory)


def _limit(lives: dict[str, _Life]) -> None:
    """Move the values that live longest to memory until no point has more than `MAX_REGISTERS` in registers."""
    active: list[_Life] = []
    for life in sorted((life for life in lives.values() if not life.memory), key=lambda life: life.start):
        active = [other for other in active if other.end > life.start]
        active.append(life)
        if len(active) > MAX_REGISTERS:
            longest = max(active, key=lambda other: other.end)
            longest.memory = True
            active.remove(longest)


class _Walk:
    """Numbers the operations in order and notes where values are defined and used, and where calls are."""

    def __init__(self, outlined: Set[int]) -> None:
        self._outlined = outlined
        self.lives: dict[str, _Life] = {}
        self.calls: list[list[int]] = [[]]
        self._at = 0
        self._piece = 0
        self._records: set[str] = set()

    def define(self, value: Value, *, memory: bool = False) -> None:
        self.lives[value.name] = _Life(self._piece, self._at, self._at, memory)

    def region(self, region: Region) -> None:
        outside = set(self._records)
        for op in region.ops:
            self._at += 1
            self._op(op)
        self._records = outside

    def _op(self, op: Op) -> None:
        for value in operands(op):
            self._use(value)
        if self._calls(op):
            self.calls[self._piece].append(self._at)
        match op:
            case Const():
                pass
            case Compare():
                self._compare(op.left)
                self._compare(op.right)
                self.define(op.result)
            case If():
                self._inside(op.then)
                self._inside(op.otherwise)
                self._results(op.results)
            case Switch():
                self._compare(op.value)
                for _, region in op.cases:
                    self._inside(region)
                self._inside(op.default)
            case Loop():
                with self._piece_of_its_own():
                    self.define(op.index)
                    self.region(op.body)
            case Attempt():
                self._inside(op.body)
                self._at += 1
                self.define(op.code)
                self.define(op.detail)
                self._inside(op.handler)
                self._results(op.results)
            case _:
                if (result := getattr(op, "result", None)) is not None:
                    self.define(result)

    def _results(self, results: tuple[Value, ...]) -> None:
        """Results of regions join several paths: in memory the verifier need not tell the paths apart."""
        self._at += 1
        for result in results:
            self.define(result, memory=True)

    def _inside(self, region: Region) -> None:
        if id(region) not in self._outlined:
            self.region(region)
            return
        self.calls[self._piece].append(self._at)
        with self._piece_of_its_own():
            self.region(region)

    @contextmanager
    def _piece_of_its_own(self) -> Iterator[None]:
        outside, records = self._piece, self._records
        self.calls.append([])
        self._piece, self._records = len(self.calls) - 1, set()
        yield
        self._piece, self._records = outside, records

    def _use(self, value: Value) -> None:
        life = self.lives.get(value.name)
        if life is not None:
            life.end = max(life.end, self._at)
            life.memory |= life.piece != self._piece

    def _compare(self, value: Value) -> None:
        """A comparison of a value: in memory it is loaded anew for each."""
        life = self.lives.get(value.name)
        if life is not None:
            life.compared += 1
            life.memory |= life.compared > 1

    def _calls(self, op: Op) -> bool:
        match op:
            case Fill() | Read() | Copy() | DictGet() | DictPut() | DictDelete() | Clock() | Call() | Loop():
                return True
            case Save() | Restore():
                return True
            case Begin() | Reserve():
                self._records.add(op.result.name)
                return True
            case Put() | Get():
                known = op.record.name in self._records
                self._records.add(op.record.name)
                return not known
            case _:
                return False
