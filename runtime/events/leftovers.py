"""Uprobes that anyone has in place: links of BPF programs, and those that tracefs lists."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from sey.runtime import libc

# include/uapi/linux/bpf.h: commands, enum bpf_link_type, enum bpf_perf_event_type
_LINK_FD, _LINK_NEXT, _INFO = 30, 31, 15
_PERF_EVENT, _UPROBE_MULTI = 7, 12
_UPROBES = (1, 2)
_TYPE, _PERF_TYPE = 0, 16
"""Offsets in struct bpf_link_info."""
_TRACEFS = (Path("/sys/kernel/tracing/uprobe_events"), Path("/sys/kernel/debug/tracing/uprobe_events"))


def uprobe_links() -> set[int]:
    """The ids of the links that attach BPF programs to uprobes, whoever made them. Raises OSError (not permitted)."""
    return {number for number in _links() if _is_uprobe(number)}


def tracefs_uprobes() -> int:
    """How many uprobes tracefs lists, which outlive who made them; 0 where it isn't mounted or may not be read."""
    for path in _TRACEFS:
        try:
            return len(path.read_text().splitlines())
        except OSError:
            continue
    return 0


def _links() -> Iterator[int]:
    last = 0
    while True:
        room = ctypes.create_string_buffer(struct.pack("<4I", last, 0, 0, 0), 16)
        try:
            libc.bpf(_LINK_NEXT, room)
        except FileNotFoundError:
            return
        last = struct.unpack_from("<I", room, 4)[0]
        yield last


def _is_uprobe(number: int) -> bool:
    try:
        fd = libc.bpf(_LINK_FD, struct.pack("<4I", number, 0, 0, 0))
    except FileNotFoundError:
        return False  # it is gone meanwhile
    info = ctypes.create_string_buffer(256)
    try:
        libc.bpf(_INFO, struct.pack("<2IQ", fd, len(info), ctypes.addressof(info)))
    finally:
        os.close(fd)
    kind = struct.unpack_from("<I", info, _TYPE)[0]
    return kind == _UPROBE_MULTI or (kind == _PERF_EVENT and struct.unpack_from("<I", info, _PERF_TYPE)[0] in _UPROBES)
