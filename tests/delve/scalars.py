"""Delve's spelling of simple values, in a form that compares to the bit."""

from __future__ import annotations

import base64
import datetime
import re
import struct

from tests.delve.dlv import Json

_FLOAT32, _FLOAT64 = 13, 14
_SECONDS_1885, _SECONDS_YEAR_1 = 59453308800 - 62135596800, 62135596800


def number(value: str, kind: int) -> int | bytes:
    """An integer, or the bits of a float (all NaNs alike); named constants come as `main.Red (1)`."""
    named = re.search(r"\((-?[\w.+]+)\)$", value)
    value = named[1] if named else value
    if kind not in (_FLOAT32, _FLOAT64):
        return int(value)
    number = float(value.replace("Infinity", "inf"))
    return b"nan" if number != number else struct.pack("<f" if kind == _FLOAT32 else "<d", number)


def text(variable: Json) -> bytes:
    """The bytes of a string as far as Delve loaded them."""
    raw = variable.get("StringValueBytes")
    return base64.b64decode(raw) if raw else variable["value"].encode(errors="surrogatepass")


def utf8(raw: bytes) -> str:
    r"""Bytes as captures show them: what is not UTF-8 as \xNN."""
    return raw.decode(errors="backslashreplace")


def moment(wall: Json, ext: Json) -> str:
    """RFC 3339 of a time.Time's words (time/time.go), in UTC."""
    bits, more = int(wall["value"]), int(ext["value"])
    seconds = (bits >> 30 & (1 << 33) - 1) + _SECONDS_1885 if bits >> 63 else more - _SECONDS_YEAR_1
    nanoseconds = bits & (1 << 30) - 1
    day = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    fraction = f".{nanoseconds:09d}".rstrip("0") if nanoseconds else ""
    return f"{day.isoformat()}{fraction}Z"
