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
        case ast.Select(base, field):
            return f"{expression(base)}.{field.name}"
        case ast.Index(base, index):
            return f"{expression(base)}[{expression(index)}]"
        case ast.Assertion(base, type_):
            return f"{expression(base)}.({type_.quoted.text if type_.quoted else type_.text})"
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
