"""The code of `func` blocks and `global` statements: one function a variant, and the dispatch by site."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sey.frontend import bound
from sey.frontend.debuginfo.model import DebugInfo, Piece
from sey.frontend.lower.captures import MAX_INLINE, Limits, Target, capture, statically_missing
from sey.frontend.lower.expressions import Scope, scalar_of
from sey.frontend.lower.places import Memory, Place, load_word, raise_status, variable_place
from sey.frontend.lower.sites import Shape, SiteBook
from sey.frontend.lower.types import TypeTable
from sey.frontend.source import Source, Span
from sey.ir.builder import FunctionBuilder
from sey.ir.nodes import Column, Function, Location, Stream, Table, Type, Value, layout_stream
from sey.ir.plan import COUNTERS, ROW_MEMBERS, PlanColumn, Status

SPEC_FILE = 0
"""Index of the spec in `Program.files`."""


@dataclass(frozen=True)
class Shared:
    """What all lowering of one spec shares: debug information, numbered types, distinct limits, the text."""

    info: DebugInfo
    types: TypeTable
    limits: list[bound.Limits]
    source: Source

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

    def at(self, span: Span) -> Location:
        """The location of a span in the spec."""
        return Location(SPEC_FILE, self.source.position(span.start)[0])


def names_of(block: bound.Func) -> list[str]:
    """The variables that a block's captures and condition use, sorted."""
    found: set[str] = set()
    for form in (*block.when, *(f for c in block.captures for f in c.forms)):
        found |= set(form.types)
    return sorted(found)


def row_stream(number: int, widths: Iterable[int]) -> Stream:
    """The stream of a block's rows (`row_<number>`), with a column for each width in bytes."""
    kinds = {"i8": Type.I8, "i32": Type.I32, "i64": Type.I64}
    members: list[tuple[str, Type | int]] = [(name, kinds[kind]) for name, kind in ROW_MEMBERS]
    return layout_stream(f"row_{number}", members + _column_members(widths))


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
        types=tuple(shared.types.number(form.expr.type) for form in capture_.forms),
        bytes=max(8, -(-column_width(capture_) // 8) * 8),
        max_string=capture_.limits.max_string,
        max_items=capture_.limits.max_items,
        depth=capture_.limits.depth,
        problem=problem,
    )


def _form_at(forms: Sequence[bound.Form], names: Sequence[str], shapes: Sequence[Shape]) -> int:
    """Index of the typing that holds where the variables have these shapes, or -1."""
    here = {name: shape.type for name, shape in zip(names, shapes, strict=True)}
    for i, form in enumerate(forms):
        if all(here[name] is None or here[name] == kind for name, kind in form.types.items()):
            return i
    return -1


def variant_forms(block: bound.Func, names: Sequence[str], shapes: Sequence[Shape]) -> tuple[int, ...]:
    """For each capture of a block the typing that holds in a variant."""
    return tuple(_form_at(c.forms, names, shapes) for c in block.captures)


def lower_variant(shared: Shared, number: int, block: bound.Func, book: SiteBook, stream: str) -> Function:
    """The function `variant_<number>(site)`, which emits the row of one frame at one of the variant's sites."""
    variant = book.variants[number]
    b = FunctionBuilder(f"variant_{number}", [("site", Type.I64)])
    (site,) = b.parameters
    at_site = _Frame(names_of(block), variant.shapes, site)
    with b.at(shared.at(block.span)):
        wanted = _condition(b, block, variant.block, at_site)
    with b.if_(wanted):
        with b.at(shared.at(block.span)):
            record = _begin_row(b, stream, site)
        for i, capture_ in enumerate(block.captures):
            with b.at(shared.at(capture_.span)):
                _capture_form(shared, b, Target(record, i), capture_, at_site)
    return b.finish()


@dataclass(frozen=True)
class _Frame:
    """The variables of the frame at hand: names, their shapes, and the site whose numbers place them."""

    names: Sequence[str]
    shapes: Sequence[Shape]
    site: Value

    def scope(self, wanted: Iterable[str]) -> Callable[[FunctionBuilder], Scope]:
        """Finds the variables `wanted` when it is called."""
        chosen = set(wanted)

        def find(b: FunctionBuilder) -> Scope:
            places: dict[str, Place] = {}
            missing: dict[str, Status] = {}
            at = 0
            first = b.zext(Type.I64, b.table_get(Type.I32, "sites", "first", self.site))
            for name, shape in zip(self.names, self.shapes, strict=True):
                if name in chosen and shape.pieces is not None:
                    places[name] = _variable(b, shape, b.add(first, at))
                elif name in chosen:
                    missing[name] = shape.status
                at += len(shape.pieces or ())
            return Scope(places, missing)

        return find


def _variable(b: FunctionBuilder, shape: Shape, first: Value) -> Place:
    assert shape.pieces is not None
    pieces = [Piece(place, 0, offset, size) for place, offset, size in shape.pieces]
    numbers = [b.table_get(Type.I64, "locations", "value", b.add(first, i)) for i in range(len(pieces))]
    place = variable_place(b, pieces, numbers, shape.status)
    if not shape.by_reference:
        return place
    pointer = load_word(b, place, 0, 8)
    with b.if_(b.eq(pointer, 0)):
        raise_status(b, Status.NIL)
    return Memory(pointer)


def _begin_row(b: FunctionBuilder, stream: str, site: Value) -> Value:
    record = b.begin(stream)
    b.put(record, b.load(Type.I64, "row_goid"), field="goid")
    b.put(record, b.load(Type.I32, "row_stack"), field="stack")
    b.put(record, b.load(Type.I32, "row_frame"), field="frame")
    b.put(record, b.table_get(Type.I32, "sites", "number", site), field="site")
    return record


def _capture_form(shared: Shared, b: FunctionBuilder, target: Target, capture_: bound.Capture, frame: _Frame) -> None:
    form = _form_at(capture_.forms, frame.names, frame.shapes)
    if form < 0:
        b.put(target.record, b.const(Status.NOT_LIVE, Type.I8), field=f"s{target.column}")
        return
    typing = capture_.forms[form]
    scope = frame.scope(typing.types)
    capture(b, target, typing.expr, scope, shared.limit(capture_.limits), shared.types)


def _condition(b: FunctionBuilder, block: bound.Func, index: int, frame: _Frame) -> Value:
    """Whether the row is wanted (i1). Where an operand is missing it isn't, which `out_when` counts."""
    if not block.when:
        return b.const(1, Type.I1)
    form = _form_at(block.when, frame.names, frame.shapes)
    with b.attempt(Type.I1) as attempt:
        with attempt.body(), statically_missing(b):
            if form < 0:
                raise_status(b, Status.NOT_LIVE)
            else:
                scope = frame.scope(block.when[form].types)(b)
                attempt.yield_(b.ne(scalar_of(b, block.when[form].expr, scope), 0))
        with attempt.handler():
            b.store("out_when", b.add(b.load(Type.I64, "out_when", None, 8 * index), 1), imm=8 * index)
            attempt.yield_(b.const(0, Type.I1))
    return attempt.result


def lower_dispatch(variants: int) -> Function:
    """`row(site)`: the code of the site's variant."""
    b = FunctionBuilder("row", [("site32", Type.I32)])
    site = b.zext(Type.I64, b.parameters[0])
    variant = b.table_get(Type.I32, "sites", "variant", site)
    with b.switch(variant) as switch:
        for number in range(variants):
            with switch.case(number):
                b.call(f"variant_{number}", site)
    return b.finish()


def lower_global(shared: Shared, number: int, statement: bound.GlobalCapture) -> Function:
    """`value_<number>()`, which emits a global's value."""
    b = FunctionBuilder(f"value_{number}")
    with b.at(shared.at(statement.span)):
        record = b.begin(f"global_{number}")
        limits = shared.limit(statement.limits)
        capture(b, Target(record, 0), statement.expr, lambda _: Scope({}, {}), limits, shared.types)
    return b.finish()


def lower_globals(count: int) -> Function:
    """`global_values()`: all globals, each on its own, and what they point to."""
    b = FunctionBuilder("global_values")
    for number in range(count):
        with b.attempt() as attempt:
            with attempt.body():
                b.call(f"value_{number}")
            with attempt.handler():
                b.call("count", 8 * COUNTERS.index("rows_dropped"))
        b.call("chase")
    return b.finish()
