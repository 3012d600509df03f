"""Expressions as text, in the one form that `sey fmt` writes and that names columns."""

from __future__ import annotations

from sey.frontend import ast


def expression(expr: ast.Expr) -> str:
    """The canonical text: one line, one space around infix operators, the author's parentheses and literals.

    Parsing it gives an equal tree. A raw or triple-quoted string keeps its newlines.
    """
    match expr:
        case ast.Literal(text=text):
            return text
        case ast.Name(name):
            return name
        case ast.PackageVariable(name):
            return name.text
        case ast.Carried():
            return _carried(expr)
        case ast.Select(base, field):
            return f"{expression(base)}.{field.name}"
        case ast.Index(base, index):
            return f"{expression(base)}[{expression(index)}]"
        case ast.Slice(base, bounds):
            return f"{expression(base)}[{_bounds(bounds)}]"
        case ast.Assertion(base, type_):
            return f"{expression(base)}.({type_name(type_)})"
        case ast.Call(function, argument):
            return f"{function.name}({expression(argument)})"
        case ast.Unary(operator, operand):
            inner = expression(operand)
            # `& &x` must not become the operator `&&`, nor `&^x` the operator `&^`.
            apart = " " if operator == "&" and inner[:1] in ("&", "^") else ""
            return f"{operator}{apart}{inner}"
        case ast.Binary(operator, left, right):
            return f"{expression(left)} {operator} {expression(right)}"
        case ast.Paren(inner_expr):
            return f"({expression(inner_expr)})"


def _carried(carried: ast.Carried) -> str:
    parts = [] if carried.type is None else [type_name(carried.type)]
    parts += [] if carried.variable is None else [f"global {carried.variable.text}"]
    parts += [] if carried.constant is None else [expression(carried.constant)]
    return f"{carried.function.name}({', '.join(parts)})"


def type_name(written: ast.TypeName) -> str:
    """A type as it was written."""
    return written.quoted.text if written.quoted else written.text


def _bounds(bounds: ast.Bounds) -> str:
    """`a:b`, with spaces around the colon where a bound has an infix operator, as gofmt does."""
    parts = [bounds.low, bounds.high] if bounds.most is None else [bounds.low, bounds.high, bounds.most]
    texts = ["" if part is None else expression(part) for part in parts]
    wide = any(isinstance(part, ast.Binary) for part in parts)
    text = texts[0]
    for following in texts[1:]:
        text += " : " if wide and text and following else ":"
        text += following
    return text
