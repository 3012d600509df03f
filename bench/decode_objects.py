"""Decoding of a made-up capture of a million objects: small structs, half of them behind interfaces, half in maps.

    python -m bench.decode_objects [OBJECTS]

Each row has an interface that holds a pointer to a struct of its own, and a map from texts to such structs, 8 each.
Prints what each step took, and what memory `sey query` takes for such a file, as a multiple of the file's size: to read
it, decode it, keep the tables in the cache and answer from there.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt

from bench.decode import Writer, _bytes_positions, streams_of, timed
from sey.ir.plan import STRING_TYPE, PlanStream
from sey.runtime.capture import Capture, ProcessCapture
from sey.runtime.database import open_database
from sey.runtime.decode.tables import decode_capture
from sey.runtime.duck import fill
from sey.runtime.pages import Pages, record_dtype
from tests.support.captures import Shop, symbol_table
from tests.support.pages import built_in_streams, column

PATH = "/tmp/sey-bench-objects.seyc"
BUDGET, MEMORY = 1.5, 3.0
_ENTRIES = 8
_WORD = 0x7000
_SQL = "select count(*), sum(cast(held->'value'->'id' as bigint)), sum(cardinality(items)) from handle"


def build(count: int) -> Capture:
    """The capture, of `count` objects: per row one behind the interface, a map, and what its 8 entries point to."""
    shop = Shop(waiting=0)
    go = shop.go
    item = go.struct("main.Item", ("id", go.int64), ("size", go.int64), ("price", go.float64))
    pointer = go.pointer(item)
    table = go.map_of(go.string, pointer)
    assert table.entry is not None
    streams = built_in_streams({"f0": [16, 8]}, {"g0": 8, "reasons": 80})
    columns = (column("held", go.any), column("items", table))
    sites = tuple(replace(site, forms=(0, 0)) for site in shop.plan.blocks[0].sites)
    block = replace(shop.plan.blocks[0], columns=columns, sites=sites)
    plan = replace(shop.plan, types=tuple(go.all.values()), streams=streams, blocks=(block,), columns=())
    by_name = {s.name: s for s in streams}
    writer = Writer()
    rows_n = count // (2 + _ENTRIES)
    items = rows_n * (1 + _ENTRIES)
    numbers = np.arange(items, dtype=np.uint64)
    raw = np.zeros((items, 3), dtype="<u8")
    raw[:, 0], raw[:, 1] = numbers, numbers % 1000
    raw[:, 2] = (numbers.astype(np.float64) / 4).view("<u8")
    address = 0xC000000000 + numbers * np.uint64(24)
    objects = _objects(by_name["object"], address, item.id, 24)
    objects["position"] = _bytes_positions(writer, by_name["bytes"], raw.tobytes(), 24)
    keys = np.array([f"key-{n:04d}".encode() for n in range(1000)], dtype="S8")
    texts = _objects(by_name["object"], 0xD000000000 + np.arange(1000, dtype=np.uint64) * np.uint64(8), STRING_TYPE, 8)
    texts["length"] = 8
    texts["position"] = _bytes_positions(writer, by_name["bytes"], keys.tobytes(), 8)
    entries = np.zeros((rows_n * _ENTRIES, 3), dtype="<u8")
    which = np.random.default_rng(6).permuted(np.tile(np.arange(1000), (rows_n, 1)), axis=1)[:, :_ENTRIES].reshape(-1)
    entries[:, 0], entries[:, 1], entries[:, 2] = texts["address"][which], 8, address[rows_n:]
    size = table.entry.size * _ENTRIES
    maps = _objects(
        by_name["object"], 0xE000000000 + np.arange(rows_n, dtype=np.uint64) * np.uint64(48), table.id, size
    )
    maps["length"] = _ENTRIES
    maps["position"] = _bytes_positions(writer, by_name["bytes"], entries.tobytes(), size)
    rows = np.zeros(rows_n, record_dtype(by_name["f0"]))
    rows["goid"], rows["frame"], rows["s0"], rows["s1"] = np.arange(rows_n) + 1, 3, 1, 1
    held = np.stack([np.full(rows_n, _WORD, dtype=np.uint64), address[:rows_n]], axis=1)
    rows["v0"] = np.ascontiguousarray(held).view("u1").reshape(-1, 16)
    rows["v1"] = np.ascontiguousarray(maps["address"]).view("u1").reshape(-1, 8)
    words = np.zeros(1, record_dtype(by_name["typeword"]))
    words["word"], words["type"], words["number"], words["direct"] = _WORD, _WORD, pointer.id, 1
    for name, records in (("object", np.concatenate([objects, texts, maps])), ("f0", rows), ("typeword", words)):
        writer.put(by_name[name], records)
    bundle = shop.bundle()
    bundle = replace(bundle, binaries=(replace(bundle.binaries[0], plan=plan),))
    pages = Pages.from_pages(enumerate(writer.pages))
    return Capture((bundle,), (ProcessCapture(shop.facts(captured=rows_n), pages, symbol_table()),))


def _objects(stream: PlanStream, address: npt.NDArray[np.uint64], kind: int, size: int) -> npt.NDArray[np.void]:
    records = np.zeros(len(address), record_dtype(stream))
    records["address"], records["type"], records["status"] = address, kind, 1
    records["bytes"], records["length"] = size, 1
    return records


def main() -> int:
    """Measure; 0 if the budgets were met."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    match sys.argv[2:]:
        case ["build"]:
            build(count).save(PATH)
            return 0
        case ["memory"]:
            print(memory(count))
            return 0
    try:
        # Each by a process of its own, whose memory is not this one's.
        subprocess.run([sys.executable, "-m", "bench.decode_objects", str(count), "build"], check=True)
        # Before this one is larger: the kernel counts what a process was before it became another program.
        command = [sys.executable, "-m", "bench.decode_objects", str(count), "memory"]
        ratio = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        took = measure(count)
    finally:
        Path(PATH).unlink(missing_ok=True)
    print(f"{count} objects to tables   {took:.2f} s of CPU   (budget {BUDGET} s)")
    print(f"memory to query them   {ratio:.1f}x the capture   (budget {MEMORY:.0f}x)")
    return 0 if took <= BUDGET and ratio <= MEMORY else 1


def measure(count: int) -> float:
    """CPU seconds to decode the file."""
    capture, _ = timed("load and check the file", lambda: Capture.load(PATH))
    before = time.process_time()
    tables, _ = timed("decode to Arrow", lambda: decode_capture(capture))
    took = time.process_time() - before
    connection = duckdb.connect()
    timed("Arrow to DuckDB", lambda: fill(connection, "memory", streams_of(tables)))
    result, _ = timed("a query over all values", lambda: connection.execute(_SQL).fetchall())
    assert result == [_answer(count)], result
    return took


def memory(count: int) -> float:
    """What memory asking the file takes beyond that of the bare program, as a multiple of the file's size."""
    duckdb.connect().execute("select 1").fetchall()
    before = _peak()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SEY_CACHE_DIR"] = folder
        with open_database(Capture.load(PATH)) as database:
            rows = list(database.query(_SQL).rows())
    assert rows == [_answer(count)], rows
    return (_peak() - before) / Path(PATH).stat().st_size


def _answer(count: int) -> tuple[int, int, int]:
    rows = count // (2 + _ENTRIES)
    return rows, rows * (rows - 1) // 2, rows * _ENTRIES


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    sys.exit(main())
