"""The scan in machine code: the same as the plain ways on odd and damaged entries, and nothing read beyond the end."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import itertools
import mmap
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sey.frontend.debuginfo.abbrev import Abbreviation, Attribute
from sey.frontend.debuginfo.data import DamageError
from sey.frontend.debuginfo.dwarf import At, Form, Tag
from sey.frontend.debuginfo.harvest import Harvest
from sey.frontend.debuginfo.index import build_index
from sey.frontend.debuginfo.native import Kernel, kernel, scan_natively
from sey.frontend.debuginfo.scan import scan_by_pattern, scan_plainly
from sey.frontend.debuginfo.sections import DwarfSections
from sey.frontend.debuginfo.steps import COLUMNS, compile_steps
from sey.frontend.debuginfo.units import Units
from tests.debuginfo import dwarfbuilder as b
from tests.debuginfo.dwarfbuilder import D, Ref
from tests.debuginfo.test_damage import sample
from tests.debuginfo.test_index import assert_same


@pytest.fixture(scope="module")
def compiled() -> Kernel:
    found = kernel()
    assert found is not None
    return found


def natively(sections: dict[str, bytes], compiled: Kernel) -> Harvest:
    units = Units(DwarfSections(b.elf_of(sections)))
    return scan_natively(units, list(units.go_units()), compiled)


def plainly(sections: dict[str, bytes]) -> Harvest:
    return scan_plainly(Units(DwarfSections(b.elf_of(sections))))


@pytest.mark.parametrize("version", [4, 5])
def test_a_unit_with_everything_in_it(version: int, compiled: Kernel) -> None:
    sections = sample(version)
    found = natively(sections, compiled)
    assert_same(found, plainly(sections))
    assert b"main.inl" in found.named
    assert len(found.inlined_die) == 1


def test_odd_forms_are_read_all_the_same(compiled: Kernel) -> None:
    name = D(Tag.SUBPROGRAM, {At.NAME: (Form.STRP, 1), At.LOW_PC: (Form.ADDR, 16), At.HIGH_PC: (Form.UDATA, 1 << 40)})
    constant = D(Tag.VARIABLE, {At.NAME: (Form.STRING, "c"), At.COUNT: (Form.SDATA, (1 << 68) + 5)})
    odd = D(Tag.MEMBER, {At.NAME: (Form.STRING, "m"), At.LOCATION: (Form.BLOCK1, b"\x01" * 200)})
    local = D(Tag.INLINED_SUBROUTINE, {At.ABSTRACT_ORIGIN: (Form.REF4, Ref("f"))})
    name.label = "f"
    sections = b.encode(b.unit([constant, odd, name, local, *b.plain_types()]), 4)
    sections[".debug_str"] = b"\0main.strp\0"
    found = natively(sections, compiled)
    assert_same(found, plainly(sections))
    assert found.named == [b"main.strp"]
    assert found.inlined_origin.tolist() == found.named_die.tolist()


def test_constants_and_what_closures_hold(compiled: Kernel) -> None:
    values = [0, 1, 63, 64, -1, -64, -65, 1 << 40, -(1 << 63), (1 << 63) - 1, (1 << 64) - 1]
    constants = [
        D(
            Tag.CONSTANT,
            {At.NAME: (Form.STRING, f"p.C{n}"), At.TYPE: (Form.REF_ADDR, 7), At.CONST_VALUE: (Form.SDATA, v)},
        )
        for n, v in enumerate(values)
    ]
    held: dict[int, tuple[int, b.Value]] = {
        At.NAME: (Form.STRING, "&n"),
        At.TYPE: (Form.REF_ADDR, 9),
        At.GO_CLOSURE_OFFSET: (Form.UDATA, 16),
    }
    local: dict[int, tuple[int, b.Value]] = {
        At.NAME: (Form.STRING, "n"),
        At.TYPE: (Form.REF_ADDR, 9),
        At.LOCATION: (Form.BLOCK1, b"\x9c"),
    }
    named: dict[int, tuple[int, b.Value]] = {At.NAME: (Form.STRING, "p.f.func1")}
    function = D(
        Tag.SUBPROGRAM,
        {**named, At.LOW_PC: (Form.ADDR, 16), At.HIGH_PC: (Form.UDATA, 4)},
        [D(Tag.VARIABLE, held), D(Tag.VARIABLE, local)],
    )
    sections = b.encode(b.unit([*constants, function, *b.plain_types()]), 4)
    found = natively(sections, compiled)
    assert_same(found, plainly(sections))
    assert_same(found, scan_by_pattern(Units(DwarfSections(b.elf_of(sections)))))
    assert found.constant_value.tolist() == [v & (1 << 64) - 1 for v in values]
    assert (found.captured_names, found.captured_at.tolist()) == ([b"&n"], [16])
    index = build_index(found)
    assert index.arrays["closure_pc"].tolist() == [16]
    assert list(index.captured_of(16)) == [("&n", 9, 16)]
    # Of the predeclared types, constants are no names of values.
    assert not len(index.arrays["constant_type"])


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_entries_end_the_same_way(data: st.DataObject) -> None:
    compiled = kernel()
    assert compiled is not None
    sections = dict(sample(data.draw(st.sampled_from((4, 5)))))
    for _ in range(data.draw(st.integers(1, 4))):
        name = data.draw(st.sampled_from((".debug_info", ".debug_info", ".debug_abbrev")))
        raw = bytearray(sections[name])
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
        sections[name] = bytes(raw)
    try:
        expected = plainly(sections)
    except DamageError:
        # What the fast way skips it doesn't check, so it may find nothing wrong; but it must end.
        try:
            natively(sections, compiled)
        except DamageError:
            return
        return
    assert_same(natively(sections, compiled), expected)


FORMS = [form for form in Form if form < 0x100]
ATTRIBUTES = (
    *(At.NAME, At.LOW_PC, At.HIGH_PC, At.TYPE, At.LOCATION, At.ABSTRACT_ORIGIN, At.EXTERNAL, At.GO_RUNTIME_TYPE),
    *(At.GO_CLOSURE_OFFSET, At.CONST_VALUE),
)
TAGS = (Tag.SUBPROGRAM, Tag.VARIABLE, Tag.INLINED_SUBROUTINE, Tag.STRUCTURE_TYPE, Tag.MEMBER, Tag.CONSTANT)


@st.composite
def tables(draw: st.DrawFn) -> dict[int, Abbreviation]:
    table = {}
    for code in range(1, draw(st.integers(2, 12))):
        pairs = st.tuples(st.sampled_from(ATTRIBUTES), st.sampled_from(FORMS))
        attributes = draw(st.lists(pairs, max_size=6))
        table[code] = Abbreviation(code, draw(st.sampled_from(TAGS)), False, tuple(Attribute(*p) for p in attributes))
    return table


@settings(max_examples=300, deadline=None)
@given(table=tables(), raw=st.binary(min_size=1, max_size=300), room=st.integers(1, 40))
def test_any_bytes_with_any_table_stay_inside(table: dict[int, Abbreviation], raw: bytes, room: int) -> None:
    """The bytes end where a page does, behind which nothing may be touched; rows have a rim that must stay as it is."""
    compiled, page = kernel(), mmap.PAGESIZE
    assert compiled is not None
    with mmap.mmap(-1, 2 * page) as memory:
        memory[page - len(raw) : page] = raw
        base = ctypes.addressof(anchor := ctypes.c_char.from_buffer(memory))
        libc = ctypes.CDLL(None)
        assert libc.mprotect(ctypes.c_void_p(base + page), page, 0) == 0
        rows = np.full((room + 1, COLUMNS), 7, dtype=np.uint64)
        steps, at = compile_steps(table), ctypes.c_int64(0)
        count = compiled.skim(
            base + page - len(raw), ctypes.addressof(at), len(raw), steps.starts.ctypes.data, len(steps.starts),
            steps.steps.ctypes.data, rows.ctypes.data, room,
        )  # fmt: skip
        assert libc.mprotect(ctypes.c_void_p(base + page), page, 3) == 0
        del anchor
    assert 0 <= count <= room
    assert 0 <= at.value <= len(raw)
    assert (rows[room] == 7).all()
    assert all(1 <= shape <= len(steps.shapes) for shape in rows[:count, 0].tolist())
    assert (np.diff(rows[:count, 1].astype(np.int64)) > 0).all()


def unit_of(entries: bytes, abbrev: int = 0) -> bytes:
    """A unit of DWARF 4 with these bytes as its entries."""
    body = struct.pack("<HIB", 4, abbrev, 8) + entries
    return struct.pack("<I", len(body)) + body


TOP = b"\x01" + b.uleb(Tag.COMPILE_UNIT) + b"\x01" + bytes((At.LANGUAGE, Form.DATA1, 0, 0))
GO_TOP = b"\x01\x16"


@settings(max_examples=100, deadline=None, derandomize=True)
@given(data=st.data())
def test_cut_and_huge_parts_end_the_same_way(data: st.DataObject) -> None:
    """Sections cut anywhere, and numbers that say more than there is."""
    compiled = kernel()
    assert compiled is not None
    sections = dict(sample(data.draw(st.sampled_from((4, 5)))))
    name = data.draw(st.sampled_from((".debug_info", ".debug_abbrev")))
    raw = sections[name]
    at = data.draw(st.integers(1, len(raw) - 1))
    huge = data.draw(st.sampled_from((b"", b"\xff" * 9 + b"\x01", b"\xff" * 10, b"\x80" * 9 + b"\x02", b"\xff" * 4)))
    sections[name] = raw[:at] + (huge + raw[at + len(huge) :] if huge else b"")
    if name == ".debug_info" and not huge and at > 4:
        sections[name] = struct.pack("<I", at - 4) + raw[4:at]  # the unit's length fits: what is cut is an entry
    try:
        expected = plainly(sections)
    except DamageError:
        with contextlib.suppress(DamageError):
            natively(sections, compiled)
        return
    assert_same(natively(sections, compiled), expected)


def test_entries_of_one_byte_take_no_rows(compiled: Kernel) -> None:
    """A row is 64 bytes: entries without anything to file must not become any."""
    empty = b"\x02" + b.uleb(Tag.SUBPROGRAM) + b"\0\0\0"
    info = unit_of(GO_TOP + b"\x02" * 100_000 + b"\0")
    sections = {".debug_info": info, ".debug_abbrev": TOP + empty + b"\0"}
    assert_same(natively(sections, compiled), plainly(sections))
    table = Units(DwarfSections(b.elf_of(sections))).abbreviations(0)
    assert compile_steps(table).shapes == ()


def test_tables_that_lie_over_each_other_are_damage(compiled: Kernel) -> None:
    """Each unit begins its table one abbreviation further on: as many tables as abbreviations, of all that follow."""
    count = 300
    skipped = [b.uleb(code) + b.uleb(Tag.MEMBER) + b"\0\0\0" for code in range(2, count)]
    starts = list(itertools.accumulate(map(len, skipped), initial=0))
    sections = {
        ".debug_info": b"".join(unit_of(GO_TOP + b"\0", at) for at in starts),
        ".debug_abbrev": b"".join(skipped) + TOP + b"\0",
    }
    for read in (plainly, lambda parts: natively(parts, compiled)):
        with pytest.raises(DamageError, match="lie over each other"):
            read(sections)


def test_every_field_of_a_harvest_is_compared() -> None:
    assert len(dataclasses.fields(Harvest)) == 24
