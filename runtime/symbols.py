"""Names for the code addresses of a capture: the chain of frames, inlined ones included, behind each distinct pc.

A pc is written as in stacks (`PC_EXACT` set where the pc itself is to be looked up, else the one before it) and as an
address of the process, load bias included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sey.binary.symbolize import Symbolizer
from sey.ir import codec
from sey.ir.plan import FUNC_TYPE, PC_EXACT, STATUS_MASK, Plan, PlanStream, Status
from sey.runtime.pages import I64Array, Pages, U64Array, run_indices

_EXACT = np.uint64(PC_EXACT)


@dataclass(frozen=True)
class SymbolTable:
    """Chains of logical frames, innermost first, laid end to end.

    The chain of `pcs[i]` (ascending, distinct) are the rows `starts[i]` up to `starts[i + 1]`; a pc outside of Go code
    has none. `function` and `file` are indices into `names`, `visibility` is a class of `binary.visibility`.
    """

    pcs: U64Array
    starts: I64Array
    function: npt.NDArray[np.int32]
    file: npt.NDArray[np.int32]
    line: npt.NDArray[np.int32]
    inlined: npt.NDArray[np.bool_]
    visibility: npt.NDArray[np.uint8]
    names: tuple[str, ...] = field(repr=False)

    def find(self, keys: U64Array) -> I64Array:
        """For each key the index of its pc, or -1."""
        if not len(self.pcs):
            return np.full(len(keys), -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(self.pcs, keys), len(self.pcs) - 1)
        return np.where(self.pcs[at] == keys, at, -1).astype(np.int64)

    def physical(self, keys: U64Array) -> list[str | None]:
        """The physical function (the outermost of the chain) at each key, None where it is no Go code."""
        found = self.find(keys)
        some = (found >= 0) & (self.starts[found + 1] > self.starts[found])
        rows = np.where(some, self.starts[found + 1] - 1, 0)
        functions = self.function[rows] if len(self.function) else np.zeros(len(keys), dtype=np.int32)
        return [self.names[f] if known else None for f, known in zip(functions.tolist(), some.tolist(), strict=True)]

    def functions(self, addresses: U64Array) -> list[str | None]:
        """The functions that begin at these addresses, None where none is known to."""
        return self.physical(addresses | _EXACT)

    def to_bytes(self) -> bytes:
        """The form in capture files: JSON (spec/capture.md)."""
        return codec.dumps(
            _Stored(
                tuple(self.names),
                tuple(self.pcs.tolist()),
                tuple(np.diff(self.starts).tolist()),
                tuple(self.function.tolist()),
                tuple(self.file.tolist()),
                tuple(self.line.tolist()),
                tuple(self.inlined.astype(np.uint8).tolist()),
                tuple(self.visibility.tolist()),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes, document: str) -> SymbolTable:
        """Read what `to_bytes` wrote; `document` names it in errors. Raises SeyError."""
        stored = codec.loads(_Stored, data, document)
        frames = len(stored.function)
        _check(stored, frames, document)
        starts = np.concatenate(([0], np.cumsum(np.array(stored.counts, dtype=np.int64))))
        return cls(
            np.array(stored.pcs, dtype=np.uint64),
            starts.astype(np.int64),
            np.array(stored.function, dtype=np.int32),
            np.array(stored.file, dtype=np.int32),
            np.array(stored.line, dtype=np.int32),
            np.array(stored.inlined, dtype=np.bool_),
            np.array(stored.visibility, dtype=np.uint8),
            stored.names,
        )


@dataclass(frozen=True)
class _Stored:
    names: tuple[str, ...]
    pcs: tuple[int, ...]
    counts: tuple[int, ...]
    function: tuple[int, ...]
    file: tuple[int, ...]
    line: tuple[int, ...]
    inlined: tuple[int, ...]
    visibility: tuple[int, ...]


def _check(stored: _Stored, frames: int, document: str) -> None:
    def expect(truth: bool, place: str, reason: str) -> None:
        if not truth:
            raise codec.malformed(document, place, reason)

    columns = (stored.file, stored.line, stored.inlined, stored.visibility)
    expect(all(len(c) == frames for c in columns), "function", "the columns differ in length")
    expect(len(stored.counts) == len(stored.pcs), "counts", "there is not one for each pc")
    expect(all(c >= 0 for c in stored.counts) and sum(stored.counts) == frames, "counts", "they don't add up")
    expect(all(a < b for a, b in zip(stored.pcs, stored.pcs[1:], strict=False)), "pcs", "they don't ascend")
    expect(not stored.pcs or stored.pcs[0] >= 0, "pcs", "one is negative")
    names = len(stored.names)
    expect(all(0 <= n < names for n in (*stored.function, *stored.file)), "names", "one that is used is missing")
    expect(all(0 <= n < 1 << 31 for n in stored.line), "line", "an impossible line")
    expect(all(0 <= n < 256 for n in (*stored.inlined, *stored.visibility)), "visibility", "an impossible value")


def distinct_pcs(plan: Plan, pages: Pages) -> U64Array:
    """Every pc of a capture that wants a name, ascending: of stacks, of go statements, of start functions."""
    streams = {stream.name: stream for stream in plan.streams}
    found = [np.zeros(0, dtype=np.uint64)]
    if "goroutine" in streams:
        goroutines = pages.records(streams["goroutine"])
        found += [goroutines["gopc"], goroutines["startpc"] | _EXACT]
    if "stack" in streams:
        found.append(stack_words(pages, streams["stack"])[1])
    pcs = np.unique(np.concatenate(found).astype(np.uint64))
    return np.asarray(pcs[(pcs & ~_EXACT) != 0])


def function_pcs(plan: Plan, pages: Pages, symbolizer: Symbolizer, bias: int) -> U64Array:
    """The pcs that funcs of a capture hold, ascending. What isn't a function's first instruction is no func's."""
    stream = next((s for s in plan.streams if s.name == "object"), None)
    objects = pages.records(stream) if stream is not None else np.zeros(0, dtype=np.void)
    if stream is not None:
        there = (objects["status"] & STATUS_MASK) == Status.OK
        objects = objects[there & (objects["type"] == FUNC_TYPE) & (objects["bytes"] >= 16)]
    if not len(objects):
        return np.zeros(0, dtype=np.uint64)
    places = pages.places(objects["position"], np.full(len(objects), 8, dtype=np.int64), "a func")
    words = pages.data[run_indices(places, np.full(len(places), 8, dtype=np.int64))].view("<u8")
    return entry_pcs(np.unique(words), symbolizer, bias)


def entry_pcs(words: U64Array, symbolizer: Symbolizer, bias: int) -> U64Array:
    """Those of distinct words that are addresses of functions' first instructions, as pcs."""
    return np.asarray(words[np.isin(words - np.uint64(bias), symbolizer.table.entries)] | _EXACT)


def stack_words(pages: Pages, stream: PlanStream) -> tuple[npt.NDArray[np.void], U64Array]:
    """The stack records, and their pcs laid end to end (`inner + outer` words each). Raises SeyError."""
    stacks = pages.records(stream)
    counts = stacks["inner"].astype(np.int64) + stacks["outer"].astype(np.int64)
    places = pages.places(stacks["position"], counts * 8, "a stack")
    index = (run_indices(places, counts * 8)).astype(np.int64)
    return stacks, pages.data[index].view("<u8") if len(index) else np.zeros(0, dtype=np.uint64)


def symbolize(symbolizer: Symbolizer, pcs: U64Array, bias: int) -> SymbolTable:
    """Name `pcs` (ascending, as `distinct_pcs` gives them) by the executable's own function table. Raises SeyError."""
    addresses = (pcs & ~_EXACT) - np.uint64(bias)
    found = symbolizer.symbolize(addresses, (pcs & _EXACT) != 0)
    names: dict[str, int] = {}
    return SymbolTable(
        pcs,
        found.starts,
        _numbers(found.function, names),
        _numbers(found.file, names),
        np.maximum(found.line, 0).astype(np.int32),
        found.inlined,
        found.visibility,
        tuple(names),
    )


def _numbers(texts: Sequence[str], names: dict[str, int]) -> npt.NDArray[np.int32]:
    return np.array([names.setdefault(text, len(names)) for text in texts], dtype=np.int32)
