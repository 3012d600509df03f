"""What of an event is evaluated when: at the call, while its arguments are where the caller put them, or as it returns.

An entry or a line is one moment. A return event has two: what names only parameters belongs to the call's entry, and
is kept until the call returns; what names results, the duration or nothing of the function belongs to the return; and
where something names both, the parameters themselves (not what is behind them) are kept for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from sey.frontend import bound
from sey.frontend.bound import Moment
from sey.frontend.debuginfo.model import BUILTIN, DebugInfo, Role
from sey.frontend.source import Span

_OF_CALLS = frozenset((Role.PARAMETER, Role.CAPTURED))
_WHOLE = bound.Const(BUILTIN["bool"], True, Span(0, 0))


@dataclass(frozen=True)
class Moments:
    """Of a return event: which captures belong to the call, the parts of the condition that do and those that don't
    (empty: none), and the parameters that are kept besides."""

    columns: frozenset[int]
    when_call: tuple[bound.Form, ...]
    when_return: tuple[bound.Form, ...]
    kept: tuple[str, ...]


def moments_of(event: bound.Event, info: DebugInfo) -> Moments:
    """When each part of a return event is evaluated."""
    parameters = _parameters(event, info)
    at_call = frozenset(i for i, c in enumerate(event.captures) if c.forms and _all(c.forms, parameters))
    parts = [_split(form, parameters) for form in event.when]
    when_call = tuple(form for form, _ in parts) if any(form.expr is not _WHOLE for form, _ in parts) else ()
    when_return = tuple(form for _, form in parts) if any(form.expr is not _WHOLE for _, form in parts) else ()
    later = [c.forms for i, c in enumerate(event.captures) if i not in at_call] + [when_return]
    kept = {name for forms in later for form in forms for name in _names(form.expr) if name in parameters}
    return Moments(at_call, when_call, when_return, tuple(sorted(kept)))


def _parameters(event: bound.Event, info: DebugInfo) -> frozenset[str]:
    """Names of parameters, and of what a closure holds, but for those that results have too."""
    roles: dict[str, set[Role]] = {}
    # Patterns may have thousands of bodies: nothing is asked of them for nothing.
    for body in event.bodies if event.moment is Moment.RETURN and any(_named(event)) else ():
        for variable in info.variables(body):
            roles.setdefault(variable.name, set()).add(variable.role)
    # A local variable that shadows one can't be named in a return event.
    return frozenset(name for name, found in roles.items() if found & _OF_CALLS and found <= {*_OF_CALLS, Role.LOCAL})


def _named(event: bound.Event) -> Iterator[str]:
    forms = [*event.when, *(form for capture in event.captures for form in capture.forms)]
    return (name for form in forms for name in _names(form.expr))


def _all(forms: Iterable[bound.Form], parameters: frozenset[str]) -> bool:
    return all(_belongs_to_call(form.expr, parameters) for form in forms)


def _belongs_to_call(expr: bound.Expr, parameters: frozenset[str]) -> bool:
    names = set(_names(expr))
    return bool(names) and names <= parameters and not any(isinstance(e, bound.Elapsed) for e in bound.walk(expr))


def _names(expr: bound.Expr) -> Iterator[str]:
    return (each.name for each in bound.walk(expr) if isinstance(each, bound.Local))


def _split(form: bound.Form, parameters: frozenset[str]) -> tuple[bound.Form, bound.Form]:
    """The parts of a condition of a call and of its return, each true where it has none."""
    terms = list(_terms(form.expr))
    early = [term for term in terms if _belongs_to_call(term, parameters)]
    return _joined(form, early), _joined(form, [term for term in terms if term not in early])


def _terms(expr: bound.Expr) -> Iterator[bound.Expr]:
    if isinstance(expr, bound.Binary) and expr.operator == "&&":
        yield from _terms(expr.left)
        yield from _terms(expr.right)
    else:
        yield expr


def _joined(form: bound.Form, terms: list[bound.Expr]) -> bound.Form:
    if not terms:
        return replace(form, expr=_WHOLE)
    whole, *rest = terms
    for term in rest:
        whole = bound.Binary(whole.type, "&&", whole, term, whole.span.to(term.span))
    return replace(form, expr=whole)
