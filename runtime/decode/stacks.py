"""Stacks: physical frames of the pages to logical frames with names, and the tables `frames` and `stacks`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sey.binary.visibility import Visibility, hidden, is_runtime_function
from sey.ir.plan import PC_EXACT, PlanStream, StackEnd
from sey.runtime.pages import I64Array, Pages, U64Array, run_indices, run_starts
from sey.runtime.symbols import SymbolTable, stack_words

NO_STACK = 0xFFFFFFFF

_END_WORDS: Mapping[int, str | None] = {end: end.name.lower() for end in StackEnd} | {0: None}
"""0: nothing tells."""


@dataclass(frozen=True)
class Stacks:
    """The distinct stacks of one process, by ascending `id`; `size` physical frames, `listed` of which are known.

    The known ones are the `inner` innermost and the rest of them the outermost. The logical frames of physical frame w
    (counted over the known frames of all stacks, stack i from `words[i]`) are rows `rows[w]` up to `rows[w + 1]` of
    the tables, a frame outside of Go code one row without names. `left_out` is how many physical frames aren't known.
    """

    id: I64Array
    end: I64Array
    size: I64Array
    inner: I64Array
    listed: I64Array
    words: I64Array
    pcs: U64Array
    rows: I64Array
    symbol: I64Array
    symbols: SymbolTable

    @property
    def left_out(self) -> I64Array:
        """How many physical frames of each stack aren't listed."""
        return self.size - self.listed

    def index_of(self, ids: npt.NDArray[np.integer]) -> I64Array:
        """The index of each stack by its id, -1 for an unknown one."""
        if not len(self.id):
            return np.full(len(ids), -1, dtype=np.int64)
        wanted = ids.astype(np.int64)
        at = np.minimum(np.searchsorted(self.id, wanted), len(self.id) - 1)
        return np.where(self.id[at] == wanted, at, -1).astype(np.int64)

    def depth_of(self, stack: I64Array, frame: I64Array, level: I64Array) -> I64Array:
        """The logical depth of inline level `level` of physical frame `frame` of stack number `stack`; -1 if unknown.

        A frame that isn't listed counts as one, as do the ones around it.
        """
        if not len(self.pcs):
            return np.full(len(stack), -1, dtype=np.int64)
        known = (stack >= 0) & (frame < self.size[stack])
        safe = np.where(known, stack, 0)
        first = self.words[safe]
        outer_first = self.size[safe] - (self.listed[safe] - self.inner[safe])
        unlisted = (frame >= self.inner[safe]) & (frame < outer_first)
        word = first + np.where(frame < self.inner[safe], frame, frame - self.left_out[safe])
        word = np.where(known & ~unlisted, word, first)
        start = self.start_of(safe, word)
        length = self.rows[word + 1] - self.rows[word]
        inside = start + np.maximum(length - 1 - level, 0)
        between = self._inner_rows(safe) + frame - self.inner[safe]
        return np.where(known, np.where(unlisted, between, inside), -1).astype(np.int64)

    def _inner_rows(self, stack: I64Array) -> I64Array:
        first = self.words[stack]
        return np.asarray(self.rows[first + self.inner[stack]] - self.rows[first])

    def start_of(self, stack: I64Array, word: I64Array) -> I64Array:
        """The depth at which the logical frames of a known physical one begin."""
        first = self.words[stack]
        beyond = word - first >= self.inner[stack]
        return self.rows[word] - self.rows[first] + np.where(beyond, self.left_out[stack], 0)

    def in_user_code(self) -> npt.NDArray[np.bool_]:
        """Which stacks have a frame, among the listed ones, of a Go function that isn't the runtime's."""
        return self._with_names(lambda name: not is_runtime_function(name))

    def with_function(self, name: str) -> npt.NDArray[np.bool_]:
        """Which stacks have a frame, among the listed ones, of that function."""
        return self._with_names(lambda other: other == name)

    def _with_names(self, wanted: Callable[[str], bool]) -> npt.NDArray[np.bool_]:
        symbols = self.symbols
        fits = np.array([wanted(name) for name in symbols.names], dtype=np.bool_)
        rows = np.concatenate(([0], np.cumsum(fits[symbols.function]))) if len(symbols.function) else np.zeros(1)
        of_symbol = np.diff(rows[symbols.starts]) > 0
        of_word = of_symbol[np.maximum(self.symbol, 0)] & (self.symbol >= 0) if len(of_symbol) else self.symbol >= 0
        words = np.concatenate(([0], np.cumsum(of_word)))
        return np.asarray(np.diff(words[self.words]) > 0)

    def logical_size(self) -> I64Array:
        """How many logical frames each stack has, a frame that isn't listed counting as one."""
        return self.rows[self.words[1:]] - self.rows[self.words[:-1]] + self.left_out


def decode_stacks(pages: Pages, stream: PlanStream | None, symbols: SymbolTable) -> Stacks:
    """The stacks of one process. Raises SeyError where the pages contradict themselves."""
    nothing: I64Array = np.zeros(0, dtype=np.int64)
    if stream is None:
        zero = np.zeros(1, dtype=np.int64)
        none = nothing
        return Stacks(none, none, none, none, none, zero, none.astype(np.uint64), zero, none, symbols)
    records, pcs = stack_words(pages, stream)
    listed = records["inner"].astype(np.int64) + records["outer"].astype(np.int64)
    order = np.argsort(records["id"], kind="stable")
    words = run_indices(run_starts(listed)[:-1][order], listed[order])
    records, listed, pcs = records[order], listed[order], pcs[words]
    size = records["frames"].astype(np.int64)
    if bool(np.any((size < listed) | (size > 1 << 32))):
        pages.fail("a stack", "it has fewer frames than are listed")
    ids, ends, inner = (records[name].astype(np.int64) for name in ("id", "end", "inner"))
    return stacks_of(ids, ends, size, inner, listed, pcs, symbols)


def stacks_of(
    ids: I64Array,
    ends: I64Array,
    size: I64Array,
    inner: I64Array,
    listed: I64Array,
    pcs: U64Array,
    symbols: SymbolTable,
) -> Stacks:
    """Stacks by ascending id, `listed` of `pcs` each, end to end."""
    symbol = symbols.find(pcs)
    chain = np.where(symbol >= 0, np.diff(symbols.starts)[symbol] if len(symbols.pcs) else 0, 0)
    rows = run_starts(np.maximum(chain, 1))
    symbol = np.where(chain > 0, symbol, -1)
    return Stacks(ids, ends, size, inner, listed, run_starts(listed), pcs, rows, symbol, symbols)


def frames_table(stacks: Stacks, pid: int) -> pa.Table:
    """Table `frames`: every logical frame of every distinct stack."""
    lengths = np.diff(stacks.rows)
    word = np.repeat(np.arange(len(stacks.pcs)), lengths)
    stack = np.repeat(np.arange(len(stacks.id)), stacks.rows[stacks.words[1:]] - stacks.rows[stacks.words[:-1]])
    within = np.arange(int(stacks.rows[-1])) - stacks.rows[word]
    depth = stacks.start_of(stack, word) + within
    symbols, symbol = stacks.symbols, stacks.symbol[word]
    known = symbol >= 0
    row = np.where(known, symbols.starts[np.maximum(symbol, 0)] + within, 0)

    def of(column: npt.NDArray[np.generic], unknown: int) -> npt.NDArray[np.generic]:
        return np.where(known, column[row], unknown) if len(column) else np.full(len(row), unknown)

    visibility = of(symbols.visibility, Visibility.SHOWN).astype(np.uint8)
    line = of(symbols.line, 0).astype(np.int32)
    names = pa.array([*symbols.names, "?"], pa.string())
    return pa.table(
        {
            "pid": _constant(pid, len(word)),
            "stack_id": pa.array(stacks.id[stack].astype(np.uint32)),
            "depth": pa.array(depth.astype(np.int32)),
            "function": _named(of(symbols.function, -1), names),
            "file": _named(of(symbols.file, -1), names),
            "line": pa.array(line, mask=line == 0),
            "inlined": pa.array(of(symbols.inlined, 0).astype(np.bool_)),
            "hidden": pa.array(hidden(visibility, stacks.rows[stacks.words])),
            "pc": pa.array(stacks.pcs[word] & np.uint64(PC_EXACT - 1)),
        }
    )


def stacks_table(stacks: Stacks, pid: int, uses: I64Array) -> pa.Table:
    """Table `stacks`; `uses` has for each goroutine the number of its stack, -1 for none."""
    count = len(stacks.id)
    goroutines = np.bincount(uses[uses >= 0], minlength=count)
    ends = pa.array([_END_WORDS.get(end, "unreadable") for end in stacks.end.tolist()], pa.string())
    return pa.table(
        {
            "pid": _constant(pid, count),
            "stack_id": pa.array(stacks.id.astype(np.uint32)),
            "goroutines": pa.array(goroutines.astype(np.int64)),
            "frames": pa.array(stacks.logical_size()),
            "truncated": pa.array(stacks.left_out),
            "ended": ends,
        }
    )


def _named(index: npt.NDArray[np.generic], names: pa.StringArray) -> pa.Array:
    numbers = index.astype(np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(numbers, mask=numbers < 0), names)


def _constant(pid: int, count: int) -> pa.Array:
    return pa.array(np.full(count, pid, dtype=np.int32))
