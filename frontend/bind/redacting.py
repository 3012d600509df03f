"""`redact` statements: what they name, and which captured expressions look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from sey.frontend import ast, bound
from sey.frontend.automaton import TooManyStatesError, automaton
from sey.frontend.debuginfo.model import BUILTIN, DebugInfo, Kind
from sey.frontend.diagnostics.base import SpannedProblem
from sey.frontend.diagnostics.redaction import BadPattern, NothingRedacted, RedactedCondition, TooManyPatterns
from sey.frontend.globs import Globs
from sey.frontend.redaction import Redactor, last_name

Report = Callable[[SpannedProblem], None]
Rows = TypeVar("Rows", bound.Func, bound.Event)


def redaction_of(statements: Iterable[ast.Statement], info: DebugInfo, binary: str, report: Report) -> bound.Redaction:
    """What the statements of a spec redact. Patterns that are none are reported and left out."""
    given: dict[str | None, list[ast.Literal]] = {None: [], "type": [], "tag": []}
    for statement in statements:
        if isinstance(statement, ast.Redact):
            given[statement.by] += [each for each in statement.patterns if _is_good(each, statement.by, report)]
    names, types, tags = (tuple(dict.fromkeys(str(each.value) for each in given[by])) for by in (None, "type", "tag"))
    if not _is_small(names):
        report(TooManyPatterns(span=given[None][-1].span))
        names = ()
    if not _is_small(tags):
        report(TooManyPatterns(span=given["tag"][-1].span))
        tags = ()
    for each in given["type"]:
        pattern = Globs((str(each.value),))
        if not any(map(pattern.fit, info.type_names())) and not any(map(pattern.fit, info.runtime_types.names)):
            report(NothingRedacted(span=each.span, what="type", binary=binary, pattern=each.text))
    for each in given["tag"] if tags else ():
        redactor = Redactor(info, bound.Redaction(tags=(str(each.value),)))
        if not any(map(redactor.tag, info.runtime_types.tags)):
            report(NothingRedacted(span=each.span, what="tag", binary=binary, pattern=each.text))
    return bound.Redaction(names, types, tags)


def _is_good(pattern: ast.Literal, by: str | None, report: Report) -> bool:
    text = str(pattern.value)
    what = None
    if not text:
        what = "an empty pattern fits nothing"
    elif by == "type" and text in BUILTIN:
        what = f"`{text}` is a predeclared type, which says nothing of what its values are"
    if what is not None:
        report(BadPattern(span=pattern.span, what=what))
    return what is None


def _is_small(names: tuple[str, ...]) -> bool:
    try:
        automaton(names)
    except TooManyStatesError:
        return False
    return True


def redacted_rows(func: Rows, redactor: Redactor, report: Report) -> Rows:
    """The block or event without what is redacted. A condition that looks at something redacted is reported."""
    if not redactor:
        return func
    if any(looks(form.expr, redactor) for form in func.when):
        report(RedactedCondition(span=func.when[0].expr.span))
    return replace(func, captures=tuple(_redacted_capture(each, redactor) for each in func.captures))


def _redacted_capture(capture: bound.Capture, redactor: Redactor) -> bound.Capture:
    hidden = [looks(form.expr, redactor) for form in capture.forms]
    if not any(hidden):
        return capture
    forms = tuple(
        replace(form, expr=bound.Redacted(form.expr.type, form.expr.span)) if is_hidden else form
        for form, is_hidden in zip(capture.forms, hidden, strict=True)
    )
    # Where nothing of it is to be had, not even its variables are looked for.
    if all(hidden):
        return replace(capture, forms=(replace(forms[0], types={}),), parameters=None)
    return replace(capture, forms=forms)


def redacted_global(value: bound.GlobalCapture, redactor: Redactor) -> bound.GlobalCapture:
    """The package-level variable without what is redacted."""
    hidden = bool(redactor) and looks(value.expr, redactor)
    return replace(value, expr=bound.Redacted(value.expr.type, value.expr.span)) if hidden else value


def looks(expr: bound.Expr, redactor: Redactor) -> bool:
    """Whether an expression's value depends on something redacted."""
    match expr:
        case bound.AddressOf(_, base):
            return _looks_on_the_way(base, redactor)
        case bound.Const() | bound.Elapsed():
            return False
        case bound.Length(_, base):
            return looks(base, redactor)
        case bound.Carried(_, base, sought):
            return _is_secret(sought, redactor) or looks(base, redactor)
        case bound.Instance(_, local):
            # What it is shows in the process.
            return redactor.name(local.name)
    return redactor.type(expr.type) or _is_named(expr, redactor) or any(looks(e, redactor) for e in bound.parts(expr))


def _is_secret(sought: bound.Sought, redactor: Redactor) -> bool:
    """Whether what is looked for in a context is redacted, or may be, where names are: then its key has to be told."""
    if not redactor.redaction.names:
        return not sought.by_key and redactor.type(sought.type)
    if not sought.by_key or redactor.name(last_name(sought.type.name)):
        return True
    key = sought.constant.value if sought.constant is not None else None
    return sought.type.kind is Kind.STRING and (not isinstance(key, str) or redactor.name(key))


def _looks_on_the_way(expr: bound.Expr, redactor: Redactor) -> bool:
    """Whether something redacted is read to know where an expression's value is."""
    match expr:
        case bound.Field(_, base):
            return _looks_on_the_way(base, redactor)
        case bound.Index(_, base, index) if base.type.kind is Kind.ARRAY:
            return _looks_on_the_way(base, redactor) or looks(index, redactor)
    return any(looks(each, redactor) for each in bound.parts(expr))


def _is_named(expr: bound.Expr, redactor: Redactor) -> bool:
    """Whether the last step of an expression is to something redacted by its name."""
    match expr:
        case bound.Local(_, name):
            return redactor.name(name)
        case bound.Global(_, variable):
            return redactor.name(last_name(variable.name))
        case bound.Field(_, base, name):
            return redactor.field(base.type, name)
        case bound.MapIndex(_, _, key):
            return isinstance(key.value, str) and redactor.name(key.value)
    return False
