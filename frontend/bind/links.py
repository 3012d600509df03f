"""`link` statements: what their columns are, and whether two of them can be equal at all.

Of a `func` block's columns the types are known here; those of SQL, a spec's tables and computed columns, are looked at
where the link is made (`runtime/links.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sey.frontend import ast, bound
from sey.frontend.bind.access import few
from sey.frontend.bind.columns import BUILTIN_TABLES, EVENT_COLUMNS, FUNC_COLUMNS
from sey.frontend.debuginfo.model import Kind
from sey.frontend.diagnostics.base import Reject, SpannedProblem
from sey.frontend.diagnostics.links import LinkOfNoGoroutine, LinkUneven, NeverEqual, UnknownColumn
from sey.frontend.diagnostics.names import UnknownTable
from sey.frontend.diagnostics.nearest import Names

Columns = Mapping[str, str | None]
"""Columns of a table by name: what kind of values they have, None where that isn't known here."""

_WORDS = {
    Kind.BOOL: "a bool",
    Kind.INT: "a number",
    Kind.UINT: "a number",
    Kind.FLOAT: "a number",
    Kind.STRING: "a string",
}
_OWN = dict.fromkeys(FUNC_COLUMNS - {"captured_at", "stack_id", "thread_id"}) | {
    "pid": "a number",
    "goid": "a number",
    "depth": "a number",
    "function": "a string",
}
_OWN_OF_EVENT = dict.fromkeys(EVENT_COLUMNS - {"captured_at", "stack_id", "duration"}) | {
    "pid": "a number",
    "goid": "a number",
    "thread_id": "a number",
    "function": "a string",
}
_BESIDE = {"__status": "a string", "__detail": "a string", "__name": "a string", "__zone": "a string"}


class Links:
    """Binds the links of a spec whose other statements are bound."""

    def __init__(
        self,
        blocks: Iterable[bound.Func | bound.Event],
        columns: Iterable[bound.SqlColumn],
        tables: Iterable[str],
        report: Callable[[SpannedProblem], None],
    ) -> None:
        """`tables` are those that the spec defines by SQL: what columns they have, only DuckDB knows."""
        self._report = report
        self._tables: dict[str, Columns | None] = {name: dict.fromkeys(known) for name, known in BUILTIN_TABLES.items()}
        for block in blocks:
            own = _OWN if isinstance(block, bound.Func) else _OWN_OF_EVENT
            self._tables[block.table] = own | {c.column: _kind(c) for c in block.captures}
        for column in columns:
            self._tables[column.table] = {**(self._tables.get(column.table) or {}), column.name: None}
        self._tables |= dict.fromkeys(tables)

    def bind(self, link: ast.Link, name: str) -> bound.Link | None:
        """The link under its name, None where something is wrong with it and was reported."""
        try:
            kinds = [self._kinds(side) for side in (link.source, link.target)]
            self._check_pairs(link, *kinds)
        except Reject as reject:
            self._report(reject.problem)
            return None
        title = str(link.title.value) if link.title is not None else ""
        return bound.Link(name, _side(link.source), _side(link.target), title, link.span)

    def _kinds(self, side: ast.LinkSide) -> list[str | None]:
        table = side.table
        if table.name not in self._tables:
            nearest = Names(self._tables).nearest(table.name)
            remarks = (f"the tables are {few(tuple(self._tables))}",)
            raise Reject(UnknownTable(span=table.span, name=table.name, nearest=nearest, remarks=remarks))
        columns = self._tables[table.name]
        if columns is None:
            return [None] * len(side.columns)
        if "goid" not in columns:
            raise Reject(LinkOfNoGoroutine(span=table.span, name=table.name))
        return [_column(table.name, columns, column) for column in side.columns]

    def _check_pairs(self, link: ast.Link, left: list[str | None], right: list[str | None]) -> None:
        if len(left) != len(right):
            raise Reject(LinkUneven(span=link.target.span, left=len(left), right=len(right)))
        for source, target, one, other in zip(link.source.columns, link.target.columns, left, right, strict=True):
            if one is not None and other is not None and one != other:
                names = (f"{link.source.table.name}.{source.name}", f"{link.target.table.name}.{target.name}")
                raise Reject(NeverEqual(span=target.span, left=names[0], kind=one, right=names[1], other=other))


def _column(table: str, columns: Columns, column: ast.Ident) -> str | None:
    """The kind of a column, also of one that stands beside a captured one."""
    name = column.name
    if name in columns:
        return columns[name]
    if name.startswith("raw_") and name.removeprefix("raw_") in columns:
        return "a number"
    for ending, kind in _BESIDE.items():
        if name.endswith(ending) and name.removesuffix(ending) in columns:
            return kind
    nearest = Names(columns).nearest(name)
    raise Reject(UnknownColumn(span=column.span, table=table, name=name, nearest=nearest, known=few(tuple(columns))))


def _kind(capture: bound.Capture) -> str | None:
    """The kind of a captured column's values; None where it isn't just one, or depends on how the type is shown."""
    if any(isinstance(form.expr, bound.AddressOf) for form in capture.forms):
        return "a number"
    kinds = {_WORDS.get(form.expr.type.kind) for form in capture.forms}
    return kinds.pop() if len(kinds) == 1 else None


def _side(side: ast.LinkSide) -> bound.LinkSide:
    return bound.LinkSide(side.table.name, tuple(column.name for column in side.columns))
