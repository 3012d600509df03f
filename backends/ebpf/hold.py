"""A hit that holds its thread until the host lets go: how a snapshot shows what an event found.

Where the host has armed it, the first hit that has output claims the hold, leaves its registers, sends the output with
a wake-up, and spins at the end of its run. Meanwhile the host tells all threads of the process to stop; let go, the
thread comes back from the probe into that stop, and runs nothing of its own but the instruction that was probed. It
waits `limit` nanoseconds at most, whatever becomes of the host. Each turn reads a word of the thread's stack by the
helper that makes way for others (cond_resched, in __get_user_pages): kernels that don't preempt their own code would
else keep the host from its processor, if there is but one.
"""

from __future__ import annotations

from sey.backends.ebpf.control import open_piece
from sey.backends.ebpf.piece import HELPER_CLOCK, HELPER_LOOP, Kind, Piece, offset_pointer
from sey.ir.artifacts import HOLD_WORDS, HoldState
from sey.ir.nodes import Type

HOLD = "host_hold"
"""What the host and the program tell each other of it: words of HOLD_WORDS."""
HOLD_BYTES = 8 * len(HOLD_WORDS)

_MOST_TURNS = 8 << 20
"""As many as one call of bpf_loop may make. Each takes 200 ns at least."""
_HELPER_TASK_BTF, _HELPER_COPY_FROM_TASK = 158, 191
_RSP = 7


def hold_word(name: str) -> str:
    """The address of a word."""
    return offset_pointer(f"@{HOLD}", 8 * HOLD_WORDS.index(name))


def claim(piece: Piece, held: str, send: str, otherwise: str) -> None:
    """Go on at `send`, with 1 in `held` where this hit holds its thread, or at `otherwise` where there's no sending.

    While nothing is to be held all hits send. Else only the one does that holds.
    """
    write = piece.writer
    asked, mine = write.fresh("asked"), write.fresh("mine")
    state = piece.load(Type.I64, hold_word("state"))
    write.branch(write.value(f"icmp eq i64 {state}, {HoldState.OFF}"), send, asked)
    piece.start(asked)
    swap = f"cmpxchg ptr {hold_word('state')}, i64 {HoldState.ARMED}, i64 {HoldState.HOLDING} seq_cst seq_cst"
    before = write.value(f"extractvalue {{ i64, i1 }} {write.value(swap)}, 0")
    write.branch(write.value(f"icmp eq i64 {before}, {HoldState.ARMED}"), mine, otherwise)
    piece.start(mine)
    piece.store(Type.I64, "1", held)
    write.jump(send)


def tell(piece: Piece, name: str, value: str) -> None:
    """Set a word."""
    piece.store(Type.I64, value, hold_word(name))


def spin(piece: Piece) -> None:
    """Wait until the host lets go or the time is over, and say which it was."""
    symbol = piece.unit.piece_symbol(piece.function.name, Kind.LOOP)
    _turn(piece, symbol)
    write = piece.writer
    piece.call(HELPER_LOOP, f"i64 {_MOST_TURNS}, ptr @{symbol}, ptr {piece.context}, i64 0")
    released = write.value(f"icmp ne i64 {piece.load(Type.I64, hold_word('release'))}, 0")
    tell(piece, "ended", piece.call(HELPER_CLOCK, ""))
    state = write.value(f"select i1 {released}, i64 {HoldState.RELEASED}, i64 {HoldState.EXPIRED}")
    tell(piece, "state", state)


def _turn(piece: Piece, symbol: str) -> None:
    """The callback: whether to look once more."""
    turn = open_piece(piece.unit, piece.function, Kind.LOOP, symbol)
    write = turn.writer
    room = write.value("alloca i64, align 8")
    stop, wait, again, passes = (write.fresh(hint) for hint in ("stop", "wait", "again", "passes"))
    released = write.value(f"icmp ne i64 {turn.load(Type.I64, hold_word('release'))}, 0")
    write.branch(released, stop, wait)
    turn.start(wait)
    began = turn.load(Type.I64, hold_word("time"))
    passed = write.value(f"sub i64 {turn.call(HELPER_CLOCK, '')}, {began}")
    over = write.value(f"icmp ugt i64 {passed}, {turn.load(Type.I64, hold_word('limit'))}")
    write.branch(over, stop, passes)
    turn.start(passes)
    task = turn.call(_HELPER_TASK_BTF, "", "ptr")
    stack = turn.load(Type.I64, hold_word(f"register{_RSP}"))
    turn.call(_HELPER_COPY_FROM_TASK, f"ptr {room}, i64 8, i64 {stack}, ptr {task}, i64 0")
    write.jump(again)
    turn.start(stop)
    write.end(turn.kind.end_loop)
    turn.start(again)
    write.end(turn.kind.finish)
    turn.close()
