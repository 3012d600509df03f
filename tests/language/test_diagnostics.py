"""What users read when a spec is wrong: goldens of whole specs, and how problems are drawn."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sey.binary.errors import Exit, Problem
from sey.frontend.bind import bind
from sey.frontend.diagnostics import SpecError, render_json, render_text
from sey.frontend.diagnostics.syntax import BadCharacter, Unreadable
from sey.frontend.parser import parse
from sey.frontend.source import Source, Span
from tests.language.fakeinfo import shop

GOLDEN = Path(__file__).parent / "golden"
Check = Callable[[Path, str], None]


def problems_of(source: Source) -> tuple[Problem, ...]:
    try:
        bind(parse(source), source, shop(), binary="./shop-server")
    except SpecError as error:
        return error.problems
    return ()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.sey")), ids=lambda path: path.stem)
def test_a_wrong_spec_is_explained(path: Path, golden: Check) -> None:
    source = Source(path.name, path.read_text())
    golden(path.with_suffix(".txt"), render_text(problems_of(source), source))


def test_json_has_the_same(golden: Check) -> None:
    path = GOLDEN / "names.sey"
    source = Source(path.name, path.read_text())
    text = render_json(problems_of(source), source)
    golden(GOLDEN / "names.json", text)
    for problem in json.loads(text):
        assert problem["path"] == "names.sey"
        start, end = ((problem[f"{e}line"], problem[f"{e}column"]) for e in ("", "end_"))
        assert start <= end


def _drawn(text: str, start: int, end: int) -> list[str]:
    source = Source("x.sey", text)
    problem = BadCharacter(span=Span(start, end), shown="here")
    return render_text([problem], source).splitlines()[1:]


def test_tabs_and_wide_characters_keep_the_underline_in_place() -> None:
    assert _drawn("\tab", 1, 3) == ["    1 |     ab", "      |     ^^"]
    assert _drawn("世界ab", 2, 3) == ["    1 | 世界ab", "      |     ^"]
    assert _drawn("世界ab", 0, 2) == ["    1 | 世界ab", "      | ^^^^"]
    assert _drawn("e\u0301ab", 2, 3) == ["    1 | e\u0301ab", "      |  ^"]


def test_control_characters_reach_no_terminal() -> None:
    assert _drawn("\x1b[31mab", 5, 6) == [r"    1 | \x1b[31mab", "      |         ^"]


def test_a_span_over_lines_is_underlined_to_the_end_of_the_first() -> None:
    assert _drawn("abc\ndef", 1, 6) == ["    1 | abc", "      |  ^^"]


def test_the_end_of_the_text_has_a_place() -> None:
    assert _drawn("abc\n", 4, 4) == ["    2 |", "      | ^"]
    assert _drawn("", 0, 0) == ["    1 |", "      | ^"]


def test_a_long_line_is_cut_around_the_place() -> None:
    line, under = _drawn("a" * 100_000 + "B" + "c" * 100_000, 100_000, 100_001)
    assert len(line) < 200
    assert line[under.index("^")] == "B"


def test_problems_without_a_place_are_shown_too() -> None:
    problem = Unreadable(path="no.sey", reason="No such file or directory")
    assert render_text([problem]) == "error[SEY0103]: cannot read no.sey: No such file or directory\n"
    (found,) = json.loads(render_json([problem]))
    assert found["path"] == "no.sey"
    assert found["line"] is None


def test_a_wrong_spec_ends_with_status_1() -> None:
    source = Source("x", "func")
    with pytest.raises(SpecError) as caught:
        parse(source)
    assert caught.value.exit_status == Exit.SPEC
