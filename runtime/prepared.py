"""A process with the probe for it loaded: paused, captured and let go as often as one likes.

with Prepared(bundles, request, limits) as prepared:
    prepared.get_ready()          # load the probe, or make it ready for another run
    prepared.pause()
    prepared.run()                # and let the process go
    capture = prepared.result()   # what takes longest, after the pause
"""

from __future__ import annotations

import contextlib
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType

import numpy as np
import numpy.typing as npt

from sey.binary.errors import SeyError
from sey.binary.gobinary import GoBinary
from sey.ir.plan import State
from sey.runtime.assemble import assemble, bare_notes, counts, left_out_notes, require_build
from sey.runtime.bundle import BinaryProbe, Bundle
from sey.runtime.capture import ProcessCapture, ProcessFacts
from sey.runtime.capture_errors import CaptureFailed, CaptureOverrun
from sey.runtime.choose_engine import load_probe
from sey.runtime.engine import LoadedProbe, Results, Room, parts_for, room_for
from sey.runtime.pause import Gate, Pauser, paused
from sey.runtime.plausible import check_layout
from sey.runtime.process import Process, read_memory


@dataclass(frozen=True)
class Limits:
    """Bounds of a snapshot: the pause in nanoseconds, output per process in bytes.

    `parts`: into how many to split the walk; 0 for as many as pay on this host. `engine`: `ebpf`, `interp`, or `auto`.
    """

    max_pause_ns: int = 250_000_000
    max_bytes: int = 256 << 20
    parts: int = 0
    engine: str = "auto"


@dataclass(frozen=True)
class Request:
    """One process to capture with the probe `binary` of bundle number `bundle`."""

    process: Process
    bundle: int
    binary: int


@dataclass(frozen=True)
class _Load:
    """What a loaded probe was made for."""

    probe: LoadedProbe
    room: Room
    parts: int


class Prepared:
    """One process and its probe; a context that frees all of it, and lets the process go. Methods raise SeyError."""

    def __init__(self, bundles: Sequence[Bundle], request: Request, limits: Limits) -> None:
        self.request, self.process, self._limits = request, request.process, limits
        self._probe: BinaryProbe = bundles[request.bundle].binaries[request.binary]
        self._load: _Load | None = None
        self._pauser: Pauser | None = None
        self._pause: paused | None = None
        self._ran: tuple[paused, int] | None = None
        self.goroutines = 0
        self._binary: GoBinary | None = None

    def __enter__(self) -> Prepared:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.let_go()
        self.unload()

    def get_ready(self, gate: Gate | None = None) -> None:
        """Look at the process, load the probe where that is to be done, and start what will pause the process.

        With a gate the pause will begin when a probe holds a thread.
        """
        # Starting the process that will pause takes a while; it does so while the probe loads.
        self._pauser, self._ran = Pauser(gate), None
        if self._binary is None:
            self._binary = self._first_look()
        self.goroutines = self._goroutine_count()
        room = room_for(self._probe.plan, self.goroutines, self._limits.max_bytes)
        parts = self._limits.parts or parts_for(self.goroutines)
        load = self._load
        if load is not None and (room.pages > load.room.pages or room.stacks > load.room.stacks or parts != load.parts):
            self.unload()
        if self._load is None:
            probe = load_probe(self.process, self._probe, room, parts, self._limits.engine)
            self._load = _Load(probe, room, parts)
        else:
            self._load.probe.reset(self.process.living_threads())
        names = self.process.namespace_tids(self.process.threads())
        self._load.probe.expect_threads(np.array(sorted(names.values()), dtype=np.int32))

    def _first_look(self) -> GoBinary:
        """The process's own executable, when it is the build that the probe was made for."""
        self.process.require_capturable()
        binary = self.process.open_go()
        require_build(self._probe, binary, f"process {self.process.pid}")
        self._image = self.process.image()
        self._bias = self.process.load_bias(binary.elf.entry)
        if self._probe.plan.layout is not None:
            check_layout(self.process, binary, self._bias)
        return binary

    def _goroutine_count(self) -> int:
        address = self._bias + self._probe.plan.goroutine_count
        data = read_memory(self.process.pid, self.process.living_threads()[0], address, 8)
        return int(struct.unpack("<Q", data)[0]) if len(data) == 8 else 0

    def pause(self, wait: Callable[[Pauser], object] = bool) -> None:
        """Stop the process; `wait` as of `paused`."""
        assert self._load is not None
        pauser, self._pauser = self._pauser, None
        pause = paused(
            self.process,
            self._limits.max_pause_ns,
            pauser=pauser,
            image=self._image,
            workers=self._load.probe.parts,
            wait=wait,
        )
        self._pause = pause.__enter__()

    @property
    def threads(self) -> npt.NDArray[np.void]:
        """The stopped threads, array of THREAD: what the run will take them for."""
        assert self._pause is not None
        return self._pause.threads

    def run(self) -> None:
        """Run the probe over the stopped process, and let it go."""
        assert self._load is not None
        assert self._pause is not None
        pause, loaded = self._pause, self._load.probe
        wall_ns, monotonic_ns = time.time_ns(), time.monotonic_ns()
        try:
            pause.run_all(loaded.runs(pause.threads, self._bias, pause.deadline_ns))
        finally:
            self.let_go()
        if pause.overrun:
            # The process ran while its memory was read: any value may be of another moment than its neighbours.
            raise SeyError(CaptureOverrun(self.process.pid, self._limits.max_pause_ns // 1_000_000))
        self._ran = pause, wall_ns - (monotonic_ns - pause.started_ns)

    def _facts(self, pause: paused, started_ns: int, results: Results) -> ProcessFacts:
        assert self._load is not None
        probe, loaded = self._probe, self._load.probe
        counters, when_missing = counts(probe.plan, results)
        return ProcessFacts(
            pid=self.process.pid,
            executable=executable(self.process),
            go_version=probe.go_version,
            build_id=probe.identity.go_build_id or probe.identity.gnu_build_id,
            captured_at_ns=started_ns,
            monotonic_ns=pause.started_ns,
            pause_ns=pause.pause_ns,
            threads=len(pause.threads) + len(pause.skipped),
            engine=loaded.engine,
            engine_reason=loaded.reason,
            bias=self._bias,
            bundle=self.request.bundle,
            binary=self.request.binary,
            counters=counters,
            when_missing=when_missing,
            notes=(*bare_notes(probe.plan), *_notes(len(pause.skipped), loaded.left_out)),
        )

    def result(self, snapshot: int, first_ns: int) -> ProcessCapture:
        """What the run left, as part of a snapshot whose first process was paused at `first_ns` (CLOCK_MONOTONIC)."""
        assert self._load is not None
        assert self._ran is not None
        assert self._binary is not None
        (pause, started_ns), self._ran = self._ran, None
        results = self._load.probe.results()
        if results.counters["state"] in (State.NOT_RUN, State.FAILED):
            raise SeyError(CaptureFailed(self.process.pid, results.counters["fault_detail"]))
        facts = self._facts(pause, started_ns, results)
        facts = replace(facts, snapshot=snapshot, skew_ns=max(facts.monotonic_ns - first_ns, 0))
        return assemble(facts, self._binary, self._probe.plan, results)

    @property
    def paused_at_ns(self) -> int:
        """When the process was paused for the result that waits to be fetched (CLOCK_MONOTONIC)."""
        assert self._ran is not None
        return self._ran[0].started_ns

    def let_go(self) -> None:
        """Let the process run, whatever was going on."""
        if self._pauser is not None:
            self._pauser.close()
            self._pauser = None
        if self._pause is not None:
            pause, self._pause = self._pause, None
            pause.resume()

    def unload(self) -> None:
        """Free the probe, in the kernel too."""
        if self._load is not None:
            self._load.probe.close()
            self._load = None


def executable(process: Process) -> str:
    """The path of what it runs, empty where that can't be seen any more."""
    with contextlib.suppress(SeyError):
        return process.executable
    return ""


def _notes(skipped: int, left_out: int) -> tuple[str, ...]:
    notes = []
    if skipped:
        notes.append(f"{skipped} thread(s) sat in the kernel and did not stop: captured without their registers")
    return (*notes, *left_out_notes(left_out))
