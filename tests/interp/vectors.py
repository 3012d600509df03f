"""Runs the conformance vectors of `spec/vectors/` on a machine: the reader of their form."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sey.backends.interp.choose import AnyMachine
from sey.backends.interp.machine import Machine, load
from sey.binary.errors import SeyError
from sey.ir.evaluate import Image
from sey.ir.nodes import PAGE_BYTES

FOLDER = Path(__file__).parents[2] / "spec" / "vectors"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


def read(name: str) -> dict[str, Any]:
    """A vector by its name."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def check(name: str, machine: Callable[..., AnyMachine] = Machine) -> None:
    """Fails where the machine doesn't do what a vector says."""
    vector = read(name)
    data = base64.b64decode(vector["program"])
    if "refused" in vector:
        with pytest.raises(SeyError) as refusal:
            load(name, data)
        assert refusal.value.problems[0].code in ("SEY0770", "SEY0771")
        return
    running = machine_of(vector, data, machine)
    if "trap" in vector:
        with pytest.raises(SeyError) as trap:
            running.run()
        assert trap.value.problems[0].code == "SEY0772"
        return
    running.run()
    expected = vector["leaves"]
    for buffer, runs in expected["buffers"].items():
        assert bytes(running.buffers[buffer]) == _contents(runs, len(running.buffers[buffer])), buffer
    for each, entries in expected["dicts"].items():
        assert dict(running.entries(each)) == _entries(entries), each
    assert list(map(bytes, running.output())) == [_contents(runs, PAGE_BYTES) for runs in expected["pages"]]


def machine_of(vector: Mapping[str, Any], data: bytes, machine: Callable[..., AnyMachine] = Machine) -> AnyMachine:
    """A machine for a program, with what the vector gives it."""
    memory = {int(start, 16): bytes.fromhex(block) for start, block in vector["memory"].items()}
    clock = int(vector["clock"], 16)
    program, capacities = load("vector", data), vector.get("capacities", {})
    running = machine(program, Image(memory), vector["pages"], lambda: clock, capacities)
    for buffer, contents in vector["buffers"].items():
        running.buffers[buffer][: len(contents) // 2] = bytes.fromhex(contents)
    for each, entries in vector["dicts"].items():
        running.fill(each, _entries(entries))
    return running


def _contents(runs: dict[str, str], length: int) -> bytes:
    """Bytes that are zero but for some stretches."""
    data = bytearray(length)
    for start, run in runs.items():
        data[int(start, 16) : int(start, 16) + len(run) // 2] = bytes.fromhex(run)
    return bytes(data)


def _entries(texts: dict[str, str]) -> dict[int, int]:
    return {int(key, 16): int(value, 16) for key, value in texts.items()}
