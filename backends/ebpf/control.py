"""Lowers regions and what directs control between them: branches, loops, attempts, calls, faults.

A loop is a `bpf_loop` over a callback, which returns 1 to stop (after a break or a fault). A fault is noted in memory
and jumps to the handler of the innermost attempt in the same piece, or leaves the piece; whoever called a piece that
may fault looks whether it did.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from sey.backends.ebpf.layout import FAULT, RESULT_SLOT, llvm_type
from sey.backends.ebpf.operations import lower_operation
from sey.backends.ebpf.piece import HELPER_LOOP, Kind, Piece, Unit
from sey.backends.ebpf.writer import Writer
from sey.ir.nodes import (
    Attempt,
    Break,
    Call,
    Const,
    Function,
    If,
    Loop,
    Op,
    Raise,
    Region,
    Switch,
    Type,
    Value,
    Yield,
)
from sey.ir.rewrite import walk

UNROLLED = 4
"""Turns of a short loop in one call of its callback; a power of two. A call and its return cost 7 ns where returns are
guarded against speculation, as much as a turn that loads, compares and stores."""
SHORT = 24
"""Operations in the body of a short loop."""


@dataclass(frozen=True)
class Join:
    """Where the values of a yield go: the results and the block behind; without a block, out of the piece."""

    results: tuple[Value, ...] = ()
    label: str | None = None


def lower_region(piece: Piece, region: Region, join: Join) -> None:
    """The operations of a region, in the open block."""
    for op in region.ops:
        if op.loc is not None:
            piece.locate(op.loc)
        _lower(piece, op, join)


def _lower(piece: Piece, op: Op, join: Join) -> None:
    match op:
        case Const(result=result, value=value):
            piece.constants[result.name] = value
        case If():
            _lower_if(piece, op)
        case Switch():
            _lower_switch(piece, op)
        case Loop():
            _lower_loop(piece, op)
        case Attempt():
            _lower_attempt(piece, op)
        case Call():
            _lower_call(piece, op)
        case Raise(code=code, detail=detail):
            piece.fault(code, piece.use(detail))
        case Break():
            piece.writer.end(piece.kind.end_loop)
        case Yield(values=values):
            _lower_yield(piece, values, join)
        case _:
            lower_operation(piece, op)


def _lower_yield(piece: Piece, values: tuple[Value, ...], join: Join) -> None:
    operands = [piece.use(value) for value in values]
    names = [result.name for result in join.results] or [RESULT_SLOT] * len(values)
    for value, operand, name in zip(values, operands, names, strict=True):
        piece.store(value.type, operand, piece.slot(name))
    if join.label is None:
        piece.writer.end(piece.kind.finish)
    else:
        piece.writer.jump(join.label)


def _lower_if(piece: Piece, op: If) -> None:
    then, otherwise, after = (piece.writer.fresh(hint) for hint in ("then", "else", "endif"))
    piece.writer.branch(piece.use(op.condition), then, otherwise)
    for label, region in ((then, op.then), (otherwise, op.otherwise)):
        _lower_branch(piece, label, region, Join(op.results, after))
    piece.start(after)


def _lower_switch(piece: Piece, op: Switch) -> None:
    kind, after, default = llvm_type(op.value), piece.writer.fresh("endswitch"), piece.writer.fresh("default")
    labels = [piece.writer.fresh("case") for _ in op.cases]
    table = " ".join(f"{kind} {value}, label %{label}" for (value, _), label in zip(op.cases, labels, strict=True))
    value = piece.use(op.value)
    piece.compared(value)
    piece.writer.end(f"switch {kind} {value}, label %{default} [ {table} ]")
    for label, (_, region) in zip(labels, op.cases, strict=True):
        _lower_branch(piece, label, region, Join((), after))
    _lower_branch(piece, default, op.default, Join((), after))
    piece.start(after)


def _lower_branch(piece: Piece, label: str, region: Region, join: Join) -> None:
    piece.start(label)
    with piece.branch_scope():
        _lower_inside(piece, region, join)


def _lower_inside(piece: Piece, region: Region, join: Join) -> None:
    """A region of an operation: right here, or by a call where it is cut out."""
    if id(region) not in piece.unit.outlined:
        lower_region(piece, region, join)
        return
    symbol = piece.unit.piece_symbol(piece.function.name, Kind.PART)
    part = _open_inner(piece, Kind.PART, symbol)
    lower_region(part, region, Join(join.results))
    part.close()
    status, left = piece.call_piece(symbol), piece.writer.fresh("left")
    piece.writer.branch(piece.writer.value(f"icmp eq i64 {status}, 0"), join.label or piece.leave_label(), left)
    piece.start(left)
    broken = piece.writer.fresh("broken")
    piece.writer.branch(piece.writer.value(f"icmp eq i64 {status}, 2"), broken, piece.fault_label())
    piece.start(broken)
    piece.writer.end(piece.kind.end_loop if piece.kind is Kind.LOOP else piece.kind.leave)


def _lower_attempt(piece: Piece, op: Attempt) -> None:
    handler, after = piece.writer.fresh("handler"), piece.writer.fresh("endattempt")
    join = Join(op.results, after)
    piece.handlers.append(handler)
    with piece.branch_scope():
        _lower_inside(piece, op.body, join)
    piece.handlers.pop()
    piece.start(handler)
    with piece.branch_scope():
        piece.define(op.code, piece.load(Type.I32, piece.memory(FAULT)), plain=True)
        piece.define(op.detail, piece.load(Type.I64, piece.memory(FAULT, 8)), plain=True)
        piece.store(Type.I32, "0", piece.memory(FAULT))
        piece.store(Type.I64, "0", piece.memory(FAULT, 8))
        _lower_inside(piece, op.handler, join)
    piece.start(after)


def _lower_call(piece: Piece, op: Call) -> None:
    """Arguments and result go through the callee's frame, so that any number of them leaves the registers alone."""
    frame = piece.unit.frames[op.function]
    parameters = piece.unit.program.function(op.function).parameters
    for parameter, argument in zip(parameters, op.arguments, strict=True):
        piece.store(argument.type, piece.use(argument), piece.slot(parameter.name, of=frame))
    status = piece.call_piece(piece.unit.symbols.functions[op.function])
    if piece.unit.effects.function(op.function):
        returned = piece.writer.fresh("returned")
        piece.writer.branch(piece.writer.value(f"icmp ne i64 {status}, 0"), piece.fault_label(), returned)
        piece.start(returned)
    if op.result is not None:
        piece.define(op.result, piece.load(op.result.type, piece.slot(RESULT_SLOT, of=frame)))


def _lower_loop(piece: Piece, op: Loop) -> None:
    known = piece.constants.get(op.count.name)
    if known == 0:
        return  # the kernel's verifier wouldn't visit the callback, drop it as dead, and then miss it
    symbol = piece.unit.piece_symbol(piece.function.name, Kind.LOOP)
    count = str(min(known, op.limit)) if known is not None else piece.at_most(piece.use(op.count), op.limit)
    if _is_short(op):
        piece.store(Type.I64, count, piece.slot(_turns_slot(symbol)))
        count = piece.writer.value(f"add i64 {count}, {UNROLLED - 1}")
        count = piece.opaque(piece.writer.value(f"lshr i64 {count}, {UNROLLED.bit_length() - 1}"))
        _lower_turns(piece, op, symbol)
    else:
        _lower_turn(piece, op, symbol)
    piece.call(HELPER_LOOP, f"i64 {count}, ptr @{symbol}, ptr {piece.context}, i64 0")
    if piece.unit.effects.region(op.body):
        code = piece.load(Type.I32, piece.memory(FAULT))
        looped = piece.writer.fresh("looped")
        piece.writer.branch(piece.writer.value(f"icmp ne i32 {code}, 0"), piece.fault_label(), looped)
        piece.start(looped)


def _is_short(op: Loop) -> bool:
    """Whether the turns of a loop are so short that it pays to run several in one call of the callback."""
    if op.limit < UNROLLED:
        return False
    body = list(islice(walk(op.body), SHORT + 1))
    return len(body) <= SHORT and not any(isinstance(inner, Loop) for inner in body)


def _lower_turn(piece: Piece, op: Loop, symbol: str) -> None:
    """A callback that runs one turn."""
    inner = _open_inner(piece, Kind.LOOP, symbol)
    inner.define(op.index, "%index", plain=True)
    lower_region(inner, op.body, Join())
    inner.close()


def _lower_turns(piece: Piece, op: Loop, symbol: str) -> None:
    """A callback that runs `UNROLLED` turns, or those that are left. The number of all is in a slot."""
    inner = _open_inner(piece, Kind.LOOP, symbol)
    write = inner.writer
    first = write.value(f"shl i64 %index, {UNROLLED.bit_length() - 1}")
    left = write.value(f"sub i64 {inner.load(Type.I64, inner.slot(_turns_slot(symbol)))}, {first}")
    done = write.fresh("done")
    for turn in range(UNROLLED):
        after = write.fresh("turned")
        inner.define(op.index, write.value(f"add i64 {first}, {turn}"), plain=True)
        with inner.branch_scope():
            lower_region(inner, op.body, Join((), after))
        inner.start(after)
        if turn + 1 < UNROLLED:
            following = write.fresh("turn")
            write.branch(write.value(f"icmp ugt i64 {left}, {turn + 1}"), following, done)
            inner.start(following)
    inner.start(done)
    write.end(inner.kind.finish)
    inner.close()


def _turns_slot(symbol: str) -> str:
    """The slot of the number of turns of a loop; no value has this name."""
    return f"{symbol}:turns"


def _open_inner(piece: Piece, kind: Kind, symbol: str) -> Piece:
    """A piece of the same function, which sees what is visible here."""
    inner = open_piece(piece.unit, piece.function, kind, symbol)
    inner.constants, inner.records = dict(piece.constants), dict(piece.records)
    return inner


_SECTIONS = {Kind.MAIN: "iter.s/task", Kind.EVENT: "uprobe.s"}
"""What libbpf takes the pieces for that the kernel calls: a task iterator, a uprobe, both may sleep."""


def open_piece(unit: Unit, function: Function, kind: Kind, symbol: str) -> Piece:
    """Start an LLVM function."""
    arguments = ("index", "ctx") if kind is Kind.LOOP else ("ctx",)
    subprogram = unit.debug.function(symbol, function.loc, arguments=arguments, entry=kind in _SECTIONS)
    types = ", ".join(f"{'i64' if name == 'index' else 'ptr'} %{name}" for name in arguments)
    head = (
        f'define dso_local i32 @{symbol}({types}) nounwind section "{_SECTIONS[kind]}"'
        if kind in _SECTIONS
        else f"define internal i64 @{symbol}({types}) noinline nounwind"
    )
    return Piece(unit, function, kind, Writer(f"{head} !dbg {subprogram}"), subprogram)
