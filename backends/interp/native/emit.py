"""A verified program as LLVM's text."""

from __future__ import annotations

import functools
from importlib.resources import files
from string import Template

from sey.backends.interp.format import Bytecode
from sey.backends.interp.native import context
from sey.backends.interp.native.access import Memories
from sey.backends.interp.native.function import function_text
from sey.backends.interp.native.writer import RESULT


def module_text(program: Bytecode) -> str:
    """The text: functions `run` (of the context, gives a status) and `fill` for the host, all else internal."""
    memories = Memories.of(program)
    lines = [_runtime()]
    for number in range(len(program.functions)):
        lines += function_text(memories, number)
    lines += _entry(len(program.functions) - 1)
    lines += _metadata(len(program.buffers))
    return "\n".join(lines) + "\n"


@functools.cache
def _runtime() -> str:
    folder = files("sey.backends.interp.native")
    numbers = {word.name: int(word) for word in context.Word}
    numbers |= {f"TRAP_{trap.name}": int(trap) for trap in context.Trap}
    numbers |= {
        "TURNS_A_LOOK": context.TURNS,
        "PAGE_SHIFT": 64 - context.PAGE_SLOTS_LOG2,
        "PAGE_MASK": (1 << context.PAGE_SLOTS_LOG2) - 1,
        "NEIGHBOURS_LOG2": context.NEIGHBOURS_LOG2,
        "NEIGHBOURS": 1 << context.NEIGHBOURS_LOG2,
        "RING_PAGES": context.RING_PAGES,
        "RING_BYTES": 8 * context.RING_PAGES,
        "BLOCK": context.BLOCK,
        "BLOCK_LAST": context.BLOCK - 1,
        "TABLE_BYTES": 16 << context.PAGE_SLOTS_LOG2,
        "PAGE_LIMIT": context.PAGE_LIMIT,
    }
    search = Template(folder.joinpath("search.ll").read_text())
    texts = [Template(folder.joinpath("runtime.ll").read_text()).substitute(numbers)]
    for bits in (8, 16, 32, 64):
        widen = f"zext i{bits} %value to i64" if bits < 64 else "add i64 %value, 0"
        texts.append(search.substitute(BITS=bits, WIDEN=widen))
    return "\n".join(texts)


def _entry(main: int) -> list[str]:
    return [
        "define i64 @run(ptr noalias %ctx) #0 {",
        f"  %result = call {RESULT} @f{main}(ptr %ctx)",
        f"  %status = extractvalue {RESULT} %result, 0",
        "  ret i64 %status",
        "}",
    ]


def _metadata(buffers: int) -> list[str]:
    """Which memories can't be the same: buffers (!101, !103, …), output (!2), tables (!3), the context (!4)."""
    lines = [
        'attributes #0 = { nounwind "probe-stack"="inline-asm" }',
        "!0 = !{}",
        '!1 = !{!"branch_weights", i32 2000, i32 1}',
        "!2 = !{!5, !5, i64 0}",
        "!3 = !{!6, !6, i64 0}",
        "!4 = !{!7, !7, i64 0}",
        '!5 = !{!"output", !8, i64 0}',
        '!6 = !{!"tables", !8, i64 0}',
        '!7 = !{!"context", !8, i64 0}',
        '!8 = !{!"memories"}',
    ]
    for number in range(buffers):
        at = 100 + 2 * number
        lines += [f'!{at} = !{{!"buffer {number}", !8, i64 0}}', f"!{at + 1} = !{{!{at}, !{at}, i64 0}}"]
    return lines
