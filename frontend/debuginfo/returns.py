"""Where the results of a function are at its RET instructions: there the ABI says it, which debug information doesn't.

In optimized code nearly all results have no location (golang/go#50990). What a result's variable holds before is what
its location list says, if anything; unnamed results are nothing before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from sey.binary.elf import ElfFile
from sey.binary.errors import SeyError
from sey.binary.pclntab import PclnTab
from sey.frontend.debuginfo.abi import Assignment
from sey.frontend.debuginfo.leaves import leaves_of
from sey.frontend.debuginfo.machinecode import read_code, returns
from sey.frontend.debuginfo.model import LocationRange, Piece, Place, Range, Role, Variable
from sey.frontend.debuginfo.placement import spread
from sey.frontend.debuginfo.types import Types

_RET, _NOP = b"\xc3", b"\x90"


@dataclass(frozen=True)
class Returns:
    """Finds RET instructions of one binary, and results at them. The function table is opened when first needed."""

    elf: ElfFile
    open_table: Callable[[], PclnTab]
    types: Types

    def results(self, found: Sequence[Variable], places: dict[str, Assignment], physical: Range) -> list[Variable]:
        """The variables of an out-of-line function, its results with their places at the RETs."""
        if not any(v.role is Role.RESULT and v.name in places for v in found):
            return list(found)
        rets = list(self.rets(physical))
        return [self._placed(v, places[v.name], rets) if _leaves(v, places) else v for v in found]

    def rets(self, physical: Range) -> Iterator[Range]:
        """The RETs of a function that are certain: where the frame is gone again, so that an instruction begins.

        The code of functions without a frame is disassembled for them.
        """
        try:
            table = self.open_table()
            function = table.function_at(physical.lo)
            deltas = None if function is None else table.tables.table(function.pcsp)
            if function is None or deltas is None:
                return
            if not any(deltas.values):
                yield from (Range(i.address, i.end) for i in returns(read_code(table, function)) or ())
                return
        except SeyError:
            return
        start, before = 0, 0
        for end, delta in zip(deltas.ends, deltas.values, strict=True):
            if delta == 0 and before != 0 and (ret := self._ret_at(function.entry + start, int(end) - start)):
                yield ret
            start, before = end, delta

    def _ret_at(self, address: int, size: int) -> Range | None:
        """The RET that the code at an address is, behind instructions that do nothing."""
        try:
            code = self.elf.read(address, size)
        except SeyError:
            return None
        nops = len(code) - len(code.lstrip(_NOP))
        return Range(address + nops, address + nops + 1) if code[nops : nops + 1] == _RET else None

    def _placed(self, variable: Variable, place: Assignment, rets: Sequence[Range]) -> Variable:
        pieces = self._pieces(variable, place)
        if pieces is None or not rets:
            return variable
        before = () if variable.name.startswith("~") else variable.locations
        kept = [part for location in before for part in _outside(location, rets)]
        at_rets = [LocationRange(ret.lo, ret.hi, pieces) for ret in rets]
        starts = variable.starts if before else None
        return replace(variable, locations=tuple(sorted((*kept, *at_rets))), problem=None, starts=starts)

    def _pieces(self, variable: Variable, place: Assignment) -> tuple[Piece, ...] | None:
        size = self.types.type(variable.type).size
        if place.registers is None:
            return (Piece(Place.CFA, place.home, 0, size),) if size else None
        leaves = leaves_of(self.types, variable.type) or ()
        if len(leaves) != len(place.registers):
            return None
        placed = ((leaf, Place.REGISTER, register) for leaf, register in zip(leaves, place.registers, strict=True))
        return spread(placed, size)


def _leaves(variable: Variable, places: dict[str, Assignment]) -> bool:
    """Whether the ABI says where it leaves. What leaves of one that was moved to the heap isn't the variable."""
    return variable.role is Role.RESULT and not variable.by_reference and variable.name in places


def _outside(location: LocationRange, rets: Sequence[Range]) -> Iterator[LocationRange]:
    """The parts of a location's range that are no RET."""
    lo = location.lo
    for ret in rets:
        if lo < ret.hi and ret.lo < location.hi:
            if lo < ret.lo:
                yield location._replace(lo=lo, hi=ret.lo)
            lo = ret.hi
    if lo < location.hi:
        yield location._replace(lo=lo)
