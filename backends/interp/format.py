"""Bytecode as values, and its encoding (`spec/bytecode.md` §2). Decoding checks the shape, `verify.py` the rest."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sey.backends.interp.errors import NewerBytecode, bad
from sey.backends.interp.ops import Instruction
from sey.binary.errors import SeyError

MAGIC = b"SEYB"
VERSION = 1

_HEADER = struct.Struct("<4sIQII10I")
_BUFFER = struct.Struct("<IIQQ")
_COLUMN = struct.Struct("<IHHQQ")
_DICT = struct.Struct("<IIQ")
_STREAM = struct.Struct("<II")
_FUNCTION = struct.Struct("<IIIIIHBBII")
_HANDLER = struct.Struct("<IIIHH")
_INSTRUCTION = struct.Struct("<BBHHHHHIQ")
_WORD = struct.Struct("<Q")
MAX_NAME = 255


@dataclass(frozen=True)
class Buffer:
    """Scratch of `size` bytes and `slack` behind it; the host writes and reads `host` buffers."""

    name: str
    size: int
    slack: int
    host: bool


@dataclass(frozen=True)
class Column:
    """A column of a table: `rows` unsigned values, each of the width with number `kind`, as little-endian `data`."""

    name: str
    kind: int
    sorted: bool
    rows: int
    data: bytes


@dataclass(frozen=True)
class Dict:
    """A map from u64 to u64 with room for `capacity` entries."""

    name: str
    capacity: int
    host: bool


@dataclass(frozen=True)
class Stream:
    """Output records of `size` bytes; 0: of any length."""

    name: str
    size: int


@dataclass(frozen=True)
class Handler:
    """A fault at an instruction from `start` to before `end` goes on at `target`, its code and detail in registers.

    Instructions count from the function's first.
    """

    start: int
    end: int
    target: int
    code: int
    detail: int


@dataclass(frozen=True)
class Function:
    """A function: its first `parameters` registers hold the arguments, those from `variables` on `constants`."""

    name: str
    variables: int
    parameters: int
    result: bool
    constants: tuple[int, ...]
    handlers: tuple[Handler, ...]
    code: tuple[Instruction, ...]


@dataclass(frozen=True)
class Bytecode:
    """A whole program; its last function is run."""

    buffers: tuple[Buffer, ...]
    columns: tuple[Column, ...]
    dicts: tuple[Dict, ...]
    streams: tuple[Stream, ...]
    functions: tuple[Function, ...]

    def encode(self) -> bytes:
        """The bytes of the file."""
        names, data = _Names(), _Data()
        parts = [
            [_BUFFER.pack(names.add(b.name), b.host, b.size, b.slack) for b in self.buffers],
            [_COLUMN.pack(names.add(c.name), c.kind, c.sorted, c.rows, data.add(c.data)) for c in self.columns],
            [_DICT.pack(names.add(d.name), d.host, d.capacity) for d in self.dicts],
            [_STREAM.pack(names.add(s.name), s.size) for s in self.streams],
            self._heads(names),
            [_HANDLER.pack(h.start, h.end, h.target, h.code, h.detail) for f in self.functions for h in f.handlers],
            [_WORD.pack(value) for f in self.functions for value in f.constants],
            [_INSTRUCTION.pack(*each) for f in self.functions for each in f.code],
        ]
        counts = [len(part) for part in parts]
        texts = names.bytes()
        body = b"".join(b"".join(part).ljust(_up(sum(map(len, part))), b"\0") for part in parts) + texts + data.bytes()
        length = _HEADER.size + len(body)
        return (
            _HEADER.pack(MAGIC, VERSION, length, zlib.crc32(body), 0, *counts, len(texts), len(data.bytes()) // 8)
            + body
        )

    def _heads(self, names: _Names) -> list[bytes]:
        heads, code, handlers, constants = [], 0, 0, 0
        for each in self.functions:
            heads.append(
                _FUNCTION.pack(
                    names.add(each.name), code, len(each.code), constants, len(each.constants),
                    each.variables, each.parameters, each.result, handlers, len(each.handlers),
                )
            )  # fmt: skip
            code += len(each.code)
            handlers += len(each.handlers)
            constants += len(each.constants)
        return heads


def decode(path: str, data: bytes | memoryview) -> Bytecode:
    """The program in the bytes of a file; `path` is for messages. Raises SeyError (SEY0770, SEY0771).

    Only the encoding is checked: `verify` has to accept the result before a machine runs it.
    """
    return _Reader(path, memoryview(data)).program()


class _Names:
    """Texts end to end, each followed by a zero byte."""

    def __init__(self) -> None:
        self._at: dict[str, int] = {}
        self._length = 0

    def add(self, name: str) -> int:
        if name not in self._at:
            self._at[name] = self._length
            self._length += len(name.encode()) + 1
        return self._at[name]

    def bytes(self) -> bytes:
        joined = b"".join(name.encode() + b"\0" for name in self._at)
        return joined.ljust(_up(len(joined)), b"\0")


class _Data:
    """Contents of columns, each from a multiple of 8 on."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def add(self, data: bytes) -> int:
        at = self._length
        padded = data.ljust(_up(len(data)), b"\0")
        self._parts.append(padded)
        self._length += len(padded)
        return at

    def bytes(self) -> bytes:
        return b"".join(self._parts)


class _Reader:
    def __init__(self, path: str, data: memoryview) -> None:
        self._path, self._data = path, data
        self._texts: dict[int, str] = {}
        self._next_name = 0

    def _bad(self, place: str, reason: str) -> SeyError:
        return bad(self._path, place, reason)

    def program(self) -> Bytecode:
        counts = self._header()
        sections = self._sections(counts)
        buffers, columns, dicts, streams, functions, handlers, constants, code, names, data = sections
        self._names, self._columns, self._used = bytes(names), data, 0
        read = Bytecode(
            tuple(self._buffer(*entry) for entry in _BUFFER.iter_unpack(buffers)),
            tuple(self._column(*entry) for entry in _COLUMN.iter_unpack(columns)),
            tuple(Dict(self._name(at), capacity, self._flag(host)) for at, host, capacity in _DICT.iter_unpack(dicts)),
            tuple(Stream(self._name(at), size) for at, size in _STREAM.iter_unpack(streams)),
            tuple(self._functions(functions, _all(_HANDLER, handlers), _all(_WORD, constants), code)),
        )
        if read.encode() != self._data:
            raise self._bad("the layout", "it is not laid out in the one way that the format allows")
        return read

    def _header(self) -> list[int]:
        if len(self._data) < _HEADER.size:
            raise self._bad("the header", f"{len(self._data)} bytes are too few")
        magic, version, length, checksum, _, *counts = _HEADER.unpack_from(self._data)
        if magic != MAGIC:
            raise self._bad("the header", "it doesn't start with SEYB")
        if version > VERSION:
            raise SeyError(NewerBytecode(self._path, version, VERSION))
        if length != len(self._data):
            raise self._bad("the header", f"the file has {len(self._data)} bytes and says {length}")
        if zlib.crc32(self._data[_HEADER.size :]) != checksum:
            raise self._bad("the header", "the checksum is wrong")
        return counts

    def _sections(self, counts: Sequence[int]) -> Iterator[memoryview]:
        sizes = [each.size for each in _ENTRIES]
        lengths = [count * size for count, size in zip(counts, [*sizes, 1, 8], strict=True)]
        if _HEADER.size + sum(map(_up, lengths)) != len(self._data):
            raise self._bad("the header", "the counts don't add up to the file's length")
        at, found = _HEADER.size, []
        for length in lengths:
            found.append(self._data[at : at + length])
            at += _up(length)
        return iter(found)

    def _name(self, at: int) -> str:
        """The text there: one that was used before, or the next one, so that no text is held twice."""
        known = self._texts.get(at)
        if known is not None:
            return known
        end = self._names.find(b"\0", at, at + MAX_NAME + 1)
        try:
            text = self._names[at:end].decode() if end > at == self._next_name else self._no_name(at)
        except UnicodeDecodeError:
            return self._no_name(at)
        self._texts[at] = text
        self._next_name = end + 1
        return text

    def _no_name(self, at: int) -> str:
        raise self._bad(f"byte {at} of the names", f"no name of 1 to {MAX_NAME} bytes is due there")

    def _flag(self, number: int) -> bool:
        if number > 1:
            raise self._bad("the flags", f"{number} is neither 0 nor 1")
        return bool(number)

    def _buffer(self, name: int, host: int, size: int, slack: int) -> Buffer:
        return Buffer(self._name(name), size, slack, self._flag(host))

    def _column(self, at: int, kind: int, ascending: int, rows: int, offset: int) -> Column:
        name = self._name(at)
        length = rows << max(0, kind - 1) if kind < 5 else -1
        # One behind the other, so that no data is copied twice.
        if offset != self._used or not 0 < length <= len(self._columns) - offset:
            raise self._bad(f"column {name}", f"{rows} rows of kind {kind} at {offset} are not next in the data")
        self._used = offset + _up(length)
        return Column(name, kind, self._flag(ascending), rows, bytes(self._columns[offset : offset + length]))

    def _functions(
        self, heads: memoryview, handlers: list[tuple[int, ...]], constants: list[tuple[int, ...]], code: memoryview
    ) -> Iterator[Function]:
        instructions = [Instruction(*fields) for fields in _INSTRUCTION.iter_unpack(code)]
        following = (0, 0, 0)
        for head in _FUNCTION.iter_unpack(heads):
            name, first, size, value, values, variables, parameters, result, handler, count = head
            # One behind the other, so that nothing is held twice.
            if (first, value, handler) != following:
                raise self._bad(f"function {self._name(name)}", "it doesn't start where the one before it ends")
            following = (first + size, value + values, handler + count)
            yield Function(
                self._name(name),
                variables,
                parameters,
                self._flag(result),
                tuple(word for (word,) in constants[value : value + values]),
                tuple(Handler(*fields) for fields in handlers[handler : handler + count]),
                tuple(instructions[first : first + size]),
            )


_ENTRIES = (_BUFFER, _COLUMN, _DICT, _STREAM, _FUNCTION, _HANDLER, _WORD, _INSTRUCTION)


def _all(entry: struct.Struct, section: memoryview) -> list[tuple[int, ...]]:
    return list(entry.iter_unpack(section))


def _up(length: int) -> int:
    return -(-length // 8) * 8
