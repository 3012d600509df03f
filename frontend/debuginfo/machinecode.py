"""Instructions of a function (amd64), by linear disassembly: between entries there is nothing but code and padding.

Needs the package capstone, which comes with `sey[compile]`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

from sey.binary.pclntab import FuncFlag, PcFunc, PclnTab
from sey.binary.pctable import PcTable

_PADDING = 0xCC
_RET = b"\xc3"
_LEAVING = frozenset(("jmp", "ret", "ud2", "int3"))
_SKIPPED = ".byte"
_JUMPS = frozenset(("jmp", "loop", "loope", "loopne"))


class Instruction(NamedTuple):
    """An instruction; `text` are its operands as Intel writes them, `target` where a direct jump or call goes."""

    address: int
    code: bytes
    mnemonic: str
    text: str

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.address + len(self.code)

    @property
    def jumps(self) -> bool:
        """Whether it is a jump, with a condition or without."""
        return self.mnemonic[0] == "j" or self.mnemonic in _JUMPS

    @property
    def target(self) -> int | None:
        """Where a direct jump or call goes, else None."""
        direct = self.text.startswith("0x") and (self.jumps or self.mnemonic == "call")
        return int(self.text, 16) if direct else None


@dataclass(frozen=True)
class Code:
    """The instructions of one function, ascending, without the padding behind it."""

    function: PcFunc
    instructions: Sequence[Instruction]
    deltas: PcTable

    @property
    def assembly(self) -> bool:
        """Whether people wrote it as instructions."""
        return bool(self.function.flags & FuncFlag.ASSEMBLY)

    @cached_property
    def undecoded(self) -> int | None:
        """The first address at which there is no instruction, if any."""
        return next((i.address for i in self.instructions if i.mnemonic == _SKIPPED), None)

    def pcsp(self, address: int) -> int:
        """Bytes between RSP and the return address, -1 where the function table doesn't say."""
        return self.deltas.at(address - self.function.entry)

    def index(self, address: int) -> int | None:
        """The number of the instruction that begins at `address`."""
        at = bisect_left(self.instructions, address, key=lambda i: i.address)
        return at if at < len(self.instructions) and self.instructions[at].address == address else None

    @cached_property
    def jumps(self) -> list[Instruction]:
        """The function's jumps."""
        return [i for i in self.instructions if i.jumps]

    @cached_property
    def before(self) -> dict[int, list[int]]:
        """By number of an instruction those that may run directly before it, as far as direct jumps tell."""
        found: dict[int, list[int]] = {}
        for number, instruction in enumerate(self.instructions):
            if instruction.mnemonic not in _LEAVING:
                found.setdefault(number + 1, []).append(number)
            to = self.index(instruction.target) if instruction.jumps and instruction.target is not None else None
            if to is not None:
                found.setdefault(to, []).append(number)
        return found

    def jumps_to(self, address: int) -> Iterator[Instruction]:
        """The direct jumps within the function that go to an address."""
        return (i for i in self.jumps if i.target == address)


def read_code(table: PclnTab, function: PcFunc) -> Code:
    """The code of a function. Raises SeyError where the file lacks it or its table is damaged."""
    code = table.elf.read(function.entry, function.end - function.entry)
    found = list(disassemble(code, function.entry))
    while found and found[-1].code == bytes([_PADDING]):
        found.pop()
    return Code(function, found, table.tables.table(function.pcsp))


def returns(code: Code) -> list[Instruction] | None:
    """The instructions by which a function returns, its frame gone; None where they aren't certain."""
    found = [i for i in code.instructions if "ret" in i.mnemonic.split()]
    sure = code.undecoded is None and all(i.code == _RET and code.pcsp(i.address) == 0 for i in found)
    return found if sure else None


def disassemble(code: bytes, address: int) -> Iterator[Instruction]:
    """The instructions of `code`; bytes that are none come singly, as `.byte`."""
    for start, size, mnemonic, text in _machine().disasm_lite(code, address):
        at = start - address
        yield Instruction(start, code[at : at + size], mnemonic, text)


@cache
def _machine() -> Any:
    import capstone  # Slow to import, and few commands disassemble.

    machine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    machine.skipdata = True
    return machine
