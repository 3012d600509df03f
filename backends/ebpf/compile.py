"""Turns a program into a BPF object: the eBPF backend's entries.

The object of a snapshot holds one sleepable task iterator, which runs `main` once for the first task it is given and
reads that task's memory; that of events a sleepable uprobe, which runs `main` for each thread that comes by
(`hit.py`). The same program gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

from sey.backends.ebpf import hit
from sey.backends.ebpf.control import Join, lower_region, open_piece
from sey.backends.ebpf.debug import Debug
from sey.backends.ebpf.effects import Effects
from sey.backends.ebpf.hold import HOLD, HOLD_BYTES
from sey.backends.ebpf.layout import (
    HOST_SECTION,
    OUTPUT,
    OUTPUT_VALUE_BYTES,
    PAGES,
    PAGES_USED,
    STATE,
    STATE_RAN,
    Symbols,
    frame_of,
)
from sey.backends.ebpf.limits import long_functions
from sey.backends.ebpf.machine import emit_object, host_places
from sey.backends.ebpf.module import module_text, own_memory
from sey.backends.ebpf.outline import outlined_regions
from sey.backends.ebpf.piece import Kind, Piece, Unit
from sey.backends.ebpf.slot import RING, SLOTS, Slot
from sey.ir.artifacts import PROBE_BYTES, BpfProgram, EventProgram, Place
from sey.ir.nodes import Function, Program, Type
from sey.ir.verify import check_snapshot

ENTRY = "snapshot"
"""Name of the task iterator."""


def compile_snapshot(program: Program, *, sources: Mapping[str, str] | None = None) -> BpfProgram:
    """Compile a verified program. `sources` are texts of `Program.files`, shown in the kernel's log where given.

    Raises SeyError where a function is longer than BPF's jumps reach (SEY0511), and for programs of events (SEY0508).
    """
    check_snapshot(program)
    unit = lower_program(program, sources or {})
    data, places = _emit(unit)
    return BpfProgram(
        object=data,
        program=ENTRY,
        output=OUTPUT,
        chunk_bytes=OUTPUT_VALUE_BYTES,
        pages=places[PAGES],
        pages_used=places[PAGES_USED],
        buffers=_buffers(unit, places),
        dicts={each.name: unit.symbols.dicts[each.name] for each in program.dicts},
    )


def compile_events(program: Program, *, probes: int, sources: Mapping[str, str] | None = None) -> EventProgram:
    """Compile a verified program of events for probes with the numbers from 0 to `probes - 1`; `sources` as above.

    Raises SeyError where a function is longer than BPF's jumps reach (SEY0511).
    """
    counters = 1 << max(0, probes - 1).bit_length()
    unit = _unit(program, sources or {})
    unit.host = {hit.PID: 8, hit.FSBASE: 8, hit.PROBES: PROBE_BYTES * counters, HOLD: HOLD_BYTES}
    unit.slot = Slot(list(own_memory(unit)))
    for function in program.functions:
        if function.name == "main":
            hit.lower_event(unit, function, counters)
        else:
            _lower_function(unit, function)
    data, places = _emit(unit)
    return EventProgram(
        object=data,
        program=hit.ENTRY,
        ring=RING,
        slots=SLOTS,
        slot_bytes=unit.slot.size(own_memory(unit)),
        probes=places[hit.PROBES],
        pid=places[hit.PID],
        fsbase=places[hit.FSBASE],
        hold=places[HOLD],
        buffers=_buffers(unit, places),
        dicts={each.name: unit.symbols.dicts[each.name] for each in program.dicts},
        stashes={each.name: unit.symbols.stashes[each.name] for each in program.stashes},
    )


def lower_program(program: Program, sources: Mapping[str, str]) -> Unit:
    """All functions of a snapshot's program as LLVM functions."""
    unit = _unit(program, sources)
    unit.host = {PAGES: 8, PAGES_USED: 8}
    for function in program.functions:
        if function.name == "main":
            _lower_main(unit, function)
        else:
            _lower_function(unit, function)
    return unit


def _unit(program: Program, sources: Mapping[str, str]) -> Unit:
    symbols = Symbols(program)
    outlined = outlined_regions(program)
    frames = {each.name: frame_of(each, symbols.frames[each.name], outlined) for each in program.functions}
    return Unit(program, symbols, frames, Effects(program), Debug(program.files, sources), outlined=outlined)


def _emit(unit: Unit) -> tuple[bytes, dict[str, Place]]:
    """The object, and the places of what the host shares by their symbols."""
    data = emit_object(module_text(unit), suspects=long_functions(unit.functions))
    return data, {symbol: Place(HOST_SECTION, *place) for symbol, place in host_places(data).items()}


def _buffers(unit: Unit, places: Mapping[str, Place]) -> dict[str, Place]:
    """The places of the host's buffers."""
    return {each.name: places[unit.symbols.buffers[each.name]] for each in unit.program.buffers if each.host}


def _lower_function(unit: Unit, function: Function) -> None:
    piece = open_piece(unit, function, Kind.FUNCTION, unit.symbols.functions[function.name])
    lower_region(piece, function.body, Join())
    piece.close()


def _lower_main(unit: Unit, function: Function) -> None:
    """The iterator itself: on the first task, with the task in a slot of its stack that all callees are given."""
    piece = open_piece(unit, function, Kind.MAIN, ENTRY)
    piece.context = piece.writer.value("alloca ptr, align 8")
    task = piece.writer.value(f"load ptr, ptr {piece.writer.value('getelementptr i8, ptr %ctx, i64 8')}, align 8")
    found, fresh = piece.writer.fresh("found"), piece.writer.fresh("fresh")
    piece.writer.branch(piece.writer.value(f"icmp eq ptr {task}, null"), piece.leave_label(), found)
    piece.start(found)
    _run_once(piece, fresh)
    piece.writer.effect(f"store ptr {task}, ptr {piece.context}, align 8")
    lower_region(piece, function.body, Join())
    piece.close()


def _run_once(piece: Piece, fresh: str) -> None:
    ran = piece.memory(STATE, STATE_RAN)
    again = piece.writer.value(f"icmp ne i64 {piece.load(Type.I64, ran)}, 0")
    piece.writer.branch(again, piece.leave_label(), fresh)
    piece.start(fresh)
    piece.store(Type.I64, "1", ran)
