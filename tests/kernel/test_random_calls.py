"""Programs of random functions, traced: what events tell of each call, return and line is what the program logs of it,
goroutine by goroutine and in order, or missing with a status; conditions choose the calls that they hold for."""

from __future__ import annotations

import hashlib
import operator
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from sey.runtime.decode.live import Event
from tests.kernel.test_values import comparable, same, shown
from tests.support.gobuild import ROOT, build, matrix
from tests.support.gocalls import Function, Made, program
from tests.support.kernel import require_bpf
from tests.support.target import Target
from tests.support.tracing import Traced, trace

LIMITS = "{ max_string 2KiB, max_items 16, depth 7 }"
GOROUTINES, ROUNDS, FUNCTIONS = 2, 8, 6
RING_BYTES = 64 << 20
NIL = {"$status": "nil"}
BUILDS = matrix([("1.26", "plain")], ("1.21", "1.23", "1.24", "1.26", "1.27"), ("plain", "noopt", "pie", "race"))
WITHOUT_CLOSURES = ("1.21", "1.22")
"""Releases whose debug information doesn't tell what closures hold."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Subject:
    """A program, and its executable by release and mode of building; `lines` are those of its notes."""

    made: Made
    executable: Path
    lines: Mapping[int, int]
    release: str


@pytest.fixture(scope="module", params=BUILDS)
def subject(request: pytest.FixtureRequest) -> Subject:
    require_bpf()
    release, mode = request.param
    # Each build is of another program.
    made = program(crc32(f"{release}-{mode}".encode()), FUNCTIONS)
    key = hashlib.sha256("".join(made.texts).encode()).hexdigest()[:12]
    folder = ROOT / ".cache" / "random-calls" / key
    lines = made.write(folder)
    return Subject(made, build(folder, go=release, mode=mode), lines, release)


def _run(subject: Subject, spec: str) -> tuple[list[dict[str, Any]], Traced]:
    """What the callers log while the program is traced."""
    with Target(subject.executable, timeout=120) as target:
        ask = partial(target.ask_json, f"call {GOROUTINES} {ROUNDS}")
        return trace(subject.executable, spec, target.pid, ask, RING_BYTES)


def _blocks(subject: Subject) -> Iterator[str]:
    for f in subject.made.functions:
        known = subject.release not in WITHOUT_CLOSURES
        told = [name for name in f.given if known or not name.startswith("c")]
        given = "\n".join(f"  {name} as {_column(name)} {LIMITS}" for name in told)
        results = "\n".join(f"  {name} as {_column(name)} {LIMITS}" for name in f.results)
        yield f'event entry_{f.number} on entry "{f.name}" {{\n{given}\n}}'
        yield f'event return_{f.number} on return "{f.name}" {{\n{given}\n{results}\n}}'


def _lines(subject: Subject) -> Iterator[str]:
    for note, line in subject.lines.items():
        told = [f"  {name} as {_column(name)} {LIMITS}" for name in subject.made.notes[note]]
        yield "\n".join((f'event note_{note} on line "main.go:{line}" {{', *told, "}"))


def _column(name: str) -> str:
    return f"v_{name.replace('~', '')}"


def _wanted(subject: Subject, callers: Sequence[Row]) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """The rows that there should be, by event and goroutine: values by column, and as `took` more than a call took."""
    found = defaultdict[tuple[str, int], list[dict[str, Any]]](list)
    functions = {f.number: f for f in subject.made.functions}
    for caller in callers:
        for call in caller["calls"]:
            f = functions[call["function"]]
            found[f"entry_{f.number}", caller["goid"]].append(_values(f.given, call["given"]))
        for call in sorted((c for c in caller["calls"] if c["returned"]), key=lambda c: c["returned"]):
            f = functions[call["function"]]
            values = _values(f.given, call["given"]) | _values(f.results, call["results"])
            found[f"return_{f.number}", caller["goid"]].append(values | {"took": call["took"]})
        for note in caller["notes"] or ():
            values = _values(subject.made.notes[note["number"]], note["values"])
            found[f"note_{note['number']}", caller["goid"]].append(values)
    return found


def _values(names: Sequence[str], values: Sequence[Any] | None) -> dict[str, Any]:
    return {_column(name): value for name, value in zip(names, values or (), strict=True)}


def test_what_events_tell_is_what_the_program_logs(subject: Subject) -> None:
    callers, traced = _run(subject, "\n".join((*_blocks(subject), *_lines(subject))))
    wanted = _wanted(subject, callers)
    refused = {traced.plan.events[each.event].table: each.reason for each in traced.plan.unprobed}
    # Inlined copies have no returns, and no other function here is refused but those that do nothing.
    assert all("nothing but return" in reason for reason in refused.values()), refused
    told = defaultdict[tuple[str, int], list[Event]](list)
    for event in traced.events:
        told[event["event"], event["goid"]].append(event)
    counts = {key: len(rows) for key, rows in wanted.items() if key[0] not in refused}
    assert {key: len(rows) for key, rows in told.items()} == counts
    seen, wrong = Counter[str](), list[str]()
    for key, rows in told.items():
        for row, values in zip(rows, wanted[key], strict=True):
            for name, verdict in _compare(row, values):
                seen[verdict] += 1
                if verdict == "wrong":
                    wrong.append(f"{key} {name}: {row[name]!r} instead of {values[name]!r}")
            if "took" in values and not 0 <= row["duration"] <= values["took"]:
                wrong.append(f"{key}: {row['duration']} ns of {values['took']}")
    assert not wrong, "\n".join(wrong[:20])
    # Floats that calls pass in registers can't be had, nor parameters that a function doesn't use.
    assert seen["right"] > 2 * seen["missing"], seen


def _compare(row: Event, values: Row) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if name in row:
            found = comparable(shown(row[name]))
            right = same(found, comparable(value))
            yield name, "right" if right else "missing" if _lacks(found, comparable(value)) else "wrong"


def _lacks(found: Any, wanted: Any) -> bool:
    """Whether what was found differs from what was wanted only where it says that something is missing."""
    match found:
        case {"$status": word} if word != "nil":
            return True
        case dict() if isinstance(wanted, dict) and found.keys() == wanted.keys():
            return all(_lacks(value, wanted[name]) for name, value in found.items())
        case list() if isinstance(wanted, list) and len(found) == len(wanted):
            return all(_lacks(*pair) for pair in zip(found, wanted, strict=True))
    return same(found, wanted)


# --- conditions ---

Condition = tuple[str, Callable[[Any], bool | None]]
"""A condition on a variable, `$`, and what it comes to for a value: None where an operand is missing."""
CONDITIONS: Mapping[str, Sequence[Condition]] = {
    "bool": [("$", bool), ("!$", lambda v: not v)],
    "int": [("$ > 4", lambda v: v > 4), ("$ % 2 == 0", lambda v: v % 2 == 0), ("$ & 1 != 0", lambda v: bool(v & 1))],
    "int8": [("$ < 0", lambda v: v < 0), ("$ != 3 && $ > -5", lambda v: v != 3 and v > -5)],
    "uint64": [("$ >= 9223372036854775808", lambda v: v >= 1 << 63), ("$ >> 1 == 0", lambda v: v < 2)],
    "string": [('$ == "hello"', lambda v: v == "hello"), ("len($) > 1", lambda v: v not in ("", "a"))],
    "time.Duration": [("$ > 5ms", lambda v: v > 5_000_000)],
    "*pair": [
        ("$ != nil", lambda v: v != NIL),
        ("$ != nil && $.Right > 0", lambda v: v != NIL and v["Right"] > 0),
        ('$.Left == "a" || $.Right < 9', lambda v: None if v == NIL else v["Left"] == "a" or v["Right"] < 9),
    ],
    "error": [
        ("$ == nil", lambda v: v == NIL),
        ("$.(main.custom).Code > 40", lambda v: v["value"]["Code"] > 40 if v.get("type") == "main.custom" else None),
        (
            '$ != nil && $.(*errors.errorString).s == "bad"',
            lambda v: v.get("type") == "*errors.errorString" and v["value"]["s"] == "bad",
        ),
    ],
    "any": [('$.(string) == "a"', lambda v: v["value"] == "a" if v.get("type") == "string" else None)],
    "[]int": [("len($) >= 2", lambda v: v != NIL and len(v) >= 2)],
    "map[string]int": [
        ("len($) > 1", lambda v: v != NIL and len(v) > 1),
        ('$["a"] > 0', lambda v: v["a"] > 0 if "a" in v else None),
    ],
}

SAME = ("bool", "int", "int8", "uint8", "string", "uint64", "time.Duration")


@dataclass(frozen=True)
class Asked:
    """A condition on variables of an event; `holds` takes their values."""

    event: str
    function: Function
    moment: str
    variables: tuple[str, ...]
    text: str
    holds: Callable[..., bool | None]

    @property
    def block(self) -> str:
        return f'event {self.event} on {self.moment} "{self.function.name}" when {self.text} {{}}'

    def of(self, call: Row) -> bool:
        """Whether it holds for a call."""
        f = self.function
        values = dict(zip((*f.given, *f.results), (*call["given"], *(call["results"] or ())), strict=False))
        return self.holds(*(values[name] for name in self.variables)) is True


def _asked(made: Made) -> Iterator[Asked]:
    for f in made.functions:
        known = [(name, f.types[name]) for name in (*f.given, *f.results) if name in f.types]
        for variable, kind in known:
            for i, (text, holds) in enumerate(CONDITIONS.get(kind, ())):
                for moment in ("entry", "return") if variable in f.given else ("return",):
                    event = f"{moment}_{f.number}_{_column(variable)}_{i}"
                    yield Asked(event, f, moment, (variable,), text.replace("$", variable), holds)
        # What a call was given together with what it returned.
        for one, other in product(known, known):
            if one[0] in f.given and other[0] in f.results and one[1] == other[1] in SAME:
                names = one[0], other[0]
                event = f"both_{f.number}_{'_'.join(map(_column, names))}"
                yield Asked(event, f, "return", names, " == ".join(names), operator.eq)


def test_conditions_hold_for_the_values_that_the_program_logs(subject: Subject) -> None:
    asked = [a for i, a in enumerate(_asked(subject.made)) if i % 2 == 0 or len(a.variables) > 1]
    callers, traced = _run(subject, "\n".join((*_blocks(subject), *(a.block for a in asked))))
    refused = {traced.plan.events[each.event].table for each in traced.plan.unprobed}
    had = {(event["event"], name) for event in traced.events for name in event if not _is_missing(event[name])}
    told = Counter((event["event"], event["goid"]) for event in traced.events)
    wrong, chosen = list[str](), 0
    for one in asked:
        number, event = one.function.number, f"{one.moment}_{one.function.number}"
        if event in refused or not {(event, _column(name)) for name in one.variables} <= had:
            continue
        for caller in callers:
            own = [call for call in caller["calls"] if call["function"] == number]
            calls = own if one.moment == "entry" else [call for call in own if call["returned"]]
            wanted = sum(map(one.of, calls))
            found = told[one.event, caller["goid"]]
            chosen += 0 < wanted < len(calls)
            if found != wanted:
                wrong.append(f"{one.block}: {found} instead of {wanted} of {len(calls)}")
    assert not wrong, "\n".join(wrong[:20])
    assert chosen


def _is_missing(value: Any) -> bool:
    return isinstance(value, dict) and value.get("$status", "nil") != "nil"
