"""Layouts of the runtime by release, against what binaries of several releases say of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from sey.binary.buildinfo import parse_version
from sey.binary.layouts import layout_of
from sey.frontend.debuginfo.open import open_debug_info
from sey.frontend.debuginfo.runtime_facts import find_field, struct_type
from tests.support.gobuild import build


def sampled(text: str) -> tuple[int, ...] | None:
    version = parse_version(text)
    assert version is not None
    layout = layout_of(version)
    return layout.sampled if layout else None


def test_patch_releases_have_the_layout_of_their_own_time() -> None:
    assert sampled("go1.23.3") != sampled("go1.23.4") != sampled("go1.23.12")
    assert sampled("go1.24") == sampled("go1.24.0") == sampled("go1.24.5") != sampled("go1.24.6")
    assert sampled("go1.26.99") == sampled("go1.26.0"), "a newer patch release is taken to be like the last one known"


@pytest.mark.parametrize(
    "text", ["go1.20.14", "go1.99.1", "go1.27rc1", "go1.26.8 X:nodwarf5", "devel go1.27-abcdef", "go1.26.8-acme"]
)
def test_what_was_not_sampled_has_no_layout(text: str) -> None:
    assert sampled(text) is None


# With cgo the structures are the same; 1.23.12 has moved what 1.23.0 had.
@pytest.mark.parametrize(("release", "mode"), [("1.24", "plain"), ("1.26", "cgo"), ("1.27", "plain")])
def test_the_table_says_what_debug_information_says(release: str, mode: str, tmp_path: Path) -> None:
    info = open_debug_info(str(build("edges", go=release, mode=mode)), cache_dir=tmp_path)
    layout = layout_of(info.binary.build.version)
    assert layout is not None
    for name in ("runtime.g", "runtime.m", "runtime.moduledata"):
        assert struct_type(info, name).size == layout.types[name].size
        for field, _, inner in layout.types[name].fields:
            paths = [f"{field}.{below}" for below, _, _ in inner.fields] or [field]
            for path in paths:
                slot = find_field(info, name, path)
                assert slot is not None, path
                assert layout.types[name].offset(path) == slot.offset, (release, name, path)
    for name in layout.variables:
        variable = info.global_variable(name)
        assert variable is not None
        assert info.type(variable.type).size == layout.variables[name].size
