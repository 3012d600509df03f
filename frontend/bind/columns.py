"""Names of tables and columns: how they follow from what is written, and which are taken (DESIGN §10)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sey.frontend import ast
from sey.frontend.bind.keywords import SQL_KEYWORDS
from sey.frontend.diagnostics.base import Reject
from sey.frontend.diagnostics.names import BadName, Duplicate, ReservedName
from sey.frontend.printer import expression
from sey.frontend.source import Span

_BUILTIN_TABLES = {
    "processes": (
        "pid executable go_version build_id captured_at pause_ns threads goroutines goroutines_skipped engine skew_ns"
        " trace_ns on_event held_ns"
    ),
    "goroutines": (
        "pid goid status wait_reason wait_ns parent_goid created_by start_function labels locked in_cgo thread_id"
        " stack_id"
    ),
    "frames": ("pid stack_id depth function file line inlined hidden pc"),
    "stacks": ("pid stack_id goroutines frames truncated"),
    "globals": ("pid name value status"),
    "captures": ("pid source goid depth name type value status"),
    "goroutine_waits": ("pid goid kind operation address of_select"),
    "waited_channels": ("pid address elem_type len cap closed"),
    "waited_locks": ("pid address kind waiters locked readers counter"),
    "lock_holders": ("pid address goid depth locked_at_line evidence"),
    "events": (
        "pid event moment target seen rejected when_missing limited emitted unmatched not_saved sampled_out"
        " objects_dropped rows_dropped hits probe_ns lost no_slot"
    ),
}
BUILTIN_TABLES: Mapping[str, frozenset[str]] = {
    table: frozenset(columns.split()) | {"snapshot"} for table, columns in _BUILTIN_TABLES.items()
}
"""Tables that every capture has, `events` where there are any, with their columns."""

FUNC_COLUMNS = frozenset(("pid", "goid", "depth", "function", "snapshot", "captured_at", "stack_id", "thread_id"))
"""Columns that tables of `func` blocks have, or are kept free for."""

EVENT_COLUMNS = frozenset(
    ("pid", "goid", "thread_id", "time", "time_ns", "duration", "function", "stack_id", "snapshot", "captured_at")
)
"""Columns that tables of events have, or are kept free for."""

_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_OTHER = re.compile(r"\W+")


def column_of(expr: ast.Expr) -> str:
    """The column's name that follows from an expression: lower case, other characters made `_`, outer ones dropped."""
    text = expression(expr).lower()
    return _OTHER.sub("_", re.sub(r"^\W+|\W+$", "", text))


def table_of(function: str) -> str:
    """The table's name that follows from a function's: its last identifier in lower case."""
    plain = re.sub(r"\[[^\]]*\]", "", function)
    words = _IDENTIFIER.findall(plain)
    return words[-1].lower() if words else ""


def table_written(statement: ast.Func | ast.Event | ast.Table | ast.Link) -> tuple[str, Span, bool]:
    """The name of a statement's table, where it is from, and whether it is written, not made of a function's."""
    if statement.name is not None:
        return statement.name.name, statement.name.span, True
    assert isinstance(statement, ast.Func)
    return table_of(str(statement.function.value)), statement.function.span, False


class Namespace:
    """The names of one kind of thing within one scope, each with the place that took it."""

    def __init__(self, what: str, builtin: Mapping[str, str]) -> None:
        """`what` is said in problems (`column`); `builtin` are names that are taken, each with what by."""
        self.what = what
        self._builtin = builtin
        self._taken: dict[str, Span] = {}

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._taken

    def take(self, name: str, span: Span, *, given: bool, stem: str = "my") -> str:
        """The name, now taken. `given` is false for a name that sey made of an expression or a function.

        Raises Reject: no lower-case identifier, a keyword of SQL, a built-in name, or taken already.
        """
        self._check_form(name, span, given)
        example = f"{stem}_{name}" if given else f"as {stem}_{name}"
        taken = self._builtin.get(name) or _taken_by_sql(name) or (_reserved(name) if self.what == "column" else None)
        if taken:
            raise Reject(ReservedName(span=span, what=self.what, name=name, taken=taken, example=example))
        if name in self._taken:
            advice = None if given else f"name it with `as`, for example `as {name}2`"
            raise Reject(Duplicate(span=span, what=self.what, name=name, first=self._taken[name], advice_text=advice))
        self._taken[name] = span
        return name

    def _check_form(self, name: str, span: Span, given: bool) -> None:
        if not _IDENTIFIER.fullmatch(name) or name == "_" * len(name):
            reason = "it begins with a digit" if name[:1].isdigit() else "it is no SQL identifier"
            example = "as value" if not given else "value"
            raise Reject(BadName(span=span, what=self.what, name=name, reason=reason, example=example))
        if name != name.lower():
            raise Reject(
                BadName(span=span, what=self.what, name=name, reason="names are lower-case", example=name.lower())
            )


def _taken_by_sql(name: str) -> str | None:
    return "a keyword of SQL" if name in SQL_KEYWORDS else None


def _reserved(name: str) -> str | None:
    if name.endswith(("__status", "__detail")):
        return "kept for what is known about another column's values"
    if name.startswith("raw_"):
        return "kept for the address behind another column's value"
    return None


def column_namespace(table_columns: frozenset[str] = FUNC_COLUMNS) -> Namespace:
    """Names of the columns of one table, which has `table_columns` by itself."""
    return Namespace("column", dict.fromkeys(table_columns, "a column that the table has anyway"))


def table_namespace() -> Namespace:
    """Names of tables of one spec."""
    return Namespace("table", dict.fromkeys(BUILTIN_TABLES, "a table that captures have anyway"))


def global_namespace() -> Namespace:
    """Names of `global` statements, which are rows and not columns."""
    return Namespace("global", {})
