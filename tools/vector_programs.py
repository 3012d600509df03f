"""The programs of the conformance vectors, in IR text, with the memory that they look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_BINARY = ("add", "sub", "mul", "udiv", "urem", "sdiv", "srem", "and", "or", "xor", "shl", "lshr", "ashr")
_COMPARE = ("eq", "ne", "ult", "ule", "ugt", "uge", "slt", "sle", "sgt", "sge")


@dataclass(frozen=True)
class Source:
    """A program with all that its run depends on: memory by address, host buffers and dicts, pages of output."""

    name: str
    about: str
    text: str
    memory: Mapping[int, bytes] = field(default_factory=dict)
    buffers: Mapping[str, bytes] = field(default_factory=dict)
    dicts: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    pages: int = 4


def _edges(bits: int) -> list[int]:
    top = 1 << bits
    numbers = (0, 1, 2, 7, bits - 1, bits, top // 2 - 1, top // 2, top // 2 + 1, top - 2, top - 1)
    return sorted({n % top for n in numbers})


def _arithmetic(bits: int) -> Source:
    """Every operation over every pair of numbers at the edges of a width."""
    width, edges = bits // 8, _edges(bits)
    lines = []
    for number, name in enumerate(_BINARY + _COMPARE):
        kind = f"i{bits}" if name in _BINARY else "i1"
        lines += [f"%r{number} = {name} i{bits} %a, %b", f"store {kind} @out[%at + {8 * number}], %r{number}"]
    body = "\n      ".join(lines)
    return Source(
        f"arithmetic-i{bits}",
        f"Operations and comparisons of {bits} bits, of each number in `in` with each.",
        f"""
buffer @in 128 slack 8 host
buffer @out 32768 slack 256 host
func @main() {{
  loop %i, {len(edges)} max 64 {{
    %x = mul i64 %i, {width}
    %a = load i{bits} @in[%x]
    loop %j, {len(edges)} max 64 {{
      %y = mul i64 %j, {width}
      %b = load i{bits} @in[%y]
      %row = mul i64 %i, {len(edges)}
      %n = add i64 %row, %j
      %at = mul i64 %n, 256
      {body}
    }}
  }}
}}
""",
        buffers={"in": b"".join(edge.to_bytes(width, "little") for edge in edges)},
    )


def _conversions() -> Source:
    lines, at = [], 0
    for wide in (8, 16, 32, 64):
        for narrow in (1, 8, 16, 32):
            if narrow < wide:
                lines += [
                    f"%t{at} = trunc i{narrow} %v{wide}",
                    f"%s{at} = sext i{wide} %t{at}",
                    f"%z{at} = zext i{wide} %t{at}",
                    f"store i{wide} @out[{at}], %s{at}",
                    f"store i{wide} @out[{at + 8}], %z{at}",
                ]
                at += 16
    loads = "\n  ".join(f"%v{bits} = load i{bits} @in" for bits in (8, 16, 32, 64))
    body = "\n  ".join(lines)
    return Source(
        "conversions",
        "Every change of width of one number.",
        f"buffer @in 8 host\nbuffer @out 512 host\nfunc @main() {{\n  {loads}\n  {body}\n}}",
        buffers={"in": bytes.fromhex("81c3a5f7e9d1b387")},
    )


_PAGE = bytes(range(256)) * 16
_MEMORY = {0x1000: _PAGE, 0x2000: _PAGE[::-1], 0x4000: b"\xff" * 100}

PROGRAMS = (
    *(_arithmetic(bits) for bits in (8, 16, 32, 64)),
    _conversions(),
    Source(
        "bits",
        "What is done with numbers of one bit.",
        """
buffer @in 8 host
buffer @out 64 host
func @main() {
  %a = load i1 @in[0]
  %b = load i1 @in[1]
  %and = and i1 %a, %b
  %or = or i1 %a, %b
  %xor = xor i1 %a, %b
  %below = slt i1 %a, %b
  %under = ult i1 %a, %b
  store i1 @out[0], %and
  store i1 @out[1], %or
  store i1 @out[2], %xor
  store i1 @out[3], %below
  store i1 @out[4], %under
  %wide = sext i64 %a
  store i64 @out[8], %wide
  %pick = select i64 %a, 5, 6
  store i64 @out[16], %pick
}
""",
        buffers={"in": b"\xff\xfe"},
    ),
    Source(
        "buffers",
        "Offsets wrap, what is added behind them reaches into the slack, numbers need no alignment.",
        """
buffer @ring 16 slack 7
buffer @out 64 host
func @main() {
  store i64 @ring[3], 0x1122334455667788
  %far = const i64 31
  store i64 @ring[%far], 0x0102
  %minus = const i64 -1
  %a = load i8 @ring[%minus]
  %b = load i8 @ring[%far + 1]
  %c = load i32 @ring[5]
  store i8 @out[0], %a
  store i8 @out[8], %b
  store i32 @out[17], %c
  store i64 @out[40], %minus
  store i1 @out[42], 0
}
""",
    ),
    Source(
        "reads",
        "Reads of the target: across blocks that touch, up to the end of one, behind it, nothing at all.",
        """
buffer @out 256 host
buffer @scratch 64 slack 64
func @try(%address i64) -> i64 {
  %r i64 = attempt {
    %v = read i64 %address
    yield %v
  } on fault %code, %detail {
    %c = zext i64 %code
    %d = shl i64 %detail, 8
    %both = or i64 %d, %c
    yield %both
  }
  yield %r
}
func @main() {
  %a = call @try(0x1008)
  store i64 @out[0], %a
  %b = call @try(0x1ffc)
  store i64 @out[8], %b
  %c = call @try(0x2ffd)
  store i64 @out[16], %c
  %d = call @try(0)
  store i64 @out[24], %d
  %e = call @try(-4)
  store i64 @out[32], %e
  attempt {
    %f = read i16 0x4062
    store i16 @out[40], %f
    %g = read i1 0x1001
    store i1 @out[42], %g
    %h = read i8 0x4064
    store i8 @out[43], 7
  } on fault %code, %detail {
    store i32 @out[44], %code
    store i64 @out[48], %detail
  }
}
""",
        memory=_MEMORY,
    ),
    Source(
        "fills",
        "Bytes of the target into buffers: limits, nothing from anywhere, and zeros where not all can be read.",
        """
buffer @out 256 slack 64 host
func @main() {
  store i64 @out[96], -1
  store i64 @out[104], -1
  attempt {
    fill @out[0], 0x1ff0, 40 max 32
    fill @out[32], 0x1ff0, 5 max 32
    fill @out[40], 0xdead, 0 max 32
    %at = const i64 304
    fill @out[%at + 8], 0x4000, 9 max 16
    %huge = const i64 -1
    fill @out[64], 0x4000, %huge max 16
    fill @out[96], 0x405c, 9 max 16
    store i64 @out[112], 1
  } on fault %code, %detail {
    store i32 @out[120], %code
    store i64 @out[128], %detail
  }
}
""",
        memory=_MEMORY,
    ),
    Source(
        "tables",
        "Rows wrap at a power of two and are 0 where there are none; a search finds the last that is not above.",
        """
table @t { sorted lo i16 [10, 20, 20, 65535, 65535], id i32 [7, 8, 9, 1, 0xffffffff], flag i1 [1, 0, 1, 1, 0] }
buffer @out 256 slack 72 host
func @main() {
  loop %i, 12 max 12 {
    %id = row i32 @t.id[%i]
    %at = shl i64 %i, 2
    store i32 @out[%at], %id
    %flag = row i1 @t.flag[%i]
    %wide = zext i8 %flag
    store i8 @out[%i + 64], %wide
  }
  %a = search @t.lo, 9
  %b = search @t.lo, 10
  %c = search @t.lo, 20
  %d = search @t.lo, 0xfffe
  %e = search @t.lo, 0xffff
  %far = row i32 @t.id[-4]
  store i64 @out[128], %a
  store i64 @out[136], %b
  store i64 @out[144], %c
  store i64 @out[152], %d
  store i64 @out[160], %e
  store i32 @out[168], %far
}
""",
    ),
    Source(
        "dicts",
        "A dict that is full takes no new key, and takes one again after another is gone.",
        """
dict @d 3 host
dict @own 2
buffer @out 128 host
func @main() {
  %known = get @d[7], 1
  %unknown = get @d[8], 99
  store i64 @out[0], %known
  store i64 @out[8], %unknown
  %a = put @d[8], 80
  %b = put @d[9], 90
  %c = put @d[10], 100
  %again = put @d[7], 71
  store i1 @out[16], %a
  store i1 @out[17], %b
  store i1 @out[18], %c
  store i1 @out[19], %again
  delete @d[8]
  delete @d[12345]
  %d = put @d[10], -1
  store i1 @out[20], %d
  %e = put @d[11], 0
  store i1 @out[21], %e
  %gone = get @d[8], 5
  store i64 @out[24], %gone
  loop %i, 100 max 100 {
    %k = mul i64 %i, 0x10000000000
    %room = put @own[%k], %i
    %n = zext i64 %room
    %old = load i64 @out[32]
    %sum = add i64 %old, %n
    store i64 @out[32], %sum
    delete @own[%k]
  }
}
""",
        dicts={"d": {7: 70}},
    ),
    Source(
        "records",
        "Records of two streams, their positions, what is set in them and read back, headers of pages.",
        """
buffer @out 64 host
stream @rows { n i16, flag i1, data bytes 24, last i64 }
stream @blob
func @main() {
  attempt {
    %b = reserve @blob, 5 max 100
    set i8 %b[4], 0x21
    %none = reserve @blob, 0 max 100
    %most = reserve @blob, 1000 max 100
    set i64 %most[96], -1
    %first = begin @rows
    set %first.n, 7
    set %first.flag, 1
    %two = const i64 2
    set i32 %first.data[%two + 2], 0x01020304
    %around = const i64 65544
    set i8 %first.data[%around], 0x55
    set %first.last, -2
    %second = begin @rows
    %at = position %second
    store i64 @out[0], %at
    %v = peek i16 %first.data[4]
    store i16 @out[8], %v
    %w = peek i64 %first.last
    store i64 @out[16], %w
    copy %second.data, 0x1001, 24 max 24
    copy %second.data[8], 0x4000, 3 max 16
    copy %second.data[16], 0x9000, 0 max 8
    copy %second.data[16], 0x405f, 8 max 8
  } on fault %code, %detail {
    store i32 @out[24], %code
    store i64 @out[32], %detail
  }
}
""",
        memory=_MEMORY,
    ),
    Source(
        "pages",
        "Records that fill pages, until there are no more: the other stream's page still takes some.",
        """
buffer @out 64 host
stream @large
stream @small { n i64 }
func @main() {
  loop %i, 100 max 100 {
    attempt {
      %s = begin @small
      set %s.n, %i
      %r = reserve @large, 60000 max 65536
      set i64 %r[59992], %i
      %p = position %r
      store i64 @out[0], %p
    } on fault %code, %detail {
      %n = load i64 @out[8]
      %more = add i64 %n, 1
      store i64 @out[8], %more
      store i32 @out[16], %code
      store i64 @out[24], %detail
    }
  }
}
""",
        pages=3,
    ),
    Source(
        "control",
        "Branches, cases, loops with limits and breaks, faults through loops and calls, faults in handlers.",
        """
buffer @out 256 host
func @raises(%n i64) {
  loop %i, 10 max 10 {
    %hit = eq i64 %i, %n
    if %hit {
      raise 20, %i
    }
    %c = load i64 @out[0]
    %c1 = add i64 %c, 1
    store i64 @out[0], %c1
  }
}
func @classify(%n i64) -> i64 {
  %big = ugt i64 %n, 100
  %r i64 = if %big {
    yield 1
  } else {
    %odd = and i64 %n, 1
    %is = ne i64 %odd, 0
    %inner i64 = if %is { yield 2 } else { yield 3 }
    yield %inner
  }
  if %big {
  } else {
    store i8 @out[104], 1
  }
  switch %n {
    case 0 { store i8 @out[100], 1 }
    case 0xffffffffffffffff { store i8 @out[101], 1 }
    case 5 { store i8 @out[102], 1 }
    default { store i8 @out[103], 1 }
  }
  yield %r
}
func @main() {
  attempt {
    call @raises(4)
  } on fault %code, %detail {
    store i32 @out[8], %code
    store i64 @out[16], %detail
  }
  %a = call @classify(5)
  %b = call @classify(-1)
  %c = call @classify(0)
  store i64 @out[24], %a
  store i64 @out[32], %b
  store i64 @out[40], %c
  loop %i, 1000 max 10 {
    %n = load i64 @out[48]
    %more = add i64 %n, 1
    store i64 @out[48], %more
    %enough = eq i64 %more, 4
    if %enough {
      break
    }
  }
  loop %i, 1000 max 6 {
    loop %j, %i max 3 {
      %n = load i64 @out[56]
      %more = add i64 %n, 1
      store i64 @out[56], %more
    }
  }
  loop %i, 0 max 6 {
    store i64 @out[64], 1
  }
  %r i64 = attempt {
    attempt {
      raise 30, 1
    } on fault %code, %detail {
      store i32 @out[72], %code
      raise 31, 2
    }
    yield 0
  } on fault %code, %detail {
    store i32 @out[80], %code
    yield %detail
  }
  store i64 @out[88], %r
}
""",
    ),
    Source(
        "calls",
        "Five arguments, results that are used and results that aren't; registers of a call are its own.",
        """
buffer @out 64 host
func @mix(%a i64, %b i8, %c i16, %d i32, %e i1) -> i64 {
  %b1 = zext i64 %b
  %c1 = zext i64 %c
  %d1 = zext i64 %d
  %e1 = zext i64 %e
  %x = mul i64 %a, 31
  %y = add i64 %x, %b1
  %z = mul i64 %y, 31
  %v = add i64 %z, %c1
  %w = xor i64 %v, %d1
  %r = add i64 %w, %e1
  yield %r
}
func @twice(%a i64) -> i64 {
  %first = call @mix(%a, 1, 2, 3, 1)
  %second = call @mix(%first, 255, 65535, -1, 0)
  call @mix(1, 1, 1, 1, 1)
  yield %second
}
func @main() {
  %a = call @twice(9)
  %b = call @twice(%a)
  store i64 @out[0], %a
  store i64 @out[8], %b
}
""",
    ),
    Source(
        "clock",
        "The clock is the one that the vector names.",
        "buffer @out 8 host\nfunc @main() {\n  %t = clock\n  store i64 @out, %t\n}",
    ),
)
"""All programs."""
