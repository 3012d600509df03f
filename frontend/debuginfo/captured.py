"""Which of its variables a closure holds in itself, and of which it holds the address.

Variables that are assigned to after they are captured, or that have more than 128 bytes, are held by their address
(cmd/compile/internal/escape, `flowClosure`), others by value. Debug information calls a variable `&x` in either case
where the compiler keeps it in memory (`leaves.kept_whole`): code goes by its address, which may be one within the
closure (cmd/compile/internal/ssagen/ssa.go, `setHeapaddr`), and then has to be made by adding to the closure's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from sey.binary.errors import SeyError
from sey.binary.pclntab import PclnTab
from sey.frontend.debuginfo.leaves import kept_whole
from sey.frontend.debuginfo.machinecode import Instruction, read_code
from sey.frontend.debuginfo.model import LocationRange, Place, TypeId
from sey.frontend.debuginfo.types import Types

_MOST_BY_VALUE = 128
_CLOSURE = "rdx"
_STACK_CHECK = ("jbe", "jb")
_ADDRESS = re.compile(r"\w+, (?:\w+ ptr )?\[(?P<base>\w+)(?: \+ (?P<offset>0x[0-9a-f]+|\d+))?\]")
_GENERAL = ("rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", *(f"r{number}" for number in range(8, 16)))
"""By DWARF's numbers."""
_BRACKETS = re.compile(r"\[[^]]*\]")
_SUM = re.compile(r"(?P<to>\w+), (?P<offset>-?0x[0-9a-f]+|-?\d+)")

Instructions = Callable[[], Sequence[Instruction]]


class Captured(NamedTuple):
    """A variable in debug information: its own type, its offset in the closure, and whether it is called `&x`."""

    type: TypeId
    offset: int
    addressed: bool


def by_value(types: Types, held: Sequence[Captured], code: Instructions) -> list[bool | None]:
    """Whether a closure has each variable in itself; None where that can't be told.

    `code` gives the closure's instructions, none where they can't be had.
    """
    instructions = cache(code)
    # Variables without a size are where the next one is.
    ends = [min((then.offset for then in held if then.offset > one.offset), default=None) for one in held]
    return [_by_value(types, one, end, instructions) for one, end in zip(held, ends, strict=True)]


def code_of(open_table: Callable[[], PclnTab], entry: int) -> Instructions:
    """What gives the instructions of the function at `entry`."""

    def read() -> Sequence[Instruction]:
        try:
            table = open_table()
            function = table.function_at(entry)
            known = function is not None and function.entry == entry
            return read_code(table, function).instructions if function is not None and known else ()
        except SeyError:
            return ()

    return read


def loads_address(code: Instructions, offset: int, locations: Sequence[LocationRange]) -> bool:
    """Whether a closure's code loads the address of the variable at an offset into a register that is then the place of
    that address, by its list of locations."""
    loads = {(i.end, i.text) for i in code() if i.mnemonic == "mov"}
    source = f"qword ptr [{_CLOSURE} + {offset:#x}]" if offset > 9 else f"qword ptr [{_CLOSURE} + {offset}]"
    places = ((at.lo, p) for at in locations for p in at.pieces if len(at.pieces) == 1 and p.place is Place.REGISTER)
    return any((lo, f"{_GENERAL[p.value]}, {source}") in loads for lo, p in places if p.value < len(_GENERAL))


def _by_value(types: Types, one: Captured, end: int | None, code: Instructions) -> bool | None:
    size = types.type(one.type).size
    if not one.addressed:
        return True
    if size > _MOST_BY_VALUE or not kept_whole(types, one.type) or (end is not None and end < one.offset + size):
        return False
    if any(_adds(i, one.offset, _CLOSURE) for i in _first(code())):
        return True
    # Code that goes by its address has it from the closure, if it doesn't make it.
    base = None if any(_copies(i) for i in code()) else _CLOSURE
    return None if not code() or any(_adds(i, one.offset, base) for i in code()) else False


def _first(code: Sequence[Instruction]) -> Iterator[Instruction]:
    """The instructions at the beginning, while RDX is the closure's address."""
    for instruction in code:
        yield instruction
        ends = instruction.mnemonic == "call" or (instruction.jumps and instruction.mnemonic not in _STACK_CHECK)
        if ends or instruction.text.split(",")[0] in (_CLOSURE, "edx", "dx", "dl"):
            return


def _copies(instruction: Instruction) -> bool:
    """Whether an instruction puts what is in RDX elsewhere."""
    to, _, rest = instruction.text.partition(", ")
    return _CLOSURE in _BRACKETS.sub("", rest).split(", ") or (instruction.mnemonic == "push" and to == _CLOSURE)


def _adds(instruction: Instruction, offset: int, to: str | None = None) -> bool:
    """Whether an instruction makes an address that is `offset` behind one (`to`: that in this register)."""
    match instruction.mnemonic:
        case "lea":
            found = _ADDRESS.fullmatch(instruction.text)
            bases = found is not None and found["base"] not in ("rsp", "rip") and to in (None, found["base"])
            return bases and found is not None and int(found["offset"] or "0", 0) == offset
        case "add" | "sub" as way:
            found = _SUM.fullmatch(instruction.text)
            own = found is not None and to in (None, found["to"])
            return own and found is not None and int(found["offset"], 0) == (offset if way == "add" else -offset)
    return False
