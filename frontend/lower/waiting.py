"""Where the prelude finds what goroutines wait for: offsets in the runtime's sudogs, channels and semaphores.

A binary that lacks one of them (or is described by no debug information) is captured without its waits.
"""

from __future__ import annotations

from sey.binary.errors import SeyError
from sey.frontend.debuginfo.runtime_facts import Facts, field_offset, global_address, struct_type, type_size
from sey.frontend.lower.problems import NoRuntimeFact
from sey.ir.locks import LOCK_BEFORE, NO_OBJECT_BEFORE, NO_OBJECT_SIZE, RW_MUTEX, WAIT_GROUP
from sey.ir.plan import Wait

_SUDOG = {
    "g": "g",
    "next": "next",
    "prev": "prev",
    "elem": "elem",
    "select": "isSelect",
    "waitlink": "waitlink",
    "c": "c",
}
_HCHAN = {
    "qcount": "qcount",
    "dataqsiz": "dataqsiz",
    "closed": "closed",
    "elemtype": "elemtype",
    "recvq": "recvq.first",
    "sendq": "sendq.first",
}
_LOCKS = (("sync.RWMutex", RW_MUTEX), ("sync.WaitGroup", WAIT_GROUP))
_NONE = (
    *(f"sudog_{name}" for name in _SUDOG),
    *(f"hchan_{name}" for name in _HCHAN),
    *("g_waiting", "semtable", "sema_roots", "sema_treap", "arenas", "arena_spans"),
    *("mspan_startaddr", "mspan_elemsize"),
)
_SIZES = {"sudog_size": 8, "hchan_size": 8, "sema_stride": 64, "sema_bytes": 64}


def wait_constants(info: Facts) -> dict[str, int]:
    """The prelude's `$names` for waits; `any_waits` is 0 where they can't be found."""
    fixed = {f"wait_{kind.name.lower()}": int(kind) for kind in Wait}
    fixed |= {"lock_before": LOCK_BEFORE, "no_object_before": NO_OBJECT_BEFORE, "no_object_size": NO_OBJECT_SIZE}
    try:
        return {**fixed, "any_waits": 1, **_found(info)}
    except SeyError:
        return {**fixed, "any_waits": 0, **dict.fromkeys(_NONE, 0), **_SIZES}


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
    found = {f"sudog_{name}": field_offset(info, "runtime.sudog", path).offset for name, path in _SUDOG.items()}
    found |= {f"hchan_{name}": field_offset(info, "runtime.hchan", path).offset for name, path in _HCHAN.items()}
    found |= {"sudog_size": type_size(info, "runtime.sudog"), "hchan_size": type_size(info, "runtime.hchan")}
    table = struct_type(info, "runtime.semTable")
    root = info.type(table.elem) if table.elem is not None else table
    stride, roots = root.size, table.length or 0
    heap = global_address(info, "runtime.mheap_")
    found |= {
        "g_waiting": field_offset(info, "runtime.g", "waiting").offset,
        "semtable": global_address(info, "runtime.semtable"),
        "sema_roots": roots,
        "sema_stride": stride,
        "sema_bytes": roots * stride,
        "sema_treap": field_offset(info, "runtime.semaRoot", "treap").offset,
        "arenas": heap + field_offset(info, "runtime.mheap", "arenas").offset,
        "arena_spans": field_offset(info, "runtime.heapArena", "spans").offset,
        "mspan_startaddr": field_offset(info, "runtime.mspan", "startAddr").offset,
        "mspan_elemsize": field_offset(info, "runtime.mspan", "elemsize").offset,
    }
    fits = max(found["sudog_size"], found["hchan_size"]) <= 128 and 0 < roots <= 1024 and stride == 64
    if not fits:  # in the prelude's buffers
        raise SeyError(NoRuntimeFact("runtime.semTable"))
    return found
