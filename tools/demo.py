"""`make demo`: a shop in trouble, one snapshot, the culprit. Ends everything it starts."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]
SHOP = ROOT / "examples" / "shop"
BINARY = ROOT / ".cache" / "demo" / "shop"
SEY = Path(sys.executable).with_name("sey")
CAPTURE = "demo.seyc"
ENOUGH_WAITING = 100
PATIENCE = 90.0  # Seconds until that many requests must be waiting.

_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Runs the demo; the result is the process's exit status."""
    if os.geteuid() != 0:
        print("The demo reads another process through the kernel, so it needs root: sudo make demo", file=sys.stderr)
        return 3
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        build()
        with shop_in_trouble() as pid:
            return look_into(pid)
    except KeyboardInterrupt:
        print("\ninterrupted; everything that was started has ended", file=sys.stderr)
        return 130
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


class DemoError(Exception):
    """What keeps the demo from going on."""


def _interrupted(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def build() -> None:
    """Builds the shop as anyone would: `go build`, default flags."""
    BINARY.parent.mkdir(parents=True, exist_ok=True)
    say("A small online shop, in Go, built with default flags. Nothing in it knows of sey.")
    show(f"cd examples/shop && go build -o {BINARY.relative_to(ROOT)}")
    environment = {**os.environ, "GOWORK": "off"}
    done = subprocess.run(
        ["go", "build", "-buildvcs=false", "-o", str(BINARY), "."], cwd=SHOP, env=environment, check=False
    )
    if done.returncode:
        raise DemoError("the shop doesn't build")


@contextlib.contextmanager
def shop_in_trouble() -> Iterator[int]:
    """Starts the payment gateway, the shop and its customers; gives the shop's pid once requests pile up."""
    with contextlib.ExitStack() as running:
        gateway = running.enter_context(started("gateway"))
        shop = running.enter_context(started("serve", "-gateway", address_of(gateway)))
        load = running.enter_context(started("load", "-shop", address_of(shop)))
        say("Its customers are shopping. After a while, requests pile up:")
        await_trouble(load)
        yield shop.pid


@contextlib.contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """One process of the shop, ended with the block, and by the kernel if this process is killed."""
    process = subprocess.Popen(
        [str(BINARY), *arguments],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        preexec_fn=_die_with_parent,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def lines_of(process: subprocess.Popen[str], patience: float) -> Iterator[str]:
    """What the process prints, a line at a time. Kills it, and so ends, when `patience` seconds are over."""
    assert process.stdout is not None
    alarm = threading.Timer(patience, process.kill)
    alarm.start()
    try:
        # Not `yield from`: that closes the pipe with the generator, and the process would die of its next line.
        for line in process.stdout:  # noqa: UP028
            yield line
    finally:
        alarm.cancel()


def address_of(process: subprocess.Popen[str]) -> str:
    """The URL that a server prints when it listens."""
    for line in lines_of(process, PATIENCE):
        return line.split()[-1]
    raise DemoError("the shop didn't start")


def await_trouble(load: subprocess.Popen[str]) -> None:
    """Returns when ENOUGH_WAITING requests are unanswered; prints how it comes to that, a line every two seconds."""
    shown = 0.0
    for line in lines_of(load, PATIENCE):
        waiting = int(re.findall(r"waiting (\d+)", line)[0])
        if time.monotonic() - shown >= 2 or waiting >= ENOUGH_WAITING:
            print(f"    {line.rstrip()}", flush=True)
            shown = time.monotonic()
        if waiting >= ENOUGH_WAITING:
            return
    raise DemoError(f"the shop did fine: fewer than {ENOUGH_WAITING} requests waited for {PATIENCE:.0f} s")


def look_into(pid: int) -> int:
    """The story from here on is sey's alone."""
    spec = str((SHOP / "shop.sey").relative_to(ROOT))
    say("What to look at is written in a spec. It is checked against the binary, types and all:")
    sey("check", spec, str(BINARY.relative_to(ROOT)))
    say("One snapshot of the running shop. It stands still for as long as `pause` says, then goes on:")
    sey("snapshot", spec, "-p", str(pid), "-o", CAPTURE)
    say("What do its goroutines do? Identical stacks, counted:")
    sey("stacks", CAPTURE, head=24)
    say("Everybody waits for a lock. Who has it, and why so long? (table `culprits` of the spec)")
    sey("query", CAPTURE, "select * from culprits")
    say("And who waits? (table `victims`)")
    sey("query", CAPTURE, "select * from victims")
    say(f"The capture stays, to ask more of: {SEY.relative_to(ROOT)} query {CAPTURE} 'select * from fulfil'")
    return 0


def sey(*arguments: str, head: int | None = None) -> None:
    """Runs one command as a user would, and shows it; `head` is how many lines of its output."""
    show(shlex.join(["sey", *arguments]) + (f" | head -n {head}" if head else ""))
    done = subprocess.run(
        [str(SEY), *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False
    )
    output = done.stdout.decode(errors="replace").splitlines()
    for line in output[:head]:
        print(f"    {line}")
    sys.stdout.flush()
    if done.returncode:
        raise DemoError(f"sey {arguments[0]} ended with status {done.returncode}")


def say(text: str) -> None:
    """A line of the story."""
    print(f"\n{text}", flush=True)


def show(command: str) -> None:
    """A command that is about to run."""
    print(f"  $ {command}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
