"""Events one by one, and the names that they need."""

from __future__ import annotations

import json

import numpy as np

from sey.ir.plan import PC_EXACT, Status
from sey.runtime.decode.live import decode_batch
from sey.runtime.events.symbols import code_addresses
from tests.decode.test_events import shop
from tests.support.captures import NOW, symbol_table
from tests.support.events import Trace, event_plan
from tests.support.pages import Func, GoTypes, Held, column


def test_events_one_by_one() -> None:
    trace = shop()
    found = decode_batch(trace.log(), trace.facts(), trace.plan, symbol_table())
    assert [(event["event"], event["time_ns"] - NOW) for event in found] == [
        ("put", 500),
        ("put", 900),
        ("get", 2_000_000),
        ("get", 3_000_500),
        ("get", 4_000_000),
    ]
    assert found[0] == {
        "event": "put",
        "pid": 4242,
        "goid": 7,
        "thread_id": 1007,
        "time": "2026-01-02T03:04:05.0000005Z",
        "time_ns": NOW + 500,
        "function": "main.put",
        "stack": [
            {"function": "main.main.func1", "file": "/shop/main.go", "line": 58, "inlined": False},
        ],
        "item": {"id": 1, "name": "pen"},
        "count": 4,
    }
    assert [event["duration"] for event in found[2:]] == [7, 1500, None]
    assert found[2]["reply"] == {"type": "int64", "value": 9}


def test_values_that_are_missing_say_why() -> None:
    trace = Trace()
    trace.add("get", values=(1, b"x" * 600, None), statuses=(Status.NOT_LIVE, 1, 1))
    trace.add("get", time=NOW + 1, values=(1, b"x", Held(trace.go.float64, float("nan"))), site=1)
    (first, second) = decode_batch(trace.log(), trace.facts(), trace.plan, symbol_table())
    assert first["id"] == {"$status": "not_live"}
    assert first["customer"] == {"$status": "truncated", "$length": 600, "$value": "x" * 512}
    assert first["reply"] == {"$status": "nil"}
    assert {second[name]["$status"] for name in ("id", "customer", "reply")} == {"optimized_out"}


def test_zeros_keep_their_sign() -> None:
    trace = Trace()
    trace.add("get", values=(0, b"-0", Held(trace.go.float64, -0.0)))
    (event,) = decode_batch(trace.log(), trace.facts(), trace.plan, symbol_table())
    assert json.dumps([event["id"], event["customer"], event["reply"]["value"]]) == '[0, "-0", -0.0]'


def test_no_events_are_no_lines() -> None:
    trace = Trace()
    assert decode_batch(trace.log(), trace.facts(), trace.plan, symbol_table()) == []


def test_code_that_wants_names() -> None:
    trace = shop()
    found = code_addresses(trace.log(), trace.plan)
    assert found.pcs.tolist() == [0x1500, 0x1400 | PC_EXACT]
    assert found.functions.tolist() == []
    funcs = Trace(GoTypes())
    funcs.plan = event_plan(funcs.go, ("get", "entry", (column("f", funcs.go.func),), 0))
    funcs.kinds = {"get": (funcs.go.func,)}
    for pc in (0x1400, 0x1234, 0x1400):
        funcs.add("get", values=(Func(pc),))
    assert code_addresses(funcs.log(), funcs.plan).functions.tolist() == [0x1234, 0x1400]
    assert code_addresses(Trace().log(), Trace().plan).pcs.dtype == np.uint64
