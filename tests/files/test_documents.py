"""spec/bundle.md and spec/capture.md: their readers, run as they are written there, read what sey writes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from sey.binary.identity import Identity
from sey.ir import plan, typegraph
from sey.ir.artifacts import BpfProgram, Place
from sey.runtime import bundle as bundles
from sey.runtime.bundle import Bundle
from sey.runtime.capture import ProcessFacts
from sey.runtime.decode.vectors import STATUS_WORDS
from tests.support.captures import Shop
from tests.support.gobuild import ROOT

BUNDLE, CAPTURE = (ROOT / "spec" / f"{name}.md" for name in ("bundle", "capture"))


def _code(document: Path) -> dict[str, Any]:
    """The names that the document's Python defines."""
    (text,) = re.findall(r"^```python\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(text, str(document), "exec"), names)
    return names


def test_the_documented_reader_reads_a_bundle() -> None:
    bundle = Shop().bundle()
    found = _code(BUNDLE)["sections"](bundle.to_bytes(), b"SEYP")
    assert json.loads(found["manifest"])["spec_path"] == bundle.spec_path
    assert found["spec"].decode() == bundle.spec
    assert json.loads(found["b0/plan"])["version"] == bundle.binaries[0].plan.version
    documented = set(re.findall(r"^\| `([a-zN/.]+)` \|", BUNDLE.read_text(), re.MULTILINE))
    assert {re.sub(r"\d", "N", name) for name in found} <= documented


def test_the_documented_readers_read_a_capture(tmp_path: Path) -> None:
    capture = Shop().capture()
    capture.save(str(tmp_path / "a.seyc"))
    sections = _code(BUNDLE)["sections"]
    found = sections((tmp_path / "a.seyc").read_bytes(), b"SEYC")
    plan = json.loads(sections(found["bundle0"], b"SEYP")["b0/plan"])
    counts = _code(CAPTURE)["starts"](found, plan)
    stream = next(s for s in capture.plan(capture.processes[0].facts).streams if s.name == "goroutine")
    pages = capture.processes[0].pages
    assert pages is not None
    assert sum(counts.values()) == len(pages.records(stream)) > 0
    documented = set(re.findall(r"^\| `([a-zN/]+)` \|", CAPTURE.read_text(), re.MULTILINE))
    assert {re.sub(r"\d", "N", name) for name in found} <= documented


def test_every_fact_and_status_is_documented() -> None:
    text = CAPTURE.read_text()
    assert not [f.name for f in fields(ProcessFacts) if f"`{f.name}`" not in text]
    assert not [word for word in STATUS_WORDS if word and f"`{word}`" not in text]


# The tables of fields in spec/bundle.md are what the code has, in its order, with its types.

NAMES = {"binary": bundles._BinaryEntry, "identity": Identity}
PLAIN = {str: "string", int: "integer", bool: "boolean"}


def _tables(document: Path) -> dict[str, dict[str, str]]:
    """By the word in quotes in a table's first heading, else the section's: type by field."""
    found: dict[str, dict[str, str]] = {}
    section, table = "", None
    for line in document.read_text().splitlines():
        if line.startswith("#"):
            section = "".join(re.findall(r"`(.+)`", line))
        if heading := re.match(r"\| field(?: of (?:an?\s+)?(.*?))? \| type \|", line):
            quoted = re.match(r"`(\w+)`", heading[1] or "")
            table = found.setdefault(quoted[1] if quoted else heading[1] or section, {})
        elif row := re.match(r"\| `(\w+)` \| (.*?) \|", line):
            if table is not None:
                table[row[1]] = row[2]
        elif not line.startswith("|"):
            table = None
    return found


def _documented(kind: Any) -> str:
    """How the document writes a type."""
    arguments = [each for each in get_args(kind) if each not in (type(None), ...)]
    if type(None) in get_args(kind):
        return f"{_documented(arguments[0])}?"
    if get_origin(kind) in (tuple, Sequence):
        return f"[{', '.join(map(_documented, arguments))}]"
    names = {each: name for name, each in NAMES.items()}
    return PLAIN[kind] if kind in PLAIN else f"`{names.get(kind, kind.__name__)}`"


def _plan_classes() -> list[type]:
    return [each for each in vars(plan).values() if isinstance(each, type) and is_dataclass(each)]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("manifest", bundles._Manifest), *NAMES.items(), *((each.__name__, each) for each in _plan_classes())],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_fields_are_those_of_the_code(name: str, kind: Any) -> None:
    hints = get_type_hints(kind)
    documented = _tables(BUNDLE)[name]
    assert documented == {each.name: _documented(hints[each.name]) for each in fields(kind)}
    assert list(documented) == [each.name for each in fields(kind)]


def test_facts_of_bpf_objects_are_those_of_the_code() -> None:
    place = Place("m", 0, 8)
    facts = BpfProgram(b"", "p", "o", 1, place, place, {"in_bias": place}, {"threads": "t"}).facts()
    assert list(_tables(BUNDLE)["bN/bpf"]) == list(facts)


def test_records_are_those_of_the_code() -> None:
    tables = _tables(BUNDLE)
    for name, members in plan.STREAMS.items():
        assert tuple(tables[name].items()) == members
    assert tuple(tables["row"].items()) == plan.ROW_MEMBERS


def test_numbers_are_those_of_the_code() -> None:
    text = " ".join(BUNDLE.read_text().split())
    assert f"| `version` | integer | {plan.PLAN_VERSION} |" in text
    assert f"the plan's {plan.PLAN_VERSION}, that of the bytecode" in text
    for numbered in (plan.Status, plan.StackEnd, plan.State):
        assert ", ".join(f"{each.value} `{each.name.lower()}`" for each in numbered) in text
    assert ", ".join(f"`{name}`" for name in plan.COUNTERS) in text
    assert text.count(f"plus {plan.POINTEE:_}".replace("_", " ")) == 2
    assert f"plus {plan.OBJECT_CHANGING} where a map was being written, plus {plan.OBJECT_PARTIAL} where" in text
    assert f"up to {plan.CHAIN_LIMIT} such steps" in text
    words = text.split("The words of a channel")[1].split(" The ")[0]
    assert tuple(re.findall("`(.*?)`", words)) == plan.CHAN_WORDS
    assert f"{plan.THREAD_WORDS} words for each stopped thread, {plan.THREAD_MAX} threads at most" in text
    for bit, words in (
        (plan.GOROUTINE_LOCKED, "locked to its thread"),
        (plan.GOROUTINE_IN_CGO, "inside a cgo call"),
        (plan.GOROUTINE_REGISTERS, "its walk began at the registers"),
    ):
        assert f"{bit} {words}" in text


def test_host_buffers_of_a_real_program_are_documented(tmp_path: Path) -> None:
    from sey.frontend.compile import compile_spec
    from tests.support.gobuild import build

    made = compile_spec(None, [str(build("many"))]).bundle
    data = made.to_bytes()
    program = Bundle.from_bytes("x", data).binaries[0].program
    assert program is not None
    text = BUNDLE.read_text()
    assert not [name for name in program.buffers if f"`{name}`" not in text]
    host = re.findall(r"^dict @(\w+) \d+ host", made.binaries[0].ir, re.MULTILINE)
    assert not [name for name in host if f"| `{name}` |" not in text]
    # And in the order that the document gives.
    order = re.findall(r"^\| `(?:bN/)?([a-z.]+)` \|", text.split("## Sections of a bundle")[1].split("###")[0], re.M)
    found = [name.removeprefix("b0/") for name in _code(BUNDLE)["sections"](data, b"SEYP")]
    assert found == [name for name in order if name in found]


def test_the_parts_of_types_are_as_documented() -> None:
    text = BUNDLE.read_text().split("### Types")[1].split("| field of")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| (?:type|field|constant) \|", text, re.MULTILINE)
    documented = [kind.strip() for _, kinds in rows for kind in kinds.split(",")]
    code = {"u1": "u8", "<u4": "u32", "<i8": "i64"}
    assert documented == [code[kind] for kind in typegraph.COLUMNS.values()]
    assert f"of its {len(typegraph.COLUMNS) + 2 * len(typegraph.TEXTS)} parts" in text
