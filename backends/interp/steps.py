"""What each instruction does, as a function on the registers that gives the number of the next instruction."""

from __future__ import annotations

from bisect import bisect_right

from sey.backends.interp.format import Function
from sey.backends.interp.ops import KINDS, NONE, Instruction, Op
from sey.backends.interp.state import Registers, State, Step
from sey.backends.interp.verify import values_of
from sey.ir.arithmetic import binary, compare, convert
from sey.ir.evaluate import Fault
from sey.ir.nodes import BinaryOp, CompareOp, ConvertOp

_MASK64 = (1 << 64) - 1


def steps_of(state: State, function: Function) -> list[Step]:
    """The steps of a function. Functions that it calls are in `state.functions` already."""
    return [_step(state, each, at + 1) for at, each in enumerate(function.code)]


def _step(state: State, each: Instruction, following: int) -> Step:
    op = Op(each.op)
    if op < Op.LOAD:
        return _compute(op, each, following)
    if op < Op.BEGIN:
        return _access(state, op, each, following)
    if op < Op.JUMP:
        return _emit(state, op, each, following)
    return _direct(state, op, each, following)


def _compute(op: Op, each: Instruction, following: int) -> Step:
    """Numbers from numbers."""
    a, b, c, e = each.a, each.b, each.c, each.e
    bits = KINDS[each.kind].bits
    match op:
        case Op.MOVE:

            def step(r: Registers) -> int:
                r[a] = r[b]
                return following
        case Op.TRUNC:
            mask = (1 << bits) - 1

            def step(r: Registers) -> int:
                r[a] = r[b] & mask
                return following
        case Op.SEXT:
            wide = KINDS[each.m].bits

            def step(r: Registers) -> int:
                r[a] = convert(ConvertOp.SEXT, bits, wide, r[b] & ((1 << bits) - 1))
                return following
        case Op.SELECT:

            def step(r: Registers) -> int:
                r[a] = r[c] if r[b] else r[e]
                return following
        case _ if op >= Op.EQ:
            return _comparison(op, each, following)
        case _:
            return _arithmetic(op, each, following)
    return step


def _arithmetic(op: Op, each: Instruction, following: int) -> Step:
    a, b, c = each.a, each.b, each.c
    wrap = (1 << KINDS[each.kind].bits) - 1
    match op:
        case Op.ADD:

            def step(r: Registers) -> int:
                r[a] = (r[b] + r[c]) & wrap
                return following
        case Op.SUB:

            def step(r: Registers) -> int:
                r[a] = (r[b] - r[c]) & wrap
                return following
        case Op.AND:

            def step(r: Registers) -> int:
                r[a] = r[b] & r[c]
                return following
        case Op.OR:

            def step(r: Registers) -> int:
                r[a] = r[b] | r[c]
                return following
        case Op.MUL:

            def step(r: Registers) -> int:
                r[a] = (r[b] * r[c]) & wrap
                return following
        case Op.LSHR:

            def step(r: Registers) -> int:
                r[a] = r[b] >> r[c] if r[c] < 64 else 0
                return following
        case Op.SHL | Op.SDIV | Op.SREM | Op.ASHR:
            kind, bits = BinaryOp[op.name], KINDS[each.kind].bits
            low = wrap if op is Op.SDIV or op is Op.SREM else _MASK64

            def step(r: Registers) -> int:
                r[a] = binary(kind, bits, r[b] & wrap, r[c] & low)
                return following
        case _:
            kind = BinaryOp[op.name]

            def step(r: Registers) -> int:
                r[a] = binary(kind, 64, r[b], r[c])
                return following

    return step


def _comparison(op: Op, each: Instruction, following: int) -> Step:
    a, b, c = each.a, each.b, each.c
    match op:
        case Op.EQ:

            def step(r: Registers) -> int:
                r[a] = int(r[b] == r[c])
                return following
        case Op.NE:

            def step(r: Registers) -> int:
                r[a] = int(r[b] != r[c])
                return following
        case Op.ULT:

            def step(r: Registers) -> int:
                r[a] = int(r[b] < r[c])
                return following
        case Op.ULE:

            def step(r: Registers) -> int:
                r[a] = int(r[b] <= r[c])
                return following
        case _:
            relation, bits = CompareOp[op.name], KINDS[each.kind].bits
            low = (1 << bits) - 1

            def step(r: Registers) -> int:
                r[a] = int(compare(relation, bits, r[b] & low, r[c] & low))
                return following

    return step


def _access(state: State, op: Op, each: Instruction, following: int) -> Step:
    """Buffers, the target, tables and dicts."""
    match op:
        case Op.LOAD | Op.STORE | Op.FILL:
            return _buffer(state, op, each, following)
        case Op.ROW | Op.SEARCH:
            return _table(state, op, each, following)
        case Op.GET | Op.PUT | Op.DELETE:
            return _dict(state, op, each, following)
    a, b = each.a, each.b
    if op is Op.CLOCK:

        def step(r: Registers) -> int:
            r[a] = state.clock() & _MASK64
            return following

        return step
    kind = KINDS[each.kind]
    low = (1 << kind.bits) - 1

    def read(r: Registers) -> int:
        data = bytearray(kind.bytes)
        state.copy_in(data, 0, r[b], kind.bytes)
        r[a] = int.from_bytes(data, "little") & low
        return following

    return read


def _buffer(state: State, op: Op, each: Instruction, following: int) -> Step:
    a, c, imm, limit = each.a, each.c, each.d, each.x
    buffer = state.program.buffers[each.m]
    data = state.buffers[buffer.name]
    # Without an offset any register will do, of which no bit is used.
    b, wrap = (0, 0) if each.b == NONE else (each.b, buffer.size - 1)
    kind = KINDS[each.kind]
    width, low = kind.bytes, (1 << kind.bits) - 1
    match op:
        case Op.LOAD:

            def step(r: Registers) -> int:
                at = (r[b] & wrap) + imm
                r[a] = int.from_bytes(data[at : at + width], "little") & low
                return following
        case Op.STORE:

            def step(r: Registers) -> int:
                at = (r[b] & wrap) + imm
                data[at : at + width] = (r[a] & low).to_bytes(width, "little")
                return following
        case _:

            def step(r: Registers) -> int:
                state.copy_in(data, (r[b] & wrap) + imm, r[a], min(r[c], limit))
                return following

    return step


def _table(state: State, op: Op, each: Instruction, following: int) -> Step:
    a, b = each.a, each.b
    values = values_of(state.program.columns[each.m])
    rows = len(values)
    if op is Op.SEARCH:

        def search(r: Registers) -> int:
            r[a] = (bisect_right(values, r[b]) - 1) & _MASK64
            return following

        return search
    wrap = (1 << (rows - 1).bit_length()) - 1

    def row(r: Registers) -> int:
        at = r[b] & wrap
        r[a] = values[at] if at < rows else 0
        return following

    return row


def _dict(state: State, op: Op, each: Instruction, following: int) -> Step:
    a, b, c = each.a, each.b, each.c
    declared = state.program.dicts[each.m]
    entries = state.dicts[declared.name]
    capacity = state.capacities.get(declared.name, declared.capacity)
    match op:
        case Op.GET:

            def step(r: Registers) -> int:
                r[a] = entries.get(r[b], r[c])
                return following
        case Op.PUT:

            def step(r: Registers) -> int:
                key = r[b]
                room = key in entries or len(entries) < capacity
                if room:
                    entries[key] = r[c]
                r[a] = int(room)
                return following
        case _:

            def step(r: Registers) -> int:
                entries.pop(r[b], None)
                return following

    return step


def _emit(state: State, op: Op, each: Instruction, following: int) -> Step:
    """Output."""
    a, b, c, e, stream, limit, place = each.a, each.b, each.c, each.e, each.m, each.x, each.d
    kind = KINDS[each.kind]
    width, low = kind.bytes, (1 << kind.bits) - 1
    match op:
        case Op.BEGIN:
            size = state.program.streams[stream].size

            def step(r: Registers) -> int:
                r[a] = state.claim(stream, size)
                return following
        case Op.RESERVE:

            def step(r: Registers) -> int:
                r[a] = state.claim(stream, max(8, -(-min(r[b], limit) // 8) * 8))
                return following
        case Op.SET:

            def step(r: Registers) -> int:
                page, at = state.inside(r[a], 0 if b == NONE else r[b], place, width)
                page[at : at + width] = (r[c] & low).to_bytes(width, "little")
                return following
        case Op.PEEK:

            def step(r: Registers) -> int:
                page, at = state.inside(r[b], 0 if c == NONE else r[c], place, width)
                r[a] = int.from_bytes(page[at : at + width], "little") & low
                return following
        case _:

            def step(r: Registers) -> int:
                length = min(r[e], limit)
                page, at = state.inside(r[a], 0 if b == NONE else r[b], place, length)
                state.copy_in(page, at, r[c], length)
                return following

    return step


def _direct(state: State, op: Op, each: Instruction, following: int) -> Step:
    """Where control goes."""
    a, b, target, value = each.a, each.b, each.x, each.d
    match op:
        case Op.JUMP:

            def step(r: Registers) -> int:
                return target
        case Op.IF:

            def step(r: Registers) -> int:
                return target if r[b] else following
        case Op.UNLESS:

            def step(r: Registers) -> int:
                return following if r[b] else target
        case Op.CASE:

            def step(r: Registers) -> int:
                return following if r[b] == value else target
        case Op.LOOP | Op.NEXT:
            return _turn(state, op, each, following)
        case Op.CALL:
            callee = state.functions[target]
            last = b + state.program.functions[target].parameters

            def step(r: Registers) -> int:
                state.turn(callee.work)
                result = callee.call(r[b:last])
                if a != NONE:
                    r[a] = result
                return following
        case Op.RETURN:
            end = -1 if a == NONE else ~(a + 1)

            def step(r: Registers) -> int:
                return end
        case _:

            def step(r: Registers) -> int:
                raise Fault(target, r[b])

    return step


def _turn(state: State, op: Op, each: Instruction, following: int) -> Step:
    a, b, c, target, limit = each.a, each.b, each.c, each.x, each.d
    if op is Op.LOOP:

        def start(r: Registers) -> int:
            r[a], r[c] = 0, min(r[b], limit)
            return following if r[c] else target

        return start

    work = following - target

    def turn(r: Registers) -> int:
        state.turn(work)
        r[a] += 1
        return target if r[a] < min(r[c], limit) else following

    return turn
