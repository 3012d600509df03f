"""Numbers of any size (math/big/int.go, nat.go): a sign, and 64-bit words, the lowest first."""

from __future__ import annotations

from sey.ir.plan import PlanType, Status
from sey.runtime.decode.forms import TEXT
from sey.runtime.decode.vectors import Items, Numbers, Vector, through
from sey.runtime.decode.views.parts import Text, Types, View, each_text, lost, part, place
from sey.runtime.pages import U8Array

_DIGITS = 4000
"""Decimal digits that are made at a time: Python refuses more than 4300 (sys.set_int_max_str_digits)."""


def big_int(kind: PlanType, types: Types) -> View | None:
    """math/big.Int: decimal digits."""
    negative, words = place(kind, types, "neg", "bool"), place(kind, types, "abs", "slice")
    if negative is None or words is None:
        return None
    word = types.get(words.type.elem or 0)
    if word is None or (word.kind, word.size) != ("uint", 8):
        return None

    def show(raw: U8Array, vector: Vector) -> Vector:
        absolute = part(vector, "abs")
        if absolute is None:
            return vector
        signs = negative.numbers(raw)

        def make(rows: list[int]) -> list[Text]:
            found = _words_at(absolute, rows)
            return [_decimal(of, bool(signs[row])) for row, of in zip(rows, found, strict=True)]

        return each_text(kind, raw, make)

    return View(show, TEXT)


def _words_at(vector: Vector, rows: list[int]) -> list[list[int] | Text]:
    """The words of some rows; why, where they are missing."""
    inner, index = through(vector)
    result: list[list[int] | Text] = []
    for row in rows:
        status = int(vector.status[row])
        at = row if index is None else int(index[row])
        if status == Status.NIL:
            result.append([])
        elif status != Status.OK or at < 0 or not isinstance(inner.data, Items):
            result.append(lost(status, int(vector.detail[row])))
        else:
            items, own = through(inner.data.items)
            low, high = int(inner.data.offsets[at]), int(inner.data.offsets[at + 1])
            assert own is None
            assert isinstance(items.data, Numbers)
            result.append([int(word) for word in items.data.values[low:high]])
    return result


def _decimal(words: list[int] | Text, negative: bool) -> Text:
    if isinstance(words, Text):
        return words
    number = sum(word << (64 * at) for at, word in enumerate(words))
    return Text(("-" if negative else "") + decimal(number))


def decimal(number: int) -> str:
    """A number that isn't negative in decimal digits, however many."""
    parts = []
    base = 10**_DIGITS
    while number >= base:
        number, low = divmod(number, base)
        parts.append(f"{low:0{_DIGITS}d}")
    return "".join([str(number), *reversed(parts)])
