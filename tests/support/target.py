"""Runs a built target, talks to it over stdin and stdout, and always ends it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.support.godump import Goroutine, parse_dump


class TargetError(Exception):
    """The target ended, or didn't answer in time; holds what it wrote to stderr."""


class Target:
    """A running target. Use `run_target` or `with Target(path) as target`.

    `greeting` is the object it printed after `ready`; `pid` the process's id.
    """

    def __init__(
        self,
        executable: Path,
        arguments: Iterable[str] = (),
        *,
        env: Mapping[str, str] | None = None,
        timeout: float = 30,
        before: Callable[[], None] | None = None,
    ) -> None:
        """Starts `executable` and waits up to `timeout` seconds (also for each later answer) for its `ready` line.

        `before` is called in the new process before it becomes the executable.
        """
        self.timeout = timeout
        self._buffer = b""
        self._stderr = os.memfd_create("stderr")  # A file: a target that panics at length never blocks on a pipe.
        self.process = subprocess.Popen(
            [str(executable), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            bufsize=0,
            env={**os.environ, **(env or {})},
            preexec_fn=before,
        )
        self.pid = self.process.pid
        try:
            self.greeting: dict[str, Any] = self._await_ready()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Target:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, command: str) -> bytes:
        """The target's answer to one command, as written."""
        self.tell(command)
        words = self._read_line().split()
        if len(words) != 3 or words[0] != "answer" or words[1] != command.split()[0]:
            raise TargetError(f"to {command!r} the target answered {words!r}{self._last_words()}")
        return self._read_exactly(int(words[2]))

    def ask_json(self, command: str) -> Any:
        """The answer to `command`, parsed as JSON."""
        return json.loads(self.ask(command))

    def tell(self, command: str) -> None:
        """Sends a command line without waiting for its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(command.encode() + b"\n")

    def dump(self) -> list[Goroutine]:
        """The goroutines as the target's own `runtime.Stack` sees them."""
        return parse_dump(self.ask("dump").decode(errors="replace"))

    def quit_dump(self) -> str:
        """Ends the target by SIGQUIT and returns its last dump.

        With GOTRACEBACK=system in the environment it lists the runtime's own goroutines and frames too, which no
        living process can be asked for.
        """
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(self.timeout)
        return self.stderr()

    def stderr(self) -> str:
        """Everything written to stderr so far."""
        size = os.fstat(self._stderr).st_size
        return os.pread(self._stderr, size, 0).decode(errors="replace")

    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def close(self) -> None:
        """Kills the target, also when it is stopped, and reaps it. May be called twice."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        if self._stderr >= 0:
            self._last = self.stderr()
            os.close(self._stderr)
            self._stderr = -1

    def _await_ready(self) -> dict[str, Any]:
        word, _, rest = self._read_line().partition(" ")
        if word != "ready":
            raise TargetError(f"instead of `ready` the target printed {word!r} {rest!r}{self._last_words()}")
        greeting: dict[str, Any] = json.loads(rest)
        return greeting

    def _last_words(self) -> str:
        text = self.stderr().strip()
        return f"; stderr:\n{text[:4000]}" if text else ""

    def _read_line(self) -> str:
        while b"\n" not in self._buffer:
            self._fill()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode()

    def _read_exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._fill()
        text, self._buffer = self._buffer[:size], self._buffer[size:]
        return text

    def _fill(self) -> None:
        """Waits for more output. A new deadline each time: a long answer may take long, a silent target not."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + self.timeout
        if not select.select([self.process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TargetError(f"no answer within {self.timeout} s{self._last_words()}")
        more = os.read(self.process.stdout.fileno(), 1 << 16)
        if not more:
            status = self.process.wait()
            raise TargetError(f"the target ended with status {status}{self._last_words()}")
        self._buffer += more


@contextlib.contextmanager
def run_target(
    executable: Path, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 30
) -> Iterator[Target]:
    """A `Target`, ended when the block ends."""
    with Target(executable, arguments, env=env, timeout=timeout) as target:
        yield target
