"""Machine code leaves the same behind as the evaluator and the plain machine, and keeps within what is its own."""

from __future__ import annotations

import ctypes
import mmap
import os
import random
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sey.backends.interp.choose import AnyMachine, machine_for
from sey.backends.interp.format import Buffer, Bytecode, Function, Stream
from sey.backends.interp.machine import Machine
from sey.backends.interp.native import build as builder
from sey.backends.interp.native import emit
from sey.backends.interp.native.build import NotNative
from sey.backends.interp.native.machine import NativeMachine
from sey.backends.interp.ops import NONE, Instruction, Op
from sey.backends.interp.verify import verify
from sey.binary.errors import SeyError
from sey.ir.evaluate import Image
from sey.ir.nodes import PAGE_BYTES
from tests.interp.harness import Windows, outcome, program_of
from tests.interp.vectors import NAMES, check
from tests.ir.programs import PAGE, Case, cases, evaluate

EXAMPLES = int(os.environ.get("SEY_INTERP_EXAMPLES", "200"))
MACHINES = [Machine, NativeMachine]
WORD = struct.Struct("<Q")
MASK = (1 << 64) - 1


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Code of these tests is kept apart."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEY_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases(), memory=st.sampled_from([Image, Windows]), simple=st.booleans())
def test_machine_code_agrees_with_the_evaluator(case: Case, memory: type[Image], simple: bool) -> None:
    """However LLVM makes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builder, "_simple", lambda program: simple)
        assert outcome(case, NativeMachine, memory) == evaluate(case)


@pytest.mark.parametrize("name", NAMES)
def test_machine_code_does_what_a_vector_says(name: str) -> None:
    check(name, NativeMachine)


# Dicts

DICTS = """
buffer @todo 65536 slack 32 host
buffer @told 65536 slack 8 host
dict @few 6 host
func @main() {
  %count = load i64 @todo
  loop %at, %count max 2000 {
    %place = mul i64 %at, 24
    %what = load i8 @todo[%place + 8]
    %key = load i64 @todo[%place + 16]
    %value = load i64 @todo[%place + 24]
    %told = mul i64 %at, 8
    switch %what {
      case 0 {
        %room = put @few[%key], %value
        %wide = zext i64 %room
        store i64 @told[%told], %wide
      }
      case 1 {
        %found = get @few[%key], 77
        store i64 @told[%told], %found
      }
      default { delete @few[%key] }
    }
  }
}
"""
"""Does what the host writes to `todo`: a number of steps, then what to do, key and value of each."""


@pytest.mark.parametrize("seed", range(6))
def test_dicts_are_dicts(seed: int) -> None:
    chance = random.Random(seed)
    keys = [0, 1, 2, MASK, MASK - 1, 1 << 63, 0x1000, 0x2000, 0xC000_0010_0000]
    steps = [(chance.choice((0, 0, 1, 2)), chance.choice(keys), chance.getrandbits(64)) for _ in range(2000)]
    machine = NativeMachine(program_of(DICTS), Image({}))
    machine.buffers["todo"][: 8 + 24 * len(steps)] = WORD.pack(len(steps)) + b"".join(
        struct.pack("<QQQ", *step) for step in steps
    )
    expected = dict.fromkeys(keys[:3], 5)
    machine.fill("few", expected)
    machine.run()
    told = machine.buffers["told"].cast("Q")
    for at, (what, key, value) in enumerate(steps):
        if what == 0:
            room = key in expected or len(expected) < 6
            assert told[at] == room, at
            if room:
                expected[key] = value
        elif what == 1:
            assert told[at] == expected.get(key, 77), at
        else:
            expected.pop(key, None)
    assert machine.entries("few") == expected


def test_a_dict_holds_as_much_as_the_host_says() -> None:
    machine = NativeMachine(program_of(DICTS), Image({}), capacities={"few": 1500})
    steps = b"".join(struct.pack("<QQQ", 0, key << 12, key) for key in range(2000))
    machine.buffers["todo"][: 8 + len(steps)] = WORD.pack(2000) + steps
    machine.run()
    assert machine.entries("few") == {key << 12: key for key in range(1500)}


# The target

READS = """
buffer @wanted 4096 slack 32 host
buffer @got 16384 slack 32768 host
buffer @said 4096 slack 32 host
func @main() {
  %count = load i64 @wanted
  loop %at, %count max 200 {
    %place = mul i64 %at, 16
    %address = load i64 @wanted[%place + 8]
    %length = load i64 @wanted[%place + 16]
    attempt {
      fill @got[0], %address, %length max 32768
      %number = read i64 %address
      %sum = load i64 @got[0]
      %same = eq i64 %sum, %number
      %bit = zext i64 %same
      %shown = add i64 %bit, 100
      store i64 @said[%place], %shown
    } on fault %code, %detail {
      store i64 @said[%place], %detail
      %first = load i64 @got[0]
      store i64 @said[%place + 8], %first
    }
  }
}
"""


@pytest.mark.parametrize("most", [1, 3, 64])
def test_reads_across_pages_get_all_or_nothing(most: int) -> None:
    noise = random.Random(most)
    base = 0x7000_0000_0000
    image = {base + PAGE * n: noise.randbytes(PAGE) for n in (0, 1, 2, 5, 6, 8, 300, 301)}
    image |= {MASK + 1 - PAGE: noise.randbytes(PAGE), 0: noise.randbytes(PAGE)}
    memory = Windows(image)
    memory.most = most
    wanted = [(MASK - 15, 16), (MASK - 15, 17), (MASK - 3, 8), (MASK, 1), (0, 8), (base, 0), (base + PAGE * 3, 0)]
    wanted += [(base + PAGE * n - 4, size) for n in range(10) for size in (4, 8, 16, PAGE, PAGE + 8, 3 * PAGE)]
    wanted += [(base + PAGE * 301 + 100, 8), (base + PAGE * 301, PAGE), (base + PAGE * 302 - 8, 8)]
    for got in (_read(NativeMachine, memory, wanted), _read(NativeMachine, Image(image), wanted)):
        assert got == _read(Machine, Image(image), wanted)


def _read(machine: Any, memory: Image, wanted: list[tuple[int, int]]) -> tuple[bytes, bytes]:
    running = machine(program_of(READS), memory)
    packed = WORD.pack(len(wanted)) + b"".join(struct.pack("<QQ", *each) for each in wanted)
    running.buffers["wanted"][: len(packed)] = packed
    running.run()
    return bytes(running.buffers["got"]), bytes(running.buffers["said"])


def test_pages_are_forgotten_and_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sey.backends.interp.native.target.PAGE_LIMIT", 3)
    image = {PAGE * n: bytes([n]) * PAGE for n in range(40)}
    wanted = [(PAGE * (n % 40) + n, 8) for n in range(200)]
    assert _read(NativeMachine, Windows(image), wanted) == _read(Machine, Image(image), wanted)


def test_a_page_is_asked_for_once() -> None:
    asked: list[int] = []

    class Counting(Windows):
        def window(self, address: int) -> tuple[int, bytes]:
            asked.append(address)
            return super().window(address)

    image = {PAGE * n: bytes(PAGE) for n in (0, 1, 2, 3, 8)}
    _read(NativeMachine, Counting(image), [(at, 8) for at in (0, PAGE, 9 * PAGE, 2 * PAGE, 9 * PAGE, 8 * PAGE, 0)])
    assert asked == [0, 9 * PAGE, 2 * PAGE, 8 * PAGE]


@pytest.mark.parametrize("how", ["window", "read"])
def test_what_the_memory_raises_ends_the_run(how: str) -> None:
    class Reader(Image):
        def read(self, address: int, length: int) -> bytes | None:
            raise InterruptedError("gone")

    class Looker(Windows):
        def window(self, address: int) -> tuple[int, bytes]:
            raise InterruptedError("gone")

    memory = Reader({}) if how == "read" else Looker({})
    with pytest.raises(InterruptedError, match="gone"):
        _read(NativeMachine, memory, [(0, 8)])


def test_a_window_that_is_none_is_an_error() -> None:
    class Wrong(Windows):
        def window(self, address: int) -> tuple[int, bytes]:
            return address + PAGE, bytes(PAGE)

    with pytest.raises(ValueError, match="window"):
        _read(NativeMachine, Wrong({}), [(0, 8)])


@pytest.mark.parametrize("seed", range(4))
def test_pieces_of_any_length_are_read_as_they_lie(seed: int) -> None:
    """Pieces that share pages, touch, or leave a hole in a page."""
    noise = random.Random(seed)
    at, ranges = 0x7000_0000_0000, list[tuple[int, bytes]]()
    for _ in range(30):
        size = noise.choice((1, 100, PAGE, 2 * PAGE, 3 * PAGE + 5, noise.randrange(3 * PAGE)))
        ranges.append((at, noise.randbytes(size)))
        at += size + noise.choice((0, 0, 0, 1, 50, PAGE - size % PAGE, 3 * PAGE))

    class Pieces(Image):
        def ranges(self) -> list[tuple[int, memoryview]]:
            return [(start, memoryview(data)) for start, data in ranges if data]

    image = Pieces(dict(ranges))
    edges = [edge for start, data in ranges for edge in (start, start + len(data))]
    wanted = [(noise.choice(edges) - noise.randrange(20), noise.choice((1, 8, 16, 5000))) for _ in range(199)]
    assert _read(NativeMachine, image, wanted) == _read(Machine, image, wanted)


class Process(Image):
    """Memory of this process, with holes, which the code reads by itself."""

    thread = os.getpid()

    def __init__(self, pages: int, holes: set[int]) -> None:
        self._memory = mmap.mmap(-1, pages * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.base = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self.asked = 0
        noise, image = random.Random(pages), {}
        for number in range(pages):
            data = noise.randbytes(64) * (PAGE // 64)
            self._memory[number * PAGE : (number + 1) * PAGE] = data
            if number in holes:
                ctypes.CDLL(None).mprotect(ctypes.c_void_p(self.base + number * PAGE), PAGE, 0)
            else:
                image[self.base + number * PAGE] = data
        super().__init__(image)

    def window(self, address: int) -> tuple[int, bytes]:
        """The code asks only for what it couldn't read."""
        self.asked += 1
        assert self.read(address, PAGE) is None
        return address, b""


@pytest.mark.parametrize("limit", [1 << 16, 100])
def test_code_reads_a_process_by_itself(limit: int, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More pages than it remembers, back and forth, with holes."""
    monkeypatch.setattr("sey.backends.interp.native.context.PAGE_LIMIT", limit)
    emit._runtime.cache_clear()
    builder.forget()
    chance = random.Random(limit)
    memory = Process(3000, {7, 8, 100, 1000, *(chance.randrange(3000) for _ in range(300))})
    plain = Image({})
    plain._ranges = memory._ranges
    for _ in range(20):
        numbers = [chance.choice((chance.randrange(3000), chance.randrange(30), 99, 100)) for _ in range(200)]
        wanted = [
            (memory.base + n * PAGE + chance.choice((0, 8, PAGE - 3, PAGE - 8)), chance.choice((8, 1, 5000, 20000)))
            for n in numbers
            if n < 2990
        ]
        assert _read(NativeMachine, memory, wanted) == _read(Machine, plain, wanted)
    assert memory.asked > 0
    emit._runtime.cache_clear()
    builder.forget()


# What hostile programs try


def program(code: list[Instruction], variables: int = 8, constants: tuple[int, ...] = ()) -> Bytecode:
    """A verified program of one function, with a stream of records of 16 bytes."""
    made = Bytecode(
        (Buffer("out", 64, 8, True),), (), (), (Stream("rows", 16),),
        (Function("main", variables, 0, False, constants, (), (*code, Instruction(Op.RETURN, a=NONE))),),
    )  # fmt: skip
    verify("test", made)
    return made


BEGIN = Instruction(Op.BEGIN, m=0, a=0)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("position", "offset", "place"),
    [
        (0, 0, 0),
        (15, 0, 0),
        (PAGE_BYTES - 8, 1, 0),
        (PAGE_BYTES - 8, 0, 1),
        (PAGE_BYTES, 0, 0),
        (PAGE_BYTES + 16, 0, 0),
        (MASK - 15, 0, 16),
        (200_000, 65_535, 0),
        (1 << 63, 0, 0),
    ],
)
def test_nothing_outside_of_output_is_written(machine: Any, position: int, offset: int, place: int) -> None:
    write = Instruction(Op.SET, 4, a=8, b=9, c=10, d=place)
    running = machine(program([BEGIN, write], constants=(position, offset, MASK)), Image({}), pages=4)
    with pytest.raises(SeyError, match="outside of its output"):
        running.run()
    assert not any(running.output()[0][8:])


@pytest.mark.parametrize("machine", MACHINES)
def test_the_last_bytes_of_a_page_can_be_written(machine: Any) -> None:
    write = Instruction(Op.SET, 4, a=8, b=9, c=10, d=8)
    running = machine(program([BEGIN, write], constants=(PAGE_BYTES - 16, 1 << 16, MASK)), Image({}), pages=4)
    running.run()
    assert bytes(running.output()[0][-9:]) == b"\0" + b"\xff" * 8


@pytest.mark.parametrize("machine", MACHINES)
def test_a_record_of_another_machine_is_no_way_out(machine: Any) -> None:
    """Copying nothing to nowhere is refused as well."""
    copy = Instruction(Op.COPY, a=8, b=NONE, c=8, e=8, x=64)
    with pytest.raises(SeyError, match="outside of its output"):
        machine(program([copy], constants=(0,)), Image({})).run()


def endless() -> Bytecode:
    """Three loops within each other, 2^69 turns."""
    limit = 1 << 23
    heads = [Instruction(Op.LOOP, a=2 * n, b=8, c=2 * n + 1, x=8 - n, d=limit) for n in range(3)]
    work = [Instruction(Op.STORE, 4, a=4, b=4), Instruction(Op.LOAD, 4, a=6, b=0)]
    ends = [Instruction(Op.NEXT, a=2 * n, c=2 * n + 1, x=n + 1, d=limit) for n in (2, 1, 0)]
    return program([*heads, *work, *ends], constants=(MASK,))


def calls() -> Bytecode:
    """No loop, and 2^60 calls."""
    leaf = Function("f0", 1, 0, False, (), (), (Instruction(Op.RETURN, a=NONE),))
    functions = [leaf]
    for n in range(1, 61):
        twice = [Instruction(Op.CALL, a=NONE, x=n - 1)] * 2
        functions.append(Function(f"f{n}", 1, 0, False, (), (), (*twice, Instruction(Op.RETURN, a=NONE))))
    made = Bytecode((Buffer("out", 64, 8, True),), (), (), (), tuple(functions))
    verify("test", made)
    return made


@pytest.mark.parametrize("made", [endless(), calls()], ids=["loops", "calls"])
def test_a_program_that_takes_too_long_is_ended(made: Bytecode) -> None:
    """By its time, which may have come before, or be set by another thread: the run keeps none from working."""
    with pytest.raises(SeyError, match="ran on after its time"):
        NativeMachine(made, Image({}), stop_ns=1).run()
    machine = NativeMachine(made, Image({}))
    errors: list[SeyError] = []

    def run() -> None:
        try:
            machine.run()
        except SeyError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    machine.stop_ns = 1
    thread.join()
    assert "ran on after its time" in str(errors[0])


def test_a_program_too_large_for_machine_code_has_none() -> None:
    code = [Instruction(Op.MOVE, a=0, b=1)] * 70_000
    with pytest.raises(NotNative, match="70003 instructions"):
        NativeMachine(program(code), Image({}))


def test_a_program_that_is_not_simple_runs() -> None:
    """40 functions that call each other, each with all it reads in registers: 37 000 instructions."""
    functions: list[Function] = []
    for n in range(40):
        loads = [Instruction(Op.LOAD, 4, a=r, b=NONE, d=8 * (r % 8)) for r in range(460)]
        call = [Instruction(Op.CALL, a=NONE, x=n - 1)] if n else []
        adds = [Instruction(Op.ADD, 4, a=0, b=0, c=r) for r in range(1, 460)]
        store = Instruction(Op.STORE, 4, a=0, b=NONE)
        code = (*loads, *call, *adds, store, Instruction(Op.RETURN, a=NONE))
        functions.append(Function(f"f{n}", 460, 0, False, (), (), code))
    made = Bytecode((Buffer("out", 64, 8, True),), (), (), (), tuple(functions))
    verify("test", made)
    left = []
    for machine in (Machine(made, Image({})), NativeMachine(made, Image({}))):
        machine.buffers["out"][:8] = WORD.pack(3)
        machine.run()
        left.append(bytes(machine.buffers["out"]))
    assert left[0] == left[1] != bytes(72)


def test_what_there_is_no_memory_for_is_left_to_the_plain_machine() -> None:
    capacities = {"few": 1 << 50}
    with pytest.raises(NotNative, match="no memory"):
        NativeMachine(program_of(DICTS), Image({}), capacities=capacities)
    assert machine_for(program_of(DICTS), Image({}), capacities=capacities).name == "plain"


# What is kept

ONE = "buffer @out 8 host\nfunc @main() { store i64 @out[0], 1 }"
TWO = "buffer @out 8 host\nfunc @main() { store i64 @out[0], 2 }"


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an empty cache."""
    monkeypatch.setenv("SEY_CACHE_DIR", str(tmp_path))
    return tmp_path / "native"


def _run(text: str) -> int:
    """What a program leaves, with code that isn't in memory yet."""
    builder.forget()
    machine = NativeMachine(program_of(text), Image({}))
    machine.run()
    return int(machine.buffers["out"][0])


def _no_compiler(*_: object) -> bytes:
    raise AssertionError("compiled")


def test_code_is_kept(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run(ONE) == 1
    (file,) = kept.iterdir()
    assert file.stat().st_mode & 0o077 == 0
    monkeypatch.setattr(builder, "_made", _no_compiler)
    assert _run(ONE) == 1
    with pytest.raises(AssertionError, match="compiled"):
        _run(TWO)


@pytest.mark.parametrize("at", [0, 40, -1])
def test_damaged_code_is_made_again(kept: Path, at: int) -> None:
    _run(ONE)
    (file,) = kept.iterdir()
    whole = file.read_bytes()
    damaged = bytearray(whole)
    damaged[at] ^= 1
    for bad in (bytes(damaged), whole[:-8], b""):
        file.write_bytes(bad)
        assert _run(ONE) == 1
        assert file.read_bytes() == whole


def test_code_that_others_may_write_is_not_run(kept: Path) -> None:
    _run(ONE)
    (mine,) = kept.iterdir()
    _run(TWO)
    (other,) = set(kept.iterdir()) - {mine}
    mine.write_bytes(other.read_bytes())
    assert _run(ONE) == 2, "the test would not notice"
    mine.chmod(0o666)
    assert _run(ONE) == 1


def test_what_can_not_be_kept_runs_all_the_same(kept: Path) -> None:
    kept.write_text("no folder")
    assert _run(ONE) == 1


# Which machine


def _chosen(monkeypatch: pytest.MonkeyPatch, wanted: str) -> AnyMachine:
    monkeypatch.setenv("SEY_INTERP", wanted)
    machine = machine_for(program_of(ONE), Image({}))
    machine.run()
    assert machine.buffers["out"][0] == 1
    return machine


def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _chosen(monkeypatch, "").name == "native"
    assert _chosen(monkeypatch, "native").name == "native"
    assert _chosen(monkeypatch, "plain").name == "plain"
    with pytest.raises(SeyError, match="SEY_INTERP is quick"):
        _chosen(monkeypatch, "quick")


def test_without_llvm_the_plain_machine_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    builder.forget()
    builder._compiler.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "llvmlite"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    assert _chosen(monkeypatch, "").name == "plain"
    with pytest.raises(SeyError, match="can't become machine code") as raised:
        _chosen(monkeypatch, "native")
    assert raised.value.problems[0].code == "SEY0751"
