"""A bound spec to a whole snapshot program and its decode plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sey.binary.pclntab import PclnTab
from sey.binary.stackmaps import StackMaps
from sey.frontend import bound
from sey.frontend.bound import BoundSpec
from sey.frontend.debuginfo.model import DebugInfo
from sey.frontend.lower.blocks import (
    Shared,
    column_width,
    global_stream,
    lower_block,
    lower_dispatch,
    lower_global,
    lower_globals,
    plan_column,
    row_stream,
)
from sey.frontend.lower.captures import how_deep
from sey.frontend.lower.dynamic import DynamicTypes
from sey.frontend.lower.labels import Labels, find_labels, without_secrets
from sey.frontend.lower.liveness import Liveness
from sey.frontend.lower.parts import Parts
from sey.frontend.lower.runtime import Described, itab_type, prelude_constants
from sey.frontend.lower.sites import Block, SiteBook
from sey.frontend.lower.typegraph import RuntimeGraph
from sey.frontend.lower.types import STEP_LEVEL, TypeTable, captured_type
from sey.frontend.lower.typetables import type_tables
from sey.frontend.lower.waiting import locks_known, wait_constants
from sey.frontend.redaction import Redactor
from sey.frontend.source import Span
from sey.ir.nodes import Buffer, Function, Program, Stream, Table
from sey.ir.parser import signature_of
from sey.ir.plan import (
    PLAN_VERSION,
    Plan,
    PlanBlock,
    PlanColumn,
    PlanGlobal,
    PlanLink,
    PlanProgram,
    PlanRecordField,
    PlanRule,
    PlanSqlColumn,
    PlanSqlTable,
    PlanStream,
)
from sey.ir.prelude import prelude, prelude_streams

WAIT_REASONS = "runtime.waitReasonStrings"
_NOWHERE = Span(0, 0)
_WORK_BUFFERS = (
    Buffer("compare_left", 4096, slack=8),
    Buffer("compare_right", 4096, slack=8),
    Buffer("differs", 8),
    Buffer("wanted", 8),
    Buffer("carrying", 32),
)
"""What the code of expressions works in."""


@dataclass(frozen=True)
class Lowered:
    """The result of lowering: the program, not yet optimized, and its plan."""

    program: Program
    plan: Plan


def lower(spec: BoundSpec, info: Described, table: PclnTab, go_version: str) -> Lowered:
    """Lower a spec bound to one binary. Raises SeyError where the binary lacks what every snapshot needs."""
    statements = (*_internal_globals(info), *spec.globals)
    shared, labels = shared_of(spec, info, table, spec.funcs, statements, find_labels(info))
    book = SiteBook(info, Liveness(info, StackMaps(table)))
    for number, block in enumerate(spec.funcs):
        book.add_block(number, block)
    functions = _functions(shared, spec, book, statements)
    streams = _streams(spec, statements)
    program = _assemble(shared, info, table, spec, book, functions, streams, labels)
    plan = _plan(shared, spec, book, statements, program.streams, labels, go_version, locks=locks_known(info))
    return Lowered(program, plan)


def shared_of(
    spec: BoundSpec,
    info: Described,
    table: PclnTab,
    blocks: Sequence[Block],
    statements: Sequence[bound.GlobalCapture],
    labels: Labels,
) -> tuple[Shared, Labels]:
    """What the lowering of a spec's blocks shares, with every type numbered that their values can reach; and the labels
    that may be captured."""
    dynamic = DynamicTypes(info, table.module.types, itab_type(info))
    parts = Parts(info, spec.kept_types)
    redactor = Redactor(info, spec.redaction, parts.wholes)
    labels = without_secrets(labels, redactor)
    shared = Shared(info, TypeTable(info, None, parts, redactor), [], spec.source, dynamic)
    _register_types(shared, blocks, statements, labels)
    if shared.types.reaches_dynamic_types:
        graph = RuntimeGraph(parts.described(info.runtime_types), redactor)
        shared = replace(shared, types=TypeTable(info, graph, parts, redactor))
        _register_types(shared, blocks, statements, labels)
        shared.types.add_closures()
    return shared, labels


def _internal_globals(info: DebugInfo) -> tuple[bound.GlobalCapture, ...]:
    """What sey itself reads once a snapshot: the words for why goroutines wait, which differ between releases."""
    variable = info.global_variable(WAIT_REASONS)
    if variable is None:
        return ()
    expr = bound.Global(info.type(variable.type), variable, _NOWHERE)
    limits = bound.Limits(max_string=128, max_items=256, depth=0)
    return (bound.GlobalCapture("wait_reasons", WAIT_REASONS, expr, limits, _NOWHERE),)


def _register_types(
    shared: Shared, blocks: Iterable[Block], statements: Iterable[bound.GlobalCapture], labels: Labels
) -> None:
    """Number every type that values can reach."""
    for block in blocks:
        for capture in block.captures:
            for form in capture.forms:
                shared.types.add(captured_type(form.expr), capture.limits.depth)
                shared.maps.register(form.expr)
        for form in block.when:
            shared.maps.register(form.expr)
    for statement in statements:
        shared.types.add(captured_type(statement.expr), statement.limits.depth)
        shared.maps.register(statement.expr)
    if labels.type is not None:
        shared.types.add(labels.type, labels.limits.depth)


def _functions(
    shared: Shared, spec: BoundSpec, book: SiteBook, statements: tuple[bound.GlobalCapture, ...]
) -> list[Function]:
    blocks = [lower_block(shared, number, block, book) for number, block in enumerate(spec.funcs)]
    values = [lower_global(shared, number, statement) for number, statement in enumerate(statements)]
    walks = shared.contexts.functions()
    return [*walks, *blocks, lower_dispatch(len(blocks)), *values, lower_globals(len(values))]


def _streams(spec: BoundSpec, statements: tuple[bound.GlobalCapture, ...]) -> tuple[Stream, ...]:
    rows = [row_stream(i, (column_width(c) for c in block.captures)) for i, block in enumerate(spec.funcs)]
    values = [global_stream(i, s.expr.type.size) for i, s in enumerate(statements)]
    return (*prelude_streams(), *rows, *values)


def _assemble(
    shared: Shared,
    info: Described,
    table: PclnTab,
    spec: BoundSpec,
    book: SiteBook,
    functions: list[Function],
    streams: tuple[Stream, ...],
    labels: Labels,
) -> Program:
    how = shared.limit(labels.limits)
    constants = {
        **prelude_constants(info, table),
        **redaction_constants(shared),
        "any_sites": int(bool(book.sites)),
        "any_labels": int(labels.type is not None),
        "labels_type": _labels_type(shared, labels) or 0,
        "labels_how": how_deep(how, STEP_LEVEL),
        **labels.constants,
        **wait_constants(info),
    }
    tables = program_tables(shared, book)
    base = prelude(constants, tables, {f.name: signature_of(f) for f in functions}, first_file=len(spec.source.files))
    counts = Buffer("out_when", power_of_two(8 * len(spec.funcs)), host=True)
    return whole_program(base, spec, (counts,), tables, streams, functions)


def redaction_constants(shared: Shared) -> dict[str, int]:
    """What the prelude has to know of what is redacted."""
    redactor = shared.types.redactor
    return {"any_redacted": int(bool(redactor)), "empty_is_name": int(redactor.keys.fits[0])}


def program_tables(shared: Shared, book: SiteBook) -> tuple[Table, ...]:
    """The tables that code reads for every kind of block."""
    return (*book.tables(), *type_tables(shared.types), shared.limit_table(), *shared.contexts.tables())


def whole_program(
    base: Program,
    spec: BoundSpec,
    buffers: Sequence[Buffer],
    tables: tuple[Table, ...],
    streams: tuple[Stream, ...],
    functions: Sequence[Function],
) -> Program:
    """The prelude with what a spec adds to it."""
    return replace(
        base,
        files=(*(file.path for file in spec.source.files), *base.files),
        buffers=(*base.buffers, *buffers, *_WORK_BUFFERS),
        tables=tables,
        streams=streams,
        functions=(*base.functions, *functions),
    )


def _labels_type(shared: Shared, labels: Labels) -> int | None:
    return None if labels.type is None else shared.types.number(labels.type)


def power_of_two(size: int) -> int:
    """The size of a buffer that holds so many bytes."""
    return max(8, 1 << (size - 1).bit_length()) if size else 8


def _plan(
    shared: Shared,
    spec: BoundSpec,
    book: SiteBook,
    statements: tuple[bound.GlobalCapture, ...],
    streams: tuple[Stream, ...],
    labels: Labels,
    go_version: str,
    *,
    locks: bool,
) -> Plan:
    values = tuple(_plan_global(shared, i, s) for i, s in enumerate(statements))
    reasons = next((v.stream for v, s in zip(values, statements, strict=True) if s.source == WAIT_REASONS), None)
    return replace(
        plan_of(shared, spec, streams, go_version),
        blocks=tuple(_plan_block(shared, i, block, book) for i, block in enumerate(spec.funcs)),
        globals=values,
        labels_type=_labels_type(shared, labels),
        wait_reasons=reasons,
        goroutine_count=_address(shared.info, "runtime.allglen"),
        locks=locks,
    )


def plan_of(shared: Shared, spec: BoundSpec, streams: tuple[Stream, ...], go_version: str) -> Plan:
    """A plan with what every program has: streams and types, and how the spec presents it all."""
    return Plan(
        version=PLAN_VERSION,
        go_version=go_version,
        spec_path=spec.source.path,
        streams=tuple(_plan_stream(i, s) for i, s in enumerate(streams)),
        types=shared.types.plan_types(),
        blocks=(),
        globals=(),
        programs=tuple(PlanProgram(p.name, tuple(PlanRule(r.kind, r.value) for r in p.rules)) for p in spec.programs),
        tables=tuple(PlanSqlTable(t.name, t.sql) for t in spec.tables),
        columns=tuple(PlanSqlColumn(c.table, c.name, c.type, c.sql) for c in spec.columns),
        links=tuple(map(_plan_link, spec.links)),
    )


def _plan_link(link: bound.Link) -> PlanLink:
    source, target = link.source, link.target
    return PlanLink(link.name, source.table, source.columns, target.table, target.columns, link.title)


def _address(info: DebugInfo, name: str) -> int:
    variable = info.global_variable(name)
    return variable.address if variable else 0


def _plan_stream(number: int, stream: Stream) -> PlanStream:
    fields = tuple(PlanRecordField(f.name, f.type.value if f.type else None, f.offset, f.length) for f in stream.fields)
    return PlanStream(number, stream.name, stream.size, fields)


def _plan_block(shared: Shared, number: int, block: bound.Func, book: SiteBook) -> PlanBlock:
    return PlanBlock(
        index=number,
        table=block.table,
        stream=f"row_{number}",
        function=block.function,
        columns=tuple(plan_column(shared, c, problem_of(shared, block, c)) for c in block.captures),
        sites=book.plan_sites(number, len(block.captures)),
        program=block.program,
    )


def problem_of(shared: Shared, block: Block, capture: bound.Capture) -> str | None:
    """What is wrong with the debug information of a column's variables, where something is."""
    names = {name for form in capture.forms for name in form.types}
    for body in block.bodies:
        for variable in shared.info.variables(body):
            if variable.name in names and variable.problem:
                return f"{variable.name}: {variable.problem}"
    return None


def _plan_global(shared: Shared, number: int, statement: bound.GlobalCapture) -> PlanGlobal:
    expr = statement.expr
    column = PlanColumn(
        name=statement.name,
        source=statement.source,
        types=(shared.types.number(captured_type(expr)),),
        bytes=max(8, -(-expr.type.size // 8) * 8),
        max_string=statement.limits.max_string,
        max_items=statement.limits.max_items,
        depth=statement.limits.depth,
    )
    return PlanGlobal(f"global_{number}", column, internal=statement.source == WAIT_REASONS)
