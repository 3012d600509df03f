"""What the kernel can do with an instruction that a uprobe replaces (arch/x86/kernel/uprobes.c, Linux 4.1 to 6.18).

It runs the original instruction elsewhere, a single step that costs a trap more, or emulates it. Some it refuses.
"""

from __future__ import annotations

_LEGACY = frozenset((0x66, 0x67, 0xF2, 0xF3, 0x64, 0x65, 0x26, 0x2E, 0x36, 0x3E, 0xF0))
_REFUSED_PREFIXES = frozenset((0x26, 0x2E, 0x36, 0x3E, 0xF0))
"""Segments, and LOCK."""
_OPERAND_SIZE = 0x66
_TWO_BYTES = 0x0F
_VEX = {0xC5: 2, 0xC4: 3, 0x62: 4}
"""Lengths of the prefixes of vector instructions: the kernel looks up the opcode behind them as if it had none."""
_REFUSED = frozenset(
    (
        *(0x06, 0x07, 0x0E, 0x16, 0x17, 0x1E, 0x1F, 0x27, 0x2F, 0x37, 0x3F, 0x60, 0x61, 0x6C, 0x6D, 0x6E, 0x6F),
        *(0x82, 0x9A, 0xCC, 0xCD, 0xCE, 0xCF, 0xD4, 0xD5, 0xD6, 0xE4, 0xE5, 0xE6, 0xE7, 0xEA, 0xEC, 0xED, 0xEE, 0xEF),
        *(0xF1, 0xF4, 0xFA, 0xFB),
    )
)
_SYSCALL = b"\x0f\x05"
"""Taken by the kernel, but a new thread or process would begin behind the copy that is stepped."""
_BRANCHES = frozenset((0xE8, 0xE9, 0xEB, *range(0x70, 0x80)))
_NOP = 0x90
_PUSHES = range(0x50, 0x58)
_LONG_CONDITIONS = range(0x80, 0x90)


def refused(code: bytes) -> bool:
    """Whether no probe can be at an instruction."""
    at, prefixes = _opcode(code)
    if at >= len(code) or prefixes & _REFUSED_PREFIXES:
        return True
    if _OPERAND_SIZE in prefixes and _branches(code[at : at + 2]):
        return True
    return code[at] in _REFUSED or code[at : at + 2] == _SYSCALL


def emulated(code: bytes) -> bool:
    """Whether the kernel emulates an instruction: pushes of registers, direct jumps and calls, `nop`."""
    at, prefixes = _opcode(code)
    if refused(code):
        return False
    if code[at] in _PUSHES:
        return at == len(code) - 1 and not prefixes
    return code[at] == _NOP or _branches(code[at : at + 2])


def _branches(opcode: bytes) -> bool:
    """Whether an opcode is a direct jump or call."""
    if opcode[0] == _TWO_BYTES:
        return len(opcode) > 1 and opcode[1] in _LONG_CONDITIONS
    return opcode[0] in _BRANCHES


def _opcode(code: bytes) -> tuple[int, frozenset[int]]:
    """Where the opcode is, and the prefixes before it."""
    at = 0
    while at < len(code) and code[at] in _LEGACY:
        at += 1
    prefixes = frozenset(code[:at])
    if at < len(code) and code[at] & 0xF0 == 0x40:
        at += 1
    elif at < len(code):
        at += _VEX.get(code[at], 0)
    return at, prefixes
