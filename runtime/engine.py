"""A probe in the kernel, ready to run once: sized and loaded before the pause, run during it, emptied after it."""

from __future__ import annotations

import mmap
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType

import numpy as np
import numpy.typing as npt

from sey.ir.artifacts import BpfProgram, Place
from sey.ir.nodes import CHUNK_BYTES, PAGE_BYTES
from sey.ir.plan import COUNTERS, THREAD_MAX, THREAD_WORDS, WHOLE_COUNTERS, Plan, State
from sey.runtime.libbpf import BpfObject
from sey.runtime.merge import Merged, merge
from sey.runtime.pages import Pages, pages_of
from sey.runtime.pause import THREAD
from sey.runtime.processors import usable_processors
from sey.runtime.threadplaces import ThreadPlaces

_WORD = struct.Struct("<Q")
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


class LoadedProbe:
    """A probe in the kernel for one process; a context that frees it. `tids` are living threads of the process.

    With `parts` above 1 the walk is split: each part is a program of its own with its share of the goroutines, and they
    run at once. They read through different threads where there are several: for each read the kernel locks the task,
    which made two parts 7 % slower on one.
    """

    def __init__(self, program: BpfProgram, plan: Plan, tids: Sequence[int], room: Room, parts: int = 1) -> None:
        self._plan = plan
        self.parts = parts
        pages = -(-room.pages // parts)
        share = Room(pages, max(_FEWEST_STACKS, room.stacks // parts))
        self._parts = _load_parts(
            [partial(_Part, program, plan, tids[n % len(tids)], share, n, parts) for n in range(parts)]
        )

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

    def runs(self, threads: npt.NDArray[np.void], bias: int, deadline_ns: int) -> list[Callable[[], None]]:
        """What to run, all at once, over the paused process. `threads`: array of THREAD; times are CLOCK_MONOTONIC."""
        assert threads.dtype == THREAD
        return [partial(part.run, threads, bias, deadline_ns) for part in self._parts]

    @property
    def left_out(self) -> int:
        """Threads that ran without registers, since there were more than a probe holds."""
        return self._parts[0].left_out

    def results(self) -> Results:
        """What the runs have emitted, copied out of the kernel. Raises SeyError where it contradicts itself."""
        found = [part.counters() for part in self._parts]
        blocks = tuple(int(sum(words)) for words in zip(*(part.when().tolist() for part in self._parts), strict=True))
        if len(self._parts) == 1:
            return Results(Pages.from_pages(enumerate(self._parts[0].pages()), _ORIGIN), found[0], blocks)
        merged = merge(self._plan.streams, [part.pages() for part in self._parts], _ORIGIN)
        return Results(merged.pages, _sum(found, merged), blocks)


def _load_parts(loads: Sequence[Callable[[], _Part]]) -> list[_Part]:
    """Load all, at once where there are several: what takes the time is the kernel's verifier."""
    if len(loads) == 1:
        return [loads[0]()]
    loaded: list[_Part] = []
    errors: list[BaseException] = []

    def load(one: Callable[[], _Part]) -> None:
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
    return total | shared | {
        "stacks": total["stacks"] - merged.again,
        "bad_stacks": total["bad_stacks"] - merged.bad_again,
    }


_SEVERITY = (State.DONE, State.OUT_OF_TIME, State.OUT_OF_SPACE, State.FAILED, State.NOT_RUN)


class _Part:
    """One program in the kernel, with its share of the walk."""

    def __init__(self, program: BpfProgram, plan: Plan, tid: int, room: Room, number: int, parts: int) -> None:
        self.number = number
        self._program, self._plan, self._room = program, plan, room
        self._memories: dict[str, mmap.mmap] = {}
        self.left_out = 0
        self._object = BpfObject.open(program.object)
        try:
            self._object.map(program.output).resize(max_entries=room.chunks)
            self._object.map(program.dicts["stacks"]).resize(max_entries=room.stacks)
            self._object.load()
            self._places = ThreadPlaces(self._object.map(program.dicts["threads"]))
            self._output = self._object.map(program.output).mmap()
            self._iterator = self._object.iterator(program.program, tid)
            self._write(program.pages, _WORD.pack(room.pages))
            self._write(program.buffers["in_share"], _WORD.pack(number))
            self._write(program.buffers["in_shares"], _WORD.pack(parts))
        except BaseException:
            self._object.close()
            raise

    def close(self) -> None:
        self._iterator.close()
        self._object.close()

    def expect_threads(self, ns_tids: npt.NDArray[np.int32]) -> None:
        self._places.expect(ns_tids.tolist())
        # The first run of this code takes several times as long as the next, and only the next is in the pause.
        self._write_registers(np.zeros(0, THREAD))

    def run(self, threads: npt.NDArray[np.void], bias: int, deadline_ns: int) -> None:
        self._write_registers(threads)
        self._write(self._program.buffers["in_bias"], _WORD.pack(bias & (1 << 64) - 1))
        self._write(self._program.buffers["in_deadline"], _WORD.pack(deadline_ns))
        self._iterator.run()
        if self.counters()["state"] == State.NOT_RUN and len(threads):
            # The thread that was chosen before the pause has ended; those that are stopped now can't.
            self._iterator.close()
            self._iterator = self._object.iterator(self._program.program, int(threads["tid"][0]))
            self._iterator.run()

    def _write_registers(self, threads: npt.NDArray[np.void]) -> None:
        places = self._places.of(threads)
        keep = places >= 0
        self.left_out = len(places) - int(keep.sum())
        place = self._program.buffers["in_regs"]
        memory = self._memory(place.map)
        words = np.frombuffer(memory, dtype="<u8", count=THREAD_MAX * THREAD_WORDS, offset=place.offset)
        table = words.reshape(THREAD_MAX, THREAD_WORDS)
        rows, kept = places[keep], threads[keep]
        for column, name in ((0, "tid"), (1, "ns_tid"), (2, "pc"), (36, "fs_base")):
            table[rows, column] = kept[name]
        table[rows, 4:20] = kept["gpr"]
        table[rows, 20:36] = kept["xmm"]

    def pages(self) -> list[memoryview]:
        """The raw pages it began, where they are."""
        used = _WORD.unpack(self._read(self._program.pages_used, 8))[0]
        chunk = self._program.chunk_bytes
        view = memoryview(self._output)
        chunks = [view[i * chunk : i * chunk + CHUNK_BYTES] for i in range(self._room.chunks)]
        most = self._room.chunks * (CHUNK_BYTES // PAGE_BYTES)
        return pages_of(chunks, min(used, most))

    def counters(self) -> dict[str, int]:
        words = self._read(self._program.buffers["out_counters"], 8 * len(COUNTERS))
        return dict(zip(COUNTERS, struct.unpack(f"<{len(COUNTERS)}Q", words), strict=True))

    def when(self) -> npt.NDArray[np.uint64]:
        """For each block how many frames were left out since an operand of its `when` was missing."""
        words = self._read(self._program.buffers["out_when"], 8 * len(self._plan.blocks))
        return np.frombuffer(words, "<u8")

    def _memory(self, name: str) -> mmap.mmap:
        if name not in self._memories:
            self._memories[name] = self._object.map(name).mmap()
        return self._memories[name]

    def _write(self, place: Place, data: bytes) -> None:
        self._memory(place.map)[place.offset : place.offset + len(data)] = data

    def _read(self, place: Place, size: int) -> bytes:
        return bytes(self._memory(place.map)[place.offset : place.offset + size])
