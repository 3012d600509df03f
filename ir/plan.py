"""The decode plan: what the bytes that a snapshot program emits mean.

Lowering writes it next to the program, the runtime decodes with nothing else. Layouts of records are those of the
program's streams, repeated here so that decoding needs no IR. All numbers are little-endian; addresses are the
process's own (load bias included), sizes in bytes, times in nanoseconds.

Values. A captured value is the raw memory of its Go type (string = pointer and length, and so on), inline in the row
of its block. Memory behind pointers, strings, slices and so on is emitted once as an *object* (stream `object`) under
the key (address, type). The decoder joins by that key; a key without an object was not followed.

- A *pointer* leads to the object under (word, the type pointed to), which is the value; the type has `POINTEE` added
  where it is a string, slice, map, chan or func.
- A *string* leads to (word, `STRING_TYPE`), its bytes; a *slice* to (word, the slice type), its elements.
- A *map* leads to (word, the map type): entries (`PlanEntry`) end to end, in no order; `length` is the map's count.
- A struct type with `entry` is an internal/sync.HashTrieMap, what a sync.Map is since Go 1.24: its field `root` leads
  to (word, the struct type), entries as of a map. `length` is as many as were found, one more than the limit where
  there are more.
- A *chan* leads to (word, the chan type): `CHAN_WORDS`; then the goids of receivers and of senders that wait, as many
  as `receivers_shown` and `senders_shown` say; then `shown` buffered elements, the next to be received first.
  `length` is how many are buffered.
- A *func* leads to (word, `FUNC_TYPE`), two words: the function's pc, and the number of the struct type of its
  closure, or 0. The closure is the value of that type under (word, that type).
- A *shared* value is the one of a variable of generic code: a word, which `typeword` explains as an interface's, and
  behind it the value of the type that it tells. `elem` is the value's shape.
- Of an *interface*, the stream `typeword` tells by its first word the number of the dynamic type, and whether the
  second word is the value (`direct`) or points to it; from there it leads on like a pointer. So does a
  `reflect.Value`: its `typ_` is in `typeword`, and its `flag` says whether `ptr` is the value.

Depth. A pointer, and what an interface or func holds, is one deeper than the word that leads there; what strings,
slices, maps and channels hold isn't. An interface that holds a pointer (or a struct or array of nothing but one)
directly is no step of its own: what the pointer leads to is one deeper than the interface. A map, chan or func held
directly is one deeper; a number, bool or string is not, as it is none in a struct. Within fields with `chain` (the
next error of a chain, the parent of a context) nothing counts as deeper; after `CHAIN_LIMIT` such steps on one path the
next one is too deep.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

PLAN_VERSION = 5

STRING_TYPE = 1
"""Type number of `string`, in every plan."""
FUNC_TYPE = 2
"""Type number of `func()` in every plan, and of what any func value points to."""
POINTEE = 1 << 30
"""Set in the type of an object that is a string, slice, map, chan or func itself, behind a pointer to one: without it
such a number stands for what the word leads to."""
PART = "part"
"""`PlanType.special` of a struct of which only some fields are there."""
REFERENCE_KINDS = ("string", "slice", "map", "chan", "func")
"""Kinds whose numbers need `POINTEE` in the key of a value."""

HIDDEN_KIND = "redacted"
"""The kind of types that are redacted, and of the one that redacted fields have: their values are zeros."""
HIDDEN_WORD = 0xDEADFA11DEADFA11
"""No address of Go's: what the first word of a string or interface is that is redacted for the key beside it."""

OBJECT_CHANGING = 1 << 8
"""Set in an object's status: the map was being written when the process was stopped."""
OBJECT_PARTIAL = 1 << 9
"""Set in an object's status: the walk over a map or channel ended at a bound before it found all that it wanted."""
STATUS_MASK = 255

CHAIN_LIMIT = 32

CONTEXT_LINKS = 64
"""Contexts of a chain that are looked at for what it carries; beyond that it is `depth`."""

CHAN_WORDS: tuple[str, ...] = (
    "capacity",
    "closed",  # 0 or 1
    "receivers",  # goroutines that wait to receive, as far as they were counted
    "senders",
    "receivers_shown",
    "senders_shown",
    "shown",  # elements
    "timer",  # 1: a channel of a time.Timer or Ticker
)
"""The first words of a channel's object."""

LABEL_CHAIN = 4
"""Buckets behind the first that labels are followed through, where they are a map."""


class Status(enum.IntEnum):
    """Why a value is or isn't there (DESIGN §8), as programs write it. 0 is a field that the program never reached."""

    UNREACHED = 0
    OK = 1
    NIL = 2
    ABSENT = 3
    OPTIMIZED_OUT = 4
    NOT_LIVE = 5
    UNREADABLE = 6
    TRUNCATED = 7
    DEPTH = 8
    BUDGET = 9
    TYPE_UNKNOWN = 10
    UNSUPPORTED = 11
    REDACTED = 12

    @property
    def word(self) -> str:
        """The word that users see; an unreached field fell to a budget."""
        return "budget" if self is Status.UNREACHED else self.name.lower()


class StackEnd(enum.IntEnum):
    """How the walk of a stack ended."""

    COMPLETE = 1
    """At a function that starts stacks."""
    UNREADABLE = 2
    """The next word could not be read, or lay outside the stack."""
    LIMIT = 3
    """After as many frames as the program walks."""


class Wait(enum.IntEnum):
    """What a record of the stream `wait` has the address of."""

    CHANNEL = 1
    SEMAPHORE = 2
    """As the runtime's table of semaphores has it."""
    OTHER = 3
    """As the goroutine itself has it (Go 1.26 and newer): a semaphore, or the notifyList of a sync.Cond."""


PC_EXACT = 1 << 63
"""Set in a stack's pc where the frame was not calling: look the pc itself up, else pc - 1."""

GOROUTINE_LOCKED = 1
GOROUTINE_IN_CGO = 2
GOROUTINE_REGISTERS = 4
"""Bits of a goroutine's `flags`: locked to its thread; in a cgo call; walked from a thread's registers."""

STREAMS: dict[str, tuple[tuple[str, str], ...]] = {
    "goroutine": (
        ("g", "i64"),  # address of the runtime.g
        ("goid", "i64"),
        ("status", "i32"),  # atomicstatus without the scan bit
        ("wait_reason", "i32"),  # index into runtime.waitReasonStrings; meaningful while waiting
        ("wait_since", "i64"),  # runtime clock (CLOCK_MONOTONIC), 0 unknown
        ("parent_goid", "i64"),
        ("gopc", "i64"),  # pc of the go statement
        ("startpc", "i64"),
        ("labels", "i64"),  # address of the labels object (type `Plan.labels_type`; what a slice holds) or 0
        ("stack", "i32"),  # stack number, or 0xffffffff when there is none
        ("flags", "i32"),
        ("thread", "i64"),  # host thread id when on a thread, else 0
    ),
    "stack": (
        ("id", "i32"),
        ("end", "i32"),  # StackEnd
        ("frames", "i64"),  # physical frames in all
        ("inner", "i32"),  # how many innermost ones are listed
        ("outer", "i32"),  # how many outermost ones follow them
        ("position", "i64"),  # in stream `bytes`: inner + outer words, pc | PC_EXACT
        ("hash", "i64"),  # of all its pcs: the same in every part of a split walk
        ("first", "i64"),  # place in the walk of the goroutine that had it first
    ),
    "object": (
        ("address", "i64"),
        ("type", "i32"),
        ("status", "i32"),  # OK or UNREADABLE, with OBJECT_CHANGING, OBJECT_PARTIAL
        ("bytes", "i64"),  # how many were captured
        ("length", "i64"),  # true length: bytes of a string, elements of a slice, entries of a map, else 1
        ("position", "i64"),  # in stream `bytes`
    ),
    "typeword": (
        ("word", "i64"),  # first word of an interface met: an itab, or of an empty interface a type
        ("type", "i64"),  # address of the dynamic type, 0 where it couldn't be read
        ("number", "i32"),  # the plan's number of that type, 0 where it has none
        ("direct", "i32"),  # 1: the interface's second word is the value, not its address
    ),
    "wait": (
        ("g", "i64"),  # address of the runtime.g that waits
        ("address", "i64"),  # of the channel, semaphore or notifyList
        ("sudog", "i64"),  # address of the runtime.sudog that says so
        ("kind", "i32"),  # Wait
        ("of_select", "i32"),  # 1: one of several that a select waits for
    ),
    "channel": (
        ("address", "i64"),  # of a runtime.hchan that some goroutine waits for
        ("count", "i64"),  # buffered elements
        ("capacity", "i64"),
        ("elem_type", "i64"),  # address of the elements' type
        ("first_receiver", "i64"),  # the sudog that receives first, or 0
        ("first_sender", "i64"),
        ("closed", "i32"),
    ),
    "lock": (
        ("semaphore", "i64"),  # address of a semaphore that some goroutine waits for
        ("object", "i64"),  # what it is in: an object on Go's heap, else from 1024 bytes before it on
        ("object_size", "i64"),
        ("word0", "i64"),  # the 32 bytes from 12 before the semaphore on,
        ("word1", "i64"),
        ("word2", "i64"),
        ("word3", "i64"),
        ("readable", "i32"),  # where this is 1
    ),
    "hold": (
        ("g", "i64"),  # address of a runtime.g,
        ("word", "i64"),  # a word of whose stack points into such an object, at the semaphore or before it
        ("pc", "i64"),  # the frame that the word is in, as in stacks
        ("below", "i64"),  # how far it lies below this frame's CFA
        ("callee_pc", "i64"),  # the frame that this one called, 0 for none
        ("above", "i64"),  # how far the word lies above that one's CFA, where its arguments may be kept
        ("frame", "i32"),  # number of the physical frame, 0 innermost
    ),
}
"""Members of the built-in streams, in order, laid out by `layout_stream`. Stream `bytes` holds bytes of any length.

Rows of a `func` block start with `ROW_MEMBERS`, then have three members for each column i: `s<i>` (i8, Status),
`d<i>` (i64: the address where that is what is missing, else 0) and `v<i>` (the value's bytes).
A `global` is such a stream of one row without `ROW_MEMBERS`.
"""

ROW_MEMBERS: tuple[tuple[str, str], ...] = (
    ("goid", "i64"),
    ("stack", "i32"),
    ("frame", "i32"),  # number of the physical frame, 0 innermost, counted over all frames of the stack
    ("site", "i32"),  # index into Block.sites
)

EVENT_MEMBERS: tuple[tuple[str, str], ...] = (
    ("time", "i64"),  # CLOCK_MONOTONIC
    ("goid", "i64"),
    ("thread", "i32"),  # host thread id
    ("site", "i32"),  # index into PlanEvent.sites
    ("duration", "i64"),  # of a return event, since the call's entry; -1 unknown
    ("stack", "i64"),  # in stream `bytes`: `frames` words, pc | PC_EXACT, innermost first; 0 none
    ("frames", "i32"),
    ("flags", "i32"),
)
"""What rows of an `event` block (stream `event_<i>`) start with; their columns follow as in rows of `func` blocks.

Keys of objects, (address, type), hold within one event: the next one may find other values at the same addresses."""

EVENT_STACK_END = 3
"""Bits of an event's `flags`: the `StackEnd` of the walk of its stack, 0 where it isn't known."""
EVENT_EARLY = 0xFFFFFFF8
"""Bits of the `flags` of a return: how many bytes of the event, from its beginning, are of the call's entry. What lies
behind them is of the return, and so are its objects: the same key may have one of each moment."""

EVENT_INPUTS: tuple[str, ...] = (
    "sample",  # keep 1 of so many; 0 and 1: all
    "until",  # monotonic time at which it ends, 0 for none
    "limit",  # rows in a window of time
    "window",  # nanoseconds; 0 for no limit
    "era",  # returns don't find calls of another one
)
"""Words of an event in the host buffer `in_events`, `EVENT_INPUT_BYTES` for each."""
EVENT_INPUT_BYTES = 64

EVENT_COUNTERS: tuple[str, ...] = (
    "seen",  # calls, returns or lines that came by
    "rejected",  # by `when`
    "when_missing",  # of these, because an operand was missing
    "limited",  # by `limit`
    "emitted",  # rows
    "unmatched",  # returns of calls whose entry wasn't seen
    "not_saved",  # calls for which there was no room until they return
    "sampled_out",
    "objects_dropped",  # objects not followed: queue or space
    "rows_dropped",  # rows that had no room
)
"""Words of an event in the host buffer `out_events`, `EVENT_COUNTER_BYTES` for each; the words after them are the
program's own."""
EVENT_COUNTER_BYTES = 128

THREAD_WORDS = 64
"""Words of a thread in the host buffer `in_regs`: 0 host tid, 1 tid in its innermost pid namespace, 2 rip,
4..19 general registers by DWARF number (rax rdx rcx rbx rsi rdi rbp rsp r8-r15), 20..35 low halves of xmm0-15,
36 fs_base. The host dict `threads` maps a namespace tid to the thread's index."""
WORD_COOKIE, WORD_PC, WORD_REGISTERS, WORD_FSBASE, WORD_TIME = 3, 2, 4, 36, 37
"""Words of `in_regs` as an event program has it, of the thread that hit: the number of the probe, rip, the first of the
general registers by DWARF number, fs_base where the probe asks for it, and the time."""
THREAD_MAX = 4096

COUNTERS: tuple[str, ...] = (
    "state",  # State
    "fault_detail",  # address that could not be read, in State.FAILED
    "goroutines",  # length of allgs
    "captured",  # goroutine records emitted
    "dead",  # goroutines without a stack: idle, dead, dead extra
    "unreadable",  # goroutines whose own memory could not be read
    "stacks",  # distinct stacks
    "bad_stacks",  # walks that ended before the start of the stack
    "objects",  # objects emitted
    "objects_dropped",  # objects not followed: queue, space or time
    "rows_dropped",  # rows of func blocks not emitted: space or time
    "threads_of_goroutines",  # threads that had a goroutine
    "threads_idle",  # threads that Go knows and that had none: idle, sysmon, between two goroutines
)
"""Words of the host buffer `out_counters`, in order. `out_when` has a word for each block: frames left out because
an operand of `when` was missing."""

WHOLE_COUNTERS = ("state", "fault_detail", "goroutines", "threads_of_goroutines", "threads_idle")
"""Those that every part of a split walk has of the whole process; the others add up."""


class State(enum.IntEnum):
    """How the program ended; what is in `goroutines` but not in `captured`, `dead` or `unreadable` was skipped."""

    NOT_RUN = 0
    DONE = 1
    OUT_OF_TIME = 2
    OUT_OF_SPACE = 3
    FAILED = 4
    """What every capture starts from (moduledata, allgs) could not be read."""


@dataclass(frozen=True)
class PlanField:
    """A struct field; `type` is a plan type number. `chain`: what it leads to isn't deeper (see the module)."""

    name: str
    offset: int
    type: int
    embedded: bool = False
    chain: bool = False


@dataclass(frozen=True)
class PlanEntry:
    """An entry in the object of a map: `size` bytes, the key at 0, the element at `elem_offset`.

    Where `indirect_key` or `indirect_elem` holds, there is the address of the key or element instead, which leads to
    the object under (address, its type) as a pointer does, but not deeper. Where `marked` holds, the last word is
    `HIDDEN_WORD` in entries whose element is redacted.
    """

    size: int
    elem_offset: int
    indirect_key: bool = False
    indirect_elem: bool = False
    marked: bool = False


@dataclass(frozen=True)
class PlanType:
    """A Go type by number.

    `kind` is the `Kind` value's text of the debug-information model, or `HIDDEN_KIND`; `special` marks types shown in a
    way of their own: `time` (time.Time), `duration` (time.Duration), `address` (what `&x` gives: the address, nothing
    behind it), `part` (a struct of which only some fields are there).

    `elem` is the element of pointers, slices, arrays, maps, tries and channels where the program knows it, else None;
    of shared values their shape; `key` the key of maps and tries, `entry` the layout of their entries. `pointers` says
    whether memory of this type holds anything that is followed. `constants` are the named constants of the type: value
    and name, ascending, a value once.
    """

    id: int
    name: str
    kind: str
    size: int
    fields: tuple[PlanField, ...] = ()
    elem: int | None = None
    length: int | None = None
    empty_interface: bool = False
    special: str | None = None
    pointers: bool = False
    key: int | None = None
    entry: PlanEntry | None = None
    constants: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class PlanColumn:
    """A captured column. `types` are the types that its forms have; a site says which form holds there.

    `bytes` is the room of `v<i>` in a row. `problem` tells in plain words why no place of it is known, if so.
    """

    name: str
    source: str
    types: tuple[int, ...]
    bytes: int
    max_string: int
    max_items: int
    depth: int
    problem: str | None = None


@dataclass(frozen=True)
class PlanSite:
    """Where rows of a block come from: the function as printed in traces and its inline level (0: the physical
    function of the frame, n: the n-th inlined one inward). `forms` gives for each column the index into
    `PlanColumn.types`, or -1 where the column can't be had.
    """

    function: str
    level: int
    forms: tuple[int, ...]


@dataclass(frozen=True)
class PlanBlock:
    """A `func` block: its table, the stream of its rows, its columns and sites; `index` is its word in `out_when`."""

    index: int
    table: str
    stream: str
    function: str
    columns: tuple[PlanColumn, ...]
    sites: tuple[PlanSite, ...]
    program: str | None = None
    """The program of its `in` clause: processes that aren't that program have no rows."""


@dataclass(frozen=True)
class PlanEvent:
    """An `event` block: its table, the stream of its rows, its columns and sites; `index` is its place in the buffers
    `in_events` and `out_events`.

    `moment` is `entry`, `return` or `line`, `target` the function, pattern or line as written. `limit` rows are kept
    of each `window_ns` (0: all), for `for_ns` (0: until the end), of 1 in `sample`; `stack` frames of the stack come
    along.
    """

    index: int
    table: str
    stream: str
    moment: str
    target: str
    columns: tuple[PlanColumn, ...]
    sites: tuple[PlanSite, ...]
    limit: int = 0
    window_ns: int = 0
    for_ns: int = 0
    sample: int = 1
    stack: int = 0
    program: str | None = None
    early: tuple[int, ...] = ()
    """The columns of a return event that are of the call's entry; the others are of the return."""


@dataclass(frozen=True)
class PlanProbe:
    """An instruction to probe: `address` as linked; `number` is its place among the probes, and the attach cookie.

    `phase` is `entry`, `return` or `line`; the probe of a return event at the call's entry is one of phase `entry`.
    `cheap`: the kernel emulates the instruction. `tls`: its code keeps no goroutine in a register.
    """

    number: int
    event: int
    phase: str
    function: str
    address: int
    cheap: bool
    tls: bool = False


@dataclass(frozen=True)
class PlanUnprobed:
    """A function of an event that can't be probed, and why."""

    event: int
    function: str
    reason: str


@dataclass(frozen=True)
class PlanGlobal:
    """A package-level variable (or a path from one): the stream of its single row has one column."""

    stream: str
    column: PlanColumn
    internal: bool = False
    """True for what sey itself needs (`runtime.waitReasonStrings`) and doesn't list."""


@dataclass(frozen=True)
class PlanRecordField:
    """A field of a record: `type` is `i8`…`i64`, or None for raw bytes."""

    name: str
    type: str | None
    offset: int
    length: int


@dataclass(frozen=True)
class PlanStream:
    """A stream by its number in page headers (number + 1 there)."""

    number: int
    name: str
    size: int
    fields: tuple[PlanRecordField, ...]


@dataclass(frozen=True)
class PlanRule:
    """A rule of a program block."""

    kind: str
    value: str


@dataclass(frozen=True)
class PlanProgram:
    """A program block."""

    name: str
    rules: tuple[PlanRule, ...]


@dataclass(frozen=True)
class PlanSqlTable:
    """A table defined by SQL over other tables."""

    name: str
    sql: str


@dataclass(frozen=True)
class PlanSqlColumn:
    """A column added to a table by an SQL expression over its other columns."""

    table: str
    name: str
    type: str
    sql: str


@dataclass(frozen=True)
class PlanLink:
    """Rows of one table, of any process, that belong to rows of another: those whose columns are equal, pair by pair.

    `title` says what the link means, empty where nothing was said.
    """

    name: str
    from_table: str
    from_columns: tuple[str, ...]
    to_table: str
    to_columns: tuple[str, ...]
    title: str


@dataclass(frozen=True)
class Plan:
    """Everything that decoding needs, for one binary and one spec."""

    version: int
    go_version: str
    spec_path: str
    streams: tuple[PlanStream, ...]
    types: Sequence[PlanType]
    """By ascending number; a `typegraph.PlanTypes` where there may be many. Kept outside of the plan's JSON."""
    blocks: tuple[PlanBlock, ...]
    globals: tuple[PlanGlobal, ...]
    programs: tuple[PlanProgram, ...]
    tables: tuple[PlanSqlTable, ...]
    columns: tuple[PlanSqlColumn, ...]
    labels_type: int | None = None
    """A struct around a slice of pairs; or a slice of a map's buckets, where labels are a map (Go up to 1.23)."""
    wait_reasons: str | None = None
    """Stream name of the internal global that holds runtime.waitReasonStrings."""
    goroutine_count: int = 0
    """Link-time address of runtime.allglen, by which the host makes room before the pause; 0 unknown."""
    locks: bool = False
    """Whether the binary's sync.RWMutex and WaitGroup, where it has them, are laid out as `ir/locks.py` says."""
    layout: str | None = None
    """The release by whose table the runtime is read (`Go 1.26`), where the binary doesn't describe its own."""
    links: tuple[PlanLink, ...] = ()
    events: tuple[PlanEvent, ...] = ()
    """Of an event program, which has a plan of its own."""
    probes: tuple[PlanProbe, ...] = ()
    unprobed: tuple[PlanUnprobed, ...] = ()
