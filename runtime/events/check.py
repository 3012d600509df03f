"""Checks the object of an event program against what its bundle says of it, before the kernel is asked anything."""

from __future__ import annotations

from sey.binary.errors import SeyError
from sey.ir.artifacts import HOLD_WORDS, PROBE_BYTES, EventProgram
from sey.ir.plan import EVENT_COUNTER_BYTES, EVENT_INPUT_BYTES, Plan
from sey.runtime.libbpf import BpfMap, BpfObject
from sey.runtime.program_check import ObjectMismatch

_ARRAY, _RING = 2, 27  # enum bpf_map_type
_HASHES = (1, 9)  # and the one that forgets what wasn't used for long
_MAX_MAP = 1 << 28
"""Bytes of all maps but the ring buffer and the slots, whose sizes are ours."""
_ENTRY_BYTES = 64
"""What the kernel adds to an entry of a hash map."""


def check_event_object(opened: BpfObject, program: EventProgram, plan: Plan) -> None:
    """Raises SeyError where an opened object isn't the one that the bundle describes, or wants too much memory."""
    reason = _mismatch(opened, program, plan)
    if reason is not None:
        raise SeyError(ObjectMismatch(reason))


def _mismatch(opened: BpfObject, program: EventProgram, plan: Plan) -> str | None:
    if opened.programs != (program.program,):
        return f"it holds the programs {', '.join(opened.programs) or '(none)'}, not {program.program} alone"
    ring, slots = opened.maps.get(program.ring), opened.maps.get(program.slots)
    if ring is None or ring.type != _RING:
        return f"the map {program.ring} is no ring buffer"
    if slots is None or (slots.type, slots.key_size, slots.value_size) != (_ARRAY, 4, program.slot_bytes):
        return f"the map {program.slots} doesn't hold slots"
    for name in program.dicts.values():
        found = opened.maps.get(name)
        if found is None or found.type not in _HASHES or (found.key_size, found.value_size) != (8, 8):
            return f"the map {name} is {'missing' if found is None else 'of another kind'}"
    least = {
        "in_bias": 8,
        "in_events": len(plan.events) * EVENT_INPUT_BYTES,
        "out_events": len(plan.events) * EVENT_COUNTER_BYTES,
    }
    for name, size in least.items():
        if name not in program.buffers or program.buffers[name].size < size:
            return f"no buffer `{name}` of {size} bytes"
    if program.probes.size < len(plan.probes) * PROBE_BYTES or min(program.pid.size, program.fsbase.size) < 8:
        return "its counters are too small"
    if program.hold.size < 8 * len(HOLD_WORDS) or program.hold.offset % 8:
        return "it has no room for what holds a thread"
    for place in (program.probes, program.pid, program.fsbase, program.hold, *program.buffers.values()):
        found = opened.maps.get(place.map)
        if found is None or not found.writable or not 0 <= place.offset <= found.value_size - place.size:
            return f"no map {place.map} of {place.offset + place.size} bytes"
    memory = [_memory(each) for name, each in opened.maps.items() if name not in (program.ring, program.slots)]
    return f"its maps want {sum(memory) >> 20} MiB" if sum(memory) > _MAX_MAP else None


def _memory(each: BpfMap) -> int:
    return (each.key_size + each.value_size + _ENTRY_BYTES) * each.max_entries
