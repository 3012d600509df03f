"""The text of the whole LLVM module: globals, functions, metadata."""

from __future__ import annotations

from collections.abc import Iterator

from sey.backends.ebpf.layout import (
    FAULT,
    HOST_SECTION,
    OUTPUT,
    OUTPUT_VALUE_BYTES,
    PAGES,
    PAGES_USED,
    STATE,
    STATE_STREAMS,
    STREAM_STATE_BYTES,
    TABLE_SECTION,
    column_bytes,
)
from sey.backends.ebpf.piece import Unit

_LAYOUT = "e-m:e-p:64:64-i64:64-i128:128-n32:64-S128"
_LICENSE = "Dual BSD/GPL"
_MAP_TYPE_HASH, _MAP_TYPE_ARRAY, _MMAPABLE = 1, 2, 1 << 10


def module_text(unit: Unit) -> str:
    """The module, ready for LLVM's parser."""
    parts = [
        f'target datalayout = "{_LAYOUT}"',
        'target triple = "bpf"',
        *_maps(unit),
        *_host(unit),
        *_memory(unit),
        *_tables(unit),
        f'@license_text = dso_local global [{len(_LICENSE) + 1} x i8] c"{_LICENSE}\\00", section "license", align 1',
        *unit.functions,
        unit.debug.text(),
    ]
    return "\n".join(parts) + "\n"


def _maps(unit: Unit) -> Iterator[str]:
    numbers = {"type": _MAP_TYPE_ARRAY, "max_entries": 1, "map_flags": _MMAPABLE}
    yield _map(OUTPUT, unit.debug.map_variable(OUTPUT, numbers, {"key": 4, "value": OUTPUT_VALUE_BYTES}), 5)
    for each in unit.program.dicts:
        numbers = {"type": _MAP_TYPE_HASH, "max_entries": each.capacity}
        symbol = unit.symbols.dicts[each.name]
        yield _map(symbol, unit.debug.map_variable(symbol, numbers, {"key": 8, "value": 8}), 4)


def _map(symbol: str, reference: str, members: int) -> str:
    kind = "{ " + ", ".join(["ptr"] * members) + " }"
    return f'@{symbol} = dso_local global {kind} zeroinitializer, section ".maps", align 8, !dbg {reference}'


def _host(unit: Unit) -> Iterator[str]:
    sizes = {PAGES: 8, PAGES_USED: 8}
    sizes |= {unit.symbols.buffers[b.name]: b.size + b.slack for b in unit.program.buffers if b.host}
    sizes["host_tail"] = unit.tail
    for symbol, size in sizes.items():
        reference = unit.debug.bytes_variable(symbol, size)
        yield (
            f'@{symbol} = dso_local global [{size} x i8] zeroinitializer, section "{HOST_SECTION}", '
            f"align 8, !dbg {reference}"
        )


def _memory(unit: Unit) -> Iterator[str]:
    sizes = {STATE: STATE_STREAMS + STREAM_STATE_BYTES * len(unit.program.streams), FAULT: 16}
    sizes |= {frame.symbol: frame.size for frame in unit.frames.values() if frame.slots}
    sizes |= {unit.symbols.buffers[b.name]: b.size + b.slack for b in unit.program.buffers if not b.host}
    sizes["tail"] = unit.tail
    for symbol, size in sizes.items():
        yield f"@{symbol} = internal global [{size} x i8] zeroinitializer, align 8"


def _tables(unit: Unit) -> Iterator[str]:
    for (table, name), column in unit.columns.items():
        data = column_bytes(column)
        text = "\\" + data.hex("\\")
        yield (
            f'@{unit.symbols.columns[table, name]} = internal constant [{len(data)} x i8] c"{text}", '
            f'section "{TABLE_SECTION}", align 8'
        )
