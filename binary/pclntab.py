"""The Go function table: functions, files, lines, inlined calls, stack deltas and the collector's per-PC data.

Source: runtime/symtab.go (funcInfo, pcvalue, funcline1), runtime/symtabinl.go, internal/abi/symtab.go. The table
survives stripping. All addresses are link-time ones. Look-ups of one PC decode one function and remember it; those
of many (`stackdelta.py`, `symbolize.py`) run over arrays.
"""

from __future__ import annotations

import enum
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sey.binary.elf import ElfFile, U64Array
from sey.binary.errors import SeyError
from sey.binary.gobinary import GoBinary
from sey.binary.moduledata import ModuleData, find_module_data
from sey.binary.pclnheader import PLACE, PclnHeader, locate_pclntab
from sey.binary.pctable import NO_VALUE, I64Array, PcTableArea

U32Array = npt.NDArray[np.uint32]

MAX_INLINE_DEPTH = 1000
"""More levels than any compiler makes; a damaged inline tree may be a circle."""

_NO_ARGUMENTS = 0x80000000
"""ArgsSizeUnknown (internal/abi)."""
_NO_FUNCDATA = 0xFFFFFFFF
_RECORD_WORDS = 11
WORD_NAME, WORD_PCSP, WORD_PCFILE, WORD_PCLN, WORD_PCDATA, WORD_FILES, WORD_LINE, WORD_BYTES = 1, 4, 5, 6, 7, 8, 9, 10
_TREE_ENTRY = 16
TREE_FUNC_ID, TREE_NAME, TREE_PARENT, _TREE_LINE = range(4)
"""Words of an inline tree's entry. Of the first only the low byte counts; the third is the code offset of the call."""


class PcData(enum.IntEnum):
    """Numbers of the PCDATA tables (internal/abi/symtab.go)."""

    UNSAFE_POINT = 0
    STACK_MAP = 1
    INLINE_TREE = 2
    ARG_LIVE = 3


class FuncData(enum.IntEnum):
    """Numbers of the FUNCDATA addresses (internal/abi/symtab.go)."""

    ARGS_POINTER_MAPS = 0
    LOCALS_POINTER_MAPS = 1
    STACK_OBJECTS = 2
    INLINE_TREE = 3
    OPEN_CODED_DEFER = 4
    ARG_INFO = 5
    ARG_LIVE_INFO = 6
    WRAP_INFO = 7


class FuncFlag(enum.IntFlag):
    """Flags of a function (internal/abi/symtab.go)."""

    TOP_FRAME = 1
    """Stack walks end here, complete: goexit, mstart, rt0_go."""
    SP_WRITE = 2
    """Sets SP freely, so its stack deltas may be wrong."""
    ASSEMBLY = 4


class SymFrame(NamedTuple):
    """One logical frame. `function` is the raw name; `entry` that of the physical function that contains the code.

    `file` is `?` and `line` 0 where the table has none. `func_id` is the number that the runtime's own special
    cases go by, `start_line` the line of the function's `func` keyword.
    """

    function: str
    file: str
    line: int
    inlined: bool
    entry: int
    func_id: int
    start_line: int


class InlinedCall(NamedTuple):
    """An inlined call: its number among those of the physical function, the raw name of what is called, and the address
    of an instruction of the caller that has the line of the call."""

    number: int
    function: str
    caller: int
    func_id: int
    start_line: int


@dataclass(frozen=True)
class PcFunc:
    """One physical function: code from `entry` up to `end`, the padding behind it included.

    `name` is raw (`main.gen[...]`, `runtime.gopanic`). `func_id` numbers differ between Go releases: go by name.
    """

    name: str
    entry: int
    end: int
    start_line: int
    func_id: int
    flags: FuncFlag
    index: int = field(repr=False)
    pcsp: int = field(repr=False)
    pcfile: int = field(repr=False)
    pcln: int = field(repr=False)
    files: int = field(repr=False)
    """First entry of the function's compilation unit in the table of files."""
    pcdata: tuple[int, ...] = field(repr=False)
    funcdata: tuple[int, ...] = field(repr=False)
    argument_bytes: int | None = field(default=None, repr=False)
    """What its arguments and results take of the caller's stack, room to spill registers to included; None: unknown."""

    @property
    def top_frame(self) -> bool:
        """Whether a stack walk that gets here is complete."""
        return bool(self.flags & FuncFlag.TOP_FRAME)


class PclnTab:
    """The function table of one executable. Every method raises SeyError where the table is damaged."""

    def __init__(self, elf: ElfFile, header: PclnHeader, module: ModuleData) -> None:
        self.elf = elf
        self.module = module
        self._names, self._files, self._records = header.area(0), header.area(2), header.area(4)
        index = header.area(1)
        self._file_index: U32Array = np.frombuffer(index, dtype="<u4", count=len(index) // 4)
        self.tables = PcTableArea(header.area(3), self.fail)
        self._words: U32Array = np.frombuffer(self._records, dtype="<u4", count=len(self._records) // 4)
        functab = self._words[: 2 * header.functions + 1]
        self._offsets: U32Array = np.ascontiguousarray(functab[::2])
        self._record_of: I64Array = functab[1::2].astype(np.int64) // 4
        self._check(functab[1::2])
        self._known_names: dict[int, str] = {}
        self._known_files: dict[int, str] = {}
        self._known_functions: dict[int, PcFunc] = {}
        self.text = module.text
        self.entries: U64Array = self._offsets[:-1].astype(np.uint64) + np.uint64(self.text)
        """Entries of all functions, ascending."""
        self.end = self.text + int(self._offsets[-1])

    def fail(self, reason: str) -> SeyError:
        """The error, to be raised, for damage in this table."""
        return self.elf.damaged(PLACE, reason)

    def _check(self, record_offsets: U32Array) -> None:
        if np.any(self._offsets[1:] < self._offsets[:-1]):
            raise self.fail("functions are not in order")
        if np.any(record_offsets % 4) or int(self._record_of.max()) + _RECORD_WORDS > len(self._words):
            raise self.fail("a function record lies outside of the table")
        end = self._record_of + _RECORD_WORDS + self.column(WORD_PCDATA) + (self.column(WORD_BYTES) >> 24)
        if int(end.max()) > len(self._words):
            raise self.fail("a function record runs past the end of the table")

    # --- bulk access, for symbolize.py and stackdelta.py ---

    def __len__(self) -> int:
        return len(self._record_of)

    def column(self, word: int, functions: I64Array | None = None) -> I64Array:
        """One word of the records of some functions (indexes), or of all."""
        records = self._record_of if functions is None else self._record_of[functions]
        return self._words[records + word].astype(np.int64)

    def bounds(self, functions: I64Array) -> tuple[I64Array, I64Array]:
        """Where functions by index begin and end, as offsets from `text`."""
        return self._offsets[functions].astype(np.int64), self._offsets[functions + 1].astype(np.int64)

    def indexes_at(self, pcs: U64Array) -> I64Array:
        """Indexes of the functions that contain the addresses, -1 where none does."""
        found = np.searchsorted(self.entries, pcs, side="right").astype(np.int64) - 1
        return np.where(pcs < np.uint64(self.end), found, -1)

    def pcdata_tables(self, kind: int, functions: I64Array) -> I64Array:
        """Offsets of one PCDATA table for functions by index, 0 where a function has none."""
        has = self.column(WORD_PCDATA, functions) > kind
        at = self._record_of[functions] + _RECORD_WORDS + kind
        return np.where(has, self._words[np.where(has, at, 0)], 0).astype(np.int64)

    def funcdata_addresses(self, kind: int, functions: I64Array) -> I64Array:
        """Addresses of one FUNCDATA item for functions by index, 0 where a function has none."""
        has = (self.column(WORD_BYTES, functions) >> 24) > kind
        at = self._record_of[functions] + _RECORD_WORDS + self.column(WORD_PCDATA, functions) + kind
        offsets = self._words[np.where(has, at, 0)].astype(np.int64)
        return np.where(has & (offsets != _NO_FUNCDATA), offsets + self.module.gofunc, 0)

    # --- functions ---

    def name_at(self, offset: int) -> str:
        """The function name at an offset of the area of names."""
        found = self._known_names.get(offset)
        if found is None:
            found = self._known_names[offset] = self._string(self._names, offset, "function name")
        return found

    def _file_at(self, offset: int) -> str:
        found = self._known_files.get(offset)
        if found is None:
            found = self._known_files[offset] = self._string(self._files, offset, "file name")
        return found

    def _string(self, area: memoryview, offset: int, what: str) -> str:
        start = offset
        while 0 <= start < len(area):
            piece = bytes(area[offset : start + 256])
            end = piece.find(0, start - offset)
            if end >= 0:
                return piece[:end].decode("utf-8", "replace")
            start += 256
        raise self.fail(f"a {what} at {offset} of {len(area)} bytes")

    @cached_property
    def _sorted_entries(self) -> list[int]:
        return [int(entry) for entry in self.entries.tolist()]

    def function_at(self, pc: int) -> PcFunc | None:
        """The function whose code or padding contains an address, or None: C code, data, nothing."""
        index = bisect_right(self._sorted_entries, pc) - 1
        return self.function(index) if index >= 0 and pc < self.end else None

    def function(self, index: int) -> PcFunc:
        """The function with a number, counted by address from 0."""
        found = self._known_functions.get(index)
        if found is None:
            found = self._known_functions[index] = self._read_function(index)
        return found

    def _read_function(self, index: int) -> PcFunc:
        record = int(self._record_of[index])
        data_at = record + _RECORD_WORDS
        _, name, arguments, _, pcsp, pcfile, pcln, npcdata, files, line, packed = self._words[record:data_at].tolist()
        data = self._words[data_at : data_at + npcdata + (packed >> 24)].tolist()
        base = self.text
        return PcFunc(
            name=self.name_at(name),
            entry=base + int(self._offsets[index]),
            end=base + int(self._offsets[index + 1]),
            start_line=line if line < 1 << 31 else line - (1 << 32),
            func_id=packed & 0xFF,
            flags=FuncFlag(packed >> 8 & 7),
            index=index,
            pcsp=pcsp,
            pcfile=pcfile,
            pcln=pcln,
            files=files,
            pcdata=tuple(data[:npcdata]),
            funcdata=tuple(data[npcdata:]),
            argument_bytes=None if arguments == _NO_ARGUMENTS else arguments,
        )

    def functions(self) -> Iterator[PcFunc]:
        """All functions by address."""
        return (self.function(index) for index in range(len(self)))

    def names(self) -> list[str]:
        """Raw names of all functions, by address."""
        return [self.name_at(offset) for offset in self.column(WORD_NAME).tolist()]

    def flags(self) -> npt.NDArray[np.uint8]:
        """`FuncFlag` bits of all functions, by address."""
        return (self.column(WORD_BYTES) >> 8 & 7).astype(np.uint8)

    def func_ids(self) -> npt.NDArray[np.uint8]:
        """Special-function numbers of all functions, by address."""
        return (self.column(WORD_BYTES) & 0xFF).astype(np.uint8)

    def find(self, name: str) -> PcFunc | None:
        """The first function of that raw name, or None."""
        whole, needle = self._all_names, b"\0" + name.encode() + b"\0"
        at = 0 if whole.startswith(needle[1:]) else whole.find(needle) + 1
        if at == 0 and not whole.startswith(needle[1:]):
            return None
        found = np.flatnonzero(self.column(WORD_NAME) == at)
        return self.function(int(found[0])) if len(found) else None

    @cached_property
    def _all_names(self) -> bytes:
        return bytes(self._names)

    # --- one address ---

    def pcsp(self, pc: int) -> int | None:
        """Bytes between SP and the return address at `pc`, so CFA = SP + pcsp + 8; None where the table has none.

        Negative (-8) only inside `syscall.rawVforkSyscall`, which pops its return address.
        """
        function = self.function_at(pc)
        if function is None:
            return None
        delta = self.tables.table(function.pcsp).at(pc - function.entry)
        return delta if delta != NO_VALUE else None

    def file_line(self, pc: int) -> tuple[str, int] | None:
        """File and line of the code at exactly `pc`, innermost inlined; `("?", 0)` where the table has none."""
        function = self.function_at(pc)
        return self._place(function, pc - function.entry) if function else None

    def _place(self, function: PcFunc, offset: int) -> tuple[str, int]:
        file = self.tables.table(function.pcfile).at(offset)
        line = self.tables.table(function.pcln).at(offset)
        name = self.file_name(function.files, file)
        return (name, line) if name != "?" and line >= 0 else ("?", 0)

    def file_name(self, unit: int, number: int) -> str:
        """The file that a pc table's number means in a compilation unit (`PcFunc.files`), `?` where there is none."""
        at = unit + number
        if number < 0 or at >= len(self._file_index):
            return "?"
        offset = int(self._file_index[at])
        return self._file_at(offset) if offset != 0xFFFFFFFF else "?"

    def pcdata(self, pc: int, kind: int) -> int:
        """The value of a PCDATA table at exactly `pc`, -1 where there is none (as the runtime has it)."""
        function = self.function_at(pc)
        if function is None or kind >= len(function.pcdata):
            return NO_VALUE
        return self.tables.table(function.pcdata[kind]).at(pc - function.entry)

    def funcdata(self, function: PcFunc, kind: int) -> int | None:
        """The address of a FUNCDATA item of a function, None where it has none."""
        if kind >= len(function.funcdata) or function.funcdata[kind] == _NO_FUNCDATA:
            return None
        return self.module.gofunc + function.funcdata[kind]

    def lookup_pc(self, pc: int, *, exact: bool) -> int:
        """The address whose line and inlined calls belong to a frame at `pc`: see `frames_at`."""
        function = self.function_at(pc)
        return pc if exact or function is None or pc == function.entry else pc - 1

    def frames_at(self, pc: int, *, exact: bool) -> tuple[SymFrame, ...]:
        """The logical frames at `pc`, innermost first, the physical function last; empty outside of Go code.

        `exact` is for a PC that the thread was stopped at. Return addresses are looked up one byte earlier, inside
        the call, save at a function's entry (unwinder.symPC in runtime/traceback.go).
        """
        function = self.function_at(pc)
        if function is None:
            return ()
        offset = self.lookup_pc(pc, exact=exact) - function.entry
        frames = list[SymFrame]()
        for call in self._inlined_calls(function, offset):
            file, line = self._place(function, offset)
            frames.append(SymFrame(call.function, file, line, True, function.entry, call.func_id, call.start_line))
            offset = call.caller - function.entry
        file, line = self._place(function, offset)
        outer = SymFrame(function.name, file, line, False, function.entry, function.func_id, function.start_line)
        return (*frames, outer)

    def inlined_calls(self, pc: int) -> tuple[InlinedCall, ...]:
        """The inlined calls that the code at exactly `pc` is of, innermost first."""
        function = self.function_at(pc)
        return tuple(self._inlined_calls(function, pc - function.entry)) if function else ()

    def _inlined_calls(self, function: PcFunc, offset: int) -> Iterator[InlinedCall]:
        tree = self.funcdata(function, FuncData.INLINE_TREE)
        if tree is None or len(function.pcdata) <= PcData.INLINE_TREE:
            return
        numbers = self.tables.table(function.pcdata[PcData.INLINE_TREE])
        depth = 0
        while (number := numbers.at(offset)) >= 0:
            func_id, name, offset, start_line = self._inlined_call(tree, number)
            yield InlinedCall(number, self.name_at(name), function.entry + offset, func_id, start_line)
            depth += 1
            if depth > MAX_INLINE_DEPTH:
                raise self.fail(f"the inlined calls of {function.name} don't end")

    def _inlined_call(self, tree: int, number: int) -> tuple[int, int, int, int]:
        """Function number, name offset, code offset of the call and first line of an inline tree's entry."""
        words = [int(w) for w in np.frombuffer(self.elf.read(tree + _TREE_ENTRY * number, _TREE_ENTRY), dtype="<i4")]
        return words[TREE_FUNC_ID] & 0xFF, words[TREE_NAME], words[TREE_PARENT], words[_TREE_LINE]

    def inline_column(self, trees: I64Array, calls: I64Array, word: int) -> I64Array:
        """One word of the entries `calls[i]` of the inline trees at addresses `trees[i]`."""
        at = trees - self.module.gofunc + _TREE_ENTRY * calls + 4 * word
        if np.any((at < 0) | (at + 4 > len(self._funcdata_area))):
            raise self.fail("an inline tree lies outside of its section")
        parts = (self._funcdata_area[at + byte].astype(np.int64) << (8 * byte) for byte in range(4))
        return sum(parts, start=np.zeros(len(at), dtype=np.int64)).astype(np.int32).astype(np.int64)

    @cached_property
    def _funcdata_area(self) -> npt.NDArray[np.uint8]:
        return np.frombuffer(self.elf.mapped(self.module.gofunc), dtype=np.uint8)


def open_pclntab(binary: GoBinary) -> PclnTab:
    """Find and check the function table of an executable. Raises SeyError: missing, unknown, damaged."""
    header = locate_pclntab(binary.elf)
    return PclnTab(binary.elf, header, find_module_data(binary.elf, header, binary.build.version))
