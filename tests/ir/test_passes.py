"""What each pass makes of small programs, as text, and that wrong passes are caught."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from sey.binary.errors import SeyError
from sey.ir.nodes import Program
from sey.ir.parser import parse_program
from sey.ir.passes import DEFAULT_PASSES, Decide, Inline, Pass, RemoveDead, Share, run_passes
from sey.ir.printer import print_function

WORLD = "buffer @out 64\nbuffer @frame 64\nstream @blob\n"


def transformed(text: str, *passes: Pass) -> str:
    """The functions after the passes."""
    program = run_passes(parse_program(WORLD + text), passes)
    return "\n".join(map(print_function, program.functions))


def exactly(text: str) -> str:
    """Text as the printer would print it."""
    return "\n".join(map(print_function, parse_program(WORLD + text).functions))


def test_share() -> None:
    before = """func @main() { attempt {
      %a = load i64 @frame
      %x = const i64 8
      %p = add i64 %a, %x
      %v = read i64 %p
      %c = eq i64 %v, %x
      if %c {
        %y = const i64 8
        %q = add i64 %a, %y
        %w = read i64 %q
        store i64 @out[0], %w
      }
    } on fault %code, %detail { } }"""
    after = """func @main() { attempt {
      %a = load i64 @frame
      %x = const i64 8
      %p = add i64 %a, %x
      %v = read i64 %p
      %c = eq i64 %v, %x
      if %c {
        store i64 @out[0], %v
      }
    } on fault %code, %detail { } }"""
    assert transformed(before, Share()) == exactly(after)


def test_share_keeps_what_may_have_changed_or_not_happened() -> None:
    text = """func @main() { attempt {
      %a = load i64 @frame
      store i64 @frame[0], %a
      %b = load i64 @frame
      %c = eq i64 %a, %b
      if %c {
        %v = read i64 %a
        store i64 @out[0], %v
      }
      attempt {
        %w = read i64 %a
        store i64 @out[8], %w
      } on fault %code2, %detail2 {
        %x = read i64 %a
        store i64 @out[16], %x
      }
      %y = read i32 %a
      %z = clock
      %t = clock
      store i32 @out[24], %y
    } on fault %code, %detail { } }"""
    assert transformed(text, Share()) == exactly(text)


def test_share_recomputes_in_loops_what_is_cheap() -> None:
    text = """func @main() { attempt {
      %a = load i64 @frame
      %p = add i64 %a, %a
      %v = read i64 %p
      loop %i, %a max 4 {
        %q = add i64 %a, %a
        %w = read i64 %p
        store i64 @out[%q], %w
      }
    } on fault %code, %detail { } }"""
    text = text.replace("buffer @out 64", "buffer @out 64 slack 8")
    wide = WORLD.replace("buffer @out 64", "buffer @out 64 slack 8")
    (function,) = run_passes(parse_program(wide + text), (Share(),)).functions
    assert "%q = add" in print_function(function)
    assert "%w" not in print_function(function)


def test_remove_dead() -> None:
    before = """func @main() {
      %x = const i64 8
      %a = load i64 @frame
      %b = add i64 %a, %x
      store i64 @out[0], %x
      %c = ult i64 %b, %x
      if %c { %d = clock }
      loop %i, %x max 4 { switch %i { } }
      attempt { %r = read i64 %x  %s = begin @rows } on fault %code, %detail { }
      attempt { %k = reserve @blob, %x max 8  %p = position %k } on fault %code3, %detail3 { }
    }"""
    after = """func @main() {
      %x = const i64 8
      store i64 @out[0], %x
      attempt { %r = read i64 %x  %s = begin @rows } on fault %code, %detail { }
      attempt { %k = reserve @blob, %x max 8 } on fault %code3, %detail3 { }
    }"""
    rows = "stream @rows { a i64 }\n"
    assert transformed(rows + before, RemoveDead()) == exactly(rows + after)


def test_decide() -> None:
    before = """func @main() {
      %yes = const i1 1
      %a = load i64 @frame
      %b i64 = if %yes {
        %no = const i1 0
        if %no {
          store i64 @out[0], %a
        } else {
          store i64 @out[8], %a
        }
        yield %a
      } else {
        %c = const i64 5
        yield %c
      }
      store i64 @out[16], %b
    }"""
    after = """func @main() {
      %yes = const i1 1
      %a = load i64 @frame
      %no = const i1 0
      store i64 @out[8], %a
      store i64 @out[16], %a
    }"""
    assert transformed(before, Decide()) == exactly(after)


def test_decide_ends_where_the_region_taken_does() -> None:
    before = """func @main() { attempt {
      %yes = const i1 1
      %a = load i64 @frame
      if %yes {
        raise 17, %a
      }
      store i64 @out[16], %a
    } on fault %code, %detail { } }"""
    after = """func @main() { attempt {
      %yes = const i1 1
      %a = load i64 @frame
      raise 17, %a
    } on fault %code, %detail { } }"""
    assert transformed(before, Decide()) == exactly(after)


def test_inline() -> None:
    before = """
    func @twice(%a i64) -> i64 { %b = add i64 %a, %a  yield %b }
    func @unused() { }
    func @main() { %x = const i64 4  %y = call @twice(%x)  store i64 @out[0], %y }"""
    after = "func @main() { %x = const i64 4  %i1_twice_b = add i64 %x, %x  store i64 @out[0], %i1_twice_b }"
    assert transformed(before, Inline()) == exactly(after)


def test_inline_feeds_results_of_calls_to_calls() -> None:
    before = """
    func @twice(%a i64) -> i64 { %b = add i64 %a, %a  yield %b }
    func @same(%a i64) -> i64 { yield %a }
    func @main() {
      %x = const i64 4
      %y = call @twice(%x)
      %z = call @same(%y)
      loop %i, %z max 4 { %w = call @twice(%z)  store i64 @out[0], %w }
    }"""
    after = """func @main() {
      %x = const i64 4
      %i1_twice_b = add i64 %x, %x
      loop %i, %i1_twice_b max 4 { %i3_twice_b = add i64 %i1_twice_b, %i1_twice_b  store i64 @out[0], %i3_twice_b }
    }"""
    assert transformed(before, Inline()) == exactly(after)


def test_inline_keeps_large_functions_called_often_and_those_that_always_raise() -> None:
    text = """
    func @large() { store i64 @out[0], 1  store i64 @out[8], 2  store i64 @out[16], 3 }
    func @fail() { raise 17, 0 }
    func @main() { attempt { call @large()  call @large()  call @fail() } on fault %code, %detail { } }"""
    assert transformed(text, Inline(small=2)) == exactly(text)


def test_inline_never_takes_a_name_twice() -> None:
    """The names of a first inlining, and of functions whose names end in digits, are met again."""
    text = """
    func @f(%x i64) { store i64 @out[0], %x  %v = add i64 %x, %x  store i64 @out[8], %v }
    func @f1(%x i64) { store i64 @out[0], %x  %v = add i64 %x, %x  store i64 @out[8], %v  call @f(%v) }
    func @main() { %f1_v = const i64 1  %f11_v = const i64 2 """
    text += "call @f1(%f1_v) call @f(%f11_v) " * 12 + "}"
    once = run_passes(parse_program(WORLD + text), (Inline(small=100),))
    assert len(once.functions) == 1
    run_passes(parse_program(WORLD + text), (Inline(small=3), Inline(small=100)))


@dataclass(frozen=True)
class Forgetful:
    """A pass with a bug."""

    def run(self, program: Program) -> Program:
        return replace(program, buffers=())


def test_a_pass_that_breaks_the_program_is_caught() -> None:
    program = parse_program(WORLD + "func @main() { store i64 @out[0], 1 }")
    with pytest.raises(SeyError, match="there is no buffer @out"):
        run_passes(program, (*DEFAULT_PASSES, Forgetful()))


def test_the_result_has_to_fit_but_what_comes_in_has_not() -> None:
    """The prelude nests deeper than the kernel allows before its functions are inlined."""
    chain = [f"func @f{n}() {{ {f'call @f{n + 1}()' if n < 9 else 'store i64 @out[0], 1'} }}" for n in range(10)]
    program = parse_program(WORLD + "\n".join([*chain, "func @main() { call @f0() }"]))
    with pytest.raises(SeyError, match="nests 11 frames"):
        run_passes(program, ())
    run_passes(program, DEFAULT_PASSES)
