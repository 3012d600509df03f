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


@dataclass(frozen=True)
class Path:
    """How far inside a value we are: levels, and for types that can contain themselves the addresses passed."""

    level: int = 0
    passed: tuple[tuple[int, U64Array], ...] = ()

    def inward(self) -> Path:
        """One level further, for the same rows."""
        return Path(self.level + 1, self.passed)

    def take(self, rows: I64Array) -> Path:
        """One level further, for these rows."""
        return Path(self.level + 1, tuple((kind, addresses[rows]) for kind, addresses in self.passed))

    def repeat(self, times: I64Array) -> Path:
        """One level further, for so many elements of each row."""
        return Path(self.level + 1, tuple((kind, np.repeat(addresses, times)) for kind, addresses in self.passed))

    def through(self, kind: int, addresses: U64Array) -> Path:
        """Past these addresses of values of type `kind`."""
        return Path(self.level, (*self.passed, (kind, addresses)))
