"""Instructions on memories, the target and output (`spec/bytecode.md` §3.2, §3.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sey.backends.interp.format import Bytecode
from sey.backends.interp.native.context import DICT_WORDS, STREAM_WORDS, Layout, Word
from sey.backends.interp.native.writer import RESULT, UNLIKELY, Writer
from sey.backends.interp.ops import KINDS, NONE, Instruction, Op
from sey.ir.nodes import FAULT_FULL, FAULT_READ, MAX_RECORD_BYTES, PAGE_BYTES, PAGE_HEADER_BYTES

Fail = Callable[[str, int | str, str], None]
"""What follows in the block that is to be: by a name, with a fault of a code and a detail."""
TRAP = "trap"
"""The block that ends the run."""


@dataclass(frozen=True)
class Memories:
    """Where the memories of a program are."""

    program: Bytecode
    layout: Layout
    buffers: Sequence[int]

    @classmethod
    def of(cls, program: Bytecode) -> Memories:
        """Those of a program."""
        layout = Layout(program)
        return cls(program, layout, tuple(layout.buffers()))


class Access:
    """Writes such instructions into a function. `fail` ends a block with a fault."""

    def __init__(self, text: Writer, memories: Memories, fail: Fail) -> None:
        self._text, self._memories, self._fail = text, memories, fail

    def write(self, op: Op, each: Instruction) -> None:
        """One instruction."""
        match op:
            case Op.LOAD | Op.STORE | Op.FILL:
                self._buffer(op, each)
            case Op.READ:
                self._read(each)
            case Op.ROW:
                self._row(each)
            case Op.SEARCH:
                self._search(each)
            case Op.GET | Op.PUT | Op.DELETE:
                self._dict(op, each)
            case Op.CLOCK:
                self._clock(each)
            case Op.BEGIN | Op.RESERVE:
                self._claim(op, each)
            case _:
                self._record(op, each)

    # Buffers and the target

    def _buffer(self, op: Op, each: Instruction) -> None:
        text = self._text
        place, tag = self._place(each), f", !tbaa !{_buffer_tag(each.m)}"
        match op:
            case Op.LOAD:
                text.set(each.a, text.load(each.kind, place, tag))
            case Op.STORE:
                text.store(each.kind, place, text.register(each.a), tag)
            case _:
                address = text.register(each.a)
                self._copy(place, address, self._least(text.register(each.c), each.x))

    def _place(self, each: Instruction) -> str:
        text = self._text
        start = self._memories.buffers[each.m] + each.d
        offset = text.optional(each.b)
        if offset is None:
            return text.value(f"getelementptr i8, ptr %buffers, i64 {start}")
        wrapped = text.value(f"and i64 {offset}, {self._memories.program.buffers[each.m].size - 1}")
        base = text.value(f"getelementptr i8, ptr %buffers, i64 {start}")
        return text.value(f"getelementptr i8, ptr {base}, i64 {wrapped}")

    def _least(self, value: str, limit: int) -> str:
        return self._text.value(f"call i64 @llvm.umin.i64(i64 {value}, i64 {limit})")

    def _copy(self, place: str, address: str, length: str) -> None:
        status = self._text.value(f"call i64 @copy(ptr %ctx, ptr {place}, i64 {address}, i64 {length})")
        self._check(status, address)

    def _check(self, status: str, address: str) -> None:
        """Go on where all is well."""
        text = self._text
        on, bad, fault = text.name(), text.name(), text.name()
        text.branch(text.value(f"icmp eq i64 {status}, 0"), on, bad, UNLIKELY)
        text.block(bad)
        text.branch(text.value(f"icmp eq i64 {status}, 1"), fault, TRAP)
        self._fail(fault, FAULT_READ, address)
        text.block(on)

    def _read(self, each: Instruction) -> None:
        text = self._text
        address = text.register(each.b)
        result = text.value(f"call {RESULT} @read(ptr %ctx, i64 {address}, i64 {KINDS[each.kind].bytes})")
        self._check(text.value(f"extractvalue {RESULT} {result}, 0"), address)
        value = text.value(f"extractvalue {RESULT} {result}, 1")
        text.set(each.a, text.low(0, value) if each.kind == 0 else value)

    def _clock(self, each: Instruction) -> None:
        text = self._text
        result = text.value(f"call {RESULT} @clock(ptr %ctx)")
        on = text.name()
        good = text.value(f"icmp eq i64 {text.value(f'extractvalue {RESULT} {result}, 0')}, 0")
        text.branch(good, on, TRAP, UNLIKELY)
        text.block(on)
        text.set(each.a, text.value(f"extractvalue {RESULT} {result}, 1"))

    # Tables and dicts

    def _column(self, number: int) -> str:
        return self._text.value(f"load ptr, ptr {self._text.word(self._memories.layout.columns + number)}")

    def _row(self, each: Instruction) -> None:
        text = self._text
        column = self._memories.program.columns[each.m]
        rounded = 1 << (column.rows - 1).bit_length()
        row = text.value(f"and i64 {text.register(each.b)}, {rounded - 1}")
        there = text.value(f"icmp ult i64 {row}, {column.rows}")
        at = text.value(f"select i1 {there}, i64 {row}, i64 0")
        width = KINDS[column.kind].bytes * 8
        place = text.value(f"getelementptr i{width}, ptr {self._column(each.m)}, i64 {at}")
        value = text.load(column.kind, place, ", !tbaa !3")
        text.set(each.a, text.value(f"select i1 {there}, i64 {value}, i64 0"))

    def _search(self, each: Instruction) -> None:
        text = self._text
        column = self._memories.program.columns[each.m]
        width = KINDS[column.kind].bytes * 8
        values, key = self._column(each.m), text.register(each.b)
        text.set(each.a, text.value(f"call i64 @search{width}(ptr {values}, i64 {column.rows}, i64 {key})"))

    def _dict(self, op: Op, each: Instruction) -> None:
        text = self._text
        which = text.word(self._memories.layout.dicts + each.m * DICT_WORDS)
        arguments = f"ptr %ctx, ptr {which}, i64 {text.register(each.b)}"
        if op is Op.DELETE:
            text.add(f"  call void @delete({arguments})")
        else:
            function = "get" if op is Op.GET else "put"
            text.set(each.a, text.value(f"call i64 @{function}({arguments}, i64 {text.register(each.c)})"))

    # Output

    def _claim(self, op: Op, each: Instruction) -> None:
        text = self._text
        size = str(self._memories.program.streams[each.m].size)
        if op is Op.RESERVE:
            wanted = text.value(f"add i64 {self._least(text.register(each.b), each.x)}, 7")
            rounded = text.value(f"and i64 {wanted}, -8")
            size = text.value(f"call i64 @llvm.umax.i64(i64 {rounded}, i64 8)")
        stream = text.word(self._memories.layout.streams + each.m * STREAM_WORDS)
        position = text.value(f"call i64 @claim(ptr %ctx, ptr {stream}, i32 {each.m + 1}, i64 {size})")
        on, full = text.name(), text.name()
        text.branch(text.value(f"icmp ne i64 {position}, -1"), on, full, UNLIKELY)
        self._fail(full, FAULT_FULL, "0")
        text.block(on)
        text.set(each.a, position)

    def _record(self, op: Op, each: Instruction) -> None:
        text = self._text
        tag = ", !tbaa !2"
        width = str(KINDS[each.kind].bytes)
        match op:
            case Op.SET:
                place = self._inside(each.a, each.b, each.d, width)
                text.store(each.kind, place, text.register(each.c), tag)
            case Op.PEEK:
                place = self._inside(each.b, each.c, each.d, width)
                text.set(each.a, text.load(each.kind, place, tag))
            case _:
                length = self._least(text.register(each.e), each.x)
                place = self._inside(each.a, each.b, each.d, length)
                self._copy(place, text.register(each.c), length)

    def _inside(self, record: int, offset: int, place: int, length: str) -> str:
        """Where so many bytes of a record are; the run ends where they aren't in claimed output."""
        text = self._text
        position = text.register(record)
        start = text.value(f"and i64 {position}, {PAGE_BYTES - 1}")
        behind = str(place)
        if offset != NONE:
            wrapped = text.value(f"and i64 {text.register(offset)}, {MAX_RECORD_BYTES - 1}")
            behind = text.value(f"add i64 {wrapped}, {place}")
        end = text.value(f"add i64 {text.value(f'add i64 {start}, {behind}')}, {length}")
        claimed = text.value(f"load i64, ptr {text.word(Word.CLAIMED)}, !tbaa !4")
        checks = (
            text.value(f"icmp ult i64 {position}, {claimed}"),
            text.value(f"icmp uge i64 {start}, {PAGE_HEADER_BYTES}"),
            text.value(f"icmp ule i64 {end}, {PAGE_BYTES}"),
        )
        sound = text.value(f"and i1 {text.value(f'and i1 {checks[0]}, {checks[1]}')}, {checks[2]}")
        on, outside = text.name(), "outside"
        text.branch(sound, on, outside, UNLIKELY)
        text.block(on)
        at = text.value(f"add i64 {position}, {behind}")
        return text.value(f"getelementptr i8, ptr %output, i64 {at}")


def _buffer_tag(number: int) -> int:
    return 100 + 2 * number + 1
