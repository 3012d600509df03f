"""The notes of an ELF core: what the kernel knew of the process and of each of its threads.

Layouts are those of amd64 Linux: `struct elf_prstatus` and `elf_prpsinfo` (include/linux/elfcore.h),
`user_regs_struct` (arch/x86/include/asm/user_64.h), and of NT_FILE as fs/binfmt_elf.c writes it. `gcore` writes the
same. Notes of a thread follow its NT_PRSTATUS; others may stand anywhere.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

NT_PRSTATUS, NT_FPREGSET, NT_PRPSINFO, NT_AUXV = 1, 2, 3, 6
NT_X86_XSTATE, NT_SIGINFO, NT_FILE = 0x202, 0x53494749, 0x46494C45
AT_NULL, AT_PHDR, AT_PHNUM, AT_ENTRY, AT_EXECFN = 0, 3, 5, 9, 31

CORE_THREAD = np.dtype([("tid", "<i4"), ("general", "<u8", (27,)), ("xmm", "<u8", (32,))])
"""A thread: its id as whoever dumped it saw it, `user_regs_struct`, and xmm0-15 (two words each)."""

_HEADER = struct.Struct("<III")
_PRSTATUS_SIZE, _PRSTATUS_PID, _PRSTATUS_REGISTERS = 336, 32, 112
_PRPSINFO_SIZE, _PRPSINFO_PID, _PRPSINFO_NAME, _PRPSINFO_ARGUMENTS = 136, 24, 40, 56
_FXSAVE_SIZE, _FXSAVE_XMM = 512, 160
_MOST = 1 << 20
"""Notes that are read at most: 100 000 threads have some 500 000."""
_MOST_AUXV = 4096
_MOST_FILES = 16 << 20
"""Bytes of NT_FILE: Linux itself keeps it below 4 MiB (kernel.core_file_note_size_limit: 16 MiB at most)."""

Fail = Callable[[str, str], Exception]
"""Makes the error for a place and a reason."""


class MappedFile(NamedTuple):
    """A file that was mapped: where, from which byte of it, and its path as the process knew it."""

    start: int
    end: int
    offset: int
    path: str


class Signal(NamedTuple):
    """What ended or stopped the process: `si_signo` and `si_code`."""

    number: int
    code: int


@dataclass
class CoreNotes:
    """What the notes say. `pid` is 0, `name` empty, `signal` None where no note tells."""

    threads: npt.NDArray[np.void] = field(default_factory=lambda: np.zeros(0, CORE_THREAD))
    auxv: Mapping[int, int] = field(default_factory=dict)
    files: tuple[MappedFile, ...] = ()
    pid: int = 0
    name: str = ""
    signal: Signal | None = None


class _Note(NamedTuple):
    owner: bytes
    type: int
    data: memoryview


def read_notes(areas: list[memoryview], fail: Fail) -> CoreNotes:
    """Read the notes in the PT_NOTE segments of a core. Raises what `fail` makes where they contradict themselves."""
    reader = _Reader(fail)
    notes = (note for area in areas for note in _notes(area, fail))
    for number, note in enumerate(notes):
        if number == _MOST:
            raise fail("notes", f"there are more than {_MOST}")
        if note.owner in (b"CORE", b"LINUX"):
            reader.take(note)
    return reader.finish()


def _notes(area: memoryview, fail: Fail) -> Iterator[_Note]:
    at = 0
    while at + _HEADER.size <= len(area):
        name_size, size, kind = _HEADER.unpack_from(area, at)
        start = at + _HEADER.size + (name_size + 3 & ~3)
        end = start + size
        # One without a name means nothing; a file full of zeros would be full of them.
        if name_size == 0 or end > len(area):
            raise fail(f"note at byte {at} of the notes", f"a name of {name_size} bytes, {size} of contents")
        owner = bytes(area[at + _HEADER.size : at + _HEADER.size + min(name_size, 8)]).rstrip(b"\0")
        yield _Note(owner, kind, area[start:end])
        at = end + 3 & ~3


class _Reader:
    def __init__(self, fail: Fail) -> None:
        self.fail = fail
        self.notes = CoreNotes()
        self._threads: list[bytes] = []
        self._xmm: dict[int, bytes] = {}

    def take(self, note: _Note) -> None:
        data = note.data
        match note.type:
            case 1:  # NT_PRSTATUS
                self._thread(data)
            case 2 | 0x202:  # NT_FPREGSET, NT_X86_XSTATE: both begin with an FXSAVE image
                self._float(note)
            case 3:  # NT_PRPSINFO
                self._process(data)
            case 6:  # NT_AUXV
                self._auxv(data)
            case 0x53494749:  # NT_SIGINFO: gcore writes one for each thread
                self._signal(data)
            case 0x46494C45:  # NT_FILE
                self._files(data)

    def finish(self) -> CoreNotes:
        empty = bytes(256)
        rows = b"".join(part + self._xmm.get(number, empty) for number, part in enumerate(self._threads))
        self.notes.threads = np.frombuffer(rows, CORE_THREAD)
        return self.notes

    def _sized(self, data: memoryview, size: int, what: str) -> None:
        if len(data) < size:
            raise self.fail(what, f"it has {len(data)} bytes, not {size}")

    def _thread(self, data: memoryview) -> None:
        self._sized(data, _PRSTATUS_SIZE, "NT_PRSTATUS")
        tid = bytes(data[_PRSTATUS_PID : _PRSTATUS_PID + 4])
        if not 0 < int.from_bytes(tid, "little") < 1 << 31:
            raise self.fail("NT_PRSTATUS", f"a thread of number {int.from_bytes(tid, 'little', signed=True)}")
        self._threads.append(tid + bytes(data[_PRSTATUS_REGISTERS : _PRSTATUS_REGISTERS + 27 * 8]))

    def _float(self, note: _Note) -> None:
        self._sized(note.data, _FXSAVE_SIZE, "NT_FPREGSET" if note.type == NT_FPREGSET else "NT_X86_XSTATE")
        if not self._threads:
            raise self.fail("NT_FPREGSET", "it belongs to no thread")
        self._xmm.setdefault(len(self._threads) - 1, bytes(note.data[_FXSAVE_XMM : _FXSAVE_XMM + 256]))

    def _process(self, data: memoryview) -> None:
        self._sized(data, _PRPSINFO_SIZE, "NT_PRPSINFO")
        self.notes.pid = int(struct.unpack_from("<i", data, _PRPSINFO_PID)[0])
        self.notes.name = _text(bytes(data[_PRPSINFO_NAME:_PRPSINFO_ARGUMENTS]))
        if self.notes.pid < 0:
            raise self.fail("NT_PRPSINFO", f"process {self.notes.pid}")

    def _auxv(self, data: memoryview) -> None:
        found: dict[int, int] = {}
        for kind, value in struct.iter_unpack("<QQ", data[: min(len(data), _MOST_AUXV) // 16 * 16]):
            if kind == AT_NULL:
                break
            found[kind] = value
        self.notes.auxv = found

    def _signal(self, data: memoryview) -> None:
        self._sized(data, 12, "NT_SIGINFO")
        number, _, code = struct.unpack_from("<iii", data)
        self.notes.signal = self.notes.signal or Signal(number, code)

    def _files(self, data: memoryview) -> None:
        self._sized(data, 16, "NT_FILE")
        count, page = struct.unpack_from("<QQ", data)
        if count > (len(data) - 16) // 24 or len(data) > _MOST_FILES:
            raise self.fail("NT_FILE", f"{count} files in {len(data)} bytes")
        names = bytes(data[16 + 24 * count :]).split(b"\0")
        if len(names) < count:
            raise self.fail("NT_FILE", f"{len(names)} names of {count} files")
        entries = struct.iter_unpack("<QQQ", data[16 : 16 + 24 * count])
        self.notes.files = tuple(
            MappedFile(start, end, offset * page, _text(name))
            for (start, end, offset), name in zip(entries, names, strict=False)
        )


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "surrogateescape")
