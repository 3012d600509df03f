"""Types every expression of a spec in Go's terms, and makes the implicit steps explicit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from sey.frontend import ast, bound
from sey.frontend.ast import LiteralKind
from sey.frontend.bind import access, assertions, carrying, elements, operators
from sey.frontend.bind.operands import Operand, Untyped, UntypedKind, Value, typed
from sey.frontend.debuginfo.model import BUILTIN, DebugInfo, GlobalVariable, GoType, Kind
from sey.frontend.diagnostics.base import Reject
from sey.frontend.diagnostics.names import NoVariables
from sey.frontend.diagnostics.types import ConditionNotBool, Unsupported
from sey.frontend.printer import expression

PREDECLARED = frozenset({"true", "false", "nil"})
ELAPSED = "duration"
"""What a return event calls the time that the call took."""
_DURATION = BUILTIN["time.Duration"]
_UNTYPED = {
    LiteralKind.INT: UntypedKind.INT,
    LiteralKind.SIZE: UntypedKind.INT,
    LiteralKind.FLOAT: UntypedKind.FLOAT,
    LiteralKind.RUNE: UntypedKind.RUNE,
    LiteralKind.STRING: UntypedKind.STRING,
}


def names_in(expr: ast.Expr) -> Iterator[ast.Name]:
    """The names that an expression mentions, predeclared constants too, in the order of the text."""
    match expr:
        case ast.Name():
            yield expr
        case ast.Carried(constant=inner) if inner is not None:
            yield from names_in(inner)
        case ast.Select(base=inner) | ast.Call(argument=inner) | ast.Unary(operand=inner) | ast.Paren(inner=inner):
            yield from names_in(inner)
        case ast.Assertion(base=inner):
            yield from names_in(inner)
        case ast.Slice(base=inner, bounds=bounds):
            for part in (inner, *bounds.given):
                yield from names_in(part)
        case ast.Index(left, right) | ast.Binary(left=left, right=right):
            yield from names_in(left)
            yield from names_in(right)


class Typer:
    """Types expressions over a choice of types for the variables, over a package-level variable, or over a context."""

    def __init__(
        self,
        info: DebugInfo,
        variables: Mapping[str, GoType],
        package_variable: GlobalVariable | None = None,
        context: bound.Expr | None = None,
        *,
        elapsed: bool = False,
    ) -> None:
        """`elapsed`: `duration` is the time that the call took."""
        self._info = info
        self._variables = variables
        self._package_variable = package_variable
        self._context = context
        self._elapsed = elapsed

    def value(self, expr: ast.Expr) -> bound.Expr:
        """The expression, typed. Raises Reject with what is wrong in it."""
        value = typed(self._operand(expr)).expr
        if isinstance(value, bound.Const) and value.type.kind is Kind.STRING:
            what, advice = "capturing a string constant", "select it in SQL"
            raise Reject(Unsupported(span=expr.span, what=what, advice_text=advice))
        return value

    def condition(self, expr: ast.Expr) -> bound.Expr:
        """The expression, which has to be a bool. Raises Reject."""
        value = typed(self._operand(expr))
        if value.type.kind is not Kind.BOOL:
            raise Reject(ConditionNotBool(span=expr.span, type=value.type.name))
        return value.expr

    def _operand(self, expr: ast.Expr) -> Operand:
        match expr:
            case ast.Literal():
                return _literal(expr)
            case ast.Name():
                return self._name(expr)
            case ast.PackageVariable():
                assert self._package_variable is not None
                variable = self._package_variable
                known = bound.Global(self._info.type(variable.type), variable, expr.span)
                return Value(known, addressable=True)
            case ast.Carried():
                assert self._context is not None
                constant = None if expr.constant is None else self._operand(expr.constant)
                return carrying.carried(self._info, self._context, expr, constant)
            case ast.Select(base, field):
                return access.select(self._info, self._operand(base), field.name, field.span, expr.span)
            case ast.Index(base, index):
                return elements.index(
                    self._info, self._operand(base), self._operand(index), expression(index), expr.span
                )
            case ast.Slice(base, bounds):
                parts = (bounds.low, bounds.high, bounds.most)
                low, high, most = (None if part is None else self._operand(part) for part in parts)
                return elements.slice_(self._info, self._operand(base), (low, high, most), expr.span)
            case ast.Assertion(base, type_):
                return assertions.assertion(self._info, self._operand(base), type_, expr.span)
            case ast.Call(function, argument):
                return access.length(self._info, function.name, self._operand(argument), expr.span)
            case ast.Unary(operator, operand):
                return self._unary(operator, self._operand(operand), expr)
            case ast.Binary():
                return self._binary(expr)
            case ast.Paren(inner):
                return self._operand(inner)

    def _name(self, name: ast.Name) -> Operand:
        match name.name:
            case "true" | "false":
                return Untyped(UntypedKind.BOOL, name.name == "true", name.span)
            case "nil":
                return Untyped(UntypedKind.NIL, None, name.span)
        if self._elapsed and name.name == ELAPSED:
            return Value(bound.Elapsed(_DURATION, name.span))
        if name.name not in self._variables:
            raise Reject(NoVariables(span=name.span, name=name.name))
        return Value(bound.Local(self._variables[name.name], name.name, name.span), addressable=True)

    def _unary(self, operator: str, operand: Operand, expr: ast.Unary) -> Operand:
        match operator:
            case "*":
                return access.dereference(self._info, operand, expr.span)
            case "&":
                return access.address(self._info, operand, expr.span)
        return operators.unary(operator, operand, expr.span)

    def _binary(self, expr: ast.Binary) -> Operand:
        left, right = self._operand(expr.left), self._operand(expr.right)
        if expr.operator not in ("<<", ">>", "&&", "||"):
            if _is_constant_shift(expr.left) and isinstance(left, Value):
                left = operators.retyped(left, right)
            elif _is_constant_shift(expr.right) and isinstance(right, Value):
                right = operators.retyped(right, left)
        return operators.binary(expr.operator, left, right, expr.span)


def _literal(literal: ast.Literal) -> Operand:
    if literal.kind is LiteralKind.DURATION:
        assert isinstance(literal.value, int)
        return Value(bound.Const(_DURATION, literal.value, literal.span))
    value: int | Fraction | str = literal.value
    return Untyped(_UNTYPED[literal.kind], value, literal.span)


def _is_constant_shift(expr: ast.Expr) -> bool:
    """Whether an expression is written as a literal shifted by something, `1 << n`."""
    while isinstance(expr, ast.Paren):
        expr = expr.inner
    return (
        isinstance(expr, ast.Binary)
        and expr.operator in ("<<", ">>")
        and isinstance(expr.left, ast.Literal)
        and expr.left.kind is not LiteralKind.DURATION
    )
