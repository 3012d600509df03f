"""How package sync lays out its locks, since Go 1.20, and how much of the memory around a semaphore a probe keeps.

Decided here once: the program reads by it, decoding takes the locks apart by it, and compiling checks RWMutex and
WaitGroup of a binary's own debug information against it (`Plan.locks`). A Mutex is the first 8 bytes of a RWMutex.
"""

from __future__ import annotations

from collections.abc import Mapping

MUTEX: Mapping[str, int] = {"state": 0, "sema": 4}
RW_MUTEX: Mapping[str, int] = {"w": 0, "writerSem": 8, "readerSem": 12, "readerCount": 16, "readerWait": 20}
WAIT_GROUP: Mapping[str, int] = {"state": 0, "sema": 8}
WAIT_GROUP_COUNTER = 4
"""The upper half of its state."""
COND_NOTIFY = 16
"""The list of a Cond, after its noCopy and its Locker."""

SEMAPHORES = tuple(sorted({MUTEX["sema"], RW_MUTEX["writerSem"], RW_MUTEX["readerSem"], WAIT_GROUP["sema"]}))
"""Where a lock may have the semaphore that is waited for."""

LOCK_BEFORE = max(SEMAPHORES)
"""How many of the 32 bytes that stream `lock` has around a semaphore lie before it."""

NO_OBJECT_BEFORE = 1024
"""What stands in for the object of a lock that isn't on the heap begins so far before its semaphore,"""
NO_OBJECT_SIZE = NO_OBJECT_BEFORE + 8
"""and has so many bytes."""
