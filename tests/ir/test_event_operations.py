"""What runs of an event program keep for later ones, and who refuses such programs."""

from __future__ import annotations

import struct

import pytest

from sey.backends.ebpf.compile import compile_snapshot
from sey.backends.interp.lower import compile_bytecode
from sey.binary.errors import SeyError
from sey.ir.builder import FunctionBuilder
from sey.ir.evaluate import Image, Machine, OutsideRecordError
from sey.ir.nodes import EVENT_OUTPUT_BYTES, Buffer, Program, Stash, Stream, Type, layout_stream
from sey.ir.parser import parse_program
from sey.ir.passes import DEFAULT_PASSES, run_passes
from sey.ir.printer import print_program
from sey.ir.verify import verify

WORLD = """
buffer @in 64 host
buffer @out 64 slack 8 host
buffer @own 64
stash @calls 2 size 32
stream @rows { n i64, at i64 }
stream @blob
"""


def run(body: str, *turns: int) -> tuple[Machine, list[bytes]]:
    """Run a body once for each turn, with the turn as the first word of `@in`; the outputs."""
    program = parse_program(
        f"{WORLD}func @main() {{ attempt {{ {body} }} on fault %c, %d {{ store i32 @out[56], %c }} }}"
    )
    assert parse_program(print_program(program)) == program
    verify(program)
    machine = Machine(run_passes(program, DEFAULT_PASSES), Image({}), event=True)
    outputs = []
    for turn in turns:
        machine.buffers["in"][:8] = turn.to_bytes(8, "little")
        machine.run()
        outputs.append(machine.event_output())
    return machine, outputs


def words(machine: Machine) -> tuple[int, ...]:
    """The words of `@out`."""
    return struct.unpack("<8Q", machine.buffers["out"][:64])


def test_records_follow_each_other_behind_their_headers() -> None:
    machine, (output,) = run(
        """%r = begin @rows
        set %r.n, 7
        %b = reserve @blob, 3 max 100
        set i8 %b[2], 9
        %p = position %b
        store i64 @out[0], %p""",
        1,
    )
    assert output == struct.pack("<IIQQ", 1, 16, 7, 0) + struct.pack("<II", 2, 8) + b"\0\0\x09\0\0\0\0\0"
    assert words(machine)[0] == 32


def test_an_output_has_room_for_so_much_and_each_run_begins_with_none() -> None:
    records = EVENT_OUTPUT_BYTES // 24
    machine, outputs = run("loop %i, 10000 max 10000 { %r = begin @rows }", 1, 2)
    assert words(machine)[7] == 2
    assert [len(output) for output in outputs] == [24 * records] * 2


def test_what_is_added_is_added_once() -> None:
    machine, _ = run(
        """%n = load i64 @in[0]
        %old = fetch_add i64 @out[%n + 8], 3
        store i64 @out[0], %old""",
        5,
        9,
    )
    assert words(machine)[:3] == (0, 3, 3)


@pytest.mark.parametrize(("keys", "lengths"), [((7, 7), [0, 24]), ((7, 8), [0, 0])])
def test_an_output_comes_back_under_its_key(keys: tuple[int, int], lengths: list[int]) -> None:
    body = f"""%turn = load i64 @in[0]
        %first = eq i64 %turn, 1
        if %first {{
          %r = begin @rows
          set %r.n, 40
          %kept = save @calls[{keys[0]}]
          store i1 @out[8], %kept
        }} else {{
          %dropped = begin @rows
          %length = restore @calls[{keys[1]}]
          store i64 @out[0], %length
          if {int(keys[0] == keys[1])} {{
            %again = reopen @rows, 8
            set %again.at, %turn
          }}
        }}"""
    machine, outputs = run(body, 1, 2)
    assert [len(output) for output in outputs] == lengths
    assert words(machine)[:2] == (lengths[1], 1)
    assert machine.stashes["calls"] == ({} if keys[0] == keys[1] else {7: struct.pack("<IIQQ", 1, 16, 40, 0)})
    if lengths[1]:
        assert outputs[1] == struct.pack("<IIQQ", 1, 16, 40, 2)


def test_a_stash_takes_so_many_of_such_a_size_and_forgets_the_oldest() -> None:
    body = """%key = load i64 @in[0]
        %r = begin @rows
        set %r.n, %key
        %more = uge i64 %key, 100
        if %more { %s = begin @rows }
        %place = and i64 %key, 7
        %ok = save @calls[%place]
        %turn = fetch_add i64 @out[0], 1
        store i1 @out[%turn + 8], %ok"""
    machine, outputs = run(body, 1, 2, 3, 10, 105, 106)
    assert outputs == [b""] * 6
    assert machine.buffers["out"][8:14] == bytes([1, 1, 1, 1, 0, 0])
    assert {key: data[8] for key, data in machine.stashes["calls"].items()} == {3: 3}


def test_discarded_output_is_gone_and_its_records_with_it() -> None:
    _, (output,) = run("%r = begin @rows discard %b = reserve @blob, 8 max 8", 1)
    assert output == struct.pack("<IIQ", 2, 8, 0)
    with pytest.raises(OutsideRecordError):
        run("%r = begin @rows discard set %r.n, 1", 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("%r = fetch_add i64 @own[0], 1", "not the host's"),
        ("%r = fetch_add i64 @out[4], 1", "multiple of 8"),
        ("%r = fetch_add i64 @out[72], 1", "which has 72"),
        ("%r = save @rows[1]", "no stash @rows"),
        ("%r = reopen @blob, 8", "can't be opened again"),
        ("%r = reopen @nothing, 8", "no stream @nothing"),
    ],
)
def test_wrong_operations_are_found(text: str, reason: str) -> None:
    with pytest.raises(SeyError, match=reason):
        verify(parse_program(f"{WORLD}func @main() {{ {text} }}"))


@pytest.mark.parametrize("stash", [Stash("s", 0, 8), Stash("s", 1, 12), Stash("s", 1, EVENT_OUTPUT_BYTES + 8)])
def test_wrong_stashes_are_found(stash: Stash) -> None:
    with pytest.raises(SeyError) as refused:
        verify(Program(functions=(FunctionBuilder("main").finish(),), stashes=(stash,)))
    assert [problem.code for problem in refused.value.problems] == ["SEY0502"]


@pytest.mark.parametrize("operation", ["fetch_add", "save", "restore", "reopen", "discard"])
def test_snapshots_have_no_such_operation(operation: str) -> None:
    builder = FunctionBuilder("main")
    match operation:
        case "fetch_add":
            builder.fetch_add("out", 1, imm=8)
        case "save":
            builder.save("calls", 1)
        case "restore":
            builder.restore("calls", 1)
        case "reopen":
            builder.reopen("rows", 8)
        case _:
            builder.discard()
    streams: tuple[Stream, ...] = (layout_stream("rows", [("n", Type.I64)]),)
    program = Program((), (Buffer("out", 64, 0, True),), (), (), streams, (builder.finish(),), (Stash("calls", 1, 8),))
    verify(program)
    for compile_program in (compile_snapshot, compile_bytecode):
        with pytest.raises(SeyError) as refused:
            compile_program(program)
        assert [problem.code for problem in refused.value.problems] == ["SEY0508"]
