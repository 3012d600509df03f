"""What it costs to load hostile bytecode, and to end it when it has been accepted. Work is counted, not timed."""

from __future__ import annotations

import struct
import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from sey.backends.interp.format import Buffer, Bytecode, Column, Dict, Function, Handler, Stream
from sey.backends.interp.machine import Machine, load
from sey.backends.interp.ops import NONE, Instruction, Op
from sey.binary.errors import SeyError
from sey.ir.evaluate import Image, TargetMemory
from tests.interp.mutants import sealed

_RETURN = Instruction(Op.RETURN, a=NONE)
_MOVE = Instruction(Op.MOVE, a=200, b=201)


def _program(*code: Instruction, handlers: tuple[Handler, ...] = (), functions: tuple[Function, ...] = ()) -> Bytecode:
    main = Function("main", 256, 0, False, (), handlers, (*code, _RETURN))
    return Bytecode((Buffer("b", 8, 0, True),), (), (), (), (*functions, main))


def _nest(depth: int, *body: Instruction) -> tuple[Instruction, ...]:
    """Loops within each other around a body whose places count from its own start."""
    end = 2 * depth + len(body)
    heads = [Instruction(Op.LOOP, a=2 * n, b=150, c=2 * n + 1, x=end - n, d=9) for n in range(depth)]
    ends = [Instruction(Op.NEXT, a=2 * n, c=2 * n + 1, x=n + 1, d=9) for n in reversed(range(depth))]
    return (*heads, *(each._replace(x=each.x + depth) if each.x else each for each in body), *ends)


def _empty_loops(count: int) -> tuple[Instruction, ...]:
    code: list[Instruction] = []
    for at in range(0, 2 * count, 2):
        code += [
            Instruction(Op.LOOP, a=140, b=150, c=141, x=at + 2, d=9),
            Instruction(Op.NEXT, a=140, c=141, x=at + 1, d=9),
        ]
    return tuple(code)


def _handled_in_loops(n: int) -> Bytecode:
    handlers = tuple(Handler(63 + k, 64 + k, 64 + k, 160, 161) for k in range(n))
    return _program(*_nest(63, *[_MOVE] * (n + 1)), handlers=handlers)


def _calls(n: int) -> Bytecode:
    first = Function("f0", 0, 0, False, (), (), (_RETURN,))
    call = Instruction(Op.CALL, a=NONE, b=0, x=0)
    others = tuple(Function(f"f{k}", 0, 0, False, (), (), (call, _RETURN)) for k in range(1, n))
    return _program(functions=(first, *others))


def _memories(n: int) -> Bytecode:
    plain = _program()
    return Bytecode(
        tuple(Buffer(f"b{k}", 8, 0, False) for k in range(n)),
        tuple(Column(f"c{k}", 4, True, 1, bytes(8)) for k in range(n)),
        tuple(Dict(f"d{k}", 1, False) for k in range(n)),
        tuple(Stream(f"{k:255}", 0) for k in range(n)),
        plain.functions,
    )


_ACCEPTED: dict[str, Callable[[int], Bytecode]] = {
    "a straight line": lambda n: _program(*[_MOVE] * n),
    "a line in 64 loops": lambda n: _program(*_nest(64, *[_MOVE] * n)),
    "loops in a row": lambda n: _program(*_empty_loops(n)),
    "loops in a row in 63 loops": lambda n: _program(*_nest(63, *_empty_loops(n))),
    "jumps to the end": lambda n: _program(*[Instruction(Op.IF, b=0, x=n)] * n),
    "jumps in 64 loops": lambda n: _program(*_nest(64, *[Instruction(Op.IF, b=0, x=n)] * n)),
    "handlers within each other": lambda n: _program(
        *[_MOVE] * 2 * n, handlers=tuple(Handler(k, 2 * n - k, 2 * n, 160, 161) for k in range(n))
    ),
    "handlers for the same": lambda n: _program(_MOVE, _MOVE, handlers=(Handler(0, 2, 2, 160, 161),) * n),
    "handlers in 63 loops": _handled_in_loops,
    "functions": _calls,
    "memories": _memories,
    "values of a column": lambda n: Bytecode(
        (), (Column("c", 1, True, n, bytes(n)),), (), (), _program().functions
    ),
    "constants": lambda n: Bytecode(
        (), (), (), (), (Function("main", 0, 0, False, tuple(range(1 << 40, (1 << 40) + n)), (), (_RETURN,)),)
    ),
}  # fmt: skip


def _one_name(n: int) -> bytes:
    """Streams whose names are the ends of one text."""
    data = bytearray(Bytecode((), (), (), tuple(Stream(f"{k:03}", 0) for k in range(n)), _program().functions).encode())
    for k in range(n):
        struct.pack_into("<I", data, 64 + 8 * k, k % 256)
    names = data.index(b"000\x00001\x00")
    data[names : names + 4 * n - 1] = b"x" * (4 * n - 1)
    return sealed(bytes(data))


_REFUSED: dict[str, Callable[[int], bytes]] = {
    "names that end alike": _one_name,
    "65 loops around a line": lambda n: _program(*_nest(65, *[_MOVE] * n)).encode(),
    "a last jump that leads back": lambda n: _program(*[_MOVE] * n, Instruction(Op.JUMP, x=0)).encode(),
    "a name too many": lambda n: _program(*[_MOVE] * n).encode().replace(b"main\0\0", b"main\0x"),
    "bytes of nothing": lambda n: b"SEYB" + bytes(24 * n),
    "counts of everything": lambda n: sealed(
        struct.pack("<4sIQII10I", b"SEYB", 1, 64 + 24 * n, 0, 0, *[0xFFFFFFFF] * 10) + bytes(24 * n)
    ),
}


def _load(data: bytes) -> Bytecode | None:
    try:
        return load("hostile", data)
    except SeyError:
        return None


def _lines(action: Callable[[], object]) -> int:
    """How many lines of Python an action runs."""
    count = 0

    def trace(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return count


def _peak(data: bytes) -> int:
    """The most memory that loading takes, in bytes."""
    tracemalloc.start()
    try:
        _load(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _of(shape: str, size: int) -> bytes:
    return _ACCEPTED[shape](size).encode() if shape in _ACCEPTED else _REFUSED[shape](size)


@pytest.mark.parametrize("shape", [*_ACCEPTED, *_REFUSED])
def test_loading_takes_work_as_the_size(shape: str) -> None:
    """Eight times the size takes about eight times the work at most, and memory in proportion to the file."""
    small, large = _of(shape, 400), _of(shape, 3200)
    assert (_load(large) is not None) == (shape in _ACCEPTED)
    first, second = _lines(lambda: _load(small)), _lines(lambda: _load(large))
    assert second <= 9 * first + 1000
    assert second <= 12 * len(large) + 1000
    assert _peak(large) <= 30 * len(large) + (1 << 16)


@pytest.mark.parametrize("shape", _ACCEPTED)
def test_a_machine_is_made_with_work_as_the_size(shape: str) -> None:
    small, large = (load(shape, _of(shape, size)) for size in (400, 3200))
    first, second = _lines(lambda: Machine(small, Image({}))), _lines(lambda: Machine(large, Image({})))
    assert second <= 9 * first + 1000


# Ending what has been accepted


def _ended(program: Bytecode, target: TargetMemory) -> int:
    """How many lines of Python a program runs whose time is over when it starts."""
    machine = Machine(load("endless", program.encode()), target, stop_ns=0)

    def run() -> None:
        with pytest.raises(SeyError, match="after its time"):
            machine.run()

    return _lines(run)


def test_calls_without_a_loop_are_ended_in_time() -> None:
    """Functions that each call the one before twice."""
    functions = [Function("f0", 0, 0, False, (), (), (_RETURN,))]
    for number in range(1, 22):
        call = Instruction(Op.CALL, a=NONE, b=0, x=number - 1)
        functions.append(Function(f"f{number}", 0, 0, False, (), (), (call, call, _RETURN)))
    assert _ended(Bytecode((), (), (), (), tuple(functions)), Image({})) < 60_000


@pytest.mark.parametrize("length", [0, 10, 5000])
def test_loops_are_ended_in_time(length: int) -> None:
    """After some thousand instructions, however many of them a turn has."""
    end, endless = length + 2, 1 << 23
    code = (
        Instruction(Op.LOOP, a=0, b=4, c=1, x=end, d=endless),
        *[Instruction(Op.MOVE, a=2, b=3)] * length,
        Instruction(Op.NEXT, a=0, c=1, x=1, d=endless),
        _RETURN,
    )
    main = Function("main", 4, 0, False, (endless,), (), code)
    assert _ended(Bytecode((), (), (), (), (main,)), Image({})) < 60_000


class _Zeros:
    """A target of zeros that counts its reads."""

    def __init__(self) -> None:
        self.reads = 0

    def read(self, _address: int, length: int, /) -> bytes:
        self.reads += 1
        return bytes(length)


def test_large_copies_are_ended_in_time() -> None:
    """One after the other, without a loop or a call."""
    large, target = 1 << 23, _Zeros()
    fill = Instruction(Op.FILL, a=0, b=NONE, c=1, x=large)
    main = Function("main", 1, 0, False, (large,), (), (*[fill] * 50, _RETURN))
    _ended(Bytecode((Buffer("b", large, 0, False),), (), (), (), (main,)), target)
    assert target.reads < 3


def test_a_fault_finds_its_handler_at_once() -> None:
    """However many handlers there are for other places, or for this one too."""

    def run(handlers: int) -> int:
        last = handlers + 1
        code = (
            Instruction(Op.LOOP, a=0, b=4, c=1, x=handlers + 4, d=9),
            *[Instruction(Op.MOVE, a=2, b=3)] * handlers,
            Instruction(Op.RAISE, b=0, x=16),
            Instruction(Op.MOVE, a=2, b=3),
            Instruction(Op.NEXT, a=0, c=1, x=1, d=9),
            _RETURN,
        )
        for_all = [Handler(1, last + 1, last + 1, 2, 3)] * handlers
        for_one = [Handler(k, k + 1, k + 1, 2, 3) for k in range(2, last)]
        main = Function("main", 4, 0, False, (9,), (*for_all, *for_one), code)
        machine = Machine(load("faults", Bytecode((), (), (), (), (main,)).encode()), Image({}))
        return _lines(machine.run)

    lines_of_a_move, turns = 4, 9
    assert run(400) - run(200) <= 200 * turns * lines_of_a_move + 50
