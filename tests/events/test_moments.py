"""What a call of a running program was given, and what it returned, as a trace tells them apart."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from sey.binary.symbolize import open_symbolizer
from sey.runtime.capture import ProcessFacts
from sey.runtime.decode.live import decode_batch
from sey.runtime.events.log import EventLog
from sey.runtime.events.session import Session
from sey.runtime.events.symbols import event_symbols
from sey.runtime.process import Process
from tests.kernel.support import compiled
from tests.support.gobuild import build
from tests.support.kernel import require_bpf

ROUNDS = 20


def traced(spec: str) -> list[dict[str, Any]]:
    """The events of a spec while the target calls each of its functions `ROUNDS` times."""
    executable = build("events")
    (probe,) = compiled(executable, spec).binaries
    with subprocess.Popen([executable], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as target:
        assert target.stdin is not None
        assert target.stdout is not None
        target.stdout.readline()
        with Session(Process.look(target.pid), probe) as session:
            session.attach()
            target.stdin.write(f"{ROUNDS} 0\n")
            target.stdin.flush()
            json.loads(target.stdout.readline())
            session.detach()
            log = EventLog.parse(session.drain())
            symbols = event_symbols(log, session.plan, open_symbolizer(session.binary), session.bias)
            facts = ProcessFacts(target.pid, "events", type_words=session.type_words())
        target.stdin.close()
    return decode_batch(log, facts, session.plan, symbols)


@pytest.mark.parametrize("stack", ["", "stack 8"])
def test_an_object_that_a_call_changed_is_shown_as_it_was_and_as_it_is(stack: str) -> None:
    require_bpf()
    spec = f'event renamed on return "main.renames" {stack} {{ p, by as n, ~r0 as out, ~r0.Name as name }}'
    found = traced(spec)
    assert [event["n"] for event in found] == list(range(ROUNDS))
    for by, event in enumerate(found):
        assert event["p"] == {"X": 10, "Y": 0, "Name": "p"}
        assert event["out"] == {"X": 10 + by, "Y": 0, "Name": f"p{by}"}
        assert event["name"] == f"p{by}"
        callers = [frame["function"] for frame in event.get("stack", ())][1:]
        assert callers == (["main.once", "main.main"] if stack else [])
