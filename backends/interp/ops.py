"""The instructions of the bytecode: numbers, and what each field of an instruction is.

`FORMS` drives the verifier, the compiler's assembling and the disassembler; `spec/bytecode.md` has the same table for
people, and a test compares the two.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple

from sey.ir.nodes import Type

NONE = 0xFFFF
"""In the place of a register: there is none."""

KINDS: tuple[Type, ...] = (Type.I1, Type.I8, Type.I16, Type.I32, Type.I64)
"""Widths by their number in an instruction."""
KIND_NUMBER: dict[Type, int] = {kind: number for number, kind in enumerate(KINDS)}
I64 = KIND_NUMBER[Type.I64]


class Op(enum.IntEnum):
    """Operation numbers."""

    MOVE = 1
    TRUNC = 2
    SEXT = 3
    SELECT = 4
    ADD = 16
    SUB = 17
    MUL = 18
    UDIV = 19
    UREM = 20
    SDIV = 21
    SREM = 22
    AND = 23
    OR = 24
    XOR = 25
    SHL = 26
    LSHR = 27
    ASHR = 28
    EQ = 32
    NE = 33
    ULT = 34
    ULE = 35
    SLT = 36
    SLE = 37
    LOAD = 48
    STORE = 49
    FILL = 50
    READ = 51
    ROW = 52
    SEARCH = 53
    GET = 54
    PUT = 55
    DELETE = 56
    CLOCK = 57
    BEGIN = 64
    RESERVE = 65
    SET = 66
    PEEK = 67
    COPY = 68
    JUMP = 80
    IF = 81
    UNLESS = 82
    CASE = 83
    LOOP = 84
    NEXT = 85
    CALL = 86
    RETURN = 87
    RAISE = 88


class Instruction(NamedTuple):
    """One instruction: `a`, `b`, `c`, `e` are registers, `m` a memory, `x` 32 bits, `d` 64 bits."""

    op: int
    kind: int = 0
    m: int = 0
    a: int = 0
    b: int = 0
    c: int = 0
    e: int = 0
    x: int = 0
    d: int = 0


class Memory(enum.Enum):
    """What the field `m` numbers."""

    BUFFER = "buffer"
    COLUMN = "column"
    DICT = "dict"
    STREAM = "stream"
    KIND = "kind"


@dataclass(frozen=True)
class Form:
    """The fields of an operation; those that aren't named are zero.

    `writes` and `reads`: registers, by field. `optional`: the one of them that may be `NONE`. `kinds`: the widths
    allowed, none where the field is not used. `x` and `d`: what those fields hold, empty where they are zero.
    """

    writes: str = ""
    reads: str = ""
    optional: str = ""
    kinds: range = range(0)
    memory: Memory | None = None
    x: str = ""
    d: str = ""


_ANY, _WIDE, _NARROW = range(5), range(1, 5), range(4)
_TWO = Form("a", "bc", kinds=range(0))
_WRAPS = Form("a", "bc", kinds=_WIDE)

FORMS: dict[Op, Form] = {
    Op.MOVE: Form("a", "b"),
    Op.TRUNC: Form("a", "b", kinds=_NARROW),
    Op.SEXT: Form("a", "b", kinds=_NARROW, memory=Memory.KIND),
    Op.SELECT: Form("a", "bce"),
    **dict.fromkeys((Op.ADD, Op.SUB, Op.MUL, Op.SHL, Op.SDIV, Op.SREM, Op.ASHR), _WRAPS),
    **dict.fromkeys((Op.UDIV, Op.UREM, Op.AND, Op.OR, Op.XOR, Op.LSHR), _TWO),
    **dict.fromkeys((Op.EQ, Op.NE, Op.ULT, Op.ULE), _TWO),
    **dict.fromkeys((Op.SLT, Op.SLE), Form("a", "bc", kinds=_ANY)),
    Op.LOAD: Form("a", "b", optional="b", kinds=_ANY, memory=Memory.BUFFER, d="place"),
    Op.STORE: Form("", "ab", optional="b", kinds=_ANY, memory=Memory.BUFFER, d="place"),
    Op.FILL: Form("", "abc", optional="b", memory=Memory.BUFFER, x="limit", d="place"),
    Op.READ: Form("a", "b", kinds=_ANY),
    Op.ROW: Form("a", "b", memory=Memory.COLUMN),
    Op.SEARCH: Form("a", "b", memory=Memory.COLUMN),
    Op.GET: Form("a", "bc", memory=Memory.DICT),
    Op.PUT: Form("a", "bc", memory=Memory.DICT),
    Op.DELETE: Form("", "b", memory=Memory.DICT),
    Op.CLOCK: Form("a"),
    Op.BEGIN: Form("a", memory=Memory.STREAM),
    Op.RESERVE: Form("a", "b", memory=Memory.STREAM, x="limit"),
    Op.SET: Form("", "abc", optional="b", kinds=_ANY, d="place"),
    Op.PEEK: Form("a", "bc", optional="c", kinds=_ANY, d="place"),
    Op.COPY: Form("", "abce", optional="b", x="limit", d="place"),
    Op.JUMP: Form(x="target"),
    Op.IF: Form("", "b", x="target"),
    Op.UNLESS: Form("", "b", x="target"),
    Op.CASE: Form("", "b", x="target", d="value"),
    Op.LOOP: Form("ac", "b", x="target", d="limit"),
    Op.NEXT: Form("", "ac", x="target", d="limit"),
    Op.CALL: Form("a", "b", optional="a", x="function"),
    Op.RETURN: Form("", "a", optional="a"),
    Op.RAISE: Form("", "b", x="code"),
}
"""What the fields of each operation are."""
