"""The lines that follow a snapshot: pause, goroutines, commonest stacks, what is missing and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sey.ir.plan import Status
from sey.runtime.capture import Capture, ProcessFacts
from sey.runtime.decode.process import DecodedProcess, decode_process
from sey.runtime.decode.tables import ending, foreign_threads, skipped
from sey.runtime.decode.vectors import STATUS_WORDS
from sey.runtime.pages import I64Array
from sey.runtime.wording import counted, duration, printable

_COMMON = 3
_MOST_MISSING = 4
_MOST_PIDS = 5
_MOST_COUNTS = 10
_FINE = (Status.OK, Status.NIL, Status.ABSENT)
"""What is not missing: nothing behind a nil pointer, or nothing of that kind in the program, is an answer too."""


STANDARD = frozenset(
    (
        "archive", "bufio", "bytes", "cmp", "compress", "container", "context", "crypto", "database", "debug",
        "embed", "encoding", "errors", "expvar", "flag", "fmt", "go", "hash", "html", "image", "index",
        "internal", "io", "iter", "log", "maps", "math", "mime", "net", "os", "path", "plugin", "reflect",
        "regexp", "runtime", "slices", "sort", "strconv", "strings", "structs", "sync", "syscall", "testing",
        "text", "time", "unicode", "unique", "unsafe", "vendor", "weak",
    )
)  # fmt: skip
"""First elements of the paths of Go's standard library (`go list std`)."""


def summarize(capture: Capture) -> list[str]:
    """Four lines of text about what was captured, and one more where that waited for an event.

    Raises SeyError where the pages contradict themselves.

    Of several snapshots the commonest stacks and what is missing are those of the last one.
    """
    history = [p.facts for p in capture.processes if p.pages is not None]
    last = capture.last
    decoded = [decode_process(p, capture.plan(p.facts)) for p in last.processes if p.pages is not None]
    return [
        *(f"{'event':10}  {printable(facts.on_event)}" for facts in history if facts.on_event),
        f"{'pause':10}  {_pauses(history, decoded)}",
        f"{'goroutines':10}  {_goroutines_of_all(history, decoded)}",
        f"{'commonest':10}  {_common(decoded)}",
        f"{'missing':10}  {_missing(last, decoded)}",
    ]


def _pauses(history: Sequence[ProcessFacts], decoded: Sequence[DecodedProcess]) -> str:
    if len({facts.snapshot for facts in history}) < 2:
        skew = max((process.facts.skew_ns for process in decoded), default=0)
        apart = f"; paused within {duration(skew)} of each other" if skew else ""
        return ", ".join(map(_pause, decoded)) + apart
    longest = max(facts.pause_ns for facts in history)
    total = sum(facts.pause_ns for facts in history)
    snapshots = counted(len({facts.snapshot for facts in history}), "snapshot")
    return f"{duration(longest)} at most, {duration(total)} in {snapshots}"


def _pause(process: DecodedProcess) -> str:
    facts = process.facts
    threads = "1 thread" if facts.threads == 1 else f"{facts.threads} threads"
    foreign = foreign_threads(facts)
    if foreign:
        threads += f", {foreign} of them of C code"
    pause = f"none, from the core {printable(facts.core)}" if facts.core else duration(facts.pause_ns)
    chosen = f"; without eBPF: {printable(facts.engine_reason)}" if facts.engine_reason else ""
    held = f"; the thread of the event was held for {duration(facts.held_ns)}" if facts.held_ns else ""
    return f"{pause} (process {facts.pid}, {threads}){held}{chosen}"


def _goroutines_of_all(history: Sequence[ProcessFacts], decoded: Sequence[DecodedProcess]) -> str:
    if len({facts.snapshot for facts in history}) > 1:
        return " | ".join(_growth(pid, history) for pid in dict.fromkeys(facts.pid for facts in history))
    if len(decoded) == 1:
        return _goroutines(decoded[0])
    return " | ".join(f"process {process.facts.pid}: {_goroutines(process)}" for process in decoded)


def _growth(pid: int, history: Sequence[ProcessFacts]) -> str:
    """How many goroutines a process had, snapshot by snapshot; of many the first and the last."""
    counts = [str(facts.counters.get("captured", 0)) for facts in history if facts.pid == pid]
    if len(counts) > _MOST_COUNTS:
        counts = [*counts[: _MOST_COUNTS // 2], "…", *counts[-_MOST_COUNTS // 2 :]]
    which = f"process {pid}: " if any(facts.pid != pid for facts in history) else ""
    return which + " → ".join(counts)


def _goroutines(process: DecodedProcess) -> str:
    shown = _shown(process)
    stacks = len(shown.column("stack_id").drop_null().unique())
    text = f"{shown.num_rows} in {stacks} distinct stack{'' if stacks == 1 else 's'}"
    own = process.goroutines.num_rows - shown.num_rows
    if own:
        text += f", and {own} of the runtime's own"
    left_out = skipped(process.facts)
    if left_out:
        text += f"; {left_out} skipped: {ending(process.facts) or 'the program ended early'}"
    return text


def _shown(process: DecodedProcess) -> pa.Table:
    """The goroutines that Go's own dump would show."""
    return process.goroutines.filter(pc.invert(process.goroutines.column("system")))


def _common(decoded: Iterable[DecodedProcess]) -> str:
    """The commonest stacks by the innermost frame of the program's own code, with what they wait for."""
    counts: Counter[tuple[str, str]] = Counter()
    for process in decoded:
        inner = _telling(process)
        for stack, status, reason, count in _counted(_shown(process), "stack_id", "status", "wait_reason"):
            counts[inner.get(stack, "?"), reason or status] += count
    # Of a package its last element is enough for a person, as in Go source.
    shown = [
        f"{count} {function.rpartition('/')[2]} ({state})" for (function, state), count in counts.most_common(_COMMON)
    ]
    return printable(", ".join(shown)) or "none"


def _counted(table: pa.Table, *names: str) -> Iterable[tuple[Any, ...]]:
    """The distinct values of some columns, in the order of the table, each with how often it is there.

    Not by pyarrow's `group_by`, whose import takes longer than all the rest of a small summary.
    """
    chosen = table.select(names)
    place = np.zeros(len(table), dtype=np.int64)
    for column in chosen.columns:
        values = column.cast(pa.string()).combine_chunks().dictionary_encode(null_encoding="encode")
        place = place * max(len(values.dictionary), 1) + values.indices.to_numpy()
    _, first, count = np.unique(place, return_index=True, return_counts=True)
    order = np.argsort(first)
    rows = chosen.take(pa.array(first[order])).to_pydict()
    return zip(*rows.values(), count[order].tolist(), strict=True)


def _telling(process: DecodedProcess) -> dict[int, str]:
    """By stack the innermost frame that isn't of the standard library; where there is none, that a dump would show."""
    frames = process.frames.select(["stack_id", "function", "hidden"]).to_pydict()
    shown: dict[int, str] = {}
    own: dict[int, str] = {}
    for stack, function, hidden in zip(*frames.values(), strict=True):
        if not hidden:
            shown.setdefault(stack, function or "?")
            if function and not is_standard(function):
                own.setdefault(stack, function)
    return shown | own


def is_standard(function: str) -> bool:
    """Whether a function is of Go's standard library, by the first element of its package's path."""
    return function.partition("/")[0].partition(".")[0] in STANDARD


def _missing(capture: Capture, decoded: Sequence[DecodedProcess]) -> str:
    parts: list[tuple[int, str]] = []
    for process in decoded:
        for block in process.blocks:
            for shape, counts in zip(block.shapes, block.status_counts(), strict=True):
                parts += _of_column(f"{block.block.table}.{shape.column.name}", counts)
        for variable in process.globals:
            parts += _of_column(variable.variable.column.name, variable.value.status_counts())
        parts += _of_process(process)
    failed = [str(process.facts.pid) for process in capture.processes if process.pages is None]
    if failed:
        more = f" and {len(failed) - _MOST_PIDS} more" if len(failed) > _MOST_PIDS else ""
        parts.append((1 << 62, f"process{'' if len(failed) == 1 else 'es'} {', '.join(failed[:_MOST_PIDS])}{more}"))
    parts.sort(key=lambda part: -part[0])
    shown = [text for _, text in parts[:_MOST_MISSING]]
    more = f", and {len(parts) - _MOST_MISSING} more" if len(parts) > _MOST_MISSING else ""
    return printable(", ".join(shown) + more) if shown else "nothing"


def _of_column(name: str, counts: I64Array) -> list[tuple[int, str]]:
    wrong = [(count, status) for status, count in enumerate(counts.tolist()) if count and status not in _FINE]
    return [(count, f"{name} {STATUS_WORDS[status]} in {count} of {counts.sum()}") for count, status in wrong]


def _of_process(process: DecodedProcess) -> list[tuple[int, str]]:
    counters = process.facts.counters
    words = {
        "unreadable": "goroutines that could not be read",
        "rows_dropped": "rows dropped for lack of room or time",
        "objects_dropped": "values behind pointers dropped for lack of room or time",
        "bad_stacks": "stacks whose outer end could not be reached",
    }
    found = [(counters[name], f"{counters[name]} {text}") for name, text in words.items() if counters.get(name)]
    for table, count in process.facts.when_missing.items():
        if count:
            found.append((count, f"{count} frames of {table} whose `when` had a missing operand"))
    found += [(1, note) for note in process.facts.notes]
    return found
