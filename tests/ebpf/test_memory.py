"""Buffers, reads of the target, tables and dicts, at the edges of each."""

from __future__ import annotations

import bisect
import random
import struct
from dataclasses import replace

import pytest

from sey.ir.nodes import Column, Table, Type
from sey.ir.parser import parse_program
from tests.ebpf.harness import Target, run_kernel

AT = 0x1000_0000
HOLE = 0x2000_0000


def words(data: bytes, count: int) -> tuple[int, ...]:
    return struct.unpack_from(f"<{count}Q", data)


def test_offsets_are_taken_modulo_the_size(target: Target) -> None:
    program = """
    buffer @in 8 host
    buffer @out 64 slack 16 host
    buffer @tiny 8 slack 8
    func @main() {
      %far = load i64 @in[0]
      store i64 @out[%far + 8], 1
      store i8 @out[%far], 2
      %odd = add i64 %far, 64
      %odd3 = add i64 %odd, 3
      store i16 @out[%odd3 + 16], 0xabcd
      store i64 @tiny[%far + 1], 0x1122334455667788
      %back = load i32 @tiny[%far + 5]
      store i32 @out[56], %back
    }
    """
    out = run_kernel(program, target, inputs={"in": (64 * 1000 + 32).to_bytes(8, "little")}).buffers["out"]
    want = bytearray(80)
    want[32] = 2
    want[40] = 1
    want[51:53] = b"\xcd\xab"
    want[56:60] = bytes((0x44, 0x33, 0x22, 0x11))
    assert out == bytes(want)


def test_every_width_in_and_out_of_buffers(target: Target) -> None:
    lines = []
    for at, bits in enumerate((1, 8, 16, 32, 64)):
        lines.append(f"%v{at} = load i{bits} @in[{at * 8}]")
        lines.append(f"store i{bits} @out[{at * 8}], %v{at}")
    program = "buffer @in 64 host\nbuffer @out 64 host\nfunc @main() {\n" + "\n".join(lines) + "\n}"
    data = b"\x01" + b"\xff" * 63
    want = bytearray(64)
    for at, size in enumerate((1, 1, 2, 4, 8)):
        want[at * 8 : at * 8 + size] = data[at * 8 : at * 8 + size]
    assert run_kernel(program, target, inputs={"in": data}).buffers["out"] == bytes(want)


def test_reads_of_every_width(target: Target) -> None:
    target.set({AT: bytes(range(200, 216))})
    lines = []
    for at, bits in enumerate((8, 16, 32, 64)):
        lines.append(f"%v{at} = read i{bits} {AT + 1}")
        lines.append(f"store i{bits} @out[{at * 8}], %v{at}")
    program = "buffer @out 64 host\nfunc @main() {\n" + "\n".join(lines) + "\n}"
    out = run_kernel(program, target).buffers["out"]
    assert words(out, 4) == tuple(int.from_bytes(bytes(range(201, 201 + n)), "little") for n in (1, 2, 4, 8))


@pytest.mark.parametrize("length", [0, 1, 99, 100, 101, 5000, 1 << 32, (1 << 64) - 1])
def test_a_fill_takes_at_most_its_limit(target: Target, length: int) -> None:
    target.set({AT: bytes(range(1, 251)) * 4})
    program = f"""
    buffer @in 16 host
    buffer @out 256 slack 256 host
    func @main() {{
      %length = load i64 @in[0]
      %at = load i64 @in[8]
      fill @out[%at + 4], {AT}, %length max 100
    }}
    """
    out = run_kernel(program, target, inputs={"in": struct.pack("<QQ", length, 250)}).buffers["out"]
    got = bytes(range(1, 251))[: min(length, 100)]
    assert out == (bytes(254) + got).ljust(512, b"\0")


def test_a_fill_that_faults_clears_its_destination_and_says_where(target: Target) -> None:
    target.set({AT: b"x" * 4096})
    program = f"""
    buffer @out 256 slack 64 host
    buffer @far 64 host
    func @main() {{
      store i64 @far[0], 1
      store i64 @far[8], 2
      store i64 @far[16], 3
      %bad i64 = attempt {{
        fill @far[0], {AT + 4096 - 8}, 16 max 16
        yield 0
      }} on fault %code, %detail {{
        store i32 @out[0], %code
        store i64 @out[8], %detail
        yield 1
      }}
      store i64 @out[16], %bad
      fill @out[24], {HOLE}, 0 max 16
      %after i64 = attempt {{
        fill @out[24], {0xFFFF_8000_0000_0000}, 8 max 16
        yield 5
      }} on fault %code2, %detail2 {{
        store i64 @out[40], %detail2
        yield 6
      }}
      store i64 @out[32], %after
    }}
    """
    result = run_kernel(program, target)
    assert words(result.buffers["far"], 3) == (0, 0, 3)
    assert words(result.buffers["out"], 6) == (1, AT + 4096 - 8, 1, 0, 6, 0xFFFF_8000_0000_0000)


def test_rows_are_taken_modulo_the_padded_table(target: Target) -> None:
    program = """
    table @t { a i64 [10, 11, 12, 13, 14], b i8 [1, 2, 3, 4, 255], c i1 [0, 1, 1, 0, 1] }
    buffer @out 1024 host
    func @main() {
      loop %i, 20 max 20 {
        %a = row i64 @t.a[%i]
        %b = row i8 @t.b[%i]
        %c = row i1 @t.c[%i]
        %at = shl i64 %i, 5
        store i64 @out[%at], %a
        store i8 @out[%at + 8], %b
        store i1 @out[%at + 16], %c
      }
      %known = row i64 @t.a[12]
      store i64 @out[1000], %known
    }
    """
    out = run_kernel(program.replace("@out 1024 host", "@out 1024 slack 64 host"), target).buffers["out"]
    a, b, c = [10, 11, 12, 13, 14, 0, 0, 0], [1, 2, 3, 4, 255, 0, 0, 0], [0, 1, 1, 0, 1, 0, 0, 0]
    for i in range(20):
        assert struct.unpack_from("<QQQ", out, 32 * i) == (a[i % 8], b[i % 8], c[i % 8])
    assert struct.unpack_from("<Q", out, 1000) == (14,)


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 8, 9, 1000])
def test_search(target: Target, rows: int) -> None:
    chance = random.Random(rows)
    values = sorted([*chance.choices(range(5, 3000), k=rows - 1), (1 << 64) - 2])
    keys = [0, 4, (1 << 64) - 1, (1 << 64) - 2, *values[:30], *(v + 1 for v in values[:20]), *range(0, 3000, 61)]
    keys = [key % (1 << 64) for key in keys][:120]
    program = f"""
    table @t {{ sorted a i64 {values} }}
    buffer @in 1024 host
    buffer @out 1024 host
    func @main() {{
      loop %i, {len(keys)} max 128 {{
        %at = shl i64 %i, 3
        %key = load i64 @in[%at]
        %row = search @t.a, %key
        store i64 @out[%at], %row
      }}
    }}
    """.replace("1024 host", "1024 slack 8 host")
    result = run_kernel(program, target, inputs={"in": struct.pack(f"<{len(keys)}Q", *keys)})
    want = tuple((bisect.bisect_right(values, key) - 1) % (1 << 64) for key in keys)
    assert words(result.buffers["out"], len(keys)) == want


@pytest.mark.parametrize(("bits", "values"), [(1, [0, 0, 1]), (8, [3, 3, 200]), (16, [9]), (32, [1, 1 << 31])])
def test_search_in_narrow_columns(target: Target, bits: int, values: list[int]) -> None:
    keys = sorted({0, 1, *(v for v in values), *(v + 1 for v in values), (1 << bits) - 1})
    keys = [key for key in keys if key < 1 << bits]
    lines = [f"%k{n} = search @t.a, {key}\n store i64 @out[{8 * n}], %k{n}" for n, key in enumerate(keys)]
    program = f"table @t {{ sorted a i{bits} {values} }}\nbuffer @out 256 host\nfunc @main() {{\n"
    result = run_kernel(program + "\n".join(lines) + "\n}", target)
    want = tuple((bisect.bisect_right(values, key) - 1) % (1 << 64) for key in keys)
    assert words(result.buffers["out"], len(keys)) == want


def test_big_tables(target: Target) -> None:
    rows = 150_000
    values = tuple(n * 7 % (1 << 32) for n in range(rows))
    big = Table("t", (Column("a", Type.I64, tuple(range(0, 3 * rows, 3)), sorted=True), Column("b", Type.I32, values)))
    program = """
    buffer @out 64 host
    func @main() {
      loop %i, 150000 max 200000 {
        %key = mul i64 %i, 3
        %key1 = add i64 %key, 2
        %row = search @t.a, %key1
        %b = row i32 @t.b[%row]
        %b64 = zext i64 %b
        %sum = load i64 @out[0]
        %more = add i64 %sum, %b64
        store i64 @out[0], %more
        %wrong = ne i64 %row, %i
        if %wrong {
          store i64 @out[8], %i
          break
        }
      }
    }
    """
    parsed = replace(parse_program(program, tables=[big]), tables=(big,))
    assert words(run_kernel(parsed, target).buffers["out"], 2) == (sum(values), 0)


def test_dicts(target: Target) -> None:
    program = """
    dict @filled 16 host
    dict @small 2
    buffer @out 128 host
    func @main() {
      %a = get @filled[7], 1
      store i64 @out[0], %a
      %b = get @filled[8], 1
      store i64 @out[8], %b
      %p1 = put @small[1], 10
      %p2 = put @small[2], 20
      %p3 = put @small[3], 30
      %p4 = put @small[1], 11
      store i1 @out[16], %p1
      store i1 @out[17], %p2
      store i1 @out[18], %p3
      store i1 @out[19], %p4
      delete @small[2]
      delete @small[99]
      %p5 = put @small[3], 31
      store i1 @out[20], %p5
      %c = get @small[1], 0
      %d = get @small[2], 77
      %e = get @small[3], 0
      store i64 @out[24], %c
      store i64 @out[32], %d
      store i64 @out[40], %e
    }
    """
    out = run_kernel(program, target, dicts={"filled": {7: (1 << 64) - 5, 9: 0}}).buffers["out"]
    assert out[16:21] == b"\1\1\0\1\1"
    assert words(out, 6)[:2] == ((1 << 64) - 5, 1)
    assert words(out, 6)[3:] == (11, 77, 31)


def test_a_dict_of_64k_entries(target: Target) -> None:
    program = """
    dict @d 65536
    buffer @out 64 host
    func @main() {
      loop %i, 65536 max 65536 {
        %key = mul i64 %i, 0x9e3779b97f4a7c15
        %ok = put @d[%key], %i
        %n = load i64 @out[0]
        %one = zext i64 %ok
        %n1 = add i64 %n, %one
        store i64 @out[0], %n1
      }
      %over = put @d[1], 1
      store i1 @out[8], %over
      loop %j, 65536 max 65536 {
        %again = mul i64 %j, 0x9e3779b97f4a7c15
        %got = get @d[%again], 0
        %same = eq i64 %got, %j
        %m = load i64 @out[16]
        %two = zext i64 %same
        %m1 = add i64 %m, %two
        store i64 @out[16], %m1
      }
    }
    """
    assert words(run_kernel(program, target).buffers["out"], 3) == (65536, 0, 65536)


def test_the_clock_moves_on(target: Target) -> None:
    program = """
    buffer @out 16 host
    func @main() {
      %a = clock
      %b = clock
      store i64 @out[0], %a
      store i64 @out[8], %b
    }
    """
    first, second = words(run_kernel(program, target).buffers["out"], 2)
    assert 0 < first <= second < first + 1_000_000_000
