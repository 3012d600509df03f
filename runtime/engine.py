"""A probe ready to run, whatever runs it: sized and loaded before the pause, run during it, emptied after it.

The walk may be split into parts, each a program of its own with its share of the goroutines. `ebpf_engine.py` makes
parts that run in the kernel, `interp_engine.py` parts that run here.
"""

from __future__ import annotations

import mmap
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from sey.ir.nodes import CHUNK_BYTES, PAGE_BYTES
from sey.ir.plan import COUNTERS, THREAD_MAX, THREAD_WORDS, WHOLE_COUNTERS, Plan, State
from sey.runtime.merge import Merged, merge
from sey.runtime.pages import Buffer, Pages
from sey.runtime.pause import THREAD
from sey.runtime.processors import usable_processors

_PAGES_A_CHUNK = CHUNK_BYTES // PAGE_BYTES
_FIXED_BYTES = 96
"""A goroutine's own record."""
_SHARE_BYTES = 512
"""Room set aside per goroutine for stacks and memory behind pointers: most stacks are shared, most strings short."""


_ORIGIN = "the probe's output"
_WORTH_A_PART = 4_000
"""Goroutines from which on a part of its own pays: loading one takes 70 ms, starting it 100 µs of the pause."""
_FEWEST_STACKS = 4096
_MOST_PARTS = 4
"""Beyond, parts wait for each other in the kernel: each read counts in one place of the target's memory map."""


def parts_for(goroutines: int) -> int:
    """Into how many parts to split a walk over so many goroutines, with the processors that this process may use."""
    return max(1, min(_MOST_PARTS, usable_processors(), goroutines // _WORTH_A_PART))


@dataclass(frozen=True)
class Room:
    """How much a run may emit and remember: pages of output, and distinct stacks."""

    pages: int
    stacks: int

    @property
    def chunks(self) -> int:
        """Chunks that hold the pages."""
        return -(-self.pages // _PAGES_A_CHUNK)

    def share(self, parts: int) -> Room:
        """The room of each of so many parts."""
        return Room(-(-self.pages // parts), max(_FEWEST_STACKS, self.stacks // parts))


def room_for(plan: Plan, goroutines: int, max_bytes: int) -> Room:
    """Room for so many goroutines, within `max_bytes` of output."""
    row_bytes = sum(stream.size for stream in plan.streams if stream.name.startswith("row_"))
    wanted = goroutines * (_FIXED_BYTES + _SHARE_BYTES + row_bytes) + CHUNK_BYTES // 2
    pages = -(-wanted // CHUNK_BYTES) * _PAGES_A_CHUNK
    remembered = max(_FEWEST_STACKS, min(1 << 22, 1 << (2 * goroutines).bit_length()))
    return Room(max(1, min(pages, max_bytes // PAGE_BYTES)), remembered)


@dataclass(frozen=True)
class Results:
    """What a run leaves: its pages, and the counters by name."""

    pages: Pages
    counters: Mapping[str, int]
    when: tuple[int, ...]


class Part(Protocol):
    """One program with its share of the walk. `left_out`: threads beyond those that it holds registers of."""

    number: int
    left_out: int

    def close(self) -> None:
        """Free it."""
        ...

    def expect_threads(self, ns_tids: npt.NDArray[np.int32]) -> None:
        """Give threads their places before the pause, when there is time."""
        ...

    def reset(self, tid: int) -> None:
        """Make it as it was before it ran, to run again; `tid` is a living thread of the process."""
        ...

    def run(self, threads: npt.NDArray[np.void], bias: int, deadline_ns: int) -> None:
        """Run it. `threads`: array of THREAD; times are CLOCK_MONOTONIC."""
        ...

    def pages(self) -> Sequence[Buffer]:
        """The raw pages that it began, where they are."""
        ...

    def words(self, buffer: str, count: int) -> tuple[int, ...]:
        """The first words of a host buffer."""
        ...


P = TypeVar("P", bound=Part)


class LoadedProbe:
    """A probe for one process, in parts that run at once; a context that frees it. `engine` is what runs them.

    `reason`: why it isn't eBPF, where that was left to us.
    """

    def __init__(self, plan: Plan, parts: Sequence[Part], engine: str, reason: str = "") -> None:
        self._plan, self._parts = plan, parts
        self.engine, self.reason = engine, reason
        self.parts = len(parts)

    def __enter__(self) -> LoadedProbe:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free it, in the kernel too."""
        for part in self._parts:
            part.close()

    def expect_threads(self, ns_tids: npt.NDArray[np.int32]) -> None:
        """Give threads their places before the pause, when there is time."""
        for part in self._parts:
            part.expect_threads(ns_tids)

    def reset(self, tids: Sequence[int]) -> None:
        """Make it ready for another run, with nothing left of the last. `tids` are living threads of the process."""
        for number, part in enumerate(self._parts):
            part.reset(tids[number % len(tids)])

    def runs(self, threads: npt.NDArray[np.void], bias: int, deadline_ns: int) -> list[Callable[[], None]]:
        """What to run, all at once, over the paused process. `threads`: array of THREAD; times are CLOCK_MONOTONIC."""
        assert threads.dtype == THREAD
        return [partial(part.run, threads, bias, deadline_ns) for part in self._parts]

    @property
    def left_out(self) -> int:
        """Threads that ran without registers, since there were more than a probe holds."""
        return self._parts[0].left_out

    def results(self) -> Results:
        """What the runs have emitted, copied out of where it is. Raises SeyError where it contradicts itself."""
        found = [counters_of(part) for part in self._parts]
        when = [part.words("out_when", len(self._plan.blocks)) for part in self._parts]
        blocks = tuple(sum(words) for words in zip(*when, strict=True))
        if len(self._parts) == 1:
            return Results(Pages.from_pages(enumerate(self._parts[0].pages()), _ORIGIN), found[0], blocks)
        pages = [[_writable(page) for page in part.pages()] for part in self._parts]
        merged = merge(self._plan.streams, pages, _ORIGIN)
        return Results(merged.pages, _sum(found, merged), blocks)


def _writable(page: Buffer) -> memoryview:
    """The page where it is, or a copy where it can't be written."""
    view = memoryview(page)
    return memoryview(bytearray(view)) if view.readonly else view


def counters_of(part: Part) -> dict[str, int]:
    """The counters of one part by name."""
    return dict(zip(COUNTERS, part.words("out_counters", len(COUNTERS)), strict=True))


def write_registers(
    memory: mmap.mmap | bytearray | memoryview,
    offset: int,
    threads: npt.NDArray[np.void],
    places: npt.NDArray[np.int64],
) -> None:
    """Write threads (array of THREAD) into the host buffer `in_regs` at an offset of a memory, each in its place."""
    words = np.frombuffer(memory, dtype="<u8", count=THREAD_MAX * THREAD_WORDS, offset=offset)
    table = words.reshape(THREAD_MAX, THREAD_WORDS)
    for column, name in ((0, "tid"), (1, "ns_tid"), (2, "pc"), (36, "fs_base")):
        table[places, column] = threads[name]
    table[places, 4:20] = threads["gpr"]
    table[places, 20:36] = threads["xmm"]


def load_parts(loads: Sequence[Callable[[], P]]) -> list[P]:
    """Load all parts, at once where there are several: what takes the time is the kernel's verifier."""
    if len(loads) == 1:
        return [loads[0]()]
    loaded: list[P] = []
    errors: list[BaseException] = []

    def load(one: Callable[[], P]) -> None:
        try:
            loaded.append(one())
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=load, args=(one,)) for one in loads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        for part in loaded:
            part.close()
        raise errors[0]
    return sorted(loaded, key=lambda part: part.number)


def _sum(parts: Sequence[Mapping[str, int]], merged: Merged) -> dict[str, int]:
    """The counters of the whole walk."""
    total = {name: sum(part[name] for part in parts) for name in COUNTERS}
    worst = max(parts, key=lambda part: _SEVERITY.index(State(part["state"])))
    shared = {name: worst[name] for name in WHOLE_COUNTERS}
    return (
        total
        | shared
        | {
            "stacks": total["stacks"] - merged.again,
            "bad_stacks": total["bad_stacks"] - merged.bad_again,
        }
    )


_SEVERITY = (State.DONE, State.OUT_OF_TIME, State.OUT_OF_SPACE, State.FAILED, State.NOT_RUN)
