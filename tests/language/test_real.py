"""Specs bound to real binaries: names, promotion, shadowing, generics and closures as Go's compiler describes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sey.binary.errors import SeyError
from sey.frontend.bind import bind
from sey.frontend.bound import BoundSpec
from sey.frontend.debuginfo.open import BinaryDebugInfo, open_debug_info
from sey.frontend.diagnostics import SpannedProblem, render_text
from sey.frontend.parser import parse
from sey.frontend.source import Source
from tests.language.test_bind import drawn
from tests.support.gobuild import build


@pytest.fixture(scope="module", params=["plain", "noopt"])
def info(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BinaryDebugInfo:
    return open_debug_info(str(build("values", mode=request.param)), cache_dir=tmp_path_factory.mktemp("cache"))


def bound_to(info: BinaryDebugInfo, text: str) -> tuple[BoundSpec, list[SpannedProblem]]:
    source = Source("real.sey", text)
    return bind(parse(source), source, info, binary="values", module="values")


def types_of(info: BinaryDebugInfo, function: str, text: str) -> list[str]:
    spec, _ = bound_to(info, f'func "{function}" as t {{ {text} as x }}')
    return sorted(form.expr.type.name for form in spec.funcs[0].captures[0].forms)


@pytest.mark.parametrize(
    ("function", "text", "types"),
    [
        ("main.integers", "i8", ["int8"]),
        ("main.integers", "n", ["main.named"]),
        ("main.integers", "n == -7", ["bool"]),
        ("main.structs", "deep.ID", ["uint64"]),
        ("main.structs", "deep.X", ["int32"]),
        ("main.structs", "deep.inner.Label", ["string"]),
        ("main.structs", "behind.Title", ["string"]),
        ("main.structs", "behind.Pair[1].Y", ["int32"]),
        ("main.structs", "anonymous.B", ["string"]),
        ("main.pointers", "chain.Next.Next.Value", ["int"]),
        ("main.pointers", "**twice", ["int"]),
        ("main.slices", "rows[2][1]", ["int"]),
        ("main.slices", "cap(thousand)", ["int"]),
        ("main.slices", "refs[0].X", ["int32"]),
        ("main.shadowed", "x", ["float64", "int", "string"]),
        ("main.shadowed", "x == 3", ["bool", "bool"]),
        ("main.closures.func1", "byValue", ["string"]),
        ("main.closures.func1", "byRef + parameter", ["int"]),
        ("main.(*counter).method", "c != nil", ["bool"]),
    ],
)
def test_types_are_those_of_the_program(info: BinaryDebugInfo, function: str, text: str, types: list[str]) -> None:
    assert types_of(info, function, text) == types


def test_promotion_follows_pointers_of_embedded_structs(info: BinaryDebugInfo) -> None:
    spec, _ = bound_to(info, 'func "main.structs" { behind.X }')
    (form,) = spec.funcs[0].captures[0].forms
    assert drawn(form.expr) == "(*(*behind).point@48).X@0"


def test_generics_are_named_as_in_stack_traces(info: BinaryDebugInfo) -> None:
    spec, _ = bound_to(info, 'func "main.generic[...]" { key, value }')
    (block,) = spec.funcs
    assert block.table == "generic"
    assert len(block.bodies) > 1
    assert all(len(capture.forms) > 1 for capture in block.captures)


def test_package_level_variables(info: BinaryDebugInfo) -> None:
    text = '"main.globalPointer".Title as title\nglobal "main.globalSlice"[1] as two\nglobal "main.globalDuration"'
    spec, warnings = bound_to(info, f"global {text}")
    assert warnings == []
    assert [g.expr.type.name for g in spec.globals] == ["string", "string", "time.Duration"]


@pytest.mark.parametrize(
    ("text", "code", "help_"),
    [
        ('func "main.structz" { deep }', "SEY0201", "did you mean `main.structs`?"),
        ('func "main.Structs" { deep }', "SEY0201", "did you mean `main.structs`?"),
        ('func "counter.method" { c }', "SEY0201", "did you mean `main.(*counter).method`?"),
        ('func "main.structs" { dep }', "SEY0202", "did you mean `deep`?"),
        ('func "main.structs" { deep.Titel }', "SEY0203", "did you mean `Title`?"),
        ('global "main.globalStrin"', "SEY0204", "did you mean `main.globalString`?"),
    ],
)
def test_misspelled_names_are_found(info: BinaryDebugInfo, text: str, code: str, help_: str) -> None:
    with pytest.raises(SeyError) as caught:
        bound_to(info, text)
    (problem,) = caught.value.problems
    assert (problem.code, problem.advice()) == (code, help_)


def test_a_spec_of_20_functions_is_bound(info: BinaryDebugInfo) -> None:
    functions = [name for name in info.function_names() if name.startswith(("fmt.(*pp).", "time.", "bufio."))][:20]
    assert len(functions) == 20
    blocks = []
    for i, name in enumerate(functions):
        names = {v.name: None for body in info.bodies(name) for v in info.variables(body) if v.name.isidentifier()}
        captures = ", ".join(f"{v} as c{j}" for j, v in enumerate(v for v in names if v != "_"))
        blocks.append(f'func "{name}" as t{i} {{ {captures} }}')
    text = "\n".join(blocks)
    spec, warnings = bound_to(info, text)
    assert len(spec.funcs) == 20
    assert render_text(warnings, Source("real.sey", text)) or not warnings


def test_the_specs_of_the_examples_are_formatted() -> None:
    from sey.frontend.fmt import format_spec
    from sey.frontend.parser import read

    for path in (Path(__file__).parents[2] / "examples").rglob("*.sey"):
        source = read(path)
        assert format_spec(source) == source.text, path
