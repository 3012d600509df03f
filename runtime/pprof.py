"""A capture as a goroutine profile that `go tool pprof` reads: gzipped protobuf, as `runtime/pprof` writes it.

The form is https://github.com/google/pprof/blob/main/proto/profile.proto. Only messages of varints and bytes are
needed, so they are written here.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sey.runtime.database import Database

_SKIPPED = "runtime.goexit"
"""Where every stack begins; Go leaves it out of profiles."""


def profile(database: Database) -> bytes:
    """The goroutines of all processes by stack and labels, without the runtime's own, as Go's own profile has them.

    With several processes each sample has the label `pid`.
    """
    return gzip.compress(_Profile(database).encode(), mtime=0)


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _message(*members: tuple[int, int | bytes | None]) -> bytes:
    """A message of these fields by number; those that are 0 or None are left out, as protobuf does."""
    out = bytearray()
    for number, value in members:
        if isinstance(value, bytes):
            out += _varint(number << 3 | 2) + _varint(len(value)) + value
        elif value:
            out += _varint(number << 3) + _varint(value)
    return bytes(out)


def _packed(values: Iterable[int]) -> bytes:
    return b"".join(map(_varint, values))


@dataclass
class _Profile:
    """What a profile is put together from: each distinct string, function and location has a number, from 1."""

    database: Database
    strings: dict[str, int] = field(default_factory=lambda: {"": 0})
    functions: dict[tuple[str, str], int] = field(default_factory=dict)
    locations: dict[tuple[int, int, tuple[tuple[int, int], ...]], int] = field(default_factory=dict)

    def encode(self) -> bytes:
        processes = list(
            self._rows("select pid, executable, build_id, epoch_ns(captured_at) from processes order by pid")
        )
        mappings = {pid: number for number, (pid, *_) in enumerate(processes, start=1)}
        stacks = self._stacks(mappings)
        several = len(processes) > 1
        counted = self._rows(
            "select pid, stack_id, labels, count(*) from goroutines where not system group by all order by 4 desc, 1, 2"
        )
        samples = [
            self._sample(
                stacks.get((pid, stack), ()), count, dict(labels or {}) | ({"pid": str(pid)} if several else {})
            )
            for pid, stack, labels, count in counted
        ]
        kind = _message((1, self._string("goroutine")), (2, self._string("count")))
        parts = [_message((1, kind)), *(_message((2, sample)) for sample in samples)]
        parts += [_message((3, self._mapping(mappings[pid], path, build))) for pid, path, build, _ in processes]
        parts += [_message((4, self._location(number, *key))) for key, number in self.locations.items()]
        for (name, file), number in self.functions.items():
            words = (2, self._string(name)), (3, self._string(name)), (4, self._string(file))
            parts.append(_message((5, _message((1, number), *words))))
        parts += [
            _varint(6 << 3 | 2) + _varint(len(raw := text.encode("utf-8", "replace"))) + raw for text in self.strings
        ]
        taken = next((int(at) for *_, at in processes if at), 0)
        parts.append(_message((9, taken), (11, kind), (12, 1)))
        return b"".join(parts)

    def _rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        return self.database.query(sql).rows()

    def _string(self, text: str) -> int:
        return self.strings.setdefault(text, len(self.strings))

    def _stacks(self, mappings: dict[int, int]) -> dict[tuple[int, int], tuple[int, ...]]:
        """By process and stack the numbers of its locations, innermost first."""
        rows = self._rows(
            "select pid, stack_id, coalesce(function, printf('0x%x', pc)), coalesce(file, ''), coalesce(line, 0),"
            f" inlined, pc from frames where function is distinct from '{_SKIPPED}' order by pid, stack_id, depth"
        )
        found = {}
        for (pid, stack), frames in groupby(rows, key=lambda row: (row[0], row[1])):
            found[pid, stack] = tuple(self._chains(mappings[pid], frames))
        return found

    def _chains(self, mapping: int, frames: Iterable[tuple[Any, ...]]) -> Iterator[int]:
        """The locations of a stack: calls inlined into a function are lines of its location."""
        lines: list[tuple[int, int]] = []
        for _, _, name, file, line, inlined, pc in frames:
            lines.append((self.functions.setdefault((name, file), len(self.functions) + 1), line))
            if not inlined:
                yield self.locations.setdefault((mapping, int(pc or 0), tuple(lines)), len(self.locations) + 1)
                lines = []

    def _sample(self, locations: tuple[int, ...], count: int, labels: dict[str, str]) -> bytes:
        words = [_message((1, self._string(key)), (2, self._string(value))) for key, value in sorted(labels.items())]
        return _message((1, _packed(locations)), (2, _packed([count])), *((3, word) for word in words))

    def _mapping(self, number: int, path: str | None, build: str | None) -> bytes:
        pcs = [pc for mapping, pc, _ in self.locations if mapping == number]
        span = (2, min(pcs, default=0)), (3, max(pcs, default=0) + 1)
        names = (5, self._string(path or "")), (6, self._string(build or ""))
        # All that there is to know of functions, files, lines and inlining is in here: pprof need not look it up.
        return _message((1, number), *span, *names, (7, 1), (8, 1), (9, 1), (10, 1))

    def _location(self, number: int, mapping: int, pc: int, lines: tuple[tuple[int, int], ...]) -> bytes:
        shown = ((4, _message((1, function), (2, line))) for function, line in lines)
        return _message((1, number), (2, mapping), (3, pc), *shown)
