"""Events as they are given on a command line: `return "main.(*server).Get" when duration > 10ms { user, err }`.

What stands there is an `event` statement behind its `on`; its name follows from the function's, or from the line. Such
events become statements of the spec that they are used with, so that nothing behind the parser knows of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePosixPath

from sey.frontend import ast
from sey.frontend.bind.columns import Namespace, table_namespace, table_of, table_written
from sey.frontend.diagnostics.base import Reject
from sey.frontend.parser import parse, parse_event_clauses
from sey.frontend.source import Source

PATH = "-e"
"""What diagnostics call a text of the command line."""


def parse_event(text: str) -> ast.Event:
    """The event of a one-liner; its braces may be left out, and a whole `event` statement will do. Raises SpecError."""
    event = parse_event_clauses(Source(PATH, text))
    return event if event.name.name else replace(event, name=replace(event.name, name=_name_of(event)))


def with_events(spec: Source | None, texts: Sequence[str]) -> Source:
    """A spec (None: an empty one) to which the events of one-liners are added, under names that it doesn't have.

    Raises SpecError, with what is wrong with the syntax of the first that is wrong.
    """
    tables = table_namespace()
    for statement in parse(spec).statements if spec is not None else ():
        _take(tables, statement)
    statements: list[str] = []
    for text in texts:
        event = parse_event_clauses(Source(PATH, text))
        # On a line of its own: the text may end in a comment.
        body = "" if event.body.end > event.body.start else "\n{ }"
        if event.name.name:
            _take(tables, event)
            statements.append(text + body)
        else:
            statements.append(f"event {_free_name(tables, event)} on {text}{body}")
    whole = Source(PATH, "\n".join(statements))
    return whole if spec is None else replace(spec, imports=(*spec.imports, whole))


def _take(tables: Namespace, statement: ast.Statement) -> None:
    if isinstance(statement, ast.Func | ast.Event | ast.Table | ast.Link):
        name, span, given = table_written(statement)
        with suppress(Reject):  # the binder says so
            tables.take(name, span, given=given)


def _free_name(tables: Namespace, event: ast.Event) -> str:
    for name in _names(event):
        with suppress(Reject):
            return tables.take(name, event.span, given=True)
    raise AssertionError("there is always another number")


def _names(event: ast.Event) -> Iterator[str]:
    name = _name_of(event)
    yield name
    yield f"{name}_{event.moment}"
    number = 2
    while True:
        yield f"{name}_{number}"
        number += 1


def _name_of(event: ast.Event) -> str:
    target = str(event.target.value)
    if event.moment != "line":
        return table_of(target) or "calls"
    file, _, line = target.rpartition(":")
    words = re.sub(r"\W+", "_", f"{PurePosixPath(file).stem}_{line}".lower()).strip("_")
    return words if words[:1].isalpha() else f"line_{words}"
