"""Names of types, with whole import paths, as the debug information spells them, from the runtime's descriptions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sey.frontend.debuginfo import rtypes
from sey.frontend.debuginfo.rtypes import ARRAY, CHAN, MAP, PARTS, POINTER, SLICE, Descriptions
from sey.frontend.debuginfo.typearea import TypeArea

_MAX_DEPTH = 32
_MAX_LENGTH = 1 << 12
_CHAN_WORDS = {1: "<-chan ", 2: "chan<- ", 3: "chan "}
_VARIADIC = 1 << 15
_EXPORTED, _EMBEDDED = 1, 8
# A map's part differs between releases; the right place is the one that names a package fitting the type's name.
_MAP_PARTS = (88, 112, 136)


class TypeNames:
    """Names of described types by row, each made once. `known` are names that the debug information has, by offset."""

    def __init__(self, area: TypeArea, found: Descriptions, known: Mapping[int, str]) -> None:
        self._area, self._found, self._known = area, found, known
        self._names: dict[int, str | None] = {}
        self._offsets = found.offset.tolist()
        self._rows = {offset: row for row, offset in enumerate(self._offsets)}

    def all(self) -> list[str | None]:
        """The names of all rows; None where one can't be told."""
        return [self.name(offset) for offset in self._offsets]

    def name(self, offset: int, depth: int = 0) -> str | None:
        """The name of the type at an offset, or None."""
        known = self._known.get(offset)
        if known is not None:
            return known
        if offset not in self._names:
            self._names[offset] = None  # A name that holds itself is none.
            row = self._rows.get(offset)
            found = None if row is None or depth > _MAX_DEPTH else self._compose(row, depth + 1)
            self._names[offset] = found if found and len(found) <= _MAX_LENGTH else None
        return self._names[offset]

    def _compose(self, row: int, depth: int) -> str | None:
        found = self._found
        flags, kind = int(found.flags[row]), int(found.kind[row])
        text = self._area.text(int(found.name[row]))
        if text is None:
            return None
        if flags & rtypes.EXTRA_STAR:
            text = text.removeprefix("*")
        if flags & rtypes.NAMED:
            return self._named(row, kind, text) if flags & rtypes.UNCOMMON else text
        return self._composite(row, kind, depth)

    def _named(self, row: int, kind: int, text: str) -> str:
        package, dot, local = text.partition("[")[0].partition(".")
        if not dot:
            return text
        local += text[len(package) + 1 + len(local) :]
        for at in _MAP_PARTS if kind == MAP else (PARTS.get(kind, 48),):
            place = np.array([int(self._found.offset[row]) + at])
            path = self._area.text(int(self._area.halves(place)[0]))
            if path and path.isprintable() and (kind != MAP or _fits(path, package)):
                # The package of shapes is go.shape, whose name has a dot of its own.
                return text if text.startswith(f"{path}.") else f"{path}.{local}"
        return text

    def _composite(self, row: int, kind: int, depth: int) -> str | None:
        found = self._found
        number = int(found.number[row])
        elem = self.name(int(found.elem[row]), depth) if found.elem[row] else None
        match kind:
            case rtypes.FUNC:
                return self._func(row, number, depth)
            case rtypes.STRUCT:
                return self._struct(row, depth)
            case rtypes.INTERFACE:
                return self._interface(row, depth)
        if elem is None:
            return None
        if kind == MAP:
            key = self.name(int(found.key[row]), depth)
            return f"map[{key}]{elem}" if key else None
        if kind == CHAN:
            # `chan (<-chan T)`: without the brackets it would be a channel to send to.
            inner = f"({elem})" if number == 3 and elem.startswith("<-") else elem
            return _CHAN_WORDS.get(number, "chan ") + inner
        return {POINTER: "*", SLICE: "[]", ARRAY: f"[{number}]"}.get(kind, "?") + elem

    def _parts(self, row: int) -> range:
        return range(int(self._found.parts.first[row]), int(self._found.parts.first[row + 1]))

    def _func(self, row: int, number: int, depth: int) -> str | None:
        names = [self.name(int(self._found.parts.types[part]), depth) for part in self._parts(row)]
        if None in names:
            return None
        texts = [name for name in names if name is not None]
        split = len(texts) - (number & ~_VARIADIC)
        parameters, results = texts[:split], texts[split:]
        if number & _VARIADIC and parameters:
            parameters[-1] = "..." + parameters[-1].removeprefix("[]")
        return f"func({', '.join(parameters)}){_results(results)}"

    def _struct(self, row: int, depth: int) -> str | None:
        parts, shown = self._found.parts, []
        package = self._area.text(int(self._found.package[row])) or ""
        for part in self._parts(row):
            kind = self.name(int(parts.types[part]), depth)
            at = int(parts.names[part])
            name, flags, tag = self._area.text(at), self._area.name_flags(at), self._area.tag(at)
            if kind is None or name is None:
                return None
            prefix = "" if flags & _EMBEDDED else f"{self._qualified(name, flags, package)} "
            shown.append(f"{prefix}{kind}{' ' + _quoted(tag) if tag else ''}")
        return f"struct {{ {'; '.join(shown)} }}" if shown else "struct {}"

    def _interface(self, row: int, depth: int) -> str | None:
        parts, shown = self._found.parts, []
        for part in self._parts(row):
            kind, at = self.name(int(parts.types[part]), depth), int(parts.names[part])
            name, flags = self._area.text(at), self._area.name_flags(at)
            if kind is None or name is None:
                return None
            shown.append(self._qualified(name, flags, self._area.package(at) or "") + kind.removeprefix("func"))
        return f"interface {{ {'; '.join(shown)} }}" if shown else "interface {}"

    def _qualified(self, name: str, flags: int, package: str) -> str:
        return name if flags & _EXPORTED or not package else f"{package}.{name}"


def _results(results: list[str]) -> str:
    if len(results) < 2:
        return f" {results[0]}" if results else ""
    return f" ({', '.join(results)})"


def _quoted(tag: str) -> str:
    """As strconv.Quote writes it, for the characters that tags have."""
    return '"' + tag.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _fits(path: str, package: str) -> bool:
    """Whether a package of this path may well have this name (`gopkg.in/yaml.v3` has `yaml`)."""
    return package in path.replace("-", "_")
