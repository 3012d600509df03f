"""How the parameters of an out-of-line function come in, checked against what its location lists say of its entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sey.frontend.debuginfo.abi import Assignment, assign
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


def incoming(
    types: Types, parameters: Sequence[Parameter], results: Sequence[TypeId], *, generic: bool
) -> dict[int, Assignment]:
    """The assignment of each parameter, by entry; empty where the debug information contradicts the ABI.

    Code of generic functions takes a dictionary that debug information mostly doesn't mention: the first argument,
    or the one behind the receiver. Which one is tried out, and believed only if some parameter confirms it.
    """
    hidden = (0, 1, None) if generic else (None,)
    for position in hidden:
        found = _assigned(types, parameters, results, position)
        verdicts = [v for p in parameters if (v := _agrees(types, p, found[p.die])) is not None]
        if all(verdicts) and (verdicts or not generic):
            return found
    return {}


def _assigned(
    types: Types, parameters: Sequence[Parameter], results: Sequence[TypeId], hidden: int | None
) -> dict[int, Assignment]:
    kinds = [p.type for p in parameters]
    if hidden is not None:
        hidden = min(hidden, len(kinds))
        kinds.insert(hidden, BUILTIN["uintptr"].id)
    assignments = assign(types, kinds, results)
    if hidden is not None:
        del assignments[hidden]
    return {p.die: a for p, a in zip(parameters, assignments, strict=True)}


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
