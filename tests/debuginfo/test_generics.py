"""Where real binaries have the dictionaries of generic code, by release and way of building."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from sey.binary.gobinary import open_go
from sey.binary.pclntab import open_pclntab
from sey.frontend.debuginfo.model import DictionaryWord, Place, Variable
from sey.frontend.debuginfo.open import BinaryDebugInfo, open_debug_info
from sey.frontend.debuginfo.prologue import first_stores, frame_of
from tests.kernel.support import INDEXES
from tests.support.gobuild import build, matrix

SHAPE = "go.shape.*uint8"
FAST = [("1.26", "plain"), ("1.26", "noopt")]


@pytest.fixture(scope="module", params=matrix(FAST, modes=("plain", "noopt")))
def binary(request: pytest.FixtureRequest) -> tuple[str, Path]:
    release, mode = request.param
    return mode, build("generics", go=release, mode=mode)


@pytest.fixture(scope="module")
def info(binary: tuple[str, Path]) -> BinaryDebugInfo:
    return open_debug_info(str(binary[1]), cache_dir=INDEXES)


def variables(info: BinaryDebugInfo, function: str, linkage: str) -> Mapping[str, Variable]:
    (body,) = (b for b in info.bodies(function) if b.linkage == linkage)
    return {v.name: v for v in info.variables(body)}


def places(word: DictionaryWord | None) -> set[tuple[Place, int]]:
    """Where the dictionary is on the stack."""
    assert word is not None
    return {(p.place, p.value) for at in word.locations for p in at.pieces if p.place is Place.CFA}


def test_variables_have_the_word_of_their_own_type(info: BinaryDebugInfo) -> None:
    found = variables(info, "main.two[...]", f"main.two[{SHAPE},{SHAPE}]")
    words = {name: v.word for name, v in found.items() if v.locations}
    assert {"a", "b"} <= words.keys() <= {"a", "b", "whole", "swapped"}
    assert len({word.index for word in words.values() if word}) == len(words)
    assert all(places(word) == {(Place.CFA, 0)} for word in words.values())


def test_behind_the_receiver_is_the_dictionary_of_a_method(info: BinaryDebugInfo) -> None:
    each = variables(info, "main.(*list[...]).each", f"main.(*list[{SHAPE}]).each")
    assert places(each["extra"].word) == {(Place.CFA, 8)}
    assert each["i"].word is None
    part = variables(info, "main.pair[...].part", f"main.pair[{SHAPE},{SHAPE}].part")
    assert places(part["p"].word) == {(Place.CFA, 16)}


def test_a_dictionary_is_only_where_the_function_has_put_it(binary: tuple[str, Path], info: BinaryDebugInfo) -> None:
    mode, _ = binary
    careless = variables(info, "main.careless[...]", f"main.careless[{SHAPE}]")["v"]
    inner = variables(info, "main.closure[...].func1", f"main.closure[{SHAPE}].func1")["w"]
    if mode == "plain":
        assert careless.word is None
    else:
        assert places(careless.word) == {(Place.CFA, 0)}
        assert inner.word is not None
    # A closure has it among its locals, from where on it has loaded it; up to Go 1.26 optimized code doesn't tell.
    for place, value in places(inner.word) if inner.word else ():
        assert place is Place.CFA
        assert value < -16


def test_it_is_nowhere_before_it_is_stored_and_where_the_frame_is_gone(
    binary: tuple[str, Path], info: BinaryDebugInfo
) -> None:
    _, executable = binary
    (body,) = (b for b in info.bodies("main.constrained[...]") if b.linkage == f"main.constrained[{SHAPE}]")
    (v,) = (v for v in info.variables(body) if v.name == "v")
    frame = frame_of(open_pclntab(open_go(str(executable))), body.physical.lo)
    assert frame is not None
    assert v.word is not None
    stored = [at for at in v.word.locations if at.pieces[0].place is Place.CFA]
    assert stored
    for at in stored:
        assert any(r.lo < at.lo < at.hi <= r.hi for r in frame.ranges)


def test_first_stores_are_those_of_registers_that_still_hold_arguments(
    binary: tuple[str, Path], info: BinaryDebugInfo
) -> None:
    _, executable = binary
    table = open_pclntab(open_go(str(executable)))
    (body,) = (b for b in info.bodies("main.constrained[...]") if b.linkage == f"main.constrained[{SHAPE}]")
    frame = frame_of(table, body.physical.lo)
    assert frame is not None
    stores = first_stores(table, frame)
    assert (0, 0) in {(s.register, s.offset) for s in stores}
    assert all(frame.ranges[0].lo < s.done <= frame.ranges[0].hi for s in stores)
