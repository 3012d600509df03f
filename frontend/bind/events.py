"""`event` statements: what can be named at their moments, and what they say beside their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sey.frontend import ast, bound
from sey.frontend.bind.expressions import ELAPSED
from sey.frontend.bind.scope import FunctionScope, Hides
from sey.frontend.bound import Moment
from sey.frontend.debuginfo.model import Body, DebugInfo, Role, Variable

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
) -> bound.Event:
    """The event, given what of it is bound to the binary."""
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
    )


def _number(literal: ast.Literal) -> int:
    assert isinstance(literal.value, int)
    return literal.value
