"""Attaching an event program to the instructions of one process, and detaching it, all of an event's probes at once.

Nothing but file descriptors of ours holds a probe: when our process ends, however it does, the kernel takes the
breakpoints out again.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from sey.binary.elf import ElfFile
from sey.binary.errors import SeyError
from sey.ir.artifacts import WANT_TLS
from sey.ir.plan import PlanProbe
from sey.runtime import libc
from sey.runtime.bpf_errors import bpf_not_permitted
from sey.runtime.events.errors import TooFewFiles
from sey.runtime.events.kernel import multi_link
from sey.runtime.host_errors import BpfFailed, ProcessExited
from sey.runtime.libbpf import BpfObject

_LINK_CREATE = 28
_HOPELESS = (errno.EPERM, errno.EACCES, errno.ESRCH, errno.ENOENT, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
"""What is not about the instruction that was to be probed."""
_FILES_A_PROBE = 2
"""Descriptors that a perf event with its link takes."""


@dataclass(frozen=True)
class Place:
    """Where to attach: a path that leads to the executable, and the process alone of which it is probed (0: any)."""

    path: str
    pid: int


@dataclass
class Attached:
    """The probes of each event that are in place; `refused` those that the kernel didn't take, with its word."""

    detachers: dict[int, list[Callable[[], None]]] = field(default_factory=dict)
    probes: dict[int, int] = field(default_factory=dict)
    refused: list[tuple[PlanProbe, str]] = field(default_factory=list)

    def detach(self, event: int) -> None:
        """Take an event's probes out. Those that are being run end first."""
        self.probes.pop(event, None)
        for detach in self.detachers.pop(event, ()):
            with suppress(OSError):
                detach()

    def close(self) -> None:
        """Take all out."""
        for event in list(self.detachers):
            self.detach(event)


class Attacher:
    """Attaches the loaded program `program` of an object; `multi`: by links of many uprobes, as it was loaded for."""

    def __init__(self, opened: BpfObject, program: str, elf: ElfFile, place: Place, *, multi: bool) -> None:
        self._object, self._program, self._elf, self._place = opened, program, elf, place
        self._attach = self._by_links if multi else self._by_perf_events
        self.attached = Attached()

    def attach(self, event: int, probes: Sequence[PlanProbe]) -> None:
        """Attach an event's probes. Raises SeyError: not permitted, the process is gone, no memory or descriptors."""
        self._attach(event, [(probe, self._offset(probe.address)) for probe in probes])

    def _by_links(self, event: int, places: Sequence[tuple[PlanProbe, int]]) -> None:
        """Attach them by one link; where the kernel refuses one of them, find out which, and attach the others."""
        if not places:
            return
        try:
            link = self._link(places)
        except OSError as error:
            if not self._refused(places, error):
                half = len(places) // 2
                self._by_links(event, places[:half])
                self._by_links(event, places[half:])
            return
        self._keep(event, lambda: os.close(link), len(places))

    def _link(self, places: Sequence[tuple[PlanProbe, int]]) -> int:
        path = ctypes.create_string_buffer(os.fsencode(self._place.path))
        where = (ctypes.c_uint64 * len(places))(*(offset for _, offset in places))
        cookies = (ctypes.c_uint64 * len(places))(*(cookie(probe) for probe, _ in places))
        program = self._object.program_fd(self._program)
        return libc.bpf(_LINK_CREATE, multi_link(program, path, where, cookies, self._place.pid))

    def _by_perf_events(self, event: int, places: Sequence[tuple[PlanProbe, int]]) -> None:
        path, pid = os.fsencode(self._place.path), self._place.pid or -1
        _allow_files(_FILES_A_PROBE * len(places))
        for probe, offset in places:
            try:
                detach = self._object.uprobe(self._program, pid, path, offset, cookie(probe))
            except OSError as error:
                self._refused([(probe, offset)], error)
            else:
                self._keep(event, detach, 1)

    def _keep(self, event: int, detach: Callable[[], None], probes: int) -> None:
        self.attached.detachers.setdefault(event, []).append(detach)
        self.attached.probes[event] = self.attached.probes.get(event, 0) + probes

    def _refused(self, places: Sequence[tuple[PlanProbe, int]], error: OSError) -> bool:
        """Note that a single place was refused; False where it is one of several. Raises SeyError where all will be."""
        if error.errno in _HOPELESS:
            raise self._problem(error) from None
        if len(places) == 1:
            self.attached.refused.append((places[0][0], error.strerror or str(error)))
        return len(places) == 1

    def _offset(self, address: int) -> int:
        """Where in the file an instruction is. Raises SeyError."""
        self._elf.mapped(address)  # says what is wrong with an address that no segment has
        segment = next(s for s in self._elf.loads if 0 <= address - s.address < s.file_size)
        return address - segment.address + segment.offset

    def _problem(self, error: OSError) -> SeyError:
        if error.errno in (errno.EPERM, errno.EACCES):
            return SeyError(bpf_not_permitted())
        if error.errno in (errno.ESRCH, errno.ENOENT):
            return SeyError(ProcessExited(self._place.pid))
        if error.errno == errno.EMFILE:
            limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            return SeyError(TooFewFiles(limit, sum(self.attached.probes.values())))
        return SeyError(BpfFailed("attaching the probes", str(error)))


def cookie(probe: PlanProbe) -> int:
    """What the program knows a probe by."""
    return probe.number | (WANT_TLS if probe.tls else 0)


def _allow_files(more: int) -> None:
    """Raise our limit of open files so that there is room for more, as far as we may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = len(os.listdir("/proc/self/fd")) + more
    for limits in ((wanted, max(hard, wanted)), (min(wanted, hard), hard)):
        if soft < limits[0]:
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
                return
