"""What the kernel can do with an instruction that a uprobe replaces (arch/x86/kernel/uprobes.c, Linux 4.1 to 6.18).

It runs the original instruction elsewhere, a single step that costs a trap more, or emulates it. Some it refuses.
"""

from __future__ import annotations

_LEGACY = frozenset((0x66, 0x67, 0xF2, 0xF3, 0x64, 0x65, 0x26, 0x2E, 0x36, 0x3E, 0xF0))
_REFUSED_PREFIXES = frozenset((0x26, 0x2E, 0x36, 0x3E, 0xF0))
"""Segments, and LOCK."""
_OPERAND_SIZE = 0x66
_TWO_BYTES = 0x0F
_VEX = frozenset((0xC4, 0xC5, 0x62))
_REFUSED = frozenset((
    *(0x06, 0x07, 0x0E, 0x16, 0x17, 0x1E, 0x1F, 0x27, 0x2F, 0x37, 0x3F, 0x60, 0x61),
    *(0x6C, 0x6D, 0x6E, 0x6F, 0x82, 0x9A, 0xCC, 0xCD, 0xCE, 0xCF, 0xD4, 0xD5, 0xD6, 0xE4, 0xE5, 0xE6, 0xE7, 0xEA),
    *(0xEC, 0xED, 0xEE, 0xEF, 0xF1, 0xF4, 0xFA, 0xFB),
))
_REFUSED_TWO = frozenset((
    *(0x00, 0x01, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0E, 0x0F, 0x24, 0x25, 0x26, 0x27, 0x30),
    *range(0x34, 0x40),
    *(0x7A, 0x7B, 0xA6, 0xA7, 0xFF),
))
_EMULATED = frozenset((0x90, 0xE8, 0xE9, 0xEB, *range(0x70, 0x80)))
_PUSHES = range(0x50, 0x58)
_LONG_CONDITIONS = range(0x80, 0x90)


def refused(code: bytes) -> bool:
    """Whether the kernel takes no probe at an instruction. Those with VEX and EVEX prefixes count as refused: it looks
    them up as if they had none."""
    at, prefixes = _opcode(code)
    if prefixes & _REFUSED_PREFIXES or at >= len(code) or code[at] in _VEX:
        return True
    if code[at] != _TWO_BYTES:
        return code[at] in _REFUSED or (_OPERAND_SIZE in prefixes and code[at] in _EMULATED and code[at] != 0x90)
    return at + 1 >= len(code) or code[at + 1] in _REFUSED_TWO


def emulated(code: bytes) -> bool:
    """Whether the kernel emulates an instruction: pushes of registers, direct jumps and calls, `nop`."""
    at, prefixes = _opcode(code)
    if refused(code):
        return False
    if code[at] in _PUSHES:
        return len(code) == 1 or (len(code) == 2 and code[0] & 0xF0 == 0x40)
    if code[at] == _TWO_BYTES:
        return code[at + 1] in _LONG_CONDITIONS and _OPERAND_SIZE not in prefixes
    return code[at] in _EMULATED


def _opcode(code: bytes) -> tuple[int, frozenset[int]]:
    """Where the opcode is, and the prefixes before it."""
    at = 0
    while at < len(code) and code[at] in _LEGACY:
        at += 1
    prefixes = frozenset(code[:at])
    if at < len(code) and code[at] & 0xF0 == 0x40:
        at += 1
    return at, prefixes
