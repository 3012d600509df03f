"""ELF core files of amd64 Linux processes, as the kernel or `gcore` wrote them; mapped, never loaded as a whole.

core = open_core("core.4242")
core.notes.threads, core.loads

pyelftools isn't used: it builds an object for each segment and note, and a core can have a hundred thousand of both.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sey.binary import problems
from sey.binary.core_problems import CompressedCore, CoreDamaged, CoreMachine, CoreTruncated, NotCore
from sey.binary.corenotes import CoreNotes, read_notes
from sey.binary.elf import EM_X86_64, MACHINES, PROGRAM_HEADER, PT_LOAD, PT_NOTE, format_name, map_file
from sey.binary.errors import SeyError

PF_R = 4
ET_CORE = 4
SEGMENT = np.dtype(
    [
        ("type", "<u4"),
        ("flags", "<u4"),
        ("offset", "<u8"),
        ("address", "<u8"),
        ("physical", "<u8"),
        ("file_size", "<u8"),
        ("memory_size", "<u8"),
        ("align", "<u8"),
    ]
)
"""A program header (System V ABI, 64-bit)."""
assert SEGMENT.itemsize == PROGRAM_HEADER.size

_FILE_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_MANY = 0xFFFF
"""e_phnum where there are this many program headers or more (PN_XNUM): section header 0 has the number."""
_SECTION_INFO = 44
"""Where a section header has sh_info."""
_SECTION_HEADER_SIZE = 64
_MOST_SEGMENTS = 1 << 20
"""Linux allows 65 530 mappings unless vm.max_map_count says otherwise."""
_COMPRESSED = (
    (b"\x1f\x8b", "gzip", "gzip -d"),
    (b"\x28\xb5\x2f\xfd", "zstd", "zstd -d"),
    (b"\x04\x22\x4d\x18", "lz4", "lz4 -d"),
    (b"\xfd7zXZ\0", "xz", "xz -d"),
    (b"BZh", "bzip2", "bzip2 -d"),
)


@dataclass(frozen=True, eq=False)
class CoreFile:
    """An open core. `loads` are its PT_LOAD segments (array of SEGMENT) by ascending address, none over another.

    `modified_ns` is when the file was last written, which is when it was dumped unless it was copied since (Unix time).
    """

    path: str
    view: memoryview = field(repr=False)
    loads: npt.NDArray[np.void] = field(repr=False)
    notes: CoreNotes = field(repr=False)
    modified_ns: int = 0


def is_core(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as a core does; False also for one that can't be read."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            start = file.read(18)
    except (OSError, ValueError):
        return False
    kinds = (bytes((ET_CORE, 0)), bytes((0, ET_CORE)))
    return start[:4] == b"\x7fELF" and start[16:18] in kinds


def open_core(path: str | os.PathLike[str]) -> CoreFile:
    """Open a core. Raises SeyError: missing, not a core, compressed, of another machine, truncated, damaged."""
    name = os.fspath(path)
    try:
        view, status = map_file(name)
    except SeyError as error:
        match error.problems[0]:
            case problems.NotRegularFile(_, found) | problems.NotElf(_, found):
                raise SeyError(NotCore(name, found)) from None
        raise
    return parse_core(view, name, status.st_mtime_ns)


def parse_core(view: memoryview, path: str, modified_ns: int = 0) -> CoreFile:
    """The core whose bytes are `view`; `path` is for messages. Raises SeyError as `open_core` does."""
    reader = _Reader(view, path)
    reader.check_header()
    segments = reader.segments()
    notes = read_notes(reader.note_areas(segments), reader.damaged)
    return CoreFile(path, view, reader.loads(segments), notes, modified_ns)


class _Reader:
    def __init__(self, view: memoryview, path: str) -> None:
        self.view, self.path = view, path

    def damaged(self, place: str, reason: str) -> SeyError:
        return SeyError(CoreDamaged(self.path, place, reason))

    def truncated(self, expected: int) -> SeyError:
        return SeyError(CoreTruncated(self.path, expected, len(self.view)))

    def check_header(self) -> None:
        """It is a core, of a process of this machine."""
        start = bytes(self.view[:64])
        for magic, method, command in _COMPRESSED:
            if start.startswith(magic):
                raise SeyError(CompressedCore(self.path, method, f"{command} {self.path}"))
        if start[:4] != b"\x7fELF":
            raise SeyError(NotCore(self.path, format_name(start)))
        if len(start) < _FILE_HEADER.size:
            raise self.truncated(_FILE_HEADER.size)
        bits, order = start[4], start[5]
        if bits not in (1, 2) or order not in (1, 2):
            raise self.damaged("ELF header", f"class {bits}, byte order {order}")
        kind, machine = struct.unpack_from("<HH" if order == 1 else ">HH", start, 16)
        if kind != ET_CORE:
            found = {1: "an ELF object file", 2: "an ELF executable", 3: "an ELF executable or library"}
            raise SeyError(NotCore(self.path, found.get(kind, f"an ELF file of type {kind}")))
        if (bits, order, machine) != (2, 1, EM_X86_64):
            word = MACHINES.get(machine, f"ELF machine {machine}")
            told = ("32-bit " if bits == 1 and machine == EM_X86_64 else "") + word
            raise SeyError(CoreMachine(self.path, told + (", big-endian" if order == 2 else "")))

    def segments(self) -> npt.NDArray[np.void]:
        """The program header table."""
        (_, _, _, _, _, offset, sections, _, _, size, count, _, _, _) = _FILE_HEADER.unpack_from(self.view)
        if count == _MANY:
            if sections + _SECTION_HEADER_SIZE > len(self.view):
                raise self.truncated(sections + _SECTION_HEADER_SIZE)
            count = struct.unpack_from("<I", self.view, sections + _SECTION_INFO)[0]
        if size != SEGMENT.itemsize or not 0 < count <= _MOST_SEGMENTS:
            raise self.damaged("ELF header", f"{count} program headers of {size} bytes")
        if offset + count * size > len(self.view):
            raise self.truncated(offset + count * size)
        table: npt.NDArray[np.void] = np.frombuffer(self.view, SEGMENT, count, offset)
        return table

    def note_areas(self, segments: npt.NDArray[np.void]) -> list[memoryview]:
        found = []
        for segment in segments[segments["type"] == PT_NOTE]:
            start, size = int(segment["offset"]), int(segment["file_size"])
            if start + size > len(self.view):
                raise self.truncated(start + size)
            found.append(self.view[start : start + size])
        if not found:
            raise self.damaged("program header table", "there are no notes")
        return found

    def loads(self, segments: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
        """The PT_LOAD segments by address, checked."""
        loads = segments[(segments["type"] == PT_LOAD) & (segments["memory_size"] > 0)]
        loads = np.asarray(loads[np.argsort(loads["address"], kind="stable")])
        # Sums of two numbers below 2**63 don't wrap; a file offset or a size above has nothing in a file.
        if len(loads) and max(int(loads[name].max()) for name in ("offset", "memory_size", "file_size")) >> 63:
            raise self.damaged("program header table", "a segment of an impossible size")
        if bool(np.any(loads["file_size"] > loads["memory_size"])):
            raise self.damaged("program header table", "a segment has more bytes than it has memory")
        stored = loads[loads["file_size"] > 0]
        expected = int((stored["offset"] + stored["file_size"]).max()) if len(stored) else 0
        if expected > len(self.view):
            raise self.truncated(expected)
        ends = loads["address"] + loads["memory_size"]
        # A segment may end where the address space does, at 2**64, which is 0 here.
        if bool(np.any((ends != 0) & (ends < loads["address"]))) or bool(np.any(ends[:-1] - 1 >= loads["address"][1:])):
            raise self.damaged("program header table", "segments lie over each other")
        return loads
