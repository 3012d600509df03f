"""The instruction of a function that each call runs once, with the arguments where the caller put them.

A function that may need more stack begins by comparing RSP with the goroutine's bound, and where it is too low calls
`runtime.morestack*` and *jumps back to its first instruction* (stacksplit in cmd/internal/obj/x86/obj6.go). So such a
function's first instruction may run twice for a call; the one behind the check does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sey.binary.pclntab import PclnTab
from sey.frontend.debuginfo import uprobes
from sey.frontend.debuginfo.machinecode import Code, Instruction
from sey.frontend.debuginfo.model import Range

_CHECKS = frozenset(("cmp", "lea", "mov", "sub", "jb", "jbe"))
"""What checks consist of: small frames compare RSP, larger ones R12 after `lea`, huge ones after `mov`, `sub`, `jb`;
assembly loads the goroutine first."""
_LONGEST_CHECK = 8
_MORESTACK = "runtime.morestack"
_ENTERED_INSIDE = frozenset(("runtime.duffzero", "runtime.duffcopy"))

LOOPS = "it may jump back to its first instruction, so a probe there would count more than calls"
ENTERED_INSIDE = "calls enter it in the middle"
NO_CODE = "it has no code"
NO_INSTRUCTIONS = "its code holds bytes that are no instructions"
REFUSED = "the kernel takes no probe at the instruction where it begins ({0})"
FRAME = "the function table says that its frame is there before it is set up"


def entry_of(code: Code, table: PclnTab) -> Instruction | str:
    """The instruction, or why there is none that will do. Raises SeyError."""
    if not code.instructions:
        return NO_CODE
    if code.undecoded is not None:
        return NO_INSTRUCTIONS
    if code.function.name in _ENTERED_INSIDE:
        return ENTERED_INSIDE
    found = code.instructions[_checked(code) if stack_growth(code, table) else 0]
    # A check that isn't understood leaves its jump back, which counts as a loop here.
    if any(code.jumps_to(found.address)):
        return LOOPS
    if code.pcsp(found.address) != 0:
        return FRAME
    if uprobes.refused(found.code):
        return REFUSED.format(found.mnemonic)
    return found


def lacks_goroutine(code: Code) -> bool:
    """Whether R14 may be another thing than the goroutine: in assembly, and in compiled code that assembly calls, whose
    check loads the goroutine first."""
    check = list(_check(code.instructions))
    loads = any(i.mnemonic == "mov" and " fs:[" in i.text for i in check)
    return code.assembly or loads


def prologue(code: Code, table: PclnTab) -> list[Range]:
    """Code that may run twice for one call, or only where the stack grows: the check, and what grows the stack."""
    growth = stack_growth(code, table)
    if growth is None:
        return []
    return [Range(code.function.entry, code.instructions[_checked(code)].address), growth]


def stack_growth(code: Code, table: PclnTab) -> Range | None:
    """The instructions that save arguments, call `morestack` and jump back; None where a function has none."""
    for jump in code.jumps_to(code.function.entry):
        last = code.index(jump.address)
        assert last is not None
        calls = (at for at in range(last - 1, -1, -1) if code.instructions[at].mnemonic == "call")
        call = next(calls, None)
        if call is None or not _grows(code.instructions[call], table):
            continue
        begins = {i.target for i in _check(code.instructions) if i.jumps}
        first = next((i.address for i in reversed(code.instructions[: call + 1]) if i.address in begins), None)
        if len(begins) == 1 and first is not None:
            return Range(first, jump.end)
    return None


def _grows(call: Instruction, table: PclnTab) -> bool:
    called = table.function_at(call.target) if call.target is not None else None
    return called is not None and called.name.startswith(_MORESTACK)


def _check(instructions: Sequence[Instruction]) -> Iterator[Instruction]:
    """The instructions at the beginning that may be of a check."""
    for instruction in instructions[:_LONGEST_CHECK]:
        if instruction.mnemonic not in _CHECKS:
            return
        yield instruction
        if instruction.mnemonic == "jbe":
            return


def _checked(code: Code) -> int:
    """The number of the instruction behind a check that is there."""
    return sum(1 for _ in _check(code.instructions))
