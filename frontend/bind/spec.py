"""A syntax tree and a binary's debug information to a bound spec."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from sey.frontend import ast, bound, globs
from sey.frontend.bind import keeping
from sey.frontend.bind.access import few
from sey.frontend.bind.block import Block
from sey.frontend.bind.carrying import Holder, holders
from sey.frontend.bind.columns import (
    BUILTIN_TABLES,
    EVENT_COLUMNS,
    Namespace,
    column_namespace,
    column_of,
    global_namespace,
    table_namespace,
    table_written,
)
from sey.frontend.bind.events import LineScope, bound_event, line_scope, own_captures, scope_of
from sey.frontend.bind.expressions import Typer
from sey.frontend.bind.links import Links
from sey.frontend.bind.programs import fitting
from sey.frontend.bind.redacting import redacted_global, redacted_rows, redaction_of
from sey.frontend.bind.scope import FunctionScope
from sey.frontend.bound import Moment
from sey.frontend.contexts import CONTEXT
from sey.frontend.debuginfo.model import Body, DebugInfo, GoType, Kind, MadeType
from sey.frontend.diagnostics.base import Reject, Severity, SpannedProblem, SpecError
from sey.frontend.diagnostics.names import (
    ConditionMissing,
    Duplicate,
    LibraryUnused,
    NoCode,
    NoContext,
    NoProgramFits,
    NothingFits,
    TooManyFunctions,
    UnknownFunction,
    UnknownGlobal,
    UnknownProgram,
    UnknownTable,
)
from sey.frontend.diagnostics.nearest import Names
from sey.frontend.diagnostics.redaction import NothingRedacted
from sey.frontend.diagnostics.syntax import EmptySpec
from sey.frontend.printer import expression
from sey.frontend.redaction import Redactor
from sey.frontend.source import Source, Span

MAX_FUNCTIONS = 2000
"""Functions that one pattern may fit: 1267 of nats-server take 4 s to compile, and their program loads."""


def bind(
    spec: ast.Spec,
    source: Source,
    info: DebugInfo,
    *,
    binary: str,
    module: str | None = None,
    allow_missing: bool = False,
    functions: Names | None = None,
) -> tuple[bound.BoundSpec, list[SpannedProblem]]:
    """The spec bound to one binary, and the warnings there are.

    `binary` is its path; `module` its main module's path, where known, which decides whether `in` blocks apply.
    With `allow_missing`, what the binary lacks is a warning. `functions`: the names of the binary's functions without
    those that the compiler made for itself, where they are at hand. Raises SpecError with everything that is wrong.
    """
    binder = _Binder(spec, source, info, binary, module, allow_missing)
    if functions is not None:
        binder.functions = functions
    result = binder.run()
    problems = sorted(binder.problems, key=lambda p: p.span)
    errors = [p for p in problems if p.effective_severity is Severity.ERROR]
    if errors:
        raise SpecError(source, *errors, *(p for p in problems if p not in errors))
    return result, problems


_Blocks = ast.Func | ast.Event
"""Statements that make a table of what they capture in functions."""


@dataclass(frozen=True)
class _Rows:
    """Of what code a block has rows, and what is in them."""

    bodies: tuple[Body, ...]
    captures: tuple[bound.Capture, ...]
    when: tuple[bound.Form, ...]


class _Binder:
    """One run over a spec: collects problems, keeps what several statements share."""

    def __init__(
        self, spec: ast.Spec, source: Source, info: DebugInfo, binary: str, module: str | None, allow_missing: bool
    ) -> None:
        self.spec = spec
        self.source = source
        self.info = info
        self.binary = binary
        self.allow_missing = allow_missing
        self.problems: list[SpannedProblem] = []
        self.programs = {p.name.name: p for p in spec.statements if isinstance(p, ast.Program)}
        self.fitting = fitting(tuple(self.programs.values()), binary, module)
        self.tables = table_namespace()
        self.globals = global_namespace()
        self.columns: dict[str, Namespace] = {
            name: column_namespace(columns)
            for name, columns in BUILTIN_TABLES.items()
            if name != "events" or any(isinstance(s, ast.Event) for s in spec.statements)
        }
        self._scopes: dict[tuple[str, bool, Moment | None], FunctionScope] = {}
        self._lines: dict[str, LineScope] = {}
        self._carried: list[tuple[ast.Capture, bool]] = []
        """Captures of `context` statements, and whether the binary has what they name."""
        self._has_context = False

    def run(self) -> bound.BoundSpec:
        statements = self.spec.statements
        if not statements:
            self.report(EmptySpec(span=Span(0, 0)))
        self._check_programs()
        # Tables first: a `column` may stand before the block or table that it extends.
        tables = {id(s): self._table_name(s) for s in statements if isinstance(s, _Blocks | ast.Table | ast.Link)}
        self._find_carried()
        funcs = [self._func(s, tables[id(s)]) for s in statements if isinstance(s, ast.Func)]
        events = [self._event(s, tables[id(s)]) for s in statements if isinstance(s, ast.Event)]
        self._check_contexts()
        globals_ = [self._global(s) for s in statements if isinstance(s, ast.Global)]
        found = [self._column(s) for s in statements if isinstance(s, ast.Column)]
        columns = tuple(c for c in found if c is not None)
        sql = [s.name.name for s in statements if isinstance(s, ast.Table)]
        blocks = [block for block in (*funcs, *events) if block is not None]
        links = Links(blocks, columns, sql, self.report)
        joined = [links.bind(s, tables[id(s)]) for s in statements if isinstance(s, ast.Link)]
        self._check_imports(blocks)
        kept_types = self._kept_types()
        redactor = Redactor(self.info, redaction_of(statements, self.info, self.binary, self.report))
        return bound.BoundSpec(
            source=self.source,
            programs=tuple(_program(p) for p in self.programs.values()),
            funcs=tuple(redacted_rows(f, redactor, self.report) for f in funcs if f is not None),
            globals=tuple(redacted_global(g, redactor) for g in globals_ if g is not None),
            tables=tuple(
                bound.SqlTable(s.name.name, str(s.sql.value), s.span) for s in statements if isinstance(s, ast.Table)
            ),
            columns=columns,
            links=tuple(link for link in joined if link is not None),
            kept_types=kept_types,
            redaction=redactor.redaction,
            events=tuple(redacted_rows(e, redactor, self.report) for e in events if e is not None),
        )

    def report(self, problem: SpannedProblem) -> None:
        """Notes a problem; what the binary lacks is a warning where that is allowed.

        The library names what many releases of a module have; which of it a binary has is no matter.
        """
        if self._in_library(problem.span) and (problem.is_lack() or isinstance(problem, NoCode | NothingRedacted)):
            return
        if problem.is_lack() and self.allow_missing:
            problem = replace(problem, severity=Severity.WARNING)
        self.problems.append(problem)

    def _may_lack(self, span: Span) -> bool:
        """Whether the binary may lack what is written there."""
        return self.allow_missing or self._in_library(span)

    def _in_library(self, span: Span) -> bool:
        return self.source.file_at(span.start).library

    @cached_property
    def functions(self) -> Names:
        """Them, for being misspelled."""
        return Names(globs.written_by_people(self.info.function_names()))

    # Programs and tables

    def _check_programs(self) -> None:
        first: dict[str, ast.Program] = {}
        for program in self.spec.statements:
            if isinstance(program, ast.Program):
                earlier = first.setdefault(program.name.name, program)
                if earlier is not program:
                    name = program.name
                    self.report(Duplicate(span=name.span, what="program", name=name.name, first=earlier.name.span))
        if self.programs and not self.fitting:
            names = ", ".join(self.programs)
            span = next(iter(self.programs.values())).name.span
            self.report(NoProgramFits(span=span, binary=self.binary, programs=names))

    def _check_imports(self, blocks: Sequence[bound.Func | bound.Event]) -> None:
        """Warns of files of the library that have functions, none of which the binary has."""
        imports = {str(s.path.value): s for s in self.spec.statements if isinstance(s, ast.Import)}
        fits: dict[str, bool] = {}
        for block in blocks:
            if self._in_library(block.span):
                path = self.source.file_at(block.span.start).path
                fits[path] = fits.get(path, False) or bool(block.bodies)
        for path, fit in fits.items():
            if not fit and path in imports:
                self.report(LibraryUnused(span=imports[path].path.span, binary=self.binary, path=path))

    def _table_name(self, statement: _Blocks | ast.Table | ast.Link) -> str:
        name, span, given = table_written(statement)
        try:
            name = self.tables.take(name, span, given=given)
        except Reject as reject:
            self.report(reject.problem)
        match statement:
            case ast.Func():
                own = column_namespace()
            case ast.Event():
                own = column_namespace(EVENT_COLUMNS)
            case _:
                own = Namespace("column", {})
        self.columns.setdefault(name, own)
        return name

    def _column(self, column: ast.Column) -> bound.SqlColumn | None:
        table = column.table.name
        if table not in self.columns:
            nearest = Names(self.columns).nearest(table)
            remarks = (f"the tables are {few(tuple(self.columns))}",)
            self.report(UnknownTable(span=column.table.span, name=table, nearest=nearest, remarks=remarks))
            return None
        try:
            name = self.columns[table].take(column.name.name, column.name.span, given=True)
        except Reject as reject:
            self.report(reject.problem)
            return None
        return bound.SqlColumn(table, name, column.type, str(column.sql.value), column.span)

    # Types

    def _kept_types(self) -> tuple[bound.KeptType, ...]:
        kept: dict[int, bound.KeptType] = {}
        for statement in self.spec.statements:
            if not isinstance(statement, ast.Type):
                continue
            try:
                found = keeping.keep(self.info, statement)
                earlier = kept.setdefault(found.type.id, found)
                if earlier is not found:
                    name = found.type.name
                    raise Reject(Duplicate(span=found.span, what="type", name=name, first=earlier.span))
            except Reject as reject:
                self.report(reject.problem)
        return tuple(kept.values())

    # Contexts

    def _find_carried(self) -> None:
        """Checks the captures of `context` statements, each once, over any context."""
        known = self.info.find_type(CONTEXT)
        any_context = GoType(MadeType.UNKNOWN, CONTEXT, Kind.INTERFACE, 16) if known is None else self.info.type(known)
        for statement in self.spec.statements:
            for capture in statement.captures if isinstance(statement, ast.Context) else ():
                context = bound.Local(any_context, "", capture.span)
                try:
                    Typer(self.info, {}, None, context).value(capture.expr)
                    self._carried.append((capture, True))
                except Reject as reject:
                    self.report(reject.problem)
                    self._carried.append((capture, False))

    def _of_contexts(self, found: list[Holder], table: str) -> tuple[bound.Capture, ...]:
        """The columns that a block gets whose function has these variables with a context; it has none without rows."""
        self._has_context |= bool(found)
        names = self._columns_of(table, [capture for capture, _ in self._carried])
        parameters = tuple(holder.name for holder in found if holder.parameter)
        captures = []
        for (capture, known), name in zip(self._carried, names, strict=True):
            forms = tuple(self._form(holder, capture) for holder in found if known)
            limits = limits_of(capture.limits)
            captures.append(
                bound.Capture(name, expression(capture.expr), forms, limits, capture.span, parameters or ())
            )
        return tuple(captures)

    def _form(self, holder: Holder, capture: ast.Capture) -> bound.Form:
        context = holder.context(self.info, capture.span)
        return bound.Form({holder.name: holder.type}, Typer(self.info, {}, None, context).value(capture.expr))

    def _check_contexts(self) -> None:
        """Warns of `context` statements where no block has a context."""
        statements = [s for s in self.spec.statements if isinstance(s, ast.Context)]
        if statements and not self._has_context:
            self.report(NoContext(span=statements[0].span))

    # Functions

    def _func(self, func: ast.Func, table: str) -> bound.Func | None:
        rows = self._rows(func, func.captures, table, lambda: self._scope(func.function, func.glob))
        if rows is None:
            return None
        name, program = str(func.function.value), func.program.name if func.program else None
        return bound.Func(table, name, rows.bodies, rows.captures, rows.when, func.span, program, func.glob)

    def _event(self, event: ast.Event, table: str) -> bound.Event | None:
        moment = Moment(event.moment)
        if moment is Moment.LINE:
            rows = self._rows(event, event.captures, table, lambda: self._line(event.target))
        else:
            rows = self._rows(event, own_captures(event), table, lambda: self._scope(event.target, event.glob, moment))
        line = self._lines.get(str(event.target.value)) if moment is Moment.LINE else None
        target = line.target if line is not None else None
        return None if rows is None else bound_event(event, table, rows.bodies, rows.captures, rows.when, target)

    def _line(self, target: ast.Literal) -> FunctionScope | None:
        """What can be named at the line of an event; None where there is no such."""
        written = str(target.value)
        if written not in self._lines:
            try:
                self._lines[written] = line_scope(self.info, target, self.binary)
            except Reject as reject:
                self.report(reject.problem)
                return None
        return self._lines[written].scope

    def _rows(
        self,
        block: _Blocks,
        captures: Sequence[ast.Capture],
        table: str,
        find_scope: Callable[[], FunctionScope | None],
    ) -> _Rows | None:
        """What a block has rows of; None where something is wrong with it and was reported."""
        columns = self._columns_of(table, captures)
        if block.program is not None and block.program.name not in self.programs:
            program = block.program
            nearest = Names(self.programs).nearest(program.name)
            self.report(UnknownProgram(span=program.span, name=program.name, nearest=nearest))
            return None
        concerned = block.program is None or block.program.name in self.fitting
        scope = find_scope() if concerned else None
        if scope is None:
            # Only a warning may follow from the binary's lack; else the result is never used.
            return self._no_rows(captures, table, columns)
        binding = Block(self.info, scope, self.report)
        bound_captures = tuple(
            self._capture(binding, capture, column) for capture, column in zip(captures, columns, strict=True)
        )
        bodies = scope.bodies
        when: tuple[bound.Form, ...] = ()
        if block.when is not None:
            when = binding.forms(block.when, lambda typer: typer.condition)
            if not when and bodies and self._may_lack(block.when.span):
                # Without forms the condition can't be evaluated, and then is false: no body, no rows.
                self.report(ConditionMissing(span=block.when.span, binary=self.binary, table=table))
                bodies = ()
        binding.warn_of_lost()
        found = holders(self.info, scope.variables) if self._carried else []
        return _Rows(bodies, bound_captures + (self._of_contexts(found, table) if found else ()), when)

    def _no_rows(self, captures: Sequence[ast.Capture], table: str, columns: list[str]) -> _Rows:
        """Of a block whose table exists, so that queries over it work, and has no rows."""
        without_forms = tuple(
            bound.Capture(column, expression(capture.expr), (), limits_of(capture.limits), capture.span)
            for capture, column in zip(captures, columns, strict=True)
        )
        return _Rows((), without_forms + self._of_contexts([], table), ())

    def _scope(self, target: ast.Literal, glob: bool, moment: Moment | None = None) -> FunctionScope | None:
        """What can be named of the functions of a block, or of an event at its moment; None where there are none."""
        name = str(target.value)
        key = (name, glob, moment)
        if key in self._scopes:
            return self._scopes[key]
        try:
            functions = self._that_fit(name, target.span) if glob else self._named(name, target.span)
        except Reject as reject:
            self.report(reject.problem)
            return None
        scope = scope_of(self.info, name, functions, moment)
        if not scope.bodies:
            self.report(NoCode(span=target.span, function=name, binary=self.binary))
        self._scopes[key] = scope
        return scope

    def _named(self, name: str, span: Span) -> list[str]:
        if self.info.function(name) is None:
            raise Reject(self._unknown_function(name, span))
        return [name]

    def _that_fit(self, pattern: str, span: Span) -> list[str]:
        """The functions that fit a pattern. Raises Reject where none does, or too many."""
        found = list(globs.matching(self.functions.all, pattern))
        if not found:
            nearest = self._closest(pattern.replace("(*", "(").replace("*", "").replace("(", "(*"), span)
            raise Reject(NothingFits(span=span, binary=self.binary, pattern=pattern, nearest=nearest))
        if len(found) > MAX_FUNCTIONS:
            some = few(tuple(found))
            raise Reject(TooManyFunctions(span=span, pattern=pattern, count=len(found), limit=MAX_FUNCTIONS, some=some))
        return found

    def _closest(self, name: str, span: Span) -> tuple[str, ...]:
        """The functions closest in name; none for a name of the library, which nobody has misspelled."""
        return () if self._in_library(span) else self.functions.nearest(name)

    def _unknown_function(self, name: str, span: Span) -> UnknownFunction:
        remarks = ["functions are named as Go's stack traces print them: `main.(*server).GetInfo`, `main.main.func1`"]
        nearest = self._closest(name, span)
        prefix = name[: name.rfind(".") + 1]
        if prefix and not nearest and not self._in_library(span):
            siblings = tuple(n for n in self.functions.beginning(prefix) if n.isidentifier())
            remarks += [f"`{prefix[:-1]}` has {few(siblings)}"] if siblings else []
        return UnknownFunction(span=span, binary=self.binary, name=name, nearest=nearest, remarks=tuple(remarks))

    def _columns_of(self, table: str, captures: Sequence[ast.Capture]) -> list[str]:
        namespace = self.columns.get(table) or column_namespace()
        columns: list[str] = []
        for capture in captures:
            given = capture.name is not None
            if not given and isinstance(capture.expr, ast.Name) and capture.expr.name == "_":
                columns.append("_")  # refused as a variable, so as a column there is nothing to add
                continue
            name = capture.name.name if capture.name else column_of(capture.expr)
            span = capture.name.span if capture.name else capture.expr.span
            try:
                namespace.take(name, span, given=given)
            except Reject as reject:
                self.report(reject.problem)
            columns.append(name)
        return columns

    def _capture(self, block: Block, capture: ast.Capture, column: str) -> bound.Capture:
        forms = block.forms(capture.expr, lambda typer: typer.value)
        return bound.Capture(column, expression(capture.expr), forms, limits_of(capture.limits), capture.span)

    # Package-level variables

    def _global(self, statement: ast.Global) -> bound.GlobalCapture | None:
        name = statement.name.name if statement.name else column_of(statement.expr)
        span = statement.name.span if statement.name else statement.expr.span
        root = _root(statement.expr)
        try:
            self.globals.take(name, span, given=statement.name is not None)
            variable = self.info.global_variable(str(root.name.value))
            if variable is None:
                raise Reject(self._unknown_global(str(root.name.value), root.span))
            expr = Typer(self.info, {}, variable).value(statement.expr)
        except Reject as reject:
            self.report(reject.problem)
            return None
        limits = limits_of(statement.limits)
        return bound.GlobalCapture(name, expression(statement.expr), expr, limits, statement.span)

    def _unknown_global(self, name: str, span: Span) -> UnknownGlobal:
        nearest = Names(self.info.global_names()).nearest(name)
        remarks = ('the name is the whole import path and the variable: "net/http.DefaultClient"',)
        if self.info.function(name) is not None:
            remarks = ("there is a function of that name",)
        return UnknownGlobal(span=span, binary=self.binary, name=name, nearest=nearest, remarks=remarks)


def _root(expr: ast.Expr) -> ast.PackageVariable:
    while isinstance(expr, ast.Select | ast.Index | ast.Slice | ast.Assertion):
        expr = expr.base
    assert isinstance(expr, ast.PackageVariable)
    return expr


def limits_of(limits: tuple[ast.Limit, ...]) -> bound.Limits:
    """The limits of a capture, those that aren't given as they are by default."""
    given = {limit.name.name: int(limit.value.value) for limit in limits}
    return bound.Limits(**given)


def _program(program: ast.Program) -> bound.Program:
    rules = tuple(bound.Rule(rule.kind.name, str(rule.value.value), rule.span) for rule in program.rules)
    return bound.Program(program.name.name, rules, program.span)
