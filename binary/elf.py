"""ELF executables: headers, sections, symbols and what the loader maps, read lazily from a memory map.

Written here and not taken from pyelftools because opening must take milliseconds, symbol look-ups must not build
an object per symbol, and every offset of a damaged file must end in a `SeyError` that names the place. Layouts are
those of the System V ABI (gabi 4.3, chapters 4 and 5); only 64-bit little-endian amd64 executables are accepted.
"""

from __future__ import annotations

import mmap
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sey.binary import problems
from sey.binary.errors import SeyError
from sey.binary.remembered import stamp

ET_EXEC, ET_DYN = 2, 3
PT_LOAD, PT_NOTE, PT_TLS = 1, 4, 7
SHT_SYMTAB, SHT_RELA, SHT_NOTE, SHT_NOBITS = 2, 4, 7, 8
SHF_WRITE, SHF_ALLOC, SHF_COMPRESSED = 1, 2, 0x800
PF_X, PF_W = 1, 2
R_X86_64_RELATIVE = 8
EM_X86_64 = 62

_TYPES = {0: "an ELF file of no type", 1: "an ELF object file", 4: "an ELF core dump"}
MACHINES = {2: "sparc", 3: "386", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 43: "sparc64",
             62: "amd64", 183: "arm64", 243: "riscv64", 258: "loong64"}  # fmt: skip
_COMPRESSION = {1: "zlib", 2: "zstd"}
_FILE_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_SECTION_HEADER = struct.Struct("<IIQQQQIIQQ")
_PLENTY = 64 << 20
_MAX_INFLATION = 100
"""What a section may inflate to: `_PLENTY`, or so many times its size. Debug information grows 2 to 10 times."""
_PIECE = 1 << 20
"""Bytes that are inflated at once."""
_SYMBOL = np.dtype(
    [("name", "<u4"), ("info", "u1"), ("other", "u1"), ("section", "<u2"), ("value", "<u8"), ("size", "<u8")]
)
_RELA = np.dtype([("offset", "<u8"), ("info", "<u8"), ("addend", "<i8")])

U64Array = npt.NDArray[np.uint64]


class Symbol(NamedTuple):
    """One entry of `.symtab`. `value` is a link-time address, `size` bytes, `section` an index (0: undefined)."""

    name: str
    value: int
    size: int
    section: int


@dataclass(frozen=True)
class Segment:
    """A program header: `file_size` bytes from file offset `offset` on are mapped at `address`.

    Zeros fill the memory up to `memory_size`.
    """

    type: int
    flags: int
    offset: int
    address: int
    file_size: int
    memory_size: int
    align: int


@dataclass(frozen=True)
class Section:
    """A section header and its contents."""

    name: str
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    file: ElfFile = field(repr=False, compare=False)

    @property
    def compressed(self) -> bool:
        """Whether the bytes in the file have to be inflated (SHF_COMPRESSED)."""
        return bool(self.flags & SHF_COMPRESSED)

    @property
    def inflated_size(self) -> int:
        """Bytes of the contents, as the compression header promises where the section is compressed."""
        if not self.compressed:
            return self.size
        raw = self.raw()
        return int(struct.unpack_from("<Q", raw, 8)[0]) if len(raw) >= 24 else 0

    def raw(self) -> memoryview:
        """The bytes as they stand in the file, without a copy; empty for SHT_NOBITS."""
        if self.type == SHT_NOBITS:
            return memoryview(b"")
        return self.file.slice(self.offset, self.size, f"section {self.name}")

    def data(self) -> memoryview:
        """The contents, inflated where the section is compressed. Raises SeyError where they are damaged."""
        return self._inflate() if self.compressed else self.raw()

    def _inflate(self) -> memoryview:
        return memoryview(b"".join(self.pieces()))

    def pieces(self) -> Iterator[bytes]:
        """The contents of a compressed section, inflated a megabyte at a time. Raises SeyError where it is damaged."""
        raw, place = self.raw(), f"section {self.name}"
        if len(raw) < 24:
            raise self.file.damaged(place, "no room for the compression header")
        method, _, size, _ = struct.unpack_from("<IIQQ", raw)
        if method != 1:
            named = _COMPRESSION.get(method, f"method {method}")
            raise SeyError(problems.UnsupportedCompression(self.file.path, self.name, named))
        if size > max(len(raw) * _MAX_INFLATION, _PLENTY):
            raise self.file.damaged(place, f"claims to inflate from {len(raw)} to {size} bytes")
        total = 0
        for piece in _inflated(self.file, place, raw[24:], size):
            total += len(piece)
            yield piece
        if total != size:
            there = f"more than {size}" if total > size else f"{total} bytes, not {size}"
            raise self.file.damaged(place, f"inflates to {there}")


def _inflated(file: ElfFile, place: str, raw: memoryview, size: int) -> Iterator[bytes]:
    """What is in a zlib stream, up to one byte more than `size`, and only whole streams: their checksum is the end."""
    inflater, left = zlib.decompressobj(), size + 1
    for start in range(0, len(raw), _PIECE // 4):
        pending: bytes | memoryview = raw[start : start + _PIECE // 4]
        while left and not inflater.eof and pending:
            try:
                piece = inflater.decompress(pending, max_length=min(left, _PIECE))
            except zlib.error as error:
                raise file.damaged(place, str(error)) from error
            pending = inflater.unconsumed_tail
            left -= len(piece)
            yield piece
        if not left or inflater.eof:
            return
    if left == 1:
        raise file.damaged(place, "its compressed form has no end")


@dataclass(frozen=True)
class _SymbolTable:
    entries: npt.NDArray[np.void]
    names: bytes

    def find(self, name: bytes) -> npt.NDArray[np.void]:
        """All entries of that name. Linkers may store a name as the tail of another, so every match counts."""
        needle, places, at = name + b"\0", [], -1
        while (at := self.names.find(needle, at + 1)) >= 0:
            places.append(at)
        return self.entries[np.isin(self.entries["name"], np.array(places, dtype=np.uint32))]

    def name(self, offset: int) -> str:
        end = self.names.find(b"\0", offset)
        return self.names[offset : end if end >= 0 else None].decode("utf-8", "replace")


@dataclass(frozen=True, eq=False)
class ElfFile:
    """An open executable. Addresses are link-time virtual addresses; a PIE's load bias is never included.

    Closing is optional: numpy views and memoryviews of the contents keep the map alive as long as they exist.
    """

    path: str
    view: memoryview = field(repr=False)
    machine: int
    type: int
    entry: int
    segments: tuple[Segment, ...]
    header: bytes = field(repr=False)
    program_headers: bytes = field(repr=False)
    section_table: tuple[int, int, int] = field(repr=False)
    """File offset, number of entries and index of the name section, as the file header has them."""
    stamp: bytes = field(default=b"", repr=False)
    """For `remembered`; empty where this isn't a file that could be told from itself changed."""

    @property
    def position_independent(self) -> bool:
        """True for PIE: the kernel chooses where the program lies."""
        return self.type == ET_DYN

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """All sections in file order, the null section included; empty where the file has no section table."""
        return tuple(_read_sections(self))

    @property
    def section_headers(self) -> bytes:
        """The section header table as it stands in the file, empty where there is none."""
        offset, _, _ = self.section_table
        return bytes(self.slice(offset, len(self.sections) * _SECTION_HEADER.size, "section header table"))

    @cached_property
    def _by_name(self) -> dict[str, Section]:
        return {section.name: section for section in reversed(self.sections)}

    def section(self, name: str) -> Section | None:
        """The first section of that name, or None."""
        return self._by_name.get(name)

    def damaged(self, place: str, reason: str) -> SeyError:
        """The error, to be raised, that says this file is damaged at `place`."""
        return SeyError(problems.Damaged(self.path, place, reason))

    def slice(self, offset: int, size: int, place: str) -> memoryview:
        """`size` bytes at a file offset, without a copy. Raises SeyError naming `place` where the file ends before."""
        if offset < 0 or size < 0 or offset + size > len(self.view):
            raise self.damaged(place, f"{size} bytes at offset {offset:#x}, but the file has {len(self.view)}")
        return self.view[offset : offset + size]

    # --- memory image ---

    @cached_property
    def loads(self) -> tuple[Segment, ...]:
        """The PT_LOAD segments in file order."""
        return tuple(s for s in self.segments if s.type == PT_LOAD)

    def mapped(self, address: int) -> memoryview:
        """What the file holds from `address` to the end of its segment, without a copy. Raises SeyError if nothing."""
        for segment in self.loads:
            skip = address - segment.address
            if 0 <= skip < segment.file_size:
                return self.slice(segment.offset + skip, segment.file_size - skip, "PT_LOAD segment")
        raise SeyError(problems.AddressNotInFile(self.path, address, 0))

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes of the memory image at `address`, before relocation; zeros beyond a segment's file part.

        Raises SeyError (AddressNotInFile) unless one PT_LOAD segment covers the whole range.
        """
        for segment in self.loads:
            skip = address - segment.address
            if size >= 0 and skip >= 0 and skip + size <= segment.memory_size:
                stored = max(0, min(size, segment.file_size - skip))
                found = self.slice(segment.offset + skip, stored, "PT_LOAD segment") if stored else b""
                return bytes(found) + bytes(size - stored)
        raise SeyError(problems.AddressNotInFile(self.path, address, size))

    def read_u64(self, address: int) -> int:
        """The relocated word at `address`, as the loader would leave it with a load bias of zero."""
        in_place = int.from_bytes(self.read(address, 8), "little")
        if in_place or not self.position_independent:
            return in_place
        offsets, addends = self.relative_relocations
        at = int(np.searchsorted(offsets, np.uint64(address)))
        return int(addends[at]) if at < len(offsets) and int(offsets[at]) == address else in_place

    @cached_property
    def relative_relocations(self) -> tuple[U64Array, U64Array]:
        """Addresses (sorted) and addends of the RELATIVE entries of `.rela.dyn`: the words a PIE's loader fills in.

        The Go linker stores these words in the file too; GNU ld and lld may leave zeros (lld's default).
        """
        section = self.section(".rela.dyn")
        raw = section.raw() if section else memoryview(b"")
        entries = np.frombuffer(raw, dtype=_RELA, count=len(raw) // _RELA.itemsize)
        entries = entries[(entries["info"] & np.uint64(0xFFFFFFFF)) == R_X86_64_RELATIVE]
        entries = entries[np.argsort(entries["offset"], kind="stable")]
        return entries["offset"].copy(), entries["addend"].astype(np.uint64)

    def load_bias(self, map_start: int, map_offset: int, *, executable: bool = True) -> int:
        """What to add to link-time addresses, from one line of /proc/PID/maps that maps this file.

        `map_offset` is the line's file offset; `executable` says whether the line has `x`, which matters where two
        segments share a file page. Raises SeyError (NoSuchMapping) where no segment fits.
        """
        fitting = [s for s in self.loads if bool(s.flags & PF_X) == executable]
        # Two segments may share a page of the file; the one that begins there is meant, for the other's line begins
        # further up (the loader splits a mapping only where it changes permissions: the start of a segment, RELRO).
        fitting.sort(key=lambda s: s.offset & ~0xFFF != map_offset)
        for segment in fitting:
            if segment.offset & ~0xFFF <= map_offset < segment.offset + segment.file_size:
                return map_start - (segment.address - segment.offset + map_offset)
        raise SeyError(problems.NoSuchMapping(self.path, map_offset))

    # --- symbols ---

    @cached_property
    def _symbol_table(self) -> _SymbolTable | None:
        table = next((s for s in self.sections if s.type == SHT_SYMTAB), None)
        if table is None:
            return None
        if not 0 < table.link < len(self.sections):
            raise self.damaged("section .symtab", f"its names are in section {table.link} of {len(self.sections)}")
        raw = table.raw()
        entries = np.frombuffer(raw, dtype=_SYMBOL, count=len(raw) // _SYMBOL.itemsize)
        return _SymbolTable(entries, bytes(self.sections[table.link].raw()))

    @property
    def has_symbols(self) -> bool:
        """Whether there is a symbol table with anything in it (linking with -s leaves none)."""
        return self._symbol_table is not None and len(self._symbol_table.entries) > 1

    def symbol(self, name: str) -> Symbol | None:
        """The first defined symbol of that name, or None: no such symbol, or the file is stripped."""
        table = self._symbol_table
        for entry in table.find(name.encode()) if table else ():
            if entry["section"]:
                return Symbol(name, int(entry["value"]), int(entry["size"]), int(entry["section"]))
        return None

    def symbols(self) -> Iterator[Symbol]:
        """Every defined symbol, in file order."""
        table = self._symbol_table
        if table is None:
            return
        rows = table.entries[table.entries["section"] != 0]
        columns = (rows[c].tolist() for c in ("name", "value", "size", "section"))
        for name, value, size, section in zip(*columns, strict=True):
            yield Symbol(table.name(name), value, size, section)

    # --- notes ---

    def note(self, section_name: str, owner: bytes) -> bytes | None:
        """The description of the first note by `owner` (`Go`, `GNU`) in a note section, or None where there is none."""
        section = self.section(section_name)
        if section is None or section.type != SHT_NOTE:
            return None
        raw = bytes(section.raw())
        if len(raw) < 12:
            raise self.damaged(f"section {section_name}", "no room for a note")
        name_size, size, _ = struct.unpack_from("<III", raw)
        start = 12 + (name_size + 3 & ~3)
        if start + size > len(raw):
            raise self.damaged(f"section {section_name}", f"a note of {size} bytes in {len(raw)}")
        return raw[start : start + size] if raw[12 : 12 + name_size].rstrip(b"\0") == owner else None

    # --- life ---

    def close(self) -> None:
        """Give up this handle on the map; arrays and views made from it stay valid and keep it alive."""
        try:
            self.view.release()
        except BufferError:
            return

    def __enter__(self) -> ElfFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_elf(path: str | os.PathLike[str]) -> ElfFile:
    """Open an amd64 ELF executable. Raises SeyError: missing, not a file, another format or machine, damaged."""
    name = os.fspath(path)
    view, status = map_file(name)
    if bytes(view[:4]) != b"\x7fELF":
        raise SeyError(problems.NotElf(name, format_name(bytes(view[:64]))))
    return replace(parse_elf(view, name), stamp=stamp(status))


def parse_elf(view: memoryview, path: str) -> ElfFile:
    """The executable whose bytes are `view`; `path` is for messages. Raises SeyError as `open_elf` does."""
    if len(view) < 20:
        raise SeyError(problems.Damaged(path, "ELF header", f"the file has only {len(view)} bytes"))
    _check_machine(bytes(view[:20]), path)
    if len(view) < _FILE_HEADER.size:
        raise SeyError(problems.Damaged(path, "ELF header", f"the file has only {len(view)} bytes"))
    (_, kind, machine, _, entry, ph_offset, sh_offset, _, _, ph_size, ph_count, sh_size, sh_count, names) = (
        _FILE_HEADER.unpack_from(view)
    )
    if kind not in (ET_EXEC, ET_DYN):
        raise SeyError(problems.NotExecutable(path, _TYPES.get(kind, f"an ELF file of type {kind}")))
    if ph_count and ph_size != PROGRAM_HEADER.size:
        raise SeyError(problems.Damaged(path, "ELF header", f"program headers of {ph_size} bytes, not 56"))
    if sh_offset and sh_size != _SECTION_HEADER.size:
        raise SeyError(problems.Damaged(path, "ELF header", f"section headers of {sh_size} bytes, not 64"))
    segments = tuple(_read_segments(view, path, ph_offset, ph_count))
    header = bytes(view[: _FILE_HEADER.size])
    program_headers = bytes(view[ph_offset : ph_offset + ph_count * PROGRAM_HEADER.size])
    return ElfFile(path, view, machine, kind, entry, segments, header, program_headers, (sh_offset, sh_count, names))


def map_file(path: str) -> tuple[memoryview, os.stat_result]:
    """The bytes of a file, mapped, and what the file system says of it. Raises SeyError: missing, not a file, empty."""
    try:
        # Without O_NONBLOCK, opening a pipe would wait for a writer.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise SeyError(problems.FileUnreadable(path, error.strerror or str(error))) from error
    except ValueError as error:
        raise SeyError(problems.FileUnreadable(path, str(error))) from error
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise SeyError(problems.NotRegularFile(path, _kind_of_file(status.st_mode)))
        if status.st_size == 0:
            raise SeyError(problems.NotElf(path, "an empty file"))
        return memoryview(mmap.mmap(handle, 0, prot=mmap.PROT_READ)), status
    except OSError as error:
        raise SeyError(problems.FileUnreadable(path, error.strerror or str(error))) from error
    finally:
        os.close(handle)


def _kind_of_file(mode: int) -> str:
    tests = ((stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    return next((name for test, name in tests if test(mode)), "a device")


def format_name(start: bytes) -> str:
    """What a file that isn't ELF looks like by its first bytes (64 are enough), in words."""
    match start[:4]:
        case b"\xcf\xfa\xed\xfe" | b"\xce\xfa\xed\xfe" | b"\xfe\xed\xfa\xcf" | b"\xfe\xed\xfa\xce":
            return "a Mach-O executable (macOS)"
        case b"\xca\xfe\xba\xbe" | b"\xca\xfe\xba\xbf":
            return "a universal Mach-O executable (macOS)"
        case b"\0asm":
            return "a WebAssembly module"
        case b"PK\x03\x04":
            return "a zip archive"
    if start[:2] == b"MZ":
        return "a PE executable (Windows)"
    if start[:2] == b"#!":
        return "a script"
    if start[:2] == b"\x1f\x8b":
        return "a gzip file"
    if start.startswith(b"!<arch>"):
        return "an archive of object files"
    return "a file of unknown format" if b"\0" in start else "a text file"


def _check_machine(ident: bytes, path: str) -> None:
    order = "big" if ident[5] == 2 else "little"
    number = int.from_bytes(ident[18:20], order)  # type: ignore[arg-type]
    machine = MACHINES.get(number, f"machine {number}")
    if ident[4] not in (1, 2) or ident[5] not in (1, 2):
        raise SeyError(problems.Damaged(path, "ELF header", f"class {ident[4]}, byte order {ident[5]}"))
    if ident[4] == 1:
        raise SeyError(problems.UnsupportedClass(path, machine))
    if ident[5] == 2:
        raise SeyError(problems.BigEndian(path, machine))
    if number != EM_X86_64:
        raise SeyError(problems.UnsupportedMachine(path, machine))


def _read_segments(view: memoryview, path: str, offset: int, count: int) -> Iterator[Segment]:
    if offset + count * PROGRAM_HEADER.size > len(view):
        reason = f"{count} entries at offset {offset:#x}, but the file has {len(view)} bytes"
        raise SeyError(problems.Damaged(path, "program header table", reason))
    for number in range(count):
        fields = PROGRAM_HEADER.unpack_from(view, offset + number * PROGRAM_HEADER.size)
        kind, flags, start, address, _, file_size, memory_size, align = fields
        if kind == PT_LOAD and (start + file_size > len(view) or file_size > memory_size):
            reason = f"{file_size} bytes at offset {start:#x}, {memory_size} in memory; the file has {len(view)}"
            raise SeyError(problems.Damaged(path, f"program header {number}", reason))
        yield Segment(kind, flags, start, address, file_size, memory_size, align)


def _read_sections(elf: ElfFile) -> Iterator[Section]:
    offset, count, names_index = elf.section_table
    if not offset:
        return
    if not count:  # More than 65 279 sections: entry 0 holds the true number.
        count = _SECTION_HEADER.unpack(elf.slice(offset, _SECTION_HEADER.size, "section header table"))[5]
    table = elf.slice(offset, count * _SECTION_HEADER.size, "section header table")
    headers = list(_SECTION_HEADER.iter_unpack(table))
    if names_index == 0xFFFF:
        names_index = headers[0][6]
    if names_index >= count:
        raise elf.damaged("ELF header", f"section names are in section {names_index} of {count}")
    names = bytes(elf.slice(headers[names_index][4], headers[names_index][5], "section name table"))
    for number, header in enumerate(headers):
        name, kind, flags, address, start, size, link, info, _, _ = header
        end = names.find(b"\0", name)
        if end < 0 and number:
            raise elf.damaged(f"section header {number}", f"its name is at {name} of {len(names)} bytes")
        yield Section(names[name:end].decode("utf-8", "replace"), kind, flags, address, start, size, link, info, elf)
