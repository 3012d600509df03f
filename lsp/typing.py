"""What is known of the names at a place: variables of a function, the types of an expression, fields."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from sey.frontend import ast
from sey.frontend.bind.access import Path, fields_to, selectable
from sey.frontend.bind.assertions import resolve
from sey.frontend.bind.expressions import Typer, names_in
from sey.frontend.bind.scope import FunctionScope, TooManyError
from sey.frontend.debuginfo.model import GoType
from sey.frontend.diagnostics.base import Reject, SpecError
from sey.frontend.lower.types import captured_type
from sey.frontend.parser import parse
from sey.frontend.source import Source
from sey.lsp.binaries import Binary
from sey.lsp.cursor import Cursor


def types_before(binary: Binary, cursor: Cursor, end: int) -> list[GoType]:
    """The types that the operand which ends before token `end` can have: one, unless variables of one name differ."""
    if cursor.statement == "TYPE":
        return _types_of_part(binary, cursor, end)
    text = cursor.chain(end)
    if cursor.statement == "GLOBAL":
        return _types_of_global(binary, text)
    scope = binary.scope(*cursor.function) if cursor.function else None
    expr = _expression(text)
    return [] if scope is None or expr is None else types_of(binary, scope, expr)


def types_of(binary: Binary, scope: FunctionScope, expr: ast.Expr) -> list[GoType]:
    """The types that an expression of a function's variables can have; none where it is wrong."""
    names = [name.name for name in names_in(expr) if not scope.is_builtin(name.name)]
    if any(name not in scope for name in names):
        return []
    found: dict[str, GoType] = {}
    with suppress(TooManyError):
        for typing in scope.typings(names):
            types = {name: binary.info.type(kind) for name, kind in typing.items()}
            typer = Typer(binary.info, types, elapsed=scope.elapsed)
            with suppress(Reject):
                go_type = captured_type(typer.value(expr))
                found.setdefault(go_type.name, go_type)
    return list(found.values())


def _expression(text: str) -> ast.Expr | None:
    match _statement(f'func "f" {{ {text}\n}}'):
        case ast.Func(captures=[capture]):
            return capture.expr
    return None


def _statement(text: str) -> ast.Statement | None:
    with suppress(SpecError):
        statements = parse(Source("", text)).statements
        return statements[0] if len(statements) == 1 else None
    return None


def _types_of_global(binary: Binary, text: str) -> list[GoType]:
    statement = _statement(f"global {text}")
    if not isinstance(statement, ast.Global):
        return []
    root = statement.expr
    while isinstance(root, ast.Select | ast.Index | ast.Slice | ast.Assertion):
        root = root.base
    assert isinstance(root, ast.PackageVariable)
    variable = binary.info.global_variable(str(root.name.value))
    with suppress(Reject):
        return [] if variable is None else [Typer(binary.info, {}, variable).value(statement.expr).type]
    return []


def _types_of_part(binary: Binary, cursor: Cursor, end: int) -> list[GoType]:
    """The type at the end of a path in the braces of a `type` statement, the statement's own where there is no path."""
    opening = next((i for i in cursor.around if cursor.before[i].type == "LBRACE"), None)
    if opening is None:
        return []
    first, last = cursor.before[cursor.statement_at], cursor.before[opening]
    statement = _statement(cursor.text[first.span.start : last.span.start] + "{ x }")
    path = cursor.chain(end)
    body = _statement(f"type T {{ {path}\n}}") if path else None
    if not isinstance(statement, ast.Type) or (path and not isinstance(body, ast.Type)):
        return []
    names = body.parts[0].fields if isinstance(body, ast.Type) else ()
    with suppress(Reject):
        go_type = resolve(binary.info, statement.type)
        for name in names:
            go_type = binary.info.type(fields_to(binary.info, go_type, name)[-1].type)
        return [go_type]
    return []


def fields_of(binary: Binary, types: Iterable[GoType]) -> dict[str, tuple[GoType, Path]]:
    """The fields that values of these types have, each with the type that has it and the path to it."""
    found: dict[str, tuple[GoType, Path]] = {}
    for go_type in types:
        for path in selectable(binary.info, go_type):
            found.setdefault(path[-1].name, (go_type, path))
    return found


def types_of_variable(binary: Binary, scope: FunctionScope, name: str) -> list[GoType]:
    """The types that a variable has in the code of a function."""
    with suppress(TooManyError):
        return [binary.info.type(typing[name]) for typing in scope.typings([name])]
    return []
