"""Checks what a bundle says of its BPF object, and then the object against that, before the kernel is asked anything.

A bundle can come from anywhere, so the host relies on nothing in it: where inputs are written and results are read, how
large maps are, and that there is no second program beside the one to run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from sey.binary.errors import Exit, Problem, SeyError
from sey.ir.artifacts import PROBE_BYTES, BpfProgram, EventProgram, Place
from sey.ir.nodes import CHUNK_BYTES
from sey.ir.plan import COUNTERS, EVENT_COUNTER_BYTES, EVENT_INPUT_BYTES, THREAD_MAX, THREAD_WORDS, Plan

if TYPE_CHECKING:
    from sey.runtime.libbpf import BpfMap, BpfObject

_MAX_MAP = 1 << 28
"""Bytes of a map, but for the one of the output, and of all of them together: real probes take some 10 MiB."""
_DICTS = ("stacks", "threads")
_ARRAY, _HASH = 2, 1  # enum bpf_map_type
_MAX_SLOT = 1 << 22
"""Bytes of a slot of an event program: its output is at most 64 KiB."""
_SLOT_BYTES = 64
"""What the kernel adds to an entry of a hash map."""


@dataclass(frozen=True)
class ObjectMismatch(Problem):
    """The BPF object of a bundle isn't the one that the bundle describes."""

    code: ClassVar[str] = "SEY0723"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "the BPF object of the bundle is damaged: {reason}"
    help: ClassVar[str | None] = "build the bundle again, or copy it again from where it was made"
    reason: str


def wrong_facts(program: BpfProgram, plan: Plan) -> str | None:
    """What is wrong with a bundle's facts of its object, if anything."""
    if not CHUNK_BYTES <= program.chunk_bytes <= 2 * CHUNK_BYTES:
        return f"chunks of {program.chunk_bytes} bytes"
    words = dict.fromkeys(("in_bias", "in_deadline", "in_share", "in_shares", "in_pages"), 1)
    words |= {"in_regs": THREAD_MAX * THREAD_WORDS}
    words |= {"out_counters": len(COUNTERS), "out_when": len(plan.blocks)}
    for name in words:
        if name not in program.buffers:
            return f"no buffer `{name}`"
    for name in _DICTS:
        if name not in program.dicts:
            return f"no dict `{name}`"
    places = [("pages", program.pages), ("pages_used", program.pages_used), *program.buffers.items()]
    return _misplaced(places, words)


def wrong_event_facts(program: EventProgram, plan: Plan) -> str | None:
    """What is wrong with a bundle's facts of the object of its event program, if anything."""
    if not 0 < program.slot_bytes <= _MAX_SLOT or program.slot_bytes % 8:
        return f"slots of {program.slot_bytes} bytes"
    words = {"in_bias": 1, "in_events": len(plan.events) * EVENT_INPUT_BYTES // 8}
    words |= {"out_events": len(plan.events) * EVENT_COUNTER_BYTES // 8}
    for name in words:
        if name not in program.buffers:
            return f"no buffer `{name}`"
    words |= {"probes": len(plan.probes) * PROBE_BYTES // 8}
    own = [("probes", program.probes), ("pid", program.pid), ("fsbase", program.fsbase)]
    return _misplaced([*own, *program.buffers.items()], words)


def _misplaced(places: Iterable[tuple[str, Place]], words: Mapping[str, int]) -> str | None:
    """Which of the places is impossible, or smaller than so many words, if any."""
    for name, place in places:
        least = 8 * max(words.get(name, 1), 1)
        if place.offset < 0 or place.offset % 8 or not least <= place.size <= _MAX_MAP - place.offset:
            return f"`{name}` can't be at {place.offset} with {place.size} bytes"
    return None


def check_object(opened: BpfObject, program: BpfProgram) -> None:
    """Raises SeyError where an opened object isn't the one that the bundle describes, or wants too much memory."""
    reason = _mismatch(opened, program)
    if reason is not None:
        raise SeyError(ObjectMismatch(reason))


def _mismatch(opened: BpfObject, program: BpfProgram) -> str | None:
    if opened.programs != (program.program,):
        return f"it holds the programs {', '.join(opened.programs) or '(none)'}, not {program.program} alone"
    wanted = {program.output: (_ARRAY, 4, program.chunk_bytes)}
    wanted |= {program.dicts[name]: (_HASH, 8, 8) for name in _DICTS}
    for name, shape in wanted.items():
        found = opened.maps.get(name)
        if found is None or (found.type, found.key_size, found.value_size) != shape:
            return f"the map {name} is {'missing' if found is None else 'of another kind'}"
    places: list[Place] = [program.pages, program.pages_used, *program.buffers.values()]
    for place in places:
        found = opened.maps.get(place.map)
        if found is None or not found.writable or place.offset + place.size > found.value_size * found.max_entries:
            return f"no map {place.map} of {place.offset + place.size} bytes"
    if not opened.maps[program.output].writable:
        return f"the map {program.output} can't be mapped"
    memory = [_memory(each) for name, each in opened.maps.items() if name != program.output]
    return f"its maps want {sum(memory) >> 20} MiB" if sum(memory) > _MAX_MAP else None


def _memory(each: BpfMap) -> int:
    return (each.key_size + each.value_size + _SLOT_BYTES) * each.max_entries
