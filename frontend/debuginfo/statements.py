"""Where the statements of source lines begin: rows of `.debug_line` that are marked so (DWARF 5, §6.2; Go up to 1.24
writes version 2).

The compiler marks one instruction a line and block, and none where the block before ends in the same line
(cmd/compile/internal/ssa/numberlines.go), so that a line which runs once has its marks passed once, mostly.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sey.frontend.debuginfo.data import DamageError, Data
from sey.frontend.debuginfo.dwarf import At
from sey.frontend.debuginfo.files import Files
from sey.frontend.debuginfo.units import Unit, Units

_MAX_ADDRESS = 1 << 62


class _Op(enum.IntEnum):
    """DW_LNS_*: standard opcodes."""

    EXTENDED = 0
    COPY = 1
    ADVANCE_PC = 2
    ADVANCE_LINE = 3
    SET_FILE = 4
    NEGATE_STMT = 6
    CONST_ADD_PC = 8
    FIXED_ADVANCE_PC = 9


_END_SEQUENCE, _SET_ADDRESS = 1, 2


class Row(NamedTuple):
    """Code from `address` on is of a line of the file with a number; `statement` marks where one begins."""

    address: int
    file: int
    line: int
    statement: bool


@dataclass(frozen=True)
class Statements:
    """Statements of one binary, of the files that are asked for."""

    units: Units
    files: Files
    _known: dict[str, dict[int, tuple[int, ...]]] = field(default_factory=dict)
    _names: dict[str, list[Unit]] = field(default_factory=dict)

    def sources(self) -> Mapping[str, list[Unit]]:
        """All source files of Go code, as debug information has their paths, and the units that have code of each."""
        if not self._names:
            for unit in self.units.go_units():
                for name in dict.fromkeys(self.files.table(unit)):
                    if name.endswith(".go") or name.endswith(".s"):
                        self._names.setdefault(name, []).append(unit)
        return self._names

    def of(self, file: str) -> Mapping[int, tuple[int, ...]]:
        """By line of a file the addresses at which a statement of it begins, ascending. Raises DamageError."""
        if file not in self._known:
            found: dict[int, set[int]] = {}
            for unit in self.sources().get(file, ()):
                numbers = {i for i, name in enumerate(self.files.table(unit)) if name == file}
                for row in rows(self.units, unit):
                    if row.statement and row.line and row.file in numbers:
                        found.setdefault(row.line, set()).add(row.address)
            self._known[file] = {line: tuple(sorted(found[line])) for line in sorted(found)}
        return self._known[file]


class _Header(NamedTuple):
    """The fields of a line program's header that its opcodes are read by, and where they begin and end."""

    at: int
    end: int
    shortest: int
    statement: bool
    line_base: int
    line_range: int
    lengths: bytes


def rows(units: Units, unit: Unit) -> Iterator[Row]:
    """The rows of a unit's line program, without those that end sequences. Raises DamageError."""
    start = units.top(unit).number(At.STMT_LIST)
    if start is not None:
        header = _header(units.sections.line, start)
        yield from _run(units.sections.line, header)


def _header(data: Data, start: int) -> _Header:
    version, at = data.uint(start + 4, 2), start + 6
    if not 2 <= version <= 5:
        raise data.damaged(start, f"a line program of version {version}")
    at += 2 if version == 5 else 0
    program, at = at + 4 + data.uint(at, 4), at + 4
    shortest = data.uint(at, 1)
    # From version 4 on it is followed by a number for machines that run several instructions at once.
    at += 2 if version >= 4 else 1
    statement, base, span, first = data.take(at, 4)
    if not span or not first:
        raise data.damaged(start, "a line program with a range of no lines")
    end = start + 4 + data.uint(start, 4)
    line_base = base - 256 if base > 127 else base
    return _Header(program, end, shortest, bool(statement), line_base, span, data.take(at + 4, first - 1))


def _run(data: Data, header: _Header) -> Iterator[Row]:
    at, first = header.at, len(header.lengths) + 1
    address, file, line, statement = 0, 1, 1, header.statement
    while at < header.end:
        code, at = data.uint(at, 1), at + 1
        if code >= first:
            address += (code - first) // header.line_range * header.shortest
            line += header.line_base + (code - first) % header.line_range
            yield Row(address, file, line, statement)
            continue
        match code:
            case _Op.EXTENDED:
                size, at = data.uleb(at)
                kind = data.uint(at, 1)
                if kind == _SET_ADDRESS:
                    address = data.uint(at + 1, 8)
                elif kind == _END_SEQUENCE:
                    address, file, line, statement = 0, 1, 1, header.statement
                at += size
            case _Op.COPY:
                yield Row(address, file, line, statement)
            case _Op.ADVANCE_PC:
                step, at = data.uleb(at)
                address += step * header.shortest
            case _Op.ADVANCE_LINE:
                step, at = data.sleb(at)
                line += step
            case _Op.SET_FILE:
                file, at = data.uleb(at)
            case _Op.NEGATE_STMT:
                statement = not statement
            case _Op.CONST_ADD_PC:
                address += (255 - first) // header.line_range * header.shortest
            case _Op.FIXED_ADVANCE_PC:
                address, at = address + data.uint(at, 2), at + 2
            case _:
                for _ in range(header.lengths[code - 1]):
                    _, at = data.uleb(at)
        if not 0 <= address < _MAX_ADDRESS or line < 0:
            raise DamageError(f"{data.name} at {at:#x}", "a line program that leaves all code")
