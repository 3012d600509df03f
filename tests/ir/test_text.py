"""The text form: everything prints and parses back; templates, literals, and errors that name the place."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sey.binary.errors import SeyError
from sey.ir.nodes import (
    Const,
    If,
    Load,
    Location,
    Program,
    Put,
    Region,
    Store,
    Stream,
    StreamField,
    Type,
    Value,
    Yield,
)
from sey.ir.parser import Signature, parse_functions, parse_program
from sey.ir.printer import print_program
from sey.ir.verify import verify

EVERYTHING = """\
file "shop.sey"
file "a \\"b\\""
buffer @scratch 4096 slack 64
buffer @g 512 host
dict @seen 1024 host
dict @small 8
table @funcs {
  sorted lo i64 [1, 5, 9],
  sorted i8 [0, 0, 1]
}
stream @rows { goid i64 at 0, data bytes 16 at 8 } size 24
stream @blob

func @add(%a i64, %b i32) -> i64 !0:1 {
  %w = zext i64 %b
  %r = add i64 %a, %w
  yield %r !0:2
}

func @main() {
  %zero = const i64 0
  %v = load i64 @scratch[%zero + 16] !1:7
  %u = load i8 @scratch[3]
  %x = load i64 @scratch[%zero]
  store i64 @g[8], %v
  fill @scratch[%zero], %v, %x max 64
  %t = read i32 %v
  %row = row i8 @funcs.sorted[%x]
  %at = search @funcs.lo, %x
  %known = get @seen[%x], %zero
  %ok = put @seen[%x], %v
  delete @small[%x]
  %rec = begin @rows
  set %rec.goid, %v
  set i32 %rec.data[%x + 4], %t
  %back = peek i64 %rec.goid
  copy %rec.data, %v, %x max 16
  %p = position %rec
  %bytes = reserve @blob, %x max 512
  set i64 %bytes[%zero], %p
  %peeked = peek i64 %bytes[8]
  copy %bytes[0], %v, %x max 8
  %now = clock
  %less = slt i64 %v, %x
  %s = select i64 %less, %v, %x
  %small = trunc i16 %s
  %called = call @add(%v, %t)
  %a i64, %b i1 = if %less !0:12 {
    yield %v, %less
  } else {
    raise 17, %x
  }
  if %b {
    delete @small[%a]
  }
  switch %small {
    case 0 {
      delete @small[%a]
    }
    case 65535 {
      store i1 @g[0], %b
    }
    default {
    }
  }
  %c i32 = attempt {
    loop %i, %v max 512 !0:3 {
      %more = eq i64 %i, %v
      if %more {
        break
      }
    }
    yield %t
  } on fault %code, %detail {
    yield %code
  }
}
"""


def test_everything_prints_as_it_was_written_and_parses_back() -> None:
    program = parse_program(EVERYTHING)
    assert print_program(program) == EVERYTHING
    assert parse_program(print_program(program)) == program


def test_nodes_of_a_small_program() -> None:
    program = parse_program("buffer @b 8\nfunc @main() { %v = load i32 @b[4] !0:9\n store i32 @b[0], %v }")
    v = Value("v", Type.I32)
    assert program.functions[0].body == Region((Load(v, "b", None, 4, Location(0, 9)), Store("b", None, 0, v), Yield()))


def test_long_tables_wrap_and_parse_back() -> None:
    numbers = ", ".join(map(str, range(100)))
    program = parse_program(f"table @t {{ sorted lo i64 [{numbers}], x i32 [{numbers}] }}")
    text = print_program(program)
    assert program.tables[0].column("x").values == tuple(range(100))
    assert max(map(len, text.splitlines())) < 120
    assert parse_program(text) == program


def test_streams_without_offsets_are_laid_out() -> None:
    program = parse_program("stream @s { a i8, b i64, c bytes 3, d i32 }")
    assert program.streams == (
        Stream(
            "s",
            (
                StreamField("a", Type.I8, 0, 1),
                StreamField("b", Type.I64, 8, 8),
                StreamField("c", None, 16, 3),
                StreamField("d", Type.I32, 20, 4),
            ),
            24,
        ),
    )


def test_literals_become_constants_shared_within_reach() -> None:
    text = """
    stream @s { n i16 }
    func @main() {
      %a = add i64 -1, 8
      %c8 = eq i64 %a, 8
      if %c8 { %r = begin @s  set %r.n, 8 }
      else { %x = add i64 %a, 8 }
    }
    """
    body = parse_program(text).functions[0].body.ops
    consts = [op for op in body if isinstance(op, Const)]
    assert [(op.value, op.result.type) for op in consts] == [(2**64 - 1, Type.I64), (8, Type.I64)]
    assert "c8" not in {op.result.name for op in consts}
    branch = body[-2]
    assert isinstance(branch, If)
    put = branch.then.ops[2]
    assert isinstance(put, Put)
    assert branch.then.ops[1] == Const(put.value, 8)
    assert put.value.type is Type.I16
    assert not any(isinstance(op, Const) for op in branch.otherwise.ops)


def test_constants_of_a_template() -> None:
    text = """
    buffer @g $size slack 2 * $size
    func @main() {
      %off = const i64 $goid
      %v = load i64 @g[%off + $goid + 8 - 1]
      fill @g[$goid], %v, $size max $size
      switch %v { case $goid { raise $code, 0 } }
    }
    """
    program = parse_program(text, constants={"size": 64, "goid": 152, "code": 20})
    assert program.buffers[0].slack == 128
    load = program.functions[0].body.ops[1]
    assert isinstance(load, Load)
    assert load.imm == 159


def test_stamping_gives_lines_of_the_text() -> None:
    text = "func @main() {\n\n  %a = add i64 1, 2\n  if 0 {\n    break !9:1\n  }\n}"
    program = parse_program(text, file_index=3, stamp=True)
    function = program.functions[0]
    assert function.loc == Location(3, 1)
    lines = [op.loc and op.loc.line for op in function.body.ops]
    assert lines == [3, 3, 3, 4, 4, None]
    branch = function.body.ops[4]
    assert isinstance(branch, If)
    assert branch.then.ops[0].loc == Location(9, 1)
    assert parse_program(print_program(program)) == program


def test_else_if_nests() -> None:
    program = parse_program("func @main() { if 1 { } else if 0 { raise 16, 1 } else { raise 17, 2 } }")
    outer = program.functions[0].body.ops[1]
    assert isinstance(outer, If)
    assert isinstance(outer.otherwise.ops[1], If)


def test_results_may_leave_their_types_to_the_regions() -> None:
    program = parse_program("func @main() { %a = if 1 { raise 16, 0 } else { %x = const i8 3 yield %x } }")
    branch = program.functions[0].body.ops[1]
    assert isinstance(branch, If)
    assert branch.results == (Value("a", Type.I8),)


def test_names_may_return_in_later_regions() -> None:
    text = """func @main() {
      if 1 { %x = const i8 1 } else { %x = const i16 2  %y = add i16 %x, %x }
      loop %i, 2 max 2 { %x = const i8 3 }
      loop %i, 2 max 2 { %y = add i64 %i, 1 }
    }"""
    program = parse_program(text)
    assert "%y = add i16 %x_2, %x_2" in print_program(program)
    assert "%y_2 = add i64 %i_2, " in print_program(program)
    assert parse_program(print_program(program)) == program


def test_a_region_is_closed_to_the_outside() -> None:
    with pytest.raises(SeyError, match="%x is not defined before"):
        parse_program("func @main() { if 1 { %x = const i8 1 } %y = add i8 %x, %x }")


def test_functions_of_other_texts() -> None:
    stream = Stream("s", (StreamField("n", Type.I16, 0, 2),), 8)
    signatures = {"other": Signature((Type.I8,), Type.I32)}
    functions = parse_functions(
        "func @f() { %x = call @other(7) %r = begin @s set %r.n, 7 }", streams=[stream], signatures=signatures
    )
    assert [op.result.type for op in functions[0].body.ops if isinstance(op, Const)] == [Type.I8, Type.I16]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("func @main() {\n  %a = add i64 $x, 1\n}", 2, "no constant $x was given"),
        ("func @main() {\n  %a = add i64 %b, 1\n}", 2, "%b is not defined before"),
        ("func @main() {\n  %a = const i8 256\n}", 2, "256 doesn't fit i8"),
        ("func @main() {\n  %a = frob i8 256\n}", 2, "'frob' is not an operation"),
        ("func @main() {\n  %a = const i8 1\n  %b = add i64 %a, 1\n}", 3, "%a is i8, but i64 is needed"),
        ("func @main() {\n  %a = const i8 1\n  %a = const i8 1\n}", 3, "%a is defined twice"),
        ("func @main() {\n  %a = if 1 { yield 4 } else { yield 5 }\n}", 2, "the type of this literal"),
        ("func @main() {\n  call @g()\n}", 2, "nothing declares the function @g"),
        ("func @main() {", 1, "an operation expected"),
        ("buffer @b", 1, "a number expected"),
        ("buffer b 8", 1, "a name such as @name"),
        ("\n\nfrob", 3, "a declaration expected"),
        ("table @t { a i64 [1,,2] }", 1, "the list has an empty"),
        ("table @t { a f64 [1] }", 1, "is not an integer type"),
        ("stream @s { a i64 at 0, b i64 }", 1, "either all say where"),
        ('file "a\\q"', 1, "not one of JSON"),
        ("buffer @b 8 ~", 1, "begins nothing"),
        ("buffer @b " + "9" * 5000, 1, "the number is too long"),
        ("table @t { a i64 [" + "9" * 5000 + "] }", 1, "the list has an empty or broken item"),
        ("buffer @b " + "(" * 5000, 1, "parentheses nest too deep"),
        ("buffer @b " + "-" * 5000, 1, "a number expected"),
        ("buffer @b 012x", 1, "begins nothing"),
        ("func @main() !0:x { }", 1, "a line expected"),
        ("func @main() {\n" + "if 1 {" * 5000, 2, "regions nest deeper than 100"),
        ("func @main() {\nif 1 { } " + "else if 1 { } " * 5000, 2, "regions nest deeper than 100"),
    ],
)
def test_errors_name_the_place(text: str, line: int, reason: str) -> None:
    with pytest.raises(SeyError) as caught:
        parse_program(text)
    problem = caught.value.problems[0]
    assert problem.code == "SEY0501"
    assert problem.values()["line"] == line
    assert reason in problem.message()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_text_is_an_error_or_another_program(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(EVERYTHING)))
    end = data.draw(st.integers(start, min(len(EVERYTHING), start + 40)))
    inside = data.draw(
        st.text(max_size=8) | st.sampled_from(["}", "{", "%", "@x", "$x", "-1", "(", '"', "\x00", "if 1 {"])
    )
    with contextlib.suppress(SeyError):
        program = parse_program(EVERYTHING[:start] + inside + EVERYTHING[end:])
        verify(program)


def test_an_empty_text_is_an_empty_program() -> None:
    assert parse_program("# nothing\n; at all") == Program()
