"""Steps from a value to a part of it: fields, elements, what a pointer points to, lengths, addresses."""

from __future__ import annotations

from collections.abc import Iterator

from sey.frontend import ast, bound
from sey.frontend.bind.operands import Operand, Untyped, UntypedKind, Value, typed
from sey.frontend.debuginfo.model import BUILTIN, POINTER_IDS, DebugInfo, Field, GoType, Kind
from sey.frontend.diagnostics.base import Reject
from sey.frontend.diagnostics.names import AmbiguousField, BlankName, MethodValue, UnknownField
from sey.frontend.diagnostics.nearest import Names
from sey.frontend.diagnostics.types import NoFields, NoLength, NotAddressable, NotPointer, UntypedNil
from sey.frontend.source import Span

_MAX_EMBEDDING = 16

Path = tuple[Field, ...]


def select(info: DebugInfo, base: Operand, name: str, name_span: Span, span: Span) -> Operand:
    """`base.name`, following one pointer and going through embedded structs as Go does. Raises Reject."""
    value = typed(base)
    if name == "_":
        raise Reject(BlankName(span=name_span))
    struct, holder = _struct_behind(info, value, name, name_span)
    paths = _find(info, struct, name)
    if len(paths) > 1:
        written = " or ".join(f"`{'.'.join(f.name for f in path)}`" for path in paths[:4])
        raise Reject(AmbiguousField(span=name_span, type=struct.name, name=name, paths=written))
    if not paths:
        raise Reject(_no_field(info, struct, name, name_span))
    expr = holder
    for step in paths[0]:
        if expr.type.kind is Kind.POINTER:
            expr = bound.Deref(info.type(elem_of(expr.type)), expr, span)
        expr = bound.Field(info.type(step.type), expr, step.name, step.offset, span)
    in_memory = value.addressable or _through_pointer(expr)
    return Value(expr, addressable=in_memory)


def fields_to(info: DebugInfo, go_type: GoType, name: ast.Ident) -> Path:
    """The fields that lead from a struct, or a pointer to one, to its field `name`, as `select` takes them.

    Raises Reject.
    """
    of_type = Value(bound.Local(go_type, "", name.span), addressable=True)
    expr = typed(select(info, of_type, name.name, name.span, name.span)).expr
    path: list[Field] = []
    while not isinstance(expr, bound.Local):
        if isinstance(expr, bound.Field):
            path.insert(0, Field(expr.name, expr.type.id, expr.offset, embedded=False))
        assert isinstance(expr, bound.Field | bound.Deref)
        expr = expr.base
    return tuple(path)


def selectable(info: DebugInfo, go_type: GoType) -> list[Path]:
    """All that `select` finds in a struct, or behind a pointer to one: for each name the path to it."""
    if go_type.kind is Kind.POINTER and go_type.elem is not None:
        go_type = info.type(go_type.elem)
    found: dict[str, list[Path]] = {}
    for level in _levels(info, go_type) if go_type.kind is Kind.STRUCT else ():
        here: dict[str, list[Path]] = {}
        for holder, path in level:
            for field in holder.fields:
                here.setdefault(field.name, []).append((*path, field))
        found |= {name: paths for name, paths in here.items() if name not in found}
    return [paths[0] for name, paths in found.items() if name != "_" and len(paths) == 1]


def _through_pointer(expr: bound.Expr) -> bool:
    while isinstance(expr, bound.Field):
        expr = expr.base
    return isinstance(expr, bound.Deref)


def _struct_behind(info: DebugInfo, value: Value, name: str, span: Span) -> tuple[GoType, bound.Expr]:
    """The struct whose fields `value` has, and the expression that is that struct."""
    go_type = value.type
    if go_type.kind is Kind.STRUCT:
        return go_type, value.expr
    if go_type.kind is Kind.INTERFACE:
        what, advice = f"the interface {go_type.name}", f"say which type is in it: `x.(*T).{name}`"
        raise Reject(NoFields(span=span, type=what, name=name, advice_text=advice))
    if go_type.kind is Kind.MAP:
        raise Reject(_fields_of_map(info, go_type, "x", name, span))
    if go_type.kind is Kind.POINTER and go_type.elem is not None:
        target = info.type(go_type.elem)
        if target.kind is Kind.STRUCT:
            return target, bound.Deref(target, value.expr, value.span)
        if target.kind is Kind.MAP:
            raise Reject(_fields_of_map(info, target, "(*x)", name, span))
        if target.kind is Kind.POINTER:
            advice = "follow the outer pointer first: `(*x).f`"
            raise Reject(NoFields(span=span, type=go_type.name, name=name, advice_text=advice))
    raise Reject(NoFields(span=span, type=go_type.name, name=name))


def _fields_of_map(info: DebugInfo, go_type: GoType, written: str, name: str, span: Span) -> NoFields:
    keyed = go_type.key is not None and info.type(go_type.key).kind is Kind.STRING
    advice = f'`{written}["{name}"]` is the element under that key' if keyed else None
    return NoFields(span=span, type=go_type.name, name=name, advice_text=advice)


def elem_of(go_type: GoType) -> int:
    """The type of the elements of one that has some, or of what a pointer points to."""
    assert go_type.elem is not None
    return go_type.elem


def _find(info: DebugInfo, struct: GoType, name: str) -> list[Path]:
    """The fields of that name at the shallowest depth that has any, each as the path to it."""
    for level in _levels(info, struct):
        found = [(*path, field) for holder, path in level for field in holder.fields if field.name == name]
        if found:
            return found
    return []


def _levels(info: DebugInfo, struct: GoType) -> Iterator[list[tuple[GoType, Path]]]:
    """The struct, then the structs embedded in it, then those in them, …: each level with the paths to its structs."""
    level: list[tuple[GoType, Path]] = [(struct, ())]
    seen = {struct.id}
    for _ in range(_MAX_EMBEDDING):
        yield level
        below: list[tuple[GoType, Path]] = []
        for holder, path in level:
            for field in holder.fields:
                embedded = _embedded_struct(info, field)
                if embedded is not None and embedded.id not in seen:
                    below.append((embedded, (*path, field)))
        seen.update(holder.id for holder, _ in below)
        if not below:
            return
        level = below


def _embedded_struct(info: DebugInfo, field: Field) -> GoType | None:
    if not field.embedded:
        return None
    go_type = info.type(field.type)
    if go_type.kind is Kind.POINTER and go_type.elem is not None:
        go_type = info.type(go_type.elem)
    return go_type if go_type.kind is Kind.STRUCT else None


def _no_field(info: DebugInfo, struct: GoType, name: str, span: Span) -> UnknownField | MethodValue:
    package, _, plain = struct.name.rpartition(".")
    for method in (f"{struct.name}.{name}", f"{package}.(*{plain}).{name}"):
        if package and info.function(method) is not None:
            return MethodValue(span=span, type=struct.name, name=name)
    fields = [f.name for level in _levels(info, struct) for holder, _ in level for f in holder.fields]
    known = tuple(dict.fromkeys(f for f in fields if f != "_"))
    remarks = (f"its fields: {few(known)}",) if known else ("it has no fields",)
    return UnknownField(span=span, type=struct.name, name=name, nearest=Names(known).nearest(name), remarks=remarks)


def few(names: tuple[str, ...], most: int = 12) -> str:
    """The first dozen of some names, and how many there are."""
    return ", ".join(names[:most]) + (f", … ({len(names)} in all)" if len(names) > most else "")


def dereference(info: DebugInfo, operand: Operand, span: Span) -> Operand:
    """`*operand`. Raises Reject."""
    value = typed(operand)
    go_type = value.type
    if go_type.kind is Kind.UNSAFE_POINTER or (go_type.kind is Kind.POINTER and go_type.elem is None):
        advice = "nothing says what it points to; capture the pointer itself"
        raise Reject(NotPointer(span=value.span, type=go_type.name, advice_text=advice))
    if go_type.kind is not Kind.POINTER:
        raise Reject(NotPointer(span=value.span, type=go_type.name))
    return Value(bound.Deref(info.type(elem_of(go_type)), value.expr, span), addressable=True)


def address(info: DebugInfo, operand: Operand, span: Span) -> Operand:
    """`&operand`. Raises Reject."""
    if not isinstance(operand, Value) or not operand.addressable:
        raise Reject(NotAddressable(span=operand.span))
    return Value(bound.AddressOf(pointer_to(info, operand.type), operand.expr, span))


def pointer_to(info: DebugInfo, go_type: GoType) -> GoType:
    """The type `*T` as the binary describes it, else one made here with an id of its own (`POINTER_IDS`)."""
    name = f"*{go_type.name}"
    known = info.find_type(name)
    if known is not None:
        return info.type(known)
    return GoType(POINTER_IDS - go_type.id, name, Kind.POINTER, 8, elem=go_type.id)


def behind_array_pointer(info: DebugInfo, value: Value) -> bound.Expr:
    """The array that a pointer to one stands for where an array is wanted; any other value as it is."""
    go_type = value.type
    if go_type.kind is Kind.POINTER and go_type.elem is not None:
        target = info.type(go_type.elem)
        if target.kind is Kind.ARRAY:
            return bound.Deref(target, value.expr, value.span)
    return value.expr


def length(info: DebugInfo, function: str, operand: Operand, span: Span) -> Operand:
    """`len(operand)` or `cap(operand)`; constant for arrays and constant strings, as in Go. Raises Reject."""
    capacity = function == "cap"
    if isinstance(operand, Untyped) and operand.kind is UntypedKind.NIL:
        raise Reject(UntypedNil(span=operand.span))
    value = typed(operand)
    holder = behind_array_pointer(info, value)
    kinds = {Kind.ARRAY, Kind.SLICE, Kind.CHAN} | (set() if capacity else {Kind.STRING, Kind.MAP})
    if holder.type.kind not in kinds:
        raise Reject(NoLength(span=operand.span, type=holder.type.name, function=function))
    if holder.type.kind is Kind.ARRAY:
        return Value(bound.Const(BUILTIN["int"], holder.type.length or 0, span))
    if isinstance(value.expr, bound.Const):
        size = len(str(value.expr.value).encode("utf-8", "surrogateescape"))
        return Value(bound.Const(BUILTIN["int"], size, span))
    return Value(bound.Length(BUILTIN["int"], holder, capacity, span))
