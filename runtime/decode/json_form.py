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
from sey.runtime.decode.text import hex_words
from sey.runtime.decode.vectors import (
    STATUS_WORDS,
    Dynamic,
    Items,
    Nothing,
    Numbers,
    Record,
    Shared,
    Texts,
    Times,
    Vector,
    through,
)

_WITH_ADDRESS = (Status.DEPTH, Status.UNREADABLE, Status.BUDGET, Status.UNSUPPORTED)


def present(vector: Vector) -> npt.NDArray[np.bool_]:
    """Where there is a value, whole or in part."""
    status = vector.status
    shown = (status == Status.OK) | (status == Status.TRUNCATED)
    if isinstance(through(vector)[0].data, Dynamic):
        shown |= status == Status.TYPE_UNKNOWN
    return np.asarray(shown)


def to_json(vector: Vector) -> pa.StringArray:
    """The values as JSON; missing ones as `{"$status": …}`, truncated ones as an object around what is there."""
    if isinstance(vector.data, Shared):
        # What is missing behind the reference speaks for itself.
        shown = vector.data.index >= 0
        texts = _data(vector)
    else:
        shown, cut = present(vector), vector.status == Status.TRUNCATED
        texts = _data(vector)
        if bool(cut.any()):
            texts = pc.if_else(pa.array(cut), _truncated(vector, texts), texts)
    return texts if bool(shown.all()) else pc.if_else(pa.array(shown), texts, _missing(vector, shown))


def bare_json(vector: Vector) -> pa.StringArray:
    """As `to_json` for the values inside, but NULL where the value itself is missing, and without an object around it
    where it is truncated: the status that stands beside it says so."""
    inner, index = through(vector)
    texts = _data(inner)
    shown = present(vector)
    if index is None:
        index = np.arange(len(vector))
    elif bool(shown.all()):
        return texts.take(pa.array(index))
    return texts.take(pa.array(index, mask=~shown | (index < 0)))


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
        case Texts(values):
            return quoted(values)
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
            return to_json(target).take(pa.array(np.maximum(index, 0)))
        case Dynamic(kinds, names):
            return _dynamic(vector, kinds, names)
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
    return _joined(*parts, "}")


def _dynamic(vector: Vector, kinds: npt.NDArray[np.int64], names: tuple[str, ...]) -> pa.StringArray:
    quoted_names = pa.array([*(json.dumps(name, ensure_ascii=False) for name in names), "null"], pa.string())
    types = quoted_names.take(pa.array(np.where(kinds < 0, len(names), kinds)))
    addresses = np.zeros(len(vector), dtype=np.uint64) if vector.address is None else vector.address
    return _joined('{"type":', types, ',"address":"', hex_words(addresses), '"}')


def _missing(vector: Vector, shown: npt.NDArray[np.bool_]) -> pa.StringArray:
    """For each value that isn't `shown` the object that says why."""
    heads = [f'{{"$status":"{word}"' for word in STATUS_WORDS]
    for status in _WITH_ADDRESS:
        heads[status] += ',"$type":' + json.dumps(vector.type.name) if status == Status.UNSUPPORTED else ""
    texts = pa.array(heads, pa.string()).take(pa.array(vector.status))
    addressed = ~shown & np.isin(vector.status, _WITH_ADDRESS) & (vector.detail != 0)
    if bool(addressed.any()):
        with_address = _joined(texts, ',"$address":"', hex_words(np.where(addressed, vector.detail, 0)), '"')
        texts = pc.if_else(pa.array(addressed), with_address, texts)
    return _joined(texts, "}")


def _truncated(vector: Vector, texts: pa.StringArray) -> pa.StringArray:
    lengths = pc.cast(pa.array(vector.detail), pa.string())
    return _joined('{"$status":"truncated","$length":', lengths, ',"$value":', texts, "}")


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
