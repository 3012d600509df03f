"""Types from the runtime's own descriptions: the same as debug information says of them, and never a crash."""

from __future__ import annotations

import re
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sey.binary.elf import open_elf
from sey.frontend.debuginfo.maps import map_layout
from sey.frontend.debuginfo.model import Field, GoType, Kind
from sey.frontend.debuginfo.open import BinaryDebugInfo, open_debug_info
from sey.frontend.debuginfo.runtimetypes import RuntimeTypes, read_runtime_types
from sey.frontend.debuginfo.typearea import TypeArea, read_area
from sey.frontend.debuginfo.typelinks import linked_types
from tests.debuginfo.conftest import PROGRAM, Opener
from tests.servers.caddy import CADDY
from tests.servers.nats import NATS
from tests.servers.server import Server, install
from tests.support.gobuild import build, matrix

BUILDS = [
    *((go, "plain") for go in ("1.21", "1.23", "1.24", "1.25", "1.26", "1.27")),
    *(("1.26", "pie"), ("1.26", "cgo-static-pie")),
]


@pytest.fixture(params=matrix(BUILDS, ("1.21", "1.24", "1.27"), ("pie", "cgo", "cgo-pie")))
def values(request: pytest.FixtureRequest, opened: Opener) -> BinaryDebugInfo:
    """A program with values of many kinds, over releases and ways of linking."""
    return opened(*request.param, target="values")


def told(info: BinaryDebugInfo, kind: GoType) -> tuple[object, ...]:
    """What there is to compare of a type, those in it by name."""

    def name(inner: int | None) -> str | None:
        return None if inner is None else info.type(inner).name

    fields = [(f.name, f.offset, f.embedded, name(f.type)) for f in kind.fields]
    parts = (fields, name(kind.elem), name(kind.key), kind.length, kind.empty_interface, map_layout(info, kind))
    return kind.name, kind.kind, kind.size, kind.shape, parts


def described_twice(info: BinaryDebugInfo) -> list[tuple[GoType, GoType]]:
    """Types by debug information and by description, where there are both."""
    offsets = info._index.arrays["runtime_offset"].tolist()
    dies = info.types_by_runtime_offset(offsets)
    rows = {offset: info.runtime_types.row(offset) for offset in offsets}
    # Of `uintptr`, Go up to 1.22 notes an address.
    assert [info.type(dies[o]).name for o, row in rows.items() if row is None] in ([], ["uintptr"])
    return [(info.type(dies[o]), info.runtime_types.at(row)) for o, row in rows.items() if row is not None]


def assert_same(info: BinaryDebugInfo, at_least: int) -> None:
    pairs = described_twice(info)
    assert len(pairs) >= at_least
    for by_debug_info, described in pairs:
        assert told(info, by_debug_info) == told(info, described)
        assert by_debug_info.runtime_type == described.runtime_type
        assert info.type(described.id) is described
    assert {kind.kind for _, kind in pairs} >= set(Kind) - {Kind.UNKNOWN, Kind.UNSAFE_POINTER, Kind.SHARED}


def test_descriptions_say_what_debug_information_says(values: BinaryDebugInfo) -> None:
    assert_same(values, 600)


@pytest.mark.servers
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("server", [NATS, CADDY], ids=["nats-server", "caddy"])
def test_the_types_of_a_large_program_are_the_same(server: Server, tmp_path: Path) -> None:
    assert_same(open_debug_info(str(install(server)), cache_dir=tmp_path), 5000)


def test_all_that_the_runtime_lists_is_there(values: BinaryDebugInfo) -> None:
    module, elf = values.pclntab.module, values.binary.elf
    links = linked_types(values, elf, module, read_area(elf, module))
    assert len(links) > 400
    assert None not in [values.runtime_types.row(offset) for offset in links]


def test_names_of_types_without_debug_information(opened: Opener) -> None:
    names = opened("1.26", "plain", target="values").runtime_types.names
    assert len(set(names)) > 1000
    known = set(opened("1.26", "plain", target="values")._index.types)
    assert {"*main.calendar", "*encoding/json.structFields"} <= set(names) - known


def test_which_values_are_kept_in_the_word_of_an_interface(values: BinaryDebugInfo) -> None:
    """The runtime's flag is what cmd/compile/internal/types.IsDirectIface says."""
    types = values.runtime_types

    def pointer_shaped(kind: GoType) -> bool:
        match kind.kind:
            case Kind.POINTER | Kind.MAP | Kind.CHAN | Kind.FUNC | Kind.UNSAFE_POINTER:
                return True
            case Kind.ARRAY if kind.length == 1 and kind.elem is not None:
                return pointer_shaped(types.type(kind.elem))
            case Kind.STRUCT:
                sized = [f for f in kind.fields if types.type(f.type).size]
                return kind.size == 8 and len(kind.fields) == 1 and pointer_shaped(types.type(sized[0].type))
        return False

    direct = {types.at(row).name for row in np.flatnonzero(types.arrays["direct"]).tolist()}
    shaped = {types.at(row).name for row in range(len(types)) if pointer_shaped(types.at(row))}
    # Pointers to what lies outside of the heap (runtime/internal/sys.NotInHeap) are no pointers to the collector.
    assert {name for name in shaped - direct if not re.match(r"\**(runtime|internal)[./]", name)} == set()
    assert len(shaped & direct) > 300
    # Newer compilers also count a struct of one pointer and fields without a size; nothing else.
    for name in direct - shaped:
        kind = next(types.at(row) for row in range(len(types)) if types.names[row] == name)
        assert (kind.kind, kind.size) == (Kind.STRUCT, 8), name


def test_an_atomic_pointer_has_its_type(values: BinaryDebugInfo) -> None:
    found = [kind for pair in described_twice(values) for kind in pair if kind.name.startswith("sync/atomic.Pointer[")]
    assert found
    for kind in found:
        word = next(f for f in kind.fields if f.name == "v")
        inner = kind.name.removeprefix("sync/atomic.Pointer[").removesuffix("]")
        assert values.type(word.type).name == f"*{inner}"
        assert word.offset + 8 == kind.size
        assert len(kind.fields) == 3


def test_what_is_kept_is_the_same_again(tmp_path: Path) -> None:
    path = str(build("values", go="1.26"))
    first, second = (open_debug_info(path, cache_dir=tmp_path).runtime_types for _ in range(2))
    assert len(list((tmp_path / "index").glob("*.types"))) == 1
    assert [first.at(r) for r in range(len(first))] == [second.at(r) for r in range(len(second))]


def test_words_that_only_the_loader_fills_in(tmp_path: Path) -> None:
    """As lld links: what the words of a PIE will be stands in `.rela.dyn`, and the words are zero."""
    source = build(PROGRAM, go="1.26", mode="cgo-static-pie")
    whole = open_debug_info(str(source), cache_dir=tmp_path)
    module, elf = whole.pclntab.module, whole.binary.elf
    target = Path(shutil.copy(source, tmp_path / "zeroed"))
    segment = next(s for s in elf.loads if s.address <= module.types < s.address + s.file_size)
    zeroed = 0
    with target.open("r+b") as file:
        for at in elf.relative_relocations[0].tolist():
            if module.types <= at < module.etypes:
                file.seek(segment.offset + at - segment.address)
                file.write(bytes(8))
                zeroed += 1
    assert zeroed > 1000
    area = read_area(open_elf(target), module)
    offsets = whole._index.arrays["runtime_offset"].tolist()
    found = RuntimeTypes(*read_runtime_types(area, offsets, {}, direct_in_flags=True))
    again = RuntimeTypes(*read_runtime_types(read_area(elf, module), offsets, {}, direct_in_flags=True))
    assert len(found) > 500
    assert [found.at(r) for r in range(len(found))] == [again.at(r) for r in range(len(again))]


@pytest.fixture(scope="module")
def area_and_starts(opened: Opener) -> tuple[TypeArea, list[int]]:
    info = opened("1.27", "plain")
    module, elf = info.pclntab.module, info.binary.elf
    return read_area(elf, module), info._index.arrays["runtime_offset"].tolist()


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damaged_descriptions_are_left_out(area_and_starts: tuple[TypeArea, list[int]], data: st.DataObject) -> None:
    area, starts = area_and_starts
    octets = area.octets.copy()
    words = st.sampled_from((0, 1, (1 << 64) - 1, 1 << 63, area.base, area.base + 8, area.base + area.size - 8))
    for _ in range(data.draw(st.integers(1, 40))):
        start = data.draw(st.sampled_from(starts))
        at = min(start + 8 * data.draw(st.integers(0, 12)), len(octets) - 8)
        word = data.draw(st.one_of(words, st.sampled_from(starts).map(lambda o: area.base + o)))
        octets[at : at + 8] = np.frombuffer(struct.pack("<Q", word), dtype=np.uint8)
    assert_sound(RuntimeTypes(*read_runtime_types(TypeArea(area.base, octets), starts, {}, direct_in_flags=True)))


@settings(max_examples=200, deadline=None)
@given(raw=st.binary(max_size=400), starts=st.lists(st.integers(-8, 500), max_size=20), base=st.integers(0, 1 << 56))
def test_any_bytes_are_an_area(raw: bytes, starts: list[int], base: int) -> None:
    area = TypeArea(base, np.frombuffer(raw, dtype=np.uint8))
    assert_sound(RuntimeTypes(*read_runtime_types(area, starts, {}, direct_in_flags=False)))


def assert_sound(types: RuntimeTypes) -> None:
    """Every type fits into those that hold it by value, and everything referred to is there."""
    for row in range(len(types)):
        kind = types.at(row)
        for part in kind.fields:
            assert isinstance(part, Field)
            assert part.offset + types.type(part.type).size <= kind.size
        if kind.kind is Kind.ARRAY:
            assert kind.elem is not None
            assert types.type(kind.elem).size * (kind.length or 0) == kind.size
        for other in (kind.elem, kind.key, kind.layout):
            assert other is None or types.type(other).name


def test_a_struct_that_holds_itself_is_none() -> None:
    def description(size: int, kind: int, *parts: int) -> bytes:
        return struct.pack("<QQIBBBBQQiI", size, 0, 0, 0, 8, 8, kind, 0, 0, 400, 0) + struct.pack("<4Q", *parts)

    base = 0x400000
    field = struct.pack("<3Q", base + 404, base + 8, 0)
    raw = bytes(8) + description(8, 25, 0, base + 88, 1, 1) + field
    raw = raw.ljust(400, b"\0") + b"\1\2me" + b"\0\1f"
    area = TypeArea(base, np.frombuffer(raw.ljust(416, b"\0"), dtype=np.uint8))
    assert len(RuntimeTypes(*read_runtime_types(area, [8], {}, direct_in_flags=True))) == 0
