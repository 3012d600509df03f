"""A BPF object as text: the instructions of its functions, with the names of what they call, read and write.

Capstone decodes the instructions. What it can't know comes from the object: which map or variable an address stands
for, which function a call goes to; and the names of the kernel's helpers. Numbers count instructions of 8 bytes from
the start of the function, as the kernel's own log does.
"""

from __future__ import annotations

import io
import re
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, NamedTuple

from elftools.common.exceptions import ELFError
from elftools.construct import ConstructError
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection

from sey.binary.errors import Exit, Problem, SeyError

# What pyelftools raises on damaged files: its own errors, and those of whatever it stumbles over.
_UNREADABLE = (
    *(ELFError, ConstructError, ValueError, LookupError, ArithmeticError),
    *(TypeError, AttributeError, AssertionError, OSError, MemoryError),
)
_HELPERS = {
    **{1: "bpf_map_lookup_elem", 2: "bpf_map_update_elem", 3: "bpf_map_delete_elem", 5: "bpf_ktime_get_ns"},
    **{127: "bpf_seq_write", 148: "bpf_copy_from_user", 181: "bpf_loop", 191: "bpf_copy_from_user_task"},
}
_LOAD_64, _CALL, _EXIT, _JUMP, _JUMP_32 = 0x18, 0x85, 0x95, 0x05, 0x06
_LOCAL_CALL = 1  # in the source register of a call: to a function of the object
_EXECUTABLE = 0x4  # SHF_EXECINSTR


@dataclass(frozen=True)
class DisassemblerMissing(Problem):
    """Capstone isn't installed."""

    code: ClassVar[str] = "SEY0721"
    exit_status: ClassVar[Exit] = Exit.HOST
    title: ClassVar[str] = "showing BPF instructions needs a disassembler, which isn't installed: no package capstone"
    help: ClassVar[str | None] = "pip install 'sey[inspect]'; or `sey inspect FILE --extract DIR` and llvm-objdump -d"


@dataclass(frozen=True)
class UnreadableObject(Problem):
    """A bundle's BPF object isn't one that can be taken apart."""

    code: ClassVar[str] = "SEY0722"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "the BPF object in {place} is damaged: {reason}"
    place: str
    reason: str


class Instruction(NamedTuple):
    """Eight bytes: `struct bpf_insn` of include/uapi/linux/bpf.h. `number` counts them from the section's start."""

    number: int
    opcode: int
    destination: int
    source: int
    offset: int
    value: int
    data: bytes


class _Symbol(NamedTuple):
    name: str
    section: int
    value: int
    kind: str


Decode = Callable[[bytes], str | None]


def listing(data: bytes, place: str) -> list[str]:
    """The lines of the object `data`; `place` names it in errors. Raises SeyError."""
    decode = _decoder()
    try:
        opened = _Object(data)
        return [line for number in opened.code for line in _Section(opened, number, decode).lines()]
    except _UNREADABLE as error:
        raise SeyError(UnreadableObject(place, f"{type(error).__name__} {error}")) from None


@cache
def _decoder() -> Decode:
    """The text of the one instruction in some bytes; None where they are none."""
    try:
        import capstone
    except ImportError:
        raise SeyError(DisassemblerMissing()) from None
    engine = capstone.Cs(capstone.CS_ARCH_BPF, capstone.CS_MODE_BPF_EXTENDED | capstone.CS_MODE_LITTLE_ENDIAN)

    def decode(data: bytes) -> str | None:
        found = next(engine.disasm_lite(data, 0), None)
        return found and f"{found[2]:8}{found[3]}"

    return decode


class _Object:
    """What an object says of its code: functions, variables and maps by where they lie, relocations by place."""

    def __init__(self, data: bytes) -> None:
        self.elf = ELFFile(io.BytesIO(data))
        table = self.elf.get_section_by_name(".symtab")
        if not isinstance(table, SymbolTableSection):
            raise ValueError("no symbol table")
        symbols = [_symbol(entry) for entry in table.iter_symbols()]
        sections = list(self.elf.iter_sections())
        self.names = [section.name for section in sections]
        self.code = [n for n, section in enumerate(sections) if section["sh_flags"] & _EXECUTABLE]
        self.functions = {(s.section, s.value): s.name for s in symbols if s.kind == "STT_FUNC"}
        self._variables: dict[int, list[tuple[int, str]]] = {}
        for symbol in sorted(symbols, key=lambda s: s.value):
            if symbol.kind in ("STT_OBJECT", "STT_FUNC"):
                self._variables.setdefault(symbol.section, []).append((symbol.value, symbol.name))
        self.relocations: dict[int, dict[int, _Symbol]] = {}
        for section in sections:
            if isinstance(section, RelocationSection) and section["sh_info"] in self.code:
                known = self.relocations.setdefault(section["sh_info"], {})
                known |= {each["r_offset"]: symbols[each["r_info_sym"]] for each in section.iter_relocations()}

    def named(self, target: _Symbol, offset: int) -> str:
        """A map or a function; or what begins last at or before an offset of a section of data."""
        name, inside = target.name, offset
        if target.kind == "STT_SECTION":
            variables = self._variables.get(target.section, [])
            at = bisect_right(variables, offset, key=lambda variable: variable[0]) - 1
            start, name = variables[at] if at >= 0 else (0, self.names[target.section])
            inside = offset - start
        return name + (f"+{inside:#x}" if inside else "")


class _Section:
    """A section of code, to be written down."""

    def __init__(self, opened: _Object, number: int, decode: Decode) -> None:
        self.object = opened
        self.number = number
        self.name = opened.names[number]
        self.decode = decode
        self.relocations = opened.relocations.get(number, {})
        self.first = 0
        """Number of the first instruction of the function that is being written."""

    def lines(self) -> Iterator[str]:
        """Its functions."""
        for each in _instructions(self.object.elf.get_section(self.number).data()):
            place = 8 * each.number
            function = self.object.functions.get((self.number, place))
            if function is not None or place == 0:
                self.first = each.number
                yield ""
                yield f"{function or self.name}:  # {self.name}+{place:#x}"
            yield f"{each.number - self.first:6}:  {self._text(each)}".rstrip()

    def _text(self, each: Instruction) -> str:
        kind, target = each.opcode & 7, self.relocations.get(8 * each.number)
        if each.opcode == _LOAD_64 and target is not None:
            return f"{'lddw':8}r{each.destination}, {self.object.named(target, each.value)}"
        if each.opcode == _CALL:
            return f"{'call':8}{self._callee(each, target)}"
        text = self._jump_32(each) if kind == _JUMP_32 else self.decode(each.data)
        if text is None:
            return f"? {each.data.hex()}"
        if kind in (_JUMP, _JUMP_32) and each.opcode != _EXIT:
            before, _, _ = text.rpartition("+0x")
            return f"{_signed(before)}{each.number - self.first + 1 + each.offset}"
        return _signed(text)

    def _jump_32(self, each: Instruction) -> str | None:
        """Jumps that compare 32 bits are those of class 5 but for the class, and Capstone doesn't know them."""
        wide = self.decode(bytes([each.opcode & 0xF8 | _JUMP]) + each.data[1:])
        if wide is None:
            return None
        name, _, operands = wide.partition(" ")
        return f"{name + '32':8}{operands.lstrip()}"

    def _callee(self, each: Instruction, target: _Symbol | None) -> str:
        if each.source != _LOCAL_CALL:
            return _HELPERS.get(each.value, f"helper {each.value}")
        if target is not None and target.kind != "STT_SECTION":
            return target.name
        into, start = (self.number, each.number) if target is None else (target.section, 0)
        place = 8 * (start + 1 + each.value)
        return self.object.functions.get((into, place), f"{self.object.names[into]}+{place:#x}")


def _symbol(entry: Any) -> _Symbol:
    number = entry["st_shndx"]
    return _Symbol(entry.name, number if isinstance(number, int) else -1, entry["st_value"], entry["st_info"]["type"])


def _instructions(code: bytes) -> Iterator[Instruction]:
    number = 0
    while number < len(code) // 8:
        data = code[8 * number : 8 * number + 8]
        opcode, registers, offset, value = struct.unpack("<BBhi", data)
        slots = 2 if opcode == _LOAD_64 else 1
        data = code[8 * number : 8 * (number + slots)]
        yield Instruction(number, opcode, registers & 15, registers >> 4, offset, value, data)
        number += slots


def _signed(text: str) -> str:
    """Offsets and 32-bit values as numbers with a sign, which Capstone prints without."""
    text = re.sub(r"\+0x([89a-f][0-9a-f]{3})\]", lambda m: f"-{(1 << 16) - int(m[1], 16):#x}]", text)
    return re.sub(r", 0x([89a-f][0-9a-f]{7})(?=,|$)", lambda m: f", -{(1 << 32) - int(m[1], 16):#x}", text)
