"""The fast scan against a plain walk over every entry, by our own reader and by pyelftools."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from elftools.dwarf.die import DIE
from elftools.elf.elffile import ELFFile

from sey.binary.gobinary import open_go
from sey.frontend.debuginfo.harvest import Harvest
from sey.frontend.debuginfo.names import is_defined_type, source_name, stack_name
from sey.frontend.debuginfo.native import kernel, scan_natively
from sey.frontend.debuginfo.open import BinaryDebugInfo
from sey.frontend.debuginfo.scan import scan, scan_by_pattern, scan_plainly
from sey.frontend.debuginfo.sections import DwarfSections
from sey.frontend.debuginfo.units import Units
from tests.debuginfo.conftest import PROGRAM, Opener
from tests.support.gobuild import build


def test_the_fast_scan_finds_what_a_walk_entry_by_entry_finds(info: BinaryDebugInfo) -> None:
    units = Units(DwarfSections(open_go(info.path).elf))
    harvest = scan_plainly(units)
    assert len(harvest.named) > 1000
    assert len(harvest.type_die) > 500
    compiled = kernel()
    assert compiled is not None
    assert_same(scan_natively(units, list(units.go_units()), compiled), harvest)
    assert_same(scan_by_pattern(units), harvest)


def assert_same(one: Harvest, other: Harvest) -> None:
    for field in dataclasses.fields(Harvest):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        assert mine == theirs if isinstance(mine, list) else np.array_equal(mine, theirs), field.name


class Walk:
    """What pyelftools finds: its own reader of the same format, walked entry by entry."""

    def __init__(self, path: str) -> None:
        self.functions = Counter[str]()
        self.types: set[str] = set()
        self.globals: dict[str, int] = {}
        with open(path, "rb") as file:
            dwarf = ELFFile(file).get_dwarf_info()
            self._origin = dwarf.get_DIE_from_refaddr
            for unit in dwarf.iter_CUs():
                if unit.get_top_DIE().attributes["DW_AT_language"].value == 0x16:
                    for die in unit.iter_DIEs():
                        self._take(die)

    def _take(self, die: DIE) -> None:
        attributes = die.attributes
        match die.tag:
            case "DW_TAG_subprogram" if "DW_AT_low_pc" in attributes:
                self.functions[self._name(die)] += 1
            case "DW_TAG_inlined_subroutine":
                self.functions[self._name(die)] += 1
            case "DW_TAG_variable" if "DW_AT_external" in attributes and attributes["DW_AT_location"].value[:1] == [3]:
                address = bytes(attributes["DW_AT_location"].value[1:])
                self.globals[self._name(die)] = int.from_bytes(address, "little")
            case _ if attributes.keys() & {0x2900, 0x2904}:
                self.types.add(self._name(die))

    def _name(self, die: DIE) -> str:
        while "DW_AT_abstract_origin" in die.attributes:
            die = self._origin(die.attributes["DW_AT_abstract_origin"].value)
        return str(die.attributes["DW_AT_name"].value.decode())


@pytest.mark.parametrize(("go", "mode"), [("1.24", "plain"), ("1.26", "plain"), ("1.26", "cgo")])
def test_the_index_has_what_pyelftools_finds(opened: Opener, go: str, mode: str) -> None:
    info = opened(go, mode)
    walk = Walk(info.path)
    assert list(info.function_names()) == sorted({stack_name(name) for name in walk.functions})
    bodies = Counter[str]()
    for name, count in walk.functions.items():
        bodies[stack_name(name)] += count
    entries = {name: entry for name in info.function_names() if (entry := info.function(name))}
    assert {name: entry.bodies for name, entry in entries.items()} == dict(bodies)
    assert {linkage for entry in entries.values() for linkage in entry.linkages} == set(walk.functions)
    defined = {source_name(name) for name in walk.types if is_defined_type(source_name(name))}
    assert set(info.type_names()) == defined
    assert all(info.find_type(source_name(name)) is not None for name in walk.types)
    assert {name: v.address for name in info.global_names() if (v := info.global_variable(name))} == {
        source_name(name): address for name, address in walk.globals.items()
    }


def test_every_function_of_the_function_table_is_in_the_index(info: BinaryDebugInfo) -> None:
    # The linker makes a few functions of its own, and assembly has labels, for which nothing is described.
    known = set(info.function_names())
    missing = {name for raw in info.pclntab.names() if (name := stack_name(raw)) not in known}
    assert len(missing) < 0.005 * len(known), sorted(missing)


def test_addresses_of_bodies_are_those_of_the_function_table(info: BinaryDebugInfo) -> None:
    for name in ("main.outer", "main.(*List[...]).Put", "main.gen[...]", "main.closures.func1", "runtime.gopark"):
        bodies = [b for b in info.bodies(name) if b.inline_level == 0]
        assert bodies
        for body in bodies:
            function = info.pclntab.function_at(body.physical.lo)
            assert function is not None
            assert (stack_name(function.name), function.entry) == (name, body.physical.lo)
            assert body.physical.hi <= function.end


@pytest.mark.parametrize("pattern", ["main.outer", "main.tiny", "main.middle", "main.inner"])
def test_inlined_bodies_are_where_the_function_table_has_them(info: BinaryDebugInfo, pattern: str) -> None:
    for body in info.bodies(pattern):
        for lo, hi in body.ranges:
            for pc in (lo, (lo + hi) // 2, hi - 1):
                names = [frame.function for frame in reversed(info.pclntab.frames_at(pc, exact=True))]
                assert names[body.inline_level] == pattern, (hex(pc), names)
        if body.inline_level:
            frames = info.pclntab.frames_at(body.ranges[0].lo, exact=True)
            caller = frames[len(frames) - body.inline_level]
            assert (caller.file, caller.line) == (body.call_file, body.call_line)


def test_files_and_lines_of_declarations(info: BinaryDebugInfo) -> None:
    lines = (PROGRAM / "main.go").read_text().splitlines()
    expected = {"main.outer": "func outer(", "main.tiny": "func tiny(", "main.gen[...]": "func gen["}
    for name, text in expected.items():
        entry = info.function(name)
        assert entry is not None
        assert entry.file is not None
        assert Path(entry.file).name == "main.go"
        assert entry.line is not None
        assert lines[entry.line - 1].startswith(text)


def test_line_of_an_address(info: BinaryDebugInfo) -> None:
    entry = info.function("main.outer")
    assert entry is not None
    body = info.bodies("main.outer")[0]
    assert info.line_of(body.physical.lo) == (entry.file, entry.line)
    assert info.line_of(0) is None


def test_unknown_names(info: BinaryDebugInfo) -> None:
    assert info.function("main.nothing") is None
    assert info.bodies("main.nothing") == ()
    assert info.find_type("main.Nothing") is None
    assert info.global_variable("main.nothing") is None
    assert info.types_by_runtime_offset([0, -1, 1 << 70, 3]) == {}
    with pytest.raises(KeyError):
        info.type(7)


def test_c_code_of_cgo_is_left_out(opened: Opener) -> None:
    info = opened("1.26", "cgo-pie", "zoo")
    assert "main.main" in info.function_names()
    units = Units(info._units.sections)
    assert len(list(units.go_units())) < len(units.all)


def test_uncompressed_sections_read_the_same() -> None:
    plain, bare = (Units(DwarfSections(open_go(build(PROGRAM, mode=m)).elf)) for m in ("plain", "uncompressed"))
    one, other = scan(plain), scan(bare)
    assert (one.named, one.type_names) == (other.named, other.type_names)
    assert np.array_equal(one.physical_lo, other.physical_lo)
