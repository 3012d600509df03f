"""Package net/netip (netip.go): 128 bits, and behind `z` whether they are IPv6 and which zone."""

from __future__ import annotations

from dataclasses import dataclass

from sey.ir.plan import PlanType, Status
from sey.runtime.decode.forms import TEXT
from sey.runtime.decode.vectors import Vector, through
from sey.runtime.decode.views.addresses import colons, dotted
from sey.runtime.decode.views.parts import (
    Place,
    Text,
    Types,
    View,
    each_text,
    flag_at,
    joined,
    lost,
    part,
    place,
    texts_at,
)
from sey.runtime.pages import U8Array

INVALID = "invalid "
_MAPPED_HIGH, _MAPPED_LOW = 0, 0xFFFF


def address(kind: PlanType, types: Types) -> View | None:
    """netip.Addr: dotted, or with colons and zone."""
    high, low = place(kind, types, "addr.hi", "uint", 8), place(kind, types, "addr.lo", "uint", 8)
    z = _Details.of(kind, types)
    if high is None or low is None or z is None:
        return None

    def show(raw: U8Array, vector: Vector) -> Vector:
        highs, lows = high.word(raw, 0), low.word(raw, 0)

        def make(rows: list[int]) -> list[Text]:
            return [
                _address(int(highs[row]), int(lows[row]), *detail)
                for row, detail in zip(rows, z.at(raw, vector, rows), strict=True)
            ]

        return each_text(kind, raw, make)

    return View(show, TEXT)


def address_port(kind: PlanType, types: Types) -> View | None:
    """netip.AddrPort: `address:port`, the address in brackets where it is IPv6."""
    port = place(kind, types, "port", "uint", 2)
    if port is None or not _has_address(kind, types):
        return None

    def show(raw: U8Array, vector: Vector) -> Vector:
        addresses, numbers = part(vector, "ip"), port.numbers(raw)
        if addresses is None:
            return vector
        return each_text(
            kind,
            raw,
            lambda rows: [
                _with_port(text, int(numbers[row])) for row, text in zip(rows, texts_at(addresses, rows), strict=True)
            ],
        )

    return View(show, TEXT)


def prefix(kind: PlanType, types: Types) -> View | None:
    """netip.Prefix: `address/bits`."""
    bits = place(kind, types, "bitsPlusOne", "uint", 1)
    if bits is None or not _has_address(kind, types):
        return None

    def show(raw: U8Array, vector: Vector) -> Vector:
        addresses, numbers = part(vector, "ip"), bits.numbers(raw)
        if addresses is None:
            return vector
        return each_text(
            kind,
            raw,
            lambda rows: [
                joined(text, f"/{numbers[row] - 1}") if numbers[row] else Text(INVALID + "Prefix")
                for row, text in zip(rows, texts_at(addresses, rows), strict=True)
            ],
        )

    return View(show, TEXT)


def _has_address(kind: PlanType, types: Types) -> bool:
    """Whether its field `ip` is an address that has a view itself."""
    ip = place(kind, types, "ip", "struct")
    return ip is not None and address(ip.type, types) is not None


def _with_port(ip: Text, port: int) -> Text:
    if ip.text.startswith(INVALID):
        return Text(INVALID + "AddrPort")
    return joined("[", ip, f"]:{port}") if ":" in ip.text else joined(ip, f":{port}")


def _address(high: int, low: int, version: int, zone: Text) -> Text:
    if not zone.whole:
        return zone
    if version == 0:
        return Text(INVALID + "IP")
    mapped = high == _MAPPED_HIGH and low >> 32 == _MAPPED_LOW
    last = dotted((low & 0xFFFF_FFFF).to_bytes(4, "big"))
    if version == 4:
        return Text(last)
    shown = "::ffff:" + last if mapped else colons(high.to_bytes(8, "big") + low.to_bytes(8, "big"))
    return joined(shown, "%", zone) if zone.text else Text(shown)


@dataclass(frozen=True)
class _Details:
    """What `z` leads to: since Go 1.23 {isV6, zoneV6}."""

    handle: Place

    @classmethod
    def of(cls, kind: PlanType, types: Types) -> _Details | None:
        handle = place(kind, types, "z.value", "pointer")
        return None if handle is None else cls(handle)

    def at(self, raw: U8Array, vector: Vector, rows: list[int]) -> list[tuple[int, Text]]:
        """Version (0: none) and zone of some rows; a text that is missing where they can't be had."""
        words = self.handle.word(raw, 0)
        z = part(vector, "z")
        pointer = None if z is None else part(z, "value")
        return [(0, Text("")) if words[row] == 0 else _detail(pointer, row) for row in rows]


def _detail(pointer: Vector | None, row: int) -> tuple[int, Text]:
    if pointer is None or pointer.status[row] != Status.OK:
        status = Status.UNSUPPORTED if pointer is None else int(pointer.status[row])
        return 0, lost(status, 0 if pointer is None else int(pointer.detail[row]))
    inner, index = through(pointer)
    at = row if index is None else int(index[row])
    wide, zone = part(inner, "isV6"), part(inner, "zoneV6")
    if wide is None or zone is None:
        return 0, lost(Status.UNSUPPORTED)
    return (6 if flag_at(wide, at) else 4), texts_at(zone, [at])[0]
