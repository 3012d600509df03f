"""The block of words that machine code works on: pointers to its memories, and how far it has come.

First the words of `Word`; then a pointer for each column, `STREAM_WORDS` for each stream, `DICT_WORDS` for each dict.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from sey.backends.interp.format import Bytecode

STREAM_WORDS = 2
"""The number of the page written to + 1, 0 where there is none; bytes used of it with the header."""
DICT_WORDS = 6
"""The table, its slots less one, entries, capacity, whether key 0 is there, its value. A slot is key and value; keys in
the table are not 0."""
TURNS = 1024
"""Turns of loops and calls between two looks at the clock."""
ALIGNMENT = 64


class Word(enum.IntEnum):
    """Words at the start of the block, by their number."""

    BUFFERS = 0
    """Where the buffers are."""
    OUTPUT = 1
    """Where the pages of output are."""
    CLAIMED = 2
    """Bytes of output in claimed pages."""
    ROOM = 3
    """Bytes of output that may be claimed."""
    TURNS = 4
    """Turns until the next look at the clock."""
    STOP = 5
    """When to end a program that has not ended; all bits set: never."""
    CLOCK = 6
    """A function of the host for the clock, else 0: it leaves the time in SCRATCH."""
    READ = 7
    """The host's function for reads that windows can't serve."""
    WINDOW = 8
    """The host's function for pages never seen before, which it tells in PIECE and the next two; 0: there is none."""
    PAGES = 9
    """The table of the target's pages: pairs of page number + 1 and where its bytes are."""
    SEEN = 10
    """Entries in that table."""
    LAST_PAGE = 11
    """The page that was read last; all bits set where there is none."""
    LAST_POINTER = 12
    """Where its bytes are."""
    FAULT_CODE = 13
    """The fault on its way out of a function."""
    FAULT_DETAIL = 14
    """Its detail."""
    TRAP = 15
    """Why the run was ended, a `Trap`."""
    SEED = 16
    """A random number, so that nobody can choose keys that share a slot."""
    SCRATCH = 17
    """Bytes on their way."""
    PIECE = 18
    """The first page of a stretch of the target."""
    PIECE_PAGES = 19
    """Its number of pages; 0 where the page can't be read."""
    PIECE_POINTER = 20
    """Where its bytes are. Of a page that can't be read: 1 where single reads are to be tried, else 0."""
    THREAD = 21
    """A thread of the process that is looked at, where the code reads it by itself; else 0."""
    RING = 22
    """Where what it reads goes: RING_PAGES pages, those filled longest ago are filled again."""
    OWNERS = 23
    """For each page of the ring the target's page that it holds + 1."""
    RING_NEXT = 24
    """The page of the ring that is filled next."""


class Trap(enum.IntEnum):
    """Why a run was ended."""

    NONE = 0
    OUTSIDE = 1
    """It reached outside of its output."""
    LATE = 2
    """It ran on after its time."""
    HOST = 3
    """A function of the host failed."""


PAGE_SLOTS_LOG2 = 17
PAGE_LIMIT = 1 << 16
"""How many of the target's pages are known at once."""
NEIGHBOURS_LOG2 = 8
"""Pages that become known together."""
RING_PAGES = 1024
"""What the code has read by itself and still knows: few enough to stay in the processor's cache."""
BLOCK = 16
"""Pages of the target that it reads at once at most: stacks lie beside each other, and so do objects."""


@dataclass(frozen=True)
class Layout:
    """Where things of a program are: words in the block, and bytes of buffers behind each other."""

    program: Bytecode

    @property
    def columns(self) -> int:
        """The word with the first column's pointer."""
        return len(Word)

    @property
    def streams(self) -> int:
        """The first word of the first stream."""
        return self.columns + len(self.program.columns)

    @property
    def dicts(self) -> int:
        """The first word of the first dict."""
        return self.streams + STREAM_WORDS * len(self.program.streams)

    @property
    def words(self) -> int:
        """Words in all."""
        return self.dicts + DICT_WORDS * len(self.program.dicts)

    def buffers(self) -> Iterator[int]:
        """Where each buffer starts, and where all end."""
        at = 0
        for buffer in self.program.buffers:
            yield at
            at += -(-(buffer.size + buffer.slack) // ALIGNMENT) * ALIGNMENT
        yield at
