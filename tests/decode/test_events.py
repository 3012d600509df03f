"""Traces, written as programs stream them and decoded again."""

from __future__ import annotations

import datetime
import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sey.binary.errors import SeyError
from sey.ir.plan import PC_EXACT, PlanType, Status
from sey.runtime.capture import Capture
from sey.runtime.database import open_database
from sey.runtime.decode import events
from sey.runtime.decode.events import decode_events
from sey.runtime.decode.tables import decode_capture
from sey.runtime.events.log import EventLog
from tests.support.captures import NOW, Shop, symbol_table
from tests.support.events import EventWriter, Trace, event_plan
from tests.support.pages import Chan, Func, GoTypes, Held, Map, Memory, Ref, column


def shop() -> Trace:
    """Three gets and two puts, streamed in another order than they happened."""
    trace = Trace()
    trace.add("get", time=NOW + 3_000_500, duration=1500, values=(2, b"small", None), goid=8)
    trace.add("put", time=NOW + 500, values=(Ref((1, b"pen")), 4), stack=(0x1400 | PC_EXACT, 0x1500))
    trace.add("get", time=NOW + 2_000_000, duration=7, values=(1, b"big", Held(trace.go.int64, 9)))
    trace.add("put", time=NOW + 900, values=(Ref((2, b"ink")), 5), stack=(0x1400 | PC_EXACT, 0x1500), goid=8)
    trace.add("get", time=NOW + 4_000_000, values=(3, b"", Held(trace.item, (4, b"cup"))))
    return trace


def test_events_become_tables(tmp_path: Path) -> None:
    shop().capture().save(str(tmp_path / "t.seyc"))
    with open_database(Capture.load(str(tmp_path / "t.seyc"))) as database:
        gets = database.query("select goid, thread_id, time_ns, function, duration, id, customer, reply from get")
        cup = {"type": "main.Item", "value": {"id": 4, "name": "cup"}}
        assert list(gets.rows()) == [
            (7, 1007, NOW + 2_000_000, "main.get", 7, 1, "big", {"type": "int64", "value": 9}),
            (8, 1008, NOW + 3_000_500, "main.get", 1500, 2, "small", None),
            (7, 1007, NOW + 4_000_000, "main.get", None, 3, "", cup),
        ]
        (first,) = database.connection.execute("select min(time) from get").fetchall()
        start = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC).replace(tzinfo=None)
        assert first == (start + datetime.timedelta(milliseconds=2),)
        puts = database.query("select goid, item, count, stack_id, snapshot from put")
        assert list(puts.rows()) == [
            (7, {"id": 1, "name": "pen"}, 4, 0, 0),
            (8, {"id": 2, "name": "ink"}, 5, 0, 0),
        ]
        frames = database.query(
            "select f.function, line from put join frames f using (pid, stack_id) where goid = 7 order by depth"
        )
        assert list(frames.rows()) == [("main.main.func1", 58), ("runtime.goexit", 1700)]
        stacks = database.query("select goroutines, frames, truncated, ended from stacks")
        assert list(stacks.rows()) == [(None, 2, None, None)]
        counts = database.query("select event, moment, seen, emitted, lost, probe_ns, rejected from events")
        assert list(counts.rows()) == [
            ("get", "return", 12, 10, 2, 5000, None),
            ("put", "entry", None, None, None, None, None),
        ]
        captured = database.query("select source, depth, name, value from captures where goid = 8 order by all")
        assert list(captured.rows()) == [
            ("get", None, "customer", "small"),
            ("get", None, "id", "2"),
            ("get", None, "reply", None),
            ("put", None, "count", "5"),
            ("put", None, "item", '{"id":2,"name":"ink"}'),
        ]
        assert [row[0] for row in database.query("select count(*) from goroutines").rows()] == [0]


def test_each_event_has_its_own_objects() -> None:
    """The same addresses hold other things in the next event, through every kind of reference."""
    go = GoTypes()
    inner = go.struct("main.In", ("name", go.string), ("list", go.slice(go.string)))
    kinds: dict[str, tuple[PlanType, Callable[[int], Any]]] = {
        "string": (go.string, lambda n: b"text %d" % n),
        "pointer": (go.pointer(inner), lambda n: Ref((b"in %d" % n, [b"a%d" % n, b"b"]))),
        "slice": (go.slice(go.pointer(go.string)), lambda n: [Ref(b"s%d" % n), None, Ref(b"t%d" % n)]),
        "map": (go.map_of(go.string, go.string), lambda n: Map([(b"k%d" % n, b"v%d" % n)])),
        "chan": (go.chan_of(go.string), lambda n: Chan(2, [b"c%d" % n])),
        "any": (go.any, lambda n: Held(inner, (b"held %d" % n, None))),
        "func": (go.func, lambda n: Func(0x1400, inner, (b"closed %d" % n, None))),
    }
    plan = event_plan(go, ("get", "entry", tuple(column(name, kind) for name, (kind, _) in kinds.items()), 0))
    parts, words = [], dict[int, tuple[int, bool]]()
    for event in range(5):
        memory, writer = Memory(go), EventWriter(plan.streams)
        values = {f"v{at}": memory.encode(kind, make(event)) for at, (kind, make) in enumerate(kinds.values())}
        writer.objects(memory.objects)
        writer.add("event_0", time=event, **{f"s{at}": 1 for at in range(len(kinds))}, **values)
        parts.append(writer.done())
        words |= memory.words
    facts = replace(Trace().facts(), type_words={w: number << 2 | held << 1 | 1 for w, (number, held) in words.items()})
    (rows,), _ = decode_events(EventLog.from_parts(parts), facts, plan, symbol_table())
    (decoded,) = rows.slices()
    shown = {column.column.name: [json.loads(t) for t in column.json().to_pylist()] for column in decoded.columns}
    for n in range(5):
        assert {name: values[n] for name, values in shown.items()} == {
            "string": f"text {n}",
            "pointer": {"name": f"in {n}", "list": [f"a{n}", "b"]},
            "slice": [f"s{n}", {"$status": "nil"}, f"t{n}"],
            "map": {f"k{n}": f"v{n}"},
            "chan": {"len": 1, "cap": 2, "closed": False, "elements": [f"c{n}"], "receivers": [], "senders": []},
            "any": {"type": "main.In", "value": {"name": f"held {n}", "list": {"$status": "nil"}}},
            "func": {"func": "main.main.func1", "captured": {"name": f"closed {n}", "list": {"$status": "nil"}}},
        }


def test_what_a_call_and_its_return_led_to_are_told_apart() -> None:
    """The same object may have changed in between, and may not be there any more."""
    go = GoTypes()
    item = go.struct("main.Item", ("name", go.string))
    pointer = go.pointer(item)
    columns = tuple(column(name, pointer) for name in ("before", "after"))
    plan = event_plan(go, ("get", "return", columns, 0), early={"get": (0,)})
    parts = list[bytes]()
    for matched, changed in ((True, True), (True, False), (False, True)):
        writer, before, after = EventWriter(plan.streams), Memory(go), Memory(go)
        values = before.encode(pointer, Ref((b"old",))), after.encode(pointer, Ref((b"new",)))
        row = {"time": len(parts), "s0": 1 if matched else int(Status.NOT_LIVE), "s1": 1}
        size = EventWriter(plan.streams)
        size.add("event_0")
        size.objects(before.objects)
        length = len(size.done()) - 8 if matched else 0
        writer.add("event_0", **row, v0=values[0], v1=values[1], flags=length)
        writer.objects(before.objects if matched else ())
        writer.objects(after.objects if changed else ())
        parts.append(writer.done())
    (rows,), _ = decode_events(EventLog.from_parts(parts), Trace().facts(), plan, symbol_table())
    (decoded,) = rows.slices()
    texts, words = zip(*((c.json().to_pylist(), c.status_words().to_pylist()) for c in decoded.columns), strict=True)
    assert texts == (['{"name":"old"}'] * 2 + [None], ['{"name":"new"}', None, '{"name":"new"}'])
    assert words == (["ok", "ok", "not_live"], ["ok", "budget", "ok"])


def test_what_one_event_lacks_is_not_taken_from_another() -> None:
    trace = Trace()
    trace.add("put", time=1, values=(Ref((1, b"pen")), 4))
    writer, memory = EventWriter(trace.plan.streams), Memory(trace.go)
    raw = memory.encode(trace.kinds["put"][0], Ref((2, b"ink")))
    writer.add("event_1", time=2, s0=1, v0=raw, s1=1)
    trace.parts.append(writer.done())
    table = decode_capture(trace.capture())["put"].to_pydict()
    assert table["item"] == [{"id": 1, "name": "pen"}, None]
    assert table["item__status"] == ["ok", "budget"]


def test_more_events_than_are_decoded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events.EventRows, "most", 7)
    trace = Trace()
    for number in range(100):
        trace.add("get", time=NOW + number * 1000, values=(number, b"n%d" % number, None))
    table = decode_capture(trace.capture())["get"].to_pydict()
    assert table["id"] == list(range(100))
    assert table["customer"] == [f"n{number}" for number in range(100)]


def test_statuses_and_sites_of_events() -> None:
    trace = Trace()
    statuses = (Status.OPTIMIZED_OUT, Status.NOT_LIVE, Status.UNREACHED)
    trace.add("get", values=(0, b"", None), statuses=statuses)
    trace.add("get", time=NOW + 1, values=(5, b"x", None), site=1)
    table = decode_capture(trace.capture())["get"].to_pydict()
    assert table["function"] == ["main.get", "main.get2"]
    words = list(zip(*(table[f"{name}__status"] for name in ("id", "customer", "reply")), strict=True))
    assert words == [("optimized_out", "not_live", "budget"), ("optimized_out",) * 3]


def test_events_of_several_processes_are_in_one_table() -> None:
    tables = decode_capture(shop().capture(4242, 4243))
    assert tables["get"].column("pid").to_pylist() == [4242] * 3 + [4243] * 3
    assert tables["events"].num_rows == 4
    assert tables["stacks"].column("pid").to_pylist() == [4242, 4243]


def test_a_snapshot_by_a_probe_that_has_events_has_their_tables() -> None:
    trace = Trace()
    tables = decode_capture(replace(Shop().capture(), bundles=(trace.bundle(),)))
    assert tables["get"].num_rows == tables["events"].num_rows == 0
    assert tables["handle"].num_rows == 6
    assert "events" not in decode_capture(Shop().capture())


def _damaged(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + struct.pack("<I", value) + data[at + 4 :]


@pytest.mark.parametrize(
    ("at", "value", "told"),
    [
        (0, 0, "byte 0 of the events: an event of 0 bytes"),
        (0, 12, "byte 0 of the events: an event of 12 bytes"),
        (0, 1 << 17, "an event of 131072 bytes"),
        (0, 1 << 12, "the end of the events: it is inside of an event"),
        (8, 0, "event 0: a record has an impossible header"),
        (12, 1 << 12, "event 0: a record has an impossible header"),
        (8, 4, "a record of stream `event_0` has"),
        (8 + 8 + 20, 9, "a row comes from an unknown place"),
        (8 + 8 + 32, 1 << 12, "a stack: 16 bytes at position 0x1000 are outside of event 0"),
        (8 + 8 + 32, 4, "a stack: 16 bytes at position 0x4 are outside of event 0"),
        (8 + 8 + 40, 1 << 31, "a stack"),
    ],
)
def test_damaged_events_are_told(at: int, value: int, told: str) -> None:
    writer = EventWriter(Trace().plan.streams)
    writer.add("event_1", stack=200, frames=2, s1=1)
    writer.put(bytes(16))
    whole = writer.done()
    offset = len(whole) - 8 - 16
    whole = whole.replace(struct.pack("<Q", 200), struct.pack("<Q", offset), 1)
    trace = Trace(parts=[whole])
    assert decode_capture(trace.capture())["put"].num_rows == 1
    with pytest.raises(SeyError) as raised:
        decode_capture(Trace(parts=[_damaged(whole, at, value)]).capture())
    assert told in str(raised.value)


def test_a_trace_needs_a_probe_with_events(tmp_path: Path) -> None:
    path = str(tmp_path / "t.seyc")
    replace(shop().capture(), bundles=(Shop().bundle(),)).save(path)
    with pytest.raises(SeyError, match="was traced with a probe that has no events"):
        Capture.load(path)


def test_objects_outside_of_their_event_are_told() -> None:
    trace = Trace()
    writer = EventWriter(trace.plan.streams)
    writer.add("event_1", s0=1, v0=struct.pack("<Q", 0xC000), s1=1)
    writer.add("object", address=0xC000, type=trace.item.id, status=1, bytes=24, position=4096)
    trace.parts.append(writer.done())
    with pytest.raises(SeyError, match="an object: 24 bytes at position 0x1000 are outside of event 0"):
        decode_capture(trace.capture())
