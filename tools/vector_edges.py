"""Bytecode at the edges of what a machine accepts, and where the contract could be read in two ways.

What the programs leave is written down here by hand, so that no machine is the measure of itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from sey.backends.interp.format import Buffer, Bytecode, Column, Dict, Function, Handler, Stream
from sey.backends.interp.ops import NONE, Instruction, Op
from sey.ir.nodes import PAGE_BYTES

_RETURN = Instruction(Op.RETURN, a=NONE)
_TOP = (1 << 64) - 1
_VARIABLES = 16
"""Of the functions here; their constants are in the registers behind."""


@dataclass(frozen=True)
class Edge:
    """A program, what it looks at, and what it leaves: contents of host buffers and of pages from their starts on."""

    name: str
    about: str
    program: Bytecode
    buffers: Mapping[str, bytes]
    pages: tuple[bytes, ...] = ()
    memory: Mapping[int, bytes] = field(default_factory=dict)
    allowed: int = 4


def edges() -> Iterator[Edge]:
    """Programs that a machine has to run."""
    yield _places()
    yield _large_fill()
    yield _memories()
    yield _registers()
    yield _names()
    yield _columns()
    yield _records()
    yield _copies()
    yield _loops()
    yield _deep_loops()
    yield _ways()
    yield _handlers()
    yield _calls()
    yield _faults()
    yield _aliases()


def _function(*code: Instruction, constants: tuple[int, ...] = (), handlers: tuple[Handler, ...] = ()) -> Function:
    return Function("main", _VARIABLES, 0, False, constants, handlers, (*code, _RETURN))


def _program(*functions: Function) -> Bytecode:
    """With a host buffer `b` of 64 bytes and a slack of 8, and two streams."""
    return Bytecode((Buffer("b", 64, 8, True),), (), (), (Stream("rows", 16), Stream("blob", 0)), functions)


def _show(register: int, place: int) -> Instruction:
    """The lowest byte of a register to a place in `b`."""
    return Instruction(Op.STORE, 1, a=register, b=NONE, d=place)


def _places() -> Edge:
    k63, kmost, address, kvalue = range(_VARIABLES, _VARIABLES + 4)
    code = (
        Instruction(Op.FILL, a=address, b=k63, c=kmost, x=9),  # To bytes 63 to 71, the last of all.
        Instruction(Op.LOAD, 4, a=0, b=NONE, d=64),
        Instruction(Op.STORE, 4, a=0, b=NONE),
        Instruction(Op.STORE, 4, a=kvalue, b=k63, d=1),
        Instruction(Op.STORE, 1, a=kmost, b=NONE, d=71),
        Instruction(Op.FILL, a=address, b=NONE, c=15, x=72),
        Instruction(Op.FILL, a=address, b=NONE, c=kmost, d=72),
        Instruction(Op.FILL, a=address, b=k63, c=kmost, d=9),
    )
    program = _program(_function(*code, constants=(63, _TOP, 0x1000, 0x0807060504030201)))
    first = bytes(range(0x11, 0x19))
    left = first + bytes(55) + b"\x10" + bytes(range(1, 8)) + b"\xff"
    about = "Places up to the last byte of a buffer and its slack; nothing is filled behind them."
    return Edge("edge-places", about, program, {"b": left}, memory={0x1000: bytes(range(0x10, 0x19))})


def _large_fill() -> Edge:
    code = (
        Instruction(Op.FILL, m=1, a=_VARIABLES, b=NONE, c=_VARIABLES + 1, x=1 << 23),
        Instruction(Op.LOAD, 3, 1, a=0, b=NONE),
        Instruction(Op.STORE, 3, 0, a=0, b=NONE),
    )
    plain = _program(_function(*code, constants=(0x1000, 3)))
    program = replace(plain, buffers=(*plain.buffers, Buffer("large", 1 << 23, 0, False)))
    about = "The largest limit of a fill; few bytes are asked for."
    return Edge("edge-fill-large", about, program, {"b": b"abc"}, memory={0x1000: b"abcd"})


def _memories() -> Edge:
    code = (
        Instruction(Op.BEGIN, m=0, a=0),
        Instruction(Op.BEGIN, m=0, a=1),
        Instruction(Op.SET, 4, a=1, b=NONE, c=1),
        Instruction(Op.STORE, 1, 0, a=_VARIABLES, b=NONE, d=(1 << 30) - 9),
        Instruction(Op.PUT, a=2, b=1, c=1),
        Instruction(Op.STORE, 4, 1, a=1, b=NONE),
    )
    program = Bytecode(
        (Buffer("large", 1 << 29, (1 << 29) - 8, False), Buffer("small", 8, 0, True)),
        (),
        (Dict("d", 1 << 26, False),),
        (Stream("rows", 65536),),
        (_function(*code, constants=(7,)),),
    )
    second = 16 + 65536
    header = (1).to_bytes(4, "little") + (2 * 65536).to_bytes(4, "little") + bytes(8)
    page = header + bytes(65536) + second.to_bytes(8, "little")
    about = "The largest and the smallest memories."
    return Edge("edge-memories", about, program, {"small": second.to_bytes(8, "little")}, (page,))


def _registers() -> Edge:
    many = Function("many", 65519, 1, True, (7,), (), (
        Instruction(Op.ADD, 4, a=65518, b=0, c=65519), Instruction(Op.RETURN, a=65518)))  # fmt: skip
    main = Function("main", 1, 0, False, (3,), (), (
        Instruction(Op.CALL, a=0, b=1, x=0), Instruction(Op.STORE, 4, a=0, b=NONE), _RETURN))  # fmt: skip
    return Edge("edge-registers", "As many registers as there may be.", _program(many, main), {"b": b"\x0a"})


def _names() -> Edge:
    long = "ü" * 127 + "x"
    program = Bytecode(
        (Buffer(long, 8, 0, True), Buffer("same", 8, 0, True)),
        (),
        (Dict("same", 1, False),),
        (Stream("same", 0),),
        (
            Function("same", 0, 0, False, (), (), (_RETURN,)),
            Function("same", 0, 0, False, (1,), (), (_show(0, 0), _RETURN)),
        ),
    )
    about = "A name of 255 bytes; memories of several kinds, and functions, with one name."
    return Edge("edge-names", about, program, {long: b"\1", "same": b""})


def _columns() -> Edge:
    code = (
        Instruction(Op.ROW, m=0, a=0, b=2),
        _show(0, 0),
        Instruction(Op.SEARCH, m=1, a=0, b=_VARIABLES),
        _show(0, 1),
        Instruction(Op.SEARCH, m=1, a=0, b=_VARIABLES + 1),
        _show(0, 2),
        Instruction(Op.SEARCH, m=1, a=0, b=2),
        _show(0, 3),
        Instruction(Op.ROW, m=0, a=0, b=_VARIABLES + 1),
        _show(0, 4),
        Instruction(Op.SEARCH, m=2, a=0, b=_VARIABLES),
        _show(0, 5),
    )
    columns = (
        Column("t.one", 1, False, 1, b"\x2a"),
        Column("t.equal", 2, True, 4, bytes.fromhex("0500 0500 0500 ffff")),
        Column("t.bits", 0, True, 3, b"\0\0\1"),
    )
    program = replace(_program(_function(*code, constants=(5, _TOP))), columns=columns)
    about = "A column of one row, and searches among equal values, of which the last is found."
    return Edge("edge-columns", about, program, {"b": bytes([42, 2, 3, 255, 42, 2])})


def _records() -> Edge:
    value, most, last, wraps = range(_VARIABLES, _VARIABLES + 4)
    code = (
        Instruction(Op.RESERVE, m=1, a=0, b=most, x=65536),
        Instruction(Op.RESERVE, m=1, a=1, b=most, x=0),
        Instruction(Op.SET, 4, a=1, b=NONE, c=1),
        Instruction(Op.SET, 1, a=0, b=wraps, c=value),  # At the offset 8.
        Instruction(Op.SET, 4, a=0, b=NONE, c=value, d=65536),  # The record behind it, which is in the same page.
        Instruction(Op.PEEK, 4, a=2, b=0, c=NONE, d=65536),
        Instruction(Op.SET, 4, a=last, b=NONE, c=2),  # The last bytes of the page.
        Instruction(Op.SET, 0, a=0, b=NONE, c=most, d=2),
        Instruction(Op.PEEK, 0, a=3, b=0, c=NONE, d=2),
        _show(3, 0),
    )
    constants = (0x0807060504030201, _TOP, PAGE_BYTES - 8, 65536 + 8)
    wide = constants[0].to_bytes(8, "little")
    page = bytearray(PAGE_BYTES)
    page[:8] = (2).to_bytes(4, "little") + (65536 + 8).to_bytes(4, "little")
    page[16 + 2], page[16 + 8] = 1, 1
    page[16 + 65536 : 16 + 65544] = wide
    page[-8:] = wide
    program = _program(_function(*code, constants=constants))
    about = "The largest record and the smallest, the furthest places, offsets that wrap at 65536."
    return Edge("edge-records", about, program, {"b": b"\1"}, (bytes(page),))


def _copies() -> Edge:
    address, three, last, wraps = range(_VARIABLES, _VARIABLES + 4)
    code = (
        Instruction(Op.RESERVE, m=1, a=0, b=three, x=3),  # Of 8 bytes.
        Instruction(Op.COPY, a=0, b=NONE, c=address, e=three, x=65536, d=65536),
        Instruction(Op.COPY, a=0, b=wraps, c=address, e=three, x=2),  # From the offset 5 on.
        Instruction(Op.COPY, a=last, b=NONE, c=address, e=three, x=3),  # The last bytes of the page.
        Instruction(Op.COPY, a=last, b=NONE, c=15, e=15, x=9, d=3),  # Nothing, behind them.
        Instruction(Op.COPY, a=last, b=NONE, c=15, e=three, x=0, d=3),
    )
    program = _program(_function(*code, constants=(0x1000, 3, PAGE_BYTES - 3, 65536 + 5)))
    page = bytearray(PAGE_BYTES)
    page[:8] = (2).to_bytes(4, "little") + (8).to_bytes(4, "little")
    page[16 + 5 : 16 + 7] = b"ab"
    page[16 + 65536 : 16 + 65539] = page[-3:] = b"abc"
    about = "Copies to the furthest places, up to the last byte of a page, and of nothing behind it."
    return Edge("edge-copies", about, program, {"b": b""}, (bytes(page),), {0x1000: b"abc"})


def _loops() -> Edge:
    """Loops that do nothing but turn; their registers are shown."""
    three, most = _VARIABLES, _VARIABLES + 1
    code: list[Instruction] = []

    def loop(count: int, limit: int, index: int, bound: int, *before: Instruction) -> None:
        code.extend(before)
        head = len(code)
        code.append(Instruction(Op.LOOP, a=index, b=count, c=bound, x=head + 2, d=limit))
        code.append(Instruction(Op.NEXT, a=index, c=bound, x=head + 1, d=limit))
        code.extend((_show(index, 2 * shown[0]), _show(bound, 2 * shown[0] + 1)))
        shown[0] += 1

    shown = [0]
    loop(three, 1 << 23, 0, 1)
    loop(most, 4, 2, 3)
    loop(three, 0, 4, 5)
    loop(6, 10, 6, 7, Instruction(Op.MOVE, a=6, b=three))  # The count is where the index comes.
    loop(9, 10, 8, 9, Instruction(Op.MOVE, a=9, b=three))  # The count is where the bound comes.
    loop(10, 5, 11, 12, Instruction(Op.MOVE, a=11, b=three))  # No turn; the index is set.
    left = bytes([3, 3, 4, 4, 0, 0, 3, 3, 3, 3, 0, 0])
    about = "Loops without a body, without turns, up to their limits; counts in the registers that loops write."
    return Edge("edge-loops", about, _program(_function(*code, constants=(3, _TOP))), {"b": left})


def _deep_loops() -> Edge:
    depth, variables = 64, 2 * 64 + 1
    sum_, one, two = variables - 1, variables, variables + 1
    behind = 2 * depth + 1
    heads = [
        Instruction(Op.LOOP, a=2 * n, b=two if n == 31 else one, c=2 * n + 1, x=behind - n, d=3) for n in range(depth)
    ]
    ends = [Instruction(Op.NEXT, a=2 * n, c=2 * n + 1, x=n + 1, d=3) for n in reversed(range(depth))]
    add = Instruction(Op.ADD, 4, a=sum_, b=sum_, c=one)
    code = (*heads, add, *ends, _show(sum_, 0), _RETURN)
    program = _program(Function("main", variables, 0, False, (1, 2), (), code))
    return Edge("edge-loops-deep", "64 loops within each other, one of which turns twice.", program, {"b": b"\2"})


def _ways() -> Edge:
    """Jumps that look as if they led into a loop."""
    one, three = _VARIABLES, _VARIABLES + 1
    code = (
        Instruction(Op.JUMP, x=2),  # To a LOOP.
        _show(three, 0),  # Left out.
        Instruction(Op.LOOP, a=0, b=three, c=1, x=8, d=10),
        Instruction(Op.ADD, 4, a=2, b=2, c=one),
        Instruction(Op.CASE, b=0, x=7, d=2),  # To the NEXT of the loop that it is in.
        Instruction(Op.UNLESS, b=15, x=9),  # Out of the loop.
        Instruction(Op.ADD, 4, a=2, b=2, c=three),  # Left out.
        Instruction(Op.NEXT, a=0, c=1, x=3, d=10),
        _show(three, 1),  # Left out.
        _show(2, 2),
        _show(0, 3),
    )
    about = "Jumps to a loop's head, from a body to its NEXT, and out of it."
    return Edge("edge-jumps", about, _program(_function(*code, constants=(1, 3))), {"b": bytes([0, 0, 3, 2])})


def _handlers() -> Edge:
    one, three = _VARIABLES, _VARIABLES + 1
    code = (
        Instruction(Op.RAISE, b=one, x=16),  # 0: two handlers are for just this, and the later one counts
        _show(three, 0),  # Left out.
        _show(2, 1),  # 2: where the second goes on
        _show(3, 2),
        Instruction(Op.RAISE, b=three, x=0xFFFFFFFF),  # 4: code and detail in one register
        Instruction(Op.MOVE, a=4, b=0),  # Left out.
        _show(4, 3),  # 6
        Instruction(Op.LOOP, a=5, b=three, c=6, x=11, d=3),  # 7: a fault goes on at the NEXT of its loop
        Instruction(Op.ADD, 4, a=8, b=8, c=one),
        Instruction(Op.RAISE, b=one, x=17),
        Instruction(Op.NEXT, a=5, c=6, x=8, d=3),  # 10
        _show(8, 4),
        Instruction(Op.LOOP, a=9, b=three, c=10, x=15, d=3),  # 12: a fault leaves the loop, and writes its index
        Instruction(Op.RAISE, b=three, x=18),
        Instruction(Op.NEXT, a=9, c=10, x=13, d=3),
        _show(three, 5),  # Left out.
        _show(9, 6),  # 16
        _show(10, 7),
    )
    handlers = (
        Handler(0, 1, 1, 0, 1),
        Handler(0, 1, 2, 2, 3),
        Handler(4, 5, 6, 4, 4),
        Handler(9, 10, 10, 7, 11),
        Handler(13, 14, 16, 9, 10),
    )
    program = _program(_function(*code, constants=(1, 3), handlers=handlers))
    left = bytes([0, 16, 1, 3, 3, 0, 18, 3])
    about = "Two handlers for the same, one register for code and detail, faults to a loop's NEXT and out of a loop."
    return Edge("edge-handlers", about, program, {"b": left})


def _calls() -> Edge:
    """Each function adds 1 to what the one before it makes of its argument."""
    add = Instruction(Op.ADD, 4, a=0, b=0, c=1)
    chain = [Function("f0", 1, 1, True, (1,), (), (add, Instruction(Op.RETURN, a=0)))]
    for number in range(1, 63):
        call = Instruction(Op.CALL, a=0, b=0, x=number - 1)
        chain.append(Function(f"f{number}", 1, 1, True, (1,), (), (call, add, Instruction(Op.RETURN, a=0))))
    last = _VARIABLES + 1
    main = _function(
        Instruction(Op.CALL, a=0, b=last, x=62),
        Instruction(Op.CALL, a=NONE, b=last, x=62),
        _show(0, 0),
        constants=(0, 100),
    )
    about = "64 functions within each other, the first one counted; an argument in the last register of all."
    return Edge("edge-calls", about, _program(*chain, main), {"b": bytes([163])})


def _faults() -> Edge:
    nine, end, beyond = range(_VARIABLES, _VARIABLES + 3)
    fails = Function("fails", 1, 0, True, (), (), (Instruction(Op.RAISE, b=0, x=16),))
    faulting = (
        Instruction(Op.READ, 4, a=0, b=beyond),
        Instruction(Op.BEGIN, m=1, a=0),
        Instruction(Op.RESERVE, m=2, a=0, b=nine, x=9),
        Instruction(Op.CALL, a=0, b=0, x=0),
    )
    code: list[Instruction] = [
        Instruction(Op.READ, 4, a=4, b=end),  # Up to the last byte that has an address.
        _show(4, 0),
        Instruction(Op.READ, 0, a=4, b=end),
        _show(4, 1),
        Instruction(Op.BEGIN, m=0, a=4),  # The one page.
    ]
    handlers = []
    for number, each in enumerate(faulting):
        at = len(code)
        code += [Instruction(Op.MOVE, a=0, b=nine), each, Instruction(Op.MOVE, a=0, b=15), _show(0, 8 + 2 * number)]
        code.append(_show(1, 9 + 2 * number))
        handlers.append(Handler(at + 1, at + 2, at + 3, 1, 2))
    constants = (9, _TOP - 7, _TOP - 6)
    streams = (Stream("first", 16), Stream("rows", 16), Stream("blob", 0))
    program = replace(_program(fails, _function(*code, constants=constants, handlers=tuple(handlers))), streams=streams)
    left = bytes([0xFE, 0]) + bytes(6) + bytes([9, 1, 9, 2, 9, 2, 9, 16])
    page = (1).to_bytes(4, "little") + (16).to_bytes(4, "little")
    about = "What faults leaves its register as it was; numbers at the end of all addresses."
    memory = {_TOP - 7: bytes([0xFE, 1, 2, 3, 4, 5, 6, 7])}
    return Edge("edge-faults", about, program, {"b": left}, (page,), memory, allowed=1)


def _aliases() -> Edge:
    """Instructions that write a register that they read."""
    two, three, address = range(_VARIABLES, _VARIABLES + 3)

    def twice(number: int, each: Instruction) -> tuple[Instruction, ...]:
        return Instruction(Op.MOVE, a=0, b=three), each, _show(0, number)

    code = (
        *twice(0, Instruction(Op.SUB, 1, a=0, b=two, c=0)),
        *twice(1, Instruction(Op.SELECT, a=0, b=0, c=two, e=0)),
        *twice(2, Instruction(Op.PUT, m=0, a=0, b=0, c=0)),
        *twice(3, Instruction(Op.GET, m=0, a=0, b=0, c=0)),
        *twice(4, Instruction(Op.RESERVE, m=1, a=0, b=0, x=8)),
        Instruction(Op.MOVE, a=0, b=address),
        Instruction(Op.READ, 1, a=0, b=0),
        _show(0, 5),
        Instruction(Op.BEGIN, m=0, a=0),
        Instruction(Op.SET, 4, a=0, b=NONE, c=0),
        Instruction(Op.PEEK, 1, a=0, b=0, c=0),
        _show(0, 6),
    )
    plain = _program(_function(*code, constants=(2, 3, 0x1000)))
    program = replace(plain, dicts=(Dict("d", 4, False),))
    first = (2).to_bytes(4, "little") + (8).to_bytes(4, "little")
    position = PAGE_BYTES + 16
    second = bytearray((1).to_bytes(4, "little") + (16).to_bytes(4, "little") + bytes(24))
    second[16:24] = position.to_bytes(8, "little")
    left = bytes([0xFF, 2, 1, 3, 16, 0x2A, 0])
    about = "Instructions that write a register that they read."
    return Edge("edge-aliases", about, program, {"b": left}, (first, bytes(second)), {0x1000: b"\x2a"})
