"""The Go programs that the tests of this folder look into, and how they are built."""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from sey.binary.elf import ElfFile, parse_elf
from sey.binary.gobinary import GoBinary, open_go
from sey.binary.symbolize import Symbolizer, open_symbolizer
from tests.support.gobuild import build, go_command, toolchain

HELLO = Path(__file__).parent / "targets" / "hello"
FRAMES = Path(__file__).parent / "targets" / "frames"

RELEASES = ("1.24", "1.26", "1.27")
MODES = ("plain", "cgo", "pie", "cgo-pie")
MATRIX = [
    pytest.param(go, mode, marks=() if go == "1.26" or mode == "plain" else pytest.mark.matrix, id=f"{go}-{mode}")
    for go in RELEASES
    for mode in MODES
]
"""Every release, in every mode of `go build` that lays the tables out differently; by `make test-all`."""


def frames_binary(go: str, mode: str, flags: Sequence[str] = ()) -> Path:
    """The `frames` program, built or taken from the cache."""
    return build(FRAMES, go=go, mode=mode, flags=tuple(flags))


@functools.cache
def opened(go: str, mode: str) -> GoBinary:
    """The `frames` program, open."""
    return open_go(frames_binary(go, mode))


@functools.cache
def symbolizer(go: str, mode: str) -> Symbolizer:
    """A symbolizer for the `frames` program, shared by the tests."""
    return open_symbolizer(opened(go, mode))


def go_output(go: str, *arguments: str, stdin: str | None = None) -> str:
    """What `go …` of a release prints."""
    env = {**os.environ, "GOTOOLCHAIN": toolchain(go)[0]}
    done = subprocess.run(
        [go_command(), *arguments], env=env, cwd="/", input=stdin, capture_output=True, text=True, check=True
    )
    return done.stdout


def elf_of(data: bytes | bytearray, path: str = "test.elf") -> ElfFile:
    """Parse an executable held in memory."""
    return parse_elf(memoryview(data), path)
