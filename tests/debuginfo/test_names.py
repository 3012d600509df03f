"""Spelling of names."""

from __future__ import annotations

import pytest

from sey.frontend.debuginfo.names import is_defined_type, source_name, stack_name


@pytest.mark.parametrize(
    ("linkage", "shown"),
    [
        ("main.outer", "main.outer"),
        ("main.gen[go.shape.int]", "main.gen[...]"),
        ("main.(*L[go.shape.int]).Put", "main.(*L[...]).Put"),
        ("main.f[go.shape.[]int].func1", "main.f[...].func1"),
        ("main.g[go.shape.struct { a [2]int }]", "main.g[...]"),
        ("a]b[", "a]b["),
        ("a[", "a["),
        ("", ""),
    ],
)
def test_function_names_as_in_stack_traces(linkage: str, shown: str) -> None:
    assert stack_name(linkage) == shown


@pytest.mark.parametrize(
    ("linkage", "shown"),
    [
        ("gopkg.in/yaml%2ev3.Node", "gopkg.in/yaml.v3.Node"),
        ("*map[a/b%2ec.K]d/e%2ef.V", "*map[a/b.c.K]d/e.f.V"),
        ('struct { A int "x:%2e" }', 'struct { A int "x:%2e" }'),
        ("p/%c3%bc.X", "p/ü.X"),
        ("100%", "100%"),
    ],
)
def test_import_paths_as_in_sources(linkage: str, shown: str) -> None:
    assert source_name(linkage) == shown


@pytest.mark.parametrize(
    "name", ["int", "main.T", "a/b.c.T", "main.L[[]int]", "main.L[map[string]int]", "mapper.T", "error"]
)
def test_defined_types(name: str) -> None:
    assert is_defined_type(name)


@pytest.mark.parametrize(
    "name",
    ["*T", "[]T", "[2]T", "map[a]b", "chan T", "<-chan T", "chan<- T", "func()", "struct {}", "interface {}",
     "go.shape.int", "main.L[go.shape.int]", "noalg.map.group[a]b", "hchan<int>", "table<a,b>", ".param0"],
)  # fmt: skip
def test_other_types(name: str) -> None:
    assert not is_defined_type(name)
