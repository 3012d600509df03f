"""How a trace is going, on stderr: what happens in lines, and where nothing else is on the terminal, live counts."""

from __future__ import annotations

import sys
import time

from sey.cli.tracehints import at_the_start
from sey.cli.tracing import Tracer, stderr_line
from sey.runtime.wording import counted


class Status:
    """Says how it is going; `shown`: with live counts, which lines of events would come between."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown and sys.stderr.isatty()

    def attached(self, tracer: Tracer) -> None:
        """Say that the probes are in place."""
        probes = sum(sum(each.session.attached.probes.values()) for each in tracer.traced)
        processes = counted(len(tracer.traced), "process", "processes")
        self.tell(f"{counted(probes, 'probe')} in {processes}; end with Ctrl-C")
        for each in tracer.traced:
            for hint in at_the_start(each.pid, each.session.plan):
                self.tell(f"{'note':10}  {hint}")

    def tell(self, text: str) -> None:
        """A line."""
        self.clear()
        stderr_line(text)

    def show(self, tracer: Tracer) -> None:
        """The counts as they are now."""
        if not self._shown:
            return
        counters = [count for each in tracer.traced for count in each.session.counters().values()]
        emitted, lost = sum(c["emitted"] for c in counters), sum(c["lost"] + c["no_slot"] for c in counters)
        limited = sum(count["limited"] for count in counters)
        now = time.monotonic_ns()
        share = sum(each.breaker.share(now) for each in tracer.traced if not each.reason)
        text = f"{counted(emitted, 'event')}, {lost} lost, {limited} limited, {share:.2%} of a processor"
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()

    def clear(self) -> None:
        """Take the counts away."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
