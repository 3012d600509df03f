"""The examples of spec/ir.md verify, print and parse back, and leave behind what their comments say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sey.ir import nodes
from sey.ir.evaluate import Image, Machine
from sey.ir.parser import parse_program
from sey.ir.passes import DEFAULT_PASSES, run_passes
from sey.ir.printer import print_program

DOCUMENT = (Path(__file__).parents[2] / "spec" / "ir.md").read_text()
EXAMPLES = re.findall(r"^```ir\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
IMAGE = {
    0x7000_1000: (0x2000).to_bytes(8, "little") + (5).to_bytes(8, "little"),
    0x2000: b"hello, world",
}
BIAS = 0x7000_0000


def results(text: str) -> dict[int, int]:
    """What the comments of an example say of its results."""
    return {int(at): int(value, 0) for at, value in re.findall(r"# out\[(\d+)\] = (\w+)", text)}


@pytest.mark.parametrize("text", EXAMPLES)
def test_example(text: str) -> None:
    program = parse_program(text)
    assert parse_program(print_program(program)) == program
    assert results(text), "the example says nothing of what it does"
    for chosen in (program, run_passes(program, DEFAULT_PASSES)):
        machine = Machine(chosen, Image(IMAGE), event=bool(program.stashes))
        if "in_bias" in machine.buffers:
            machine.buffers["in_bias"][:8] = BIAS.to_bytes(8, "little")
        machine.run()
        out = machine.buffers["out"]
        assert {at: int.from_bytes(out[at : at + 8], "little") for at in results(text)} == results(text)


def test_there_is_an_example_for_each_memory() -> None:
    assert len(EXAMPLES) >= 8
    used = "".join(EXAMPLES)
    assert all(word in used for word in ("buffer", "table", "stream", "read", "begin", "reserve", "attempt", "loop"))


def test_every_operation_is_documented() -> None:
    """Each operation's mnemonic, as its docstring in nodes.py prints it, is in the document."""
    undocumented = []
    for kind in nodes.Op.__args__:
        printed = re.findall(r"`(?:%\w+(?: i\d+)? = )?([a-z_]+)[ `:]", kind.__doc__ or "")
        if not printed or (f"{printed[0]} " not in DOCUMENT and f"`{printed[0]}`" not in DOCUMENT):
            undocumented.append(kind.__name__)
    assert undocumented == []


def test_every_enumerated_operation_is_documented() -> None:
    words = set(re.findall(r"\w+", DOCUMENT))
    every = [*nodes.BinaryOp, *nodes.CompareOp, *nodes.ConvertOp]
    assert [op.value for op in every if op.value not in words] == []
