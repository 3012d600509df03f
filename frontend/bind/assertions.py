"""Type assertions: `x.(T)`, and which type of the binary the spec means by T."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from sey.frontend import ast, bound
from sey.frontend.bind.operands import Operand, Value, typed
from sey.frontend.debuginfo.model import DebugInfo, GoType, Kind, TypeId
from sey.frontend.debuginfo.runtimetypes import RuntimeTypes
from sey.frontend.diagnostics.base import Reject
from sey.frontend.diagnostics.names import AmbiguousType, UnknownType
from sey.frontend.diagnostics.nearest import Names
from sey.frontend.diagnostics.types import NotInterface, Unsupported
from sey.frontend.source import Span

_VERSION = re.compile(r"v\d+")
_PREFIX = re.compile(r"(?:\*|\[\d*\])*")
_SHOWN = 4


def assertion(info: DebugInfo, base: Operand, type_: ast.TypeName, span: Span) -> Operand:
    """`base.(type)`. Raises Reject."""
    value = typed(base)
    if value.type.kind is not Kind.INTERFACE:
        raise Reject(NotInterface(span=value.span, type=value.type.name))
    wanted = resolve(info, type_)
    if wanted.kind is Kind.INTERFACE:
        what, advice = "asserting an interface type", "name the type of the value in it"
        raise Reject(Unsupported(span=type_.span, what=what, advice_text=advice))
    return Value(bound.Assertion(wanted, value.expr, span))


def resolve(info: DebugInfo, type_: ast.TypeName) -> GoType:
    """The type that a spec means. Raises Reject."""
    known = info.find_type(type_.text)
    if known is None and type_.quoted is None:
        known = _by_package(info.type_names(), info.find_type, type_)
    if known is None:
        known = _described(info.runtime_types, type_)
    if known is None:
        names = Names(info.type_names())
        prefix, plain = _split(type_.text)
        nearest = tuple(prefix + name for name in names.nearest(plain))
        raise Reject(UnknownType(span=type_.span, name=type_.text, nearest=nearest))
    return info.type(known)


def _described(types: RuntimeTypes, type_: ast.TypeName) -> TypeId | None:
    """The type that the binary describes to its runtime alone, as one that only interfaces hold."""

    def find(name: str) -> TypeId | None:
        return types.id_of(types.names.index(name)) if name in types.names else None

    known = find(type_.text)
    return known if known is not None or type_.quoted is not None else _by_package(types.names, find, type_)


def _by_package(names: Sequence[str], find: Callable[[str], TypeId | None], type_: ast.TypeName) -> TypeId | None:
    """The one type that a package of that name has."""
    prefix, plain = _split(type_.text)
    full = [name for name in names if name.endswith(plain) and as_in_source(name) == plain]
    if len(full) > 1:
        shown = " or ".join(f'"{prefix}{name}"' for name in full[:_SHOWN])
        more = f", … ({len(full)} in all)" if len(full) > _SHOWN else ""
        raise Reject(AmbiguousType(span=type_.span, name=type_.text, candidates=shown + more))
    return find(prefix + full[0]) if full else None


def _split(text: str) -> tuple[str, str]:
    """What stands before the name of a type, `*` and `[]`, and the name."""
    found = _PREFIX.match(text)
    end = found.end() if found else 0
    return text[:end], text[end:]


def as_in_source(name: str) -> str:
    """`github.com/acme/http/v2.Request` as `http.Request`: the package by the last element that is no version."""
    path, dot, own = name.partition("[")[0].rpartition(".")
    elements = path.split("/")
    if len(elements) > 1 and _VERSION.fullmatch(elements[-1]):
        elements.pop()
    return f"{elements[-1]}{dot}{own}" if "[" not in name else name
