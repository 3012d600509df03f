"""The memory of one run of an event program: an element of an array map, since many threads run the program at once.

What is a global of its own in a snapshot's program, and no host sees, is a member of the slot: the machine's variables,
frames, buffers, the output. A run claims a slot, and has the address of it in a place on its stack, which all pieces
are given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sey.backends.ebpf.layout import TAIL
from sey.ir.nodes import EVENT_OUTPUT_BYTES, RECORD_HEADER_BYTES

SLOTS, RING = "slots", "events"
"""The maps of slots and of what runs put out."""
SLOT_TYPE = "%slot"

HIT = "hit"
"""What a run knows of itself, the first member: u64 each that it is running, when it began, the probe's cookie."""
HIT_CLAIMED, HIT_BEGAN, HIT_COOKIE, HIT_BYTES = range(0, 32, 8)

RUN_OUTPUT = "run_output"
"""The last member: u64 length of the output, then the output, then what no position in it should reach."""
LENGTH_BYTES = 8


class Slot:
    """The members of a slot, in order. Their sizes are known only when all code is written."""

    def __init__(self, symbols: Sequence[str]) -> None:
        members = (HIT, *(symbol for symbol in symbols if symbol != TAIL), RUN_OUTPUT)
        self._numbers = {symbol: number for number, symbol in enumerate(members)}
        self.reach = 8
        """Bytes behind a record that starts at the very end that accesses by their masks could reach."""

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._numbers

    def pointer(self, base: str, symbol: str, offset: int) -> str:
        """The instruction that computes the address of a place in a member."""
        number = self._numbers[symbol]
        return f"getelementptr {SLOT_TYPE}, ptr {base}, i32 0, i32 {number}, i64 {offset}"

    def _members(self, sizes: Mapping[str, int]) -> list[int]:
        whole = {
            HIT: HIT_BYTES,
            # What the mask of a size reaches behind another member is there in any case, or nearly.
            RUN_OUTPUT: max(LENGTH_BYTES + EVENT_OUTPUT_BYTES + RECORD_HEADER_BYTES + self.reach, sizes[TAIL]),
            **sizes,
        }
        return [-(-whole[symbol] // 8) * 8 for symbol in self._numbers]

    def size(self, sizes: Mapping[str, int]) -> int:
        """Bytes of a slot; `sizes` has those of the members that were named."""
        return sum(self._members(sizes))

    def definition(self, sizes: Mapping[str, int]) -> str:
        """The LLVM type of a slot."""
        return f"{SLOT_TYPE} = type {{ {', '.join(f'[{size} x i8]' for size in self._members(sizes))} }}"
