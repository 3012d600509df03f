"""The builder makes what the text says."""

from __future__ import annotations

import re

import pytest

from sey.ir.builder import FunctionBuilder
from sey.ir.nodes import Function, Location, Program, Type
from sey.ir.parser import parse_functions
from sey.ir.passes import Share
from sey.ir.printer import print_function


def same(built: Function, text: str) -> None:
    """The function is the one of the text, apart from the names of values."""
    (expected,) = parse_functions(text)
    assert print_function(built) == print_function(_numbered(expected, built))


def _numbered(expected: Function, built: Function) -> Function:
    """The expected function with values named as in the built one, by order of appearance in print."""
    printed, wanted = print_function(expected), print_function(built)
    names = dict.fromkeys(re.findall(r"%(\w+)", printed))
    given = dict.fromkeys(re.findall(r"%(\w+)", wanted))
    assert len(names) == len(given), (printed, wanted)
    renaming = dict(zip(names, given, strict=True))
    (function,) = parse_functions(re.sub(r"%(\w+)", lambda m: f"%{renaming[m[1]]}", printed))
    return function


def test_regions_and_results() -> None:
    b = FunctionBuilder("f", [("a", Type.I64)], Type.I64)
    (a,) = b.parameters
    with b.if_else(b.eq(a, 0), Type.I64) as choice:
        with choice.then():
            choice.yield_(b.const(1))
        with choice.otherwise():
            with b.loop(a, 5) as i, b.if_(b.ugt(i, a)):
                b.break_()
            choice.yield_(b.read(Type.I64, a))
    same(
        b.finish(choice.result),
        """func @f(%a i64) -> i64 {
          %zero = const i64 0
          %c = eq i64 %a, %zero
          %r i64 = if %c { %one = const i64 1 yield %one } else {
            loop %i, %a max 5 { %above = ugt i64 %i, %a if %above { break } }
            %v = read i64 %a
            yield %v
          }
          yield %r
        }""",
    )


def test_attempt_and_switch() -> None:
    b = FunctionBuilder("f")
    with b.attempt(Type.I32) as attempt:
        with attempt.body():
            b.raise_(17)
        with attempt.handler():
            attempt.yield_(attempt.code)
    with b.switch(attempt.result) as switch, switch.case(17):
        b.store("out", attempt.result)
    same(
        b.finish(),
        """func @f() {
          %r i32 = attempt { %zero = const i64 0 raise 17, %zero } on fault %code, %detail { yield %code }
          switch %r { case 17 { store i32 @out[0], %r } }
        }""",
    )


def test_ints_take_the_type_of_the_other_operand_and_wrap() -> None:
    b = FunctionBuilder("f", [("a", Type.I8)])
    (a,) = b.parameters
    b.store("out", b.sub(-1, a))
    same(b.finish(), "func @f(%a i8) { %m = const i8 255 %r = sub i8 %m, %a store i8 @out[0], %r }")


def test_constants_are_shared_by_the_pass() -> None:
    b = FunctionBuilder("main")
    b.store("out", b.add(b.add(b.clock(), 8), 8))
    (function,) = Share().run(Program(functions=(b.finish(),))).functions
    assert print_function(function).count("const") == 1


def test_locations_hold_inside_and_come_back_after_an_error() -> None:
    b = FunctionBuilder("f")

    def fail() -> None:
        with b.at(Location(0, 3)):
            b.clock()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    b.clock()
    first, second, _ = b.finish().body.ops
    assert (first.loc, second.loc) == (Location(0, 3), None)


def test_nothing_follows_the_end_of_a_region() -> None:
    b = FunctionBuilder("f")
    b.raise_(17)
    with pytest.raises(AssertionError, match="after the end of its region"):
        b.clock()


def test_an_exception_drops_the_region_it_leaves() -> None:
    b = FunctionBuilder("f")

    def fail() -> None:
        with b.if_(b.const(1, Type.I1)):
            b.clock()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    same(b.finish(), "func @f() { %c = const i1 1 }")
