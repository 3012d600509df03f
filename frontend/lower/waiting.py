"""Where the prelude finds what goroutines wait for: offsets in the runtime's sudogs, channels and semaphores.

A binary that lacks one of them (or is described by no debug information) is captured without its waits.
"""

from __future__ import annotations

from sey.binary.errors import SeyError
from sey.frontend.debuginfo.runtime_facts import Facts, field_offset, global_address, struct_type, type_size
from sey.frontend.lower.containers import CHAN_FIELDS
from sey.frontend.lower.problems import NoRuntimeFact
from sey.ir.locks import LOCK_BEFORE, NO_OBJECT_BEFORE, NO_OBJECT_SIZE, RW_MUTEX, WAIT_GROUP
from sey.ir.plan import Wait

_FIELDS = {
    "sudog_g": ("runtime.sudog", "g"),
    "sudog_prev": ("runtime.sudog", "prev"),
    "sudog_elem": ("runtime.sudog", "elem"),
    "sudog_select": ("runtime.sudog", "isSelect"),
    "sudog_waitlink": ("runtime.sudog", "waitlink"),
    "sudog_c": ("runtime.sudog", "c"),
    "chan_elemtype": ("runtime.hchan", "elemtype"),
    "g_waiting": ("runtime.g", "waiting"),
    "sema_treap": ("runtime.semaRoot", "treap"),
    "arenas": ("runtime.mheap", "arenas"),
    "arena_spans": ("runtime.heapArena", "spans"),
    "mspan_startaddr": ("runtime.mspan", "startAddr"),
    "mspan_elemsize": ("runtime.mspan", "elemsize"),
}
_OF_CONTAINERS = ("chan_count", "chan_capacity", "chan_closed", "chan_receivers", "chan_senders", "sudog_next")
"""Those of `CHAN_FIELDS` without which there are no waits; their values are `container_constants`' alone."""
_LOCKS = (("sync.RWMutex", RW_MUTEX), ("sync.WaitGroup", WAIT_GROUP))
_SIZES = {"sudog_size": 8, "sema_stride": 64, "sema_bytes": 64}


def wait_constants(info: Facts) -> dict[str, int]:
    """The prelude's `$names` for waits; `any_waits` is 0 where they can't be found."""
    fixed = {f"wait_{kind.name.lower()}": int(kind) for kind in Wait}
    fixed |= {"lock_before": LOCK_BEFORE, "no_object_before": NO_OBJECT_BEFORE, "no_object_size": NO_OBJECT_SIZE}
    try:
        return {**fixed, "any_waits": 1, **_found(info)}
    except SeyError:
        return {**fixed, "any_waits": 0, **dict.fromkeys((*_FIELDS, "semtable", "sema_roots"), 0), **_SIZES}


def locks_known(info: Facts) -> bool:
    """Whether the locks of package sync, those that the program has, are laid out as `ir/locks.py` says."""
    try:
        return all(
            info.find_type(name) is None
            or all(field_offset(info, name, field).offset == offset for field, offset in fields.items())
            for name, fields in _LOCKS
        )
    except SeyError:
        return False


def _found(info: Facts) -> dict[str, int]:
    for name in _OF_CONTAINERS:
        field_offset(info, *CHAN_FIELDS[name])
    found = {name: field_offset(info, struct, path).offset for name, (struct, path) in _FIELDS.items()}
    found["arenas"] += global_address(info, "runtime.mheap_")
    table = struct_type(info, "runtime.semTable")
    root = info.type(table.elem) if table.elem is not None else table
    stride, roots = root.size, table.length or 0
    found |= {
        "sudog_size": type_size(info, "runtime.sudog"),
        "semtable": global_address(info, "runtime.semtable"),
        "sema_roots": roots,
        "sema_stride": stride,
        "sema_bytes": roots * stride,
    }
    sizes = (found["sudog_size"], type_size(info, "runtime.hchan"))
    fits = max(sizes) <= 128 and 0 < roots <= 1024 and stride == 64
    if not fits:  # in the prelude's buffers
        raise SeyError(NoRuntimeFact("runtime.semTable"))
    return found
