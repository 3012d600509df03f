"""How parameters of an out-of-line function come in and results leave, checked against its location lists at entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sey.frontend.debuginfo.abi import Assignment, UnknownTypeError, assign
from sey.frontend.debuginfo.expressions import Spot
from sey.frontend.debuginfo.leaves import Leaf, leaves_of
from sey.frontend.debuginfo.model import BUILTIN, Place, TypeId
from sey.frontend.debuginfo.types import Types


@dataclass(frozen=True)
class Parameter:
    """A parameter in order of declaration, the receiver first; `at_entry` are the spots of its list at the entry."""

    die: int
    type: TypeId
    at_entry: Sequence[Spot]


@dataclass(frozen=True)
class Passing:
    """The assignments of parameters, by entry, of results, in their order (None: not known), and of a dictionary that
    has no entry."""

    parameters: Mapping[int, Assignment]
    results: Sequence[Assignment | None]
    dictionary: Assignment | None = None


NOTHING = Passing({}, ())


def passing(
    types: Types, parameters: Sequence[Parameter], results: Sequence[TypeId], *, generic: bool, size: int | None = None
) -> Passing:
    """The assignments of parameters and results; `NOTHING` where the debug information contradicts the ABI, or a type
    isn't known.

    `size` is what all take on the stack by the function table, if it says so. Code of Go 1.21 that doesn't use a
    parameter may have no entry for it, so that others are elsewhere: where the size is another one, only results in
    registers are believed, and only if some parameter is known to come in one.

    Code of generic functions takes a dictionary that debug information mostly doesn't mention: the first argument,
    or the one behind the receiver. Which one is tried out, and believed only if some parameter confirms it.
    """
    partial = NOTHING
    for position in (0, 1, None) if generic else (None,):
        try:
            found, total = _assigned(types, parameters, results, position)
        except UnknownTypeError:
            return NOTHING
        verdicts = [v for p in parameters if (v := _agrees(types, p, found.parameters[p.die])) is not None]
        if not all(verdicts):
            continue
        if size is not None and total != size:
            in_registers = [a if a and a.registers is not None else None for a in found.results]
            partial = Passing({}, in_registers) if verdicts else partial
        elif verdicts or not (generic or _called_by_assembly(parameters, found)):
            return found
    return partial


def _called_by_assembly(parameters: Sequence[Parameter], passing: Passing) -> bool:
    """Whether parameters come on the stack that would come in registers: code that assembly calls takes everything on
    the stack, and leaves results there."""
    spots = (s for p in parameters if passing.parameters[p.die].registers is not None for s in p.at_entry)
    return any(s.place is Place.CFA for s in spots)


def _assigned(types: Types, parameters: Sequence[Parameter], results: Sequence[TypeId], hidden: int | None
) -> tuple[Passing, int]:
    """How they are passed, with a dictionary that is the argument `hidden`, and the bytes that they take on the stack.
    Raises UnknownTypeError."""
    kinds = [p.type for p in parameters]
    if hidden is not None:
        hidden = min(hidden, len(kinds))
        kinds.insert(hidden, BUILTIN["uintptr"].id)
    assignments, leaving, total = assign(types, kinds, results)
    dictionary = None if hidden is None else assignments.pop(hidden)
    return Passing({p.die: a for p, a in zip(parameters, assignments, strict=True)}, leaving, dictionary), total


def _agrees(types: Types, parameter: Parameter, assignment: Assignment) -> bool | None:
    """Whether the list of a parameter with all its leaves says what the ABI says; None where it says nothing."""
    leaves: tuple[Leaf, ...] = leaves_of(types, parameter.type) or ()
    spots = parameter.at_entry
    if not leaves or len(spots) != len(leaves):
        return None
    if assignment.registers is None:
        return False if any(s.place is Place.REGISTER for s in spots) else None
    pairs = [(s.value, r) for s, r in zip(spots, assignment.registers, strict=True) if s.place is Place.REGISTER]
    return all(said == assigned for said, assigned in pairs) if pairs else None
