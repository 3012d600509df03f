"""The type table as the program reads it: IR tables made from a `TypeTable`."""

from __future__ import annotations

from collections.abc import Sequence

from sey.frontend.debuginfo.model import MapLayout
from sey.frontend.lower.types import PointerRows, TypeTable
from sey.ir.nodes import Column, Table, Type

_U32 = (1 << 32) - 1
_NO_LAYOUT = MapLayout(8, 0, 0, 0, 0, 0, 0, -1, False, False)


def type_tables(types: TypeTable) -> tuple[Table, ...]:
    """`types`, with a row for each number (0 is none), `pointers` and `maps`, the layouts of map types; `dynamic`, the
    numbers of types by where the runtime describes them, and `closures`, those of closures by their code."""
    rows = types.rows
    table = [(0,) * len(_TYPE_COLUMNS)]
    layouts = [(_NO_LAYOUT, 0)]
    for number in range(1, len(types) + 1):
        kind, size, held = types.unit(number)
        own, layout, entry = types.pointers(number), types.layout(number), types.entry(number)
        if layout is not None and entry is not None:
            layouts.append((layout, entry.elem_offset))
        table.append((
            kind, min(size, _U32), rows.first(held), len(held),
            min(types.size(number), _U32), rows.first(own), len(own), len(layouts) - 1 if layout else 0,
        ))  # fmt: skip
    return _table("types", _TYPE_COLUMNS, table), _pointer_table(rows), _map_table(layouts), *_none_described()


def _pointer_table(rows: PointerRows) -> Table:
    pointers = rows.pointers
    return Table(
        "pointers",
        (
            Column("offset", Type.I32, tuple(p.offset for p in pointers)),
            Column("class", Type.I8, tuple(p.kind for p in pointers)),
            Column("step", Type.I8, tuple(p.step for p in pointers)),
            Column("type", Type.I32, tuple(p.target for p in pointers)),
        ),
    )


def _none_described() -> tuple[Table, Table]:
    dynamic = Table(
        "dynamic",
        (
            Column("offset", Type.I64, (0,), sorted=True),
            Column("number", Type.I32, (0,)),
            Column("direct", Type.I8, (0,)),
        ),
    )
    closures = Table("closures", (Column("pc", Type.I64, (0,), sorted=True), Column("number", Type.I32, (0,))))
    return dynamic, closures


_TYPE_COLUMNS = ("class", "size", "first", "pointers", "value_size", "value_first", "value_pointers", "map")
_LAYOUT_COLUMNS = ("group_size", "key_at", "key_step", "key_size", "elem_at", "elem_step", "elem_size")
_MAP_COLUMNS = (*_LAYOUT_COLUMNS, "overflow_at", "packed_elem")


def _map_table(layouts: Sequence[tuple[MapLayout, int]]) -> Table:
    """`overflow_at` is 0 where there is none; `packed_elem` is where the program puts an element behind its key."""
    return _table("maps", _MAP_COLUMNS, [(*m[:7], max(m.overflow_at, 0), packed) for m, packed in layouts])


def _table(name: str, columns: Sequence[str], rows: Sequence[Sequence[int]]) -> Table:
    return Table(
        name,
        tuple(
            Column(column, Type.I8 if column == "class" else Type.I32, values)
            for column, values in zip(columns, zip(*rows, strict=True), strict=True)
        ),
    )
