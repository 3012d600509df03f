"""Vectors as JSON text, a string a value, put together by Arrow's kernels."""

from __future__ import annotations

import json
from functools import lru_cache, reduce

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sey.ir.plan import Status
from sey.runtime.decode import times
from sey.runtime.decode.text import constant, hex_words
from sey.runtime.decode.vectors import (
    STATUS_WORDS,
    Dynamic,
    Entries,
    Items,
    Note,
    Nothing,
    Numbers,
    Record,
    Shared,
    Texts,
    Times,
    Variant,
    Vector,
    Words,
    Written,
    through,
)
from sey.runtime.pages import I64Array

BEING_WRITTEN = "being written"
"""The note on a map whose entries may be of two moments."""

_MOST_TEXT = 1 << 28
"""Bytes of JSON that references make of what they lead to, in one vector; records may have twice that. Arrow's texts
end at 2 GiB."""
_NO_ROOM = '{"$status":"budget"}'

_WITH_ADDRESS = (Status.DEPTH, Status.UNREADABLE, Status.BUDGET, Status.UNSUPPORTED)


def present(vector: Vector) -> npt.NDArray[np.bool_]:
    """Where there is a value, whole or in part."""
    status = vector.status
    shown = (status == Status.OK) | (status == Status.TRUNCATED)
    inner, index = through(vector)
    if isinstance(inner.data, Dynamic) and len(inner):
        holds = inner.data.holds
        shown |= holds if index is None else (index >= 0) & holds[np.maximum(index, 0)]
    return np.asarray(shown)


def to_json(vector: Vector) -> pa.StringArray:
    """The values as JSON; missing ones as `{"$status": …}`, truncated ones as an object around what is there."""
    if isinstance(vector.data, Variant):
        # What is missing inside speaks for itself, here and behind a reference.
        return _data(vector)
    if isinstance(vector.data, Shared):
        shown = vector.data.index >= 0
        texts = _data(vector)
    else:
        shown, cut = present(vector), vector.status == Status.TRUNCATED
        texts = _data(vector)
        if bool(cut.any()):
            texts = pc.if_else(pa.array(cut), _truncated(vector, texts), texts)
        if vector.changing is not None and bool(vector.changing.any()):
            noted = _joined(f'{{"$note":"{BEING_WRITTEN}","$value":', texts, "}")
            texts = pc.if_else(pa.array(vector.changing), noted, texts)
    return texts if bool(shown.all()) else pc.if_else(pa.array(shown), texts, _missing(vector, shown))


def bare_json(vector: Vector) -> pa.StringArray:
    """As `to_json` for the values inside, but NULL where the value itself is missing, and without an object around it
    where it is truncated: the status that stands beside it says so."""
    inner, index = through(vector)
    texts = _data(inner)
    shown = present(vector)
    if index is None:
        return texts if bool(shown.all()) else pc.if_else(pa.array(shown), texts, pa.scalar(None, pa.string()))
    return _taken(texts, np.where(shown, index, -1))


def to_text(vector: Vector) -> pa.StringArray:
    """The values as text for people to search: strings as they are, all else as JSON; missing ones are NULL."""
    inner, index = through(vector)
    if not isinstance(inner.data, Texts):
        return bare_json(vector)
    texts = inner.data.values
    return texts if index is None else texts.take(pa.array(index, mask=(index < 0) | ~present(vector)))


def quoted(texts: pa.StringArray) -> pa.StringArray:
    """Strings as JSON strings."""
    special = pc.match_substring_regex(texts, r'["\\\x00-\x1f]')
    if not pc.any(special, min_count=0).as_py():
        return _joined('"', texts, '"')
    escaped = [json.dumps(t, ensure_ascii=False)[1:-1] for t in texts.filter(special).to_pylist()]
    return _joined('"', pc.replace_with_mask(texts, special, pa.array(escaped, pa.string())), '"')


def _data(vector: Vector) -> pa.StringArray:
    match vector.data:
        case Numbers(values):
            return _numbers(values)
        case Words(addresses):
            return _joined('"', hex_words(addresses), '"')
        case Texts(values):
            return pc.fill_null(quoted(values), _literal("null")) if values.null_count else quoted(values)
        case Times():
            return _joined('"', times.texts(vector.data), '"')
        case Record(names, fields):
            return _record(len(vector), names, fields)
        case Items(offsets, items):
            lists = pa.LargeListArray.from_arrays(pa.array(offsets), to_json(items))
            return _joined("[", pc.binary_join(lists, ","), "]")
        case Shared(index, target):
            if not len(target):
                return pa.nulls(len(index), pa.string())
            return _taken(to_json(target), np.maximum(index, 0))
        case Entries():
            return _maps(vector.data)
        case Variant():
            return _variants(vector.data)
        case Dynamic():
            return _dynamic(vector, vector.data)
        case Written(values):
            return values
        case Nothing():
            return pa.nulls(len(vector), pa.string())


def _numbers(values: npt.NDArray[np.generic]) -> pa.StringArray:
    if np.iscomplexobj(values):
        parts = np.ascontiguousarray(values)
        return _joined('{"real":', _numbers(parts.real), ',"imag":', _numbers(parts.imag), "}")
    texts = pc.cast(pa.array(np.ascontiguousarray(values)), pa.string())
    if values.dtype.kind != "f":
        return texts
    for value, name in ((np.nan, "NaN"), (np.inf, "Infinity"), (-np.inf, "-Infinity")):
        which = values != values if name == "NaN" else values == value
        if bool(which.any()):
            texts = pc.if_else(pa.array(which), f'"{name}"', texts)
    return texts


def _record(count: int, names: tuple[str, ...], fields: tuple[Vector, ...]) -> pa.StringArray:
    if not names:
        return pa.array(["{}"] * count, pa.string())
    parts: list[str | pa.StringArray] = []
    for at, (name, vector) in enumerate(zip(names, fields, strict=True)):
        parts += [("," if at else "{") + json.dumps(name, ensure_ascii=False) + ":", to_json(vector)]
    columns = [part for part in parts if not isinstance(part, str)]
    if sum(part.nbytes for part in columns) < 2 * _MOST_TEXT:
        return _joined(*parts, "}")
    lengths = sum(pc.binary_length(part).to_numpy() for part in columns)
    beyond = pa.array(np.cumsum(lengths) > 2 * _MOST_TEXT)
    kept = [part if isinstance(part, str) else pc.if_else(beyond, "", part) for part in parts]
    return pc.if_else(beyond, _NO_ROOM, _joined(*kept, "}"))


def _maps(entries: Entries) -> pa.StringArray:
    """Objects where all keys of a map are there and plain, else lists of keys and values."""
    values, offsets = to_json(entries.values), pa.array(entries.offsets)
    names = _member_names(entries.keys)
    count = len(entries.offsets) - 1
    plain = np.zeros(count, dtype=np.bool_)
    objects = listed = pa.nulls(count, pa.string())
    if names is not None:
        owner = np.repeat(np.arange(count), np.diff(entries.offsets))
        plain = np.bincount(owner[~entries.distinct], minlength=count) == 0
        members = pa.LargeListArray.from_arrays(offsets, _joined(names, ":", values))
        objects = _joined("{", pc.binary_join(members, ","), "}")
    if not bool(plain.all()):
        pairs = _joined('{"key":', to_json(entries.keys), ',"value":', values, "}")
        listed = _joined("[", pc.binary_join(pa.LargeListArray.from_arrays(offsets, pairs), ","), "]")
    return objects if bool(plain.all()) else pc.if_else(pa.array(plain), objects, listed)


def _member_names(keys: Vector) -> pa.StringArray | None:
    """Keys as names of members of a JSON object, missing ones as they may be; None where keys are none."""
    if keys.type.kind in ("pointer", "interface", "float", "complex"):
        return None
    inner, index = through(keys)
    match inner.data:
        case Texts(texts):
            names = pc.fill_null(quoted(texts), _literal('""'))
        case Numbers(numbers):
            names = _joined('"', _numbers(numbers), '"')
        case _:
            return None
    if index is None or not len(names):
        return names if index is None else pa.array([""] * len(index), pa.string())
    return _taken(names, np.maximum(index, 0))


def _variants(variant: Variant) -> pa.StringArray:
    """Each value in the form of its own type."""
    parts = [to_json(vector) for vector in variant.vectors]
    starts = np.cumsum([0, *(len(part) for part in parts)])
    texts = pa.concat_arrays([*parts, constant("null")])
    place = np.where(variant.which >= 0, starts[variant.which] + variant.index, len(texts) - 1)
    return _taken(texts, place.astype(np.int64))


def _dynamic(vector: Vector, dynamic: Dynamic) -> pa.StringArray:
    quoted_names = constant(*(json.dumps(name, ensure_ascii=False) for name in dynamic.names), "null")
    types = quoted_names.take(pa.array(np.where(dynamic.type < 0, len(dynamic.names), dynamic.type)))
    texts = _joined('{"type":', types, *(_note(note) for note in dynamic.notes), _held(dynamic), "}")
    unknown = vector.status == Status.TYPE_UNKNOWN
    if not bool(unknown.any()):
        return texts
    addresses = np.zeros(len(vector), dtype=np.uint64) if vector.address is None else vector.address
    nameless = _joined('{"type":', types, ',"$status":"type_unknown","$address":"', hex_words(addresses), '"}')
    return pc.if_else(pa.array(unknown), nameless, texts)


def _note(note: Note) -> pa.StringArray:
    """A member with a comma before it, `null` where it is nil; nothing for the values that it isn't of."""
    nil = pa.array(note.values.status == Status.NIL)
    texts = _joined(f',"{note.name}":', pc.if_else(nil, _literal("null"), to_json(note.values)))
    return texts if bool(note.rows.all()) else pc.if_else(pa.array(note.rows), texts, _literal(""))


def _held(dynamic: Dynamic) -> pa.StringArray:
    texts = _joined(',"value":', to_json(dynamic.value))
    return texts if dynamic.told is None else pc.if_else(pa.array(dynamic.told), _literal(""), texts)


def _missing(vector: Vector, shown: npt.NDArray[np.bool_]) -> pa.StringArray:
    """For each value that isn't `shown` the object that says why."""
    heads = [f'{{"$status":"{word}"' for word in STATUS_WORDS]
    for status in _WITH_ADDRESS:
        heads[status] += ',"$type":' + json.dumps(vector.type.name) if status == Status.UNSUPPORTED else ""
    texts = constant(*heads).take(pa.array(vector.status))
    addressed = ~shown & np.isin(vector.status, _WITH_ADDRESS) & (vector.detail != 0)
    if bool(addressed.any()):
        with_address = _joined(texts, ',"$address":"', hex_words(np.where(addressed, vector.detail, 0)), '"')
        texts = pc.if_else(pa.array(addressed), with_address, texts)
    return _joined(texts, "}")


def _truncated(vector: Vector, texts: pa.StringArray) -> pa.StringArray:
    lengths = pc.cast(pa.array(vector.detail), pa.string())
    known = pc.if_else(pa.array(vector.detail > 0), _joined(',"$length":', lengths), _literal(""))
    return _joined('{"$status":"truncated"', known, ',"$value":', texts, "}")


def _taken(texts: pa.StringArray, index: I64Array) -> pa.StringArray:
    """The texts at `index`, NULL at -1. Shared values can make a text of any length out of a small capture: rows beyond
    `_MOST_TEXT` bytes in all say that a budget ran out."""
    if len(texts) and int(pc.max(pc.binary_length(texts)).as_py() or 0) * len(index) > _MOST_TEXT:
        lengths = pc.fill_null(pc.binary_length(texts), 0).to_numpy(zero_copy_only=False).astype(np.int64)
        beyond = np.cumsum(np.where(index >= 0, lengths[np.maximum(index, 0)], 0)) > _MOST_TEXT
        if bool(beyond.any()):
            texts = pa.concat_arrays([texts, constant(_NO_ROOM)])
            index = np.where(beyond & (index >= 0), len(texts) - 1, index)
    return texts.take(pa.array(index, mask=index < 0))


def _joined(*parts: str | pa.StringArray) -> pa.StringArray:
    """Texts and columns of texts, put together row by row."""
    # Arrow joins at most some hundred columns in one call without trouble; wide structs are joined in groups.
    columns = [_literal(part) if isinstance(part, str) else part for part in parts]
    nothing = _literal("")
    groups = [columns[at : at + 64] for at in range(0, len(columns), 64)]
    return reduce(
        lambda left, right: pc.binary_join_element_wise(left, right, nothing),
        (pc.binary_join_element_wise(*group, nothing) for group in groups),
    )


@lru_cache(maxsize=1 << 14)
def _literal(text: str) -> pa.StringScalar:
    # Kept, since for each Python string pyarrow looks for pandas and dateutil in the file system, 0.1 ms: once a field
    # of every type, which was most of the time that it took to decode captures of large structures.
    return pa.scalar(text, pa.string())
