"""The binder: names to the binary's things, every implicit step explicit, several types of one name, missing things."""

from __future__ import annotations

import pytest

from sey.frontend import bound
from sey.frontend.bind import bind
from sey.frontend.debuginfo.model import Kind
from sey.frontend.diagnostics import Severity, SpannedProblem, SpecError
from sey.frontend.parser import parse
from sey.frontend.source import Source
from tests.language.fakeinfo import FakeInfo, shop


def bind_text(
    text: str, info: FakeInfo | None = None, *, binary: str = "/srv/shop-server", module: str | None = None,
    allow_missing: bool = False,
) -> tuple[bound.BoundSpec, list[SpannedProblem]]:  # fmt: skip
    source = Source("x.sey", text)
    return bind(parse(source), source, info or shop(), binary=binary, module=module, allow_missing=allow_missing)


def codes(text: str, info: FakeInfo | None = None, **options: bool) -> list[str]:
    try:
        _, warnings = bind_text(text, info, **options)  # type: ignore[arg-type]
    except SpecError as error:
        return [p.code for p in error.problems]
    return [p.code for p in warnings]


def problems(text: str) -> list[SpannedProblem]:
    """What is wrong with a spec for the made-up service."""
    try:
        bind_text(text)
    except SpecError as error:
        return [problem for problem in error.problems if isinstance(problem, SpannedProblem)]
    return []


def expr_of(text: str, info: FakeInfo | None = None, function: str = "main.(*server).GetInfo") -> bound.Expr:
    spec, _ = bind_text(f'func "{function}" {{ {text} as value }}', info)
    (form,) = spec.funcs[0].captures[0].forms
    return form.expr


def drawn(expr: bound.Expr) -> str:
    """The bound expression with its implicit steps: `*` follows a pointer, `.name@offset` steps to a field."""
    match expr:
        case bound.Const(go_type, value):
            return f"{go_type.name}({'nil' if value is None else value})"
        case bound.Local(_, name):
            return name
        case bound.Instance(_, local):
            return f"{drawn(local)}.(type)"
        case bound.Elapsed():
            return "duration"
        case bound.Global(_, variable):
            return variable.name
        case bound.Field(_, base, name, offset):
            return f"{drawn(base)}.{name}@{offset}"
        case bound.Deref(_, base):
            return f"(*{drawn(base)})"
        case bound.Index(_, base, index):
            return f"{drawn(base)}[{index.value if isinstance(index, bound.Const) else drawn(index)}]"
        case bound.MapIndex(_, base, key):
            return f"{drawn(base)}[{drawn(key)}]"
        case bound.Slice(_, base, low, high, most):
            return f"{drawn(base)}[{':'.join('' if part is None else drawn(part) for part in (low, high, most))}]"
        case bound.Assertion(go_type, base):
            return f"{drawn(base)}.({go_type.name})"
        case bound.Carried(_, base, sought):
            return f"{drawn(base)}.{'key' if sought.by_key else 'value'}({sought.type.name})"
        case bound.Length(_, base, capacity):
            return f"{'cap' if capacity else 'len'}({drawn(base)})"
        case bound.AddressOf(_, base):
            return f"&{drawn(base)}"
        case bound.Redacted():
            return "redacted"
        case bound.Unary(_, operator, operand):
            return f"{operator}{drawn(operand)}"
        case bound.Binary(_, operator, left, right):
            return f"({drawn(left)} {operator} {drawn(right)})"


@pytest.mark.parametrize(
    ("text", "steps", "type_name"),
    [
        ("request", "request", "string"),
        ("cs.mu", "(*cs).mu@8", "*main.both"),
        ("cs.state", "(*cs).Mutex@0.state@0", "int32"),
        ("cs.Mutex.sema", "(*cs).Mutex@0.sema@4", "uint32"),
        ("cs.mu.id", "(*(*cs).mu@8).base@0.id@0", "int64"),
        ("cs.mu.note", "(*(*cs).mu@8).extra@25.note@16", "string"),
        ("s.state", "s.Mutex@0.state@0", "int32"),
        ("cs.queue[1].id", "(*(*(*cs).queue@16[1]).base@0).id@0", "int64"),
        ("cs.queue[1].next.cost", "(*(*(*cs).queue@16[1]).next@24).cost@8", "float64"),
        ("cs.slots[3].name", "(*cs).slots@40[3].name@8", "string"),
        ("cs.Jobs[7].cost", "(*(*(*cs).Jobs@206)[7]).cost@8", "float64"),
        ("request[0]", "request[0]", "uint8"),
        ("(*pp).n", None, None),
        ("(*pp).status", "(*(*pp)).status@180", "main.Status"),
        ("*cs", "(*cs)", "main.server"),
        ("&cs.mu", "&(*cs).mu@8", "**main.both"),
        ("&cs.slots[1]", "&(*cs).slots@40[1]", "*main.base"),
        ("&n", "&n", "*int"),
        ("len(cs.queue)", "len((*cs).queue@16)", "int"),
        ("cap(cs.queue)", "cap((*cs).queue@16)", "int"),
        ("len(cs.tags)", "len((*cs).tags@140)", "int"),
        ("cap(cs.wake)", "cap((*cs).wake@148)", "int"),
        ("len(request)", "len(request)", "int"),
        ("len(cs.slots)", "int(4)", "int"),
        ("len(cs.Jobs)", "int(8)", "int"),
        ("len(`äb`)", "int(3)", "int"),
        ("cs.queue[1+1]", "(*cs).queue@16[2]", "*main.Job"),
        ("cs.queue[len(cs.slots)]", "(*cs).queue@16[4]", "*main.Job"),
        ("cs.queue[2.0]", "(*cs).queue@16[2]", "*main.Job"),
        ("(cs).mu", "(*cs).mu@8", "*main.both"),
        ("buf[n]", "buf[n]", "uint8"),
        ('cs.tags["a"]', "(*cs).tags@140[string(a)]", "string"),
        ('len(cs.tags["a" + "b"][1:])', "len((*cs).tags@140[string(ab)][int(1)::])", "int"),
        ("cs.byLevel[-3].id", "(*(*cs).byLevel@214[main.level(-3)]).base@0.id@0", "int64"),
        ("cs.flags[1 < 2]", "(*cs).flags@222[bool(True)]", "int"),
        ("cs.waits[50ms]", "(*cs).waits@230[time.Duration(50000000)]", "int"),
        ("cs.waits[7]", "(*cs).waits@230[time.Duration(7)]", "int"),
        ("cs.slots[n + 1].id", "(*cs).slots@40[(n + int(1))].id@0", "int64"),
        ("buf[i8]", "buf[i8]", "uint8"),
        ("buf[1:n]", "buf[int(1):n:]", "[]uint8"),
        ("buf[:]", "buf[::]", "[]uint8"),
        ("buf[1:2:3]", "buf[int(1):int(2):int(3)]", "[]uint8"),
        ("request[n:]", "request[n::]", "string"),
        ("cs.slots[:2]", "(*cs).slots@40[:int(2):]", "[]main.base"),
        ("cs.slots[4:]", "(*cs).slots@40[int(4)::]", "[]main.base"),
        ("cs.Jobs[2:][0].cost", "(*(*(*cs).Jobs@206)[int(2)::][0]).cost@8", "float64"),
        ("&cs.queue[1:][0]", "&(*cs).queue@16[int(1)::][0]", "**main.Job"),
        ("len(request[1:])", "len(request[int(1)::])", "int"),
        ("cap(cs.slots[1:])", "cap((*cs).slots@40[int(1)::])", "int"),
        ("request[:3] == `GET`", "(request[:int(3):] == string(GET))", "bool"),
        ("cs.err.(*main.Job).cost", "(*(*cs).err@164.(*main.Job)).cost@8", "float64"),
    ],
)
def test_steps_are_explicit(text: str, steps: str | None, type_name: str | None) -> None:
    if steps is None:
        assert codes(f'func "main.(*server).GetInfo" {{ {text} }}') == ["SEY0203"]
        return
    expr = expr_of(text)
    assert drawn(expr) == steps
    assert expr.type.name == type_name


def test_the_shallowest_promoted_field_wins_and_two_are_ambiguous() -> None:
    info = FakeInfo(
        types={
            "main.C": {"x": "int64", "deep": "int64"},
            "main.B": {"+C": "main.C", "x": "int32"},
            "main.D": {"deep": "int8"},
            "main.A": {"+B": "*main.B", "+D": "*main.D"},
            "main.Twice": {"+L": "main.L", "+R": "main.R"},
            "main.L": {"+C": "main.C"},
            "main.R": {"+C": "main.C"},
            "main.Self": {"+Self": "*main.Self", "y": "int"},
        },
        functions={"main.f": [{"a": "*main.A", "t": "main.Twice", "s": "main.Self"}]},
    )
    assert drawn(expr_of("a.x", info, "main.f")) == "(*(*a).B@0).x@16"
    assert drawn(expr_of("a.deep", info, "main.f")) == "(*(*a).D@8).deep@0"
    assert codes('func "main.f" { t.x }', info) == ["SEY0210"]
    assert drawn(expr_of("s.y", info, "main.f")) == "s.y@8"
    assert codes('func "main.f" { s.z }', info) == ["SEY0203"]


def test_each_combination_of_types_that_fits_is_a_form() -> None:
    spec, _ = bind_text('func "main.Switch" { x, x.id as job, x == 7 as seven }')
    whole, job, seven = spec.funcs[0].captures
    assert sorted(form.expr.type.name for form in whole.forms) == ["*main.Job", "int", "string"]
    assert [form.expr.type.name for form in job.forms] == ["int64"]
    assert [form.expr.type.name for form in seven.forms] == ["bool"]
    (form,) = job.forms
    info = shop()
    assert info.type_id("*main.Job") is not None
    assert list(form.types) == ["x"]


def test_types_are_combined_only_as_they_occur_together() -> None:
    info = FakeInfo(functions={"main.f": [{"a": "int", "b": "int"}, {"a": "string", "b": "string"}]})
    spec, _ = bind_text('func "main.f" { a == b as same }', info)
    assert len(spec.funcs[0].captures[0].forms) == 2
    info = FakeInfo(functions={"main.f": [{"a": "int", "b": "string"}, {"a": "string", "b": "int"}]})
    assert codes('func "main.f" { a == b as same }', info) == ["SEY0316"]
    info = FakeInfo(functions={"main.f": [{"a": "int"}, {"b": "int"}]})
    assert codes('func "main.f" { a == b as same }', info) == ["SEY0216"]


def test_combinations_are_bounded() -> None:
    kinds = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"]
    body = {name + "'" * i: kind for name in "ab" for i, kind in enumerate(kinds)}
    assert codes('func "main.f" { a == b as same }', FakeInfo(functions={"main.f": [body]})) == ["SEY0317"]


def test_what_a_binary_lacks_is_an_error_or_a_warning() -> None:
    text = """
func "main.gone2" as lost { x, y as z }
func "main.(*server).GetInfo" as kept { nothing, cs.nothing as field, n }
func "main.(*server).GetInfo" as conditional when nothing > 1 { n }
global "main.nothing" as missing
global "main.counter" as there
column lost.more int = "1"
"""
    with pytest.raises(SpecError) as caught:
        bind_text(text)
    assert [p.code for p in caught.value.problems] == ["SEY0201", "SEY0202", "SEY0203", "SEY0202", "SEY0204"]
    spec, warnings = bind_text(text, allow_missing=True)
    assert [w.code for w in warnings] == ["SEY0201", "SEY0202", "SEY0203", "SEY0202", "SEY0217", "SEY0204"]
    assert {w.effective_severity for w in warnings} == {Severity.WARNING}
    lost, kept, conditional = spec.funcs
    assert (lost.bodies, [c.column for c in lost.captures], [c.forms for c in lost.captures]) == (
        (),
        ["x", "z"],
        [(), ()],
    )
    assert [len(c.forms) for c in kept.captures] == [0, 0, 1]
    assert len(kept.bodies) == 2
    assert conditional.bodies == ()
    assert [g.name for g in spec.globals] == ["there"]


def test_wrong_types_are_errors_even_where_things_may_be_missing() -> None:
    assert codes('func "main.(*server).GetInfo" { n == request }', allow_missing=True) == ["SEY0301"]


def test_an_expression_that_fits_no_type_for_lack_of_fields_may_be_missing() -> None:
    info = FakeInfo(
        types={"main.A": {"x": "int"}, "main.B": {"y": "int"}}, functions={"main.f": [{"v": "main.A"}, {"v": "main.B"}]}
    )
    assert codes('func "main.f" { v.z }', info) == ["SEY0316"]
    spec, warnings = bind_text('func "main.f" { v.z }', info, allow_missing=True)
    assert [w.effective_severity for w in warnings] == [Severity.WARNING]
    assert spec.funcs[0].captures[0].forms == ()


def test_variables_that_are_nowhere_are_a_warning() -> None:
    spec, warnings = bind_text('func "main.(*server).GetInfo" { lost, lost + 1 as more, n }')
    assert [w.code for w in warnings] == ["SEY0213"]
    assert len(spec.funcs[0].captures[0].forms) == 1
    assert codes('func "main.gone" { x }') == ["SEY0214"]


def test_predeclared_constants_stay_constants() -> None:
    spec, warnings = bind_text('func "main.(*server).GetInfo" when cs.mu == nil { true as yes }')
    assert [w.code for w in warnings] == ["SEY0212"]
    assert drawn(spec.funcs[0].when[0].expr) == "((*cs).mu@8 == *main.both(nil))"
    assert drawn(spec.funcs[0].captures[0].forms[0].expr) == "bool(True)"


def test_an_empty_spec_is_an_error() -> None:
    assert codes("") == ["SEY0104"]
    assert codes("# nothing\n") == ["SEY0104"]
    assert codes('program p { executable "*" }') == []


PROGRAMS = """
program shop { executable "*/shop-server" module "github.com/acme/shop/..." }
program client { executable "*/shop-client" }
func "main.(*server).GetInfo" in shop { n }
func "main.noSuchFunction" in client { n }
"""


def test_blocks_of_other_programs_are_not_checked() -> None:
    spec, warnings = bind_text(PROGRAMS)
    assert warnings == []
    server, client = spec.funcs
    assert (server.program, len(server.bodies)) == ("shop", 2)
    assert (client.program, client.bodies, client.captures[0].forms) == ("client", (), ())
    assert [p.name for p in spec.programs] == ["shop", "client"]
    assert [(r.kind, r.value) for r in spec.programs[0].rules] == [
        ("executable", "*/shop-server"),
        ("module", "github.com/acme/shop/..."),
    ]


@pytest.mark.parametrize(
    ("module", "fits"),
    [
        (None, True),
        ("github.com/acme/shop", True),
        ("github.com/acme/shop/v2", True),
        ("github.com/acme/shopping", False),
        ("example.com/github.com/acme/shop", False),
    ],
)
def test_the_module_decides_where_it_is_known(module: str | None, fits: bool) -> None:
    _, warnings = bind_text(PROGRAMS.splitlines()[1] + '\nfunc "main.(*server).GetInfo" { n }', module=module)
    assert [w.code for w in warnings] == ([] if fits else ["SEY0215"])


SHAPES = FakeInfo(
    {"main.T": {"id": "int"}, "main.U": {"id": "string"}, "main.V": {"name": "string"}},
    {
        "main.(*T).one": [{"r": "*main.T", "n": "int"}],
        "main.(*T).two": [{"r": "*main.T"}],
        "main.(*U).one": [{"r": "*main.U", "n": "int"}],
        "main.(*V).one": [{"r": "*main.V", "s": "string"}],
        "main.New[...]": [{"n": "int"}],
        "type:.eq.main.T": [{"p": "*main.T"}],
    },
)


@pytest.mark.parametrize(
    ("pattern", "functions"),
    [
        ("main.(*T).*", ["main.(*T).one", "main.(*T).two"]),
        ("main.(*).one", []),
        ("main.*.one", ["main.(*T).one", "main.(*U).one", "main.(*V).one"]),
        ("*[...]", ["main.New[...]"]),
        ("*eq*", []),
        ("main.New[...]", ["main.New[...]"]),
        ("main.(*T).o", []),
    ],
)
def test_patterns_fit_functions(pattern: str, functions: list[str]) -> None:
    text = f'func glob "{pattern}" as t {{ }}'
    if not functions:
        assert codes(text, SHAPES) == ["SEY0219"]
        return
    spec, _ = bind_text(text, SHAPES)
    (block,) = spec.funcs
    assert block.glob
    assert [body.function for body in block.bodies] == functions


def test_captures_of_a_pattern_bind_for_each_function() -> None:
    spec, warnings = bind_text('func glob "main.(*T).*" { r.id, n }\nfunc glob "main.(*U).*" as u { r.id }', SHAPES)
    assert not warnings
    assert [block.table for block in spec.funcs] == ["t", "u"]
    spec, _ = bind_text('func glob "main.*" as every when n > 3 { r.id as id, n, s }', SHAPES)
    (block,) = spec.funcs
    assert [form.expr.type.name for form in block.captures[0].forms] == ["int", "string"]  # `V` has no such field
    assert codes('func glob "main.*" as every { m }', SHAPES) == ["SEY0202"]
    assert codes('func glob "main.*" as every { n + len(s) }', SHAPES) == ["SEY0216"]
    assert codes('func glob "main.none*" as every { m }', SHAPES, allow_missing=True) == ["SEY0219"]


def test_a_pattern_that_fits_too_many_is_refused() -> None:
    info = FakeInfo(functions={f"main.f{n}": [{"x": "int"}] for n in range(2001)})
    assert codes('func glob "main.*" as t { x }', info) == ["SEY0220"]
    assert codes('func glob "main.*1" as t { x }', info) == []


def test_globals() -> None:
    spec, _ = bind_text(
        'global "net/http.DefaultClient".deadline as timeout\n'
        'global "main.jobs"[2].base.name { max_string 1KiB depth 0 }'
    )
    first, second = spec.globals
    assert (first.name, drawn(first.expr)) == ("timeout", "(*net/http.DefaultClient).deadline@16")
    assert second.name == "main_jobs_2_base_name"
    assert second.source == '"main.jobs"[2].base.name'
    assert second.limits == bound.Limits(max_string=1024, depth=0)
    assert first.limits == bound.Limits()


def test_tables_and_columns() -> None:
    spec, _ = bind_text(
        'column getinfo.late boolean = "n > 3"\nfunc "main.(*server).GetInfo" { n }\ntable t = "select 1"\n'
        'column goroutines.minutes decimal(10, 2) = "wait_ns / 6e10"\ncolumn t.x int = "2"'
    )
    assert [(c.table, c.name, c.type, c.sql) for c in spec.columns] == [
        ("getinfo", "late", "boolean", "n > 3"),
        ("goroutines", "minutes", "decimal(10, 2)", "wait_ns / 6e10"),
        ("t", "x", "int", "2"),
    ]
    assert [(t.name, t.sql) for t in spec.tables] == [("t", "select 1")]


def test_a_type_that_the_binary_does_not_describe_is_made_here() -> None:
    expr = expr_of("&cs.slots")
    assert expr.type.kind is Kind.POINTER
    assert expr.type.id < -1000
    assert expr.type.elem == expr.base.type.id  # type: ignore[union-attr]
