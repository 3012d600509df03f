"""The code of `func` blocks and `global` statements, and the dispatch by site."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sey.frontend import bound
from sey.frontend.debuginfo.model import DebugInfo
from sey.frontend.lower.captures import MAX_INLINE, Limits, Target, capture, statically_missing
from sey.frontend.lower.contexts import ContextWalks
from sey.frontend.lower.dynamic import DynamicTypes
from sey.frontend.lower.expressions import Scope, scalar_of
from sey.frontend.lower.lookups import MapLookups
from sey.frontend.lower.places import MissingError
from sey.frontend.lower.sites import NO_FORM, SiteBook, names_of
from sey.frontend.lower.types import TypeTable, captured_type
from sey.frontend.source import Source, Span
from sey.ir.builder import FunctionBuilder
from sey.ir.nodes import Column, Function, Location, Stream, Table, Type, Value, layout_stream
from sey.ir.plan import COUNTERS, EVENT_MEMBERS, ROW_MEMBERS, PlanColumn, Status


@dataclass(frozen=True)
class Shared:
    """What all lowering of one spec shares: debug information, numbered types, distinct limits, the text, and how
    dynamic types are told, what finds what contexts carry, and elements of maps."""

    info: DebugInfo
    types: TypeTable
    limits: list[bound.Limits]
    source: Source
    dynamic: DynamicTypes
    contexts: ContextWalks = field(init=False)
    maps: MapLookups = field(init=False)
    """Always by the types at hand, also in a copy with other types."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "contexts", ContextWalks(self.dynamic))
        object.__setattr__(self, "maps", MapLookups(self.types))

    def limit(self, limits: bound.Limits) -> Limits:
        """The row of these limits in the table `limits`."""
        if limits not in self.limits:
            self.limits.append(limits)
        return Limits(self.limits.index(limits), limits.depth)

    def limit_table(self) -> Table:
        """The IR table `limits`."""
        rows = self.limits or [bound.Limits()]
        return Table(
            "limits",
            (
                Column("max_string", Type.I32, tuple(r.max_string for r in rows)),
                Column("max_items", Type.I32, tuple(r.max_items for r in rows)),
            ),
        )

    def at(self, span: Span) -> Location | None:
        """The location of a span, by the number of its file in the source: the program's files begin with those. Of an
        empty span, which is none of it, None.
        """
        if span.end <= span.start:
            return None
        place = self.source.place(span.start)
        return Location(place.file, place.line)


def row_stream(number: int, widths: Iterable[int]) -> Stream:
    """The stream of a block's rows (`row_<number>`), with a column for each width in bytes."""
    return layout_stream(f"row_{number}", _members(ROW_MEMBERS) + _column_members(widths))


def event_stream(number: int, widths: Iterable[int]) -> Stream:
    """The stream of an event's rows (`event_<number>`), with a column for each width in bytes."""
    return layout_stream(f"event_{number}", _members(EVENT_MEMBERS) + _column_members(widths))


def _members(named: Iterable[tuple[str, str]]) -> list[tuple[str, Type | int]]:
    kinds = {"i8": Type.I8, "i32": Type.I32, "i64": Type.I64}
    return [(name, kinds[kind]) for name, kind in named]


def global_stream(number: int, width: int) -> Stream:
    """The stream of a global's one row (`global_<number>`)."""
    return layout_stream(f"global_{number}", _column_members([width]))


def _column_members(widths: Iterable[int]) -> list[tuple[str, Type | int]]:
    members: list[tuple[str, Type | int]] = []
    for i, width in enumerate(widths):
        members += [(f"s{i}", Type.I8), (f"d{i}", Type.I64), (f"v{i}", max(8, -(-width // 8) * 8))]
    return members


def column_width(capture_: bound.Capture) -> int:
    """Bytes that the widest typing of a column takes in a row."""
    return max((_room(form.expr) for form in capture_.forms), default=0)


def _room(expr: bound.Expr) -> int:
    return expr.type.size if expr.type.size <= MAX_INLINE else 0


def plan_column(shared: Shared, capture_: bound.Capture, problem: str | None) -> PlanColumn:
    """A column as the plan tells it."""
    return PlanColumn(
        name=capture_.column,
        source=capture_.source,
        types=tuple(shared.types.number(captured_type(form.expr)) for form in capture_.forms),
        bytes=max(8, -(-column_width(capture_) // 8) * 8),
        max_string=capture_.limits.max_string,
        max_items=capture_.limits.max_items,
        depth=capture_.limits.depth,
        problem=problem,
    )


def lower_block(shared: Shared, number: int, block: bound.Func, book: SiteBook) -> Function:
    """The function `block_<number>(site)`, which emits the row of one frame at one of the block's sites."""
    b = FunctionBuilder(f"block_{number}", [("site", Type.I64)])
    (site,) = b.parameters
    slots = {name: slot for slot, name in enumerate(names_of(block))}
    scope = Scope(slots, shared.dynamic, shared.maps, shared.contexts)
    # Where an expression holds in none of its typings: for a pattern's functions that is how they differ.
    missing = Status.ABSENT if block.glob else Status.NOT_LIVE
    forms = Forms(book, number, site)
    with b.at(shared.at(block.span)):
        wanted = _condition(b, forms, block, scope) if block.when else b.const(1, Type.I1)
    with b.if_(wanted):
        with b.at(shared.at(block.span)):
            record = _begin_row(b, number, site)
        for i, capture_ in enumerate(block.captures):
            with b.at(shared.at(capture_.span)):
                capture_column(shared, b, Target(record, i), capture_, scope, forms, missing)
    return b.finish()


def _begin_row(b: FunctionBuilder, number: int, site: Value) -> Value:
    record = b.begin(f"row_{number}")
    b.put(record, b.load(Type.I64, "row_goid"), field="goid")
    b.put(record, b.load(Type.I32, "row_stack"), field="stack")
    b.put(record, b.load(Type.I32, "row_frame"), field="frame")
    b.put(record, b.table_get(Type.I32, "sites", "number", site), field="site")
    return record


@dataclass(frozen=True)
class Forms:
    """Which typing of an expression holds at the site at hand."""

    book: SiteBook
    block: int
    site: Value

    def each(self, b: FunctionBuilder, expression: int) -> Iterator[int]:
        """Every typing (or -1) that occurs, while the builder is where the code for it belongs."""
        occurring = self.book.forms(self.block, expression)
        if len(occurring) == 1:
            yield occurring[0]
            return
        first = b.zext(Type.I64, b.table_get(Type.I32, "sites", "first_form", self.site))
        form = b.table_get(Type.I32, "forms", "form", b.add(first, expression))
        with b.switch(form) as switch:
            for number in occurring:
                with switch.case(NO_FORM if number < 0 else number):
                    yield number


def capture_column(
    shared: Shared,
    b: FunctionBuilder,
    target: Target,
    capture_: bound.Capture,
    scope: Scope,
    forms: Forms,
    missing: Status,
) -> None:
    """A column at the site at hand, with the status `missing` where none of its typings holds."""
    for form in forms.each(b, target.column):
        if form < 0:
            b.put(target.record, b.const(missing, Type.I8), field=f"s{target.column}")
        else:
            expr = capture_.forms[form].expr
            capture(b, target, expr, scope, shared.limit(capture_.limits), shared.types)


def _condition(b: FunctionBuilder, forms: Forms, block: bound.Func, scope: Scope) -> Value:
    """Whether the row is wanted (i1). Where an operand is missing it isn't, which `out_when` counts."""

    def lacks() -> None:
        at = 8 * forms.block
        b.store("out_when", b.add(b.load(Type.I64, "out_when", None, at), 1), imm=at)

    return condition(b, forms, block.when, len(block.captures), scope, lacks)


def condition(
    b: FunctionBuilder,
    forms: Forms,
    when: Sequence[bound.Form],
    expression: int,
    scope: Scope,
    lacks: Callable[[], None],
) -> Value:
    """Whether a condition holds (i1), whose typings are those of the block's expression of that number. Where an
    operand is missing it doesn't, and the code of `lacks` runs.
    """
    b.store("wanted", b.const(0))
    with b.attempt() as attempt:
        with attempt.body():
            for form in forms.each(b, expression):
                with statically_missing(b):
                    if form < 0:
                        raise MissingError(Status.NOT_LIVE)
                    b.store("wanted", scalar_of(b, when[form].expr, scope))
        with attempt.handler():
            lacks()
    return b.ne(b.load(Type.I64, "wanted"), 0)


def lower_dispatch(blocks: int) -> Function:
    """`row(site)`: the code of the site's block."""
    b = FunctionBuilder("row", [("site32", Type.I32)])
    site = b.zext(Type.I64, b.parameters[0])
    block = b.table_get(Type.I32, "sites", "block", site)
    b.call("fetch", site)
    with b.switch(block) as switch:
        for number in range(blocks):
            with switch.case(number):
                b.call(f"block_{number}", site)
    return b.finish()


def lower_global(shared: Shared, number: int, statement: bound.GlobalCapture) -> Function:
    """`value_<number>()`, which emits a global's value."""
    b = FunctionBuilder(f"value_{number}")
    with b.at(shared.at(statement.span)):
        record = b.begin(f"global_{number}")
        limits = shared.limit(statement.limits)
        scope = Scope({}, shared.dynamic, shared.maps, shared.contexts)
        capture(b, Target(record, 0), statement.expr, scope, limits, shared.types)
    return b.finish()


def lower_globals(count: int) -> Function:
    """`global_values()`: all globals, each on its own, and what they point to."""
    b = FunctionBuilder("global_values")
    with b.loop(b.const(count), max(count, 1)) as i:
        first = b.load(Type.I64, "queue_tail")
        with b.attempt() as attempt:
            with attempt.body(), b.switch(i) as switch:
                for number in range(count):
                    with switch.case(number):
                        b.call(f"value_{number}")
            with attempt.handler():
                b.call("count", 8 * COUNTERS.index("rows_dropped"))
        b.call("chase_share", first)
    return b.finish()
