"""Writes small core files, so that tests of odd and damaged ones need no process."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_PAGE = 4096


@dataclass(frozen=True)
class Load:
    """A PT_LOAD segment: `memory` bytes (or as many as there are) from `address` on, the first of which are `data`."""

    address: int
    data: bytes = b""
    memory: int = 0
    flags: int = 6

    @property
    def size(self) -> int:
        """Its bytes in memory."""
        return self.memory or len(self.data)


@dataclass(frozen=True)
class Thread:
    """A thread: id, general registers in the order of user_regs_struct, FXSAVE image (None: no such note)."""

    tid: int
    registers: Sequence[int] = (0,) * 27
    fxsave: bytes | None = bytes(512)


@dataclass(frozen=True)
class Core:
    """All that a core says. `files` are (start, end, offset in pages, path)."""

    loads: Sequence[Load] = ()
    threads: Sequence[Thread] = (Thread(100),)
    auxv: Mapping[int, int] = field(default_factory=dict)
    files: Sequence[tuple[int, int, int, str]] = ()
    pid: int = 100
    name: str = "shop"
    more_notes: bytes = b""
    machine: int = 62
    many: bool = False
    """Write the number of segments where it stands when e_phnum can't hold it."""

    def notes(self) -> bytes:
        """The contents of the note segment, in the kernel's order."""
        info = struct.pack("<4bxxxxQIIiiii16s80s", 0, 82, 0, 0, 0, 0, 0, self.pid, 1, 1, 1, self.name.encode(), b"")
        shared = note(3, info) + note(6, b"".join(struct.pack("<QQ", k, v) for k, v in [*self.auxv.items(), (0, 0)]))
        names = b"".join(path.encode() + b"\0" for *_, path in self.files)
        entries = b"".join(struct.pack("<QQQ", *file[:3]) for file in self.files)
        shared += note(0x46494C45, struct.pack("<QQ", len(self.files), _PAGE) + entries + names)
        made = b""
        for number, thread in enumerate(self.threads):
            head = (6, 0, 0, 6, 0, 0, thread.tid, 1, 1, 1, *[0] * 8)
            status = struct.pack("<3ih2xQQ4i8q27QI4x", *head, *thread.registers, 1)
            made += note(1, status) + (shared if number == 0 else b"")
            made += note(2, thread.fxsave) if thread.fxsave is not None else b""
        return made + self.more_notes

    def to_bytes(self) -> bytes:
        """The file."""
        notes = self.notes()
        count = len(self.loads) + 1
        sections = 64 + 56 * count
        at = sections + (64 if self.many else 0)
        headers = struct.pack("<IIQQQQQQ", 4, 0, at, 0, 0, len(notes), 0, 4)
        body = notes + bytes(-(at + len(notes)) % 16)
        for load in self.loads:
            place = at + len(body)
            headers += struct.pack("<IIQQQQQQ", 1, load.flags, place, load.address, 0, len(load.data), load.size, _PAGE)
            body += load.data
        section = struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 1, 0, count, 0, 0) if self.many else b""
        header = struct.pack(
            "<4sBBBB8xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 4, self.machine, 1, 0, 64, sections if self.many else 0,
            0, 64, 56, 0xFFFF if self.many else count, 64 if self.many else 0, 1 if self.many else 0, 0,
        )  # fmt: skip
        return header + headers + section + body


def note(kind: int, data: bytes, owner: bytes = b"CORE") -> bytes:
    """One note."""
    name = owner + b"\0"
    return struct.pack("<III", len(name), len(data), kind) + name + bytes(-len(name) % 4) + data + bytes(-len(data) % 4)


REGISTERS = tuple(range(1000, 1027))
FXSAVE = bytes(160) + bytes(range(256)) + bytes(96)
WHOLE = Core(
    loads=(
        Load(0x400000, b"head" * 1024, memory=0x8000, flags=5),
        Load(0x408000, memory=0x2000, flags=4),
        Load(0x40A000, b"data" * 2048),
        Load(0x40C000, b"more" * 1024),
        Load(0xC000000000, memory=0x100000, flags=0),
        Load(0xFFFFFFFFFF600000, b"call" * 1024, flags=1),
    ),
    threads=(Thread(100, REGISTERS, FXSAVE), Thread(101, fxsave=None), Thread(102, REGISTERS[::-1])),
    auxv={3: 0x400040, 9: 0x401000},
    files=((0x400000, 0x408000, 0, "/srv/shop"), (0x408000, 0x40A000, 8, "/srv/shop (deleted)")),
)
"""A core with all that one can have."""
