"""Damaged debug information ends in a problem or in a result, never in a crash or a hang."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sey.binary.elf import parse_elf
from sey.binary.errors import SeyError
from sey.binary.gobinary import GoBinary, open_go
from sey.frontend.debuginfo.dwarf import At, Form, Tag
from sey.frontend.debuginfo.index import build_index
from sey.frontend.debuginfo.open import BinaryDebugInfo, _guarded, open_debug_info
from sey.frontend.debuginfo.scan import scan
from sey.frontend.debuginfo.sections import DwarfSections
from sey.frontend.debuginfo.units import Units
from tests.debuginfo import dwarfbuilder as b
from tests.debuginfo.conftest import PROGRAM
from tests.debuginfo.dwarfbuilder import D, Ref, fbreg, pieces, reg
from tests.support.gobuild import build

_PATIENCE = 20.0
"""Seconds for one damaged file; a healthy one takes a hundredth."""


def use_everything(info: BinaryDebugInfo, functions: int = 1 << 30) -> None:
    """Ask for all that there is. Problems are fine, anything else is not."""
    for name in list(info.function_names())[:functions]:
        with contextlib.suppress(SeyError):
            info.function(name)
            for body in info.bodies(name):
                for variable in info.variables(body):
                    info.type(variable.type)
    for name in info.type_names():
        found = info.find_type(name)
        assert found is not None
        try:
            kind = info.type(found)
        except KeyError:
            continue
        assert kind.size >= 0
    for name in info.global_names():
        assert info.global_variable(name) is not None


def sample(version: int) -> dict[str, bytes]:
    """A unit with everything in it: types, a function with lists and blocks, an inlinable one and its instance."""
    lists, offsets = (b.debug_loc if version == 4 else b.loclists)(
        [(0, 16, reg(0)), (16, 64, fbreg(-24))],
        [(0, 32, pieces((reg(3), 8), (reg(2), 8))), (32, 64, pieces((fbreg(8), 8), (b"", 8)))],
        [(0, 64, pieces((reg(0), 8), (reg(3), 8)))],
    )
    abstract = D(
        Tag.SUBPROGRAM,
        {At.NAME: (Form.STRING, "main.inl"), At.INLINE: (Form.DATA1, 1), At.DECL_LINE: (Form.UDATA, 3)},
        [D(Tag.FORMAL_PARAMETER, {At.NAME: (Form.STRING, "a"), At.TYPE: (Form.REF_ADDR, Ref("int"))}, label="a")],
        label="inl",
    )
    instance = D(
        Tag.INLINED_SUBROUTINE,
        {
            At.ABSTRACT_ORIGIN: (Form.REF_ADDR, Ref("inl")),
            At.RANGES: (Form.SEC_OFFSET, 0),
            At.CALL_LINE: (Form.UDATA, 12),
        },
        [
            D(
                Tag.FORMAL_PARAMETER,
                {At.ABSTRACT_ORIGIN: (Form.REF_ADDR, Ref("a")), At.LOCATION: (Form.SEC_OFFSET, offsets[0])},
            )
        ],
    )
    block = D(Tag.LEXICAL_BLOCK, {At.RANGES: (Form.SEC_OFFSET, 0)}, [b.variable("x", "[]int", offsets[2])])
    body = [
        b.variable("x", "int", offsets[0], tag=Tag.FORMAL_PARAMETER),
        b.variable("s", "string", offsets[1], tag=Tag.FORMAL_PARAMETER),
        b.variable("&y", "*int", fbreg(-16)),
        block,
        instance,
    ]
    top = b.unit([*b.plain_types(), b.struct_type("main.T", 24, [("a", "int", 0), ("s", "string", 8)]), abstract,
                  b.function("main.f", body, version=version),
                  D(Tag.VARIABLE, {At.NAME: (Form.STRING, "main.v"), At.LOCATION: (Form.BLOCK1, b"\x03" + bytes(8)),
                                   At.TYPE: (Form.REF_ADDR, Ref("main.T")), At.EXTERNAL: (Form.FLAG, 1)})])  # fmt: skip
    ranges = {
        ".debug_ranges": b"".join(
            n.to_bytes(8, "little") for n in ((1 << 64) - 1, b.BASE, 0x10, 0x20, 0x30, 0x40, 0, 0)
        ),
        ".debug_rnglists": b"\x05" + b.BASE.to_bytes(8, "little") + b"\x04\x10\x20\x04\x30\x40\x00",
    }
    return b.encode(top, version) | ranges | {".debug_loc" if version == 4 else ".debug_loclists": lists}


@pytest.mark.parametrize("version", [4, 5])
def test_the_sample_is_healthy(version: int) -> None:
    info = b.open_sections(sample(version))
    assert list(info.function_names()) == ["main.f", "main.inl"]
    (f,) = info.bodies("main.f")
    assert [v.name for v in info.variables(f)] == ["x", "s", "y", "x"]
    assert all(v.locations for v in info.variables(f) if v.name in ("x", "s") and not v.depth)
    (inl,) = info.bodies("main.inl")
    assert [(r.lo - b.BASE, r.hi - b.BASE) for r in inl.ranges] == [(0x10, 0x20), (0x30, 0x40)]
    assert info.variables(inl)[0].locations
    assert list(info.global_names()) == ["main.v"]


@settings(max_examples=400, deadline=None)
@given(version=st.sampled_from([4, 5]), data=st.data())
def test_changed_bytes_of_a_small_file(version: int, data: st.DataObject) -> None:
    sections = {name: bytearray(content) for name, content in sample(version).items()}
    for _ in range(data.draw(st.integers(1, 4))):
        name = data.draw(st.sampled_from(sorted(sections)))
        content = sections[name]
        at = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.integers(0, 9)) == 0:
            del content[at:]
            content += b"\0"
        else:
            content[at] = data.draw(st.integers(0, 255))
    started = time.monotonic()
    with contextlib.suppress(SeyError):
        use_everything(open_damaged({name: bytes(content) for name, content in sections.items()}))
    assert time.monotonic() - started < _PATIENCE


def open_damaged(sections: dict[str, bytes]) -> BinaryDebugInfo:
    units = Units(DwarfSections(b.elf_of(sections)))
    return _guarded(units, lambda: b.open_sections(sections))


@pytest.fixture(scope="module", params=["1.24", "1.26"])
def image(request: pytest.FixtureRequest) -> tuple[GoBinary, bytes]:
    """A real executable with sections stored as they are."""
    binary = open_go(build(PROGRAM, go=request.param, mode="uncompressed"))
    return binary, bytes(binary.elf.view)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_changed_bytes_of_a_real_file(image: tuple[GoBinary, bytes], data: st.DataObject) -> None:
    binary, raw = image
    changed = bytearray(raw)
    debug = [s for s in binary.elf.sections if s.name.startswith(".debug_") and s.size]
    for _ in range(data.draw(st.integers(1, 200))):
        section = data.draw(st.sampled_from(debug))
        changed[section.offset + data.draw(st.integers(0, section.size - 1))] = data.draw(st.integers(0, 255))
    started = time.monotonic()
    elf = parse_elf(memoryview(bytes(changed)), "changed")
    units = Units(DwarfSections(elf))
    with contextlib.suppress(SeyError):
        index = _guarded(units, lambda: build_index(scan(units)))
        use_everything(BinaryDebugInfo(GoBinary(elf, binary.build), units, index), functions=300)
    assert time.monotonic() - started < 3 * _PATIENCE


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_details_from_changed_sections_behind_a_true_index(image: tuple[GoBinary, bytes], data: st.DataObject) -> None:
    binary, raw = image
    index = build_index(scan(Units(DwarfSections(binary.elf))))
    changed = bytearray(raw)
    debug = [s for s in binary.elf.sections if s.name.startswith(".debug_") and s.size]
    for _ in range(data.draw(st.integers(50, 2000))):
        section = data.draw(st.sampled_from(debug))
        changed[section.offset + data.draw(st.integers(0, section.size - 1))] = data.draw(st.integers(0, 255))
    elf = parse_elf(memoryview(bytes(changed)), "changed")
    info = BinaryDebugInfo(GoBinary(elf, binary.build), Units(DwarfSections(elf)), index)
    use_everything(info, functions=400)


def test_a_truncated_file(tmp_path: Path) -> None:
    path = build(PROGRAM)
    raw = path.read_bytes()
    for part in (0.999, 0.9, 0.5, 0.01, 0):
        short = tmp_path / f"short-{part}"
        short.write_bytes(raw[: int(len(raw) * part)])
        with pytest.raises(SeyError) as caught:
            open_debug_info(str(short), cache_dir=tmp_path)
        assert caught.value.exit_status in (4, 6)
