"""Captures that read a page which the target itself would have to serve: real calls, blocked in the kernel."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from sey.runtime import libc
from sey.runtime.libbpf import BpfObject
from sey.runtime.pause import paused
from sey.runtime.process import Process
from tests.runtime_host.objects import emit_object
from tests.support.gobuild import build
from tests.support.kernel import require_bpf, require_ptrace
from tests.support.target import Target, run_target

MS = 1_000_000


@pytest.fixture
def target() -> Iterator[Target]:
    require_ptrace()
    with run_target(build("faults")) as running:
        if not running.greeting["address"]:
            pytest.skip("userfaultfd is forbidden here")
        yield running


def test_target_that_serves_the_page_when_it_is_let_go(target: Target) -> None:
    with paused(Process.look(target.pid), budget_ns=50 * MS) as pause:
        target.tell("serve")
        assert pause.run(lambda: libc.read_memory(target.pid, target.greeting["address"], 8)) == bytes(8)
    assert pause.overrun
    assert 100 * MS <= pause.pause_ns < 400 * MS


def test_probe_that_reads_such_a_page(target: Target) -> None:
    """Unlike process_vm_readv, the copy of Linux 6.18 doesn't wait for userfaultfd but faults; either way it ends."""
    require_bpf()
    with BpfObject.open(emit_object()) as probe:
        probe.map(".bss.host").set_initial(struct.pack("<4Q", target.greeting["address"], 5, 0, 0))
        probe.load()
        iterator = probe.iterator("walk", target.pid)
        with paused(Process.look(target.pid), budget_ns=50 * MS) as pause:
            target.tell("serve")
            pause.run(iterator.run)
        assert pause.pause_ns < 400 * MS
        with probe.map(".bss.host").mmap() as host:
            assert struct.unpack_from("<2Q", host)[1] == 0  # a fault leaves zeros, and zeros are served


NEVER_SERVED = """
import sys, threading
from sey.binary.errors import SeyError
from sey.runtime import libc
from sey.runtime.pause import paused
from sey.runtime.process import Process
pid, address = map(int, sys.argv[1:])
pause = paused(Process.look(pid), budget_ns=50_000_000)
try:
    with pause:
        pause.run(lambda: libc.read_memory(pid, address, 8))
except SeyError as error:
    print(error.problems[0].code, pause.overrun, 100 <= pause.pause_ns / 1e6 < 400)
"""


def test_page_that_is_never_served(target: Target) -> None:
    """We give up, and end although a thread of ours still sits in the kernel."""
    started = time.monotonic()
    command = [sys.executable, "-c", NEVER_SERVED, str(target.pid), str(target.greeting["address"])]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout.split() == ["SEY0611", "True", "True"]
    assert time.monotonic() - started < 10
    assert target.ask("serve") == b""


def test_interrupt_while_a_read_blocks(target: Target) -> None:
    interrupt = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))

    def capture() -> bytes:
        interrupt.start()
        return libc.read_memory(target.pid, target.greeting["address"], 8)

    with pytest.raises(KeyboardInterrupt), paused(Process.look(target.pid), budget_ns=3000 * MS) as pause:
        pause.run(capture)
    assert pause.pause_ns < 1500 * MS
    assert target.ask("serve") == b""
