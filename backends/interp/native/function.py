"""The text of one function: its blocks, where control goes, and where faults do."""

from __future__ import annotations

from collections.abc import Sequence

from sey.backends.interp.format import Bytecode, Function
from sey.backends.interp.native.access import TRAP, Access, Memories
from sey.backends.interp.native.context import Trap, Word
from sey.backends.interp.native.numbers import compute
from sey.backends.interp.native.writer import RESULT, UNLIKELY, Writer
from sey.backends.interp.ops import FORMS, NONE, Instruction, Op
from sey.backends.interp.state import innermost

MAY_FAULT = (Op.FILL, Op.READ, Op.BEGIN, Op.RESERVE, Op.SET, Op.PEEK, Op.COPY, Op.CALL, Op.RAISE)
"""Instructions that may end in a fault, or end the run."""
_ENDS = (Op.JUMP, Op.RETURN, Op.RAISE)


def function_text(memories: Memories, number: int) -> list[str]:
    """The lines of a function of a verified program."""
    return _Body(memories, number).lines()


def used_variables(program: Bytecode, function: Function) -> Sequence[int]:
    """The variables that a function names, in ascending order."""
    used = {register for handler in function.handlers for register in (handler.code, handler.detail)}
    for each in function.code:
        op = Op(each.op)
        if op is Op.CALL:
            used.add(each.a)
            used.update(range(each.b, each.b + program.functions[each.x].parameters))
        else:
            form = FORMS[op]
            used.update(getattr(each, name) for name in form.writes + form.reads)
    return sorted(register for register in used if register < function.variables)


class _Body:
    def __init__(self, memories: Memories, number: int) -> None:
        self._program, self._number = memories.program, number
        self._function: Function = self._program.functions[number]
        self._text = Writer(self._function)
        self._access = Access(self._text, memories, self._fail)
        self._handlers = innermost(self._function)
        self._at = 0

    def lines(self) -> list[str]:
        text, function = self._text, self._function
        self._head()
        starts = _starts(function)
        for self._at, each in enumerate(function.code):
            if self._at in starts:
                if self._at and function.code[self._at - 1].op not in _ENDS:
                    text.go(f"i{self._at}")
                text.block(f"i{self._at}")
            self._instruction(Op(each.op), each)
        self._tail()
        return text.lines

    def _head(self) -> None:
        text, function = self._text, self._function
        parameters = "".join(f", i64 %p{n}" for n in range(function.parameters))
        text.add(f"define internal {RESULT} @f{self._number}(ptr noalias %ctx{parameters}) #0 {{")
        text.block("start")
        used = used_variables(self._program, function)
        for register in used:
            text.add(f"  %r{register} = alloca i64")
        for register in used:
            text.set(register, f"%p{register}" if register < function.parameters else "0")
        for name, word in (("buffers", Word.BUFFERS), ("output", Word.OUTPUT)):
            text.add(f"  %{name}.place = getelementptr i64, ptr %ctx, i64 {int(word)}")
            text.add(f"  %{name} = load ptr, ptr %{name}.place, !invariant.load !0")
        self._turn("i0")

    def _tail(self) -> None:
        text = self._text
        text.block("outside")
        text.add(f"  store i64 {int(Trap.OUTSIDE)}, ptr {text.word(Word.TRAP)}")
        text.go(TRAP)
        text.block(TRAP)
        text.add(f"  ret {RESULT} {{ i64 2, i64 0 }}")
        text.add("}")

    def _turn(self, then: str) -> None:
        """Count a turn, look at the clock now and then, and go on."""
        text = self._text
        place = text.word(Word.TURNS)
        left = text.value(f"sub i64 {text.value(f'load i64, ptr {place}, !tbaa !4')}, 1")
        text.add(f"  store i64 {left}, ptr {place}, !tbaa !4")
        look = text.name()
        text.branch(text.value(f"icmp sge i64 {left}, 0"), then, look, UNLIKELY)
        text.block(look)
        text.branch(text.value("call i1 @look(ptr %ctx)"), TRAP, then)

    # Faults

    def _fail(self, name: str, code: int | str, detail: str) -> None:
        """A block for a fault of the instruction at hand."""
        text = self._text
        text.block(name)
        handler = self._handlers[self._at]
        if handler is None:
            text.add(f"  store i64 {code}, ptr {text.word(Word.FAULT_CODE)}")
            text.add(f"  store i64 {detail}, ptr {text.word(Word.FAULT_DETAIL)}")
            text.add(f"  ret {RESULT} {{ i64 1, i64 0 }}")
            return
        text.set(handler.code, str(code))
        text.set(handler.detail, detail)
        text.go(f"i{handler.target}")

    # Control

    def _instruction(self, op: Op, each: Instruction) -> None:
        if op < Op.LOAD:
            compute(self._text, op, each)
        elif op < Op.JUMP:
            self._access.write(op, each)
        elif op is Op.CALL:
            self._call(each)
        elif op in (Op.LOOP, Op.NEXT):
            self._loop(op, each)
        else:
            self._jump(op, each)

    def _jump(self, op: Op, each: Instruction) -> None:
        text, following = self._text, f"i{self._at + 1}"
        match op:
            case Op.JUMP:
                text.go(f"i{each.x}")
            case Op.IF | Op.UNLESS | Op.CASE:
                value = each.d if op is Op.CASE else 0
                relation = "eq" if op is Op.UNLESS else "ne"
                holds = text.value(f"icmp {relation} i64 {text.register(each.b)}, {value}")
                text.branch(holds, f"i{each.x}", following)
            case Op.RETURN:
                result = "0" if each.a == NONE else text.register(each.a)
                text.add(f"  ret {RESULT} {text.value(f'insertvalue {RESULT} zeroinitializer, i64 {result}, 1')}")
            case _:
                detail, raised = text.register(each.b), text.name()
                text.go(raised)
                self._fail(raised, each.x, detail)

    def _loop(self, op: Op, each: Instruction) -> None:
        text, following = self._text, f"i{self._at + 1}"
        if op is Op.LOOP:
            bound = text.value(f"call i64 @llvm.umin.i64(i64 {text.register(each.b)}, i64 {each.d})")
            text.set(each.a, "0")
            text.set(each.c, bound)
            text.branch(text.value(f"icmp eq i64 {bound}, 0"), f"i{each.x}", following)
            return
        counted = text.name()
        self._turn(counted)
        text.block(counted)
        index = text.value(f"add i64 {text.register(each.a)}, 1")
        text.set(each.a, index)
        limit = text.value(f"call i64 @llvm.umin.i64(i64 {text.register(each.c)}, i64 {each.d})")
        text.branch(text.value(f"icmp ult i64 {index}, {limit}"), f"i{each.x}", following)

    def _call(self, each: Instruction) -> None:
        text = self._text
        callee = self._program.functions[each.x]
        arguments = "".join(f", i64 {text.register(each.b + n)}" for n in range(callee.parameters))
        result = text.value(f"call {RESULT} @f{each.x}(ptr %ctx{arguments})")
        status = text.value(f"extractvalue {RESULT} {result}, 0")
        on, bad = text.name(), text.name()
        text.branch(text.value(f"icmp eq i64 {status}, 0"), on, bad, UNLIKELY)
        text.block(bad)
        self._passed_on(result, status)
        text.block(on)
        if each.a != NONE:
            text.set(each.a, text.value(f"extractvalue {RESULT} {result}, 1"))

    def _passed_on(self, result: str, status: str) -> None:
        """A callee's fault is one of the call; a run that is ended ends here too."""
        text = self._text
        if self._handlers[self._at] is None:
            text.add(f"  ret {RESULT} {result}")
            return
        fault, caught = text.name(), text.name()
        text.branch(text.value(f"icmp eq i64 {status}, 1"), fault, TRAP)
        text.block(fault)
        code = text.value(f"load i64, ptr {text.word(Word.FAULT_CODE)}")
        detail = text.value(f"load i64, ptr {text.word(Word.FAULT_DETAIL)}")
        text.go(caught)
        self._fail(caught, code, detail)


def _starts(function: Function) -> set[int]:
    """Instructions that a block starts with."""
    starts = {0} | {handler.target for handler in function.handlers}
    for at, each in enumerate(function.code):
        op = Op(each.op)
        if FORMS[op].x == "target":
            starts.add(each.x)
        if FORMS[op].x == "target" or op in _ENDS:
            starts.add(at + 1)
    return starts
