"""What the function table tells about a frame: which stack slots hold whole variables.

A variable whose address is taken is kept in memory as a whole, and if it holds pointers, the collector has a record
of it (emitStackObjects in cmd/compile/internal/liveness/plive.go, stackObjectRecord in runtime/stack.go).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache

from sey.binary.errors import SeyError
from sey.binary.pclntab import FuncData, PclnTab

_RECORD = struct.Struct("<iiiI")
_MOST_RECORDS = 1 << 16
_FRAME_LINK = 16
"""Return address and saved RBP: offsets of locals count from below them (amd64)."""


class StackObjects:
    """Stack objects of the functions of one binary. The function table is opened when first needed."""

    def __init__(self, open_table: Callable[[], PclnTab]) -> None:
        self._open_table = open_table
        self.at = lru_cache(maxsize=1024)(self._read)

    def _read(self, entry: int) -> dict[int, int]:
        """Sizes of the function's stack objects by offset from the CFA; empty where nothing is known."""
        try:
            table = self._open_table()
            function = table.function_at(entry)
            address = table.funcdata(function, FuncData.STACK_OBJECTS) if function else None
            if address is None:
                return {}
            count = int.from_bytes(table.elf.read(address, 8), "little")
            raw = table.elf.read(address + 8, _RECORD.size * count) if count <= _MOST_RECORDS else b""
        except SeyError:
            return {}
        records = ((offset, size) for offset, size, _, _ in _RECORD.iter_unpack(raw))
        return {offset - _FRAME_LINK if offset < 0 else offset: size for offset, size in records}
