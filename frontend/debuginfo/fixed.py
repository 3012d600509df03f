"""Instructions that Go's compiler leaves in the block in which they were written (amd64), and of what tests are made.

Computing and loading is moved about, and shared: `cse.go`, `tighten.go`, `licm.go` of cmd/compile/internal/ssa.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sey.frontend.debuginfo.machinecode import Instruction

TESTS = ("cmp", "test", "comisd", "comiss", "ucomisd", "ucomiss", "bt")
"""Instructions that set what branches look at."""
_NO_STORES = (
    "cmp",
    "test",
    "bt",
    "call",
    "jmp",
    "lea",
    "push",
    "nop",
    "comis",
    "ucomis",
    "vcomis",
    "vucomis",
    "prefetch",
)
_SIGNED = frozenset(("jl", "jle", "jg", "jge"))
_EQUAL = frozenset(("je", "jne"))
_UNSIGNED = frozenset(("ja", "jae", "jb", "jbe"))
_KEEP_FLAGS = ("mov", "lea", "nop", "xchg")
_COMBINING = ("or", "and", "set", "lea", "add", "sub", "movabs")
_REGISTER = re.compile(r"\b(?:[er]?([abcd])[xlh]|[er]?([sdb][ip])l?|(r\d+)[dwb]?)\b")


def is_branch(instruction: Instruction) -> bool:
    """Whether it is a jump with a condition."""
    return instruction.jumps and instruction.mnemonic != "jmp"


def is_fixed(instruction: Instruction) -> bool:
    """Whether it is a call, or a store, but for one that keeps a register on the stack. Checks for nil are moved up to
    Go 1.24 (`tighten.go`)."""
    if instruction.mnemonic == "call":
        return True
    first = instruction.text.partition(",")[0]
    return "[" in first and "[rsp" not in first and not instruction.mnemonic.startswith(_NO_STORES)


def is_load(instruction: Instruction) -> bool:
    """Whether it may be a load from memory, but for the stack's."""
    _, _, second = instruction.text.partition(",")
    return instruction.mnemonic.startswith("mov") and "[" in second and "[rsp" not in second


def tests_once(block: Sequence[Instruction]) -> bool:
    """Whether the branch that ends a block is certain to be no two tests made one.

    That happens where an integer is compared with two constants (the result is an unsigned comparison with a constant,
    of what is left of it), or a float is (`fuse_comparisons.go`). What `x >= 0 && x < 1` becomes is taken for `x == 0`.
    """
    at = next((n for n in reversed(range(len(block) - 1)) if block[n].mnemonic in TESTS), None)
    if at is None or not all(i.mnemonic.startswith(_KEEP_FLAGS) for i in block[at + 1 : -1]):
        return False
    test, branch = block[at], block[-1].mnemonic
    if "comis" in test.mnemonic:
        return False
    if branch in _SIGNED:
        return True
    operands = test.text.split(", ")
    values = set[str]().union(*(_registers(operand) for operand in operands if "[" not in operand))
    constant = "[" not in operands[1] and not _registers(operands[1])
    if branch not in (_EQUAL if constant or test.mnemonic == "test" else _EQUAL | _UNSIGNED):
        return False
    makers = (i for i in block[:at] if i.mnemonic.startswith(_COMBINING))
    return not any(values & _registers(i.text.partition(",")[0]) for i in makers)


def _registers(operands: str) -> set[str]:
    return {next(filter(None, found)) for found in _REGISTER.findall(operands)}
