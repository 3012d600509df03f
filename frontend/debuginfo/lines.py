"""Source lines of code addresses, from pclntab, and what they tell about when a variable is set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

from sey.binary.elf import ElfFile
from sey.binary.errors import SeyError
from sey.binary.pclntab import PcFunc, PclnTab
from sey.frontend.debuginfo.model import Body, Role, Variable


class _Row(NamedTuple):
    """Code from `lo` up to `hi` of one source line."""

    lo: int
    hi: int
    line: int


_JMP_SHORT, _JMP_NEAR = 0xEB, 0xE9


class Lines:
    """Line look-ups of one binary. The function table is opened when first needed."""

    def __init__(self, elf: ElfFile, open_table: Callable[[], PclnTab]) -> None:
        self._elf = elf
        self._open_table = open_table

    @cached_property
    def _table(self) -> PclnTab:
        return self._open_table()

    def at(self, pc: int) -> tuple[str, int] | None:
        """File and line of the code at `pc`, innermost inlined, or None where the table has none. Raises SeyError."""
        found = self._table.file_line(pc)
        return None if found is None or found[0] == "?" else found

    def set_from(self, variable: Variable, body: Body) -> int | None:
        """The first address at which a variable that has one stack slot for the whole function is surely set.

        That is behind the code of its declaration, or, for what the function sets up on entry (results, captured
        variables, parameters), behind the code of the function's own first line. None where nothing tells.
        """
        try:
            function = self._table.function_at(body.physical.lo)
            if function is None:
                return None
            rows = list(self._rows(function))
            own_line = self._table.file_line(function.entry)
        except SeyError:
            return None
        line = own_line[1] if own_line and variable.role is not Role.LOCAL else variable.decl_line
        inside = [r for r in rows if any(s.lo < r.hi and r.lo < s.hi for s in variable.scope)]
        return self._behind(inside or rows, line)

    def _rows(self, function: PcFunc) -> Iterator[_Row]:
        table, start = self._table.tables.table(function.pcln), 0
        for end, line in zip(table.ends, table.values, strict=True):
            yield _Row(function.entry + start, function.entry + end, line)
            start = end

    def _behind(self, rows: list[_Row], line: int) -> int | None:
        """Behind the first run of rows of a line, or, where the statement goes on after other lines, behind its last.

        `x := f(\\n g())` comes back to its first line for the call and the store; `for i := …` comes back too,
        but only to jump to its start, and the variable has been set long before.
        """
        found, first = None, None
        for row in rows:
            if row.line != line:
                continue
            first = row.lo if first is None else first
            if found is not None and row.lo > found and self._jumps_back(row.hi, first, row.lo):
                break
            found = row.hi
        return found

    def _jumps_back(self, end: int, first: int, last: int) -> bool:
        """Whether the code up to `end` ends in a jump to an address from `first` up to `last`."""
        try:
            code = self._elf.read(end - 5, 5)
        except SeyError:
            return False
        short = end + int.from_bytes(code[4:], "little", signed=True) if code[3] == _JMP_SHORT else 0
        near = end + int.from_bytes(code[1:], "little", signed=True) if code[0] == _JMP_NEAR else 0
        return any(first <= target < last for target in (short, near))
