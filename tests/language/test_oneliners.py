"""Events of the command line: alone, several, and beside a spec."""

from __future__ import annotations

import pytest

from sey.frontend.bind import bind
from sey.frontend.compile import stored_names
from sey.frontend.diagnostics import SpannedProblem, SpecError
from sey.frontend.oneliners import parse_event, with_events
from sey.frontend.parser import parse
from sey.frontend.source import Source
from tests.language.fakeinfo import shop


def problem_of(text: str) -> tuple[str, int]:
    with pytest.raises(SpecError) as caught:
        with_events(None, [text])
    (problem,) = caught.value.problems
    assert isinstance(problem, SpannedProblem)
    return problem.code, problem.span.start


@pytest.mark.parametrize(
    ("text", "name", "moment"),
    [
        ('return "main.(*server).Get" when duration > 10ms { user, err }', "get", "return"),
        ("entry `main.query`", "query", "entry"),
        ('return "main.List[...].Put" limit 5/s', "put", "return"),
        ('entry glob "*"', "calls", "entry"),
        ('line "server/auth.go:120" { user\n id }', "auth_120", "line"),
        ('line "x/9-y.go:7"', "line_9_y_7", "line"),
        ('event mine on return "main.query" { text }', "mine", "return"),
    ],
)
def test_the_name_follows_from_what_is_probed(text: str, name: str, moment: str) -> None:
    event = parse_event(text)
    assert (event.name.name, event.moment) == (name, moment)


def test_captures_and_clauses_are_those_of_the_statement() -> None:
    text = 'return "main.query" when duration > 10ms limit 100/s { text, rows as n }'
    assert parse_event(text) == parse(Source("x.sey", f"event query on {text}")).statements[0]


@pytest.mark.parametrize(
    ("text", "code", "at"),
    [
        ("", "SEY0128", 0),
        (" # why", "SEY0128", 0),
        ('func "f" { a }', "SEY0108", 0),
        ('exit "f"', "SEY0108", 0),
        ('entry "f" { a', "SEY0109", 10),
        ('entry "f" { a b }', "SEY0108", 14),
        ('entry "f" { } event g on entry "g" { }', "SEY0128", 14),
    ],
)
def test_what_is_no_event(text: str, code: str, at: int) -> None:
    assert problem_of(text) == (code, at)


def test_several_get_different_names_and_none_that_is_taken() -> None:
    spec = Source("d/x.sey", 'func "main.query" { text }\nevent limit2 on entry "main.query" { }')
    texts = [
        'entry "main.query" # all of them',
        'return "main.query"',
        'return "main.query" { rows }',
        'entry "main.limit"',
    ]
    source = with_events(spec, texts)
    names = [s.name.name for s in parse(source).statements if hasattr(s, "moment")]  # type: ignore[union-attr]
    assert names == ["limit2", "query_entry", "query_return", "query_2", "limit_entry"]
    assert stored_names(source) == ("x.sey", "-e")


def test_what_is_wrong_inside_is_told_with_its_place() -> None:
    spec = Source("x.sey", 'event q on entry "main.query" { }')
    source = with_events(spec, ['return "main.query" { txt }'])
    with pytest.raises(SpecError) as caught:
        bind(parse(source), source, shop(), binary="shop-server")
    (problem,) = caught.value.problems
    assert isinstance(problem, SpannedProblem)
    assert problem.code == "SEY0202"
    assert source.file_at(problem.span.start).path == "-e"


def test_without_a_spec_the_events_are_the_spec() -> None:
    source = with_events(None, ['return "main.query" { text }'])
    result, warnings = bind(parse(source), source, shop(), binary="shop-server")
    assert [event.table for event in result.events] == ["query"]
    assert warnings == []
