"""The verifier refuses what breaks the contract, names where, and finds everything at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sey.binary.errors import Exit, SeyError
from sey.ir.measure import MAX_FRAMES, frames, instructions
from sey.ir.nodes import (
    Attempt,
    Binary,
    BinaryOp,
    Break,
    Buffer,
    Const,
    Dict,
    Function,
    If,
    Location,
    Loop,
    Op,
    Program,
    Region,
    Stream,
    StreamField,
    Type,
    Value,
    Yield,
)
from sey.ir.parser import parse_program
from sey.ir.verify import verify, verify_fits

WORLD = """
file "shop.sey"
buffer @b 64 slack 8
dict @d 4
table @t { sorted lo i64 [1, 2], x i32 [3, 4] }
stream @rows { n i16, data bytes 16 }
stream @blob
func @helper(%p i8) -> i64 { yield 1 }
"""


def problems(program: Program) -> list[str]:
    with pytest.raises(SeyError) as caught:
        verify(program)
    return [f"{problem.code} {problem.message()}" for problem in caught.value.problems]


def in_main(body: str) -> Program:
    """A program whose main runs `body` where faults are handled."""
    return parse_program(f"{WORLD}\nfunc @main() {{\n attempt {{\n{body}\n}} on fault {{ }}\n}}")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("%a = load i64 @b[65]", "it may reach 73 bytes into @b, which has 72"),
        ("%a = const i64 1  %b = load i64 @b[%a + 2]", "it may reach 73 bytes into @b, which has 72"),
        ("%a = load i64 @b[-1]", "the constant part of an index is not negative"),
        ("%a = load i64 @nothing[0]", "there is no buffer @nothing"),
        ("%a = const i64 1  store i64 @b[%a + 2], %a", "it may reach 73 bytes"),
        ("fill @b[0], 1, 1 max 73", "it may reach 73 bytes"),
        ("%a = const i64 1  fill @b[%a], 1, 1 max 9", "it may reach 73 bytes"),
        ("fill @b[0], 1, 1 max 0", "the limit 0 is not from 1"),
        ("%a = const i32 1  %b = load i64 @b[%a]", "%a is i32"),
        ("%a = row i64 @t.x[0]", "%a can't be i64"),
        ("%a = row i64 @t.y[0]", "@t has no column y"),
        ("%a = row i64 @u.y[0]", "there is no table @u"),
        ("%k = const i32 1 %a = search @t.x, %k", "@t.x is not sorted"),
        ("%k = const i32 1 %a = search @t.lo, %k", "%k is i32"),
        ("%a = get @b[0], 0", "there is no dict @b"),
        ("%a = begin @blob", "@blob has no fields: reserve"),
        ("%a = reserve @rows, 1 max 8", "@rows has fields: begin"),
        ("%a = reserve @blob, 1 max 65537", "the limit 65537 is not from 1 to 65536"),
        ("%a = begin @rows  set i32 %a.n, 1", "n is one i16"),
        ("%a = begin @rows  set i16 %a.n[1], 1", "n is one i16"),
        ("%a = begin @rows  set i16 %a.m, 1", "@rows has no field m"),
        ("%a = begin @rows  set i64 %a[0], 1", "a field of @rows is named"),
        ("%a = begin @rows  set i64 %a.data[9], 1", "it reaches 17 bytes into 16"),
        ("%a = begin @rows  %o = clock  set i64 %a.data[%o + 9], 1", "it reaches 17 bytes into 16"),
        ("%a = begin @rows  copy %a.n, 1, 1 max 2", "n is one i16"),
        ("%a = begin @rows  copy %a.data[8], 1, 1 max 9", "it reaches 17 bytes into 16"),
        ("%a = reserve @blob, 1 max 20  set i64 %a[17], 1", "it reaches 25 bytes into 24"),
        ("%a = reserve @blob, 1 max 20  %g = peek i64 %a.n", "@blob has no fields"),
        ("%a = begin @rows  %x = add i64 1, 2  yield %a", "0 values are asked for"),
        ("%a = begin @rows  %c = trunc i32 %a", "%a is record"),
        ("%a = add i1 1, 1", "on i1 there are and, or, xor"),
        ("%a = const i8 1  %b = trunc i8 %a", "zext and sext widen, trunc narrows"),
        ("%a = const i8 1  %b = zext i8 %a", "zext and sext widen, trunc narrows"),
        ("break", "there is no loop to end"),
        ("raise 15, 0", "codes to raise are at least 16"),
        ("raise 4294967296, 0", "codes to raise are at least 16, in 32 bits"),
        ("yield  yield", "yield, break or raise end a region, nothing else"),
        ("%a = const i64 1  switch %a { case 1 { } case 1 { } }", "cases are distinct"),
        ("%a i64 = if 1 { yield 1 }", "1 values are asked for"),
        ("loop %i, 5 max 8388609 { }", "the limit 8388609 is not from 1 to 8388608"),
        ("call @helper()", "@helper takes 1 arguments"),
        ("%a = const i64 1  call @helper(%a)", "%a is i64"),
        ("call @main()", "@main can't be called"),
        ("%a = clock !1:1", "no such place: file 1, line 1"),
        ("%a = clock !0:0", "no such place: file 0, line 0"),
    ],
)
def test_operations_that_break_the_contract(body: str, reason: str) -> None:
    with pytest.raises(SeyError) as caught:
        verify(in_main(body))
    (problem,) = (each for each in caught.value.problems if each.code != "SEY0504")
    # What the text's own rules catch (SEY0501) doesn't get to the verifier.
    assert problem.code in ("SEY0501", "SEY0503")
    assert reason in problem.message()


def test_everything_at_the_edge_is_accepted() -> None:
    verify(
        in_main(
            """
            %o = clock
            %a = load i64 @b[64]
            %b = load i64 @b[%o + 1]
            %c = load i8 @b[%o + 8]
            fill @b[0], 1, 1 max 72
            fill @b[%o], 1, 1 max 8
            %r = begin @rows
            set i64 %r.data[8], 1
            %v = reserve @blob, 1 max 20
            set i64 %v[16], 1
            copy %v[%o], 1, 1 max 24
            %w = reserve @blob, 1 max 1
            set i64 %w[0], 1
            loop %i, 5 max 8388608 { break }
            """
        )
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("buffer @b 48", "48 bytes is not a power of two"),
        ("buffer @b 4", "4 bytes is not a power of two from 8"),
        ("buffer @b 8 slack -1", "a slack of -1"),
        ("dict @d 0", "0 entries"),
        ("table @t { a i64 [1], b i64 [1, 2] }", "all columns have the same number of rows"),
        ("table @t { a i64 [] }", "at least one"),
        ("table @t { a i8 [256] }", "a value is not an unsigned i8"),
        ("table @t { sorted a i8 [2, 1] }", "ascend"),
        ("table @t { a i8 [2] a i8 [1] }", "'a' is declared twice"),
        ("stream @s size 8", "a stream of bytes has no size"),
        ("stream @s { a i64 at 0 } size 12", "a record of 12 bytes is not a multiple of 8"),
        ("stream @s { a i64 at 0, b i8 at 7 } size 8", "fields ascend and don't overlap"),
        ("stream @s { a i64 at 8 } size 8", "its fields take 16 bytes, the record has 8"),
        ("stream @s { a bytes 0 at 0 } size 8", "a field takes at least one byte"),
        ("buffer @x 8 dict @x 8", "'x' is declared twice"),
        ("buffer @main 8", "'main' is declared twice"),
        ("func @f(%a i8, %b i8, %c i8, %d i8, %e i8, %f i8) { }", "at most 5 parameters"),
        ("func @f(%a record) { }", "parameters and results are integers"),
    ],
)
def test_declarations_that_break_the_contract(text: str, reason: str) -> None:
    assert any(p.startswith("SEY0502") and reason in p for p in problems(parse_program(text + " func @main() { }")))


def test_a_program_has_a_main_without_parameters() -> None:
    assert "there is no function @main" in problems(Program())[0]
    assert "no parameters" in problems(parse_program("func @main(%a i64) { }"))[0]


def test_all_problems_are_found_at_once() -> None:
    program = in_main("%a = load i64 @b[65] \n break")
    assert len(problems(program)) == 2


def test_a_problem_names_the_source_line() -> None:
    program = in_main("%a = load i64 @b[65] !0:7")
    assert "(shop.sey:7)" in problems(program)[0]


def test_what_a_wrong_operation_defines_is_not_reported_again() -> None:
    assert len(problems(in_main("%a = load i64 @b[65]  %b = add i64 %a, 1"))) == 1


X, Y = Value("x", Type.I64), Value("y", Type.I64)
ONE = Const(X, 1)
CONDITION = Value("c", Type.I1)


def main_of(*ops: Op) -> Program:
    """A main of nodes that text can't express."""
    return Program(functions=(Function("main", (), None, Region(ops)),))


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (main_of(), "a region is empty"),
        (main_of(ONE), "yield, break or raise end a region"),
        (main_of(ONE, ONE, Yield()), "%x is defined twice"),
        (main_of(Binary(Y, BinaryOp.ADD, X, X), Yield()), "%x is not defined here"),
        (main_of(ONE, Binary(Y, BinaryOp.ADD, X, Value("x", Type.I8)), Yield()), "%x is not defined here"),
        (main_of(Const(Value("x", Type.I8), 256), Yield()), "256 is not an unsigned i8"),
        (main_of(Const(Value("x", Type.I8), -1), Yield()), "-1 is not an unsigned i8"),
        (main_of(Const(Value("a b", Type.I8), 1), Yield()), "'a b' is not a name"),
        (main_of(ONE, Loop(Value("i", Type.I32), X, 4, Region((Yield(),))), Yield()), "the index is i64"),
        (
            main_of(
                ONE,
                Loop(Y, X, 4, Region((Const(Value("z", Type.I8), 0), Yield()))),
                Binary(Value("w", Type.I8), BinaryOp.ADD, Value("z", Type.I8), Value("z", Type.I8)),
                Yield(),
            ),
            "%z is not defined here",
        ),
        (main_of(Attempt((), Region((Yield(),)), X, Y, Region((Yield(),))), Yield()), "the code is i32"),
    ],
)
def test_structures_that_text_does_not_have(program: Program, reason: str) -> None:
    assert any(reason in problem for problem in problems(program))


def test_nesting_is_bounded() -> None:
    region = Region((Yield(),))
    for _ in range(98):
        region = Region((If((), CONDITION, region, Region((Yield(),))), Yield()))
    verify(main_of(Const(CONDITION, 1), If((), CONDITION, region, Region((Yield(),))), Yield()))
    deeper = Region((If((), CONDITION, region, Region((Yield(),))), Yield()))
    (problem,) = problems(main_of(Const(CONDITION, 1), If((), CONDITION, deeper, Region((Yield(),))), Yield()))
    assert "regions nest deeper than 100" in problem


def test_recursion_is_named() -> None:
    program = parse_program("func @a() { call @b() } func @b() { if 1 { call @a() } } func @main() { call @a() }")
    assert problems(program) == ["SEY0504 recursion in the IR: @a -> @b -> @a"]


@pytest.mark.parametrize(
    "body",
    [
        "%a = read i64 1",
        "fill @b[0], 1, 1 max 8",
        "%a = begin @rows",
        "%a = reserve @blob, 1 max 8",
        "raise 17, 0",
        "loop %i, 1 max 1 { %a = read i64 1 }",
        "call @reader()",
        "attempt { %a = read i64 1 } on fault { %b = read i64 1 }",
        "if 1 { } else { %a = begin @rows }",
    ],
)
def test_no_fault_leaves_main(body: str) -> None:
    reader = "func @reader() { %a = read i64 1 }"
    (problem,) = problems(parse_program(f"{WORLD}{reader} func @main() {{ {body} }}"))
    assert problem.startswith("SEY0505 a fault could leave @main")
    verify(parse_program(f"{WORLD}{reader} func @main() {{ attempt {{ {body} }} on fault {{ }} }}"))


def nested(loops: int, calls: int) -> Program:
    """Main with nested loops around a chain of calls."""
    chain = [f"func @f{n}() {{ {f'call @f{n + 1}()' if n + 1 < calls else ''} }}" for n in range(calls)]
    body = "call @f0()" if calls else ""
    for n in range(loops):
        body = f"loop %i{n}, 1 max 1 {{ {body} }}"
    return parse_program("\n".join([*chain, f"func @main() {{ {body} }}"]))


@pytest.mark.parametrize(("loops", "calls"), [(7, 0), (0, 7), (3, 4)])
def test_eight_frames_fit_and_no_more(loops: int, calls: int) -> None:
    program = nested(loops, calls)
    verify_fits(program)
    assert len(frames(program)) == MAX_FRAMES
    deeper = nested(loops + 1, calls)
    verify(deeper)
    with pytest.raises(SeyError) as caught:
        verify_fits(deeper)
    assert caught.value.problems[0].code == "SEY0506"
    assert "nests 9 frames of calls and loops, the kernel allows 8: @main > loop" in str(caught.value)


def test_a_program_beyond_the_kernels_patience_is_refused() -> None:
    doubling = "func @f0() { store i64 @b[0], 1 }" + "".join(
        f"func @f{n} () {{ call @f{n - 1}() call @f{n - 1}() }}" for n in range(1, 7)
    )
    once = parse_program(f"buffer @b 8 {doubling} func @main() {{ call @f6() }}")
    assert 64 * 8 < instructions(once) < 64 * 100
    with pytest.raises(SeyError) as caught:
        verify_fits(parse_program(f"buffer @b 8 {doubling} func @main() {{ {'call @f6() ' * 400} }}"))
    assert caught.value.problems[0].code == "SEY0507"
    assert caught.value.exit_status is Exit.SPEC


def test_records_of_nodes() -> None:
    """What the text form would refuse by itself."""
    base = parse_program("func @main() { }")
    verify(replace(base, buffers=(Buffer("b", 8),), dicts=(Dict("d", 1),)))
    wrong = Stream("s", (StreamField("f", Type.I64, 0, 4),), 8)
    assert "as long as the type" in problems(replace(base, streams=(wrong,)))[0]
    assert "is not a name" in problems(replace(base, buffers=(Buffer("1b", 8),)))[0]
    assert "no such place" in problems(main_of(Yield(loc=Location(0, 1))))[0]
    assert "there is no loop" in problems(main_of(Break()))[0]
