"""The evaluator does what the contract says, operation by operation."""

from __future__ import annotations

import pytest

from sey.ir.evaluate import Image, Machine, OutsideRecordError
from sey.ir.nodes import FAULT_FULL, FAULT_READ, MAX_RECORD_BYTES, PAGE_BYTES, PAGE_HEADER_BYTES
from sey.ir.parser import parse_program
from sey.ir.verify import verify

IMAGE = {0x1000: bytes(range(64)), 0x1040: b"\xff" * 8, 0x2000: b"abcdefgh"}
WORLD = """
buffer @out 64 host
buffer @b 16 slack 8 host
dict @d 2 host
table @t { sorted lo i16 [5, 5, 300], x i8 [7, 8, 9], bit i1 [1, 0, 1] }
stream @rows { n i16, data bytes 16 }
stream @blob
"""


def run(body: str, *, pages: int = 4, declare: str = "") -> Machine:
    """A run of a main with this body, in an attempt that stores the fault's code at 48 and its detail at 56."""
    program = parse_program(
        f"{WORLD}{declare}\nfunc @main() {{ attempt {{ {body} }} on fault %code, %detail {{"
        " store i32 @out[48], %code  store i64 @out[56], %detail } }"
    )
    verify(program)
    machine = Machine(program, Image(IMAGE), pages, clock=lambda: 1234)
    machine.dicts["d"][7] = 70
    machine.run()
    return machine


def word(machine: Machine, at: int = 0, buffer: str = "out") -> int:
    return int.from_bytes(machine.buffers[buffer][at : at + 8], "little")


def value(body: str, kind: str = "i64") -> int:
    """`%r` of a body, an integer of the type."""
    return word(run(f"{body}\n store {kind} @out[0], %r"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("add i8 255, 2", 1),
        ("sub i8 1, 2", 255),
        ("mul i8 16, 17", 16),
        ("udiv i8 200, 3", 66),
        ("udiv i8 200, 0", 0),
        ("urem i8 200, 3", 2),
        ("urem i8 200, 0", 200),
        ("sdiv i8 -7, 2", -3 % 256),
        ("sdiv i8 7, -2", -3 % 256),
        ("sdiv i8 -7, 0", 0),
        ("sdiv i8 -128, -1", 128),
        ("srem i8 -7, 2", -1 % 256),
        ("srem i8 7, -2", 1),
        ("srem i8 -7, 0", -7 % 256),
        ("srem i8 -128, -1", 0),
        ("and i8 12, 10", 8),
        ("or i8 12, 10", 14),
        ("xor i8 12, 10", 6),
        ("shl i8 129, 1", 2),
        ("shl i8 1, 8", 0),
        ("lshr i8 -128, 7", 1),
        ("lshr i8 -128, 200", 0),
        ("ashr i8 -128, 6", 254),
        ("ashr i8 -128, 8", 255),
        ("ashr i8 127, 255", 0),
        ("eq i8 5, 5", 1),
        ("ne i8 5, 5", 0),
        ("ult i8 1, 255", 1),
        ("slt i8 1, 255", 0),
        ("ule i8 5, 5", 1),
        ("sle i8 -1, 0", 1),
        ("ugt i8 255, 1", 1),
        ("sgt i8 255, 1", 0),
        ("uge i8 0, 255", 0),
        ("sge i8 0, 255", 1),
        ("select i8 1, 2, 3", 2),
        ("select i8 0, 2, 3", 3),
    ],
)
def test_arithmetic(text: str, expected: int) -> None:
    compares = text.split()[0] in ("eq", "ne") or (
        text.startswith(("u", "s")) and text.split()[0][1:] in ("lt", "le", "gt", "ge")
    )
    assert value(f"%r = {text}", "i1" if compares else "i8") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%a = const i8 200 %r = zext i64 %a", 200),
        ("%a = const i8 200 %r = sext i64 %a", 2**64 - 56),
        ("%a = const i1 1 %r = sext i64 %a", 2**64 - 1),
    ],
)
def test_widening(text: str, expected: int) -> None:
    assert value(text) == expected


def test_truncation_and_bits() -> None:
    assert value("%a = const i64 0x1ff %r = trunc i8 %a", "i8") == 255
    assert value("store i8 @b[0], 254  %r = load i1 @b[0]", "i1") == 0
    assert value("%r = row i1 @t.bit[2]", "i1") == 1


def test_an_index_wraps_before_its_constant_is_added() -> None:
    machine = run("%o = const i64 31  store i8 @b[%o], 1  store i8 @b[%o + 7], 2  store i8 @b[16], 3")
    assert bytes(machine.buffers["b"]) == bytes([*[0] * 15, 1, 3, *[0] * 5, 2, 0])


def test_reads() -> None:
    assert value("%r = read i64 0x1008") == int.from_bytes(bytes(range(8, 16)), "little")
    assert value("%r = read i64 0x103c") == int.from_bytes(bytes(range(60, 64)) + b"\xff" * 4, "little")


@pytest.mark.parametrize("address", [0x0FFF, 0x1041, 0x1FFF, 0x2001, 0, 2**64 - 4])
def test_a_read_that_fails_faults_with_its_address(address: int) -> None:
    machine = run(f"%r = read i64 {address}  store i64 @out[0], 1")
    assert word(machine) == 0
    assert word(machine, 48) == FAULT_READ
    assert word(machine, 56) == address


def test_fill_takes_the_least_and_clears_where_it_fails() -> None:
    machine = run("fill @b[0], 0x2000, 5 max 8  fill @b[8], 0x2000, 100 max 8")
    assert bytes(machine.buffers["b"][:16]) == b"abcde\0\0\0abcdefgh"
    machine = run("store i64 @b[0], -1  store i64 @b[8], -1  fill @b[2], 0x2004, 6 max 8")
    assert bytes(machine.buffers["b"][:16]) == b"\xff\xff" + bytes(6) + b"\xff" * 8
    assert word(machine, 56) == 0x2004


def test_nothing_is_read_where_nothing_is_asked_for() -> None:
    machine = run("fill @b[0], 0xdead, 0 max 8  %r = begin @rows  copy %r.data, 0xdead, 0 max 8")
    assert word(machine, 48) == 0


def test_tables() -> None:
    assert value("%r = row i8 @t.x[2]", "i8") == 9
    assert value("%r = row i8 @t.x[3]", "i8") == 0
    assert value("%r = row i8 @t.x[5]", "i8") == 8
    for key, row in ((4, 2**64 - 1), (5, 1), (299, 1), (300, 2), (65535, 2)):
        assert value(f"%r = search @t.lo, {key}") == row


def test_dicts() -> None:
    assert value("%r = get @d[7], 1") == 70
    assert value("%r = get @d[8], 1") == 1
    assert value("delete @d[7]  delete @d[9]  %r = get @d[7], 1") == 1
    machine = run(
        "%a = put @d[8], 80  %b = put @d[9], 90  %c = put @d[7], 71"
        "  store i1 @out[0], %a  store i1 @out[1], %b  store i1 @out[2], %c"
    )
    assert bytes(machine.buffers["out"][:3]) == bytes([1, 0, 1])
    assert machine.dicts["d"] == {7: 71, 8: 80}


def test_loops_stop_at_the_least_of_count_and_limit_or_at_a_break() -> None:
    count = "%n = load i64 @out[0]  %m = add i64 %n, 1  store i64 @out[0], %m"
    assert word(run(f"loop %i, 3 max 10 {{ {count} }}")) == 3
    assert word(run(f"loop %i, 30 max 10 {{ {count} }}")) == 10
    assert word(run(f"loop %i, 0 max 10 {{ {count} }}")) == 0
    assert word(run(f"loop %i, 9 max 9 {{ %s = eq i64 %i, 4  if %s {{ break }} {count} }}")) == 4
    assert word(run(f"loop %i, 2 max 2 {{ loop %j, 5 max 5 {{ {count} break }} }}")) == 2


def test_a_fault_leaves_through_loops_and_calls_to_the_innermost_attempt() -> None:
    machine = run(
        """
        %r i64 = attempt {
          loop %i, 5 max 5 { call @thrower(%i) }
          yield 1
        } on fault %code, %detail {
          %c = zext i64 %code
          %both = add i64 %c, %detail
          yield %both
        }
        store i64 @out[0], %r
        """,
        declare="func @thrower(%i i64) { %s = eq i64 %i, 3  if %s { raise 40, %i } }",
    )
    assert word(machine) == 43
    assert word(machine, 48) == 0


def test_a_fault_of_a_handler_goes_to_the_attempt_outside() -> None:
    machine = run("attempt { raise 20, 1 } on fault { raise 21, 2 }")
    assert (word(machine, 48), word(machine, 56)) == (21, 2)


def test_switch_and_call() -> None:
    declare = "func @twice(%a i64) -> i64 { %r = add i64 %a, %a  yield %r }"
    body = """%v = const i64 {} switch %v {{
      case 1 {{ store i64 @out[0], 10 }}
      default {{ %t = call @twice(4) store i64 @out[0], %t }}
    }}"""
    assert word(run(body.format(1), declare=declare)) == 10
    assert word(run(body.format(2), declare=declare)) == 8


def test_the_clock_is_the_machines() -> None:
    assert value("%r = clock") == 1234


# Output


def header(page: bytes) -> tuple[int, int, int]:
    return (
        int.from_bytes(page[0:4], "little"),
        int.from_bytes(page[4:8], "little"),
        int.from_bytes(page[8:16], "little"),
    )


def test_records_and_pages() -> None:
    machine = run(
        """
        %blob = reserve @blob, 5 max 100
        set i32 %blob[1], 0x01020304
        %r = begin @rows
        set %r.n, 0xabcd
        copy %r.data[2], 0x2000, 4 max 10
        %s = begin @rows
        %p = position %s
        store i64 @out[0], %p
        %n = peek i16 %r.n
        store i16 @out[8], %n
        %d = peek i8 %r.data[3]
        store i8 @out[10], %d
        """
    )
    blob, rows = machine.output()
    assert len(blob) == len(rows) == PAGE_BYTES
    assert header(blob) == (2, 8, 0)
    assert blob[16:24] == bytes([0, 4, 3, 2, 1, 0, 0, 0])
    assert header(rows) == (1, 48, 0)
    assert rows[16:40] == b"\xcd\xab" + bytes(6) + b"\0\0abcd" + bytes(10)
    assert word(machine) == PAGE_BYTES + PAGE_HEADER_BYTES + 24
    assert bytes(machine.buffers["out"][8:11]) == b"\xcd\xabb"


def test_a_reservation_takes_the_least_rounded_up_and_never_nothing() -> None:
    machine = run(
        "%a = reserve @blob, 0 max 9  %b = reserve @blob, 9 max 100  %c = reserve @blob, 1000 max 20"
        "  %p = position %c  store i64 @out[0], %p"
    )
    assert word(machine) == PAGE_HEADER_BYTES + 8 + 16
    assert header(machine.output()[0]) == (2, 8 + 16 + 24, 0)


def test_a_record_that_does_not_fit_begins_a_page() -> None:
    loop = f"""loop %i, 5 max 5 {{
      %b = reserve @blob, {MAX_RECORD_BYTES} max {MAX_RECORD_BYTES}
      %p = position %b
      store i64 @out[0], %p
    }}"""
    machine = run(loop)
    assert [header(page)[1] for page in machine.output()] == [3 * MAX_RECORD_BYTES, 2 * MAX_RECORD_BYTES]
    assert word(machine) == PAGE_BYTES + PAGE_HEADER_BYTES + MAX_RECORD_BYTES
    exact = PAGE_BYTES - PAGE_HEADER_BYTES - 3 * MAX_RECORD_BYTES
    machine = run(
        f"loop %i, 3 max 3 {{ %b = reserve @blob, -1 max {MAX_RECORD_BYTES} }} %c = reserve @blob, -1 max {exact}"
    )
    assert [header(page)[1] for page in machine.output()] == [PAGE_BYTES - PAGE_HEADER_BYTES]


def test_a_full_output_faults_and_keeps_what_there_is() -> None:
    machine = run("%a = begin @rows  set %a.n, 7  %b = reserve @blob, 1 max 8", pages=1)
    assert (word(machine, 48), word(machine, 56)) == (FAULT_FULL, 0)
    (page,) = machine.output()
    assert header(page) == (1, 24, 0)
    # The stream that has a page can go on.
    machine = run("%a = begin @rows  attempt { %b = reserve @blob, 1 max 8 } on fault { } %c = begin @rows", pages=1)
    assert word(machine, 48) == 0


def test_reaching_past_a_record_is_the_programs_bug() -> None:
    with pytest.raises(OutsideRecordError):
        run("%o = const i64 24  %a = begin @rows  set i8 %a.data[%o], 1")
    machine = run(f"%o = const i64 {MAX_RECORD_BYTES + 3}  %a = begin @rows  set i8 %a.data[%o], 1")
    assert machine.output()[0][16 + 8 + 3] == 1


def test_a_copy_that_fails_leaves_its_place_zero() -> None:
    machine = run("%a = begin @rows  set i64 %a.data, -1  copy %a.data[4], 0x2004, 8 max 12")
    assert machine.output()[0][24:40] == b"\xff" * 4 + bytes(12)
    assert word(machine, 48) == FAULT_READ
