"""Where Go's register ABI puts parameters: registers at entry, and their home on the stack.

Source: the Go internal ABI specification (cmd/compile/abi-internal.md), amd64. Registers have DWARF's numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sey.frontend.debuginfo.leaves import alignment
from sey.frontend.debuginfo.model import GoType, Kind, TypeId
from sey.frontend.debuginfo.types import Types

INTEGER_REGISTERS = (0, 3, 2, 5, 4, 8, 9, 10, 11)
"""RAX RBX RCX RDI RSI R8 R9 R10 R11."""
FLOAT_REGISTERS = tuple(range(17, 32))
"""X0 to X14."""
_WORD = 8


@dataclass(frozen=True)
class Assignment:
    """Where one parameter comes in, or a result leaves: `registers` of its leaves in order, None for the stack.

    `home` is the offset from the CFA of its stack copy: the argument or result itself, or the room to spill it to (a
    result in registers has none: 0).
    """

    registers: tuple[int, ...] | None
    home: int


class UnknownTypeError(Exception):
    """What a type has isn't known, nor where anything behind it is."""


@dataclass
class _Pool:
    """Registers left."""

    integers: list[int] = field(default_factory=lambda: list(INTEGER_REGISTERS))
    floats: list[int] = field(default_factory=lambda: list(FLOAT_REGISTERS))


def assign(
    types: Types, parameters: Sequence[TypeId], results: Iterable[TypeId]
) -> tuple[list[Assignment], list[Assignment], int]:
    """The places of the parameters, the receiver first, and of the results, and the bytes that all take on the stack,
    room to spill registers to included. Raises UnknownTypeError."""
    pool = _Pool()
    registers = [_take(types, pool, p) for p in parameters]
    at, homes = 0, dict[int, int]()
    for i, parameter in enumerate(parameters):
        if registers[i] is None:
            at = _aligned(at, alignment(types, parameter))
            homes[i] = at
            at += types.type(parameter).size
    at, fresh, leaving = _aligned(at, _WORD), _Pool(), list[Assignment]()
    for result in results:
        taken = _take(types, fresh, result)
        home = 0
        if taken is None:
            home = _aligned(at, alignment(types, result))
            at = home + types.type(result).size
        leaving.append(Assignment(taken, home))
    at = _aligned(at, _WORD)
    for i, parameter in enumerate(parameters):
        if registers[i] is not None:
            at = _aligned(at, alignment(types, parameter))
            homes[i] = at
            at += types.type(parameter).size
    return [Assignment(found, homes[i]) for i, found in enumerate(registers)], leaving, _aligned(at, _WORD)


def _aligned(at: int, boundary: int) -> int:
    return -(-at // boundary) * boundary


def _take(types: Types, pool: _Pool, parameter: TypeId) -> tuple[int, ...] | None:
    """Registers for a whole value, or None where it doesn't fit; then none is used up."""
    kind = types.type(parameter)
    trial = _Pool(pool.integers.copy(), pool.floats.copy())
    taken = list[int]()
    if (not kind.size and kind.kind is not Kind.UNKNOWN) or not _registers(types, trial, kind, taken, 0):
        return None
    pool.integers, pool.floats = trial.integers, trial.floats
    return tuple(taken)


_MAX_DEPTH = 32


def _registers(types: Types, pool: _Pool, kind: GoType, taken: list[int], depth: int) -> bool:
    def use(source: list[int], count: int) -> bool:
        taken.extend(source[:count])
        enough = len(source) >= count
        del source[:count]
        return enough

    match kind.kind:
        case Kind.STRUCT:
            parts = [types.type(f.type) for f in kind.fields]
            return depth < _MAX_DEPTH and all(_registers(types, pool, part, taken, depth + 1) for part in parts)
        case Kind.ARRAY:
            if not kind.length or kind.elem is None:
                return True
            one = kind.length == 1 and depth < _MAX_DEPTH
            return one and _registers(types, pool, types.type(kind.elem), taken, depth + 1)
        case Kind.FLOAT:
            return use(pool.floats, 1)
        case Kind.COMPLEX:
            return use(pool.floats, 2)
        case Kind.STRING | Kind.INTERFACE:
            return use(pool.integers, 2)
        case Kind.SLICE:
            return use(pool.integers, 3)
        case Kind.UNKNOWN:
            raise UnknownTypeError
    return use(pool.integers, 1)
