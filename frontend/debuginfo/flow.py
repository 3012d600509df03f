"""The flow of control in a function: runs of instructions that are passed whole, and which of them lead to which."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

from sey.binary.errors import SeyError
from sey.binary.pclntab import PclnTab
from sey.frontend.debuginfo.entries import stack_growth
from sey.frontend.debuginfo.fixed import is_branch, is_fixed
from sey.frontend.debuginfo.machinecode import Code, Instruction

_LEAVING = frozenset(("jmp", "ret", "ud2", "int3"))
_TABLE_JUMP = re.compile(r"qword ptr \[(\w+) \+ \w+\*8\]")
_TABLE_ADDRESS = re.compile(r"(\w+), \[rip ([+-]) (0x[0-9a-f]+|\d+)\]")
_MOST_CASES = 1 << 12
_WORD = 8
_ENDS_HERE = ("runtime.panic", "runtime.goPanic", "runtime.gopanic", "runtime.throw")
"""Runtime functions that the compiler knows not to return: it puts nothing behind calls of them."""
_BARRIERS = ("runtime.gcWriteBarrier", "gcWriteBarrier", "runtime.wbMove", "runtime.wbZero")
"""What stores of pointers do first while the garbage collector runs (`writebarrier.go`)."""
_RETURNS = frozenset(("runtime.panicCheck1", "runtime.panicCheck2"))


@dataclass(frozen=True)
class Flow:
    """Runs ("blocks") of a function's instructions, by number: block b holds those from `starts[b]` up to the next.

    `after[b]` are the blocks that may come next. Calls don't end a block, except those that never return.
    """

    code: Code
    starts: Sequence[int]
    after: Sequence[Sequence[int]]
    barriers: frozenset[int]
    """Blocks that hand pointers to the garbage collector while it runs, and do nothing else."""

    def block_of(self, instruction: int) -> int:
        """The block of an instruction, by number."""
        return bisect_right(self.starts, instruction) - 1

    def numbers(self, block: int) -> range:
        """The numbers of a block's instructions."""
        end = self.starts[block + 1] if block + 1 < len(self.starts) else len(self.code.instructions)
        return range(self.starts[block], end)

    def before(self, block: int) -> Sequence[int]:
        """The blocks that may come directly before one."""
        return self._leading.get(block, ())

    @cached_property
    def unreached(self) -> frozenset[int]:
        """Blocks that nothing in the function leads to: the runtime goes there after a recovered panic."""
        return frozenset(b for b in range(1, len(self.starts)) if b not in self._leading)

    @cached_property
    def fixed(self) -> frozenset[int]:
        """The numbers of the fixed instructions and branches (`fixed.py`), without what runs only for the garbage
        collector or after a recovered panic."""
        out = self.barriers | self.unreached
        numbers = (n for n, code in enumerate(self.code.instructions) if is_fixed(code) or is_branch(code))
        return frozenset(n for n in numbers if self.block_of(n) not in out)

    @cached_property
    def _leading(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for block, following in enumerate(self.after):
            for to in dict.fromkeys(following):
                found.setdefault(to, []).append(block)
        return found

    def dominates(self, first: int, other: int) -> bool:
        """Whether every way to block `other` passes block `first`."""
        while other > _ROOT and other != first:
            other = self._parents[other]
        return other == first

    def comes_back(self, block: int, ends: frozenset[int]) -> bool:
        """Whether a way leads from a block back to it that passes none of the blocks in `ends`."""
        pending, seen = [*self.after[block]], set[int]()
        while pending:
            at = pending.pop()
            if at == block:
                return True
            if at not in seen and at not in ends:
                seen.add(at)
                pending += self.after[at]
        return False

    @cached_property
    def _parents(self) -> Sequence[int]:
        """By block the last other one that every way to it passes, _ROOT where there is none.

        By K. Cooper, T. Harvey, K. Kennedy: A Simple, Fast Dominance Algorithm. Blocks that nothing leads to, as far as
        is known, count as beginnings, as the function's first.
        """
        roots = [0, *sorted(self.unreached)]
        order = list(_in_order(roots, self.after))
        rank = {block: i for i, block in enumerate(order)} | {_ROOT: -1}
        found = [_UNKNOWN] * len(self.starts)
        for block in roots:
            found[block] = _ROOT
        changed = True
        while changed:
            changed = False
            for block in order:
                if found[block] == _ROOT and block in roots:
                    continue
                known = [other for other in self.before(block) if found[other] != _UNKNOWN]
                new = reduce(lambda one, other: _meeting(found, rank, one, other), known)
                changed, found[block] = changed or found[block] != new, new
        return found


_ROOT, _UNKNOWN = -1, -2


def _meeting(found: Sequence[int], rank: dict[int, int], one: int, other: int) -> int:
    while one != other:
        if rank[one] > rank[other]:
            one = found[one]
        else:
            other = found[other]
    return one


def _in_order(roots: Sequence[int], after: Sequence[Sequence[int]]) -> Iterator[int]:
    """The blocks that roots lead to, each behind those that lead to it, but for loops."""
    done, order = set[int](), list[int]()
    for root in roots:
        pending = [(root, iter(after[root]))] if root not in done else []
        done.add(root)
        while pending:
            block, rest = pending[-1]
            to = next((to for to in rest if to not in done), None)
            if to is None:
                order.append(block)
                pending.pop()
            else:
                done.add(to)
                pending.append((to, iter(after[to])))
    return reversed(order)


def flow_of(code: Code, table: PclnTab) -> Flow | None:
    """The flow of a function's code, None where a jump isn't understood. Raises SeyError for damage in the file."""
    growth = stack_growth(code, table)
    leads: list[list[int]] = []
    for number, instruction in enumerate(code.instructions):
        if growth is not None and growth.holds(instruction.address):
            # The check is made again, and then passes: nothing of what follows it runs twice.
            leads.append([])
            continue
        to = _next(code, table, number, instruction)
        if to is None:
            return None
        leads.append(to)
    return _flow(code, table, leads)


def _flow(code: Code, table: PclnTab, leads: Sequence[Sequence[int]]) -> Flow:
    starts = {0}
    for number, to in enumerate(leads):
        if to != [number + 1]:
            starts |= {number + 1, *to}
    ordered = sorted(start for start in starts if start < len(leads))
    block = {start: i for i, start in enumerate(ordered)}
    ends = [*(start - 1 for start in ordered[1:]), len(leads) - 1]
    after = [[block[to] for to in leads[end] if to in block] for end in ends]
    barriers = {
        bisect_right(ordered, number) - 1
        for number, instruction in enumerate(code.instructions)
        if called(table, instruction).startswith(_BARRIERS)
    }
    return Flow(code, ordered, after, frozenset(barriers))


def called(table: PclnTab, instruction: Instruction) -> str:
    """The function that an instruction calls, empty where it is none or isn't known."""
    if instruction.mnemonic != "call" or instruction.target is None:
        return ""
    function = table.function_at(instruction.target)
    return function.name if function is not None and function.entry == instruction.target else ""


def _next(code: Code, table: PclnTab, number: int, instruction: Instruction) -> list[int] | None:
    """The numbers of the instructions of the function that may follow one; None where that isn't known."""
    if instruction.jumps:
        rest = [] if instruction.mnemonic == "jmp" else [number + 1]
        if instruction.target is None:
            return _table_cases(code, table, number, instruction)
        to = code.index(instruction.target)
        return rest if to is None else [*rest, to]
    if instruction.mnemonic in _LEAVING:
        return []
    name = called(table, instruction)
    return [] if name.startswith(_ENDS_HERE) and name not in _RETURNS else [number + 1]


def _table_cases(code: Code, table: PclnTab, number: int, jump: Instruction) -> list[int] | None:
    """Where a jump by a table goes: `lea base, [rip + …]`, then `jmp [base + index*8]` (cmd/compile's jump tables).

    Tables lie one behind the other, so there may be cases of another one among these.
    """
    if (jumped := _TABLE_JUMP.fullmatch(jump.text)) is None:
        return None
    base = jumped[1]
    before = (i for i in reversed(code.instructions[:number]) if i.text.split(",")[0] == base)
    setter = next(before, None)
    if setter is None or setter.mnemonic != "lea" or (found := _TABLE_ADDRESS.fullmatch(setter.text)) is None:
        return None
    at = setter.end + int(found[2] + found[3], 0)
    cases = list[int]()
    while len(cases) < _MOST_CASES:
        try:
            to = code.index(int.from_bytes(table.elf.read(at + _WORD * len(cases), _WORD), "little"))
        except SeyError:
            break
        if to is None:
            break
        cases.append(to)
    return cases or None
