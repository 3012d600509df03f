"""A captured value beside Delve's reading of the same variable: what is equal, what isn't, what one of them lacks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sey.frontend.debuginfo.names import stack_name
from sey.runtime.decode.views.registry import KNOWN
from tests.delve.dlv import Json
from tests.delve.scalars import moment, number, text, utf8

_BOOL, _INTS, _FLOATS, _COMPLEX = 1, range(2, 13), range(13, 15), range(15, 17)
_ARRAY, _CHAN, _FUNC, _INTERFACE, _MAP, _POINTER, _SLICE, _STRING, _STRUCT, _UNSAFE = range(17, 27)
_REFLECTED = ("reflect.Value", "reflect.rtype")
"""Shown as what they stand for, which Delve doesn't do."""
_HERE = "a value of ours"


@dataclass(frozen=True)
class Part:
    """One leaf, or one branch that ends here: its path within the variable and what the comparison said.

    `verdict` is `equal`, `wrong`, `silent` (Delve has none, or didn't load it), or the status of ours that is missing.
    """

    path: str
    verdict: str
    own: Any = None
    theirs: Any = None


def parts(own: Any, theirs: Json, path: str = "") -> Iterator[Part]:
    """Compare a value of the JSON form with a Delve variable, leaf by leaf."""
    if isinstance(own, Mapping) and "$status" in own and own["$status"] not in ("nil", "truncated"):
        yield Part(path, own["$status"], own, _short(theirs))
        return
    if theirs["unreadable"]:
        yield Part(path, "silent", own, theirs["unreadable"])
        return
    nil = isinstance(own, Mapping) and own.get("$status") == "nil"
    match theirs["kind"]:
        case k if k == _POINTER:
            yield from _pointer(own, theirs, path, nil)
        case k if k in (_SLICE, _ARRAY):
            yield from _items(own, theirs, path, nil)
        case k if k == _STRUCT:
            yield from _struct(own, theirs, path)
        case k if k == _INTERFACE:
            yield from _interface(own, theirs, path, nil)
        case k if k == _MAP:
            yield from _map(own, theirs, path, nil)
        case k if k in (_CHAN, _FUNC, _UNSAFE):
            yield from _reference(own, theirs, path, nil)
        case _:
            yield _leaf(own, theirs, path)


def _verdict(path: str, same: bool, own: Any, theirs: Any) -> Part:
    return Part(path, "equal" if same else "wrong", own, theirs)


def _short(theirs: Json) -> str:
    return f"{theirs['type']} {theirs['value'][:80]!r} len {theirs['len']} {theirs['unreadable']}".strip()


def _leaf(own: Any, theirs: Json, path: str) -> Part:
    kind = theirs["kind"]
    if kind == _STRING:
        value, length = _whole(own, theirs["len"])
        raw = text(theirs)
        same = length in (None, theirs["len"]) and isinstance(value, str)
        cut = length is not None or len(raw) < theirs["len"]
        return _verdict(path, same and _same_text(value, raw, cut=cut), own, _short(theirs))
    if kind == _BOOL:
        return _verdict(path, own is (theirs["value"] == "true"), own, theirs["value"])
    if kind in _COMPLEX:
        real, imag = theirs["children"]
        wanted = {"real": number(real["value"], kind - 2), "imag": number(imag["value"], kind - 2)}
        same = isinstance(own, Mapping) and {k: number(str(v), kind - 2) for k, v in own.items()} == wanted
        return _verdict(path, same, own, wanted)
    if kind in _INTS or kind in _FLOATS:
        wanted_number = number(theirs["value"], kind)
        same = not isinstance(own, bool | Mapping | list) and number(str(own), kind) == wanted_number
        return _verdict(path, same, own, theirs["value"])
    return Part(path, "silent", own, f"kind {kind}")


def _same_text(value: str, raw: bytes, *, cut: bool) -> bool:
    if not cut:
        return value == utf8(raw)
    length = min(len(value), len(utf8(raw))) - 12  # A rune at either end may be cut.
    return value[:length] == utf8(raw)[:length]


def _whole(own: Any, length: int) -> tuple[Any, int | None]:
    """The value without the object around it where it is cut, and its true length then (of an outermost one, `length`,
    since the tables have it elsewhere)."""
    if isinstance(own, Mapping) and own.get("$status") == "truncated":
        return own["$value"], own.get("$length", length)
    return own, None


def _pointer(own: Any, theirs: Json, path: str, nil: bool) -> Iterator[Part]:
    behind = theirs["children"][0] if theirs["children"] else None
    if behind is None or (behind["onlyAddr"] and behind["addr"] and not nil):
        yield Part(path, "silent", _HERE, "not loaded")
    elif nil or behind["addr"] == 0:
        yield _verdict(path, nil == (behind["addr"] == 0), own, _short(theirs))
    else:
        yield from parts(own, behind, path)


def _items(own: Any, theirs: Json, path: str, nil: bool) -> Iterator[Part]:
    if nil or (theirs["kind"] == _SLICE and theirs["base"] == 0 and theirs["len"] == 0 and theirs["cap"] == 0):
        yield _verdict(path, nil and theirs["base"] == 0, own, _short(theirs))
        return
    value, length = _whole(own, theirs["len"])
    if isinstance(value, str):
        yield _bytes(value, length, theirs, path)
        return
    if not isinstance(value, list) or (len(value) if length is None else length) != theirs["len"]:
        yield Part(path, "wrong", own, _short(theirs))
        return
    yield Part(f"{path}#", "equal")
    if len(value) and not theirs["children"]:
        yield Part(path, "silent", _HERE, "not loaded")
    for i, (item, other) in enumerate(zip(value, theirs["children"], strict=False)):
        yield from parts(item, other, f"{path}[{i}]")


def _bytes(value: str, length: int | None, theirs: Json, path: str) -> Part:
    """Bytes are shown in hexadecimal."""
    raw = bytes(_octet(child) for child in theirs["children"])
    whole = len(value) // 2 if length is None else length
    if theirs["len"] and not theirs["children"]:
        return Part(path, "silent", _HERE, "not loaded")
    shown = min(len(value) // 2, len(raw))
    return _verdict(path, whole == theirs["len"] and value[: 2 * shown] == raw[:shown].hex(), value, _short(theirs))


def _struct(own: Any, theirs: Json, path: str) -> Iterator[Part]:
    children = {child["name"]: child for child in theirs["children"] if child["name"] != "_"}
    if theirs["type"] in _REFLECTED or (not theirs["children"] and own != {}):
        yield Part(path, "silent", own, "not loaded")
    elif theirs["type"] == "time.Time" and isinstance(own, str):
        wanted = moment(children["wall"], children["ext"])
        yield _verdict(path, own == wanted, own, wanted)
    elif theirs["type"].partition("[")[0] in KNOWN:
        yield Part(path, "silent", own, "a known type")
    elif not isinstance(own, Mapping) or own.keys() != children.keys():
        yield Part(path, "wrong", own, list(children))
    else:
        if not own:
            yield Part(path, "equal")
        for name, child in children.items():
            yield from parts(own[name], child, f"{path}.{name}")


def _interface(own: Any, theirs: Json, path: str, nil: bool) -> Iterator[Part]:
    inner = theirs["children"][0] if theirs["children"] else None
    is_nil = inner is None or inner["kind"] == 0
    if nil or is_nil:
        yield _verdict(path, nil == is_nil, own, _short(theirs))
        return
    assert inner is not None
    named = own.get("type") if isinstance(own, Mapping) else None
    yield _verdict(f"{path}:type", _same_type(named, inner["type"]), named, inner["type"])
    if isinstance(own, Mapping) and "value" in own:
        yield from parts(own["value"], inner, path)


def _same_type(own: Any, theirs: str) -> bool:
    """Whether two names mean one type: Delve leaves blanks out of some composite ones."""
    return isinstance(own, str) and re.sub(r"\s|;", "", own) == re.sub(r"\s|;", "", theirs)


def _map(own: Any, theirs: Json, path: str, nil: bool) -> Iterator[Part]:
    """Entries have no order, and of large maps the two may have different ones: those that both have are compared."""
    if nil or theirs["base"] == 0:
        yield _verdict(path, nil and theirs["base"] == 0, own, _short(theirs))
        return
    value, length = _whole(own, theirs["len"])
    loaded = list(zip(theirs["children"][::2], theirs["children"][1::2], strict=True))
    if not loaded and theirs["len"]:
        yield Part(path, "silent", _HERE, "not loaded")
        return
    entries = list(_entries(value, loaded))
    yield _verdict(f"{path}#", (len(entries) if length is None else length) == theirs["len"], own, _short(theirs))
    for key, item in entries:
        same = [(k, v) for k, v in loaded if not any(p.verdict == "wrong" for p in parts(key, k))]
        equal = [e for e in same if not any(p.verdict == "wrong" for p in parts(item, e[1]))]
        found = next(iter([*equal, *same]), None)
        if found is not None:
            loaded.remove(found)
            yield from parts(item, found[1], f"{path}[{key}]")
        elif len(theirs["children"]) == 2 * theirs["len"]:
            yield Part(f"{path}[{key}]", "wrong", key, "no such key")


def _entries(value: Any, loaded: list[tuple[Json, Json]]) -> Iterator[tuple[Any, Any]]:
    """Keys and values of a map as captured: an object where the keys are simple, else a list."""
    if isinstance(value, list):
        yield from ((entry["key"], entry["value"]) for entry in value)
        return
    kind = loaded[0][0]["kind"] if loaded else _STRING
    for key, item in value.items():
        yield (key == "true" if kind == _BOOL else key), item


def _chan(own: Any, theirs: Json, path: str) -> Iterator[Part]:
    """Delve shows the runtime's hchan."""
    fields = {child["name"]: child for child in theirs["children"]}
    if not fields:
        yield Part(path, "silent", own, "not loaded")
        return
    for ours, name in (("len", "qcount"), ("cap", "dataqsiz")):
        yield _verdict(f"{path}.{ours}", own[ours] == int(fields[name]["value"]), own[ours], fields[name]["value"])
    yield _verdict(f"{path}.closed", own["closed"] == (fields["closed"]["value"] != "0"), own["closed"], "")
    buffer = fields["buf"]["children"][0]["children"] if fields["buf"]["children"] else []
    elements, _ = _whole(own["elements"], own["len"])
    first = int(fields["recvx"]["value"])
    if len(buffer) == own["cap"]:
        for i, item in enumerate(elements):
            yield from parts(item, buffer[(first + i) % own["cap"]], f"{path}[{i}]")


def _reference(own: Any, theirs: Json, path: str, nil: bool) -> Iterator[Part]:
    if theirs["kind"] == _UNSAFE:
        address = int(theirs["children"][0]["addr"]) if theirs["children"] else int(theirs["value"] or "0", 0)
    else:
        address = theirs["base"]
    if theirs["kind"] == _FUNC and address == 0 and not nil and path:
        yield Part(path, "silent", own, "nil, or not loaded")
    elif nil or address == 0:
        yield _verdict(path, nil == (address == 0), own, _short(theirs))
    elif theirs["kind"] == _CHAN:
        yield from _chan(own, theirs, path)
    elif theirs["kind"] == _FUNC and isinstance(own, Mapping) and theirs["value"]:
        yield _verdict(path, own["func"] == stack_name(theirs["value"]), own["func"], theirs["value"])
    elif theirs["kind"] == _UNSAFE and isinstance(own, str) and own.startswith("0x"):
        yield _verdict(path, int(own, 0) == address, own, address)
    else:
        yield Part(path, "silent", own, _short(theirs))


def _octet(child: Json) -> int:
    found = number(child["value"], child["kind"])
    assert isinstance(found, int)
    return found
