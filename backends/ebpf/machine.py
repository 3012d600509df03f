"""LLVM: from the text of a module to the bytes of an object, and back to where its symbols lie."""

from __future__ import annotations

import functools
import io

import llvmlite.binding as llvm
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from sey.backends.ebpf.layout import HOST_SECTION
from sey.backends.ebpf.limits import check_lengths

CPU = "v3"
"""32-bit arithmetic and jumps (kernel 5.1 and newer); signed division and long jumps would be v4, kernel 6.6."""


@functools.cache
def _machine() -> llvm.TargetMachine:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple("bpf").create_target_machine(cpu=CPU, opt=2)


def emit_object(text: str, *, suspects: tuple[str, ...] = ()) -> bytes:
    """Compile the module. No pass of LLVM's optimizer runs on it: masks stay where they were written.

    `suspects` are functions that may be too long. Raises SeyError (SEY0511) where one is.
    """
    module = llvm.parse_assembly(text)
    module.verify()
    if suspects:
        check_lengths(_machine().emit_assembly(module), suspects)
        module = llvm.parse_assembly(text)  # emitting prepares a module for its form of output
    return bytes(_machine().emit_object(module))


def host_places(data: bytes) -> dict[str, tuple[int, int]]:
    """Offset and size of each symbol of the section that the host shares."""
    elf = ELFFile(io.BytesIO(data))
    number = elf.get_section_index(HOST_SECTION)
    symbols = elf.get_section_by_name(".symtab")
    assert isinstance(symbols, SymbolTableSection)
    return {
        symbol.name: (symbol["st_value"], symbol["st_size"])
        for symbol in symbols.iter_symbols()
        if symbol["st_shndx"] == number and symbol["st_info"]["type"] == "STT_OBJECT"
    }
