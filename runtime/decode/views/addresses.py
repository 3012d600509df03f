"""Network addresses of package net as their String methods write them (net/ip.go, tcpsock.go, udpsock.go, …)."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from sey.ir.plan import PlanType, Status
from sey.runtime.decode.forms import TEXT
from sey.runtime.decode.vectors import Shared, Texts, Vector, is_bytes, through
from sey.runtime.decode.views.parts import Text, Types, View, each_text, joined, lost, part, place, texts_at
from sey.runtime.pages import U8Array

_V4, _V6 = 4, 16
_MAPPED = bytes(10) + b"\xff\xff"
NONE = "<nil>"
"""What Go writes for no address."""


def ip(kind: PlanType, types: Types) -> View | None:
    """net.IP: dotted, or with colons. Of other lengths than 4 and 16: `?` and the digits."""
    if kind.kind != "slice" or not is_bytes(kind, types):
        return None

    def show(_: U8Array, vector: Vector) -> Vector:
        inner, index = through(vector)
        if not isinstance(inner.data, Texts):
            return vector
        values = [
            None if digits is None else ip_text(bytes.fromhex(digits)) if status == Status.OK else "?" + digits
            for digits, status in zip(inner.data.values.to_pylist(), inner.status.tolist(), strict=True)
        ]
        target = replace(inner, data=Texts(pa.array(values, pa.string())))
        return target if index is None else replace(vector, data=Shared(index, target))

    return View(show, TEXT)


def ip_text(address: bytes) -> str:
    """As net.IP.String."""
    if not address:
        return NONE
    if len(address) == _V4 or (len(address) == _V6 and address.startswith(_MAPPED)):
        return dotted(address[-_V4:])
    return colons(address) if len(address) == _V6 else "?" + address.hex()


def dotted(address: bytes) -> str:
    """The four bytes of an IPv4 address."""
    return ".".join(str(byte) for byte in address)


def colons(address: bytes) -> str:
    """The 16 bytes of an IPv6 address; `::` for the first of the longest runs of two or more zeros."""
    groups = [int.from_bytes(address[at : at + 2], "big") for at in range(0, _V6, 2)]
    best, start, run = 1, -1, 0
    for at, group in enumerate(groups):
        run = run + 1 if group == 0 else 0
        if run > best:
            best, start = run, at - run + 1
    if start < 0:
        return ":".join(f"{group:x}" for group in groups)
    before, after = groups[:start], groups[start + best :]
    return ":".join(f"{group:x}" for group in before) + "::" + ":".join(f"{group:x}" for group in after)


def ip_net(kind: PlanType, types: Types) -> View | None:
    """net.IPNet: address and length of the prefix, or the mask where it isn't one."""
    address, mask = place(kind, types, "IP", "slice"), place(kind, types, "Mask", "slice")
    if address is None or mask is None or not is_bytes(mask.type, types):
        return None

    def show(raw: U8Array, vector: Vector) -> Vector:
        numbers, masks = part(vector, "IP"), part(vector, "Mask")
        if numbers is None or masks is None:
            return vector
        return each_text(
            kind,
            raw,
            lambda rows: [_net(n, m) for n, m in zip(texts_at(numbers, rows), texts_at(masks, rows), strict=True)],
        )

    return View(show, TEXT)


def _net(address: Text, mask: Text) -> Text:
    if Status.NIL in (address.status, mask.status):
        return Text(NONE)
    if not address.whole or not mask.whole:
        return lost(mask.status if address.whole else address.status, mask.detail if address.whole else address.detail)
    wide, digits = ":" in address.text, mask.text
    if address.text.startswith(("?", "<")) or len(digits) not in (2 * _V4, 2 * _V6):
        return Text(NONE)
    if not wide and len(digits) == 2 * _V6:
        digits = digits[-2 * _V4 :]
    if wide and len(digits) == 2 * _V4:
        return Text(NONE)
    bits = f"{int(digits, 16):0{len(digits) * 4}b}"
    return Text(f"{address.text}/{digits if '01' in bits else bits.count('1')}")


def ip_port(kind: PlanType, types: Types) -> View | None:
    """net.TCPAddr and UDPAddr: `host:port`, the host in brackets where it has colons."""
    address, zone = place(kind, types, "IP", "slice"), place(kind, types, "Zone", "string")
    port = place(kind, types, "Port", "int", 8)
    if address is None or zone is None or port is None:
        return None

    def show(raw: U8Array, vector: Vector) -> Vector:
        numbers = port.numbers(raw)
        hosts = _hosts(vector)
        if hosts is None:
            return vector
        return each_text(
            kind, raw, lambda rows: [host_port(hosts_of, int(numbers[row])) for row, hosts_of in _zipped(rows, hosts)]
        )

    return View(show, TEXT)


def ip_zone(kind: PlanType, types: Types) -> View | None:
    """net.IPAddr: the address, with its zone."""
    address, zone = place(kind, types, "IP", "slice"), place(kind, types, "Zone", "string")
    if address is None or zone is None:
        return None

    def show(raw: U8Array, vector: Vector) -> Vector:
        hosts = _hosts(vector)
        return vector if hosts is None else each_text(kind, raw, lambda rows: [one for _, one in _zipped(rows, hosts)])

    return View(show, TEXT)


def unix(kind: PlanType, types: Types) -> View | None:
    """net.UnixAddr: its name."""
    name = place(kind, types, "Name", "string")
    return None if name is None else View(lambda _, vector: part(vector, "Name") or vector, like=name.type)


def host_port(host: Text, port: int) -> Text:
    """As net.JoinHostPort."""
    return joined("[", host, f"]:{port}") if ":" in host.text else joined(host, f":{port}")


class _Hosts:
    """Addresses with their zones, by row."""

    def __init__(self, addresses: Vector, zones: Vector) -> None:
        self._addresses, self._zones = addresses, zones

    def at(self, rows: list[int]) -> list[Text]:
        pairs = zip(texts_at(self._addresses, rows), texts_at(self._zones, rows), strict=True)
        return [_host(address, zone) for address, zone in pairs]


def _hosts(vector: Vector) -> _Hosts | None:
    addresses, zones = part(vector, "IP"), part(vector, "Zone")
    return None if addresses is None or zones is None else _Hosts(addresses, zones)


def _zipped(rows: list[int], hosts: _Hosts) -> list[tuple[int, Text]]:
    return list(zip(rows, hosts.at(rows), strict=True))


def _host(address: Text, zone: Text) -> Text:
    known = Text("") if address.status == Status.NIL or address.text == NONE else address
    return joined(known, "%", zone) if zone.text or not zone.whole else known
