"""How programs become bytecode: registers are shared and kept where they must be, constants and jumps are spared."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from sey.backends.interp.format import Bytecode, Function
from sey.backends.interp.lower import compile_bytecode
from sey.backends.interp.machine import Machine, load
from sey.backends.interp.ops import FORMS, NONE, Instruction, Op
from sey.backends.interp.verify import MAX_REGISTERS
from sey.binary.errors import SeyError
from sey.ir.builder import FunctionBuilder
from sey.ir.evaluate import Image
from sey.ir.nodes import Buffer, Program, Type
from sey.ir.parser import parse_program
from sey.ir.verify import verify
from tests.ir.programs import programs

_OUT = "buffer @out 256 host\n"


def _compiled(text: str) -> Bytecode:
    program = parse_program(_OUT + text)
    verify(program)
    return compile_bytecode(program)


def _main(text: str) -> Function:
    return _compiled(f"func @main() {{\n{text}\n}}").functions[-1]


def _out(program: Bytecode) -> bytes:
    """What a program without a target leaves in `out`."""
    machine = Machine(load("x.seyb", program.encode()), Image({}))
    machine.run()
    return bytes(machine.buffers["out"])


def _ops(function: Function) -> list[Op]:
    return [Op(each.op) for each in function.code]


def _writes(each: Instruction) -> Iterator[int]:
    return (getattr(each, name) for name in FORMS[Op(each.op)].writes if getattr(each, name) != NONE)


def _reachable(function: Function) -> set[int]:
    """The instructions that can run. Others exist: an `if` both of whose arms raise has a result all the same."""
    found: set[int] = set()
    todo = [0]
    while todo:
        at = todo.pop()
        if at in found:
            continue
        found.add(at)
        each = function.code[at]
        if FORMS[Op(each.op)].x == "target":
            todo.append(each.x)
        if each.op not in (Op.JUMP, Op.RETURN, Op.RAISE):
            todo.append(at + 1)
        todo += [h.target for h in function.handlers if h.start <= at < h.end]
    return found


# Registers


def test_a_value_that_is_needed_no_more_gives_its_register_back() -> None:
    chain = "\n".join(f"%v{n + 1} = add i64 %v{n}, 1" for n in range(100))
    main = _main(f"%v0 = load i64 @out\n{chain}\nstore i64 @out, %v100")
    assert main.variables == 2  # The result is not put where the operand is.


def test_values_that_are_needed_together_have_registers_of_their_own() -> None:
    loads = "\n".join(f"%v{n} = load i64 @out[{8 * n}]" for n in range(20))
    stores = "\n".join(f"store i64 @out[{8 * n}], %v{19 - n}" for n in range(20))
    main = _main(f"{loads}\n{stores}")
    assert main.variables == 20
    assert len({each.a for each in main.code if each.op == Op.LOAD}) == 20


def test_a_result_that_nothing_uses_gives_its_register_back() -> None:
    assert _main("\n".join(f"%v{n} = load i64 @out[{8 * n}]" for n in range(20))).variables == 1


_LOOP = """
%kept = load i64 @out[8]
%n = load i64 @out[16]
loop %i, %n max 5 {
  %first = add i64 %kept, 1
  %second = mul i64 %first, 3
  %third = sub i64 %second, %first
  %sum = load i64 @out
  %new = add i64 %sum, %third
  store i64 @out, %new
}
"""


def test_what_a_loop_uses_from_outside_is_kept_all_the_loop_long() -> None:
    """Though it is used by the first operation of the body, and those behind it need registers."""
    main = _main(_LOOP)
    head = next(at for at, each in enumerate(main.code) if each.op == Op.LOOP)
    kept = main.code[head + 1].b
    assert main.code[head - 2].a == kept
    assert all(kept not in _writes(each) for each in main.code[head : main.code[head].x])


def test_a_loop_reads_the_same_outer_value_in_every_turn() -> None:
    program = _compiled(f"func @main() {{\nstore i64 @out[8], 10\nstore i64 @out[16], 4\n{_LOOP}\n}}")
    assert int.from_bytes(_out(program)[:8], "little") == 4 * (11 * 3 - 11)


def test_a_loop_gives_its_registers_back() -> None:
    loops = "\n".join(f"loop %i{n}, 3 max 5 {{\nstore i64 @out, %i{n}\n}}" for n in range(20))
    assert _main(loops).variables == 2


def test_a_value_for_a_handler_is_kept_while_the_body_runs() -> None:
    main = _main("""
%kept = load i64 @out[8]
attempt {
  %a = load i64 @out[16]
  %b = add i64 %a, 1
  %c = read i64 %b
  store i64 @out, %c
} on fault %code, %detail {
  store i64 @out[24], %kept
  store i32 @out[32], %code
}
""")
    (handler,) = main.handlers
    kept = main.code[0].a
    body = main.code[handler.start : handler.end]
    assert all(kept not in _writes(each) for each in body)
    assert kept not in (handler.code, handler.detail)
    assert main.code[handler.target] == Instruction(Op.STORE, 4, a=kept, b=NONE, d=24)


def test_names_of_the_same_number_share_a_register() -> None:
    """A `zext` takes no instruction, and what it widens is kept for as long as it is."""
    main = _main("""
%byte = load i8 @out
%wide = zext i64 %byte
%other = load i64 @out[8]
%sum = add i64 %wide, %other
store i64 @out, %sum
""")
    assert _ops(main) == [Op.LOAD, Op.LOAD, Op.ADD, Op.STORE, Op.RETURN]
    assert main.code[2].b == main.code[0].a != main.code[1].a


def test_calls_share_the_registers_of_their_arguments() -> None:
    calls = "\n".join(f"%r{n} = call @f(%b, %a)\nstore i64 @out[{8 * (n % 30)}], %r{n}" for n in range(200))
    program = _compiled(f"""
func @f(%p i64, %q i64) -> i64 {{
  %d = sub i64 %p, %q
  yield %d
}}
func @main() {{
  store i64 @out, 7
  %a = load i64 @out
  %b = load i64 @out[8]
  {calls}
}}
""")
    main = program.functions[-1]
    assert main.variables <= 5
    assert set(_ops(main)) == {Op.LOAD, Op.STORE, Op.MOVE, Op.CALL, Op.RETURN}
    assert int.from_bytes(_out(program)[:8], "little", signed=True) == -7


def test_arguments_in_a_row_are_not_moved() -> None:
    program = _compiled("""
func @f(%p i64, %q i64) {
  store i64 @out[16], %p
  store i64 @out[24], %q
}
func @main() {
  %a = load i64 @out
  %b = load i64 @out[8]
  call @f(%a, %b)
  call @f(1, 2)
}
""")
    assert _ops(program.functions[-1]) == [Op.LOAD, Op.LOAD, Op.CALL, Op.CALL, Op.RETURN]
    assert _out(program)[16:25] == b"\1" + bytes(7) + b"\2"


# Constants and jumps


def test_constants_are_in_registers_before_the_code_and_each_once() -> None:
    main = _main("""
loop %i, 3 max 5 {
  %a = mul i64 %i, 77
  %b = add i64 %a, 77
  store i64 @out, %b
  store i8 @out[8], 77
}
""")
    assert sorted(main.constants) == [3, 77]
    assert _ops(main) == [Op.LOOP, Op.MUL, Op.ADD, Op.STORE, Op.STORE, Op.NEXT, Op.RETURN]
    seventy_seven = main.variables + main.constants.index(77)
    assert [main.code[1].c, main.code[2].c, main.code[4].a] == [seventy_seven] * 3


_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=60, deadline=None, suppress_health_check=_SLOW)
@given(programs())
def test_no_jump_leads_to_a_jump_and_no_handler_is_for_nothing(program: Program) -> None:
    for function in compile_bytecode(program).functions:
        for each in function.code:
            if each.op in (Op.JUMP, Op.IF, Op.UNLESS, Op.CASE):
                assert function.code[each.x].op != Op.JUMP
        assert all(handler.start < handler.end for handler in function.handlers)
        assert len(set(function.constants)) == len(function.constants)


@settings(max_examples=60, deadline=None, suppress_health_check=_SLOW)
@given(programs())
def test_what_a_region_does_not_define_is_read_as_it_was_written(program: Program) -> None:
    """No instruction that runs reads a variable that nothing before it in the code has written, parameters apart."""
    for function in compile_bytecode(program).functions:
        written = set(range(function.parameters))
        for at in sorted(_reachable(function)):
            each = function.code[at]
            written |= {r for h in function.handlers if h.target == at for r in (h.code, h.detail)}
            reads = [getattr(each, name) for name in FORMS[Op(each.op)].reads if each.op != Op.CALL]
            assert {r for r in reads if r < function.variables} <= written
            written |= set(_writes(each))


# Too much


def _built(b: FunctionBuilder) -> Program:
    return Program((), (Buffer("out", 64, 0, True),), (), (), (), (b.finish(),))


def test_too_many_constants_are_an_error_with_a_code() -> None:
    b = FunctionBuilder("main")
    for number in range(MAX_REGISTERS + 1):
        b.store("out", b.const(number))
    with pytest.raises(SeyError, match="more than 65520 registers") as error:
        compile_bytecode(_built(b))
    assert error.value.problems[0].code == "SEY0773"


def test_as_many_constants_as_registers_are_fine() -> None:
    b = FunctionBuilder("main")
    for number in range(MAX_REGISTERS):
        b.store("out", b.const(number))
    program = compile_bytecode(_built(b))
    assert _out(program)[:8] == (MAX_REGISTERS - 1).to_bytes(8, "little")


def test_too_much_memory_is_an_error_with_a_code() -> None:
    b = FunctionBuilder("main")
    b.store("out", b.const(1, Type.I8))
    large = tuple(Buffer(f"b{n}", 1 << 29) for n in range(2))
    program = Program((), (*large, Buffer("out", 64, 0, True)), (), (), (), (b.finish(),))
    verify(program)
    with pytest.raises(SeyError, match="the buffers") as error:
        compile_bytecode(program)
    assert error.value.problems[0].code == "SEY0773"
