"""Values of literals: Go's numbers, runes and strings, and sey's durations and sizes."""

from __future__ import annotations

import re
from fractions import Fraction

from sey.frontend.ast import LiteralKind

MAX_NUMBER = 200
"""Characters of a number literal; more than any 512-bit constant needs."""
_MAX_EXPONENT = 1000

_DECIMAL = re.compile(r"0|[1-9](?:_?[0-9])*")
_PREFIXED = re.compile(r"0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO]?(?:_?[0-7])+")
_DIGITS = r"[0-9](?:_?[0-9])*"
_FLOAT = re.compile(rf"(?:{_DIGITS}\.(?:{_DIGITS})?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?|{_DIGITS}[eE][+-]?{_DIGITS}")
_HEX = r"[0-9a-fA-F](?:_?[0-9a-fA-F])*"
_HEX_FLOAT = re.compile(
    rf"0[xX]_?(?:(?P<whole>{_HEX})(?:\.(?P<part>{_HEX})?)?|\.(?P<only>{_HEX}))[pP](?P<exponent>[+-]?{_DIGITS})"
)
_SIZE = re.compile(r"([0-9]+)(B|KiB|MiB)")
_SIZE_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20}
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_DURATION_UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_SIMPLE_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, "'": 39, '"': 34}
_ESCAPE = re.compile(r"\\(?:([abfnrtv\\'\"])|([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))")


class LiteralError(ValueError):
    """Says what is wrong with a literal."""


def number(text: str) -> tuple[LiteralKind, int | Fraction]:
    """Kind and value of a number, a duration (nanoseconds) or a size (bytes). Raises LiteralError."""
    if len(text) > MAX_NUMBER:
        raise LiteralError(f"it has more than {MAX_NUMBER} characters")
    if _DECIMAL.fullmatch(text):
        return LiteralKind.INT, int(text.replace("_", ""))
    if _PREFIXED.fullmatch(text):
        return LiteralKind.INT, _prefixed(text.replace("_", ""))
    if _FLOAT.fullmatch(text):
        return LiteralKind.FLOAT, _float(text.replace("_", ""))
    if found := _HEX_FLOAT.fullmatch(text):
        return LiteralKind.FLOAT, _hex_float(found)
    if found := _SIZE.fullmatch(text):
        return LiteralKind.SIZE, int(found[1]) * _SIZE_UNITS[found[2]]
    if re.fullmatch(f"(?:{_DURATION_PART.pattern})+", text):
        return LiteralKind.DURATION, _duration(text)
    raise LiteralError(_what_is_wrong(text))


def _prefixed(digits: str) -> int:
    # Go still reads a leading zero alone as octal: 0755.
    return int(digits, 0) if digits[1] in "xXbBoO" else int(digits, 8)


def _float(text: str) -> Fraction:
    mantissa, _, exponent = text.lower().partition("e")
    _check_exponent(exponent)
    return Fraction(f"{mantissa.rstrip('.') or '0'}e{exponent}" if exponent else mantissa.rstrip(".") or "0")


def _hex_float(found: re.Match[str]) -> Fraction:
    whole = (found["whole"] or "").replace("_", "")
    part = (found["part"] or found["only"] or "").replace("_", "")
    exponent = found["exponent"].replace("_", "")
    _check_exponent(exponent)
    return Fraction(int(whole + part, 16)) * Fraction(2) ** (int(exponent) - 4 * len(part))


def _check_exponent(exponent: str) -> None:
    if exponent and (len(exponent) > 8 or abs(int(exponent)) > _MAX_EXPONENT):
        raise LiteralError("its exponent is too large")


def _duration(text: str) -> int:
    parts = [Fraction(n.rstrip(".")) * _DURATION_UNITS[unit] for n, unit in _DURATION_PART.findall(text)]
    total = sum(parts, Fraction())
    if total.denominator != 1:
        raise LiteralError("a duration is a whole number of nanoseconds")
    if total >= 1 << 63:
        raise LiteralError("a duration is at most 2562047h47m16.854775807s")
    return int(total)


def _what_is_wrong(text: str) -> str:
    if re.fullmatch(r"[0-9._]+i", text):
        return "imaginary numbers are not in this version of sey"
    if re.fullmatch(r"0[0-9]+", text):
        return "a leading 0 makes it octal, and 8 and 9 are no octal digits"
    if re.fullmatch(r"[0-9]+(?:KB|MB|GB|kB|K|M|G|GiB)", text):
        return "sizes are written with B, KiB or MiB"
    if re.fullmatch(r"[0-9_]+", text):
        return "`_` must separate digits"
    return "neither a number, nor a duration (`1h30m`, `50ms`), nor a size (`4KiB`)"


def interpreted(body: str) -> str:
    """The value of what stands between double quotes. Raises LiteralError for an escape that Go doesn't know."""
    return b"".join(_pieces(body, '"')).decode("utf-8", "surrogateescape")


def rune(body: str) -> int:
    """The code point of what stands between single quotes. Raises LiteralError."""
    if len(body) == 1 and body != "\\":
        return ord(body)
    found = _ESCAPE.fullmatch(body)
    if found is None:
        raise LiteralError("a rune is one character or one escape")
    _check_escape(found, "'")
    simple, octal, byte, short, long = found.groups()
    if simple:
        return _SIMPLE_ESCAPES[simple]
    return int(octal, 8) if octal else int(byte or short or long, 16)


def _pieces(body: str, quote: str) -> list[bytes]:
    pieces: list[bytes] = []
    at = 0
    while (escape := body.find("\\", at)) >= 0:
        pieces.append(body[at:escape].encode("utf-8", "surrogatepass"))
        found = _ESCAPE.match(body, escape)
        if found is None:
            raise LiteralError(f"there is no escape `{body[escape : escape + 2]}`")
        _check_escape(found, quote)
        pieces.append(_escaped(found))
        at = found.end()
    pieces.append(body[at:].encode("utf-8", "surrogatepass"))
    return pieces


def _check_escape(found: re.Match[str], quote: str) -> None:
    simple, octal, _, short, long = found.groups()
    if simple in ("'", '"') and simple != quote:
        raise LiteralError(f"there is no escape `{found[0]}` here")
    if octal and int(octal, 8) > 255:
        raise LiteralError(f"the escape `{found[0]}` is more than a byte")
    if (code := short or long) and (int(code, 16) > 0x10FFFF or 0xD800 <= int(code, 16) < 0xE000):
        raise LiteralError(f"the escape `{found[0]}` is no Unicode character")


def _escaped(found: re.Match[str]) -> bytes:
    simple, octal, byte, short, long = found.groups()
    if simple:
        return bytes([_SIMPLE_ESCAPES[simple]])
    if octal or byte:
        return bytes([int(octal, 8) if octal else int(byte, 16)])
    return chr(int(short or long, 16)).encode()
