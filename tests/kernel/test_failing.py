"""A capture that fails while the process is paused lets it run on at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from sey.runtime.engine import LoadedProbe
from sey.runtime.prepared import Limits, Prepared, Request
from sey.runtime.process import Process
from tests.kernel.support import compiled
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target


class OnPurposeError(Exception):
    """What the capture fails by."""


def states(pid: int) -> set[str]:
    """The states of a process's threads, by their letters: proc_pid_stat(5); `t` is stopped by a tracer."""
    stats = [(task / "stat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return {stat.rpartition(")")[2].split()[0] for stat in stats}


def test_it_runs_on_when_its_capture_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    require_bpf()
    executable = build("many")
    seen: set[str] = set()
    with Target(executable, ["-n", "3", "-depth", "3", "-distinct", "1"]) as target:

        def runs(*_: object) -> list[Callable[[], None]]:
            def fails() -> NoReturn:
                seen.update(states(target.pid))
                raise OnPurposeError

            return [fails]

        monkeypatch.setattr(LoadedProbe, "runs", runs)
        request = Request(Process.look(target.pid), 0, 0)
        with Prepared([compiled(executable, "")], request, Limits(max_pause_ns=10_000_000_000)) as prepared:
            prepared.get_ready()
            prepared.pause()
            with pytest.raises(OnPurposeError):
                prepared.run()
            assert "t" not in states(target.pid)
        assert target.alive()
    assert seen == {"t"}
