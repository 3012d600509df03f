"""Take snapshots: everything between a probe and a capture file.

capture = take([Request(process, bundle, 0)], Limits())
capture.save("shop.seyc")
"""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sey.binary.errors import SeyError
from sey.binary.gobinary import GoBinary
from sey.ir.plan import State
from sey.runtime.assemble import assemble, bare_notes, counts, left_out_notes, require_build
from sey.runtime.bundle import BinaryProbe, Bundle
from sey.runtime.capture import Capture, ProcessCapture, ProcessFacts
from sey.runtime.capture_errors import CaptureFailed, CaptureOverrun
from sey.runtime.choose_engine import load_probe
from sey.runtime.engine import LoadedProbe, Results, parts_for, room_for
from sey.runtime.pause import Pauser, paused
from sey.runtime.plausible import check_layout
from sey.runtime.process import Image, Process, read_memory


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


def take(bundles: Sequence[Bundle], requests: Sequence[Request], limits: Limits) -> Capture:
    """Snapshot processes one after the other. A process that fails has its problem in its facts.

    Raises SeyError where there is but one process and it fails.
    """
    captured = []
    for request in requests:
        try:
            captured.append(_take_one(bundles, request, limits))
        except SeyError as error:
            if len(requests) == 1:
                raise
            facts = ProcessFacts(request.process.pid, _executable(request.process), problem=str(error))
            captured.append(ProcessCapture(facts, None, None))
    return Capture(tuple(bundles), tuple(captured))


def _executable(process: Process) -> str:
    try:
        return process.executable
    except SeyError:
        return ""


def _take_one(bundles: Sequence[Bundle], request: Request, limits: Limits) -> ProcessCapture:
    process = request.process
    probe = bundles[request.bundle].binaries[request.binary]
    process.require_capturable()
    # Starting the process that will pause takes a while; it does so while the probe loads.
    pauser = Pauser()
    try:
        binary = _check_binary(process, probe)
        image = process.image()
        bias = process.load_bias(binary.elf.entry)
        if probe.plan.layout is not None:
            check_layout(process, binary, bias)
        loaded = _load(process, probe, bias, limits)
    except BaseException:
        pauser.close()
        raise
    with loaded:
        facts, results = _capture(process, probe, loaded, bias, limits, pauser, image)
    facts = replace(facts, bundle=request.bundle, binary=request.binary)
    return assemble(facts, binary, probe.plan, results)


def _check_binary(process: Process, probe: BinaryProbe) -> GoBinary:
    """The process's own executable, when it is the build that the probe was made for."""
    binary = process.open_go()
    require_build(probe, binary, f"process {process.pid}")
    return binary


def _load(process: Process, probe: BinaryProbe, bias: int, limits: Limits) -> LoadedProbe:
    goroutines = _goroutine_count(process, probe, bias)
    room = room_for(probe.plan, goroutines, limits.max_bytes)
    parts = limits.parts or parts_for(goroutines)
    loaded = load_probe(process, probe, room, parts, limits.engine)
    names = process.namespace_tids(process.threads())
    loaded.expect_threads(np.array(sorted(names.values()), dtype=np.int32))
    return loaded


def _goroutine_count(process: Process, probe: BinaryProbe, bias: int) -> int:
    data = read_memory(process.pid, process.living_threads()[0], bias + probe.plan.goroutine_count, 8)
    return int(struct.unpack("<Q", data)[0]) if len(data) == 8 else 0


def _capture(
    process: Process,
    probe: BinaryProbe,
    loaded: LoadedProbe,
    bias: int,
    limits: Limits,
    pauser: Pauser,
    image: Image,
) -> tuple[ProcessFacts, Results]:
    paused_ = paused(process, limits.max_pause_ns, pauser=pauser, image=image, workers=loaded.parts)
    with paused_ as pause:
        wall_ns, monotonic_ns = time.time_ns(), time.monotonic_ns()
        pause.run_all(loaded.runs(pause.threads, bias, pause.deadline_ns))
    if pause.overrun:
        # The process ran while its memory was read: any value may be of another moment than its neighbours.
        raise SeyError(CaptureOverrun(process.pid, limits.max_pause_ns // 1_000_000))
    results = loaded.results()
    state = results.counters["state"]
    if state in (State.NOT_RUN, State.FAILED):
        raise SeyError(CaptureFailed(process.pid, results.counters["fault_detail"]))
    counters, when_missing = counts(probe.plan, results)
    facts = ProcessFacts(
        pid=process.pid,
        executable=_executable(process),
        go_version=probe.go_version,
        build_id=probe.identity.go_build_id or probe.identity.gnu_build_id,
        captured_at_ns=wall_ns - (monotonic_ns - pause.started_ns),
        monotonic_ns=pause.started_ns,
        pause_ns=pause.pause_ns,
        threads=len(pause.threads) + len(pause.skipped),
        engine=loaded.engine,
        engine_reason=loaded.reason,
        bias=bias,
        counters=counters,
        when_missing=when_missing,
        notes=(*bare_notes(probe.plan), *_notes(len(pause.skipped), loaded.left_out)),
    )
    return facts, results


def _notes(skipped: int, left_out: int) -> tuple[str, ...]:
    notes = []
    if skipped:
        notes.append(f"{skipped} thread(s) sat in the kernel and did not stop: captured without their registers")
    return (*notes, *left_out_notes(left_out))
