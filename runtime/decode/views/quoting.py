"""Texts in quotes as strconv.Quote writes them."""

from __future__ import annotations

import re
import unicodedata

from sey.ir.plan import Status
from sey.runtime.decode.views.parts import Text, lost

_CONTROLS = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
_PRINTED = "LMNPS"
"""First letters of the Unicode categories that are printed as they are (unicode.IsPrint)."""

NOT_UTF8 = re.compile(r"\\x[89a-f][0-9a-f]")
"""What a byte that isn't UTF-8 is written as in captured texts; also what a text may say by itself."""


def quoted(text: Text) -> Text:
    """The text in quotes; `unsupported` where it has what may stand for other bytes, or what Unicode may have defined
    between this Python's version of it and Go's."""
    if not text.whole:
        return lost(text.status, text.detail)
    parts = [_escaped(one) for one in text.text]
    if NOT_UTF8.search(text.text) or None in parts:
        return lost(Status.UNSUPPORTED)
    return Text(f'"{"".join(part for part in parts if part is not None)}"')


def _escaped(char: str) -> str | None:
    code = ord(char)
    if char in '"\\':
        return "\\" + char
    if " " <= char < "\x7f":
        return char
    if code < 0x80:
        return _CONTROLS.get(char, f"\\x{code:02x}")
    category = unicodedata.category(char)
    if category == "Cn":
        return None
    if category[0] in _PRINTED:
        return char
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
