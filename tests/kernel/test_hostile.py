"""A target whose own structures are damaged: the capture ends, with what is left or an error, and never by a crash.

The target is stopped and garbage is written into its memory through /proc/PID/mem; it never runs again.
"""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Iterator, Mapping
from random import Random

import pytest

from sey.binary.errors import SeyError
from sey.frontend.debuginfo.open import BinaryDebugInfo, open_debug_info
from sey.frontend.debuginfo.runtime_facts import field_offset
from sey.runtime import container
from sey.runtime.capture import Capture
from tests.kernel.leftovers import soon, thread_states
from tests.kernel.support import INDEXES, Tables, snapshot
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target

GOROUTINES = 300
WILD = (1, 8, 0x1000, 1 << 32, (1 << 47) - 8, 1 << 47, 1 << 63, (1 << 64) - 8, (1 << 64) - 1)
SPEC = 'func "main.request" as request { id, name, job }'
G_FIELDS = ("stack.lo", "stack.hi", "sched.sp", "sched.pc", "sched.bp", "m", "goid", "atomicstatus", "startpc")


class Victim:
    """A stopped process, its memory, and where things are in it."""

    def __init__(self, target: Target, info: BinaryDebugInfo) -> None:
        self.pid, self.info = target.pid, info
        os.kill(target.pid, signal.SIGSTOP)
        assert soon(lambda: set(thread_states(target.pid).values()) == {"T"})
        self._memory = os.open(f"/proc/{target.pid}/mem", os.O_RDWR)

    def close(self) -> None:
        os.close(self._memory)

    def variable(self, name: str) -> int:
        """The address of a package-level variable; the executable is no PIE."""
        found = self.info.global_variable(name)
        assert found is not None
        return found.address

    def word(self, address: int) -> int:
        return int.from_bytes(os.pread(self._memory, 8, address), "little")

    def goroutines(self) -> list[int]:
        """Addresses of all `g`."""
        start, count = self.word(self.variable("runtime.allgs")), self.word(self.variable("runtime.allglen"))
        return [self.word(start + 8 * n) for n in range(count)]

    def field(self, name: str) -> int:
        """The offset of a field of `runtime.g`."""
        return field_offset(self.info, "runtime.g", name).offset

    def captured_with(self, garbage: Mapping[int, bytes]) -> Tables | SeyError:
        """A capture, through its file, while these bytes stand at these addresses; afterwards memory is as before."""
        before = {address: os.pread(self._memory, len(data), address) for address, data in garbage.items()}
        try:
            for address, data in garbage.items():
                assert os.pwrite(self._memory, data, address) == len(data)
            taken = snapshot(self.pid, build("many"), SPEC)
            written = b"".join(container.pack(container.CAPTURE, taken.capture.sections()))
            return Tables(Capture.from_bytes("taken.seyc", written))
        except SeyError as error:
            return error
        finally:
            for address, data in before.items():
                os.pwrite(self._memory, data, address)


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}Q", *values)


@pytest.fixture(scope="module")
def victim() -> Iterator[Victim]:
    require_bpf()
    executable = build("many")
    with Target(executable, [f"-n={GOROUTINES}", "-depth=4", "-distinct=4"]) as target:
        stopped = Victim(target, open_debug_info(str(executable), cache_dir=INDEXES))
        yield stopped
        # Whatever was written, the next capture of the restored memory finds everything.
        assert counted(stopped.captured_with({})) == (len(stopped.goroutines()), GOROUTINES)
        stopped.close()


def counted(tables: Tables | SeyError) -> tuple[int, int]:
    """How many goroutines, and how many requests, a capture has; of more than one of an id just one counts."""
    assert isinstance(tables, Tables), tables
    row = tables.row("select count(*) as n, (select count(*) from request) as requests from goroutines")
    return row["n"] + tables.capture.processes[0].facts.counters["dead"], row["requests"]


def test_undamaged(victim: Victim) -> None:
    assert isinstance(victim.captured_with({}), Tables)


@pytest.mark.parametrize("value", WILD)
def test_wild_list_of_goroutines(victim: Victim, value: int) -> None:
    """Where the list is, and how long: what can't be is an error or a capture that doesn't pretend to be whole."""
    allgs = victim.variable("runtime.allgs")
    victim.captured_with({allgs: words(value)})
    victim.captured_with({victim.variable("runtime.allglen"): words(value)})
    victim.captured_with({allgs + 8: words(value, value)})
    victim.captured_with({victim.variable("runtime.allm"): words(value)})


def test_lists_that_bite_their_tail(victim: Victim) -> None:
    """Every entry of allgs is one goroutine; the list of threads is a circle."""
    start, gs = victim.word(victim.variable("runtime.allgs")), victim.goroutines()
    victim.captured_with({start: words(*gs[-1:] * len(gs))})
    m = victim.word(victim.variable("runtime.allm"))
    link = field_offset(victim.info, "runtime.m", "alllink").offset
    victim.captured_with({m + link: words(m)})


@pytest.mark.parametrize("name", G_FIELDS)
def test_wild_fields_of_goroutines(victim: Victim, name: str) -> None:
    """Each value in a few goroutines: these are lost or marked, the others are there."""
    chosen, at = victim.goroutines()[-len(WILD) :], victim.field(name)
    size = field_offset(victim.info, "runtime.g", name).size
    garbage = {g + at: words(value)[:size] for g, value in zip(chosen, WILD, strict=True)}
    tables = victim.captured_with(garbage)
    assert isinstance(tables, Tables)
    intact = tables.row("select count(*) as n from request where id__status = 'ok'")["n"]
    assert intact >= GOROUTINES - len(WILD)


def test_wild_stacks(victim: Victim) -> None:
    """Random words all over the stacks: saved frame pointers, return addresses, strings with lengths that lie."""
    random, garbage = Random(3), dict[int, bytes]()
    lo, hi, sp = victim.field("stack.lo"), victim.field("stack.hi"), victim.field("sched.sp")
    for g in victim.goroutines()[-100:]:
        top, bottom = victim.word(g + hi), max(victim.word(g + sp), victim.word(g + lo))
        for _ in range(20):
            address = random.randrange(bottom, top, 8)
            garbage[address] = words(random.choice((*WILD, bottom, top - 8, address, random.getrandbits(64))))
    tables = victim.captured_with(garbage)
    assert isinstance(tables, Tables)
    assert tables.row("select count(*) as n from goroutines")["n"] >= GOROUTINES


@pytest.mark.parametrize("seed", range(6))
def test_wild_module_data(victim: Victim, seed: int) -> None:
    random, module = Random(seed), victim.variable("runtime.firstmoduledata")
    victim.captured_with({module + 8 * random.randrange(60): words(random.choice(WILD)) for _ in range(8)})
