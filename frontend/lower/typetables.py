"""The type table as the program reads it: IR tables made from a `TypeTable`."""

from __future__ import annotations

from collections.abc import Sequence

from sey.frontend.debuginfo.model import Kind
from sey.frontend.lower.typegraph import RuntimeGraph, map_row
from sey.frontend.lower.types import (
    CLASS_EFACE,
    CLASS_IFACE,
    CLASS_STRING,
    HoleRows,
    PointerRows,
    TypeTable,
)
from sey.frontend.redaction import Redactor
from sey.ir.nodes import Column, Table, Type
from sey.ir.plan import FUNC_TYPE

_U32 = (1 << 32) - 1
_NO_LAYOUT = (8, *(0,) * 9)


def type_tables(types: TypeTable) -> tuple[Table, ...]:
    """`types`, with a row for each number (0 is none), `pointers` and `maps`, the layouts of map types; `dynamic`, the
    numbers of types by where the runtime describes them, and `closures`, those of closures by their code."""
    graph, rows = types.graph, types.rows
    layouts = [_NO_LAYOUT, *(graph.map_rows() if graph else ())]
    table = [(0,) * len(_TYPE_COLUMNS)]
    table += (_type_row(types, number, layouts) for number in range(1, FUNC_TYPE + 1))
    in_graph = graph.type_rows(types.hole_rows).tolist() if graph else []
    rest = range(len(table) + len(in_graph), len(types) + 1)
    table += [*in_graph, *(_type_row(types, number, layouts) for number in rest)]
    return (
        _table("types", _TYPE_COLUMNS, table),
        _pointer_table(rows, graph),
        _table("maps", _MAP_COLUMNS, layouts),
        *_hole_tables(types.hole_rows),
        _names(types.redactor),
        _key_types(graph),
        _dynamic(graph),
        _closures(types),
    )


def _type_row(types: TypeTable, number: int, layouts: list[tuple[int, ...]]) -> tuple[int, ...]:
    kind, size, held = types.unit(number)
    own, layout, entry = types.pointers(number), types.layout(number), types.entry(number)
    if layout is not None and entry is not None:
        layouts.append(map_row(layout, entry.elem_offset, types.children_at(number)))
    return (
        kind, min(size, _U32), types.rows.first(held), len(held),
        min(types.size(number), _U32), types.rows.first(own), len(own), len(layouts) - 1 if layout else 0,
        int(types.is_scalar(number)), types.hole_rows.row(types.holes(number)),
    )  # fmt: skip


def _pointer_table(rows: PointerRows, graph: RuntimeGraph | None) -> Table:
    pointers = rows.pointers
    columns = [[p.offset for p in pointers], [p.kind for p in pointers], [p.step for p in pointers]]
    columns.append([p.target for p in pointers])
    if graph:
        described = (graph.held.offset, graph.held.kind, graph.held.step, graph.held.target)
        columns = [base.tolist() + own for base, own in zip(described, columns, strict=True)]
    kinds = (("offset", Type.I32), ("class", Type.I8), ("step", Type.I8), ("type", Type.I32))
    return Table(
        "pointers", tuple(Column(name, kind, tuple(c)) for (name, kind), c in zip(kinds, columns, strict=True))
    )


def _hole_tables(rows: HoleRows) -> tuple[Table, Table]:
    """`hole_lists`, of which the column `holes` of `types` names a row, and `holes`: see `redaction.Hole`.

    A key is told by its class, 0 where there is none.
    """
    first, count = zip(*rows.lists, strict=True)
    columns = {
        "at": [hole.at for hole in rows.holes],
        "size": [hole.size for hole in rows.holes],
        "key_at": [hole.key_at for hole in rows.holes],
        "mark_at": [hole.mark_at for hole in rows.holes],
    }
    classes = tuple(_KEY_CLASSES[hole.key, hole.key_is_any] for hole in rows.holes)
    lists = (Column("first", Type.I32, first), Column("count", Type.I32, count))
    places = (Column(name, Type.I32, tuple(values)) for name, values in columns.items())
    return Table("hole_lists", lists), Table("holes", (*places, Column("key", Type.I8, classes)))


_KEY_CLASSES = {
    (None, False): 0,
    (Kind.STRING, False): CLASS_STRING,
    (Kind.INTERFACE, False): CLASS_IFACE,
    (Kind.INTERFACE, True): CLASS_EFACE,
}


def _key_types(graph: RuntimeGraph | None) -> Table:
    """The numbers of types whose values, as keys, are redacted names. Row 0 is no type's."""
    numbers = sorted({0, *(graph.key_types() if graph else ())})
    return Table("key_types", (Column("number", Type.I64, tuple(numbers), sorted=True),))


def _names(redactor: Redactor) -> Table:
    """The automaton that knows redacted names, a row for each state and byte; `fits` is 1 where a text that ends there
    is one (`automaton.Automaton`)."""
    names = redactor.keys
    fits = tuple(int(names.fits[state]) for state in names.next)
    return Table("names", (Column("next", Type.I8, names.next), Column("fits", Type.I8, fits)))


def _dynamic(graph: RuntimeGraph | None) -> Table:
    """Row 0 is no type's."""
    columns = [[0], [0], [0]]
    if graph:
        described = (graph.types.arrays["offset"], graph.numbers, graph.types.arrays["direct"])
        known = len(graph) - graph.types.made
        columns = [[0, *column[:known].tolist()] for column in described]
    offset, number, direct = (tuple(column) for column in columns)
    return Table(
        "dynamic",
        (
            Column("offset", Type.I64, offset, sorted=True),
            Column("number", Type.I32, number),
            Column("direct", Type.I8, direct),
        ),
    )


def _closures(types: TypeTable) -> Table:
    """Row 0 is no closure's."""
    rows = [(0, 0), *sorted(types.closures.items())]
    pcs, numbers = zip(*rows, strict=True)
    return Table("closures", (Column("pc", Type.I64, pcs, sorted=True), Column("number", Type.I32, numbers)))


_VALUE_COLUMNS = ("value_size", "value_first", "value_pointers")
_TYPE_COLUMNS = ("class", "size", "first", "pointers", *_VALUE_COLUMNS, "map", "scalar", "holes")
_LAYOUT_COLUMNS = ("group_size", "key_at", "key_step", "key_size", "elem_at", "elem_step", "elem_size")
_MAP_COLUMNS = (*_LAYOUT_COLUMNS, "overflow_at", "packed_elem", "children_at")
"""`overflow_at` is 0 where there is none; `packed_elem` is where the program puts an element behind its key;
`children_at` is where a node of a trie has its children."""


def _table(name: str, columns: Sequence[str], rows: Sequence[Sequence[int]]) -> Table:
    return Table(
        name,
        tuple(
            Column(column, Type.I8 if column in ("class", "scalar") else Type.I32, values)
            for column, values in zip(columns, zip(*rows, strict=True), strict=True)
        ),
    )
