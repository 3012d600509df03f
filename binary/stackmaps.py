"""The garbage collector's stack maps: which pointer slots of a frame are alive while it waits for a call to return.

A slot that debug information still gives to a variable may no longer be scanned, and what it pointed to be freed.
Sources: getStackMap in runtime/stkframe.go, stackmap in runtime/symtab.go, cmd/compile/internal/liveness/plive.go.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache

from sey.binary.errors import SeyError
from sey.binary.pclntab import PcFunc, PclnTab

_PCDATA_STACK_MAP = 1
_FUNCDATA_ARGUMENTS, _FUNCDATA_LOCALS = 0, 1
_FRAME_LINK = 16
"""Return address and saved RBP lie between the locals and the CFA (amd64)."""


@dataclass(frozen=True)
class LiveSlots:
    """The live pointer slots of a frame at one place. `locals` and `arguments` are bitmaps, None where there is no map.

    Bit i of `arguments` is the word at CFA + 8i, bit i of `locals` the one at CFA - 16 - 8 * local_words + 8i.
    """

    arguments: int | None
    locals: int | None
    local_words: int

    def dead(self, cfa_offset: int) -> bool:
        """Whether the pointer-sized slot at CFA + `cfa_offset` is known not to be scanned."""
        if cfa_offset % 8:
            return False
        if cfa_offset >= 0:
            return self.arguments is not None and not self.arguments >> (cfa_offset // 8) & 1
        bit = (cfa_offset + _FRAME_LINK) // 8 + self.local_words
        if self.locals is None or cfa_offset > -_FRAME_LINK - 8:
            return False
        return bit < 0 or not self.locals >> bit & 1


class StackMaps:
    """Stack maps of one executable."""

    def __init__(self, table: PclnTab) -> None:
        self._table = table
        self._of_function = cache(self._function_maps)

    def edges(self, pc: int) -> list[int]:
        """The pcs at which the map of the function at `pc` changes; look a return address up at the byte before it."""
        function = self._table.function_at(pc)
        if function is None or len(function.pcdata) <= _PCDATA_STACK_MAP:
            return []
        rows = self._table.tables.table(function.pcdata[_PCDATA_STACK_MAP])
        return [function.entry + int(end) for end in rows.ends]

    def live(self, pc: int) -> LiveSlots | None:
        """The live slots at `pc` (the byte before a return address); None where nothing is known."""
        function = self._table.function_at(pc)
        if function is None:
            return None
        return self._map(function, self._table.pcdata(pc, _PCDATA_STACK_MAP))

    def passed(self, pc: int) -> tuple[tuple[int, LiveSlots | None], ...]:
        """Where each map of the function begins to apply, and the map: those up to the instruction before `pc`.

        The compiler notes a change at the call that the new map is for, so that the last one here is that of the last
        call before `pc` in the order of the code (`(*Progs).Prog` in cmd/compile/internal/objw/prog.go).
        """
        function = self._table.function_at(pc)
        if function is None:
            return ()
        return tuple(row for row in self._of_function(function) if row[0] < pc)

    def _function_maps(self, function: PcFunc) -> tuple[tuple[int, LiveSlots | None], ...]:
        if len(function.pcdata) <= _PCDATA_STACK_MAP:
            return ()
        rows = self._table.tables.table(function.pcdata[_PCDATA_STACK_MAP])
        starts = (function.entry + offset for offset in (0, *rows.ends))
        return tuple((start, self._map(function, number)) for start, number in zip(starts, rows.values, strict=False))

    def _map(self, function: PcFunc, number: int) -> LiveSlots | None:
        # As the runtime has it: no value means a place near the function's start, to which map 0 applies.
        number = max(number, 0)
        try:
            arguments = self._bitmap(function, _FUNCDATA_ARGUMENTS, number)
            local = self._bitmap(function, _FUNCDATA_LOCALS, number)
        except (SeyError, struct.error):
            return None
        return LiveSlots(
            arguments=arguments[0] if arguments else None,
            locals=local[0] if local else None,
            local_words=local[1] if local else 0,
        )

    def _bitmap(self, function: PcFunc, kind: int, number: int) -> tuple[int, int] | None:
        """Bits and their count of map `number`: struct stackmap { n, nbit int32; bytes }."""
        address = self._table.funcdata(function, kind)
        if address is None:
            return None
        count, bits = struct.unpack("<ii", self._table.elf.read(address, 8))
        if not 0 <= number < count or bits < 0:
            return None
        size = (bits + 7) // 8
        data = self._table.elf.read(address + 8 + number * size, size) if size else b""
        return int.from_bytes(data, "little"), bits
