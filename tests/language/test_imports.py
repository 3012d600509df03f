"""`import`: what a spec leads to is found, read once, and told by its own file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sey.binary.errors import SeyError
from sey.frontend import ast
from sey.frontend.bind import bind
from sey.frontend.diagnostics import SpannedProblem, SpecError
from sey.frontend.diagnostics.render import as_object, render_text
from sey.frontend.imports import MAX_FILES, library_files, load
from sey.frontend.parser import parse
from sey.frontend.source import Source
from tests.language.fakeinfo import shop

INFO = 'func "main.(*server).GetInfo" as {} {{ request }}\n'


def _files(folder: Path, **texts: str) -> str:
    """Files by name, `__` for a folder; the path of `main.sey` among them."""
    for name, text in texts.items():
        path = folder / (name.replace("__", "/") + ".sey")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return str(folder / "main.sey")


def _problems(source: Source) -> list[str]:
    """Where each problem is and its code, warnings too."""
    try:
        _, found = bind(parse(source), source, shop(), binary="shop")
    except SpecError as error:
        found = [problem for problem in error.problems if isinstance(problem, SpannedProblem)]
    places = [as_object(problem, source) for problem in found]
    return [f"{Path(place['path']).name}:{place['line']}:{place['column']} {place['code']}" for place in places]


def _error(path: str) -> str:
    with pytest.raises(SeyError) as raised:
        parse(load(path))
    error = raised.value
    return render_text(error.problems, error.source if isinstance(error, SpecError) else None)


def test_what_files_say_is_one_spec(tmp_path: Path) -> None:
    path = _files(
        tmp_path,
        main='import "more/a.sey"\n' + INFO.format("one"),
        more__a='import "b.sey"\n' + INFO.format("two"),
        more__b='import "../main.sey"\nimport "a.sey"\nimport "./b.sey"\n' + INFO.format("three"),
    )
    source = load(path)
    assert [Path(file.path).name for file in source.files] == ["main.sey", "a.sey", "b.sey"]
    spec, warnings = bind(parse(source), source, shop(), binary="shop")
    assert [func.table for func in spec.funcs] == ["one", "two", "three"]
    assert not warnings


def test_an_import_compares_by_what_it_says() -> None:
    one, two = (parse(Source("x.sey", text)).statements for text in ('import "a.sey"', '\n\nimport "a.sey"'))
    assert one == two
    assert isinstance(one[0], ast.Import)


def test_problems_are_told_in_the_file_that_has_them(tmp_path: Path) -> None:
    path = _files(tmp_path, main='import "a.sey"\nfunc "main.no" { }', a='\nfunc "main.(*server).GetInfo" { nope }\n')
    assert _problems(load(path)) == ["main.sey:2:6 SEY0201", "a.sey:2:33 SEY0202"]


def test_names_clash_across_files(tmp_path: Path) -> None:
    path = _files(tmp_path, main='import "a.sey"\n' + INFO.format("same"), a=INFO.format("same"))
    source = load(path)
    with pytest.raises(SpecError) as raised:
        bind(parse(source), source, shop(), binary="shop")
    text = render_text(raised.value.problems, source)
    assert "/a.sey:1:34: error[SEY0206]" in text
    assert "/main.sey:2:34:" in text


def test_syntax_is_told_in_its_file(tmp_path: Path) -> None:
    path = _files(tmp_path, main='import "a.sey"\n', a='# fine\nfunc "main.f" { a. }\n')
    assert "a.sey:2:20: error[SEY0108]" in _error(path)


def test_what_is_not_there_says_where_it_was_looked_for(tmp_path: Path) -> None:
    text = _error(_files(tmp_path, main='import "a.sey"\n', a='import "gone/x.sey"\n'))
    assert "a.sey:1:8: error[SEY0122]: cannot import gone/x.sey: No such file or directory" in text
    assert f"looked for {tmp_path}/gone/x.sey" in text
    text = _error(_files(tmp_path, main='import "lib/nothing.sey"\n'))
    assert all(name in text for name in library_files())


@pytest.mark.parametrize("bad", ["", ".", "a\\x00b.sey"])
def test_paths_that_are_none(tmp_path: Path, bad: str) -> None:
    assert "SEY0122" in _error(_files(tmp_path, main=f'import "{bad}"\n'))


def test_binary_data_is_no_spec(tmp_path: Path) -> None:
    path = _files(tmp_path, main='import "data.sey"\n')
    (tmp_path / "data.sey").write_bytes(b"\0\1\2")
    assert "is not a spec" in _error(path)


def test_the_number_of_files_is_bounded(tmp_path: Path) -> None:
    for number in range(MAX_FILES + 1):
        _files(tmp_path, **{f"f{number}": f'import "f{number + 1}.sey"\n'})
    assert "SEY0123" in _error(_files(tmp_path, main='import "f0.sey"\n'))


def test_a_file_of_that_name_beside_the_spec_comes_before_the_library(tmp_path: Path) -> None:
    path = _files(tmp_path, main='import "lib/http.sey"\n', lib__http=INFO.format("own"))
    assert [file.library for file in load(path).files] == [False, False]
    (tmp_path / "lib" / "http.sey").unlink()
    assert [file.library for file in load(path).files] == [False, True]


def test_the_library_may_name_what_a_binary_lacks() -> None:
    text = 'func "main.nowhere" { x }\nfunc "main.(*server).GetInfo" as known { request, gone }\n'
    source = Source("main.sey", 'import "lib/x.sey"\n', (Source("lib/x.sey", text, library=True),))
    spec, warnings = bind(parse(source), source, shop(), binary="shop")
    assert not warnings
    (nowhere, known) = spec.funcs
    assert (nowhere.table, len(nowhere.captures), nowhere.bodies) == ("nowhere", 1, ())
    assert [bool(capture.forms) for capture in known.captures] == [True, False]


def test_a_file_of_the_library_that_fits_nothing_is_told() -> None:
    text = 'func "main.nowhere" { x }\n'
    source = Source("main.sey", 'import "lib/x.sey"\n', (Source("lib/x.sey", text, library=True),))
    assert _problems(source) == ["main.sey:1:8 SEY0224"]
