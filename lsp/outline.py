"""The tables, columns and programs of a spec, as far as it can be read while it is being written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sey.frontend import ast
from sey.frontend.bind.columns import BUILTIN_TABLES, EVENT_COLUMNS, FUNC_COLUMNS, column_of, table_written
from sey.frontend.source import Span

Block = ast.Func | ast.Event
"""Statements that make a table of what they capture in functions."""


@dataclass
class Table:
    """A table: where it is named (None: every capture has it), what makes it, its columns as far as they are known."""

    name: str
    span: Span | None
    what: str
    columns: dict[str, None] = field(default_factory=dict)


@dataclass
class Outline:
    """What the statements of a spec name."""

    tables: dict[str, Table]
    programs: dict[str, Span]


def outline(statements: Iterable[ast.Statement]) -> Outline:
    """The names of some statements and of what every capture has."""
    builtin = {name: Table(name, None, "every capture", dict.fromkeys(sorted(c))) for name, c in BUILTIN_TABLES.items()}
    found = Outline(builtin, {})
    statements = list(statements)
    for statement in statements:
        match statement:
            case ast.Program(name=name):
                found.programs.setdefault(name.name, name.span)
            case ast.Func() | ast.Event():
                _add(found, _table_of(statement))
            case ast.Table(name=name):
                _add(found, Table(name.name, name.span, "SQL"))
            case ast.Link(name=name):
                sides = (f"{side}_{what}" for side in ("from", "to") for what in ("pid", "goid", "depth"))
                _add(found, Table(name.name, name.span, "link", dict.fromkeys(sides)))
    for statement in statements:
        if isinstance(statement, ast.Column) and statement.table.name in found.tables:
            found.tables[statement.table.name].columns[statement.name.name] = None
    return found


def _add(found: Outline, table: Table) -> None:
    found.tables.setdefault(table.name, table)


def _table_of(block: Block) -> Table:
    name, span, _ = table_written(block)
    captures = (capture.name.name if capture.name else column_of(capture.expr) for capture in block.captures)
    target, own = (
        (block.function, FUNC_COLUMNS) if isinstance(block, ast.Func) else (block.target, EVENT_COLUMNS)
    )
    return Table(name, span, str(target.value), dict.fromkeys((*captures, *sorted(own))))
