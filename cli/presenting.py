"""A new spec applied to an old capture: what it only names or presents otherwise is changed, the rest is told of.

What was captured is known by the expressions of the capture's own spec, which is in its bundles: a `func` block is
found again by its function and condition, an event by all that its header says, and a capture by its expression, as
they were written. Found ones get their new names in the plans that the capture is decoded with.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from sey.frontend import ast
from sey.frontend.bind.columns import (
    EVENT_COLUMNS,
    FUNC_COLUMNS,
    column_namespace,
    column_of,
    global_namespace,
    table_namespace,
    table_written,
)
from sey.frontend.bind.events import own_captures
from sey.frontend.bind.spec import limits_of
from sey.frontend.build import LIMITS
from sey.frontend.diagnostics.base import Reject, SpannedProblem, SpecError
from sey.frontend.diagnostics.presenting import NeedsCapture
from sey.frontend.parser import parse
from sey.frontend.printer import expression
from sey.frontend.source import Source
from sey.ir.plan import Plan, PlanBlock, PlanColumn, PlanEvent, PlanGlobal, PlanLink, PlanSqlColumn, PlanSqlTable
from sey.runtime.bundle import BinaryProbe, Bundle
from sey.runtime.capture import Capture
from sey.runtime.views import SpecSql

_PRESENTED = (ast.Program, ast.Func, ast.Event, ast.Global, ast.Table, ast.Column, ast.Link, ast.Import)
"""Statements of which this module knows what they mean for an old capture."""
_Block = ast.Func | ast.Event


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
    plans = [plan for bundle in bundles for binary in bundle.binaries for plan in binary.plans]
    names = repr([(plan.blocks, plan.events, plan.globals) for plan in plans])
    digest = capture.digest and f"{capture.digest}n{zlib.crc32(names.encode()):08x}"
    return Presented(replace(capture, bundles=bundles, digest=digest), _sql(spec, source.path), tuple(problems))


def _check_names(spec: ast.Spec, source: Source) -> None:
    """Names follow the same rules as in a spec that is compiled."""
    tables, variables = table_namespace(), global_namespace()
    problems = []
    for statement in spec.statements:
        try:
            match statement:
                case ast.Func() | ast.Event():
                    table, span, given = table_written(statement)
                    tables.take(table, span, given=given)
                    columns = column_namespace(FUNC_COLUMNS if isinstance(statement, ast.Func) else EVENT_COLUMNS)
                    for item in _captures(statement):
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

    def block(self, new: _Block, spec: ast.Spec) -> _Block | None:
        """The block with the same rows as one of `spec`; of several the one with most of the captures."""
        blocks = (s for s in self.spec.statements if isinstance(s, _Block))
        alike = [old for old in blocks if _rows(old, self.spec) == _rows(new, spec)]
        wanted = {expression(item.expr) for item in new.captures}
        return max(alike, key=lambda old: len(wanted & {expression(c.expr) for c in old.captures}), default=None)

    def columns(self, block: _Block, source: str) -> list[PlanColumn]:
        """What was captured for an expression of a block, by the first binary that has it."""
        for planned in self.blocks(block):
            if found := [column for column in planned.columns if column.source == source]:
                return found
        return []

    def blocks(self, block: _Block) -> Iterator[PlanBlock | PlanEvent]:
        """The block in the plans of each binary."""
        for binary in self.bundle.binaries:
            for plan in binary.plans:
                planned: tuple[PlanBlock | PlanEvent, ...] = (*plan.blocks, *plan.events)
                yield from (one for one in planned if one.table == table_written(block)[0])

    def variable(self, new: ast.Global) -> PlanColumn | None:
        """What was captured of a package-level variable."""
        known = (g.column for binary in self.bundle.binaries for g in binary.plan.globals if not g.internal)
        return next((column for column in known if column.source == expression(new.expr)), None)


def _missing(spec: ast.Spec, olds: list[_Old]) -> Iterator[SpannedProblem]:
    """What none of the capture's specs has captured."""
    for statement in spec.statements:
        match statement:
            case ast.Func() | ast.Event():
                yield from _missing_of(statement, spec, olds)
            case ast.Global():
                columns = [column for old in olds if (column := old.variable(statement)) is not None]
                yield from _lacks(statement, columns)
            case _ if not isinstance(statement, _PRESENTED):
                if not any(statement in old.spec.statements for old in olds):
                    what = type(statement).__name__.lower()
                    why = "the statement says what is collected, and the capture's spec doesn't have it"
                    yield NeedsCapture(span=statement.span, what=what, why=why)


def _missing_of(block: _Block, spec: ast.Spec, olds: list[_Old]) -> Iterator[SpannedProblem]:
    found = [(old, match) for old in olds if (match := old.block(block, spec)) is not None]
    if not found:
        is_func = isinstance(block, ast.Func)
        target = _target(block)
        others = (s for old in olds for s in old.spec.statements if isinstance(s, _Block) and type(s) is type(block))
        there = any(_target(s).value == target.value for s in others)
        chosen = "its rows were chosen by another condition or program" if is_func else "its header was another one"
        absent = "the capture has no such block" if is_func else "the capture has no such event"
        what = f"func {target.text}" if isinstance(block, ast.Func) else f"{block.moment} {target.text}"
        yield NeedsCapture(span=target.span, what=what, why=chosen if there else absent)
        return
    seen: Counter[str] = Counter()
    for item in _captures(block):
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
    return replace(bundle, binaries=tuple(_renamed_binary(binary, old, spec) for binary in bundle.binaries))


def _renamed_binary(binary: BinaryProbe, old: _Old, spec: ast.Spec) -> BinaryProbe:
    events = binary.events
    if events is not None:
        events = replace(events, plan=_renamed_plan(events.plan, old, spec))
    return replace(binary, plan=_renamed_plan(binary.plan, old, spec), events=events)


def _renamed_plan(plan: Plan, old: _Old, spec: ast.Spec) -> Plan:
    variables = {expression(s.expr): _name(s) for s in spec.statements if isinstance(s, ast.Global)}
    return replace(
        plan,
        blocks=_renamed_blocks(plan.blocks, old, spec),
        events=_renamed_blocks(plan.events, old, spec),
        globals=tuple(_renamed_global(g, variables) for g in plan.globals),
    )


_Planned = TypeVar("_Planned", PlanBlock, PlanEvent)


def _renamed_blocks(planned: tuple[_Planned, ...], old: _Old, spec: ast.Spec) -> tuple[_Planned, ...]:
    """The blocks of the new spec, and those of the old one that it says nothing of, where their names are free."""
    renamed: list[_Planned] = []
    claimed: set[str] = set()
    for block in spec.statements:
        match = old.block(block, spec) if isinstance(block, _Block) else None
        if not isinstance(block, _Block) or match is None:
            continue
        table, _, _ = table_written(match)
        claimed.add(table)
        names: dict[str, list[str]] = {}
        for item in _captures(block):
            names.setdefault(expression(item.expr), []).append(_name(item))
        renamed += [
            replace(one, table=table_written(block)[0], columns=_renamed_columns(one.columns, names))
            for one in planned
            if one.table == table
        ]
    makers = [s for s in spec.statements if isinstance(s, ast.Func | ast.Event | ast.Table | ast.Link)]
    taken = {table_written(maker)[0] for maker in makers}
    renamed += [one for one in planned if one.table not in claimed | taken]
    return tuple(renamed)


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


def _rows(block: _Block, spec: ast.Spec) -> tuple[object, ...]:
    """What decides which rows a block has."""
    common = (_target(block).value, block.glob, block.when, _rules(block, spec))
    match block:
        case ast.Func():
            return common
        case ast.Event():
            return (*common, block.moment, block.limit, block.period, block.sample, block.stack)


def _rules(block: _Block, spec: ast.Spec) -> tuple[ast.Rule, ...] | None:
    """The rules of the program that a block is for, None where it is for every process."""
    programs = (s for s in spec.statements if isinstance(s, ast.Program))
    return next((p.rules for p in programs if block.program is not None and p.name == block.program), None)


def _target(block: _Block) -> ast.Literal:
    return block.function if isinstance(block, ast.Func) else block.target


def _captures(block: _Block) -> tuple[ast.Capture, ...]:
    return block.captures if isinstance(block, ast.Func) else own_captures(block)


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
