"""Rebuild operations with other values and regions: what passes have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any, get_args

from sey.ir.nodes import Attempt, Call, If, Loop, Op, Region, Switch, Value

RegionMap = Callable[[Region], Region]
ValueMap = Callable[[Value], Value]


_PARTS: dict[type, tuple[str, ...]] = {
    kind: tuple(f.name for f in fields(kind) if any(word in str(f.type) for word in ("Value", "Region")))
    for kind in get_args(Op)
}
"""The fields of each operation that hold values or regions."""


def map_op(op: Op, value: ValueMap, region: RegionMap) -> Op:
    """The operation with each value and each region of its own mapped; the same object where nothing changed."""
    changes: dict[str, Any] = {}
    for name in _PARTS[type(op)]:
        old = getattr(op, name)
        new = _map(old, value, region)
        if new is not old:
            changes[name] = new
    return replace(op, **changes) if changes else op


def _map(item: Any, value: ValueMap, region: RegionMap) -> Any:
    if isinstance(item, Value):
        return value(item)
    if isinstance(item, Region):
        return region(item)
    if isinstance(item, tuple):
        mapped = tuple(_map(part, value, region) for part in item)
        return item if all(a is b for a, b in zip(mapped, item, strict=True)) else mapped
    return item


def regions_of(op: Op) -> tuple[Region, ...]:
    """The regions that an operation holds, in order."""
    match op:
        case If(then=then, otherwise=otherwise):
            return (then, otherwise)
        case Switch(cases=cases, default=default):
            return (*(region for _, region in cases), default)
        case Loop(body=body):
            return (body,)
        case Attempt(body=body, handler=handler):
            return (body, handler)
    return ()


def walk(region: Region) -> Iterator[Op]:
    """All operations of a region, those in nested regions after the one that holds them."""
    for op in region.ops:
        yield op
        for inner in regions_of(op):
            yield from walk(inner)


def calls(region: Region) -> Iterator[str]:
    """The functions called in a region, once per call."""
    for op in walk(region):
        if isinstance(op, Call):
            yield op.function
