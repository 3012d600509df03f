"""The conformance vectors hold, cover every operation, and are what `tools.vectors` writes."""

from __future__ import annotations

import base64
import re

import pytest

from sey.backends.interp.format import decode
from sey.backends.interp.ops import FORMS, NONE, Op
from tests.interp.vectors import FOLDER, NAMES, check, read
from tools.vectors import vectors

SPEC = (FOLDER.parent / "bytecode.md").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_the_machine_does_what_a_vector_says(name: str) -> None:
    check(name)


def test_the_files_are_what_the_tool_writes() -> None:
    written = dict(vectors())
    assert {name for name in NAMES if not name.startswith("recorded-")} == written.keys()
    for name, text in written.items():
        assert (FOLDER / f"{name}.json").read_text() == text, "run `python -m tools.vectors`"


def test_every_operation_is_in_a_vector() -> None:
    used = set()
    for name in NAMES:
        vector = read(name)
        if "leaves" in vector:
            program = decode(name, base64.b64decode(vector["program"]))
            used |= {each.op for function in program.functions for each in function.code}
    assert used == set(Op)


def test_the_contract_lists_every_operation_with_its_fields() -> None:
    rows = {
        int(number): (name, fields)
        for number, name, fields in re.findall(r"^\| (\d+) \| `([A-Z]+)` \| ([^|]*) \|", SPEC, re.MULTILINE)
    }
    assert {number: name for number, (name, _) in rows.items()} == {op.value: op.name for op in Op}
    for op, form in FORMS.items():
        words = re.sub(r"kind( \d–\d)?", "", rows[op][1]).replace(",", " ").split()
        used = {*form.writes, *form.reads} | ({"m"} if form.memory else set())
        used |= ({"x"} if form.x else set()) | ({"d"} if form.d else set())
        assert {word.rstrip("?") for word in words} == used, op
        assert {word[0] for word in words if word.endswith("?")} == set(form.optional), op
        assert ("kind" in rows[op][1]) == (len(form.kinds) > 0), op


def test_no_register_is_called_none() -> None:
    assert f"{NONE} says that it is" in SPEC
