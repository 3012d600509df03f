"""Rebuild operations with other values and regions: what passes have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

from sey.ir.nodes import Call, Op, Region, Value

RegionMap = Callable[[Region], Region]
ValueMap = Callable[[Value], Value]


def map_op(op: Op, value: ValueMap, region: RegionMap) -> Op:
    """The operation with each value and each region of its own mapped; the same object where nothing changed."""
    changes: dict[str, Any] = {}
    for field in fields(op):
        old = getattr(op, field.name)
        new = _map(old, value, region)
        if new is not old:
            changes[field.name] = new
    return replace(op, **changes) if changes else op


def _map(item: Any, value: ValueMap, region: RegionMap) -> Any:
    match item:
        case Value():
            return value(item)
        case Region():
            return region(item)
        case tuple() if type(item) is tuple:
            mapped = tuple(_map(part, value, region) for part in item)
            return item if all(a is b for a, b in zip(mapped, item, strict=True)) else mapped
    return item


def regions_of(op: Op) -> Iterator[Region]:
    """The regions that an operation holds, in order."""
    for field in fields(op):
        yield from _regions(getattr(op, field.name))


def _regions(item: Any) -> Iterator[Region]:
    match item:
        case Region():
            yield item
        case tuple() if type(item) is tuple:
            for part in item:
                yield from _regions(part)


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
