"""`event` statements: what stands where, what can be named at which moment, and what the bound spec has of them."""

from __future__ import annotations

import pytest

from sey.frontend import ast, bound
from sey.frontend.bound import Moment
from sey.frontend.fmt import format_spec
from sey.frontend.lower.moments import moments_of
from sey.frontend.source import Source
from tests.language.fakeinfo import FakeInfo
from tests.language.test_bind import bind_text, codes, drawn, problems
from tests.language.test_parser import codes as syntax_codes
from tests.language.test_parser import spec


def event(text: str) -> bound.Event:
    result, _ = bind_text(text)
    (found,) = result.events
    return found


def test_an_event_has_its_clauses_in_any_order() -> None:
    one = event('event q on return "main.query" stack 16 for 1m30s when rows > 3 limit 100/s sample 1/8 { text }')
    assert (one.table, one.moment, one.target, one.glob) == ("q", Moment.RETURN, "main.query", False)
    assert (one.limit, one.window_ns, one.for_ns, one.sample, one.stack) == (100, 10**9, 90 * 10**9, 8, 16)
    assert len(one.bodies) == 1
    assert [drawn(form.expr) for form in one.when] == ["(rows > int(3))"]
    assert [(c.column, drawn(c.forms[0].expr)) for c in one.captures] == [("text", "text")]


def test_without_clauses_nothing_is_bounded() -> None:
    one = event('event q on entry "main.query" { }')
    assert (one.limit, one.window_ns, one.for_ns, one.sample, one.stack) == (0, 0, 0, 1, 0)
    assert (one.when, one.captures, one.program) == ((), (), None)


@pytest.mark.parametrize(
    ("window", "nanoseconds"), [("ms", 10**6), ("s", 10**9), ("m", 60 * 10**9), ("250ms", 25 * 10**7)]
)
def test_the_windows_of_limits(window: str, nanoseconds: int) -> None:
    assert event(f'event q on entry "main.query" limit 5/{window} {{ }}').window_ns == nanoseconds


def test_words_of_events_are_names_elsewhere() -> None:
    (one,) = spec(
        'event on on entry "f" when limit / stack > for limit 5/s { entry, on as line, event\nreturn }'
    ).statements
    assert isinstance(one, ast.Event)
    assert one.name.name == "on"
    assert [c.name.name if c.name else c.expr.name for c in one.captures] == ["entry", "line", "event", "return"]  # type: ignore[union-attr]
    (func,) = spec('func "f" when event > 1 && for < limit { sample, stack, limit / for }').statements
    assert isinstance(func, ast.Func)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('event q on entry "f" limit 0/s { }', "SEY0119"),
        ('event q on entry "f" limit 1000001/s { }', "SEY0119"),
        ('event q on entry "f" limit 5/y { }', "SEY0127"),
        ('event q on entry "f" limit 5/2h { }', "SEY0126"),
        ('event q on entry "f" limit 5 { }', "SEY0108"),
        ('event q on entry "f" for 25h { }', "SEY0126"),
        ('event q on entry "f" for 30 { }', "SEY0108"),
        ('event q on entry "f" sample 2/3 { }', "SEY0117"),
        ('event q on entry "f" sample 1/0 { }', "SEY0119"),
        ('event q on entry "f" stack 129 { }', "SEY0119"),
        ('event q on entry "f" stack 1 stack 2 { }', "SEY0114"),
        ('event q on line glob "f" { }', "SEY0108"),
        ('event q on exit "f" { }', "SEY0108"),
        ('event q on "f" { }', "SEY0108"),
        ('event on entry "f" { }', "SEY0108"),
        ('event q on entry "f" as r { }', "SEY0108"),
        ('func "f" limit 5 { }', "SEY0112"),
        ('func "f" stack 5 { }', "SEY0112"),
    ],
)
def test_what_an_event_cannot_say(text: str, code: str) -> None:
    assert [found[0] for found in syntax_codes(text)] == [code]


def test_an_event_whose_braces_are_open_ends_before_the_next() -> None:
    assert syntax_codes('event a on entry "f" {\n x\nevent b on entry "g" { y }') == [("SEY0109", 1, 22)]


@pytest.mark.parametrize(
    ("moment", "name", "code"),
    [
        ("entry", "text", None),
        ("entry", "rows", "SEY0234"),
        ("entry", "~r1", "SEY0234"),
        ("entry", "found", "SEY0234"),
        ("return", "text", None),
        ("return", "rows", None),
        ("return", "~r1", None),
        ("return", "found", "SEY0234"),
        ("return", "foun", "SEY0202"),
    ],
)
def test_what_can_be_named_when(moment: str, name: str, code: str | None) -> None:
    condition = f"{name} != nil" if name == "~r1" else f"{name} == {name}"
    for text in (f"{{ {name} as x }}", f"when {condition} {{ }}"):
        assert codes(f'event q on {moment} "main.query" {text}') == ([] if code is None else [code])


def test_how_long_a_call_took() -> None:
    one = event(
        'event q on return "main.query" when duration > 50ms && ~r1 != nil { duration / 2 as half, duration as d }'
    )
    assert drawn(one.when[0].expr) == "((duration > time.Duration(50000000)) && (~r1 != error(nil)))"
    assert one.when[0].types.keys() == {"~r1"}
    assert [(c.column, drawn(c.forms[0].expr)) for c in one.captures] == [
        ("half", "(duration / time.Duration(2))"),
        ("d", "duration"),
    ]
    assert codes('event q on return "main.query" when duration > 50 { }') == []
    assert codes('event q on return "main.query" when duration > "x" { }') == ["SEY0301"]


def test_the_column_duration_is_there_anyway() -> None:
    assert [c.column for c in event('event q on return "main.query" { text, duration, rows }').captures] == [
        "text",
        "rows",
    ]


def test_a_variable_called_duration() -> None:
    assert codes('event w on return "main.wait" { duration as d }') == ["SEY0235"]
    assert codes('event w on entry "main.wait" { duration as d }') == []
    assert codes('event w on entry "main.wait" { duration }') == ["SEY0208"]
    assert codes('event w on entry "main.query" { duration as d }') == ["SEY0202"]


@pytest.mark.parametrize("column", ["time", "duration", "function", "thread_id", "stack_id", "goid", "pid"])
def test_columns_that_every_event_has(column: str) -> None:
    assert codes(f'event q on entry "main.query" {{ text as {column} }}') == ["SEY0208"]
    assert codes(f'event q on entry "main.query" {{ }}\ncolumn q.{column} int = "1"') == ["SEY0208"]
    assert codes('event q on entry "main.query" { text as depth }') == []


def test_events_share_the_names_of_tables() -> None:
    assert codes('event info on entry "main.query" { }\nfunc "main.(*server).GetInfo" as info { }') == ["SEY0206"]
    assert codes('event frames on entry "main.query" { }') == ["SEY0208"]
    assert codes('event Query on entry "main.query" { }') == ["SEY0207"]
    assert (
        codes('event q on entry "main.query" { text }\ncolumn q.long boolean = "len(text) > 9"\ntable t = "from q"')
        == []
    )


def test_links_of_events() -> None:
    both = 'event a on entry "main.query" { text }\nfunc "main.(*server).GetInfo" as b { request, n }\n'
    assert codes(both + "link l: a(text) = b(request)") == []
    assert codes(both + "link l: a(goid, thread_id) = b(goid, n)") == []
    assert codes(both + "link l: a(text) = b(n)") == ["SEY0232"]
    assert codes(both + "link l: a(depth) = b(depth)") == ["SEY0230"]


def test_a_line_of_a_file() -> None:
    one = event('event l on line "db/query.go:23" when rows > 0 { text, found, ~r1 as err }')
    assert (one.moment, one.file, one.line) == (Moment.LINE, "/src/shop/db/query.go", 23)
    assert [body.function for body in one.bodies] == ["main.query"]
    assert [drawn(c.forms[0].expr) for c in one.captures] == ["text", "found", "~r1"]
    inlined = event('event l on line "shop/server.go:131" { request }')
    assert [body.inline_level for body in inlined.bodies] == [1]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("query.go:23", "SEY0234"),  # `last` is declared behind it
        ("qery.go:23", "SEY0238"),
        ("ery.go:23", "SEY0238"),
        ("server.go:120", "SEY0239"),
        ("query.go:22", "SEY0241"),
        ("query.go:99", "SEY0241"),
        ("query.go", "SEY0117"),
        ("query.go:0", "SEY0117"),
    ],
)
def test_lines_that_are_none(line: str, code: str) -> None:
    text = f'event l on line "{line}" {{ last }}'
    found = codes(text) if code != "SEY0117" else [problem[0] for problem in syntax_codes(text)]
    assert found == [code]


def test_a_line_that_was_meant_is_told() -> None:
    (unknown,) = problems('event l on line "qery.go:23" { }')
    assert str(unknown.advice()).startswith("did you mean `/src/shop/db/query.go`")
    (none,) = problems('event l on line "query.go:22" { }')
    assert none.advice() == "the next line with code is 23"
    (several,) = problems('event l on line "server.go:7" { }')
    assert several.advice() == "write more of the path: /src/other/server.go, /src/shop/server.go"
    result, warnings = bind_text('event l on line "query.go:22" { text }', allow_missing=True)
    assert ([w.code for w in warnings], result.events[0].bodies) == (["SEY0241"], ())


def test_functions_by_pattern() -> None:
    one = event('event calls on entry glob "main.(*server).*" sample 1/100 { cs.status as status, request }')
    assert sorted({body.function.rpartition(".")[2] for body in one.bodies}) == ["Close", "GetInfo", "SetInfo"]
    assert one.glob


def test_inlined_bodies_count() -> None:
    assert [body.inline_level for body in event('event i on entry "main.(*server).GetInfo" { request }').bodies] == [
        0,
        1,
    ]


def test_what_the_binary_lacks() -> None:
    text = 'event q on entry "main.qery" { text }'
    assert codes(text) == ["SEY0201"]
    result, warnings = bind_text(text, allow_missing=True)
    assert [w.code for w in warnings] == ["SEY0201"]
    assert result.events[0].bodies == ()
    assert [c.column for c in result.events[0].captures] == ["text"]
    result, _ = bind_text('event q on entry "main.query" when txt == "" { text }', allow_missing=True)
    assert result.events[0].bodies == ()


def test_an_event_of_another_program_has_no_bodies() -> None:
    text = 'program p { executable "*/client" }\nevent q on entry "main.query" in p { text }'
    result, _ = bind_text(text)
    assert (result.events[0].bodies, result.events[0].program) == ((), "p")
    assert codes('event q on entry "main.query" in p { text }') == ["SEY0205"]


def test_events_are_redacted() -> None:
    one = event('redact "text"\nevent q on entry "main.query" { text, len(text) as n, ctx }')
    assert [drawn(c.forms[0].expr) for c in one.captures] == ["redacted", "redacted", "ctx"]
    assert codes('redact "text"\nevent q on return "main.query" when text == "" { }') == ["SEY0341"]
    one = event('redact type "main.server"\nevent q on return "main.query" when duration > 1s { duration as d }')
    assert drawn(one.captures[0].forms[0].expr) == "duration"


def test_contexts_of_events() -> None:
    context = 'context { key("main.Status", 2).(string) as user }\n'
    one = event(context + 'event q on return "main.query" { text }')
    assert [(c.column, c.parameters) for c in one.captures] == [("text", None), ("user", ("ctx",))]
    assert codes(context + 'event w on entry "main.wait" { }') == ["SEY0227"]


def test_a_long_header_is_broken() -> None:
    text = (
        'event slow on return "database/sql.(*DB).QueryContext" limit 100/s stack 16 '
        "when duration > 50ms && ~r1 != nil || len(query) > 100 { query }"
    )
    assert format_spec(Source("x.sey", text)) == (
        'event slow on return "database/sql.(*DB).QueryContext"\n'
        "    when duration > 50ms &&\n"
        "         ~r1 != nil ||\n"
        "         len(query) > 100\n"
        "    limit 100/s stack 16 { query }\n"
    )


def test_a_parameter_belongs_to_the_call_also_where_a_local_variable_shadows_it() -> None:
    info = FakeInfo(functions={"main.f": [{"n": "in int", "n'": "string", "m": "in int", "r": "out int"}]})
    result, _ = bind_text('event f on return "main.f" when n > 1 && r > 2 { n, r, m + r as total }', info)
    (one,) = result.events
    moments = moments_of(one, info)
    assert (moments.columns, moments.kept) == (frozenset({0}), ("m",))
    assert [[drawn(form.expr) for form in part] for part in (moments.when_call, moments.when_return)] == [
        ["(n > int(1))"],
        ["(r > int(2))"],
    ]
