"""Runs a probe in the kernel: an eBPF object, loaded once for each part of the walk."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from sey.ir.artifacts import BpfProgram, Place
from sey.ir.nodes import CHUNK_BYTES, PAGE_BYTES
from sey.ir.plan import Plan, State
from sey.runtime.engine import LoadedProbe, Room, counters_of, load_parts, write_registers
from sey.runtime.libbpf import BpfMap, BpfObject
from sey.runtime.pages import pages_of
from sey.runtime.pause import THREAD
from sey.runtime.program_check import check_object
from sey.runtime.threadplaces import ThreadPlaces

_WORD = struct.Struct("<Q")


def load_ebpf(program: BpfProgram, plan: Plan, tids: Sequence[int], room: Room, parts: int = 1) -> LoadedProbe:
    """A probe in the kernel for one process. `tids` are living threads of it. Raises SeyError.

    With `parts` above 1 the walk is split, and the parts run at once. They read through different threads where there
    are several: for each read the kernel locks the task, which made two parts 7 % slower on one.
    """
    share = room.share(parts)
    loads = [partial(_Part, program, tids[n % len(tids)], share, n, parts) for n in range(parts)]
    return LoadedProbe(plan, load_parts(loads), "ebpf")


class _Words:
    """A map of the kernel from u64 to u64, by numbers."""

    def __init__(self, words: BpfMap) -> None:
        self._map = words

    def __setitem__(self, key: int, value: int) -> None:
        self._map.update(_WORD.pack(key), _WORD.pack(value))

    def __delitem__(self, key: int) -> None:
        self._map.delete(_WORD.pack(key))


class _Part:
    """One program in the kernel, with its share of the walk."""

    def __init__(self, program: BpfProgram, tid: int, room: Room, number: int, parts: int) -> None:
        self.number = number
        self._program, self._room = program, room
        self._memories: dict[str, mmap.mmap] = {}
        self.left_out = 0
        self._object = BpfObject.open(program.object)
        try:
            check_object(self._object, program)
            self._object.map(program.output).resize(max_entries=room.chunks)
            self._object.map(program.dicts["stacks"]).resize(max_entries=room.stacks)
            self._object.load()
            self._places = ThreadPlaces(_Words(self._object.map(program.dicts["threads"])))
            self._output = self._object.map(program.output).mmap()
            self._parts = parts
            self._start(tid)
        except BaseException:
            self._object.close()
            raise

    def _start(self, tid: int) -> None:
        """Set what every run starts from, and attach to a living thread."""
        program = self._program
        self._iterator = self._object.iterator(program.program, tid)
        self._write(program.pages, _WORD.pack(self._room.pages))
        self._write(program.buffers["in_share"], _WORD.pack(self.number))
        self._write(program.buffers["in_shares"], _WORD.pack(self._parts))
        self._write(program.buffers["in_pages"], _WORD.pack(self._room.pages))

    def reset(self, tid: int) -> None:
        self._iterator.close()
        for page in self.pages():
            page[:] = bytes(len(page))
        # All that a program writes is in here, or in a dict.
        section = self._memory(self._program.pages.map)
        section[:] = bytes(len(section))
        for name, where in self._program.dicts.items():
            if name != "threads":
                self._object.map(where).clear()
        self._start(tid)

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
        if counters_of(self)["state"] == State.NOT_RUN and len(threads):
            # The thread that was chosen before the pause has ended; those that are stopped now can't.
            self._iterator.close()
            self._iterator = self._object.iterator(self._program.program, int(threads["tid"][0]))
            self._iterator.run()

    def _write_registers(self, threads: npt.NDArray[np.void]) -> None:
        places = self._places.of(threads)
        keep = places >= 0
        self.left_out = len(places) - int(keep.sum())
        place = self._program.buffers["in_regs"]
        write_registers(self._memory(place.map), place.offset, threads[keep], places[keep])

    def pages(self) -> list[memoryview]:
        """The raw pages it began, where they are."""
        used = _WORD.unpack(self._read(self._program.pages_used, 8))[0]
        chunk = self._program.chunk_bytes
        view = memoryview(self._output)
        chunks = [view[i * chunk : i * chunk + CHUNK_BYTES] for i in range(self._room.chunks)]
        most = self._room.chunks * (CHUNK_BYTES // PAGE_BYTES)
        return pages_of(chunks, min(used, most))

    def words(self, buffer: str, count: int) -> tuple[int, ...]:
        """The first words of a host buffer."""
        return struct.unpack(f"<{count}Q", self._read(self._program.buffers[buffer], 8 * count))

    def _memory(self, name: str) -> mmap.mmap:
        if name not in self._memories:
            self._memories[name] = self._object.map(name).mmap()
        return self._memories[name]

    def _write(self, place: Place, data: bytes) -> None:
        self._memory(place.map)[place.offset : place.offset + len(data)] = data

    def _read(self, place: Place, size: int) -> bytes:
        return bytes(self._memory(place.map)[place.offset : place.offset + size])
