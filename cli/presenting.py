"""A new spec applied to an old capture: what it only names or presents otherwise is changed, the rest is told of.

What was captured is known by the expressions of the capture's own spec, which is in its bundles: a `func` block is
found again by its function and condition, and a capture by its expression, as they were written. Found ones get their
new names in the plans that the capture is decoded with.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sey.frontend import ast
from sey.frontend.bind.columns import column_namespace, column_of, global_namespace, table_namespace, table_written
from sey.frontend.bind.spec import limits_of
from sey.frontend.build import LIMITS
from sey.frontend.diagnostics.base import Reject, SpannedProblem, SpecError
from sey.frontend.diagnostics.presenting import NeedsCapture
from sey.frontend.parser import parse
from sey.frontend.printer import expression
from sey.frontend.source import Source
from sey.ir.plan import Plan, PlanBlock, PlanColumn, PlanGlobal, PlanLink, PlanSqlColumn, PlanSqlTable
from sey.runtime.bundle import Bundle
from sey.runtime.capture import Capture
from sey.runtime.views import SpecSql

_PRESENTED = (ast.Program, ast.Func, ast.Global, ast.Table, ast.Column, ast.Link, ast.Import)
"""Statements of which this module knows what they mean for an old capture."""


@dataclass(frozen=True)
class Presented:
    """A capture under the names of a new spec, what that spec adds to its tables, and what isn't in the capture."""

    capture: Capture
    spec: SpecSql
    problems: tuple[SpannedProblem, ...]


def present(capture: Capture, source: Source) -> Presented:
    """Apply the spec `source` to a capture. Raises SpecError where the spec itself is wrong."""
    spec = parse(source)
    _check_names(spec, source)
    olds = [_Old.of(bundle) for bundle in capture.bundles]
    problems = sorted(_missing(spec, olds), key=lambda problem: problem.span)
    bundles = tuple(_renamed(bundle, old, spec) for bundle, old in zip(capture.bundles, olds, strict=True))
    names = repr([[(p.plan.blocks, p.plan.globals) for p in bundle.binaries] for bundle in bundles])
    digest = capture.digest and f"{capture.digest}n{zlib.crc32(names.encode()):08x}"
    return Presented(replace(capture, bundles=bundles, digest=digest), _sql(spec, source.path), tuple(problems))


def _check_names(spec: ast.Spec, source: Source) -> None:
    """Names follow the same rules as in a spec that is compiled."""
    tables, variables = table_namespace(), global_namespace()
    problems = []
    for statement in spec.statements:
        try:
            match statement:
                case ast.Func():
                    table, span, given = table_written(statement)
                    tables.take(table, span, given=given)
                    columns = column_namespace()
                    for item in statement.captures:
                        columns.take(_name(item), item.span, given=item.name is not None)
                case ast.Table(name) | ast.Link(name):
                    tables.take(name.name, name.span, given=True)
                case ast.Global():
                    variables.take(_name(statement), statement.span, given=statement.name is not None)
        except Reject as reject:
            problems.append(reject.problem)
    if problems:
        raise SpecError(source, *problems)


@dataclass(frozen=True)
class _Old:
    """The spec that a bundle was made of."""

    spec: ast.Spec
    bundle: Bundle

    @classmethod
    def of(cls, bundle: Bundle) -> _Old:
        imports = tuple(Source(file.path, file.text, library=file.library) for file in bundle.imports)
        return cls(parse(Source(bundle.spec_path, bundle.spec, imports)), bundle)

    def func(self, new: ast.Func, spec: ast.Spec) -> ast.Func | None:
        """The block with the same rows as one of `spec`; of several the one with most of the captures."""
        alike = [
            old
            for old in self.spec.statements
            if isinstance(old, ast.Func)
            and (old.function.value, old.glob, old.when) == (new.function.value, new.glob, new.when)
            and _rules(old, self.spec) == _rules(new, spec)
        ]
        wanted = {expression(item.expr) for item in new.captures}
        return max(alike, key=lambda old: len(wanted & {expression(c.expr) for c in old.captures}), default=None)

    def columns(self, func: ast.Func, source: str) -> list[PlanColumn]:
        """What was captured for an expression of a block, by the first binary that has it."""
        for block in self.blocks(func):
            if found := [column for column in block.columns if column.source == source]:
                return found
        return []

    def blocks(self, func: ast.Func) -> Iterator[PlanBlock]:
        """The block in the plan of each binary."""
        for binary in self.bundle.binaries:
            yield from (block for block in binary.plan.blocks if block.table == _table(func))

    def variable(self, new: ast.Global) -> PlanColumn | None:
        """What was captured of a package-level variable."""
        known = (g.column for binary in self.bundle.binaries for g in binary.plan.globals if not g.internal)
        return next((column for column in known if column.source == expression(new.expr)), None)


def _missing(spec: ast.Spec, olds: list[_Old]) -> Iterator[SpannedProblem]:
    """What none of the capture's specs has captured."""
    for statement in spec.statements:
        match statement:
            case ast.Func():
                yield from _missing_of(statement, spec, olds)
            case ast.Global():
                columns = [column for old in olds if (column := old.variable(statement)) is not None]
                yield from _lacks(statement, columns)
            case _ if not isinstance(statement, _PRESENTED):
                if not any(statement in old.spec.statements for old in olds):
                    what = type(statement).__name__.lower()
                    why = "the statement says what is collected, and the capture's spec doesn't have it"
                    yield NeedsCapture(span=statement.span, what=what, why=why)


def _missing_of(func: ast.Func, spec: ast.Spec, olds: list[_Old]) -> Iterator[SpannedProblem]:
    found = [(old, match) for old in olds if (match := old.func(func, spec)) is not None]
    if not found:
        what = f"func {func.function.text}"
        there = any(
            isinstance(s, ast.Func) and s.function.value == func.function.value for o in olds for s in o.spec.statements
        )
        why = "its rows were chosen by another condition or program" if there else "the capture has no such block"
        yield NeedsCapture(span=func.function.span, what=what, why=why)
        return
    seen: Counter[str] = Counter()
    for item in func.captures:
        source = expression(item.expr)
        columns = max((old.columns(match, source) for old, match in found), key=len)
        yield from _lacks(item, columns[seen[source] :], again=bool(columns))
        seen[source] += 1


def _lacks(
    item: ast.Capture | ast.Global, columns: list[PlanColumn], *, again: bool = False
) -> Iterator[SpannedProblem]:
    what = expression(item.expr)
    if not columns:
        why = "it was captured for one column, which has another name here" if again else "it wasn't captured"
        yield NeedsCapture(span=item.expr.span, what=what, why=why)
        return
    wanted = limits_of(item.limits)
    less = [
        f"{word} {getattr(columns[0], word)}" for word in LIMITS if getattr(wanted, word) > getattr(columns[0], word)
    ]
    if less:
        yield NeedsCapture(span=item.span, what=what, why=f"it was captured with {', '.join(less)}")


def _renamed(bundle: Bundle, old: _Old, spec: ast.Spec) -> Bundle:
    """The bundle with the new names in its plans."""
    binaries = tuple(replace(binary, plan=_renamed_plan(binary.plan, old, spec)) for binary in bundle.binaries)
    return replace(bundle, binaries=binaries)


def _renamed_plan(plan: Plan, old: _Old, spec: ast.Spec) -> Plan:
    blocks: list[PlanBlock] = []
    claimed: set[str] = set()
    for func in spec.statements:
        match = old.func(func, spec) if isinstance(func, ast.Func) else None
        if not isinstance(func, ast.Func) or match is None:
            continue
        claimed.add(_table(match))
        names: dict[str, list[str]] = {}
        for item in func.captures:
            names.setdefault(expression(item.expr), []).append(_name(item))
        blocks += [
            replace(block, table=_table(func), columns=_renamed_columns(block.columns, names))
            for block in plan.blocks
            if block.table == _table(match)
        ]
    taken = {_table(s) for s in spec.statements if isinstance(s, ast.Func)}
    taken |= {s.name.name for s in spec.statements if isinstance(s, ast.Table | ast.Link)}
    blocks += [block for block in plan.blocks if block.table not in claimed | taken]
    variables = {expression(s.expr): _name(s) for s in spec.statements if isinstance(s, ast.Global)}
    return replace(plan, blocks=tuple(blocks), globals=tuple(_renamed_global(g, variables) for g in plan.globals))


def _renamed_columns(columns: tuple[PlanColumn, ...], names: dict[str, list[str]]) -> tuple[PlanColumn, ...]:
    """The columns of a block, which stay in their order. One that the new spec lacks keeps its name, if it can."""
    left = {source: list(given) for source, given in names.items()}
    taken = {name for given in names.values() for name in given}
    renamed = []
    for column in columns:
        name = left[column.source].pop(0) if left.get(column.source) else column.name
        if name in taken and name not in names.get(column.source, ()):
            name = f"captured_{name}"
        renamed.append(replace(column, name=name))
    return tuple(renamed)


def _renamed_global(variable: PlanGlobal, names: dict[str, str]) -> PlanGlobal:
    name = names.get(variable.column.source)
    return (
        variable if name is None or variable.internal else replace(variable, column=replace(variable.column, name=name))
    )


def _rules(func: ast.Func, spec: ast.Spec) -> tuple[ast.Rule, ...] | None:
    """The rules of the program that a block is for, None where it is for every process."""
    programs = (s for s in spec.statements if isinstance(s, ast.Program))
    return next((p.rules for p in programs if func.program is not None and p.name == func.program), None)


def _table(func: ast.Func) -> str:
    return table_written(func)[0]


def _name(item: ast.Capture | ast.Global) -> str:
    return item.name.name if item.name is not None else column_of(item.expr)


def _sql(spec: ast.Spec, path: str) -> SpecSql:
    """The tables, columns and links of the spec."""
    tables, columns, links = [], [], []
    for statement in spec.statements:
        match statement:
            case ast.Table(name, sql):
                tables.append(PlanSqlTable(name.name, str(sql.value)))
            case ast.Column(table, column, type_, sql):
                columns.append(PlanSqlColumn(table.name, column.name, type_, str(sql.value)))
            case ast.Link():
                links.append(_link(statement))
    return SpecSql(path, tuple(tables), tuple(columns), tuple(links))


def _link(link: ast.Link) -> PlanLink:
    ends = (link.source, link.target)
    (source, left), (target, right) = ((end.table.name, tuple(c.name for c in end.columns)) for end in ends)
    return PlanLink(link.name.name, source, left, target, right, str(link.title.value) if link.title else "")
