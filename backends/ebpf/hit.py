"""The entry of an event program: what happens around `main` each time that a thread comes by a probe.

Hits of other processes return at once. Else the run claims a slot, puts what it knows of the thread into the program's
buffer for that, runs `main`, sends the output to the ring buffer, accounts for itself and releases the slot. At last it
may hold the thread (`hold.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from sey.backends.ebpf import hold
from sey.backends.ebpf.control import Join, lower_region, open_piece
from sey.backends.ebpf.piece import (
    DONE,
    HELPER_CLOCK,
    HELPER_LOOKUP,
    HELPER_READ_KERNEL,
    Kind,
    Piece,
    Unit,
    offset_pointer,
)
from sey.backends.ebpf.slot import HIT, HIT_BEGAN, HIT_CLAIMED, HIT_COOKIE, LENGTH_BYTES, RING, RUN_OUTPUT, SLOTS
from sey.ir.artifacts import HOLD_REGISTERS, PROBE_BYTES, PROBE_COUNTERS, WANT_TLS
from sey.ir.nodes import EVENT_OUTPUT_BYTES, Function, Type
from sey.ir.plan import WORD_COOKIE, WORD_FSBASE, WORD_PC, WORD_REGISTERS, WORD_TIME

ENTRY = "event"
"""Name of the uprobe program."""
PID, FSBASE, PROBES = "host_pid", "host_fsbase", "host_probes"
REGISTERS = "in_regs"
"""The program's buffer that is told of the thread, where it has one: words as of a thread in a snapshot."""

WORD_TID, WORD_TGID = 0, 1
REGISTER_WORDS = WORD_TIME + 1

_PC_OFFSET = 128
_REGISTER_OFFSETS = (80, 96, 88, 40, 104, 112, 32, 152, 72, 64, 56, 48, 24, 16, 8, 0)
"""Places in `struct pt_regs` of x86-64 (arch/x86/include/asm/ptrace.h) of the registers by their number in DWARF."""

_HELPER_PID_TGID, _HELPER_TASK, _HELPER_CPU, _HELPER_RING_OUTPUT, _HELPER_COOKIE = 14, 35, 8, 130, 174
_NO_WAKEUP = 1
"""A flag of bpf_ringbuf_output; twice of it is the opposite."""
_TRIES, _SLOTS_OF_A_CPU = 8, 4
"""Hits of a CPU begin with slots of their own, then take those of the neighbour."""


@dataclass(frozen=True)
class _Hit:
    """The entry being written; `probes` is how many probes have counters, a power of two."""

    piece: Piece
    probes: int
    held: str
    """The place on the stack that says whether this hit holds its thread."""

    def count(self, cookie: str, counter: str, amount: str = "1") -> None:
        """Add to a counter of the probe."""
        write = self.piece.writer
        number = write.value(f"and i64 {cookie}, {self.probes - 1}")
        probe = write.value(f"mul i64 {number}, {PROBE_BYTES}")
        base = offset_pointer(f"@{PROBES}", 8 * PROBE_COUNTERS.index(counter))
        place = write.value(f"getelementptr i8, ptr {base}, i64 {probe}")
        write.value(f"atomicrmw add ptr {place}, i64 {amount} seq_cst")


def lower_event(unit: Unit, function: Function, probes: int) -> None:
    """The entry, with `main` inside."""
    piece = open_piece(unit, function, Kind.EVENT, ENTRY)
    write = piece.writer
    piece.context, key = write.value("alloca ptr, align 8"), write.value("alloca i64, align 8")
    hit = _Hit(piece, probes, write.value("alloca i64, align 8"))
    thread = _wanted(piece)
    cookie = piece.call(_HELPER_COOKIE, "ptr %ctx")
    hit.count(cookie, "hits")
    _claim(hit, cookie, key)
    began = piece.call(HELPER_CLOCK, "")
    piece.store(Type.I64, "0", hit.held)
    for value, symbol, offset in (
        (began, HIT, HIT_BEGAN),
        (cookie, HIT, HIT_COOKIE),
        ("0", RUN_OUTPUT, 0),
    ):
        piece.store(Type.I64, value, piece.memory(symbol, offset))
    if REGISTERS in unit.buffers:
        _tell(piece, thread, cookie, began)
    lower_region(piece, function.body, Join())
    _finish(hit)
    piece.close()


def _leave_unless(piece: Piece, condition: str) -> None:
    """Return here and now where the condition is 0."""
    there, away = piece.writer.fresh("there"), piece.writer.fresh("away")
    piece.writer.branch(condition, there, away)
    piece.start(away)
    piece.writer.end("ret i32 0")
    piece.start(there)


def _wanted(piece: Piece) -> str:
    """Return for threads of other processes; the thread's and the process's number in one, the latter above."""
    write = piece.writer
    thread = piece.call(_HELPER_PID_TGID, "")
    wanted = piece.load(Type.I64, f"@{PID}")
    process = write.value(f"lshr i64 {thread}, 32")
    same = write.value(f"icmp eq i64 {wanted}, {process}")
    _leave_unless(piece, write.value(f"or i1 {same}, {write.value(f'icmp eq i64 {wanted}, 0')}"))
    return thread


def _claim(hit: _Hit, cookie: str, key: str) -> None:
    """Claim a slot and put its address into the context, or count that none was free."""
    piece, write = hit.piece, hit.piece.writer
    cpu = write.value(f"and i64 {piece.call(_HELPER_CPU, '')}, {(1 << 32) - 1}")
    first = write.value(f"mul i64 {cpu}, {_SLOTS_OF_A_CPU}")
    claimed = write.fresh("claimed")
    for turn in range(_TRIES):
        there, mine, taken = (write.fresh(hint) for hint in ("there", "mine", "taken"))
        piece.store(Type.I64, write.value(f"xor i64 {first}, {turn}"), key)
        slot = piece.call(HELPER_LOOKUP, f"ptr @{SLOTS}, ptr {key}", "ptr")
        write.branch(write.value(f"icmp eq ptr {slot}, null"), taken, there)
        piece.start(there)
        before = write.value(f"atomicrmw xchg ptr {slot}, i64 1 seq_cst")
        write.branch(write.value(f"icmp eq i64 {before}, 0"), mine, taken)
        piece.start(mine)
        write.effect(f"store ptr {slot}, ptr {piece.context}, align 8")
        write.jump(claimed)
        piece.start(taken)
    hit.count(cookie, "no_slot")
    write.end("ret i32 0")
    piece.start(claimed)


def _tell(piece: Piece, thread: str, cookie: str, began: str) -> None:
    """What is known of the thread."""
    write, symbol = piece.writer, piece.unit.symbols.buffers[REGISTERS]

    def tell(word: int, value: str) -> None:
        piece.store(Type.I64, value, piece.memory(symbol, 8 * word))

    def register(offset: int) -> str:
        return write.value(f"load i64, ptr {write.value(f'getelementptr i8, ptr %ctx, i64 {offset}')}, align 8")

    low = (1 << 32) - 1
    tell(WORD_TID, write.value(f"and i64 {thread}, {low}"))
    tell(WORD_TGID, write.value(f"lshr i64 {thread}, 32"))
    tell(WORD_COOKIE, write.value(f"and i64 {cookie}, {low}"))
    tell(WORD_TIME, began)
    tell(WORD_PC, register(_PC_OFFSET))
    for number, offset in enumerate(_REGISTER_OFFSETS):
        tell(WORD_REGISTERS + number, register(offset))
    tell(WORD_FSBASE, "0")
    _tell_fsbase(piece, cookie, symbol)


def _tell_fsbase(piece: Piece, cookie: str, symbol: str) -> None:
    """The base of the FS segment, where the probe asks for it and the host knows where the kernel keeps it."""
    write = piece.writer
    asked, known, told = (write.fresh(hint) for hint in ("asked", "known", "told"))
    wants = write.value(f"and i64 {cookie}, {WANT_TLS}")
    write.branch(write.value(f"icmp ne i64 {wants}, 0"), asked, told)
    piece.start(asked)
    offset = piece.load(Type.I64, f"@{FSBASE}")
    write.branch(write.value(f"icmp ne i64 {offset}, 0"), known, told)
    piece.start(known)
    place = write.value(f"add i64 {piece.call(_HELPER_TASK, '')}, {offset}")
    piece.call(HELPER_READ_KERNEL, f"ptr {piece.memory(symbol, 8 * WORD_FSBASE)}, i64 8, i64 {place}")
    piece.start(told)


def _finish(hit: _Hit) -> None:
    """Send the output, account, release, hold."""
    piece, write = hit.piece, hit.piece.writer
    piece.start(DONE)
    some, send, sent = write.fresh("some"), write.fresh("send"), write.fresh("sent")
    length = piece.load(Type.I64, piece.memory(RUN_OUTPUT))
    write.branch(write.value(f"icmp eq i64 {length}, 0"), sent, some)
    piece.start(some)
    hold.claim(piece, hit.held, send, sent)
    piece.start(send)
    _send(hit, length)
    piece.start(sent)
    now = piece.call(HELPER_CLOCK, "")
    spent = write.value(f"sub i64 {now}, {piece.load(Type.I64, piece.memory(HIT, HIT_BEGAN))}")
    hit.count(piece.load(Type.I64, piece.memory(HIT, HIT_COOKIE)), "ns", spent)
    if REGISTERS in piece.unit.buffers:
        _hold(hit)
    else:
        _release(piece)
    write.end("ret i32 0")


def _release(piece: Piece) -> None:
    """Let others have the slot."""
    piece.writer.effect(f"store volatile i64 0, ptr {piece.memory(HIT, HIT_CLAIMED)}, align 8")


def _hold(hit: _Hit) -> None:
    """Release, and hold the thread where that is to be; the host is told of it before."""
    piece, write = hit.piece, hit.piece.writer
    holds, passes, after = (write.fresh(hint) for hint in ("holds", "passes", "after"))
    write.branch(write.value(f"icmp ne i64 {piece.load(Type.I64, hit.held)}, 0"), holds, passes)
    piece.start(passes)
    _release(piece)
    write.jump(after)
    piece.start(holds)
    symbol = piece.unit.symbols.buffers[REGISTERS]
    words = {"time": WORD_TIME, "tid": WORD_TID, "pc": WORD_PC}
    words |= {f"register{number}": WORD_REGISTERS + number for number in range(HOLD_REGISTERS)}
    for name, word in words.items():
        hold.tell(piece, name, piece.load(Type.I64, piece.memory(symbol, 8 * word)))
    _release(piece)
    hold.spin(piece)
    write.jump(after)
    piece.start(after)


def _send(hit: _Hit, length: str) -> None:
    """The output. (The ring buffer has its length.)"""
    piece, write = hit.piece, hit.piece.writer
    last = write.value(f"sub i64 {piece.opaque(length)}, 1")
    size = write.value(f"add i64 {write.value(f'and i64 {last}, {EVENT_OUTPUT_BYTES - 1}')}, 1")
    flags = write.value(f"add i64 {piece.load(Type.I64, hit.held)}, {_NO_WAKEUP}")
    arguments = f"ptr @{RING}, ptr {piece.memory(RUN_OUTPUT, LENGTH_BYTES)}, i64 {size}, i64 {flags}"
    status = piece.call(_HELPER_RING_OUTPUT, arguments)
    lost, emitted, counted = (write.fresh(hint) for hint in ("lost", "emitted", "counted"))
    write.branch(write.value(f"icmp eq i64 {status}, 0"), emitted, lost)
    for label, counter in ((emitted, "emitted"), (lost, "lost")):
        piece.start(label)
        hit.count(piece.load(Type.I64, piece.memory(HIT, HIT_COOKIE)), counter)
        write.jump(counted)
    piece.start(counted)
