"""Where a program's memories lie in the object: sections, symbols, frames, and the bytes of tables.

- `.bss`: everything that is written, by direct addresses: no lookup, no null check. First come the host's buffers and
  the counters that it sets and reads; it maps the section into its memory. One section, since loaders with a libbpf
  before 1.1 (bpftool of Debian 12) know no other one of this kind.
- `.rodata.tables`: columns of tables, each padded to a power of two of rows with zeros.
- `.maps`: the output and the dicts.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence, Set
from dataclasses import dataclass, field

from sey.backends.ebpf.allocate import frame_values
from sey.ir.nodes import CHUNK_BYTES, MAX_RECORD_BYTES, Column, Function, Program, Type, Value

OUTPUT = "output"
OUTPUT_VALUE_BYTES = CHUNK_BYTES + 4 * MAX_RECORD_BYTES
"""A chunk, and room behind it for what a position in its last byte can reach: a dynamic offset, a constant one,
and a copy, each at most `MAX_RECORD_BYTES`. Programs never get there; the kernel wants to see that they can't."""

HOST_SECTION = ".bss"
TABLE_SECTION = ".rodata.tables"
PAGES = "host_pages"
PAGES_USED = "host_pages_used"
FAULT = "fault"
"""The fault on its way to a handler: u32 code (0: none), u32 zero, u64 detail."""

TAIL = "tail"
STATE = "state"
"""The machine's own variables in one global, so that one address in a register serves all of them."""
STATE_RAN, STATE_CHUNK, STATE_KEY, STATE_VALUE, STATE_READ, STATE_OPAQUE, STATE_ZERO, STATE_STREAMS = range(0, 64, 8)
STREAM_STATE_BYTES = 16
"""For each stream: u64 position of the next free byte, u64 end of its page."""


def row_mask(rows: int) -> int:
    """The mask that an index into a table of so many rows is taken with."""
    return (1 << max(0, rows - 1).bit_length()) - 1


def power_above(limit: int) -> int:
    """The smallest mask that keeps every number up to the limit."""
    return (1 << limit.bit_length()) - 1


_PACK_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


def column_bytes(column: Column) -> bytes:
    """The column as it lies in memory, padded to a power of two of rows."""
    width = column.type.bytes
    data = struct.pack(f"<{len(column.values)}{_PACK_CODES[width]}", *column.values)
    return data.ljust((row_mask(len(column.values)) + 1) * width, b"\0")


@dataclass
class Frame:
    """The static frame of one function: a slot of 8 bytes for each value that lives in memory."""

    symbol: str
    slots: dict[str, int] = field(default_factory=dict)
    in_memory: frozenset[str] = frozenset()

    def slot(self, name: str) -> int:
        """The offset of the slot of that name, made when first asked for."""
        return self.slots.setdefault(name, 8 * len(self.slots))

    @property
    def size(self) -> int:
        """Bytes of the frame so far."""
        return max(8, 8 * len(self.slots))


RESULT_SLOT = ""
"""Name of the slot of a function's result; no value has it."""


def frame_of(function: Function, symbol: str, outlined: Set[int]) -> Frame:
    """The frame of a function, parameters and result first; `outlined` are its regions that are pieces of their own."""
    frame = Frame(symbol, in_memory=frame_values(function, outlined))
    for parameter in function.parameters:
        frame.slot(parameter.name)
    if function.result is not None:
        frame.slot(RESULT_SLOT)
    return frame


class Symbols:
    """Symbols of a program's parts: C identifiers, as BTF wants them, and distinct."""

    def __init__(self, program: Program) -> None:
        self.buffers = {
            b.name: name
            for b, name in zip(
                program.buffers,
                _distinct([f"{'host_buffer' if b.host else 'buffer'}_{b.name}" for b in program.buffers]),
                strict=True,
            )
        }
        self.dicts = _named("dict_", [d.name for d in program.dicts])
        self.stashes = _named("stash_", [s.name for s in program.stashes])
        self.functions = _named("fn_", [f.name for f in program.functions])
        self.frames = _named("frame_", [f.name for f in program.functions])
        columns = [(t.name, c.name) for t in program.tables for c in t.columns]
        self.columns = dict(zip(columns, _distinct([f"table_{t}_{c}" for t, c in columns]), strict=True))


def _named(prefix: str, names: Sequence[str]) -> dict[str, str]:
    return dict(zip(names, _distinct([prefix + name for name in names]), strict=True))


def _distinct(names: Sequence[str]) -> list[str]:
    clean = [re.sub(r"\W", "_", name, flags=re.ASCII) for name in names]
    return [name if clean.count(name) == 1 else f"{name}__{at}" for at, name in enumerate(clean)]


LLVM_TYPES: dict[Type, str] = {Type.RECORD: "i64"} | {kind: kind.value for kind in Type if kind is not Type.RECORD}


def llvm_type(value: Value) -> str:
    """The LLVM type of a value; a handle of a record is its position."""
    return LLVM_TYPES[value.type]
