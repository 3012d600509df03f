"""`sey trace` in the background of a test, into a capture that is asked then."""

from __future__ import annotations

import signal
from pathlib import Path
from types import TracebackType

from sey.runtime.capture import Capture
from tests.kernel.support import Tables, start_sey


class Tracing:
    """Traces processes by a spec, from `with` on until `end`. The breaker never trips."""

    def __init__(self, spec: str, folder: Path, *pids: int) -> None:
        self._folder = folder
        (folder / "x.sey").write_text(spec)
        which = [word for pid in pids for word in ("-p", str(pid))]
        rest = ("-o", "x.seyc", "--allow-missing", "--max-overhead", "10000%")
        self.process = start_sey(["trace", "x.sey", *which, *rest], folder)

    def __enter__(self) -> Tracing:
        assert self.process.stderr is not None
        told = b""
        while b"in 1 process" not in told and b" processes;" not in told:
            line = self.process.stderr.readline()
            assert line, told
            told += line
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()

    def end(self) -> Tables:
        """Interrupt it; what it found."""
        self.process.send_signal(signal.SIGINT)
        _, err = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, err
        return self.tables()

    def tables(self) -> Tables:
        """What it found, after its end."""
        return Tables(Capture.load(str(self._folder / "x.seyc")))
