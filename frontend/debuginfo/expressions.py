"""Location expressions: from DWARF's little stack language to pieces, or a reason why not.

Go's compilers write no more than registers, frame slots (CFA + n), addresses, and pieces of these
(cmd/compile/internal/ssa/debug.go). An expression with anything else is not guessed at.
"""

from __future__ import annotations

from sey.frontend.debuginfo.data import DamageError, Data
from sey.frontend.debuginfo.dwarf import Op
from sey.frontend.debuginfo.model import Piece, Place
from sey.frontend.debuginfo.units import Unit, Units

_FIRST_XMM, _REGISTERS = 17, 33
_XMM_SIZE, _WORD = 16, 8

Spot = tuple[Place, int]
_NOWHERE: Spot = (Place.NOWHERE, 0)


class BadLocationError(Exception):
    """A location that can't be believed; the text says why, in words for `Variable.problem`."""


def pieces_of(units: Units, unit: Unit, expression: bytes, size: int) -> tuple[Piece, ...] | None:
    """Where the `size` bytes of a value are, as pieces that cover them exactly; None where it is nowhere at all.

    Raises BadLocationError where the expression can't be true of a value of that size, or isn't understood.
    """
    try:
        found = _parse(units, unit, Data("location", expression))
    except DamageError as damage:
        raise BadLocationError(f"its location is damaged ({damage.reason})") from damage
    pieces, offset = list[Piece](), 0
    for (place, value), width in found:
        width = size if width is None else width
        _check_width(place, value, width)
        pieces.append(Piece(place, value, offset, width))
        offset += width
    if offset > size:
        raise BadLocationError(f"its location lists {offset} bytes for a value of {size}")
    if offset < size:
        pieces.append(Piece(Place.NOWHERE, 0, offset, size - offset))
    pieces = [p for p in pieces if p.size]
    return tuple(pieces) if size == 0 or any(p.place is not Place.NOWHERE for p in pieces) else None


def _check_width(place: Place, register: int, width: int) -> None:
    if place is not Place.REGISTER:
        return
    if register >= _REGISTERS:
        raise BadLocationError(f"its location names register {register}, which amd64 doesn't have")
    if width > (_XMM_SIZE if register >= _FIRST_XMM else _WORD):
        raise BadLocationError(f"its location names one register for {width} bytes")


def _parse(units: Units, unit: Unit, data: Data) -> list[tuple[Spot, int | None]]:
    """Spots with their sizes in bytes; None for "the whole value"."""
    found, spot, at = list[tuple[Spot, int | None]](), _NOWHERE, 0
    while at < data.size:
        op, at = data.uint(at, 1), at + 1
        if op == Op.PIECE:
            size, at = data.uleb(at)
            found.append((spot, size))
            spot = _NOWHERE
        elif op == Op.PLUS_UCONST and spot[0] in (Place.CFA, Place.ADDRESS):
            more, at = data.uleb(at)
            spot = (spot[0], spot[1] + more)
        elif spot != _NOWHERE:
            raise BadLocationError(f"its location uses operation {op:#x} in a way that sey doesn't know")
        else:
            spot, at = _spot(units, unit, data, op, at)
    if spot != _NOWHERE:
        if found:
            raise BadLocationError("its location mixes pieces with a whole")
        found.append((spot, None))
    return found


def _spot(units: Units, unit: Unit, data: Data, op: int, at: int) -> tuple[Spot, int]:
    if Op.REG0 <= op <= Op.REG31:
        return (Place.REGISTER, op - Op.REG0), at
    match op:
        case Op.REGX:
            register, at = data.uleb(at)
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
    raise BadLocationError(f"its location uses operation {op:#x}, which sey doesn't know")
