"""The scan without compiled code: an abbreviation table as one regular expression.

Walking hundreds of thousands of entries in Python takes minutes of a budget of one second, so each abbreviation
table is compiled into one regular expression: a run of entries that don't matter, followed by one that does, whose
wanted attributes are groups. The engine then skips in C, and Python handles only what is kept: a fifth of all entries.
The expression is unambiguous (an entry's first byte picks its alternative), so a mismatch costs linear time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from sey.frontend.debuginfo.abbrev import Abbreviation, AbbreviationTable
from sey.frontend.debuginfo.data import Data
from sey.frontend.debuginfo.dwarf import FIXED_SIZE, LEB128, At, Form, Tag
from sey.frontend.debuginfo.harvest import WANTED, Sink, wanted
from sey.frontend.debuginfo.units import Unit, Value

_LEB = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
_BLOCK_SIZES = sorted(range(64), key=lambda n: (n not in (0, 1, 2, 3, 9), n))
"""Lengths of blocks that the expression knows, the commonest first. Go's have up to 9 bytes."""


@dataclass(frozen=True)
class _Kept:
    """An alternative that is kept: its tag, and per wanted attribute its name, form, group and decoder."""

    tag: int
    parts: tuple[tuple[int, int, int, Callable[[bytes], Value]], ...]

    @cached_property
    def inlined(self) -> bool:
        """An inlined instance as Go writes it, with its origin as an absolute reference: the commonest by far."""
        return self.tag == Tag.INLINED_SUBROUTINE and [form for _, form, _, _ in self.parts] == [Form.REF_ADDR]

    @cached_property
    def plain_type(self) -> bool:
        """A type as Go writes it: its name, later its number."""
        written = [(name, form) for name, form, _, _ in self.parts]
        return self.tag not in WANTED and written == [(At.NAME, Form.STRING), (At.GO_RUNTIME_TYPE, Form.ADDR)]


class Pattern:
    """The compiled expression of one table."""

    def __init__(self, pattern: re.Pattern[bytes], kept: dict[int, _Kept]) -> None:
        self._pattern = pattern
        self._kept = kept

    def run(self, info: Data, unit: Unit, sink: Sink) -> bool:
        """Read a whole unit into `sink`; False where the entries don't fit the expression up to the unit's end."""
        match, at, kept = self._pattern.match, unit.entries, self._kept
        while found := match(info.raw, at, unit.end):
            at = found.end()
            number = found.lastindex
            if number is None:
                return at == unit.end
            entry = kept[number]
            if entry.inlined:
                sink.inlined(found.start(number), int.from_bytes(found[number + 1], "little"))
                continue
            if entry.plain_type:
                sink.type(found.start(number), found[number + 1][:-1], int.from_bytes(found[number + 2], "little"))
                continue
            values = {name: (form, decode(found[group])) for name, form, group, decode in entry.parts}
            sink.take(unit, entry.tag, found.start(number), values, resolved=False)
        return False


def compile_pattern(table: AbbreviationTable) -> Pattern | None:
    """The scanner for a table, or None where it has a form that only code can skip."""
    skipped, kept_patterns, kept = [rb"\x00"], list[bytes](), dict[int, _Kept]()
    group = 1
    # Variables and parameters are most of all entries: their alternatives come first.
    for abbreviation in sorted(table.values(), key=lambda a: a.tag not in (Tag.VARIABLE, Tag.FORMAL_PARAMETER)):
        keep = wanted(abbreviation.tag, frozenset(a.name for a in abbreviation.attributes))
        pattern = _entry_pattern(abbreviation, keep)
        if pattern is None:
            return None
        if not keep:
            skipped.append(pattern)
            continue
        kept_patterns.append(b"(%s)" % pattern)
        parts = [(a.name, a.form, _decoder(a.form)) for a in abbreviation.attributes if a.name in keep]
        if any(decode is None for _, _, decode in parts) or len({name for name, _, _ in parts}) < len(parts):
            return None
        numbered = ((name, form, group + 1 + i, decode) for i, (name, form, decode) in enumerate(parts) if decode)
        kept[group] = _Kept(abbreviation.tag, tuple(numbered))
        group += 1 + len(parts)
    run = b"(?:%s)*(?:%s)" % (b"|".join(skipped), b"|".join([*kept_patterns, rb"\Z"]))
    return Pattern(re.compile(run, re.DOTALL), kept)


def _entry_pattern(abbreviation: Abbreviation, keep: tuple[int, ...]) -> bytes | None:
    """One entry, its code included, with a group for each wanted attribute."""
    pattern, pending = [re.escape(_uleb(abbreviation.code))], 0
    for attribute in abbreviation.attributes:
        if attribute.name not in keep and attribute.form in FIXED_SIZE:
            pending += FIXED_SIZE[attribute.form]
            continue
        part = _form_pattern(attribute.form)
        if part is None:
            return None
        pattern += [b".{%d}" % pending, b"(%s)" % part if attribute.name in keep else part]
        pending = 0
    return b"".join([*pattern, b".{%d}" % pending])


def _form_pattern(form: int) -> bytes | None:
    if form in FIXED_SIZE:
        return b".{%d}" % FIXED_SIZE[form]
    if form in LEB128:
        return _LEB
    match form:
        case Form.STRING:
            return rb"[^\x00]*\x00"
        case Form.BLOCK1 | Form.EXPRLOC | Form.BLOCK:
            return b"(?:%s)" % b"|".join(re.escape(bytes([n])) + b".{%d}" % n for n in _BLOCK_SIZES)
    return None


def _decoder(form: int) -> Callable[[bytes], Value] | None:
    if form == Form.STRING:
        return lambda raw: raw[:-1]
    if form in (Form.BLOCK1, Form.EXPRLOC, Form.BLOCK):
        return lambda raw: raw[1:]
    if form in (Form.STRP, Form.LINE_STRP, Form.IMPLICIT_CONST, Form.FLAG_PRESENT):
        return None
    if form == Form.SDATA:
        return _decode_sleb
    if form in FIXED_SIZE:
        return lambda raw: int.from_bytes(raw, "little")
    return _decode_uleb if form in LEB128 else None


def _decode_uleb(raw: bytes) -> int:
    value = 0
    for position, byte in enumerate(raw):
        value |= (byte & 0x7F) << (7 * position)
    return value


def _decode_sleb(raw: bytes) -> int:
    value = _decode_uleb(raw)
    return value - (1 << 7 * len(raw)) if raw[-1] & 0x40 else value


def _uleb(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
