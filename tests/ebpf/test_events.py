"""Event programs on the kernel: what a hit is told, what it leaves behind, and that many do it at once."""

from __future__ import annotations

import struct
from collections import Counter
from itertools import pairwise

from sey.backends.ebpf.compile import compile_events
from sey.ir.artifacts import WANT_TLS, EventProgram
from sey.ir.parser import parse_program
from sey.ir.plan import WORD_FSBASE
from sey.runtime.events.kernel import thread_pointer_offset
from tests.ebpf.events import Caller, traced

ARGUMENT = 8 * (4 + 5)
"""Where `@in_regs` has the register of the first argument in C."""
WORLD = """
buffer @in_regs 1024 slack 512
buffer @in_bias 8 host
buffer @out 128 host
buffer @own 64
dict @seen 64
stream @rows { n i64, more i64 }
stream @blob
stash @calls 64 size 64
"""
ROW = f"""
    %n = load i64 @in_regs[{ARGUMENT}]
    %r = begin @rows
    set %r.n, %n
"""


def program(body: str) -> str:
    return f"{WORLD}func @main() {{ attempt {{ {body} }} on fault %c, %d {{ %f = fetch_add i64 @out[120], 1 }} }}"


def numbers(frames: list[bytes]) -> list[int]:
    """The first members of the rows, of outputs that are one row."""
    return [struct.unpack("<IIqq", data)[2] for data in frames]


def test_a_hit_is_told_of_the_thread_and_the_probe(caller: Caller) -> None:
    body = """
        loop %i, 38 max 38 {
          %at = shl i64 %i, 3
          %word = load i64 @in_regs[%at]
          %r = begin @rows
          set %r.n, %word
        }"""
    with traced(program(body), caller, cookies=(3,), probes=4) as trace:
        caller.call([[-41]])
        (data,) = trace.drain()
        counters = trace.counters(3)
        assert trace.counters(0)["hits"] == 0
    words = [struct.unpack_from("<Q", data, 8 + 24 * word)[0] for word in range(38)]
    assert words[3] == 3
    assert words[1] == caller.pid != words[0]
    assert words[2] % 4096 == caller.offset % 4096
    assert words[4 + 5] == -41 % (1 << 64)
    assert words[4 + 7] % 8 == 0
    assert words[36] == 0
    assert counters["hits"] == counters["emitted"] == 1
    assert counters["ns"] > 0


def test_a_probe_that_asks_is_told_where_the_threads_own_data_is(caller: Caller) -> None:
    body = f"""{ROW}
        %base = load i64 @in_regs[{8 * WORD_FSBASE}]
        set %r.more, %base"""
    offset = thread_pointer_offset()
    assert offset
    with traced(program(body), caller, cookies=(0, WANT_TLS | 1), probes=2) as trace:
        caller.call([[None]])
        assert [struct.unpack("<IIqq", data)[3] for data in trace.drain()] == [0, 0]
        trace.write(trace.program.fsbase, offset.to_bytes(8, "little"))
        caller.call([[None, None]])
        rows = [struct.unpack("<IIqq", data)[2:] for data in trace.drain()]
        assert trace.counters(1)["emitted"] == 3
    assert sorted(told == own for own, told in rows) == [False, False, True, True]
    assert all(told in (own, 0) for own, told in rows)


def test_what_threads_add_up_is_right_and_no_event_is_torn(caller: Caller) -> None:
    body = f"""{ROW}
        %turn = fetch_add i64 @out[0], 1
        set %r.more, %n
        loop %i, 50 max 50 {{ %v = load i64 @own[0] %w = add i64 %v, %n store i64 @own[0], %w }}
        %sum = fetch_add i64 @out[8], %n"""
    calls = [[thread * 1000 + turn for turn in range(300)] for thread in range(8)]
    with traced(program(body), caller) as trace:
        caller.call(calls)
        frames, out, counters = trace.drain(), trace.read(trace.program.buffers["out"]), trace.counters()
    wanted = [number for each in calls for number in each]
    assert Counter(numbers(frames)) == Counter(wanted)
    assert all(struct.unpack("<IIqq", data)[2:3] == struct.unpack("<IIqq", data)[3:] for data in frames)
    assert struct.unpack_from("<qq", out) == (2400, sum(wanted))
    assert counters["hits"] == counters["emitted"] == 2400
    assert counters["lost"] == counters["no_slot"] == 0


def test_processes_that_are_not_wanted_leave_no_trace(caller: Caller) -> None:
    with traced(program(ROW), caller) as trace:
        trace.write(trace.program.pid, (1).to_bytes(8, "little"))
        caller.call([[5]])
        trace.write(trace.program.pid, caller.pid.to_bytes(8, "little"))
        caller.call([[6]])
        assert numbers(trace.drain()) == [6]
        assert trace.counters()["hits"] == 1


def test_what_a_hit_kept_a_later_one_finds_with_its_records(caller: Caller) -> None:
    body = f"""
        %n = load i64 @in_regs[{ARGUMENT}]
        %key = and i64 %n, 15
        %end = uge i64 %n, 16
        if %end {{
          %lost = begin @rows
          %length = restore @calls[%key]
          %found = ne i64 %length, 0
          if %found {{
            %row = reopen @rows, 8
            set %row.more, %n
            %b = reserve @blob, 8 max 8
            set i64 %b[0], %length
          }} else {{ %none = fetch_add i64 @out[8], 1 }}
        }} else {{
          %r = begin @rows
          set %r.n, %n
          %ok = save @calls[%key]
          %wide = zext i64 %ok
          %kept = fetch_add i64 @out[0], %wide
        }}"""
    with traced(program(body), caller) as trace:
        caller.call([[1, 2, 3], [4]])
        assert trace.drain() == []
        caller.call([[2 + 16, 1 + 32, 7 + 16, 2 + 48], [4 + 16]])
        found = {struct.unpack("<IIqqIIq", data) for data in trace.drain()}
        assert found == {(1, 16, n, n + more, 2, 8, 24) for n, more in ((2, 16), (1, 32), (4, 16))}
        assert struct.unpack_from("<qq", trace.read(trace.program.buffers["out"])) == (4, 2)


def test_an_output_that_a_stash_does_not_take_is_gone(caller: Caller) -> None:
    body = f"""
        loop %i, 3 max 3 {{ %r = begin @rows }}
        %ok = save @calls[1]
        %wide = zext i64 %ok
        %kept = fetch_add i64 @out[0], %wide
        %b = reserve @blob, 3 max 100
        discard
        {ROW}"""
    with traced(program(body), caller) as trace:
        caller.call([[9]])
        assert trace.drain() == [struct.pack("<IIqq", 1, 16, 9, 0)]
        assert trace.read(trace.program.buffers["out"])[:8] == bytes(8)


def test_records_are_zero_in_a_slot_that_was_used(caller: Caller) -> None:
    body = f"""
        %n = load i64 @in_regs[{ARGUMENT}]
        %b = reserve @blob, %n max 4096
        %last = sub i64 %n, 8
        %before = peek i64 %b[%last]
        %old = fetch_add i64 @out[0], %before
        loop %i, 512 max 512 {{ %at = shl i64 %i, 3 %m = and i64 %at, 511 set i64 %b[%m], -1 }}"""
    with traced(program(body), caller) as trace:
        caller.call([[512, 600, 512, 4096, 700]])
        assert [len(data) for data in trace.drain()] == [520, 608, 520, 4104, 712]
        assert trace.read(trace.program.buffers["out"])[:8] == bytes(8)


def test_an_output_is_never_longer_than_there_is_room(caller: Caller) -> None:
    body = "loop %i, 100000 max 100000 { %b = reserve @blob, 1016 max 2000 }"
    with traced(program(body), caller) as trace:
        caller.call([[1, 2]])
        assert [len(data) for data in trace.drain()] == [65536] * 2
        assert trace.read(trace.program.buffers["out"])[120:] == (2).to_bytes(8, "little")


def test_reads_find_what_is_there_and_fault_where_nothing_is(caller: Caller) -> None:
    body = f"""
        %n = load i64 @in_regs[{ARGUMENT}]
        %r = begin @rows
        set %r.n, -1
        set %r.more, -1
        attempt {{
          %v = read i64 %n
          set %r.n, %v
          fill @own[0], %n, 12 max 16
          %w = load i64 @own[4]
          set %r.more, %w
        }} on fault %code, %detail {{
          %wide = zext i64 %code
          set %r.n, %wide
          set %r.more, %detail
        }}"""
    image = {0x7100_0000: bytes(range(1, 65))}
    addresses = [0x7100_0000, 0x7100_0003, 0x10, 1 << 62, -(1 << 47), 0x7100_0FFA]
    with traced(program(body), caller) as trace:
        caller.call([addresses], image)
        rows = [struct.unpack("<IIQQ", data)[2:] for data in trace.drain()]
    raw = image[0x7100_0000]

    def words(at: int) -> tuple[int, int]:
        return int.from_bytes(raw[at : at + 8], "little"), int.from_bytes(raw[at + 4 : at + 12], "little")

    assert rows[:2] == [words(0), words(3)]
    assert rows[2:] == [(1, address % (1 << 64)) for address in addresses[2:]]


def test_events_that_the_ring_has_no_room_for_are_counted(caller: Caller) -> None:
    with traced(program(ROW), caller, ring=4096) as trace:
        caller.call([list(range(300))])
        found, counters = numbers(trace.drain()), trace.counters()
        assert found == list(range(len(found)))
        assert counters["hits"] == 300 == counters["emitted"] + counters["lost"]
        assert 0 < len(found) == counters["emitted"] < 300
        caller.call([[7]])
        assert numbers(trace.drain()) == [7]


def test_hits_that_find_no_slot_are_counted_and_leave_nothing(caller: Caller) -> None:
    with traced(program(ROW), caller) as trace:
        slots = trace.bpf.map(trace.program.slots)
        for claimed, found in ((1, []), (0, [6])):
            for number in range(slots.max_entries):
                slots.update(number.to_bytes(4, "little"), claimed.to_bytes(8, "little").ljust(slots.value_size, b"\0"))
            caller.call([[6]])
            assert numbers(trace.drain()) == found
        counters = trace.counters()
    assert (counters["hits"], counters["no_slot"], counters["emitted"]) == (2, 1, 1)


def test_several_probes_have_counters_of_their_own(caller: Caller) -> None:
    with traced(program(ROW), caller, cookies=(0, 4), probes=5) as trace:
        caller.call([[1, 2]])
        assert len(trace.drain()) == 4
        assert [trace.counters(probe)["hits"] for probe in range(6)] == [2, 0, 0, 0, 2, 0]


def test_time_goes_on(caller: Caller) -> None:
    body = """%r = begin @rows
        %t = load i64 @in_regs[37 * 8]
        set %r.n, %t
        %now = clock
        set %r.more, %now"""
    with traced(program(body), caller) as trace:
        caller.call([[1, 2, 3]])
        rows = [struct.unpack("<IIQQ", data)[2:] for data in trace.drain()]
    assert all(began <= now for began, now in rows)
    assert all(before < after for before, after in pairwise(now for _, now in rows))


def test_the_same_program_gives_the_same_bytes_and_facts_come_back() -> None:
    parsed = parse_program(program(ROW))
    compiled = compile_events(parsed, probes=3)
    assert compiled == compile_events(parsed, probes=3)
    assert EventProgram.from_facts(compiled.object, compiled.facts()) == compiled
    assert compiled.probes.size == 4 * 64
    assert set(compiled.buffers) == {"in_bias", "out"}
