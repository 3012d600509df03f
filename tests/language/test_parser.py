"""Text to syntax tree: newlines, words, precedence, positions, several problems at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from sey.binary.errors import SeyError
from sey.frontend import ast
from sey.frontend.diagnostics import SpecError
from sey.frontend.parser import decode, parse, read
from sey.frontend.printer import expression
from sey.frontend.source import Source


def spec(text: str) -> ast.Spec:
    return parse(Source("x.sey", text))


def captures(body: str) -> list[str]:
    (func,) = spec(f'func "main.f" {{{body}}}').statements
    assert isinstance(func, ast.Func)
    return [expression(c.expr) + (f" as {c.name.name}" if c.name else "") for c in func.captures]


def codes(text: str) -> list[tuple[str, int, int]]:
    source = Source("x.sey", text)
    with pytest.raises(SpecError) as caught:
        parse(source)
    return [(p.code, *source.position(p.span.start)) for p in caught.value.problems]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("", []),
        (" a ", ["a"]),
        ("a, b", ["a", "b"]),
        ("a\nb", ["a", "b"]),
        ("\n\n a\n\n\n b\n\n", ["a", "b"]),
        ("a,\nb,\n", ["a", "b"]),
        ("a +\n b", ["a + b"]),
        ("a\n+b", ["a", "+b"]),
        ("a\n-b", ["a", "-b"]),
        ("a\n*b", ["a", "*b"]),
        ("a\n&b", ["a", "&b"]),
        ("a.\nb", ["a.b"]),
        ("a[\n0\n]", ["a[0]"]),
        ("len(\na\n)", ["len(a)"]),
        ("(\na\n+\nb)", ["(a + b)"]),
        ("a as\nb\nc", ["a as b", "c"]),
        ("!\na", ["!a"]),
        ("a # c\nb # d\n", ["a", "b"]),
        ("a # , b\n", ["a"]),
        ("a {\nmax_items 3\ndepth 1\n}\nb", ["a", "b"]),
        ("as\nb", ["as", "b"]),
        ("as as as\nb", ["as as as", "b"]),
        ("x.as\nb", ["x.as", "b"]),
        ("x.as as\n y", ["x.as as y"]),
        ("len\ncap", ["len", "cap"]),
        ("func\ntable\nprogram, global, column", ["func", "table", "program", "global", "column"]),
        ("table as t", ["table as t"]),
        ("in, when, limit, type, event", ["in", "when", "limit", "type", "event"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("größe, 世界", ["größe", "世界"]),
        ("'\\n', `a\nb`", ["'\\n'", "`a\nb`"]),
    ],
)
def test_newlines_and_words_in_bodies(body: str, wanted: list[str]) -> None:
    assert captures(body) == wanted


@pytest.mark.parametrize(
    "body", ["a\n.b", "a\n, b", ",a", "a,,b", "a\n{ depth 1 }", "a b", "a as b as c", "a as", "as b"]
)
def test_what_a_body_cannot_hold(body: str) -> None:
    with pytest.raises(SpecError):
        captures(body)


def test_clauses_stand_in_any_order_and_variables_may_be_called_like_them() -> None:
    first, second = (
        spec(text).statements[0]
        for text in (
            'func "f" as t in p when when > in && as { a }',
            'func\n"f"\nwhen\nwhen >\nin\n&& as\nin p\nas t\n{ a }',
        )
    )
    assert first == second
    assert isinstance(first, ast.Func)
    assert first.when is not None
    assert expression(first.when) == "when > in && as"
    (named,) = spec('func "f" as table when global.func == column { a }').statements
    assert isinstance(named, ast.Func)
    assert named.name is not None
    assert named.name.name == "table"


def _shape(expr: ast.Expr) -> str:
    match expr:
        case ast.Binary(operator, left, right):
            return f"({_shape(left)} {operator} {_shape(right)})"
        case ast.Unary(operator, operand):
            return f"({operator}{_shape(operand)})"
        case ast.Select(base, name):
            return f"({_shape(base)}.{name.name})"
        case ast.Index(base, index):
            return f"({_shape(base)}[{_shape(index)}])"
        case ast.Slice(base, bounds):
            parts = (bounds.low, bounds.high, bounds.most)
            return f"({_shape(base)}[{':'.join('' if part is None else _shape(part) for part in parts)}])"
    return expression(expr)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("a || b && c", "(a || (b && c))"),
        ("a && b == c", "(a && (b == c))"),
        ("a == b + c", "(a == (b + c))"),
        ("a + b * c", "(a + (b * c))"),
        ("a - b - c", "((a - b) - c)"),
        ("a | b & c", "(a | (b & c))"),
        ("a ^ b &^ c", "(a ^ (b &^ c))"),
        ("a << b + c", "((a << b) + c)"),
        ("-a * b", "((-a) * b)"),
        ("*a.b", "(*(a.b))"),
        ("a[:]", "(a[::])"),
        ("a[b:]", "(a[b::])"),
        ("a[:b + 1]", "(a[:(b + 1):])"),
        ("-a[b:c].d", "(-((a[b:c:]).d))"),
        ("a[:b:c][0]", "((a[:b:c])[0])"),
        ("&a[0].b", "(&((a[0]).b))"),
        ("!a == b", "((!a) == b)"),
        ("a & &b", "(a & (&b))"),
        ("a && &b", "(a && (&b))"),
        ("a &^ b", "(a &^ b)"),
        ("a & ^b", "(a & (^b))"),
        ("- - a", "(-(-a))"),
        ("a <= b || c != d", "((a <= b) || (c != d))"),
    ],
)
def test_precedence_is_gos(text: str, shape: str) -> None:
    (func,) = spec(f'func "f" when {text} {{ }}').statements
    assert isinstance(func, ast.Func)
    assert func.when is not None
    assert _shape(func.when) == shape


def test_spans_cover_what_was_written() -> None:
    text = 'func "f" when (a) == 1 {\n  cs.queue[0] as x { depth 1 }, -b\n}'
    (func,) = spec(text).statements
    assert isinstance(func, ast.Func)
    assert func.when is not None
    first, second = func.captures
    written = [text[s.start : s.end] for s in (func.span, func.body, func.when.span, first.span, first.expr.span)]
    assert written[0] == text
    assert written[1].startswith("{\n")
    assert written[2:] == ["(a) == 1", "cs.queue[0] as x { depth 1 }", "cs.queue[0]"]
    assert text[second.span.start : second.span.end] == "-b"


def test_statements() -> None:
    program, global_, table, column = spec(
        'program p { executable "*/x" pid 12, }\n'
        'global "net/http.DefaultClient".a[1].b as c { max_string 4KiB }\n'
        'table t = """\nselect "x"\n"""\n'
        'column t.x decimal( 10,2 )[ ] = "1"'
    ).statements
    assert isinstance(program, ast.Program)
    assert [(r.kind.name, r.value.value) for r in program.rules] == [("executable", "*/x"), ("pid", 12)]
    assert isinstance(global_, ast.Global)
    assert expression(global_.expr) == '"net/http.DefaultClient".a[1].b'
    assert [(limit.name.name, limit.value.value) for limit in global_.limits] == [("max_string", 4096)]
    assert isinstance(table, ast.Table)
    assert table.sql.value == '\nselect "x"\n'
    assert isinstance(column, ast.Column)
    assert column.type == "decimal(10, 2)[]"


def test_parsing_goes_on_after_a_problem() -> None:
    text = """
func "a" {
  x y
  good
  z[1::2], w..v, fine
}
tabel t = "x"
func "b" { len(a, b) }
program p { exec "x" }
func "c" { ok }
func "d" { 1 + }
"""
    assert codes(text) == [
        ("SEY0108", 3, 5),
        ("SEY0121", 5, 8),
        ("SEY0108", 5, 14),
        ("SEY0113", 7, 1),
        ("SEY0108", 8, 17),
        ("SEY0116", 9, 13),
        ("SEY0108", 11, 16),
    ]


def test_one_unclosed_bracket_is_one_problem() -> None:
    assert codes('func "a" {\n  len(x\n  y\n}\nfunc "b" { x }') == [("SEY0109", 2, 6)]
    assert codes('func "a" {\n  x\nfunc "b" { x }\nfunc "c" { x }') == [("SEY0109", 1, 10)]
    assert codes('func "a" { x') == [("SEY0109", 1, 10)]
    assert codes('func "a" { x } }') == [("SEY0110", 1, 16)]
    assert codes('func "a" { "open }\nfunc "b" { x }') == [("SEY0106", 1, 12)]


def test_an_unknown_statement_is_one_problem() -> None:
    assert codes('funk "x" { a }')[0] == ("SEY0113", 1, 1)
    assert codes('func "a" { a }\nfunk "x" { a }')[0] == ("SEY0113", 2, 1)


def test_an_empty_text_has_no_statements() -> None:
    assert spec("").statements == ()
    assert spec(" \n\n# only a comment").statements == ()


def test_reading_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.sey"
    path.write_bytes(b'\xef\xbb\xbffunc "a" {\r\n x\r\n}')
    source = read(path)
    assert source.text == 'func "a" {\n x\n}'
    assert len(parse(source).statements) == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x7fELF\x02\0\0", "SEY0101"),
        (b"a\xff", "SEY0101"),
        (b"\xff\xfef\0u\0", "SEY0101"),
        (b"a" * 300_000, "SEY0102"),
    ],
)
def test_reading_what_is_no_spec(tmp_path: Path, data: bytes, code: str) -> None:
    path = tmp_path / "x.sey"
    path.write_bytes(data)
    with pytest.raises(SeyError) as caught:
        read(path)
    assert [p.code for p in caught.value.problems] == [code]


def test_reading_what_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.sey", tmp_path):
        with pytest.raises(SeyError) as caught:
            read(path)
        assert [p.code for p in caught.value.problems] == ["SEY0103"]


def test_bytes_of_the_command_line_are_decoded_alike() -> None:
    assert decode("<command line>", b"table t = 'x'\r\n").text == "table t = 'x'\n"
