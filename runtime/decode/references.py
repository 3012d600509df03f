"""Maps, channels and funcs: kinds of one word whose objects programs pack themselves (`ir/plan.py`, "Values")."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from sey.ir.plan import CHAN_WORDS, FUNC_TYPE, HIDDEN_WORD, OBJECT_CHANGING, OBJECT_PARTIAL, PlanEntry, PlanType, Status
from sey.runtime.decode import text
from sey.runtime.decode.grouping import BoolArray, distinct, word
from sey.runtime.decode.kinds import CHANNEL_FIELDS, FUNC_FIELDS
from sey.runtime.decode.limits import Limits, Path
from sey.runtime.decode.objects import Found
from sey.runtime.decode.ordering import order_of
from sey.runtime.decode.vectors import (
    Entries,
    Items,
    Nothing,
    Numbers,
    Record,
    Shared,
    Texts,
    Vector,
    fine,
    join_variants,
    missing,
    statuses,
    taken,
)
from sey.runtime.pages import I64Array, U8Array, U64Array, run_starts

if TYPE_CHECKING:
    from sey.runtime.decode.values import FunctionNames, ValueDecoder

_LENGTH = PlanType(0, "int", "int", 8)
_CLOSED = PlanType(0, "bool", "bool", 1)
_NAME = PlanType(0, "string", "string", 16)
_MAX_EMPTY = 1024
"""Entries or elements without size that are shown."""
_CHAN_HEADER = 8 * len(CHAN_WORDS)
_AT = {name: number for number, name in enumerate(CHAN_WORDS)}


class References:
    """Decodes maps, channels and funcs as a part of `decoder`'s values."""

    def __init__(self, decoder: ValueDecoder, functions: FunctionNames) -> None:
        self._decoder = decoder
        self._functions = functions

    def maps(self, kind: PlanType, address: U64Array, limits: Limits, path: Path) -> Vector:
        """Maps, their entries by key."""
        decoder = self._decoder
        key, elem, entry = decoder.type_at(kind.key), decoder.type_at(kind.elem), kind.entry
        if key is None or elem is None or entry is None:
            return _nil_or_unsupported(kind, address)
        found = decoder.objects.find(path.keys(address), kind.id)
        status, detail = _object_status(address, found)
        room = found.bytes // entry.size if entry.size else _countable(found.length)
        shown = np.minimum(room, limits.max_items)
        there = status == Status.OK
        cut = there & ((shown < np.maximum(found.length, room.astype(np.uint64))) | _flag(found, OBJECT_PARTIAL))
        status[cut], detail[cut] = Status.TRUNCATED, np.maximum(found.length, room.astype(np.uint64))[cut]
        again = decoder.passed(kind.id, address, path) & there & (shown > 0)
        status[again], detail[again] = Status.DEPTH, address[again]
        changing = _flag(found, OBJECT_CHANGING) & there
        rows, index = distinct(there & ~again, found.row, *(passed for _, passed in path.passed))
        if not decoder.affords(int(shown[rows].sum()), path):
            status[there & ~again], detail[there & ~again] = Status.BUDGET, address[there & ~again]
            return Vector(kind, status, detail, address, Nothing())
        target = self._entries(kind, key, elem, entry, found, rows, shown[rows], address, limits, path)
        target = Vector(kind, status[rows], detail[rows], None, target.data, changing[rows])
        return Vector(kind, status, detail, address, Shared(index, target))

    def _entries(
        self,
        kind: PlanType,
        key: PlanType,
        elem: PlanType,
        entry: PlanEntry,
        found: Found,
        rows: I64Array,
        counts: I64Array,
        address: U64Array,
        limits: Limits,
        path: Path,
    ) -> Vector:
        decoder, inner = self._decoder, limits.beside()
        inside = path.take(rows).repeat(counts)
        inside = decoder.through(kind.id, np.repeat(address[rows], counts), inside)
        raw = decoder.runs(found.place[rows], counts, entry.size)
        offsets = run_starts(counts)
        keys = self._part(key, raw[:, : _stored(key, entry.indirect_key)], entry.indirect_key, inner, inside)
        order, differ = order_of(keys, offsets)
        if order is not None:
            keys, raw = taken(keys, order), raw[order]
        part = raw[:, entry.elem_offset : entry.elem_offset + _stored(elem, entry.indirect_elem)]
        values = self._part(elem, part, entry.indirect_elem, inner, inside)
        if entry.marked:
            values = _without(values, word(raw, entry.size // 8 - 1) == HIDDEN_WORD)
        return fine(kind, len(rows), Entries(offsets, keys, values, differ))

    def _part(self, kind: PlanType, raw: U8Array, indirect: bool, limits: Limits, path: Path) -> Vector:
        if indirect:
            return self._decoder.behind(kind, kind, word(raw, 0), limits, path)
        return self._decoder.value(kind, raw, limits, path)

    def channels(self, kind: PlanType, address: U64Array, limits: Limits, path: Path) -> Vector:
        """Channels, as records of what they hold and who waits."""
        decoder = self._decoder
        elem = decoder.type_at(kind.elem)
        if elem is None:
            return _nil_or_unsupported(kind, address)
        found = decoder.objects.find(path.keys(address), kind.id)
        status, detail = _object_status(address, found)
        again = decoder.passed(kind.id, address, path) & (status == Status.OK)
        status[again], detail[again] = Status.DEPTH, address[again]
        broken = (status == Status.OK) & (found.bytes < _CHAN_HEADER)
        status[broken], detail[broken] = Status.UNREADABLE, address[broken]
        rows, index = distinct(status == Status.OK, found.row, *(passed for _, passed in path.passed))
        inside = decoder.through(kind.id, address[rows], path.take(rows))
        channels = _Channels(decoder, elem, found, rows, limits.beside(), inside)
        whole = channels.fits
        # Counts that the object, or the channel's buffer, has no room for are none of a channel.
        broken = (index >= 0) & ~whole[np.maximum(index, 0)] if len(rows) else broken & False
        status[broken], detail[broken] = Status.UNREADABLE, address[broken]
        index = np.where(broken, -1, index)
        target = fine(kind, len(rows), channels.record())
        return Vector(kind, status, detail, address, Shared(index, target))

    def functions(self, kind: PlanType, address: U64Array, limits: Limits, path: Path) -> Vector:
        """Funcs: the function's name, and the captured variables where a closure's are known."""
        found = self._decoder.objects.find(path.keys(address), FUNC_TYPE)
        status, detail = _object_status(address, found)
        short = (status == Status.OK) & (found.bytes < 16)
        status[short], detail[short] = Status.BUDGET, address[short]
        rows, index = distinct(status == Status.OK, found.row, *(passed for _, passed in path.passed))
        raw = text.rows_of(self._decoder.data, found.place[rows], 16)
        codes, which = np.unique(word(raw, 0), return_inverse=True)
        texts = pa.array(self._functions(codes), pa.string()).take(pa.array(which.reshape(-1)))
        # A word that leads to no function's first instruction is no func.
        known = np.asarray(texts.is_valid())
        broken = (index >= 0) & ~known[np.maximum(index, 0)] if len(rows) else short & False
        status[broken], detail[broken] = Status.UNREADABLE, address[broken]
        index = np.where(broken, -1, index)
        captured = self._captured(kind, word(raw, 1), address[rows], limits, path.take(rows))
        target = fine(kind, len(rows), Record(FUNC_FIELDS, (fine(_NAME, len(rows), Texts(texts)), captured)))
        return Vector(kind, status, detail, address, Shared(index, target))

    def _captured(self, kind: PlanType, numbers: U64Array, address: U64Array, limits: Limits, path: Path) -> Vector:
        parts: list[tuple[I64Array, Vector]] = []
        for number in np.unique(numbers).tolist():
            closure = self._decoder.types.get(number)
            if closure is None:
                continue
            rows = np.flatnonzero(numbers == number).astype(np.int64)
            if limits.ended and closure.size:
                vector = missing(closure, len(rows), Status.DEPTH, address[rows])
            else:
                inside = path.take(rows)
                vector = self._decoder.behind(closure, closure, address[rows], limits.below(), inside)
            parts.append((rows, vector))
        return join_variants(kind, len(numbers), parts)

    @cached_property
    def closures(self) -> tuple[int, ...]:
        """The types that closures have."""
        places = self._decoder.objects.places(FUNC_TYPE, 16)
        numbers = np.unique(word(text.rows_of(self._decoder.data, places, 16), 1))
        return tuple(number for number in numbers.tolist() if number in self._decoder.types)


class _Channels:
    """The objects of channels at `rows` of what was `found`."""

    def __init__(
        self, decoder: ValueDecoder, elem: PlanType, found: Found, rows: I64Array, limits: Limits, path: Path
    ) -> None:
        self._decoder, self._elem, self._limits, self._path = decoder, elem, limits, path
        self._place, self._length, self._count = found.place[rows], found.length[rows], len(rows)
        self._partial = _flag(found, OBJECT_PARTIAL)[rows]
        self._header = text.rows_of(decoder.data, self._place, _CHAN_HEADER)
        room = (found.bytes[rows] - _CHAN_HEADER) // 8
        waiting, shown = self._word("receivers_shown"), self._word("senders_shown")
        # Compared one by one: sums of damaged counts could wrap.
        fits = (waiting <= room) & (shown <= room)
        words = np.where(fits, waiting + shown, 0).astype(np.int64)
        left = np.maximum(found.bytes[rows] - _CHAN_HEADER - 8 * words, 0)
        most = left // elem.size if elem.size else _countable(self._length)
        possible = (self._word("closed") <= 1) & (self._length <= self._word("capacity"))
        self.fits: BoolArray = fits & (words <= room) & (self._word("shown") <= most) & possible

    def record(self) -> Record:
        """The fields of the channels; empty ones where it doesn't fit."""
        timer = self._word("timer") != 0
        receivers, senders = self._shown("receivers_shown"), self._shown("senders_shown")
        shown = np.where(timer, 0, self._shown("shown"))
        start = self._place + _CHAN_HEADER
        elements_at = start + 8 * (receivers + senders)
        # Go says 0 for both of a timer's channel (len and cap of runtime/chan.go, since 1.23).
        length, capacity = np.where(timer, 0, self._length), np.where(timer, 0, self._word("capacity"))
        parts = (
            fine(_LENGTH, self._count, Numbers(length.astype(np.int64))),
            fine(_LENGTH, self._count, Numbers(capacity.astype(np.int64))),
            fine(_CLOSED, self._count, Numbers(self._word("closed") != 0)),
            self._elements(elements_at, shown, length),
            self._goids(start, receivers, self._word("receivers")),
            self._goids(start + 8 * receivers, senders, self._word("senders")),
        )
        return Record(CHANNEL_FIELDS, parts)

    def _word(self, name: str) -> U64Array:
        return word(self._header, _AT[name])

    def _shown(self, name: str) -> I64Array:
        return np.where(self.fits, self._word(name), 0).astype(np.int64)

    def _elements(self, places: I64Array, counts: I64Array, length: U64Array) -> Vector:
        counts = np.minimum(counts, self._limits.max_items)
        raw = self._decoder.runs(places, counts, self._elem.size)
        items = self._decoder.value(self._elem, raw, self._limits, self._path.repeat(counts))
        return self._list(counts, items, length)

    def _goids(self, places: I64Array, counts: I64Array, length: U64Array) -> Vector:
        counts = np.minimum(counts, self._limits.max_items)
        raw = self._decoder.runs(places, counts, 8)
        goids = fine(_LENGTH, len(raw), Numbers(word(raw, 0).view(np.int64)))
        return self._list(counts, goids, length)

    def _list(self, counts: I64Array, items: Vector, length: U64Array) -> Vector:
        status, detail = statuses(self._count, Status.OK), np.zeros(self._count, dtype=np.uint64)
        cut = self.fits & ((counts.astype(np.uint64) < length) | (self._partial & (length > 0)))
        status[cut], detail[cut] = Status.TRUNCATED, length[cut]
        return Vector(items.type, status, detail, None, Items(run_starts(counts), items))


def _nil_or_unsupported(kind: PlanType, address: U64Array) -> Vector:
    vector = missing(kind, len(address), Status.UNSUPPORTED, address)
    vector.status[address == 0] = Status.NIL
    return Vector(kind, vector.status, vector.detail, address, Nothing())


def _object_status(address: U64Array, found: Found) -> tuple[U8Array, U64Array]:
    status = statuses(len(address), Status.OK)
    status[(found.row >= 0) & (found.readable == 0)] = Status.UNREADABLE
    status[found.row < 0] = Status.BUDGET
    status[address == 0] = Status.NIL
    return status, np.where(status == Status.OK, 0, address).astype(np.uint64)


def _flag(found: Found, flag: int) -> BoolArray:
    return np.asarray((found.flags & flag) != 0)


def _without(values: Vector, hidden: BoolArray) -> Vector:
    """The values, but for those that are redacted for their keys."""
    status = np.where(hidden, int(Status.REDACTED), values.status).astype(np.uint8)
    data = Shared(np.where(hidden, -1, np.arange(len(values))), values)
    return Vector(values.type, status, np.where(hidden, 0, values.detail), None, data)


def _countable(lengths: U64Array) -> I64Array:
    """How many things without size are shown: a length that is damaged can be any number."""
    return np.minimum(lengths, _MAX_EMPTY).astype(np.int64)


def _stored(kind: PlanType, indirect: bool) -> int:
    return 8 if indirect else kind.size
