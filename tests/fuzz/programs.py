"""What the fuzzer makes of plans, programs in both forms, and kept indexes: changed as their own form wants it.

A change of a byte leaves no JSON and no program behind; so values of plans are exchanged, and words of programs.
"""

from __future__ import annotations

import contextlib
import copy
import json
import re
import struct
import time
import zlib
from typing import Any, Protocol, TypeVar

import numpy as np

from sey.backends.interp.format import decode
from sey.backends.interp.lower import compile_bytecode
from sey.backends.interp.machine import Machine, load
from sey.binary.errors import SeyError
from sey.frontend.debuginfo import cache, checksum
from sey.frontend.debuginfo.index import ARRAYS, TEXTS
from sey.ir.evaluate import Image
from sey.ir.parser import parse_program
from sey.ir.printer import print_program
from sey.ir.verify import verify
from sey.runtime import container
from sey.runtime.capture import Capture
from sey.runtime.database import open_database
from tests.support.captures import Shop
from tools.vector_programs import PROGRAMS

T = TypeVar("T")

_CAPTURE = {name: bytes(part) for name, part in Shop(waiting=2).capture().sections().items()}
_, _OPENED = container.unpack("x", _CAPTURE["bundle0"], container.BUNDLE)
_BUNDLE = {name: bytes(part) for name, part in _OPENED.sections.items()}
SOURCES = [source.text for source in PROGRAMS]
BYTECODE = [compile_bytecode(parse_program(text)).encode() for text in SOURCES]


class Reader(Protocol):
    """Where choices come from: atheris' FuzzedDataProvider."""

    def PickValueInList(self, values: list[T]) -> T: ...  # noqa: N802
    def ConsumeIntInRange(self, low: int, high: int) -> int: ...  # noqa: N802
    def remaining_bytes(self) -> int: ...


VALUES: list[Any] = [
    *(0, 1, -1, 2, 3, 7, 8, 24, 255, 4096, 1 << 16, (1 << 31) - 1, 1 << 32, 1 << 40, (1 << 63) - 1, (1 << 64) - 1),
    *(1 << 64, 1.5, True, None, "", "x", "\0", "raw_x", "pid", 'a"b', [], {}, [[]], "int", "struct", "map", "pointer"),
]
WORDS = [value for value in VALUES if type(value) is int and 0 <= value < 1 << 64]


def plan(reader: Reader) -> None:
    """The decode plan of a capture, values exchanged or dropped: what the check lets pass can be decoded."""
    outer, inner = dict(_CAPTURE), dict(_BUNDLE)
    document = json.loads(inner["b0/plan"])
    for _ in range(4):
        if reader.remaining_bytes():
            _exchange(reader, document)
    inner["b0/plan"] = json.dumps(document).encode()
    outer["bundle0"] = b"".join(container.pack(container.BUNDLE, inner))
    open_database(Capture.from_bytes("x", b"".join(container.pack(container.CAPTURE, outer)))).close()


def _exchange(reader: Reader, document: Any) -> None:
    """Set, drop or repeat one value somewhere in it."""
    at = document
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            return
        key = reader.PickValueInList(keys)
        if isinstance(at[key], dict | list) and at[key] and reader.ConsumeIntInRange(0, 9):
            at = at[key]
            continue
        break
    match reader.ConsumeIntInRange(0, 9):
        case 0:
            del at[key]
        case 1 if isinstance(at, list):
            at.append(copy.deepcopy(at[key]))
        case 2:
            at[key] = copy.deepcopy(at[reader.PickValueInList(keys)])
        case 3 if type(at[key]) is int:
            at[key] += reader.PickValueInList([-8, -1, 1, 8])
        case _:
            at[key] = copy.deepcopy(reader.PickValueInList(VALUES))


_WORD = re.compile(r"\s+|[%@$]?[\w.]+|.", re.DOTALL)


def ir(reader: Reader) -> None:
    """The text of a program, words and lines exchanged: what the verifier takes prints, parses and compiles."""
    try:
        program = parse_program(_exchanged(reader, reader.PickValueInList(SOURCES)))
        verify(program)
    except SeyError:
        return
    assert parse_program(print_program(program)) == program
    with contextlib.suppress(SeyError):  # too large for it, which it says
        compiled = compile_bytecode(program)
        load("x", compiled.encode())


def _exchanged(reader: Reader, text: str) -> str:
    lines = text.splitlines(keepends=True)
    while reader.remaining_bytes() and lines:
        number, other = (reader.ConsumeIntInRange(0, len(lines) - 1) for _ in range(2))
        match reader.ConsumeIntInRange(0, 7):
            case 0:
                del lines[number]
            case 1:
                lines.insert(other, lines[number])
            case 2:
                lines[number], lines[other] = lines[other], lines[number]
            case _:
                words, others = _WORD.findall(lines[number]), _WORD.findall(lines[other])
                at, source = (reader.ConsumeIntInRange(0, len(w) - 1) for w in (words, others))
                given = ["0", "1", "-1", "0x8000000000000000", "i1", "i8", "i64", "{", "}", "max", others[source]]
                words[at] = reader.PickValueInList([*given, others[source], others[source]])
                lines[number] = "".join(words)
    return "".join(lines)


_HEADER_BYTES = 64
_LIMIT_NS = 200_000_000


def bytecode(reader: Reader) -> None:
    """A program in bytecode behind a right checksum: what the loader takes runs, and ends or is ended."""
    changed = bytearray(reader.PickValueInList(BYTECODE))
    for _ in range(8):
        if reader.remaining_bytes():
            width = reader.PickValueInList([1, 2, 4, 8])
            at = reader.ConsumeIntInRange(16, (len(changed) - 8) // width * width) // width * width
            value = reader.PickValueInList([*WORDS, reader.ConsumeIntInRange(0, 255)])
            changed[at : at + width] = struct.pack("<Q", value)[:width]
    changed[16:20] = struct.pack("<I", zlib.crc32(changed[_HEADER_BYTES:]))
    program = load("x", bytes(changed))
    assert decode("x", program.encode()) == program
    if sum(buffer.size + buffer.slack for buffer in program.buffers) > 1 << 24:
        return  # a host gives it that memory, since it is asked to
    machine = Machine(program, Image({0x1000: bytes(range(256)) * 16}), pages=2)
    machine.stop_ns = time.monotonic_ns() + _LIMIT_NS
    machine.run()


def index(reader: Reader) -> None:
    """A kept index behind a right checksum: it is believed or not, and has the parts that it should."""
    sizes = [reader.ConsumeIntInRange(0, 32) for _ in (*TEXTS, *ARRAYS)]
    kinds = [reader.PickValueInList([1, 4, 8, 0, 2]) for _ in sizes]
    table = [n for pair in zip(sizes, kinds, strict=True) for n in pair]
    if reader.ConsumeIntInRange(0, 3) == 0:
        table[reader.ConsumeIntInRange(0, len(table) - 1)] = reader.PickValueInList(WORDS)
    key = cache.cache_key(b"x")
    body = cache._MAGIC + key + cache.INDEX.table.pack(*table) + bytes(sum(size + -size % 8 for size in sizes))
    body = body[: len(body) - 8 * reader.ConsumeIntInRange(0, 3)]
    found = cache.parse(memoryview(body + checksum.checksum(memoryview(body))), key)
    if found is not None:
        assert set(found.texts) == set(TEXTS)
        assert all(np.sum(found.arrays[name]) == 0 for name in ARRAYS)
