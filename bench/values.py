"""The pause with three values of one frame of each goroutine (a scalar, a string, a field behind a pointer), and how
long it takes from the captured pages to tables that can be queried.

    python bench/values.py [--goroutines 1000 10000 100000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import cProfile
import io
import pstats
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.common import heading, many, verdict
from bench.pause import report
from bench.rounds import Rounds, Taken, alternate
from sey.binary.gobinary import open_go
from sey.binary.symbolize import open_symbolizer
from sey.frontend.compile import compile_spec
from sey.frontend.source import Source
from sey.runtime.bundle import Bundle
from sey.runtime.capture import Capture, ProcessCapture, ProcessFacts
from sey.runtime.database import open_database
from sey.runtime.process import Process
from sey.runtime.symbols import distinct_pcs, symbolize

MICROS, SECONDS = 4.0, 3.0
SPEC = 'func "main.request" as requests { id, name, job.Priority as priority }\n'
_CHECK = (
    "select count(*), count(*) filter (name = 'request-' || id and priority = id % 10 "
    "and id__status = 'ok' and name__status = 'ok' and priority__status = 'ok') from requests"
)


def capture_of(taken: Taken, bundle: Bundle, process: Process) -> Capture:
    """The capture file's contents for one round."""
    probe = bundle.binaries[0]
    binary = open_go(process.exe_path)
    bias = process.load_bias(binary.elf.entry)
    symbols = symbolize(open_symbolizer(binary), distinct_pcs(probe.plan, taken.results.pages), bias)
    facts = ProcessFacts(process.pid, process.executable, counters=taken.counters, bias=bias)
    return Capture((bundle,), (ProcessCapture(facts, taken.results.pages, symbols),))


def decode(capture: Capture) -> float:
    """Seconds from the pages to the answer of a query over all rows, which also says whether the values are right."""
    start = time.perf_counter()
    with open_database(capture, cached=False) as database:
        rows = database.connection.execute(_CHECK).fetchall()
    seconds = time.perf_counter() - start
    total, right = rows[0]
    print(f"  {total} rows, {right} of them as the target made them")
    return seconds if total == right else float("inf")


def hot_spots(capture: Capture, count: int = 12) -> str:
    """Where decoding spends its time."""
    profile = cProfile.Profile()
    profile.runcall(decode, capture)
    text = io.StringIO()
    pstats.Stats(profile, stream=text).strip_dirs().sort_stats("tottime").print_stats(count)
    return text.getvalue()


def measure(count: int, rounds: int, *, profile: bool) -> bool:
    """One number of goroutines; whether the budgets are met."""
    with many(count) as (target, executable):
        bundle = compile_spec(Source("values.sey", SPEC), [str(executable)]).bundle
        found: Rounds = alternate(target.pid, executable, bundle.binaries[0], rounds)
        met = report(found, MICROS, None)
        counters = found.taken[0].counters
        lost = counters["rows_dropped"] + counters["objects_dropped"]
        print(f"  {counters['objects']} objects behind pointers, {lost} rows or objects dropped")
        process = Process.look(target.pid)
        seconds = []
        for taken in found.taken[:3]:
            capture = capture_of(taken, bundle, process)
            seconds.append(decode(capture))
    met &= verdict(f"pages to an answered query, {count} x 3 values", min(seconds), SECONDS, "s")
    if profile:
        print(hot_spots(capture))
    return met and not lost


def main() -> int:
    """Measure each number of goroutines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--goroutines", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="where decoding spends its time")
    arguments = parser.parse_args()
    heading("Pause: stacks of all goroutines, and three values of a frame of each")
    met = True
    for count in arguments.goroutines:
        met &= measure(count, arguments.rounds, profile=arguments.profile)
        print(flush=True)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
