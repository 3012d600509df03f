"""Small DWARF made in memory, so that odd and damaged debug information can be tested without a compiler.

A description is a tree of `D` entries; `build` encodes it as one Go unit of version 4 or 5 in an ELF file in memory.
References between entries are by label: `D(..., label="int")` and `Ref("int")`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sey.binary.buildinfo import BuildInfo, GoVersion
from sey.binary.elf import ElfFile, parse_elf
from sey.binary.gobinary import GoBinary
from sey.frontend.debuginfo.dwarf import At, Form, Tag
from sey.frontend.debuginfo.index import build_index
from sey.frontend.debuginfo.model import LocationRange, Piece, Place
from sey.frontend.debuginfo.open import BinaryDebugInfo
from sey.frontend.debuginfo.scan import scan
from sey.frontend.debuginfo.sections import DwarfSections
from sey.frontend.debuginfo.units import Units

BASE = 0x401000
"""Address of the only function of most tests."""


def uleb(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def sleb(value: int) -> bytes:
    out = bytearray()
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value & 0x7F])


@dataclass(frozen=True)
class Ref:
    """A reference to the entry with a label."""

    label: str


Value = int | bytes | str | Ref


@dataclass
class D:
    """An entry: its tag, attributes as name -> (form, value), and children. `children` None: none possible."""

    tag: int
    attributes: dict[int, tuple[int, Value]] = field(default_factory=dict)
    children: list[D] | None = None
    label: str = ""
    offset: int = 0


_Shape = tuple[int, bool, tuple[tuple[int, int], ...]]
"""Tag, whether there are children, and names with forms: what an abbreviation says."""


@dataclass
class _Writer:
    out: bytearray
    codes: dict[_Shape, int]
    fixups: list[tuple[int, str]]
    labels: dict[str, int]

    def write(self, die: D) -> None:
        shape = (
            int(die.tag),
            die.children is not None,
            tuple((int(n), int(f)) for n, (f, _) in die.attributes.items()),
        )
        die.offset = len(self.out)
        if die.label:
            self.labels[die.label] = die.offset
        self.out += uleb(self.codes.setdefault(shape, len(self.codes) + 1))
        for form, value in die.attributes.values():
            self._value(form, value)
        if die.children is not None:
            for child in die.children:
                self.write(child)
            self.out.append(0)

    def _value(self, form: int, value: Value) -> None:
        if isinstance(value, Ref):
            self.fixups.append((len(self.out), value.label))
            value = 0
        if isinstance(value, str):
            value = value.encode()
        if isinstance(value, bytes):
            length = {Form.BLOCK1: bytes([len(value)]), Form.EXPRLOC: uleb(len(value)), Form.STRING: b""}[Form(form)]
            self.out += length + value + (b"\0" if form == Form.STRING else b"")
            return
        sizes: dict[int, int] = {Form.ADDR: 8, Form.DATA1: 1, Form.FLAG: 1, Form.DATA2: 2, Form.DATA4: 4, Form.DATA8: 8}
        sizes |= {Form.REF_ADDR: 4, Form.REF4: 4, Form.SEC_OFFSET: 4, Form.STRP: 4, Form.LINE_STRP: 4}
        number = sleb if form == Form.SDATA else uleb
        self.out += value.to_bytes(sizes[form], "little") if form in sizes else number(value)


def encode(unit: D, version: int) -> dict[str, bytes]:
    """`.debug_info` and `.debug_abbrev` of one unit."""
    header = 12 if version == 5 else 11
    writer = _Writer(bytearray(header), {}, [], {})
    writer.write(unit)
    for at, label in writer.fixups:
        writer.out[at : at + 4] = writer.labels[label].to_bytes(4, "little")
    start = struct.pack("<IHBBI", len(writer.out) - 4, 5, 1, 8, 0) if version == 5 else b""
    writer.out[:header] = start or struct.pack("<IHIB", len(writer.out) - 4, version, 0, 8)
    abbreviations = bytearray()
    for (tag, children, attributes), code in writer.codes.items():
        abbreviations += uleb(code) + uleb(tag) + bytes([children])
        for name, form in attributes:
            abbreviations += uleb(name) + uleb(form)
        abbreviations += b"\0\0"
    return {".debug_info": bytes(writer.out), ".debug_abbrev": bytes(abbreviations) + b"\0"}


def elf_image(sections: Mapping[str, bytes]) -> bytes:
    """An ELF executable with these sections, none of them loaded."""
    names, body, headers = bytearray(b"\0"), bytearray(64), bytearray(64)
    for name, data in {**sections, ".shstrtab": b""}.items():
        at = len(names)
        names += name.encode() + b"\0"
        data = data if name != ".shstrtab" else bytes(names)
        headers += struct.pack("<IIQQQQIIQQ", at, 1, 0, 0, len(body), len(data), 0, 0, 1, 0)
        body += data
    count = len(sections) + 2
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    body[:64] = struct.pack("<16sHHIQQQIHHHHHH", ident, 2, 62, 1, 0, 0, len(body), 0, 64, 56, 0, 64, count, count - 1)
    return bytes(body + headers)


def elf_of(sections: Mapping[str, bytes]) -> ElfFile:
    return parse_elf(memoryview(elf_image(sections)), "built")


def open_sections(sections: Mapping[str, bytes]) -> BinaryDebugInfo:
    """Debug information from sections, without a cache. Raises DamageError or SeyError."""
    elf = elf_of(sections)
    units = Units(DwarfSections(elf))
    binary = GoBinary(elf, BuildInfo(GoVersion(1, 26, 0, "go1.26"), "main", None, (), {}))
    return BinaryDebugInfo(binary, units, build_index(scan(units)))


# --- entries as Go writes them ---


def base(name: str, size: int, encoding: int = 5, kind: int = 2) -> D:
    attributes: dict[int, tuple[int, Value]] = {
        At.NAME: (Form.STRING, name),
        At.ENCODING: (Form.DATA1, encoding),
        At.BYTE_SIZE: (Form.DATA1, size),
        At.GO_KIND: (Form.DATA1, kind),
        At.GO_RUNTIME_TYPE: (Form.ADDR, 0x1000 + 8 * len(name)),
    }
    return D(Tag.BASE_TYPE, attributes, label=name)


def struct_type(name: str, size: int, fields: Sequence[tuple[str, str, int]], kind: int = 25) -> D:
    attributes: dict[int, tuple[int, Value]] = {
        At.NAME: (Form.STRING, name),
        At.BYTE_SIZE: (Form.UDATA, size),
        At.GO_KIND: (Form.DATA1, kind),
        At.GO_RUNTIME_TYPE: (Form.ADDR, 0x2000 + 8 * len(name)),
    }
    return D(Tag.STRUCTURE_TYPE, attributes, [member(*f) for f in fields], label=name)


def member(name: str, kind: str, offset: int) -> D:
    attributes: dict[int, tuple[int, Value]] = {
        At.NAME: (Form.STRING, name),
        At.DATA_MEMBER_LOCATION: (Form.UDATA, offset),
        At.TYPE: (Form.REF_ADDR, Ref(kind)),
        At.GO_EMBEDDED_FIELD: (Form.FLAG, 0),
    }
    return D(Tag.MEMBER, attributes)


def slice_type(elem: str) -> D:
    found = struct_type(f"[]{elem}", 24, [], kind=23)
    found.attributes[At.GO_ELEM] = (Form.REF_ADDR, Ref(elem))
    return found


def pointer_type(elem: str) -> D:
    attributes: dict[int, tuple[int, Value]] = {
        At.NAME: (Form.STRING, f"*{elem}"),
        At.TYPE: (Form.REF_ADDR, Ref(elem)),
        At.GO_KIND: (Form.DATA1, 22),
        At.GO_RUNTIME_TYPE: (Form.ADDR, 0),
    }
    return D(Tag.POINTER_TYPE, attributes, label=f"*{elem}")


def function(name: str, children: list[D], *, low: int = BASE, size: int = 0x100, version: int = 4) -> D:
    high = (Form.ADDR, low + size) if version == 4 else (Form.UDATA, size)
    attributes: dict[int, tuple[int, Value]] = {
        At.NAME: (Form.STRING, name),
        At.LOW_PC: (Form.ADDR, low),
        At.HIGH_PC: high,
        At.DECL_LINE: (Form.UDATA, 10),
    }
    return D(Tag.SUBPROGRAM, attributes, children, label=name)


def variable(name: str, kind: str, location: bytes | int, *, tag: int = Tag.VARIABLE, result: bool = False) -> D:
    form = Form.SEC_OFFSET if isinstance(location, int) else Form.BLOCK1
    attributes: dict[int, tuple[int, Value]] = {At.NAME: (Form.STRING, name)}
    if tag == Tag.FORMAL_PARAMETER:
        attributes[At.VARIABLE_PARAMETER] = (Form.FLAG, int(result))
    attributes |= {At.DECL_LINE: (Form.UDATA, 11), At.TYPE: (Form.REF_ADDR, Ref(kind)), At.LOCATION: (form, location)}
    return D(tag, attributes)


def unit(children: list[D], *, language: int = 0x16) -> D:
    attributes: dict[int, tuple[int, Value]] = {
        At.NAME: (Form.STRING, "main"),
        At.LANGUAGE: (Form.DATA1, language),
        At.LOW_PC: (Form.ADDR, BASE),
    }
    return D(Tag.COMPILE_UNIT, attributes, children)


INT, BYTE, BOOL = base("int", 8), base("uint8", 1, 7, 8), base("bool", 1, 2, 1)


def plain_types() -> list[D]:
    """int, uint8, bool, float64, uintptr, string, []int, *int."""
    text = struct_type("string", 16, [], kind=24)
    scalars = [base("int", 8), base("uint8", 1, 7, 8), base("bool", 1, 2, 1), base("float64", 8, 4, 14)]
    return [*scalars, base("uintptr", 8, 7, 12), text, slice_type("int"), pointer_type("int")]


# --- location lists ---


def fbreg(offset: int) -> bytes:
    return b"\x91" + sleb(offset)


def reg(number: int) -> bytes:
    return bytes([0x50 + number])


def pieces(*parts: tuple[bytes, int]) -> bytes:
    return b"".join(expression + b"\x93" + uleb(size) for expression, size in parts)


Entry = tuple[int, int, bytes]
"""Start and end as offsets into the function, and the expression."""


def debug_loc(*lists: Sequence[Entry], base_address: int = BASE) -> tuple[bytes, list[int]]:
    """A `.debug_loc` (DWARF 4) with these lists as Go writes them, and their offsets."""
    out, offsets = bytearray(), list[int]()
    for entries in lists:
        offsets.append(len(out))
        out += struct.pack("<QQ", (1 << 64) - 1, base_address)
        for lo, hi, expression in entries:
            out += struct.pack("<QQH", lo, hi, len(expression)) + expression
        out += bytes(16)
    return bytes(out), offsets


def loclists(*lists: Sequence[Entry], base_address: int = BASE) -> tuple[bytes, list[int]]:
    """A `.debug_loclists` (DWARF 5) with these lists, and their offsets."""
    out, offsets = bytearray(12), list[int]()
    for entries in lists:
        offsets.append(len(out))
        out += b"\x06" + base_address.to_bytes(8, "little")
        for lo, hi, expression in entries:
            out += b"\x04" + uleb(lo) + uleb(hi) + uleb(len(expression)) + expression
        out += b"\x00"
    return bytes(out), offsets


# --- one variable at a time ---


Found = tuple[int, int, list[tuple[Place, int, int, int]]]
"""Start and end of code as offsets into the function, and the pieces there."""


def locate(
    kind: str,
    entries: Sequence[Entry],
    *,
    types: list[D] | None = None,
    version: int = 4,
    name: str = "v",
    role: int = Tag.VARIABLE,
) -> tuple[list[Found], str | None]:
    """Locations (as offsets into the function) and problem of a variable of type `kind` with this location list."""
    write: Callable[..., tuple[bytes, list[int]]] = debug_loc if version == 4 else loclists
    lists, (at,) = write(entries)
    described = variable(name, kind, at, tag=role)
    top = unit([*(types if types is not None else plain_types()), function("main.f", [described], version=version)])
    sections = encode(top, version) | {".debug_loc" if version == 4 else ".debug_loclists": lists}
    info = open_sections(sections)
    (found,) = info.variables(info.bodies("main.f")[0])
    return [_relative(r) for r in found.locations], found.problem


def _relative(r: LocationRange) -> Found:
    return r.lo - BASE, r.hi - BASE, [_plain(p) for p in r.pieces]


def _plain(p: Piece) -> tuple[Place, int, int, int]:
    return p.place, p.value, p.offset, p.size


def write_to(path: Path, sections: Mapping[str, bytes]) -> Path:
    path.write_bytes(elf_image(sections))
    return path
