"""The text of the whole LLVM module: globals, functions, metadata."""

from __future__ import annotations

from collections.abc import Iterator

from sey.backends.ebpf.layout import (
    FAULT,
    HOST_SECTION,
    OUTPUT,
    OUTPUT_VALUE_BYTES,
    STATE,
    STATE_STREAMS,
    STREAM_STATE_BYTES,
    TABLE_SECTION,
    TAIL,
    column_bytes,
)
from sey.backends.ebpf.piece import Unit
from sey.backends.ebpf.slot import LENGTH_BYTES, RING, SLOTS, Slot

_LAYOUT = "e-m:e-p:64:64-i64:64-i128:128-n32:64-S128"
_LICENSE = "Dual BSD/GPL"
_MAP_TYPE_HASH, _MAP_TYPE_ARRAY, _MAP_TYPE_LRU_HASH, _MAP_TYPE_RING, _MMAPABLE = 1, 2, 9, 27, 1 << 10
_RING_BYTES, _SLOTS = 1 << 20, 16


def module_text(unit: Unit) -> str:
    """The module, ready for LLVM's parser."""
    parts = [
        f'target datalayout = "{_LAYOUT}"',
        'target triple = "bpf"',
        *([] if unit.slot is None else [unit.slot.definition(own_memory(unit))]),
        *_maps(unit),
        *_host(unit),
        *([] if unit.slot is not None else _memory(unit)),
        *_tables(unit),
        f'@license_text = dso_local global [{len(_LICENSE) + 1} x i8] c"{_LICENSE}\\00", section "license", align 1',
        *unit.functions,
        unit.debug.text(),
    ]
    return "\n".join(parts) + "\n"


def _maps(unit: Unit) -> Iterator[str]:
    if unit.slot is None:
        numbers = {"type": _MAP_TYPE_ARRAY, "max_entries": 1, "map_flags": _MMAPABLE}
        yield _map(OUTPUT, unit.debug.map_variable(OUTPUT, numbers, {"key": 4, "value": OUTPUT_VALUE_BYTES}), 5)
    else:
        yield from _event_maps(unit, unit.slot)
    for each in unit.program.dicts:
        numbers = {"type": _MAP_TYPE_HASH, "max_entries": each.capacity}
        symbol = unit.symbols.dicts[each.name]
        yield _map(symbol, unit.debug.map_variable(symbol, numbers, {"key": 8, "value": 8}), 4)


def _event_maps(unit: Unit, slot: Slot) -> Iterator[str]:
    """The host sets how large the ring and how many slots there are."""
    numbers = {"type": _MAP_TYPE_RING, "max_entries": _RING_BYTES}
    yield _map(RING, unit.debug.map_variable(RING, numbers, {}), 2)
    numbers, sizes = {"type": _MAP_TYPE_ARRAY, "max_entries": _SLOTS}, {"key": 4, "value": slot.size(own_memory(unit))}
    yield _map(SLOTS, unit.debug.map_variable(SLOTS, numbers, sizes), 4)
    for each in unit.program.stashes:
        symbol, numbers = unit.symbols.stashes[each.name], {"type": _MAP_TYPE_LRU_HASH, "max_entries": each.capacity}
        yield _map(symbol, unit.debug.map_variable(symbol, numbers, {"key": 8, "value": LENGTH_BYTES + each.size}), 4)


def _map(symbol: str, reference: str, members: int) -> str:
    kind = "{ " + ", ".join(["ptr"] * members) + " }"
    return f'@{symbol} = dso_local global {kind} zeroinitializer, section ".maps", align 8, !dbg {reference}'


def _host(unit: Unit) -> Iterator[str]:
    sizes = dict(unit.host)
    sizes |= {unit.symbols.buffers[b.name]: b.size + b.slack for b in unit.program.buffers if b.host}
    sizes["host_tail"] = unit.tail
    for symbol, size in sizes.items():
        reference = unit.debug.bytes_variable(symbol, size)
        yield (
            f'@{symbol} = dso_local global [{size} x i8] zeroinitializer, section "{HOST_SECTION}", '
            f"align 8, !dbg {reference}"
        )


def own_memory(unit: Unit) -> dict[str, int]:
    """The sizes of all that only the program itself writes, apart from the output."""
    sizes = {STATE: STATE_STREAMS + STREAM_STATE_BYTES * len(unit.program.streams), FAULT: 16}
    sizes |= {frame.symbol: frame.size for frame in unit.frames.values()}
    sizes |= {unit.symbols.buffers[b.name]: b.size + b.slack for b in unit.program.buffers if not b.host}
    return sizes | {TAIL: unit.tail}


def _memory(unit: Unit) -> Iterator[str]:
    unused = {frame.symbol for frame in unit.frames.values() if not frame.slots}
    sizes = {symbol: size for symbol, size in own_memory(unit).items() if symbol not in unused}
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
