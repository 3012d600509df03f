"""Damaged executables: every reader ends, soon and within little memory, with its result or a SeyError."""

from __future__ import annotations

import struct
import time
import tracemalloc
from functools import cache
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sey.binary.buildinfo import read_build_info
from sey.binary.elf import open_elf
from sey.binary.errors import SeyError
from sey.binary.gobinary import GoBinary, require_debug_info
from sey.binary.identity import identity
from sey.binary.pclntab import FuncData, PcData
from sey.binary.problems import Damaged
from sey.binary.stackdelta import pcsp_rows
from sey.binary.symbolize import open_symbolizer
from tests.binary.support import HELLO, elf_of
from tests.support.gobuild import build

SLOW = 5.0
"""Seconds of processor time; a run takes a twentieth of it."""


@cache
def original(mode: str) -> bytes:
    return build(HELLO, mode=mode).read_bytes()


@cache
def sensitive_areas(mode: str) -> tuple[tuple[int, int], ...]:
    """File ranges in which a changed byte matters: headers, notes, build info, symbols, pclntab, module data."""
    elf = open_elf(build(HELLO, mode=mode))
    areas = [(0, 64 + 56 * len(elf.segments)), (elf.section_table[0], 64 * len(elf.sections))]
    names: tuple[str, ...] = (
        ".go.buildinfo",
        ".note.go.buildid",
        ".symtab",
        ".strtab",
        ".shstrtab",
        ".gopclntab",
        ".rela.dyn",
    )
    names += (".debug_info", ".debug_abbrev", ".noptrdata", ".go.module", ".data.rel.ro")
    areas += [(s.offset, s.size) for n in names if (s := elf.section(n)) and s.size]
    table = open_symbolizer(GoBinary(elf, read_build_info(elf))).table
    header = elf.section(".gopclntab")
    if header:
        areas += [(header.offset, 72)] * 3
        records = header.offset + struct.unpack_from("<Q", original(mode), header.offset + 64)[0]
        areas += [(records, 8 * len(table))] * 2
    module = next(s for s in elf.loads if s.address <= table.module.address < s.address + s.file_size)
    areas += [(module.offset + table.module.address - module.address, 0x180)] * 2
    return tuple(areas)


def read_everything(data: bytes | bytearray) -> int:
    """All that the package can say of a file. Returns how many frames it named."""
    elf = elf_of(data)
    binary = GoBinary(elf, read_build_info(elf))
    require_debug_info(binary)
    for section in elf.sections:
        if section.name in (".debug_info", ".debug_abbrev", ".debug_line"):
            section.data()
    identity(elf)
    sum(1 for _ in elf.symbols())
    names = open_symbolizer(binary)
    table = names.table
    pcsp_rows(table)
    table.names()
    pcs = np.linspace(table.text, max(table.end, table.text + 1), num=400, dtype=np.float64).astype(np.uint64)
    found = names.symbolize(pcs, np.arange(len(pcs)) % 2 == 0)
    names.created_by(pcs)
    for pc in pcs[::10].tolist():
        table.frames_at(pc, exact=True)
        table.pcsp(pc)
        table.pcdata(pc, PcData.STACK_MAP)
        function = table.function_at(pc)
        if function:
            table.funcdata(function, FuncData.LOCALS_POINTER_MAPS)
    table.find("main.main")
    return len(found.function)


def ends_well(data: bytes | bytearray) -> str:
    """`fine` or `refused`; anything else is the test's failure."""
    began = time.process_time()
    try:
        read_everything(data)
        refusal = None
    except SeyError as error:
        refusal = error
    assert time.process_time() - began < SLOW
    if refusal is None:
        return "fine"
    assert refusal.problems
    assert str(refusal)
    return "refused"


def test_undamaged() -> None:
    for mode in ("plain", "cgo-pie", "uncompressed"):
        assert read_everything(original(mode)) > 400


MANY = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow]
)


@pytest.mark.parametrize("mode", ["plain", "cgo-pie"])
@MANY
@given(random=st.randoms(use_true_random=False), flips=st.integers(1, 8))
def test_flipped_bytes(mode: str, random: Random, flips: int) -> None:
    data = bytearray(original(mode))
    for _ in range(flips):
        start, size = random.choice(sensitive_areas(mode))
        at = start + random.randrange(size)
        data[at] = random.choice((0, 0xFF, data[at] ^ (1 << random.randrange(8)), random.randrange(256)))
    ends_well(data)


@MANY
@given(
    words=st.lists(st.tuples(st.integers(0, 2000), st.sampled_from([0, 1, 0xFF, 2**31, 2**32 - 1, 2**63, 2**64 - 1])))
)
def test_words_of_the_tables_overwritten(words: list[tuple[int, int]]) -> None:
    data = bytearray(original("plain"))
    areas = sensitive_areas("plain")
    for number, value in words:
        start, size = areas[number % len(areas)]
        at = start + (number * 8) % max(size - 8, 1) // 8 * 8
        data[at : at + 8] = struct.pack("<Q", value)
    ends_well(data)


@MANY
@given(st.integers(0, 1 << 22))
def test_truncated(size: int) -> None:
    data = original("plain")
    if size < len(data):
        assert ends_well(data[:size]) == "refused"


@given(st.binary(max_size=400))
def test_random_bytes_behind_a_good_start(tail: bytes) -> None:
    assert ends_well(original("plain")[:20] + tail) == "refused"
    assert ends_well(original("plain")[:64] + tail) == "refused"


@pytest.mark.parametrize("at", range(32, 64, 2))
def test_huge_claims_in_the_file_header_take_no_memory(at: int) -> None:
    data = bytearray(original("plain"))
    data[at : at + 2] = b"\xff\xff"
    tracemalloc.start()
    ends_well(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 << 20


@pytest.mark.parametrize("word", range(1, 9))
def test_huge_claims_in_the_function_table_take_no_memory(word: int) -> None:
    section = open_elf(build(HELLO)).section(".gopclntab")
    assert section is not None
    for value in (0, 1, 1 << 31, (1 << 64) - 1):
        data = bytearray(original("plain"))
        data[section.offset + 8 * word : section.offset + 8 * word + 8] = struct.pack("<Q", value)
        tracemalloc.start()
        ends_well(data)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 64 << 20


def test_circle_in_an_inline_tree() -> None:
    """An inlined call that names its own code as its caller would be followed for ever."""
    data = bytearray(original("plain"))
    names = open_symbolizer(GoBinary(elf := elf_of(data), read_build_info(elf_of(data))))
    table = names.table
    pc, function, call = next(
        (pc, f, call)
        for f in table.functions()
        if table.funcdata(f, FuncData.INLINE_TREE)
        for pc in range(f.entry, f.end)
        if (call := table.pcdata(pc, PcData.INLINE_TREE)) >= 0
    )
    tree = table.funcdata(function, FuncData.INLINE_TREE)
    assert tree is not None
    segment = next(s for s in elf.loads if s.address <= tree < s.address + s.file_size)
    at = segment.offset + tree - segment.address + 16 * call + 8
    changed = bytearray(original("plain"))
    changed[at : at + 4] = struct.pack("<i", pc - function.entry)
    other = open_symbolizer(GoBinary(elf_of(changed), read_build_info(elf_of(changed))))
    with pytest.raises(SeyError, match="don't end"):
        other.table.frames_at(pc, exact=True)
    with pytest.raises(SeyError, match="don't end") as caught:
        other.symbolize(np.array([pc], dtype=np.uint64), np.array([True]))
    assert isinstance(caught.value.problems[0], Damaged)


@pytest.mark.parametrize("word", [0xB0, 0xB8, 0x140])
@pytest.mark.parametrize("value", [0, 1 << 40, 1 << 63, (1 << 64) - 1, (1 << 64) - 4096])
def test_wild_addresses_in_the_module_data(word: int, value: int) -> None:
    stripped = build(HELLO, mode="stripped")
    elf = open_elf(stripped)
    module = open_symbolizer(stripped).table.module
    segment = next(s for s in elf.loads if s.address <= module.address < s.address + s.file_size)
    data = bytearray(stripped.read_bytes())
    at = segment.offset + module.address - segment.address + word
    data[at : at + 8] = struct.pack("<Q", value)
    if word == 0xB0:
        data[at + 8 : at + 16] = struct.pack("<Q", min(value + (1 << 24), (1 << 64) - 1))
    changed = elf_of(data)
    try:
        names = open_symbolizer(GoBinary(changed, read_build_info(changed)))
        names.symbolize(names.table.entries, np.ones(len(names.table), dtype=np.bool_))
        pcsp_rows(names.table)
    except SeyError:
        return
    # What is read at all has its code where the file has it.
    assert names.table.text == module.text
