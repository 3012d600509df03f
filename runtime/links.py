"""Links of a spec as SQL: which rows of one table belong to which of another, in whatever process these are.

    link_sql(PlanLink("rpc", "client_recv", ("stream_id",), "server_handle", ("stream_id",), ""), columns_of)
    # select … from "client_recv" a join "server_handle" b on a."stream_id" = b."stream_id" …

A value that was cut may be equal to another one only as far as it goes, so links need both to be whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sey.ir.plan import PlanLink
from sey.runtime.duck import quoted

Columns = Mapping[str, str]
"""DuckDB's types of a table's columns, by lower-case name."""

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_NUMBERS = frozenset((*_INTEGERS, *(f"U{name}" for name in _INTEGERS), "FLOAT", "DOUBLE", "DECIMAL", "BIGNUM"))


class WrongLinkError(Exception):
    """A link that its tables don't allow; the text says why."""


def link_sql(link: PlanLink, columns_of: Callable[[str], Columns | None]) -> str:
    """The query of a link's table. `columns_of` gives a table's columns, None where there is none of the name.

    Raises WrongLinkError.
    """
    sides = [("a", link.from_table, link.from_columns), ("b", link.to_table, link.to_columns)]
    known = [_columns(table, columns, columns_of) for _, table, columns in sides]
    conditions = [
        condition
        for one, other in zip(link.from_columns, link.to_columns, strict=True)
        for condition in _equal(link, one, other, *known)
    ]
    ends = [
        _end(alias, prefix, columns)
        for (alias, _, _), prefix, columns in zip(sides, ("from", "to"), known, strict=True)
    ]
    if link.from_table.lower() == link.to_table.lower():
        # What is linked is always equal to itself, and that says nothing.
        conditions.append("(a.pid, a.goid, a.depth) is distinct from (b.pid, b.goid, b.depth)")
        if "depth" not in known[0]:
            conditions[-1] = "(a.pid, a.goid) is distinct from (b.pid, b.goid)"
    tables = f"{quoted(link.from_table)} a join {quoted(link.to_table)} b"
    return f"select distinct {', '.join(ends)} from {tables} on {' and '.join(conditions)}"


def _columns(table: str, wanted: tuple[str, ...], columns_of: Callable[[str], Columns | None]) -> Columns:
    columns = columns_of(table)
    if columns is None:
        raise WrongLinkError(f"there is no table `{table}`")
    for name in ("pid", "goid", *wanted):
        if name.lower() not in columns:
            raise WrongLinkError(f"`{table}` has no column `{name}`")
    return columns


def _equal(link: PlanLink, one: str, other: str, left: Columns, right: Columns) -> list[str]:
    """The conditions under which a pair of columns is equal."""
    kinds = [_family(left[one.lower()]), _family(right[other.lower()])]
    if kinds[0] != kinds[1]:
        names = f"`{link.from_table}.{one}` is {left[one.lower()]}, `{link.to_table}.{other}` {right[other.lower()]}"
        raise WrongLinkError(f"{names}: they are never equal")
    whole = [
        f"{side}.{quoted(name + '__status')} = 'ok'"
        for side, name, columns in (("a", one, left), ("b", other, right))
        if f"{name}__status".lower() in columns
    ]
    return [f"a.{quoted(one)} = b.{quoted(other)}", *whole]


def _family(kind: str) -> str:
    """What a type can be compared with: numbers of all widths with each other, any other with its own alone."""
    base = kind.partition("(")[0] if kind.startswith("DECIMAL") else kind
    return "number" if base in _NUMBERS else kind


def _end(alias: str, prefix: str, columns: Columns) -> str:
    depth = f"{alias}.depth" if "depth" in columns else "cast(null as integer)"
    return f"{alias}.pid as {prefix}_pid, {alias}.goid as {prefix}_goid, {depth} as {prefix}_depth"
