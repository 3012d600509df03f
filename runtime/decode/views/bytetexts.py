"""Bytes that people read as something else: what was built or buffered, JSON not yet read, UUIDs.

Slices and arrays of bytes reach views as hexadecimal digits (see `vectors.is_bytes`).
"""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sey.ir.plan import PlanType, Status
from sey.runtime.decode import text
from sey.runtime.decode.forms import BIGINT, TEXT, struct_form
from sey.runtime.decode.vectors import Shared, Texts, Vector, is_bytes, through
from sey.runtime.decode.views.parts import (
    STRING,
    Text,
    Types,
    View,
    counts,
    lost,
    part,
    place,
    record,
    text_vector,
    texts_at,
)
from sey.runtime.pages import I64Array, U8Array

_NIBBLE = np.zeros(256, dtype=np.uint8)
for _digit in b"0123456789abcdef":
    _NIBBLE[_digit] = int(chr(_digit), 16)

_UUID = re.compile(r"(?i)uuid")
_UUID_BYTES = 16


def builder(kind: PlanType, types: Types) -> View | None:
    """strings.Builder: the text so far."""
    buffer = place(kind, types, "buf", "slice")
    if buffer is None or not is_bytes(buffer.type, types):
        return None

    def show(_: U8Array, vector: Vector) -> Vector:
        held = part(vector, "buf")
        if held is None:
            return vector
        return replace(_empty_if_nil(_as_text(held)), type=kind, address=None)

    return View(show, TEXT)


def raw_message(kind: PlanType, types: Types) -> View | None:
    """encoding/json.RawMessage: its text."""
    if not is_bytes(kind, types):
        return None
    return View(lambda _, vector: _as_text(vector), TEXT)


def buffer(kind: PlanType, types: Types) -> View | None:
    """bytes.Buffer: {len, unread}: the bytes from `off` on."""
    held, off = place(kind, types, "buf", "slice"), place(kind, types, "off", "int", 8)
    if held is None or off is None or not is_bytes(held.type, types):
        return None

    def show(raw: U8Array, vector: Vector) -> Vector:
        written = part(vector, "buf")
        if written is None:
            return vector
        length: I64Array = held.word(raw, 1).view("<i8").astype(np.int64)
        read = off.numbers(raw)
        broken = (read < 0) | (read > length)
        rows = range(len(vector))
        unread = [_behind(one, *at) for one, at in zip(texts_at(written, rows), _pairs(read, length), strict=True)]
        members = {"len": counts(length - read, broken), "unread": text_vector(held.type, unread)}
        return record(kind, len(vector), members)

    return View(show, struct_form([("len", BIGINT), ("unread", TEXT)]))


def _pairs(read: I64Array, length: I64Array) -> list[tuple[int, int]]:
    return list(zip(read.tolist(), length.tolist(), strict=True))


def _behind(digits: Text, read: int, length: int) -> Text:
    """The unread ones of bytes in hexadecimal, of which the first may be all that was captured."""
    if not 0 <= read <= length:
        return lost(Status.UNREADABLE)
    if read == length:
        return Text("")
    if digits.status not in (Status.OK, Status.TRUNCATED):
        return digits
    return Text(digits.text[read * 2 :], digits.status, 0 if digits.whole else length - read)


def uuid(kind: PlanType, types: Types) -> View | None:
    """Named arrays of 16 bytes with UUID in their name: 8-4-4-4-12 digits."""
    name = kind.name.rpartition(".")[2]
    if kind.kind != "array" or kind.length != _UUID_BYTES or not is_bytes(kind, types) or not _UUID.search(name):
        return None

    def show(_: U8Array, vector: Vector) -> Vector:
        if not isinstance(vector.data, Texts):
            return vector
        digits = vector.data.values
        ends = (0, 8, 12, 16, 20, 32)
        groups = [pc.utf8_slice_codeunits(digits, a, b) for a, b in itertools.pairwise(ends)]
        shaped = pc.binary_join_element_wise(*groups, "-")
        whole = pc.equal(pc.utf8_length(digits), 2 * _UUID_BYTES)
        return replace(vector, data=Texts(pc.if_else(whole, shaped, digits)))

    return View(show, TEXT)


def _as_text(vector: Vector) -> Vector:
    """Bytes as the string that they are."""
    inner, index = through(vector)
    if not isinstance(inner.data, Texts):
        return vector
    digits = pc.fill_null(inner.data.values, "")
    _, offset_buffer, data_buffer = digits.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int32)[digits.offset : digits.offset + len(digits) + 1]
    chars = np.zeros(0, dtype=np.uint8) if data_buffer is None else np.frombuffer(data_buffer, dtype=np.uint8)
    low, high = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
    nibbles = _NIBBLE[chars[low:high]]
    joined = ((nibbles[0::2] << 4) | nibbles[1::2]).astype(np.uint8)
    starts = ((offsets - low) // 2).astype(np.int64)
    cut = inner.status == Status.TRUNCATED
    values = text.utf8(joined, starts[:-1], np.diff(starts), cut)
    target = replace(inner, type=STRING, data=Texts(values))
    if index is None:
        return replace(vector, data=target.data)
    return replace(vector, data=Shared(index, target))


def _empty_if_nil(vector: Vector) -> Vector:
    """A nil slice as the empty text."""
    nil = vector.status == Status.NIL
    if not bool(nil.any()):
        return vector
    inner, index = through(vector)
    assert isinstance(inner.data, Texts)
    at = np.arange(len(vector)) if index is None else index
    values = inner.data.values.take(pa.array(np.maximum(at, 0), mask=at < 0)) if len(inner) else pa.nulls(len(vector))
    values = pc.if_else(pa.array(nil), "", values.cast(pa.string()))
    status = np.where(nil, int(Status.OK), vector.status).astype(np.uint8)
    return replace(vector, status=status, data=Texts(values))
