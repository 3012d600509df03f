"""Runs a program on the kernel against a process of ours, whose memory holds an image at fixed addresses."""

from __future__ import annotations

import contextlib
import ctypes
import json
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sey.backends.ebpf.compile import compile_snapshot
from sey.ir.artifacts import BpfProgram, Place
from sey.ir.nodes import CHUNK_BYTES, PAGE_BYTES, Program
from sey.ir.parser import parse_program
from sey.runtime.libbpf import BpfMap, BpfObject, library
from tests.ir.programs import Case, Outcome

# Maps each (address, length) on request and fills it, so that one process serves many images.
_TARGET = """
import ctypes, json, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
mapped = []
for line in sys.stdin:
    for at, size in mapped:
        libc.munmap(at, size)
    mapped.clear()
    for at, data in json.loads(line):
        raw = bytes.fromhex(data)
        start, end = at & ~4095, (at + len(raw) + 4095) & ~4095
        if not any(low <= start and end <= low + size for low, size in mapped):
            got = libc.mmap(start, end - start, 3, 0x100022, -1, 0)
            assert got == start, (hex(start), got)
            mapped.append((start, end - start))
        ctypes.memmove(at, raw, len(raw))
    print("ready", flush=True)
"""


class Target:
    """A child process into whose memory images are put. Whole pages are mapped: neighbours of an image read as zero."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-c", _TARGET], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.tid = self._child.pid
        self.set({})

    def set(self, image: Mapping[int, bytes]) -> None:
        """Replace the image: bytes by address, page-aligned or inside the pages of one before."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps([[at, data.hex()] for at, data in image.items()]) + "\n")
        self._child.stdin.flush()
        answered, _, _ = select.select([self._child.stdout], [], [], 20)
        assert answered, "the target does not answer"
        assert self._child.stdout.readline() == "ready\n", "the target could not map the image"

    def close(self) -> None:
        self._child.kill()
        self._child.communicate()


@dataclass
class Result:
    """What a run left behind."""

    buffers: dict[str, bytes]
    output: bytes
    pages_used: int
    messages: tuple[str, ...] = field(default=(), compare=False)


def dict_entries(target: BpfMap) -> dict[int, int]:
    """All entries of the map of a dict."""
    lib = ctypes.CDLL(library().path)
    found: dict[int, int] = {}
    key, following, value = (ctypes.c_uint64() for _ in range(3))
    place = None
    while lib.bpf_map_get_next_key(target.fd, place, ctypes.byref(following)) == 0:
        key.value, place = following.value, ctypes.byref(key)
        assert lib.bpf_map_lookup_elem(target.fd, ctypes.byref(key), ctypes.byref(value)) == 0
        found[key.value] = value.value
    return found


class Loaded:
    """A loaded program, to be run once."""

    def __init__(self, bpf: BpfObject, program: BpfProgram) -> None:
        self._bpf, self.program = bpf, program
        self._host = bpf.map(program.pages.map).mmap()

    def write(self, place: Place, data: bytes) -> None:
        assert len(data) <= place.size
        self._host[place.offset : place.offset + len(data)] = data

    def read(self, place: Place) -> bytes:
        return self._host[place.offset : place.offset + place.size]

    def fill_dict(self, name: str, entries: Mapping[int, int]) -> None:
        target = self._bpf.map(self.program.dicts[name])
        for key, value in entries.items():
            target.update(key.to_bytes(8, "little"), value.to_bytes(8, "little"))

    def dict_entries(self, name: str) -> dict[int, int]:
        """All entries of a dict."""
        return dict_entries(self._bpf.map(self.program.dicts[name]))

    def run(self, tid: int) -> None:
        self._bpf.run_iter(self.program.program, tid)

    def output(self) -> bytes:
        used = int.from_bytes(self.read(self.program.pages_used), "little")
        view = self._bpf.map(self.program.output).mmap()
        stride, parts = self.program.chunk_bytes, []
        for number in range(used):
            at = number * PAGE_BYTES // CHUNK_BYTES * stride + number * PAGE_BYTES % CHUNK_BYTES
            parts.append(view[at : at + PAGE_BYTES])
        view.close()
        return b"".join(parts)


@contextlib.contextmanager
def loaded(program: Program, *, pages: int = 16, chunks: int = 1) -> Iterator[Loaded]:
    """Compile and load a program."""
    compiled = compile_snapshot(program)
    with BpfObject.open(compiled.object) as bpf:
        bpf.map(compiled.output).resize(chunks)
        bpf.load()
        found = Loaded(bpf, compiled)
        found.write(compiled.pages, pages.to_bytes(8, "little"))
        yield found


def run_kernel(
    program: Program | str,
    target: Target,
    *,
    inputs: Mapping[str, bytes] | None = None,
    dicts: Mapping[str, Mapping[int, int]] | None = None,
    pages: int = 16,
    chunks: int = 1,
) -> Result:
    """Compile, load and run a program on the target as it is."""
    if isinstance(program, str):
        program = parse_program(program, stamp=True)
    with loaded(program, pages=pages, chunks=chunks) as probe:
        facts = probe.program
        for name, data in (inputs or {}).items():
            probe.write(facts.buffers[name], data[: facts.buffers[name].size])
        for name, entries in (dicts or {}).items():
            probe.fill_dict(name, entries)
        probe.run(target.tid)
        return Result(
            {name: probe.read(place) for name, place in facts.buffers.items()},
            probe.output(),
            int.from_bytes(probe.read(facts.pages_used), "little"),
            probe._bpf.messages,
        )


def outcome(case: Case, target: Target) -> Outcome:
    """Run a random case."""
    target.set(case.image)
    with loaded(case.program, pages=case.pages) as probe:
        facts = probe.program
        for name, data in case.inputs.items():
            probe.write(facts.buffers[name], data[: facts.buffers[name].size])
        for name, entries in case.entries.items():
            probe.fill_dict(name, entries)
        probe.run(target.tid)
        output = probe.output()
        return Outcome(
            {b.name: probe.read(facts.buffers[b.name])[: b.size] for b in case.program.buffers if b.host},
            {d.name: probe.dict_entries(d.name) for d in case.program.dicts if d.host},
            tuple(output[at : at + PAGE_BYTES] for at in range(0, len(output), PAGE_BYTES)),
        )
