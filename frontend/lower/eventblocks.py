"""The code of `event` blocks: a routine for each moment of an event, and the dispatch by probe."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sey.frontend import bound
from sey.frontend.bound import Moment
from sey.frontend.lower.blocks import Forms, Shared, capture_column, condition
from sey.frontend.lower.captures import Target
from sey.frontend.lower.expressions import Scope
from sey.frontend.lower.moments import Moments
from sey.frontend.lower.places import SLOT_BYTES
from sey.frontend.lower.runtime import PHASE_CALL, PHASE_RETURN
from sey.frontend.lower.sites import SiteBook, names_of
from sey.frontend.lower.straight import fetch_site
from sey.ir.builder import FunctionBuilder
from sey.ir.nodes import RECORD_HEADER_BYTES, Function, Stream, Type, Value, layout_stream
from sey.ir.plan import EVENT_COUNTERS, WORD_TIME, Status

KEPT_WORDS = 20
"""Words of a slot that hold all of it: status, address, masks, and a value of 128 bytes."""
STASH = "calls"
STRAIGHT_SITES = 4
"""With more sites the variables of an event are fetched by the prelude's tables."""


class Phase(enum.IntEnum):
    """Which moment of an event a probe is for, as the table `probes` has it."""

    ENTRY = 0
    CALL = PHASE_CALL
    """The entry of a call whose return is the event."""
    RETURN = PHASE_RETURN
    LINE = 3


PHASES = {Moment.ENTRY: (Phase.ENTRY,), Moment.RETURN: (Phase.CALL, Phase.RETURN), Moment.LINE: (Phase.LINE,)}


def counter(name: str) -> int:
    """Where a counter is in the words of an event."""
    return 8 * EVENT_COUNTERS.index(name)


def kept_stream(number: int, kept: Sequence[str]) -> Stream:
    """The stream of the parameters that a return event keeps (`kept_<number>`)."""
    members: list[tuple[str, Type | int]] = [(f"k{i}", 8 * KEPT_WORDS) for i in range(len(kept))]
    return layout_stream(f"kept_{number}", members)


@dataclass(frozen=True)
class Routine:
    """What lowers the routines of one event; `stream` is that of its rows."""

    shared: Shared
    number: int
    event: bound.Event
    moments: Moments
    book: SiteBook
    stream: Stream
    sites: tuple[int, ...]
    """Those of its places."""

    def lower(self, name: str, phase: Phase) -> Function:
        """The function `name(site)` for a phase."""
        b = FunctionBuilder(name, [("site", Type.I64)])
        code = _Code(self, b, b.parameters[0])
        with b.at(self.shared.at(self.event.span)):
            match phase:
                case Phase.CALL:
                    code.call()
                case Phase.RETURN:
                    code.returned()
                case _:
                    code.once()
        return b.finish()


class _Code:
    """Writes one routine."""

    def __init__(self, routine: Routine, b: FunctionBuilder, site: Value) -> None:
        self._of, self._b, self._site = routine, b, site
        self._slots = {name: slot for slot, name in enumerate(names_of(routine.event))}
        shared = routine.shared
        self._scope = Scope(self._slots, shared.dynamic, shared.maps, shared.contexts)
        self._forms = Forms(routine.book, routine.number, site)
        self._stream = routine.stream.name

    def once(self) -> None:
        """An event that is one moment."""
        b, event = self._b, self._of.event
        self._fetch()
        with b.if_else(self._holds(event.when)) as choice:
            with choice.then():
                self._find_goroutine()
                self._unless_limited(self._row_at_once)
            with choice.otherwise():
                self._count("rejected")

    def _row_at_once(self) -> None:
        record = self._begin()
        self._columns(record, range(len(self._of.event.captures)))
        self._b.store("outcome", self._b.const(1))

    def call(self) -> None:
        """The entry of a call whose return is the event: what belongs to it is kept."""
        b = self._b
        self._fetch()
        with b.if_else(self._holds(self._of.moments.when_call)) as choice:
            with choice.then():
                self._find_goroutine()
                record = self._begin()
                b.put(record, self._depth(), field="flags")
                if self._of.moments.kept:
                    self._keep()
                self._columns(record, sorted(self._of.moments.columns))
                b.store("outcome", b.const(2))
            with choice.otherwise():
                self._count("rejected")
                b.call("forget_call")

    def returned(self) -> None:
        """The return."""
        b = self._b
        self._fetch()
        self._find_goroutine()
        self._match()
        with b.if_(b.ne(b.load(Type.I64, "wanted_row"), 0)):
            with b.if_(b.eq(b.load(Type.I64, "matched"), 0)):
                self._begin_without_call()
            self._row_of_return()

    def _begin_without_call(self) -> None:
        """A call that began before the trace did, or for which there was no room."""
        b = self._b
        self._count("unmatched")
        record = self._begin()
        for column in sorted(self._of.moments.columns):
            b.put(record, b.const(Status.NOT_LIVE, Type.I8), field=f"s{column}")
        for name in self._of.moments.kept:
            self._forget(self._slots[name])

    def _match(self) -> None:
        """Bring back what the call's entry left. `matched` says whether it was this call's, `wanted_row` whether there
        is to be a row: not of a call that may have been left out when it began.
        """
        b = self._b
        b.store("matched", b.const(0))
        found = b.restore(STASH, b.load(Type.I64, "call_key"))
        with b.if_(b.ne(found, 0)):
            record = b.reopen(self._stream, RECORD_HEADER_BYTES)
            same = b.eq(b.get(Type.I64, record, field="goid"), b.load(Type.I64, "row_goid"))
            same = b.and_(same, b.eq(b.get(Type.I32, record, field="flags"), self._depth()))
            with b.if_else(same) as choice:
                with choice.then():
                    b.store("matched", found)
                    began = b.get(Type.I64, record, field="time")
                    b.store("elapsed", b.sub(self._now(), began))
                    self._bring_back()
                with choice.otherwise():
                    b.discard()
        if self._of.moments.when_call:
            # Whether the call was wanted isn't known without its entry.
            b.store("wanted_row", b.load(Type.I64, "matched"))
            return
        sampled = b.ugt(b.load(Type.I64, "in_events", b.load(Type.I64, "in_at"), 0), 1)
        certain = b.or_(b.load(Type.I64, "matched"), b.xor(b.zext(Type.I64, sampled), 1))
        b.store("wanted_row", certain)

    def _row_of_return(self) -> None:
        b = self._b
        with b.if_else(self._holds(self._of.moments.when_return)) as choice:
            with choice.then():
                self._unless_limited(self._rest_of_return, b.discard)
            with choice.otherwise():
                self._count("rejected")
                b.discard()

    def _rest_of_return(self) -> None:
        b = self._b
        record = b.reopen(self._stream, RECORD_HEADER_BYTES)
        b.put(record, self._now(), field="time")
        b.put(record, b.load(Type.I32, "in_regs"), field="thread")
        b.put(record, b.load(Type.I64, "elapsed"), field="duration")
        b.put(record, b.trunc(Type.I32, b.load(Type.I64, "matched")), field="flags")
        self._put_site(record)
        later = [i for i in range(len(self._of.event.captures)) if i not in self._of.moments.columns]
        self._columns(record, later)
        b.store("outcome", b.const(1))

    # Parts

    @property
    def _straight(self) -> bool:
        return len(self._of.sites) <= STRAIGHT_SITES

    def _find_goroutine(self) -> None:
        """Not before it is needed: it takes a read. (The prelude's tables need it for what is on the stack.)"""
        if self._straight or not self._slots:
            self._b.call("find_goroutine")

    def _fetch(self) -> None:
        """The variables of the place that was hit: by code for each place where these are few."""
        b, sites = self._b, self._of.sites
        if not self._slots:
            return
        if not self._straight:
            b.call("find_goroutine")
            b.call("fetch", self._site)
        elif len(sites) == 1:
            fetch_site(b, self._of.book.sites[sites[0]])
        else:
            with b.switch(self._site) as switch:
                for number in sites:
                    with switch.case(number):
                        fetch_site(b, self._of.book.sites[number])

    def _holds(self, when: Sequence[bound.Form]) -> Value:
        b = self._b
        if not when:
            return b.const(1, Type.I1)
        number = len(self._of.event.captures)
        return condition(b, self._forms, when, number, self._scope, lambda: self._count("when_missing"))

    def _unless_limited(self, row: Callable[[], None], otherwise: Callable[[], None] = lambda: None) -> None:
        b = self._b
        with b.if_else(b.eq(b.call_value(Type.I64, "is_limited"), 0)) as choice:
            with choice.then():
                row()
            with choice.otherwise():
                otherwise()

    def _begin(self) -> Value:
        b = self._b
        record = b.begin(self._stream)
        b.put(record, self._now(), field="time")
        b.put(record, b.load(Type.I64, "row_goid"), field="goid")
        b.put(record, b.load(Type.I32, "in_regs"), field="thread")
        b.put(record, b.load(Type.I64, "elapsed"), field="duration")
        self._put_site(record)
        return record

    def _put_site(self, record: Value) -> None:
        b = self._b
        b.put(record, b.table_get(Type.I32, "sites", "number", self._site), field="site")

    def _columns(self, record: Value, columns: Iterable[int]) -> None:
        event = self._of.event
        missing = Status.ABSENT if event.glob else Status.NOT_LIVE
        for i in columns:
            capture = event.captures[i]
            with self._b.at(self._of.shared.at(capture.span)):
                target = Target(record, i)
                capture_column(self._of.shared, self._b, target, capture, self._scope, self._forms, missing)

    def _keep(self) -> None:
        b = self._b
        record = b.begin(f"kept_{self._of.number}")
        for i, name in enumerate(self._of.moments.kept):
            for word in range(KEPT_WORDS):
                slot = self._slots[name] * SLOT_BYTES
                b.put(record, b.load(Type.I64, "vars", None, slot + 8 * word), field=f"k{i}", imm=8 * word)

    def _bring_back(self) -> None:
        b, kept = self._b, self._of.moments.kept
        if not kept:
            return
        record = b.reopen(f"kept_{self._of.number}", RECORD_HEADER_BYTES + self._of.stream.size + RECORD_HEADER_BYTES)
        for i, name in enumerate(kept):
            for word in range(KEPT_WORDS):
                value = b.get(Type.I64, record, field=f"k{i}", imm=8 * word)
                b.store("vars", value, imm=self._slots[name] * SLOT_BYTES + 8 * word)
                if self._of.shared.types.redactor:
                    # They are kept whole, with what of them must not be in the output.
                    b.put(record, b.const(0), field=f"k{i}", imm=8 * word)

    def _forget(self, slot: int) -> None:
        b, at = self._b, slot * SLOT_BYTES
        for word, value in enumerate((Status.NOT_LIVE, 0, 0, 0)):
            b.store("vars", b.const(value), imm=at + 8 * word)

    def _now(self) -> Value:
        return self._b.load(Type.I64, "in_regs", None, 8 * WORD_TIME)

    def _depth(self) -> Value:
        b = self._b
        return b.trunc(Type.I32, b.lshr(b.load(Type.I64, "depth"), 3))

    def _count(self, name: str) -> None:
        self._b.call("count", counter(name))


def lower_routines(names: Sequence[str]) -> Function:
    """`routine(number, site)`: the code for a probe."""
    b = FunctionBuilder("routine", [("number", Type.I32), ("site", Type.I64)])
    number, site = b.parameters
    with b.switch(b.zext(Type.I64, number)) as switch:
        for i, name in enumerate(names):
            with switch.case(i):
                b.call(name, site)
    return b.finish()
