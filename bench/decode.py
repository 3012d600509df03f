"""Decoding of a made-up capture to queryable tables: 100 000 goroutines with three values each.

    python -m bench.decode [GOROUTINES]

Each goroutine has its own stack number among 64 stacks, a scalar, a string of its own, and a struct behind a pointer
with a string of its own. Prints what each step took, and the whole as a ratio to copying the same pages once. Before
that, how many events of a trace are decoded in a second of one processor.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sey.ir.nodes import PAGE_BYTES, PAGE_HEADER_BYTES
from sey.ir.plan import STRING_TYPE, PlanStream
from sey.runtime import decoded_cache
from sey.runtime.capture import Capture, ProcessCapture
from sey.runtime.database import open_database
from sey.runtime.decode.events import decode_events
from sey.runtime.decode.eventtables import event_table
from sey.runtime.decode.tables import TableStream, decode_capture
from sey.runtime.duck import fill
from sey.runtime.events.log import EventLog
from sey.runtime.pages import Pages, record_dtype
from tests.support.captures import CODE, NOW, Shop, symbol_table
from tests.support.events import EventWriter, Trace, event_plan
from tests.support.pages import built_in_streams, column

Result = TypeVar("Result")
BUDGET = 3.0
EVENT_BUDGET = 200_000


class Writer:
    """Whole arrays of records into pages."""

    def __init__(self) -> None:
        self.pages: list[bytes] = []

    def put(self, stream: PlanStream, records: npt.NDArray[np.void] | bytes) -> int:
        """Write records; gives the position of the first."""
        raw = records if isinstance(records, bytes) else records.tobytes()
        first = len(self.pages) * PAGE_BYTES + PAGE_HEADER_BYTES
        size = stream.size or 8
        room = (PAGE_BYTES - PAGE_HEADER_BYTES) // size * size
        for at in range(0, len(raw), room):
            part = raw[at : at + room]
            header = np.array([stream.number + 1, len(part), 0, 0], dtype="<u4").tobytes()
            self.pages.append((header + part).ljust(PAGE_BYTES, b"\0"))
        return first


def build(count: int) -> Capture:
    """The capture, as programs and the runtime would leave it."""
    shop = Shop(waiting=0)
    pointer = shop.plan.blocks[0].columns[0].types[0]
    types = {kind.id: kind for kind in shop.plan.types}
    columns = (column("id", shop.go.int64), column("customer", shop.go.string), column("request", types[pointer]))
    streams = built_in_streams({"f0": [8, 16, 8]}, {"g0": 8, "reasons": 80})
    block = replace(shop.plan.blocks[0], columns=columns)
    plan = replace(shop.plan, streams=streams, blocks=(block,), columns=())
    by_name = {s.name: s for s in streams}
    writer = Writer()
    numbers = np.arange(count, dtype=np.uint64)
    texts = np.arange(count, dtype="<u8") % np.uint64(10**8)
    digits = np.char.zfill(texts.astype(str), 8).astype("S8").tobytes()
    text_at = _bytes_positions(writer, by_name["bytes"], digits * 2, 8)
    strings = np.zeros(2 * count, record_dtype(by_name["object"]))
    strings["address"] = 0xC000000000 + np.arange(2 * count, dtype=np.uint64) * 16
    strings["type"], strings["status"], strings["bytes"], strings["length"] = STRING_TYPE, 1, 8, 8
    strings["position"] = text_at
    requests = np.zeros((count, 3), dtype="<u8")
    requests[:, 0], requests[:, 1], requests[:, 2] = numbers, strings["address"][count:], 8
    objects = np.zeros(count, record_dtype(by_name["object"]))
    objects["address"] = 0xD000000000 + numbers * np.uint64(32)
    objects["type"], objects["status"], objects["bytes"], objects["length"] = shop.request.id, 1, 24, 1
    objects["position"] = _bytes_positions(writer, by_name["bytes"], requests.tobytes(), 24)
    rows = np.zeros(count, record_dtype(by_name["f0"]))
    rows["goid"], rows["stack"], rows["frame"] = numbers + 1, numbers % 64, 3
    for n in range(3):
        rows[f"s{n}"] = 1
    rows["v0"] = numbers.view("u1").reshape(-1, 8)
    header = np.stack([strings["address"][:count], np.full(count, 8, dtype=np.uint64)], axis=1)
    rows["v1"] = np.ascontiguousarray(header).view("u1").reshape(-1, 16)
    rows["v2"] = np.ascontiguousarray(objects["address"]).view("u1").reshape(-1, 8)
    goroutines = np.zeros(count, record_dtype(by_name["goroutine"]))
    goroutines["g"], goroutines["goid"], goroutines["status"] = 0xC000 + numbers, numbers + 1, 4
    goroutines["wait_reason"], goroutines["wait_since"] = 3, numbers + 1
    goroutines["gopc"], goroutines["startpc"], goroutines["stack"] = 0x1700, 0x1400, numbers % 64
    pcs = np.array([*CODE][:6], dtype="<u8").tobytes()
    stacks = np.zeros(64, record_dtype(by_name["stack"]))
    stacks["id"], stacks["end"], stacks["frames"], stacks["inner"] = np.arange(64), 1, 6, 6
    stacks["position"] = _bytes_positions(writer, by_name["bytes"], pcs * 64, 48)
    for name, records in (("object", np.concatenate([strings, objects])), ("f0", rows), ("goroutine", goroutines)):
        writer.put(by_name[name], records)
    writer.put(by_name["stack"], stacks)
    bundle = shop.bundle()
    bundle = replace(bundle, binaries=(replace(bundle.binaries[0], plan=plan),))
    pages = Pages.from_pages(enumerate(writer.pages))
    return Capture((bundle,), (ProcessCapture(shop.facts(captured=count), pages, symbol_table()),))


def _bytes_positions(writer: Writer, stream: PlanStream, data: bytes, size: int) -> npt.NDArray[np.uint64]:
    """Write runs of `size` bytes, none across pages; gives the position of each."""
    per_page = (PAGE_BYTES - PAGE_HEADER_BYTES) // size
    positions = []
    for at in range(0, len(data), per_page * size):
        part = data[at : at + per_page * size]
        first = writer.put(stream, part)
        positions.append(first + np.arange(len(part) // size, dtype=np.uint64) * np.uint64(size))
    return np.concatenate(positions)


def timed(name: str, work: Callable[[], Result]) -> tuple[Result, float]:
    """Run it and print what it took."""
    start = time.perf_counter()
    result = work()
    took = time.perf_counter() - start
    print(f"{name:34} {took * 1000:8.1f} ms")
    return result, took


def streams_of(tables: Mapping[str, pa.Table]) -> list[TableStream]:
    """Decoded tables in the form in which DuckDB is filled with them."""
    return [TableStream.whole(name, table) for name, table in tables.items()]


def events_a_second(count: int = 200_000) -> float:
    """How many events with three scalars are read and decoded to their table in a second of processor time."""
    trace = Trace()
    columns = (column("id", trace.go.int64), column("size", trace.go.int32), column("ok", trace.go.bool))
    plan = event_plan(trace.go, ("get", "return", columns, 0))
    writer = EventWriter(plan.streams)
    values = {f"s{at}": 1 for at in range(len(columns))}
    writer.add("event_0", time=NOW, goid=7, thread=7, duration=5, v0=9, v1=8, v2=1, **values)
    data = writer.done() * count

    def decoded() -> int:
        rows, _ = decode_events(EventLog.parse(data), trace.facts(), plan, symbol_table())
        table = event_table(rows)
        return sum(table.batch(part).num_rows for part in rows[0].slices())

    start = time.process_time()
    found, _ = timed(f"decode {count} events", decoded)
    assert found == count, found
    return count / (time.process_time() - start)


def main() -> int:
    """Measure; 0 if the budgets were met."""
    rate = events_a_second()
    print(f"events with three scalars   {rate:.0f} a second   (budget {EVENT_BUDGET})")
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    path = "/tmp/sey-bench-decode.seyc"
    built = build(count)
    timed("save", lambda: built.save(path))
    try:
        decoded_cache._SMALLEST = 1 << 62  # measure decoding, not the cache
        capture, _ = timed("load and check the file", lambda: Capture.load(path))
        pages = capture.processes[0].pages
        assert pages is not None
        _, copy = timed(f"copy its {len(pages.data) >> 20} MiB of pages once", pages.data.copy)
        tables, _ = timed("decode to Arrow", lambda: decode_capture(capture))
        connection = duckdb.connect()
        timed("Arrow to DuckDB", lambda: fill(connection, "memory", streams_of(tables)))
        database, whole = timed("load to open database, in all", lambda: open_database(Capture.load(path)))
        sql = "select count(distinct customer), sum(request.id), min(id) from handle"
        result, _ = timed("a query over all values", lambda: list(database.query(sql).rows()))
        assert result == [(count, count * (count - 1) // 2, 0)], result
        ratio = f"{whole / copy:.0f}x a copy of the pages"
        print(f"capture to tables, {count} goroutines   {whole:.2f} s   {ratio}   (budget {BUDGET:.0f} s)")
        return 0 if whole <= BUDGET and rate >= EVENT_BUDGET else 1
    finally:
        Path(path).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
