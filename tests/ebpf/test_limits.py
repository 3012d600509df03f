"""Large, deep and twisted programs: what the IR verifier accepts, the kernel's takes without walking forever."""

from __future__ import annotations

import struct

import pytest

from sey.backends.ebpf.compile import compile_snapshot
from sey.backends.ebpf.errors import FunctionTooLong
from sey.binary.errors import SeyError
from sey.ir.evaluate import Image, Machine
from sey.ir.parser import parse_program
from sey.ir.verify import verify_fits
from tests.ebpf.harness import Target, run_kernel

WORLD = """
buffer @in 256 slack 8 host
buffer @out 4096 slack 64 host
buffer @scratch 4096 slack 64
dict @seen 64
stream @rows { a i64 at 0, b bytes 240 at 8 } size 248
stream @blob
"""
INPUT = bytes(range(7, 7 + 128)) + bytes(128)


def agree(target: Target, functions: str) -> None:
    """The kernel takes the program, and it does what the evaluator does."""
    program = parse_program(WORLD + functions)
    verify_fits(program)
    target.set({})
    machine = Machine(program, Image({}), pages=16)
    machine.buffers["in"][: len(INPUT)] = INPUT
    machine.run()
    result = run_kernel(program, target, inputs={"in": INPUT})
    assert result.buffers["out"] == machine.buffers["out"]
    assert result.output == b"".join(machine.output())


def main(*lines: str) -> str:
    return "func @main() {\n" + "\n".join(lines) + "\n}\n"


def test_values_chosen_from_constants_as_offsets(target: Target) -> None:
    choices = [f"%c{i} = load i1 @in[{i}]\n%x{i} = select i64 %c{i}, {3 * i}, {5 * i + 1}" for i in range(60)]
    uses = [f"%v{i} = load i64 @scratch[%x{i}]\nstore i64 @out[%x{i}], %x{i}" for i in range(60)]
    agree(target, main(*choices, *uses))


def test_a_chain_of_choices(target: Target) -> None:
    step = """
    %c{0} = load i1 @in[{0}]
    %p{0} = add i64 %x{0}, 3
    %q{0} = mul i64 %x{0}, 7
    %x{1} = select i64 %c{0}, %p{0}, %q{0}"""
    steps = [step.format(i, i + 1) for i in range(60)]
    agree(target, main("%x0 = const i64 1", *steps, "store i64 @out[%x60], %x60"))


def test_many_comparisons_of_the_same_values(target: Target) -> None:
    loads = [f"%x{j} = load i64 @in[{8 * j}]" for j in range(4)]
    tests = [
        f"%c{i}_{j} = ult i64 %x{j}, {7 * i + 3}\nif %c{i}_{j} {{ store i64 @out[%x{j}], {i} }}"
        for i in range(15)
        for j in range(4)
    ]
    agree(target, main(*loads, *tests, *(f"store i64 @out[%x{j}], %x{j}" for j in range(4))))


def test_divisions_of_narrow_numbers(target: Target) -> None:
    line = """
    %x{0} = load i16 @in[{0}]
    %y{0} = load i8 @in[{1}]
    %k{0} = zext i16 %y{0}
    %s{0} = shl i16 %x{0}, %k{0}
    %u{0} = udiv i16 %s{0}, %k{0}
    %v{0} = sdiv i16 %s{0}, %x{0}
    %t{0} = add i16 %u{0}, %v{0}
    store i16 @out[{2}], %t{0}"""
    agree(target, main(*(line.format(i, i + 3, 2 * i) for i in range(60))))


def test_deep_branches(target: Target) -> None:
    body = "store i64 @out[0], 1"
    for i in range(60):
        body = f"%c{i} = load i1 @in[{i}]\nif %c{i} {{\n{body}\n}} else {{ store i64 @out[8], {i} }}"
    agree(target, main(body))


def test_a_switch_of_many_cases(target: Target) -> None:
    cases = " ".join(f"case {i * i} {{ store i64 @out[8], {i} }}" for i in range(600))
    agree(target, main("%x = load i8 @in[93]", "%w = zext i64 %x", f"switch %w {{ {cases} }}"))


def test_eight_frames_full_of_values(target: Target) -> None:
    """Each frame holds sixteen values, three records and a loop; the stack of all must not pass 512 bytes."""
    body = _values(7) + _uses(7)
    for depth in reversed(range(7)):
        body = f"""
        {_values(depth)}
        %r{depth} = begin @rows
        %q{depth} = begin @rows
        %t{depth} = reserve @blob, %v{depth}_3 max 496
        %size{depth} = and i64 %v{depth}_3, 1
        set %q{depth}.a, 1
        set %r{depth}.a, %v{depth}_2
        set i64 %t{depth}[0], %v{depth}_5
        %g{depth} = get @seen[%v{depth}_1], %v{depth}_9
        %m{depth} = and i64 %v{depth}_1, 127
        loop %i{depth}, %size{depth} max 100 {{ {body} }}
        {_uses(depth)}
        set %r{depth}.a, %g{depth}
        set i64 %q{depth}.b[%m{depth}], %v{depth}_4
        """
    agree(target, f"func @main() {{ attempt {{ {body} }} on fault %c, %d {{ store i64 @out[0], %d }} }}")


def _values(depth: int) -> str:
    return "\n".join(f"%v{depth}_{i} = load i64 @in[{8 * i}]" for i in range(16))


def _uses(depth: int) -> str:
    return "\n".join(
        f"%u{depth}_{i} = mul i64 %v{depth}_{i}, %v{depth}_{15 - i}\n"
        f"%w{depth}_{i} = sub i64 %u{depth}_{i}, %v{depth}_{(i + 3) % 16}\n"
        f"store i64 @out[%w{depth}_{i} + 8], %u{depth}_{i}"
        for i in range(16)
    )


def test_names_that_look_like_ours(target: Target) -> None:
    text = """
    func @main() {
      %loop1_fn_main = load i64 @in[0]
      loop %i, %loop1_fn_main max 5 { store i64 @out[0], %loop1_fn_main  call @main_loop1() }
    }
    func @main_loop1() { loop %i, 3 max 4 { store i64 @out[8], %i } }
    """
    agree(target, text)


def test_loops_that_never_run(target: Target) -> None:
    agree(target, main("loop %i, 0 max 5 { store i64 @out[0], 1 }", "loop %j, 1 max 1 { store i64 @out[8], 1  break }"))


LONG_REGION = [f"%d{i} = load i1 @in[{i % 256}]\nif %d{i} {{ store i64 @out[8], {i} }}" for i in range(5000)]


def test_a_region_that_no_jump_spans_is_refused() -> None:
    text = main("%c = load i1 @in[0]", "if %c {", *LONG_REGION, "}")
    with pytest.raises(SeyError) as caught:
        compile_snapshot(parse_program(WORLD + text))
    (problem,) = caught.value.problems
    assert isinstance(problem, FunctionTooLong)
    assert problem.function == "snapshot"
    assert problem.instructions > problem.allowed


def test_a_long_main_is_cut_up(target: Target) -> None:
    """As a spec of very many captures gives: a loop over rows, and code for each kind of row."""
    line = "%a{0}_{1} = load i64 @in[{2}]\n%b{0}_{1} = mul i64 %a{0}_{1}, {0}\nstore i64 @out[%b{0}_{1} + 8], %a{0}_{1}"
    cases = []
    for case in range(160):
        lines = "\n".join(line.format(case, i, 8 * (i % 16)) for i in range(40))
        cases.append(f"case {case} {{ {lines}\n set %r.a, %b{case}_3\n store i64 @out[0], %i }}")
    cases.append("case 200 { break }")
    text = f"""
    func @main() {{
      attempt {{
        loop %i, 300 max 300 {{
          %r = begin @rows
          %twice = mul i64 %i, 2
          %turn = urem i64 %twice, 203
          switch %turn {{ {" ".join(cases)} }}
        }}
      }} on fault %c, %d {{ store i32 @out[0], %c }}
    }}
    """
    agree(target, text)


def test_a_chain_of_divisions(target: Target) -> None:
    text = main(
        "%a0 = load i64 @in[0]", *(f"%a{i + 1} = sdiv i64 %a{i}, {i + 2}" for i in range(40)), "store i64 @out[0], %a40"
    )
    result = run_kernel(parse_program(WORLD + text), target, inputs={"in": struct.pack("<q", -(1 << 62))})
    want = -(1 << 62)
    for i in range(40):
        want = -(-want // (i + 2)) if want < 0 else want // (i + 2)
    assert struct.unpack_from("<q", result.buffers["out"])[0] == want
