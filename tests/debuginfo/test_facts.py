"""Offsets in the Go runtime by path, against values measured on each release."""

from __future__ import annotations

import pytest

from sey.binary.errors import SeyError
from sey.frontend.debuginfo.runtime_facts import field_offset, find_field, global_address, struct_type, type_size
from tests.debuginfo.conftest import Opener

# Offsets in bytes, measured with the runtime's own sources of each release.
OFFSETS = {
    ("runtime.g", "stack.lo"): (0x0, 0x0, 0x0, 0x0),
    ("runtime.g", "stack.hi"): (0x8, 0x8, 0x8, 0x8),
    ("runtime.g", "m"): (0x30, 0x30, 0x30, 0x30),
    ("runtime.g", "sched.sp"): (0x38, 0x38, 0x38, 0x38),
    ("runtime.g", "sched.pc"): (0x40, 0x40, 0x40, 0x40),
    ("runtime.g", "sched.bp"): (0x68, 0x60, 0x60, 0x60),
    ("runtime.g", "syscallsp"): (0x70, 0x68, 0x68, 0x68),
    ("runtime.g", "syscallbp"): (0x80, 0x78, 0x78, 0x78),
    ("runtime.g", "atomicstatus.value"): (0x98, 0x90, 0x90, 0x90),
    ("runtime.g", "goid"): (0xA0, 0x98, 0x98, 0x98),
    ("runtime.g", "waitreason"): (0xB8, 0xB0, 0xB0, 0xB0),
    ("runtime.g", "parentGoid"): (0x118, 0x110, 0x118, 0x118),
    ("runtime.g", "gopc"): (0x120, 0x118, 0x120, 0x120),
    ("runtime.g", "labels"): (0x160, 0x158, 0x160, 0x160),
    ("runtime.m", "procid"): (0x48, 0x40, 0x40, 0x40),
    ("runtime.m", "curg"): (0xC0, 0xB8, 0xB8, 0xB8),
    ("runtime.m", "alllink"): (0x160, 0x158, 0x160, 0x160),
    ("runtime.hchan", "sendx"): (0x30, 0x30, 0x30, 0x30),
    ("runtime.moduledata", "text"): (0xB0, 0xB0, 0xB0, 0xB0),
    ("runtime.moduledata", "types"): (0x128, 0x128, 0x128, 0x128),
    ("internal/abi.ITab", "Type"): (0x8, 0x8, 0x8, 0x8),
}


@pytest.mark.parametrize(("number", "go"), list(enumerate(("1.24", "1.25", "1.26", "1.27"))))
def test_offsets(opened: Opener, number: int, go: str) -> None:
    info = opened(go)
    found = {path: field_offset(info, *path).offset for path in OFFSETS}
    assert found == {path: offsets[number] for path, offsets in OFFSETS.items()}
    assert field_offset(info, "runtime.g", "waitreason").size == 1
    assert field_offset(info, "runtime.g", "goid").size == 8


def test_paths_through_arrays(opened: Opener) -> None:
    info = opened("1.26")
    assert field_offset(info, "main.Item", "Grid.2.3") == (field_offset(info, "main.Item", "Grid").offset + 44, 4)
    assert find_field(info, "main.Item", "Grid.3") is None


def test_sizes_and_addresses(opened: Opener) -> None:
    info = opened("1.24")
    assert type_size(info, "runtime.g") == 0x1B8
    symbol = info.binary.elf.symbol("runtime.allglen")
    assert symbol is not None
    assert global_address(info, "runtime.allglen") == symbol.value
    assert struct_type(info, "runtime.nothing", "runtime.g").name == "runtime.g"


def test_what_is_missing_is_named(opened: Opener) -> None:
    info = opened("1.26")
    assert find_field(info, "runtime.g", "nothing") is None
    for call, words in (
        (lambda: field_offset(info, "runtime.g", "sched.nothing"), "field sched.nothing in type runtime.g"),
        (lambda: field_offset(info, "runtime.nothing", "x"), "type runtime.nothing"),
        (lambda: global_address(info, "runtime.nothing"), "variable runtime.nothing"),
        (lambda: find_field(info, "runtime.nothing", "x"), "type runtime.nothing"),
    ):
        with pytest.raises(SeyError) as caught:
            call()
        (problem,) = caught.value.problems
        assert problem.code == "SEY0454"
        assert words in problem.message()
