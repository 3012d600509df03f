"""What the integer operations compute. Values are unsigned Python ints below 2**bits."""

from __future__ import annotations

from sey.ir.nodes import BinaryOp, CompareOp, ConvertOp


def signed(bits: int, value: int) -> int:
    """The two's complement number that unsigned `value` stands for."""
    return value - (1 << bits) if value >> (bits - 1) else value


def binary(op: BinaryOp, bits: int, left: int, right: int) -> int:
    """The result of a binary operation; total, see `ir/nodes.py` for division by zero and wide shifts."""
    return _binary(op, bits, left, right) % (1 << bits)


def _binary(op: BinaryOp, bits: int, left: int, right: int) -> int:
    match op:
        case BinaryOp.ADD:
            return left + right
        case BinaryOp.SUB:
            return left - right
        case BinaryOp.MUL:
            return left * right
        case BinaryOp.UDIV:
            return left // right if right else 0
        case BinaryOp.UREM:
            return left % right if right else left
        case BinaryOp.SDIV:
            return _quotient(signed(bits, left), signed(bits, right)) if right else 0
        case BinaryOp.SREM:
            return _remainder(signed(bits, left), signed(bits, right)) if right else left
        case BinaryOp.AND:
            return left & right
        case BinaryOp.OR:
            return left | right
        case BinaryOp.XOR:
            return left ^ right
        case BinaryOp.SHL:
            return left << right if right < bits else 0
        case BinaryOp.LSHR:
            return left >> right if right < bits else 0
        case BinaryOp.ASHR:
            return signed(bits, left) >> min(right, bits - 1)


def _quotient(left: int, right: int) -> int:
    """Rounded towards zero."""
    magnitude = abs(left) // abs(right)
    return magnitude if (left < 0) == (right < 0) else -magnitude


def _remainder(left: int, right: int) -> int:
    """With the sign of the dividend."""
    return left - right * _quotient(left, right)


def compare(op: CompareOp, bits: int, left: int, right: int) -> int:
    """1 where the comparison holds, else 0."""
    if op.value.startswith("s"):
        left, right = signed(bits, left), signed(bits, right)
    match op:
        case CompareOp.EQ:
            return int(left == right)
        case CompareOp.NE:
            return int(left != right)
        case CompareOp.ULT | CompareOp.SLT:
            return int(left < right)
        case CompareOp.ULE | CompareOp.SLE:
            return int(left <= right)
        case CompareOp.UGT | CompareOp.SGT:
            return int(left > right)
        case CompareOp.UGE | CompareOp.SGE:
            return int(left >= right)


def convert(op: ConvertOp, source: int, target: int, value: int) -> int:
    """A value of `source` bits as one of `target` bits."""
    if op is ConvertOp.SEXT:
        value = signed(source, value)
    return value % (1 << target)
