"""Captures (.seyc): the raw output of probes, with the bundles they were taken with (spec/capture.md).

Capture((bundle,), (ProcessCapture(facts, pages, symbols),)).save("shop.seyc")
Capture.load("shop.seyc").processes[0].facts.pid
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sey.binary.errors import SeyError
from sey.ir import codec
from sey.ir.plan import Plan
from sey.runtime import container
from sey.runtime.bundle import BinaryProbe, Bundle
from sey.runtime.container import CAPTURE, Container, Section
from sey.runtime.events.log import EventLog
from sey.runtime.pages import Pages
from sey.runtime.symbols import SymbolTable


@dataclass(frozen=True)
class Holding:
    """A frame inside of a critical section that has to do with a lock waited for.

    `word` is a pointer that is alive in the frame, of goroutine `g` (the address of its runtime.g) and with the number
    `frame`; where `g` is 0 it is the address of a variable that code at `pc` refers to, whoever has such a frame.
    `line` is that of the call that locked.
    """

    g: int
    frame: int
    pc: int
    word: int
    line: int


@dataclass(frozen=True)
class ProcessFacts:
    """What is known of one captured process besides its raw pages.

    `snapshot` numbers the snapshots in a file, from 0; `skew_ns` is how long after the first process of its snapshot
    this one was paused. `bundle` and `binary` number the probe it was captured with. `captured_at_ns` is Unix time and
    `monotonic_ns` the clock of Go's runtime (CLOCK_MONOTONIC), both of the moment at which the pause began. `bias` is
    what to add to addresses of the executable. `core` is the path of the core that was read instead of a process,
    empty for one that ran: then `captured_at_ns` is when the core was written, and `monotonic_ns` the latest time that
    anything in it tells of. `counters` are the program's (`ir.plan.COUNTERS`), `when_missing` counts by table the
    frames left out because an operand of `when` was missing. `type_names` are the names of dynamic types by the first
    word of an interface (the address of an itab or a type). `programs` are the spec's programs that the process is.
    `holdings` are frames that may hold a lock that others wait for.
    Of a process that was `traced`, `captured_at_ns` and `monotonic_ns` are those of the start, and `ended_ns` is the
    latter clock at the end; `threads` and the program's `counters` are empty then. `event_counters` are, by event, the
    program's counts (`ir.plan.EVENT_COUNTERS`) and those of its probes together (`ir.artifacts.PROBE_COUNTERS`).
    `type_words` are the first words of interfaces met: number of the type << 2 | whether the second word is the value
    << 1 | 1.
    `on_event` is the event, as a line of JSON, at whose moment the snapshot was taken; empty where it waited for none;
    `held_ns` is how long the thread of the event was held, for the others to be told to stop.
    `engine_reason` says why the engine isn't eBPF, where sey chose it. `problem` says why a process has no data; then
    only `pid` and `executable` mean something.
    """

    pid: int
    executable: str
    go_version: str = ""
    build_id: str = ""
    captured_at_ns: int = 0
    monotonic_ns: int = 0
    pause_ns: int = 0
    threads: int = 0
    engine: str = "ebpf"
    engine_reason: str = ""
    bias: int = 0
    bundle: int = 0
    binary: int = 0
    counters: Mapping[str, int] = field(default_factory=dict)
    when_missing: Mapping[str, int] = field(default_factory=dict)
    type_names: Mapping[int, str] = field(default_factory=dict)
    programs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    core: str = ""
    holdings: tuple[Holding, ...] = ()
    problem: str | None = None
    snapshot: int = 0
    skew_ns: int = 0
    traced: bool = False
    ended_ns: int = 0
    event_counters: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    type_words: Mapping[int, int] = field(default_factory=dict)
    on_event: str = ""
    held_ns: int = 0

    @property
    def trace_ns(self) -> int | None:
        """How long the process was traced, in nanoseconds; None for one that was paused."""
        return max(self.ended_ns - self.monotonic_ns, 0) if self.traced else None


@dataclass(frozen=True)
class ProcessCapture:
    """One process: facts, raw pages, names of its code addresses; no pages and symbols where facts name a problem.

    One that was traced has no pages in its `pages`, but `events`.
    """

    facts: ProcessFacts
    pages: Pages | None
    symbols: SymbolTable | None
    events: EventLog | None = None

    @property
    def size(self) -> int:
        """How many bytes were captured."""
        return sum(len(each.data) for each in (self.pages, self.events) if each is not None)


@dataclass(frozen=True)
class _Manifest:
    bundles: int
    processes: tuple[ProcessFacts, ...]


@dataclass(frozen=True)
class Capture:
    """The bundles used and the processes captured with them. `digest` identifies the contents of a loaded one."""

    bundles: tuple[Bundle, ...]
    processes: tuple[ProcessCapture, ...]
    path: str = "the capture"
    digest: str = ""

    @property
    def snapshots(self) -> tuple[int, ...]:
        """The numbers of its snapshots, ascending."""
        return tuple(sorted({process.facts.snapshot for process in self.processes}))

    def only(self, snapshot: int) -> Capture:
        """One of its snapshots. (Its digest is another: what is kept of decoded captures is by digest.)"""
        processes = tuple(process for process in self.processes if process.facts.snapshot == snapshot)
        digest = self.digest and f"{self.digest}s{snapshot}"
        return replace(self, processes=processes, digest=digest)

    @property
    def last(self) -> Capture:
        """The last of its snapshots that has data of any process."""
        return self.only(max((p.facts.snapshot for p in self.processes if p.pages is not None), default=0))

    def probe(self, facts: ProcessFacts) -> BinaryProbe:
        """The probe that a process was captured with."""
        return self.bundles[facts.bundle].binaries[facts.binary]

    def plan(self, facts: ProcessFacts) -> Plan:
        """The plan that decodes a process."""
        probe = self.probe(facts)
        if not facts.traced:
            return probe.plan
        assert probe.events is not None  # loading has checked it
        return probe.events.plan

    def sections(self) -> dict[str, Section]:
        """The capture as sections of its container."""
        manifest = _Manifest(len(self.bundles), tuple(p.facts for p in self.processes))
        sections: dict[str, Section] = {"manifest": codec.dumps(manifest)}
        for number, bundle in enumerate(self.bundles):
            sections[f"bundle{number}"] = bundle.to_bytes()
        for number, process in enumerate(self.processes):
            if process.symbols is None:
                continue
            if process.events is not None:
                sections[f"p{number}/events"] = process.events.data.data
            elif process.pages is not None:
                sections[f"p{number}/pages"] = process.pages.data.data
            sections[f"p{number}/symbols"] = process.symbols.to_bytes()
        return sections

    def save(self, path: str) -> None:
        """Write it, whole or not at all. Raises SeyError."""
        container.save(path, CAPTURE, self.sections())

    @classmethod
    def load(cls, path: str) -> Capture:
        """Read and check a capture. Raises SeyError."""
        return cls.from_container(container.load(path, CAPTURE)[1])

    @classmethod
    def from_bytes(cls, path: str, data: bytes) -> Capture:
        """Check and read the bytes of a capture; `path` is for messages. Raises SeyError."""
        return cls.from_container(container.unpack(path, data, CAPTURE)[1])

    @classmethod
    def from_container(cls, file: Container) -> Capture:
        """Read a capture from its opened container. Raises SeyError."""
        manifest = codec.loads(_Manifest, bytes(file.section("manifest")), f"{file.path}, manifest")
        if not 0 <= manifest.bundles <= len(file.sections):
            raise file.damage("manifest", "an impossible number of bundles")
        bundles = tuple(_read_bundle(file, number) for number in range(manifest.bundles))
        processes = tuple(_read_process(file, n, facts, bundles) for n, facts in enumerate(manifest.processes))
        return cls(bundles, processes, file.path, file.digest)


def _read_bundle(file: Container, number: int) -> Bundle:
    name = f"bundle{number}"
    return Bundle.from_bytes(f"{file.path}, section `{name}`", bytes(file.section(name)))


def _read_process(file: Container, number: int, facts: ProcessFacts, bundles: tuple[Bundle, ...]) -> ProcessCapture:
    if not 0 <= facts.snapshot < 1 << 31:
        raise file.damage("manifest", f"process {facts.pid} is of an impossible snapshot")
    if facts.problem is not None:
        return ProcessCapture(facts, None, None)
    _check(file, facts, bundles)
    stored = bytes(file.section(f"p{number}/symbols"))
    symbols = SymbolTable.from_bytes(stored, f"{file.path}, p{number}/symbols")
    if facts.traced:
        events = EventLog.parse(file.section(f"p{number}/events"), file.path)
        return ProcessCapture(facts, Pages.parse(b""), symbols, events)
    return ProcessCapture(facts, Pages.parse(file.section(f"p{number}/pages"), file.path), symbols)


def _check(file: Container, facts: ProcessFacts, bundles: tuple[Bundle, ...]) -> None:
    known = 0 <= facts.bundle < len(bundles) and 0 <= facts.binary < len(bundles[facts.bundle].binaries)
    error: SeyError | None = None
    if not known:
        error = file.damage("manifest", f"process {facts.pid} was captured with a probe that is missing")
    elif facts.traced and bundles[facts.bundle].binaries[facts.binary].events is None:
        error = file.damage("manifest", f"process {facts.pid} was traced with a probe that has no events")
    moments = (facts.captured_at_ns, facts.monotonic_ns, facts.ended_ns, facts.pause_ns, facts.skew_ns, facts.held_ns)
    numbers = (facts.pid, facts.threads, *moments)
    counts = (count for counters in facts.event_counters.values() for count in counters.values())
    large = (*numbers, *facts.counters.values(), *facts.when_missing.values(), *counts)
    if not all(0 <= n < 1 << 63 for n in large) or max(facts.pid, facts.threads) >= 1 << 31:
        error = file.damage("manifest", f"process {facts.pid} has an impossible number")
    if error is not None:
        raise error
