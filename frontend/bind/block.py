"""The expressions of one `func` block or event, bound to the variables of its function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sey.frontend import ast, bound
from sey.frontend.bind.access import few
from sey.frontend.bind.expressions import ELAPSED, PREDECLARED, Typer, names_in
from sey.frontend.bind.scope import MAX_FORMS, FunctionScope, TooManyError
from sey.frontend.debuginfo.model import POINTER_SHAPE, SHARED_IDS, DebugInfo, GoType, Kind
from sey.frontend.diagnostics.base import Reject, SpannedProblem
from sey.frontend.diagnostics.events import NotThen, TookTheName
from sey.frontend.diagnostics.names import BlankName, NeverTogether, OptimizedOut, Predeclared, UnknownVariable
from sey.frontend.diagnostics.types import NoFormFits, TooManyForms
from sey.frontend.source import Span

_WORD = 8
Method = Callable[[Typer], Callable[[ast.Expr], bound.Expr]]
"""`Typer.value` or `Typer.condition`, of the typer at hand."""


class Block:
    """Binds the expressions of one `func` block or event."""

    def __init__(self, info: DebugInfo, scope: FunctionScope, report: Callable[[SpannedProblem], None]) -> None:
        self._info = info
        self._report = report
        self._scope = scope
        self._used: dict[str, Span] = {}

    def forms(self, expr: ast.Expr, method: Method) -> tuple[bound.Form, ...]:
        """The typings of an expression; none (and a problem) where nothing fits, or where no code has the variables."""
        mentioned = list(names_in(expr))
        self._warn_of_predeclared(mentioned)
        names = [name for name in mentioned if not self._scope.is_builtin(name.name)]
        if not self._scope.bodies or not self._all_known(names):
            return ()
        try:
            typings = self._scope.typings(name.name for name in names)
        except TooManyError:
            problem = TooManyForms(span=expr.span, function=self._scope.name, limit=MAX_FORMS)
            self._report(problem)
            return ()
        if not typings:
            listed = ", ".join(dict.fromkeys(f"`{name.name}`" for name in names))
            self._report(NeverTogether(span=expr.span, function=self._scope.name, names=listed))
        for name in names:
            self._used.setdefault(name.name, name.span)
        return self._with_instances(self._typed(expr, typings, method))

    def _with_instances(self, forms: tuple[bound.Form, ...]) -> tuple[bound.Form, ...]:
        """The typings, before them those of a whole variable whose type a dictionary tells where it is at hand: where
        any of its types has pointers of which nothing else tells what they point to."""
        if not any(POINTER_SHAPE in form.expr.type.name for form in forms):
            return forms
        instances = [
            bound.Form({**form.types, bound.word_of(local.name): local.type.id}, _instance(local))
            for form in forms
            if isinstance(local := form.expr, bound.Local) and self._scope.is_instance(local.name, local.type.id)
        ]
        return (*instances, *forms)

    def _typed(
        self,
        expr: ast.Expr,
        typings: list[Mapping[str, int]],
        method: Method,
    ) -> tuple[bound.Form, ...]:
        forms: list[bound.Form] = []
        failed: list[tuple[Mapping[str, int], SpannedProblem]] = []
        info = self._info
        for typing in typings:
            types = {name: info.type(type_id) for name, type_id in typing.items()}
            typer = Typer(info, types, elapsed=self._scope.elapsed)
            try:
                forms.append(bound.Form(typing, method(typer)(expr)))
            except Reject as reject:
                failed.append((typing, reject.problem))
        if not forms and failed:
            self._report(self._why_none_fits(expr, failed))
        return tuple(forms)

    def _why_none_fits(self, expr: ast.Expr, failed: list[tuple[Mapping[str, int], SpannedProblem]]) -> SpannedProblem:
        first = failed[0][1]
        if len({problem.message() for _, problem in failed}) == 1:
            return first
        info = self._info
        reasons = tuple(
            f"with {', '.join(f'`{n}` of type {info.type(t).name}' for n, t in typing.items())}: {problem.message()}"
            for typing, problem in failed[:8]
        )
        lack = all(problem.is_lack() for _, problem in failed)
        return NoFormFits(span=expr.span, function=self._scope.name, reasons=reasons, lack=lack)

    def _all_known(self, names: list[ast.Name]) -> bool:
        unknown = {n.name: n for n in reversed(names) if n.name not in self._scope}
        for name, at in unknown.items():
            if name == "_":
                self._report(BlankName(span=at.span))
                continue
            if name in self._scope.hidden:
                self._report(NotThen(span=at.span, name=name, reason=self._scope.hidden[name]))
                continue
            known = self._scope.names()
            remarks = [f"its variables: {few(known)}" if known else "it has no variables in this binary"]
            package = self._scope.name.rpartition("/")
            full = package[0] + package[1] + package[2].split(".")[0] + "." + name
            if self._info.global_variable(full) is not None:
                remarks.append(f'there is a package-level variable of that name: global "{full}"')
            self._report(
                UnknownVariable(
                    span=at.span,
                    function=self._scope.name,
                    name=name,
                    nearest=self._scope.nearest(name),
                    remarks=tuple(remarks),
                )
            )
        return not unknown

    def _warn_of_predeclared(self, names: Sequence[ast.Name]) -> None:
        constants = {n.name: n.span for n in reversed(names) if n.name in PREDECLARED and n.name in self._scope}
        for name, span in constants.items():
            self._report(Predeclared(span=span, function=self._scope.name, name=name))
        shadowed = next((n for n in names if self._scope.elapsed and n.name == ELAPSED), None)
        if shadowed is not None and (ELAPSED in self._scope or ELAPSED in self._scope.hidden):
            self._report(TookTheName(span=shadowed.span, function=self._scope.name))

    def warn_of_lost(self) -> None:
        """Warns of the variables used that no code has a place for."""
        for name, span in self._used.items():
            lost, reason = self._scope.lost(name)
            if lost:
                self._report(OptimizedOut(span=span, function=self._scope.name, name=name, reason=reason))


def _instance(local: bound.Local) -> bound.Instance:
    shape = local.type
    size = _WORD + shape.size
    kind = GoType(SHARED_IDS - shape.id, shape.name, Kind.SHARED, size, elem=shape.id, shape=True)
    return bound.Instance(kind, local, local.span)
