"""The instruction that a call runs once where the called function is inlined.

Nothing is called there, and the compiler moves code of the function and of its caller about. What it never moves out of
the block in which it was written are calls, stores, atomic loads, and branches that end blocks (fixed here). It also
marks where an inlined body begins (OpInlMark in cmd/compile/internal/ssa), since tracebacks need an instruction of the
caller's line there: a NOP, or any instruction of that line, which then says nothing of where it is (`genssa` in
cmd/compile/internal/ssagen/ssa.go).

So the block of the NOP is where the call is. Without a NOP it is the block of the first fixed instruction of the
inlined body: from the mark on the body runs straight until it branches, and a branch is fixed. That block must come
before all the others that have fixed instructions of the body, and not be part of a loop of the body.

Since Go 1.26 a mark may run where the call doesn't (canSpeculativelyExecute in branchelim.go): if the call is all that
an `if` guards and does nothing but compute, it may be computed always; and a test of a range may be made one with the
caller's. So there is to be proof in that block: a fixed instruction that is no branch, or a branch of another kind.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from sey.binary.pclntab import InlinedCall, PcData, PclnTab
from sey.binary.pctable import PcTable
from sey.frontend.debuginfo import uprobes
from sey.frontend.debuginfo.fixed import TESTS, is_branch, is_load, tests_once
from sey.frontend.debuginfo.flow import Flow
from sey.frontend.debuginfo.machinecode import Instruction
from sey.frontend.debuginfo.model import Body

UNKNOWN_JUMP = "jumps there go by a table that sey can't read"
UNKNOWN_CALL = "the function table of Go doesn't have that call"
NOTHING_FIXED = "nothing of it is certain to run where it was called"
LOOPS = "its code may begin with a loop, so a probe there would count more than calls"
SEVERAL_WAYS = "its code has several beginnings"
UNCERTAIN_TEST = "its first test may have become one with a test of the caller, which runs without a call"
REFUSED = "the kernel takes no probe at the instructions where it begins"

_NOP = b"\x90"
_ATOMIC = ("sync/atomic.", "internal/runtime/atomic.", "runtime/internal/atomic.")


@dataclass(frozen=True)
class Inlined:
    """One inlined instance, in the flow of the out-of-line function around it."""

    flow: Flow
    table: PclnTab
    body: Body

    def entry(self) -> Instruction | str:
        """The instruction, or why none will do. Raises SeyError where the function table is damaged."""
        call = self._call
        if call is None:
            return UNKNOWN_CALL
        mark = self.flow.code.index(call.caller)
        if mark is not None and not self._is_mark(mark):
            mark = None
        block = self._first_block() if mark is None else self.flow.block_of(mark)
        if isinstance(block, str):
            return block
        if (doubt := self._doubt(block)) is not None:
            return doubt
        found = (self._instructions[n] for n in self._beginnings(block, mark))
        code = self.flow.code
        usable = (i for i in found if not uprobes.refused(i.code) and code.pcsp(i.address) >= 0)
        return next(usable, REFUSED)

    def own(self, address: int) -> int:
        """The first address from `address` on that is of this instance and of none inlined into it; `address` itself
        where there is none."""
        node, entry = self._call, self.flow.code.function.entry
        inside = (self._instructions[n].address for n in sorted(self._inside))
        own = (at for at in inside if at >= address and node and self._numbers.at(at - entry) == node.number)
        return next(own, address)

    @property
    def _instructions(self) -> Sequence[Instruction]:
        return self.flow.code.instructions

    @cached_property
    def _inside(self) -> frozenset[int]:
        """The numbers of the instructions that are of the instance."""
        found = set[int]()
        for lo, hi in self.body.ranges:
            first, end = (bisect_left(self._instructions, at, key=lambda i: i.address) for at in (lo, hi))
            found.update(range(first, end))
        return frozenset(found)

    @cached_property
    def _numbers(self) -> PcTable:
        """By offset in the function the number of the innermost inlined call, NO_VALUE where there is none."""
        return self.table.tables.table(self.flow.code.function.pcdata[PcData.INLINE_TREE])

    @cached_property
    def _call(self) -> InlinedCall | None:
        """The inlined call that all of the instance's code is of, None where there isn't just one."""
        level, found = self.body.inline_level, set[InlinedCall]()
        for lo, _ in self.body.ranges:
            calls = self.table.inlined_calls(lo)
            if len(calls) < level:
                return None
            found.add(calls[-level])
        return found.pop() if len(found) == 1 else None

    def _is_mark(self, number: int) -> bool:
        """Whether an instruction is a NOP that marks the call. Others end functions, behind a call that never returns,
        or are all that an endless loop has."""
        if self._instructions[number].code != _NOP or number + 1 == len(self._instructions):
            return False
        return self._instructions[number + 1].target != self._instructions[number].address

    @cached_property
    def _fixed(self) -> frozenset[int]:
        """The numbers of the instance's fixed instructions, branches among them."""
        atomic = frozenset(n for n in self._inside if self._is_atomic(self._instructions[n]))
        return self.flow.fixed.intersection(self._inside) | atomic

    def _is_atomic(self, instruction: Instruction) -> bool:
        """Whether an instruction is an atomic load, which is ordered among stores; it looks like any other load."""
        calls = self.table.inlined_calls(instruction.address) if is_load(instruction) else ()
        return bool(calls) and calls[0].function.startswith(_ATOMIC)

    def _first_block(self) -> int | str:
        """The block of the first fixed instruction of the body, or why it isn't certain which that is."""
        fixed = {self.flow.block_of(n) for n in self._fixed}
        if not fixed:
            return NOTHING_FIXED
        first = next((b for b in sorted(fixed) if all(self.flow.dominates(b, other) for other in fixed)), None)
        if first is None:
            return SEVERAL_WAYS
        blocks = {self.flow.block_of(n) for n in self._inside}.union(self.flow.before(first))
        if any(self._may_branch_for_body(b) for b in blocks if not self.flow.dominates(first, b)):
            return SEVERAL_WAYS
        if not self.flow.comes_back(first, frozenset()):
            return first
        # Whoever gets to a block with a fixed instruction of the caller has left the body.
        elsewhere = frozenset(self.flow.block_of(n) for n in self.flow.fixed - self._inside)
        if first in elsewhere or not self.flow.comes_back(first, elsewhere):
            return first
        # The body begins with a loop. What comes before the loop is where the call is, if it leads nowhere else.
        before = [b for b in self.flow.before(first) if not self.flow.dominates(first, b)]
        return before[0] if len(before) == 1 and list(self.flow.after[before[0]]) == [first] else LOOPS

    def _may_branch_for_body(self, block: int) -> bool:
        """Whether the branch that ends a block may be the body's, though it isn't said to be: so it is where the
        compiler has replaced a branch before it by a conditional move (`elimIf` in branchelim.go keeps its place)."""
        numbers, code = self.flow.numbers(block), self._instructions
        if not is_branch(code[numbers[-1]]) or numbers[-1] in self._inside:
            return False
        test = next((n for n in reversed(numbers) if code[n].mnemonic in TESTS), None)
        return test in self._inside or any(code[n].mnemonic.startswith("cmov") for n in numbers)

    def _doubt(self, block: int) -> str | None:
        """Why a block might run without the call, if it might."""
        numbers, code, flow = self.flow.numbers(block), self._instructions, self.flow
        moving = {flow.block_of(n) for n in self._fixed if not is_branch(code[n])}
        if block in moving:
            return None
        # What the call does further on, in blocks of its own, has kept its block from being computed always.
        leads = any(flow.dominates(block, other) for other in moving)
        if not is_branch(code[numbers[-1]]):
            return None if leads else NOTHING_FIXED
        if numbers[-1] not in self._fixed and not leads:
            return NOTHING_FIXED
        if flow.barriers.intersection(flow.after[block]) or tests_once([code[n] for n in numbers]):
            return None
        return UNCERTAIN_TEST

    def _beginnings(self, block: int, mark: int | None) -> Iterator[int]:
        """The instructions of the block that may be probed, best first: those of the body, so that its parameters are
        in scope, and behind what the caller does before the call; else the mark, or the block's end."""
        numbers = self.flow.numbers(block)
        fixed = next((n for n in numbers if n in self._fixed), None)
        begins = mark if mark is not None else fixed if fixed is not None else numbers[-1]
        others = self.flow.fixed.intersection(numbers) - self._inside
        before = (n for n in reversed(range(numbers.start, begins)) if n in others)
        after = (n for n in range(begins, numbers.stop) if n in others)
        first, end = next(before, numbers.start - 1) + 1, next(after, numbers.stop)
        last = begins + 1 if mark is None else end
        yield from (n for n in range(first, last) if n in self._inside)
        if begins != end:
            yield begins
