"""Branches, loops, calls, and faults on their way through them."""

from __future__ import annotations

import struct

import pytest

from tests.ebpf.harness import Target, run_kernel

AT = 0x1000_0000
HOLE = 0x2000_0000


def words(data: bytes, count: int) -> tuple[int, ...]:
    return struct.unpack_from(f"<{count}Q", data)


def test_if_and_switch(target: Target) -> None:
    program = """
    buffer @out 1024 slack 64 host
    func @main() {
      loop %i, 6 max 8 {
        %at = shl i64 %i, 4
        %low = ult i64 %i, 3
        %a, %b = if %low {
          %x = mul i64 %i, 10
          yield %x, %i
        } else {
          %same = eq i64 %i, 4
          %y i64 = if %same { yield 99 } else { %n = sub i64 0, %i  yield %n }
          yield %y, %at
        }
        store i64 @out[%at], %a
        switch %i {
          case 1 { store i64 @out[%at + 8], 111 }
          case 4 { store i64 @out[%at + 8], %b }
          default { %low2 = add i64 %b, 1000  store i64 @out[%at + 8], %low2 }
        }
      }
    }
    """
    out = run_kernel(program, target).buffers["out"]
    a = [0, 10, 20, -3 % (1 << 64), 99, -5 % (1 << 64)]
    b = [0, 1, 2, 48, 64, 80]
    switched = [1000, 111, 1002, 1048, 64, 1080]
    assert b[4] == switched[4]
    assert words(out, 12) == tuple(n for pair in zip(a, switched, strict=True) for n in pair)


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 1 << 40, (1 << 64) - 1])
def test_a_loop_takes_at_most_its_limit(target: Target, count: int) -> None:
    program = """
    buffer @in 8 host
    buffer @out 16 host
    func @main() {
      %n = load i64 @in[0]
      loop %i, %n max 100 {
        %turns = load i64 @out[0]
        %more = add i64 %turns, 1
        store i64 @out[0], %more
        store i64 @out[8], %i
      }
    }
    """
    result = run_kernel(program, target, inputs={"in": count.to_bytes(8, "little")})
    assert words(result.buffers["out"], 2) == (min(count, 100), max(0, min(count, 100) - 1))


def test_a_break_ends_the_innermost_loop(target: Target) -> None:
    program = """
    buffer @out 16 host
    func @main() {
      loop %i, 10 max 10 {
        loop %j, 10 max 10 {
          %far = uge i64 %j, %i
          if %far { break }
          %n = load i64 @out[0]
          %n1 = add i64 %n, 1
          store i64 @out[0], %n1
        }
        %last = eq i64 %i, 6
        if %last { break }
      }
    }
    """
    assert words(run_kernel(program, target).buffers["out"], 1) == (sum(range(7)),)


def test_a_million_turns(target: Target) -> None:
    program = """
    buffer @out 16 host
    func @main() {
      loop %i, 1000000 max 8388608 {
        %n = load i64 @out[0]
        %n1 = add i64 %n, %i
        store i64 @out[0], %n1
      }
    }
    """
    assert words(run_kernel(program, target).buffers["out"], 1) == (sum(range(1_000_000)),)


def test_seven_nested_loops(target: Target) -> None:
    body = "%n = load i64 @out[0]\n"
    body += "%s = add i64 %i0, %i6\n%n1 = add i64 %n, %s\n%n2 = add i64 %n1, %k\nstore i64 @out[0], %n2\n"
    for depth in reversed(range(7)):
        body = f"%c{depth} = load i64 @in[0]\nloop %i{depth}, %c{depth} max 1000 {{\n{body}}}\n"
    program = f"buffer @in 8 host\nbuffer @out 8 host\nfunc @main() {{\n%k = load i64 @in[0]\n{body}}}"
    out = run_kernel(program, target, inputs={"in": (3).to_bytes(8, "little")}).buffers["out"]
    assert words(out, 1) == (3**7 * 3 + 2 * 3**6 * (0 + 1 + 2),)


def test_calls_with_five_arguments_and_narrow_results(target: Target) -> None:
    program = f"""
    buffer @in 8 host
    buffer @out 64 host
    func @mix(%a i64, %b i32, %c i16, %d i8, %e i1) -> i16 {{
      %x = read i64 {AT}
      %b6 = zext i64 %b
      %c6 = zext i64 %c
      %d6 = sext i64 %d
      %e6 = zext i64 %e
      %s1 = add i64 %a, %b6
      %s2 = add i64 %s1, %c6
      %s3 = add i64 %s2, %d6
      %s4 = add i64 %s3, %e6
      %s5 = add i64 %s4, %x
      %r = trunc i16 %s5
      yield %r
    }}
    func @positive(%a i64) -> i1 {{ %r = sgt i64 %a, 0  yield %r }}
    func @nothing() {{ store i64 @out[56], 5 }}
    func @main() {{
      attempt {{
        %v = call @mix(1, 2, 3, 255, 1)
        %w = call @mix(100, 200, 300, 1, 0)
        store i16 @out[0], %v
        store i16 @out[8], %w
        yield
      }} on fault {{ yield }}
      %n = load i64 @in[0]
      %p = call @positive(%n)
      %q = call @positive(3)
      store i1 @out[16], %p
      store i1 @out[17], %q
      call @nothing()
    }}
    """
    target.set({AT: (7).to_bytes(8, "little")})
    out = run_kernel(program, target, inputs={"in": b"\xff" * 8}).buffers["out"]
    assert words(out, 3) == (1 + 2 + 3 - 1 + 1 + 7, 100 + 200 + 300 + 1 + 7, 0x100)
    assert out[56] == 5


FAULTS = f"""
buffer @in 8 host
buffer @out 256 host
func @deep(%n i64) -> i64 {{
  loop %i, 10 max 10 {{
    loop %j, 10 max 10 {{
      %key = mul i64 %i, 10
      %at = add i64 %key, %j
      %hit = eq i64 %at, %n
      if %hit {{
        %kind = and i64 %n, 1
        %odd = ne i64 %kind, 0
        if %odd {{ raise 77, %at }} else {{ %x = read i64 {HOLE}  store i64 @out[0], %x }}
      }}
      %seen = load i64 @out[8]
      %seen1 = add i64 %seen, 1
      store i64 @out[8], %seen1
    }}
  }}
  yield 5
}}
func @between(%n i64) -> i64 {{
  %got = call @deep(%n)
  store i64 @out[16], 1
  %more = add i64 %got, 1
  yield %more
}}
func @main() {{
  %n = load i64 @in[0]
  %value, %what = attempt {{
    %inner = attempt {{
      %v = call @between(%n)
      yield %v
    }} on fault %c, %d {{
      %c64 = zext i64 %c
      %read = eq i32 %c, 1
      if %read {{ raise 99, %d }}
      store i64 @out[24], %d
      yield %c64
    }}
    yield %inner, %n
  }} on fault %code, %detail {{
    %code64 = zext i64 %code
    yield %code64, %detail
  }}
  store i64 @out[32], %value
  store i64 @out[40], %what
  %again i64 = attempt {{ %v2 = call @between(1000)  yield %v2 }} on fault {{ yield 0 }}
  store i64 @out[48], %again
}}
"""


@pytest.mark.parametrize(
    ("n", "want"),
    [
        (1000, (0, 200, 1, 0, 6, 1000, 6)),
        (37, (0, 137, 1, 37, 77, 37, 6)),
        (42, (0, 142, 1, 0, 99, HOLE, 6)),
    ],
)
def test_faults_leave_loops_and_calls(target: Target, n: int, want: tuple[int, ...]) -> None:
    result = run_kernel(FAULTS, target, inputs={"in": n.to_bytes(8, "little")})
    assert words(result.buffers["out"], 7) == want


def test_a_fault_inside_a_handler_and_an_attempt_in_a_loop(target: Target) -> None:
    program = f"""
    buffer @out 256 slack 8 host
    func @main() {{
      loop %i, 8 max 8 {{
        %at = shl i64 %i, 3
        %odd = and i64 %i, 1
        %is = eq i64 %odd, 1
        %got i64 = attempt {{
          %address i64 = if %is {{ yield {HOLE} }} else {{ yield {AT} }}
          %v = read i64 %address
          yield %v
        }} on fault %code, %detail {{
          %last = eq i64 %i, 5
          if %last {{ break }}
          %second i64 = attempt {{ %w = read i64 %detail  yield %w }} on fault %c2, %d2 {{
            %sum = add i64 %d2, %i
            yield %sum
          }}
          yield %second
        }}
        store i64 @out[%at], %got
      }}
    }}
    """
    target.set({AT: (9).to_bytes(8, "little")})
    assert words(run_kernel(program, target).buffers["out"], 8) == (9, HOLE + 1, 9, HOLE + 3, 9, 0, 0, 0)


def test_it_runs_once(target: Target) -> None:
    from sey.ir.parser import parse_program
    from tests.ebpf.harness import loaded

    program = parse_program(
        "buffer @out 8 host\nfunc @main() { %n = load i64 @out[0]  %m = add i64 %n, 1  store i64 @out[0], %m }"
    )
    with loaded(program) as probe:
        probe.run(target.tid)
        probe.run(target.tid)
        assert probe.read(probe.program.buffers["out"]) == (1).to_bytes(8, "little")
