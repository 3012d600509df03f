"""Where the runtime keeps what maps and channels are made of, for the prelude; from the binary's own description."""

from __future__ import annotations

from sey.frontend.debuginfo.runtime_facts import Facts, find_field, type_size

_SWISS = "internal/runtime/maps.Map"
_TABLE = "internal/runtime/maps.table"
_OLD = "runtime.hmap"
_CHAN = "runtime.hchan"
MAX_GROUPS = 1 << 17
"""Groups that are looked through for one key at the most, room for a million entries."""
_HASH_WRITING = 4
"""A bit of hmap.flags (runtime/map.go, up to Go 1.23). 8 there is a growth to the same size."""

_SWISS_FIELDS = {
    "map_count": (_SWISS, "used"),
    "map_writing": (_SWISS, "writing"),
    "map_directory": (_SWISS, "dirPtr"),
    "map_dir_length": (_SWISS, "dirLen"),
    "table_groups": (_TABLE, "groups.data"),
    "table_mask": (_TABLE, "groups.lengthMask"),
}
_OLD_FIELDS = {
    "map_count": (_OLD, "count"),
    "map_writing": (_OLD, "flags"),
    "map_log_buckets": (_OLD, "B"),
    "map_buckets": (_OLD, "buckets"),
    "map_old_buckets": (_OLD, "oldbuckets"),
}
CHAN_FIELDS = {
    "chan_count": (_CHAN, "qcount"),
    "chan_capacity": (_CHAN, "dataqsiz"),
    "chan_buffer": (_CHAN, "buf"),
    "chan_closed": (_CHAN, "closed"),
    "chan_next": (_CHAN, "recvx"),
    "chan_receivers": (_CHAN, "recvq.first"),
    "chan_senders": (_CHAN, "sendq.first"),
    "chan_timer": (_CHAN, "timer"),
    "sudog_next": ("runtime.sudog", "next"),
}
_NAMES = (*_SWISS_FIELDS, *_OLD_FIELDS, *CHAN_FIELDS)


def container_constants(info: Facts) -> dict[str, int]:
    """The prelude's `$map_…`, `$table_…`, `$chan_…`. Where the binary describes no maps or channels they are 0: then
    none of its types is one either."""
    swiss = info.find_type(_SWISS) is not None
    found = dict.fromkeys(_NAMES, 0)
    for name, (struct, path) in {**(_SWISS_FIELDS if swiss else _OLD_FIELDS), **CHAN_FIELDS}.items():
        slot = find_field(info, struct, path) if info.find_type(struct) is not None else None
        if slot is not None:
            found[name] = slot.offset
    return {
        **found,
        "swiss": int(swiss),
        "map_groups": MAX_GROUPS,
        "map_header": _size(info, _SWISS if swiss else _OLD, 48),
        "map_writing_bits": 255 if swiss else _HASH_WRITING,
        "chan_header": _size(info, _CHAN, 96),
        "has_chan_timer": int(found["chan_timer"] != 0),
    }


def _size(info: Facts, struct: str, otherwise: int) -> int:
    return type_size(info, struct) if info.find_type(struct) is not None else otherwise
