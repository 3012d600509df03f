"""Source file names by their number in a unit: the file tables in the headers of `.debug_line` (DWARF 4 and 5).

Line rows themselves are mostly not read: pclntab has the same lines in a form that is found by address. Where
statements begin is told by `.debug_line` alone (`statements.py`).
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable

from sey.frontend.debuginfo.data import DamageError, Data
from sey.frontend.debuginfo.dwarf import FIXED_SIZE, At, Form
from sey.frontend.debuginfo.sections import DwarfSections
from sey.frontend.debuginfo.units import Unit, Units

_MAX_FILES = 1 << 16
_CONTENT_PATH, _CONTENT_DIRECTORY = 1, 2


class Files:
    """File names of all units, each unit's table read once."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._tables: dict[int, list[str]] = {}

    def name(self, unit: Unit, number: int) -> str | None:
        """The file with that number, or None where the unit's table has none or can't be read."""
        table = self.table(unit)
        return table[number] or None if 0 <= number < len(table) else None

    def table(self, unit: Unit) -> list[str]:
        """The unit's files by number, empty texts for numbers without one; nothing where they can't be read."""
        if unit.offset not in self._tables:
            try:
                self._tables[unit.offset] = self._read(unit)
            except DamageError:
                self._tables[unit.offset] = []
        return self._tables[unit.offset]

    def _read(self, unit: Unit) -> list[str]:
        at = self._units.top(unit).number(At.STMT_LIST)
        if at is None:
            return []
        sections = self._units.sections
        data = sections.line
        version = data.uint(at + 4, 2)
        if version == 5:
            # Unit length 4, version 2, address size 1, segment selector size 1, then the length of the rest.
            return _table5(sections, _behind_opcodes(data, at + 12, fields=6))
        if version in (2, 3, 4):
            return _table4(data, _behind_opcodes(data, at + 10, fields=5 if version < 4 else 6))
        return []


def _behind_opcodes(data: Data, at: int, fields: int) -> int:
    """Behind the fixed fields, whose last is the number of the first special opcode, and the lengths of opcodes."""
    return at + fields + data.uint(at + fields - 1, 1) - 1


def _table4(data: Data, at: int) -> list[str]:
    """Numbers count from 1; directory 0 is the compilation's own."""
    directories, at = [""], at
    while data.uint(at, 1):
        name, at = data.cstring(at)
        directories.append(name.decode("utf-8", "replace"))
    files, at = [""], at + 1
    while data.uint(at, 1) and len(files) < _MAX_FILES:
        name, at = data.cstring(at)
        directory, at = data.uleb(at)
        _, at = data.uleb(at)
        _, at = data.uleb(at)
        files.append(_path(directories, directory, name))
    return files


def _table5(sections: DwarfSections, at: int) -> list[str]:
    """Numbers count from 0."""
    data = sections.line
    directories, at = _entries(sections, data, at)
    names = [path.decode("utf-8", "replace") for path, _ in directories]
    files, _ = _entries(sections, data, at)
    return [_path(names, directory, path) for path, directory in files]


def _entries(sections: DwarfSections, data: Data, at: int) -> tuple[list[tuple[bytes, int]], int]:
    formats, at = data.uint(at, 1), at + 1
    columns = list[tuple[int, int]]()
    for _ in range(formats):
        content, at = data.uleb(at)
        form, at = data.uleb(at)
        columns.append((content, form))
    count, at = data.uleb(at)
    if count > _MAX_FILES:
        raise data.damaged(at, f"a table of {count} files")
    found = list[tuple[bytes, int]]()
    for _ in range(count):
        path, directory = b"", 0
        for content, form in columns:
            value, at = _value(sections, data, form, at)
            if content == _CONTENT_PATH and isinstance(value, bytes):
                path = value
            elif content == _CONTENT_DIRECTORY and isinstance(value, int):
                directory = value
        found.append((path, directory))
    return found, at


def _value(sections: DwarfSections, data: Data, form: int, at: int) -> tuple[bytes | int, int]:
    texts: dict[int, Callable[[int], tuple[bytes, int]]] = {
        Form.STRP: lambda n: sections.strings.cstring(n),
        Form.LINE_STRP: lambda n: sections.line_strings.cstring(n),
    }
    match form:
        case Form.STRING:
            return data.cstring(at)
        case Form.UDATA:
            return data.uleb(at)
        case Form.DATA16:
            return data.take(at, 16), at + 16
    if form not in FIXED_SIZE:
        raise data.damaged(at, f"a file table with form {form:#x}")
    number, at = data.uint(at, FIXED_SIZE[form]), at + FIXED_SIZE[form]
    return (texts[form](number)[0], at) if form in texts else (number, at)


def _path(directories: list[str], directory: int, name: bytes) -> str:
    """The whole path, as far as the table has it; Go writes whole paths as names."""
    text = name.decode("utf-8", "replace")
    if text.startswith("/") or not 0 <= directory < len(directories):
        return text
    return posixpath.join(directories[directory], text)
