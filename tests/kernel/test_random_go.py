"""Programs made up of random types and values: what is captured of their globals is what they print of themselves."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.kernel.support import snapshot
from tests.kernel.test_values import WIDE, comparable, same, shown, told
from tests.support.gobuild import ROOT, TARGETS, build
from tests.support.kernel import require_bpf
from tests.support.target import Target

VARIABLES = 25
INTEGERS = {"int8": (8, True), "int16": (16, True), "int": (64, True), "uint16": (16, False), "uint64": (64, False)}
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
SHAPES = ("struct", "slice", "map", "pointer", "array", "interface", "plain")

Go = tuple[str, st.SearchStrategy[str]]

MAIN = """package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

func ref[T any](value T) *T { return &value }

%s

func main() {
	text, err := json.Marshal(map[string]encoded{%s})
	if err != nil {
		panic(err)
	}
	fmt.Println("ready {}")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Printf("answer %%s %%d\\n%%s", lines.Text(), len(text), text)
	}
}
"""


def literal(of: str) -> Callable[[list[str]], str]:
    """Makes a composite literal of its parts."""
    return lambda parts: f"{of}{{{', '.join(parts)}}}"


@st.composite
def plain(draw: st.DrawFn, kinds: tuple[str, ...] = ("bool", "float64", "string", *INTEGERS)) -> Go:
    """A type without parts."""
    match draw(st.sampled_from(kinds)):
        case "bool":
            return "bool", st.sampled_from(["true", "false"])
        case "float64":
            finite = st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: number != 0)
            return "float64", finite.map(lambda number: f"float64({number!r})")
        case "string":
            return "string", TEXTS.map(json.dumps)
        case name:
            bits, signed = INTEGERS[name]
            low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
            return name, st.integers(low, high).map(lambda number: f"{name}({number})")


@st.composite
def kinds(draw: st.DrawFn, declared: list[str], level: int = 0) -> Go:
    """The text of a type, and texts of its values; structs are declared as `main.S<n>`."""
    shape = draw(st.sampled_from(SHAPES)) if level < 3 else "plain"
    if shape == "plain":
        return draw(plain())
    if shape == "struct":
        fields = [draw(kinds(declared, level + 1)) for _ in range(draw(st.integers(1, 4)))]
        name = f"S{len(declared)}"
        declared.append(f"type {name} struct {{ {'; '.join(f'F{n} {of}' for n, (of, _) in enumerate(fields))} }}")
        return name, st.tuples(*(values for _, values in fields)).map(lambda parts: literal(name)(list(parts)))
    if shape == "interface":
        held, values = draw(plain() if level else kinds(declared, 2))
        if held.startswith(("map", "[", "*", "any")):  # Only names of types are the same in all releases.
            held, values = draw(plain())
        return "any", st.just("any(nil)") | values.map(lambda text: f"any({text})")
    of, values = draw(kinds(declared, level + 1))
    match shape:
        case "pointer":
            return f"*{of}", st.just(f"(*{of})(nil)") | values.map(lambda text: f"ref[{of}]({text})")
        case "slice":
            name = f"[]{of}"
            return name, st.just(f"{name}(nil)") | st.lists(values, max_size=5).map(literal(name))
        case "array":
            length = draw(st.integers(1, 3))  # A global without size is no variable in the binary.
            name = f"[{length}]{of}"
            return name, st.lists(values, min_size=length, max_size=length).map(literal(name))
    key, keys = draw(plain(("string", *INTEGERS)))
    name = f"map[{key}]{of}"
    pairs = st.lists(st.tuples(keys, values), max_size=20, unique_by=lambda pair: pair[0])
    entries = pairs.map(lambda found: literal(name)([f"{one}: {other}" for one, other in found]))
    return name, st.just(f"{name}(nil)") | entries


@st.composite
def programs(draw: st.DrawFn) -> str:
    """The source of a program with `VARIABLES` globals, `main.v<n>`."""
    declared: list[str] = []
    variables, told_of = [], []
    for number in range(VARIABLES):
        of, values = draw(kinds(declared))
        variables.append(f"var v{number} {of} = {draw(values)}")
        value = f"boxed(v{number})" if of == "any" else f"v{number}"
        told_of.append(f'"v{number}": encode({value})')
    return MAIN % ("\n".join((*declared, *variables)), ", ".join(told_of))


def module_of(source: str) -> Path:
    """The folder of a module with this program, named by what is in it."""
    folder = ROOT / ".cache" / "random-go" / hashlib.sha256(source.encode()).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "go.mod").write_text("module example.com/random\n\ngo 1.21\n")
    (folder / "main.go").write_text(source)
    shutil.copy(TARGETS / "values" / "encode.go", folder)
    return folder


def check(source: str, release: str) -> None:
    """Fails unless every global is captured as the program prints it."""
    executable = build(module_of(source), go=release)
    spec = "\n".join(f'global "main.v{number}" as v{number} {WIDE}' for number in range(VARIABLES))
    with Target(executable) as target:
        wanted = target.ask_json("values")
        rows = {row["name"]: row for row in snapshot(target.pid, executable, spec).rows("select * from globals")}
    assert rows.keys() == wanted.keys()
    for name, entry in wanted.items():
        row = rows[name]
        own = {"$status": row["status"]} if row["value"] is None else shown(json.loads(row["value"]))
        assert same(comparable(own), comparable(told(entry["value"], entry["type"]))), (name, entry, row)


QUICK = settings(
    max_examples=2,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@QUICK
@given(programs())
def test_random_programs(source: str) -> None:
    require_bpf()
    check(source, "1.26")


@pytest.mark.matrix
@pytest.mark.parametrize("release", ["1.21", "1.24", "1.27"])
@settings(QUICK, max_examples=12)
@given(programs())
def test_more_random_programs(release: str, source: str) -> None:
    require_bpf()
    check(source, release)
