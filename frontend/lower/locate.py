"""Where the variables that a block uses are, pc by pc.

A body of a function is cut into the largest ranges of pcs within which every variable used has one answer: its
pieces, or why it can't be had. There are two ways to ask, because a frame that called and a frame that was
interrupted need different look-ups (facts, traps 5 and 20):

- `CALL`: the key is a return address. Scopes and inlined ranges are those of the address before it, location lists
  those of the address itself. What a register held, the callee has overwritten.
- `EXACT`: the key is the pc of an interrupted instruction, for everything.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sey.frontend.debuginfo.model import Body, Held, LocationRange, Piece, Place, Range, Role, Variable
from sey.frontend.lower.liveness import Liveness
from sey.ir.plan import Status

_CLOSURE = 1
"""DWARF's number of RDX, in which closures get their address (cmd/compile/abi-internal.md)."""


class Mode(enum.Enum):
    """How a frame's pc is to be looked up."""

    CALL = "call"
    EXACT = "exact"


@dataclass(frozen=True)
class Found:
    """A variable at a pc: itself and where its pieces are. With `held` the piece is the address of the closure that the
    variable is in."""

    variable: Variable
    pieces: tuple[Piece, ...]
    held: Held | None = None


@dataclass(frozen=True)
class Missing:
    """A variable that can't be had at a pc; `variable` is None where no variable of the name is in scope."""

    variable: Variable | None
    status: Status


Answer = Found | Missing


@dataclass(frozen=True)
class Stretch:
    """A range of look-up keys within a body and the answer for each name, in the order asked for."""

    range: Range
    answers: tuple[Answer, ...]


def as_called(answer: Answer, pc: int) -> Answer:
    """The answer for a variable at the start of a call, where a closure still has what it captured."""
    variable = answer.variable
    if isinstance(answer, Found) or variable is None or variable.held is None or not variable.held.range.holds(pc):
        return answer
    return Found(variable, (Piece(Place.REGISTER, _CLOSURE, 0, 8),), variable.held)


def as_given(answer: Answer, variables: Sequence[Variable], pc: int) -> Answer:
    """The answer for a parameter where a call begins, missing where another parameter is in one place with it.

    Where `f(x, y)` does `x = y`, and `x` isn't needed before, debug information has the place of the later `x` alone,
    from before the call on (seen with Go 1.21 to 1.27).
    """
    if not isinstance(answer, Found) or answer.variable.role is not Role.PARAMETER:
        return answer
    places = {(p.place, p.value) for p in answer.pieces if p.place is not Place.NOWHERE}
    others = (v for v in variables if v.role is Role.PARAMETER and v.name != answer.variable.name)
    at = (here for v in others if (here := _holding(v.locations, pc)) is not None)
    shared = any((p.place, p.value) in places for here in at for p in here.pieces)
    return Missing(answer.variable, Status.NOT_LIVE) if shared else answer


def stretches(
    body: Body, variables: Sequence[Variable], names: Sequence[str], mode: Mode, liveness: Liveness
) -> list[Stretch]:
    """Cut a body's pcs into stretches of one answer for `names`, ascending."""
    shift = 1 if mode is Mode.CALL else 0
    used = [[v for v in variables if v.name == name] for name in names]
    edges = {edge + shift for r in body.ranges for edge in r}
    if any(used):
        edges |= set(liveness.edges(body.physical.lo))
    for variable in (v for group in used for v in group):
        edges |= {edge + shift for r in variable.scope for edge in r}
        edges |= {edge for r in variable.locations for edge in (r.lo, r.hi)}
        if variable.starts is not None:
            edges.add(variable.starts)
    edges.add(body.physical.hi)
    found: list[Stretch] = []
    for lo, hi in pairwise(sorted(edges)):
        if not any(r.holds(lo - shift) for r in body.ranges):
            continue
        answers = tuple(_answer(group, lo, shift, body.physical) for group in used)
        answers = tuple(_checked(answer, liveness, lo, mode) for answer in answers)
        if found and found[-1].range.hi == lo and found[-1].answers == answers:
            found[-1] = Stretch(Range(found[-1].range.lo, hi), answers)
        else:
            found.append(Stretch(Range(lo, hi), answers))
    return found


def answers_at(
    body: Body, variables: Sequence[Variable], names: Sequence[str], pc: int, liveness: Liveness
) -> tuple[Answer, ...]:
    """The answer for each of `names` at one instruction that may be interrupted, as in the stretch around it."""
    if not any(r.holds(pc) for r in body.ranges):
        return (Missing(None, Status.NOT_LIVE),) * len(names)
    found = (_answer([v for v in variables if v.name == name], pc, 0, body.physical) for name in names)
    return tuple(_checked(answer, liveness, pc, Mode.EXACT) for answer in found)


def _checked(answer: Answer, liveness: Liveness, key: int, mode: Mode) -> Answer:
    """The answer without pointers that the garbage collector has given up."""
    if not isinstance(answer, Found) or answer.variable.role is Role.DICTIONARY:
        return answer
    if mode is Mode.CALL:
        pieces = liveness.check(answer.variable, answer.pieces, key)
    else:
        here = _holding(answer.variable.locations, key)
        assert here is not None
        pieces = liveness.check_interrupted(answer.variable, answer.pieces, key, here.lo)
    if all(p.place is Place.NOWHERE for p in pieces):
        return Missing(answer.variable, Status.NOT_LIVE)
    return Found(answer.variable, pieces)


def _answer(candidates: Sequence[Variable], key: int, shift: int, physical: Range) -> Answer:
    """The innermost variable whose scope holds the key, and where it is."""
    in_scope = [v for v in candidates if any(r.holds(key - shift) for r in v.scope)]
    if not in_scope:
        return Missing(None, Status.NOT_LIVE)
    # Of several declared at one depth (a name declared again in the same block of DWARF) a live one is meant.
    ranked = sorted(in_scope, key=lambda v: v.depth, reverse=True)
    deepest = [v for v in ranked if v.depth == ranked[0].depth]
    answers = [_place(v, key, shift, physical) for v in deepest]
    return next((a for a in answers if isinstance(a, Found)), answers[0])


def _place(variable: Variable, key: int, shift: int, physical: Range) -> Answer:
    if not variable.locations:
        return Missing(variable, Status.OPTIMIZED_OUT)
    if variable.starts is not None and key < variable.starts:
        return Missing(variable, Status.NOT_LIVE)
    # A call that never returns may be a function's last instruction; its return address lies behind the function.
    at = key - shift if key >= physical.hi else key
    here = _holding(variable.locations, at)
    if here is None:
        return Missing(variable, Status.NOT_LIVE)
    if shift and any(p.place is Place.REGISTER for p in here.pieces):
        kept = tuple(_overwritten(p) if p.place is Place.REGISTER else p for p in here.pieces)
        if all(p.place is Place.NOWHERE for p in kept):
            return Missing(variable, Status.NOT_LIVE)
        return Found(variable, kept)
    if all(p.place is Place.NOWHERE for p in here.pieces):
        return Missing(variable, Status.OPTIMIZED_OUT)
    return Found(variable, here.pieces)


def _holding(locations: Sequence[LocationRange], pc: int) -> LocationRange | None:
    return next((r for r in locations if r.lo <= pc < r.hi), None)


def _overwritten(piece: Piece) -> Piece:
    return piece._replace(place=Place.NOWHERE, value=0)
