"""How far a value is decoded, and how far into it a part is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sey.ir.plan import CHAIN_LIMIT, PlanColumn
from sey.runtime.pages import I64Array, U64Array


@dataclass(frozen=True)
class Limits:
    """Bounds of a value: bytes of a string, items of a slice, array, map or channel, pointers followed.

    `chain` is how many steps of a chain are left, `free` whether the next step is one: those cost no depth.
    """

    max_string: int
    max_items: int
    depth: int
    chain: int = CHAIN_LIMIT
    free: bool = False

    @classmethod
    def of(cls, column: PlanColumn) -> Limits:
        """The limits of a column."""
        return cls(column.max_string, column.max_items, column.depth)

    @property
    def ended(self) -> bool:
        """Whether nothing deeper is followed."""
        return (self.chain if self.free else self.depth) <= 0

    def field(self, *, chain: bool) -> Limits:
        """The limits in a field of a struct."""
        return replace(self, free=True) if chain and not self.free else self

    def below(self) -> Limits:
        """The limits behind a pointer, and of what an interface or func holds."""
        if self.free:
            return replace(self, chain=self.chain - 1, free=False)
        return replace(self, depth=self.depth - 1, free=False)

    def beside(self) -> Limits:
        """The limits of what a slice, map or channel holds."""
        return replace(self, free=False) if self.free else self


EVENT_ADDRESS_BITS = 48
"""Bits of an address in the key of an object of an event: user space on amd64 has 47."""
MOST_EVENTS = 1 << 64 - EVENT_ADDRESS_BITS
"""Events whose objects can be told apart together."""
_ABOVE = np.uint64(1 << EVENT_ADDRESS_BITS)


def event_keys(events: I64Array, addresses: U64Array) -> U64Array:
    """What objects of events (by number, below `MOST_EVENTS`) at these addresses are found by; 0 where none can be."""
    keys = (events.astype(np.uint64) << np.uint64(EVENT_ADDRESS_BITS)) | addresses
    return np.where((addresses < _ABOVE) & (addresses != 0), keys, 0).astype(np.uint64)


@dataclass(frozen=True)
class Path:
    """How far inside a value we are: levels, and for types that can contain themselves the addresses passed.

    `events` are the numbers of the events that the rows belong to, None where all are of one moment.
    """

    level: int = 0
    passed: tuple[tuple[int, U64Array], ...] = ()
    events: I64Array | None = None

    def keys(self, addresses: U64Array) -> U64Array:
        """What the objects at these addresses, one of each row, are found by."""
        return addresses if self.events is None else event_keys(self.events, addresses)

    def inward(self) -> Path:
        """One level further, for the same rows."""
        return Path(self.level + 1, self.passed, self.events)

    def take(self, rows: I64Array) -> Path:
        """One level further, for these rows."""
        passed = tuple((kind, addresses[rows]) for kind, addresses in self.passed)
        return Path(self.level + 1, passed, None if self.events is None else self.events[rows])

    def repeat(self, times: I64Array) -> Path:
        """One level further, for so many elements of each row."""
        passed = tuple((kind, np.repeat(addresses, times)) for kind, addresses in self.passed)
        return Path(self.level + 1, passed, None if self.events is None else np.repeat(self.events, times))

    def through(self, kind: int, addresses: U64Array) -> Path:
        """Past these addresses of values of type `kind`."""
        return Path(self.level, (*self.passed, (kind, addresses)), self.events)
