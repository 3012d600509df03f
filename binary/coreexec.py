"""The executable of a core: how the core calls it, whether a file is it, and how far above its addresses it lay."""

from __future__ import annotations

from sey.binary.core_problems import CoreIncomplete, OtherExecutable
from sey.binary.corefile import CoreFile
from sey.binary.corememory import CoreMemory
from sey.binary.corenotes import AT_ENTRY, AT_EXECFN, AT_PHDR
from sey.binary.elf import PT_NOTE, ElfFile, Segment
from sey.binary.errors import SeyError
from sey.binary.gobinary import GoBinary
from sey.binary.pclntab import open_pclntab

_PAGE = 4096
_LONGEST_PATH = 4096
_MOST_NOTE = 4096
_MODULE_WORDS = (("function table", 0x00), ("first code", 0xB0), ("end of code", 0xB8))
"""Words of runtime.firstmoduledata that are the same in all releases (`binary.moduledata`): what, and its offset."""


def named_executable(core: CoreFile, memory: CoreMemory) -> str:
    """The path of the executable as the core has it, empty where it doesn't tell.

    By the list of mapped files: the one that holds the program headers. Else by the name it was started under.
    """
    auxv = core.notes.auxv
    for key in (AT_PHDR, AT_ENTRY):
        for file in core.notes.files:
            if key in auxv and file.start <= auxv[key] < file.end:
                return file.path.removesuffix(" (deleted)")
    return memory.text(auxv.get(AT_EXECFN, 0), _LONGEST_PATH) or ""


def match_executable(core: CoreFile, memory: CoreMemory, binary: GoBinary) -> int:
    """The load bias: what to add to the executable's addresses. `memory` is what the core itself holds.

    Raises SeyError: the process ran another program or another build of it, or the core doesn't hold enough to tell.
    """
    return _Match(core, memory, binary).bias()


class _Match:
    def __init__(self, core: CoreFile, memory: CoreMemory, binary: GoBinary) -> None:
        self.core, self.memory, self.binary, self.elf = core, memory, binary, binary.elf

    def bias(self) -> int:
        entry = self.core.notes.auxv.get(AT_ENTRY)
        if entry is None:
            raise SeyError(CoreIncomplete(self.core.path, "the auxiliary vector (NT_AUXV): where the program lay"))
        bias = entry - self.elf.entry
        if bias % _PAGE or (bias and not self.elf.position_independent):
            raise self._other("it began elsewhere", hex(entry), hex(self.elf.entry))
        self._notes(bias)
        self._module(bias)
        self._build_information(bias)
        return bias

    def _other(self, reason: str, of_core: str, of_executable: str) -> SeyError:
        named = named_executable(self.core, self.memory)
        if named:
            of_core += f" (of {named})"
        return SeyError(OtherExecutable(self.core.path, self.elf.path, reason, of_core, of_executable))

    def _notes(self, bias: int) -> None:
        """Build ids, where the core has the page that they are in; Linux dumps the first one of each executable."""
        for segment in self.elf.segments:
            if segment.type != PT_NOTE or not 0 < segment.file_size <= _MOST_NOTE:
                continue
            theirs = self._read(segment.address + bias, segment.file_size)
            ours = self.elf.read(segment.address, segment.file_size)
            if theirs is not None and theirs != ours:
                raise self._other("their build ids differ", _ids(theirs), _ids(ours))

    def _module(self, bias: int) -> None:
        """Where the Go linker put things, by the process's own record of it."""
        module = open_pclntab(self.binary).module
        for what, offset in _MODULE_WORDS:
            place = module.address + offset
            found = self._read(place + bias, 8)
            if found is None:
                needed = f"the program's own variables (at {place + bias:#x}): the memory of the process isn't in it"
                if _holds_executable(self.core, self.elf, bias):
                    raise SeyError(CoreIncomplete(self.core.path, needed))
                raise self._other("it had no variables where the executable has", "nothing", hex(place + bias))
            theirs, ours = int.from_bytes(found, "little"), self.elf.read_u64(place) + bias
            if theirs != ours:
                raise self._other(f"its {what} is somewhere else", hex(theirs), hex(ours))

    def _build_information(self, bias: int) -> None:
        """The versions and settings that the build was made from, which lie among the variables."""
        section = self.elf.section(".go.buildinfo")
        if section is None or not section.size or not section.address:
            return
        theirs, ours = self._read(section.address + bias, section.size), bytes(section.raw())
        if theirs is not None and len(theirs) == len(ours) and theirs != ours:
            raise self._other("they were built from different versions", *_first_difference(theirs, ours))

    def _read(self, address: int, size: int) -> bytes | None:
        return self.memory.read(address, size) if address >= 0 else None


def _holds_executable(core: CoreFile, elf: ElfFile, bias: int) -> bool:
    """Whether the process had a mapping where the executable's first segment would be."""
    first: Segment | None = next(iter(elf.loads), None)
    return first is not None and any(f.start <= first.address + bias < f.end for f in core.notes.files)


def _ids(notes: bytes) -> str:
    """The ids in notes, for people: Go's is text, GNU's are bytes."""
    found, at = [], 0
    while at + 12 <= len(notes):
        name_size, size = (int.from_bytes(notes[at + o : at + o + 4], "little") for o in (0, 4))
        start = at + 12 + (name_size + 3 & ~3)
        owner, data = notes[at + 12 : at + 12 + name_size].rstrip(b"\0"), notes[start : start + size]
        if owner == b"Go":
            found.append(f"go build id {data.decode('ascii', 'replace')[-20:]}")
        elif owner == b"GNU" and len(data) == 20:
            found.append(f"gnu build id {data.hex()}")
        at = start + (size + 3 & ~3)
    return ", ".join(found) or "none"


def _first_difference(theirs: bytes, ours: bytes) -> tuple[str, str]:
    """The lines of two texts in which they first differ."""
    at = next(n for n, (a, b) in enumerate(zip(theirs, ours, strict=True)) if a != b)
    start = theirs.rfind(b"\n", 0, at) + 1

    def line(text: bytes) -> str:
        return text[start:].split(b"\n")[0][:200].decode("utf-8", "replace").replace("\t", " ")

    return line(theirs), line(ours)
