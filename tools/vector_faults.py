"""Programs that a machine must refuse, or has to stop: sound ones with one thing wrong."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sey.backends.interp.format import Buffer, Bytecode, Column, Dict, Function, Handler, Stream
from sey.backends.interp.ops import NONE, Instruction, Op

_RETURN = Instruction(Op.RETURN, a=NONE)


@dataclass(frozen=True)
class Fault:
    """A program with something wrong. `data`: the bytes, where they aren't those of the program."""

    name: str
    about: str
    why: str
    program: Bytecode
    data: bytes | None = None


def program(*code: Instruction, handlers: tuple[Handler, ...] = (), variables: int = 8) -> Bytecode:
    """A program of one function, with one memory of each kind; the constants are in registers 8 to 11."""
    return Bytecode(
        (Buffer("b", 64, 8, True),),
        (Column("t.sorted", 4, True, 2, bytes(16)), Column("t.free", 1, False, 2, b"\2\1")),
        (Dict("d", 4, True),),
        (Stream("rows", 16), Stream("blob", 0)),
        (Function("main", variables, 0, False, (0, 1, 4096, 262143), handlers, code),),
    )


_SOUND = program(_RETURN)
_LOOP = (
    Instruction(Op.LOOP, a=1, b=0, c=2, x=3, d=10),
    Instruction(Op.MOVE, a=3, b=1),
    Instruction(Op.NEXT, a=1, c=2, x=1, d=10),
    _RETURN,
)


def refused() -> Iterator[Fault]:
    """Programs that a machine must not run."""
    yield from _files()
    yield from _memories()
    for name, why, code in _INSTRUCTIONS:
        yield _refused(name, why, program(*code))
    for name, why, code, handlers in _HANDLERS:
        yield _refused(name, why, program(*code, handlers=handlers))
    yield from _calls()


def _files() -> Iterator[Fault]:
    """Bytes that are no program."""
    data = _SOUND.encode()

    def file(name: str, why: str, changed: bytes) -> Fault:
        return Fault(f"refused-file-{name}", "Not a program.", why, _SOUND, changed)

    yield file("empty", "there is no header", b"")
    yield file("magic", "the magic is another", b"SEYP" + data[4:])
    yield file("version", "the version is newer", data[:4] + struct.pack("<I", 2) + data[8:])
    yield file("cut", "the file is shorter than it says", data[:-8])
    yield file("longer", "the file is longer than it says", data + bytes(8))
    yield file("checksum", "the checksum is wrong", data[:-1] + bytes([data[-1] ^ 1]))
    counted = data[:24] + struct.pack("<I", 1 << 31) + data[28:]
    yield file("counts", "a count reaches far behind the file", counted)
    yield file("version-zero", "there is no version 0", data[:4] + bytes(4) + data[8:])
    yield file("reserved", "bytes 20 to 23 are zero", data[:20] + b"\1" + data[21:])
    buffer, first, second, function, names = 64, 88, 112, 168, 256  # Where entries lie; the data are the last 24 bytes.
    for name, why, at, change in (
        ("names", "the name of the buffer begins inside of itself", buffer, b"\1"),
        ("host", "a flag is 0 or 1", buffer + 4, b"\2"),
        ("column-kind", "there is no kind 5", first + 4, b"\5"),
        ("column-flag", "a flag is 0 or 1", first + 6, b"\2"),
        ("column-rows", "the rows reach behind the data", second + 8, b"\xff" * 8),
        ("column-empty", "a column has rows", second + 8, bytes(8)),
        ("column-data", "data of one column are used for two", second + 16, bytes(8)),
        ("instructions", "an instruction that no function has", function + 8, bytes(4)),
        ("constants", "constants begin elsewhere", function + 12, b"\1"),
        ("result", "a flag is 0 or 1", function + 23, b"\2"),
        ("name-text", "a name is not UTF-8", names, b"\xff"),
        ("name-unused", "a name is of nothing", names + 35, b"more"),
        ("name-padding", "there is something behind the names", len(data) - 25, b"\1"),
        ("data-padding", "there is something behind the data of a column", len(data) - 1, b"\1"),
    ):
        yield file(name, why, _sealed(data[:at] + change + data[at + len(change) :]))


def _sealed(data: bytes) -> bytes:
    """The file with the right checksum."""
    return data[:16] + struct.pack("<I", zlib.crc32(data[64:])) + data[20:]


def _memories() -> Iterator[Fault]:
    def memory(name: str, why: str, **changes: tuple[object, ...]) -> Fault:
        return _refused(f"memory-{name}", why, replace(_SOUND, **changes))  # type: ignore[arg-type]

    yield memory("buffer-size", "65 is no power of two", buffers=(Buffer("b", 65, 0, True),))
    yield memory("buffer-small", "4 bytes are too few", buffers=(Buffer("b", 4, 0, True),))
    yield memory("buffer-slack", "the slack is too large", buffers=(Buffer("b", 8, (1 << 29) + 1, True),))
    yield memory("buffer-large", "the size is too large", buffers=(Buffer("b", 1 << 30, 0, True),))
    yield memory("buffer-zero", "no bytes are too few", buffers=(Buffer("b", 0, 8, True),))
    slack = (Buffer("b", 1 << 29, 1 << 29, False), Buffer("c", 8, 0, False))
    yield memory("buffers-slack", "all buffers with their slack are too large", buffers=slack)
    large = tuple(Buffer(f"b{n}", 1 << 29, 0, False) for n in range(3))
    yield memory("buffers", "all buffers together are too large", buffers=large)
    yield memory("dict-none", "a dict without room", dicts=(Dict("d", 0, True),))
    yield memory("dict-large", "a dict that is too large", dicts=(Dict("d", (1 << 26) + 1, True),))
    yield memory("stream-size", "12 is no multiple of 8", streams=(Stream("rows", 12),))
    yield memory("stream-large", "records are too large", streams=(Stream("rows", 65544),))
    falling = struct.pack("<2Q", 2, 1)
    yield memory("column-falls", "the column is not sorted", columns=(Column("t.x", 4, True, 2, falling),))
    yield memory("column-bits", "2 is no bit", columns=(Column("t.x", 0, False, 2, b"\2\0"),))
    top = struct.pack("<2Q", 1 << 63, 1)
    yield memory("column-unsigned", "numbers are unsigned, so it falls", columns=(Column("t.x", 4, True, 2, top),))
    yield memory("column-bit-high", "255 is no bit", columns=(Column("t.x", 0, False, 1, b"\xff"),))
    yield memory("name-empty", "a name has a byte at least", dicts=(Dict("", 4, True),))
    yield memory("name-long", "256 bytes are too many", dicts=(Dict("ü" * 128, 4, True),))
    yield memory("names", "two dicts have one name", dicts=(Dict("d", 4, True), Dict("d", 4, True)))
    yield memory("functions", "there is no function", functions=())


def _within(inner: Instruction) -> tuple[Instruction, ...]:
    """A loop that does nothing but hold another one."""
    end = Instruction(Op.NEXT, a=inner.a, c=inner.c, x=2, d=inner.d)
    return _LOOP[0]._replace(x=6), inner, _LOOP[1]._replace(a=5), end, _LOOP[2], _RETURN


_INSTRUCTIONS: tuple[tuple[str, str, tuple[Instruction, ...]], ...] = (
    ("no-code", "the function is empty", ()),
    ("no-end", "it runs past its end", (Instruction(Op.MOVE, a=0, b=1),)),
    ("no-operation", "there is no operation 200", (Instruction(200), _RETURN)),
    ("operation-zero", "there is no operation 0", (Instruction(0), _RETURN)),
    ("register", "there is no register 99", (Instruction(Op.MOVE, a=0, b=99), _RETURN)),
    ("constant-written", "register 8 is a constant", (Instruction(Op.MOVE, a=8, b=0), _RETURN)),
    ("unused-field", "c is not used", (Instruction(Op.MOVE, a=0, b=1, c=1), _RETURN)),
    ("unused-x", "x is not used", (Instruction(Op.MOVE, a=0, b=1, x=1), _RETURN)),
    ("unused-d", "d is not used", (Instruction(Op.ADD, 4, a=0, b=1, c=1, d=1), _RETURN)),
    ("kind", "there is no kind 5", (Instruction(Op.ADD, 5, a=0, b=1, c=1), _RETURN)),
    ("kind-bit", "bits aren't added", (Instruction(Op.ADD, 0, a=0, b=1, c=1), _RETURN)),
    ("kind-unused", "AND has no kind", (Instruction(Op.AND, 4, a=0, b=1, c=1), _RETURN)),
    ("sext-narrow", "32 bits don't widen to 16", (Instruction(Op.SEXT, 3, 2, a=0, b=1), _RETURN)),
    ("no-buffer", "there is no buffer 1", (Instruction(Op.LOAD, 4, 1, a=0, b=NONE), _RETURN)),
    ("no-column", "there is no column 2", (Instruction(Op.ROW, m=2, a=0, b=1), _RETURN)),
    ("no-dict", "there is no dict 1", (Instruction(Op.GET, m=1, a=0, b=1, c=1), _RETURN)),
    ("no-stream", "there is no stream 2", (Instruction(Op.BEGIN, m=2, a=0), _RETURN)),
    ("load-behind", "65 + 8 is behind 64 + 8", (Instruction(Op.LOAD, 4, 0, a=0, b=NONE, d=65), _RETURN)),
    ("load-offset", "63 + 2 + 8 is behind 64 + 8", (Instruction(Op.LOAD, 4, 0, a=0, b=1, d=2), _RETURN)),
    ("trunc-wide", "64 bits are not cut from 64", (Instruction(Op.TRUNC, 4, a=0, b=1), _RETURN)),
    ("sext-same", "32 bits don't widen to 32", (Instruction(Op.SEXT, 3, 3, a=0, b=1), _RETURN)),
    ("sext-far", "there is no kind 5", (Instruction(Op.SEXT, 3, 5, a=0, b=1), _RETURN)),
    ("no-register", "only what may be missing is", (Instruction(Op.MOVE, a=0, b=NONE), _RETURN)),
    ("unused-m", "m is not used", (Instruction(Op.MOVE, m=1, a=0, b=1), _RETURN)),
    ("unused-none", "e is not used, which isn't a missing register", (
        Instruction(Op.MOVE, a=0, b=1, e=NONE), _RETURN)),
    ("load-wraps", "d + 8 doesn't go around", (Instruction(Op.LOAD, 4, 0, a=0, b=NONE, d=2**64 - 4), _RETURN)),
    ("store-behind", "72 + 1 is behind 64 + 8", (Instruction(Op.STORE, 1, 0, a=0, b=NONE, d=72), _RETURN)),
    ("fill-behind", "100 bytes don't fit", (Instruction(Op.FILL, m=0, a=0, b=NONE, c=1, x=100), _RETURN)),
    ("fill-offset", "63 + 10 is behind 64 + 8", (Instruction(Op.FILL, m=0, a=0, b=1, c=1, x=10), _RETURN)),
    ("fill-offset-none", "63 + 10 + 0 is behind 64 + 8", (
        Instruction(Op.FILL, m=0, a=0, b=1, c=1, d=10), _RETURN)),
    ("search-free", "the column is not sorted", (Instruction(Op.SEARCH, m=1, a=0, b=1), _RETURN)),
    ("begin-bytes", "records of the stream have no size", (Instruction(Op.BEGIN, m=1, a=0), _RETURN)),
    ("reserve-rows", "records of the stream have a size", (Instruction(Op.RESERVE, m=0, a=0, b=1, x=8), _RETURN)),
    ("reserve-large", "a record is too large", (Instruction(Op.RESERVE, m=1, a=0, b=1, x=65537), _RETURN)),
    ("set-far", "no record is that large", (Instruction(Op.SET, 4, a=0, b=NONE, c=1, d=65537), _RETURN)),
    ("peek-far", "no record is that large", (Instruction(Op.PEEK, 4, a=0, b=1, c=NONE, d=65537), _RETURN)),
    ("copy-far", "no record is that large", (Instruction(Op.COPY, a=0, b=NONE, c=1, e=1, x=8, d=65537), _RETURN)),
    ("copy-large", "no record is that large", (Instruction(Op.COPY, a=0, b=NONE, c=1, e=1, x=65537), _RETURN)),
    ("jump-outside", "there is no instruction 9", (Instruction(Op.JUMP, x=9), _RETURN)),
    ("jump-back", "it goes on for ever", (Instruction(Op.MOVE, a=0, b=1), Instruction(Op.JUMP, x=0), _RETURN)),
    ("jump-self", "it goes on for ever", (Instruction(Op.JUMP, x=0), _RETURN)),
    ("branch-back", "it may go on for ever", (Instruction(Op.MOVE, a=0, b=1), Instruction(Op.IF, b=9, x=0), _RETURN)),
    ("return-value", "the function has no result", (Instruction(Op.RETURN, a=0),)),
    ("raise-reserved", "faults below 16 are the machine's", (Instruction(Op.RAISE, b=0, x=15),)),
    ("ends-jump-back", "the end of a loop is no end", _LOOP[:3]),
    ("raise-read", "faults below 16 are the machine's", (Instruction(Op.RAISE, b=0, x=1),)),
    ("call-self", "the function calls itself", (Instruction(Op.CALL, a=NONE, b=0, x=0), _RETURN)),
    ("loop-no-next", "the loop has no end", (_LOOP[0], _LOOP[1], _LOOP[1], _RETURN)),
    ("loop-other-index", "its end counts another register", (*_LOOP[:2], _LOOP[2]._replace(a=4), _RETURN)),
    ("loop-other-limit", "its end has another limit", (*_LOOP[:2], _LOOP[2]._replace(d=11), _RETURN)),
    ("loop-other-start", "its end goes elsewhere", (*_LOOP[:2], _LOOP[2]._replace(x=0), _RETURN)),
    ("loop-limit", "it turns too often", (
        _LOOP[0]._replace(d=2**23 + 1), _LOOP[1], _LOOP[2]._replace(d=2**23 + 1), _RETURN)),
    ("loop-one-register", "index and bound are one", (
        _LOOP[0]._replace(c=1), _LOOP[1], _LOOP[2]._replace(c=1), _RETURN)),
    ("loop-index-written", "its body sets it back", (_LOOP[0], Instruction(Op.MOVE, a=1, b=8), *_LOOP[2:])),
    ("loop-bound-written", "its body raises the bound", (_LOOP[0], Instruction(Op.MOVE, a=2, b=10), *_LOOP[2:])),
    ("loop-jump-into", "it is entered beside its head", (Instruction(Op.JUMP, x=2), *(
        each._replace(x=each.x + 1) if each.x else each for each in _LOOP))),
    ("loop-jump-next", "its end is reached beside its head", (Instruction(Op.JUMP, x=3), *(
        each._replace(x=each.x + 1) if each.x else each for each in _LOOP))),
    ("loop-inner-index", "a loop in its body counts with its index", _within(Instruction(
        Op.LOOP, a=1, b=0, c=4, x=4, d=10))),
    ("loop-inner-bound", "a loop in its body bounds its turns with its index", _within(Instruction(
        Op.LOOP, a=4, b=0, c=1, x=4, d=10))),
    ("loops-deep", "65 loops within each other", (
        *(Instruction(Op.LOOP, a=2 * n, b=0, c=2 * n + 1, x=130 - n, d=1) for n in range(65)),
        *(Instruction(Op.NEXT, a=2 * n, c=2 * n + 1, x=n + 1, d=1) for n in reversed(range(65))), _RETURN)),
    ("next-alone", "it ends no loop", (Instruction(Op.NEXT, a=1, c=2, x=0, d=10), _RETURN)),
    ("loops-cross", "the inner loop ends outside", (
        Instruction(Op.LOOP, a=1, b=0, c=2, x=4, d=10), Instruction(Op.LOOP, a=3, b=0, c=4, x=5, d=10),
        Instruction(Op.MOVE, a=5, b=1), Instruction(Op.NEXT, a=1, c=2, x=1, d=10),
        Instruction(Op.NEXT, a=3, c=4, x=2, d=10), _RETURN)),
)  # fmt: skip
"""Code with one thing wrong: a name, what it is, the instructions of the function."""

_READ = Instruction(Op.READ, 4, a=0, b=8)
_HANDLERS: tuple[tuple[str, str, tuple[Instruction, ...], tuple[Handler, ...]], ...] = (
    ("handler-back", "a fault goes back", (_READ, _READ, _RETURN), (Handler(1, 2, 0, 1, 2),)),
    ("handler-inside", "a fault goes on in what it is for", (_READ, _READ, _RETURN), (Handler(0, 2, 1, 1, 2),)),
    ("handler-empty", "it is for nothing", (_READ, _RETURN), (Handler(1, 1, 1, 1, 2),)),
    ("handler-outside", "there is no instruction 9", (_READ, _RETURN), (Handler(0, 1, 9, 1, 2),)),
    ("handler-constant", "it writes a constant", (_READ, _RETURN), (Handler(0, 1, 1, 8, 2),)),
    ("handlers-order", "they are not sorted", (_READ, _READ, _RETURN), (
        Handler(1, 2, 2, 1, 2), Handler(0, 1, 2, 1, 2))),
    ("handlers-cross", "they lie over each other", (*[_READ] * 3, _RETURN), (
        Handler(0, 2, 3, 1, 2), Handler(1, 3, 3, 1, 2))),
    ("handler-into-loop", "a fault leads into a loop", (_READ, *(
        each._replace(x=each.x + 1) if each.x else each for each in _LOOP)), (Handler(0, 1, 2, 3, 4),)),
    ("handler-into-next", "a fault leads to the end of a loop", (_READ, *(
        each._replace(x=each.x + 1) if each.x else each for each in _LOOP)), (Handler(0, 1, 3, 3, 4),)),
    ("handler-partly", "some of what it is for is outside of the loop", (_READ, *(
        each._replace(x=each.x + 1) if each.x else each for each in _LOOP)), (Handler(0, 3, 3, 3, 4),)),
    ("handler-next-bound", "a fault sets the bound, and goes on at the end", (
        Instruction(Op.LOOP, a=1, b=0, c=2, x=3, d=10), _READ,
        Instruction(Op.NEXT, a=1, c=2, x=1, d=10), _RETURN), (Handler(1, 2, 2, 3, 2),)),
    ("handler-none", "its registers can't be missing", (_READ, _RETURN), (Handler(0, 1, 1, NONE, NONE),)),
    ("handlers-inner-first", "the outer one is listed later", (_READ, _READ, _RETURN), (
        Handler(0, 1, 2, 1, 2), Handler(0, 2, 2, 1, 2))),
    ("handler-index", "a fault sets the index back", (
        Instruction(Op.LOOP, a=1, b=0, c=2, x=4, d=10), _READ, Instruction(Op.MOVE, a=3, b=1),
        Instruction(Op.NEXT, a=1, c=2, x=1, d=10), _RETURN), (Handler(1, 2, 2, 1, 3),)),
)  # fmt: skip
"""Handlers with one thing wrong."""


def _calls() -> Iterator[Fault]:
    callee = Function("callee", 2, 2, False, (), (), (_RETURN,))

    def calling(name: str, why: str, call: Instruction, callee: Function = callee) -> Fault:
        main = replace(_SOUND.functions[0], code=(call, _RETURN))
        return _refused(name, why, replace(_SOUND, functions=(callee, main)))

    yield calling("call-later", "a function behind is called", Instruction(Op.CALL, a=NONE, b=0, x=2))
    yield calling("call-result", "the function has no result", Instruction(Op.CALL, a=0, b=0, x=0))
    yield calling("call-arguments", "there is no second argument", Instruction(Op.CALL, a=NONE, b=11, x=0))
    none = replace(callee, parameters=0)
    yield calling("call-no-arguments", "b is not used", Instruction(Op.CALL, a=NONE, b=1, x=0), none)
    valued = replace(callee, result=True, code=(Instruction(Op.RETURN, a=0),))
    yield calling("call-constant", "a constant is written", Instruction(Op.CALL, a=8, b=0, x=0), valued)
    yield calling("return-missing", "the callee has a result", Instruction(Op.CALL, a=0, b=0, x=0), replace(
        valued, code=(_RETURN,)))  # fmt: skip
    many = replace(callee, parameters=3)
    yield calling("parameters", "three parameters in two registers", Instruction(Op.CALL, a=NONE, b=0, x=0), many)
    main = replace(_SOUND.functions[0], parameters=1)
    yield _refused("main", "the last function has a parameter", replace(_SOUND, functions=(main,)))
    valued = replace(_SOUND.functions[0], result=True, code=(Instruction(Op.RETURN, a=0),))
    yield _refused("main-result", "the last function has a result", replace(_SOUND, functions=(valued,)))
    wide = replace(_SOUND.functions[0], variables=65517)
    yield _refused("registers", "65521 registers", replace(_SOUND, functions=(wide,)))
    chain = [Function("f0", 1, 0, False, (), (), (_RETURN,))]
    for number in range(1, 65):
        call = Instruction(Op.CALL, a=NONE, b=0, x=number - 1)
        chain.append(Function(f"f{number}", 1, 0, False, (), (), (call, _RETURN)))
    yield _refused("deep", "65 functions within each other", replace(_SOUND, functions=tuple(chain)))
    unused = replace(_SOUND, functions=(*chain, _SOUND.functions[0]))
    yield _refused("deep-unused", "the same, that nothing calls", unused)


def _refused(name: str, why: str, wrong: Bytecode) -> Fault:
    return Fault(f"refused-{name}", "Must not be run.", why, wrong)


def trapped() -> Iterator[Fault]:
    """Programs that pass and reach outside of their output when they run."""
    begin = Instruction(Op.BEGIN, m=0, a=0)
    for name, why, code in (
        ("no-page", "no page is claimed", (Instruction(Op.SET, 4, a=8, b=NONE, c=8),)),
        ("header", "the place lies in a header", (begin, Instruction(Op.SET, 4, a=8, b=NONE, c=8))),
        ("other-page", "page 64 is not claimed", (
            begin, Instruction(Op.MUL, 4, a=1, b=10, c=10), Instruction(Op.PEEK, 4, a=3, b=1, c=NONE))),
        ("behind-page", "the bytes reach behind the page", (begin, Instruction(Op.SET, 2, a=11, b=NONE, c=8))),
        ("offset-behind-page", "the bytes reach behind the page", (begin, Instruction(Op.SET, 1, a=11, b=9, c=8))),
        ("copy-nothing", "the place is looked at even where nothing is copied", (
            begin, Instruction(Op.COPY, a=8, b=NONE, c=8, e=8, x=64))),
        ("copy-nothing-behind", "nothing is copied to behind the page", (
            begin, Instruction(Op.COPY, a=11, b=NONE, c=8, e=8, x=64, d=2))),
        ("copy-unreadable", "the place is looked at before the target", (
            begin, Instruction(Op.COPY, a=8, b=NONE, c=10, e=10, x=64))),
        ("position-wraps", "2^64 - 1 plus 17 is not page 0", (
            begin, Instruction(Op.SUB, 4, a=1, b=8, c=9), Instruction(Op.SET, 1, a=1, b=NONE, c=8, d=17))),
        ("copy-behind", "the bytes reach behind the page", (
            begin, Instruction(Op.COPY, a=11, b=NONE, c=8, e=10, x=64))),
    ):  # fmt: skip
        about = "Passes the checks, and has to be stopped when it runs."
        yield Fault(f"trap-{name}", about, why, program(*code, _RETURN))
