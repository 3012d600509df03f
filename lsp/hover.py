"""What an editor tells of the thing under the pointer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from sey.frontend import ast
from sey.frontend.bind.assertions import resolve
from sey.frontend.bind.expressions import ELAPSED
from sey.frontend.bind.scope import FunctionScope
from sey.frontend.bound import Moment
from sey.frontend.debuginfo.model import GoType
from sey.frontend.diagnostics.base import Reject
from sey.frontend.source import Span
from sey.lsp import facts
from sey.lsp.binaries import Binary
from sey.lsp.meaning import Meaning, Sort
from sey.lsp.outline import Block, Outline
from sey.lsp.typing import fields_of, types_before, types_of


def hover(meaning: Meaning, binaries: Sequence[Binary], outline: Outline, blocks: Sequence[Block]) -> str | None:
    """Markdown about what a name stands for, by the first of the binaries that has it; None where nothing is known.

    `blocks` are the `func` and `event` statements of the spec that can be read.
    """
    told: dict[Sort, Callable[[Binary], str | None]] = {
        Sort.FUNCTION: lambda binary: _function(meaning, binary),
        Sort.GLOBAL: lambda binary: _global(meaning, binary),
        Sort.TYPE: lambda binary: _type(meaning, binary),
        Sort.VARIABLE: lambda binary: _variable(meaning, binary),
        Sort.FIELD: lambda binary: _field(meaning, binary),
        Sort.COLUMN: lambda binary: _column(meaning, binary, blocks),
    }
    if meaning.sort is Sort.TABLE:
        table = outline.tables.get(meaning.name)
        return None if table is None else f"table `{table.name}` ({table.what}): {', '.join(table.columns)}"
    if meaning.sort not in told:
        return None
    return next((text for binary in binaries if (text := told[meaning.sort](binary)) is not None), None)


def _function(meaning: Meaning, binary: Binary) -> str | None:
    if meaning.cursor.last() != "GLOB":
        return facts.function_facts(binary, meaning.name)
    scope = binary.scope(meaning.name, True)
    if scope is None:
        return None
    names = list(dict.fromkeys(body.function for body in scope.bodies))
    shown = names[:_MOST_FUNCTIONS]
    more = [f"{len(names) - len(shown)} more"] if len(names) > len(shown) else []
    return "\n".join((f"{len(names)} functions with code:\n", *(f"- `{name}`" for name in shown), *more))


_MOST_FUNCTIONS = 20


def _global(meaning: Meaning, binary: Binary) -> str | None:
    variable = binary.info.global_variable(meaning.name)
    return None if variable is None else facts.go_code(f"var {variable.name} {binary.info.type(variable.type).name}")


def _type(meaning: Meaning, binary: Binary) -> str | None:
    nowhere = Span(0, 0)
    quoted = ast.Literal(ast.LiteralKind.STRING, meaning.name, "", nowhere) if meaning.token.type == "STRING" else None
    with suppress(Reject):
        return facts.type_facts(binary, resolve(binary.info, ast.TypeName(meaning.name, quoted, nowhere)))
    return None


def _variable(meaning: Meaning, binary: Binary) -> str | None:
    scope = binary.scope(*meaning.cursor.function) if meaning.cursor.function else None
    if scope is not None and scope.elapsed and meaning.name == ELAPSED:
        return facts.go_code(f"{ELAPSED} time.Duration  // how long the call took")
    return None if scope is None else facts.variable_facts(binary, scope, meaning.name)


def _field(meaning: Meaning, binary: Binary) -> str | None:
    cursor = meaning.cursor
    types = types_before(binary, cursor, cursor.at - 1 if cursor.last() == "DOT" else cursor.at)
    found = fields_of(binary, types).get(meaning.name)
    return None if found is None else facts.field_facts(binary, *found)


def _column(meaning: Meaning, binary: Binary, blocks: Sequence[Block]) -> str | None:
    span = meaning.token.span
    for block in blocks:
        capture = next((c for c in block.captures if c.name is not None and c.name.span == span), None)
        scope = _scope_of(block, binary) if capture else None
        if capture is not None and scope is not None:
            return _column_told(meaning.name, binary, types_of(binary, scope, capture.expr))
    return None


def _scope_of(block: Block, binary: Binary) -> FunctionScope | None:
    match block:
        case ast.Func(function=function):
            return binary.scope(str(function.value), block.glob)
        case ast.Event(target=target, moment=moment):
            return binary.scope(str(target.value), block.glob, Moment(moment))


def _column_told(name: str, binary: Binary, types: Sequence[GoType]) -> str | None:
    if not types:
        return None
    kinds = {facts.column_type(binary, go_type) for go_type in types}
    kind = kinds.pop() if len(kinds) == 1 else None
    return f"column `{name}`{f' {kind}' if kind else ''}, of Go's `{facts.types_told(types)}`"
