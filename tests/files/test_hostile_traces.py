"""Traces damaged in a thousand ways behind right checksums: each is refused as a file, or decoded to the end."""

from __future__ import annotations

import json
import time
from collections import Counter
from random import Random

import pytest

from sey.binary.errors import Exit, SeyError
from sey.ir.plan import PC_EXACT
from sey.runtime.bundle import Bundle
from sey.runtime.capture import Capture
from sey.runtime.container import BUNDLE, CAPTURE, pack, unpack
from sey.runtime.decode.live import decode_batch
from sey.runtime.decode.tables import decode_capture
from tests.fuzz.damage import damaged, lying
from tests.support.captures import NOW
from tests.support.events import Trace
from tests.support.pages import Held, Ref

VARIANTS = 500
_SECONDS = 2.0
"""Processor time that one may take."""


@pytest.fixture(scope="module")
def sections() -> dict[str, bytes]:
    trace = Trace()
    for number in range(30):
        held = Held(trace.item, (number, b"held")) if number % 2 else None
        trace.add("get", time=NOW + number, duration=number, values=(number, b"customer", held))
        stack = [0x1400 | PC_EXACT, 0x1500][: number % 3]
        trace.add("put", time=NOW + number, values=(Ref((number, b"name")), number), stack=stack)
    return {name: bytes(data) for name, data in trace.capture().sections().items()}


def test_each_is_refused_or_decoded_to_the_end(sections: dict[str, bytes]) -> None:
    endings = Counter[str]()
    for number in range(VARIANTS):
        random = Random(number)
        (name,) = random.choices(("p0/events", "manifest", "p0/symbols"), (8, 1, 1))
        part = sections[name]
        what, changed = lying(part, random) if part.startswith(b"{") else damaged(part, [("it", 0, len(part))], number)
        start = time.process_time()
        endings[ending(b"".join(pack(CAPTURE, {**sections, name: changed})), f"{number}: {name}: {what}")] += 1
        assert time.process_time() - start < _SECONDS, f"{number}: {name}: {what}"
    assert set(endings) <= {"read", "SEY0704", "SEY0705"}
    assert min(endings["read"], endings["SEY0704"]) > 100


def ending(data: bytes, what: str) -> str:
    """The code of the error that it ended with, or `read`."""
    try:
        capture = Capture.from_bytes("t.seyc", data)
        tables = decode_capture(capture)
        for process in capture.processes:
            if process.events is not None and process.symbols is not None:
                plan = capture.plan(process.facts)
                events = decode_batch(process.events, process.facts, plan, process.symbols)
                assert len(events) == sum(tables[event.table].num_rows for event in plan.events)
                json.dumps(events)
    except SeyError as error:
        return error.problems[0].code if error.exit_status is Exit.FILE else f"{what}: {error}"
    return "read"


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (("events", 0, "moment"), "later", "there is no moment `later`"),
        (("events", 1, "index"), 0, "events aren't numbered"),
        (("events", 1, "stream"), "event_0", "two streams of events are the same"),
        (("events", 0, "stream"), "object", "has no field time"),
        (("events", 0, "table"), "handle", "two tables are the same"),
        (("events", 0, "table"), "PUT", "two tables are the same"),
        (("events", 0, "early"), [7], "the event get has unknown columns"),
        (("events", 0, "window_ns"), -1, "the event get has an impossible number"),
        (("probes", 0, "event"), 2, "probe 0 is of no event"),
        (("probes", 0, "phase"), "x", "there is no phase `x`"),
        (("probes", 1, "number"), 0, "probes aren't numbered"),
        (("unprobed",), [{"event": 2, "function": "f", "reason": "r"}], "f is of no event"),
    ],
)
def test_plans_that_contradict_themselves(place: tuple[str | int, ...], value: object, told: str) -> None:
    sections = {name: bytes(data) for name, data in Trace().bundle().sections().items()}
    plan = json.loads(sections["b0/events/plan"])
    *path, last = place
    at = plan
    for step in path:
        at = at[step]
    at[last] = value
    changed = {**sections, "b0/events/plan": json.dumps(plan).replace('{"version": ', '{"version":').encode()}
    with pytest.raises(SeyError) as raised:
        Bundle.from_container(unpack("b.seyp", b"".join(pack(BUNDLE, changed)), BUNDLE)[1])
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("slot_bytes", 0, "slots of 0 bytes"),
        ("slot_bytes", 1 << 40, "slots of 1099511627776 bytes"),
        ("probes", [".bss", 0, 64], "`probes` can't be at 0 with 64 bytes"),
        ("pid", [".bss", 4, 8], "`pid` can't be at 4 with 8 bytes"),
        ("buffers", {}, "no buffer `in_bias`"),
        ("fsbase", None, "TypeError"),
    ],
)
def test_facts_that_cannot_be(name: str, value: object, told: str) -> None:
    sections = {part: bytes(data) for part, data in Trace().bundle().sections().items()}
    facts = json.loads(sections["b0/events/bpf"]) | {name: value}
    changed = {**sections, "b0/events/bpf": json.dumps(facts).encode()}
    with pytest.raises(SeyError) as raised:
        Bundle.from_container(unpack("b.seyp", b"".join(pack(BUNDLE, changed)), BUNDLE)[1])
    assert told in str(raised.value)
