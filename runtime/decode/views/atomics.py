"""Types of sync/atomic: what they hold (Go's sources: sync/atomic/type.go, value.go)."""

from __future__ import annotations

from dataclasses import replace

from sey.ir.plan import PlanType
from sey.runtime.decode.forms import BOOLEAN
from sey.runtime.decode.vectors import Vector
from sey.runtime.decode.views.parts import Types, View, flags, part, place
from sey.runtime.pages import U8Array


def boolean(kind: PlanType, types: Types) -> View | None:
    """atomic.Bool, which is an uint32."""
    value = place(kind, types, "v", "uint", 4)
    if value is None:
        return None
    return View(lambda raw, _: replace(flags(value.numbers(raw) != 0), type=kind), BOOLEAN)


def held(kind: PlanType, types: Types) -> View | None:
    """The integers, atomic.Pointer and atomic.Value: what is in `v`, as if it were a variable."""
    value = place(kind, types, "v", "int uint pointer interface")
    if value is None:
        return None

    def show(_: U8Array, vector: Vector) -> Vector:
        return part(vector, "v") or vector

    return View(show, like=value.type)
