"""ELF files made in memory and real ones: what is read, and what is refused with which message."""

from __future__ import annotations

import os
import struct
import subprocess
import tracemalloc
import zlib
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from sey.binary import problems
from sey.binary.elf import open_elf
from sey.binary.errors import Problem, SeyError, catalogue
from sey.binary.gobinary import open_go, require_debug_info
from tests.binary.elfmaker import Section, make_elf
from tests.binary.support import HELLO, MATRIX, elf_of, frames_binary, opened
from tests.support.gobuild import build


def problem_of(error: pytest.ExceptionInfo[SeyError]) -> Problem:
    (problem,) = error.value.problems
    return problem


@pytest.mark.parametrize(("go", "mode"), MATRIX)
def test_sections_and_segments_are_those_of_pyelftools(go: str, mode: str) -> None:
    elf = opened(go, mode).elf
    with frames_binary(go, mode).open("rb") as file:
        other = ELFFile(file)
        assert [(s.name, s.address, s.offset, s.size, s.flags) for s in elf.sections] == [
            (s.name, s["sh_addr"], s["sh_offset"], s["sh_size"], s["sh_flags"]) for s in other.iter_sections()
        ]
        assert [(s.address, s.offset, s.file_size, s.memory_size) for s in elf.segments] == [
            (s["p_vaddr"], s["p_offset"], s["p_filesz"], s["p_memsz"]) for s in other.iter_segments()
        ]
        for name in (".debug_info", ".debug_line", ".text", ".bss"):
            mine, theirs = elf.section(name), other.get_section_by_name(name)
            assert mine is not None
            assert theirs is not None
            assert name == ".bss" or bytes(mine.data()) == theirs.data()
    assert elf.position_independent == ("pie" in mode)


@pytest.mark.parametrize("mode", ["plain", "cgo-pie"])
def test_symbols_are_those_of_pyelftools(mode: str) -> None:
    path = build(HELLO, mode=mode)
    elf = open_elf(path)
    with path.open("rb") as file:
        symbols = ELFFile(file).get_section_by_name(".symtab")
        assert isinstance(symbols, SymbolTableSection)
        defined = [s for s in symbols.iter_symbols() if s["st_shndx"] != "SHN_UNDEF"]
    expected = [(s.name, s["st_value"], s["st_size"]) for s in defined]
    assert [(s.name, s.value, s.size) for s in elf.symbols()] == expected
    for name in ("runtime.text", "main.main", "runtime.allgs"):
        found = elf.symbol(name)
        assert found is not None
        assert (name, found.value, found.size) in expected
    assert elf.symbol("untime.text") is None


def test_reading_by_address() -> None:
    elf = elf_of(make_elf([Section(".data", b"abcdefgh", address=0x1000, memory=16)]))
    assert elf.read(0x1002, 3) == b"cde"
    assert elf.read(0x1006, 6) == b"gh\0\0\0\0"
    assert elf.read(0x1010, 0) == b""
    for address, size in ((0xFFF, 1), (0x1000, 17), (0x1010, 1), (1 << 63, 8), (0x1000, -1), (-8, 8)):
        with pytest.raises(SeyError) as caught:
            elf.read(address, size)
        assert isinstance(problem_of(caught), problems.AddressNotInFile)


def test_relocated_words() -> None:
    """The word of a PIE is in the file, or zero there and in .rela.dyn."""
    rela = struct.pack("<QQq", 0x1008, 8, 0x7777) + struct.pack("<QQq", 0x1000, 1, 0x9999)
    sections = [
        Section(".data", struct.pack("<QQQ", 0, 0, 5), address=0x1000),
        Section(".rela.dyn", rela, address=0x2000, type=4),
    ]
    pie = elf_of(make_elf(sections, type=3))
    assert [pie.read_u64(a) for a in (0x1000, 0x1008, 0x1010)] == [0, 0x7777, 5]
    assert elf_of(make_elf(sections, type=2)).read_u64(0x1008) == 0


def test_a_symbol_whose_name_ends_another() -> None:
    elf = elf_of(make_elf([], symbols=[("xruntime.text", 1), ("runtime.text", 2)], share_tails=True))
    found = elf.symbol("runtime.text")
    assert found is not None
    assert found.value == 2
    assert [s.name for s in elf.symbols()] == ["xruntime.text", "runtime.text"]


def test_compressed_sections() -> None:
    text = b"some text " * 100
    good = struct.pack("<IIQQ", 1, 0, len(text), 1) + zlib.compress(text)
    elf = elf_of(make_elf([Section(".debug_x", good, flags=0x800)]))
    section = elf.section(".debug_x")
    assert section is not None
    assert bytes(section.data()) == text


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\1\0\0\0", "no room for the compression header"),
        (struct.pack("<IIQQ", 1, 0, 1 << 60, 1) + zlib.compress(b"a"), "claims to inflate"),
        (struct.pack("<IIQQ", 1, 0, 50, 1) + zlib.compress(b"a"), "inflates to 1 bytes, not 50"),
        (struct.pack("<IIQQ", 1, 0, 50, 1) + zlib.compress(bytes(51)), "inflates to more than 50"),
        (struct.pack("<IIQQ", 1, 0, 50, 1) + zlib.compress(bytes(50))[:-4], "its compressed form has no end"),
        (struct.pack("<IIQQ", 1, 0, 0, 1), "its compressed form has no end"),
        (struct.pack("<IIQQ", 1, 0, 50, 1) + b"garbage", "incorrect header check"),
        (struct.pack("<IIQQ", 2, 0, 50, 1) + b"zstd", "compressed with zstd"),
        (struct.pack("<IIQQ", 9, 0, 50, 1) + b"what", "compressed with method 9"),
    ],
)
def test_damaged_compression(data: bytes, reason: str) -> None:
    section = elf_of(make_elf([Section(".debug_x", data, flags=0x800)])).section(".debug_x")
    assert section is not None
    with pytest.raises(SeyError, match=reason) as caught:
        section.data()
    assert ".debug_x" in str(caught.value)


def test_a_section_that_inflates_to_a_thousand_times_its_size_is_refused_unread() -> None:
    size = 200 << 20
    stream = zlib.compressobj(9)
    bomb = b"".join(stream.compress(bytes(1 << 20)) for _ in range(size >> 20)) + stream.flush()
    data = struct.pack("<IIQQ", 1, 0, size, 1) + bomb
    section = elf_of(make_elf([Section(".debug_x", data, flags=0x800)])).section(".debug_x")
    assert section is not None
    tracemalloc.start()
    with pytest.raises(SeyError, match="claims to inflate"):
        section.data()
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


HEADERS: list[tuple[bytes, type[Problem], str]] = [
    (b"#!/bin/sh\n", problems.NotElf, "a script"),
    (b"hello\n", problems.NotElf, "a text file"),
    (b"\0\1\2\3", problems.NotElf, "a file of unknown format"),
    (b"MZ\x90\0", problems.NotElf, "a PE executable (Windows)"),
    (b"\xcf\xfa\xed\xfe\x07\0\0\1", problems.NotElf, "a Mach-O executable (macOS)"),
    (b"\xca\xfe\xba\xbe\0\0\0\2", problems.NotElf, "a universal Mach-O executable (macOS)"),
    (b"PK\x03\x04....", problems.NotElf, "a zip archive"),
    (b"\x1f\x8b\x08\0", problems.NotElf, "a gzip file"),
    (b"!<arch>\n", problems.NotElf, "an archive of object files"),
    (b"", problems.NotElf, "an empty file"),
    (b"\x7fELF", problems.Damaged, "only 4 bytes"),
    (make_elf([])[:40], problems.Damaged, "only 40 bytes"),
    (make_elf([], type=1), problems.NotExecutable, "an ELF object file"),
    (make_elf([], type=4), problems.NotExecutable, "an ELF core dump"),
    (make_elf([], machine=183), problems.UnsupportedMachine, "arm64"),
    (make_elf([], machine=999), problems.UnsupportedMachine, "machine 999"),
    (make_elf([])[:4] + b"\1" + make_elf([])[5:], problems.UnsupportedClass, "32-bit"),
    (make_elf([])[:5] + b"\2" + make_elf([])[6:18] + b"\0\x15" + make_elf([])[20:], problems.BigEndian, "ppc64"),
    (make_elf([])[:4] + b"\7" + make_elf([])[5:], problems.Damaged, "class 7"),
]


@pytest.mark.parametrize(("data", "kind", "words"), HEADERS, ids=[h[2] for h in HEADERS])
def test_refused_files(data: bytes, kind: type[Problem], words: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(SeyError) as caught:
        open_elf(path)
    assert type(problem_of(caught)) is kind
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_files_that_are_no_files(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, kind, words in (
        (tmp_path / "missing", problems.FileUnreadable, "No such file"),
        (tmp_path / "missing" / "below", problems.FileUnreadable, "No such file"),
        (tmp_path, problems.NotRegularFile, "a directory"),
        (pipe, problems.NotRegularFile, "a pipe"),
        (Path("/dev/null"), problems.NotRegularFile, "a device"),
        (Path("nul\0name"), problems.FileUnreadable, "null byte"),
    ):
        with pytest.raises(SeyError, match=words) as caught:
            open_elf(path)
        assert type(problem_of(caught)) is kind


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("386", problems.UnsupportedClass), ("arm64", problems.UnsupportedMachine), ("darwin-arm64", problems.NotElf)],
)
def test_real_files_of_other_machines(mode: str, kind: type[Problem]) -> None:
    with pytest.raises(SeyError) as caught:
        open_elf(build(HELLO, mode=mode))
    assert type(problem_of(caught)) is kind


def test_not_go() -> None:
    with pytest.raises(SeyError) as caught:
        open_go("/bin/sh")
    assert isinstance(problem_of(caught), problems.NotGo)


@pytest.mark.parametrize(
    ("flags", "kind", "advice"),
    [
        (["-ldflags=-s"], problems.SymbolsStripped, "build it without -s in -ldflags"),
        (["-ldflags=-w"], problems.DwarfStripped, "build it without -w in -ldflags"),
        (["-ldflags=-s -w"], problems.SymbolsStripped, "build it without -s -w in -ldflags"),
        (["-ldflags=-w", "-trimpath"], problems.DwarfStripped, "-ldflags=-w"),
    ],
)
@pytest.mark.parametrize("mode", ["plain", "cgo-pie"])
def test_stripped_names_the_flag(mode: str, flags: list[str], kind: type[Problem], advice: str) -> None:
    binary = open_go(frames_binary("1.26", mode, flags))
    with pytest.raises(SeyError) as caught:
        require_debug_info(binary)
    assert type(problem_of(caught)) is kind
    assert advice in (problem_of(caught).advice() or "")


def test_strip_command(tmp_path: Path) -> None:
    for option, kind, words in (
        ("--strip-all", problems.SymbolsStripped, "don't run `strip`"),
        ("--strip-debug", problems.DwarfStripped, "strip --strip-debug"),
    ):
        copy = tmp_path / option
        subprocess.run(["strip", option, "-o", copy, frames_binary("1.26", "plain")], check=True)
        with pytest.raises(SeyError) as caught:
            require_debug_info(open_go(copy))
        assert type(problem_of(caught)) is kind
        assert words in (problem_of(caught).advice() or "")


@pytest.mark.parametrize(("go", "mode"), MATRIX)
def test_plain_builds_have_debug_info(go: str, mode: str) -> None:
    require_debug_info(opened(go, mode))


def test_codes_are_this_packages() -> None:
    declared = {
        k.code for k in vars(problems).values() if isinstance(k, type) and issubclass(k, Problem) and k is not Problem
    }
    assert all("SEY0401" <= code <= "SEY0449" for code in declared)
    assert declared <= set(catalogue())
    assert len(declared) == 16
