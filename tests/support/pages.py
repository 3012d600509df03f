"""Raw captures made up by tests: Go types, values of them in a made-up memory, records, pages.

go = GoTypes()
item = go.struct("main.Item", ("id", go.int64), ("name", go.string))
memory = Memory(go)
raw = memory.encode(item, (7, b"seven"))         # the bytes of the value; what it refers to becomes objects
writer = PageWriter(streams); writer.add("object", **members); pages = writer.pages()
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sey.ir.nodes import PAGE_BYTES, PAGE_HEADER_BYTES, Stream, Type, layout_stream
from sey.ir.plan import (
    CHAN_WORDS,
    FUNC_TYPE,
    POINTEE,
    REFERENCE_KINDS,
    ROW_MEMBERS,
    STREAMS,
    PlanColumn,
    PlanEntry,
    PlanField,
    PlanRecordField,
    PlanStream,
    PlanType,
    Status,
)
from sey.runtime.pages import Pages

_TYPES = {"i8": Type.I8, "i16": Type.I16, "i32": Type.I32, "i64": Type.I64}


class GoTypes:
    """Plan types by number; the basic ones are attributes."""

    def __init__(self) -> None:
        self.all: dict[int, PlanType] = {}
        self.string = self._add("string", "string", 16, pointers=True)
        self.func = self._add("func()", "func", 8, pointers=True)
        self.bool = self._add("bool", "bool", 1)
        self.int8, self.int16, self.int32, self.int64 = (self._add(f"int{n * 8}", "int", n) for n in (1, 2, 4, 8))
        self.uint8, self.uint16, self.uint32, self.uint64 = (self._add(f"uint{n * 8}", "uint", n) for n in (1, 2, 4, 8))
        self.float32, self.float64 = self._add("float32", "float", 4), self._add("float64", "float", 8)
        self.complex64, self.complex128 = self._add("complex64", "complex", 8), self._add("complex128", "complex", 16)
        self.any = self._add("interface {}", "interface", 16, empty_interface=True, pointers=True)
        self.error = self._add("error", "interface", 16, pointers=True)
        self.time = self._add("time.Time", "struct", 24, special="time")
        self.duration = self._add("time.Duration", "int", 8, special="duration")
        self.map = self._add("map[string]int", "map", 8)
        self.chan = self._add("chan int", "chan", 8)
        self.unsafe = self._add("unsafe.Pointer", "unsafe.Pointer", 8)

    def _add(self, name: str, kind: str, size: int, **more: Any) -> PlanType:
        number = len(self.all) + 1
        self.all[number] = PlanType(number, name, kind, size, **more)
        return self.all[number]

    def pointer(self, elem: PlanType) -> PlanType:
        return self._add(f"*{elem.name}", "pointer", 8, elem=elem.id, pointers=True)

    def slice(self, elem: PlanType) -> PlanType:
        return self._add(f"[]{elem.name}", "slice", 24, elem=elem.id, pointers=True)

    def map_of(self, key: PlanType, elem: PlanType, *, indirect_key: bool = False, indirect: bool = False) -> PlanType:
        """A map whose entries programs know; key or element kept by address where `indirect`."""
        key_size, elem_size = 8 if indirect_key else key.size, 8 if indirect else elem.size
        at = -(-key_size // 8) * 8
        entry = PlanEntry(max(8, at + -(-elem_size // 8) * 8), at, indirect_key, indirect)
        name = f"map[{key.name}]{elem.name}"
        return self._add(name, "map", 8, elem=elem.id, key=key.id, entry=entry, pointers=True)

    def chan_of(self, elem: PlanType) -> PlanType:
        return self._add(f"chan {elem.name}", "chan", 8, elem=elem.id, pointers=True)

    def enum(self, name: str, like: PlanType, *names: str) -> PlanType:
        """A named integer type with constants 0, 1, …"""
        return self._add(name, like.kind, like.size, constants=tuple(enumerate(names)))

    def array(self, elem: PlanType, length: int) -> PlanType:
        size = elem.size * length
        return self._add(f"[{length}]{elem.name}", "array", size, elem=elem.id, length=length, pointers=elem.pointers)

    def struct(self, name: str, *members: tuple[str, PlanType]) -> PlanType:
        """A struct, each field aligned to 8."""
        fields, at = [], 0
        for member, kind in members:
            fields.append(PlanField(member, at, kind.id))
            at += -(-kind.size // 8) * 8
        pointers = any(kind.pointers for _, kind in members)
        return self._add(name, "struct", at, fields=tuple(fields), pointers=pointers)

    def close(self, opened: PlanType, *members: tuple[str, PlanType]) -> PlanType:
        """Give the struct `opened` (made without fields, for types that contain themselves) its fields."""
        closed = self.struct(opened.name, *members)
        self.all[opened.id] = replace(closed, id=opened.id)
        del self.all[closed.id]
        return self.all[opened.id]


@dataclass(frozen=True)
class Object:
    """Bytes at an address, captured under a type; `length` is the true length."""

    address: int
    type: int
    data: bytes
    length: int
    status: int = Status.OK


@dataclass(frozen=True)
class Ref:
    """A pointer to a value of its own; `None` in its place is nil."""

    value: Any


@dataclass(frozen=True)
class Held:
    """What an interface holds: a value of type `kind`."""

    kind: PlanType
    value: Any


@dataclass(frozen=True)
class Map:
    """Entries of a map as (key, element), in the program's order. `count` is the map's own, by default theirs."""

    entries: Sequence[tuple[Any, Any]]
    count: int | None = None
    status: int = Status.OK


@dataclass(frozen=True)
class Chan:
    """A channel; `length` is how many elements are buffered, by default those listed."""

    capacity: int = 0
    elements: Sequence[Any] = ()
    receivers: Sequence[int] = ()
    senders: Sequence[int] = ()
    closed: bool = False
    timer: bool = False
    length: int | None = None


@dataclass(frozen=True)
class Func:
    """A func value: its pc, and the variables that it captured with the struct type of its closure."""

    pc: int
    closure: PlanType | None = None
    captured: Any = None


@dataclass
class Memory:
    """Encodes Python values as Go's, and notes what they refer to as a program's chaser would, whole."""

    go: GoTypes
    objects: list[Object] = field(default_factory=list)
    next: int = 0xC000_0000_1000
    words: dict[int, tuple[int, bool]] = field(default_factory=dict)
    """Of interfaces met: the number of the dynamic type by first word, and whether the second word is the value."""

    def place(self, size: int) -> int:
        """A fresh address."""
        at = self.next
        self.next += max(8, -(-size // 8) * 8)
        return at

    def encode(self, kind: PlanType, value: Any) -> bytes:
        """The bytes of a value of that type."""
        if kind.special == "time":
            return struct.pack("<QqQ", value[0], value[1], 0)
        match kind.kind:
            case "bool" | "int" | "uint":
                return int(value).to_bytes(kind.size, "little", signed=kind.kind == "int")
            case "float":
                return struct.pack("<f" if kind.size == 4 else "<d", value)
            case "complex":
                return struct.pack("<ff" if kind.size == 8 else "<dd", value.real, value.imag)
            case "string":
                return struct.pack("<QQ", self.note(kind.id, value, len(value)) if value else 0, len(value))
            case "array":
                return b"".join(self.encode(self.elem(kind), item) for item in value)
            case "struct":
                return self._struct(kind, value)
            case "slice":
                return self._slice(kind, value)
            case "pointer" if kind.elem is None:
                return int(value).to_bytes(8, "little")
            case "pointer":
                if value is None:
                    return bytes(8)
                return self._pointer(self.elem(kind), value.value)
            case "interface" if isinstance(value, Held):
                return self._interface(value)
            case "interface":
                return struct.pack("<QQ", *(value or (0, 0)))
            case "map" if isinstance(value, Map):
                return self._map(kind, value).to_bytes(8, "little")
            case "chan" if isinstance(value, Chan):
                return self._chan(kind, value).to_bytes(8, "little")
            case "func" if isinstance(value, Func):
                return self._func(value).to_bytes(8, "little")
            case _ if value is None:
                return bytes(kind.size)
            case _:
                return int(value).to_bytes(8, "little")

    def elem(self, kind: PlanType) -> PlanType:
        assert kind.elem is not None
        return self.go.all[kind.elem]

    def note(self, kind: int, data: bytes, length: int, status: int = Status.OK) -> int:
        """Make an object and give its address."""
        address = self.place(len(data))
        self.objects.append(Object(address, kind, data, length, status))
        return address

    def _pointer(self, elem: PlanType, value: Any) -> bytes:
        key = elem.id | POINTEE if elem.kind in REFERENCE_KINDS else elem.id
        raw = self.encode(elem, value)
        return (self.note(key, raw, 1) if raw else 0x55AA10).to_bytes(8, "little")

    def _interface(self, held: Held) -> bytes:
        kind, raw = held.kind, self.encode(held.kind, held.value)
        direct = _is_direct(kind, self.go)
        word = 0x7000_0000 + kind.id * 64
        self.words[word] = (kind.id, direct)
        if direct:
            return struct.pack("<Q", word) + raw
        key = kind.id | POINTEE if kind.kind in REFERENCE_KINDS else kind.id
        return struct.pack("<QQ", word, self.note(key, raw, 1) if raw else 0x55AA08)

    def _map(self, kind: PlanType, value: Map) -> int:
        assert kind.entry is not None
        assert kind.key is not None
        packed = bytearray()
        for key, elem in value.entries:
            raw = bytearray(kind.entry.size)
            for of, part, at, indirect in (
                (self.go.all[kind.key], key, 0, kind.entry.indirect_key),
                (self.elem(kind), elem, kind.entry.elem_offset, kind.entry.indirect_elem),
            ):
                encoded = self.encode(of, part)
                encoded = self.note(of.id, encoded, 1).to_bytes(8, "little") if indirect else encoded
                raw[at : at + len(encoded)] = encoded
            packed += raw
        count = len(value.entries) if value.count is None else value.count
        return self.note(kind.id, bytes(packed), count, value.status)

    def _chan(self, kind: PlanType, value: Chan) -> int:
        elements = b"".join(self.encode(self.elem(kind), item) for item in value.elements)
        counts = (len(value.receivers), len(value.senders))
        words = (value.capacity, value.closed, *counts, *counts, len(value.elements), value.timer)
        waiting = (*value.receivers, *value.senders)
        raw = struct.pack(f"<{len(CHAN_WORDS) + len(waiting)}Q", *words, *waiting)
        return self.note(kind.id, raw + elements, len(value.elements) if value.length is None else value.length)

    def _func(self, value: Func) -> int:
        number = value.closure.id if value.closure is not None else 0
        address = self.note(FUNC_TYPE, struct.pack("<QQ", value.pc, number), 1)
        if value.closure is not None and value.closure.size:
            self.objects.append(Object(address, number, self.encode(value.closure, value.captured), 1))
            self.next += -(-value.closure.size // 8) * 8
        return address

    def _struct(self, kind: PlanType, values: Sequence[Any]) -> bytes:
        raw = bytearray(kind.size)
        for item, value in zip(kind.fields, values, strict=True):
            part = self.encode(self.go.all[item.type], value)
            raw[item.offset : item.offset + len(part)] = part
        return bytes(raw)

    def _slice(self, kind: PlanType, value: Sequence[Any] | None) -> bytes:
        if value is None:
            return bytes(24)
        data = b"".join(self.encode(self.elem(kind), item) for item in value)
        address = self.note(kind.id, data, len(value)) if value else 0x55AA00
        return struct.pack("<QQQ", address, len(value), len(value) + 1)


def _is_direct(kind: PlanType, go: GoTypes) -> bool:
    """Whether an interface holds the value itself: a pointer, or a struct or array of nothing but one."""
    if kind.kind in ("pointer", "map", "chan", "func", "unsafe.Pointer"):
        return True
    if kind.kind == "struct" and len(kind.fields) == 1:
        return _is_direct(go.all[kind.fields[0].type], go)
    return kind.kind == "array" and kind.length == 1 and _is_direct(go.all[kind.elem or 0], go)


class PageWriter:
    """Writes records into pages as programs do, each stream into pages of its own."""

    def __init__(self, streams: Sequence[PlanStream]) -> None:
        self.streams = {stream.name: stream for stream in streams}
        self._done: list[bytes] = []
        self._open: dict[str, tuple[int, bytearray]] = {}

    def add(self, name: str, **members: int | bytes) -> None:
        """A record with these members; the others are zero."""
        stream = self.streams[name]
        record = bytearray(stream.size)
        for item in stream.fields:
            value = members.pop(item.name, 0)
            raw = value.to_bytes(item.length, "little") if isinstance(value, int) else value
            assert len(raw) <= item.length
            record[item.offset : item.offset + len(raw)] = raw
        assert not members, f"stream {name} has no {sorted(members)}"
        self._append(name, bytes(record))

    def put(self, data: bytes) -> int:
        """Bytes into the stream of that name; gives their position."""
        return self._append("bytes", data + bytes(-len(data) % 8))

    def _append(self, name: str, data: bytes) -> int:
        number, page = self._open.get(name, (-1, bytearray()))
        if number < 0 or len(page) + len(data) > PAGE_BYTES:
            number, page = len(self._done), bytearray(PAGE_HEADER_BYTES)
            self._done.append(b"")
            self._open[name] = (number, page)
        at = len(page)
        page += data
        struct.pack_into("<II", page, 0, self.streams[name].number + 1, len(page) - PAGE_HEADER_BYTES)
        self._done[number] = bytes(page)
        return number * PAGE_BYTES + at

    def objects(self, objects: Iterable[Object]) -> None:
        """Records and bytes of objects."""
        for item in objects:
            self.add(
                "object",
                address=item.address,
                type=item.type,
                status=int(item.status),
                bytes=len(item.data),
                length=item.length,
                position=self.put(item.data),
            )

    def type_words(self, words: Mapping[int, tuple[int, bool]]) -> None:
        """Records of the first words of interfaces: number and `direct` by word."""
        for word, (number, direct) in words.items():
            self.add("typeword", word=word, type=word, number=number, direct=int(direct))

    def stack(self, number: int, inner: Sequence[int], outer: Sequence[int] = (), *, frames: int = 0) -> None:
        """A stack of these words (pc, with PC_EXACT where it is the frame's own)."""
        words = [*inner, *outer]
        position = self.put(struct.pack(f"<{len(words)}Q", *words))
        size = frames or len(words)
        self.add("stack", id=number, end=1, frames=size, inner=len(inner), outer=len(outer), position=position)

    def pages(self, origin: str = "the capture") -> Pages:
        """Everything written so far."""
        return Pages.from_pages(enumerate(self.raw()), origin)

    def raw(self) -> list[bytes]:
        """The pages as programs leave them."""
        return [page.ljust(PAGE_BYTES, b"\0") for page in self._done]


def built_in_streams(rows: Mapping[str, Sequence[int]] = {}, values: Mapping[str, int] = {}) -> tuple[PlanStream, ...]:
    """The streams of a plan: the built-in ones, blocks (name → bytes of each column), globals (name → bytes)."""
    streams = [layout_stream(name, [(m, _TYPES[t]) for m, t in members]) for name, members in STREAMS.items()]
    streams.append(Stream("bytes"))
    for name, sizes in rows.items():
        members: list[tuple[str, Type | int]] = [(m, _TYPES[t]) for m, t in ROW_MEMBERS]
        for number, size in enumerate(sizes):
            members += _column_members(number, size)
        streams.append(layout_stream(name, members))
    streams += [layout_stream(name, _column_members(0, size)) for name, size in values.items()]
    return tuple(plan_stream(number, stream) for number, stream in enumerate(streams))


def _column_members(number: int, size: int) -> list[tuple[str, Type | int]]:
    return [(f"s{number}", Type.I8), (f"d{number}", Type.I64), (f"v{number}", size)]


def plan_stream(number: int, stream: Stream) -> PlanStream:
    """A program's stream as a plan repeats it."""
    fields = tuple(
        PlanRecordField(f.name, None if f.type is None else f.type.value, f.offset, f.length) for f in stream.fields
    )
    return PlanStream(number, stream.name, stream.size, fields)


def column(name: str, *types: PlanType, max_string: int = 512, max_items: int = 64, depth: int = 3) -> PlanColumn:
    """A captured column of these types with the default limits."""
    size = max((kind.size for kind in types), default=0)
    return PlanColumn(name, name, tuple(kind.id for kind in types), size, max_string, max_items, depth)
