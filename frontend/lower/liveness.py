"""Pointers that debug information still offers and the garbage collector has given up are not there.

A location list can outlive the value: the slot of a variable after its last use keeps an address of memory that may
have been freed since (facts, trap 21). The collector's stack maps tell, at every return address, which slots it scans.

Between calls there is no map; a frame that is interrupted there is scanned whole, as if all of it were pointers
(scanframeworker in runtime/mgcmark.go). But what was given up at the last call may be gone since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

from sey.binary.stackmaps import StackMaps
from sey.frontend.debuginfo.model import DebugInfo, GoType, Kind, Piece, Place, Variable

_POINTER_FIRST = (Kind.POINTER, Kind.STRING, Kind.SLICE, Kind.MAP, Kind.CHAN, Kind.FUNC, Kind.UNSAFE_POINTER)
_MOST_WORDS = 512
"""Pointer words looked at in one variable; a larger array's further elements share the fate of these."""


class Liveness:
    """Checks the pieces of variables against the stack maps of one binary."""

    def __init__(self, info: DebugInfo, maps: StackMaps) -> None:
        self._info, self._maps = info, maps
        self._words = cache(lambda type_id: tuple(self._pointer_words(info.type(type_id), 0))[:_MOST_WORDS])

    def edges(self, pc: int) -> list[int]:
        """The pcs (return addresses, or interrupted) at which an answer may change, in the function at `pc`."""
        return [edge + 1 for edge in self._maps.edges(pc)]

    def check(self, variable: Variable, pieces: tuple[Piece, ...], return_address: int) -> tuple[Piece, ...]:
        """The pieces, with words that hold a pointer in a dead slot marked as nowhere."""
        live = self._maps.live(return_address - 1)
        if live is None:
            return pieces
        return self._without(variable, pieces, live.dead)

    def check_interrupted(
        self, variable: Variable, pieces: tuple[Piece, ...], pc: int, since: int
    ) -> tuple[Piece, ...]:
        """The same for a frame interrupted at `pc`, where the pieces have been the variable's from pc `since` on.

        Given up is a slot that was the variable's at the last call before, dead there, and alive at a call before that.
        One that never was alive has been filled since. Calls are in the order of the code: what a loop's later calls
        have given up isn't seen.
        """
        passed = self._maps.passed(pc)
        if not passed or passed[-1][0] < since:
            return pieces
        last, before = passed[-1][1], [live for _, live in passed[:-1] if live]
        if last is None:
            return pieces
        return self._without(variable, pieces, lambda s: last.dead(s) and not all(live.dead(s) for live in before))

    def _without(
        self, variable: Variable, pieces: tuple[Piece, ...], dead_slot: Callable[[int], bool]
    ) -> tuple[Piece, ...]:
        if not any(p.place is Place.CFA for p in pieces):
            return pieces
        words = (0,) if variable.by_reference else self._words(variable.type)
        dead = {word for word in words if _is_dead(pieces, word, dead_slot)}
        return tuple(part for piece in pieces for part in _split(piece, dead)) if dead else pieces

    def _pointer_words(self, go_type: GoType, base: int) -> Iterator[int]:
        """Offsets of the words of a value that the collector follows."""
        match go_type.kind:
            case kind if kind in _POINTER_FIRST:
                yield base
            case Kind.INTERFACE:
                yield base + 8
            case Kind.STRUCT:
                for field in go_type.fields:
                    yield from self._pointer_words(self._info.type(field.type), base + field.offset)
            case Kind.ARRAY if go_type.elem is not None:
                elem = self._info.type(go_type.elem)
                inner = tuple(self._pointer_words(elem, 0)) if elem.size else ()
                for i in range(min(go_type.length or 0, _MOST_WORDS) if inner else 0):
                    yield from (base + i * elem.size + word for word in inner)


def _is_dead(pieces: Sequence[Piece], word: int, dead_slot: Callable[[int], bool]) -> bool:
    for piece in pieces:
        if piece.place is Place.CFA and piece.offset <= word and word + 8 <= piece.offset + piece.size:
            return dead_slot(piece.value + word - piece.offset)
    return False


def _split(piece: Piece, dead: Iterable[int]) -> Iterator[Piece]:
    """The piece in parts, the dead words among them without a place."""
    at, end = piece.offset, piece.offset + piece.size
    if piece.place is not Place.CFA:
        yield piece
        return
    for word in sorted(w for w in dead if at <= w < end):
        if word > at:
            yield Piece(piece.place, piece.value + at - piece.offset, at, word - at)
        yield Piece(Place.NOWHERE, 0, word, 8)
        at = word + 8
    if at < end:
        yield Piece(piece.place, piece.value + at - piece.offset, at, end - at)
