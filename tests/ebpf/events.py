"""Runs event programs on the kernel: in a child process whose threads call one function as often as they are told."""

from __future__ import annotations

import contextlib
import ctypes
import json
import mmap
import os
import select
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from sey.backends.ebpf.compile import compile_events
from sey.ir.artifacts import PROBE_BYTES, PROBE_COUNTERS, EventProgram, Place
from sey.ir.nodes import Program
from sey.ir.parser import parse_program
from sey.runtime.libbpf import BpfObject, library
from tests.ebpf.harness import dict_entries
from tests.ir.programs import RUNS, Case, Outcome

# Calls labs(n) for each n it reads, one list for each thread, where null is the base of the thread's FS segment; maps
# images as the harness of snapshots does.
_TARGET = """
import ctypes, json, os, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
libc.labs.argtypes, libc.labs.restype = [ctypes.c_long], ctypes.c_long
libc.pthread_self.restype = ctypes.c_long
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
mapped = []
def calls(numbers):
    for number in numbers:
        libc.labs(libc.pthread_self() if number is None else number)
for line in sys.stdin:
    image = json.loads(line)["image"]
    for at, end in mapped if image is not None else []:
        libc.munmap(at, end - at)
    mapped = [] if image is not None else mapped
    for at, data in image or []:
        raw = bytes.fromhex(data)
        start, end = at & ~4095, (at + len(raw) + 4095) & ~4095
        if not any(low <= start and end <= high for low, high in mapped):
            assert libc.mmap(start, end - start, 3, 0x100022, -1, 0) == start
            mapped.append((start, end))
        ctypes.memmove(at, raw, len(raw))
    threads = [threading.Thread(target=calls, args=(numbers,)) for numbers in json.loads(line)["calls"]]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    print("done", flush=True)
"""


class _UprobeOptions(ctypes.Structure):
    """`struct bpf_uprobe_opts` (libbpf.h)."""

    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("ref_ctr_offset", ctypes.c_size_t),
        ("bpf_cookie", ctypes.c_uint64),
        ("retprobe", ctypes.c_bool),
        ("func_name", ctypes.c_char_p),
        ("attach_mode", ctypes.c_int),
    )


class Caller:
    """The child. It has one processor, so that its threads take turns on it."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-c", _TARGET], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._child.pid
        self.call([[]])
        with open(f"/proc/{self.pid}/maps") as maps:
            self.library = next(line.split()[-1] for line in maps if "/libc.so" in line or "/libc-" in line)
        with open(self.library, "rb") as file:
            elf = ELFFile(file)
            symbols = elf.get_section_by_name(".dynsym")
            assert isinstance(symbols, SymbolTableSection)
            found = symbols.get_symbol_by_name("labs")
            assert found
            self.offset = next(iter(elf.address_offsets(found[0]["st_value"])))

    def call(self, calls: Sequence[Sequence[int | None]], image: Mapping[int, bytes] | None = None) -> None:
        """Have each thread do its calls; a new image in memory, where one is given, replaces the one before."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        data = image if image is None else [[at, raw.hex()] for at, raw in image.items()]
        self._child.stdin.write(json.dumps({"image": data, "calls": calls}) + "\n")
        self._child.stdin.flush()
        answered, _, _ = select.select([self._child.stdout], [], [], 60)
        assert answered, "the target does not answer"
        assert self._child.stdout.readline() == "done\n", "the target failed"

    def close(self) -> None:
        self._child.kill()
        self._child.communicate()


@dataclass
class Traced:
    """An event program that is attached to the child's function."""

    bpf: BpfObject
    program: EventProgram
    _host: mmap.mmap
    _read: int = 0

    def write(self, place: Place, data: bytes) -> None:
        assert len(data) <= place.size
        self._host[place.offset : place.offset + len(data)] = data

    def read(self, place: Place) -> bytes:
        return self._host[place.offset : place.offset + place.size]

    def counters(self, probe: int = 0) -> dict[str, int]:
        at = probe * PROBE_BYTES
        words = struct.unpack_from(f"<{len(PROBE_COUNTERS)}Q", self.read(self.program.probes), at)
        return dict(zip(PROBE_COUNTERS, words, strict=True))

    def drain(self) -> list[bytes]:
        """The outputs that came since."""
        ring = self.bpf.map(self.program.ring)
        size, page = ring.max_entries, mmap.PAGESIZE
        with (
            contextlib.closing(mmap.mmap(ring.fd, page, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)) as consumer,
            contextlib.closing(
                mmap.mmap(ring.fd, page + 2 * size, mmap.MAP_SHARED, mmap.PROT_READ, offset=page)
            ) as producer,
        ):
            (end,) = struct.unpack_from("<Q", producer)
            found = []
            while self._read < end:
                at = page + self._read % size
                (length,) = struct.unpack_from("<I", producer, at)
                found.append(producer[at + 8 : at + 8 + length])
                self._read += -(-(8 + length) // 8) * 8
            consumer[:8] = self._read.to_bytes(8, "little")
            return found


def _attach(bpf: BpfObject, caller: Caller, cookie: int) -> int:
    lib = ctypes.CDLL(library().path, use_errno=True)
    attach = lib.bpf_program__attach_uprobe_opts
    attach.restype = ctypes.c_void_p
    attach.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p]
    lib.bpf_object__next_program.restype = ctypes.c_void_p
    lib.bpf_object__next_program.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    program = lib.bpf_object__next_program(bpf._handle, None)
    options = _UprobeOptions(sz=ctypes.sizeof(_UprobeOptions), bpf_cookie=cookie)
    link = attach(program, caller.pid, caller.library.encode(), caller.offset, ctypes.byref(options))
    assert link, os.strerror(ctypes.get_errno())
    return int(link)


def outcome(case: Case, caller: Caller) -> Outcome:
    """Run a random case of events."""
    with traced(case.program, caller, ring=1 << 19) as trace:
        facts = trace.program
        for name, data in case.inputs.items():
            trace.write(facts.buffers[name], data[: facts.buffers[name].size])
        for name, entries in case.entries.items():
            for key, value in entries.items():
                trace.bpf.map(facts.dicts[name]).update(key.to_bytes(8, "little"), value.to_bytes(8, "little"))
        outputs = []
        for turn in range(RUNS):
            caller.call([[1]], case.image if turn == 0 else None)
            outputs.append(b"".join(trace.drain()))
        return Outcome(
            {b.name: trace.read(facts.buffers[b.name])[: b.size] for b in case.program.buffers if b.host},
            {d.name: dict_entries(trace.bpf.map(facts.dicts[d.name])) for d in case.program.dicts if d.host},
            tuple(outputs),
        )


@contextlib.contextmanager
def traced(
    program: Program | str, caller: Caller, *, cookies: tuple[int, ...] = (0,), probes: int = 1, ring: int = 1 << 20
) -> Iterator[Traced]:
    """Compile an event program, load it, and attach it once for each cookie."""
    if isinstance(program, str):
        program = parse_program(program, stamp=True)
    compiled = compile_events(program, probes=probes)
    lib = ctypes.CDLL(library().path)
    lib.bpf_link__destroy.argtypes = [ctypes.c_void_p]
    with BpfObject.open(compiled.object) as bpf:
        bpf.map(compiled.ring).resize(ring)
        bpf.load()
        found = Traced(bpf, compiled, bpf.map(compiled.probes.map).mmap())
        links = [_attach(bpf, caller, cookie) for cookie in cookies]
        try:
            yield found
        finally:
            for link in links:
                lib.bpf_link__destroy(link)
