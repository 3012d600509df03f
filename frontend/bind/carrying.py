"""`context` statements: which variables of a function hold a context, and what is looked for along its chain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sey.frontend import ast, bound
from sey.frontend.bind.access import elem_of, select
from sey.frontend.bind.assertions import resolve
from sey.frontend.bind.elements import MAX_KEY
from sey.frontend.bind.operands import INTEGERS, Operand, Untyped, Value, convert, same_type
from sey.frontend.contexts import CONTEXT, HELD, has_own_value
from sey.frontend.debuginfo.model import DebugInfo, GlobalVariable, GoType, Kind, MadeType, Role, TypeId, Variable
from sey.frontend.diagnostics.base import Reject
from sey.frontend.diagnostics.names import UnknownGlobal
from sey.frontend.diagnostics.nearest import Names
from sey.frontend.diagnostics.types import BadContextKey, Unsupported
from sey.frontend.source import Span

MAX_HOLDERS = 8
"""Variables with a context that are asked, of one function."""
_CONSTANTS = frozenset({*INTEGERS, Kind.STRING, Kind.BOOL})
_BY_ADDRESS = frozenset({Kind.POINTER, Kind.CHAN, Kind.UNSAFE_POINTER})


@dataclass(frozen=True)
class Holder:
    """A variable that is or holds a context: a parameter or not, and the field to take, "" for the variable itself."""

    name: str
    type: TypeId
    parameter: bool
    field: str

    def context(self, info: DebugInfo, span: Span) -> bound.Expr:
        """The context in it."""
        local = bound.Local(info.type(self.type), self.name, span)
        if not self.field:
            return local
        found = select(info, Value(local), self.field, span, span)
        assert isinstance(found, Value)
        return found.expr


def holders(info: DebugInfo, bodies: Iterable[Iterable[Variable]]) -> list[Holder]:
    """The variables with a context of a function's bodies: parameters as they stand, then the other ones."""
    found: dict[tuple[str, TypeId], Holder] = {}
    for variables in bodies:
        for variable in variables:
            if variable.name.startswith("~") or variable.name == "_":
                continue
            field = _field_of(info, variable.type)
            if field is not None:
                parameter = variable.role is Role.PARAMETER
                found.setdefault((variable.name, variable.type), Holder(variable.name, variable.type, parameter, field))
    return sorted(found.values(), key=lambda holder: not holder.parameter)[:MAX_HOLDERS]


def _field_of(info: DebugInfo, type_id: TypeId) -> str | None:
    """The field that has the context of a value, "" where the value itself is one; None where it has none."""
    go_type = info.type(type_id)
    if go_type.kind is Kind.INTERFACE:
        return "" if go_type.name == CONTEXT else None
    struct = go_type
    if go_type.kind is Kind.POINTER and go_type.elem is not None:
        struct = info.type(elem_of(go_type))
    if struct.kind is not Kind.STRUCT:
        return None
    if struct.name in HELD:
        field = HELD[struct.name]
    elif any(f.embedded for f in struct.fields) and not has_own_value(info, struct.name):
        field = CONTEXT.rpartition(".")[2]
    else:
        return None
    return field if _is_context(info, go_type, field) else None


def _is_context(info: DebugInfo, go_type: GoType, field: str) -> bool:
    nowhere = Span(0, 0)
    try:
        found = select(info, Value(bound.Local(go_type, "", nowhere)), field, nowhere, nowhere)
    except Reject:
        return False
    return isinstance(found, Value) and found.type.name == CONTEXT


def carried(info: DebugInfo, context: bound.Expr, expr: ast.Carried, constant: Operand | None) -> Operand:
    """`value(T)` of type T, `key(…)` of type any. Raises Reject."""
    sought = _sought(info, expr, constant)
    found = bound.Carried(_any(info), context, sought, expr.span)
    return Value(found if sought.by_key else bound.Assertion(sought.type, found, expr.span))


def _any(info: DebugInfo) -> GoType:
    known = info.find_type("interface {}")
    if known is not None:
        return info.type(known)
    return GoType(MadeType.ANY, "interface {}", Kind.INTERFACE, 16, empty_interface=True)


def _sought(info: DebugInfo, expr: ast.Carried, constant: Operand | None) -> bound.Sought:
    if expr.variable is not None:
        variable = _variable(info, expr.variable)
        go_type = info.type(variable.type)
        if go_type.kind not in (*INTEGERS, Kind.BOOL, *_BY_ADDRESS):
            what = f"a key in a variable of type {go_type.name}"
            raise Reject(Unsupported(span=expr.variable.span, what=what, advice_text="name the key's type"))
        return bound.Sought(go_type, by_key=True, variable=variable)
    assert expr.type is not None
    go_type = resolve(info, expr.type)
    if go_type.kind is Kind.INTERFACE:
        what, advice = "looking for an interface type in a context", "name the type of the value in it"
        raise Reject(Unsupported(span=expr.type.span, what=what, advice_text=advice))
    by_key = expr.function.name == "key"
    return bound.Sought(go_type, by_key, None if constant is None else _key(constant, go_type))


def _variable(info: DebugInfo, name: ast.Literal) -> GlobalVariable:
    variable = info.global_variable(str(name.value))
    if variable is None:
        nearest = Names(info.global_names()).nearest(str(name.value))
        raise Reject(UnknownGlobal(span=name.span, binary="the binary", name=str(name.value), nearest=nearest))
    return variable


def _key(constant: Operand, go_type: GoType) -> bound.Const:
    """The constant as a key of that type. Raises Reject."""
    if go_type.kind not in _CONSTANTS:
        raise Reject(BadContextKey(span=constant.span, type=go_type.name))
    if isinstance(constant, Untyped):
        key = convert(constant, go_type)
    elif isinstance(constant.expr, bound.Const) and same_type(constant.type, go_type):
        key = constant.expr
    else:
        raise Reject(BadContextKey(span=constant.span, type=go_type.name))
    if isinstance(key.value, str) and len(key.value.encode("utf-8", "surrogateescape")) > MAX_KEY:
        raise Reject(Unsupported(span=constant.span, what=f"a key of more than {MAX_KEY} bytes"))
    return key
