"""The types of a plan as columns: how a bundle keeps them, and a sequence that makes each one when it is asked for.

A large program has 50 000 types, of which a capture meets a few hundred. The file form is in spec/bundle.md, section
`types`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from sey.ir.plan import PlanEntry, PlanField, PlanType

Column = npt.NDArray[np.integer]

EMPTY_INTERFACE, POINTERS, HAS_LENGTH, HAS_ENTRY, INDIRECT_KEY, INDIRECT_ELEM, MARKED = (1 << n for n in range(7))
"""Bits of `flags`."""
EMBEDDED, CHAIN = 1, 2
"""Bits of `field_flags`."""

TYPE_COLUMNS = {
    "id": "<u4",
    "kind": "u1",  # index into `words`
    "special": "u1",  # the same; the empty word is none
    "flags": "u1",
    "size": "<i8",
    "elem": "<u4",  # 0 is none
    "key": "<u4",
    "length": "<i8",
    "entry_size": "<i8",
    "entry_elem": "<i8",
    "fields": "<u4",  # how many it has
    "constants": "<u4",
}
FIELD_COLUMNS = {"field_name": "<u4", "field_at": "<i8", "field_type": "<u4", "field_flags": "u1"}
CONSTANT_COLUMNS = {"constant_value": "<i8", "constant_name": "<u4"}
COLUMNS = {**TYPE_COLUMNS, **FIELD_COLUMNS, **CONSTANT_COLUMNS}
"""Columns and their little-endian types: of types, then of all fields and all constants in the order of the types."""
TEXTS = ("words", "names", "field_names", "constant_names")
"""Lists of texts: kinds and specials; the name of each type; names of fields and constants by number."""
_MAX_WORDS = 256


class DamagedTypesError(ValueError):
    """Bytes that are no types; the message says what is wrong."""


@dataclass(frozen=True, eq=False)
class TypeColumns:
    """Types as columns, see `COLUMNS` and `TEXTS`."""

    columns: Mapping[str, Column]
    texts: Mapping[str, Sequence[str]]

    def encoded(self) -> bytes:
        """The bytes that `decoded` reads: sizes of the parts, then the parts, each padded to 8 bytes."""
        parts = [np.ascontiguousarray(self.columns[name], dtype=kind).tobytes() for name, kind in COLUMNS.items()]
        for name in TEXTS:
            raws = [text.encode("utf-8", "surrogatepass") for text in self.texts[name]]
            parts += [np.array([len(raw) for raw in raws], dtype="<u4").tobytes(), b"".join(raws)]
        head = struct.pack(f"<{len(parts)}Q", *map(len, parts))
        return head + b"".join(part + bytes(-len(part) % 8) for part in parts)


def decoded(raw: bytes | memoryview) -> TypeColumns:
    """The types that `encoded` wrote. Raises DamagedTypesError."""
    count = len(COLUMNS) + 2 * len(TEXTS)
    if len(raw) < 8 * count:
        raise DamagedTypesError("no room for the sizes of its parts")
    parts, at = list[memoryview](), 8 * count
    for size in struct.unpack_from(f"<{count}Q", raw):
        if size > len(raw) - at:
            raise DamagedTypesError("a part of it ends behind its end")
        parts.append(memoryview(raw)[at : at + size])
        at += size + -size % 8
    if at != len(raw):
        raise DamagedTypesError("its parts don't fill it")
    columns = dict[str, Column]()
    for (name, kind), part in zip(COLUMNS.items(), parts, strict=False):
        if len(part) % np.dtype(kind).itemsize:
            raise DamagedTypesError(f"column {name} ends within a number")
        columns[name] = np.frombuffer(part, dtype=kind)
    places = range(len(COLUMNS), count, 2)
    texts = {
        name: _LazyTexts.of(name, parts[place], parts[place + 1]) for name, place in zip(TEXTS, places, strict=True)
    }
    found = TypeColumns(columns, texts)
    _check_shape(found)
    return found


class _LazyTexts(Sequence[str]):
    """Texts out of one block of bytes."""

    def __init__(self, starts: npt.NDArray[np.int64], raw: memoryview) -> None:
        self._starts, self._raw = starts, raw

    @classmethod
    def of(cls, name: str, lengths: memoryview, raw: memoryview) -> _LazyTexts:
        if len(lengths) % 4:
            raise DamagedTypesError(f"the lengths of {name} end within a number")
        starts = np.concatenate(
            (np.zeros(1, np.int64), np.cumsum(np.frombuffer(lengths, dtype="<u4").astype(np.int64)))
        )
        if int(starts[-1]) != len(raw):
            raise DamagedTypesError(f"the lengths of {name} don't add up")
        try:
            str(raw, "utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise DamagedTypesError(f"{name} are not UTF-8") from None
        return cls(starts, raw)

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, number: int) -> str: ...
    @overload
    def __getitem__(self, number: slice) -> list[str]: ...
    def __getitem__(self, number: int | slice) -> str | list[str]:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        number %= len(self)
        return str(self._raw[int(self._starts[number]) : int(self._starts[number + 1])], "utf-8", "replace")


def _check_shape(found: TypeColumns) -> None:
    columns, texts = found.columns, found.texts
    groups = (
        (TYPE_COLUMNS, len(texts["names"])),
        (FIELD_COLUMNS, int(columns["fields"].sum(dtype=np.uint64))),
        (CONSTANT_COLUMNS, int(columns["constants"].sum(dtype=np.uint64))),
    )
    for names, length in groups:
        if any(len(columns[name]) != length for name in names):
            raise DamagedTypesError("its columns are not of one length")
    if len(texts["words"]) > _MAX_WORDS:
        raise DamagedTypesError("it has too many words")
    indexes = (
        ("kind", "words"),
        ("special", "words"),
        ("field_name", "field_names"),
        ("constant_name", "constant_names"),
    )
    for name, into in indexes:
        if int(columns[name].max(initial=0)) >= max(len(texts[into]), 1) or (
            len(columns[name]) and not len(texts[into])
        ):
            raise DamagedTypesError(f"column {name} names a text that there isn't")


class PlanTypes(Sequence[PlanType]):
    """A plan's types out of columns."""

    def __init__(self, columns: TypeColumns) -> None:
        self.columns = columns
        self._made: dict[int, PlanType] = {}

    def __len__(self) -> int:
        return len(self.columns.columns["id"])

    def __iter__(self) -> Iterator[PlanType]:
        return (self[row] for row in range(len(self)))

    @overload
    def __getitem__(self, number: int) -> PlanType: ...
    @overload
    def __getitem__(self, number: slice) -> list[PlanType]: ...
    def __getitem__(self, number: int | slice) -> PlanType | list[PlanType]:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        number %= len(self)
        found = self._made.get(number)
        if found is None:
            found = self._made[number] = self._make(number)
        return found

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def by_id(self) -> Mapping[int, PlanType]:
        """The types by their numbers."""
        return _ById(self)

    @cached_property
    def _firsts(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        counts = (self.columns.columns[name].astype(np.int64) for name in ("fields", "constants"))
        return tuple(np.cumsum(count) - count for count in counts)  # type: ignore[return-value]

    def _make(self, row: int) -> PlanType:
        c, texts = self.columns.columns, self.columns.texts
        flags = int(c["flags"][row])
        entry = None
        if flags & HAS_ENTRY:
            marks = (bool(flags & mark) for mark in (INDIRECT_KEY, INDIRECT_ELEM, MARKED))
            entry = PlanEntry(int(c["entry_size"][row]), int(c["entry_elem"][row]), *marks)
        return PlanType(
            id=int(c["id"][row]),
            name=texts["names"][row],
            kind=texts["words"][int(c["kind"][row])],
            size=int(c["size"][row]),
            fields=self._fields(row),
            elem=int(c["elem"][row]) or None,
            length=int(c["length"][row]) if flags & HAS_LENGTH else None,
            empty_interface=bool(flags & EMPTY_INTERFACE),
            special=texts["words"][int(c["special"][row])] or None,
            pointers=bool(flags & POINTERS),
            key=int(c["key"][row]) or None,
            entry=entry,
            constants=self._constants(row),
        )

    def _fields(self, row: int) -> tuple[PlanField, ...]:
        c, names = self.columns.columns, self.columns.texts["field_names"]
        first = int(self._firsts[0][row])
        own = slice(first, first + int(c["fields"][row]))
        parts = (c[name][own].tolist() for name in FIELD_COLUMNS)
        return tuple(
            PlanField(names[name], at, kind, bool(flags & EMBEDDED), bool(flags & CHAIN))
            for name, at, kind, flags in zip(*parts, strict=True)
        )

    def _constants(self, row: int) -> tuple[tuple[int, str], ...]:
        c, names = self.columns.columns, self.columns.texts["constant_names"]
        first = int(self._firsts[1][row])
        own = slice(first, first + int(c["constants"][row]))
        return tuple(
            (value, names[name])
            for value, name in zip(c["constant_value"][own].tolist(), c["constant_name"][own].tolist(), strict=True)
        )


class _ById(Mapping[int, PlanType]):
    def __init__(self, types: PlanTypes) -> None:
        self._types = types
        self._rows = {number: row for row, number in enumerate(types.columns.columns["id"].tolist())}

    def __getitem__(self, number: int) -> PlanType:
        return self._types[self._rows[number]]

    def __contains__(self, number: object) -> bool:
        return number in self._rows

    def __iter__(self) -> Iterator[int]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def types_by_id(types: Sequence[PlanType]) -> Mapping[int, PlanType]:
    """Types by number, none of them made before it is asked for where they are columns."""
    return types.by_id if isinstance(types, PlanTypes) else {kind.id: kind for kind in types}


@dataclass
class _Numbered:
    """Texts by number, each once."""

    texts: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)

    def number(self, text: str) -> int:
        found = self.numbers.get(text)
        if found is None:
            found = self.numbers[text] = len(self.texts)
            self.texts.append(text)
        return found


def columns_of(types: Sequence[PlanType]) -> TypeColumns:
    """Types as columns."""
    if isinstance(types, PlanTypes):
        return types.columns
    words, names, constants = _Numbered(), _Numbered(), _Numbered()
    words.number("")
    rows = [_type_row(kind, words) for kind in types]
    fields = [
        (names.number(f.name), f.offset, f.type, f.embedded * EMBEDDED | f.chain * CHAIN)
        for kind in types
        for f in kind.fields
    ]
    values = [(value, constants.number(name)) for kind in types for value, name in kind.constants]
    columns = {
        **_split(TYPE_COLUMNS, rows),
        **_split(FIELD_COLUMNS, fields),
        **_split(CONSTANT_COLUMNS, values),
    }
    texts = (words.texts, [kind.name for kind in types], names.texts, constants.texts)
    return TypeColumns(columns, dict(zip(TEXTS, texts, strict=True)))


def entry_flags(entry: PlanEntry) -> int:
    """The bits of `flags` that tell of an entry."""
    return entry.indirect_key * INDIRECT_KEY | entry.indirect_elem * INDIRECT_ELEM | entry.marked * MARKED


def _type_row(kind: PlanType, words: _Numbered) -> tuple[int, ...]:
    entry = kind.entry
    flags = kind.empty_interface * EMPTY_INTERFACE | kind.pointers * POINTERS | (kind.length is not None) * HAS_LENGTH
    if entry is not None:
        flags |= HAS_ENTRY | entry_flags(entry)
    return (
        kind.id, words.number(kind.kind), words.number(kind.special or ""), flags, kind.size, kind.elem or 0,
        kind.key or 0, kind.length or 0, entry.size if entry else 0, entry.elem_offset if entry else 0,
        len(kind.fields), len(kind.constants),
    )  # fmt: skip


def _split(names: Mapping[str, str], rows: Sequence[tuple[int, ...]]) -> dict[str, Column]:
    parts: Iterable[Any] = zip(*rows, strict=True) if rows else [()] * len(names)
    return {name: np.array(part, dtype=kind) for (name, kind), part in zip(names.items(), parts, strict=True)}


def joined(parts: Sequence[TypeColumns]) -> TypeColumns:
    """The types of several, one behind the other."""
    columns: dict[str, list[Column]] = {name: [] for name in COLUMNS}
    words, names, field_names, constant_names = _Numbered(), list[str](), list[str](), list[str]()
    words.number("")
    for part in parts:
        of_word = np.array([words.number(word) for word in part.texts["words"]], dtype=np.int64)
        moved = {
            **{name: of_word[part.columns[name]] for name in ("kind", "special")},
            "field_name": part.columns["field_name"].astype(np.int64) + len(field_names),
            "constant_name": part.columns["constant_name"].astype(np.int64) + len(constant_names),
        }
        for name in COLUMNS:
            columns[name].append(moved.get(name, part.columns[name]))
        names += part.texts["names"]
        field_names += part.texts["field_names"]
        constant_names += part.texts["constant_names"]
    texts = dict(zip(TEXTS, (words.texts, names, field_names, constant_names), strict=True))
    return TypeColumns({name: np.concatenate(c).astype(COLUMNS[name]) for name, c in columns.items()}, texts)
