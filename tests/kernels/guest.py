"""The first process of the guest: captures each target with each of its probes, and sends everything to the host.

A probe is named TARGET.NAME.seyp. What is sent over the second serial line is one JSON object a line, with bytes as
compressed base64.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import fcntl
import json
import os
import socket
import struct
import sys
import traceback
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROBES = Path("/probes")
MOUNTS = (("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("bpf", "/sys/fs/bpf"), ("tmpfs", "/tmp"))
POWER_OFF = 0x4321FEDC
SIOCSIFFLAGS = 0x8914
IFF_UP = 1


def main() -> None:
    """Mount, capture, send, power off."""
    libc = ctypes.CDLL(None)
    for kind, place in MOUNTS:
        libc.mount(kind.encode(), place.encode(), kind.encode(), 0, None)
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    sys.path.insert(0, "/app")
    with Path("/dev/ttyS1").open("w") as line:
        for message in _messages():
            print(json.dumps(message), file=line, flush=True)
    libc.reboot(POWER_OFF)


def _messages() -> Iterator[dict[str, Any]]:
    yield {"kernel": os.uname().release}
    for target in sorted({path.name.split(".")[0] for path in PROBES.iterdir()}):
        try:
            yield from _captures(target)
        except Exception:
            yield {"target": target, "error": traceback.format_exc()}
    yield {"done": True}


def _captures(name: str) -> Iterator[dict[str, Any]]:
    from tests.support.target import Target

    with Target(Path("/targets") / name, timeout=300) as target:
        for probe in sorted(PROBES.glob(f"{name}.*.seyp")):
            with contextlib.suppress(FileNotFoundError):
                os.unlink("/tmp/now.seyc")
            _capture(target.pid, probe)
            yield {
                "target": name,
                "probe": probe.name,
                "greeting": target.greeting,
                "dump": target.ask("dump").decode(errors="replace"),
                "capture": base64.b64encode(zlib.compress(Path("/tmp/now.seyc").read_bytes())).decode(),
                "alive": target.alive(),
            }


def _capture(pid: int, probe: Path) -> None:
    from sey.runtime.bundle import Bundle
    from sey.runtime.process import Process
    from sey.runtime.snapshot import Limits, Request, take

    # An emulated processor is some twenty times slower than a real one.
    limits = Limits(max_pause_ns=60_000_000_000)
    take([Bundle.load(str(probe))], [Request(Process.look(pid), 0, 0)], limits).save("/tmp/now.seyc")


if __name__ == "__main__" or os.getpid() == 1:
    main()
