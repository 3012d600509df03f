"""Whole captures made up by tests: a small shop whose requests wait, with every table filled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sey.binary.identity import Identity
from sey.ir.plan import (
    COUNTERS,
    PC_EXACT,
    PLAN_VERSION,
    Plan,
    PlanBlock,
    PlanGlobal,
    PlanSite,
    PlanSqlColumn,
    PlanSqlTable,
    State,
    Status,
)
from sey.runtime.bundle import BinaryProbe, Bundle
from sey.runtime.capture import Capture, ProcessCapture, ProcessFacts
from sey.runtime.symbols import SymbolTable
from tests.support.pages import GoTypes, Memory, PageWriter, Ref, built_in_streams, column

SECOND = 1_000_000_000
NOW = 5_000 * SECOND

WAITING = "select customer, count(*) as n from handle group by 1 order by 2 desc, 1"
SPEC = f"""func "main.(*server).handle" as handle {{ request, customer, done }}
global "main.limit"
table waiting = "{WAITING}"
column handle.big boolean = "customer = 'big'"
"""

# pc → chain of (function, file, line, inlined, visibility), innermost first.
Chain = tuple[tuple[str, str, int, bool, int], ...]
SHOWN, HIDDEN = 0, 1
CODE: dict[int, Chain] = {
    0x1000 | PC_EXACT: (("runtime.gopark", "/go/src/runtime/proc.go", 435, False, HIDDEN),),
    0x1100: (("runtime.semacquire1", "/go/src/runtime/sema.go", 188, False, HIDDEN),),
    0x1200: (("sync.(*Mutex).Lock", "/go/src/sync/mutex.go", 46, False, SHOWN),),
    0x1300: (
        ("main.(*server).lock", "/shop/main.go", 20, True, SHOWN),
        ("main.(*server).handle", "/shop/main.go", 41, False, SHOWN),
    ),
    0x1400: (("main.main.func1", "/shop/main.go", 60, False, SHOWN),),
    0x1500: (("runtime.goexit", "/go/src/runtime/asm_amd64.s", 1700, False, HIDDEN),),
    0x1600: (("net.(*Resolver).lookup", "/go/src/net/lookup.go", 9, False, SHOWN),),
    0x1400 | PC_EXACT: (("main.main.func1", "/shop/main.go", 58, False, SHOWN),),
    0x1700: (("main.main", "/shop/main.go", 58, False, SHOWN),),
}


def symbol_table(code: dict[int, Chain] = CODE) -> SymbolTable:
    """The table that names these pcs."""
    pcs = sorted(code)
    frames = [frame for pc in pcs for frame in code[pc]]
    names = list(dict.fromkeys(name for frame in frames for name in frame[:2]))
    return SymbolTable(
        np.array(pcs, dtype=np.uint64),
        np.cumsum([0, *(len(code[pc]) for pc in pcs)]).astype(np.int64),
        np.array([names.index(f[0]) for f in frames], dtype=np.int32),
        np.array([names.index(f[1]) for f in frames], dtype=np.int32),
        np.array([f[2] for f in frames], dtype=np.int32),
        np.array([f[3] for f in frames], dtype=np.bool_),
        np.array([f[4] for f in frames], dtype=np.uint8),
        tuple(names),
    )


class Shop:
    """The plan and the pages of a shop with `waiting` requests behind a lock whose holder waits for the network.

    `customer` is the holder's.
    """

    def __init__(self, waiting: int = 5, customer: bytes = b"big") -> None:
        go = self.go = GoTypes()
        self.request = go.struct("main.Request", ("id", go.int64), ("path", go.string))
        self.label = go.struct("runtime/pprof.label", ("key", go.string), ("value", go.string))
        label_set = go.struct("runtime/pprof.LabelSet", ("list", go.slice(self.label)))
        self.labels = go.struct("runtime/pprof.labelMap", ("LabelSet", label_set))
        pointer = go.pointer(self.request)
        columns = (column("request", pointer), column("customer", go.string), column("done", go.chan))
        reasons = go.array(go.string, 5)
        streams = built_in_streams({"f0": [c.bytes for c in columns]}, {"g0": 8, "reasons": reasons.size})
        site = PlanSite("main.(*server).handle", 0, (0, 0, 0))
        self.plan = Plan(
            version=PLAN_VERSION,
            go_version="go1.25.5",
            spec_path="shop.sey",
            streams=streams,
            types=tuple(go.all.values()),
            blocks=(PlanBlock(0, "handle", "f0", "main.(*server).handle", columns, (site,)),),
            globals=(
                PlanGlobal("g0", column("limit", go.int64)),
                PlanGlobal("reasons", column("reasons", reasons, max_items=100), internal=True),
            ),
            programs=(),
            tables=(PlanSqlTable("waiting", WAITING),),
            columns=(PlanSqlColumn("handle", "big", "boolean", "customer = 'big'"),),
            labels_type=self.labels.id,
            wait_reasons="reasons",
        )
        self.memory = Memory(go)
        self.writer = PageWriter(streams)
        words = (b"", b"chan receive", b"select", b"sync.Mutex.Lock", b"IO wait")
        self.writer.add("reasons", s0=1, v0=self.memory.encode(reasons, list(words)))
        self.writer.add("g0", s0=1, v0=self.memory.encode(go.int64, 100))
        lock = [0x1000 | PC_EXACT, 0x1100, 0x1200, 0x1300, 0x1400, 0x1500]
        self.writer.stack(0, lock)
        self.writer.stack(1, [0x1600, 0x1300, 0x1400, 0x1500])
        for number in range(waiting):
            self._goroutine(10 + number, stack=0, reason=3, since=NOW - (number + 1) * SECOND)
            self._row(10 + number, stack=0, frame=3, customer=b"big" if number % 3 else b"small")
        self._goroutine(99, stack=1, reason=4, since=NOW - 90 * SECOND, labels={b"tenant": b"big"})
        self._row(99, stack=1, frame=1, customer=customer)
        self.writer.objects(self.memory.objects)

    def _goroutine(
        self, goid: int, *, stack: int, reason: int, since: int, labels: dict[bytes, bytes] | None = None
    ) -> None:
        place = 0
        if labels is not None:
            raw = self.memory.encode(self.labels, [[list(labels.items())]])
            place = self.memory.note(self.labels.id, raw, 1)
        self.writer.add(
            "goroutine",
            g=0xC000_0000_0000 + goid * 512,
            goid=goid,
            status=4,
            wait_reason=reason,
            wait_since=since,
            parent_goid=1,
            gopc=0x1700,
            startpc=0x1400,
            labels=place,
            stack=stack,
        )

    def _row(self, goid: int, *, stack: int, frame: int, customer: bytes) -> None:
        encode = self.memory.encode
        members: dict[str, int | bytes] = {
            **{"s0": 1, "s1": 1, "s2": int(Status.NOT_LIVE)},
            "v0": encode(self.go.pointer(self.request), Ref((goid, b"/cart")))[:8],
            "v1": encode(self.go.string, customer),
            "v2": bytes(8),
        }
        self.writer.add("f0", goid=goid, stack=stack, frame=frame, site=0, **members)

    def facts(self, pid: int = 4242, captured: int = 6) -> ProcessFacts:
        """What is known of the process besides."""
        counters = dict.fromkeys(COUNTERS, 0) | {"state": int(State.DONE), "goroutines": captured + 2}
        return ProcessFacts(
            pid=pid,
            executable="/srv/shop-server",
            go_version="go1.25.5",
            build_id="abc",
            captured_at_ns=1_767_323_045 * SECOND,
            monotonic_ns=NOW,
            pause_ns=1_234_567,
            threads=7,
            counters=counters | {"captured": captured, "dead": 2, "stacks": 2},
        )

    def bundle(self) -> Bundle:
        """The bundle it was taken with."""
        identity = Identity("go/build/id/x", "gnu", "00" * 32, 1234)
        probe = BinaryProbe("shop-server", identity, "go1.25.5", self.plan, "program {}\n")
        return Bundle("shop.sey", SPEC, (probe,))

    def capture(self, *, pids: tuple[int, ...] = (4242,)) -> Capture:
        """The capture: the same pages for each pid."""
        processes = [
            ProcessCapture(replace(self.facts(), pid=pid), self.writer.pages(), symbol_table()) for pid in pids
        ]
        return Capture((self.bundle(),), tuple(processes))
