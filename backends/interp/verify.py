"""The loader's checks: what they accept ends, and reaches nothing but its own memories and the target.

`spec/bytecode.md` §5 has the rules. They are about each instruction by itself and about where jumps lead, so that any
machine can make them in one pass.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from sey.backends.interp.errors import bad
from sey.backends.interp.format import Bytecode, Column, Function, Handler
from sey.backends.interp.ops import FORMS, I64, KINDS, NONE, Form, Instruction, Memory, Op
from sey.ir.nodes import FAULT_USER, MAX_RECORD_BYTES

MAX_LOOP = 1 << 23
MAX_FILL = 1 << 23
MAX_BUFFER = 1 << 29
MAX_MEMORY = 1 << 30
"""All buffers together, slack included."""
MAX_DICT = 1 << 26
MAX_COUNT = 0xFFFF
"""Memories of each kind, and functions."""
MAX_DEPTH = 64
"""Functions within each other, the first one counted."""
MAX_REGISTERS = 0xFFF0

MAX_LOOPS = 64
"""Loops within loops."""

_ENDS = (Op.JUMP, Op.RETURN, Op.RAISE)
"""What the last instruction of a function may be."""


@dataclass(frozen=True)
class _Loop:
    """A loop: its `LOOP` at `head`, its `NEXT` before `exit`, and the registers that nothing else may write.

    `parent`: the number of the loop around it, -1 where there is none.
    """

    head: int
    exit: int
    index: int
    bound: int
    parent: int


class _Unsound(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, place: str, reason: str) -> None:
        super().__init__(reason)
        self.place, self.reason = place, reason


def verify(path: str, program: Bytecode) -> None:
    """Raise SeyError (SEY0770) where a machine must not run the program; `path` is for the message."""
    found = problem_of(program)
    if found:
        raise bad(path, *found)


def problem_of(program: Bytecode) -> tuple[str, str] | None:
    """Where and why a machine must not run the program, if so."""
    try:
        _memories(program)
        _functions(program)
    except _Unsound as problem:
        return problem.place, problem.reason
    return None


# Memories


def _memories(program: Bytecode) -> None:
    for kind, memories in (
        ("buffer", program.buffers),
        ("column", program.columns),
        ("dict", program.dicts),
        ("stream", program.streams),
    ):
        names = [memory.name for memory in memories]
        _expect(len(names) <= MAX_COUNT, f"the {kind}s", "there are too many")
        _expect(len(set(names)) == len(names), f"the {kind}s", "two have the same name")
    for buffer in program.buffers:
        sound = 8 <= buffer.size <= MAX_BUFFER and not buffer.size & (buffer.size - 1) and buffer.slack <= MAX_BUFFER
        _expect(sound, f"buffer {buffer.name}", f"no size {buffer.size} with slack {buffer.slack}")
    total = sum(buffer.size + buffer.slack for buffer in program.buffers)
    _expect(total <= MAX_MEMORY, "the buffers", f"{total} bytes in all are more than {MAX_MEMORY}")
    for column in program.columns:
        _column(column)
    for each in program.dicts:
        _expect(1 <= each.capacity <= MAX_DICT, f"dict {each.name}", f"no capacity {each.capacity}")
    for stream in program.streams:
        sound = stream.size <= MAX_RECORD_BYTES and stream.size % 8 == 0
        _expect(sound, f"stream {stream.name}", f"no size {stream.size}")


def _column(column: Column) -> None:
    place = f"column {column.name}"
    if column.kind == 0:
        _expect(max(column.data) <= 1, place, "a value is neither 0 nor 1")
    if column.sorted:
        values = values_of(column)
        ascends = all(a <= b for a, b in itertools.pairwise(values))
        _expect(ascends, place, "it is called sorted and isn't")


def values_of(column: Column) -> Sequence[int]:
    """The values of a column, unsigned."""
    view = memoryview(column.data)
    match column.kind:
        case 2:
            return view.cast("H")
        case 3:
            return view.cast("I")
        case 4:
            return view.cast("Q")
        case _:
            return view


# Functions


def _functions(program: Bytecode) -> None:
    _expect(bool(program.functions), "the functions", "there is none")
    _expect(len(program.functions) <= MAX_COUNT, "the functions", "there are too many")
    depth: list[int] = []
    for number, function in enumerate(program.functions):
        depth.append(_Checker(program, number, depth).check())
        _expect(depth[-1] <= MAX_DEPTH, f"function {function.name}", f"calls go more than {MAX_DEPTH} deep")
    main = program.functions[-1]
    _expect(not main.parameters and not main.result, f"function {main.name}", "the last has no parameters or result")


class _Checker:
    """Checks one function. `depth`: how deep the functions before it call."""

    def __init__(self, program: Bytecode, number: int, depth: Sequence[int]) -> None:
        self._program, self._number, self._depth = program, number, depth
        self._function: Function = program.functions[number]
        self._registers = self._function.variables + len(self._function.constants)
        self._deepest = 0
        self._at = 0
        self._found: list[_Loop] = []

    def check(self) -> int:
        """How deep the function calls, itself counted."""
        function = self._function
        self._require(self._registers <= MAX_REGISTERS, f"it has more than {MAX_REGISTERS} registers")
        self._require(function.parameters <= function.variables, "it has more parameters than registers")
        self._require(bool(function.code), "it has no code")
        for self._at, each in enumerate(function.code):
            self._instruction(each)
        self._require(function.code[-1].op in _ENDS, "it runs past its end")
        self._flow()
        return self._deepest + 1

    def _require(self, sound: bool, reason: str) -> None:
        _expect(sound, f"function {self._function.name}, instruction {self._at}", reason)

    def _instruction(self, each: Instruction) -> None:
        try:
            form = FORMS[Op(each.op)]
        except ValueError:
            raise _Unsound(
                f"function {self._function.name}, instruction {self._at}", f"no operation {each.op}"
            ) from None
        self._fields(each, form)
        self._kind(each, form)
        if form.memory is not None:
            self._memory(each, form.memory)
        self._numbers(each, form)

    def _fields(self, each: Instruction, form: Form) -> None:
        for name in "abce":
            register: int = getattr(each, name)
            if name in form.optional and register == NONE:
                continue
            if name in form.writes:
                self._require(register < self._function.variables, f"{name}: register {register} can't be written")
            elif name in form.reads and Op(each.op) is not Op.CALL:
                self._require(register < self._registers, f"{name}: there is no register {register}")
            elif name not in form.reads:
                self._require(register == 0, f"{name} is not used and not 0")
        self._require(form.memory is not None or each.m == 0, "m is not used and not 0")
        self._require(bool(form.x) or each.x == 0, "x is not used and not 0")
        self._require(bool(form.d) or each.d == 0, "d is not used and not 0")

    def _kind(self, each: Instruction, form: Form) -> None:
        if len(form.kinds) == 0:
            self._require(each.kind == 0, "its kind is not used and not 0")
        else:
            self._require(each.kind in form.kinds, f"it has no kind {each.kind}")

    def _memory(self, each: Instruction, memory: Memory) -> None:
        program = self._program
        match memory:
            case Memory.BUFFER:
                self._numbered(each.m, program.buffers, "buffer")
                self._place(each)
            case Memory.COLUMN:
                self._numbered(each.m, program.columns, "column")
                if each.op == Op.SEARCH:
                    self._require(program.columns[each.m].sorted, "the column is not sorted")
            case Memory.DICT:
                self._numbered(each.m, program.dicts, "dict")
            case Memory.STREAM:
                self._numbered(each.m, program.streams, "stream")
                sized = program.streams[each.m].size > 0
                self._require(sized == (each.op == Op.BEGIN), "the stream has records of another sort")
            case Memory.KIND:
                self._require(each.kind < each.m <= I64, f"it doesn't widen to kind {each.m}")

    def _numbered(self, number: int, memories: Sequence[object], kind: str) -> None:
        self._require(number < len(memories), f"there is no {kind} {number}")

    def _place(self, each: Instruction) -> None:
        """What is reached of a buffer lies in it, whatever the offset."""
        buffer = self._program.buffers[each.m]
        if each.op == Op.FILL:
            self._require(each.x <= MAX_FILL, f"no limit {each.x}")
        length = each.x if each.op == Op.FILL else KINDS[each.kind].bytes
        furthest = each.d + length + (0 if each.b == NONE else buffer.size - 1)
        self._require(furthest <= buffer.size + buffer.slack, f"it reaches behind buffer {buffer.name}")

    def _numbers(self, each: Instruction, form: Form) -> None:
        """The fields x and d."""
        match form.x:
            case "target":
                self._require(each.x < len(self._function.code), f"it jumps to {each.x}, outside of the function")
            case "function":
                self._call(each)
            case "code":
                self._require(each.x >= FAULT_USER, f"faults below {FAULT_USER} can't be raised")
            case "limit" if each.op != Op.FILL:
                self._require(each.x <= MAX_RECORD_BYTES, f"no limit {each.x}")
        if form.d == "place" and form.memory is not Memory.BUFFER:
            self._require(each.d <= MAX_RECORD_BYTES, f"no place {each.d} in a record")
        if each.op == Op.LOOP:
            self._require(each.d <= MAX_LOOP, f"a loop of more than {MAX_LOOP} turns")
        if each.op == Op.RETURN:
            self._require((each.a != NONE) == self._function.result, "it returns no result, or one too many")

    def _call(self, each: Instruction) -> None:
        """Only functions before this one are called, so no call leads back."""
        self._require(each.x < self._number, f"function {each.x} doesn't come before the one that calls it")
        callee = self._program.functions[each.x]
        self._require(each.a == NONE or callee.result, "the function called has no result")
        self._require(each.b + callee.parameters <= self._registers, "there are no registers for the arguments")
        self._require(callee.parameters > 0 or each.b == 0, "b is not used and not 0")
        self._deepest = max(self._deepest, self._depth[each.x])

    # Where control goes

    def _flow(self) -> None:
        """Jumps and faults lead forward, but for the turns of loops, and into no loop but through its head."""
        function = self._function
        inside = self._loops()
        for self._at, each in enumerate(function.code):
            if each.op not in (Op.LOOP, Op.NEXT) and FORMS[Op(each.op)].x == "target":
                self._leads(self._at, each.x, inside)
        handled = -1
        for handler in function.handlers:
            self._at = handler.start
            self._handler(handler, inside)
            self._require(handler.start >= handled, "handlers are not in the order of their starts")
            handled = handler.start
        self._nested(function.handlers)

    def _loops(self) -> Sequence[int]:
        """For each instruction the number of the innermost loop whose body it is in, -1 outside.

        Loops nest, and each has its one `NEXT`. Nothing else in a body writes the registers that count its turns, nor
        does a handler that goes on there.
        """
        arriving: dict[int, set[int]] = {}
        for handler in self._function.handlers:
            arriving.setdefault(handler.target, set()).update((handler.code, handler.detail))
        code = self._function.code
        inside: list[int] = []
        current = -1
        counting: set[int] = set()
        for self._at, each in enumerate(code):
            inside.append(current)
            written = (register for name in FORMS[Op(each.op)].writes if (register := getattr(each, name)) != NONE)
            self._require(counting.isdisjoint(written), "it writes a register that counts the turns of a loop")
            if self._at in arriving:
                kept = counting.isdisjoint(arriving[self._at])
                self._require(kept, "a handler that goes on here writes a register that counts the turns of a loop")
            if each.op == Op.LOOP:
                self._found.append(self._loop(each, current, len(counting) // 2))
                counting |= {each.a, each.c}
                current = len(self._found) - 1
            if each.op == Op.NEXT:
                self._require(current >= 0 and self._found[current].exit == self._at + 1, "the end of no loop")
                loop = self._found[current]
                counting -= {loop.index, loop.bound}
                current = loop.parent
        self._require(current < 0, "a loop without an end")
        return inside

    def _loop(self, each: Instruction, parent: int, depth: int) -> _Loop:
        """The loop that begins at the place reached."""
        around = len(self._function.code) if parent < 0 else self._found[parent].exit
        self._require(self._at + 1 < each.x, "a loop without an end")
        self._require(each.x < around, "a loop that ends outside of the one around it")
        pair = Instruction(Op.NEXT, a=each.a, c=each.c, x=self._at + 1, d=each.d)
        self._require(self._function.code[each.x - 1] == pair, "the end of the loop doesn't match it")
        self._require(each.a != each.c, "index and bound share a register")
        self._require(depth < MAX_LOOPS, f"more than {MAX_LOOPS} loops within each other")
        return _Loop(self._at, each.x, each.a, each.c, parent)

    def _leads(self, source: int, target: int, inside: Sequence[int]) -> None:
        self._require(target > source, f"it jumps back to {target}")
        loop = inside[target]
        self._require(loop < 0 or self._found[loop].head < source, f"it jumps into a loop, to {target}")

    def _handler(self, handler: Handler, inside: Sequence[int]) -> None:
        size = len(self._function.code)
        self._require(handler.start < handler.end <= handler.target < size, "a handler is not behind what it is for")
        for register in (handler.code, handler.detail):
            self._require(register < self._function.variables, f"register {register} can't be written")
        for source in (handler.start, handler.end - 1):
            self._leads(source, handler.target, inside)

    def _nested(self, handlers: Sequence[Handler]) -> None:
        """Of two that overlap one lies in the other; the inner one is listed later."""
        open_: list[Handler] = []
        for each in handlers:
            self._at = each.start
            while open_ and open_[-1].end <= each.start:
                open_.pop()
            self._require(not open_ or each.end <= open_[-1].end, "handlers overlap")
            open_.append(each)


def _expect(sound: bool, place: str, reason: str) -> None:
    if not sound:
        raise _Unsound(place, reason)
