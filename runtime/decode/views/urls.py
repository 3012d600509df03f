"""net/url.URL as its String method writes it (net/url/url.go): the parts are kept unescaped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from sey.ir.plan import PlanType, Status
from sey.runtime.decode.forms import TEXT
from sey.runtime.decode.vectors import Vector, through
from sey.runtime.decode.views.parts import Place, Text, Types, View, each_text, flag_at, lost, part, place, texts_at
from sey.runtime.decode.views.quoting import NOT_UTF8
from sey.runtime.pages import U8Array

_ALWAYS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~"
_PATH = frozenset(_ALWAYS + b"$&+,/:;=@")
_HOST = frozenset(_ALWAYS + b"!$&'()*+,;=:[]<>\"")
_USER = frozenset(_ALWAYS + b"$&+,;=")
_FRAGMENT = frozenset(_ALWAYS + b"$&+,/:;=?@!()*")
_VALID = frozenset(b"!$&'()*+,;=:@[]%")
"""Bytes that an encoded path or fragment may also have as they are."""
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")

_STRINGS = ("Scheme", "Opaque", "Host", "Path", "RawPath", "RawQuery", "Fragment", "RawFragment")
_FIELDS = ("scheme", "opaque", "host", "path", "raw_path", "raw_query", "fragment", "raw_fragment")


@dataclass(frozen=True)
class Url:
    """The fields of a URL. `user` is as `Userinfo.String` writes it, None without one."""

    scheme: str
    opaque: str
    host: str
    path: str
    raw_path: str
    raw_query: str
    fragment: str
    raw_fragment: str
    user: str | None
    force_query: bool
    omit_host: bool


def url(kind: PlanType, types: Types) -> View | None:
    """net/url.URL: its text, password and all."""
    force, omit = place(kind, types, "ForceQuery", "bool"), place(kind, types, "OmitHost", "bool")
    user = place(kind, types, "User", "pointer")
    strings = [place(kind, types, name, "string") for name in _STRINGS]
    if force is None or omit is None or user is None or None in strings:
        return None

    def show(raw: U8Array, vector: Vector) -> Vector:
        def make(rows: list[int]) -> list[Text]:
            return _texts(raw, vector, rows, (force, omit))

        return each_text(kind, raw, make)

    return View(show, TEXT)


def _texts(raw: U8Array, vector: Vector, rows: list[int], flags: tuple[Place, Place]) -> list[Text]:
    columns = [_column(vector, name, rows) for name in _STRINGS]
    users = _users(part(vector, "User"), rows)
    force, omit = (flag.numbers(raw) for flag in flags)
    result = []
    for at, row in enumerate(rows):
        texts, user = [column[at] for column in columns], users[at]
        bad = next((one for one in (*texts, user) if one is not None and not one.whole), None)
        if bad is not None:
            result.append(lost(bad.status, bad.detail))
        else:
            name = None if user is None else user.text
            scheme, opaque, host, path, raw_path, query, fragment, raw_fragment = (one.text for one in texts)
            of = Url(
                scheme,
                opaque,
                host,
                path,
                raw_path,
                query,
                fragment,
                raw_fragment,
                name,
                bool(force[row]),
                bool(omit[row]),
            )
            made = to_text(of)
            result.append(lost(Status.UNSUPPORTED) if made is None else Text(made))
    return result


def _column(vector: Vector, name: str, rows: list[int]) -> list[Text]:
    of = part(vector, name)
    return [lost(Status.UNSUPPORTED)] * len(rows) if of is None else texts_at(of, rows)


def _users(pointer: Vector | None, rows: list[int]) -> list[Text | None]:
    """User and password of some rows; None without one."""
    if pointer is None:
        return [lost(Status.UNSUPPORTED)] * len(rows)
    inner, index = through(pointer)
    result: list[Text | None] = []
    for row in rows:
        if pointer.status[row] == Status.NIL:
            result.append(None)
        elif pointer.status[row] != Status.OK:
            result.append(lost(int(pointer.status[row]), int(pointer.detail[row])))
        else:
            result.append(_user(inner, row if index is None else int(index[row])))
    return result


def _user(info: Vector, row: int) -> Text:
    given = part(info, "passwordSet")
    if given is None:
        return lost(Status.UNSUPPORTED)
    name, password = (_column(info, of, [row])[0] for of in ("username", "password"))
    for one in (name, password):
        if not one.whole:
            return lost(one.status, one.detail)
    escaped = [escape(one.text, _USER) for one in (name, password)]
    if None in escaped:
        return lost(Status.UNSUPPORTED)
    return Text(f"{escaped[0]}:{escaped[1]}" if flag_at(given, row) else f"{escaped[0]}")


def to_text(of: Url) -> str | None:
    """As URL.String; None where releases differ, or where a part can't be told from what stands for its bytes."""
    authority = _authority(of)
    path = _encoded(of.raw_path, of.path, _PATH)
    fragment = _encoded(of.raw_fragment, of.fragment, _FRAGMENT)
    if authority is None or path is None or fragment is None:
        return None
    text = f"{of.scheme}:" if of.scheme else ""
    if of.opaque:
        text += of.opaque
    else:
        text += authority
        if of.omit_host and not of.host and of.user is None and path.startswith("//"):
            return None
        if path and path[0] != "/" and of.host:
            text += "/"
        if not text and ":" in path.partition("/")[0]:
            text = "./"
        text += path
    if of.force_query or of.raw_query:
        text += "?" + of.raw_query
    return text + (f"#{fragment}" if of.fragment else "")


def _authority(of: Url) -> str | None:
    if not (of.scheme or of.host or of.user is not None):
        return ""
    if of.omit_host and not of.host and of.user is None:
        return ""
    host = escape(of.host, _HOST)
    if host is None:
        return None
    slashes = "//" if of.host or of.path or of.user is not None else ""
    return slashes + ("" if of.user is None else of.user + "@") + host


def _encoded(raw: str, decoded: str, allowed: frozenset[int]) -> str | None:
    """As EscapedPath and EscapedFragment: `raw` where it is an encoding of `decoded`, else that encoded."""
    if raw and all(byte in allowed or byte in _VALID for byte in raw.encode()) and not _BAD_ESCAPE.search(raw):
        if NOT_UTF8.search(decoded):
            return None
        if unquote_to_bytes(raw) == decoded.encode():
            return raw
    return "*" if decoded == "*" and allowed is _PATH else escape(decoded, allowed)


def escape(text: str, allowed: frozenset[int]) -> str | None:
    """As url.escape; None where the text has what may stand for other bytes."""
    if NOT_UTF8.search(text):
        return None
    return "".join(chr(byte) if byte in allowed else f"%{byte:02X}" for byte in text.encode())
