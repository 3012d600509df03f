"""What the first instructions of a function keep of its arguments: stores into the room that the caller left for them.

Optimized code that needs an argument after a call stores it at its home (cmd/compile/internal/ssa/stackalloc.go), most
often at once. Nothing else is ever kept there. Debug information says so of variables, and not of dictionaries.
Closures load what they captured from the closure, whose address comes in RDX, and store it among their locals.
"""

from __future__ import annotations

from typing import NamedTuple

from sey.binary.pclntab import PclnTab
from sey.frontend.debuginfo.model import Range

_LONGEST = 512
_SHORT_STORE, _LONG_STORE = 0x44, 0x84
"""ModRM bytes, but for the register, of a store at RSP + disp8 or disp32."""
_SIB_RSP = 0x24
_GENERAL = (0, 2, 1, 3, 7, 6, 4, 5, *range(8, 16))
"""DWARF's numbers of registers by those in instructions: RAX RCX RDX RBX RSP RBP RSI RDI R8-R15."""


_RDX_IN_CODE, _RDX = 2, 1
FROM_CLOSURE = -1
"""Stands for the register of a store whose value has been loaded from the closure."""


class Store(NamedTuple):
    """A register's 64 bits stored at CFA + `offset`, done at the address `done`. Registers have DWARF's numbers; they
    still hold what they held on entry, or it is `FROM_CLOSURE`."""

    register: int
    offset: int
    done: int


class Frame(NamedTuple):
    """Where a function's code has its whole frame, which is `size` bytes below the return address."""

    size: int
    ranges: tuple[Range, ...]


def frame_of(table: PclnTab, entry: int) -> Frame | None:
    """The frame of the function at `entry`. Outside of its ranges is code that grows the stack, sets the frame up or
    takes it down. Raises SeyError."""
    function = table.function_at(entry)
    if function is None or function.entry != entry:
        return None
    rows = table.tables.table(function.pcsp)
    size = max((int(delta) for delta in rows.values), default=0)
    starts = (0, *(int(end) for end in rows.ends))
    spans = zip(starts, rows.ends, rows.values, strict=False)
    return Frame(size, tuple(Range(entry + lo, entry + int(hi)) for lo, hi, delta in spans if delta == size))


def before_frame(table: PclnTab, entry: int) -> Range | None:
    """The code at the entry of a function that comes before its frame: the check of its stack, and the instruction that
    begins the frame; of functions without one the first byte. None where there is no such function. Raises SeyError."""
    function = table.function_at(entry)
    if function is None or function.entry != entry:
        return None
    rows = table.tables.table(function.pcsp)
    framed = bool(rows.values) and rows.values[0] == 0 and len(rows.values) > 1
    return Range(entry, entry + (rows.ends[0] if framed else 1))


def first_stores(table: PclnTab, frame: Frame) -> list[Store]:
    """The stores that a function begins with once its frame is there, among loads from the closure, up to another
    instruction. Raises SeyError."""
    if not frame.ranges:
        return []
    start, end = frame.ranges[0]
    code = table.elf.read(start, min(_LONGEST, end - start))
    found, loaded, at = list[Store](), set[int](), 0
    while _RDX not in loaded:
        if (load := _load(code, at)) is not None:
            register, at = load
            loaded.add(register)
        elif (store := _store(code, at)) is not None:
            of, displacement, at = store
            if of is not None:
                came = FROM_CLOSURE if of in loaded else of
                found.append(Store(came, displacement - frame.size - 8, start + at))
        else:
            break
    return found


def _load(code: bytes, at: int) -> tuple[int, int] | None:
    """The load of 64 bits relative to RDX at `at`: its register and where the next instruction begins, else None."""
    head = code[at : at + 3]
    if len(head) < 3 or head[0] & 0xFB != 0x48 or head[1] != 0x8B or head[2] & 7 != _RDX_IN_CODE or head[2] >= 0xC0:
        return None
    return _GENERAL[(head[2] >> 3 & 7) | (head[0] & 4) << 1], at + 3 + (0, 1, 4)[head[2] >> 6]


def _store(code: bytes, at: int) -> tuple[int | None, int, int] | None:
    """The store relative to RSP at `at`: its register (None unless it is 64 bits of a general one), the displacement,
    and where the next instruction begins. None for other instructions."""
    prefix = code[at : at + 1] in (b"\x66", b"\xf2", b"\xf3")
    at += prefix
    rex = code[at] if code[at : at + 1] and 0x40 <= code[at] < 0x50 else 0
    at += bool(rex)
    wide = False
    if code[at : at + 2] == b"\x0f\x11":  # A float, or 16 bytes.
        at += 2
    elif code[at : at + 1] in (b"\x88", b"\x89"):
        wide = code[at] == 0x89 and not prefix and bool(rex & 8)
        at += 1
    else:
        return None
    if len(code) < at + 6 or code[at + 1] != _SIB_RSP or rex & 3:
        return None
    size = {_SHORT_STORE: 1, _LONG_STORE: 4}.get(code[at] & 0xC7)
    if size is None:
        return None
    displacement = int.from_bytes(code[at + 2 : at + 2 + size], "little", signed=True)
    register = _GENERAL[(code[at] >> 3 & 7) | (rex & 4) << 1]
    return register if wide else None, displacement, at + 2 + size
