"""`type` statements: which fields are kept of values of a type, as a tree of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from sey.frontend import ast, bound
from sey.frontend.bind.access import elem_of, fields_to
from sey.frontend.bind.assertions import resolve
from sey.frontend.debuginfo.maps import TRIE
from sey.frontend.debuginfo.model import DebugInfo, GoType, Kind
from sey.frontend.diagnostics.base import Reject
from sey.frontend.diagnostics.names import KeptTwice
from sey.frontend.diagnostics.types import NoFields, Unsupported
from sey.frontend.source import Span

_OWN_WAY = frozenset({"time.Time", "time.Location", "reflect.Value", "reflect.rtype"})
_RUNTIME = ("runtime.", "runtime/", "internal/", TRIE)
"""What packages of the runtime's own types are called: sey reads programs by these."""


@dataclass
class _Node:
    """What is kept of a field: all of it where `span` is set, else some of its fields."""

    span: Span | None = None
    inner: dict[str, _Node] = field(default_factory=dict)


def keep(info: DebugInfo, statement: ast.Type) -> bound.KeptType:
    """The statement, bound. Raises Reject."""
    go_type = resolve(info, statement.type)
    name = go_type.name
    if go_type.kind is not Kind.STRUCT:
        advice = f"name the struct: `type {name.lstrip('*')}`" if _points_to_struct(info, go_type) else None
        first = statement.parts[0].fields[0].name if statement.parts else "x"
        raise Reject(NoFields(span=statement.type.span, type=name, name=first, advice_text=advice))
    _check(go_type, statement.type.span)
    root = _Node()
    for part in statement.parts:
        _add(info, go_type, root, part)
    return bound.KeptType(go_type, _parts(root), statement.type.span)


def _check(struct: GoType, span: Span) -> None:
    if struct.name in _OWN_WAY or struct.name.startswith(_RUNTIME):
        raise Reject(Unsupported(span=span, what=f"choosing fields of {struct.name}, which sey itself has to know,"))


def _points_to_struct(info: DebugInfo, go_type: GoType) -> bool:
    return go_type.kind is Kind.POINTER and go_type.elem is not None and info.type(elem_of(go_type)).kind is Kind.STRUCT


def _add(info: DebugInfo, go_type: GoType, node: _Node, part: ast.Part) -> None:
    """The tree with one more path. Raises Reject where a part of it is kept already."""
    through: list[GoType] = []
    for name in part.fields:
        for step in fields_to(info, go_type, name):
            go_type = info.type(step.type)
            through.append(go_type)
            node = node.inner.setdefault(step.name, _Node())
            if node.span is not None:
                raise Reject(_twice(part, node.span))
    for holder in through[:-1]:
        is_pointer = holder.kind is Kind.POINTER and holder.elem is not None
        _check(info.type(elem_of(holder)) if is_pointer else holder, part.span)
    if node.inner:
        raise Reject(_twice(part, _some(node)))
    node.span = part.span


def _twice(part: ast.Part, first: Span) -> KeptTwice:
    return KeptTwice(span=part.span, path=".".join(name.name for name in part.fields), first=first)


def _some(node: _Node) -> Span:
    """Where one of a node's fields is named."""
    while node.span is None:
        node = next(iter(node.inner.values()))
    return node.span


def _parts(node: _Node) -> tuple[bound.Part, ...]:
    return tuple(bound.Part(name, _parts(inner)) for name, inner in node.inner.items())
