"""Dataclasses to JSON and back, checked: how plans, manifests and facts are written into files.

A dataclass becomes an object with its fields in order, a tuple an array, a mapping an object (integer keys as decimal
text), an enumeration its value. Reading checks every type, refuses missing and unknown fields and integers beyond 64
bits, and says where in the document the trouble is. The same value always gives the same bytes.
"""

from __future__ import annotations

import enum
import functools
import json
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any, ClassVar, TypeVar

from sey.binary.errors import Exit, Problem, SeyError

T = TypeVar("T")

_MIN, _MAX = -(1 << 63), (1 << 64) - 1


@dataclass(frozen=True)
class MalformedDocument(Problem):
    """A JSON document isn't what it should be. `document` names it, `place` is the path inside it."""

    code: ClassVar[str] = "SEY0705"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "{document} is damaged: at {place}: {reason}"
    help: ClassVar[str | None] = "make the file again, or copy it again from where it was made"
    document: str
    place: str
    reason: str


def malformed(document: str, place: str, reason: str) -> SeyError:
    """The error to raise for a document whose parts contradict each other."""
    return SeyError(MalformedDocument(document, place, reason))


class _Misfit(Exception):  # noqa: N818 - never leaves this module
    """A value of another shape than asked for; the path grows outwards as it passes through the readers."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[str] = []


def dumps(value: Any) -> bytes:
    """The value as one line of JSON in UTF-8."""
    text = json.dumps(encode(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def loads(kind: type[T], data: bytes, document: str) -> T:
    """The `kind` that `dumps` wrote; `document` names it in errors. Raises SeyError (MalformedDocument)."""
    try:
        parsed = json.loads(data.decode("utf-8", "surrogatepass"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise malformed(document, "the start", f"not JSON ({error})") from None
    return decode(kind, parsed, document)


def encode(value: Any) -> Any:
    """What `json.dumps` takes."""
    return _writer(typing.cast(Any, type(value)))(value)


def decode(kind: type[T], data: Any, document: str) -> T:
    """The `kind` in parsed JSON; `document` names it in errors. Raises SeyError (MalformedDocument)."""
    try:
        return typing.cast(T, _reader(typing.cast(Any, kind))(data))
    except _Misfit as misfit:
        place = "".join(reversed(misfit.path)).lstrip(".") or "the top"
        raise malformed(document, place, misfit.reason) from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


@functools.cache
def _writer(kind: type) -> Callable[[Any], Any]:
    if is_dataclass(kind):
        names = [f.name for f in fields(kind)]
        return lambda value: {name: encode(getattr(value, name)) for name in names}
    if issubclass(kind, enum.Enum):
        return lambda value: value.value
    if kind in (str, int, bool, float, type(None)):
        return lambda value: value
    if issubclass(kind, Sequence):
        return lambda value: [encode(item) for item in value]
    if issubclass(kind, Mapping):
        return lambda value: {str(key): encode(item) for key, item in value.items()}
    raise TypeError(f"{kind.__name__} has no JSON form")


@functools.cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """A function that turns parsed JSON into `kind` or raises _Misfit."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _optional(arguments)
    if origin is tuple:
        return _tuple(arguments)
    if origin is Sequence:
        return _tuple((*arguments, Ellipsis))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(arguments)
    if is_dataclass(kind):
        return _record(typing.cast(type, kind))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _enumeration(kind)
    if kind is int:
        return _integer
    if kind in (str, bool, float):
        return _plain(kind)
    raise TypeError(f"{kind} has no JSON form")


def _integer(data: Any) -> int:
    if type(data) is not int:
        raise _Misfit(f"an integer is missing, found {_found(data)}")
    if not _MIN <= data <= _MAX:
        raise _Misfit("an integer of more than 64 bits")
    return data


def _plain(kind: type) -> Callable[[Any], Any]:
    def read(data: Any) -> Any:
        if type(data) is kind:
            return data
        if kind is float and type(data) is int and abs(data) <= _MAX:
            return float(data)
        raise _Misfit(f"a value of type {kind.__name__} is missing, found {_found(data)}")

    return read


def _optional(arguments: tuple[Any, ...]) -> Callable[[Any], Any]:
    some = [argument for argument in arguments if argument is not type(None)]
    if len(some) != 1 or len(some) == len(arguments):
        raise TypeError("of unions, only `X | None` has a JSON form")
    inner = _reader(some[0])
    return lambda data: None if data is None else inner(data)


def _tuple(arguments: tuple[Any, ...]) -> Callable[[Any], Any]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        each = _reader(arguments[0])
        return lambda data: tuple(_each(data, lambda _: each))
    readers = [_reader(argument) for argument in arguments]

    def read(data: Any) -> Any:
        if isinstance(data, list) and len(data) != len(readers):
            raise _Misfit(f"{len(readers)} values expected, found {len(data)}")
        return tuple(_each(data, readers.__getitem__))

    return read


def _each(data: Any, reader_of: Callable[[int], Callable[[Any], Any]]) -> list[Any]:
    if type(data) is not list:
        raise _Misfit(f"an array is missing, found {_found(data)}")
    result: list[Any] = []
    try:
        for item in data:
            result.append(reader_of(len(result))(item))
    except _Misfit as misfit:
        misfit.path.append(f"[{len(result)}]")
        raise
    return result


def _mapping(arguments: tuple[Any, ...]) -> Callable[[Any], Any]:
    key_kind, inner = arguments[0], _reader(arguments[1])

    def read(data: Any) -> Any:
        result = {}
        for key, item in _object(data).items():
            try:
                result[_key(key_kind, key)] = inner(item)
            except _Misfit as misfit:
                misfit.path.append(f"[{key!r}]")
                raise
        return result

    return read


def _key(kind: Any, text: str) -> Any:
    if kind is str:
        return text
    try:
        return _integer(int(text))
    except ValueError:
        raise _Misfit("a key that is not an integer") from None


def _enumeration(kind: type[enum.Enum]) -> Callable[[Any], Any]:
    by_value = {member.value: member for member in kind}

    def read(data: Any) -> Any:
        if type(data) not in (str, int) or data not in by_value:
            raise _Misfit(f"not a {kind.__name__}: {_found(data)}")
        return by_value[data]

    return read


def _record(kind: type) -> Callable[[Any], Any]:
    hints = typing.get_type_hints(kind)
    readers: dict[str, Callable[[Any], Any]] = {}
    required = set()
    for item in fields(kind):
        readers[item.name] = _lazy(hints[item.name])
        if item.default is MISSING and item.default_factory is MISSING:
            required.add(item.name)

    def read(data: Any) -> Any:
        values = {}
        for name, value in _object(data).items():
            reader = readers.get(name)
            if reader is None:
                raise _Misfit(f"unknown field `{name}`")
            try:
                values[name] = reader(value)
            except _Misfit as misfit:
                misfit.path.append(f".{name}")
                raise
        if not required <= values.keys():
            raise _Misfit(f"field `{min(required - values.keys())}` is missing")
        return kind(**values)

    return read


def _lazy(kind: Any) -> Callable[[Any], Any]:
    """The reader of a field. A class that contains itself has no reader yet while its own is made."""
    if is_dataclass(kind) or typing.get_args(kind):
        return lambda data: _reader(kind)(data)
    return _reader(kind)


def _object(data: Any) -> dict[str, Any]:
    if type(data) is not dict:
        raise _Misfit(f"an object is missing, found {_found(data)}")
    return data


def _found(data: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(data), "a number")
