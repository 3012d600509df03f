"""Core files as bytes: what is read of them, and that no file does worse than an error with a code."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sey.binary.core_problems import CompressedCore, CoreDamaged, CoreMachine, CoreTruncated, NotCore
from sey.binary.corefile import CoreFile, open_core, parse_core
from sey.binary.corememory import CoreMemory, Piece, dumped, with_executable
from sey.binary.corenotes import MappedFile
from sey.binary.elf import parse_elf
from sey.binary.errors import Problem, SeyError
from tests.binary.coremaker import REGISTERS, WHOLE, Core, Load, Thread, note
from tests.binary.elfmaker import Section, make_elf


def _core(core: Core) -> CoreFile:
    return parse_core(memoryview(core.to_bytes()), "core")


def _problem(data: bytes) -> Problem:
    with pytest.raises(SeyError) as caught:
        parse_core(memoryview(data), "core")
    return caught.value.problems[0]


def test_notes() -> None:
    notes = _core(WHOLE).notes
    assert notes.threads["tid"].tolist() == [100, 101, 102]
    assert notes.threads["general"].tolist() == [list(REGISTERS), [0] * 27, list(REGISTERS[::-1])]
    assert notes.threads["xmm"].tobytes() == bytes(range(256)) + bytes(512)
    assert notes.auxv == {3: 0x400040, 9: 0x401000}
    assert notes.files == (
        MappedFile(0x400000, 0x408000, 0, "/srv/shop"),
        MappedFile(0x408000, 0x40A000, 0x8000, "/srv/shop (deleted)"),
    )
    assert (notes.pid, notes.name) == (100, "shop")


def test_more_segments_than_the_header_can_count() -> None:
    loads = tuple(Load(0x10000 * n, struct.pack("<I", n), memory=0x1000) for n in range(1, 66_000))
    core = _core(Core(loads=loads, many=True))
    assert len(core.loads) == len(loads)
    assert dumped(core).read(0x10000 * 65_999, 4) == struct.pack("<I", 65_999)


def test_memory_of_a_core_is_what_was_dumped_and_readable() -> None:
    memory = dumped(_core(WHOLE))
    assert memory.read(0x400000, 4) == b"head"
    assert memory.read(0x400FFC, 5) is None, "the rest of the first segment is not in the core"
    assert memory.read(0x40BFFC, 8) == b"datamore", "across two segments"
    assert memory.read(0x40A000, 0x3000) == b"data" * 2048 + b"more" * 1024
    assert memory.read(0x40CFFC, 5) is None
    assert memory.read(0x409000, 8) is None, "left out"
    assert memory.read(0xC000000000, 8) is None, "not readable in the process"
    assert memory.read(0xFFFFFFFFFF600000, 4) is None, "may only be executed"
    assert memory.read(0, 1) is None
    assert memory.read((1 << 64) - 1, 1) is None
    assert [(start, bytes(data[:4]), len(data)) for start, data in memory.ranges()] == [
        (0x400000, b"head", 0x1000), (0x40A000, b"data", 0x2000), (0x40C000, b"more", 0x1000),
    ]  # fmt: skip


def _executable(bias: int = 0) -> CoreMemory:
    text, data = b"text" * 0x400 * 3, b"vars" * 0x400
    made = bytearray(make_elf([Section(".text", text, address=0x401000), Section(".data", data, address=0x500000)]))
    # Segments as linkers lay them out: at a place of the file like that in memory, code not to be written.
    elf_file = bytearray(made.ljust(0x20000, b"\0"))
    for number, (flags, offset, contents) in enumerate(((5, 0x8000, text), (6, 0x10000, data))):
        at = 64 + 56 * number
        elf_file[at + 4 : at + 16] = struct.pack("<IQ", flags, offset)
        elf_file[offset : offset + len(contents)] = contents
    elf = parse_elf(memoryview(bytes(elf_file)), "shop")
    core = Core(loads=(Load(0x402000 + bias, b"int3" * 1024), Load(0x500000 + bias, memory=0x1000)))
    return with_executable(dumped(_core(core)), elf, bias)


@pytest.mark.parametrize("bias", [0, 0x5555_0000_0000])
def test_what_cores_leave_out_comes_from_the_executable_unless_it_may_be_written(bias: int) -> None:
    memory = _executable(bias)
    assert memory.read(0x401000 + bias, 0x3000) == b"text" * 0x400 + b"int3" * 0x400 + b"text" * 0x400
    assert memory.read(0x500000 + bias, 4) is None, "variables as they were before the program began"
    starts = [start for start, _ in memory.ranges()]
    assert starts == [0x401000 + bias, 0x402000 + bias, 0x403000 + bias]


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 40)), max_size=12),
    st.integers(0, 350),
    st.integers(1, 120),
)
def test_reads_give_exactly_what_is_asked_or_nothing(spans: list[tuple[int, int]], address: int, length: int) -> None:
    bytes_at: dict[int, int] = {}
    pieces, end = [], 0
    for start, size in sorted(spans):
        if start >= end:
            data = bytes((start + n) % 251 for n in range(size))
            pieces.append(Piece(start, memoryview(data)))
            bytes_at |= {start + n: byte for n, byte in enumerate(data)}
            end = start + size
    wanted = [bytes_at.get(address + n) for n in range(length)]
    found = CoreMemory(pieces[::-1]).read(address, length)
    assert found == (None if None in wanted else bytes(byte for byte in wanted if byte is not None))


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\x1f\x8b\x08", CompressedCore),
        (b"\x28\xb5\x2f\xfd", CompressedCore),
        (b"\xfd7zXZ\0", CompressedCore),
        (b"#!/bin/sh\n", NotCore),
        (b"\x7fELF", CoreTruncated),
        (b"", NotCore),
    ],
)
def test_other_files(start: bytes, kind: type[Problem]) -> None:
    assert isinstance(_problem(start + bytes(60) if len(start) not in (0, 4) else start), kind)


def test_files_that_cannot_be_mapped(tmp_path: Path) -> None:
    with pytest.raises(SeyError) as caught:
        open_core(tmp_path)
    assert caught.value.problems[0] == NotCore(str(tmp_path), "a directory")
    (tmp_path / "empty").touch()
    with pytest.raises(SeyError) as caught:
        open_core(tmp_path / "empty")
    assert caught.value.problems[0] == NotCore(str(tmp_path / "empty"), "an empty file")


def test_executables_and_other_machines() -> None:
    assert _problem(make_elf([])) == NotCore("core", "an ELF executable")
    data = bytearray(WHOLE.to_bytes())
    data[18] = 183
    assert _problem(bytes(data)) == CoreMachine("core", "arm64")
    data[4], data[18] = 1, 62
    assert _problem(bytes(data)) == CoreMachine("core", "32-bit amd64")
    data[18] = 3
    assert _problem(bytes(data)) == CoreMachine("core", "386")


def test_truncated_anywhere() -> None:
    data = WHOLE.to_bytes()
    for length in range(4, len(data), 7):
        problem = _problem(data[:length])
        assert isinstance(problem, CoreTruncated), (length, problem)
        assert problem.size == length < problem.expected <= len(data)


@pytest.mark.parametrize(
    ("core", "reason"),
    [
        (Core(loads=(Load(0x1000, b"x" * 32), Load(0x1010, b"y" * 32))), "lie over each other"),
        (Core(loads=(Load(0x1000, b"x", memory=1 << 63),)), "impossible size"),
        (Core(loads=(Load((1 << 64) - 16, b"x" * 32),)), "lie over each other"),
        (Core(loads=(Load(0x1000, b"x" * 32, memory=8),)), "more bytes than it has memory"),
        (Core(threads=(Thread(-5),)), "a thread of number -5"),
        (Core(threads=(Thread(0),)), "a thread of number 0"),
        (Core(more_notes=bytes(64)), "a name of 0 bytes"),
        (Core(more_notes=note(1, bytes(100))), "it has 100 bytes, not 336"),
        (Core(more_notes=note(2, bytes(100))), "it has 100 bytes, not 512"),
        (Core(more_notes=note(3, bytes(100))), "it has 100 bytes, not 136"),
        (Core(more_notes=note(0x46494C45, struct.pack("<QQ", 1 << 60, 4096))), "1152921504606846976 files"),
        (Core(threads=(), more_notes=note(2, bytes(512))), "it belongs to no thread"),
    ],
)
def test_contradictions(core: Core, reason: str) -> None:
    problem = _problem(core.to_bytes())
    assert isinstance(problem, CoreDamaged)
    assert reason in problem.reason


@given(st.data())
def test_flipped_bytes_are_an_error_or_another_core(data: st.DataObject) -> None:
    whole = bytearray(WHOLE.to_bytes())
    headers = 64 + 56 * 7 + len(WHOLE.notes())
    for at, value in data.draw(st.lists(st.tuples(st.integers(4, headers - 1), st.integers(0, 255)), min_size=1)):
        whole[at] = value
    tracemalloc.start()
    codes = ["SEY0730"]
    try:
        core = parse_core(memoryview(bytes(whole)), "core")
        for start, piece in dumped(core).ranges():
            assert dumped(core).read(start, len(piece)) == bytes(piece)
    except SeyError as error:
        codes = [problem.code for problem in error.problems]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert all(code.startswith("SEY073") for code in codes)
    assert peak < 4 << 20


def test_a_file_full_of_notes_is_not_read_forever() -> None:
    problem = _problem(Core(more_notes=note(99, b"") * (1 << 20)).to_bytes())
    assert isinstance(problem, CoreDamaged)
    assert "more than" in problem.reason
