"""What the prelude needs to know of the Go runtime in one binary: offsets from DWARF, code ranges from pclntab.

Nothing here is a table of known releases; a release that moves a field needs no change. Names that differ between
releases are tried one after the other, and one that is none of them is a clear error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from sey.binary.errors import SeyError
from sey.binary.pclntab import PclnTab
from sey.frontend.debuginfo.model import DebugInfo
from sey.frontend.debuginfo.runtime_facts import Facts, field_offset, find_field
from sey.frontend.lower.captures import NO_WAY
from sey.frontend.lower.containers import container_constants
from sey.frontend.lower.places import MAX_SLOTS, SLOT_BYTES, SLOT_FAULT
from sey.frontend.lower.problems import NoRuntimeFact
from sey.frontend.lower.sites import PLACES
from sey.frontend.lower.types import (
    CLASS_CHAN,
    CLASS_EFACE,
    CLASS_FUNC,
    CLASS_HIDDEN,
    CLASS_IFACE,
    CLASS_MAP,
    CLASS_POINTER,
    CLASS_REFLECT,
    CLASS_RTYPE,
    CLASS_SLICE,
    CLASS_STRING,
    CLASS_TRIE,
    STEP_CHAIN,
    STEP_DEEPER,
    STEP_LEVEL,
)
from sey.ir.nodes import FAULT_USER, MAX_RECORD_BYTES, PAGE_BYTES
from sey.ir.plan import (
    COUNTERS,
    EVENT_COUNTER_BYTES,
    EVENT_COUNTERS,
    EVENT_INPUT_BYTES,
    EVENT_INPUTS,
    GOROUTINE_IN_CGO,
    GOROUTINE_LOCKED,
    GOROUTINE_REGISTERS,
    HIDDEN_WORD,
    OBJECT_CHANGING,
    OBJECT_PARTIAL,
    PC_EXACT,
    POINTEE,
    WORD_COOKIE,
    WORD_FSBASE,
    WORD_PC,
    WORD_REGISTERS,
    WORD_TIME,
    StackEnd,
    State,
    Status,
)

MAX_FRAMES = 131072
INNER_FRAMES = 384
OUTER_FRAMES = 128
OUTSIDE = FAULT_USER + 64
NO_PCSP = FAULT_USER + 65

PHASE_CALL, PHASE_RETURN = 1, 2
"""Of a probe, in the table `probes`: at the entry of a call whose return is the event, and at that return."""
SNAPSHOT_SIZES = {
    "of_snapshot": 1,
    "queue_entries": 65536,
    "seen_entries": 65536,
    "held_pages": 256,
    "known_keys": 4096,
    "window": 4096,
    "shared_page": 4096,
    "object_cost": 0,
    "pack_bytes": 65536,
    "pack_slack": 65544,
    "vars_bytes": MAX_SLOTS * SLOT_BYTES,
}
"""Sizes of the prelude's buffers in a snapshot, which has them once; `of_snapshot`: the process stands still."""

EVENT_SIZES = {
    "of_snapshot": 0,
    "queue_entries": 1024,
    "seen_entries": 1024,
    "held_pages": 1,
    "known_keys": 1,
    "window": 512,
    "shared_page": 0,
    "max_object": 32760,
    "pack_bytes": 32768,
    "pack_slack": 32776,
    "event_objects": 512,
    "event_bytes": 32768,
    "event_ns": 5_000_000,
}
"""The same for events, several of which may run at a time; and what one event may follow, in objects, bytes, time."""

_G = {
    "sched_pc": "sched.pc",
    "sched_sp": "sched.sp",
    "sched_bp": "sched.bp",
    "syscallsp": "syscallsp",
    "syscallpc": "syscallpc",
    "m": "m",
    "atomicstatus": "atomicstatus",
    "goid": "goid",
    "waitsince": "waitsince",
    "waitreason": "waitreason",
    "lockedm": "lockedm",
    "parentgoid": "parentGoid",
    "gopc": "gopc",
    "startpc": "startpc",
    "labels": "labels",
}
_M = {
    "procid": "procid",
    "curg": "curg",
    "incgo": "incgo",
    "alllink": "alllink",
    "vdsosp": "vdsoSP",
    "gsignal": "gsignal",
}
_MODULEDATA = {
    "text": "text",
    "etext": "etext",
    "findfunctab": "findfunctab",
    "ftab": "ftab",
    "pctab": "pctab",
    "pclntable": "pclntable",
}
STRUCTS = (("g", "runtime.g", _G), ("m", "runtime.m", _M), ("md", "runtime.moduledata", _MODULEDATA))
VARIABLES = {
    "allglen": "runtime.allglen",
    "allgptr": "runtime.allgptr",
    "allm": "runtime.allm",
    "firstmoduledata": "runtime.firstmoduledata",
}
_FUNCTIONS = {
    "async_preempt": "runtime.asyncPreempt",
    "sigpanic": "runtime.sigpanic",
    "goexit": "runtime.goexit",
    "cgocallback": "runtime.cgocallback",
    "morestack": "runtime.morestack",
    "morestack_noctxt": "runtime.morestack_noctxt",
    "gogo": "gogo",
    "racecall": "racecall",
}
# Pure Go programs have no cgocallback, gogo is local to a file, and racecall is in programs with the race detector.
_OPTIONAL = ("cgocallback", "gogo", "racecall")


class Described(DebugInfo, Facts, Protocol):
    """Debug information that can also name the file that a missing fact is missing from."""


def prelude_constants(info: Described, table: PclnTab) -> dict[str, int]:
    """The `$names` of the prelude, from the binary and from contracts. Raises SeyError naming what is missing."""
    return {
        **_contracts(),
        **_offsets(info),
        **_addresses(info),
        **_code(table),
        **container_constants(info),
        "types": table.module.types,
        **SNAPSHOT_SIZES,
    }


def event_constants(info: Facts, events: int) -> dict[str, int]:
    """What the prelude of an event program has otherwise than a snapshot's."""
    counters = {name: 8 * i for i, name in enumerate(EVENT_COUNTERS)}
    own = {name: 8 * (len(EVENT_COUNTERS) + i) for i, name in enumerate(_OWN_WORDS)}
    goid = field_offset(info, "runtime.g", "goid")
    return {
        **EVENT_SIZES,
        **counters,
        **own,
        **{f"in_{name}": 8 * i for i, name in enumerate(EVENT_INPUTS)},
        "events": 1 << max(events - 1, 0).bit_length(),
        "input_bytes": EVENT_INPUT_BYTES,
        "counter_bytes": EVENT_COUNTER_BYTES,
        "phase_call": PHASE_CALL,
        "phase_return": PHASE_RETURN,
        "hit_time": 8 * WORD_TIME,
        "hit_fsbase": 8 * WORD_FSBASE,
        "hit_cookie": 8 * WORD_COOKIE,
        "hit_pc": 8 * WORD_PC,
        **{f"hit_{name}": 8 * (WORD_REGISTERS + number) for name, number in _HIT_REGISTERS.items()},
        "g_stack_lo": field_offset(info, "runtime.g", "stack.lo").offset,
        "g_stack_hi": field_offset(info, "runtime.g", "stack.hi").offset,
        "g_head": goid.offset + goid.size,
    }


_HIT_REGISTERS = {"bp": 6, "sp": 7, "g": 14}
"""DWARF's numbers of RBP, RSP, and R14, in which Go's code keeps the goroutine."""
_OWN_WORDS = ("sampling", "window_start", "window_rows", "objects")
"""Words of the program behind an event's counters."""


def _contracts() -> dict[str, int]:
    counters = {name: 8 * i for i, name in enumerate(COUNTERS)}
    return {
        **counters,
        **{f"state_{s.name.lower()}": s.value for s in State},
        "max_frames": MAX_FRAMES,
        "inner_frames": INNER_FRAMES,
        "outer_frames": OUTER_FRAMES,
        "listed_frames": INNER_FRAMES + OUTER_FRAMES,
        "outside": OUTSIDE,
        "no_pcsp": NO_PCSP,
        "end_complete": StackEnd.COMPLETE,
        "end_unreadable": StackEnd.UNREADABLE,
        "end_limit": StackEnd.LIMIT,
        "pc_exact": PC_EXACT,
        "pointee": POINTEE,
        "pointee_mask": POINTEE - 1,
        "flag_locked": GOROUTINE_LOCKED,
        "flag_in_cgo": GOROUTINE_IN_CGO,
        "flag_registers": GOROUTINE_REGISTERS,
        **{f"status_{status.name.lower()}": status for status in Status},
        "fault_user": FAULT_USER,
        "fault_budget": FAULT_USER + Status.BUDGET,
        "slot_fault": SLOT_FAULT,
        **{f"place_{name}": number for name, number in PLACES.items()},
        "class_pointer": CLASS_POINTER,
        "class_string": CLASS_STRING,
        "class_slice": CLASS_SLICE,
        "class_iface": CLASS_IFACE,
        "class_eface": CLASS_EFACE,
        "class_map": CLASS_MAP,
        "class_chan": CLASS_CHAN,
        "class_func": CLASS_FUNC,
        "class_trie": CLASS_TRIE,
        "class_reflect": CLASS_REFLECT,
        "class_rtype": CLASS_RTYPE,
        "class_hidden": CLASS_HIDDEN,
        "hidden_word": HIDDEN_WORD,
        "step_deeper": STEP_DEEPER,
        "step_chain": STEP_CHAIN,
        "step_level": STEP_LEVEL,
        "no_way": NO_WAY,
        "object_changing": OBJECT_CHANGING,
        "object_partial": OBJECT_PARTIAL,
        "unreadable_object": Status.UNREADABLE - Status.OK,
        "page_bytes": PAGE_BYTES,
        "max_object": MAX_RECORD_BYTES - 8,
    }


def _offsets(info: Facts) -> dict[str, int]:
    found: dict[str, int] = {}
    for prefix, struct, wanted in STRUCTS:
        ends = []
        for name, path in wanted.items():
            offset, size = field_offset(info, struct, path)
            found[f"{prefix}_{name}"] = offset
            ends.append(offset + size)
        # Only as much is read as is used: the last field wanted ends the read.
        found[f"{prefix}_size"] = -(-max(ends) // 8) * 8
    found["itab_type"] = itab_type(info)
    return {**found, **_syscall_frame(info, found)}


def itab_type(info: Facts) -> int:
    """Where an itab keeps the type of the value; it is a type of the runtime's own up to Go 1.22."""
    older = info.find_type("internal/abi.ITab") is None and info.find_type("runtime.itab") is not None
    struct, field = ("runtime.itab", "_type") if older else ("internal/abi.ITab", "Type")
    return field_offset(info, struct, field).offset


def _syscall_frame(info: Facts, found: Mapping[str, int]) -> dict[str, int]:
    """The frame pointer of goroutines in system calls, which Go keeps since 1.23; without it the walk is by tables."""
    slot = find_field(info, "runtime.g", "syscallbp")
    within = slot is not None and slot.offset + slot.size <= found["g_size"]
    return {
        "g_syscallbp": slot.offset if slot is not None and within else found["g_sched_bp"],
        "syscall_by_table": int(not within),
    }


def _addresses(info: DebugInfo) -> dict[str, int]:
    found = {}
    for name, path in VARIABLES.items():
        variable = info.global_variable(path)
        if variable is None:
            raise SeyError(NoRuntimeFact(path))
        found[name] = variable.address
    return found


def _code(table: PclnTab) -> dict[str, int]:
    found = {}
    for name, path in _FUNCTIONS.items():
        function = table.find(path)
        # Without one no pc is ever within it.
        if function is None and name not in _OPTIONAL:
            raise SeyError(NoRuntimeFact(path))
        found[name] = function.entry if function else 0
        found[f"{name}_size"] = function.end - function.entry if function else 0
    found["race"] = int(table.find("racecall") is not None)
    return found
