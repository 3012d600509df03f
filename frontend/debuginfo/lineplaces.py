"""The instructions to probe for a line: where its statements begin, each run of the line being met once, as far as
the code tells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from sey.binary.pclntab import PclnTab
from sey.frontend.debuginfo import uprobes
from sey.frontend.debuginfo.entries import NO_INSTRUCTIONS, entry_of, prologue
from sey.frontend.debuginfo.machinecode import Code, Instruction
from sey.frontend.debuginfo.model import Range

_NO_INSTRUCTION = "its debug information names places where no instruction begins"
_NO_FRAME = "the function table doesn't say where its frame is at this line"
_REFUSED = "the kernel takes no probe at the instruction where the line begins ({0})"


@dataclass(frozen=True)
class Statements:
    """Where statements begin in a body, which has its code in `ranges`: of one line, and of each line."""

    ranges: Sequence[Range]
    line: Sequence[int]
    lines: Iterable[Sequence[int]]


def line_instructions(code: Code, table: PclnTab, of: Statements) -> list[Instruction] | str:
    """The instructions for the statements of the line, ascending, or why there are none. Raises SeyError."""
    if code.undecoded is not None:
        return NO_INSTRUCTIONS
    found = _called_once(code, table, of.line)
    if isinstance(found, str):
        return found
    elsewhere = {number for starts in of.lines for start in starts if (number := code.index(start)) is not None}
    elsewhere |= {n for n, i in enumerate(code.instructions) if not any(r.holds(i.address) for r in of.ranges)}
    kept = list[Instruction]()
    for number in found:
        instruction = code.instructions[number]
        if _goes_on(code, number, set(found), elsewhere):
            continue
        if uprobes.refused(instruction.code):
            return _REFUSED.format(instruction.mnemonic)
        if code.pcsp(instruction.address) < 0:
            return _NO_FRAME
        kept.append(instruction)
    return kept


def _called_once(code: Code, table: PclnTab, starts: Sequence[int]) -> list[int] | str:
    """The numbers of the instructions at `starts`; where the stack is checked, or grows, the entry instead."""
    twice, found = prologue(code, table), set[int]()
    for start in starts:
        if any(r.holds(start) for r in twice):
            entry = entry_of(code, table)
            if isinstance(entry, str):
                return entry
            start = entry.address
        number = code.index(start)
        if number is None:
            return _NO_INSTRUCTION
        found.add(number)
    return sorted(found)


def _goes_on(code: Code, number: int, line: Set[int], elsewhere: Set[int]) -> bool:
    """Whether whatever comes to an instruction at which a line's statement begins has been in the line before, without
    having been elsewhere since.

    `line` are the numbers of all such instructions, `elsewhere` those that begin a statement or are of other bodies.
    """
    pending, seen, before = [number], set[int](), code.before
    while pending:
        at = pending.pop()
        came = before.get(at)
        if at == 0 or not came:
            return False
        for other in came:
            if (other in line and other != number) or _never_runs(code, other):
                continue
            if other in elsewhere or other == number:
                return False
            if other not in seen:
                seen.add(other)
                pending.append(other)
    return True


def _never_runs(code: Code, number: int) -> bool:
    """Whether nothing leads to an instruction, which only aligns the next one, to which something jumps.

    Tables of addresses, and what a recovered panic goes on with, lead to places too, which no jump tells.
    """
    if number == 0 or code.instructions[number].mnemonic != "nop" or number in code.before:
        return False
    others = [other for other in code.before.get(number + 1, ()) if other != number]
    return bool(others) and all(jump.target is not None for jump in code.jumps)
