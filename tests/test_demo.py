"""`make demo`, as a user runs it: it finds the culprit, and leaves nothing running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gobuild import ROOT, build, go_command
from tests.support.kernel import require_bpf

DEMO = [sys.executable, "-m", "tools.demo"]


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(go_command()).parent}:{os.environ['PATH']}"}


def _shops() -> set[int]:
    """The processes of the demo's binary."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(folder / "exe").startswith(str(ROOT / ".cache" / "demo" / "shop")):
                found.add(int(folder.name))
        except OSError:
            continue
    return found


def test_demo_names_the_culprit() -> None:
    require_bpf()
    done = subprocess.run(
        DEMO,
        cwd=ROOT,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    story = done.stdout
    culprits = story[story.index("select * from culprits") :].splitlines()
    culprit = next(line for line in culprits if "Wile E. Coyote" in line)
    assert "berlin" in culprit
    assert "Gringotts" in culprit
    assert any("Road Runner" in line for line in culprits)
    assert "pause" in done.stderr
    assert "main.(*Depot).Fulfil" in story[story.index("sey stacks") : story.index("select * from culprits")]
    assert not _shops()


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_demo_ends_what_it_started(signal_number: int) -> None:
    if os.geteuid() != 0:
        pytest.skip("the demo needs root")
    demo = subprocess.Popen(
        DEMO, cwd=ROOT, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert demo.stdout is not None
        assert any("sent" in line for line in demo.stdout), "the demo ended before its shop ran"
        demo.send_signal(signal_number)
        status = demo.wait(20)
    finally:
        demo.kill()
        demo.wait()
        if demo.stdout is not None:
            demo.stdout.close()
    assert status == (130 if signal_number != signal.SIGKILL else -signal.SIGKILL)
    deadline = time.monotonic() + 5
    while _shops() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _shops()


def test_shop_gets_stuck_in_one_depot_only() -> None:
    """The example is what the story says, seen without sey: in the shop's own dump."""
    shop = build(ROOT / "examples" / "shop")
    with (
        Shop(shop, "gateway") as gateway,
        Shop(shop, "serve", "-gateway", gateway.url) as server,
        Shop(shop, "load", "-shop", server.url) as load,
    ):
        for line in load.lines():
            if int(line.split()[-1]) >= 60:
                break
        server.process.send_signal(signal.SIGQUIT)
        assert server.process.stderr is not None
        dump = server.process.stderr.read()
    waiting = dump.count("internal/sync.(*Mutex).lockSlow")
    paying = dump.count("main.(*Gateway).send(")
    assert waiting >= 40
    assert 1 <= paying <= 3  # One for each depot at most.


class Shop:
    """One process of the example. `url` is where a server listens."""

    def __init__(self, executable: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [str(executable), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.url = next(self.lines()).split()[-1] if arguments[0] != "load" else ""

    def lines(self) -> Iterator[str]:
        """What it prints, as it comes."""
        assert self.process.stdout is not None
        yield from self.process.stdout

    def __enter__(self) -> Shop:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
