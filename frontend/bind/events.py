"""`event` statements: what can be named at their moments, and what they say beside their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sey.frontend import ast, bound
from sey.frontend.bind.access import few
from sey.frontend.bind.expressions import ELAPSED
from sey.frontend.bind.scope import FunctionScope, Hides
from sey.frontend.bound import Moment
from sey.frontend.debuginfo import sourcelines
from sey.frontend.debuginfo.model import Body, DebugInfo, Role, Variable
from sey.frontend.debuginfo.sourcelines import LineTarget, NoSuchFile, SeveralFiles, find_line
from sey.frontend.diagnostics.base import Reject
from sey.frontend.diagnostics.events import AmbiguousFile, NoCodeAtLine, UnknownFile

_REASONS: Mapping[Moment | None, Mapping[Role, str]] = {
    Moment.ENTRY: {
        Role.RESULT: "it is a result, and has no value before the function returns",
        Role.LOCAL: "it is a local variable, and has no value when the function is entered",
    },
    Moment.RETURN: {
        Role.LOCAL: "it is a local variable, and a return tells parameters, as they were at the entry, and results",
    },
}


def _hides(moment: Moment | None) -> Hides:
    """What of a function can't be named when it is entered, or returns; None: at any place in its code."""
    reasons = _REASONS.get(moment, {})

    def hidden(_body: Body, variable: Variable) -> str | None:
        return reasons.get(variable.role)

    return hidden


def scope_of(
    info: DebugInfo, name: str, functions: Sequence[str], moment: Moment | None, most: int | None = None
) -> FunctionScope:
    """What can be named of functions when they are entered, or return; None: at any place in their code."""
    return FunctionScope(info, name, functions, most, hides=_hides(moment), elapsed=moment is Moment.RETURN)


@dataclass(frozen=True)
class LineScope:
    """A line of a source file, and what can be named at it."""

    target: LineTarget
    scope: FunctionScope


def line_scope(info: DebugInfo, written: ast.Literal, binary: str) -> LineScope:
    """What can be named at the line that an event names. Raises Reject where there is no such, and SeyError."""
    found, span = find_line(info, str(written.value)), written.span
    match found:
        case NoSuchFile(file, similar):
            raise Reject(UnknownFile(span=span, binary=binary, file=file, nearest=similar))
        case SeveralFiles(file, candidates):
            raise Reject(AmbiguousFile(span=span, file=file, count=len(candidates), candidates=few(candidates)))
        case sourcelines.NoCode(file, line, following):
            raise Reject(NoCodeAtLine(span=span, binary=binary, file=file, line=line, next=following))
        case LineTarget():
            return LineScope(found, scope_at(info, str(written.value), found))


def scope_at(info: DebugInfo, name: str, line: LineTarget) -> FunctionScope:
    """What can be named at a line of a source file, which is called `name`."""
    hidden = _hides_at(line.line, info.statements(line.file)[line.line])
    return FunctionScope(info, name, bodies=line.bodies, hides=hidden)


def _hides_at(line: int, addresses: Sequence[int]) -> Hides:
    """What can't be named at a line, whose statements begin at these addresses."""

    def hidden(body: Body, variable: Variable) -> str | None:
        own = [at for at in addresses if any(r.holds(at) for r in body.ranges)]
        if not any(r.holds(at) for at in own for r in variable.scope):
            return f"it isn't in scope at line {line}"
        if variable.role is Role.LOCAL and variable.decl_line > line:
            return f"it is declared behind line {line}, at line {variable.decl_line}"
        return None

    return hidden


def own_captures(event: ast.Event) -> tuple[ast.Capture, ...]:
    """The captures of an event that need a column: a return event has one of the name `duration` anyway."""
    if event.moment != Moment.RETURN.value:
        return event.captures
    return tuple(capture for capture in event.captures if not _is_own_column(capture))


def _is_own_column(capture: ast.Capture) -> bool:
    is_elapsed = isinstance(capture.expr, ast.Name) and capture.expr.name == ELAPSED
    return is_elapsed and (capture.name is None or capture.name.name == ELAPSED)


def bound_event(
    event: ast.Event,
    table: str,
    bodies: Sequence[Body],
    captures: Sequence[bound.Capture],
    when: Sequence[bound.Form],
    line: LineTarget | None,
) -> bound.Event:
    """The event, given what of it is bound to the binary; `line`: that of a line event, where the binary has it."""
    return bound.Event(
        table=table,
        moment=Moment(event.moment),
        target=str(event.target.value),
        bodies=tuple(bodies),
        captures=tuple(captures),
        when=tuple(when),
        span=event.span,
        glob=event.glob,
        limit=_number(event.limit.count) if event.limit else 0,
        window_ns=event.limit.window_ns if event.limit else 0,
        for_ns=_number(event.period) if event.period else 0,
        sample=_number(event.sample) if event.sample else 1,
        stack=_number(event.stack) if event.stack else 0,
        program=event.program.name if event.program else None,
        file=line.file if line else "",
        line=line.line if line else 0,
    )


def _number(literal: ast.Literal) -> int:
    assert isinstance(literal.value, int)
    return literal.value
