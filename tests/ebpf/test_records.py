"""Records: where they lie, pages and their headers, and an output that is full."""

from __future__ import annotations

import struct

from sey.ir.nodes import PAGE_BYTES, PAGE_HEADER_BYTES
from tests.ebpf.harness import Result, Target, run_kernel

AT = 0x1000_0000


def pages(result: Result) -> list[tuple[int, bytes]]:
    """Each page's stream number and the bytes used."""
    found = []
    for at in range(0, len(result.output), PAGE_BYTES):
        stream, used, zero = struct.unpack_from("<IIQ", result.output, at)
        assert zero == 0
        body = result.output[at + PAGE_HEADER_BYTES : at + PAGE_BYTES]
        assert not any(body[used:])
        found.append((stream - 1, body[:used]))
    return found


def test_fields_and_places(target: Target) -> None:
    target.set({AT: b"hello, world"})
    program = f"""
    buffer @in 8 host
    buffer @out 64 host
    stream @rows {{ a i64 at 0, b i32 at 8, c i8 at 12, d i1 at 13, data bytes 24 at 16 }} size 40
    stream @blob
    func @main() {{
      attempt {{
        call @rows_of()
        %z = reserve @blob, 11 max 64
        set i64 %z[8], 5
        %at = position %z
        store i64 @out[32], %at
      }} on fault {{ store i64 @out[40], 1 }}
    }}
    func @rows_of() {{
      %n = load i64 @in[0]
      %r = begin @rows
      %s = begin @rows
      set %r.a, 0x1122334455667788
      set %r.b, 0x99aabbcc
      set %r.c, 0xdd
      set %r.d, 1
      set i16 %r.data[2], 0xeeff
      set i8 %r.data[%n + 4], 0x77
      copy %s.data[%n + 1], {AT}, 5 max 16
      copy %r.data[16], {AT + 7}, %n max 8
      %a = peek i32 %r.data[0]
      %b = peek i8 %s.data[%n + 2]
      %c = peek i64 %r.a
      %p = position %r
      %q = position %s
      store i32 @out[0], %a
      store i8 @out[4], %b
      store i64 @out[8], %c
      store i64 @out[16], %p
      store i64 @out[24], %q
    }}
    """
    result = run_kernel(program, target, inputs={"in": (3).to_bytes(8, "little")})
    first = struct.pack("<QIBB2x", 0x1122334455667788, 0x99AABBCC, 0xDD, 1)
    first += bytes((0, 0, 0xFF, 0xEE, 0, 0, 0, 0x77)) + bytes(8) + b"wor" + bytes(5)
    second = bytes(16) + bytes(4) + b"hello" + bytes(15)
    assert pages(result) == [(0, first + second), (1, bytes(8) + (5).to_bytes(8, "little"))]
    out = struct.unpack_from("<IBxxxQQQQQ", result.buffers["out"])
    assert out == (0xEEFF0000, ord("e"), 0x1122334455667788, 16, 16 + 40, PAGE_BYTES + 16, 0)


FILLING = """
buffer @in 16 host
buffer @out 64 host
stream @a { n i64 at 0, data bytes 2992 at 8 } size 3000
stream @b { n i64 at 0 } size 8
func @main() {
  %n = load i64 @in[0]
  attempt {
    loop %i, %n max 100000 {
      %r = begin @a
      set %r.n, %i
      store i64 @out[0], %i
      %odd = and i64 %i, 1
      %is = ne i64 %odd, 0
      if %is {
        %s = begin @b
        set %s.n, %i
      }
    }
  } on fault %code, %detail {
    store i32 @out[8], %code
    store i64 @out[16], %detail
  }
  store i64 @out[24], 1
}
"""


def test_pages_turn_and_streams_interleave(target: Target) -> None:
    result = run_kernel(FILLING, target, inputs={"in": (300).to_bytes(8, "little")})
    found = pages(result)
    fit = (PAGE_BYTES - PAGE_HEADER_BYTES) // 3000
    assert [(stream, len(body)) for stream, body in found] == [
        (0, fit * 3000), (1, 150 * 8), (0, fit * 3000), (0, fit * 3000), (0, (300 - 3 * fit) * 3000),
    ]  # fmt: skip
    rows = b"".join(body for stream, body in found if stream == 0)
    assert [struct.unpack_from("<Q", rows, 3000 * n)[0] for n in range(300)] == list(range(300))
    assert struct.unpack(f"<{150}Q", found[1][1]) == tuple(range(1, 300, 2))
    assert result.pages_used == 5
    assert struct.unpack_from("<QQQQ", result.buffers["out"]) == (299, 0, 0, 1)


def test_a_full_output_is_a_fault_and_the_rest_stays_whole(target: Target) -> None:
    result = run_kernel(FILLING, target, inputs={"in": (100_000).to_bytes(8, "little")}, pages=3)
    found = pages(result)
    fit = (PAGE_BYTES - PAGE_HEADER_BYTES) // 3000
    assert [(stream, len(body)) for stream, body in found] == [(0, fit * 3000), (1, fit * 8), (0, fit * 3000)]
    assert struct.unpack_from("<QQQQ", result.buffers["out"]) == (2 * fit - 1, 2, 0, 1)


def test_no_page_at_all(target: Target) -> None:
    result = run_kernel(FILLING, target, inputs={"in": (1).to_bytes(8, "little")}, pages=0)
    assert result.output == b""
    assert struct.unpack_from("<QQQQ", result.buffers["out"]) == (0, 2, 0, 1)


def test_records_beyond_the_first_chunk(target: Target) -> None:
    result = run_kernel(FILLING, target, inputs={"in": (23_000).to_bytes(8, "little")}, pages=512, chunks=2)
    rows = b"".join(body for stream, body in pages(result) if stream == 0)
    assert [struct.unpack_from("<Q", rows, 3000 * n)[0] for n in range(23_000)] == list(range(23_000))
    assert result.pages_used > 256


def test_fewer_chunks_than_pages_is_full_too(target: Target) -> None:
    result = run_kernel(FILLING, target, inputs={"in": (100_000).to_bytes(8, "little")}, pages=512, chunks=1)
    assert result.pages_used == 256
    assert struct.unpack_from("<QQ", result.buffers["out"])[1] & 0xFFFFFFFF == 2


def test_reservations_of_any_length(target: Target) -> None:
    program = """
    buffer @in 8 host
    buffer @out 64 host
    stream @blob
    func @main() {
      %n = load i64 @in[0]
      attempt {
        loop %i, %n max 2000 {
          %sevens = mul i64 %i, 7
          %length = add i64 %sevens, 8
          %r = reserve @blob, %length max 3001
          set i64 %r[0], %i
        }
      } on fault { store i64 @out[8], 1 }
    }
    """
    result = run_kernel(program, target, inputs={"in": (1000).to_bytes(8, "little")})
    want, used = [], PAGE_BYTES
    for n in range(1000):
        record = n.to_bytes(8, "little").ljust(-(-min(n * 7 + 8, 3001) // 8) * 8, b"\0")
        if used + len(record) > PAGE_BYTES - PAGE_HEADER_BYTES:
            want.append(b"")
            used = 0
        want[-1] += record
        used += len(record)
    assert pages(result) == [(0, body) for body in want]
    assert result.buffers["out"][8] == 0
