"""Traces a running target while it does something, within this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sey.binary.symbolize import open_symbolizer
from sey.ir.plan import Plan
from sey.runtime.capture import ProcessFacts
from sey.runtime.decode.live import Event, decode_batch
from sey.runtime.events.log import EventLog
from sey.runtime.events.session import RING_BYTES, Session
from sey.runtime.events.symbols import event_symbols
from sey.runtime.process import Process
from tests.kernel.support import compiled

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Traced:
    """The events of a trace by time, what was counted by event, and the plan."""

    events: list[Event]
    counters: Mapping[str, Mapping[str, int]]
    plan: Plan


def trace(
    executable: Path, spec: str, pid: int, act: Callable[[], Answer], ring_bytes: int = RING_BYTES
) -> tuple[Answer, Traced]:
    """What `act` gives, and the events of a spec while it ran."""
    (probe,) = compiled(executable, spec).binaries
    with Session(Process.look(pid), probe, ring_bytes=ring_bytes) as session:
        session.attach()
        answer = act()
        session.detach()
        log = EventLog.parse(session.drain())
        symbols = event_symbols(log, session.plan, open_symbolizer(session.binary), session.bias)
        facts = ProcessFacts(pid, executable.name, type_words=session.type_words())
        return answer, Traced(decode_batch(log, facts, session.plan, symbols), session.counters(), session.plan)
