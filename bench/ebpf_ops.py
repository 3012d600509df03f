"""What operations cost on the eBPF backend: nanoseconds, and the ratio to an empty turn of a loop in the same run.

    python bench/ebpf_ops.py [--turns 1000000] [--json]

Each operation runs in a loop of its own; the program reads the clock around it, and the best of several runs counts.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import sys
from dataclasses import replace

from sey.backends.ebpf.compile import compile_snapshot
from sey.ir.nodes import Column, Program, Table, Type
from sey.ir.parser import parse_program
from sey.runtime.libbpf import BpfObject

ROWS = 131_072
RUNS = 5

_DECLARATIONS = """
buffer @in 16 host
buffer @times 16 host
buffer @state 64
buffer @window 4096 slack 16
buffer @pcs 8192 slack 8
dict @seen 65536
stream @rows {
  a i64 at 0, b i64 at 8, c i64 at 16, d i64 at 24, e i64 at 32, f i64 at 40, g i64 at 48, h i64 at 56
} size 64
stream @blob
"""

OPERATIONS: dict[str, tuple[int, str]] = {
    "an empty turn": (1, ""),
    "load, add, store at a constant place": (
        1,
        "%v = load i64 @state[0]  %w = add i64 %v, %i  store i64 @state[0], %w",
    ),
    "load and store at a masked offset": (1, "%v = load i64 @window[%i]  store i64 @pcs[%v], %v"),
    "step of a stack walk": (
        1,
        """
        %fp = load i64 @state[0]
        %base = load i64 @state[8]
        %rel = sub i64 %fp, %base
        %ret = load i64 @window[%rel + 8]
        %next = load i64 @window[%rel]
        %at = shl i64 %i, 3
        store i64 @pcs[%at], %ret
        %far = ugt i64 %next, %base
        if %far { break }
        %none = eq i64 %ret, 1
        if %none { break }
        store i64 @state[0], %next
        """,
    ),
    "call": (1, "call @nothing()"),
    "dict get, hit": (1, "%key = and i64 %i, 1023  %v = get @seen[%key], 0  store i64 @state[0], %v"),
    "dict get, miss": (1, "%key = add i64 %i, 1024  %v = get @seen[%key], 0  store i64 @state[0], %v"),
    "dict put over": (1, "%key = and i64 %i, 1023  %ok = put @seen[%key], %i"),
    "search in 128 k rows": (
        16,
        "%key = mul i64 %i, 40503  %in = and i64 %key, 0xfffff  %row = search @table.a, %in  store i64 @state[0], %row",
    ),
    "row of a table": (1, "%v = row i64 @table.a[%i]  store i64 @state[0], %v"),
    "begin a record and set 8 fields": (
        8,
        """
        %r = begin @rows
        %v = load i64 @state[0]
        set %r.a, %v  set %r.b, %i  set %r.c, %v  set %r.d, %i  set %r.e, %v  set %r.f, %i  set %r.g, %v  set %r.h, 7
        """,
    ),
    "reserve 64 bytes": (8, "%r = reserve @blob, %n max 64  set i64 %r[0], %i"),
    "read 8 bytes of the target": (8, "%at = load i64 @in[8]  %v = read i64 %at  store i64 @state[0], %v"),
    "fill 4 KiB from the target": (8, "%at = load i64 @in[8]  fill @window[0], %at, 4096 max 4096"),
    "clock": (4, "%t = clock  store i64 @state[0], %t"),
}
"""Each with what the number of turns is divided by, and its IR; `%i` is the turn."""


def program(body: str) -> Program:
    """A program that times a loop over the body."""
    table = Table("table", (Column("a", Type.I64, tuple(range(0, ROWS * 8, 8)), sorted=True),))
    text = f"""{_DECLARATIONS}
    func @nothing() {{ store i64 @state[8], 1 }}
    func @main() {{
      %n = load i64 @in[0]
      loop %k, 1024 max 1024 {{ %filled = put @seen[%k], %k }}
      attempt {{
        %start = clock
        store i64 @times[0], %start
        loop %i, %n max 8388608 {{
          {body}
        }}
      }} on fault %code, %detail {{ store i64 @times[0], 0 }}
      %end = clock
      store i64 @times[8], %end
    }}
    """
    return replace(parse_program(text, tables=[table]), tables=(table,))


def measure(body: str, turns: int) -> float:
    """Nanoseconds of one turn, the best of `RUNS`. The program reads our own memory. Raises RuntimeError on a fault."""
    compiled = compile_snapshot(program(body))
    target = (b"\x01" * 8192).ljust(16384)
    address = _address_of(target)
    best = float("inf")
    for _ in range(RUNS):
        with BpfObject.open(compiled.object) as bpf:
            bpf.map(compiled.output).resize(2)
            bpf.load()
            host = bpf.map(compiled.pages.map).mmap()
            inputs = struct.pack("<QQ", turns, address)
            places = [(compiled.pages, struct.pack("<Q", 512)), (compiled.buffers["in"], inputs)]
            for place, data in places:
                host[place.offset : place.offset + len(data)] = data
            bpf.run_iter(compiled.program, os.getpid())
            start, end = struct.unpack_from("<QQ", host, compiled.buffers["times"].offset)
            if not start:
                raise RuntimeError("the benchmark's program faulted")
            best = min(best, (end - start) / turns)
    return best


def _address_of(data: bytes) -> int:
    """Where the bytes of an object lie in our memory (CPython: behind its header, `bytes` has a trailing zero)."""
    return id(data) + sys.getsizeof(data) - len(data) - 1


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    costs = {name: measure(body, arguments.turns // part) for name, (part, body) in OPERATIONS.items()}
    empty = costs["an empty turn"]
    if arguments.json:
        print(json.dumps({name: {"ns": cost, "ratio": cost / empty} for name, cost in costs.items()}))
        return
    for name, cost in costs.items():
        print(f"{name:40} {cost:8.1f} ns {cost / empty:8.1f}×")


if __name__ == "__main__":
    main()
