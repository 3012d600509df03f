"""The types that a binary describes to its own runtime, as `GoType`s: what may lie behind an interface.

They are kept as columns, since a large program has 50 000 of them; one is made when it is asked for. Their ids are
negative (`type_id`), and never those of entries of the debug information.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sey.binary.gobinary import GoBinary
from sey.binary.moduledata import ModuleData
from sey.frontend.debuginfo import rtypes
from sey.frontend.debuginfo.cache import Contents, Form
from sey.frontend.debuginfo.index import Column, narrow
from sey.frontend.debuginfo.maps import described_layout
from sey.frontend.debuginfo.model import POINTER_SHAPE, RUNTIME_IDS, UNREADABLE_TAG, Field, GoType, Kind, TypeId
from sey.frontend.debuginfo.rnames import TypeNames
from sey.frontend.debuginfo.rtypes import Descriptions
from sey.frontend.debuginfo.runtime_facts import Facts
from sey.frontend.debuginfo.texts import joined
from sey.frontend.debuginfo.typearea import TypeArea, read_area
from sey.frontend.debuginfo.typelinks import linked_types
from sey.frontend.debuginfo.types import ATOMIC_POINTER

_SIGNED = range(rtypes.INT, rtypes.INT64 + 1)
_UNSIGNED = range(rtypes.UINT, rtypes.UINTPTR + 1)
KINDS: dict[int, Kind] = {
    rtypes.BOOL: Kind.BOOL,
    **dict.fromkeys(_SIGNED, Kind.INT),
    **dict.fromkeys(_UNSIGNED, Kind.UINT),
    **dict.fromkeys((rtypes.FLOAT32, rtypes.FLOAT64), Kind.FLOAT),
    **dict.fromkeys((rtypes.COMPLEX64, rtypes.COMPLEX128), Kind.COMPLEX),
    rtypes.ARRAY: Kind.ARRAY,
    rtypes.CHAN: Kind.CHAN,
    rtypes.FUNC: Kind.FUNC,
    rtypes.INTERFACE: Kind.INTERFACE,
    rtypes.MAP: Kind.MAP,
    rtypes.POINTER: Kind.POINTER,
    rtypes.SLICE: Kind.SLICE,
    rtypes.STRING: Kind.STRING,
    rtypes.STRUCT: Kind.STRUCT,
    rtypes.UNSAFE_POINTER: Kind.UNSAFE_POINTER,
}
"""The model's kind of each kind of internal/abi."""
_EMBEDDED = 8

_TEXTS = ("names", "field_names", "tags")
_ARRAYS = (
    *("offset", "size", "kind", "direct", "elem", "key", "layout", "length", "no_methods"),
    *("field_first", "field_type", "field_name", "field_at", "field_embedded", "field_tag"),
    *(f"{name}_starts" for name in _TEXTS),
)
RUNTIME_TYPES = Form("types", _TEXTS, _ARRAYS)
"""How they are kept on disk."""


def type_id(offset: int) -> TypeId:
    """The id of the type described at an offset from `runtime.types`."""
    return RUNTIME_IDS - offset


def is_runtime_type(id_: TypeId) -> bool:
    """Whether an id is one that `type_id` gives."""
    return id_ < RUNTIME_IDS


@dataclass(frozen=True, eq=False)
class RuntimeTypes:
    """Columns by ascending `offset` from `runtime.types`; a type in a column is its row + 1, 0 for none.

    `direct` tells whether an interface holds the value itself in its second word. `length` is that of arrays. Row r has
    the fields `field_first[r]` up to `field_first[r + 1]`; `field_name` is a number in `field_names`, and
    `field_tag` one in `tags`.
    """

    texts: Mapping[str, bytes | memoryview]
    arrays: Mapping[str, Column]
    made: int = 0
    """How many of the last rows are no types of the runtime (`lower/parts`)."""
    reduced: frozenset[int] = frozenset()
    """Rows of structs of which only some fields are there."""
    _made: dict[int, GoType] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.arrays["offset"])

    @cached_property
    def names(self) -> list[str]:
        """The name of each row, with whole import paths."""
        return str(self.texts["names"], "utf-8").split("\n") if len(self) else []

    @cached_property
    def field_names(self) -> list[str]:
        """Names of fields, each once."""
        return str(self.texts["field_names"], "utf-8").split("\n")

    @cached_property
    def tags(self) -> list[str]:
        """Tags of fields, each once, as `Field.tag`."""
        return str(self.texts["tags"], "utf-8").split("\n")

    @cached_property
    def _rows(self) -> dict[int, int]:
        return {offset: row for row, offset in enumerate(self.arrays["offset"].tolist())}

    def row(self, offset: int) -> int | None:
        """The row of the type at an offset, or None."""
        return self._rows.get(offset)

    def id_of(self, row: int) -> TypeId:
        """The id of a row's type."""
        return type_id(int(self.arrays["offset"][row]))

    def row_of(self, id_: TypeId) -> int | None:
        """The row of the type with an id, or None."""
        return self.row(RUNTIME_IDS - id_)

    def type(self, id_: TypeId) -> GoType:
        """The type with that id. Raises KeyError."""
        row = self.row_of(id_)
        if row is None:
            raise KeyError(id_)
        return self.at(row)

    def at(self, row: int) -> GoType:
        """The type of a row."""
        found = self._made.get(row)
        if found is None:
            found = self._made[row] = self._make(row)
            if found.kind is Kind.MAP and found.layout is not None:
                layout = described_layout(self, found, self.type(found.layout))
                found = self._made[row] = replace(found, map=layout)
        return found

    def _make(self, row: int) -> GoType:
        columns, offset = self.arrays, int(self.arrays["offset"][row])
        kind = KINDS[int(columns["kind"][row])]
        name = self.names[row]
        return GoType(
            type_id(offset), name, kind, int(columns["size"][row]), self._fields(row),
            self._other("elem", row), self._other("key", row),
            int(columns["length"][row]) if kind is Kind.ARRAY else None,
            offset, bool(columns["no_methods"][row]), self._other("layout", row), "go.shape." in name,
            part=row in self.reduced,
        )  # fmt: skip

    def _other(self, column: str, row: int) -> TypeId | None:
        other = int(self.arrays[column][row])
        return self.id_of(other - 1) if other else None

    def _fields(self, row: int) -> tuple[Field, ...]:
        columns, names = self.arrays, self.field_names
        own = slice(int(columns["field_first"][row]), int(columns["field_first"][row + 1]))
        parts = (
            columns[name][own].tolist()
            for name in ("field_name", "field_type", "field_at", "field_embedded", "field_tag")
        )
        return tuple(
            Field(names[name], self.id_of(kind - 1), at, bool(embedded), self.tags[tag])
            for name, kind, at, embedded, tag in zip(*parts, strict=True)
        )


def runtime_types_of(info: Facts, binary: GoBinary, module: ModuleData, names: Mapping[int, str]) -> Contents:
    """All that an executable describes. `names` are those of the debug information, by DW_AT_go_runtime_type."""
    area, version = read_area(binary.elf, module), binary.build.version
    # Of `uintptr`, Go up to 1.22 notes the address.
    named = {at - module.types if at >= module.types else at: name for at, name in names.items()}
    starts = (*named, *linked_types(info, binary.elf, module, area))
    return read_runtime_types(area, starts, named, direct_in_flags=(version.major, version.minor) >= (1, 26))


def read_runtime_types(
    area: TypeArea, starts: Iterable[int], names: Mapping[int, str], *, direct_in_flags: bool
) -> Contents:
    """The columns of every type described at `starts` or reached from there."""
    found = rtypes.read_descriptions(area, starts, direct_in_flags=direct_in_flags)
    called = dict(zip(found.offset.tolist(), TypeNames(area, found, names).all(), strict=True))
    found = rtypes.believable(found, _named(area, found, list(called.values())))
    texts = [called[offset] or "?" for offset in found.offset.tolist()]
    columns, field_texts, tags = _columns(area, found)
    _type_atomics(texts, field_texts, columns)
    _blur_pointer_shapes(texts, columns)
    stored = dict[str, bytes]()
    for name, values in (("names", texts), ("field_names", field_texts), ("tags", tags)):
        stored[name], columns[f"{name}_starts"] = joined([text.encode() for text in values])
    return Contents(stored, {name: narrow(columns[name]) for name in _ARRAYS})


_NONE: dict[str, Column] = {name: np.empty(0, dtype=np.int64) for name in _ARRAYS}
NO_RUNTIME_TYPES = RuntimeTypes(dict.fromkeys(_TEXTS, b""), {**_NONE, "field_first": np.zeros(1, dtype=np.int64)})
"""Of a binary that describes none that could be read."""


def _named(area: TypeArea, found: Descriptions, called: list[str | None]) -> npt.NDArray[np.bool_]:
    """Which types have a name that can be read, in all of their fields too."""
    good = np.array([name is not None and "\n" not in name for name in called], dtype=np.bool_)
    owner = np.repeat(np.arange(len(good)), np.diff(found.parts.first))
    is_field = found.kind[owner] == rtypes.STRUCT
    places = np.unique(found.parts.names[is_field])
    lost = [at for at in places.tolist() if (text := area.text(at)) is None or "\n" in text]
    good[owner[is_field & np.isin(found.parts.names, lost)]] = False
    return good


def _columns(area: TypeArea, found: Descriptions) -> tuple[dict[str, Column], list[str], list[str]]:
    def row(offsets: npt.NDArray[np.int64]) -> Column:
        return rtypes.rows_of(found, offsets) + 1

    is_struct = found.kind == rtypes.STRUCT
    many = np.diff(found.parts.first)
    fields = np.repeat(is_struct, many)
    places, number = np.unique(found.parts.names[fields], return_inverse=True)
    texts = [area.text(at) or "_" for at in places.tolist()]
    embedded = np.array([area.name_flags(at) & _EMBEDDED != 0 for at in places.tolist()], dtype=np.int64)
    tags: dict[str, int] = {}
    tag = np.array([tags.setdefault(_tag(area, at), len(tags)) for at in places.tolist()], dtype=np.int64)
    columns: dict[str, Column] = {
        "offset": found.offset,
        "size": found.size,
        "kind": found.kind,
        "direct": found.direct.astype(np.int64),
        "elem": row(found.elem),
        "key": row(found.key),
        "layout": row(found.layout),
        "length": np.where(found.kind == rtypes.ARRAY, found.number, 0),
        "no_methods": ((found.kind == rtypes.INTERFACE) & (many == 0)).astype(np.int64),
        "field_first": np.concatenate((np.zeros(1, np.int64), np.cumsum(np.where(is_struct, many, 0)))),
        "field_type": row(found.parts.types[fields]),
        "field_name": number.astype(np.int64),
        "field_at": found.parts.at[fields],
        "field_embedded": embedded[number] if len(number) else embedded,
        "field_tag": tag[number] if len(number) else tag,
    }
    return columns, texts, list(tags)


def _tag(area: TypeArea, at: int) -> str:
    """The tag of the field whose name is there, on one line."""
    if not area.has_tag(at):
        return ""
    tag = area.tag(at)
    return UNREADABLE_TAG if tag is None else tag.replace("\n", " ")


def _type_atomics(names: list[str], field_names: list[str], columns: dict[str, Column]) -> None:
    """Give the word of an `atomic.Pointer[T]` its type: it is an unsafe.Pointer; `_ [0]*T` in front of it says T."""
    first, types, elem = columns["field_first"], columns["field_type"], columns["elem"]
    for row, name in enumerate(names):
        if not name.startswith(ATOMIC_POINTER):
            continue
        own = range(int(first[row]), int(first[row + 1]))
        words = [f for f in own if field_names[columns["field_name"][f]] == "v"]
        marks = [int(elem[types[f] - 1]) for f in own if columns["kind"][types[f] - 1] == rtypes.ARRAY]
        is_word = len(words) == 1 and columns["kind"][types[words[0]] - 1] == rtypes.UNSAFE_POINTER
        if is_word and len(marks) == 1 and marks[0] and columns["kind"][marks[0] - 1] == rtypes.POINTER:
            types[words[0]] = marks[0]


def _blur_pointer_shapes(names: list[str], columns: dict[str, Column]) -> None:
    """Take from the shape of pointers that it points to a uint8: in generic code any pointer has that type."""
    shapes = [row for row, name in enumerate(names) if name == POINTER_SHAPE]
    columns["elem"][shapes] = 0
