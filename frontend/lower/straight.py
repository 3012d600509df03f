"""The variables of a probe's place, brought into slots by code of their own.

At a probe it is known which place was hit, so what the prelude's `@fetch` reads from tables for any frame is written
out here: an event is to cost less than the trap that leads to it. Both leave the same in the slots.
"""

from __future__ import annotations

from sey.frontend.debuginfo.model import Piece, Place
from sey.frontend.lower.places import MAX_VALUE, SLOT_BYTES
from sey.frontend.lower.sites import Kept, Site, register_word
from sey.ir.builder import FunctionBuilder
from sey.ir.nodes import Type, Value
from sey.ir.plan import Status

_STATUS, _ADDRESS, _MASKS, _VALUE = 0, 8, 16, 32
_ALL = (1 << 64) - 1


def fetch_site(b: FunctionBuilder, site: Site) -> None:
    """Fill the slots of a site's variables."""
    for slot, kept in enumerate(site.kept):
        _Slot(b, slot * SLOT_BYTES, kept).fill()


class _Slot:
    def __init__(self, b: FunctionBuilder, at: int, kept: Kept) -> None:
        self._b, self._at, self._kept = b, at, kept

    def fill(self) -> None:
        kept = self._kept
        self._put(_STATUS, kept.status)
        self._put(_ADDRESS, 0)
        if kept.behind is None and all(piece.place is not Place.CFA for piece in kept.pieces):
            self._pieces()
            return
        with self._b.attempt() as attempt:
            with attempt.body():
                self._pieces()
                if kept.behind is not None:
                    self._behind(kept.behind)
            with attempt.handler():
                self._put(_STATUS, Status.UNREADABLE)
                self._put(_ADDRESS, attempt.detail)
                self._mark(0)

    def _pieces(self) -> None:
        there = 0
        for piece in self._kept.pieces:
            if self._piece(piece):
                there |= ((1 << piece.size) - 1) << piece.offset
        self._mark(there)

    def _piece(self, piece: Piece) -> bool:
        """Bring a piece; whether its bytes are in the slot then."""
        b, to = self._b, self._at + _VALUE + piece.offset
        if piece.place is Place.REGISTER:
            b.store("vars", b.load(Type.I64, "in_regs", None, register_word(piece.value)), imm=to)
            return True
        if piece.place is Place.NOWHERE:
            return False
        base = "cfa" if piece.place is Place.CFA else "in_bias"
        address = b.add(b.load(Type.I64, base), piece.value & _ALL)
        if len(self._kept.pieces) == 1:
            self._put(_ADDRESS, b.sub(address, piece.offset))
        if piece.size > MAX_VALUE:
            return False
        if piece.size:
            b.fill("vars", address, piece.size, piece.size, imm=to)
        return True

    def _behind(self, size: int) -> None:
        """The variable itself, whose address the pieces are."""
        b = self._b
        whole = b.eq(b.and_(b.load(Type.I64, "vars", None, self._at + _MASKS), 255), 255)
        self._mark(0)
        self._put(_ADDRESS, 0)
        with b.if_(whole):
            pointer = b.load(Type.I64, "vars", None, self._at + _VALUE)
            with b.if_else(b.eq(pointer, 0)) as choice:
                with choice.then():
                    self._put(_STATUS, Status.NIL)
                with choice.otherwise():
                    start = b.add(self._through(pointer), self._kept.behind_at)
                    if len(self._kept.pieces) == 1:
                        self._put(_ADDRESS, start)
                    if size <= MAX_VALUE:
                        if size:
                            b.fill("vars", start, size, size, imm=self._at + _VALUE)
                        self._mark((1 << size) - 1)

    def _through(self, closure: Value) -> Value:
        """The variable's address, where the pieces are only that of the closure that has it."""
        if self._kept.through is None:
            return closure
        return self._b.read(Type.I64, self._b.add(closure, self._kept.through))

    def _mark(self, there: int) -> None:
        self._put(_MASKS, there & _ALL)
        self._put(_MASKS + 8, there >> 64)

    def _put(self, offset: int, value: Value | int) -> None:
        b = self._b
        b.store("vars", b.const(value) if isinstance(value, int) else value, imm=self._at + offset)
