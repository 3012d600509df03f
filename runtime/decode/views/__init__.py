"""Known types as people think of them: what to show instead of the fields that a Go type happens to have.

The decoder asks for every value and every column's type; `kind.name` has the whole import path (`net/netip.Addr`).
"""

from __future__ import annotations

from collections.abc import Mapping

from sey.ir.plan import HIDDEN_KIND, PART, PlanType
from sey.runtime.decode.forms import Form
from sey.runtime.decode.vectors import Vector
from sey.runtime.decode.views.bytetexts import uuid
from sey.runtime.decode.views.contexts import CONTEXT, with_facts
from sey.runtime.decode.views.errors import with_messages
from sey.runtime.decode.views.parts import View
from sey.runtime.decode.views.registry import KNOWN
from sey.runtime.pages import U8Array


def present(kind: PlanType, raw: U8Array, vector: Vector, types: Mapping[int, PlanType]) -> Vector:
    """What stands for `vector`, the values of `kind` as decoded by their Go type; `vector` itself without a view.

    `raw` are the bytes of the values themselves (n × `kind.size`). The result has as many values, in the same order,
    and where `form` has a form for `kind` its data fits that.
    """
    if kind.kind == "interface":
        return with_facts(vector) if kind.name == CONTEXT else with_messages(vector)
    view = _view(kind, types)
    return vector if view is None else view.show(raw, vector)


def form(kind: PlanType, types: Mapping[int, PlanType]) -> Form | None:
    """The form of a column of what `present` gives; None where it is that of the Go type."""
    view = _view(kind, types)
    return None if view is None else view.form


def like(kind: PlanType, types: Mapping[int, PlanType]) -> PlanType | None:
    """The type that values of `kind` are shown as: that of the one field that matters; None for other types."""
    view = _view(kind, types)
    return None if view is None else view.like


def _view(kind: PlanType, types: Mapping[int, PlanType]) -> View | None:
    if kind.special == PART or kind.kind in ("shared", HIDDEN_KIND):  # What is shared has a type of its own.
        return None
    if kind.kind == "array":
        return uuid(kind, types)
    known = KNOWN.get(kind.name.partition("[")[0])
    return None if known is None else known.find(kind, types)
