"""Numbers at their edges, in every width, with operands that the compiler knows and with ones it doesn't."""

from __future__ import annotations

import struct

import pytest

from tests.ebpf.harness import Target, run_kernel

BITS = (1, 8, 16, 32, 64)
BINARY = ("add", "sub", "mul", "udiv", "urem", "sdiv", "srem", "and", "or", "xor", "shl", "lshr", "ashr")
STRIDE = 2048
COMPARE = ("eq", "ne", "ult", "ule", "ugt", "uge", "slt", "sle", "sgt", "sge")


def signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def expect(op: str, bits: int, a: int, b: int) -> int:
    """What `ir/nodes.py` says the result is."""
    x, y = signed(a, bits), signed(b, bits)
    match op:
        case "add" | "sub" | "mul" | "and" | "or" | "xor":
            result = {"add": a + b, "sub": a - b, "mul": a * b, "and": a & b, "or": a | b, "xor": a ^ b}[op]
        case "udiv":
            result = a // b if b else 0
        case "urem":
            result = a % b if b else a
        case "sdiv":
            result = 0 if y == 0 else abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
        case "srem":
            result = x if y == 0 else abs(x) % abs(y) * (1 if x >= 0 else -1)
        case "shl":
            result = a << b if b < bits else 0
        case "lshr":
            result = a >> b if b < bits else 0
        case "ashr":
            result = x >> min(b, bits - 1)
        case _:
            left, right = (x, y) if op[0] == "s" else (a, b)
            ordered = {"lt": left < right, "le": left <= right, "gt": left > right, "ge": left >= right}
            return int(a == b if op == "eq" else a != b if op == "ne" else ordered[op[1:]])
    return result & ((1 << bits) - 1)


def edges(bits: int) -> list[int]:
    top = 1 << bits
    numbers = {0, 1, 2, 3, 5, 7, bits - 1, bits, bits + 1, top // 2 - 1, top // 2, top // 2 + 1, top - 2, top - 1}
    return sorted(n for n in numbers if 0 <= n < top)


@pytest.mark.parametrize("bits", BITS)
def test_operands_from_memory(target: Target, bits: int) -> None:
    pairs = [(a, b) for a in edges(bits) for b in edges(bits)]
    ops = [*BINARY, *COMPARE]
    body = []
    for at, op in enumerate(ops):
        kind = "i1" if op in COMPARE else f"i{bits}"
        body.append(f"%r{at} = {op} i{bits} %a, %b\n store {kind} @out[%row + {8 * at}], %r{at}")
    result = run_kernel(looped(bits, len(pairs), "\n".join(body)), target, inputs={"in": packed(pairs)})
    for row, (a, b) in enumerate(pairs):
        found = struct.unpack_from(f"<{len(ops)}Q", result.buffers["out"], row * STRIDE)
        assert dict(zip(ops, found, strict=True)) == {op: expect(op, bits, a, b) for op in ops}, (a, b)


@pytest.mark.parametrize("bits", BITS)
def test_a_known_right_operand(target: Target, bits: int) -> None:
    known = edges(bits)
    cases = [(op, b) for op in BINARY for b in known]
    body = [
        f"%r{at} = {op} i{bits} %a, {b}\n store i{bits} @out[%row + {8 * at}], %r{at}"
        for at, (op, b) in enumerate(cases)
    ]
    pairs = [(a, 0) for a in edges(bits)]
    result = run_kernel(looped(bits, len(pairs), "\n".join(body)), target, inputs={"in": packed(pairs)})
    for row, (a, _) in enumerate(pairs):
        found = struct.unpack_from(f"<{len(cases)}Q", result.buffers["out"], row * STRIDE)
        assert dict(zip(cases, found, strict=True)) == {(op, b): expect(op, bits, a, b) for op, b in cases}, a


def test_two_known_operands(target: Target) -> None:
    body: list[str] = []
    expected: list[int] = []
    for bits in BITS:
        for op in BINARY:
            for a in (0, (1 << bits) // 2, (1 << bits) - 1):
                for b in (0, 1, (1 << bits) - 1):
                    at = len(expected)
                    body.append(f"%r{at} = {op} i{bits} {a}, {b}\n store i{bits} @out[{8 * at}], %r{at}")
                    expected.append(expect(op, bits, a, b))
    program = "buffer @out 8192 host\nfunc @main() {\n" + "\n".join(body) + "\n}"
    found = list(struct.unpack_from(f"<{len(expected)}Q", run_kernel(program, target).buffers["out"]))
    assert found == expected


@pytest.mark.parametrize("bits", BITS)
def test_changes_of_width(target: Target, bits: int) -> None:
    body: list[str] = []
    shapes: list[tuple[str, int]] = []
    for to in BITS:
        for op in ("zext", "sext") if to > bits else ("trunc",) if to < bits else ():
            at = len(shapes)
            shapes.append((op, to))
            body.append(f"%r{at} = {op} i{to} %a\n store i{to} @out[%row + {8 * at}], %r{at}")
    pairs = [(a, 0) for a in edges(bits)]
    result = run_kernel(looped(bits, len(pairs), "\n".join(body)), target, inputs={"in": packed(pairs)})
    for row, (a, _) in enumerate(pairs):
        found = list(struct.unpack_from(f"<{len(shapes)}Q", result.buffers["out"], row * STRIDE))
        assert found == [(signed(a, bits) if op == "sext" else a) & ((1 << to) - 1) for op, to in shapes], a


def test_select(target: Target) -> None:
    program = """
    buffer @in 16 host
    buffer @out 64 host
    func @main() {
      %c = load i1 @in[0]
      %d = load i1 @in[1]
      %a = select i64 %c, 5, 6
      %b = select i64 %d, 5, 6
      %e = select i1 %d, %c, %d
      store i64 @out[0], %a
      store i64 @out[8], %b
      store i1 @out[16], %e
    }
    """
    found = run_kernel(program, target, inputs={"in": b"\1\0"}).buffers["out"]
    assert struct.unpack_from("<QQB", found) == (5, 6, 0)


def looped(bits: int, count: int, body: str) -> str:
    return f"""
    buffer @in 4096 slack 16 host
    buffer @out 524288 slack 2048 host
    func @main() {{
      loop %i, {count} max 256 {{
        %at = shl i64 %i, 4
        %row = shl i64 %i, 11
        %a = load i{bits} @in[%at]
        %b = load i{bits} @in[%at + 8]
        {body}
      }}
    }}
    """


def packed(pairs: list[tuple[int, int]]) -> bytes:
    return b"".join(struct.pack("<QQ", a, b) for a, b in pairs)
