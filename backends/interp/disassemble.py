"""Bytecode as text for people: one line an instruction, with the names of memories and the values of constants."""

from __future__ import annotations

from collections.abc import Iterator

from sey.backends.interp.format import Bytecode, Function
from sey.backends.interp.ops import FORMS, KINDS, NONE, Instruction, Memory, Op

_INFIX = {
    Op.ADD: "+", Op.SUB: "-", Op.MUL: "*", Op.UDIV: "/", Op.UREM: "%", Op.SDIV: "/", Op.SREM: "%", Op.AND: "&",
    Op.OR: "|", Op.XOR: "^", Op.SHL: "<<", Op.LSHR: ">>", Op.ASHR: ">>", Op.EQ: "==", Op.NE: "!=", Op.ULT: "<",
    Op.ULE: "<=", Op.SLT: "<", Op.SLE: "<=",
}  # fmt: skip
_SIGNED = {Op.SDIV, Op.SREM, Op.ASHR, Op.SLT, Op.SLE}


def disassemble(program: Bytecode) -> Iterator[str]:
    """The lines of a listing: memories, then functions with their instructions by number."""
    for buffer in program.buffers:
        slack = f" slack {buffer.slack}" if buffer.slack else ""
        yield f"buffer {buffer.name} {buffer.size}{slack}{' host' if buffer.host else ''}"
    for column in program.columns:
        ascending = "sorted " if column.sorted else ""
        yield f"column {column.name} {ascending}{KINDS[column.kind].value}, {column.rows} rows"
    for each in program.dicts:
        yield f"dict {each.name} {each.capacity}{' host' if each.host else ''}"
    for stream in program.streams:
        yield f"stream {stream.name} {stream.size or 'of bytes'}"
    for number, function in enumerate(program.functions):
        yield from _function(program, number, function)


def _function(program: Bytecode, number: int, function: Function) -> Iterator[str]:
    arguments = ", ".join(f"r{n}" for n in range(function.parameters))
    yield ""
    yield f"func {number} {function.name}({arguments}){' -> value' if function.result else ''}"
    ends: dict[int, list[str]] = {}
    for handler in function.handlers:
        text = f"  faults of {handler.start} to {handler.end - 1}: r{handler.code}, r{handler.detail}"
        ends.setdefault(handler.target, []).append(text)
    for at, each in enumerate(function.code):
        yield from ends.get(at, ())
        yield f"{at:6}  {_text(program, function, each)}"


def _text(program: Bytecode, function: Function, each: Instruction) -> str:
    op = Op(each.op)
    form = FORMS[op]
    a, b, c, e = (_register(function, register) for register in (each.a, each.b, each.c, each.e))
    kind = KINDS[each.kind].value if len(form.kinds) else ""
    if op in _INFIX:
        sign = "s" if op in _SIGNED else ""
        return f"{a} = {b} {sign}{_INFIX[op]}{f'.{kind}' if kind else ''} {c}"
    memory = _memory(program, form.memory, each.m)
    match op:
        case Op.MOVE:
            return f"{a} = {b}"
        case Op.TRUNC:
            return f"{a} = trunc.{kind} {b}"
        case Op.SEXT:
            return f"{a} = sext.{kind}.{memory} {b}"
        case Op.SELECT:
            return f"{a} = {b} ? {c} : {e}"
        case Op.LOAD:
            return f"{a} = load.{kind} {memory}{_place(b, each.b, each.d)}"
        case Op.STORE:
            return f"store.{kind} {memory}{_place(b, each.b, each.d)} = {a}"
        case Op.FILL:
            return f"fill {memory}{_place(b, each.b, each.d)} from {a}, {c} bytes, at most {each.x}"
        case Op.READ:
            return f"{a} = read.{kind} {b}"
        case Op.ROW:
            return f"{a} = row {memory}[{b}]"
        case Op.SEARCH:
            return f"{a} = search {memory}, {b}"
        case Op.GET:
            return f"{a} = get {memory}[{b}], else {c}"
        case Op.PUT:
            return f"{a} = put {memory}[{b}] = {c}"
        case Op.DELETE:
            return f"delete {memory}[{b}]"
        case Op.CLOCK:
            return f"{a} = clock"
        case Op.BEGIN:
            return f"{a} = begin {memory}"
        case Op.RESERVE:
            return f"{a} = reserve {memory}, {b} bytes, at most {each.x}"
        case Op.SET:
            return f"set.{kind} {a}{_place(b, each.b, each.d)} = {c}"
        case Op.PEEK:
            return f"{a} = peek.{kind} {b}{_place(c, each.c, each.d)}"
        case Op.COPY:
            return f"copy {a}{_place(b, each.b, each.d)} from {c}, {e} bytes, at most {each.x}"
        case _:
            return _control(program, op, each, (a, b, c))


def _control(program: Bytecode, op: Op, each: Instruction, registers: tuple[str, str, str]) -> str:
    a, b, c = registers
    match op:
        case Op.JUMP:
            return f"go on at {each.x}"
        case Op.IF:
            return f"if {b}, at {each.x}"
        case Op.UNLESS:
            return f"unless {b}, at {each.x}"
        case Op.CASE:
            return f"unless {b} == {each.d:#x}, at {each.x}"
        case Op.LOOP:
            return f"loop {a}, {c} = {b}, at most {each.d}; then at {each.x}"
        case Op.NEXT:
            return f"next {a}, {c}, at most {each.d}; at {each.x}"
        case Op.CALL:
            callee = program.functions[each.x]
            arguments = f"{b}, {callee.parameters} registers" if callee.parameters else ""
            return f"{'' if each.a == NONE else f'{a} = '}call {callee.name}({arguments})"
        case Op.RETURN:
            return "return" if each.a == NONE else f"return {a}"
        case _:
            return f"raise {each.x}, {b}"


def _register(function: Function, register: int) -> str:
    """A variable's name, or a constant."""
    if register < function.variables:
        return f"r{register}"
    number = register - function.variables
    return f"{function.constants[number]:#x}" if number < len(function.constants) else "none"


def _memory(program: Bytecode, memory: Memory | None, number: int) -> str:
    match memory:
        case Memory.BUFFER:
            return program.buffers[number].name
        case Memory.COLUMN:
            return program.columns[number].name
        case Memory.DICT:
            return program.dicts[number].name
        case Memory.STREAM:
            return program.streams[number].name
        case Memory.KIND:
            return KINDS[number].value
        case None:
            return ""


def _place(offset: str, register: int, constant: int) -> str:
    if register == NONE:
        return f"[{constant}]"
    return f"[{offset} + {constant}]" if constant else f"[{offset}]"
