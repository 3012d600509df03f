"""Names of Go types from the runtime's own descriptions of them, which stay in stripped executables too.

The runtime names types by package name (`*http.Request`); here a named type has its whole import path
(`*net/http.Request`). Layouts: internal/abi/type.go and map.go; checked for Go 1.21 to 1.27.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from sey.binary.elf import ElfFile
from sey.binary.errors import SeyError
from sey.binary.moduledata import ModuleData

_TYPE = struct.Struct("<QQIBBBBQQiI")
_UNCOMMON, _EXTRA_STAR, _NAMED = 1, 2, 4
_KIND_MASK = 31
_ARRAY, _CHAN, _FUNC, _INTERFACE, _MAP, _POINTER, _SLICE, _STRUCT = 17, 18, 19, 20, 21, 22, 23, 25
# Where the uncommon part of a named type lies: right behind what its kind adds to the 48 bytes of abi.Type.
_UNCOMMON_AT = {_POINTER: 56, _FUNC: 56, _SLICE: 56, _ARRAY: 72, _CHAN: 64, _INTERFACE: 80, _STRUCT: 80}
# The map's part differs between releases; the right place is the one that names a package fitting the type's name.
_MAP_UNCOMMON_AT = range(96, 144, 8)
_CHAN_WORDS = {1: "<-chan ", 2: "chan<- ", 3: "chan "}
_MAX_DEPTH = 32
_MAX_NAME = 4096


@dataclass(frozen=True)
class _Header:
    flags: int
    kind: int
    text: str


class TypeNames:
    """Names of the types of one executable. Addresses are link-time ones."""

    def __init__(self, elf: ElfFile, module: ModuleData) -> None:
        self._elf, self._module = elf, module
        self._names: dict[int, str | None] = {}

    def name(self, address: int) -> str | None:
        """The type's name with whole import paths, or None where no description of a type can be read."""
        if address not in self._names:
            self._names[address] = self._describe(address, 0)
        return self._names[address]

    def _describe(self, address: int, depth: int) -> str | None:
        try:
            header = self._header(address)
            if header is None or depth > _MAX_DEPTH:
                return None
            if header.flags & _NAMED:
                return self._named(address, header)
            return self._composite(address, header, depth) or header.text
        except (SeyError, struct.error, UnicodeDecodeError):
            return None

    def _header(self, address: int) -> _Header | None:
        if not self._module.types <= address < self._module.etypes or address % 8:
            return None
        fields = _TYPE.unpack(self._elf.read(address, _TYPE.size))
        flags, kind, name = fields[3], fields[6] & _KIND_MASK, fields[9]
        text = self._text(self._module.types + name)
        if flags & _EXTRA_STAR:
            text = text.removeprefix("*")
        return _Header(flags, kind, text) if text else None

    def _text(self, address: int) -> str:
        """A name: a byte of flags, a varint length, the bytes."""
        head = self._elf.read(address, 4)
        length, at = head[1] & 0x7F, 2
        if head[1] & 0x80:
            length, at = length | (head[2] & 0x7F) << 7, 3
        if length > _MAX_NAME:
            return ""
        return bytes(self._elf.read(address + at, length)).decode()

    def _named(self, address: int, header: _Header) -> str:
        package, dot, local = header.text.partition("[")[0].partition(".")
        if not dot or not header.flags & _UNCOMMON:
            return header.text
        local += header.text[len(package) + 1 + len(local) :]
        places = _MAP_UNCOMMON_AT if header.kind == _MAP else (_UNCOMMON_AT.get(header.kind, 48),)
        for at in places:
            path = self._package(address + at)
            if path and (header.kind != _MAP or _fits(path, package)):
                return f"{path}.{local}"
        return header.text

    def _package(self, uncommon: int) -> str | None:
        (offset,) = struct.unpack("<i", self._elf.read(uncommon, 4))
        if not 0 < offset < self._module.etypes - self._module.types:
            return None
        text = self._text(self._module.types + offset)
        return text if text.isprintable() else None

    def _composite(self, address: int, header: _Header, depth: int) -> str | None:
        def at(word: int) -> int:
            return int(struct.unpack("<Q", self._elf.read(address + 48 + 8 * word, 8))[0])

        def inner(word: int) -> str | None:
            return self._describe(at(word), depth + 1)

        match header.kind:
            case kind if kind in (_POINTER, _SLICE, _ARRAY):
                prefix = {_POINTER: "*", _SLICE: "[]"}.get(kind) or f"[{at(2)}]"
                elem = inner(0)
                return prefix + elem if elem else None
            case kind if kind == _MAP:
                key, elem = inner(0), inner(1)
                return f"map[{key}]{elem}" if key and elem else None
            case kind if kind == _CHAN:
                elem = inner(0)
                return _CHAN_WORDS.get(at(1), "chan ") + elem if elem else None
        return None


def _fits(path: str, package: str) -> bool:
    """Whether a package of this path may well have this name (`gopkg.in/yaml.v3` has `yaml`)."""
    return package in path.replace("-", "_").replace(".", "/").split("/")
