"""Location expressions: DWARF's little stack language, as far as Go's compilers speak it.

They write registers, frame slots (CFA + n), addresses, pieces of these, and since Go 1.26 the slot of a pointer to
the value (cmd/compile/internal/ssa/debug.go, cmd/compile/internal/dwarfgen/dwarf.go). Anything else is not guessed at.
"""

from __future__ import annotations

from typing import NamedTuple

from sey.frontend.debuginfo.data import DamageError, Data
from sey.frontend.debuginfo.dwarf import Op
from sey.frontend.debuginfo.model import Place
from sey.frontend.debuginfo.units import Unit, Units

_REGISTERS = 33
_WORD = 8


class BadLocationError(Exception):
    """A location that can't be believed; the text says why, in words for `Variable.problem`."""


class Spot(NamedTuple):
    """A place, and how many bytes of the value are there; `size` None stands for a location without pieces."""

    place: Place
    value: int
    size: int | None


def parse(units: Units, unit: Unit, expression: bytes) -> list[Spot]:
    """The spots of an expression in order; empty for "nowhere". Raises BadLocationError where it isn't understood."""
    data = Data("location", expression)
    try:
        return _parse(units, unit, data)
    except DamageError as damage:
        raise BadLocationError(f"its location is damaged ({damage.reason})") from damage


_NOWHERE = (Place.NOWHERE, 0)


def _parse(units: Units, unit: Unit, data: Data) -> list[Spot]:
    found, place, at = list[Spot](), _NOWHERE, 0
    while at < data.size:
        op, at = data.uint(at, 1), at + 1
        if op == Op.PIECE:
            size, at = data.uleb(at)
            found.append(Spot(*place, size))
            place = _NOWHERE
        elif op == Op.PLUS_UCONST and place[0] in (Place.CFA, Place.ADDRESS):
            more, at = data.uleb(at)
            place = (place[0], place[1] + more)
        elif place != _NOWHERE:
            raise BadLocationError(f"its location uses operation {op:#x} in a way that isn't known")
        else:
            place, at = _place(units, unit, data, op, at)
    if place != _NOWHERE:
        if found:
            raise BadLocationError("its location mixes pieces with a whole")
        found.append(Spot(*place, None))
    return found


def _place(units: Units, unit: Unit, data: Data, op: int, at: int) -> tuple[tuple[Place, int], int]:
    if Op.REG0 <= op <= Op.REG31:
        return (Place.REGISTER, op - Op.REG0), at
    match op:
        case Op.REGX:
            register, at = data.uleb(at)
            if register >= _REGISTERS:
                raise BadLocationError(f"its location names register {register}, which amd64 doesn't have")
            return (Place.REGISTER, register), at
        case Op.CALL_FRAME_CFA:
            return (Place.CFA, 0), at
        case Op.FBREG:
            # The frame base of every Go function is DW_OP_call_frame_cfa.
            offset, at = data.sleb(at)
            return (Place.CFA, offset), at
        case Op.ADDR:
            return (Place.ADDRESS, data.uint(at, _WORD)), at + _WORD
        case Op.ADDRX:
            index, at = data.uleb(at)
            return (Place.ADDRESS, units.address(unit, index)), at
    raise BadLocationError(f"its location uses operation {op:#x}, which isn't known")
